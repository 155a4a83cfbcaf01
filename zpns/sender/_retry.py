"""Whether a verdict is the last word, and when to try again if it is not."""

from __future__ import annotations

import random
from typing import Final

import attrs

from zpns.models.delivery import At, Outcome, Verdict
from zpns.sender._verdicts import CLOSED
from zpns.transports.base import Backoff

__all__ = ["TRIES", "expired", "last_word", "retry_at"]

#: Tries after which *later* is taken for *never*. No vendor's manners come near it within
#: a sensible deadline; it stops what a vendor that names moments in the past would start.
TRIES: Final = 100


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
    floor = backoff.floor
    if isinstance(verdict.retry, At):
        # The vendor's word wins over every floor; said again and again, *now* is no word.
        if verdict.retry.time > now or tries == 1:
            return max(verdict.retry.time, now)
        floor = 0.0
    span = min(backoff.first * 2.0 ** min(tries - 1, 60), backoff.most)
    return now + floor + rng.random() * span


def expired(verdict: Verdict) -> Verdict:
    """Return the last word on a token whose time is over, with what its vendor said last."""
    return attrs.evolve(verdict, outcome=Outcome.EXPIRED, retry=None)


def last_word(verdict: Verdict, before: Verdict | None, *, sent: bool) -> Verdict:
    """
    Return what is reported of a token that is not tried again.

    Args:
        verdict: Of the last try.

        before: What is remembered of earlier ones: UNKNOWN if any of them was, else
            RETRY; None if there were none.

        sent: Whether a request left in the last try.
    """
    if verdict.outcome is Outcome.RETRY or (not sent and before is not None):
        if before is not None and before.outcome is Outcome.UNKNOWN:
            return before  # the device may have got it, whatever hindered the repetition
        if verdict.outcome is Outcome.RETRY:
            return expired(verdict)
        if before is not None and (verdict.outcome is Outcome.EXPIRED or verdict is CLOSED):
            return expired(before)
    return verdict
