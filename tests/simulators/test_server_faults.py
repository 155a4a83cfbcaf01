"""Every fault on both HTTP versions, seen from the client."""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from zpns.simulators import (
    AnswerStatus,
    Delay,
    FaultPlan,
    GoAway,
    NeverAnswer,
    ResetConnection,
    ResetStream,
    SimulatorServer,
)

NOW = 1_795_000_000
REFUSED_STREAM = 7  # RFC 9113, section 7


async def test_status_fault_over_http2(server: SimulatorServer, vendor: Any, open_h2: Any) -> None:
    """The vendor's own body goes out with the status; the vendor never sees the request."""
    server.misbehave(FaultPlan([AnswerStatus(status=503, first=1)]))
    client = await open_h2(server)

    first, second = await client.fetch("/1"), await client.fetch("/2")

    assert (503, b"small 503") == (first.status, first.body)
    assert "retry-after" not in first.headers  # the plan alone decides about it
    assert 200 == second.status
    assert [f"{server.url}/2"] == [request.url for request in vendor.handled]
    assert [("status", False, 503), ("", True, 200)] == [
        (entry.fault, entry.handled, entry.status) for entry in server.record
    ]


@pytest.mark.parametrize("version", ["1.1", "2"])
async def test_status_fault_with_retry_after(
    server: SimulatorServer, open_h2: Any, open_http1: Any, version: str
) -> None:
    """Retry-After goes out as seconds or as a date by the server's clock."""
    plan = FaultPlan(
        [
            AnswerStatus(status=503, retry_after=1, first=1),
            AnswerStatus(status=502, retry_after=90, as_date=True, body="<p>bad</p>"),
        ]
    )
    server.misbehave(plan)
    answers = []
    client = await (open_h2 if version == "2" else open_http1)(server)
    for _ in range(2):
        if version == "2":
            answer = await client.fetch()
            answers.append((answer.status, answer.headers, answer.body))
        else:
            answers.append(await client.fetch())

    (first, first_headers, _), (second, second_headers, body) = answers
    assert (503, "1") == (first, first_headers["retry-after"])
    assert (502, b"<p>bad</p>") == (second, body)
    assert NOW + 90 == parsedate_to_datetime(second_headers["retry-after"]).timestamp()
    assert "text/html; charset=UTF-8" == second_headers["content-type"]


async def test_delay_fault_over_http2(
    server: SimulatorServer, vendor: Any, clock: Any, open_h2: Any
) -> None:
    """A late answer is handled at once, sent when the clock says so, and holds up nobody."""
    server.misbehave(FaultPlan([Delay(seconds=3, path="/late"), Delay(seconds=2, path="/late")]))
    client = await open_h2(server)
    late = client.ask("/late")
    client.flush()
    await clock.until_asleep()

    assert 1 == len(vendor.handled)
    assert 200 == (await client.fetch("/prompt")).status
    clock.advance(4.9)
    assert 200 == (await client.fetch("/prompt")).status
    assert not client.answers[late].done
    clock.advance(0.1)
    assert 200 == (await client.answer(late)).status


async def test_delay_fault_over_http1(
    server: SimulatorServer, vendor: Any, clock: Any, open_http1: Any
) -> None:
    """HTTP/1.1 answers late too."""
    server.misbehave(FaultPlan([Delay(seconds=5, path="/late"), AnswerStatus(status=429)]))
    session = await open_http1(server)
    late = asyncio.create_task(session.fetch("/late"))
    await clock.until_asleep()

    assert 429 == (await session.fetch("/prompt"))[0]
    assert not late.done()
    clock.advance(5)
    status, _, _ = await late
    assert 429 == status


async def test_late_answer_to_a_client_that_left(
    server: SimulatorServer, clock: Any, open_h2: Any
) -> None:
    """Nobody minds when the client resets or leaves before a late answer."""
    server.misbehave(FaultPlan([Delay(seconds=5, path="/late")]))
    client = await open_h2(server)
    given_up = client.ask("/late/1")
    client.ask("/late/2")
    client.flush()
    await clock.until_asleep(2)
    client.h2.reset_stream(given_up)
    assert 200 == (await client.fetch("/prompt")).status

    clock.advance(5)
    await client.answer(3)

    assert [0, 200] == [client.answers[stream].status for stream in (1, 3)]


