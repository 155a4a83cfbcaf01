"""A notification on its way along one route, with what it costs to make it ready."""

from __future__ import annotations

import asyncio
from typing import Final

from zpns.errors import ParameterError
from zpns.exchange import Carrier
from zpns.exchange import run as converse
from zpns.models.delivery import Verdict
from zpns.models.notification import Notification
from zpns.sender._verdicts import BROKEN, log_failure, refused, skipped
from zpns.transports.base import Credential, Prepared, Route, Skip, Transport

__all__ = ["TRY_TIMEOUT", "Load"]

TRY_TIMEOUT: Final = 10.0  # seconds per try; the least Google advises


class Load:
    """
    A notification on its way along one route: prepared when first needed, and again
    when that is no longer valid.

    Args:
        transport: Prepares it.

        notification: With ``job_id`` and ``deadline`` set.

        route: Where it goes.

        stored: The vendor's name of a body saved earlier for the same job, or None.

    Attributes:
        stored: The name in force.
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
        self._prepared: Prepared | Verdict | None = None
        self._opening = asyncio.Lock()
        self._failures = 0
        self._failure: Exception | None = None

    def prepared(self, now: float) -> Prepared | Verdict:
        """Return the notification ready for *now*, or what it means that it cannot be sent."""
        current = self._prepared
        if current is None or (isinstance(current, Prepared) and now >= current.valid_until):
            current = self._prepared = self._prepare(now)
        return current

    def most(self, now: float) -> int:
        """Return how many targets a request takes; one if there will be none."""
        prepared = self.prepared(now)
        return prepared.max_tokens if isinstance(prepared, Prepared) else 1

    async def open(
        self, prepared: Prepared, credential: Credential, count: int, carrier: Carrier
    ) -> str | None:
        """
        Return the vendor's name of the saved body, saving it if that was not done yet.

        One conversation however many wait; if it fails it fails for all of them.

        Raises:
            VendorError: The vendor did not save it.

            CarrierError: The vendor could not be reached.
        """
        before = self._failures
        async with self._opening:
            if self.stored is None:
                if self._failure is not None and self._failures != before:
                    raise self._failure.with_traceback(None)
                try:
                    conversation = prepared.open(credential, count)
                    self.stored = await converse(conversation, carrier, timeout=TRY_TIMEOUT)
                except Exception as error:
                    self._failures += 1
                    self._failure = error
                    raise
        return self.stored

    def forget(self, stored: str | None) -> None:
        """Have the body saved anew, unless somebody did since *stored* was given out."""
        if self.stored == stored:
            self.stored = None

    def _prepare(self, now: float) -> Prepared | Verdict:
        try:
            prepared = self.transport.prepare(self.notification, self.route, now)
        except ParameterError as error:
            return refused(error)
        except Exception as error:
            log_failure(self.transport.channel, "prepare", error)
            return BROKEN
        return skipped(prepared) if isinstance(prepared, Skip) else prepared
