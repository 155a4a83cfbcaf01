"""Calls, who is in them, and when ringing ends."""

from __future__ import annotations

from typing import Any

import pytest

from zpns.errors import StoreError
from zpns.store import calls

from .makers import Do

CALL = 619_877_678_273_746_269  # as large as IDs are


def call(call_id: int = CALL, **changed: Any) -> dict[str, Any]:
    """Return the row of a call."""
    return {
        "call_id": call_id,
        "caller": "amy",
        "mode": 0,
        "state": 1,
        "timeout": 90,
        "extended_data": "",
        "push_config": None,
        "created_at": 1,
        "idempotency": None,
        **changed,
    }


def member(user_id: str, position: int, call_id: int = CALL, **changed: Any) -> dict[str, Any]:
    """Return the row of somebody who is called, ringing until 90."""
    return {
        "call_id": call_id,
        "user_id": user_id,
        "position": position,
        "state": 0,
        "inviter": "amy",
        "extended_data": "",
        "invited_at": 1,
        "answered_at": 0,
        "rings_until": 90,
        "event_seq": 1,
        **changed,
    }


async def test_calls_come_with_their_users_in_the_order_of_invitation(do: Do) -> None:
    """Whatever their names; what is not there is left out."""
    rows = [call(), call(2), call(3)]
    users = [member("zoe", 0), member("bob", 2), member("amy", 1), member("bob", 0, 2)]
    await do(calls.add, rows, users)
    found = await do.store.read(calls.by_ids, [2, CALL, 99, 3])
    names = {id_: [user.user_id for user in members] for id_, (_, members) in found.items()}
    assert {CALL: ["zoe", "amy", "bob"], 2: ["bob"], 3: []} == names
    row, (first, *_) = found[CALL]
    assert {**call(), "ended_at": 0} == dict(row._mapping)
    assert member("zoe", 0) == dict(first._mapping)


async def test_calls_are_found_by_key(do: Do) -> None:
    """Those that have one, which nobody has twice."""
    await do(calls.add, [call(1, idempotency="amy/k"), call(2), call(3)], [member("bob", 0, 1)])
    found = await do.store.read(calls.by_key, ["amy/k", "bob/k"])
    assert {"amy/k": 1} == {key: row.call_id for key, row in found.items()}
    with pytest.raises(StoreError):
        await do(calls.add, [call(4, idempotency="amy/k")], [member("bob", 0, 4)])


async def test_where_a_call_stands_is_saved(do: Do) -> None:
    """Of the call and of those named, and of nobody else."""
    await do(
        calls.add, [call(), call(2)], [member("bob", 0), member("amy", 1), member("bob", 0, 2)]
    )
    saved = {"call": CALL, "user": "bob", "to_state": 2, "said": "busy", "answered": 7}
    await do(
        calls.save,
        [{"call": CALL, "to_state": 3, "ended": 8}],
        [{**saved, "until": None, "number": 4}],
    )
    found = await do.store.read(calls.by_ids, [CALL, 2])
    row, (bob, amy) = found[CALL]
    assert {**call(state=3), "ended_at": 8} == dict(row._mapping)
    changed = {"state": 2, "extended_data": "busy", "answered_at": 7, "event_seq": 4}
    assert member("bob", 0, rings_until=None, **changed) == dict(bob._mapping)
    assert member("amy", 1) == dict(amy._mapping)
    other, (bob,) = found[2]
    assert {**call(2), "ended_at": 0} == dict(other._mapping)
    assert member("bob", 0, 2) == dict(bob._mapping)


RINGING = [
    member("bob", 0, 1, rings_until=50),
    member("amy", 1, 1, rings_until=20),
    member("zoe", 0, 2, rings_until=40),
    member("eve", 1, 2, rings_until=None),
    member("bob", 0, 3, rings_until=60),
]


@pytest.mark.parametrize(
    ("now", "most", "expected"),
    [
        pytest.param(19, 9, [], id="nobody-yet"),
        pytest.param(20, 9, [1], id="at-the-moment"),
        pytest.param(50, 9, [1, 2], id="each-call-once-the-longest-overdue-first"),
        pytest.param(99, 2, [1, 2], id="no-more-than-asked-for"),
        pytest.param(99, 9, [1, 2, 3], id="all"),
    ],
)
async def test_whose_ringing_is_over(do: Do, now: int, most: int, expected: list[int]) -> None:
    """Whoever answered rings no more and is not overdue."""
    await do(calls.add, [call(1), call(2), call(3)], RINGING)
    assert expected == await do.store.read(calls.overdue, now, most)


async def test_when_the_next_ringing_ends(do: Do) -> None:
    """The earliest of all; None if nothing rings."""
    assert await do.store.read(calls.next_timeout) is None
    await do(calls.add, [call(1), call(2), call(3)], RINGING)
    assert 20 == await do.store.read(calls.next_timeout)
    saved = {"call": 1, "user": "amy", "to_state": 2, "said": "", "answered": 1, "number": 1}
    await do(calls.save, [], [{**saved, "until": None}])
    assert 40 == await do.store.read(calls.next_timeout)


@pytest.mark.parametrize(
    ("now", "expected"),
    [(19, {"bob", "amy"}), (20, {"bob"}), (50, set())],
    ids=["both", "one-is-over", "nobody"],
)
async def test_who_still_rings(do: Do, now: int, expected: set[str]) -> None:
    """Of one call."""
    await do(calls.add, [call(1), call(2), call(3)], RINGING)
    assert expected == await do.store.read(calls.ringing, 1, now)


@pytest.mark.parametrize(
    ("user_id", "now", "expected"),
    [
        pytest.param("bob", 49, [1, 3], id="two-calls"),
        pytest.param("bob", 50, [3], id="one-is-over"),
        pytest.param("eve", 1, [], id="answered"),
        pytest.param("ann", 1, [], id="never-called"),
    ],
)
async def test_what_rings_for_a_user(do: Do, user_id: str, now: int, expected: list[int]) -> None:
    """By the calls' IDs, which grow with time."""
    await do(calls.add, [call(1), call(2), call(3)], RINGING)
    assert expected == await do.store.read(calls.of_user, user_id, now)


async def test_more_than_fit_into_one_statement(do: Do) -> None:
    """Lookups neither fail nor leave any out."""
    count = 10_050
    rows = [call(number, idempotency=f"amy/{number}") for number in range(count)]
    await do(calls.add, rows, [member("bob", 0, number) for number in range(count)])
    found = await do.store.read(calls.by_ids, range(count))
    assert {(1,)} == {(len(members),) for _, members in found.values()}
    assert count == len(found)
    keys = [f"amy/{number}" for number in range(count)]
    assert count == len(await do.store.read(calls.by_key, keys))


async def test_nothing_is_no_statement(do: Do) -> None:
    """Each function takes an empty list."""
    await do(calls.add, [], [])
    await do(calls.save, [], [])
    assert {} == await do(calls.by_ids, [])
    assert {} == await do(calls.by_key, [])
