"""Calls and who is in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from zpns.store import _sql
from zpns.store.tables import call_users, calls

__all__ = ["add", "by_ids", "by_key", "next_timeout", "of_user", "overdue", "ringing", "save"]

_ADD = insert(calls)
_ADD_USERS = insert(call_users)
_BY_IDS = select(calls).where(calls.c.call_id.in_(bindparam("ids", expanding=True)))
_USERS = (
    select(call_users)
    .where(call_users.c.call_id.in_(bindparam("ids", expanding=True)))
    .order_by(call_users.c.call_id, call_users.c.position)
)
_BY_KEY = select(calls).where(calls.c.idempotency.in_(bindparam("keys", expanding=True)))
_OVERDUE = (
    select(call_users.c.call_id)
    .where(call_users.c.rings_until <= bindparam("now"))
    .order_by(call_users.c.rings_until)
    .limit(bindparam("most"))
)
_NEXT = select(func.min(call_users.c.rings_until)).where(call_users.c.rings_until.is_not(None))
_SAVE_CALL = (
    update(calls)
    .where(calls.c.call_id == bindparam("call"))
    .values(state=bindparam("to_state"), ended_at=bindparam("ended"))
)
_SAVE_USER = (
    update(call_users)
    .where(call_users.c.call_id == bindparam("call"), call_users.c.user_id == bindparam("user"))
    .values(
        state=bindparam("to_state"),
        extended_data=bindparam("said"),
        answered_at=bindparam("answered"),
        rings_until=bindparam("until"),
        event_seq=bindparam("number"),
    )
)
_RINGING = (
    select(call_users.c.user_id)
    .where(call_users.c.call_id == bindparam("call"))
    .where(call_users.c.rings_until > bindparam("now"))
)
_OF_USER = (
    select(call_users.c.call_id)
    .where(call_users.c.user_id == bindparam("user"))
    .where(call_users.c.rings_until > bindparam("now"))
    .order_by(call_users.c.call_id)
)


def add(
    connection: Connection,
    rows: Sequence[Mapping[str, Any]],
    user_rows: Sequence[Mapping[str, Any]],
) -> None:
    """Insert calls and their users."""
    if rows:
        connection.execute(_ADD, rows)
        connection.execute(_ADD_USERS, user_rows)


def by_ids(
    connection: Connection, ids: Iterable[int]
) -> dict[int, tuple[Row[Any], list[Row[Any]]]]:
    """Return calls with their users, in the order of invitation, by ID."""
    found: dict[int, tuple[Row[Any], list[Row[Any]]]] = {}
    for chunk in _sql.chunks(ids):
        for row in connection.execute(_BY_IDS, {"ids": chunk}):
            found[row.call_id] = (row, [])
        for row in connection.execute(_USERS, {"ids": chunk}):
            found[row.call_id][1].append(row)
    return found


def by_key(connection: Connection, keys: Iterable[str]) -> dict[str, Row[Any]]:
    """Return the call of each idempotency key, ``caller/key``, that has one."""
    return {
        row.idempotency: row
        for chunk in _sql.chunks(keys)
        for row in connection.execute(_BY_KEY, {"keys": chunk})
    }


def save(
    connection: Connection,
    rows: Sequence[Mapping[str, Any]],
    user_rows: Sequence[Mapping[str, Any]],
) -> None:
    """Write where calls, and their users, stand now."""
    if rows:
        connection.execute(_SAVE_CALL, rows)
    if user_rows:
        connection.execute(_SAVE_USER, user_rows)


def overdue(connection: Connection, now: int, most: int) -> list[int]:
    """Return calls in which somebody's ringing time is over, the longest overdue first."""
    rows = connection.execute(_OVERDUE, {"now": now, "most": most})
    return list(dict.fromkeys(rows.scalars()))


def next_timeout(connection: Connection) -> int | None:
    """Return when the next ringing ends, UTC milliseconds, or None."""
    due = connection.execute(_NEXT).scalar()
    return None if due is None else int(due)


def ringing(connection: Connection, call_id: int, now: int) -> set[str]:
    """Return the users who still ring."""
    return set(connection.execute(_RINGING, {"call": call_id, "now": now}).scalars())


def of_user(connection: Connection, user_id: str, now: int) -> list[int]:
    """Return the calls that ring for a user."""
    return list(connection.execute(_OF_USER, {"user": user_id, "now": now}).scalars())
