"""One pause for a whole app: nothing goes out before its end, then one goes first."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from zpns.exchange import Response
from zpns.models import At, Delivery, Outcome, Scope, Verdict
from zpns.sender._pause import FREE, LOOK_AGAIN, Entry, Pause
from zpns.testing import FakeClock
from zpns.transports import Backoff

QUOTA = Verdict(outcome=Outcome.RETRY, status=429, code="quota", scope=Scope.APP)


async def sends(room: Any, *tokens: str, **options: Any) -> list[Delivery]:
    """Send to each of *tokens* with separate calls at once."""

    async def work() -> Any:
        return await asyncio.gather(
            *(room.sender.send(room.hello, token, **options) for token in tokens)
        )

    return await room.run(work())


def begin(room: Any, *tokens: str) -> asyncio.Future[list[Delivery]]:
    """Begin to send to each of *tokens* with separate calls."""
    return asyncio.gather(*(room.sender.send(room.hello, token) for token in tokens))


async def paused(room: Any, seconds: float) -> None:
    """Let the app be paused for *seconds* from now."""
    room.fate("pause", f"spent={seconds}")
    await room.send("pause")
    room.vendor.pushes.clear()


async def test_a_pause_stops_all(room: Any) -> None:
    """After one answer of scope APP nothing of the app is sent before its time."""
    room.fate("a", "quota=10")
    deliveries = await room.collect([f"t{n}" if n else "a" for n in range(50)], window=1)
    assert [Outcome.SENT] * 50 == [delivery.outcome for delivery in deliveries]
    assert [0.0] + [10.0] * 50 == room.vendor.times


async def test_a_pause_is_shared_by_all_calls(room: Any) -> None:
    """Another `send_many` of the same sender waits as well."""
    await paused(room, 10)
    await sends(room, "a", "b")
    assert [10.0, 10.0] == room.vendor.times


async def test_what_was_under_way_is_answered_still(room: Any) -> None:
    """Requests that left before the pause began keep their answers."""
    await room.send("first")
    room.fate("a", "quota=10")
    room.carrier.hold()
    deliveries = room.sender.send_many(room.hello, ["a", "b", "c"], deadline=9)
    await deliveries.__aenter__()
    await room.carrier.received(5)
    room.carrier.release()
    outcomes = {delivery.token: delivery.outcome async for delivery in deliveries}
    assert {"a": Outcome.EXPIRED, "b": Outcome.SENT, "c": Outcome.SENT} == outcomes


async def test_one_goes_first(room: Any) -> None:
    """At the end exactly one is sent; the others follow when the vendor took it."""
    await paused(room, 10)
    room.carrier.hold()
    sending = begin(room, *(f"t{n}" for n in range(20)))
    await room.clock.advance(10)
    assert 1 == room.carrier.under_way
    room.carrier.release(1)
    await room.clock.advance(0)
    assert 19 == room.carrier.under_way
    room.carrier.release()
    assert [Outcome.SENT] * 20 == [delivery.outcome for delivery in await sending]


async def test_a_probe_that_is_told_to_wait_keeps_the_others_waiting(room: Any) -> None:
    """*Not yet* again: one request, and everybody waits for the new time."""
    await paused(room, 10)
    room.fate("t0", "quota=5")
    await sends(room, "t0", "t1", "t2")
    assert ("t0", ["t0", "t1", "t2"]) == (
        room.vendor.received[0],
        sorted(room.vendor.received[1:]),
    )
    assert [10.0, 15.0, 15.0, 15.0] == room.vendor.times


@pytest.mark.parametrize(("fate", "wait"), [("hang", 10), ("lost", 0), ("unsent", 0)])
async def test_a_probe_without_answer_frees_nobody(room: Any, fate: str, wait: float) -> None:
    """A probe that got no answer proves nothing: the next one is a probe too."""
    await paused(room, 10)
    room.fate("t0", fate)
    room.carrier.hold()
    sending = begin(room, "t0", "t1", "t2")
    await room.clock.advance(10)
    assert 1 == room.carrier.under_way
    room.carrier.release(1)
    await room.clock.advance(wait)
    assert (1, ["t0"]) == (room.carrier.under_way, room.vendor.received)
    room.carrier.release()
    await room.clock.advance(1)
    await sending
    assert ["t0", "t1", "t2"] == room.vendor.received[:3]


async def test_a_probe_without_credential_frees_nobody(room: Any) -> None:
    """An answer of the token endpoint is not one of the vendor's quota."""
    await paused(room, 10)
    room.sender._lane.credentials._slots["toy"].current = None
    room.vendor.tokens.append(Response(status=429, headers={"retry-after": "6"}))
    room.carrier.hold()
    sending = begin(room, "t0", "t1", "t2")
    await room.clock.advance(10)
    room.carrier.release(1)
    await room.clock.advance(5)
    assert 0 == room.carrier.under_way
    await room.clock.advance(1)
    room.carrier.release(1)
    await room.clock.advance(0)
    assert (1, 0) == (room.carrier.under_way, len(room.vendor.pushes))
    room.carrier.release()
    await sending


