"""The HTTP/1.1 carrier: what leaves, what comes back, and what is said when it does not."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from raw_server import OK, Peer, RawServer, Serve, answering

from zpns.errors import CarrierError, CarrierTimeout, ConfigError, StateError
from zpns.exchange import Request, Response
from zpns.http import AiohttpCarrier
from zpns.http.aiohttp import _reason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from zpns.simulators._ca import LocalCA

PATIENCE = 5.0  # seconds nothing here should need
AT_ONCE = 0.1  # seconds after which a silent server is given up
SECRET = "Bearer ya29.very-secret"


@pytest.fixture
async def carrier() -> AsyncIterator[AiohttpCarrier]:
    """A carrier with its defaults, closed at the end."""
    carrier = AiohttpCarrier()
    yield carrier
    await carrier.aclose()


@pytest.fixture
async def narrow() -> AsyncIterator[AiohttpCarrier]:
    """A carrier with a single connection per host."""
    carrier = AiohttpCarrier(connections_per_host=1)
    yield carrier
    await carrier.aclose()


@pytest.fixture
async def secure(ca_file: str) -> AsyncIterator[AiohttpCarrier]:
    """A carrier that trusts the tests' own authority."""
    carrier = AiohttpCarrier(ca_file=ca_file)
    yield carrier
    await carrier.aclose()


def post(url: str, body: bytes = b"x") -> Request:
    return Request(method="POST", url=url, headers={"authorization": SECRET}, body=body)


def get(url: str) -> Request:
    return Request(method="GET", url=url)


async def answer_to(serve: Serve, carrier: AiohttpCarrier, *answer: bytes) -> Response:
    """Return what the carrier makes of *answer*, the last on its connection."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(*answer)
        peer.close()

    server = await serve(script)
    return await carrier.send(post(server.url()), timeout=PATIENCE)


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


class TestRequest:
    """What leaves."""

    async def test_it_leaves_as_given(self, serve: Serve, carrier: AiohttpCarrier) -> None:
        """The target is not encoded again, the body not touched, and no header invented."""
        seen: list[bytes] = []

        async def script(peer: Peer) -> None:
            seen.append(await peer.request())
            await peer.write(OK)

        server = await serve(script)
        path = "/v1/a%2fb%41/messages:send?q=%7e+%20&x=a=b"
        body = bytes(range(256))
        await carrier.send(
            Request(method="POST", url=server.url(path), headers={"x-one": "1"}, body=body),
            timeout=PATIENCE,
        )
        head, _, sent_body = seen[0].partition(b"\r\n\r\n")
        line, *headers = head.decode().split("\r\n")

        assert f"POST {path} HTTP/1.1" == line
        assert {
            "host": f"127.0.0.1:{server.port}",
            "accept": "*/*",
            "accept-encoding": "gzip, deflate",
            "user-agent": "zpns",
            "x-one": "1",
            "content-length": "256",
        } == {name.lower(): value for name, _, value in (h.partition(": ") for h in headers)}
        assert body == sent_body

    @pytest.mark.parametrize(
        ("method", "length"),
        [
            pytest.param("POST", b"\r\ncontent-length: 0\r\n", id="post"),
            pytest.param("GET", b"", id="get"),
        ],
    )
    async def test_without_a_body(
        self, serve: Serve, carrier: AiohttpCarrier, method: str, length: bytes
    ) -> None:
        """An empty POST says so; a GET has no length at all."""
        seen: list[bytes] = []

        async def script(peer: Peer) -> None:
            seen.append(await peer.request())
            await peer.write(OK)

        server = await serve(script)
        await carrier.send(Request(method=method, url=server.url()), timeout=PATIENCE)

        assert length in seen[0].lower()
        assert bool(length) is (b"content-length" in seen[0].lower())

    async def test_cookies_are_forgotten(self, serve: Serve, carrier: AiohttpCarrier) -> None:
        """A cookie one answer sets is not in the next request."""
        seen: list[bytes] = []

        async def script(peer: Peer) -> None:
            while request := await peer.request():
                seen.append(request)
                await peer.write(b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=b; Path=/\r\n\r\n")

        server = await serve(script)
        for _ in range(2):
            await carrier.send(get(server.url("/", host="localhost")), timeout=PATIENCE)

        assert 2 == len(seen)
        assert b"cookie" not in seen[1].lower()

    async def test_proxies_of_the_environment_are_not_used(
        self, always_ok: RawServer, carrier: AiohttpCarrier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A proxy named in the environment, here one that is not there, changes nothing."""
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", "")
        monkeypatch.setenv("NO_PROXY", "")

        assert b"ok" == (await carrier.send(post(always_ok.url()), timeout=PATIENCE)).body

    async def test_connections_are_used_again(
        self, always_ok: RawServer, carrier: AiohttpCarrier
    ) -> None:
        """One send after another needs one connection."""
        for _ in range(5):
            await carrier.send(post(always_ok.url()), timeout=PATIENCE)

        assert 1 == always_ok.connections


