"""Several processes on one file, and processes that are killed while they write."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import zpns
from zpns.store import events, jobs
from zpns.store._wakeup import POLL
from zpns.store.sqlite import SQLiteStore
from zpns.testing import FakeClock

from .makers import Do, soon

WORKER = Path(__file__).with_name("worker.py")
FAR = 1_000_000  # between the IDs of one process and the next
MANY = 1_000_000  # more than a process can write before it is killed


class Worker:
    """A process that writes; killed at the end of the test at the latest."""

    def __init__(self, path: Path, offset: int, count: int, callers: int) -> None:
        arguments = [str(one) for one in (WORKER, path, offset, count, callers)]
        pipe = subprocess.PIPE
        # The very package that is tested, wherever it is.
        env = {**os.environ, "PYTHONPATH": str(Path(zpns.__file__).parent.parent)}
        self.process = subprocess.Popen(
            [sys.executable, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=env
        )

    def go(self) -> None:
        """Let it begin."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def lines(self, count: int) -> list[str]:
        """Return the next lines it says."""
        assert self.process.stdout is not None
        return [self.process.stdout.readline() for _ in range(count)]

    def end(self) -> list[str]:
        """Return the rest of the lines it says, once it is gone; it complained of nothing."""
        out, err = self.process.communicate(timeout=60)
        assert "" == err
        return out.splitlines(keepends=True)


Begin: TypeAlias = Callable[..., Worker]


@pytest.fixture
def begin(path: Path) -> Iterator[Begin]:
    """Give a function that makes a worker on the file: offset, messages, callers."""
    made: list[Worker] = []

    def make(offset: int = 0, count: int = MANY, callers: int = 20) -> Worker:
        made.append(Worker(path, offset, count, callers))
        return made[-1]

    yield make
    for worker in made:
        worker.process.kill()
        worker.process.communicate(timeout=60)


def accepted(lines: Sequence[str]) -> dict[int, int]:
    """Return number by message ID, of what a process said."""
    return {int(item): int(number) for item, number in (line.split() for line in lines)}


def stored(path: Path) -> dict[int, int]:
    """
    Return number by message ID, of what a file holds.

    Whatever happened, the file is sound, and of each message there is all or nothing: the
    numbers are without gaps, as are those of the events, and each has its job.
    """
    with closing(sqlite3.connect(path)) as connection:
        assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
        found = dict(connection.execute("SELECT message_id, seq FROM messages"))
        taken = dict(connection.execute("SELECT name, value FROM sequences"))
        logged = dict(connection.execute("SELECT message_id, seq FROM events"))
        pushed = {int(ref) for (ref,) in connection.execute("SELECT ref FROM jobs")}
    whole = set(range(1, len(found) + 1))
    assert whole == set(found.values()) == set(logged.values())
    assert found.keys() == logged.keys() == pushed
    assert set(taken.values()) <= {len(found)}
    return found


@pytest.mark.parametrize("callers", [1, 20])
def test_processes_write_one_file_at_once(path: Path, begin: Begin, callers: int) -> None:
    """Also while it is made: nothing is lost and no number is given out twice."""
    count = 60 * callers
    workers = [begin(FAR * number, count, callers) for number in range(3)]
    for worker in workers:
        worker.go()
    told: dict[int, int] = {}
    for worker in workers:
        told |= accepted(worker.end())
        assert 0 == worker.process.returncode
    assert 3 * count == len(told)
    assert told == stored(path)


async def kill_while_writing(path: Path, begin: Begin, seed: int) -> None:
    """Kill a process at a moment that *seed* chooses; whatever it accepted is there."""
    chance = random.Random(seed)
    worker = begin(callers=chance.choice([1, 5, 50]))
    worker.go()
    lines = worker.lines(chance.randrange(1, 200))
    worker.process.kill()
    lines += [line for line in worker.end() if line.endswith("\n")]
    assert -signal.SIGKILL == worker.process.returncode
    told = accepted(lines)

    # A copy is judged as the crash left it, then a store opens the file itself.
    crashed = path.with_name("crashed.db")
    for end in ("", "-wal"):
        copy = crashed.with_name(f"{crashed.name}{end}")
        copy.write_bytes(path.with_name(f"{path.name}{end}").read_bytes())
    there = stored(crashed)
    assert told.items() <= there.items()

    store = SQLiteStore(path)
    await store.start()
    do = Do(store)
    assert there == dict(await do.rows("SELECT message_id, seq FROM messages"))
    assert len(there) + 1 == await next_number(do, "u:bob")
    assert len(there) == len(await do(jobs.claim, owner="w", now=10, until=20, most=MANY))
    await store.aclose()


async def next_number(do: Do, log: str) -> int:
    """Append an event to a log and return its number."""
    row: dict[str, Any] = {"log": log, "name": "x", "message_id": None, "body": "{}"}
    row |= {"created_at": 1, "expires_at": 2}
    await do(events.append, [row])
    return int(row["seq"])


@pytest.mark.parametrize("seed", range(4))
async def test_a_killed_process_loses_nothing_it_accepted(
    path: Path, begin: Begin, seed: int
) -> None:
    """Kill -9 at any moment: the file is sound, and holds every write that returned."""
    await kill_while_writing(path, begin, seed)


@pytest.mark.kill
@pytest.mark.parametrize("seed", range(100, 200))
async def test_many_killed_processes_lose_nothing(path: Path, begin: Begin, seed: int) -> None:
    """The same, a hundred times."""
    await kill_while_writing(path, begin, seed)


@pytest.mark.parametrize("seed", range(2))
async def test_a_process_that_is_killed_holds_up_nobody(
    file_store: SQLiteStore, begin: Begin, seed: int
) -> None:
    """A store that has the file open goes on at once, and sees what the dead one accepted."""
    do = Do(file_store)
    worker = begin()
    worker.go()
    lines = worker.lines(random.Random(seed).randrange(1, 100))
    # Both write for a while.
    assert list(range(1, 21)) == [await next_number(do, "u:me") for _ in range(20)]
    worker.process.kill()
    worker.process.wait(60)
    there = dict(await do.rows("SELECT message_id, seq FROM messages"))
    assert accepted(lines).items() <= there.items()
    assert len(there) + 1 == await next_number(do, "u:bob")
    assert 21 == await next_number(do, "u:me")


async def test_news_of_another_process_arrive(file_store: SQLiteStore, begin: Begin) -> None:
    """At the next look at the file, when what it wrote can be read."""
    clock = FakeClock()
    wakeup = file_store.watch(clock)
    listener = wakeup.listen("u:bob")
    await soon(listener.wait(None))  # what was there before counts as news
    worker = begin(count=1, callers=1)
    task = asyncio.create_task(listener.wait(None))
    await clock.advance(1)
    assert not task.done()
    worker.go()
    assert [1] == list(accepted(worker.lines(1)).values())
    async with asyncio.timeout(60):
        while not task.done():  # a look may be under way, which ends in its own time
            await clock.advance(POLL)
    page = await file_store.read(events.page, "u:bob", 0, 1, 10)
    assert [(1, "message")] == [(row.seq, row.name) for row in page]
    await wakeup.aclose()
    assert [] == worker.end()
