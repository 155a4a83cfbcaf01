"""Where tokens come from: how far a source is read, and what comes of its faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from zpns.models import Delivery, Outcome


class Reading:
    """A source that counts how far it was read; list-like or asynchronous."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.read = 0

    def __iter__(self) -> Iterator[str]:
        for number in range(self.count):
            self.read = number + 1
            yield f"token-{number}"


class AsyncReading(Reading):
    """The same, with a turn of the loop before each token."""

    __iter__ = None  # type: ignore[assignment]

    async def __aiter__(self) -> AsyncIterator[str]:
        for number in range(self.count):
            await asyncio.sleep(0)
            self.read = number + 1
            yield f"token-{number}"


class Fault(Exception):
    """What a source raises."""


def listed() -> Any:
    return ["a", "b", "c"]


def mapped() -> Any:
    return {"a": 1, "b": 2, "c": 3}


def generated() -> Any:
    return (token for token in "abc")


async def streamed() -> AsyncIterator[str]:
    for token in "abc":
        await asyncio.sleep(0)
        yield token


class Both:
    """A source that can be read either way."""

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("to be read asynchronously")  # pragma: no cover

    def __aiter__(self) -> AsyncIterator[str]:
        return streamed()


@pytest.mark.parametrize("make", [listed, mapped, generated, streamed, Both])
async def test_a_source_may_be_of_any_kind(room: Any, make: Callable[[], Any]) -> None:
    """Lists, mappings, generators and asynchronous sources are read in their order."""
    deliveries = await room.collect(make(), ordered=True)
    assert ["a", "b", "c"] == [delivery.token for delivery in deliveries]


@pytest.mark.parametrize("kind", [Reading, AsyncReading])
async def test_unread_results_stop_the_reading(room: Any, kind: type[Reading]) -> None:
    """At *max_waiting* results nobody took, the source rests; each one taken lets one more in."""
    source = kind(100)
    async with room.sender.send_many(room.hello, source, window=4, max_waiting=10) as deliveries:
        await room.clock.advance(60)
        # The window may have been full when the tenth result came.
        assert 10 <= source.read <= 10 + 4
        before = source.read
        await anext(deliveries)
        await room.clock.advance(0)
        assert before == source.read  # there were more than 10 waiting, or just as many
        for _ in range(5):
            await anext(deliveries)
        await room.clock.advance(0)
        assert before < source.read <= before + 6
        rest = [delivery async for delivery in deliveries]
    assert 100 - 6 == len(rest)


@pytest.mark.parametrize("kind", [Reading, AsyncReading])
async def test_one_result_at_a_time(room: Any, kind: type[Reading]) -> None:
    """With window and max_waiting of 1 the source is never read far ahead, and to its end."""
    source = kind(20)
    taken = 0
    async with room.sender.send_many(room.hello, source, window=1, max_waiting=1) as deliveries:
        async for _ in deliveries:
            taken += 1
            await room.clock.advance(0)
            assert source.read <= taken + 2
    assert 20 == taken


async def test_waiting_retries_stop_the_reading(room: Any) -> None:
    """Retries that wait hold no slot, and at *max_waiting* of them the source rests."""
    source = Reading(50)
    for number in range(50):
        room.fate(f"token-{number}", "busy=5")
    found: list[Delivery] = []

    async def work() -> None:
        async with room.sender.send_many(
            room.hello, source, window=2, max_waiting=10, deadline=1000
        ) as deliveries:
            async for delivery in deliveries:
                found.append(delivery)

    task = asyncio.create_task(work())
    await room.clock.advance(4.9)
    assert 10 <= source.read <= 12
    assert 0 == room.carrier.under_way
    await room.clock.advance(0.2)
    assert source.read > 12
    await room.clock.advance(100)
    await task
    assert [(Outcome.SENT, 2)] * 50 == [(d.outcome, d.attempts) for d in found]


async def test_results_held_for_order_stop_the_reading(room: Any) -> None:
    """A first token that waits holds back the others, and at *max_waiting* the source rests."""
    source = Reading(50)
    room.fate("token-0", "busy=5")
    found: list[Delivery] = []

    async def work() -> None:
        async with room.sender.send_many(
            room.hello, source, window=2, max_waiting=10, ordered=True
        ) as deliveries:
            async for delivery in deliveries:
                found.append(delivery)

    task = asyncio.create_task(work())
    await room.clock.advance(4.9)
    assert 10 <= source.read <= 12
    assert [] == found
    await room.clock.advance(1)
    await task
    assert list(range(50)) == [delivery.target.seq for delivery in found]


