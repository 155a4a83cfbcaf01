"""What SQLite stores do with their file: who may read it, how durable it is, when not to open it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from zpns.errors import ConfigError, StoreError
from zpns.store import open_store
from zpns.store.sqlite import SQLiteStore

from .makers import Do, put_user, rows, soon, user_ids

NOBODY = 65534


@pytest.fixture
def umask() -> Iterator[None]:
    """Let files be made with whatever mode is asked for."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that a user without rights can reach."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder
        folder.chmod(0o777)


@pytest.fixture
def unprivileged() -> Iterator[Callable[[], None]]:
    """Give a function that takes the rights of an administrator away until the test ends."""
    if os.name != "posix":
        pytest.skip("modes of files mean something else here")
    user = os.geteuid()
    yield lambda: os.seteuid(NOBODY) if user == 0 else None
    os.seteuid(user)


def contents(path: Path) -> list[str]:
    """Return everything a database holds, as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


# Files.


async def test_every_file_is_its_owners_alone(umask: None, path: Path) -> None:
    """The database, its log and its index of the log hold messages and tokens."""
    store = SQLiteStore(path)
    await store.start()
    await store.write(put_user, "a")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert {"push.db": 0o600, "push.db-wal": 0o600, "push.db-shm": 0o600} == modes
    await store.aclose()
    assert ["push.db"] == [file.name for file in path.parent.iterdir()]


async def test_the_mode_of_a_file_that_is_there_stays(umask: None, path: Path) -> None:
    """Who made the file knows who may read it."""
    path.touch(mode=0o640)
    store = SQLiteStore(path)
    await store.start()
    await store.aclose()
    assert 0o640 == stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("pragma", "expected"),
    [
        pytest.param("journal_mode", "wal", id="readers-do-not-wait"),
        pytest.param("synchronous", 2, id="a-commit-is-on-the-disk"),
        pytest.param("busy_timeout", 5000, id="others-are-waited-for"),
        pytest.param("query_only", 0, id="it-writes"),
    ],
)
async def test_the_writer_is_durable(
    file_store: SQLiteStore, pragma: str, expected: object
) -> None:
    """What SQLite says about the connection that writes."""
    assert [(expected,)] == await Do(file_store)(rows, f"PRAGMA {pragma}")


@pytest.mark.parametrize(
    ("pragma", "expected"),
    [
        pytest.param("journal_mode", "wal", id="it-does-not-wait"),
        pytest.param("busy_timeout", 5000, id="others-are-waited-for"),
        pytest.param("query_only", 1, id="it-does-not-write"),
    ],
)
async def test_the_readers_only_read(
    file_store: SQLiteStore, pragma: str, expected: object
) -> None:
    """What SQLite says about a connection that reads."""
    assert [(expected,)] == await file_store.read(rows, f"PRAGMA {pragma}")


@pytest.mark.parametrize(
    "name",
    ["a?b=c&mode=memory.db", "100%41.db", "with space.db", "a#b.db", "push.db;x", "käse.db"],
)
async def test_any_name_is_a_name(tmp_path: Path, name: str) -> None:
    """No character of a file's name means anything else."""
    store = SQLiteStore(tmp_path / name)
    await store.start()
    await store.write(put_user, "a")
    assert ["a"] == await store.read(user_ids)
    await store.aclose()
    assert [name] == [file.name for file in tmp_path.iterdir()]


