"""
The carrier for HTTP/1.1, on aiohttp.

One session for all hosts, made in the loop of the first send. Redirects, cookies,
proxies of the environment and implied headers are off: what leaves is the request as it
was given, with ``host``, ``accept``, ``accept-encoding``, ``user-agent`` and the length
of the body added where it does not name them itself.

aiohttp repeats a GET, HEAD, OPTIONS, TRACE, PUT or DELETE once by itself if the
connection breaks before the answer, as RFC 9110 section 9.2.2 allows. It never repeats
a POST, and pushes are POSTs.
"""

from __future__ import annotations

import asyncio
import math
import os
import socket
import ssl
from types import SimpleNamespace
from typing import Any, Final

import aiohttp
from yarl import URL

from zpns.errors import CarrierError, CarrierTimeout, ConfigError, StateError
from zpns.exchange import OneLoop, Request, Response
from zpns.http._inflate import ACCEPTED, TooLarge, inflate

__all__ = ["AiohttpCarrier"]

CONNECTIONS_PER_HOST: Final = 10  # the vendors' servers answer in 50 to 300 ms: 30 per second each
CONNECT_TIMEOUT: Final = 5.0  # seconds for TCP and TLS, per address
KEEPALIVE: Final = 15.0  # seconds; shorter than any vendor's, so that we hang up first
BODY_MOST: Final = 8 * 1024 * 1024  # bytes; the longest list answer of a vendor is near 100 kB

_OWN_HEADERS: Final = {"accept-encoding": ACCEPTED, "user-agent": "zpns"}
_NO_ISSUER: Final = {  # OpenSSL's verify codes (x509_vfy.h) for "I do not know who signed this"
    18,  # self-signed certificate
    19,  # self-signed certificate in the chain
    20,  # issuer's certificate not found
    21,  # first certificate not verifiable
}


