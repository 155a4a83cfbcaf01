"""APNs over real sockets with real TLS, seen by a client that speaks HTTP/2 by h2."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import h2.events
import pytest
from apns_sender import APP, ID, NOW, APNsSender, padded
from hyperframe.frame import GoAwayFrame

from zpns.simulators import (
    AnswerStatus,
    FaultPlan,
    GoAway,
    LocalCA,
    SimulatorServer,
)

REFUSED_STREAM = 7  # RFC 9113, section 7
PROTOCOL_ERROR = 1


@pytest.fixture
async def serve(clock: Any) -> AsyncIterator[Callable[..., Any]]:
    """Serves an APNs simulator with the settings given; all end with the test."""
    servers = []

    async def start(apns: APNsSender, **options: Any) -> SimulatorServer:
        server = SimulatorServer(apns.simulator, clock=clock, **options)
        servers.append(server)
        await server.start()
        return server

    yield start
    for server in servers:
        await server.aclose()


class _Pairs(list[tuple[str, str]]):
    """Headers of which one may come twice."""

    def items(self) -> list[tuple[str, str]]:
        return self


def _watch(client: Any) -> list[h2.events.Event]:
    """Return the list to which all further events of *client* are added."""
    events: list[h2.events.Event] = []
    take = client._take

    def note(event: h2.events.Event) -> None:
        events.append(event)
        take(event)

    client._take = note
    return events


def _goodbyes(client: Any) -> list[tuple[int, int, bytes]]:
    """Return the list to which last stream, code and data of each GOAWAY are added."""
    seen: list[tuple[int, int, bytes]] = []

    def note(frame: GoAwayFrame) -> tuple[list[Any], list[Any]]:
        seen.append((frame.last_stream_id, frame.error_code, frame.additional_data))
        return [], []

    client.h2._frame_dispatch_table[GoAwayFrame] = note
    return seen


def _ask(client: Any, apns: APNsSender, token: str, body: bytes = b'{"aps":{"badge":1}}',
         *, end: bool = True, **headers: str | None) -> int:  # fmt: skip
    """Prepare a push and return its stream."""
    stream: int = client.ask(f"/3/device/{token}", body, headers=apns.headers(**headers), end=end)
    return stream


async def _push(client: Any, apns: APNsSender, token: str, **headers: str | None) -> Any:
    return await client.answer(_ask(client, apns, token, **headers))


def _limit(client: Any) -> int:
    """Return how many streams the server allows, as far as the client knows."""
    limit: int = client.h2.remote_settings.max_concurrent_streams
    return limit


def _ignore_limit(client: Any) -> None:
    """Let the client open more streams than the server allows."""
    client.h2.remote_settings.max_concurrent_streams = 10_000
    client.h2.remote_settings.acknowledge()


# Answers.


async def test_success_ends_with_its_headers(serve: Any, open_h2: Any) -> None:
    """A 200 is one HEADERS frame that ends the stream: no DATA follows."""
    apns = APNsSender()
    server = await serve(apns)
    client = await open_h2(server)
    events = _watch(client)

    answer = await _push(client, apns, apns.simulator.register())

    assert (200, b"", ID) == (answer.status, answer.body, answer.headers["apns-id"])
    [response] = [one for one in events if isinstance(one, h2.events.ResponseReceived)]
    assert response.stream_ended is not None
    assert [] == [one for one in events if isinstance(one, h2.events.DataReceived)]


async def test_refusal_has_a_body(serve: Any, open_h2: Any) -> None:
    """A 410 says why, and since when, in JSON; the stream ends with the data."""
    apns = APNsSender()
    server = await serve(apns)
    client = await open_h2(server)
    events = _watch(client)

    answer = await _push(client, apns, apns.simulator.register(state="unregistered"))

    assert (410, "application/json") == (answer.status, answer.headers["content-type"])
    assert {"reason": "Unregistered", "timestamp": int(NOW) * 1000} == json.loads(answer.body)
    [response] = [one for one in events if isinstance(one, h2.events.ResponseReceived)]
    assert response.stream_ended is None


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        pytest.param(("apns-topic", APP), (400, "DuplicateHeaders"), id="topic"),
        pytest.param(("authorization", "bearer x"), (400, "DuplicateHeaders"), id="credential"),
        pytest.param(("x-other", "1"), (200, ""), id="other"),
    ],
)
async def test_header_sent_twice_is_seen(
    serve: Any, open_h2: Any, extra: tuple[str, str], expected: tuple[int, str]
) -> None:
    """On the wire a header may come twice; one of APNs must not."""
    apns = APNsSender()
    token = apns.simulator.register()
    server = await serve(apns)
    client = await open_h2(server)
    headers = _Pairs([extra, *apns.headers(x_other="2").items()])

    answer = await client.fetch(f"/3/device/{token}", b'{"aps":{"badge":1}}', headers=headers)

    reason = json.loads(answer.body)["reason"] if answer.body else ""
    assert expected == (answer.status, reason)


async def test_voip_body_fits_through(serve: Any, open_h2: Any) -> None:
    """The largest VoIP push arrives whole."""
    apns = APNsSender()
    token = apns.simulator.register(kind="voip")
    server = await serve(apns)
    client = await open_h2(server)
    body = padded(5_120)

    answer = await client.answer(
        _ask(client, apns, token, body, apns_topic=f"{APP}.voip", apns_push_type="voip")
    )

    assert 200 == answer.status
    assert [body] == [push.body for push in apns.simulator.delivered(token)]
    assert client.port == apns.simulator.delivered(token)[0].connection


async def test_http1_gets_no_push_through(serve: Any, open_http1: Any) -> None:
    """The control endpoints are there over HTTP/1.1, APNs is not."""
    apns = APNsSender()
    server = await serve(apns)
    client = await open_http1(server)

    _, _, made = await client.fetch("/__sim__/devices", b'{"kind":"voip","count":2}')
    tokens = json.loads(made)["tokens"]
    status, _, _ = await client.fetch(f"/3/device/{tokens[0]}", b"{}", headers=apns.headers())

    assert 505 == status
    assert tokens == list(apns.simulator.devices)
    assert {"voip"} == {device.kind for device in apns.simulator.devices.values()}


# Streams.


async def test_first_push_goes_alone(serve: Any, open_h2: Any) -> None:
    """One stream until a token was accepted; the answer finds the client with the new limit."""
    apns = APNsSender(max_streams=10)
    token = apns.simulator.register()
    server = await serve(apns)
    client = await open_h2(server)
    assert 1 == _limit(client)

    refused = await _push(client, apns, token, authorization=None)
    assert (403, 1) == (refused.status, _limit(client))
    accepted = await _push(client, apns, token)
    assert (200, 10) == (accepted.status, _limit(client))
    streams = [_ask(client, apns, token) for _ in range(10)]
    answers = [await client.answer(stream) for stream in streams]

    assert [200] * 10 == [answer.status for answer in answers]
    assert 11 == len(apns.simulator.delivered(token))


async def test_second_stream_is_refused_until_a_token_was_accepted(
    serve: Any, open_h2: Any
) -> None:
    """The excess gets REFUSED_STREAM and may be sent again; the first is served."""
    apns = APNsSender(max_streams=3)
    token = apns.simulator.register()
    server = await serve(apns)
    client = await open_h2(server)
    _ignore_limit(client)

    first = _ask(client, apns, token, b"", end=False)
    second, third = _ask(client, apns, token), _ask(client, apns, token)
    assert REFUSED_STREAM == (await client.answer(second)).reset
    assert REFUSED_STREAM == (await client.answer(third)).reset
    client.h2.send_data(first, b'{"aps":{"badge":1}}', end_stream=True)
    assert 200 == (await client.answer(first)).status

    # Three are allowed now, and again not one more.
    _ignore_limit(client)
    open_ones = [_ask(client, apns, token, b"", end=False) for _ in range(3)]
    fourth = _ask(client, apns, token)
    assert REFUSED_STREAM == (await client.answer(fourth)).reset
    for stream in open_ones:
        client.h2.send_data(stream, b'{"aps":{"badge":1}}', end_stream=True)
        assert 200 == (await client.answer(stream)).status
    assert 4 == len(server.record)


async def test_connection_may_end_over_a_stream_too_many(serve: Any, open_h2: Any) -> None:
    """The other reading: GOAWAY with PROTOCOL_ERROR, and nothing under way is answered."""
    apns = APNsSender(on_excess_streams="close")
    token = apns.simulator.register()
    server = await serve(apns)
    client = await open_h2(server)
    goodbyes = _goodbyes(client)
    _ignore_limit(client)
    first = _ask(client, apns, token, b"", end=False)
    _ask(client, apns, token)
    client.h2.send_data(first, b'{"aps":{"badge":1}}', end_stream=True)

    await client.until_end()

    assert [(first, PROTOCOL_ERROR, b"")] == goodbyes
    assert [0, 0] == [answer.status for answer in client.answers.values()]
    assert [] == apns.simulator.delivered(token)
    again = await open_h2(server)
    assert 200 == (await _push(again, apns, token)).status


async def test_limit_goes_down_and_up_again(serve: Any, open_h2: Any) -> None:
    """Refusals in a row bring a connection back to one stream, a success frees it."""
    apns = APNsSender(slow_after=2, max_streams=10)
    token = apns.simulator.register()
    server = await serve(apns)
    client = await open_h2(server)
    limits = []
    for one in (token, "ab", "ab", "ab", token):
        await _push(client, apns, one)
        limits.append(_limit(client))
    assert [10, 10, 1, 1, 10] == limits

    await _push(client, apns, "ab")
    await _push(client, apns, "ab")
    _ignore_limit(client)
    _ask(client, apns, token, b"", end=False)
    assert REFUSED_STREAM == (await _push(client, apns, token)).reset


async def test_lower_limit_binds_once_acknowledged(serve: Any, open_h2: Any) -> None:
    """Streams that a client opened before it knew of a lower limit are served."""
    apns = APNsSender(slow_after=1, max_streams=10)
    token = apns.simulator.register()
    server = await serve(apns)
    client = await open_h2(server)
    await _push(client, apns, token)

    # All in one write: the server lowers the limit with the first of them.
    streams = [_ask(client, apns, one) for one in ("ab", "ab", "ab")]
    streams += [_ask(client, apns, token, b"", end=False) for _ in range(3)]
    await client.answer(streams[0])
    assert 1 == _limit(client)
    for stream in streams[3:]:
        client.h2.send_data(stream, b'{"aps":{"badge":1}}', end_stream=True)

    statuses = [(await client.answer(stream)).status for stream in streams]
    assert [400] * 3 + [200] * 3 == statuses


async def test_acknowledgements_of_a_chatty_client_do_no_harm(serve: Any, open_h2: Any) -> None:
    """A client that acknowledges more than it was sent does not talk itself out of the limit."""
    apns = APNsSender(max_streams=2)
    token = apns.simulator.register()
    server = await serve(apns)
    client = await open_h2(server)
    client.writer.write(b"\0\0\0\4\1\0\0\0\0" * 3)  # SETTINGS, ACK
    await _push(client, apns, token)
    _ignore_limit(client)

    for _ in range(2):
        _ask(client, apns, token, b"", end=False)
    assert REFUSED_STREAM == (await _push(client, apns, token)).reset


# Credentials, per connection.


async def test_renewals_are_counted_per_connection(serve: Any, open_h2: Any, clock: Any) -> None:
    """Two connections, two tokens: each keeps its own for 20 minutes."""
    apns = APNsSender()
    token = apns.simulator.register()
    server = await serve(apns)
    first, second = await open_h2(server), await open_h2(server)
    old, new = (f"bearer {apns.key.sign(NOW - age)}" for age in (60, 0))

    statuses = [
        (await _push(first, apns, token, authorization=old)).status,
        (await _push(second, apns, token, authorization=new)).status,
        (await _push(first, apns, token, authorization=new)).status,
        (await _push(second, apns, token, authorization=old)).status,
        (await _push(first, apns, token, authorization=old)).status,
    ]
    assert [200, 200, 429, 429, 200] == statuses
    clock.advance(20 * 60)
    assert 200 == (await _push(first, apns, token, authorization=new)).status
    fresh = await open_h2(server)
    assert 200 == (await _push(fresh, apns, token, authorization=old)).status


# Ends.


async def test_goaway_of_a_plan_says_shutdown(serve: Any, open_h2: Any) -> None:
    """The debug data is Apple's JSON; what was taken is answered, the rest is ignored."""
    apns = APNsSender()
    token = apns.simulator.register()
    server = await serve(apns)
    client = await open_h2(server)
    goodbyes = _goodbyes(client)
    await _push(client, apns, token)
    server.misbehave(FaultPlan([GoAway(after=3)]))
    streams = [_ask(client, apns, token) for _ in range(4)]

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
    goodbyes = _goodbyes(client)

    stream = _ask(client, apns, apns.simulator.register())
    await client.until_end()

    assert [(stream, 2, b"")] == goodbyes


