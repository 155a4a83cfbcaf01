"""The few statements that databases spell differently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["chunks", "insert"]

T = TypeVar("T")

#: Parameters in one IN list; SQLite takes 32,766, PostgreSQL 65,535.
CHUNK: Final = 10_000

_INSERTS: Final[dict[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert(connection: Connection, table: Table) -> Any:
    """Return an INSERT of the connection's database that knows ON CONFLICT."""
    return _INSERTS[connection.dialect.name](table)


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """Return *items* in lists that fit into one statement."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