async def test_a_list_gives_others_their_turn(room: Any) -> None:
    """Reading thousands of tokens that are none does not keep the loop to itself."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    async with room.sender.send_many(room.hello, [""] * 5000) as deliveries:
        while not (page := await anext(deliveries.pages())):
            pass  # pragma: no cover
    task.cancel()
    assert len(page) < 5000
    assert turns >= 1


@pytest.mark.parametrize("ordered", [False, True], ids=["as-ready", "ordered"])
@pytest.mark.parametrize("late", [False, True], ids=["sync", "async"])
async def test_what_a_source_raises_comes_last(room: Any, late: bool, ordered: bool) -> None:
    """Everything read before the fault is reported, retries too; then the fault comes out."""
    room.fate("b", "busy=3")

    def sync() -> Iterator[str]:
        yield from ("a", "b", "c")
        raise Fault

    async def asynchronous() -> AsyncIterator[str]:
        for token in sync():
            yield token

    found: list[str] = []

    async def work() -> None:
        source = asynchronous() if late else sync()
        async for delivery in room.sender.send_many(room.hello, source, ordered=ordered):
            found.append(delivery.token)

    with pytest.raises(Fault):
        await room.run(work())
    assert ["a", "b", "c"] == sorted(found)
    assert ordered is (found == ["a", "b", "c"])


async def test_the_fault_comes_out_once(room: Any) -> None:
    """After the fault the iteration is over."""

    def source() -> Iterator[str]:
        yield "a"
        raise Fault

    deliveries = room.sender.send_many(room.hello, source())
    assert "a" == (await anext(deliveries)).token
    with pytest.raises(Fault):
        await anext(deliveries)
    assert [] == [delivery async for delivery in deliveries]


async def test_a_source_that_cannot_be_iterated_raises(room: Any) -> None:
    """A fault at the very beginning comes out as well."""

    class Source:
        def __iter__(self) -> Iterator[str]:
            raise Fault

    with pytest.raises(Fault):
        await room.collect(Source())


async def test_a_gathered_slice_goes_out_before_the_fault(make_room: Any) -> None:
    """Tokens that wait for others to share a request are sent when the source fails."""
    room = make_room(max_tokens=10)

    def source() -> Iterator[str]:
        yield from ("a", "b", "c")
        raise Fault

    deliveries = room.sender.send_many(room.hello, source(), ordered=True)
    found = [(await anext(deliveries)).token for _ in range(3)]
    with pytest.raises(Fault):
        await anext(deliveries)
    assert (["a", "b", "c"], [["a", "b", "c"]]) == (
        found,
        [push.tokens for push in room.vendor.pushes],
    )


async def test_a_source_whose_own_work_was_cancelled(room: Any) -> None:
    """A source that passes on somebody's CancelledError ends the iteration with it."""

    async def source() -> AsyncIterator[str]:
        yield "a"
        task = asyncio.create_task(asyncio.sleep(3600))
        task.cancel()
        await task

    deliveries = room.sender.send_many(room.hello, source())
    assert "a" == (await anext(deliveries)).token
    with pytest.raises(asyncio.CancelledError):
        await anext(deliveries)
    task = asyncio.current_task()
    assert task is not None
    assert 0 == task.cancelling()


async def test_a_source_that_raises_generator_exit(room: Any) -> None:
    """Even what only generators are told ends the iteration, as a fault of the source."""

    class Source:
        def __init__(self) -> None:
            self.left = ["a", "b"]

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> str:
            if self.left:
                return self.left.pop(0)
            raise GeneratorExit

    deliveries = room.sender.send_many(room.hello, Source(), ordered=True)
    assert ["a", "b"] == [(await anext(deliveries)).token for _ in range(2)]
    with pytest.raises(RuntimeError, match="GeneratorExit"):
        await anext(deliveries)


async def test_a_slow_source_is_waited_for(room: Any) -> None:
    """Results come while the source takes its time, also for tokens of a list's slice."""

    async def source() -> AsyncIterator[str]:
        for number in range(3):
            await room.clock.sleep_until(10.0 * number)
            yield f"token-{number}"

    await room.collect(source())
    assert [0.0, 10.0, 20.0] == room.vendor.times


async def test_what_comes_after_the_deadline_is_expired(room: Any) -> None:
    """A token that the source gives too late is reported, not sent."""

    async def source() -> AsyncIterator[str]:
        yield "a"
        await room.clock.sleep_until(31)
        yield "b"

    deliveries = await room.collect(source(), deadline=30)
    assert [("a", Outcome.SENT, 1), ("b", Outcome.EXPIRED, 0)] == [
        (d.token, d.outcome, d.attempts) for d in deliveries
    ]
    assert ["a"] == room.vendor.received
