"""
One fan-out: a source of tokens, a window of attempts, retries that wait outside of it.

Three kinds of task: one reads the source and starts attempts, one starts what has
waited long enough while anything waits, and one per request under way. A slot of the
window is held by the last kind alone. Results go to a queue that the consumer empties;
whoever consumes slowly, has results held for order, or has many retries waiting, stops
the reading.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, Final, NamedTuple, TypeVar

from zpns.errors import StateError
from zpns.models.delivery import Delivery, Outcome, Retry, Target, Verdict
from zpns.models.notification import Notification, PushKind
from zpns.sender._address import Addresses
from zpns.sender._load import Load
from zpns.sender._retry import TRIES, last_word, retry_at
from zpns.sender._source import END, Source, Tokens
from zpns.sender._verdicts import CLOSED, DROPPED, LATE
from zpns.sender.lane import Attempt, Lane

__all__ = ["Item", "Run"]

T = TypeVar("T")

LINGER: Final = 0.05  # seconds a token waits for others to share its request


class Item(NamedTuple):
    """
    A target with what it needs to be tried, and what came of it so far: tries, requests
    that left, whether one was repeated with a new credential or body, and the verdict to
    remember.
    """

    load: Load
    target: Target
    tries: int = 0
    sent: int = 0
    renewed: bool = False
    before: Verdict | None = None


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

    Attributes:
        results: What is ready; :meth:`taken` has to be told when some of it is removed.
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
        self.results: deque[Delivery] = deque()
        self._lane = lane
        self._clock = lane.clock
        self._source = Source(tokens)
        self._addresses = Addresses(lane, notification)
        self._deadline = deadline
        self._ordered = ordered
        # Two VoIP pushes for one call ring twice, or get the app banned.
        self._repeat_unknown = repeat_unknown and notification.push_kind is not PushKind.VOIP
        self._max_waiting = max_waiting
        self._slots = asyncio.Semaphore(window)
        self._gathered: dict[Load, list[Item]] = {}  # slices that are not full yet
        self._linger = 0.0  # until when they may fill, monotonic
        self._retries: list[tuple[float, int, list[Item]]] = []
        self._order = count()
        self._waiting = 0  # items in the retries
        self._held: dict[int, Delivery] = {}
        self._next = 0  # seq of the next result in order
        self._open = 0  # targets read and not yet reported
        self._read_all = False
        self._error: BaseException | None = None
        self._stopped = False
        self._closed = False
        self._news = asyncio.Event()  # for the consumer
        self._room = asyncio.Event()  # for the reader
        self._due = asyncio.Event()  # for the retrier: something is due earlier than it thinks
        self._retrier: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing: asyncio.Task[None] | None = None

    # What the consumer calls.

    def start(self) -> None:
        """Begin to read and to send."""
        self._lane.on_close.add(self.stop)
        self._reader = self._spawn(self._read(), self._has_read)

    def adopt(self, load: Load, target: Target, attempt: Attempt) -> None:
        """Go on with a target whose first try was made elsewhere."""
        self._open += 1
        self._judge([Item(load, target)], attempt)

    async def wait(self) -> bool:
        """
        Wait for results; return False if there will be none.

        Raises:
            BaseException: What the source raised, once everything read before is reported.
        """
        while not self.results:
            if self._closed:
                return False
            if self._read_all and not self._open:
                if self._error is not None:
                    error, self._error = self._error, None
                    raise error
                return False
            self._news.clear()
            await self._news.wait()
        return True

    def taken(self) -> None:
        """Say that results were removed."""
        self._room.set()

    def stop(self) -> None:
        """
        Read no further, because the sender is closed.

        What was not sent is reported as skipped, what waited for a retry as expired; what
        is under way will end by itself. A ``StateError`` follows.
        """
        self._stopped = True
        if not self._reader.done():
            self._error = StateError("the Sender was closed before everything was sent")
            self._reader.cancel()
        self._drop_waiting()
        self._due.set()

    def close(self) -> None:
        """Stop at once; requests under way are reset, nothing more is reported."""
        if self._closed:
            return
        self._closed = True
        for memory in (self.results, self._held, self._retries, self._gathered):
            memory.clear()
        self._lane.on_close.discard(self.stop)
        self._news.set()
        live = [task for task in self._tasks if not task.done()]
        for task in live:
            task.cancel()
        if live or not self._source.over:
            self._closing = asyncio.get_running_loop().create_task(self._end(live))

    async def aclose(self) -> None:
        """Stop, and return once nothing is left running."""
        self.close()
        if self._closing is not None:
            # It ends even if the caller is cancelled now.
            await asyncio.shield(self._closing)

    async def _end(self, tasks: list[asyncio.Task[Any]]) -> None:
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._source.aclose()

    # Reading.

    async def _read(self) -> None:
        """Start an attempt for every slice of the source."""
        seq = 0
        while (token := await self._ask()) is not END:
            self._open += 1
            found = self._addresses.find(token, seq)
            seq += 1
            if isinstance(found, Delivery):
                self._report(found)
            else:
                await self._gather(Item(*found))

    def _has_read(self, task: asyncio.Task[None]) -> None:
        # What the source raised, CancelledError included, is reported in its turn.
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None and self._error is None:  # the end of the sender goes first
            self._error = error
        self._read_all = True
        self._flush()
        self._news.set()

    async def _ask(self) -> object:
        """Return the next token once there is room for what becomes of it."""
        while len(self.results) + len(self._held) + self._waiting >= self._max_waiting:
            self._room.clear()
            await self._room.wait()
        token = await self._source.next()
        # A source that ended the sender, or this run, itself is not heard any more.
        return END if self._stopped or self._closed else token

    async def _gather(self, item: Item) -> None:
        """Put *item* with others of its route; begin when they fill a request."""
        load = item.load
        most = load.most(self._clock.time())
        gathered = self._gathered.get(load)
        if gathered is None:
            if most <= 1:
                await self._begin([item])
                return
            gathered = self._gathered[load] = []
            if len(self._gathered) == 1:
                self._linger = self._clock.monotonic() + LINGER
                self._wake()
        gathered.append(item)
        if len(gathered) >= most:
            del self._gathered[load]
            await self._begin(gathered)

    def _flush(self) -> None:
        """Let slices go as they are."""
        if self._gathered:
            self._linger = self._clock.monotonic()
            self._wake()

    # Sending.

    async def _begin(self, items: list[Item]) -> None:
        try:
            await self._slots.acquire()
        except asyncio.CancelledError:
            self._report_all(items, CLOSED)
            raise
        self._attempt(items)

    def _attempt(self, items: list[Item]) -> None:
        """Make one request, in a slot that is held already."""
        work = self._lane.attempt(
            items[0].load,
            [item.target for item in items],
            deadline=self._deadline,
            repeat=not items[0].renewed,
        )
        self._spawn(work, partial(self._attempted, items))

    def _attempted(self, items: list[Item], task: asyncio.Task[Attempt]) -> None:
        self._slots.release()
        if task.cancelled() or task.exception() is not None:
            # Not by us: nothing is raised there, and only `close` cancels. But nobody may
            # wait for ever because somebody else did.
            self._report_all(items, DROPPED, 1)
        else:
            self._judge(items, task.result())

    def _judge(self, items: Sequence[Item], attempt: Attempt) -> None:
        """Report each item, or let it wait for another try."""
        again: dict[tuple[float, bool], list[Item]] = {}
        times: dict[Retry | None, float | None] = {}  # one draw for all: they share a request
        for item, verdict, sent in zip(items, attempt.verdicts, attempt.sent, strict=True):
            if not self._may_repeat(verdict):
                self._report_last(item, verdict, sent)
                continue
            tries = item.tries + 1
            if verdict.retry not in times:
                times[verdict.retry] = self._again(verdict, tries)
            when = times[verdict.retry]
            if when is None:
                self._report_last(item, verdict, sent)
                continue
            before = item.before
            if before is None or before.outcome is not Outcome.UNKNOWN:
                before = verdict
            renewed = item.renewed or sent > 1
            later = Item(item.load, item.target, tries, item.sent + sent, renewed, before)
            again.setdefault((when, renewed), []).append(later)
        for (when, _), later_items in again.items():
            heapq.heappush(self._retries, (when, next(self._order), later_items))
            self._waiting += len(later_items)
        if again:
            self._wake()

    def _may_repeat(self, verdict: Verdict) -> bool:
        if verdict.outcome is Outcome.UNKNOWN:
            return self._repeat_unknown and not self._stopped
        return verdict.outcome is Outcome.RETRY and not self._stopped

    def _again(self, verdict: Verdict, tries: int) -> float | None:
        """Return when to try again by the monotonic clock, or None if this was the last."""
        if tries >= TRIES:
            return None
        now = self._clock.time()
        when = retry_at(verdict, tries, self._lane.transport.backoff, now, self._lane.rng)
        monotonic = self._clock.monotonic() + (when - now)
        return monotonic if monotonic < self._deadline else None

    # Waiting.

    def _wake(self) -> None:
        """Have somebody look at what waits."""
        if self._retrier is None:
            self._retrier = self._spawn(self._retry(), self._retried)
        self._due.set()

    async def _retry(self) -> None:
        """Start what waits when it is due, until nothing does."""
        while (when := self._next_due()) is not None:
            if when > self._clock.monotonic():
                self._due.clear()
                with suppress(TimeoutError):
                    async with self._lane.timer.until(when):
                        await self._due.wait()
                continue
            await self._slots.acquire()
            items = self._take_due()
            if items:
                self._attempt(items)
            else:  # the reader or the end of the sender was faster
                self._slots.release()
        self._retrier = None

    def _retried(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is not None:
            self._retrier = None
            self._drop_waiting()  # not by us, as above

    def _next_due(self) -> float | None:
        """Return when the next of what waits is due, by the monotonic clock."""
        retry = self._retries[0][0] if self._retries else None
        if not self._gathered:
            return retry
        return self._linger if retry is None else min(retry, self._linger)

    def _take_due(self) -> list[Item] | None:
        """Return what is due longest."""
        now = self._clock.monotonic()
        if self._retries and self._retries[0][0] <= now:
            items = heapq.heappop(self._retries)[2]
            self._waiting -= len(items)
            self._room.set()
            return items
        if self._gathered and self._linger <= now:
            return self._gathered.pop(next(iter(self._gathered)))
        return None

    def _drop_waiting(self) -> None:
        """Report everything that waits: it is not sent any more."""
        for gathered in self._gathered.values():
            self._report_all(gathered, CLOSED)
        for _, _, items in self._retries:
            self._report_all(items, LATE)
        self._gathered.clear()
        self._retries.clear()
        self._waiting = 0

    # Reporting.

    def _report_last(self, item: Item, verdict: Verdict, sent: int) -> None:
        verdict = last_word(verdict, item.before, sent=bool(sent))
        self._report(Delivery(item.target, verdict, item.sent + sent))

    def _report_all(self, items: Sequence[Item], verdict: Verdict, sent: int = 0) -> None:
        """Report items that were given up."""
        if self._closed:
            return
        for item in items:
            self._report_last(item, verdict, sent)

    def _report(self, delivery: Delivery) -> None:
        self._open -= 1
        if self._ordered:
            self._held[delivery.target.seq] = delivery
            while self._next in self._held:
                self.results.append(self._held.pop(self._next))
                self._next += 1
        else:
            self.results.append(delivery)
        self._news.set()

    def _spawn(
        self, work: Coroutine[Any, Any, T], then: Callable[[asyncio.Task[T]], None]
    ) -> asyncio.Task[T]:
        """
        Run *work* as a task and call *then* with it, unless the run is closed meanwhile.

        A callback and not the end of *work*: a task cancelled before its first step runs
        none of it.
        """

        def done(task: asyncio.Task[T]) -> None:
            self._tasks.discard(task)
            if not self._closed:
                then(task)

        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(done)
        return task
