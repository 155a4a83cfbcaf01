"""Waits that end at their time: by the clock given, in order, and without a task each."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from zpns.sender._timer import Timer
from zpns.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """Time that stands still."""
    return FakeClock()


@pytest.fixture
def timer(clock: FakeClock) -> Timer:
    """A timer by that clock."""
    return Timer(clock)


async def wait(timer: Timer, when: float, ended: list[float], clock: FakeClock) -> None:
    """Wait for nothing until *when*, and say when it ended."""
    with pytest.raises(TimeoutError):
        async with timer.until(when):
            await asyncio.Event().wait()
    ended.append(clock.monotonic())


async def test_waits_end_at_their_times(timer: Timer, clock: FakeClock, tasks: Any) -> None:
    """Whatever the order in which they began, each ends at its own time, and no task is left."""
    ended: list[float] = []
    waits = [
        asyncio.create_task(wait(timer, when, ended, clock)) for when in (5.0, 2.0, 9.0, 2.0, 1.0)
    ]
    await clock.advance(4)
    assert [1.0, 2.0, 2.0] == ended
    await clock.advance(10)
    assert [1.0, 2.0, 2.0, 5.0, 9.0] == ended
    await asyncio.gather(*waits)
    assert (set(), 0) == (tasks(), clock.sleepers)


async def test_a_thousand_waits_cost_one_task(timer: Timer, clock: FakeClock, tasks: Any) -> None:
    """There is a single sleeper, for the earliest of them."""
    ended: list[float] = []
    waits = [asyncio.create_task(wait(timer, 5.0 + n, ended, clock)) for n in range(1000)]
    await clock.advance(0)
    assert (1, 1001) == (clock.sleepers, len(tasks()))
    await clock.advance(2000)
    await asyncio.gather(*waits)
    assert 1000 == len(ended)


async def test_a_block_that_ends_in_time_is_not_touched(timer: Timer, clock: FakeClock) -> None:
    """Its result stands, and its time passes without effect."""
    async with timer.until(5):
        await clock.advance(4)
    await clock.advance(10)
    assert 0 == clock.sleepers


async def test_a_time_that_is_past_ends_the_first_wait(timer: Timer) -> None:
    """Code that waits for nothing runs through; the first wait ends."""
    reached = False
    with pytest.raises(TimeoutError):
        async with timer.until(0):
            reached = True
            await asyncio.Event().wait()
    async with timer.until(-1):
        pass
    assert reached


async def test_what_the_block_raises_comes_out(timer: Timer) -> None:
    """An exception, or cancelling from outside, is not taken for the end of the time."""
    with pytest.raises(LookupError):
        async with timer.until(5):
            raise LookupError

    async def work() -> None:
        async with timer.until(5):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_waits_may_be_nested(timer: Timer, clock: FakeClock) -> None:
    """The inner end is caught inside, the outer one outside."""
    seen: list[str] = []

    async def work() -> None:
        try:
            async with timer.until(10):
                try:
                    async with timer.until(3):
                        await asyncio.Event().wait()
                except TimeoutError:
                    seen.append(f"inner at {clock.monotonic():g}")
                await asyncio.Event().wait()
        except TimeoutError:
            seen.append(f"outer at {clock.monotonic():g}")

    task = asyncio.create_task(work())
    await clock.advance(20)
    await task
    assert ["inner at 3", "outer at 10"] == seen


async def test_ended_waits_are_forgotten(timer: Timer) -> None:
    """A hundred thousand short waits beside a long one leave no heap behind."""
    async with timer.until(1e9):
        for number in range(100_000):
            async with timer.until(1000.0 + number):
                pass
        assert len(timer._heap) < 200


async def test_closing_ends_every_wait(timer: Timer, clock: FakeClock) -> None:
    """Those under way end now, later ones at once; ended ones are not disturbed."""
    ended: list[float] = []
    waits = [asyncio.create_task(wait(timer, when, ended, clock)) for when in (5.0, 50.0)]
    await clock.advance(0)
    timer.close()
    timer.close()
    await asyncio.gather(*waits)
    await wait(timer, 99.0, ended, clock)
    assert [0.0] * 3 == ended
