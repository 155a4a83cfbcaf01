"""Numbers that are given out once, whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection

from zpns.store._sql import insert
from zpns.store.tables import sequences

__all__ = ["take"]


def take(connection: Connection, wanted: Mapping[str, int]) -> dict[str, int]:
    """
    Take numbers from sequences, which begin at 1.

    Args:
        connection: In a transaction; what it takes is lost only if that is undone.

        wanted: How many of each sequence.

    Returns:
        The first number taken of each.
    """
    if not wanted:
        return {}
    rows = connection.execute(
        _take(connection.dialect.name),
        [{"name": name, "value": count} for name, count in wanted.items()],
    )
    return {name: value - wanted[name] + 1 for name, value in rows}


@cache
def _take(dialect: str) -> Any:
    """Return the statement; made once, because making it costs more than running it."""
    statement = insert(dialect, sequences)
    return statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"value": sequences.c.value + statement.excluded.value},
    ).returning(sequences.c.name, sequences.c.value)
