"""News within a process, and between processes that share a SQLite file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from zpns.errors import StoreError
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
        if not self._news.is_set() and until is None:
            await self._news.wait()
        elif not self._news.is_set():
            loop = asyncio.get_running_loop()
            assert until is not None
            waits = (
                loop.create_task(self._news.wait()),
                loop.create_task(self._clock.sleep_until(until)),
            )
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in waits:
                    task.cancel()
        if not self._closed:
            self._news.clear()

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

    def __init__(
        self, clock: Clock, version: Callable[[], Awaitable[int]] | None = None
    ) -> None:
        self._clock = clock
        self._version = version
        self._listeners: dict[str, set[LocalListener]] = {}
        self._poller: asyncio.Task[None] | None = None

    def notify(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for listener in self._listeners.get(topic, ()):
                listener.notify()

    def listen(self, topic: str) -> Listener:
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
        try:
            while self._listeners:
                try:
                    now = await version()
                except StoreError as error:
                    logger.warning("cannot look for news of other processes: %s", error)
                else:
                    if now != seen:
                        seen = now
                        self.notify(list(self._listeners))
                await self._clock.sleep_until(self._clock.monotonic() + POLL)
        finally:
            self._poller = None
