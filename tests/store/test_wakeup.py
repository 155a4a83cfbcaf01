"""News: what wakes a listener, what does not, and that nothing said is forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from zpns.errors import StateError, StoreError
from zpns.store import Listener, Wakeup
from zpns.store._wakeup import POLL, LocalWakeup
from zpns.store.sqlite import SQLiteStore
from zpns.testing import FakeClock

from .makers import Do, begin, put_user, soon, turns


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that stands still."""
    return FakeClock()


@pytest.fixture
async def wakeup(clock: FakeClock) -> AsyncIterator[LocalWakeup]:
    """Give a wakeup without other processes."""
    wakeup = LocalWakeup(clock)
    yield wakeup
    await wakeup.aclose()


async def waiting(listener: Listener, until: float | None = None) -> asyncio.Task[None]:
    """Return a task that waits for news already."""
    (task,) = begin(listener.wait(until))
    await turns()
    return task


# Within a process.


async def test_a_notification_wakes_who_waits(wakeup: LocalWakeup) -> None:
    """Everybody who listens to the topic, and nobody else."""
    bobs = [wakeup.listen("u:bob"), wakeup.listen("u:bob")]
    alice = wakeup.listen("u:alice")
    tasks = [await waiting(listener) for listener in (*bobs, alice)]
    assert [False] * 3 == [task.done() for task in tasks]
    wakeup.notify(["u:bob", "jobs"])
    await turns()
    assert [True, True, False] == [task.done() for task in tasks]
    alice.close()
    await tasks[-1]


async def test_a_hint_between_listening_and_waiting_is_kept(wakeup: LocalWakeup) -> None:
    """Whoever listens, reads, then waits, misses nothing; hints are not counted."""
    listener = wakeup.listen("u:bob")
    wakeup.notify(["u:bob"])
    wakeup.notify(["u:bob"])
    await soon(listener.wait(None))
    task = await waiting(listener)
    assert not task.done()
    wakeup.notify(["u:bob"])
    await soon(task)


async def test_a_hint_of_before_listening_is_not_for_us(wakeup: LocalWakeup) -> None:
    """One listens, then reads: what was said before is found by reading."""
    wakeup.notify(["u:bob"])
    listener = wakeup.listen("u:bob")
    task = await waiting(listener)
    assert not task.done()
    listener.close()
    await soon(task)


async def test_a_hint_survives_a_wait_that_is_cancelled(wakeup: LocalWakeup) -> None:
    """Giving up waiting at the moment of the news does not lose it."""
    listener = wakeup.listen("u:bob")
    task = await waiting(listener)
    wakeup.notify(["u:bob"])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await soon(listener.wait(None))


@pytest.mark.parametrize("until", [5.0, None], ids=["until", "forever"])
async def test_waiting_ends_at_news(
    wakeup: LocalWakeup, clock: FakeClock, until: float | None
) -> None:
    """Before its time; nothing is left asleep."""
    listener = wakeup.listen("u:bob")
    task = await waiting(listener, until)
    wakeup.notify(["u:bob"])
    await soon(task)
    await turns()
    assert 0 == clock.sleepers


async def test_waiting_ends_at_its_time(wakeup: LocalWakeup, clock: FakeClock) -> None:
    """And not before; a timer that has ended does not pass for news afterwards."""
    listener = wakeup.listen("jobs")
    for _ in range(3):
        until = clock.monotonic() + 5
        task = await waiting(listener, until)
        await clock.advance(4.75)
        assert not task.done()
        await clock.advance(0.25)
        assert task.done()
        await task


async def test_news_do_not_leave_a_timer_that_wakes_later(
    wakeup: LocalWakeup, clock: FakeClock
) -> None:
    """The next wait lasts its own time, however the one before ended."""
    listener = wakeup.listen("jobs")
    task = await waiting(listener, 5)
    wakeup.notify(["jobs"])
    await soon(task)
    task = await waiting(listener, 100)
    await clock.advance(50)
    assert not task.done()
    task.cancel()
    await turns()
    task = await waiting(listener, 100)
    assert not task.done()
    assert 1 == clock.sleepers
    await clock.advance(50)
    assert task.done()


