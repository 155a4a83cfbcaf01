"""A clock that stands still until it is told to move."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count
from typing import Final

__all__ = ["FakeClock"]

START: Final = 1_795_000_000.0  # 2026-11-18, when none is given
_SETTLE: Final = 50  # loop turns given to whoever was woken


class FakeClock:
    """
    A :class:`~zpns.exchange.Clock` for tests: nothing sleeps, time moves by :meth:`advance`.

    Args:
        now: Where :meth:`time` begins, UTC seconds.
    """

    def __init__(self, now: float = START) -> None:
        self._time = now
        self._monotonic = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

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

        Whoever is woken runs, and may go to sleep again, before time moves on.
        """
        end = self._monotonic + seconds
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

    def _move(self, to: float) -> None:
        if to > self._monotonic:
            self._time += to - self._monotonic
            self._monotonic = to


async def settle() -> None:
    """Let whatever is ready run."""
    for _ in range(_SETTLE):
        await asyncio.sleep(0)
