"""What cannot be opened as a store: refused with what to do, and left as it was."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from zpns.errors import StoreError
from zpns.store.sqlite import SQLiteStore

from .makers import put_user, soon, user_ids

NOBODY = 65534


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
