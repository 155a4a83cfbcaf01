"""Waits that end at their time, by the clock of the sender: one sleeping task for all."""

from __future__ import annotations

import asyncio
import heapq
import math
from itertools import count
from types import TracebackType
from typing import Final

from zpns.exchange import Clock

__all__ = ["Limit", "Timer"]

_SLACK: Final = 64  # entries of ended waits that may lie in the heap


class Timer:
    """
    Ends waits at their time.

    ``asyncio.timeout`` does the same by the machine's clock; here time is an argument.
    Thousands of waits cost one task, which sleeps until the earliest of them.

    Args:
        clock: Says when.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Limit]] = []
        self._order = count()
        self._live = 0
        self._sleeper: asyncio.Task[None] | None = None
        self._wakes = math.inf
        self._closed = False

    def until(self, when: float) -> Limit:
        """
        Return a block that raises ``TimeoutError`` once *when* has come.

        Args:
            when: By the monotonic clock. If it is past, the block ends where it first
                waits.
        """
        return Limit(self, when)

    def close(self) -> None:
        """End every wait now, and those that begin later at once."""
        self._closed = True
        for _, _, limit in self._heap:
            limit.expire()

    def add(self, limit: Limit) -> None:
        """Watch over *limit*, whose block was entered."""
        self._live += 1
        heapq.heappush(self._heap, (limit.when, next(self._order), limit))
        if self._closed or limit.when <= self._clock.monotonic():
            limit.expire()
        elif limit.when < self._wakes:
            self._arm()

    def discard(self) -> None:
        """Forget a limit whose block was left."""
        self._live -= 1
        if not self._live:
            self._heap.clear()
            self._arm()
        elif len(self._heap) > 2 * self._live + _SLACK:
            self._heap = [entry for entry in self._heap if entry[2].live]
            heapq.heapify(self._heap)

    def _arm(self) -> None:
        """Let the one task sleep until the earliest end, or not at all."""
        if self._sleeper is not None:
            self._sleeper.cancel()
            self._sleeper, self._wakes = None, math.inf
        while self._heap and not self._heap[0][2].live:
            heapq.heappop(self._heap)
        if self._heap:
            self._wakes = self._heap[0][0]
            loop = asyncio.get_running_loop()
            self._sleeper = loop.create_task(self._clock.sleep_until(self._wakes))
            self._sleeper.add_done_callback(self._woke)

    def _woke(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task is not self._sleeper:
            return
        self._sleeper, self._wakes = None, math.inf
        task.result()
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2].expire()
        self._arm()


class Limit:
    """
    A block that ends with ``TimeoutError`` at its time; :meth:`Timer.until` gives it.

    Attributes:
        when: By the monotonic clock.

        live: Whether the block is being run and was not told to end.
    """

    __slots__ = ("_timeout", "_timer", "live", "when")

    def __init__(self, timer: Timer, when: float) -> None:
        self.when = when
        self.live = False
        self._timer = timer
        self._timeout = asyncio.timeout(None)  # tells its own cancelling from another's

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self.live = True
        self._timer.add(self)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.live = False
        self._timer.discard()
        await self._timeout.__aexit__(kind, error, traceback)

    def expire(self) -> None:
        """End the block where it waits."""
        if self.live:
            self.live = False
            self._timeout.reschedule(asyncio.get_running_loop().time())