class AiohttpCarrier:
    """
    Carries requests over HTTP/1.1.

    A :class:`~zpns.exchange.Carrier`. It belongs to the event loop of its first send.

    Args:
        ca_file: PEM file with the certificates to trust instead of the system's; read
            once, here.

        connections_per_host: How many connections one host gets; a send beyond that
            waits, at most for its own timeout.

        connect_timeout: Seconds for TCP and TLS together, for each of a host's addresses.

    Raises:
        ConfigError: *ca_file* cannot be read or holds no certificate, or a number is not
            above 0.
    """

    def __init__(
        self,
        *,
        ca_file: str | None = None,
        connections_per_host: int = CONNECTIONS_PER_HOST,
        connect_timeout: float = CONNECT_TIMEOUT,
    ) -> None:
        if connections_per_host < 1:
            raise ConfigError(
                f"connections_per_host: expected 1 or more, got {connections_per_host}"
            )
        if not connect_timeout > 0:
            raise ConfigError(f"connect_timeout: expected seconds above 0, got {connect_timeout}")
        # True is aiohttp's own context, made once per process from the system's certificates.
        self._ssl: ssl.SSLContext | bool = True if ca_file is None else _trusting(ca_file)
        self._connections_per_host = connections_per_host
        self._connect_timeout = connect_timeout
        self._loop = OneLoop("carrier")
        self._session: aiohttp.ClientSession | None = None
        self._closed = False
        self._under_way: set[asyncio.Timeout] = set()
        self._idle = asyncio.Event()

    async def send(self, request: Request, *, timeout: float) -> Response:
        """
        Send *request* and return the answer, whatever its status.

        Args:
            request: What to send. Its URL goes out as it is, without being encoded again.

            timeout: Seconds until the answer must be complete, greater than 0; includes
                the wait for a free connection.

        Returns:
            The answer. A redirect is an answer like any other.

        Raises:
            CarrierTimeout: The time was over. ``sent`` is False if no connection was
                had by then.

            CarrierError: The vendor was not reached, the connection broke, or the answer
                was not HTTP, cut off, or larger than 8 MiB.

            StateError: The carrier is closed, or belongs to another loop.
        """
        session = self._open()
        attempt = _Attempt()
        limit = asyncio.timeout(timeout)
        self._under_way.add(limit)
        try:
            async with limit:
                return await _exchange(session, request, attempt)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = self._translate(error, request, attempt, timeout)
        finally:
            self._under_way.discard(limit)
            if not self._under_way:
                self._idle.set()
        # Raised out here because aiohttp's exceptions hold the request's headers, and
        # inside the handler one of them would come along as the context.
        raise failure

    async def aclose(self) -> None:
        """
        Close every connection; requests under way fail with :class:`CarrierError`.

        Closing twice does nothing more.
        """
        self._closed = True
        session = self._session
        if session is None:
            return
        now = self._loop.check().time()
        # Left to itself aiohttp forgets who reads a body, and those would wait on.
        for limit in self._under_way:
            if not limit.expired():
                limit.reschedule(now)
        while self._under_way:
            self._idle.clear()
            await self._idle.wait()
        await session.close()

    def _open(self) -> aiohttp.ClientSession:
        """Return the session, made now if this is the first send."""
        if self._closed:
            raise StateError("the carrier is closed; make a new one")
        self._loop.check()
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._ssl,
                    limit=0,  # one vendor's full pool must not hold up another vendor
                    limit_per_host=self._connections_per_host,
                    keepalive_timeout=KEEPALIVE,
                ),
                # Above its threshold aiohttp rounds up to whole seconds; the time of the
                # whole request is kept by `send` instead.
                timeout=aiohttp.ClientTimeout(
                    sock_connect=self._connect_timeout, ceil_threshold=math.inf
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=_OWN_HEADERS,
                skip_auto_headers=("content-type",),
                auto_decompress=False,
                trust_env=False,
                trace_configs=[_stages()],
            )
        return self._session

    def _translate(
        self, error: Exception, request: Request, attempt: _Attempt, timeout: float
    ) -> CarrierError:
        """Return what *error* means to the caller, caused by it."""
        if isinstance(error, TimeoutError) and self._closed:
            failed = CarrierError(
                f"{_where(request)}: the carrier was closed while {attempt.stage}",
                request,
                sent=attempt.sent,
            )
        elif isinstance(error, aiohttp.ConnectionTimeoutError):
            failed = CarrierTimeout(
                f"{_where(request)}: not connected within {self._connect_timeout:g} s",
                request,
                sent=attempt.sent,
            )
        elif isinstance(error, TimeoutError):
            failed = CarrierTimeout(
                f"{_where(request)}: {timeout:g} s were over while {attempt.stage}",
                request,
                sent=attempt.sent,
            )
        else:
            failed = CarrierError(
                f"{_where(request)}: {_reason(error)}", request, sent=attempt.sent
            )
        # The error of a malformed answer holds our headers; its own cause says as much.
        hides = isinstance(error, aiohttp.ClientResponseError)
        failed.__cause__ = error.__cause__ if hides else error
        return failed


class _Attempt:
    """
    How far a send has come.

    aiohttp's exceptions do not say it: the same one is raised before and after the
    request left, and a timeout says nothing at all.
    """

    __slots__ = ("sent", "stage")

    def __init__(self) -> None:
        self.stage = "beginning"
        self.sent = False

    def queued(self) -> None:
        """There is no free connection."""
        self.stage = "waiting for a free connection"

    def connecting(self) -> None:
        """A connection is being made."""
        self.stage = "connecting"

    def connected(self) -> None:
        """From here on the vendor may receive something."""
        self.stage = "waiting for the answer"
        self.sent = True

    def answered(self) -> None:
        """The head of the answer is there."""
        self.stage = "reading the answer"


