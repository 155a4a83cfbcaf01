"""A clock that stands still until it is told to move."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine
from itertools import count
from typing import Any, Final, TypeVar

from zpns.errors import ParameterError, StateError

__all__ = ["FakeClock", "settle"]

T = TypeVar("T")

START: Final = 1_795_000_000.0  # 2026-11-18, when none is given
_TURNS: Final = 200  # loop turns given where the loop does not tell whether it is idle
_MOST_TURNS: Final = 20_000  # a task that is never idle must not stop the test


class FakeClock:
    """
    A :class:`~zpns.exchange.Clock` for tests: nothing sleeps, time moves by :meth:`advance`.

    .. code-block:: python

        clock = FakeClock()
        task = asyncio.create_task(work(clock))
        await clock.advance(30)

        delivery = await clock.run(sender.send(notification, token))

    Args:
        now: Where :meth:`time` begins, UTC seconds. :meth:`monotonic` begins at 0.
    """

    def __init__(self, now: float = START) -> None:
        self._time = now
        self._monotonic = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._moving = asyncio.Lock()

    def __repr__(self) -> str:
        return f"FakeClock(monotonic={self._monotonic:g}, sleepers={self.sleepers})"

    def time(self) -> float:
        return self._time

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep_until(self, when: float) -> None:
        if when <= self._monotonic:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (when, next(self._order), future))
        await future

    @property
    def sleepers(self) -> int:
        """How many calls of :meth:`sleep_until` are waiting."""
        return sum(not future.done() for _, _, future in self._sleepers)

    def jump(self, seconds: float) -> None:
        """Set the time of day *seconds* forward, or back, as an administrator does."""
        self._time += seconds

    async def advance(self, seconds: float) -> None:
        """
        Let *seconds* pass, waking every sleeper at its moment and in order.

        Whoever is woken runs, and may go to sleep again, before time moves on. Asked for
        while time is moving already, by somebody who was woken for instance, it follows
        when that is done.

        Args:
            seconds: 0 or more; 0 lets whatever is ready run.
        """
        if not seconds >= 0:
            raise ParameterError("seconds", "0 or more; jump() sets the time of day back", seconds)
        async with self._moving:
            await self._pass(self._monotonic + seconds)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """
        Return what *work* returns, moving time on whenever everything waits for it.

        Args:
            work: What is run, as a task of its own.

        Raises:
            StateError: It waits for something that no time brings.
        """
        task = asyncio.get_running_loop().create_task(work)
        try:
            await settle()
            while not task.done():
                async with self._moving:
                    self._forget_cancelled()
                    if not self._sleepers:
                        raise StateError("it waits for something that no time brings")
                    await self._pass(self._sleepers[0][0])
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _pass(self, end: float) -> None:
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            when, _, future = heapq.heappop(self._sleepers)
            if future.done():
                continue
            self._move(when)
            future.set_result(None)
            await settle()
        self._move(end)
        await settle()

    def _forget_cancelled(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)

    def _move(self, to: float) -> None:
        if to > self._monotonic:
            self._time += to - self._monotonic
            self._monotonic = to


async def settle() -> None:
    """Let whatever is ready run, until every task waits for something."""
    # asyncio's own loops know what is still to run. Others get a fixed number of turns.
    ready = getattr(asyncio.get_running_loop(), "_ready", None)
    for _ in range(_TURNS if ready is None else _MOST_TURNS):
        await asyncio.sleep(0)
        if ready is not None and not ready:
            return
