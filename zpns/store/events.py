"""Logs of events, and how far each reader has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from zpns.store import _sql, sequences
from zpns.store.tables import cursors, events, messages

__all__ = ["add", "append", "cursor", "move", "number", "page", "user_log"]

_APPEND = insert(events)
_PAGE = (
    select(
        events.c.seq,
        events.c.name,
        events.c.body,
        events.c.created_at,
        messages.c.message_id,
        messages.c.seq.label("message_seq"),
        messages.c.sender,
        messages.c.receiver,
        messages.c.conversation_type,
        messages.c.body.label("message_body"),
        messages.c.sent_at,
    )
    .select_from(events.outerjoin(messages, messages.c.message_id == events.c.message_id))
    .where(events.c.log == bindparam("in_log"))
    .where(events.c.seq > bindparam("after"))
    .where(events.c.expires_at > bindparam("now"))
    .order_by(events.c.seq)
    .limit(bindparam("most"))
)
_CURSOR = (
    select(cursors.c.seq)
    .where(cursors.c.user_id == bindparam("user"))
    .where(cursors.c.reader == bindparam("who"))
    .where(cursors.c.log == bindparam("in_log"))
)


def user_log(user_id: str) -> str:
    """Return the name of a user's log."""
    return f"u:{user_id}"


def append(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """
    Append events, and set each row's ``seq``.

    A row has ``log``, ``name``, ``message_id`` or ``body``, ``created_at``, ``expires_at``.
    """
    if not rows:
        return
    number(rows, sequences.take(connection, Counter(row["log"] for row in rows)))
    connection.execute(_APPEND, rows)


def number(rows: Sequence[dict[str, Any]], first: Mapping[str, int]) -> None:
    """Set each row's ``seq``, counting up from *first* of its log."""
    following = dict(first)
    for row in rows:
        row["seq"] = following[row["log"]]
        following[row["log"]] += 1


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert events that have their ``seq`` already."""
    if rows:
        connection.execute(_APPEND, rows)


def page(connection: Connection, log: str, after: int, now: int, most: int) -> list[Row[Any]]:
    """Return the events of *log* after a place, oldest first; expired ones are left out."""
    values = {"in_log": log, "after": after, "now": now, "most": most}
    return list(connection.execute(_PAGE, values))


def cursor(connection: Connection, user_id: str, reader: str, log: str) -> int:
    """Return how far a reader has come in *log*; 0 is the beginning."""
    values = {"user": user_id, "who": reader, "in_log": log}
    return int(connection.execute(_CURSOR, values).scalar() or 0)


def move(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Set how far readers have come, ``user_id``, ``reader``, ``log``, ``seq``; never back."""
    if not rows:
        return
    statement = _sql.insert(connection, cursors)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["user_id", "reader", "log"],
            set_={"seq": statement.excluded.seq},
            where=statement.excluded.seq > cursors.c.seq,
        ),
        rows,
    )
