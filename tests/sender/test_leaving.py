"""Leaving a fan-out early, in every way there is: nothing is left running, nobody else suffers."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from zpns.errors import StateError
from zpns.models import Outcome


def endless() -> Iterator[str]:
    """Yield tokens for ever."""
    number = 0
    while True:
        yield f"token-{number}"
        number += 1


async def begin(room: Any, source: Any = None, **options: Any) -> Any:
    """Return a fan-out of 5 requests under way, none of which is answered."""
    await room.send("first")
    room.carrier.hold()
    options.setdefault("window", 5)
    deliveries = room.sender.send_many(room.hello, source or endless(), **options)
    await deliveries.__aenter__()
    await room.clock.advance(0)
    assert options["window"] == room.carrier.under_way
    return deliveries


async def test_a_break_inside_the_block(room: Any, tasks: Any) -> None:
    """Leaving the block resets what is under way, at once."""
    async with room.sender.send_many(room.hello, endless(), window=5, max_waiting=10) as deliveries:
        async for _ in deliveries:
            room.carrier.hold()
            break
        await room.clock.advance(0)
        under_way = room.carrier.under_way
    assert 0 == room.carrier.under_way
    assert under_way == room.carrier.cancelled
    await room.clock.advance(0)
    assert set() == tasks()


async def test_a_break_without_a_block(room: Any, tasks: Any) -> None:
    """A loop that is left by `break` stops the sending too, once nobody holds it."""
    async for _ in room.sender.send_many(room.hello, endless(), window=5, max_waiting=10):
        room.carrier.hold()
        break
    gc.collect()
    await room.clock.advance(0)
    assert (0, set()) == (room.carrier.under_way, tasks())
    sent = len(room.carrier.requests)
    await room.clock.advance(60)
    assert sent == len(room.carrier.requests)


async def test_an_abandoned_fan_out_closes_its_source(room: Any) -> None:
    """The source of a loop that was left without a block is closed as well."""
    closed = []

    async def source() -> AsyncIterator[str]:
        try:
            for token in endless():
                yield token
        finally:
            closed.append(True)

    async for _ in room.sender.send_many(room.hello, source(), window=5, max_waiting=10):
        break
    gc.collect()
    await room.clock.advance(0)
    assert [True] == closed


def test_a_fan_out_that_outlives_its_loop(room_class: Any) -> None:
    """Thrown away after its loop, a fan-out under way says nothing and breaks nothing."""
    room = room_class()
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)  # "Task was destroyed" is asyncio's
    deliveries = loop.run_until_complete(begin(room, max_waiting=10))
    loop.close()
    del deliveries, room
    gc.collect()  # an exception in here would be a warning, and warnings are errors


async def test_aclose_reports_nothing_more(room: Any, tasks: Any) -> None:
    """After `aclose` neither results that were ready nor those under way are handed out."""
    async with room.sender.send_many(room.hello, ["a", "b", "c"]) as deliveries:
        await room.clock.advance(0)
        await anext(deliveries)
        await deliveries.aclose()
        assert [] == [delivery async for delivery in deliveries]
        assert [] == [page async for page in deliveries.pages()]
        await deliveries.aclose()
    await room.clock.advance(0)
    assert set() == tasks()


async def test_aclose_before_the_beginning(room: Any) -> None:
    """A fan-out closed before it began never begins."""
    deliveries = room.sender.send_many(room.hello, ["a"])
    await deliveries.aclose()
    assert [] == [delivery async for delivery in deliveries]
    assert [] == room.carrier.requests


async def test_aclose_wakes_who_waits_for_results(room: Any) -> None:
    """A task that waits for the next result comes to the end when another closes."""
    deliveries = await begin(room)

    async def consume() -> list[Any]:
        return [delivery async for delivery in deliveries]

    consumer = asyncio.create_task(consume())
    await room.clock.advance(0)
    await deliveries.aclose()
    assert [] == await consumer


async def test_aclose_waits_until_nothing_runs(room: Any) -> None:
    """`aclose` returns after a source that needs time to end has ended; for everyone who calls."""
    ended = asyncio.Event()

    async def source() -> AsyncIterator[str]:
        try:
            for token in endless():
                yield token
        finally:
            await ended.wait()

    deliveries = await begin(room, source())
    one = asyncio.create_task(deliveries.aclose())
    await room.clock.advance(0)
    two = asyncio.create_task(deliveries.aclose())
    await room.clock.advance(0)
    assert (False, False) == (one.done(), two.done())
    ended.set()
    await asyncio.gather(one, two)


async def test_aclose_goes_on_when_its_caller_is_cancelled(room: Any, tasks: Any) -> None:
    """Cancelling who closes does not leave half of it open."""
    ended, closed = asyncio.Event(), []

    async def source() -> AsyncIterator[str]:
        try:
            for token in endless():
                yield token
        finally:
            await ended.wait()
            closed.append(True)

    deliveries = await begin(room, source())
    closing = asyncio.create_task(deliveries.aclose())
    await room.clock.advance(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert 0 == room.carrier.under_way
    ended.set()
    await room.clock.advance(0)
    assert ([True], set()) == (closed, tasks())


async def test_ended_fan_outs_are_forgotten(room: Any) -> None:
    """A sender that lives long does not keep what it has done."""
    for _ in range(3):
        await room.collect(["a", "b"])
        async with room.sender.send_many(room.hello, endless(), max_waiting=2) as deliveries:
            await anext(deliveries)
    assert set() == room.sender._lane.on_close


async def test_a_cancelled_consumer_stops_everything(room: Any, tasks: Any) -> None:
    """Cancelling the task that iterates resets what is under way and passes the cancelling on."""
    await room.send("first")
    room.carrier.hold()

    async def consume() -> None:
        async for _ in room.sender.send_many(room.hello, endless(), window=5):
            pass  # pragma: no cover

    consumer = asyncio.create_task(consume())
    await room.clock.advance(0)
    consumer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consumer
    assert (0, 5) == (room.carrier.under_way, room.carrier.cancelled)
    await room.clock.advance(0)
    assert set() == tasks()


async def test_a_cancelled_send_stops(room: Any, tasks: Any) -> None:
    """`send` passes cancelling on and leaves nothing running."""
    await room.send("first")
    room.carrier.hold()
    sending = asyncio.create_task(room.sender.send(room.hello, "a"))
    await room.clock.advance(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await room.clock.advance(0)
    assert (1, set()) == (room.carrier.cancelled, tasks())


async def test_an_exception_in_the_block_stops_everything(room: Any, tasks: Any) -> None:
    """What the caller's own code raises inside the block comes out unchanged."""
    with pytest.raises(LookupError):
        async with room.sender.send_many(room.hello, endless(), window=5, max_waiting=5):
            await room.clock.advance(0)
            raise LookupError
    await room.clock.advance(0)
    assert set() == tasks()


