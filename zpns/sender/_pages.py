"""
A fan-out over HTTP/2: a page of tokens shares a form, and nothing is made per token but
its frames, its target and its delivery.

The form is good while the credential is, the app is not paused and the notification
stays as it was prepared. Whatever is out of the ordinary goes the ordinary way, one
attempt of the lane at a time: the first token of a route, a token whose credential was
refused, and everything while the app is paused. So all rules are those of
:class:`~zpns.sender._run.Run`; what is here is only fast.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from zpns.exchange import Response
from zpns.http.http2 import Bulk, HTTP2Carrier, Result
from zpns.models.delivery import AfterRefresh, Delivery, Outcome, Scope, Target, Verdict
from zpns.sender._load import TRY_TIMEOUT, Load
from zpns.sender._run import Item, Run
from zpns.sender._verdicts import DROPPED, LOST, NO_ANSWER, not_sent
from zpns.sender.lane import Attempt
from zpns.transports.base import Prepared

__all__ = ["PagesRun"]

BURST: Final = 256  # tokens read before others get a turn of the loop
BACKLOG: Final = 2  # windows of targets handed to the carrier at once

#: Outcomes after which nothing more happens to a token that was tried once.
_LAST: Final = frozenset({Outcome.SENT, Outcome.TOKEN_DEAD, Outcome.TOKEN_SUSPECT, Outcome.REFUSED})


class _Line:
    """One route's way through the carrier."""

    __slots__ = (
        "bulk",
        "generation",
        "items",
        "load",
        "next_key",
        "prepared",
        "success",
        "targets",
    )

    def __init__(self, load: Load) -> None:
        self.load = load
        self.bulk: Bulk | None = None
        self.prepared: Prepared | None = None
        self.generation = -1
        self.success: Verdict | None = None
        self.targets: dict[int, Target] = {}  # by key: under way
        self.items: dict[int, Item] = {}  # of those, the ones that were tried before
        self.next_key = 0


