"""Being logged in, and reading what happened, as commands and queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Connection, Row, and_, bindparam, literal_column, or_, select, update

from zpns.hub._registrations import Removal, unregister
from zpns.models.call_configs import DEFAULT_CALL_TIMEOUT
from zpns.models.enums import (
    ZIMConversationType,
    ZIMMessageDirection,
    ZIMMessageSentStatus,
)
from zpns.models.sessions import LoggedEvent
from zpns.store import calls, events, jobs, tables, users

__all__ = [
    "Acknowledgement",
    "Entry",
    "Exit",
    "acknowledge",
    "beat",
    "enter",
    "leave",
    "online",
    "read",
]

_RENAME: Final = (
    update(tables.users)
    .where(tables.users.c.user_id == bindparam("user"))
    .values(user_name=bindparam("name"))
)
_OPEN: Final[Any] = literal_column(str(jobs.OPEN))  # no parameter: an index is made for it
ALTERNATIVES: Final = 200  # in one condition; SQLite allows a depth of 1,000


class Entry(NamedTuple):
    """A session to make; times are UTC milliseconds."""

    session_id: str
    user_id: str
    user_name: str
    device_id: str
    node: str
    platform: int
    now: int
    until: int


class Exit(NamedTuple):
    """A session to end, and whether its device is unbound."""

    session_id: str
    user_id: str
    device_id: str
    unbind: bool


class Acknowledgement(NamedTuple):
    """Everything in a user's log up to *seq* was received."""

    user_id: str
    device_id: str
    seq: int
    now: int


def enter(connection: Connection, items: Sequence[Entry]) -> list[int | Exception]:
    """Make sessions; gives where each goes on reading."""
    users.add(connection, [{"user_id": item.user_id, "created_at": item.now} for item in items])
    named = [{"user": item.user_id, "name": item.user_name} for item in items if item.user_name]
    if named:
        connection.execute(_RENAME, named)
    users.open_sessions(
        connection,
        [
            {
                "session_id": item.session_id,
                "user_id": item.user_id,
                "device_id": item.device_id or None,
                "node": item.node,
                "platform": item.platform,
                "created_at": item.now,
                "expires_at": item.until,
            }
            for item in items
        ],
    )
    return [
        events.cursor(connection, item.user_id, item.device_id, events.user_log(item.user_id))
        for item in items
    ]


def beat(connection: Connection, items: Sequence[tuple[str, int]]) -> list[Exception | None]:
    """Keep sessions alive: (session ID, until)."""
    users.beat(connection, [{"session": session, "until": until} for session, until in items])
    return [None] * len(items)


def leave(connection: Connection, items: Sequence[Exit]) -> list[Exception | None]:
    """End sessions."""
    users.close(connection, [item.session_id for item in items])
    unregister(
        connection,
        [Removal(item.user_id, (), item.device_id or None) for item in items if item.unbind],
    )
    return [None] * len(items)


def acknowledge(
    connection: Connection, items: Sequence[Acknowledgement]
) -> list[tuple[str, ...] | Exception]:
    """Move cursors, and end jobs that waited for it; gives the refs of these."""
    cursors: dict[tuple[str, str], int] = {}
    logs: dict[str, int] = {}
    for item in items:
        reader, log = (item.user_id, item.device_id), events.user_log(item.user_id)
        cursors[reader] = max(item.seq, cursors.get(reader, 0))
        logs[log] = max(item.seq, logs.get(log, 0))
    events.move(
        connection,
        [
            {"user_id": user, "reader": reader, "log": events.user_log(user), "seq": seq}
            for (user, reader), seq in cursors.items()
        ],
    )
    refs = _waiting(connection, list(logs.items()))
    if refs:
        now = max(item.now for item in items)
        rows = [{"in_log": log, "upto": seq, "now": now} for log, seq in logs.items()]
        jobs.acknowledge(connection, rows)
    return [refs] * len(items)


def _waiting(connection: Connection, upto: Sequence[tuple[str, int]]) -> tuple[str, ...]:
    """Return the refs of open jobs that wait for an event up to a place in a log."""
    table = tables.jobs.c
    refs: list[str] = []
    for start in range(0, len(upto), ALTERNATIVES):
        # Each alternative is complete, so that SQLite looks each of them up by index.
        matches = or_(
            *(
                and_(table.ack_log == log, table.ack_seq <= seq, table.state == _OPEN)
                for log, seq in upto[start : start + ALTERNATIVES]
            )
        )
        refs += connection.execute(select(table.ref).where(matches)).scalars()
    return tuple(refs)


def online(connection: Connection, user_ids: Sequence[str], now: int) -> set[str]:
    """Return those of *user_ids* who are online."""
    return users.online(connection, user_ids, now)


def read(
    connection: Connection, user_id: str, login_at: int, after: int, now: int, most: int
) -> list[LoggedEvent]:
    """
    Return what happened in a user's log after a place.

    Messages of one sender that follow each other become one event, offline ones apart
    from the others. An invitation that rings no more is left out, and one that does says
    how long it still will.
    """
    while True:
        rows = events.page(connection, events.user_log(user_id), after, now, most)
        found = _happened(connection, rows, user_id, login_at, now)
        # A page of which nothing is left is not the end of the log.
        if found or len(rows) < most:
            return found
        after = rows[-1].seq


def _happened(
    connection: Connection, rows: Sequence[Row[Any]], user_id: str, login_at: int, now: int
) -> list[LoggedEvent]:
    ringing: dict[str, bool] = {}
    found: list[LoggedEvent] = []
    batch: list[Row[Any]] = []
    for row in rows:
        if batch and not _same(batch[0], row, login_at):
            found.append(_messages(batch, login_at))
            batch = []
        if row.name == "message":
            batch.append(row)
            continue
        data = orjson.loads(row.body)
        if row.name == "callInvitationReceived":
            call_id = data["callID"]
            if call_id not in ringing:
                ringing[call_id] = user_id in calls.ringing(connection, int(call_id), now)
            if not ringing[call_id]:
                continue
            left = data.get("timeout", DEFAULT_CALL_TIMEOUT) * 1000 - (now - row.created_at)
            data["timeout"] = max(1, left // 1000)
        found.append(LoggedEvent(seq=row.seq, name=row.name, data=data))
    if batch:
        found.append(_messages(batch, login_at))
    return found


def _same(one: Row[Any], other: Row[Any], login_at: int) -> bool:
    """Whether two rows belong into one event."""
    if other.name != "message" or one.sender != other.sender:
        return False
    return bool((one.created_at < login_at) == (other.created_at < login_at))


def _messages(rows: Sequence[Row[Any]], login_at: int) -> LoggedEvent:
    first, last = rows[0], rows[-1]
    return LoggedEvent(
        seq=last.seq,
        name="peerMessageReceived",
        data={
            "messageList": [_message(row) for row in rows],
            "fromConversationID": first.sender,
            "info": {
                "isOfflineMessage": first.created_at < login_at,
                "conversationID": first.sender,
                "conversationType": int(ZIMConversationType.PEER),
            },
        },
    )


def _message(row: Row[Any]) -> dict[str, Any]:
    """Return a message as its receiver gets it."""
    message: dict[str, Any] = orjson.loads(row.message_body)
    message.update(
        messageID=str(row.message_id),
        messageSeq=row.message_seq,
        senderUserID=row.sender,
        conversationID=row.sender,
        conversationType=row.conversation_type,
        direction=int(ZIMMessageDirection.RECEIVE),
        sentStatus=int(ZIMMessageSentStatus.SUCCESS),
        timestamp=row.sent_at,
        orderKey=row.message_seq * 100,
    )
    return message