async def test_waiting_retries_end_with_the_block(room: Any, tasks: Any) -> None:
    """A retry that waits is not tried any more after the block is left."""
    room.fate("a", "busy=5")
    async with room.sender.send_many(room.hello, ["a", "b"]) as deliveries:
        await anext(deliveries)
    await room.clock.advance(60)
    assert (["a", "b"], set()) == (room.vendor.received, tasks())


async def test_leaving_one_harms_no_other(room: Any) -> None:
    """A fan-out that is left while it waits for a credential does not take it from another."""
    room.carrier.hold()
    left = room.sender.send_many(room.hello, ["left-1", "left-2"])
    stays = room.sender.send_many(room.hello, ["stays-1", "stays-2"])
    await left.__aenter__()
    await stays.__aenter__()
    await room.clock.advance(0)
    assert 1 == len(room.carrier.requests)  # both wait for the same credential
    await left.aclose()
    room.carrier.release()
    assert [Outcome.SENT] * 2 == [delivery.outcome async for delivery in stays]
    assert ["stays-1", "stays-2"] == room.vendor.received
    assert 1 == room.vendor.credentials


async def test_leaving_one_under_way_harms_no_other(room: Any) -> None:
    """Requests of one fan-out are reset, those of another are answered."""
    left = await begin(room, window=3)
    stays = room.sender.send_many(room.hello, ["stays-1", "stays-2"])
    await stays.__aenter__()
    await room.clock.advance(0)
    await left.aclose()
    room.carrier.release()
    assert [Outcome.SENT] * 2 == [delivery.outcome async for delivery in stays]
    assert 3 == room.carrier.cancelled


