"""
Whether a database is zpns', and of which version.

Reading the version takes one statement; the migration tool is loaded only for a
database that is behind.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, inspect

from zpns.errors import StoreError
from zpns.store.tables import metadata

__all__ = ["HEAD", "VERSIONS", "prepare"]

#: Every version there ever was, oldest first; the names of the migrations.
VERSIONS: Final = ("0001",)
HEAD: Final = VERSIONS[-1]

_TABLE: Final = "alembic_version"  # where the migration tool keeps the version


def prepare(connection: Connection, name: str) -> None:
    """
    Make the tables of an empty database, or bring old ones up to date.

    Args:
        connection: Not in a transaction.

        name: Of the database, for errors.

    Raises:
        StoreError: The database holds something else, or is of a newer version.
    """
    with connection.begin():
        version = _version(connection)
        if version == HEAD:
            return
        if version is None:
            others = sorted(inspect(connection).get_table_names())
            if others:
                raise StoreError(
                    f"store {name!r} holds something else (table {others[0]!r}); "
                    "give an empty or new database"
                )
            metadata.create_all(connection)
            connection.exec_driver_sql(
                f"CREATE TABLE {_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
            )
            connection.exec_driver_sql(f"INSERT INTO {_TABLE} VALUES ('{HEAD}')")
            return
        if version not in VERSIONS:
            raise StoreError(
                f"store {name!r} has version {version!r} and this zpns knows up to {HEAD!r}: "
                "it was written by a newer zpns; upgrade zpns"
            )
        # Within the same transaction: a migration that dies half-way has not happened.
        from zpns.store.migrations import upgrade

        upgrade(connection)


def _version(connection: Connection) -> str | None:
    """Return the version of the database, or None if it says none."""
    if not inspect(connection).has_table(_TABLE):
        return None
    found = connection.exec_driver_sql(f"SELECT version_num FROM {_TABLE}").scalar()
    return None if found is None else str(found)