class TestAnswer:
    """What comes back."""

    @pytest.mark.parametrize("status", [200, 204, 302, 307, 400, 401, 404, 410, 429, 500, 503])
    async def test_every_status_is_an_answer(
        self, serve: Serve, carrier: AiohttpCarrier, status: int
    ) -> None:
        """No status raises, and a redirect is not followed."""
        server = await serve(
            answering(
                f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nLocation: /other\r\n\r\n".encode()
            )
        )
        response = await carrier.send(post(server.url()), timeout=PATIENCE)

        assert status == response.status
        assert "/other" == response.headers["location"]

    async def test_header_names_are_lower_case_and_the_last_value_wins(
        self, serve: Serve, carrier: AiohttpCarrier
    ) -> None:
        """Names come in lower case; of a repeated header the last value stays."""
        response = await answer_to(
            serve,
            carrier,
            b"HTTP/1.1 200 OK\r\nRetry-After: 1\r\nX-One: a\r\nretry-after: 2\r\n"
            b"Content-Length: 0\r\n\r\n",
        )

        assert {"retry-after": "2", "x-one": "a", "content-length": "0"} == response.headers

    @pytest.mark.parametrize(
        ("head", "pieces", "expected"),
        [
            pytest.param(
                b"Content-Type: text/plain; charset=utf-16\r\nContent-Length: 4",
                (b"\xff\xfe\xe9\x00",),
                b"\xff\xfe\xe9\x00",
                id="charset-is-not-ours-to-undo",
            ),
            pytest.param(
                b"Content-Type: application/json; charset=no-such\r\nContent-Length: 2",
                (b"\xc3\x28",),
                b"\xc3\x28",
                id="unknown-charset-and-malformed-utf-8",
            ),
            pytest.param(
                b"Transfer-Encoding: chunked",
                (b"3\r\nabc\r", b"\n5;x=y\r\nde", b"fgh\r\n0\r\n\r\n"),
                b"abcdefgh",
                id="chunked-in-odd-pieces",
            ),
            pytest.param(b"Connection: close", (b"ab", b"c"), b"abc", id="until-the-end"),
            pytest.param(
                b"X-Odd: caf\xe9 \xc3\xa9\r\nContent-Length: 1", (b"a",), b"a", id="odd-header"
            ),
            pytest.param(
                b"Content-Encoding: gzip\r\nContent-Length: 0", (), b"", id="nothing-compressed"
            ),
        ],
    )
    async def test_bodies_arrive_whole(
        self,
        serve: Serve,
        carrier: AiohttpCarrier,
        head: bytes,
        pieces: tuple[bytes, ...],
        expected: bytes,
    ) -> None:
        """However it is framed, the body is the bytes the server meant."""
        response = await answer_to(
            serve, carrier, b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n", *pieces
        )

        assert expected == response.body

    async def test_gzip_is_undone(self, serve: Serve, carrier: AiohttpCarrier) -> None:
        """A compressed answer arrives as what was compressed."""
        import gzip

        packed = gzip.compress(b'{"code":0}' * 100)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        response = await answer_to(serve, carrier, head.encode(), packed)

        assert b'{"code":0}' * 100 == response.body

    async def test_a_body_of_the_largest_size_fits(
        self, serve: Serve, carrier: AiohttpCarrier
    ) -> None:
        """8 MiB are allowed."""
        size = 8 * 1024 * 1024
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()
        response = await answer_to(serve, carrier, head, bytes(size))

        assert size == len(response.body)


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


HEAD = b"HTTP/1.1 200 OK\r\n"
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


