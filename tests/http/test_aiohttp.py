"""The HTTP/1.1 carrier: what leaves, what comes back, and what a constructor refuses."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
from raw_server import (
    OK,
    PATIENCE,
    Peer,
    RawServer,
    Serve,
    answer_to,
    answering,
    get,
    post,
)

from zpns.errors import ConfigError
from zpns.exchange import Request
from zpns.http import AiohttpCarrier


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
