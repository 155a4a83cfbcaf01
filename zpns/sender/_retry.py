"""Whether a verdict is the last word, and when to try again if it is not."""

from __future__ import annotations

import random

import attrs

from zpns.models.delivery import At, Outcome, Verdict
from zpns.transports.base import Backoff

__all__ = ["expired", "retry_at"]


def retry_at(
    verdict: Verdict, tries: int, backoff: Backoff, now: float, rng: random.Random
) -> float:
    """
    Return when to try again, UTC seconds.

    Args:
        verdict: Of outcome RETRY, or UNKNOWN that is to be repeated.

        tries: How often it was tried, 1 or more.

        backoff: The vendor's manners, for when it named no time.

        now: UTC seconds.

        rng: Draws the wait: full jitter, so that many do not come back at once.
    """
    if isinstance(verdict.retry, At):
        return max(verdict.retry.time, now)  # the vendor's word wins over every floor
    span = min(backoff.first * 2.0 ** min(tries - 1, 60), backoff.most)
    return now + backoff.floor + rng.random() * span


def expired(verdict: Verdict) -> Verdict:
    """Return the last word on a token whose time is over, with what its vendor said last."""
    return attrs.evolve(verdict, outcome=Outcome.EXPIRED, retry=None)