class TestConcurrency:
    """Many sends, and what they do not do to each other."""

    async def test_ten_connections_per_host(self, serve: Serve, carrier: AiohttpCarrier) -> None:
        """Ten requests are under way at once; the rest wait and use the same connections."""
        waiting, most = 0, 0
        full = asyncio.Event()

        async def script(peer: Peer) -> None:
            nonlocal waiting, most
            while await peer.request():
                waiting += 1
                most = max(most, waiting)
                if waiting == 10:
                    full.set()
                await full.wait()
                waiting -= 1
                await peer.write(OK)

        server = await serve(script)
        async with asyncio.timeout(PATIENCE):
            answers = await asyncio.gather(
                *(carrier.send(post(server.url()), timeout=PATIENCE) for _ in range(25))
            )

        assert [b"ok"] * 25 == [answer.body for answer in answers]
        assert 10 == most
        assert 10 == server.connections

    async def test_a_full_host_does_not_hold_up_another(
        self, serve: Serve, always_ok: RawServer, narrow: AiohttpCarrier
    ) -> None:
        """The limit is each host's own."""
        server = await serve(Peer.ended)
        held = [
            asyncio.ensure_future(narrow.send(post(server.url()), timeout=PATIENCE))
            for _ in range(3)
        ]
        response = await narrow.send(post(always_ok.url()), timeout=PATIENCE)
        await narrow.aclose()
        await asyncio.gather(*held, return_exceptions=True)

        assert b"ok" == response.body

    async def test_cancelling_one_send_harms_no_other(
        self, serve: Serve, carrier: AiohttpCarrier
    ) -> None:
        """The cancelled send ends its own connection; its neighbour gets its answer."""
        arrived = asyncio.Semaphore(0)
        release, ended = asyncio.Event(), asyncio.Event()

        async def script(peer: Peer) -> None:
            if b"/cancelled " in await peer.request():
                arrived.release()
                await peer.ended()
                ended.set()
            else:
                arrived.release()
                await release.wait()
                await peer.write(OK)

        server = await serve(script)
        cancelled = asyncio.ensure_future(
            carrier.send(post(server.url("/cancelled")), timeout=PATIENCE)
        )
        other = asyncio.ensure_future(carrier.send(post(server.url("/other")), timeout=PATIENCE))
        for _ in range(2):
            await arrived.acquire()
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        async with asyncio.timeout(PATIENCE):
            await ended.wait()
        release.set()

        assert b"ok" == (await other).body

    async def test_cancelling_a_waiting_send_leaves_its_place(
        self, serve: Serve, narrow: AiohttpCarrier
    ) -> None:
        """A send cancelled while it waits for a connection holds none back."""
        arrived, release = asyncio.Event(), asyncio.Event()

        async def script(peer: Peer) -> None:
            while await peer.request():
                arrived.set()
                await release.wait()
                await peer.write(OK)

        server = await serve(script)
        sends = [
            asyncio.ensure_future(narrow.send(post(server.url()), timeout=PATIENCE))
            for _ in range(3)
        ]
        await arrived.wait()
        sends[1].cancel()
        release.set()
        first, second, third = await asyncio.gather(*sends, return_exceptions=True)

        assert isinstance(second, asyncio.CancelledError)
        assert ([b"ok", b"ok"]) == [
            answer.body for answer in (first, third) if isinstance(answer, Response)
        ]


