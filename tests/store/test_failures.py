"""What a store says, and keeps, when the database fails while it is open."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, exc

from zpns.errors import StateError, StoreError
from zpns.store import Store, jobs
from zpns.store._failures import code_of, concerns_all, translated
from zpns.store.sqlite import SQLiteStore

from .makers import Do, Gate, begin, job, put_user, rows, soon, turns, user_ids

# Another process holds the file.


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the right to write, as another process does in a long transaction."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def test_a_file_that_another_process_holds(path: Path) -> None:
    """Writes fail after a while, reads go on, and later everything is as before."""
    store = SQLiteStore(path, busy_timeout=0)
    await store.start()
    await store.write(put_user, "a")
    with held(path):
        with pytest.raises(StoreError, match="another process holds the file") as caught:
            await soon(store.write(put_user, "b"))
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
        assert ["a"] == await store.read(user_ids)
    assert 2 == await store.write(put_user, "c")
    await store.aclose()


async def test_all_who_wait_fail_at_once_when_the_file_is_held(
    path: Path, commits: list[None]
) -> None:
    """Whoever shares a transaction waits for the lock together, not one after the other."""
    store = SQLiteStore(path, busy_timeout=0)
    await store.start()
    with held(path):
        before = len(commits)
        async with asyncio.timeout(30):
            errors = await asyncio.gather(
                *(store.write(put_user, f"u{number}") for number in range(600)),
                return_exceptions=True,
            )
        assert 0 == len(commits) - before
    assert {StoreError} == {type(error) for error in errors}
    assert 600 == len({id(error) for error in errors})
    assert [] == await store.read(user_ids)
    await store.aclose()


async def test_a_start_while_another_process_holds_the_file(path: Path) -> None:
    """It fails with what to do, and works when the other is done."""
    first = SQLiteStore(path)
    await first.start()
    store = SQLiteStore(path, busy_timeout=0)
    with held(path):
        with pytest.raises(StoreError, match="another process holds the file") as caught:
            await soon(store.start())
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    await store.start()
    await store.aclose()
    await first.aclose()


async def test_another_process_is_waited_for(path: Path) -> None:
    """A write that finds the file held is done as soon as it is free."""
    store = SQLiteStore(path)
    await store.start()
    with held(path):
        (work,) = begin(store.write(put_user, "a"))
        await turns()
    assert 1 == await soon(work)
    await store.aclose()


async def test_a_file_that_is_refused_at_once_is_opened_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite does not always wait when several processes open a new file."""
    tries: list[None] = []

    class Busy(sqlite3.Connection):
        """A connection that is refused more often than there are connections in a pool."""

        def cursor(self, *args: object) -> sqlite3.Cursor:  # type: ignore[override]
            if self.isolation_level is None and len(tries) < 20 and is_ready(self):
                tries.append(None)
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = sqlite3.SQLITE_BUSY
                raise error
            return super().cursor(*args)  # type: ignore[arg-type]

    def is_ready(connection: sqlite3.Connection) -> bool:
        return ("wal",) == connection.execute("PRAGMA journal_mode").fetchone()

    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *args, **kwargs: connect(*args, **kwargs, factory=Busy)
    )
    store = SQLiteStore(path)
    await soon(store.start())
    assert 20 == len(tries)
    assert 1 == await store.write(put_user, "a")
    await store.aclose()


# The disk.


@pytest.fixture
async def full(store: Store) -> Callable[[int], object]:
    """Give a function that sets how many pages the database may still grow by."""

    async def limit(pages: int) -> None:
        def set_limit(connection: Connection) -> None:
            ((size,),) = rows(connection, "PRAGMA page_count")
            rows(connection, f"PRAGMA max_page_count = {size + pages}")

        await Do(store)(set_limit)

    return limit


