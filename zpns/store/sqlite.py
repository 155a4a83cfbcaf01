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
import sqlite3
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool, StaticPool

from zpns.errors import StateError, StoreError
from zpns.exchange import Clock, OneLoop
from zpns.store._failures import code_of, translated
from zpns.store._schema import prepare
from zpns.store._wakeup import LocalWakeup
from zpns.store._writer import Writer
from zpns.store.base import Command, Store, Wakeup

__all__ = ["SQLiteStore"]

I = TypeVar("I")  # noqa: E741 - item
R = TypeVar("R")

BUSY: Final = 5.0  # seconds to wait for another process that writes
READERS: Final = 4
_AGAIN: Final = 0.01  # seconds between two tries to open a file that others open, too
_OLDEST: Final = (3, 35, 0)  # the first SQLite that knows RETURNING

_PRAGMAS: Final = (
    "PRAGMA cache_size = -16000",  # KiB per connection, negative by SQLite's rule
    "PRAGMA temp_store = MEMORY",
)
_WRITER_PRAGMAS: Final = (
    "PRAGMA synchronous = FULL",  # a commit is on the disk when it returns
    "PRAGMA journal_size_limit = 67108864",  # bytes; a log that a burst made gives them back
)
#: A number of a connection's own, which changes when another one has written.
_VERSION: Final = "PRAGMA data_version"


class SQLiteStore(Store):
    """
    A store in a SQLite database.

    Args:
        path: The file, made with mode 0600 if it is not there; None keeps everything in
            memory, gone with the store. Reads of a file do not wait for writes; in memory
            they take turns.

        busy_timeout: Seconds to wait for another process that writes.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, busy_timeout: float = BUSY
    ) -> None:
        self.path = None if path is None else Path(path)
        self._busy_timeout = busy_timeout
        self._loop = OneLoop("store")
        self._database: _Database | None = None
        self._writer: Writer | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._open = False
        self._closing: asyncio.Task[None] | None = None
        self._finalizer: weakref.finalize[Any, Any] | None = None

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self.path)!r})" if self.path else "SQLiteStore()"

    # Opening and closing.

    async def start(self) -> None:
        self._loop.check()
        if self._writer is not None:
            raise StateError("this store is open already")
        database = self._database = _Database(self.path, self._busy_timeout)
        writer = self._writer = Writer(database.name, database.open, database.close, database.check)
        # A store that nobody closed takes its thread along when it is collected.
        self._finalizer = weakref.finalize(self, writer.end)
        self._finalizer.atexit = False
        try:
            await writer.start()
            if self._closing is not None or self._writer is not writer:
                raise StateError("this store was closed while it was being opened")
        except BaseException:
            await self.aclose()
            raise
        if self.path is not None:
            self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="zpns-read")
        self._open = True

    async def aclose(self) -> None:
        loop = self._loop.check()
        self._open = False
        if self._writer is None:
            return
        if self._closing is None:
            self._closing = loop.create_task(self._close())
        # Whoever is cancelled here leaves, and the closing goes on.
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        assert self._database is not None
        assert self._writer is not None
        try:
            if self._pool is not None:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(None, self._pool.shutdown)
                self._database.close_readers()
            await self._writer.aclose()
        finally:
            if self._finalizer is not None:
                self._finalizer.detach()
            self._database = self._writer = self._pool = self._closing = None

    # Using.

    async def write(self, command: Command[I, R], item: I) -> R:
        result: R = await self._opened().put(command, item)
        return result

    async def read(self, query: Callable[..., R], *args: Any) -> R:
        writer, database = self._opened(), self._database
        assert database is not None
        if self._pool is None:  # in memory: there is but the writer's connection
            result: R = await writer.ask(lambda connection: _read_only(connection, query, args))
            return result
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, database.query, query, args)

    def watch(self, clock: Clock) -> Wakeup:
        if self.path is None:
            return LocalWakeup(clock)
        return LocalWakeup(clock, self._data_version)

    async def _data_version(self) -> int:
        """Return a number that changes when another connection than the writer's writes."""
        version: int = await self._opened().ask(_ask_version)
        return version

    def _opened(self) -> Writer:
        self._loop.check()
        if not self._open or self._writer is None:
            raise StateError("this store is not open; `await store.start()` first")
        return self._writer


