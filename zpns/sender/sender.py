"""The public face of this room: one transport, without hub or store."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import Final, NamedTuple, Self

import attrs

from zpns.errors import ParameterError, StateError
from zpns.exchange import Carrier, Clock, OneLoop, SystemClock
from zpns.models.delivery import Delivery, Outcome, Target
from zpns.models.notification import Notification
from zpns.sender._address import Addresses
from zpns.sender._load import Load
from zpns.sender._run import Run
from zpns.sender._source import Token, Tokens
from zpns.sender._verdicts import DROPPED
from zpns.sender.lane import Lane
from zpns.transports.base import Transport

__all__ = ["Deliveries", "Pages", "Sender"]

WINDOW: Final = 500  # requests under way at once
DEADLINE: Final = 30.0  # seconds for a whole call
TOGETHER: Final = 1.0  # seconds within which single sends of a notification are one job
MAX_WAITING: Final = 10_000  # results and retries that may wait
LIFETIME: Final = 24 * 3600 * 1000  # milliseconds a push without ttl and deadline is kept


class Sender:
    """
    Sends notifications to tokens of one app at one vendor.

    .. code-block:: python

        async with Sender(FCM.from_service_account("fcm.json")) as sender:
            delivery = await sender.send(Notification(title="Hi", content="there"), token)

    What concerns one token is a :class:`~zpns.Delivery`, never an error. A sender
    belongs to one event loop.

    Args:
        transport: The vendor and the app's credentials.

        carrier: Carries the requests instead of the one the transport rides on. Several
            senders may share it; whoever made it closes it.

        clock: Where time comes from; the machine's if not given.

        rng: Where chance comes from.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        carrier: Carrier | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        if not isinstance(transport, Transport):
            raise ParameterError("transport", "a transport such as FCM(...)", transport)
        self._clock = clock or SystemClock()
        self._transport = transport
        self._carrier = carrier
        self._random = rng or random.Random()
        self._lane: Lane | None = None
        self._job: _Job | None = None
        self._loop = OneLoop("Sender")
        self._closed = False
        self._closing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Sender({self._transport!r})"

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """
        Close every connection.

        Sends under way end as *unknown*, those that were not sent as *skipped*, and a
        ``send_many`` whose source had more raises ``StateError`` then. Later ones are
        refused.
        """
        if self._lane is not None:
            loop = self._loop.check()
            if self._closing is None:
                self._closing = loop.create_task(self._lane.aclose())
        self._closed = True
        if self._closing is not None:
            await asyncio.shield(self._closing)  # it ends even if the caller is cancelled

    async def send(
        self, notification: Notification, token: Token, *, deadline: float = DEADLINE
    ) -> Delivery:
        """
        Send to one token, again where that helps, until there is a final outcome.

        Args:
            notification: What is pushed.

            token: The vendor's token, or a :class:`~zpns.DeviceToken`.

            deadline: Seconds until the outcome must be there, greater than 0.

        Returns:
            The delivery; its outcome is final.

        Raises:
            ParameterError: An argument is wrong.

            ConfigError: The notification's resource has a setting the transport does not know.

            StateError: The sender is closed, or belongs to another event loop.
        """
        _check_positive("deadline", deadline)
        _check_notification(notification)
        lane = self._open()
        found = self._address(lane, notification, token)
        if isinstance(found, Delivery):
            return found
        load, target = found
        until = self._clock.monotonic() + deadline
        try:
            attempt = await lane.attempt(load, (target,), deadline=until)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Not us: the carrier's own work was cancelled, and it let that through.
            return Delivery(target, DROPPED, 1)
        (verdict,), (sent,) = attempt
        if verdict.outcome is not Outcome.RETRY:
            return Delivery(target, verdict, sent)
        run = Run(
            lane,
            load.notification,
            (),
            window=1,
            deadline=until,
            ordered=False,
            repeat_unknown=False,
            max_waiting=1,
        )
        run.start()
        run.adopt(load, target, attempt)
        async with Deliveries(lambda: run) as results:
            return await anext(results)

    def _address(
        self, lane: Lane, notification: Notification, token: Token
    ) -> tuple[Load, Target] | Delivery:
        """
        Return where one token goes.

        Sends of one notification that follow each other closely are one job, so that it
        is prepared once; their numbers tell them apart.
        """
        if notification.job_id:  # the caller's own job: this token is all of it
            return Addresses(lane, self._dated(notification)).find(token, 0)
        now = self._clock.monotonic()
        job = self._job
        if job is None or job.notification is not notification or now >= job.until:
            addresses = Addresses(lane, self._dated(notification))
            job = self._job = _Job(notification, addresses, now + TOGETHER, count())
        return job.addresses.find(token, next(job.numbers))

    def send_many(
        self,
        notification: Notification,
        tokens: Tokens,
        *,
        window: int = WINDOW,
        deadline: float = DEADLINE,
        ordered: bool = False,
        repeat_unknown: bool = False,
        max_waiting: int = MAX_WAITING,
    ) -> Deliveries:
        """
        Send to many tokens; the results come as they are ready.

        .. code-block:: python

            async with sender.send_many(notification, tokens) as deliveries:
                async for delivery in deliveries:
                    ...

        An item never raises. At *max_waiting* results that nobody has taken, or that
        are held for order, and retries that wait, the source is not read further.
        Leaving the block, ``aclose()`` or cancelling resets what is under way, closes the
        source if it is an asynchronous generator, and reports nothing more. What the
        source raises comes out once everything read before it is reported.

        Args:
            notification: What is pushed. A *job_id* is drawn if it has none.

            tokens: Tokens, or an asynchronous source of them, read as there is room;
                each once, in this order.

            window: Requests under way at once, 1 or more.

            deadline: Seconds from the beginning until every token must have its outcome,
                greater than 0. Nothing is sent after it; what the source gives later is
                reported as expired.

            ordered: Whether results come in the order of *tokens*.

            repeat_unknown: Whether a push that got no answer is sent again, under the
                same vendor ID; a device may then show it twice. Never for VoIP.

            max_waiting: 1 or more.

        Returns:
            An asynchronous iterator of :class:`~zpns.Delivery`, which is also a context
            manager; its ``pages()`` gives lists.

        Raises:
            ParameterError: An argument is wrong.

            StateError: The sender is closed, or belongs to another event loop.
        """
        _check_positive("window", window, whole=True)
        _check_positive("max_waiting", max_waiting, whole=True)
        _check_positive("deadline", deadline)
        _check_notification(notification)
        if isinstance(tokens, (str, bytes)) or not (
            hasattr(tokens, "__iter__") or hasattr(tokens, "__aiter__")
        ):
            raise ParameterError("tokens", "a sequence or source of tokens", type(tokens).__name__)
        self._open()

        def begin() -> Run:
            lane = self._open()
            run = _kind_of_run(lane)(
                lane,
                self._dated(notification),
                tokens,
                window=window,
                deadline=self._clock.monotonic() + deadline,
                ordered=ordered,
                repeat_unknown=repeat_unknown,
                max_waiting=max_waiting,
            )
            run.start()
            return run

        return Deliveries(begin)

    def _open(self) -> Lane:
        self._loop.check()
        if self._closed:
            raise StateError("this Sender is closed; make a new one")
        if self._lane is None:
            self._lane = Lane(
                self._transport, carrier=self._carrier, clock=self._clock, rng=self._random
            )
        return self._lane

    def _dated(self, notification: Notification) -> Notification:
        """Return *notification* with the job ID and the deadline that transports rely on."""
        if notification.resource is not None:
            self._transport.check_resource(notification.resource)
        now = round(self._clock.time() * 1000)
        deadline = notification.deadline
        if deadline is None:
            ttl = notification.ttl
            deadline = now + (LIFETIME if ttl is None else ttl * 1000)
        job_id = notification.job_id or secrets.token_hex(16)
        return attrs.evolve(notification, job_id=job_id, deadline=deadline, ttl=None)


