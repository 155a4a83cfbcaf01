"""
What becomes of a push: to whom, what the vendor said, and what that means.

``Target`` and ``Delivery`` exist once per token of a fan-out, so they are named tuples;
a :class:`Verdict` without data of its own is one shared object.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, TypeAlias

import attrs

from zpns.errors import shorten

__all__ = [
    "AfterOpen",
    "AfterRefresh",
    "At",
    "Delivery",
    "Outcome",
    "Scope",
    "Target",
    "Verdict",
]


class Outcome(StrEnum):
    """How a push to one token ended; every outcome but RETRY is final."""

    SENT = "sent"
    """The vendor took it. That is not yet *shown on the device*."""
    TOKEN_DEAD = "token_dead"
    """The vendor knows no such token any more: forget it."""
    TOKEN_SUSPECT = "token_suspect"
    """The token may be dead, or belong to another app or environment."""
    REFUSED = "refused"
    """This push will never work; the token is not to blame."""
    RETRY = "retry"
    """Not now; the same push may work later."""
    UNKNOWN = "unknown"
    """It was sent and nothing came back: the device may have got it."""
    EXPIRED = "expired"
    """Its time was over before it could be sent."""
    SKIPPED = "skipped"
    """Nothing was sent; the code says why."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to this push."""
        return self is not Outcome.RETRY


class Scope(StrEnum):
    """Whom a vendor's answer concerns."""

    TOKEN = "token"
    APP = "app"
    """Everything of this app at this vendor: nothing is sent before the time given."""


@attrs.frozen
class At:
    """
    Try again, not before a moment.

    Attributes:
        time: Seconds since 1970, UTC.
    """

    time: float


@attrs.frozen
class AfterRefresh:
    """Try again with a new credential."""


@attrs.frozen
class AfterOpen:
    """Try again after the body was saved at the vendor anew."""


Retry: TypeAlias = At | AfterRefresh | AfterOpen


class Target(NamedTuple):
    """
    One token of a push job.

    Attributes:
        token: The vendor's token, shortened in ``repr``.

        seq: Its number inside the job, from 0; kept over retries.

        badge: Absolute badge number for this token, or None.
    """

    token: str
    seq: int
    badge: int | None = None

    def __repr__(self) -> str:
        badge = "" if self.badge is None else f", badge={self.badge}"
        return f"Target(token={shorten(self.token)!r}, seq={self.seq}{badge})"


@attrs.frozen(kw_only=True)
class Verdict:
    """
    What a vendor's answer means for one token.

    Attributes:
        outcome: How it ended.

        status: HTTP status, or 0 if there was no answer.

        code: The vendor's own code, or zpns' word for why nothing was sent.

        message_id: The vendor's ID of the accepted push.

        advice: One line: whose fault it is and what to do; empty on success.

        timestamp: Since when the vendor knows the token is dead, UTC seconds, or None.

        retry: When to try again if the outcome is RETRY and the vendor said so.

        scope: Whether it concerns the token alone or the whole app.
    """

    outcome: Outcome
    status: int = 0
    code: str = ""
    message_id: str = ""
    advice: str = ""
    timestamp: float | None = None
    retry: Retry | None = None
    scope: Scope = Scope.TOKEN


class Delivery(NamedTuple):
    """
    A token and what became of it.

    Attributes:
        target: Which token, and its number in the order given.

        verdict: What the vendor's last answer means.

        attempts: How often it was sent, 0 if it never was.
    """

    target: Target
    verdict: Verdict
    attempts: int = 1

    @property
    def token(self) -> str:
        """The token, in full."""
        return self.target.token

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        return self.verdict.outcome

    @property
    def advice(self) -> str:
        """One line: whose fault it is and what to do."""
        return self.verdict.advice
