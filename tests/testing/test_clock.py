"""The fake clock: what wakes when, and in which order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from zpns.errors import ParameterError, StateError
from zpns.testing import FakeClock

START = 1_000_000.0


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands at a round number."""
    return FakeClock(START)


async def sleep(clock: FakeClock, when: float, log: list[Any], name: str = "") -> None:
    """Sleep until *when*, and log who woke at which time."""
    await clock.sleep_until(when)
    log.append((name or when, clock.monotonic()))


async def test_it_stands_still(clock: FakeClock) -> None:
    """Neither real time nor turns of the loop move it."""
    await clock.advance(0)
    assert (START, 0.0) == (clock.time(), clock.monotonic())


async def test_both_times_move_together(clock: FakeClock) -> None:
    """What passes, passes for the time of day and for the monotonic clock."""
    await clock.advance(2.5)
    await clock.advance(1)
    assert (START + 3.5, 3.5) == (clock.time(), clock.monotonic())


async def test_sleepers_wake_in_the_order_of_their_times(clock: FakeClock) -> None:
    """Whoever sleeps until an earlier moment wakes earlier, and sees that moment."""
    log: list[Any] = []
    tasks = [asyncio.create_task(sleep(clock, when, log)) for when in (5.0, 2.0, 9.0, 3.0)]
    await clock.advance(6)
    assert [(2.0, 2.0), (3.0, 3.0), (5.0, 5.0)] == log
    await clock.advance(3)
    assert (9.0, 9.0) == log[-1]
    await asyncio.gather(*tasks)


async def test_sleepers_of_one_moment_wake_in_the_order_they_went_to_sleep(
    clock: FakeClock,
) -> None:
    """Equal times keep the order."""
    log: list[Any] = []
    tasks = [asyncio.create_task(sleep(clock, 1.0, log, name)) for name in "abc"]
    await clock.advance(1)
    assert [("a", 1.0), ("b", 1.0), ("c", 1.0)] == log
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("when", [-1.0, 0.0])
async def test_a_moment_that_is_past_is_not_slept_for(clock: FakeClock, when: float) -> None:
    """Sleeping until now or earlier returns at once."""
    await clock.sleep_until(when)
    assert 0 == clock.sleepers


async def test_who_wakes_may_sleep_again(clock: FakeClock) -> None:
    """A sleep that begins during an advance and ends within it is woken by it."""
    log: list[float] = []

    async def work() -> None:
        for _ in range(4):
            await clock.sleep_until(clock.monotonic() + 2)
            log.append(clock.monotonic())

    task = asyncio.create_task(work())
    await clock.advance(7)
    assert [2.0, 4.0, 6.0] == log
    await clock.advance(1)
    await task


async def test_who_wakes_runs_as_far_as_it_can(clock: FakeClock) -> None:
    """Time waits for long chains of tasks that hand something on."""
    log: list[float] = []

    async def work() -> None:
        await clock.sleep_until(1)
        for _ in range(1000):
            await asyncio.sleep(0)
        log.append(clock.monotonic())

    task = asyncio.create_task(work())
    await clock.advance(100)
    assert [1.0] == log
    await task


async def test_a_task_that_is_never_idle_does_not_stop_it(clock: FakeClock) -> None:
    """Somebody who polls without end does not keep time from moving."""

    async def poll() -> None:
        while True:
            await asyncio.sleep(0)

    task = asyncio.create_task(poll())
    await clock.advance(5)
    assert 5.0 == clock.monotonic()
    task.cancel()


async def test_an_advance_inside_an_advance_follows_it(clock: FakeClock) -> None:
    """Somebody woken who lets time pass gets his time after the first advance is over."""
    log: list[float] = []

    async def work() -> None:
        await clock.sleep_until(2)
        await clock.advance(3)
        log.append(clock.monotonic())

    task = asyncio.create_task(work())
    await clock.advance(10)
    assert (10.0, []) == (clock.monotonic(), log)
    await task
    assert [13.0] == log