@pytest.mark.parametrize("handled", [False, True])
async def test_never_fault_over_http2(
    server: SimulatorServer, vendor: Any, open_h2: Any, handled: bool
) -> None:
    """The stream stays open without an answer, whether the vendor acted or not."""
    server.misbehave(FaultPlan([NeverAnswer(first=1, handled=handled)]))
    client = await open_h2(server)
    stream = client.ask("/never")

    assert 200 == (await client.fetch("/next")).status
    answer = client.answers[stream]
    assert (0, False, None) == (answer.status, answer.done, answer.reset)
    assert ("never", handled, 0) == (
        server.record[0].fault,
        server.record[0].handled,
        server.record[0].status,
    )
    assert (2 if handled else 1) == len(vendor.handled)


async def test_never_fault_over_http1(server: SimulatorServer, open_http1: Any) -> None:
    """The connection stays open without an answer, and ends with the server."""
    server.misbehave(FaultPlan([NeverAnswer(path="/never")]))
    session = await open_http1(server)
    never = asyncio.create_task(session.fetch("/never"))
    while not len(server.record):
        await asyncio.sleep(0)
    assert 200 == (await session.fetch("/next"))[0]

    assert not never.done()
    await server.aclose()
    with pytest.raises(aiohttp.ClientConnectionError):
        await never


@pytest.mark.parametrize("handled", [False, True])
async def test_reset_fault_over_http2(
    server: SimulatorServer, vendor: Any, open_h2: Any, handled: bool
) -> None:
    """The connection is cut by RST with every stream on it; answers before it arrive."""
    server.misbehave(FaultPlan([ResetConnection(skip=1, first=1, handled=handled)]))
    client = await open_h2(server)
    before, cut = client.ask("/before"), client.ask("/cut")

    await client.until_end()

    assert 200 == client.answers[before].status
    assert 0 == client.answers[cut].status
    assert isinstance(client.error, ConnectionResetError)
    assert (2 if handled else 1) == len(vendor.handled)
    assert ("reset", handled, 0) == (
        server.record[1].fault,
        server.record[1].handled,
        server.record[1].status,
    )
    assert 200 == (await (await open_h2(server)).fetch()).status


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(ResetConnection(first=1), id="reset"),
        pytest.param(ResetStream(first=1), id="reset-stream"),
    ],
)
async def test_reset_fault_over_http1(server: SimulatorServer, trust: Any, fault: Any) -> None:
    """Both resets cut the connection by RST, where there is no stream to reset."""
    server.misbehave(FaultPlan([fault]))
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=trust(server), server_hostname="127.0.0.1"
    )
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    writer.transport.abort()
    assert [fault.kind] == [entry.fault for entry in server.record]


@pytest.mark.parametrize("code", [2, REFUSED_STREAM])
async def test_reset_stream_fault_over_http2(
    server: SimulatorServer, open_h2: Any, code: int
) -> None:
    """One stream is reset with the code of the plan; its neighbours are answered."""
    server.misbehave(FaultPlan([ResetStream(every=2, error_code=code)]))
    client = await open_h2(server)
    streams = [client.ask() for _ in range(4)]

    answers = [await client.answer(stream) for stream in streams]

    assert [None, code, None, code] == [answer.reset for answer in answers]
    assert [200, 0, 200, 0] == [answer.status for answer in answers]


async def test_goaway_fault_over_http2(server: SimulatorServer, open_h2: Any) -> None:
    """GOAWAY names the last stream served; later ones are ignored, then the end is orderly."""
    server.misbehave(FaultPlan([GoAway(after=3, error_code=0)]))
    client = await open_h2(server)
    streams = [client.ask(f"/{number}") for number in range(5)]

    await client.until_end()

    assert [(streams[2], 0)] == client.h2.goaways
    assert [200, 200, 200, 0, 0] == [client.answers[stream].status for stream in streams]
    assert client.error is None
    assert 3 == len(server.record)
    again = await open_h2(server)
    assert 200 == (await again.fetch("/again")).status
    assert [] == again.h2.goaways


