"""Requests under way at once, per vendor app; the more urgent first."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

__all__ = ["Window"]


class Window:
    """
    Room for a number of requests: calls overtake messages, messages overtake marketing.

    Args:
        size: How many at once.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._order = count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    async def acquire(self, priority: int) -> bool:
        """
        Return once there is room, which :meth:`release` gives back.

        Args:
            priority: The lower, the sooner; equals go in the order in which they came.

        Returns:
            Whether that took waiting.
        """
        if self._free:
            self._free -= 1
            return False
        room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), room))
        try:
            await room
        except asyncio.CancelledError:
            if room.done() and not room.cancelled():  # it was handed over all the same
                self.release()
            raise
        return True

    def release(self) -> None:
        """Make room: for whoever waits, if anybody does."""
        while self._waiting:
            _, _, room = heapq.heappop(self._waiting)
            if not room.done():
                room.set_result(None)
                return
        self._free += 1
