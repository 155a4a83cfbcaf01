"""
One fan-out: a source of tokens, a window of attempts, retries that wait outside of it.

Three kinds of task: one reads the source and starts attempts, one starts retries when
they are due, and one per request under way. A slot of the window is held by the last
kind alone. Results go to a list that the consumer empties; whoever consumes slowly, has
results held for order, or has many retries waiting, stops the reading.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterable, AsyncIterator, Coroutine, Iterable
from contextlib import suppress
from itertools import count
from typing import Any, Final, NamedTuple, TypeAlias

from zpns.models.delivery import Delivery, Outcome, Target, Verdict
from zpns.models.notification import DeviceToken, Notification, PushKind
from zpns.sender._retry import expired, retry_at
from zpns.sender.lane import Lane, Load
from zpns.transports.base import Prepared, Route, Skip

__all__ = ["Run", "Token", "Tokens"]

Token: TypeAlias = str | DeviceToken
Tokens: TypeAlias = Iterable[Token] | AsyncIterable[Token]

_END: Final = object()


class _Item(NamedTuple):
    """A target with what it needs to be tried, and how often it was."""

    load: Load
    target: Target
    tries: int = 0


class Run:
    """
    The state of one ``send_many``.

    Args:
        lane: The vendor app.

        notification: With ``job_id`` and ``deadline`` set.

        tokens: The source.

        window: Requests under way at once.

        deadline: When everything must be over, by the monotonic clock.

        ordered: Whether results come in the order of the source.

        repeat_unknown: Whether what got no answer is sent again.

        max_waiting: How many results and retries may wait.
    """

    def __init__(
        self,
        lane: Lane,
        notification: Notification,
        tokens: Tokens,
        *,
        window: int,
        deadline: float,
        ordered: bool,
        repeat_unknown: bool,
        max_waiting: int,
    ) -> None:
        self._lane = lane
        self._clock = lane.clock
        self._notification = notification
        self._tokens = tokens
        self._deadline = deadline
        self._ordered = ordered
        # Two VoIP pushes for one call ring twice, or get the app banned.
        self._repeat_unknown = repeat_unknown and notification.push_kind is not PushKind.VOIP
        self._max_waiting = max_waiting
        self._slots = asyncio.Semaphore(window)
        self._loads: dict[Route, Load] = {}
        self._retries: list[tuple[float, int, list[_Item]]] = []
        self._order = count()
        self._results: list[Delivery] = []
        self._held: dict[int, Delivery] = {}
        self._next = 0  # seq of the next result in order
        self._open = 0  # targets read and not yet reported
        self._read_all = False
        self._error: BaseException | None = None
        self._news = asyncio.Event()  # for the consumer
        self._room = asyncio.Event()  # for the reader
        self._due = asyncio.Event()  # for the retrier
        self._tasks: set[asyncio.Task[None]] = set()

    # What the consumer calls.

    def start(self) -> None:
        """Begin to read and to send."""
        self._spawn(self._read())
        self._spawn(self._retry())

    async def page(self) -> list[Delivery]:
        """
        Return every result that is there, at least one; none means it is over.

        Raises:
            Exception: What the source raised, once everything read before is reported.
        """
        while True:
            if self._results:
                page, self._results = self._results, []
                self._room.set()
                return page
            if self._read_all and not self._open:
                if self._error is not None:
                    error, self._error = self._error, None
                    raise error
                return []
            self._news.clear()
            await self._news.wait()

    def cancel(self) -> None:
        """Stop at once; requests under way are reset."""
        for task in self._tasks:
            task.cancel()

    async def aclose(self) -> None:
        """Stop, and return once nothing is left running."""
        tasks = list(self._tasks)
        self.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._results, self._open, self._read_all = [], 0, True
        close = getattr(self._tokens, "aclose", None)
        if close is not None:
            with suppress(Exception):
                await close()

    # Reading.

    async def _read(self) -> None:
        """Start an attempt for every slice of the source."""
        slices: dict[Load, list[_Item]] = {}
        try:
            source = _iterate(self._tokens)
            seq = 0
            while (token := await self._ask(source)) is not _END:
                item = self._item(token, seq)
                seq += 1
                if item is None:
                    continue
                gathered = slices.setdefault(item.load, [])
                gathered.append(item)
                if len(gathered) >= self._most(item.load):
                    del slices[item.load]
                    await self._begin(gathered)
        except Exception as error:  # the source's own; reported in its turn
            self._error = error
        for gathered in slices.values():
            await self._begin(gathered)
        self._read_all = True
        self._news.set()
        self._due.set()

    async def _ask(self, source: AsyncIterator[Token]) -> object:
        """Return the next token once there is room for what becomes of it."""
        while len(self._results) + len(self._held) + self._waiting() >= self._max_waiting:
            self._room.clear()
            await self._room.wait()
        return await anext(source, _END)

    def _waiting(self) -> int:
        return sum(len(items) for _, _, items in self._retries)

    def _item(self, token: object, seq: int) -> _Item | None:
        """Return the token as an item, or report why it is none."""
        device = token
        if isinstance(token, str) and token:
            transport = self._lane.transport
            kind = transport.token_kind(self._notification)
            device = DeviceToken(transport.channel, token, app=transport.app, kind=kind)
        self._open += 1
        if not isinstance(device, DeviceToken):
            text = token if isinstance(token, str) else type(token).__name__
            self._report(Delivery(Target(text, seq), _NO_TOKEN, 0))
            return None
        target = Target(device.token, seq)
        route = self._route(device)
        if isinstance(route, Skip):
            verdict = Verdict(outcome=Outcome.SKIPPED, code=route.why, advice=route.advice)
            self._report(Delivery(target, verdict, 0))
            return None
        load = self._loads.get(route)
        if load is None:
            load = self._loads[route] = Load(self._lane.transport, self._notification, route)
        return _Item(load, target)

    def _route(self, device: DeviceToken) -> Route | Skip:
        transport = self._lane.transport
        if device.channel != transport.channel or device.app != transport.app:
            return Skip(
                "other_channel",
                f"the token is of {device.channel}/{device.app}, "
                f"the sender of {transport.channel}/{transport.app}",
            )
        return transport.route(device)

    def _most(self, load: Load) -> int:
        """Return how many targets a request takes; one if there will be none."""
        try:
            prepared = load.prepared(self._clock.time())
        except ValueError:  # it does not fit; the attempt says so for each target
            return 1
        return prepared.max_tokens if isinstance(prepared, Prepared) else 1

    # Sending.

    async def _begin(self, items: list[_Item]) -> None:
        await self._slots.acquire()
        self._spawn(self._attempt(items))

    async def _attempt(self, items: list[_Item]) -> None:
        """Make one request, in a slot that is held already."""
        try:
            load = items[0].load
            verdicts = await self._lane.attempt(
                load,
                [item.target for item in items],
                deadline=self._deadline,
                patience=self._deadline,
            )
        finally:
            self._slots.release()
        again: dict[float, list[_Item]] = {}
        for item, verdict in zip(items, verdicts, strict=True):
            tries = item.tries + 1
            when = self._again(verdict, tries)
            if when is None:
                sent = item.tries + (verdict.outcome not in _UNSENT)
                self._report(Delivery(item.target, _final(verdict), sent))
            else:
                again.setdefault(when, []).append(item._replace(tries=tries))
        for when, waiting in again.items():
            heapq.heappush(self._retries, (when, next(self._order), waiting))
            self._due.set()

    def _again(self, verdict: Verdict, tries: int) -> float | None:
        """Return when to try again by the monotonic clock, or None if this was the last."""
        repeat = verdict.outcome is Outcome.UNKNOWN and self._repeat_unknown
        if verdict.outcome is not Outcome.RETRY and not repeat:
            return None
        now = self._clock.time()
        backoff = self._lane.transport.backoff
        when = retry_at(verdict, tries, backoff, now, self._lane.rng)
        monotonic = self._clock.monotonic() + (when - now)
        return monotonic if monotonic < self._deadline else None

    async def _retry(self) -> None:
        """Start each retry when it is due."""
        while not (self._read_all and not self._open):
            if not self._retries:
                self._due.clear()
                await self._due.wait()
                continue
            when = self._retries[0][0]
            if when > self._clock.monotonic():
                self._due.clear()
                await self._sleep(when)
                continue
            _, _, items = heapq.heappop(self._retries)
            self._room.set()
            await self._begin(items)

    async def _sleep(self, when: float) -> None:
        """Sleep until *when*, or until an earlier retry came in."""
        loop = asyncio.get_running_loop()
        sleeper = loop.create_task(self._clock.sleep_until(when))
        waker = loop.create_task(self._due.wait())
        try:
            await asyncio.wait((sleeper, waker), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
            waker.cancel()

    # Reporting.

    def _report(self, delivery: Delivery) -> None:
        self._open -= 1
        if self._ordered:
            self._held[delivery.target.seq] = delivery
            while self._next in self._held:
                self._results.append(self._held.pop(self._next))
                self._next += 1
        else:
            self._results.append(delivery)
        self._news.set()
        if self._read_all and not self._open:
            self._due.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_NO_TOKEN: Final = Verdict(
    outcome=Outcome.SKIPPED,
    code="not_a_token",
    advice="expected a token as text that is not empty, or a DeviceToken",
)
#: Outcomes of attempts in which no request left.
_UNSENT: Final = frozenset({Outcome.SKIPPED, Outcome.EXPIRED})


def _final(verdict: Verdict) -> Verdict:
    return expired(verdict) if verdict.outcome is Outcome.RETRY else verdict


async def _iterate(tokens: Tokens) -> AsyncIterator[Token]:
    """Return *tokens*, asynchronous or not, as an asynchronous iterator."""
    if isinstance(tokens, AsyncIterable):
        async for token in tokens:
            yield token
    else:
        for token in tokens:
            yield token