async def test_goaway_fault_waits_for_answers_under_way(
    server: SimulatorServer, clock: Any, open_h2: Any
) -> None:
    """The connection closes only once the last stream that counts was answered."""
    server.misbehave(FaultPlan([GoAway(after=2, error_code=11), Delay(seconds=5, first=1)]))
    client = await open_h2(server)
    late, prompt = client.ask("/late"), client.ask("/prompt")

    assert 200 == (await client.answer(prompt)).status
    assert [(prompt, 11)] == client.h2.goaways
    assert not client.ended
    await clock.until_asleep()
    clock.advance(5)
    await client.until_end()
    assert 200 == client.answers[late].status


async def test_goaway_fault_over_http1(server: SimulatorServer, open_http1: Any) -> None:
    """HTTP/1.1 says the same with Connection: close, counted per connection."""
    server.misbehave(FaultPlan([GoAway(after=2)]))
    client = await open_http1(server, limit=1)
    answers = [await client.fetch() for _ in range(4)]

    assert [200] * 4 == [status for status, _, _ in answers]
    closing = [headers.get("connection") == "close" for _, headers, _ in answers]
    assert [False, True, False, True] == closing
    ports = [entry.connection for entry in server.record]
    assert ports[0] == ports[1] != ports[2] == ports[3]


async def test_goaway_fault_over_http1_counts_among_many(
    server: SimulatorServer, open_http1: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forgetting closed connections now and then does not forget those that are open."""
    monkeypatch.setattr("zpns.simulators._http1._COUNTED", 3)
    server.misbehave(FaultPlan([GoAway(after=2)]))
    first = await open_http1(server)
    await first.fetch()
    for _ in range(6):
        other = await open_http1(server)
        await other.fetch()
        await other.session.close()

    _, headers, _ = await first.fetch()

    assert "close" == headers["connection"]


async def test_goaway_of_the_client_lets_its_requests_finish(
    server: SimulatorServer, clock: Any, open_h2: Any
) -> None:
    """A client that says GOAWAY still gets the answers it waits for, then the end."""
    server.misbehave(FaultPlan([Delay(seconds=5, path="/late")]))
    client = await open_h2(server)
    late, prompt = client.ask("/late"), client.ask("/prompt")
    client.flush()
    # By hand: h2 says nothing more after its own GOAWAY.
    client.writer.write(b"\0\0\x08\x07\0\0\0\0\0" + bytes(8))

    assert 200 == (await client.answer(prompt)).status
    await clock.until_asleep()
    clock.advance(5)
    await client.until_end()
    assert 200 == client.answers[late].status
    assert client.error is None


async def test_plan_begins_anew_each_time(server: SimulatorServer, open_h2: Any) -> None:
    """A plan counts from its start, and None ends it."""
    plan = FaultPlan([AnswerStatus(status=500, first=1)])
    client = await open_h2(server)
    statuses = []
    for chosen in (plan, plan, None):
        server.misbehave(chosen)
        statuses += [(await client.fetch()).status for _ in range(2)]

    assert [500, 200, 500, 200, 200, 200] == statuses


async def test_mixed_faults_are_told_apart_in_the_record(
    server: SimulatorServer, open_h2: Any
) -> None:
    """Under a mixed plan every request has one line, and only the handled reached the vendor."""
    plan = FaultPlan(
        [
            ResetStream(share=0.1),
            AnswerStatus(status=503, share=0.1, retry_after=1),
            NeverAnswer(share=0.01, handled=True),
        ],
        seed=3,
    )
    server.misbehave(plan)
    client = await open_h2(server)
    streams = [client.ask(f"/{number}") for number in range(900)]
    last = client.ask("/last")
    await client.until(lambda: len(server.record) > 900)
    await client.answer(last)

    kinds = [entry.fault for entry in server.record]
    assert 901 == len(kinds)
    assert {"", "reset-stream", "status", "never"} == set(kinds)
    handled = [entry for entry in server.record if entry.handled]
    assert len(handled) == len(server.simulator.handled)  # type: ignore[attr-defined]
    unanswered = [
        number
        for number, stream in enumerate(streams)
        if not client.answers[stream].done and client.answers[stream].reset is None
    ]
    never = [int(entry.path[1:]) for entry in server.record if entry.fault == "never"]
    assert never == unanswered
