"""Accepting messages: one transaction for the message, its event and its push job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import copy
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from zpns.errors import ParameterError, ZIMError
from zpns.models.codes import ZIMErrorCode
from zpns.models.enums import ZIMConversationType
from zpns.store import events, jobs, messages, sequences, users

__all__ = ["RETENTION", "Accepted", "Outgoing", "accept", "conversation_of"]

RETENTION: Final = 7 * 24 * 3600 * 1000  # milliseconds ZIM keeps what was missed


class Outgoing(NamedTuple):
    """
    A message to accept.

    Attributes:
        message_id: Fresh.

        sender: Made if unknown.

        receiver: Has to exist.

        body: The message as JSON.

        push: What the push is built from as JSON, or None for no push.

        reason: Why no push will be sent although there is a push config, or empty.

        now: UTC milliseconds.

        ack_within: How long an online receiver has to acknowledge, milliseconds.

        key: The idempotency key, or None.
    """

    message_id: int
    sender: str
    receiver: str
    body: str
    push: str | None
    reason: str
    now: int
    ack_within: int
    key: str | None


class Accepted(NamedTuple):
    """A message that is stored, now or by an earlier call with the same key."""

    message_id: int
    seq: int
    sent_at: int


def conversation_of(one: str, other: str) -> str:
    """Return the name under which two users' messages are numbered."""
    return f"p:{min(one, other)}/{max(one, other)}"


def accept(connection: Connection, items: Sequence[Outgoing]) -> list[Accepted | Exception]:
    """Store messages with their events and push jobs; see :class:`Outgoing`."""
    results: list[Any] = [None] * len(items)
    fresh, repeats = _fresh(connection, items, results)
    fresh = _addressed(connection, items, fresh, results)
    if fresh:
        _store(connection, items, fresh, results)
    for index, first in repeats:
        # A refusal of its own: an exception must not be shared by two callers.
        results[index] = copy(results[first])
    return results


def _fresh(
    connection: Connection, items: Sequence[Outgoing], results: list[Any]
) -> tuple[list[int], list[tuple[int, int]]]:
    """
    Sort out items whose key was used before.

    Returns:
        The indexes of new ones, and for those that repeat another of *items* the pairs
        of their own index and the other's.
    """
    fresh: list[int] = []
    repeats: list[tuple[int, int]] = []
    keys = {f"{item.sender}/{item.key}" for item in items if item.key is not None}
    stored = messages.by_key(connection, keys) if keys else {}
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        if item.key is None:
            fresh.append(index)
            continue
        key = f"{item.sender}/{item.key}"
        row = stored.get(key)
        first = seen.setdefault(key, index)
        if row is not None:
            same = (row.receiver, row.body) == (item.receiver, item.body)
            results[index] = (
                Accepted(row.message_id, row.seq, row.sent_at) if same else _reused(item.key)
            )
        elif first == index:
            fresh.append(index)
        else:
            other = items[first]
            if (other.receiver, other.body) == (item.receiver, item.body):
                repeats.append((index, first))
            else:
                results[index] = _reused(item.key)
    return fresh, repeats


def _reused(key: str) -> ParameterError:
    return ParameterError("idempotency_key", "a new key: this one sent another message", key)


def _addressed(
    connection: Connection, items: Sequence[Outgoing], fresh: list[int], results: list[Any]
) -> list[int]:
    """Return those of *fresh* whose receiver exists, and make senders that do not."""
    if not fresh:
        return fresh
    wanted = {items[i].sender for i in fresh} | {items[i].receiver for i in fresh}
    missing = wanted - users.known(connection, wanted)
    if not missing:
        return fresh
    good = []
    for index in fresh:
        if items[index].receiver in missing:
            results[index] = ZIMError(
                ZIMErrorCode.MESSAGE_MODULE_TARGET_DOES_NOT_EXIST,
                f"to_conversation_id: no user {items[index].receiver!r}; a user exists after "
                "register, login or add_users",
            )
        else:
            good.append(index)
    now = {items[i].sender: items[i].now for i in good}
    users.add(
        connection,
        [{"user_id": who, "created_at": at} for who, at in now.items() if who in missing],
    )
    return good


def _store(
    connection: Connection, items: Sequence[Outgoing], fresh: list[int], results: list[Any]
) -> None:
    chosen = [items[index] for index in fresh]
    event_rows: list[dict[str, Any]] = [
        {
            "log": events.user_log(item.receiver),
            "name": "message",
            "message_id": item.message_id,
            "body": None,
            "created_at": item.now,
            "expires_at": item.now + RETENTION,
        }
        for item in chosen
    ]
    conversations = [conversation_of(item.sender, item.receiver) for item in chosen]
    # Both kinds of number in one statement: this is the busiest path there is.
    wanted = Counter(conversations) + Counter(row["log"] for row in event_rows)
    first = sequences.take(connection, wanted)
    events.number(event_rows, first)
    message_rows = []
    for index, item, conversation in zip(fresh, chosen, conversations, strict=True):
        seq = first[conversation]
        first[conversation] += 1
        message_rows.append(
            {
                "message_id": item.message_id,
                "conversation": conversation,
                "seq": seq,
                "sender": item.sender,
                "receiver": item.receiver,
                "conversation_type": int(ZIMConversationType.PEER),
                "body": item.body,
                "sent_at": item.now,
                "idempotency": None if item.key is None else f"{item.sender}/{item.key}",
            }
        )
        results[index] = Accepted(item.message_id, seq, item.now)
    pushed = [(i, row) for i, row in zip(chosen, event_rows, strict=True) if i.push is not None]
    online: set[str] = set()
    if pushed:
        latest = max(item.now for item, _ in pushed)
        online = users.online(connection, {item.receiver for item, _ in pushed}, latest)
    messages.add(connection, message_rows)
    events.add(connection, event_rows)
    jobs.add(connection, [_job(item, row, online) for item, row in pushed])


def _job(item: Outgoing, event: dict[str, Any], online: set[str]) -> dict[str, Any]:
    here = item.receiver in online
    return {
        "job_id": f"m{item.message_id}",
        "event": "message",
        "ref": str(item.message_id),
        "priority": jobs.MESSAGES,
        "state": jobs.DONE if item.reason else jobs.OPEN,
        "reason": item.reason,
        "created_at": item.now,
        # Whoever is online has time to acknowledge before a push goes out.
        "due_at": item.now + item.ack_within if here else item.now,
        "deadline_at": item.now + RETENTION,
        "audience": f'[["{item.receiver}",0]]',
        "push": item.push,
        "ack_log": event["log"] if here else None,
        "ack_seq": event["seq"] if here else None,
    }
