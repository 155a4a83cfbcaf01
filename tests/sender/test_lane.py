"""One attempt at a time: what the durable delivery above a lane relies on."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from zpns import DeviceToken
from zpns.models import At, Outcome, Scope, Target, Verdict
from zpns.sender import Lane, Load
from zpns.transports import Prepared


class Attempts:
    """A lane of a room, and loads for it."""

    def __init__(self, room: Any) -> None:
        self.room = room
        self.lane = Lane(room.toy, carrier=room.carrier, clock=room.clock, rng=room.sender._random)
        deadline = round(room.clock.time() * 1000) + 60_000
        self.notification = attrs.evolve(room.hello, deadline=deadline)
        self.load = self.new_load()

    def new_load(self, stored: str | None = None) -> Load:
        route = self.room.toy.route(DeviceToken("toy", "a"))
        return Load(self.room.toy, self.notification, route, stored)

    async def attempt(self, *tokens: str, load: Load | None = None, **options: Any) -> Any:
        """Make one attempt with a minute of time."""
        targets = [Target(token, seq) for seq, token in enumerate(tokens)]
        options.setdefault("deadline", self.room.clock.monotonic() + 60)
        return await self.lane.attempt(load or self.load, targets, **options)


@pytest.fixture
async def lane(make_room: Any) -> Any:
    """A lane with room for three targets in a request, whose bodies are saved."""
    attempts = Attempts(make_room(max_tokens=3, saves=True))
    yield attempts
    await attempts.lane.aclose()


async def test_an_attempt_retries_nothing(lane: Attempts) -> None:
    """RETRY and UNKNOWN are told, for whoever is above to decide."""
    lane.room.fate("a", "busy=5")
    attempt = await lane.attempt("a", "b")
    assert [Outcome.RETRY, Outcome.SENT] == [verdict.outcome for verdict in attempt.verdicts]
    assert ([1, 1], 1) == (list(attempt.sent), len(lane.room.vendor.pushes))
    lane.room.fate("a", "lost")
    assert Outcome.UNKNOWN is (await lane.attempt("a")).verdicts[0].outcome


async def test_an_attempt_says_how_often_each_was_sent(lane: Attempts) -> None:
    """Targets repeated for a lost body were sent twice, the others once."""
    lane.room.fate("b", "unsaved", "ok")
    attempt = await lane.attempt("a", "b")
    assert ([1, 2], [Outcome.SENT] * 2) == (
        list(attempt.sent),
        [verdict.outcome for verdict in attempt.verdicts],
    )


async def test_the_repetition_can_be_denied(lane: Attempts) -> None:
    """Whoever had its repetition is refused at the first rejection."""
    lane.room.fate("a", "401")
    attempt = await lane.attempt("a", repeat=False)
    assert ([1], Outcome.REFUSED, "expired_token") == (
        list(attempt.sent),
        attempt.verdicts[0].outcome,
        attempt.verdicts[0].code,
    )


async def test_without_patience_a_pause_is_told(lane: Attempts) -> None:
    """Whoever will not wait gets RETRY with the end of the pause, and nothing is sent."""
    lane.room.fate("a", "quota=30")
    await lane.attempt("a")
    now = lane.room.clock.monotonic()
    attempt = await lane.attempt("b", patience=now)
    assert ([0], Outcome.RETRY, "quota", 200, Scope.APP, At(lane.room.clock.time() + 30)) == (
        list(attempt.sent),
        attempt.verdicts[0].outcome,
        attempt.verdicts[0].code,
        attempt.verdicts[0].status,
        attempt.verdicts[0].scope,
        attempt.verdicts[0].retry,
    )
    await lane.room.clock.advance(30)
    attempt = await lane.attempt("b", patience=lane.room.clock.monotonic())
    assert Outcome.SENT is attempt.verdicts[0].outcome


async def test_without_patience_a_probe_is_not_waited_for(lane: Attempts) -> None:
    """While somebody else's probe is under way the others are told to come again."""
    lane.room.fate("a", "quota=1")
    await lane.attempt("a")
    await lane.room.clock.advance(1)
    lane.room.carrier.hold()
    probe = asyncio.create_task(lane.attempt("a"))
    await lane.room.clock.advance(0)
    attempt = await lane.attempt("b", patience=lane.room.clock.monotonic())
    verdict: Verdict = attempt.verdicts[0]
    assert Outcome.RETRY is verdict.outcome
    assert isinstance(verdict.retry, At)
    assert verdict.retry.time > lane.room.clock.time()
    lane.room.carrier.release()
    await probe


async def test_a_body_saved_earlier_is_used(lane: Attempts) -> None:
    """The name kept with a job is used after a restart; the vendor is not asked to save."""
    load = lane.new_load(stored="from-before")
    await lane.attempt("a", "b", load=load)
    assert (0, "from-before") == (lane.room.vendor.saved, lane.room.vendor.pushes[0].stored)


async def test_the_name_of_a_saved_body_can_be_kept(lane: Attempts) -> None:
    """After an attempt the load tells the name, also a new one."""
    await lane.attempt("a", "b")
    assert "saved-1" == lane.load.stored
    lane.room.fate("a", "unsaved")
    lane.room.fate("b", "unsaved")
    await lane.attempt("a", "b")
    assert "saved-2" == lane.load.stored


async def test_a_load_tells_how_many_fit(lane: Attempts, make_room: Any) -> None:
    """`most` is the transport's number, and one if nothing will be sent."""
    now = lane.room.clock.time()
    assert (3, True) == (lane.load.most(now), isinstance(lane.load.prepared(now), Prepared))
    broken = Attempts(make_room(max_tokens=3, broken="prepare"))
    prepared = broken.load.prepared(now)
    assert (1, "internal_error") == (broken.load.most(now), prepared.code)  # type: ignore[union-attr]


async def test_a_closed_lane_sends_nothing(lane: Attempts) -> None:
    """After `aclose`, however often, attempts are skipped, paused or not."""
    lane.room.fate("a", "quota=30")
    await lane.attempt("a")
    await lane.lane.aclose()
    await lane.lane.aclose()
    attempt = await lane.attempt("b", "c")
    assert ([0, 0], {"sender_closed"}) == (
        list(attempt.sent),
        {verdict.code for verdict in attempt.verdicts},
    )
    assert 1 == len(lane.room.vendor.pushes)


async def test_closing_during_the_repetition(lane: Attempts) -> None:
    """A target rejected once, whose repetition the end prevents, says what the vendor said."""
    await lane.attempt("first")
    lane.room.fate("a", "401")

    async def gate(path: str, token: str) -> None:
        if path == "token":
            await asyncio.Event().wait()

    lane.room.vendor.gate = gate
    attempt = asyncio.create_task(lane.attempt("a"))
    await lane.room.clock.advance(0)
    await lane.lane.aclose()
    assert ([1], Outcome.EXPIRED, "expired_token") == (
        list((await attempt).sent),
        (await attempt).verdicts[0].outcome,
        (await attempt).verdicts[0].code,
    )
