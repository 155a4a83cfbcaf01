"""
Where everything durable lives: SQLAlchemy Core, on SQLite.

``open_store`` turns an address into a :class:`Store`. The other modules hold the tables
and, subject by subject, plain functions over a connection of which commands are made.
"""

from __future__ import annotations

from zpns.errors import ConfigError
from zpns.store.base import Command, Listener, Store, Wakeup

__all__ = ["Command", "Listener", "Store", "Wakeup", "open_store"]


def open_store(address: str | Store | None) -> Store:
    """
    Return the store at *address*, not started yet.

    Args:
        address: ``"sqlite:///push.db"`` for a file (three slashes and a relative path,
            four and an absolute one), ``"sqlite://"`` or None for memory, or a store.

    Raises:
        ConfigError: The address is of another kind.
    """
    if isinstance(address, Store):
        return address
    from zpns.store.sqlite import SQLiteStore

    if address is None or address in ("sqlite://", "sqlite:///:memory:"):
        return SQLiteStore()
    if isinstance(address, str) and address.startswith("sqlite:///") and len(address) > 10:
        return SQLiteStore(address.removeprefix("sqlite:///"))
    scheme = str(address).partition(":")[0]
    raise ConfigError(
        f"store: expected 'sqlite:///FILE' or 'sqlite://', got one that begins with {scheme!r}"
    )
