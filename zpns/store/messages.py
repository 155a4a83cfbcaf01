"""Messages: the rows that events point at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select

from zpns.store._sql import chunks
from zpns.store.tables import messages

__all__ = ["add", "by_ids", "by_key"]

_ADD = insert(messages)
_BY_IDS = select(messages).where(messages.c.message_id.in_(bindparam("ids", expanding=True)))
_BY_KEY = select(messages).where(messages.c.idempotency.in_(bindparam("keys", expanding=True)))


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert messages."""
    if rows:
        connection.execute(_ADD, rows)


def by_ids(connection: Connection, ids: Iterable[int]) -> dict[int, Row[Any]]:
    """Return messages by ID."""
    return {
        row.message_id: row
        for chunk in chunks(ids)
        for row in connection.execute(_BY_IDS, {"ids": chunk})
    }


def by_key(connection: Connection, keys: Iterable[str]) -> dict[str, Row[Any]]:
    """Return the message of each idempotency key, ``sender/key``, that has one."""
    return {
        row.idempotency: row
        for chunk in chunks(keys)
        for row in connection.execute(_BY_KEY, {"keys": chunk})
    }
