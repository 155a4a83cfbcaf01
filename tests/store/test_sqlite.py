"""What SQLite stores do with their file: who may read it, and how durable it is."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from zpns.store.sqlite import SQLiteStore

from .makers import Do, put_user, rows, soon, user_ids


@pytest.fixture
def umask() -> Iterator[None]:
    """Let files be made with whatever mode is asked for."""
    before = os.umask(0)
    yield
    os.umask(before)


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
