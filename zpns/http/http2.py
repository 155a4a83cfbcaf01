"""The HTTP/2 carrier: a pool of connections per origin."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from zpns.errors import CarrierError, CarrierTimeout, ConfigError, StateError
from zpns.exchange import BulkForm, Request, Response
from zpns.http._bulk import Bulk, Result
from zpns.http._core import Failure
from zpns.http._hpack import Field, literal
from zpns.http._pool import Origin, Pool, Single

__all__ = ["Bulk", "HTTP2Carrier", "Result"]

MAX_CONNECTIONS: Final = 8  # per origin
UPKEEP: Final = 15.0  # seconds between two looks at ages and silences


@lru_cache(maxsize=64)
def _origin(start: str) -> Origin:
    """Return where ``scheme://host:port`` is."""
    parts = urlsplit(start)
    if parts.scheme != "https" or not parts.hostname:
        raise ConfigError(f"HTTP/2 needs an https address, got {start!r}")
    plain = parts.port in (None, 443)
    return Origin(
        parts.hostname,
        parts.port or 443,
        (parts.hostname if plain else parts.netloc).encode("ascii"),
    )


def _split(url: str) -> tuple[Origin, str]:
    """Return the origin of *url*, and path and query."""
    place = url.find("/", 8)  # after https://
    return (_origin(url), "/") if place < 0 else (_origin(url[:place]), url[place:])


@lru_cache(maxsize=1_024)
def _field(name: str, value: str) -> Field:
    return name.encode("ascii"), value.encode("latin-1")


class HTTP2Carrier:
    """
    Carries requests over HTTP/2; see :class:`zpns.exchange.Carrier`.

    Args:
        ca_file: PEM file of the authority to trust instead of the system's.

        max_connections: Connections per origin, 1 or more.

        rng: Draws how old connections become.
    """

    def __init__(
        self,
        *,
        ca_file: str | None = None,
        max_connections: int = MAX_CONNECTIONS,
        rng: random.Random | None = None,
    ) -> None:
        self._ca_file = ca_file
        self._most = max_connections
        self._random = rng or random.Random()
        self._context: ssl.SSLContext | None = None
        self._pools: dict[Origin, Pool] = {}
        self._upkeep: asyncio.TimerHandle | None = None
        self._closed = False

    async def send(self, request: Request, *, timeout: float) -> Response:
        loop = asyncio.get_running_loop()
        origin, path = _split(request.url)
        pool = self._pool(origin)
        fields = (
            (b":method", request.method.encode("ascii")),
            (b":scheme", b"https"),
            (b":authority", origin.authority),
            *[_field(name, value) for name, value in request.headers.items()],
        )
        future: asyncio.Future[Response | Failure] = loop.create_future()
        single = Single(
            literal(b":path", path.encode("ascii")),
            fields,
            request.body,
            loop.time() + timeout,
            future,
            pool.again,
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
        raise kind(f"{origin.host}: {answer.reason}", request, sent=answer.processed)

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
        host, _, port = form.authority.decode("ascii").rpartition(":")
        if not host:
            host, port = port, "443"
        pool = self._pool(Origin(host, int(port), form.authority))
        bulk = Bulk(pool, form, on_page, window=window, timeout=timeout, deadline=deadline)
        pool.join(bulk)
        return bulk

    async def aclose(self) -> None:
        self._closed = True
        if self._upkeep is not None:
            self._upkeep.cancel()
        pools, self._pools = self._pools, {}
        await asyncio.gather(*(pool.aclose() for pool in pools.values()))

    def _pool(self, origin: Origin) -> Pool:
        if self._closed:
            raise StateError("this carrier is closed; make a new one")
        pool = self._pools.get(origin)
        if pool is None:
            if self._context is None:
                self._context = ssl.create_default_context(cafile=self._ca_file)
                self._context.set_alpn_protocols(["h2"])
                self._context.minimum_version = ssl.TLSVersion.TLSv1_2
            pool = self._pools[origin] = Pool(origin, self._context, self._most, self._random)
            if self._upkeep is None:
                self._upkeep = asyncio.get_running_loop().call_later(UPKEEP, self._look_after)
        return pool

    def _look_after(self) -> None:
        for pool in self._pools.values():
            pool.upkeep()
        self._upkeep = asyncio.get_running_loop().call_later(UPKEEP, self._look_after)