async def test_a_probe_whose_repetition_is_lost_frees_nobody(room: Any) -> None:
    """A rejected credential is not the answer that counts, but what came of the repetition."""
    await paused(room, 10)
    room.fate("t0", "401", "lost")
    room.carrier.hold()
    sending = begin(room, "t0", "t1", "t2")
    await room.clock.advance(10)
    for _ in range(3):  # the push, the credential, the push again
        room.carrier.release(1)
        await room.clock.advance(0)
    assert (["t0", "t0"], 1) == (room.vendor.received, room.carrier.under_way)
    room.carrier.release()
    await sending


async def test_a_probe_that_is_refused_frees_the_others(room: Any) -> None:
    """Any answer that asks for no pause is proof that the vendor takes part again."""
    await paused(room, 10)
    room.fate("t0", "gone")
    await sends(room, "t0", "t1", "t2")
    assert [10.0] * 3 == room.vendor.times


async def test_a_probe_that_is_cancelled_lets_another_go(room: Any) -> None:
    """A probe that is given up does not keep the others waiting for ever."""
    await paused(room, 10)
    room.carrier.hold()
    probe = asyncio.create_task(room.sender.send(room.hello, "probe"))
    await room.clock.advance(0)
    others = begin(room, "t0", "t1")
    await room.clock.advance(10)
    assert 1 == room.carrier.under_way
    probe.cancel()
    await room.clock.advance(0)
    assert (1, 1) == (room.carrier.cancelled, room.carrier.under_way)
    room.carrier.release()
    assert [Outcome.SENT] * 2 == [delivery.outcome for delivery in await others]


async def test_a_waiter_that_is_cancelled_harms_nobody(room: Any) -> None:
    """Giving up while waiting for the end, or for the probe, changes nothing for others."""
    await paused(room, 10)
    early = asyncio.create_task(room.sender.send(room.hello, "early"))
    late = asyncio.create_task(room.sender.send(room.hello, "late"))
    stays = asyncio.create_task(room.sender.send(room.hello, "stays"))
    await room.clock.advance(5)
    early.cancel()
    room.carrier.hold()
    await room.clock.advance(5)
    stays.cancel()  # one of the two is the probe
    await room.clock.advance(0)
    room.carrier.release()
    assert Outcome.SENT is (await late).outcome
    assert {early.cancelled(), stays.cancelled()} == {True}


async def test_a_pause_beyond_the_deadline_expires_at_once(room: Any) -> None:
    """Nobody waits for what cannot come in time; the vendor's code and status are told."""
    await paused(room, 100)
    delivery = (await sends(room, "a", deadline=30))[0]
    assert (Outcome.EXPIRED, "spent", 200, Scope.APP, 0) == (
        delivery.outcome,
        delivery.verdict.code,
        delivery.verdict.status,
        delivery.verdict.scope,
        delivery.attempts,
    )
    assert (0.0, []) == (room.clock.monotonic(), room.vendor.pushes)


async def test_a_probe_beyond_the_deadline_expires(room: Any) -> None:
    """Waiting for somebody else's probe ends at the deadline."""
    await paused(room, 10)
    room.fate("probe", "hang")
    probe = asyncio.create_task(room.sender.send(room.hello, "probe"))
    await room.clock.advance(0)
    other = asyncio.create_task(room.sender.send(room.hello, "other", deadline=12))
    await room.clock.advance(12)
    assert (Outcome.EXPIRED, "spent", 0) == (
        other.result().outcome,
        other.result().verdict.code,
        other.result().attempts,
    )
    probe.cancel()