async def test_two_advances_at_once_add_up(clock: FakeClock) -> None:
    """Both pass in full, one after the other."""
    await asyncio.gather(clock.advance(3), clock.advance(4))
    assert 7.0 == clock.monotonic()


@pytest.mark.parametrize("seconds", [-1, float("nan")])
async def test_time_does_not_go_back(clock: FakeClock, seconds: float) -> None:
    """The monotonic clock cannot; the error says what can."""
    with pytest.raises(ParameterError, match="jump"):
        await clock.advance(seconds)


async def test_a_jump_moves_the_time_of_day_alone(clock: FakeClock) -> None:
    """Sleepers are woken by the monotonic clock, which a jump leaves alone."""
    log: list[Any] = []
    task = asyncio.create_task(sleep(clock, 5.0, log))
    clock.jump(-3600)
    await clock.advance(4)
    clock.jump(7200)
    await clock.advance(0.5)
    assert ([], START + 3600 + 4.5, 4.5) == (log, clock.time(), clock.monotonic())
    await clock.advance(0.5)
    assert [(5.0, 5.0)] == log
    await task


async def test_cancelled_sleepers_are_forgotten(clock: FakeClock) -> None:
    """They are not counted, not woken, and do not hold up the others."""
    log: list[Any] = []
    tasks = [asyncio.create_task(sleep(clock, when, log)) for when in (1.0, 2.0, 3.0)]
    await clock.advance(0)
    assert 3 == clock.sleepers
    tasks[0].cancel()
    tasks[1].cancel()
    await clock.advance(0)
    assert 1 == clock.sleepers
    await clock.advance(5)
    assert ([(3.0, 3.0)], 0) == (log, clock.sleepers)


async def test_a_repr_tells_the_time(clock: FakeClock) -> None:
    """Seen in a debugger, it says where it stands and who waits."""
    task = asyncio.create_task(clock.sleep_until(9))
    await clock.advance(2.5)
    assert "FakeClock(monotonic=2.5, sleepers=1)" == repr(clock)
    task.cancel()


async def test_run_moves_time_when_everybody_waits(clock: FakeClock) -> None:
    """Work that sleeps is done at once, and at the right time."""

    async def work() -> float:
        await clock.sleep_until(3)
        await asyncio.sleep(0)
        await clock.sleep_until(1000)
        return clock.monotonic()

    assert 1000.0 == await clock.run(work())


async def test_run_leaves_time_alone_if_nobody_waits(clock: FakeClock) -> None:
    """Work that needs no time takes none, whoever else sleeps."""
    other = asyncio.create_task(clock.sleep_until(5))
    assert "done" == await clock.run(asyncio.sleep(0, "done"))
    assert 0.0 == clock.monotonic()
    other.cancel()


async def test_run_passes_on_what_is_raised(clock: FakeClock) -> None:
    """An exception of the work comes out."""

    async def work() -> None:
        await clock.sleep_until(1)
        raise LookupError

    with pytest.raises(LookupError):
        await clock.run(work())


async def test_run_says_when_time_does_not_help(clock: FakeClock) -> None:
    """Work that waits for something else is cancelled, and the test fails instead of hanging."""
    ended = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    sleeper = asyncio.create_task(clock.sleep_until(5))
    await clock.advance(0)
    sleeper.cancel()
    with pytest.raises(StateError, match="no time brings"):
        await clock.run(work())
    assert [True] == ended


async def test_a_cancelled_run_cancels_its_work(clock: FakeClock) -> None:
    """Nothing of it is left running."""
    ended = []

    async def work() -> None:
        try:
            while True:
                await asyncio.sleep(0)
        finally:
            ended.append(True)

    task = asyncio.create_task(clock.run(work()))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [True] == ended


def test_it_works_on_other_loops(clock: FakeClock) -> None:
    """A loop that does not tell whether it is idle gets a fixed number of turns."""
    uvloop = pytest.importorskip("uvloop")
    log: list[Any] = []

    async def work() -> None:
        task = asyncio.create_task(sleep(clock, 5.0, log))
        await clock.advance(6)
        await task

    uvloop.run(work())
    assert [(5.0, 5.0)] == log