class TestClosing:
    """The end."""

    async def test_send_after_the_end(self, always_ok: RawServer) -> None:
        """A closed carrier says that it is closed, and connects to nobody."""
        carrier = AiohttpCarrier()
        await carrier.aclose()
        with pytest.raises(StateError, match="closed"):
            await carrier.send(post(always_ok.url()), timeout=PATIENCE)

        assert 0 == always_ok.connections

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            pytest.param((), "closed while waiting for the answer", id="no-answer"),
            pytest.param(
                (HEAD + b"Content-Length: 9\r\n\r\nab",),
                "closed while reading the answer",
                id="half-a-body",
            ),
        ],
    )
    async def test_sends_under_way_end(
        self, serve: Serve, answer: tuple[bytes, ...], told: str
    ) -> None:
        """Closing ends whatever is under way or waits, with an error that is no cancellation."""
        arrived = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.write(*answer)
            arrived.set()
            await peer.ended()

        server = await serve(script)
        carrier = AiohttpCarrier(connections_per_host=1)
        sends = [
            asyncio.ensure_future(carrier.send(post(server.url()), timeout=PATIENCE))
            for _ in range(2)
        ]
        await arrived.wait()
        # A turn of the server after its last write, and the client has read it.
        await answer_of_a_neighbour(serve)
        async with asyncio.timeout(PATIENCE):
            await carrier.aclose()
            assert [True, True] == [send.done() for send in sends]
            first, second = await asyncio.gather(*sends, return_exceptions=True)

        assert told in str(first)
        assert "closed while waiting for a free connection" in str(second)
        assert [(CarrierError, True), (CarrierError, False)] == [
            (type(error), error.sent)
            for error in (first, second)
            if isinstance(error, CarrierError)
        ]

    async def test_a_send_that_is_connecting_ends(self, serve: Serve) -> None:
        """When closing returns, a send that was not connected yet is over too."""
        arrived = asyncio.Event()

        async def script(peer: Peer) -> None:
            arrived.set()
            await peer.ended()

        server = await serve(script)
        carrier = AiohttpCarrier()
        url = f"https://127.0.0.1:{server.port}/"
        send = asyncio.ensure_future(carrier.send(post(url), timeout=PATIENCE))
        await arrived.wait()
        await carrier.aclose()

        assert send.done()
        with pytest.raises(CarrierError, match="closed while connecting"):
            await send

    async def test_closing_twice(self, always_ok: RawServer) -> None:
        """The second time there is nothing left to close."""
        carrier = AiohttpCarrier()
        await carrier.send(post(always_ok.url()), timeout=PATIENCE)
        await carrier.aclose()
        await carrier.aclose()
        with pytest.raises(StateError):
            await carrier.send(post(always_ok.url()), timeout=PATIENCE)

    async def test_closing_ends_kept_connections(
        self, serve: Serve, secure: AiohttpCarrier, ca: LocalCA
    ) -> None:
        """An idle connection is closed too, and on TLS as well."""
        ended = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.write(OK)
            await peer.ended()
            ended.set()

        server = await serve(script, tls=ca.server_context())
        response = await secure.send(post(server.url()), timeout=PATIENCE)
        await secure.aclose()

        assert b"ok" == response.body
        async with asyncio.timeout(PATIENCE):
            await ended.wait()


async def answer_of_a_neighbour(serve: Serve) -> None:
    """Send a request and get its answer, so that whatever was on its way has arrived."""
    server = await serve(answering(OK))
    neighbour = AiohttpCarrier()
    await neighbour.send(post(server.url()), timeout=PATIENCE)
    await neighbour.aclose()


def test_a_carrier_belongs_to_one_loop() -> None:
    """Another event loop is told so instead of hanging."""
    carrier = AiohttpCarrier()

    async def send() -> None:
        with pytest.raises(CarrierError):
            await carrier.send(post("http://127.0.0.1:1/"), timeout=PATIENCE)

    async def send_elsewhere() -> None:
        with pytest.raises(StateError, match="another event loop"):
            await carrier.send(post("http://127.0.0.1:1/"), timeout=PATIENCE)

    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(send())
        second.run(send_elsewhere())
        first.run(carrier.aclose())


class TestSettings:
    """What a constructor refuses."""

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(None, id="missing"),
            pytest.param(b"", id="empty"),
            pytest.param(b"not a certificate", id="text"),
            pytest.param(
                b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", id="malformed"
            ),
        ],
    )
    def test_ca_file(self, tmp_path: Path, content: bytes | None) -> None:
        """A file that holds no certificate is named in the error."""
        path = tmp_path / "corporate.pem"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"ca_file.*corporate\.pem"):
            AiohttpCarrier(ca_file=str(path))

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            pytest.param({"connections_per_host": 0}, "connections_per_host", id="connections"),
            pytest.param({"connect_timeout": 0.0}, "connect_timeout", id="connect-0"),
            pytest.param({"connect_timeout": float("nan")}, "connect_timeout", id="connect-nan"),
        ],
    )
    def test_numbers(self, settings: dict[str, float], told: str) -> None:
        """A number that cannot work is refused by name."""
        with pytest.raises(ConfigError, match=told):
            AiohttpCarrier(**settings)  # type: ignore[arg-type]


def test_the_front_door_loads_no_http_library() -> None:
    """``import zpns.http`` is cheap; aiohttp comes with the first look at its carrier."""
    program = (
        "import sys, zpns.http as http\n"
        "before = 'aiohttp' in sys.modules\n"
        "http.AiohttpCarrier\n"
        "print(before, 'aiohttp' in sys.modules, 'AiohttpCarrier' in dir(http))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert "False True True" == done.stdout.strip()


def test_the_front_door_knows_no_other_names() -> None:
    """A name that is not there is an AttributeError, as of any module."""
    import zpns.http

    with pytest.raises(AttributeError, match="no_such_name"):
        zpns.http.no_such_name  # noqa: B018
