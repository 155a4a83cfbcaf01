"""The few statements that databases spell differently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, and_, or_
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["CHUNK", "any_of", "chunks", "insert"]

T = TypeVar("T")

#: Parameters in one IN list; SQLite takes 32,766, PostgreSQL 65,535.
CHUNK: Final = 10_000
#: Rows in one condition made of alternatives; SQLite allows a depth of 1,000.
ALTERNATIVES: Final = 200

_INSERTS: Final[dict[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert(dialect: Connection | str, table: Table) -> Any:
    """Return an INSERT, of a connection's database or by its name, that knows ON CONFLICT."""
    name = dialect if isinstance(dialect, str) else dialect.dialect.name
    return _INSERTS[name](table)


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """Return *items* in lists that fit into one statement."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def any_of(
    columns: Sequence[ColumnElement[Any]], keys: Iterable[Sequence[Any]]
) -> Iterator[ColumnElement[bool]]:
    """
    Return conditions that together match rows whose *columns* equal one of *keys*.

    Alternatives and no ``(a, b) IN (...)``, for which SQLite reads the whole table.
    """
    for chunk in chunks(keys, ALTERNATIVES):
        yield or_(*(and_(*(c == v for c, v in zip(columns, key, strict=True))) for key in chunk))