async def test_the_file_stays_the_same_when_the_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative name is meant from where the store was started."""
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    store = SQLiteStore("push.db")
    await store.start()
    await store.write(put_user, "a")
    monkeypatch.chdir(tmp_path / "other")
    assert ["a"] == await store.read(user_ids)
    assert 2 == await store.write(put_user, "b")
    await store.aclose()
    assert [] == list((tmp_path / "other").iterdir())


async def test_rows_outlive_the_store(path: Path) -> None:
    """What was written is there at the next start, in this object or another."""
    store = SQLiteStore(path)
    for count in range(2):
        await store.start()
        assert [f"u{number}" for number in range(count)] == await store.read(user_ids)
        await store.write(put_user, f"u{count}")
        await store.aclose()
    other = SQLiteStore(path)
    await other.start()
    assert ["u0", "u1"] == await other.read(user_ids)
    await other.aclose()


async def test_stores_on_one_file_see_each_others_rows(file_store: SQLiteStore, path: Path) -> None:
    """At once, whoever wrote."""
    other = SQLiteStore(path)
    await other.start()
    await file_store.write(put_user, "a")
    assert ["a"] == await other.read(user_ids)
    assert 2 == await other.write(put_user, "b")
    assert ["a", "b"] == await file_store.read(user_ids)
    await other.aclose()


async def test_reads_do_not_wait_for_writes_nor_writes_for_reads(
    file_store: SQLiteStore,
) -> None:
    """Four reads that take long hold up no write, and see one state of the database."""
    loop = asyncio.get_running_loop()
    reading = [loop.create_future() for _ in range(4)]
    proceed = threading.Event()

    def slow(connection: Connection, begun: asyncio.Future[None]) -> tuple[list[str], list[str]]:
        before = user_ids(connection)
        loop.call_soon_threadsafe(begun.set_result, None)
        assert proceed.wait(30)
        return before, user_ids(connection)

    def write_slowly(connection: Connection, items: Sequence[str]) -> list[Any]:
        results = put_user(connection, items)
        loop.call_soon_threadsafe(writing.set_result, None)
        assert finish.wait(30)
        return results

    await file_store.write(put_user, "a")
    reads = [loop.create_task(file_store.read(slow, begun)) for begun in reading]
    await soon(asyncio.gather(*reading))
    assert 2 == await soon(file_store.write(put_user, "b"))
    proceed.set()
    assert [(["a"], ["a"])] * 4 == await soon(asyncio.gather(*reads))

    writing: asyncio.Future[None] = loop.create_future()
    finish = threading.Event()
    write = loop.create_task(file_store.write(write_slowly, "c"))
    await soon(writing)
    assert ["a", "b"] == await soon(file_store.read(user_ids))
    finish.set()
    assert 3 == await soon(write)


# What cannot be opened.


def make_text(path: Path) -> None:
    path.write_text("Dear diary, today I was mistaken for a database. " * 100)


def make_other(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
        connection.execute("INSERT INTO recipes VALUES ('soup')")
        connection.commit()


def make_other_alembic(path: Path) -> None:
    """Make a database of another program that uses the same migration tool as zpns."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES ('0001')")
        connection.commit()


def make_newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE zpns_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO zpns_version VALUES ('0999')")
        connection.commit()


def make_folder(path: Path) -> None:
    path.mkdir()


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


UNFIT = [
    pytest.param(make_text, "no SQLite database; give another file", True, id="text"),
    pytest.param(make_other, "something else .table 'recipes'.; give an", False, id="other"),
    pytest.param(
        make_other_alembic, "something else .table 'alembic_version'.", False, id="same-tool"
    ),
    pytest.param(make_newer, "'0999' and .* '0001': .* upgrade zpns", False, id="newer"),
    pytest.param(make_folder, "a folder; give the name of a file", True, id="folder"),
    pytest.param(make_pipe, "no file; give the name of a file", True, id="pipe"),
]


@pytest.mark.parametrize(("make", "advice", "caused"), UNFIT)
async def test_what_is_no_store_is_refused_and_left_alone(
    path: Path,
    new_threads: Callable[[], list[str]],
    make: Callable[[Path], None],
    advice: str,
    caused: bool,
) -> None:
    """The error names the file and says what to do; the file keeps its contents."""
    make(path)
    before = path.read_bytes() if path.is_file() else None
    store = SQLiteStore(path)
    with pytest.raises(StoreError, match=f"push.db.*{advice}") as caught:
        await soon(store.start())
    assert caused == isinstance(caught.value.__cause__, (sqlite3.Error, OSError))
    assert [] == new_threads()
    if make is make_text:
        assert before == path.read_bytes()
    elif before is not None:
        fresh = path.with_name("fresh.db")
        make(fresh)
        assert contents(fresh) == contents(path)


