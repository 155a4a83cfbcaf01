"""When a push is tried again: the vendor's word, the floor, the jitter, and how often at most."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpns.models import At, Outcome, Verdict
from zpns.sender._retry import TRIES, last_word, retry_at
from zpns.sender._verdicts import CLOSED, LATE
from zpns.transports import Backoff

NOW = 1_795_000_000.0
GENTLE = Backoff(floor=10, first=2, most=60)


def verdict(outcome: Outcome, code: str = "", **options: Any) -> Verdict:
    """Return a verdict of *outcome*."""
    return Verdict(outcome=outcome, code=code, status=503, **options)


class Chance(random.Random):
    """Chance that says what it is told."""

    def __init__(self, value: float) -> None:
        super().__init__(0)
        self.value = value

    def random(self) -> float:
        return self.value


@pytest.mark.parametrize(
    ("tries", "chance", "wait"),
    [
        pytest.param(1, 0.0, 10, id="first-shortest"),
        pytest.param(1, 0.5, 11, id="first-middle"),
        pytest.param(1, 1.0, 12, id="first-longest"),
        pytest.param(2, 1.0, 14, id="second-doubles"),
        pytest.param(3, 1.0, 18, id="third-doubles"),
        pytest.param(5, 1.0, 42, id="fifth"),
        pytest.param(6, 1.0, 70, id="sixth-capped"),
        pytest.param(5000, 1.0, 70, id="far-beyond"),
    ],
)
def test_the_wait_without_a_word_of_the_vendor(tries: int, chance: float, wait: float) -> None:
    """It is the floor and a draw from a span that doubles up to a cap."""
    when = retry_at(verdict(Outcome.RETRY), tries, GENTLE, NOW, Chance(chance))
    assert NOW + wait == when


@given(st.integers(1, 200), st.integers())
def test_the_wait_is_within_its_bounds(tries: int, seed: int) -> None:
    """Whatever chance says, the wait lies between the floor and the floor plus the span."""
    when = retry_at(verdict(Outcome.RETRY), tries, GENTLE, NOW, random.Random(seed))
    assert NOW + 10 <= when <= NOW + 10 + min(2 * 2.0 ** (tries - 1), 60)


@pytest.mark.parametrize(
    ("after", "tries", "wait"),
    [
        pytest.param(1, 1, 1, id="sooner-than-the-floor"),
        pytest.param(500, 1, 500, id="later-than-the-cap"),
        pytest.param(1, 9, 1, id="however-often"),
        pytest.param(0, 1, 0, id="at-once"),
        pytest.param(-50, 1, 0, id="in-the-past"),
        pytest.param(0, 2, 2, id="at-once-again"),
        pytest.param(-50, 4, 8, id="in-the-past-again"),
    ],
)
def test_the_vendors_word_wins(after: float, tries: int, wait: float) -> None:
    """Its time counts, above floor and cap; *now* said again and again is spread out."""
    asked = verdict(Outcome.RETRY, retry=At(NOW + after))
    assert NOW + wait == retry_at(asked, tries, GENTLE, NOW, Chance(0.5))


UNKNOWN = verdict(Outcome.UNKNOWN, "timeout")
LATER = verdict(Outcome.RETRY, "busy", retry=At(NOW))
BUSY = verdict(Outcome.EXPIRED, "busy")
DEAD = verdict(Outcome.TOKEN_DEAD, "gone")
REFUSED = verdict(Outcome.REFUSED, "credential_rejected")


@pytest.mark.parametrize(
    ("last", "before", "sent", "word"),
    [
        pytest.param(DEAD, None, True, DEAD, id="final"),
        pytest.param(LATER, None, True, BUSY, id="later-is-expired"),
        pytest.param(UNKNOWN, None, True, UNKNOWN, id="unknown"),
        pytest.param(LATE, None, False, LATE, id="late"),
        pytest.param(LATE, LATER, False, BUSY, id="late-after-later"),
        pytest.param(CLOSED, LATER, False, BUSY, id="closed-after-later"),
        pytest.param(CLOSED, None, False, CLOSED, id="closed"),
        pytest.param(REFUSED, LATER, False, REFUSED, id="refused-after-later"),
        pytest.param(DEAD, UNKNOWN, True, DEAD, id="final-after-unknown"),
        pytest.param(LATER, UNKNOWN, True, UNKNOWN, id="later-after-unknown"),
        pytest.param(LATE, UNKNOWN, False, UNKNOWN, id="late-after-unknown"),
        pytest.param(CLOSED, UNKNOWN, False, UNKNOWN, id="closed-after-unknown"),
        pytest.param(REFUSED, UNKNOWN, False, UNKNOWN, id="unsent-after-unknown"),
    ],
)
def test_the_last_word(last: Verdict, before: Verdict | None, sent: bool, word: Verdict) -> None:
    """What is reported is the most that is known for sure."""
    assert word == last_word(last, before, sent=sent)


async def test_the_vendors_time_is_kept(room: Any) -> None:
    """Retries are sent exactly at the times the vendor named."""
    room.fate("a", "busy=3", "busy=0.5", "busy=7")
    delivery = await room.send("a")
    assert ([0.0, 3.0, 3.5, 10.5], 4) == (room.vendor.times, delivery.attempts)


async def test_the_transports_manners_are_kept(make_room: Any) -> None:
    """Without a time, the sender waits as the transport's backoff says, drawing from its rng."""
    room = make_room(backoff=Backoff(floor=2, first=4, most=10), chance=0.25)
    room.fate("a", "busy", "busy", "busy", "busy")
    await room.send("a", deadline=100)
    assert [0.0, 3.0, 7.0, 11.5, 16.0] == room.vendor.times


