"""One pause for a whole vendor app, with one probe at its end."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from zpns.exchange import Clock
from zpns.models.delivery import Verdict

__all__ = ["FREE", "Entry", "Pause"]


class Entry(NamedTuple):
    """
    Whether a send may go out.

    Attributes:
        until: When to try again, UTC seconds, or None if it may.

        probe: Which pause it is the one to end, or None if it goes along with others.
    """

    until: float | None = None
    probe: int | None = None


FREE: Final = Entry()
LOOK_AGAIN: Final = 1.0  # seconds, for who does not wait for somebody else's probe


class Pause:
    """
    Holds back everything of an app while its vendor wants nothing from it.

    Once the time is over a single send goes first. Only when the vendor took it do the
    others follow; if the vendor says *not yet* again, they go on waiting.

    Args:
        clock: Decides when the time is over.

    Attributes:
        verdict: What the vendor said that began it, or None if there is none.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends: float | None = None  # monotonic: a clock set back prolongs no pause
        self._number = 0
        self._probing = False
        self._changed = asyncio.Event()
        self.verdict: Verdict | None = None

    @property
    def active(self) -> bool:
        """Whether sends have to :meth:`enter`; if not, they may go out at once."""
        return self._ends is not None

    def begin(self, until: float, verdict: Verdict) -> None:
        """Send nothing before *until*, UTC seconds; a longer pause under way stays."""
        ends = self._clock.monotonic() + (until - self._clock.time())
        # A new number, even if the end stays: the probe under way asked too early.
        self._number += 1
        if self._ends is None or ends > self._ends:
            self._ends, self.verdict = ends, verdict

    async def enter(self, patience: float) -> Entry:
        """
        Wait until a send may go out; :meth:`leave` has to follow if it may.

        Args:
            patience: Until when to wait, by the monotonic clock. Waiting for somebody
                else's probe is not bound by it.
        """
        while self._ends is not None:
            now = self._clock.monotonic()
            left = self._ends - now
            if left <= 0 and not self._probing:
                self._probing = True
                return Entry(probe=self._number)
            if patience <= max(self._ends, now):
                return Entry(until=self._clock.time() + (left if left > 0 else LOOK_AGAIN))
            if left > 0:
                await self._clock.sleep_until(self._ends)
            else:
                await self._changed.wait()
        return FREE

    def leave(self, entry: Entry, *, answered: bool) -> None:
        """
        Say how a send ended, after :meth:`begin` if its vendor asked for another pause.

        Args:
            entry: What :meth:`enter` gave it.

            answered: Whether the vendor took part at all.
        """
        if entry.probe is None:
            return
        self._probing = False
        if answered and entry.probe == self._number:
            self._ends = self.verdict = None
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
