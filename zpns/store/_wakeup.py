"""News within a process, and between processes that share a SQLite file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from zpns.errors import StateError, StoreError
from zpns.exchange import Clock
from zpns.store.base import Listener, Wakeup

__all__ = ["LocalWakeup"]

POLL: Final = 0.1  # seconds between looks at what other processes wrote

logger = logging.getLogger("zpns.store")


class LocalListener(Listener):
    """A listener of this process."""

    def __init__(self, wakeup: LocalWakeup, topic: str, clock: Clock) -> None:
        self._wakeup = wakeup
        self._topic = topic
        self._clock = clock
        self._news = asyncio.Event()
        self._closed = False

    def notify(self) -> None:
        """There may be news."""
        self._news.set()

    async def wait(self, until: float | None) -> None:
        if self._closed:
            # Whoever asks again and again must not keep everybody else from running.
            await asyncio.sleep(0)
            return
        if until is None:
            await self._news.wait()
        elif not self._news.is_set():
            await self._wait_until(until)
        if not self._closed:
            self._news.clear()

    async def _wait_until(self, until: float) -> None:
        timer = asyncio.get_running_loop().create_task(self._clock.sleep_until(until))
        timer.add_done_callback(self._wake)
        try:
            await self._news.wait()
        finally:
            # Else the end of a timer nobody needs any more would pass for news.
            timer.remove_done_callback(self._wake)
            timer.cancel()
        if timer.done():
            timer.result()  # raises what the clock did

    def _wake(self, _: asyncio.Task[None]) -> None:
        self._news.set()

    def close(self) -> None:
        self._closed = True
        self._news.set()
        self._wakeup.forget(self._topic, self)


class LocalWakeup(Wakeup):
    """
    Wakes listeners of this process, and polls for other processes while there are any.

    Args:
        clock: Times the polls and the waits.

        version: Returns a number that changes when another process wrote; None if there
            are no other processes.
    """

    def __init__(self, clock: Clock, version: Callable[[], Awaitable[int]] | None = None) -> None:
        self._clock = clock
        self._version = version
        self._listeners: dict[str, set[LocalListener]] = {}
        self._poller: asyncio.Task[None] | None = None
        self._closed = False

    def notify(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for listener in self._listeners.get(topic, ()):
                listener.notify()

    def listen(self, topic: str) -> Listener:
        if self._closed:
            raise StateError("this wakeup is closed; nothing would wake the listener")
        listener = LocalListener(self, topic, self._clock)
        self._listeners.setdefault(topic, set()).add(listener)
        if self._version is not None and self._poller is None:
            self._poller = asyncio.get_running_loop().create_task(self._poll(self._version))
        return listener

    def forget(self, topic: str, listener: LocalListener) -> None:
        """Notify *listener* no more."""
        listeners = self._listeners.get(topic, set())
        listeners.discard(listener)
        if not listeners:
            self._listeners.pop(topic, None)

    async def aclose(self) -> None:
        self._closed = True
        for listeners in list(self._listeners.values()):
            for listener in list(listeners):
                listener.close()
        poller, self._poller = self._poller, None
        if poller is not None:
            poller.cancel()
            await asyncio.gather(poller, return_exceptions=True)

    async def _poll(self, version: Callable[[], Awaitable[int]]) -> None:
        """Wake everybody when another process wrote; end when nobody listens."""
        seen: int | None = None  # unlike any number: what was written before is news, too
        failing = False
        try:
            while self._listeners:
                try:
                    now = await version()
                except StateError:
                    return  # the store is closed
                except StoreError as error:
                    if not failing:  # once, and not ten times a second
                        logger.warning("cannot look for news of other processes: %s", error)
                    failing = True
                else:
                    failing = False
                    if now != seen:
                        seen = now
                        self.notify(list(self._listeners))
                await self._clock.sleep_until(self._clock.monotonic() + POLL)
        finally:
            self._poller = None
