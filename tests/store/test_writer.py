"""How the writer makes transactions of what many callers ask for; counted, not timed."""

from __future__ import annotations

import asyncio
import gc
import logging
import sqlite3
import threading
import traceback
import weakref
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from zpns.errors import StoreError
from zpns.store import Store
from zpns.store._writer import BATCH
from zpns.store.sqlite import SQLiteStore

from .makers import Gate, begin, put_user, soon, turns, user_ids


def undo(connection: Connection, items: Sequence[str]) -> list[None]:
    """End the transaction, as SQLite does by itself when a disk is full."""
    connection.exec_driver_sql("ROLLBACK")
    return [None for _ in items]


async def test_what_waits_during_a_commit_shares_the_next(
    store: Store, commits: list[None]
) -> None:
    """A hundred callers that wait for the writer cost one transaction."""
    async with Gate(store):
        works = begin(*(store.write(put_user, f"u{number}") for number in range(100)))
        await turns()
        before = len(commits)
    await asyncio.gather(*works)
    # The gate's own, and one for all.
    assert 2 == len(commits) - before


async def test_a_transaction_holds_at_most_512(store: Store, commits: list[None]) -> None:
    """More wait for the next one, so that nobody waits for a huge one."""
    sizes: list[int] = []

    def note(connection: Connection, items: Sequence[int]) -> list[None]:
        sizes.append(len(items))
        return [None for _ in items]

    async with Gate(store):
        before = len(commits)
        works = begin(*(store.write(note, number) for number in range(2 * BATCH + 3)))
        await turns()
    await asyncio.gather(*works)
    assert 512 == BATCH
    assert [512, 512, 3] == sizes
    assert 1 + 3 == len(commits) - before


async def test_a_caller_alone_does_not_wait_for_others(store: Store, commits: list[None]) -> None:
    """One write is one transaction, at once."""
    before = len(commits)
    for number in range(3):
        await store.write(put_user, f"u{number}")
    assert 3 == len(commits) - before


async def test_a_mistake_among_many_costs_one_more_transaction(
    store: Store, commits: list[None]
) -> None:
    """The others are run again one by one, but committed together."""

    def wrong(connection: Connection, items: Sequence[int]) -> list[None]:
        raise ZeroDivisionError

    async with Gate(store):
        before = len(commits)
        works = begin(*(store.write(put_user, f"u{number}") for number in range(100)))
        works += begin(*(store.write(wrong, number) for number in range(3)))
        await turns()
    results = await asyncio.gather(*works, return_exceptions=True)
    assert [*range(1, 101)] == results[:100]
    assert [ZeroDivisionError] * 3 == [type(result) for result in results[100:]]
    assert 2 == len(commits) - before


async def test_every_caller_gets_an_error_of_their_own(store: Store) -> None:
    """One exception that many raise would gather the tracebacks of all of them."""
    async with Gate(store):
        works = begin(store.write(undo, "a"), store.write(undo, "b"), store.write(put_user, "c"))
        await turns()
    errors = await asyncio.gather(*works, return_exceptions=True)
    assert [StoreError] * 3 == [type(error) for error in errors]
    assert 3 == len({id(error) for error in errors})
    lengths = {len(traceback.extract_tb(error.__traceback__)) for error in errors}  # type: ignore[union-attr]
    assert 1 == len(lengths)


async def test_nothing_counts_once_the_transaction_is_gone(store: Store) -> None:
    """What ran before SQLite undid it, and what ran after, is reported as not written."""
    async with Gate(store):
        works = begin(store.write(put_user, "a"), store.write(undo, "b"))
        await turns()
    errors = await asyncio.gather(*works, return_exceptions=True)
    assert ["nothing of it was written"] * 2 == [str(error).split("; ")[1] for error in errors]
    assert [] == await store.read(user_ids)
    assert 1 == await store.write(put_user, "a")  # the writer goes on


async def test_a_transaction_undone_in_the_second_pass_counts_for_nobody(store: Store) -> None:
    """Likewise if that happens while commands are run one by one."""

    def wrong(connection: Connection, items: Sequence[str]) -> list[None]:
        connection.exec_driver_sql("ROLLBACK")
        raise ZeroDivisionError

    async with Gate(store):
        works = begin(
            store.write(put_user, "a"), store.write(wrong, "b"), store.write(put_user, "c")
        )
        await turns()
    errors = await asyncio.gather(*works, return_exceptions=True)
    assert [StoreError] * 3 == [type(error) for error in errors]
    assert [] == await store.read(user_ids)


def abandon(path: Path) -> Gate:
    """Ask a store for a write, then close its event loop and forget it; return its gate."""
    loop = asyncio.new_event_loop()
    store = SQLiteStore(path)
    gate = Gate(store)

    async def ask() -> None:
        await store.start()
        await gate.__aenter__()
        (work,) = begin(store.write(put_user, "a"))
        await turns()
        work.cancel()

    loop.run_until_complete(ask())
    for task in asyncio.all_tasks(loop):
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    return gate


def test_a_loop_that_is_closed_first_does_not_stop_the_writer(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What was accepted is committed, quietly, although nobody waits for it any more."""
    gate = abandon(path)
    (writer,) = (one for one in threading.enumerate() if one.name == "zpns-store")
    with caplog.at_level(logging.DEBUG):
        gate.open()
        del gate
        for _ in range(300):  # until what the writer was busy with is forgotten, too
            gc.collect()
            writer.join(0.1)
            if not writer.is_alive():
                break
    assert not writer.is_alive()
    assert [] == caplog.records
    with closing(sqlite3.connect(path)) as connection:
        assert [("a",)] == connection.execute("SELECT user_id FROM users").fetchall()


@pytest.mark.parametrize("in_file", [False, True], ids=["memory", "file"])
async def test_a_store_nobody_closed_takes_its_threads_along(
    in_file: bool, path: Path, new_threads: Callable[[], list[str]]
) -> None:
    """When the last reference goes, so do the threads and the connections."""
    store = SQLiteStore(path if in_file else None)
    await store.start()
    await store.write(put_user, "a")
    await store.read(user_ids)
    gone = weakref.ref(store)
    names = new_threads()
    assert names
    left = [one for one in threading.enumerate() if one.name in names]
    del store
    gc.collect()
    assert gone() is None
    for thread in left:
        await asyncio.to_thread(thread.join, 30)
    assert [] == new_threads()


async def test_closing_leaves_no_thread(path: Path, new_threads: Callable[[], list[str]]) -> None:
    """Neither the writer's nor the readers'."""
    store = SQLiteStore(path)
    await store.start()
    await asyncio.gather(*(store.read(user_ids) for _ in range(20)))
    await soon(store.aclose())
    assert [] == new_threads()


async def test_a_thread_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes through, and the store can be started later."""

    def fail(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    store = SQLiteStore()
    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="new thread"):
        patched.setattr(threading.Thread, "start", fail)
        await store.start()
    await store.start()
    assert 1 == await store.write(put_user, "a")
    await store.aclose()
