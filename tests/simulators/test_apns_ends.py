"""How connections to APNs end, and client certificates, over real sockets."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from apns_sender import APP, ID, NOW, APNsSender
from apns_wire import ask, goodbyes_of, limit_of, push

from zpns.simulators import AnswerStatus, FaultPlan, GoAway, LocalCA, SimulatorServer


@pytest.fixture
async def serve(clock: Any) -> AsyncIterator[Callable[..., Any]]:
    """Serves a sender's simulator; all servers end with the test."""
    async with AsyncExitStack() as stack:

        async def start(apns: APNsSender, **options: Any) -> SimulatorServer:
            server = SimulatorServer(apns.simulator, clock=clock, **options)
            return await stack.enter_async_context(server)

        yield start


async def test_goaway_of_a_plan_says_shutdown(serve: Any, open_h2: Any) -> None:
    """The debug data is Apple's JSON; what was taken is answered, the rest is ignored."""
    apns = APNsSender()
    token = apns.simulator.register()
    server = await serve(apns)
    client = await open_h2(server)
    goodbyes = goodbyes_of(client)
    await push(client, apns, token)
    server.misbehave(FaultPlan([GoAway(after=3)]))
    streams = [ask(client, apns, token) for _ in range(4)]

    await client.until_end()

    assert [(streams[1], 0, b'{"reason":"Shutdown"}')] == goodbyes
    assert [200, 200, 0, 0] == [client.answers[stream].status for stream in streams]
    assert 3 == len(apns.simulator.delivered(token))


async def test_goaway_may_say_nothing(serve: Any, open_h2: Any) -> None:
    """Apple sends it empty at times."""
    apns = APNsSender()
    apns.simulator.goaway_reason = ""
    server = await serve(apns)
    server.misbehave(FaultPlan([GoAway(after=1, error_code=2)]))
    client = await open_h2(server)
    goodbyes = goodbyes_of(client)

    stream = ask(client, apns, apns.simulator.register())
    await client.until_end()

    assert [(stream, 2, b"")] == goodbyes


async def test_server_that_ends_says_shutdown(serve: Any, open_h2: Any) -> None:
    """Closing the simulator looks like Apple's maintenance."""
    apns = APNsSender()
    server = await serve(apns)
    client = await open_h2(server)
    goodbyes = goodbyes_of(client)
    await push(client, apns, apns.simulator.register())

    await server.aclose()
    await client.until_end()

    assert [(1, 0, b'{"reason":"Shutdown"}')] == goodbyes


async def test_shutdown_may_be_an_answer(serve: Any, open_h2: Any) -> None:
    """A plan gives the reason that Apple uses when it is about to close."""
    apns = APNsSender()
    server = await serve(apns)
    client = await open_h2(server)
    body, kind = '{"reason":"Shutdown"}', "application/json"
    plan = FaultPlan([AnswerStatus(status=503, body=body, content_type=kind, first=1)])
    server.misbehave(plan)

    answer = await push(client, apns, apns.simulator.register())

    assert (503, b'{"reason":"Shutdown"}') == (answer.status, answer.body)


@pytest.mark.parametrize("status", [410, 429, 500, 503])
async def test_status_of_a_plan_has_apples_words(serve: Any, open_h2: Any, status: int) -> None:
    """The ID is the request's, and a 410 has the time of the server's clock."""
    apns = APNsSender()
    server = await serve(apns)
    client = await open_h2(server)
    server.misbehave(FaultPlan([AnswerStatus(status=status, retry_after=7)]))

    answer = await push(client, apns, apns.simulator.register())

    expected = json.loads(apns.simulator.answer(status).body)
    if status == 410:
        expected["timestamp"] = int(NOW) * 1000
    assert (status, expected) == (answer.status, json.loads(answer.body))
    assert (ID, "7") == (answer.headers["apns-id"], answer.headers["retry-after"])


async def test_client_that_fails_too_often_is_sent_away(serve: Any, open_h2: Any) -> None:
    """GOAWAY names the last stream taken, which is still answered; then it is over."""
    apns = APNsSender(leave_after=3, max_streams=10)
    token = apns.simulator.register()
    server = await serve(apns)
    client = await open_h2(server)
    goodbyes = goodbyes_of(client)
    await push(client, apns, token)
    streams = [ask(client, apns, one) for one in ("ab", "ab", "ab", token)]

    await client.until_end()

    assert [(streams[2], 0, b'{"reason":"BadDeviceToken"}')] == goodbyes
    assert [400, 400, 400, 0] == [client.answers[stream].status for stream in streams]
    assert 1 == len(apns.simulator.delivered(token))
    assert client.error is None