async def test_retries_come_in_the_order_of_their_times(room: Any) -> None:
    """A retry that is due earlier overtakes one that began to wait before it."""
    room.fate("slow", "busy=20")
    room.fate("quick", "busy=5")
    room.fate("quicker", "busy=1")
    await room.collect(["slow", "quick", "quicker"], window=1)
    assert ["slow", "quick", "quicker", "quicker", "quick", "slow"] == room.vendor.received
    assert [0.0, 0.0, 0.0, 1.0, 5.0, 20.0] == room.vendor.times


async def test_a_waiting_retry_holds_no_slot(room: Any) -> None:
    """With a window of one, others are sent while a retry waits."""
    room.fate("a", "busy=10")
    await room.collect(["a", "b", "c"], window=1)
    assert ["a", "b", "c", "a"] == room.vendor.received


@pytest.mark.parametrize("code", ["busy=0", "busy=-5"])
async def test_a_vendor_that_always_says_now(make_room: Any, code: str) -> None:
    """It is tried again at once and then ever more rarely, not as fast as the line allows."""
    room = make_room(chance=1.0)
    room.fate("a", *[code] * 1000)
    delivery = await room.send("a", deadline=30)
    assert [0.0, 0.0, 2.0, 6.0, 14.0] == room.vendor.times
    assert (Outcome.EXPIRED, "busy") == (delivery.outcome, delivery.verdict.code)


async def test_tries_are_bounded(make_room: Any) -> None:
    """Even with no wait at all between them they come to an end within the deadline."""
    room = make_room(chance=0.0)
    room.fate("a", *["busy"] * 1000)
    delivery = await room.send("a", deadline=30)
    assert (0.0, TRIES, TRIES) == (
        room.clock.monotonic(),
        len(room.vendor.pushes),
        delivery.attempts,
    )
    assert (Outcome.EXPIRED, "busy") == (delivery.outcome, delivery.verdict.code)


async def test_the_machines_clock_may_jump(room: Any) -> None:
    """Setting the time of day moves no retry that waits, and no deadline."""
    room.fate("a", "busy=5", "busy=5")
    async with room.sender.send_many(room.hello, ["a"], deadline=12) as deliveries:
        await room.clock.advance(1)
        room.clock.jump(-3600)
        await room.clock.advance(4)
        room.clock.jump(7200)
        await room.clock.advance(5)
        assert [0.0, 5.0, 10.0] == room.vendor.times
        assert Outcome.SENT is (await anext(deliveries)).outcome
