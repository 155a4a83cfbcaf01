"""One pause for a whole vendor app, with one probe at its end."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from zpns.exchange import Clock

__all__ = ["Entry", "Pause"]


class Entry(NamedTuple):
    """
    Whether a send may go out.

    Attributes:
        until: When to try again, UTC seconds, or None if it may.

        probe: Whether it is the one that goes first.
    """

    until: float | None = None
    probe: bool = False


_FREE = Entry()


class Pause:
    """
    Holds back everything of an app while its vendor wants nothing from it.

    Once the time is over a single send goes first. Only when the vendor took it do the
    others follow; if the vendor says *not yet* again, they go on waiting.

    Args:
        clock: Decides when the time is over.

    Attributes:
        code: What the vendor called it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: float | None = None
        self._probing = False
        self._changed = asyncio.Event()
        self.code = ""

    @property
    def until(self) -> float | None:
        """When the pause ends, UTC seconds; None if there is none."""
        return self._until

    def begin(self, until: float, code: str) -> None:
        """Send nothing before *until*, UTC seconds; a longer pause under way stays."""
        self._until = until if self._until is None else max(until, self._until)
        self.code = code

    async def enter(self, patience: float) -> Entry:
        """
        Wait until a send may go out; :meth:`leave` has to follow if it may.

        Args:
            patience: Until when to wait, by the monotonic clock.
        """
        while self._until is not None:
            until, left = self._until, self._until - self._clock.time()
            if left <= 0 and not self._probing:
                self._probing = True
                return Entry(probe=True)
            if patience <= self._clock.monotonic() + max(left, 0):
                return Entry(until)
            if left > 0:
                await self._clock.sleep_until(self._clock.monotonic() + left)
            else:
                await self._changed.wait()
        return _FREE

    def leave(self, entry: Entry, *, answered: bool, paused: bool) -> None:
        """
        Say how a send ended.

        Args:
            entry: What :meth:`enter` gave it.

            answered: Whether the vendor took part at all.

            paused: Whether it asked for another pause.
        """
        if not entry.probe:
            return
        self._probing = False
        if answered and not paused:
            self._until = None
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
