"""IDs: in the order of time, and nobody else's."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpns.hub._ids import IDs

NOW = 1_795_000_000_000


@given(st.lists(st.integers(0, 2**41), min_size=1), st.integers(0, 2**32))
def test_ids_rise_whatever_the_clock_does(times: list[int], seed: int) -> None:
    """Also when it is set back; they fit into 63 bits."""
    ids = IDs(random.Random(seed))
    given_out = [ids.next(time) for time in times]
    assert sorted(set(given_out)) == given_out
    assert 0 < given_out[0]
    assert given_out[-1] < 2**63


def test_ids_of_a_later_millisecond_are_greater_than_any_earlier_one() -> None:
    """Rows of different processes lie in the order of time."""
    early, late = IDs(random.Random(1)), IDs(random.Random(2))
    early.node, late.node = 255, 0
    assert early.next(NOW) < late.next(NOW + 1)


@pytest.mark.parametrize("count", [10, 20_000], ids=["few", "more-than-fit-a-millisecond"])
def test_two_nodes_never_meet(count: int) -> None:
    """In the same millisecond, with the same chance."""
    one, two = IDs(random.Random(7)), IDs(random.Random(7))
    one.node, two.node = 3, 4
    given_out = [ids.next(NOW) for ids in (one, two) for _ in range(count)]
    assert 2 * count == len(set(given_out))


async def test_every_process_on_a_store_is_another_node(make_house: Any, tmp_path: Path) -> None:
    """Two hubs that draw the same lots write messages side by side."""
    one = await make_house(tmp_path / "hub.db")
    two = await make_house(tmp_path / "hub.db", clock=one.clock)
    await one.login("bob")
    ids = [(await (one, two)[n % 2].send(str(n))).message.message_id for n in range(20)]
    assert 20 == len(set(ids))
