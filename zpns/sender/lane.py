"""
One app at one vendor: its transport, its carrier, its credentials and its pause.

What is above decides when and how often; a lane makes one attempt and says how it
ended. Nothing that concerns an item is raised here.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import attrs

from zpns.errors import CarrierError, StateError, VendorError
from zpns.exchange import Carrier, Clock, Request, Response
from zpns.models.delivery import AfterOpen, AfterRefresh, At, Outcome, Scope, Target, Verdict
from zpns.sender._credentials import Credentials
from zpns.sender._load import TRY_TIMEOUT, Load
from zpns.sender._pause import FREE, LOOK_AGAIN, Entry, Pause
from zpns.sender._retry import expired, retry_at
from zpns.sender._timer import Timer
from zpns.sender._verdicts import (
    BROKEN,
    CLOSED,
    DROPPED,
    LATE,
    NO_ANSWER,
    log_failure,
    no_answer,
    no_credential,
    not_saved,
)
from zpns.transports.base import Credential, Prepared, Route, Transport

__all__ = ["GRACE", "TRY_TIMEOUT", "Attempt", "Lane", "Load", "open_carrier"]

GRACE: Final = 0.25  # seconds after which a carrier that keeps no time is left


def open_carrier(transport: Transport) -> Carrier:
    """Return a carrier of the kind *transport* rides on."""
    plain = transport.base_url is not None and transport.base_url.startswith("http:")
    if transport.http2 and not plain:  # the engine speaks HTTP/2 over TLS alone
        from zpns.http.http2 import HTTP2Carrier

        return HTTP2Carrier(
            ca_file=transport.ca_file, client_certificate=transport.client_certificate
        )
    return _HTTP1(transport)


class _HTTP1:
    """
    A carrier for HTTP/1.1, which is also what token endpoints are asked with.

    It is made with the first request: a vendor that needs none costs no library.
    """

    def __init__(self, transport: Transport) -> None:
        self._ca_file = transport.ca_file
        self._carrier: Carrier | None = None

    async def send(self, request: Request, *, timeout: float) -> Response:
        if self._carrier is None:
            from zpns.http.aiohttp import AiohttpCarrier

            self._carrier = AiohttpCarrier(ca_file=self._ca_file)
        return await self._carrier.send(request, timeout=timeout)

    async def aclose(self) -> None:
        if self._carrier is not None:
            await self._carrier.aclose()


class Attempt(NamedTuple):
    """
    How an attempt ended.

    Attributes:
        verdicts: One for each target, in their order.

        sent: How many requests left with each target: none, one, or two if it was
            repeated with a new credential or a body saved anew.
    """

    verdicts: Sequence[Verdict]
    sent: Sequence[int]


class _Answer(NamedTuple):
    """
    How one request ended: verdicts, whether it left and whether the vendor answered,
    the credential and the saved body it was made with.
    """

    verdicts: Sequence[Verdict]
    sent: bool = False
    answered: bool = False
    credential: Credential | None = None
    stored: str | None = None


class _Unsent(Exception):
    """No request leaves, and what that means."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict)
        self.verdict = verdict


