"""Numbers that are given out once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from zpns.store import sequences
from zpns.store.tables import metadata

from .makers import Do, Gate, begin, turns


async def test_numbers_begin_at_one_and_go_on(do: Do) -> None:
    """Each sequence by itself; the first of those taken is returned."""
    assert {"a": 1} == await do(sequences.take, {"a": 1})
    assert {"a": 2, "b": 1} == await do(sequences.take, {"a": 3, "b": 2})
    assert {"b": 3, "a": 5} == await do(sequences.take, {"b": 1, "a": 1})


async def test_nothing_is_taken_if_nothing_is_wanted(do: Do) -> None:
    """Without a statement."""
    assert {} == await do(sequences.take, {})


@pytest.mark.parametrize("count", [999, 1_000, 1_001, 2_500, 35_000])
async def test_many_sequences_at_once(do: Do, count: int) -> None:
    """More than the database takes in one statement, each with its own number."""
    wanted = {f"s{number}": number % 7 + 1 for number in range(count)}
    assert dict.fromkeys(wanted, 1) == await do(sequences.take, wanted)
    expected = {name: taken + 1 for name, taken in wanted.items()}
    assert expected == await do(sequences.take, dict.fromkeys(wanted, 1))


async def test_callers_at_once_get_numbers_of_their_own(do: Do) -> None:
    """In the order in which they asked, without a gap, in one transaction or several."""

    def take(connection: Connection, items: Sequence[str]) -> list[int]:
        first = sequences.take(connection, Counter(items))
        numbers = []
        for item in items:
            numbers.append(first[item])
            first[item] += 1
        return numbers

    taken: list[int] = []
    for _ in range(2):
        async with Gate(do.store):
            works = begin(*(do.store.write(take, "a") for _ in range(700)))
            await turns()
        taken += await asyncio.gather(*works)
    assert list(range(1, 1401)) == taken


async def test_what_is_undone_is_not_taken(do: Do) -> None:
    """A command that fails leaves no gap."""

    def take_then_raise(connection: Connection, items: Sequence[None]) -> list[None]:
        sequences.take(connection, {"a": 10})
        raise LookupError

    with pytest.raises(LookupError):
        await do.store.write(take_then_raise, None)
    assert {"a": 1} == await do(sequences.take, {"a": 1})


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 50), max_size=4)))
def test_no_number_is_given_out_twice(rounds: list[dict[str, int]]) -> None:
    """And none is left out, whatever is asked for in whichever order."""
    engine = create_engine("sqlite://")
    given_out: dict[str, list[int]] = {}
    with engine.connect() as connection:
        metadata.create_all(connection)
        for wanted in rounds:
            first = sequences.take(connection, wanted)
            assert wanted.keys() == first.keys()
            for name, start in first.items():
                given_out.setdefault(name, []).extend(range(start, start + wanted[name]))
    engine.dispose()
    for numbers in given_out.values():
        assert list(range(1, len(numbers) + 1)) == numbers
