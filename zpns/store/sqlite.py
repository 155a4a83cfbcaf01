"""
SQLite, in memory or in a file: one writer thread and a few readers.

Callers queue commands; the writer takes what has gathered while the last commit ran and
makes one transaction of it, so that many callers share one wait for the disk. The
standard driver and no asynchronous one: a hop to a thread per *transaction* is cheap,
a hop per statement is not.

Several processes may open one file. SQLite lets one of them write at a time, and the
others wait up to ``BUSY`` seconds; a network file system breaks its locks, so keep the
file on a local disk.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.pool import QueuePool, StaticPool

from zpns.errors import StateError, StoreError, ZPNsError
from zpns.exchange import Clock, OneLoop
from zpns.store._schema import prepare
from zpns.store._wakeup import LocalWakeup
from zpns.store.base import Command, Store, Wakeup

__all__ = ["SQLiteStore"]

I = TypeVar("I")  # noqa: E741 - item
R = TypeVar("R")

BUSY: Final = 5.0  # seconds to wait for another process that writes
BATCH: Final = 512  # commands in one transaction
READERS: Final = 4
_CACHE: Final = -16_000  # KiB of page cache per connection, negative by SQLite's rule


class _Entry(NamedTuple):
    """A command that waits for the writer; without a future nobody waits for it."""

    command: Command[Any, Any] | None  # None: *item* is a query
    item: Any
    future: asyncio.Future[Any]


_Settled: TypeAlias = list[tuple[asyncio.Future[Any], Any, Exception | None]]


def _data_version(connection: Connection, items: Sequence[Any]) -> list[Any]:
    """Stand for a look at the database's version, which needs no transaction."""
    raise AssertionError("never run as a command")  # pragma: no cover


class SQLiteStore(Store):
    """
    A store in a SQLite database.

    Args:
        path: The file, made with mode 0600 if it is not there; None keeps everything in
            memory, gone with the store.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = None if path is None else Path(path)
        self._loop = OneLoop("store")
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._engine: Engine | None = None
        self._reader: Engine | None = None
        self._pool: ThreadPoolExecutor | None = None

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self.path)!r})" if self.path else "SQLiteStore()"

    # Opening and closing.

    async def start(self) -> None:
        loop = self._loop.check()
        if self._thread is not None:
            raise StateError("this store is open already")
        opened: asyncio.Future[None] = loop.create_future()
        self._thread = threading.Thread(
            target=self._run, args=(loop, opened), name="zpns-store", daemon=True
        )
        self._thread.start()
        try:
            await opened
        except BaseException:
            await self.aclose()
            raise
        if self.path is not None:
            self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="zpns-read")
            self._reader = self._connect(read_only=True)

    async def aclose(self) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._queue.put(None)
        await asyncio.get_running_loop().run_in_executor(None, thread.join)
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.get_running_loop().run_in_executor(None, pool.shutdown)
        if self._reader is not None:
            self._reader.dispose()
            self._reader = None

    # Using.

    async def write(self, command: Command[I, R], item: I) -> R:
        future: asyncio.Future[R] = self._open().create_future()
        self._queue.put(_Entry(command, item, future))
        return await future

    async def read(self, query: Callable[..., R], *args: Any) -> R:
        loop = self._open()
        if self._pool is None:  # in memory: there is but the writer's connection
            future: asyncio.Future[R] = loop.create_future()
            self._queue.put(_Entry(None, lambda connection: query(connection, *args), future))
            return await future
        return await loop.run_in_executor(self._pool, self._query, query, args)

    def watch(self, clock: Clock) -> Wakeup:
        if self.path is None:
            return LocalWakeup(clock)
        return LocalWakeup(clock, self._data_version)

    def _open(self) -> asyncio.AbstractEventLoop:
        loop = self._loop.check()
        if self._thread is None:
            raise StateError("this store is not open; `await store.start()` first")
        return loop

    def _query(self, query: Callable[..., R], args: tuple[Any, ...]) -> R:
        assert self._reader is not None
        try:
            with self._reader.connect() as connection:
                return query(connection, *args)
        except exc.DBAPIError as error:
            raise self._failure(error) from error.orig

    async def _data_version(self) -> int:
        """Return a number that changes when another connection than the writer's writes."""
        future: asyncio.Future[int] = self._open().create_future()
        self._queue.put(_Entry(_data_version, None, future))
        return await future

    # The writer's thread.

    def _run(self, loop: asyncio.AbstractEventLoop, opened: asyncio.Future[None]) -> None:
        try:
            self._engine = self._connect()
            connection = self._engine.connect()
            prepare(connection, str(self.path or "memory"))
        except Exception as error:
            if isinstance(error, exc.DBAPIError):
                failure = self._failure(error)
                failure.__cause__ = error.orig
                error = failure
            failed: _Settled = [(opened, None, error)]
            loop.call_soon_threadsafe(_settle, failed)
            if self._engine is not None:
                self._engine.dispose()
            return
        done: _Settled = [(opened, None, None)]
        loop.call_soon_threadsafe(_settle, done)
        try:
            while (batch := self._gather()) is not None:
                settled = self._commit(connection, batch)
                loop.call_soon_threadsafe(_settle, settled)
        finally:
            connection.close()
            self._engine.dispose()

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

    def _commit(
        self, connection: Connection, batch: list[_Entry]
    ) -> _Settled:
        """Run *batch* in one transaction; if that fails, each command in its own."""
        if any(entry.command is _data_version for entry in batch):
            versions = [entry for entry in batch if entry.command is _data_version]
            batch = [entry for entry in batch if entry.command is not _data_version]
            version = self._ask_version(connection)
            settled: _Settled = [(entry.future, *version) for entry in versions]
            return settled + self._commit(connection, batch) if batch else settled
        try:
            with connection.begin():
                return _execute(connection, batch)
        except exc.OperationalError as error:
            # Locked, full, read-only or broken: true for each of them alone, too.
            failure = self._failure(error)
            failure.__cause__ = error.orig
            return [(entry.future, None, failure) for entry in batch]
        except Exception as error:
            if len(batch) == 1:
                return [(batch[0].future, None, self._translated(error))]
        return [settled for entry in batch for settled in self._commit(connection, [entry])]

    def _ask_version(self, connection: Connection) -> tuple[int, StoreError | None]:
        driver: Any = connection.connection.driver_connection
        try:
            # Beside SQLAlchemy, which would begin a transaction to read a number.
            return int(driver.execute("PRAGMA data_version").fetchone()[0]), None
        except sqlite3.Error as error:
            return 0, StoreError(f"store {str(self.path)!r}: {error}")

    def _translated(self, error: Exception) -> Exception:
        if isinstance(error, exc.DBAPIError):
            failure = self._failure(error)
            failure.__cause__ = error.orig
            return failure
        return error

    def _failure(self, error: exc.DBAPIError) -> StoreError:
        """Return what went wrong in words that say what to do."""
        said = str(error.orig)
        where = f"store {str(self.path)!r}" if self.path else "store in memory"
        for part, advice in _ADVICE.items():
            if part in said:
                return StoreError(f"{where}: {advice} ({said})")
        return StoreError(f"{where}: {said}")

    def _connect(self, *, read_only: bool = False) -> Engine:
        if self.path is None:
            engine = create_engine(
                "sqlite+pysqlite://",
                poolclass=StaticPool,
                connect_args={"check_same_thread": False, "isolation_level": None},
            )
        else:
            if not read_only:
                _make(self.path)
            engine = create_engine(
                f"sqlite+pysqlite:///{self.path}",
                poolclass=QueuePool,
                pool_size=READERS + 1,
                connect_args={
                    "check_same_thread": False,
                    "isolation_level": None,
                    "timeout": BUSY,
                },
            )

        @event.listens_for(engine, "connect")
        def on_connect(connection: Any, _: Any) -> None:
            cursor = connection.cursor()
            for pragma in _PRAGMAS:
                cursor.execute(pragma)
            if read_only:
                cursor.execute("PRAGMA query_only = ON")
            cursor.close()

        @event.listens_for(engine, "begin")
        def on_begin(connection: Connection) -> None:
            # The driver would begin by itself, and too late: a transaction that reads
            # first and writes then cannot wait for another process, only fail.
            connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

        return engine