async def test_a_start_that_failed_can_be_repeated(path: Path) -> None:
    """Once the cause is gone, the same object works."""
    make_text(path)
    store = SQLiteStore(path)
    for _ in range(2):
        with pytest.raises(StoreError):
            await store.start()
    path.unlink()
    await store.start()
    assert 1 == await store.write(put_user, "a")
    assert ["a"] == await store.read(user_ids)
    await store.aclose()


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The folder is not made by chance; the error says what to look at."""
    store = SQLiteStore(tmp_path / "missing" / "push.db")
    with pytest.raises(StoreError, match=r"missing.*check that its folder exists") as caught:
        await store.start()
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert [] == list(tmp_path.iterdir())


async def test_a_folder_that_cannot_be_written(
    open_folder: Path, unprivileged: Callable[[], None]
) -> None:
    """The file cannot be made there, and the error says so."""
    open_folder.chmod(0o555)
    unprivileged()
    store = SQLiteStore(open_folder / "push.db")
    with pytest.raises(StoreError, match=r"cannot be made: .*can be written") as caught:
        await store.start()
    assert isinstance(caught.value.__cause__, PermissionError)


async def test_a_file_that_cannot_be_written(
    open_folder: Path, unprivileged: Callable[[], None]
) -> None:
    """A store that could not accept anything does not open."""
    path = open_folder / "push.db"
    store = SQLiteStore(path)
    await store.start()
    await store.aclose()
    path.chmod(0o444)
    unprivileged()
    with pytest.raises(StoreError, match="cannot be written; check mode and owner") as caught:
        await store.start()
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)


async def test_a_file_that_cannot_be_read(
    open_folder: Path, unprivileged: Callable[[], None]
) -> None:
    """Somebody else's file is refused with what to check."""
    path = open_folder / "push.db"
    path.touch()
    path.chmod(0)
    unprivileged()
    store = SQLiteStore(path)
    with pytest.raises(StoreError, match="cannot be opened; check that") as caught:
        await store.start()
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)


async def test_a_file_in_a_folder_that_cannot_be_written(
    open_folder: Path, unprivileged: Callable[[], None]
) -> None:
    """The log beside the file cannot be made, so the store does not open."""
    path = open_folder / "push.db"
    path.touch(mode=0o666)
    path.chmod(0o666)
    open_folder.chmod(0o555)
    unprivileged()
    store = SQLiteStore(path)
    with pytest.raises(StoreError, match="check") as caught:
        await store.start()
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)


async def test_a_python_whose_sqlite_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which version is needed, instead of failing at the first write."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(StoreError, match=r"3\.35\.0 or newer"):
        await SQLiteStore().start()


async def test_a_file_system_without_a_write_ahead_log(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where SQLite silently keeps another kind of journal, nothing is opened."""

    class Elsewhere(sqlite3.Connection):
        """A connection to a file on a file system that cannot share memory."""

        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            return super().execute(sql.replace("journal_mode = WAL", "journal_mode"), *args)

    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *args, **kwargs: connect(*args, **kwargs, factory=Elsewhere)
    )
    with pytest.raises(StoreError, match=r"'delete'.*put the file on a local disk"):
        await SQLiteStore(path).start()


# Addresses.


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param(None, "SQLiteStore()", id="nothing"),
        pytest.param("sqlite://", "SQLiteStore()", id="memory"),
        pytest.param("sqlite:///:memory:", "SQLiteStore()", id="memory-by-name"),
        pytest.param("sqlite:///push.db", "SQLiteStore('push.db')", id="relative"),
        pytest.param("sqlite:////srv/push.db", "SQLiteStore('/srv/push.db')", id="absolute"),
    ],
)
def test_an_address_gives_a_store(address: str | None, expected: str) -> None:
    """Three slashes and a relative path, four and an absolute one."""
    assert expected == repr(open_store(address))


def test_a_store_is_its_own_address() -> None:
    """Whoever has a store hands it in as it is."""
    store = SQLiteStore()
    assert store is open_store(store)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("push.db", id="a-path"),
        pytest.param("sqlite:///", id="no-file"),
        pytest.param("sqlite:push.db", id="no-slashes"),
        pytest.param("postgresql://user:hush@host/db", id="another-kind"),
        pytest.param("", id="empty"),
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    """The error says what is expected, and repeats no password."""
    with pytest.raises(ConfigError, match="sqlite:///FILE") as caught:
        open_store(address)
    assert "hush" not in str(caught.value)