class _Database:
    """
    A database and the connections to it; everything here runs in threads of the store.

    Args:
        path: The file, or None.

        busy_timeout: Seconds to wait for another process that writes.
    """

    def __init__(self, path: Path | None, busy_timeout: float) -> None:
        # The process may change its folder later, and readers connect late.
        self._path = None if path is None else path.absolute()
        self._busy_timeout = busy_timeout
        self._file: tuple[int, int] | None = None
        self._writer: Engine | None = None
        self._readers: Engine | None = None
        self._connection: Connection | None = None
        self.name = "store in memory" if path is None else f"store {str(path)!r}"

    def open(self) -> Connection:
        """Return the connection that writes, of a database that is up to date."""
        if sqlite3.sqlite_version_info < _OLDEST:
            wanted = ".".join(map(str, _OLDEST))
            raise StoreError(
                f"{self.name}: this Python has SQLite {sqlite3.sqlite_version}; "
                f"{wanted} or newer is needed"
            )
        if self._path is not None:
            _make(self._path, self.name)
            self._file = _identity(self._path)
        self._writer = self._engine(read_only=False)
        self._readers = self._engine(read_only=True)
        until = time.monotonic() + self._busy_timeout
        while True:
            try:
                self._connection = self._writer.connect()
                prepare(self._connection, self.name)
                return self._connection
            except Exception as error:
                # While a file is made, or closed by its last user, SQLite refuses at once
                # instead of waiting.
                if code_of(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                    raise
                if self._connection is not None:
                    self._connection.close()
                time.sleep(_AGAIN)

    def close(self) -> None:
        """Close what is open."""
        self.close_readers()
        if self._connection is not None:
            self._connection.close()
        if self._writer is not None:
            self._writer.dispose()

    def close_readers(self) -> None:
        """
        Close the connections that read.

        While the writer's is open this is quick: the last one to close tidies the file up.
        """
        if self._readers is not None:
            self._readers.dispose()

    def check(self) -> None:
        """
        Raise if the file is not what was opened any more.

        SQLite would go on in a file that has no name, which is gone with the process.
        """
        if self._path is not None and _identity(self._path) != self._file:
            raise StoreError(
                f"{self.name}: the file was deleted or replaced while it was open; "
                "put it back, or close the store and start it again"
            )

    def query(self, query: Callable[..., R], args: tuple[Any, ...]) -> R:
        """Run a query on a connection that reads."""
        assert self._readers is not None
        try:
            self.check()
            with self._readers.connect() as connection:
                return query(connection, *args)
        except BaseException as error:
            failure = translated(error, self.name, reading=True)
            if failure is error:
                raise
            raise failure from failure.__cause__

    def _engine(self, *, read_only: bool) -> Engine:
        memory = self._path is None
        engine = create_engine(
            "sqlite+pysqlite://",
            creator=lambda: self._connect(read_only=read_only),
            hide_parameters=True,  # tokens and messages are for no error and no log
            **{"poolclass": StaticPool}
            if memory
            else {"poolclass": QueuePool, "pool_size": READERS},
        )

        @event.listens_for(engine, "begin")
        def on_begin(connection: Connection) -> None:
            # The driver would begin by itself, and too late: a transaction that reads
            # first and writes then cannot wait for another process, only fail.
            connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

        return engine

    def _connect(self, *, read_only: bool) -> sqlite3.Connection:
        # Mode rw, because a file that is gone must not be made again by chance.
        address = ":memory:" if self._path is None else f"{self._path.as_uri()}?mode=rw"
        connection = sqlite3.connect(
            address,
            timeout=self._busy_timeout,
            isolation_level=None,
            check_same_thread=False,
            uri=self._path is not None,
        )
        try:
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            if read_only:
                connection.execute("PRAGMA query_only = ON")
            else:
                self._make_durable(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_durable(self, connection: sqlite3.Connection) -> None:
        # A write-ahead log: readers and the writer do not wait for each other.
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if self._path is not None and mode != "wal":
            raise StoreError(
                f"{self.name}: this file system does not take a write-ahead log (journal mode "
                f"{mode!r}); put the file on a local disk"
            )
        for pragma in _WRITER_PRAGMAS:
            connection.execute(pragma)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another of the same name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make(path: Path, name: str) -> None:
    """Make the file if it is not there: messages are nobody else's business."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        if not path.is_file():
            what = "a folder" if path.is_dir() else "no file"
            raise StoreError(f"{name}: this is {what}; give the name of a file") from error
    except OSError as error:
        raise StoreError(
            f"{name}: it cannot be made: {error.strerror}; check that its folder exists and "
            "can be written"
        ) from error


def _read_only(connection: Connection, query: Callable[..., R], args: tuple[Any, ...]) -> R:
    """Run a query on a connection that also writes, and refuse what it writes."""
    driver: Any = connection.connection.driver_connection
    with connection.begin():
        driver.execute("PRAGMA query_only = ON")
        try:
            return query(connection, *args)
        finally:
            driver.execute("PRAGMA query_only = OFF")


def _ask_version(connection: Connection) -> int:
    driver: Any = connection.connection.driver_connection
    # Beside SQLAlchemy, which would begin a transaction to read a number.
    return int(driver.execute(_VERSION).fetchone()[0])