async def test_silent_connection_ends(serve: Any, open_h2: Any, clock: Any) -> None:
    """A request after too long a silence gets IdleTimeout, and GOAWAY says the same."""
    apns = APNsSender(idle_timeout=600)
    token = apns.simulator.register()
    server = await serve(apns)
    client = await open_h2(server)
    goodbyes = goodbyes_of(client)
    await push(client, apns, token)
    clock.advance(601)

    stream = ask(client, apns, token)
    await client.until_end()

    answer = client.answers[stream]
    assert (400, b'{"reason":"IdleTimeout"}') == (answer.status, answer.body)
    assert [(stream, 0, b'{"reason":"IdleTimeout"}')] == goodbyes


# Client certificates.


@pytest.fixture
def identity() -> list[str]:
    """The client's certificate file, if a test puts one there."""
    return []


@pytest.fixture
def trust(
    trust: Callable[..., ssl.SSLContext], identity: list[str]
) -> Callable[..., ssl.SSLContext]:
    """Makes a client's TLS context, with the certificate of :func:`identity`."""

    def make(server: SimulatorServer, *alpn: str) -> ssl.SSLContext:
        context = trust(server, *alpn)
        for path in identity:
            context.load_cert_chain(path)
        return context

    return make


async def test_certificate_stands_for_a_token(
    serve: Any, open_h2: Any, identity: list[str], tmp_path: Any
) -> None:
    """All streams at once, no authorization, no topic: the certificate says it all."""
    apns = APNsSender(max_streams=20)
    token = apns.simulator.register()
    path = tmp_path / "client.pem"
    path.write_bytes(apns.simulator.issue_certificate().pem)
    identity.append(str(path))
    server = await serve(apns)
    client = await open_h2(server)
    assert 20 == limit_of(client)

    answer = await push(client, apns, token, authorization=None, apns_topic=None)

    assert 200 == answer.status
    assert [APP] == [push.topic for push in apns.simulator.delivered(token)]


async def test_certificate_of_the_other_environment(
    serve: Any, open_h2: Any, identity: list[str], tmp_path: Any
) -> None:
    """TLS lets it in, APNs does not."""
    apns = APNsSender()
    path = tmp_path / "client.pem"
    path.write_bytes(apns.simulator.issue_certificate(environments=["sandbox"]).pem)
    identity.append(str(path))
    server = await serve(apns)
    client = await open_h2(server)

    answer = await push(client, apns, apns.simulator.register())

    assert (403, b'{"reason":"BadCertificateEnvironment"}') == (answer.status, answer.body)


async def test_certificate_of_another_authority_is_refused_by_tls(
    serve: Any, trust: Any, identity: list[str], tmp_path: Any
) -> None:
    """Whoever Apple did not sign gets no connection; APNs sees nothing of it."""
    apns, other = APNsSender(), APNsSender()
    path = tmp_path / "client.pem"
    path.write_bytes(other.simulator.issue_certificate().pem)
    identity.append(str(path))
    server = await serve(apns)

    received = b""
    # With TLS 1.3 the client learns of it only when it reads, and not always why.
    with suppress(OSError):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=trust(server, "h2"), server_hostname="127.0.0.1"
        )
        try:
            received = await reader.read()
        finally:
            writer.close()
            writer.transport.abort()

    assert b"" == received
    assert 0 == len(server.record)


async def test_both_environments_may_share_an_authority(serve: Any, open_h2: Any) -> None:
    """Two servers, two sets of tokens: a token of one is a bad one at the other."""
    ca = LocalCA()
    production, sandbox = APNsSender(), APNsSender(environment="sandbox")
    token = sandbox.simulator.register()
    answers = []
    for apns in (production, sandbox):
        client = await open_h2(await serve(apns, ca=ca))
        answers.append(await push(client, apns, token))

    assert [400, 200] == [answer.status for answer in answers]
    assert b'{"reason":"BadDeviceToken"}' == answers[0].body
    assert "apns-unique-id" in answers[1].headers
