"""What the HTTP/1.1 carrier says when there is no answer, and whether anything was sent."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
from raw_server import (
    AT_ONCE,
    HEAD,
    OK,
    PATIENCE,
    SECRET,
    Peer,
    Serve,
    answer_to,
    answering,
    get,
    post,
)

from zpns.errors import CarrierError, CarrierTimeout
from zpns.http import AiohttpCarrier
from zpns.http.aiohttp import _reason
from zpns.simulators._ca import LocalCA


class TestNotSent:
    """The vendor surely received nothing."""

    @pytest.mark.parametrize(
        ("url", "told"),
        [
            pytest.param("http://127.0.0.1:1/", "127.0.0.1:1: cannot connect", id="refused"),
            pytest.param(f"http://{'a' * 64}.example/", "label", id="name-too-long"),
            pytest.param("http://127.0.0.1:99999/", "malformed URL", id="port-too-large"),
            pytest.param("/v1/send", "http or https", id="relative"),
            pytest.param("ftp://127.0.0.1/", "http or https", id="other-scheme"),
        ],
    )
    async def test_not_reached(self, carrier: AiohttpCarrier, url: str, told: str) -> None:
        """An address that leads nowhere fails, and says that nothing was sent."""
        request = post(url)
        with pytest.raises(CarrierError, match=told) as caught:
            await carrier.send(request, timeout=PATIENCE)

        assert caught.value.sent is False
        assert request is caught.value.request
        assert caught.value.__cause__ is not None

    async def test_a_name_nobody_has(
        self, carrier: AiohttpCarrier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A name without an address is told apart from an address where nobody answers."""

        def nobody(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        # The machine's resolver might ask a network that is not there.
        monkeypatch.setattr(socket, "getaddrinfo", nobody)
        told = r"nobody\.invalid:443: no address found .*Name or service not known"
        with pytest.raises(CarrierError, match=told) as caught:
            await carrier.send(post("https://nobody.invalid/"), timeout=PATIENCE)

        assert caught.value.sent is False

    async def test_certificate_of_an_unknown_authority(
        self, serve: Serve, carrier: AiohttpCarrier, ca: LocalCA
    ) -> None:
        """The error of an untrusted certificate says how to trust it."""
        server = await serve(answering(OK), tls=ca.server_context())
        with pytest.raises(CarrierError, match="name their certificate in ca_file") as caught:
            await carrier.send(post(server.url()), timeout=PATIENCE)

        assert caught.value.sent is False

    async def test_certificate_of_another_name(
        self, serve: Serve, secure: AiohttpCarrier, ca: LocalCA
    ) -> None:
        """A trusted certificate for another address is refused, and ca_file is not blamed."""
        server = await serve(answering(OK), tls=ca.server_context(), host="127.0.0.2")
        with pytest.raises(CarrierError, match="check the address") as caught:
            await secure.send(post(server.url(host="127.0.0.2")), timeout=PATIENCE)

        assert caught.value.sent is False
        assert "ca_file" not in str(caught.value)

    async def test_a_server_without_tls(self, serve: Serve, secure: AiohttpCarrier) -> None:
        """TLS with a server that has none ends in the handshake."""

        async def script(peer: Peer) -> None:
            await peer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            await peer.ended()

        server = await serve(script)
        with pytest.raises(CarrierError, match="TLS handshake failed") as caught:
            await secure.send(post(f"https://127.0.0.1:{server.port}/"), timeout=PATIENCE)

        assert caught.value.sent is False

    async def test_reset_in_the_handshake(self, serve: Serve, secure: AiohttpCarrier) -> None:
        """A connection cut before TLS stands carried nothing."""

        async def script(peer: Peer) -> None:
            peer.reset()

        server = await serve(script)
        with pytest.raises(CarrierError) as caught:
            await secure.send(post(f"https://127.0.0.1:{server.port}/"), timeout=PATIENCE)

        assert caught.value.sent is False

    async def test_silence_in_the_handshake(self, serve: Serve) -> None:
        """TLS that does not come about ends after the time for connecting."""
        server = await serve(Peer.ended)
        carrier = AiohttpCarrier(connect_timeout=AT_ONCE)
        with pytest.raises(CarrierTimeout, match=r"not connected within 0\.1 s") as caught:
            await carrier.send(post(f"https://127.0.0.1:{server.port}/"), timeout=PATIENCE)
        await carrier.aclose()

        assert caught.value.sent is False

    async def test_the_whole_time_spent_on_connecting(
        self, serve: Serve, carrier: AiohttpCarrier
    ) -> None:
        """The time of the send counts while connecting, and nothing was sent then."""
        server = await serve(Peer.ended)
        with pytest.raises(CarrierTimeout, match="over while connecting") as caught:
            await carrier.send(post(f"https://127.0.0.1:{server.port}/"), timeout=AT_ONCE)

        assert caught.value.sent is False

    async def test_no_free_connection(self, serve: Serve, narrow: AiohttpCarrier) -> None:
        """A send that never got a connection was not sent, and the one before it goes on."""
        arrived, release = asyncio.Event(), asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            arrived.set()
            await release.wait()
            await peer.write(OK)

        server = await serve(script)
        first = asyncio.ensure_future(narrow.send(post(server.url()), timeout=PATIENCE))
        await arrived.wait()
        with pytest.raises(CarrierTimeout, match="waiting for a free connection") as caught:
            await narrow.send(post(server.url()), timeout=AT_ONCE)
        release.set()

        assert caught.value.sent is False
        assert b"ok" == (await first).body
        assert 1 == server.connections


async def _hang_up(peer: Peer) -> None:
    await peer.request()
    peer.close()


async def _reset(peer: Peer) -> None:
    await peer.request()
    peer.reset()


async def _reset_at_once(peer: Peer) -> None:
    peer.reset()


async def _reset_half_way(peer: Peer) -> None:
    await peer.request()
    await peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
    peer.reset()


TOO_MUCH = 8 * 1024 * 1024 + 1


class TestPerhapsSent:
    """The vendor may have received it."""

    @pytest.mark.parametrize(
        "script",
        [
            pytest.param(_hang_up, id="hang-up"),
            pytest.param(_reset, id="reset"),
            pytest.param(_reset_at_once, id="reset-before-the-request"),
            pytest.param(_reset_half_way, id="reset-half-way"),
        ],
    )
    async def test_the_connection_breaks(
        self, serve: Serve, carrier: AiohttpCarrier, script: object
    ) -> None:
        """A connection that breaks leaves open what arrived, and a POST is not repeated."""
        server = await serve(script)
        with pytest.raises(CarrierError) as caught:
            await carrier.send(post(server.url()), timeout=PATIENCE)

        assert caught.value.sent is True
        assert not isinstance(caught.value, CarrierTimeout)
        assert 1 == server.connections

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            pytest.param((b"\x00\x01\x02garbage\r\n\r\n",), "not valid HTTP", id="garbage"),
            pytest.param((b"SSH-2.0-OpenSSH_9\r\n",), "not valid HTTP", id="ssh"),
            pytest.param((b"HTTP/1.1 200",), "before the answer", id="cut-in-the-status"),
            pytest.param(
                (HEAD + b"Content-Length: -1\r\n\r\n",), "not valid HTTP", id="negative-length"
            ),
            pytest.param(
                (HEAD + b"X: " + b"a" * 70_000 + b"\r\n\r\n",),
                "not valid HTTP",
                id="endless-header",
            ),
            pytest.param(
                (HEAD + b"Content-Length: 9\r\n\r\nab",), "cut off", id="shorter-than-said"
            ),
            pytest.param(
                (HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\nab",), "cut off", id="chunk-cut"
            ),
            pytest.param(
                (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",),
                "cut off",
                id="last-chunk-missing",
            ),
            pytest.param(
                (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",),
                "not valid HTTP",
                id="chunk-size-no-number",
            ),
            pytest.param(
                (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",),
                "compressed body is malformed",
                id="not-gzip",
            ),
            pytest.param(
                (HEAD + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",),
                "'br' was not asked for",
                id="unknown-encoding",
            ),
            pytest.param(
                (HEAD + b"Connection: close\r\n\r\n", bytes(TOO_MUCH)),
                "more than 8388608 bytes",
                id="too-large",
            ),
        ],
    )
    async def test_the_answer_cannot_be_read(
        self, serve: Serve, carrier: AiohttpCarrier, answer: tuple[bytes, ...], told: str
    ) -> None:
        """Whatever is wrong with an answer, it is an error that says so."""
        with pytest.raises(CarrierError, match=told) as caught:
            await answer_to(serve, carrier, *answer)

        assert caught.value.sent is True

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            pytest.param((), "waiting for the answer", id="silence"),
            pytest.param((HEAD,), "waiting for the answer", id="half-a-head"),
            pytest.param(
                (HEAD + b"Content-Length: 9\r\n\r\nab",), "reading the answer", id="half-a-body"
            ),
        ],
    )
    async def test_no_answer_in_time(
        self, serve: Serve, carrier: AiohttpCarrier, answer: tuple[bytes, ...], told: str
    ) -> None:
        """A server that falls silent is given up in time, and its connection closed."""
        ended = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.write(*answer)
            await peer.ended()
            ended.set()

        server = await serve(script)
        with pytest.raises(CarrierTimeout, match=told) as caught:
            await carrier.send(post(server.url()), timeout=AT_ONCE)

        assert caught.value.sent is True
        assert isinstance(caught.value, TimeoutError)
        async with asyncio.timeout(PATIENCE):
            await ended.wait()

    async def test_a_reused_connection_that_breaks(
        self, serve: Serve, carrier: AiohttpCarrier
    ) -> None:
        """A POST on a kept connection the server just closed is reported, not repeated."""
        posts = 0

        async def script(peer: Peer) -> None:
            nonlocal posts
            await peer.request()
            posts += 1
            await peer.write(OK)
            if await peer.request():
                posts += 1
            peer.close()

        server = await serve(script)
        await carrier.send(post(server.url()), timeout=PATIENCE)
        with pytest.raises(CarrierError, match="before the answer") as caught:
            await carrier.send(post(server.url()), timeout=PATIENCE)

        assert caught.value.sent is True
        assert 2 == posts
        assert 1 == server.connections

    async def test_a_get_on_a_connection_that_breaks_is_repeated_once(
        self, serve: Serve, carrier: AiohttpCarrier
    ) -> None:
        """HTTP allows a GET to be sent again; twice is enough."""
        server = await serve(_hang_up)
        with pytest.raises(CarrierError):
            await carrier.send(get(server.url()), timeout=PATIENCE)

        assert 2 == server.connections

    async def test_a_connection_closed_in_between_is_not_used(
        self, serve: Serve, carrier: AiohttpCarrier
    ) -> None:
        """A kept connection whose end has arrived is replaced before the next POST."""
        closed = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.write(OK)
            peer.end()
            await peer.ended()
            closed.set()

        server = await serve(script)
        await carrier.send(post(server.url()), timeout=PATIENCE)
        await closed.wait()  # we hung up, so we know of the server's end
        response = await carrier.send(post(server.url()), timeout=PATIENCE)

        assert b"ok" == response.body
        assert 2 == server.connections

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param((b"\x00garbage\r\n\r\n",), id="garbage"),
            pytest.param((), id="hang-up"),
            pytest.param((HEAD + b"Content-Length: 9\r\n\r\nab",), id="cut-off"),
        ],
    )
    async def test_errors_hold_no_secret(
        self, serve: Serve, carrier: AiohttpCarrier, answer: tuple[bytes, ...]
    ) -> None:
        """Neither the error nor any error behind it shows a header's value."""
        with pytest.raises(CarrierError) as caught:
            await answer_to(serve, carrier, *answer)

        shown = [(str(error), repr(error), repr(error.args)) for error in chain(caught.value)]
        assert [] == [text for texts in shown for text in texts if SECRET in text]

    @pytest.mark.parametrize(
        ("error", "told"),
        [
            pytest.param(
                aiohttp.ClientOSError(104, "Can not write request body for http://host/device/abc"),
                "the connection broke (Connection reset by peer)",
                id="number",
            ),
            pytest.param(
                aiohttp.ClientOSError("http://host/device/abc"),
                "the connection broke (ClientOSError)",
                id="no-number",
            ),
            pytest.param(
                aiohttp.ClientConnectionError("http://host/device/abc"),
                "ClientConnectionError",
                id="any-other",
            ),
        ],
    )
    def test_errors_name_the_host_alone(self, error: Exception, told: str) -> None:
        """A path may hold a device's token; aiohttp's words, which hold the path, are dropped."""
        assert told == _reason(error)


def chain(error: BaseException) -> list[BaseException]:
    """Return *error* and everything that hangs on it."""
    found: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is not None and one not in found:
            found.append(one)
            todo += [one.__cause__, one.__context__]
    return found
