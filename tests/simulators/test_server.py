"""The server of the simulators: both HTTP versions, on real sockets with real TLS."""

from __future__ import annotations

import asyncio
import io
import logging
from typing import Any

import pytest

from zpns.simulators import (
    FaultPlan,
    ResetStream,
    SimulatorServer,
)

NOW = 1_795_000_000
REFUSED_STREAM = 7  # RFC 9113, section 7
MB = 1024 * 1024


@pytest.mark.parametrize(
    ("alpn", "chosen"),
    [
        pytest.param(("h2", "http/1.1"), "h2", id="both"),
        pytest.param(("http/1.1", "h2"), "h2", id="both-with-http1-first"),
        pytest.param(("h2",), "h2", id="h2"),
        pytest.param(("http/1.1",), "http/1.1", id="http1"),
        pytest.param((), None, id="no-alpn"),
    ],
)
async def test_alpn_chooses_the_protocol(
    server: SimulatorServer, trust: Any, alpn: tuple[str, ...], chosen: str | None
) -> None:
    """A client that offers h2 gets it, every other gets HTTP/1.1 on the same port."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=trust(server, *alpn), server_hostname="localhost"
    )
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    first = await reader.readexactly(9)
    selected = writer.get_extra_info("ssl_object").selected_alpn_protocol()
    writer.close()
    writer.transport.abort()

    assert chosen == selected
    # An HTTP/2 server begins with a SETTINGS frame: three bytes of length, then type 4.
    assert (b"HTTP/1.1 " == first) == (chosen != "h2")
    assert (4 == first[3]) == (chosen == "h2")


async def test_request_reaches_the_vendor_over_http2(
    server: SimulatorServer, vendor: Any, open_h2: Any
) -> None:
    """Method, URL, headers, body and time arrive, and the answer goes back whole."""
    client = await open_h2(server)

    answer = await client.fetch("/a/b?c=d", b"12345", headers={"x-a": "1", "X-B".lower(): "2"})

    assert 200 == answer.status
    assert f"POST {server.url}/a/b?c=d 5 {NOW}".encode() == answer.body
    assert {"content-type": "text/plain", "x-vendor": "small"}.items() <= answer.headers.items()
    assert str(len(answer.body)) == answer.headers["content-length"]
    assert {"host": "small.test", "x-a": "1", "x-b": "2"} == dict(vendor.handled[0].headers)
    assert b"12345" == vendor.handled[0].body


async def test_request_reaches_the_vendor_over_http1(
    server: SimulatorServer, vendor: Any, open_http1: Any
) -> None:
    """HTTP/1.1 gives the vendor the same as HTTP/2: header names in lower case, raw path."""
    session = await open_http1(server)

    status, headers, body = await session.fetch("/a/b?c=d", b"12345", headers={"X-A": "1"})

    assert 200 == status
    assert f"POST {server.url}/a/b?c=d 5 {NOW}".encode() == body
    assert "small" == headers["x-vendor"]
    assert "1" == vendor.handled[0].headers["x-a"]
    assert all(name == name.lower() for name in vendor.handled[0].headers)


async def test_many_requests_share_an_http2_connection(
    server: SimulatorServer, open_h2: Any
) -> None:
    """Five hundred streams under way at once are all answered, on one connection."""
    client = await open_h2(server)
    streams = [client.ask(f"/{number}") for number in range(500)]

    answers = [await client.answer(stream) for stream in streams]

    assert [200] * 500 == [answer.status for answer in answers]
    assert b"/499" in answers[-1].body
    assert {client.port} == {entry.connection for entry in server.record}


async def test_answer_waits_for_the_window_of_the_client(
    server: SimulatorServer, vendor: Any, open_h2: Any
) -> None:
    """A body over the client's window is sent as far as it goes, and on once it opens."""
    vendor.body = bytes(200_000)
    client = await open_h2(server)
    client.read_bodies = False
    stream = client.ask()
    answer = client.answers[stream]

    await client.until(lambda: len(answer.body) >= 65_535)
    assert 65_535 == len(answer.body)
    assert not answer.done

    client.read_bodies = True
    client.h2.acknowledge_received_data(65_535, stream)
    await client.answer(stream)
    assert vendor.body == answer.body


async def test_client_that_does_not_read_is_not_read(
    server: SimulatorServer, vendor: Any, open_h2: Any
) -> None:
    """While answers pile up because nobody reads them, further requests wait outside."""
    vendor.body = bytes(16 * MB)
    client = await open_h2(server)
    client.h2.update_settings({4: 2**31 - 1})  # SETTINGS_INITIAL_WINDOW_SIZE
    client.h2.increment_flow_control_window(2**30)
    await client.until(lambda: client.h2.local_settings.initial_window_size == 2**31 - 1)
    streams = []
    # TLS takes one answer, however long, before it says that it has enough.
    for count in (1, 2):
        streams.append(client.ask())
        client.flush()
        while len(vendor.handled) < count:
            await asyncio.sleep(0)

    streams.append(client.ask())
    client.flush()
    for _ in range(200):
        await asyncio.sleep(0)
    assert 2 == len(vendor.handled)

    sizes = [len((await client.answer(stream)).body) for stream in streams]
    assert [16 * MB] * 3 == sizes
    assert 3 == len(vendor.handled)


@pytest.mark.parametrize("window", [65_535, 2_000_000])
async def test_window_of_the_server_is_a_setting(
    vendor: Any, clock: Any, open_h2: Any, window: int
) -> None:
    """The client may have as much under way as it is told, per stream and in all."""
    async with SimulatorServer(vendor, clock=clock, window=window) as server:
        client = await open_h2(server)

        assert window == client.h2.remote_settings.initial_window_size
        assert window == client.h2.outbound_flow_control_window