_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",  # readers and the writer do not wait for each other
    "PRAGMA synchronous = FULL",  # a commit is on the disk when it returns
    f"PRAGMA busy_timeout = {int(BUSY * 1000)}",  # wait for another process's commit
    f"PRAGMA cache_size = {_CACHE}",
    "PRAGMA temp_store = MEMORY",
)

#: What SQLite says, and what to do.
_ADVICE: Final = {
    "file is not a database": "this is no SQLite database; give another file",
    "database is locked": "another process holds the file; find it, or wait until it is done",
    "readonly database": "the file, or its folder, cannot be written; check their mode and owner",
    "disk is full": "the disk is full; nothing of this was written",
    "unable to open": "the file cannot be opened; check that its folder exists and can be written",
    "disk I/O error": "the disk failed; nothing of this was written",
    "malformed": "the database is damaged; restore a copy",
}


def _make(path: Path) -> None:
    """Make the file if it is not there: messages are nobody else's business."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StoreError(
            f"store {str(path)!r}: cannot be made: {error.strerror}; check that its folder "
            "exists and can be written"
        ) from error


def _execute(
    connection: Connection, batch: Sequence[_Entry]
) -> _Settled:
    """Run each command once, for all of its items."""
    settled: _Settled = []
    groups: dict[Command[Any, Any], list[_Entry]] = {}
    for entry in batch:
        if entry.command is None:
            try:
                settled.append((entry.future, entry.item(connection), None))
            except ZPNsError as error:
                settled.append((entry.future, None, error))
        else:
            groups.setdefault(entry.command, []).append(entry)
    for command, entries in groups.items():
        results = command(connection, [entry.item for entry in entries])
        for entry, result in zip(entries, results, strict=True):
            if isinstance(result, Exception):
                settled.append((entry.future, None, result))
            else:
                settled.append((entry.future, result, None))
    return settled


def _settle(settled: _Settled) -> None:
    """Hand out results, in the loop; whoever was cancelled meanwhile gets none."""
    for future, result, error in settled:
        if future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
