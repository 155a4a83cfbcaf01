"""
One app at one vendor: its transport, its carrier, its credentials and its pause.

What is above decides when and how often; a lane makes one attempt and says how it
ended. Nothing that concerns an item is raised here.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from typing import Final

import attrs

from zpns.errors import CarrierError, CarrierTimeout, ParameterError, VendorError
from zpns.exchange import Carrier, Clock
from zpns.exchange import run as converse
from zpns.models.delivery import AfterOpen, AfterRefresh, At, Outcome, Scope, Target, Verdict
from zpns.models.notification import Notification
from zpns.sender._credentials import Credentials
from zpns.sender._pause import Entry, Pause
from zpns.transports.base import Credential, Prepared, Route, Skip, Transport

__all__ = ["TRY_TIMEOUT", "Lane", "Load", "open_carrier"]

TRY_TIMEOUT: Final = 10.0  # seconds per try; the least Google advises

logger = logging.getLogger("zpns.sender")

_LATE: Final = Verdict(
    outcome=Outcome.EXPIRED, code="expired", advice="its deadline passed before it could be sent"
)
_BROKEN: Final = Verdict(
    outcome=Outcome.REFUSED,
    code="internal_error",
    advice="the transport failed; see the log of zpns.sender",
)


def open_carrier(transport: Transport) -> Carrier:
    """Return a carrier of the kind *transport* rides on."""
    from zpns.http.aiohttp import AiohttpCarrier

    return AiohttpCarrier(ca_file=transport.ca_file)


class Load:
    """
    A notification on its way along one route: prepared when first needed, and again
    when that is no longer valid.

    Args:
        transport: Prepares it.

        notification: With ``job_id`` and ``deadline`` set.

        route: Where it goes.

        stored: The vendor's name of a body saved earlier for the same job, or None.
    """

    def __init__(
        self,
        transport: Transport,
        notification: Notification,
        route: Route,
        stored: str | None = None,
    ) -> None:
        self.transport = transport
        self.notification = notification
        self.route = route
        self.stored = stored
        self._prepared: Prepared | Skip | None = None
        self._opening = asyncio.Lock()

    def prepared(self, now: float) -> Prepared | Skip:
        """
        Return the notification ready for *now*, or why nothing is sent.

        Raises:
            ParameterError: It does not fit the vendor's limits.
        """
        current = self._prepared
        if current is None or (isinstance(current, Prepared) and now >= current.valid_until):
            current = self.transport.prepare(self.notification, self.route, now)
            self._prepared = current
        return current

    async def open(
        self, prepared: Prepared, credential: Credential, count: int, carrier: Carrier
    ) -> str | None:
        """Return the vendor's name of the saved body, saving it if that was not done yet."""
        async with self._opening:
            if self.stored is None:
                conversation = prepared.open(credential, count)
                self.stored = await converse(conversation, carrier, timeout=TRY_TIMEOUT)
        return self.stored


