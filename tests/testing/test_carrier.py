"""The recording carrier: what it keeps, how it answers, and that it is a carrier like others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from zpns.errors import CarrierError, CarrierTimeout, ParameterError, StateError
from zpns.exchange import Carrier, Request, Response, SystemClock
from zpns.testing import FakeClock, RecordingCarrier

OK = Response(status=200, body=b"ok")
BUSY = Response(status=503)


def request(number: int = 0) -> Request:
    """Return a request with a token in its path."""
    return Request(method="POST", url=f"https://vendor.example/3/device/t0ken-{number}")


@pytest.fixture
def clock() -> FakeClock:
    """Time that stands still."""
    return FakeClock()


@pytest.fixture
def carrier(clock: FakeClock) -> RecordingCarrier:
    """A carrier that says OK to everything."""
    return RecordingCarrier(answer=lambda request: OK, clock=clock)


def begin(carrier: RecordingCarrier, count: int, *, timeout: float = 10) -> list[Any]:
    """Begin to send *count* requests."""
    return [
        asyncio.create_task(carrier.send(request(number), timeout=timeout))
        for number in range(count)
    ]


async def test_it_is_a_carrier(carrier: RecordingCarrier) -> None:
    """It can stand wherever a carrier is wanted."""
    wanted: Carrier = carrier
    assert OK is await wanted.send(request(), timeout=1)


async def test_it_keeps_what_it_was_given(carrier: RecordingCarrier) -> None:
    """Requests and their timeouts are kept in order, whatever became of them."""
    await carrier.send(request(1), timeout=1)
    carrier.add(CarrierError("no", request(), sent=False))
    with pytest.raises(CarrierError):
        await carrier.send(request(2), timeout=2)
    assert ([request(1), request(2)], [1, 2]) == (carrier.requests, carrier.timeouts)
    assert "RecordingCarrier(2 requests, 0 under way)" == repr(carrier)


async def test_answers_are_given_in_order() -> None:
    """Those given first, then those added; an exception is raised."""
    error = CarrierTimeout("slow", request(), sent=True)
    carrier = RecordingCarrier([OK, error])
    carrier.add(BUSY)
    assert OK is await carrier.send(request(), timeout=1)
    with pytest.raises(CarrierTimeout) as caught:
        await carrier.send(request(), timeout=1)
    assert error is caught.value
    assert BUSY is await carrier.send(request(), timeout=1)


async def test_answers_come_before_the_answering() -> None:
    """The callable is asked once none is left."""
    carrier = RecordingCarrier([BUSY], answer=lambda request: OK)
    assert [BUSY, OK, OK] == [await carrier.send(request(), timeout=1) for _ in range(3)]


async def test_without_an_answer_it_says_so() -> None:
    """The error names the host, and not the path, in which there may be a token."""
    with pytest.raises(StateError, match=r"POST to vendor\.example") as caught:
        await RecordingCarrier().send(request(), timeout=1)
    assert "t0ken" not in str(caught.value)


@pytest.mark.parametrize("late", [False, True], ids=["at-once", "awaitable"])
@pytest.mark.parametrize("raised", [False, True], ids=["returned", "raised"])
async def test_an_answering_may_be_of_any_kind(late: bool, raised: bool) -> None:
    """It gets the request, and may return or raise, at once or later."""
    error = CarrierError("no", request(), sent=True)

    def now(asked: Request) -> Response | Exception:
        assert request(7) == asked
        if raised:
            raise error
        return error

    async def later(asked: Request) -> Response | Exception:
        await asyncio.sleep(0)
        return now(asked)

    def answer(asked: Request) -> Response | Exception | Awaitable[Response | Exception]:
        return later(asked) if late else now(asked)

    with pytest.raises(CarrierError) as caught:
        await RecordingCarrier(answer=answer).send(request(7), timeout=1)
    assert error is caught.value


async def test_it_counts_what_is_under_way(carrier: RecordingCarrier) -> None:
    """While answers are held requests are under way; the most there were is kept."""
    carrier.hold()
    tasks = begin(carrier, 3)
    await carrier.received(3)
    assert (3, 3) == (carrier.under_way, carrier.most_under_way)
    carrier.release()
    assert [OK] * 3 == await asyncio.gather(*tasks)
    assert (0, 3) == (carrier.under_way, carrier.most_under_way)


async def test_the_oldest_are_let_go_first(carrier: RecordingCarrier, clock: FakeClock) -> None:
    """A number lets go as many; the others, and later ones, are held still."""
    carrier.hold()
    tasks = begin(carrier, 3)
    await carrier.received(3)
    carrier.release(2)
    tasks += begin(carrier, 1)
    await clock.advance(0)
    assert [True, True, False, False] == [task.done() for task in tasks]
    carrier.release()
    await asyncio.gather(*tasks)
    assert OK is await carrier.send(request(), timeout=1)


async def test_no_more_than_are_held_can_be_let_go(carrier: RecordingCarrier) -> None:
    """Letting go of what is not there is a fault in the test, and says so."""
    carrier.hold()
    tasks = begin(carrier, 1)
    await carrier.received(1)
    with pytest.raises(ParameterError, match="0 to 1"):
        carrier.release(2)
    carrier.release(0)
    carrier.release(1)
    await asyncio.gather(*tasks)


async def test_an_answer_is_chosen_when_it_is_given(carrier: RecordingCarrier) -> None:
    """What is added while a request is held may become its answer, an awaitable too."""
    carrier.hold()
    tasks = begin(carrier, 2)
    await carrier.received(2)
    carrier.add(BUSY)
    carrier.release()
    assert [BUSY, OK] == await asyncio.gather(*tasks)

    async def later(request: Request) -> Response:
        await asyncio.sleep(0)
        return BUSY

    slow = RecordingCarrier(answer=later)
    slow.hold()
    tasks = begin(slow, 1)
    await slow.received(1)
    slow.release()
    assert [BUSY] == await asyncio.gather(*tasks)


@pytest.mark.parametrize("held", [True, False], ids=["held", "slow"])
async def test_a_timeout_is_kept(clock: FakeClock, held: bool) -> None:
    """Without an answer in time the send fails then, and the vendor may have received it."""

    async def never(request: Request) -> Response:
        await asyncio.Event().wait()
        return OK  # pragma: no cover

    carrier = RecordingCarrier(answer=never, clock=clock)
    if held:
        carrier.hold()
    (task,) = begin(carrier, 1, timeout=5)
    await clock.advance(4.9)
    assert not task.done()
    await clock.advance(0.1)
    with pytest.raises(CarrierTimeout, match="5 s") as caught:
        await task
    assert (True, request(), 0) == (caught.value.sent, caught.value.request, carrier.under_way)
    if held:
        with pytest.raises(ParameterError, match="0 to 0"):
            carrier.release(1)


@pytest.mark.parametrize("timeout", [0, -1])
async def test_a_timeout_has_to_be_some_time(carrier: RecordingCarrier, timeout: float) -> None:
    """A sender that lets nothing of its time over is wrong."""
    with pytest.raises(ParameterError, match="timeout"):
        await carrier.send(request(), timeout=timeout)


async def test_a_cancelled_send_is_counted(carrier: RecordingCarrier, clock: FakeClock) -> None:
    """It is under way no more, its answering is cancelled, and others are not."""
    carrier.hold()
    tasks = begin(carrier, 2)
    await carrier.received(2)
    tasks[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    assert (1, 1, 1) == (carrier.cancelled, carrier.under_way, clock.sleepers)
    carrier.release(1)
    assert OK is await tasks[1]
    assert 0 == clock.sleepers


async def test_closing_ends_what_is_under_way(carrier: RecordingCarrier) -> None:
    """Requests under way fail with an error that says they were sent; later ones are refused."""
    carrier.hold()
    tasks = begin(carrier, 2)
    await carrier.received(2)
    await carrier.aclose()
    await carrier.aclose()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert [(CarrierError, True)] * 2 == [(type(error), error.sent) for error in errors]
    assert carrier.closed
    with pytest.raises(StateError, match="closed"):
        await carrier.send(request(), timeout=1)


async def test_waiting_for_requests(carrier: RecordingCarrier, clock: FakeClock) -> None:
    """`received` returns once there are as many, also if there are more or were before."""
    waits = [asyncio.create_task(carrier.received(count)) for count in (1, 2, 3)]
    await clock.advance(0)
    for count in range(1, 4):
        assert count - 1 == sum(wait.done() for wait in waits)
        await carrier.send(request(), timeout=1)
        await clock.advance(0)
    assert [True] * 3 == [wait.done() for wait in waits]
    await carrier.received(2)


async def test_without_a_clock_the_machines_is_used() -> None:
    """A carrier made without a clock keeps real time."""
    assert isinstance(RecordingCarrier()._clock, SystemClock)
