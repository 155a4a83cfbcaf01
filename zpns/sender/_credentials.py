"""One credential per key: fetched by one task however many wait, renewed ahead of time."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Final

import attrs

from zpns.errors import CarrierError, VendorError, VendorUnavailable
from zpns.exchange import Carrier, Clock, run
from zpns.transports.base import Credential, Route, Transport

__all__ = ["Credentials"]

TRIES: Final = 3  # per fetch; Google's own library does as many
FIRST_WAIT: Final = 1.0  # seconds between two of them, doubled, and drawn by full jitter
TIMEOUT: Final = 10.0  # seconds per request
REMEMBERED: Final = 5.0  # seconds for which a failed fetch answers for the next ones

logger = logging.getLogger("zpns.sender")


class _Slot:
    """What is known of one key."""

    __slots__ = ("current", "failed", "failed_until", "fetching", "generation")

    def __init__(self) -> None:
        self.current: Credential | None = None
        self.generation = 0
        self.fetching: asyncio.Task[Credential] | None = None
        self.failed: VendorError | CarrierError | None = None
        self.failed_until = 0.0


class Credentials:
    """
    The credentials of one transport.

    Args:
        transport: Knows how to get them.

        carrier: Carries the conversation.

        clock: Decides what has expired.

        rng: Draws the waits between tries.
    """

    def __init__(
        self, transport: Transport, carrier: Carrier, clock: Clock, rng: random.Random
    ) -> None:
        self._transport = transport
        self._carrier = carrier
        self._clock = clock
        self._random = rng
        self._slots: dict[str, _Slot] = {}
        self.fetched = 0

    async def get(self, route: Route) -> Credential:
        """
        Return a credential for *route* that is good now.

        One that is due for renewal is still returned while a new one is on its way, so
        nobody waits for a renewal but whoever comes after the expiry.

        Raises:
            VendorError: The vendor gave none.

            CarrierError: The vendor could not be asked.
        """
        slot = self._slots.setdefault(route.credential_key, _Slot())
        now = self._clock.time()
        current = slot.current
        if current is not None and now < current.expires_at:
            if now >= current.renew_at and self._may_fetch(slot, now):
                self._fetch(slot, route)
            return current
        if slot.fetching is None and not self._may_fetch(slot, now):
            assert slot.failed is not None
            raise slot.failed
        # Shielded: whoever gives up waiting does not take it from the others.
        return await asyncio.shield(self._fetch(slot, route))

    def reject(self, route: Route, generation: int) -> None:
        """Forget the credential of *generation*; a newer one stays."""
        slot = self._slots.get(route.credential_key)
        if slot is not None and slot.current is not None and slot.generation == generation:
            slot.current = None

    async def aclose(self) -> None:
        """Stop whatever is being fetched."""
        tasks = [slot.fetching for slot in self._slots.values() if slot.fetching is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _may_fetch(self, slot: _Slot, now: float) -> bool:
        # A clock that was set back must not keep a failure alive for longer than it lasts.
        return slot.failed is None or not slot.failed_until - REMEMBERED <= now < slot.failed_until

    def _fetch(self, slot: _Slot, route: Route) -> asyncio.Task[Credential]:
        """Return the task that fetches, a new one unless one is under way."""
        if slot.fetching is None:
            slot.fetching = asyncio.get_running_loop().create_task(self._renew(slot, route))
            slot.fetching.add_done_callback(self._fetched)
        return slot.fetching

    @staticmethod
    def _fetched(task: asyncio.Task[Credential]) -> None:
        # A renewal ahead of time has nobody waiting who would see its failure.
        if not task.cancelled() and task.exception() is not None:
            logger.warning("credential not renewed: %s", task.exception())

    async def _renew(self, slot: _Slot, route: Route) -> Credential:
        try:
            credential = await self._converse(route)
        except (VendorError, CarrierError) as error:
            slot.failed = error
            slot.failed_until = self._clock.time() + REMEMBERED
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
        for number in range(1, TRIES + 1):
            conversation = self._transport.authorize(route, self._clock.time())
            try:
                return await run(conversation, self._carrier, timeout=TIMEOUT)
            except (VendorUnavailable, CarrierError) as error:
                wait = self._random.random() * FIRST_WAIT * 2 ** (number - 1)
                if isinstance(error, VendorError) and error.retry_after is not None:
                    wait = error.retry_after
                if number == TRIES or wait > TIMEOUT:
                    raise
                await self._clock.sleep_until(self._clock.monotonic() + wait)
        raise AssertionError("unreachable")  # pragma: no cover