async def test_a_full_disk(
    store: Store, full: Callable[[int], asyncio.Future[None]], commits: list[None]
) -> None:
    """Nothing is half written, reads go on, and with room everything works again."""
    long = "x" * 20_000
    await store.write(put_user, "a")
    await full(1)
    async with Gate(store):
        before = len(commits)
        works = begin(*(store.write(put_user, name) for name in ("b", f"c{long}", "d")))
        await turns()
    errors = await asyncio.gather(*works, return_exceptions=True)
    for error in errors:
        assert isinstance(error, StoreError)
        assert "the disk is full, nothing of this was written; make room" in str(error)
        assert isinstance(error.__cause__, sqlite3.OperationalError)
    assert 1 == len(commits) - before  # the gate's
    assert ["a"] == await store.read(user_ids)
    await full(1_000)
    assert 2 == await store.write(put_user, f"c{long}")


async def test_a_disk_that_is_full_after_a_mistake(
    store: Store, full: Callable[[int], asyncio.Future[None]]
) -> None:
    """Also while commands are run one by one, nothing of the transaction is written."""

    def wrong(connection: Connection, items: Sequence[str]) -> list[None]:
        raise ZeroDivisionError

    await full(1)
    async with Gate(store):
        works = begin(store.write(wrong, "a"), store.write(put_user, "b"))
        works += begin(store.write(put_user, "c" * 20_000))
        await turns()
    errors = await asyncio.gather(*works, return_exceptions=True)
    assert [StoreError] * 3 == [type(error) for error in errors]
    assert [] == await store.read(user_ids)
    assert 1 == await store.write(put_user, "d")


async def test_a_disk_that_fails(file_store: SQLiteStore, path: Path) -> None:
    """A file that cannot grow: the same, by an error of the operating system."""
    resource = pytest.importorskip("resource")
    await file_store.write(put_user, "a")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = path.with_name("push.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        with pytest.raises(StoreError, match="the disk failed, nothing of this") as caught:
            await soon(file_store.write(put_user, "x" * 20_000))
        assert ["a"] == await file_store.read(user_ids)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    assert 2 == await file_store.write(put_user, "b")
    assert ["a", "b"] == await file_store.read(user_ids)


async def test_a_damaged_file(path: Path) -> None:
    """Reading and writing what is damaged fails and says so; the store does not hang."""
    store = SQLiteStore(path)
    await store.start()

    def many(connection: Connection) -> None:
        put_user(connection, [f"u{number:06}" for number in range(5_000)])

    await Do(store)(many)
    ((root,),) = await store.read(rows, "SELECT rootpage FROM sqlite_master WHERE name='users'")
    await store.aclose()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    await store.start()
    with pytest.raises(StoreError, match="damaged; restore a copy") as caught:
        await soon(store.read(user_ids))
    assert isinstance(caught.value.__cause__, sqlite3.DatabaseError)
    with pytest.raises(StoreError, match="damaged; restore a copy") as caught:
        await soon(store.write(put_user, "a"))
    assert isinstance(caught.value.__cause__, sqlite3.DatabaseError)
    # What is not damaged still works.
    await Do(store)(jobs.add, [job("j")])
    assert 1 == await Do(store).value("SELECT count(*) FROM jobs")
    await store.aclose()


# The file goes away.


def delete(path: Path) -> None:
    for file in path.parent.glob("push.db*"):
        file.unlink()


def replace(path: Path) -> None:
    """Put another database in its place, as somebody who restores a copy does."""
    copy = path.with_name("copy")
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("CREATE TABLE users (user_id TEXT)")
    copy.replace(path)


@pytest.mark.parametrize("lose", [pytest.param(delete, id="deleted"), replace])
async def test_a_file_that_is_gone(
    file_store: SQLiteStore, path: Path, lose: Callable[[Path], None]
) -> None:
    """What nobody would find again is not accepted, and no empty file takes its place."""
    await file_store.write(put_user, "a")
    lose(path)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"deleted or replaced .* start it again"):
            await soon(file_store.write(put_user, "b"))
        with pytest.raises(StoreError, match=r"deleted or replaced .* start it again"):
            await soon(file_store.read(user_ids))
    assert path.exists() == (lose is replace)


