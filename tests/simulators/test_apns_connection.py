"""What the server does for a vendor to which connections matter, whichever it is."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any

import h2.events
import pytest
from apns_wire import Pairs, watch

from zpns.exchange import Request, Response
from zpns.simulators import (
    AnswerStatus,
    Connection,
    FaultPlan,
    GoAway,
    ResetStream,
    SimulatorServer,
)
from zpns.simulators._apns_certificates import ClientAuthority
from zpns.simulators._connection import RepeatedHeaders
from zpns.simulators._service import ConnectionSimulator

NOW = 1_795_000_000


class Aware:
    """A vendor that notes its connections and does what the path says."""

    channel = "aware"

    def __init__(self) -> None:
        self.authority = ClientAuthority()
        self.connections: list[Connection] = []
        self.came: list[tuple[Connection, Request]] = []
        self.first_limit: int | None = None

    def client_authority(self) -> str:
        return self.authority.pem

    def connected(self, connection: Connection) -> None:
        self.connections.append(connection)
        if self.first_limit is not None:
            connection.limit_streams(self.first_limit)

    def handle_on(self, connection: Connection, request: Request, now: float) -> Response:
        self.came.append((connection, request))
        _, _, wish = request.url.rpartition("/")
        if wish.isdigit():
            connection.limit_streams(int(wish))
        elif wish == "leave":
            connection.go_away(b"enough", error_code=11)
        return Response(status=200, body=f"{now:.0f}".encode())

    def answer_to(self, request: Request, status: int, now: float) -> Response:
        return Response(status=status, body=f"{request.method} {status} {now:.0f}".encode())

    def goodbye(self) -> bytes:
        return b"so long"

    def handle(self, request: Request, now: float) -> Response:
        raise AssertionError("a connection is known")

    def answer(self, status: int) -> Response:
        raise AssertionError("a request is known")

    def register(self) -> str:
        return "token"

    def unregister(self, token: str) -> None:
        raise LookupError(token)

    def credentials(self, url: str, folder: str) -> dict[str, str]:
        return {}


@pytest.fixture
def aware() -> Aware:
    """A vendor to which connections matter."""
    return Aware()


@pytest.fixture
async def server(aware: Aware, clock: Any) -> AsyncIterator[SimulatorServer]:
    """Its server."""
    async with SimulatorServer(aware, clock=clock, max_streams=50) as server:
        yield server


def test_vendors_are_told_apart(vendor: Any, aware: Aware) -> None:
    """A vendor has all the methods or is treated as any other."""
    assert isinstance(aware, ConnectionSimulator)
    assert not isinstance(vendor, ConnectionSimulator)


async def test_connection_is_introduced_and_recognised(
    server: SimulatorServer, aware: Aware, open_h2: Any
) -> None:
    """Each HTTP/2 connection is one object, whose port is the one in the record."""
    first, second = await open_h2(server), await open_h2(server)
    for client in (first, second, first):
        assert b"%d" % NOW == (await client.fetch("/x")).body

    [one, two] = aware.connections
    assert [one, two, one] == [connection for connection, _ in aware.came]
    assert [first.port, second.port, first.port] == [entry.connection for entry in server.record]
    assert [(first.port, "2", 50, None), (second.port, "2", 50, None)] == [
        (each.port, each.http_version, each.max_streams, each.certificate) for each in (one, two)
    ]


async def test_http1_comes_on_a_connection_too(
    server: SimulatorServer, aware: Aware, open_http1: Any
) -> None:
    """It is not introduced, another object each time, and what is asked of it does nothing."""
    client = await open_http1(server)

    assert 200 == (await client.fetch("/7"))[0]
    assert 200 == (await client.fetch("/leave"))[0]
    assert 200 == (await client.fetch("/x"))[0]

    assert [] == aware.connections
    assert {"1.1"} == {connection.http_version for connection, _ in aware.came}
    assert [7, 1_000, 1_000] == [connection.max_streams for connection, _ in aware.came]
    assert [None, b"enough", None] == [connection.goodbye for connection, _ in aware.came]
    assert {entry.connection for entry in server.record} == {c.port for c, _ in aware.came}


async def test_first_limit_is_in_the_first_settings(
    server: SimulatorServer, aware: Aware, open_h2: Any
) -> None:
    """A limit set while being introduced needs no second SETTINGS."""
    aware.first_limit = 3
    client = await open_h2(server)

    assert 3 == client.h2.remote_settings.max_concurrent_streams


async def test_limit_reaches_the_client_before_the_answer(
    server: SimulatorServer, aware: Aware, open_h2: Any
) -> None:
    """Whoever has the answer knows the limit; asking for the same again says nothing."""
    client = await open_h2(server)
    events = watch(client)
    limits = []
    for wish in (7, 9, 9, 1):
        await client.fetch(f"/{wish}")
        limits.append(client.h2.remote_settings.max_concurrent_streams)

    assert [7, 9, 9, 1] == limits
    assert 3 == sum(isinstance(one, h2.events.RemoteSettingsChanged) for one in events)
    assert 1 == aware.connections[0].max_streams


async def test_vendor_may_leave(server: SimulatorServer, aware: Aware, open_h2: Any) -> None:
    """GOAWAY names the last stream taken; what was taken is answered, then it is over."""
    client = await open_h2(server)
    streams = [client.ask("/x", end=False), client.ask("/leave"), client.ask("/late")]
    client.flush()
    await client.answer(streams[1])
    client.h2.end_stream(streams[0])

    await client.until_end()

    assert [(streams[1], 11)] == client.h2.goaways
    assert [200, 200, 0] == [client.answers[stream].status for stream in streams]
    assert b"enough" == aware.connections[0].goodbye


async def test_vendor_may_leave_between_requests(
    server: SimulatorServer, aware: Aware, open_h2: Any
) -> None:
    """With nothing under way the connection closes at once, and leaving twice is leaving once."""
    client = await open_h2(server)
    await client.fetch("/x")

    aware.connections[0].go_away(b"idle")
    aware.connections[0].go_away(b"again", error_code=2)
    await client.until_end()

    assert [(1, 0)] == client.h2.goaways
    assert b"idle" == aware.connections[0].goodbye
    assert client.error is None


async def test_vendor_may_leave_where_a_plan_does(
    server: SimulatorServer, aware: Aware, open_h2: Any
) -> None:
    """The first GOAWAY stands; another is not said."""
    server.misbehave(FaultPlan([GoAway(after=1, error_code=3)]))
    client = await open_h2(server)
    stream = client.ask("/leave")

    await client.until_end()

    assert [(stream, 3)] == client.h2.goaways
    assert 200 == client.answers[stream].status


async def test_limit_may_change_between_requests(
    server: SimulatorServer, aware: Aware, open_h2: Any
) -> None:
    """A test may lower the limit to nothing and raise it again."""
    client = await open_h2(server)
    for count in (0, 5):
        aware.connections[0].limit_streams(count)
        await client.until(lambda: client.h2.remote_settings.max_concurrent_streams == count)

    assert 200 == (await client.fetch("/x")).status


async def test_header_that_came_twice_is_told(
    server: SimulatorServer, aware: Aware, open_h2: Any
) -> None:
    """The last value counts and the name is known; without one the headers are plain."""
    client = await open_h2(server)
    await client.fetch("/x", headers=Pairs([("x-a", "1"), ("x-b", "2"), ("x-a", "3")]))
    await client.fetch("/x", headers=Pairs([("x-a", "1"), ("x-b", "2")]))

    twice, plain = (request.headers for _, request in aware.came)
    assert isinstance(twice, RepeatedHeaders)
    assert ({"x-a"}, "3", "2") == (twice.repeated, twice["x-a"], twice["x-b"])
    assert dict is type(plain)


async def test_fault_asks_for_the_answer_to_the_request(
    server: SimulatorServer, aware: Aware, open_h2: Any
) -> None:
    """A status fault shows the vendor the request that it spoils, and the time."""
    server.misbehave(FaultPlan([AnswerStatus(status=503, first=1), ResetStream(handled=True)]))
    client = await open_h2(server)

    answer = await client.fetch("/x", method="PUT")
    reset = await client.fetch("/7")

    assert (503, b"PUT 503 %d" % NOW) == (answer.status, answer.body)
    assert reset.reset is not None
    assert 7 == aware.connections[0].max_streams


async def test_client_certificate_is_asked_for_and_shown(
    server: SimulatorServer, aware: Aware, open_h2: Any, trust: Any, tmp_path: Any
) -> None:
    """The vendor sees the certificate that TLS has verified, byte by byte."""
    issued = aware.authority.issue(["com.example.app"], ["sandbox"], listed=False)
    path = tmp_path / "client.pem"
    path.write_bytes(issued.pem)
    context: ssl.SSLContext = trust(server, "h2")
    context.load_cert_chain(path)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=context, server_hostname="127.0.0.1"
    )
    await reader.readexactly(9)  # the server's SETTINGS: the connection was made
    writer.close()
    writer.transport.abort()

    assert [issued.der] == [connection.certificate for connection in aware.connections]


async def test_other_vendors_ask_for_no_certificate(vendor: Any, clock: Any, trust: Any) -> None:
    """Where connections do not matter TLS is as it was: no certificate is requested."""
    async with SimulatorServer(vendor, clock=clock) as server:
        assert server._tls is not None
        assert ssl.CERT_NONE == server._tls.verify_mode
