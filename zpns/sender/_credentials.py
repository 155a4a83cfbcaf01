"""One credential per key: fetched by one task however many wait, renewed ahead of time."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Final

import attrs

from zpns.errors import CarrierError, StateError, VendorError, VendorUnavailable
from zpns.exchange import Carrier, Clock, run
from zpns.sender._timer import Timer
from zpns.sender._verdicts import log_failure
from zpns.transports.base import Credential, Route, Transport

__all__ = ["Credentials"]

TRIES: Final = 3  # per fetch; Google's own library does as many
FIRST_WAIT: Final = 1.0  # seconds between two of them, doubled, and drawn by full jitter
TIMEOUT: Final = 10.0  # seconds per request
CONVERSATION: Final = 20.0  # seconds per try, even if the carrier keeps no time
REMEMBERED: Final = 5.0  # seconds for which a failed fetch answers for the next ones

logger = logging.getLogger("zpns.sender")


class _Slot:
    """What is known of one key."""

    __slots__ = ("current", "failed", "failed_until", "fetching", "generation")

    def __init__(self) -> None:
        self.current: Credential | None = None
        self.generation = 0
        self.fetching: asyncio.Task[Credential] | None = None
        self.failed: Exception | None = None
        self.failed_until = 0.0  # monotonic


class Credentials:
    """
    The credentials of one transport.

    Args:
        transport: Knows how to get them.

        carrier: Carries the conversation.

        clock: Decides what has expired.

        rng: Draws the waits between tries.

        timer: Ends a conversation that never does.

    Attributes:
        fetched: How many were obtained.
    """

    def __init__(
        self,
        transport: Transport,
        carrier: Carrier,
        clock: Clock,
        rng: random.Random,
        timer: Timer,
    ) -> None:
        self._transport = transport
        self._carrier = carrier
        self._clock = clock
        self._random = rng
        self._timer = timer
        self._slots: dict[str, _Slot] = {}
        self._closed = False
        self.fetched = 0

    def ready(self, route: Route) -> Credential | None:
        """
        Return the credential for *route* if it is good now, else None: :meth:`get` waits.

        One that is due for renewal is still returned while a new one is on its way, so
        nobody waits for a renewal but whoever comes after the expiry.
        """
        slot = self._slots.get(route.credential_key)
        if slot is None or slot.current is None:
            return None
        now = self._clock.time()
        if now >= slot.current.expires_at:
            return None
        if now >= slot.current.renew_at and not self._closed and not self._failed(slot):
            self._fetch(slot, route)
        return slot.current

    async def get(self, route: Route) -> Credential:
        """
        Return a credential for *route*, fetching one if there is none that is good.

        Raises:
            VendorError: The vendor gave none.

            CarrierError: The vendor could not be asked.

            StateError: The sender was closed.

            Exception: What the transport raised; it was logged.
        """
        credential = self.ready(route)
        if credential is not None:
            return credential
        if self._closed:
            raise StateError("the sender is closed")
        slot = self._slots.setdefault(route.credential_key, _Slot())
        if slot.fetching is None and self._failed(slot):
            assert slot.failed is not None
            # Raised for everybody who comes: it must not gather their frames.
            raise slot.failed.with_traceback(None)
        fetching = self._fetch(slot, route)
        # Unlike awaiting the task, this takes it from nobody when the waiter is cancelled.
        await asyncio.wait((fetching,))
        if not fetching.cancelled():
            return fetching.result()
        if self._closed:
            raise StateError("the sender is closed")
        raise VendorUnavailable(
            "asking for a credential was cancelled", channel=self._transport.channel
        )

    def reject(self, route: Route, generation: int) -> None:
        """Forget the credential of *generation*; a newer one stays."""
        slot = self._slots.get(route.credential_key)
        if slot is not None and slot.current is not None and slot.generation == generation:
            slot.current = None

    async def aclose(self) -> None:
        """Stop whatever is being fetched; whoever waits for it gets a ``StateError``."""
        self._closed = True
        tasks = [slot.fetching for slot in self._slots.values() if slot.fetching is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _failed(self, slot: _Slot) -> bool:
        """Return whether a failure is too fresh to ask again."""
        return slot.failed is not None and self._clock.monotonic() < slot.failed_until

    def _fetch(self, slot: _Slot, route: Route) -> asyncio.Task[Credential]:
        """Return the task that fetches, a new one unless one is under way."""
        if slot.fetching is None:
            slot.fetching = asyncio.get_running_loop().create_task(self._renew(slot, route))
            slot.fetching.add_done_callback(self._fetched)
        return slot.fetching

    def _fetched(self, task: asyncio.Task[Credential]) -> None:
        # A renewal ahead of time has nobody waiting who would see its failure.
        error = None if task.cancelled() else task.exception()
        if isinstance(error, (VendorError, CarrierError)):
            logger.warning("%s: credential not renewed: %s", self._transport.channel, error)
        elif error is not None:
            log_failure(self._transport.channel, "authorize", error)

    async def _renew(self, slot: _Slot, route: Route) -> Credential:
        try:
            credential = await self._converse(route)
        except Exception as error:
            slot.failed = error
            slot.failed_until = self._clock.monotonic() + REMEMBERED
            raise
        else:
            self.fetched += 1
            slot.failed = None
            slot.generation += 1
            slot.current = attrs.evolve(credential, generation=slot.generation)
            return slot.current
        finally:
            slot.fetching = None

    async def _converse(self, route: Route) -> Credential:
        """Ask up to ``TRIES`` times while the vendor is merely unavailable."""
        number = 1
        while True:
            try:
                return await self._ask(route)
            except (VendorUnavailable, CarrierError) as error:
                wait = self._random.random() * FIRST_WAIT * 2 ** (number - 1)
                if isinstance(error, VendorError) and error.retry_after is not None:
                    wait = error.retry_after
                if number == TRIES or wait > TIMEOUT:
                    raise
            await self._clock.sleep_until(self._clock.monotonic() + wait)
            number += 1

    async def _ask(self, route: Route) -> Credential:
        """Have one conversation."""
        conversation = self._transport.authorize(route, self._clock.time())
        try:
            async with self._timer.until(self._clock.monotonic() + CONVERSATION):
                return await run(conversation, self._carrier, timeout=TIMEOUT)
        except CarrierError:  # a CarrierTimeout is a TimeoutError too, and says more
            raise
        except TimeoutError:
            raise VendorUnavailable(
                f"gave no credential within {CONVERSATION:g} s", channel=self._transport.channel
            ) from None