@pytest.mark.parametrize("waiting", ["between", "inside"])
async def test_an_asynchronous_generator_is_closed(room: Any, waiting: str) -> None:
    """Its `finally` has run when the block is left, wherever it was."""
    closed = []

    async def source() -> AsyncIterator[str]:
        try:
            yield "a"
            if waiting == "inside":
                await asyncio.Event().wait()
            for token in endless():
                yield token
        finally:
            closed.append(True)

    async with room.sender.send_many(room.hello, source(), max_waiting=3) as deliveries:
        await anext(deliveries)
    assert [True] == closed


async def test_a_generator_made_by_the_source_is_closed(room: Any) -> None:
    """So is one that a source's own `__aiter__` makes."""
    closed = []

    class Source:
        async def __aiter__(self) -> AsyncIterator[str]:
            try:
                for token in endless():
                    yield token
            finally:
                closed.append(True)

    async with room.sender.send_many(room.hello, Source(), max_waiting=3) as deliveries:
        await anext(deliveries)
    assert [True] == closed


async def test_a_stream_of_the_caller_stays_open(room: Any) -> None:
    """What merely can be closed belongs to whoever made it."""

    class Stream:
        closed = False

        def __init__(self) -> None:
            self.tokens = endless()

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> str:
            return next(self.tokens)

        async def aclose(self) -> None:
            self.closed = True  # pragma: no cover

    stream = Stream()
    async with room.sender.send_many(room.hello, stream, max_waiting=3) as deliveries:
        await anext(deliveries)
    assert not stream.closed


async def test_a_source_that_fails_to_close_is_logged(room: Any, caplog: Any) -> None:
    """A fault in the source's `finally` harms nobody and is not hidden."""

    async def source() -> AsyncIterator[str]:
        try:
            for token in endless():
                yield token
        finally:
            raise LookupError

    async with room.sender.send_many(room.hello, source(), max_waiting=3) as deliveries:
        await anext(deliveries)
    assert ["the source of tokens failed while it was closed"] == caplog.messages


async def test_closing_the_sender_ends_what_is_under_way(room: Any) -> None:
    """Sent and unanswered is unknown, a retry is expired, unsent is skipped; then it is said."""
    room.fate("a", "busy=5")
    read = []

    def source() -> Iterator[str]:
        for token in ["a", *endless_after("b", 20)]:
            read.append(token)
            yield token

    await room.send("first")
    deliveries = room.sender.send_many(room.hello, source(), window=2, ordered=True)
    await deliveries.__aenter__()
    while not room.vendor.received[1:]:
        await asyncio.sleep(0)
    room.carrier.hold()
    await room.clock.advance(0)
    assert 2 == room.carrier.under_way
    await room.sender.aclose()
    found = [await anext(deliveries) for _ in read]
    with pytest.raises(StateError, match="closed"):
        await anext(deliveries)
    by_outcome: dict[Outcome, list[Any]] = {}
    for delivery in found:
        by_outcome.setdefault(delivery.outcome, []).append(delivery)
    assert read == [delivery.token for delivery in found]
    assert [("a", "busy", 1)] == [
        (d.token, d.verdict.code, d.attempts) for d in by_outcome[Outcome.EXPIRED]
    ]
    assert [("timeout", 1)] * 2 == [
        (d.verdict.code, d.attempts) for d in by_outcome[Outcome.UNKNOWN]
    ]
    # One was read already and waited for a slot.
    assert [("sender_closed", 0)] == [
        (d.verdict.code, d.attempts) for d in by_outcome[Outcome.SKIPPED]
    ]


