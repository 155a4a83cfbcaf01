"""The HTTP/2 carrier: a pool of connections per origin."""

from __future__ import annotations

import asyncio
import random
import re
import ssl
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from zpns.errors import CarrierError, CarrierTimeout, ConfigError, StateError, shorten
from zpns.exchange import BulkForm, OneLoop, Request, Response
from zpns.http._bulk import Bulk, Result
from zpns.http._core import Failure
from zpns.http._hpack import Field, literal
from zpns.http._pool import Origin, Pool, Single
from zpns.http._tls import ClientCertificate, client_context

__all__ = ["Bulk", "ClientCertificate", "HTTP2Carrier", "Result"]

MAX_CONNECTIONS: Final = 8  # per origin
UPKEEP: Final = 15.0  # seconds between two looks at ages and silences

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")  # RFC 9110, 5.6.2, in lower case
_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_OF_CONNECTIONS: Final = {"connection", "keep-alive", "proxy-connection", "transfer-encoding"}


@lru_cache(maxsize=64)
def _origin(start: str) -> Origin:
    """Return where ``scheme://host:port`` is."""
    try:
        parts = urlsplit(start)
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        host = None
    if not host or parts.scheme != "https" or not host.isascii():
        raise ConfigError(f"HTTP/2 needs an absolute https address, got {shorten(start)}")
    shown = f"[{host}]" if ":" in host else host
    return Origin(host, port, (shown if port == 443 else f"{shown}:{port}").encode("ascii"))


def _split(url: str) -> tuple[Origin, str]:
    """Return the origin of *url*, and path and query."""
    place = url.find("/", 8)  # after https://
    return (_origin(url), "/") if place < 0 else (_origin(url[:place]), url[place:])


@lru_cache(maxsize=1_024)
def _field(name: str, value: str) -> Field:
    """Return a header field; ``ValueError`` if HTTP/2 has no such."""
    lower = name.lower()
    if not _NAME.fullmatch(lower) or lower in _OF_CONNECTIONS:
        raise ValueError(f"header {name!r}: HTTP/2 has no such field")
    try:
        if _VALUE.fullmatch(value):
            return lower.encode("ascii"), value.encode("latin-1")
    except UnicodeEncodeError:
        pass
    raise ValueError(f"header {name!r}: its value holds what no header may")


class HTTP2Carrier:
    """
    Carries requests over HTTP/2.

    A :class:`~zpns.exchange.Carrier`. It belongs to the event loop of its first send.

    Args:
        ca_file: PEM file with the certificates to trust instead of the system's; read
            once, here.

        client_certificate: What to show to servers that ask who we are: a PEM file with
            certificate and key, or a tuple of both as PEM bytes; read once, here.

        max_connections: Connections per origin, 1 or more.

        rng: Draws how old connections become.

    Raises:
        ConfigError: A file does not hold what it should, or a number is not above 0.
    """

    def __init__(
        self,
        *,
        ca_file: str | None = None,
        client_certificate: ClientCertificate | None = None,
        max_connections: int = MAX_CONNECTIONS,
        rng: random.Random | None = None,
    ) -> None:
        if max_connections < 1:
            raise ConfigError(f"max_connections: expected 1 or more, got {max_connections}")
        self._context: ssl.SSLContext | None = None
        if ca_file is not None or client_certificate is not None:
            self._context = client_context(ca_file, client_certificate)
        self._most = max_connections
        self._random = rng or random.Random()
        self._loop = OneLoop("carrier")
        self._pools: dict[Origin, Pool] = {}
        self._upkeep: asyncio.TimerHandle | None = None
        self._closed = False

    async def send(self, request: Request, *, timeout: float) -> Response:
        """
        Send *request* and return the answer, whatever its status.

        Args:
            request: What to send. Its URL goes out as it is, without being encoded again.

            timeout: Seconds until the answer must be complete, greater than 0; includes
                the wait for a connection and for room on it. It may end a fifth of a
                second late: deadlines are looked at together.

        Returns:
            The answer. A redirect is an answer like any other.

        Raises:
            CarrierTimeout: The time was over. ``sent`` is False if the request had not
                left in full by then.

            CarrierError: The vendor was not reached, refused the stream, broke the
                protocol or the connection, or the request is none that HTTP/2 could carry.

            ConfigError: The URL is not an absolute https address.

            StateError: The carrier is closed, or belongs to another loop.
        """
        origin, path = _split(request.url)
        where = f"{origin.host}:{origin.port}"
        pool = self._pool(origin)
        loop = pool.loop
        try:
            fields = (
                (b":method", request.method.encode("ascii")),
                (b":scheme", b"https"),
                (b":authority", origin.authority),
                *[_field(name, value) for name, value in request.headers.items()],
            )
            literal_path = literal(b":path", path.encode("ascii"))
        except UnicodeEncodeError:
            reason = f"{where}: method and path must be ASCII"
            raise CarrierError(reason, request, sent=False) from None
        except ValueError as error:
            raise CarrierError(f"{where}: {error}", request, sent=False) from None
        future: asyncio.Future[Response | Failure] = loop.create_future()
        single = Single(
            literal_path, fields, request.body, loop.time() + timeout, future, pool.again
        )
        pool.submit(single)
        try:
            answer = await future
        except asyncio.CancelledError:
            connection = single.connection
            if connection is not None:
                connection.core.reset(single.stream)
                connection.flush_soon()
                pool.pump_soon()
            raise
        if isinstance(answer, Response):
            return answer
        kind = CarrierTimeout if answer.timeout else CarrierError
        raise kind(f"{where}: {answer.reason}", request, sent=answer.processed)

    def bulk(
        self,
        form: BulkForm,
        on_page: Callable[[Sequence[int], Sequence[Result]], None],
        *,
        window: int,
        timeout: float,
        deadline: float,
    ) -> Bulk:
        """Return what sends pages of *form*; see :class:`Bulk`."""
        pool = self._pool(_origin(f"https://{form.authority.decode('ascii')}"))
        return Bulk(pool, form, on_page, window=window, timeout=timeout, deadline=deadline)

    async def aclose(self) -> None:
        """
        Close every connection; requests under way fail with :class:`CarrierError`.

        Closing twice does nothing more.
        """
        self._closed = True
        if self._upkeep is not None:
            self._upkeep.cancel()
        pools, self._pools = self._pools, {}
        await asyncio.gather(*(pool.aclose() for pool in pools.values()))

    def _pool(self, origin: Origin) -> Pool:
        if self._closed:
            raise StateError("the carrier is closed; make a new one")
        loop = self._loop.check()
        pool = self._pools.get(origin)
        if pool is None:
            if self._context is None:
                self._context = client_context()
            pool = self._pools[origin] = Pool(origin, self._context, self._most, self._random)
            if self._upkeep is None:
                self._upkeep = loop.call_later(UPKEEP, self._look_after)
        return pool

    def _look_after(self) -> None:
        for pool in self._pools.values():
            pool.upkeep()
        self._upkeep = self._loop.check().call_later(UPKEEP, self._look_after)