class _Job(NamedTuple):
    """Single sends of one notification, until a moment of the monotonic clock."""

    notification: Notification
    addresses: Addresses
    until: float
    numbers: Iterator[int]


def _check_notification(notification: object) -> None:
    if not isinstance(notification, Notification):
        raise ParameterError("notification", "a Notification", notification)


def _kind_of_run(lane: Lane) -> type[Run]:
    """Return the way that a fan-out takes over the carrier of *lane*."""
    if not lane.transport.http2:
        return Run
    from zpns.http.http2 import HTTP2Carrier

    if not isinstance(lane.carrier, HTTP2Carrier):
        return Run
    from zpns.sender._pages import PagesRun

    return PagesRun


class Deliveries:
    """
    The results of a ``send_many``: an asynchronous iterator and context manager.

    Sending begins, and the deadline runs, when the block is entered or the first result
    is asked for. Left without a block, it stops once nobody holds it any more.
    """

    def __init__(self, begin: Callable[[], Run]) -> None:
        self._begin = begin
        self._run: Run | None = None
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        self._begun()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delivery:
        run = await self._ready()
        delivery = run.results.popleft()
        run.taken()
        return delivery

    def pages(self) -> Pages:
        """Return the results as lists, each of whatever was ready, at least one."""
        return Pages(self)

    async def aclose(self) -> None:
        """Reset what is under way; nothing more is reported."""
        self._closed = True
        if self._run is not None:
            await self._run.aclose()

    def __del__(self) -> None:
        # A loop left by `break` without a block: nobody will ever ask again.
        run, loop = self._run, self._loop
        if run is not None and loop is not None and not (self._closed or loop.is_closed()):
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(run.close)  # the collector runs in any thread

    def _begun(self) -> Run:
        if self._run is None:
            self._loop = asyncio.get_running_loop()
            self._run = self._begin()
        return self._run

    async def _ready(self) -> Run:
        """Return the run with a result at least, or end the iteration."""
        if self._closed:
            raise StopAsyncIteration
        run = self._begun()
        if run.results:
            return run
        try:
            if await run.wait():
                return run
        except BaseException:
            await self.aclose()
            raise
        await self.aclose()
        raise StopAsyncIteration


class Pages:
    """The results of a ``send_many`` as lists; ``Deliveries.pages()`` gives it."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Delivery]:
        run = await self._deliveries._ready()
        page = list(run.results)
        run.results.clear()
        run.taken()
        return page


def _check_positive(field: str, value: float, *, whole: bool = False) -> None:
    kind: type | tuple[type, ...] = int if whole else (int, float)
    what = "a whole number, 1 or more" if whole else "seconds, more than 0"
    if not isinstance(value, kind) or isinstance(value, bool) or not value > 0:
        raise ParameterError(field, what, value)