async def test_client_that_opens_a_window_and_resets_at_once_harms_nobody(
    server: SimulatorServer, vendor: Any, open_h2: Any
) -> None:
    """A stream that was reset in the same read as its window opened is just forgotten."""
    vendor.body = bytes(200_000)
    client = await open_h2(server)
    client.read_bodies = False
    stream = client.ask()
    await client.until(lambda: len(client.answers[stream].body) >= 65_535)

    client.h2.increment_flow_control_window(100_000, stream)
    client.h2.increment_flow_control_window(200_000)
    client.h2.reset_stream(stream)
    vendor.body = b"still there"
    answer = await client.fetch()

    assert b"still there" == answer.body


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(None, id="no-fault"),
        pytest.param(FaultPlan([ResetStream(first=1)]), id="both-reset"),
    ],
)
async def test_client_that_resets_its_own_request_harms_nobody(
    server: SimulatorServer, open_h2: Any, plan: FaultPlan | None
) -> None:
    """A request and its reset in one read leave the connection as it was."""
    server.misbehave(plan)
    client = await open_h2(server)

    client.h2.reset_stream(client.ask("/given-up"))
    answer = await client.fetch("/next")

    assert 200 == answer.status
    assert ["/given-up", "/next"] == [entry.path for entry in server.record]


async def test_stream_over_the_limit_is_refused(vendor: Any, clock: Any, open_h2: Any) -> None:
    """One stream too many gets REFUSED_STREAM; those within the limit are served."""
    async with SimulatorServer(vendor, clock=clock, max_streams=2) as server:
        client = await open_h2(server)
        assert 2 == client.h2.remote_settings.max_concurrent_streams
        first, second = client.ask("/1", end=False), client.ask("/2", end=False)
        # A client that does not know the limit, which h2 would hold us to.
        client.h2.remote_settings.max_concurrent_streams = 100
        client.h2.remote_settings.acknowledge()
        third = client.ask("/3")

        assert REFUSED_STREAM == (await client.answer(third)).reset
        for stream in (first, second):
            client.h2.end_stream(stream)
            assert 200 == (await client.answer(stream)).status
        assert 200 == (await client.fetch("/4")).status
        assert ["/1", "/2", "/4"] == [entry.path for entry in server.record]


async def test_single_stream_serves_one_after_the_other(
    vendor: Any, clock: Any, open_h2: Any
) -> None:
    """A server may allow one stream, as APNs does at first; it is free again once answered."""
    async with SimulatorServer(vendor, clock=clock, max_streams=1) as server:
        client = await open_h2(server)

        assert 1 == client.h2.remote_settings.max_concurrent_streams
        assert [200] * 3 == [(await client.fetch()).status for _ in range(3)]


@pytest.mark.parametrize(
    "size", [pytest.param(8 * MB, id="8-mb"), pytest.param(8 * MB + 1, id="over")]
)
async def test_body_has_a_limit_over_http2(
    server: SimulatorServer, vendor: Any, open_h2: Any, size: int
) -> None:
    """Eight megabytes pass, a byte more is answered 413 and never reaches the vendor."""
    client = await open_h2(server)
    stream = client.ask("/big", end=False)
    left = size
    while left:
        room = min(client.h2.local_flow_control_window(stream), client.h2.max_outbound_frame_size)
        if room == 0:
            seen = client.h2.local_flow_control_window(stream)
            await client.until(lambda: client.h2.local_flow_control_window(stream) > seen)
            continue
        part = min(room, left)
        client.h2.send_data(stream, bytes(part), end_stream=part == left)
        left -= part

    answer = await client.answer(stream)

    assert (200 if size == 8 * MB else 413) == answer.status
    assert ([size] if size == 8 * MB else []) == [len(one.body) for one in vendor.handled]


@pytest.mark.parametrize(
    "size", [pytest.param(8 * MB, id="8-mb"), pytest.param(8 * MB + 1, id="over")]
)
async def test_body_has_a_limit_over_http1(
    server: SimulatorServer, vendor: Any, open_http1: Any, size: int
) -> None:
    """HTTP/1.1 has the same limit."""
    session = await open_http1(server)

    status, _, _ = await session.fetch("/big", io.BytesIO(bytes(size)))

    assert (200 if size == 8 * MB else 413) == status
    assert ([size] if size == 8 * MB else []) == [len(one.body) for one in vendor.handled]


async def test_malformed_http2_ends_the_connection_alone(
    server: SimulatorServer, open_h2: Any
) -> None:
    """Nonsense is answered with GOAWAY PROTOCOL_ERROR; other connections go on."""
    bad, good = await open_h2(server), await open_h2(server)

    # A DATA frame on stream 0.
    bad.writer.write(b"\0\0\1\0\0\0\0\0\0x")
    await bad.until_end()

    assert [1] == [code for _, code in bad.h2.goaways]
    assert 200 == (await good.fetch()).status


async def test_failure_of_the_vendor_is_a_500_and_a_log_entry(
    server: SimulatorServer, vendor: Any, open_h2: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake in a simulator is loud in the log and closes nothing."""
    vendor.error = ZeroDivisionError("oops")
    client = await open_h2(server)

    with caplog.at_level(logging.ERROR, "zpns.simulators"):
        answer = await client.fetch()

    assert 500 == answer.status
    assert ["the small simulator failed"] == [entry.getMessage() for entry in caplog.records]
    assert "oops" in caplog.text
    vendor.error = None
    assert 200 == (await client.fetch()).status