class Lane:
    """
    One app at one vendor.

    Args:
        transport: The vendor.

        carrier: Carries its requests, and is not closed by the lane; None opens one of
            the kind the transport rides on.

        clock: Where time comes from.

        rng: Where chance comes from.

    Attributes:
        timer: Ends waits by *clock*.

        on_close: Called once, before anything under way is ended.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        carrier: Carrier | None = None,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self.transport = transport
        self.carrier = carrier if carrier is not None else open_carrier(transport)
        self.clock = clock
        self.rng = rng
        self.timer = Timer(clock)
        self._tokens = _HTTP1(transport) if carrier is None and transport.http2 else self.carrier
        self.credentials = Credentials(transport, self._tokens, clock, rng, self.timer)
        self.pause = Pause(clock)
        self.on_close: set[Callable[[], None]] = set()
        self._owns_carrier = carrier is None
        self._closed = False
        self._logged: set[tuple[str, type[BaseException]]] = set()

    async def aclose(self) -> None:
        """
        Close every connection.

        Attempts that were sent and not answered end as *unknown*, others as *skipped*.
        """
        if self._closed:
            return
        self._closed = True
        for tell in list(self.on_close):
            tell()
        if self._owns_carrier:
            await self.carrier.aclose()
            if self._tokens is not self.carrier:
                await self._tokens.aclose()
        self.timer.close()
        await self.credentials.aclose()

    async def attempt(
        self,
        load: Load,
        targets: Sequence[Target],
        *,
        deadline: float,
        patience: float | None = None,
        repeat: bool = True,
    ) -> Attempt:
        """
        Send one request for *targets* and say how it ended for each.

        A credential that the vendor rejects is replaced, and the request repeated, once;
        so is a saved body it does not know.

        Args:
            load: What is sent.

            targets: As many as the prepared notification takes, or fewer.

            deadline: When it must be over, by the monotonic clock.

            patience: Until when to wait while the app is paused, likewise; a pause that
                lasts longer gives RETRY with its end. None waits until *deadline*.

            repeat: Whether that once is still to be had; False if it was for a target.
        """
        count = len(targets)
        entry, answered = FREE, False
        try:
            if self.pause.active:
                wait = deadline if patience is None else min(patience, deadline)
                entry = await self._enter(wait)
                if entry.until is not None:
                    return Attempt([self._paused(entry.until)] * count, [0] * count)
            attempt, answered = await self._try(load, targets, deadline, repeat)
            self.observe(attempt.verdicts)
        except Exception as error:
            self.failed("an attempt", error)
            return Attempt([BROKEN] * count, [0] * count)
        finally:
            self.pause.leave(entry, answered=answered)
        return attempt

    def failed(self, doing: str, error: BaseException) -> None:
        """Log that code of the transport or carrier failed; a repetition only for debugging."""
        kind = (doing, type(error))
        level = logging.DEBUG if kind in self._logged else logging.ERROR
        self._logged.add(kind)
        log_failure(self.transport.channel, doing, error, level=level)

    # The pause.

    async def _enter(self, patience: float) -> Entry:
        try:
            async with self.timer.until(patience):
                return await self.pause.enter(patience)
        except TimeoutError:  # somebody else's probe took longer, or the sender was closed
            return Entry(until=self.clock.time() + LOOK_AGAIN)

    def _paused(self, until: float) -> Verdict:
        if self._closed:
            return CLOSED
        said = self.pause.verdict
        return Verdict(
            outcome=Outcome.RETRY,
            status=said.status if said else 0,
            code=said.code if said else "paused",
            advice="the vendor wants nothing from this app until then",
            retry=At(until),
            scope=Scope.APP,
        )

    def observe(self, verdicts: Sequence[Verdict]) -> None:
        """Take note of *verdicts*: one of them may ask for a pause of the app."""
        for verdict in verdicts:
            if verdict.scope is not Scope.APP:
                continue
            if isinstance(verdict.retry, At):
                self.pause.begin(verdict.retry.time, verdict)
            elif verdict.outcome is Outcome.RETRY:
                now, backoff = self.clock.time(), self.transport.backoff
                self.pause.begin(retry_at(verdict, 1, backoff, now, self.rng), verdict)

    # One attempt.

    async def _try(
        self, load: Load, targets: Sequence[Target], deadline: float, repeat: bool
    ) -> tuple[Attempt, bool]:
        """Return the attempt and whether the vendor answered to the last request of it."""
        first = await self._once(load, targets, deadline)
        count = len(targets)
        stale = [
            index
            for index, verdict in enumerate(first.verdicts)
            if isinstance(verdict.retry, (AfterRefresh, AfterOpen))
        ]
        verdicts, sent = list(first.verdicts), [int(first.sent)] * count
        if not stale:
            return Attempt(verdicts, sent), first.answered
        if not repeat:
            for index in stale:
                verdicts[index] = _rejected(verdicts[index])
            return Attempt(verdicts, sent), first.answered
        self._renew(load, first)
        second = await self._once(load, [targets[index] for index in stale], deadline)
        for index, verdict in zip(stale, second.verdicts, strict=True):
            sent[index] += second.sent
            # Once only: a vendor that rejects a new credential will reject the next too.
            if isinstance(verdict.retry, (AfterRefresh, AfterOpen)):
                verdict = _rejected(verdict)
            elif verdict is LATE or verdict is CLOSED:
                verdict = expired(verdicts[index])
            verdicts[index] = verdict
        return Attempt(verdicts, sent), second.answered

    def _renew(self, load: Load, answer: _Answer) -> None:
        """Let go of the credential or the saved body that the vendor rejected."""
        retries = {type(verdict.retry) for verdict in answer.verdicts}
        if AfterRefresh in retries and answer.credential is not None:
            self.credentials.reject(load.route, answer.credential.generation)
        if AfterOpen in retries:
            load.forget(answer.stored)

    async def _once(self, load: Load, targets: Sequence[Target], deadline: float) -> _Answer:
        """Make one request once there is all it needs."""
        count = len(targets)
        credential: Credential | None = None
        try:
            prepared = self._prepared(load, deadline)
            credential = self.credentials.ready(load.route)
            if credential is None:
                credential = await self._credential(load.route, deadline)
            stored = load.stored
            if stored is None and count > 1:
                stored = await self._open(load, prepared, credential, count, deadline)
            prepared = self._prepared(load, deadline)  # there may have been waiting
            request = prepared.request(targets, credential, stored)
        except _Unsent as unsent:
            return _Answer([unsent.verdict] * count, credential=credential)
        except Exception as error:
            self.failed("request", error)
            return _Answer([BROKEN] * count)
        now = self.clock.monotonic()
        timeout = min(deadline - now, TRY_TIMEOUT)
        try:
            async with self.timer.until(now + timeout + GRACE):
                response = await self.carrier.send(request, timeout=timeout)
        except Exception as error:
            verdict, sent = self._not_answered(error)
            return _Answer([verdict] * count, sent=sent)
        try:
            verdicts = prepared.verdicts(targets, response, self.clock.time())
            if len(verdicts) != count:
                raise ValueError("a verdict for each target was expected")
        except Exception as error:
            self.failed("verdicts", error)
            verdicts = [BROKEN] * count
        return _Answer(verdicts, True, True, credential, stored)

    def _prepared(self, load: Load, deadline: float) -> Prepared:
        if self._closed or self.clock.monotonic() >= deadline:
            raise _Unsent(self._too_late())
        prepared = load.prepared(self.clock.time())
        if isinstance(prepared, Verdict):
            raise _Unsent(prepared)
        return prepared

    def _too_late(self) -> Verdict:
        return CLOSED if self._closed else LATE

    def _not_answered(self, error: Exception) -> tuple[Verdict, bool]:
        """Return what *error* of the carrier means, and whether the request left."""
        if isinstance(error, CarrierError):
            return no_answer(error), error.sent
        if isinstance(error, TimeoutError):  # it did not end in time, nor say so
            return NO_ANSWER, True
        self.failed("the carrier", error)
        return DROPPED, True

    async def _credential(self, route: Route, deadline: float) -> Credential:
        try:
            async with self.timer.until(deadline):
                return await self.credentials.get(route)
        except (VendorError, CarrierError) as error:
            raise _Unsent(no_credential(error, self.clock.time())) from None
        except (TimeoutError, StateError):
            raise _Unsent(self._too_late()) from None
        except Exception:  # logged where it was fetched, once for all who wait
            raise _Unsent(BROKEN) from None

    async def _open(
        self, load: Load, prepared: Prepared, credential: Credential, count: int, deadline: float
    ) -> str | None:
        try:
            async with self.timer.until(deadline):
                return await load.open(prepared, credential, count, self.carrier)
        except (VendorError, CarrierError) as error:
            raise _Unsent(not_saved(error, self.clock.time())) from None
        except TimeoutError:
            raise _Unsent(self._too_late()) from None


def _rejected(verdict: Verdict) -> Verdict:
    return attrs.evolve(verdict, outcome=Outcome.REFUSED, retry=None)