async def test_a_time_that_is_over_does_not_wait(wakeup: LocalWakeup) -> None:
    """A job that is due already is not waited for."""
    await soon(wakeup.listen("jobs").wait(-1))


async def test_a_clock_that_fails_is_heard(wakeup: LocalWakeup) -> None:
    """Its error reaches who waits, instead of getting lost in a task."""

    class Broken(FakeClock):
        async def sleep_until(self, when: float) -> None:
            raise OSError("no clock")

    broken = LocalWakeup(Broken())
    with pytest.raises(OSError, match="no clock"):
        await soon(broken.listen("jobs").wait(5))
    await broken.aclose()


async def test_closing_a_listener_wakes_who_waits(wakeup: LocalWakeup, clock: FakeClock) -> None:
    """From then on it returns at once, and lets others run."""
    listener, other = wakeup.listen("u:bob"), wakeup.listen("u:bob")
    task, others = await waiting(listener), await waiting(other)
    listener.close()
    listener.close()  # twice is no error
    await soon(task)
    assert not others.done()
    ran: list[None] = []
    (beside,) = begin(asyncio.sleep(0))
    beside.add_done_callback(lambda _: ran.append(None))
    for _ in range(20):
        await listener.wait(None)
        await listener.wait(clock.monotonic() + 5)
    assert [None] == ran
    other.close()
    await soon(others)


async def test_closing_the_wakeup_wakes_everybody(wakeup: LocalWakeup) -> None:
    """Whoever comes later learns that nothing will wake them."""
    tasks = [await waiting(wakeup.listen(topic)) for topic in ("u:bob", "u:bob", "jobs")]
    await wakeup.aclose()
    await soon(asyncio.gather(*tasks))
    with pytest.raises(StateError, match="closed"):
        wakeup.listen("jobs")
    wakeup.notify(["jobs"])  # nobody is there, which is no error


# From other processes.


class Version:
    """Stands for a database that others write, or that fails."""

    def __init__(self) -> None:
        self.now = 1
        self.asked = 0
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.now


@pytest.fixture
def version() -> Version:
    """Give a database that others may write."""
    return Version()


@pytest.fixture
async def polling(clock: FakeClock, version: Version) -> AsyncIterator[LocalWakeup]:
    """Give a wakeup that looks for other processes."""
    wakeup = LocalWakeup(clock, version)
    yield wakeup
    await wakeup.aclose()


async def settled(listener: Listener) -> None:
    """Wait for the hint of the first look, which finds what was written before."""
    await soon(listener.wait(None))


async def test_what_another_process_wrote_wakes_everybody(
    polling: LocalWakeup, version: Version, clock: FakeClock
) -> None:
    """At the next look: nobody knows which topics it was about."""
    listeners = [polling.listen("u:bob"), polling.listen("jobs")]
    for listener in listeners:
        await settled(listener)
    tasks = [await waiting(listener) for listener in listeners]
    version.now = 2
    await clock.advance(POLL * 0.75)
    assert [False, False] == [task.done() for task in tasks]
    await clock.advance(POLL * 0.25)
    assert [True, True] == [task.done() for task in tasks]


async def test_nothing_new_wakes_nobody(
    polling: LocalWakeup, version: Version, clock: FakeClock
) -> None:
    """However often the database is looked at: ten times a second."""
    listener = polling.listen("u:bob")
    await settled(listener)
    task = await waiting(listener)
    assert 1 == version.asked
    for _ in range(10):
        await clock.advance(POLL)
    assert 0.1 == POLL
    assert 11 == version.asked
    assert not task.done()


async def test_nobody_looks_while_nobody_listens(
    polling: LocalWakeup, version: Version, clock: FakeClock
) -> None:
    """The last to leave ends the looking, the next to come begins it again."""
    await clock.advance(1)
    assert 0 == version.asked
    for round_ in range(1, 3):
        listener = polling.listen("u:bob")
        await settled(listener)
        assert round_ == version.asked
        listener.close()
        await clock.advance(1)
        assert (round_, 0) == (version.asked, clock.sleepers)


