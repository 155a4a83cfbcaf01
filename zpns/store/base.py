"""
What a store promises, whatever the database.

A *command* is a plain function over a synchronous connection and a list of items; it
gives a result, or an exception, for each item. It uses set statements, never one per
row, because it is handed whatever many callers asked for at the same time. Items share a
statement only if they name the same function object, so a command is a function of a
module, and what varies is in the item. A command may be run again, for some of its items,
after its transaction was undone: it changes the database and nothing else. Rooms above
compose commands from the functions of this room's other modules.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection

from zpns.exchange import Clock

__all__ = ["Command", "Listener", "Query", "Store", "Wakeup"]

I = TypeVar("I")  # noqa: E741 - item
R = TypeVar("R")

Command: TypeAlias = Callable[[Connection, Sequence[I]], Sequence[R | Exception]]
Query: TypeAlias = Callable[..., R]


class Store(ABC):
    """
    A database that commands and queries run in.

    A store belongs to one event loop. Several stores, in one process or many, may use
    the same database. One that was closed, or failed to start, may be started again.
    """

    @abstractmethod
    async def start(self) -> None:
        """
        Open the database, and bring its tables up to date.

        Raises:
            StoreError: It cannot be opened, is no database of zpns', or was written by a
                newer version. Nothing is left behind.

            StateError: It is open already.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """
        Commit what was accepted, then close. Later calls raise :class:`StateError`.

        Cancelling the caller does not stop it; a second call waits for the first.
        """

    @abstractmethod
    async def write(self, command: Command[I, R], item: I) -> R:
        """
        Run *command* for *item* in a transaction, and return once it is durable.

        Items that wait at the same time share a transaction, which is committed as a
        whole; an item whose result is an exception fails alone, and the command has to
        see that it wrote nothing. A command that raises fails alone, too, and what it
        wrote is undone. Cancelling the caller does not take the item back; what one task
        asks for is done in the order in which it asks.

        Raises:
            StoreError: The database failed; nothing of the transaction was written.

            Exception: What the command gave for the item, or raised.
        """

    @abstractmethod
    async def read(self, query: Callable[..., R], *args: Any) -> R:
        """
        Run ``query(connection, *args)`` on one snapshot and return its result.

        It sees everything whose :meth:`write` returned before, and cannot write.

        Raises:
            StoreError: The database failed, or the query tried to write.
        """

    @abstractmethod
    def watch(self, clock: Clock) -> Wakeup:
        """Return what tells that somebody, in this process or another, wrote news."""


class Listener(ABC):
    """
    Waits for news of one topic.

    News that come while nobody waits are kept: whoever reads, then waits, misses none.
    """

    @abstractmethod
    async def wait(self, until: float | None) -> None:
        """Return at news since the last return, perhaps a false alarm, or at *until*."""

    @abstractmethod
    def close(self) -> None:
        """Listen no more; whoever waits is woken."""


class Wakeup(ABC):
    """
    Says that a topic *may* have news. A hint that is lost delays, and never loses.

    A topic is the log of a user, ``u:bob``, or ``jobs``, or ``calls``.
    """

    @abstractmethod
    def notify(self, topics: Iterable[str]) -> None:
        """Wake whoever in this process listens to one of *topics*."""

    @abstractmethod
    def listen(self, topic: str) -> Listener:
        """Listen to *topic*, from now on. *until* of its waits is monotonic time."""

    @abstractmethod
    async def aclose(self) -> None:
        """Stop listening to other processes; whoever waits is woken."""