class Lane:
    """
    One app at one vendor.

    Args:
        transport: The vendor.

        carrier: Carries its requests; None opens one of the kind the transport rides on.

        clock: Where time comes from.

        rng: Where chance comes from.
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
        self.credentials = Credentials(transport, self.carrier, clock, rng)
        self.pause = Pause(clock)

    async def aclose(self) -> None:
        """Close every connection; attempts under way end as *unknown*."""
        await self.credentials.aclose()
        await self.carrier.aclose()

    async def attempt(
        self, load: Load, targets: Sequence[Target], *, deadline: float, patience: float
    ) -> Sequence[Verdict]:
        """
        Send one request for *targets* and say how it ended for each.

        A credential that the vendor rejects is replaced, and the request repeated, once.

        Args:
            load: What is sent.

            targets: As many as the prepared notification takes, or fewer.

            deadline: When it must be over, by the monotonic clock.

            patience: Until when to wait while the app is paused, likewise; a pause that
                lasts longer gives RETRY with its end.
        """
        try:
            entry = await self.pause.enter(min(patience, deadline))
            if entry.until is not None:
                return [self._paused(entry.until)] * len(targets)
            verdicts: Sequence[Verdict] = ()
            try:
                verdicts = await self._try(load, targets, deadline)
            finally:
                self._leave(entry, verdicts)
        except Exception:
            logger.exception("%s: the transport failed", self.transport.channel)
            return [_BROKEN] * len(targets)
        return verdicts

    def _paused(self, until: float) -> Verdict:
        return Verdict(
            outcome=Outcome.RETRY,
            code=self.pause.code,
            advice="the vendor wants nothing from this app until then",
            retry=At(until),
            scope=Scope.APP,
        )

    def _leave(self, entry: Entry, verdicts: Sequence[Verdict]) -> None:
        pauses = [
            verdict
            for verdict in verdicts
            if verdict.scope is Scope.APP and isinstance(verdict.retry, At)
        ]
        for verdict in pauses:
            assert isinstance(verdict.retry, At)
            self.pause.begin(verdict.retry.time, verdict.code)
        answered = any(verdict.status for verdict in verdicts)
        self.pause.leave(entry, answered=answered, paused=bool(pauses))

    async def _try(
        self, load: Load, targets: Sequence[Target], deadline: float
    ) -> Sequence[Verdict]:
        verdicts, credential = await self._once(load, targets, deadline)
        if credential is not None and any(
            isinstance(verdict.retry, (AfterRefresh, AfterOpen)) for verdict in verdicts
        ):
            verdicts = await self._again(load, targets, deadline, verdicts, credential)
        return verdicts

    async def _again(
        self,
        load: Load,
        targets: Sequence[Target],
        deadline: float,
        verdicts: Sequence[Verdict],
        credential: Credential,
    ) -> Sequence[Verdict]:
        """Repeat, with a new credential or body, what failed for want of one."""
        stale = [
            index
            for index, verdict in enumerate(verdicts)
            if isinstance(verdict.retry, (AfterRefresh, AfterOpen))
        ]
        if any(isinstance(verdicts[index].retry, AfterRefresh) for index in stale):
            self.credentials.reject(load.route, credential.generation)
        if any(isinstance(verdicts[index].retry, AfterOpen) for index in stale):
            load.stored = None
        second, _ = await self._once(load, [targets[index] for index in stale], deadline)
        result = list(verdicts)
        for index, verdict in zip(stale, second, strict=True):
            # Once only: a vendor that rejects a new credential will reject the next too.
            if isinstance(verdict.retry, (AfterRefresh, AfterOpen)):
                verdict = attrs.evolve(verdict, outcome=Outcome.REFUSED, retry=None)
            result[index] = verdict
        return result

    async def _once(
        self, load: Load, targets: Sequence[Target], deadline: float
    ) -> tuple[Sequence[Verdict], Credential | None]:
        """Return the verdicts of one request, and the credential it was made with."""
        count = len(targets)
        clock = self.clock
        try:
            prepared = load.prepared(clock.time())
        except ParameterError as error:
            return [_refused(error)] * count, None
        if isinstance(prepared, Skip):
            return [_skipped(prepared)] * count, None
        try:
            async with _until(deadline - clock.monotonic()):
                credential = await self.credentials.get(load.route)
        except (VendorError, CarrierError) as error:
            return [_no_credential(error, clock.time())] * count, None
        except TimeoutError:
            return [_LATE] * count, None
        left = deadline - clock.monotonic()
        if left <= 0:
            return [_LATE] * count, None
        try:
            stored = load.stored
            if count > 1 and stored is None and prepared.max_tokens > 1:
                stored = await load.open(prepared, credential, count, self.carrier)
            request = prepared.request(targets, credential, stored)
            response = await self.carrier.send(request, timeout=min(left, TRY_TIMEOUT))
        except CarrierError as error:
            return [_no_answer(error)] * count, credential
        return prepared.verdicts(targets, response, clock.time()), credential


def _until(seconds: float) -> asyncio.Timeout:
    """Raise ``TimeoutError`` in the block once *seconds* of the machine's time are over."""
    return asyncio.timeout(max(seconds, 0))


def _refused(error: ParameterError) -> Verdict:
    code = getattr(error, "reason", "") or "invalid_notification"
    return Verdict(outcome=Outcome.REFUSED, code=code, advice=error.message)


def _skipped(skip: Skip) -> Verdict:
    if skip.why == "expired":
        return _LATE
    return Verdict(outcome=Outcome.SKIPPED, code=skip.why, advice=skip.advice)


def _no_credential(error: VendorError | CarrierError, now: float) -> Verdict:
    """Return what it means that no credential was to be had; nothing was sent."""
    if isinstance(error, CarrierError):
        return Verdict(
            outcome=Outcome.RETRY,
            code="credential_unreachable",
            advice=f"the vendor's token endpoint could not be reached: {error}",
        )
    retry = None if error.retry_after is None else At(now + error.retry_after)
    return Verdict(
        outcome=Outcome.RETRY if error.retryable else Outcome.REFUSED,
        status=error.status,
        code=error.vendor_code or "credential_rejected",
        advice=str(error),
        retry=retry if error.retryable else None,
    )


def _no_answer(error: CarrierError) -> Verdict:
    """Return what it means that a request got no answer."""
    if not error.sent:
        return Verdict(
            outcome=Outcome.RETRY, code="not_sent", advice=f"the vendor was not reached: {error}"
        )
    code = "timeout" if isinstance(error, CarrierTimeout) else "connection_lost"
    return Verdict(
        outcome=Outcome.UNKNOWN,
        code=code,
        advice="it was sent and no answer came: the device may have got it",
    )