async def test_a_look_that_fails_is_told_once_and_repeated(
    polling: LocalWakeup, version: Version, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The log is not filled ten times a second, and news come when looking works again."""
    listener = polling.listen("u:bob")
    await settled(listener)
    task = await waiting(listener)
    for _ in range(2):
        version.error = StoreError("the disk failed")
        with caplog.at_level(logging.WARNING, "zpns.store"):
            for _ in range(5):
                await clock.advance(POLL)
        version.error = None
        await clock.advance(POLL)
    assert 2 == len(caplog.records)
    assert "the disk failed" in caplog.text
    assert not task.done()
    version.now = 2
    await clock.advance(POLL)
    assert task.done()


async def test_looking_ends_when_the_store_is_closed(
    polling: LocalWakeup, version: Version, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Quietly: whoever closes the store first has nothing to learn from it."""
    listener = polling.listen("u:bob")
    await settled(listener)
    version.error = StateError("this store is not open")
    await clock.advance(1)
    assert (2, 0) == (version.asked, clock.sleepers)
    assert [] == caplog.records


async def test_closing_ends_looking(
    polling: LocalWakeup, version: Version, clock: FakeClock
) -> None:
    """No task is left."""
    polling.listen("u:bob")
    await turns()
    before = asyncio.all_tasks()
    assert 2 == len(before)  # the poll, and this test
    await polling.aclose()
    assert 1 == len(asyncio.all_tasks())
    await clock.advance(1)
    assert 1 == version.asked


# A real file.


@pytest.fixture
async def watch(file_store: SQLiteStore, clock: FakeClock) -> AsyncIterator[Callable[[], Wakeup]]:
    """Give what watches a file."""
    made: list[Wakeup] = []

    def make() -> Wakeup:
        made.append(file_store.watch(clock))
        return made[-1]

    yield make
    for wakeup in made:
        await wakeup.aclose()


async def test_another_store_on_the_file_wakes_us(
    file_store: SQLiteStore, path: Path, clock: FakeClock, watch: Callable[[], Wakeup]
) -> None:
    """It stands for another process; what it wrote can be read when the hint comes."""
    listener = watch().listen("u:bob")
    await settled(listener)
    other = SQLiteStore(path)
    await other.start()
    for number in range(3):
        await other.write(put_user, f"u{number}")
        task = await waiting(listener)
        await clock.advance(POLL)
        await soon(task)
        assert number + 1 == await Do(file_store).value("SELECT count(*) FROM users")
    await other.aclose()


async def test_our_own_writes_do_not_wake_us(file_store: SQLiteStore) -> None:
    """They are told by notify; the number that is looked at is about others."""
    before = await file_store._data_version()
    await file_store.write(put_user, "a")
    await file_store.read(lambda connection: None)
    assert before == await file_store._data_version()


async def test_others_writes_change_the_number(file_store: SQLiteStore, path: Path) -> None:
    """Each of them, and only what was written."""
    seen = [await file_store._data_version()]
    other = SQLiteStore(path)
    await other.start()
    seen.append(await file_store._data_version())  # starting it wrote nothing
    for number in range(2):
        await other.write(put_user, f"u{number}")
        seen.append(await file_store._data_version())
    await other.aclose()
    assert seen[0] == seen[1]
    assert 3 == len(set(seen))


async def test_a_look_at_a_broken_file_is_a_store_error(
    file_store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which the poll logs and survives, as any other that concerns the database."""
    monkeypatch.setattr("zpns.store.sqlite._VERSION", "SELECT nowhere")
    with pytest.raises(StoreError, match="nowhere"):
        await file_store._data_version()
    monkeypatch.undo()
    await file_store._data_version()


async def test_a_store_in_memory_is_not_polled(clock: FakeClock) -> None:
    """Nobody else can write it."""
    store = SQLiteStore()
    await store.start()
    wakeup = store.watch(clock)
    task = await waiting(wakeup.listen("u:bob"))
    await clock.advance(10)
    assert not task.done()
    await wakeup.aclose()
    await soon(task)
    await store.aclose()
