"""Starting and ending a server, and serving FCM."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import jwt
import orjson
import pytest

from zpns.errors import ParameterError, StateError
from zpns.simulators import (
    Delay,
    FaultPlan,
    FCMSimulator,
    LocalCA,
    NeverAnswer,
    Simulator,
    SimulatorServer,
)

NOW = 1_795_000_000


async def test_close_leaves_nothing(vendor: Any, clock: Any, open_h2: Any, open_http1: Any) -> None:
    """Closing ends connections of both kinds, late answers, and the port."""
    server = SimulatorServer(vendor, clock=clock)
    before = asyncio.all_tasks()
    await server.start()
    server.misbehave(FaultPlan([Delay(seconds=60, path="/late"), NeverAnswer(path="/never")]))
    client, session = await open_h2(server), await open_http1(server)
    client.ask("/late")
    client.ask("/never")
    client.flush()
    pending = asyncio.create_task(session.fetch("/late"))
    await clock.until_asleep(2)
    port, ca_file = server.port, Path(server.ca_file)
    assert ca_file.exists()

    await server.aclose()

    with pytest.raises(aiohttp.ClientConnectionError):
        await pending
    await client.until_end()
    assert client.ended
    assert before == asyncio.all_tasks()
    assert not ca_file.parent.exists()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    await server.aclose()  # twice is fine


async def test_close_ends_a_handshake_that_never_began(vendor: Any, clock: Any) -> None:
    """A client that connects and says nothing does not outlive the server."""
    async with SimulatorServer(vendor, clock=clock) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        while not server._greeting:
            await asyncio.sleep(0)

    assert b"" == await reader.read()
    writer.close()
    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_client_without_tls_or_trust_harms_nobody(
    server: SimulatorServer, open_h2: Any
) -> None:
    """Plain HTTP and clients that do not trust the authority are turned away alone."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"HTTP" not in await reader.read()
    writer.close()
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=ssl.create_default_context(), server_hostname="localhost"
        )

    assert 200 == (await (await open_h2(server)).fetch()).status


async def test_server_starts_again_after_its_end(vendor: Any, clock: Any, open_h2: Any) -> None:
    """A closed server may start again, with a new authority unless it was given one."""
    server = SimulatorServer(vendor, clock=clock)
    for _ in range(2):
        async with server:
            assert 200 == (await (await open_h2(server)).fetch()).status

    with pytest.raises(StateError, match="not running"):
        _ = server.url
    with pytest.raises(StateError, match="not running"):
        _ = server.ca_file


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        pytest.param({"max_streams": 0}, "max_streams", id="no-streams"),
        pytest.param({"max_streams": True}, "max_streams", id="streams-true"),
        pytest.param({"window": 65_534}, "window", id="small-window"),
        pytest.param({"window": 2**31}, "window", id="large-window"),
        pytest.param({"window": 1e6}, "window", id="window-float"),
    ],
)
def test_setting_is_refused(vendor: Any, settings: dict[str, Any], field: str) -> None:
    """What HTTP/2 cannot say is refused before anything listens."""
    with pytest.raises(ParameterError) as caught:
        SimulatorServer(vendor, **settings)

    assert field == caught.value.field


async def test_server_starts_once(server: SimulatorServer) -> None:
    """Starting a running server is a mistake and says so."""
    with pytest.raises(StateError, match="already running"):
        await server.start()


async def test_servers_may_share_an_authority(
    vendor: Any, clock: Any, open_h2: Any, tmp_path: Path
) -> None:
    """With one authority and one file, a client trusts several servers at once."""
    ca, ca_file = LocalCA(), str(tmp_path / "ca.pem")
    async with (
        SimulatorServer(vendor, clock=clock, ca=ca, ca_file=ca_file) as one,
        SimulatorServer(vendor, clock=clock, ca=ca, ca_file=ca_file) as other,
    ):
        assert ca_file == one.ca_file == other.ca_file
        assert one.port != other.port
        for server in (one, other):
            assert 200 == (await (await open_h2(server)).fetch()).status

    assert ca.pem == Path(ca_file).read_bytes()  # what was asked for by name stays


async def test_port_that_is_taken_is_refused(server: SimulatorServer, vendor: Any) -> None:
    """A port may be chosen, and one in use is the system's error."""
    with pytest.raises(OSError, match="address already in use"):
        await SimulatorServer(vendor, port=server.port).start()


async def test_start_that_fails_leaves_nothing(vendor: Any, tmp_path: Path) -> None:
    """If the authority's file cannot be written, nothing listens and a later start works."""
    server = SimulatorServer(vendor, ca_file=str(tmp_path / "missing" / "ca.pem"))
    with pytest.raises(FileNotFoundError):
        await server.start()

    with pytest.raises(StateError):
        _ = server.port
    (tmp_path / "missing").mkdir()
    async with server:
        assert server.port


async def test_record_forgets_the_oldest_over_its_limit(
    vendor: Any, clock: Any, open_h2: Any
) -> None:
    """A server remembers as many requests as it is told to."""
    async with SimulatorServer(vendor, clock=clock, record_limit=2) as server:
        client = await open_h2(server)
        for number in range(3):
            await client.fetch(f"/{number}")

        assert ["/1", "/2"] == [entry.path for entry in server.record]


def test_vendors_fit_the_protocol() -> None:
    """The small vendor of these tests and FCM's are what a server takes."""
    simulator: Simulator = FCMSimulator()

    assert "fcm" == simulator.channel
    with pytest.raises(ParameterError):
        simulator.register(kind="fridge")


async def test_fcm_is_served_over_http2(tmp_path: Path, clock: Any, open_h2: Any) -> None:
    """A client with nothing but the file of credentials logs in and sends, on one connection."""
    simulator = FCMSimulator()
    async with SimulatorServer(simulator, clock=clock) as server:
        client = await open_h2(server)
        made = await client.fetch("/__sim__/devices", b'{"count": 2, "kind": "web"}')
        tokens = orjson.loads(made.body)["tokens"]
        where = simulator.credentials(server.url, str(tmp_path))
        file = orjson.loads(Path(where["service_account"]).read_bytes())
        claims = {
            "iss": file["client_email"],
            "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "aud": "https://oauth2.googleapis.com/token",
            "iat": NOW,
            "exp": NOW + 3_600,
        }
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": jwt.encode(claims, file["private_key"], algorithm="RS256"),
        }
        answer = await client.fetch(
            file["token_uri"].removeprefix(server.url),
            urlencode(form).encode(),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        headers = {
            "authorization": f"Bearer {orjson.loads(answer.body)['access_token']}",
            "content-type": "application/json; charset=UTF-8",
        }
        path = f"/v1/projects/{where['project_id']}/messages:send"
        sent = [
            await client.fetch(path, orjson.dumps({"message": {"token": token}}), headers=headers)
            for token in (*tokens, "nonsense")
        ]
        assert (
            200
            == (
                await client.fetch(
                    "/__sim__/devices", orjson.dumps({"tokens": tokens}), method="DELETE"
                )
            ).status
        )
        gone = await client.fetch(
            path, orjson.dumps({"message": {"token": tokens[0]}}), headers=headers
        )

    assert [200, 200, 400, 404] == [answer.status for answer in (*sent, gone)]
    assert [1, 1] == [len(simulator.delivered(token)) for token in tokens]
    assert headers["authorization"] not in str(server.record[-1].headers)