class PagesRun(Run):
    """A :class:`Run` whose requests go out by pages."""

    def __init__(self, *args: Any, window: int, **kwargs: Any) -> None:
        super().__init__(*args, window=window, **kwargs)
        carrier = self._lane.carrier
        assert isinstance(carrier, HTTP2Carrier)
        self._carrier = carrier
        self._window = window
        self._lines: dict[Load, _Line] = {}
        self._slack = asyncio.Event()
        self._scouted = asyncio.Event()

    # Reading.

    async def _read(self) -> None:
        seq = 0
        while True:
            room = await self._capacity()
            tokens = await self._source.burst(min(room, BURST))
            if not tokens or self._stopped or self._closed:
                return
            self._open += len(tokens)
            seq = await self._dispatch(tokens, seq)

    async def _capacity(self) -> int:
        """Return how many tokens there is room for, waiting until it is one at least."""
        while True:
            waiting = len(self.results) + len(self._held) + self._waiting
            if waiting >= self._max_waiting:
                self._room.clear()
                await self._room.wait()
                continue
            under_way = sum(len(line.targets) for line in self._lines.values())
            slack = BACKLOG * self._window - under_way
            if slack > 0:
                return min(slack, self._max_waiting - waiting)
            self._slack.clear()
            await self._slack.wait()

    async def _dispatch(self, tokens: Sequence[object], seq: int) -> int:
        """Hand tokens to the lines of their routes; return the next number."""
        find, lines = self._addresses.find, self._lines
        pages: dict[Load, list[Target]] = {}
        for number, token in enumerate(tokens, seq):
            found = find(token, number)
            if isinstance(found, Delivery):
                self._report(found)
            else:
                load, target = found
                pages.setdefault(load, []).append(target)
        for load, targets in pages.items():
            line = lines.get(load)
            if line is None:
                line = lines[load] = _Line(load)
            await self._hand(line, targets)
        return seq + len(tokens)

    async def _hand(self, line: _Line, targets: list[Target]) -> None:
        """Send to *targets* by pages; before that is possible, one after the other."""
        place = 0
        while place < len(targets):
            if self._closed:
                return
            if self._ready(line):
                self._add(line, targets[place:])
                return
            # A scout: it waits for the credential, the pause or the first connection.
            item = Item(line.load, targets[place])
            place += 1
            self._scouted.clear()
            await self._begin([item])
            await self._scouted.wait()

    def _attempted(self, items: list[Item], task: asyncio.Task[Attempt]) -> None:
        super()._attempted(items, task)
        self._scouted.set()

    # Sending.

    def _ready(self, line: _Line) -> bool:
        """Whether *line* has a form that is good now, making one if it can be made."""
        lane = self._lane
        if lane.pause.active or self._stopped:
            return False
        credential = lane.credentials.ready(line.load.route)
        prepared = line.load.prepared(self._clock.time())
        if credential is None or not isinstance(prepared, Prepared):
            return False
        if prepared is line.prepared and credential.generation == line.generation:
            return True
        try:
            form = prepared.bulk(credential)
        except Exception as error:
            lane.failed("bulk", error)
            return False
        if form is None:
            return False
        if line.bulk is not None:
            line.bulk.finish()  # what it has under way ends under the old form
        line.prepared, line.generation, line.success = prepared, credential.generation, form.success
        left = self._deadline - self._clock.monotonic()
        line.bulk = self._carrier.bulk(
            form,
            lambda keys, others: self._came(line, prepared, credential.generation, keys, others),
            window=self._window,
            timeout=TRY_TIMEOUT,
            deadline=asyncio.get_running_loop().time() + left,
        )
        return True

    def _add(self, line: _Line, targets: Sequence[Target]) -> None:
        assert line.bulk is not None
        first = line.next_key
        line.next_key += len(targets)
        line.targets.update(enumerate(targets, first))
        line.bulk.add(targets, first)

    def _attempt(self, items: list[Item]) -> None:
        line = self._lines.get(items[0].load)
        again = [item for item in items if item.tries and not item.renewed]
        if line is None or len(again) < len(items) or not self._ready(line):
            super()._attempt(items)
            return
        self._slots.release()
        first = line.next_key
        line.items.update(enumerate(items, first))
        self._add(line, [item.target for item in items])

    # What came.

    def _came(
        self,
        line: _Line,
        prepared: Prepared,
        generation: int,
        keys: Sequence[int],
        others: Sequence[Result],
    ) -> None:
        """Report what the carrier has for *line*; nothing of it may raise."""
        if self._closed:
            return
        if keys:
            self._succeed(line, keys)
        now = self._clock.time()
        for key, answer in others:
            target = line.targets.pop(key)
            item = line.items.pop(key, None)
            if isinstance(answer, Response):
                verdict = self._verdict(prepared, target, answer, now)
                if item is None and verdict.outcome in _LAST and verdict.scope is Scope.TOKEN:
                    self._report(Delivery(target, verdict, 1))
                    continue
                self._judge_one(item or Item(line.load, target), verdict, generation)
            elif answer.processed:
                verdict = NO_ANSWER if answer.timeout else LOST
                self._judge([item or Item(line.load, target)], Attempt([verdict], [1]))
            else:
                verdict = not_sent(answer.reason)
                self._judge([item or Item(line.load, target)], Attempt([verdict], [0]))
        self._slack.set()

    def _succeed(self, line: _Line, keys: Sequence[int]) -> None:
        success = line.success
        assert success is not None
        pop = line.targets.pop
        if line.items or self._ordered:
            for key in keys:
                item = line.items.pop(key, None)
                sent = 1 if item is None else item.sent + 1
                self._report(Delivery(pop(key), success, sent))
            return
        self._open -= len(keys)
        self.results.extend([Delivery(pop(key), success, 1) for key in keys])
        self._news.set()

    def _verdict(self, prepared: Prepared, target: Target, answer: Response, now: float) -> Verdict:
        try:
            (verdict,) = prepared.verdicts((target,), answer, now)
        except Exception as error:
            self._lane.failed("verdicts", error)
            return DROPPED
        return verdict

    def _judge_one(self, item: Item, verdict: Verdict, generation: int) -> None:
        """Report *item*, or let it wait, or have it tried with a new credential."""
        if isinstance(verdict.retry, AfterRefresh):
            self._lane.credentials.reject(item.load.route, generation)
            # The lane takes it from here: a new credential, and once only.
            renewed = item._replace(tries=item.tries + 1, sent=item.sent + 1, renewed=True)
            self._spawn(self._begin([renewed]), lambda task: None)
            return
        self._lane.observe([verdict])
        self._judge([item], Attempt([verdict], [1]))

    # The end.

    def close(self) -> None:
        if not self._closed:
            for line in self._lines.values():
                if line.bulk is not None:
                    line.bulk.cancel()
        super().close()
