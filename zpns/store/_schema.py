"""
Whether a database is zpns', and of which version.

Reading the version takes one statement; the migration tool is loaded only for a
database that is behind.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    delete,
    false,
    insert,
    inspect,
    select,
)

from zpns.errors import StoreError
from zpns.store._failures import concerns_all
from zpns.store.tables import metadata

__all__ = ["HEAD", "VERSIONS", "VERSION_TABLE", "prepare"]

#: Every version there ever was, oldest first; the names of the migrations.
VERSIONS: Final = ("0001",)
HEAD: Final = VERSIONS[-1]

#: Where the migration tool keeps the version. Not under its usual name, by which a
#: database of another program that uses the same tool would pass for ours.
VERSION_TABLE: Final = "zpns_version"

# As the tool makes it, which a test holds.
_VERSION: Final = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)


def prepare(connection: Connection, name: str) -> None:
    """
    Make the tables of an empty database, or bring old ones up to date.

    Args:
        connection: Not in a transaction.

        name: Of the database, for errors, such as ``store 'push.db'``.

    Raises:
        StoreError: The database holds something else, is of a newer version, or could
            not be brought up to date; it is as it was.
    """
    # One transaction: what dies half-way has not happened.
    with connection.begin():
        version = _version(connection)
        if version is None:
            _make(connection, name)
        elif version not in VERSIONS:
            raise StoreError(
                f"{name}: its version is {version!r} and this zpns knows up to {HEAD!r}: "
                "it was written by a newer zpns; upgrade zpns"
            )
        elif version != HEAD:
            _upgrade(connection, name, version)
        else:
            # Nothing, but it fails now, and not at the first message, if the database can
            # only be read: SQLite begins even then.
            connection.execute(delete(_VERSION).where(false()))


def _version(connection: Connection) -> str | None:
    """Return the version of the database, or None if it says none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(_VERSION.c.version_num)).scalar()


def _make(connection: Connection, name: str) -> None:
    others = sorted(inspect(connection).get_table_names())
    if others:
        raise StoreError(
            f"{name}: it holds something else (table {others[0]!r}); give an empty or a new "
            "database"
        )
    metadata.create_all(connection)
    _VERSION.create(connection)
    connection.execute(insert(_VERSION).values(version_num=HEAD))


def _upgrade(connection: Connection, name: str, version: str) -> None:
    from zpns.store.migrations import upgrade

    try:
        upgrade(connection)
        if (reached := _version(connection)) != HEAD:
            raise LookupError(f"the migrations end at {reached!r}")
    except Exception as error:
        if concerns_all(error):
            raise  # locked, full and the like: whoever opens knows what to say
        # The driver's words alone; the library's repeat the values of the statement.
        cause = getattr(error, "orig", None) or error
        raise StoreError(
            f"{name}: it could not be brought from version {version!r} to {HEAD!r} and is as "
            f"it was ({type(cause).__name__}: {cause}); go back to the zpns that wrote it, "
            "and report this"
        ) from cause
