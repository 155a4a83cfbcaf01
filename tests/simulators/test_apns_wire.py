"""APNs over real sockets with real TLS, seen by a client that speaks HTTP/2 by h2."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import h2.events
import pytest
from apns_sender import APP, ID, NOW, APNsSender, padded
from apns_wire import Pairs, ask, goodbyes_of, ignore_limit, limit_of, push, watch

from zpns.simulators import SimulatorServer

REFUSED_STREAM = 7  # RFC 9113, section 7
PROTOCOL_ERROR = 1


@pytest.fixture
async def serve(clock: Any) -> AsyncIterator[Callable[..., Any]]:
    """Serves a sender's simulator; all servers end with the test."""
    async with AsyncExitStack() as stack:

        async def start(apns: APNsSender, **options: Any) -> SimulatorServer:
            server = SimulatorServer(apns.simulator, clock=clock, **options)
            return await stack.enter_async_context(server)

        yield start


# Answers.


async def test_success_ends_with_its_headers(serve: Any, open_h2: Any) -> None:
    """A 200 is one HEADERS frame that ends the stream: no DATA follows."""
    apns = APNsSender()
    server = await serve(apns)
    client = await open_h2(server)
    events = watch(client)

    answer = await push(client, apns, apns.simulator.register())

    assert (200, b"", ID) == (answer.status, answer.body, answer.headers["apns-id"])
    [response] = [one for one in events if isinstance(one, h2.events.ResponseReceived)]
    assert response.stream_ended is not None
    assert [] == [one for one in events if isinstance(one, h2.events.DataReceived)]


async def test_refusal_has_a_body(serve: Any, open_h2: Any) -> None:
    """A 410 says why, and since when, in JSON; the stream ends with the data."""
    apns = APNsSender()
    server = await serve(apns)
    client = await open_h2(server)
    events = watch(client)

    answer = await push(client, apns, apns.simulator.register(state="unregistered"))

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
    headers = Pairs([extra, *apns.headers(x_other="2").items()])

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
        ask(client, apns, token, body, apns_topic=f"{APP}.voip", apns_push_type="voip")
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
    assert 1 == limit_of(client)

    refused = await push(client, apns, token, authorization=None)
    assert (403, 1) == (refused.status, limit_of(client))
    accepted = await push(client, apns, token)
    assert (200, 10) == (accepted.status, limit_of(client))
    streams = [ask(client, apns, token) for _ in range(10)]
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
    ignore_limit(client)

    first = ask(client, apns, token, b"", end=False)
    second, third = ask(client, apns, token), ask(client, apns, token)
    assert REFUSED_STREAM == (await client.answer(second)).reset
    assert REFUSED_STREAM == (await client.answer(third)).reset
    client.h2.send_data(first, b'{"aps":{"badge":1}}', end_stream=True)
    assert 200 == (await client.answer(first)).status

    # Three are allowed now, and again not one more.
    ignore_limit(client)
    open_ones = [ask(client, apns, token, b"", end=False) for _ in range(3)]
    fourth = ask(client, apns, token)
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
    goodbyes = goodbyes_of(client)
    ignore_limit(client)
    first = ask(client, apns, token, b"", end=False)
    ask(client, apns, token)
    client.h2.send_data(first, b'{"aps":{"badge":1}}', end_stream=True)

    await client.until_end()

    assert [(first, PROTOCOL_ERROR, b"")] == goodbyes
    assert [0, 0] == [answer.status for answer in client.answers.values()]
    assert [] == apns.simulator.delivered(token)
    again = await open_h2(server)
    assert 200 == (await push(again, apns, token)).status


async def test_limit_goes_down_and_up_again(serve: Any, open_h2: Any) -> None:
    """Refusals in a row bring a connection back to one stream, a success frees it."""
    apns = APNsSender(slow_after=2, max_streams=10)
    token = apns.simulator.register()
    server = await serve(apns)
    client = await open_h2(server)
    limits = []
    for one in (token, "ab", "ab", "ab", token):
        await push(client, apns, one)
        limits.append(limit_of(client))
    assert [10, 10, 1, 1, 10] == limits

    await push(client, apns, "ab")
    await push(client, apns, "ab")
    ignore_limit(client)
    ask(client, apns, token, b"", end=False)
    assert REFUSED_STREAM == (await push(client, apns, token)).reset


async def test_lower_limit_binds_once_acknowledged(serve: Any, open_h2: Any) -> None:
    """Streams that a client opened before it knew of a lower limit are served."""
    apns = APNsSender(slow_after=1, max_streams=10)
    token = apns.simulator.register()
    server = await serve(apns)
    client = await open_h2(server)
    await push(client, apns, token)

    # All in one write: the server lowers the limit with the first of them.
    streams = [ask(client, apns, one) for one in ("ab", "ab", "ab")]
    streams += [ask(client, apns, token, b"", end=False) for _ in range(3)]
    await client.answer(streams[0])
    assert 1 == limit_of(client)
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
    await push(client, apns, token)
    ignore_limit(client)

    for _ in range(2):
        ask(client, apns, token, b"", end=False)
    assert REFUSED_STREAM == (await push(client, apns, token)).reset


# Credentials, per connection.


async def test_renewals_are_counted_per_connection(serve: Any, open_h2: Any, clock: Any) -> None:
    """Two connections, two tokens: each keeps its own for 20 minutes."""
    apns = APNsSender()
    token = apns.simulator.register()
    server = await serve(apns)
    first, second = await open_h2(server), await open_h2(server)
    old, new = (f"bearer {apns.key.sign(NOW - age)}" for age in (60, 0))

    statuses = [
        (await push(first, apns, token, authorization=old)).status,
        (await push(second, apns, token, authorization=new)).status,
        (await push(first, apns, token, authorization=new)).status,
        (await push(second, apns, token, authorization=old)).status,
        (await push(first, apns, token, authorization=old)).status,
    ]
    assert [200, 200, 429, 429, 200] == statuses
    clock.advance(20 * 60)
    assert 200 == (await push(first, apns, token, authorization=new)).status
    fresh = await open_h2(server)
    assert 200 == (await push(fresh, apns, token, authorization=old)).status