async def test_a_file_that_comes_back(file_store: SQLiteStore, path: Path) -> None:
    """A file that was moved away for a moment is the same file."""
    await file_store.write(put_user, "a")
    path.rename(path.with_name("aside"))
    with pytest.raises(StoreError, match="put it back"):
        await file_store.write(put_user, "b")
    path.with_name("aside").rename(path)
    assert 2 == await file_store.write(put_user, "c")
    assert ["a", "c"] == await file_store.read(user_ids)


async def test_a_store_whose_file_is_gone_can_begin_anew(
    file_store: SQLiteStore, path: Path
) -> None:
    """Closing works, and starting again makes a new file."""
    await file_store.write(put_user, "a")
    delete(path)
    await soon(file_store.aclose())
    await file_store.start()
    assert [] == await file_store.read(user_ids)
    assert 0o600 == path.stat().st_mode & 0o777 or os.name != "posix"


# The words.


def driver_error(code: int) -> sqlite3.Error:
    """Return an error as the driver raises it."""
    error = sqlite3.OperationalError("what SQLite said")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "advice", "all_fail"),
    [
        pytest.param(sqlite3.SQLITE_BUSY, "another process holds", True, id="busy"),
        pytest.param(sqlite3.SQLITE_BUSY_SNAPSHOT, "another process", True, id="busy-snapshot"),
        pytest.param(sqlite3.SQLITE_LOCKED, "another process holds", True, id="locked"),
        pytest.param(sqlite3.SQLITE_READONLY, "check mode and owner", True, id="read-only"),
        pytest.param(sqlite3.SQLITE_READONLY_DIRECTORY, "check mode", True, id="folder"),
        pytest.param(sqlite3.SQLITE_PERM, "check mode and owner", True, id="permission"),
        pytest.param(sqlite3.SQLITE_CANTOPEN, "check that its folder", True, id="cannot-open"),
        pytest.param(sqlite3.SQLITE_FULL, "make room and repeat", True, id="full"),
        pytest.param(sqlite3.SQLITE_IOERR_FSYNC, "check the disk", True, id="disk"),
        pytest.param(sqlite3.SQLITE_NOTADB, "give another file", True, id="no-database"),
        pytest.param(sqlite3.SQLITE_CORRUPT_INDEX, "restore a copy", True, id="damaged"),
        pytest.param(sqlite3.SQLITE_NOMEM, "memory is exhausted", True, id="memory"),
        pytest.param(sqlite3.SQLITE_PROTOCOL, "on a local disk", True, id="locks"),
        pytest.param(sqlite3.SQLITE_CONSTRAINT_UNIQUE, "what SQLite", False, id="constraint"),
        pytest.param(sqlite3.SQLITE_ERROR, "what SQLite said", False, id="statement"),
    ],
)
def test_what_sqlite_says_becomes_advice(code: int, advice: str, all_fail: bool) -> None:
    """Each code says what to do, bare or as SQLAlchemy wraps it; some fail everybody."""
    bare = driver_error(code)
    wrapped = exc.OperationalError("SELECT 'secret'", {"token": "secret"}, bare)
    for error in (bare, wrapped):
        made = translated(error, "store 'push.db'")
        assert isinstance(made, StoreError)
        assert bare is made.__cause__
        assert str(made).startswith("store 'push.db': ")
        assert advice in str(made)
        assert "what SQLite said" in str(made)
        assert "secret" not in str(made)  # neither the statement nor what was bound to it
        assert (code & 0xFF, all_fail) == (code_of(error), concerns_all(error))


@pytest.mark.parametrize(
    "error",
    [StateError("closed"), StoreError("full"), KeyError("x"), OSError(5, "disk")],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    """Ours, and those of a command's own making."""
    assert error is translated(error, "store")
    assert not concerns_all(error)


def test_what_sqlalchemy_says_is_a_store_error() -> None:
    """Nothing of the library below gets through."""
    made = translated(exc.InvalidRequestError("first line\nand a link"), "store in memory")
    assert "store in memory: first line" == str(made)
    assert isinstance(made, StoreError)
