"""Messages, and the keys by which a repeated one is known."""

from __future__ import annotations

from typing import Any

import pytest

from zpns.errors import StoreError
from zpns.store import messages

from .makers import Do


def message(message_id: int, **changed: Any) -> dict[str, Any]:
    """Return the row of a message."""
    return {
        "message_id": message_id,
        "conversation": "p:a/b",
        "seq": message_id,
        "sender": "a",
        "receiver": "b",
        "conversation_type": 0,
        "body": "{}",
        "sent_at": 5,
        "idempotency": None,
        **changed,
    }


async def test_messages_are_found_by_id(do: Do) -> None:
    """As whole rows; what is not there is left out."""
    large = 2**63 - 1
    await do(messages.add, [message(1, body='{"x":1}'), message(large)])
    found = await do.store.read(messages.by_ids, [large, 1, 7])
    assert {1, large} == found.keys()
    expected = {**message(1, body='{"x":1}'), "revoked_at": None}
    assert expected == dict(found[1]._mapping)


async def test_messages_are_found_by_key(do: Do) -> None:
    """Those that have one; messages without a key are nobody's repetition."""
    await do(messages.add, [message(1, idempotency="a/k"), message(2), message(3)])
    found = await do.store.read(messages.by_key, ["a/k", "b/k", ""])
    assert {"a/k": 1} == {key: row.message_id for key, row in found.items()}


@pytest.mark.parametrize("count", [10_000, 10_001, 25_000])
async def test_more_than_fit_into_one_statement(do: Do, count: int) -> None:
    """Lookups neither fail nor leave any out."""
    await do(messages.add, [message(n, idempotency=f"a/{n}") for n in range(1, count + 1)])
    assert count == len(await do.store.read(messages.by_ids, range(count + 10)))
    keys = [f"a/{number}" for number in range(count + 10)]
    assert count == len(await do.store.read(messages.by_key, keys))


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(message(1, seq=2), id="id"),
        pytest.param(message(2, seq=1), id="number-in-the-conversation"),
        pytest.param(message(2, idempotency="a/k"), id="key"),
    ],
)
async def test_what_is_unique_stays_so(do: Do, second: dict[str, Any]) -> None:
    """The database itself refuses a second message, and none of its list is written."""
    await do(messages.add, [message(1, idempotency="a/k")])
    with pytest.raises(StoreError):
        await do(messages.add, [message(9), second])
    assert [(1,)] == await do.rows("SELECT message_id FROM messages")


async def test_nothing_is_no_statement(do: Do) -> None:
    """Each function takes an empty list."""
    await do(messages.add, [])
    assert {} == await do(messages.by_ids, [])
    assert {} == await do(messages.by_key, [])