async def test_a_pause_without_a_time_waits_as_the_backoff_says(make_room: Any) -> None:
    """If the vendor names no time, the transport's manners do for the app as well."""
    room = make_room(backoff=Backoff(floor=4, first=2), chance=0.5)
    room.fate("a", "quota")
    await room.collect(["a", "b"], window=1)
    assert [0.0, 5.0, 5.0] == room.vendor.times


async def test_a_final_word_on_the_app_without_a_time_is_no_pause(room: Any) -> None:
    """A refusal of the whole app that names no time stops nobody."""
    room.fate("a", "spent")
    deliveries = await room.collect(["a", "b"], window=1)
    assert [(Outcome.REFUSED, 0.0), (Outcome.SENT, 0.0)] == [
        (delivery.outcome, time)
        for delivery, time in zip(deliveries, room.vendor.times, strict=True)
    ]


async def test_a_slice_of_which_one_says_pause(make_room: Any) -> None:
    """One target's answer of scope APP is enough."""
    room = make_room(max_tokens=3)
    room.fate("b", "quota=8")
    await room.collect(["a", "b", "c", "d"], window=1)
    assert [0.0, 8.0, 8.0] == room.vendor.times


async def test_the_longest_pause_counts(room: Any) -> None:
    """Of several answers under way, the one that asks for the most time is kept."""
    await room.send("first")
    room.fate("a", "quota=10")
    room.fate("b", "quota=20")
    room.fate("c", "quota=5")
    await room.collect(["a", "b", "c"], deadline=60)
    assert [0.0] * 4 + [20.0] * 3 == room.vendor.times


async def test_a_clock_set_back_prolongs_no_pause(room: Any) -> None:
    """The vendor's time is turned into a wait once."""
    await paused(room, 10)
    room.clock.jump(-3600)
    await sends(room, "a")
    assert [10.0] == room.vendor.times


# The pause itself.


async def test_no_pause_lets_everybody_pass() -> None:
    """Before any pause there is nothing to wait for, and leaving means nothing."""
    pause = Pause(FakeClock())
    assert (False, FREE) == (pause.active, await pause.enter(0))
    pause.leave(FREE, answered=True)


async def test_patience_decides_who_waits() -> None:
    """Without patience the end is told, with some it is waited for."""
    clock = FakeClock()
    pause = Pause(clock)
    pause.begin(clock.time() + 10, QUOTA)
    assert Entry(until=clock.time() + 10) == await pause.enter(patience=0)
    assert Entry(until=clock.time() + 10) == await pause.enter(patience=10)
    waiter = asyncio.create_task(pause.enter(patience=11))
    await clock.advance(10)
    assert waiter.result().probe is not None


async def test_who_has_no_patience_looks_again_during_a_probe() -> None:
    """While a probe is under way the others are told to come back a little later."""
    clock = FakeClock()
    pause = Pause(clock)
    pause.begin(clock.time(), QUOTA)
    probe = await pause.enter(patience=0)
    assert probe.probe is not None
    assert Entry(until=clock.time() + LOOK_AGAIN) == await pause.enter(patience=0)
    pause.leave(probe, answered=True)
    assert FREE == await pause.enter(patience=0)


async def test_a_pause_that_began_during_the_probe_outlives_it() -> None:
    """A probe's success ends the pause it was sent for, not one that began meanwhile."""
    clock = FakeClock()
    pause = Pause(clock)
    pause.begin(clock.time(), QUOTA)
    probe = await pause.enter(patience=1)
    pause.begin(clock.time() + 30, QUOTA)  # said to a request from before
    pause.leave(probe, answered=True)
    assert Entry(until=clock.time() + 30) == await pause.enter(patience=1)


async def test_a_shorter_pause_changes_nothing() -> None:
    """The later end and what was said with it stay."""
    clock = FakeClock()
    pause = Pause(clock)
    pause.begin(clock.time() + 30, QUOTA)
    pause.begin(clock.time() + 5, Verdict(outcome=Outcome.RETRY, retry=At(0.0)))
    assert Entry(until=clock.time() + 30) == await pause.enter(patience=1)
    assert QUOTA is pause.verdict
