"""The thread that writes: what has gathered while it was busy becomes one transaction."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import Connection

from zpns.errors import StoreError
from zpns.store._failures import concerns_all, repeated, translated
from zpns.store.base import Command

__all__ = ["BATCH", "Writer"]

BATCH: Final = 512  # commands in one transaction


class _Entry(NamedTuple):
    """
    Something that waits for the writer.

    Attributes:
        command: What is run in a transaction; None if *item* is, by itself.

        item: What the command is given, or what is called with the connection.

        future: Who waits for the result; one that is done already gets none.

        caller: Whose entries keep their order.
    """

    command: Command[Any, Any] | None
    item: Any
    future: asyncio.Future[Any]
    caller: Hashable


_Settled: TypeAlias = list[tuple[asyncio.Future[Any], Any, Exception | None]]


class Writer:
    """
    Runs commands on the one connection that writes.

    It does not know the store it writes for, so that a store nobody closed can be
    collected, and then its thread ends.

    Args:
        name: Of the database, for errors.

        connect: Returns the connection, ready to be used; called in the thread.

        close: Closes it, or what there is of it; called in the thread.

        check: Raises if the connection must not be used any more.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Connection],
        close: Callable[[], None],
        check: Callable[[], None],
    ) -> None:
        self._name = name
        self._connect = connect
        self._close = close
        self._check = check
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """
        Begin; return once the connection can be used.

        Raises:
            StoreError: It cannot be opened. The thread is ending.
        """
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        ended: asyncio.Future[None] = loop.create_future()
        thread = threading.Thread(
            target=self._run, args=(loop, opened, ended), name="zpns-store", daemon=True
        )
        thread.start()
        self._thread, self._ended = thread, ended
        await opened

    async def aclose(self) -> None:
        """Commit what was put here, then end."""
        self.end()
        if self._thread is not None and self._ended is not None:
            await self._ended
            self._thread.join()  # it has nothing left to do

    def end(self) -> None:
        """End once what was put here is committed; callable from any thread."""
        self._queue.put(None)

    def put(self, command: Command[Any, Any], item: Any) -> asyncio.Future[Any]:
        """Run *command* for *item* in a transaction."""
        return self._put(command, item)

    def ask(self, question: Callable[[Connection], Any]) -> asyncio.Future[Any]:
        """Run *question* on the connection, outside of the writer's transaction."""
        return self._put(None, question)

    def _put(self, command: Command[Any, Any] | None, item: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.put(_Entry(command, item, future, asyncio.current_task()))
        return future

    # In the thread.

    def _run(
        self,
        loop: asyncio.AbstractEventLoop,
        opened: asyncio.Future[None],
        ended: asyncio.Future[None],
    ) -> None:
        try:
            try:
                connection = self._connect()
            except BaseException as error:
                self._tell(loop, [(opened, None, translated(error, self._name))])
                return
            self._tell(loop, [(opened, None, None)])
            while self._turn(loop, connection):
                pass
        finally:
            try:
                self._close()
            finally:
                self._tell(loop, [(ended, None, None)])

    def _turn(self, loop: asyncio.AbstractEventLoop, connection: Connection) -> bool:
        """Do what has gathered; return whether to go on. While it waits it holds nothing."""
        batch = self._gather()
        if batch is None:
            return False
        self._tell(loop, self._work(connection, batch))
        return True

    def _tell(self, loop: asyncio.AbstractEventLoop, settled: _Settled) -> None:
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:
            # The loop was closed, and nobody waits any more. What is in the queue was
            # accepted nevertheless, so the thread goes on to its end.
            if not loop.is_closed():
                raise

    def _gather(self) -> list[_Entry] | None:
        """Return what has gathered, at least one entry; None at the end."""
        first = self._queue.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < BATCH:
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                break
            if entry is None:
                self._queue.put(None)  # the end comes after what was asked for before it
                break
            batch.append(entry)
        return batch

    def _work(self, connection: Connection, batch: Sequence[_Entry]) -> _Settled:
        writes = [entry for entry in batch if entry.command is not None]
        settled = self._commit(connection, writes) if writes else []
        # After the commit: whoever asks sees what was written before.
        for entry in batch:
            if entry.command is None:
                try:
                    settled.append((entry.future, entry.item(connection), None))
                except BaseException as error:
                    failure = translated(error, self._name, reading=True)
                    settled.append((entry.future, None, failure))
        return settled

    def _commit(self, connection: Connection, batch: Sequence[_Entry]) -> _Settled:
        """Run *batch* in one transaction."""
        try:
            self._check()
            try:
                with connection.begin():
                    settled = _together(connection, batch)
                    _expect_transaction(connection)
            except BaseException as error:
                if concerns_all(error) or len(batch) == 1:
                    raise
                with connection.begin():
                    settled = self._apart(connection, batch)
                    _expect_transaction(connection)
        except BaseException as error:
            failure = translated(error, self._name)
            return [(entry.future, None, repeated(failure)) for entry in batch]
        return settled

    def _apart(self, connection: Connection, batch: Sequence[_Entry]) -> _Settled:
        """Run each entry by itself, so that the one that raises harms no other."""
        settled: _Settled = []
        for _, entries in _grouped(batch):
            for entry in entries:
                try:
                    with connection.begin_nested():
                        done = _together(connection, [entry])
                except BaseException as error:
                    if concerns_all(error):
                        raise
                    _expect_transaction(connection)
                    done = [(entry.future, None, translated(error, self._name))]
                settled += done
        return settled


def _together(connection: Connection, batch: Sequence[_Entry]) -> _Settled:
    """Run each command once, for all of its items."""
    settled: _Settled = []
    for command, entries in _grouped(batch):
        results = command(connection, [entry.item for entry in entries])
        for entry, result in zip(entries, results, strict=True):
            if isinstance(result, Exception):
                settled.append((entry.future, None, translated(result, "store")))
            else:
                settled.append((entry.future, result, None))
    return settled


def _expect_transaction(connection: Connection) -> None:
    """
    Raise if SQLite undid the transaction by itself, as some errors make it do.

    Whatever ran after that, and whatever reported success before, must not count.
    """
    driver: Any = connection.connection.driver_connection
    if not driver.in_transaction:
        raise StoreError("the database undid the transaction; nothing of it was written")


def _grouped(batch: Sequence[_Entry]) -> list[tuple[Command[Any, Any], list[_Entry]]]:
    """
    Return *batch* by command.

    Callers overtake each other, which they cannot tell; nobody overtakes themselves: who
    gave up waiting for one thing and then asked for another gets them done in that order.
    """
    groups: list[tuple[Command[Any, Any], list[_Entry]]] = []
    latest: dict[Command[Any, Any], int] = {}
    reached: dict[Hashable, int] = {}
    for entry in batch:
        assert entry.command is not None
        place = latest.get(entry.command, -1)
        if place < reached.get(entry.caller, 0):
            place = latest[entry.command] = len(groups)
            groups.append((entry.command, []))
        groups[place][1].append(entry)
        reached[entry.caller] = place
    return groups


def _settle(settled: _Settled) -> None:
    """Hand out results, in the loop; whoever was cancelled meanwhile gets none."""
    for future, result, error in settled:
        if future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