async def test_server_that_ends_says_shutdown(serve: Any, open_h2: Any) -> None:
    """Closing the simulator looks like Apple's maintenance."""
    apns = APNsSender()
    server = await serve(apns)
    client = await open_h2(server)
    goodbyes = _goodbyes(client)
    await _push(client, apns, apns.simulator.register())

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

    answer = await _push(client, apns, apns.simulator.register())

    assert (503, b'{"reason":"Shutdown"}') == (answer.status, answer.body)


@pytest.mark.parametrize("status", [410, 429, 500, 503])
async def test_status_of_a_plan_has_apples_words(serve: Any, open_h2: Any, status: int) -> None:
    """The ID is the request's, and a 410 has the time of the server's clock."""
    apns = APNsSender()
    server = await serve(apns)
    client = await open_h2(server)
    server.misbehave(FaultPlan([AnswerStatus(status=status, retry_after=7)]))

    answer = await _push(client, apns, apns.simulator.register())

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
    goodbyes = _goodbyes(client)
    await _push(client, apns, token)
    streams = [_ask(client, apns, one) for one in ("ab", "ab", "ab", token)]

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
    goodbyes = _goodbyes(client)
    await _push(client, apns, token)
    clock.advance(601)

    stream = _ask(client, apns, token)
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
    assert 20 == _limit(client)

    answer = await _push(client, apns, token, authorization=None, apns_topic=None)

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

    answer = await _push(client, apns, apns.simulator.register())

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
        answers.append(await _push(client, apns, token))

    assert [400, 200] == [answer.status for answer in answers]
    assert b'{"reason":"BadDeviceToken"}' == answers[0].body
    assert "apns-unique-id" in answers[1].headers
