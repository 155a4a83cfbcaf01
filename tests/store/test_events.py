"""Logs: numbered, paged, and read from cursors that never go back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from zpns.store import events, messages
from zpns.store.tables import metadata

from .makers import Do
from .test_messages import message


def row(log: str = "u:bob", **changed: Any) -> dict[str, Any]:
    """Return an event without its number."""
    return {
        "log": log,
        "name": "happened",
        "message_id": None,
        "body": "{}",
        "created_at": 1,
        "expires_at": 100,
        **changed,
    }


async def page(
    do: Do, log: str = "u:bob", after: int = 0, now: int = 1, most: int = 99
) -> list[int]:
    """Return the numbers of the events of a page."""
    return [one.seq for one in await do.store.read(events.page, log, after, now, most)]


def test_a_users_log_has_a_name() -> None:
    """Which is also the topic of the news."""
    assert "u:bob" == events.user_log("bob")


async def test_events_are_numbered_within_their_log(do: Do) -> None:
    """In the order in which they are given, and the rows learn their numbers."""
    first = [row(), row("u:alice"), row()]
    await do(events.append, first)
    assert [1, 1, 2] == [one["seq"] for one in first]
    second = [row(), row("u:alice")]
    await do(events.append, second)
    assert [3, 2] == [one["seq"] for one in second]
    assert [1, 2, 3] == await page(do)
    assert [1, 2] == await page(do, "u:alice")
    assert [] == await page(do, "u:nobody")


async def test_numbers_may_be_taken_elsewhere(do: Do) -> None:
    """Together with others, in one statement: numbering leaves what it was given alone."""
    rows = [row(), row("u:alice"), row()]
    first = {"u:bob": 7, "u:alice": 3}
    events.number(rows, first)
    assert [7, 3, 8] == [one["seq"] for one in rows]
    assert {"u:bob": 7, "u:alice": 3} == first
    await do(events.add, rows)
    assert [7, 8] == await page(do)


@pytest.mark.parametrize(
    ("after", "most", "expected"),
    [
        pytest.param(0, 2, [1, 2], id="from-the-start"),
        pytest.param(2, 2, [3, 4], id="from-a-place"),
        pytest.param(4, 9, [5], id="the-rest"),
        pytest.param(5, 9, [], id="from-the-end"),
        pytest.param(0, 9, [1, 2, 3, 4, 5], id="all"),
    ],
)
async def test_a_page_begins_after_a_place(
    do: Do, after: int, most: int, expected: list[int]
) -> None:
    """The oldest first, no more than asked for."""
    await do(events.append, [row() for _ in range(5)] + [row("u:alice")])
    assert expected == await page(do, after=after, most=most)


async def test_expired_events_are_left_out(do: Do) -> None:
    """From the moment at which they expire; they do not use up the page."""
    await do(events.append, [row(expires_at=at) for at in (10, 20, 10, 30)])
    assert [1, 2, 3, 4] == await page(do, now=9)
    assert [2, 4] == await page(do, now=10, most=2)
    assert [4] == await page(do, now=20)


async def test_a_message_event_brings_its_message(do: Do) -> None:
    """Other events bring their own body."""
    await do(messages.add, [message(77, seq=3, body='{"text":1}')])
    await do(events.append, [row(message_id=77, body=None), row(body='{"own":1}')])
    one, other = await do.store.read(events.page, "u:bob", 0, 1, 9)
    assert (77, 3, '{"text":1}', "a", "b", 0, 5, None) == (
        one.message_id, one.message_seq, one.message_body, one.sender, one.receiver,
        one.conversation_type, one.sent_at, one.body,
    )  # fmt: skip
    assert ('{"own":1}', None, None) == (other.body, other.message_id, other.message_body)


async def test_a_cursor_begins_at_the_beginning(do: Do) -> None:
    """Of a reader who was never there."""
    assert 0 == await do.store.read(events.cursor, "bob", "phone", "u:bob")


async def test_cursors_are_apart(do: Do) -> None:
    """By user, by reader and by log."""
    names = [("bob", "phone", "u:bob"), ("bob", "", "u:bob"), ("amy", "phone", "u:amy")]
    for seq, (user, reader, log) in enumerate(names, 5):
        await do(events.move, [{"user_id": user, "reader": reader, "log": log, "seq": seq}])
    assert [5, 6, 7] == [await do.store.read(events.cursor, *name) for name in names]
    assert 0 == await do.store.read(events.cursor, "bob", "phone", "u:amy")


@given(st.lists(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 20)), max_size=4)))
def test_a_cursor_never_goes_back(rounds: list[list[tuple[str, int]]]) -> None:
    """Whatever comes in whichever order, also twice in one list."""
    engine = create_engine("sqlite://")
    furthest: dict[str, int] = {}
    with engine.connect() as connection:
        metadata.create_all(connection)
        for moves in rounds:
            places = [
                {"user_id": "bob", "reader": who, "log": "u:bob", "seq": seq} for who, seq in moves
            ]
            events.move(connection, places)
            for who, seq in moves:
                furthest[who] = max(seq, furthest.get(who, 0))
            found = {who: events.cursor(connection, "bob", who, "u:bob") for who in furthest}
            assert furthest == found
    engine.dispose()


async def test_nothing_is_no_statement(do: Do) -> None:
    """Each function takes an empty list."""
    for function in (events.append, events.add, events.move):
        await do(function, [])
    assert [] == await page(do)