def endless_after(letter: str, count: int) -> Iterator[str]:
    """Yield *count* tokens that begin with *letter*."""
    for number in range(count):
        yield f"{letter}-{number}"


async def test_closing_the_sender_while_a_credential_is_fetched(room: Any, tasks: Any) -> None:
    """Whoever waits for a credential is told that nothing was sent."""
    room.carrier.hold()
    sending = asyncio.create_task(room.sender.send(room.hello, "a"))
    await room.clock.advance(0)
    await room.sender.aclose()
    delivery = await sending
    assert (Outcome.SKIPPED, "sender_closed", 0) == (
        delivery.outcome,
        delivery.verdict.code,
        delivery.attempts,
    )
    await room.clock.advance(0)
    assert set() == tasks()


async def test_closing_the_sender_during_a_pause(room: Any, tasks: Any) -> None:
    """Whoever waits for the end of a pause is told that nothing was sent."""
    room.fate("a", "spent=20")
    await room.send("a")
    sending = asyncio.create_task(room.sender.send(room.hello, "b"))
    await room.clock.advance(0)
    await room.sender.aclose()
    assert "sender_closed" == (await sending).verdict.code
    await room.clock.advance(0)
    assert set() == tasks()


async def test_closing_the_sender_before_a_slice_is_full(make_room: Any) -> None:
    """Tokens that wait for others to share a request are skipped."""
    room = make_room(max_tokens=10)
    never = asyncio.Event()

    async def source() -> AsyncIterator[str]:
        yield "a"
        await never.wait()

    deliveries = room.sender.send_many(room.hello, source())
    await deliveries.__aenter__()
    for _ in range(5):
        await asyncio.sleep(0)
    await room.sender.aclose()
    delivery = await anext(deliveries)
    assert ("sender_closed", []) == (delivery.verdict.code, room.vendor.pushes)
    with pytest.raises(StateError):
        await anext(deliveries)


async def test_closing_the_sender_after_everything_was_read(room: Any) -> None:
    """If the source had no more, the iteration just ends."""
    deliveries = await begin(room, ["a", "b"], window=2)
    await room.clock.advance(0)
    await room.sender.aclose()
    assert [Outcome.UNKNOWN] * 2 == [delivery.outcome async for delivery in deliveries]


async def test_closing_the_sender_just_after_the_last_token(room: Any) -> None:
    """A reader that is done in the very turn is not taken for one that had more to read."""
    await room.send("first")
    room.carrier.hold()
    async with room.sender.send_many(room.hello, ["a"]) as deliveries:
        await asyncio.sleep(0)
        await room.sender._lane.aclose()
        assert 1 == len([delivery async for delivery in deliveries])


async def test_closing_the_sender_just_after_a_fault_of_the_source(room: Any) -> None:
    """What the source raised in the very turn comes out nevertheless."""
    await room.send("first")
    room.carrier.hold()

    def source() -> Iterator[str]:
        yield "a"
        raise LookupError

    async with room.sender.send_many(room.hello, source()) as deliveries:
        await asyncio.sleep(0)
        await room.sender._lane.aclose()
        await anext(deliveries)
        with pytest.raises(LookupError):
            await anext(deliveries)


async def test_a_source_that_closes_the_sender(room: Any) -> None:
    """The source itself may end the sender; what it gave is reported, then it is said."""

    async def source() -> AsyncIterator[str]:
        yield "a"
        await room.sender.aclose()
        yield "b"

    deliveries = room.sender.send_many(room.hello, source(), ordered=True)
    found = []
    with pytest.raises(StateError):
        async for delivery in deliveries:
            found.append(delivery.token)
    assert "a" == found[0]
    assert set(found) <= {"a", "b"}


