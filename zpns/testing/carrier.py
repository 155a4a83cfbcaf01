"""A carrier that goes nowhere: it remembers what it was given and answers as told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from inspect import isawaitable
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from zpns.errors import CarrierError, CarrierTimeout, ParameterError, StateError
from zpns.exchange import Clock, Request, Response, SystemClock

__all__ = ["Answer", "RecordingCarrier"]

Answer: TypeAlias = Response | Exception
"""What comes back: returned, or raised if it is an exception."""


class RecordingCarrier:
    """
    A :class:`~zpns.exchange.Carrier` for tests.

    .. code-block:: python

        carrier = RecordingCarrier([Response(status=503), Response(status=200)])
        sender = Sender(transport, carrier=carrier)
        await sender.send(notification, token)
        assert 2 == len(carrier.requests)

    It keeps the promises of a carrier: a request that is not answered within its timeout
    fails with :class:`~zpns.errors.CarrierTimeout`, and closing ends those under way.

    Args:
        answers: Given in this order, before *answer* is asked.

        answer: Makes the answer to a request, at once or as an awaitable; it may as well
            raise. Without it, a request for which no answer is left raises ``StateError``.

        clock: Times the timeouts; the machine's clock if not given.

    Attributes:
        requests: What was sent, oldest first.

        timeouts: Seconds allowed for each of them.

        under_way: How many have no answer yet.

        most_under_way: The most there were at once.

        cancelled: How many were given up by who sent them; a real carrier resets these.

        closed: Whether it was closed.
    """

    def __init__(
        self,
        answers: Iterable[Answer] = (),
        *,
        answer: Callable[[Request], Answer | Awaitable[Answer]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.timeouts: list[float] = []
        self.under_way = 0
        self.most_under_way = 0
        self.cancelled = 0
        self.closed = False
        self._answers = deque(answers)
        self._answer = answer
        self._clock = clock or SystemClock()
        self._holding = False
        self._held: dict[asyncio.Event, None] = {}  # in the order of their requests
        self._arrived = asyncio.Event()
        self._ended = asyncio.Event()

    def __repr__(self) -> str:
        return f"RecordingCarrier({len(self.requests)} requests, {self.under_way} under way)"

    def add(self, *answers: Answer) -> None:
        """Put *answers* behind those that wait to be given."""
        self._answers.extend(answers)

    def hold(self) -> None:
        """Answer nothing from now on until :meth:`release`; the timeouts run."""
        self._holding = True

    def release(self, count: int | None = None) -> None:
        """
        Answer requests that are held, oldest first.

        Args:
            count: How many; later ones are held still. None lets all of them go, and
                holds no more.
        """
        if count is None:
            self._holding, count = False, len(self._held)
        elif count > len(self._held):
            raise ParameterError("count", f"0 to {len(self._held)}, as many are held", count)
        for let_go in list(self._held)[:count]:
            del self._held[let_go]
            let_go.set()

    async def received(self, count: int) -> None:
        """Return once *count* requests were sent, counted from the first."""
        while len(self.requests) < count:
            self._arrived.clear()
            await self._arrived.wait()

    async def send(self, request: Request, *, timeout: float) -> Response:
        if self.closed:
            raise StateError("this RecordingCarrier is closed")
        if not timeout > 0:
            raise ParameterError("timeout", "seconds, more than 0", timeout)
        self.requests.append(request)
        self.timeouts.append(timeout)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        self._arrived.set()
        let_go = asyncio.Event()
        try:
            if self._holding:
                self._held[let_go] = None
                answer: Answer | Awaitable[Answer] = self._later(let_go, request)
            else:
                answer = self._choose(request)
            if isawaitable(answer):
                answer = await self._wait(request, answer, timeout)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self._held.pop(let_go, None)
            self.under_way -= 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self) -> None:
        self.closed = True
        self._ended.set()

    def _choose(self, request: Request) -> Answer | Awaitable[Answer]:
        if self._answers:
            return self._answers.popleft()
        if self._answer is not None:
            return self._answer(request)
        host = urlsplit(request.url).hostname  # a path may hold a device token
        raise StateError(f"no answer is left for {request.method} to {host}")

    async def _later(self, let_go: asyncio.Event, request: Request) -> Answer:
        """Return the answer once it is let go."""
        await let_go.wait()
        answer = self._choose(request)
        return await answer if isawaitable(answer) else answer

    async def _wait(self, request: Request, answer: Awaitable[Answer], timeout: float) -> Answer:
        """Return the answer if it comes in time, and before the end."""
        loop = asyncio.get_running_loop()
        work = asyncio.ensure_future(answer)
        late = loop.create_task(self._clock.sleep_until(self._clock.monotonic() + timeout))
        ended = loop.create_task(self._ended.wait())
        tasks: tuple[asyncio.Future[Any], ...] = (work, late, ended)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            if ended.done():
                raise CarrierError("the carrier was closed", request, sent=True)
            raise CarrierTimeout(f"no answer within {timeout:g} s", request, sent=True)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
