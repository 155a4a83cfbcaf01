"""Who exists, and who is online."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from zpns.store._sql import chunks, insert
from zpns.store.tables import sessions, users

__all__ = ["add", "beat", "close", "known", "online", "open_sessions", "rename"]

_KNOWN = select(users.c.user_id).where(users.c.user_id.in_(bindparam("ids", expanding=True)))
_ONLINE = (
    select(sessions.c.user_id)
    .where(sessions.c.user_id.in_(bindparam("ids", expanding=True)))
    .where(sessions.c.expires_at > bindparam("now"))
)
_BEAT = (
    update(sessions)
    .where(sessions.c.session_id == bindparam("session"))
    .values(expires_at=bindparam("until"))
)
_CLOSE = delete(sessions).where(sessions.c.session_id.in_(bindparam("ids", expanding=True)))


def known(connection: Connection, user_ids: Iterable[str]) -> set[str]:
    """Return those of *user_ids* that exist."""
    return {
        row[0] for chunk in chunks(user_ids) for row in connection.execute(_KNOWN, {"ids": chunk})
    }


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make users; one that exists stays as it is. A row has ``user_id`` and ``created_at``."""
    if rows:
        connection.execute(insert(connection, users).on_conflict_do_nothing(), rows)


def rename(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make users, or set name, avatar and extended data of those that exist."""
    if not rows:
        return
    statement = insert(connection, users)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["user_id"],
            set_={
                name: statement.excluded[name]
                for name in ("user_name", "user_avatar_url", "user_extended_data")
            },
        ),
        rows,
    )


def online(connection: Connection, user_ids: Iterable[str], now: int) -> set[str]:
    """Return those of *user_ids* that have a session at *now*, UTC milliseconds."""
    return {
        row[0]
        for chunk in chunks(user_ids)
        for row in connection.execute(_ONLINE, {"ids": chunk, "now": now})
    }


def open_sessions(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make sessions."""
    if rows:
        connection.execute(insert(connection, sessions), rows)


def beat(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Set when sessions end: ``session`` and ``until``, UTC milliseconds."""
    if rows:
        connection.execute(_BEAT, rows)


def close(connection: Connection, session_ids: Iterable[str]) -> None:
    """Forget sessions."""
    for chunk in chunks(session_ids):
        connection.execute(_CLOSE, {"ids": chunk})