@pytest.mark.parametrize("who", ["fan-out", "sender"])
async def test_a_source_that_will_not_end(room: Any, who: str) -> None:
    """A source that swallows its cancelling is not heard any more."""

    async def source() -> AsyncIterator[str]:
        yield "a"
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                yield "b"

    async with room.sender.send_many(room.hello, source()) as deliveries:
        await anext(deliveries)
        await (deliveries if who == "fan-out" else room.sender).aclose()
        await room.clock.advance(0)
    assert ["a"] == room.vendor.received


async def test_a_source_that_closes_its_own_fan_out(room: Any, tasks: Any) -> None:
    """A source that closes what reads it ends it, without waiting for itself for ever."""
    made: list[Any] = []

    async def source() -> AsyncIterator[str]:
        yield "a"
        await made[0].aclose()
        yield "b"  # pragma: no cover

    made.append(room.sender.send_many(room.hello, source()))
    found = [delivery.token async for delivery in made[0]]
    assert found in ([], ["a"])
    await room.clock.advance(0)
    assert set() == tasks()


async def test_closing_the_sender_before_anything_was_read(room: Any) -> None:
    """A fan-out whose reader had no turn yet says so, and does not wait for ever."""
    await room.send("first")
    async with room.sender.send_many(room.hello, ["a"]) as deliveries:
        await room.sender._lane.aclose()
        with pytest.raises(StateError, match="closed"):
            await anext(deliveries)
    assert ["first"] == room.vendor.received


async def test_closing_twice_at_once(room: Any) -> None:
    """Two who close a sender both wait until it is closed, even if the first gives up."""
    await begin(room)
    one = asyncio.create_task(room.sender.aclose())
    two = asyncio.create_task(room.sender.aclose())
    await asyncio.sleep(0)
    one.cancel()
    await two
    await room.clock.advance(0)
    assert 0 == room.carrier.under_way


async def test_somebody_cancels_every_task(room: Any) -> None:
    """Even if the inner tasks are cancelled from outside, nobody waits for ever."""
    room.fate("late", "busy=20")
    deliveries = await begin(room, ["late", "a", "b", "c", *endless_after("d", 50)], window=3)
    room.carrier.release(3)
    await room.clock.advance(0)
    consumer = asyncio.create_task(anext(deliveries))
    await room.clock.advance(0)
    for task in asyncio.all_tasks() - {asyncio.current_task(), consumer}:
        task.cancel()
    await room.clock.advance(0)
    found = [await consumer]
    with pytest.raises(asyncio.CancelledError):
        while True:
            found.append(await anext(deliveries))
    outcomes = {delivery.token: delivery.outcome for delivery in found}
    assert (Outcome.SENT, Outcome.EXPIRED) == (outcomes["a"], outcomes["late"])
    assert len(found) == len(outcomes) == 3 + 3 + 1
    assert 3 == list(outcomes.values()).count(Outcome.UNKNOWN)


async def test_somebody_cancels_tasks_that_did_not_start(room: Any) -> None:
    """Tasks cancelled before their first step run none of it, and nobody waits for ever."""
    await room.send("first")
    async with room.sender.send_many(room.hello, ["a", "b"]) as deliveries:
        await asyncio.sleep(0)  # the reader has begun both; neither attempt had a turn
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        found = [delivery.outcome async for delivery in deliveries]
    assert ([Outcome.UNKNOWN] * 2, ["first"]) == (found, room.vendor.received)


async def test_somebody_cancels_a_reader_that_rests(room: Any) -> None:
    """Its source, which was between two tokens, is closed with the fan-out."""
    closed = []

    async def source() -> AsyncIterator[str]:
        try:
            for token in endless():
                yield token
        finally:
            closed.append(True)

    async with room.sender.send_many(room.hello, source(), max_waiting=2) as deliveries:
        await room.clock.advance(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await room.clock.advance(0)
        assert [] == closed
        await deliveries.aclose()
    assert [True] == closed


async def test_somebody_cancels_the_reader_that_did_not_start(room: Any) -> None:
    """A reader cancelled before its first step ends the iteration."""
    async with room.sender.send_many(room.hello, ["a", "b"]) as deliveries:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await anext(deliveries)