def _stages() -> aiohttp.TraceConfig:
    """Have aiohttp keep each request's :class:`_Attempt`."""

    async def queued(_: aiohttp.ClientSession, context: SimpleNamespace, __: Any) -> None:
        context.trace_request_ctx.queued()

    async def connecting(_: aiohttp.ClientSession, context: SimpleNamespace, __: Any) -> None:
        context.trace_request_ctx.connecting()

    async def connected(_: aiohttp.ClientSession, context: SimpleNamespace, __: Any) -> None:
        context.trace_request_ctx.connected()

    stages = aiohttp.TraceConfig()
    stages.on_connection_queued_start.append(queued)
    stages.on_connection_create_start.append(connecting)
    stages.on_connection_create_end.append(connected)
    stages.on_connection_reuseconn.append(connected)
    return stages


async def _exchange(
    session: aiohttp.ClientSession, request: Request, attempt: _Attempt
) -> Response:
    """Send *request* and read the whole answer."""
    async with session.request(
        request.method,
        URL(request.url, encoded=True),
        headers=request.headers,
        data=request.body or None,
        allow_redirects=False,
        trace_request_ctx=attempt,
    ) as response:
        attempt.answered()
        headers = {name.lower(): value for name, value in response.headers.items()}
        body = await _read(response.content)
        return Response(
            status=response.status,
            headers=headers,
            body=inflate(body, headers.get("content-encoding", ""), most=BODY_MOST),
        )


async def _read(content: aiohttp.StreamReader) -> bytes:
    """Read to the end, but not past what a body may have."""
    pieces: list[bytes] = []
    size = 0
    async for piece in content.iter_any():
        size += len(piece)
        if size > BODY_MOST:
            raise TooLarge
        pieces.append(piece)
    return b"".join(pieces)


def _where(request: Request) -> str:
    """Name the host alone: paths and queries may hold tokens."""
    try:
        url = URL(request.url, encoded=True)
        return f"{url.host_subcomponent or 'no host'}:{url.explicit_port or url.port or '?'}"
    except ValueError:
        return "malformed URL"


def _reason(error: Exception) -> str:
    """Say what happened, and what to do where there is something to do."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return _distrust(error.certificate_error)
        case aiohttp.ClientConnectorSSLError():
            return f"the TLS handshake failed ({_os_reason(error.os_error)})"
        case aiohttp.ClientConnectorDNSError():
            return f"no address found for this name ({_os_reason(error.os_error)})"
        case aiohttp.ClientConnectorError():
            return f"cannot connect ({_os_reason(error.os_error)})"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed before the answer"
        case aiohttp.ClientPayloadError():
            return "the answer is cut off or malformed"
        case aiohttp.ClientResponseError():
            return "the answer is not valid HTTP"
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return "url: expected an absolute address with http or https"
        case TooLarge():
            return f"the answer has more than {BODY_MOST} bytes"
        case OSError():
            return f"the connection broke ({_os_reason(error)})"
        case ValueError():
            return str(error) or type(error).__name__
        case _:
            return type(error).__name__


def _distrust(error: Exception) -> str:
    """Say why a certificate was refused, and what would help."""
    code = getattr(error, "verify_code", 0)
    why = getattr(error, "verify_message", "") or type(error).__name__
    if code in _NO_ISSUER:
        advice = "if you trust whoever signed it, name their certificate in ca_file"
    else:
        advice = "check the address and the clock of this machine"
    return f"the server's certificate is not valid ({why}); {advice}"


def _os_reason(error: OSError) -> str:
    """Name the reason; aiohttp's own words around it may hold the whole URL."""
    if isinstance(error, ssl.SSLError):
        return error.reason or "SSLError"
    if isinstance(error, socket.gaierror):
        return error.strerror or "gaierror"
    return os.strerror(error.errno) if error.errno else type(error).__name__


def _trusting(ca_file: str) -> ssl.SSLContext:
    """Return a TLS context that trusts the certificates in *ca_file* and no others."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise ConfigError(
            f"ca_file: expected a PEM file with certificates, got {ca_file!r} ({_os_reason(error)})"
        ) from error
    except OSError as error:
        raise ConfigError(f"ca_file: cannot read {ca_file!r} ({_os_reason(error)})") from error
    context.set_alpn_protocols(["http/1.1"])
    return context
