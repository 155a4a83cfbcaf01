"""
One server for every simulated vendor.

TLS on a free loopback port, HTTP/1.1 and HTTP/2 on the same one, chosen by ALPN. The
vendor is a pure handler; the server keeps the time, the record and the faults, so a
vendor is simulated without knowing of any of them.

Where it knowingly differs from every vendor: the certificate is signed by an authority
made at the start, HTTP/1.1 is offered even where the vendor speaks HTTP/2 alone, and
paths that begin with ``/__sim__/`` are control endpoints:

==================================  =====================================================
``GET /__sim__/requests``           the record, a JSON array; ``?offset=&limit=`` pages,
                                    ``?summary=1`` only counts
``DELETE /__sim__/requests``        forgets it
``POST /__sim__/devices``           ``{"count": n}`` known devices, one without a body;
                                    other members go to the simulator's ``register``;
                                    answers ``{"tokens": [...]}``
``DELETE /__sim__/devices``         ``{"tokens": [...]}`` uninstall the app
``POST /__sim__/faults``            starts a fault plan, see :mod:`zpns.simulators.faults`
``DELETE /__sim__/faults``          ends it
==================================  =====================================================
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, cast

from zpns.errors import ConfigError, ParameterError, StateError
from zpns.exchange import Clock, SystemClock
from zpns.simulators._ca import LocalCA, write_private
from zpns.simulators._connection import MAX_STREAMS
from zpns.simulators._record import RECORD_LIMIT, Record
from zpns.simulators._service import ConnectionSimulator, Service, Simulator
from zpns.simulators.faults import FaultPlan

if TYPE_CHECKING:
    from zpns.simulators._http1 import HTTP1
    from zpns.simulators._http2 import HTTP2Protocol

__all__ = ["Simulator", "SimulatorServer"]

HOST: Final = "127.0.0.1"
WINDOW: Final = 1_048_576  # bytes a client may have under way
MIN_WINDOW: Final = 65_535  # bytes; where HTTP/2 connections begin, RFC 9113, section 6.9.2
MAX_WINDOW: Final = 2**31 - 1
BACKLOG: Final = 512
_HANDSHAKE: Final = 10.0  # seconds
_GOODBYE: Final = 1.0  # seconds a peer has to end TLS properly
_LAST_TURNS: Final = 1_000  # loop turns allowed for cut connections to end

logger = logging.getLogger("zpns.simulators")


class SimulatorServer:
    """
    Serves one simulated vendor on loopback while the block lasts.

    .. code-block:: python

        async with SimulatorServer(FCMSimulator()) as server:
            print(server.url, server.ca_file)

    Args:
        simulator: The vendor.

        clock: Gives the handler its time and times the delays of faults.

        port: 0 takes a free one.

        ca: Signs the certificate. Several servers may share one.

        ca_file: Where the authority's certificate is written; a temporary file if not
            given.

        max_streams: Concurrent HTTP/2 streams per connection.

        window: HTTP/2 receive window in bytes, per stream and per connection, 65,535 or
            more.

        record_limit: How many requests are remembered, 1,000,000 if not given; the
            oldest are forgotten first.

    Raises:
        ParameterError: *max_streams* or *window* is out of range.

    Attributes:
        simulator: The vendor.

        record: What was received, oldest first.
    """

    def __init__(
        self,
        simulator: Simulator,
        *,
        clock: Clock | None = None,
        port: int = 0,
        ca: LocalCA | None = None,
        ca_file: str | None = None,
        max_streams: int = MAX_STREAMS,
        window: int = WINDOW,
        record_limit: int = RECORD_LIMIT,
    ) -> None:
        if type(max_streams) is not int or max_streams < 1:
            raise ParameterError("max_streams", "a whole number, 1 or more", max_streams)
        if type(window) is not int or not MIN_WINDOW <= window <= MAX_WINDOW:
            text = f"a whole number of bytes from {MIN_WINDOW} to {MAX_WINDOW}"
            raise ParameterError("window", text, window)
        self.simulator = simulator
        self._service = Service(simulator, clock or SystemClock(), record_limit=record_limit)
        self.record: Record = self._service.record
        self._wanted_port = port
        self._ca = ca
        self._wanted_ca_file = ca_file
        self._max_streams = max_streams
        self._window = window
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._ca_file = ""
        self._port = 0
        self._server: asyncio.Server | None = None
        self._tls: ssl.SSLContext | None = None
        self._greeting: set[asyncio.Task[None]] = set()
        self._http1: HTTP1 | None = None
        self._http2: set[HTTP2Protocol] = set()
        self._make_http2: Callable[[], HTTP2Protocol]

    @property
    def port(self) -> int:
        """The port, once started."""
        if not self._port:
            raise StateError("the simulator is not running: use it in `async with`")
        return self._port

    @property
    def url(self) -> str:
        """Where the vendor is, without a slash at the end."""
        return f"https://{HOST}:{self.port}"

    @property
    def ca_file(self) -> str:
        """The file with the certificate to trust."""
        if not self._ca_file:
            raise StateError("the simulator is not running: use it in `async with`")
        return self._ca_file

    def misbehave(self, plan: FaultPlan | None) -> None:
        """Start *plan* from its beginning; None ends the one under way."""
        self._service.plan(plan)

    async def start(self) -> None:
        """
        Listen.

        Raises:
            ConfigError: h2 or aiohttp is not installed.

            OSError: The port is taken.
        """
        if self._server is not None:
            raise StateError("the simulator is already running")
        http1, http2 = _protocols()
        ca = self._ca or LocalCA()
        self._tls = ca.server_context()
        if isinstance(self.simulator, ConnectionSimulator):
            # Whoever has no certificate is served as well.
            self._tls.verify_mode = ssl.CERT_OPTIONAL
            self._tls.load_verify_locations(cadata=self.simulator.client_authority())
        loop = asyncio.get_running_loop()
        # TLS is not left to create_server: a connection would be out of reach until its
        # handshake is over, and could outlive the server.
        server = await loop.create_server(
            lambda: _Front(self._greet),
            HOST,
            self._wanted_port,
            backlog=BACKLOG,
            start_serving=False,
        )
        self._server = server
        self._port = server.sockets[0].getsockname()[1]
        try:
            self._write_ca(ca)
        except OSError:
            await self.aclose()
            raise
        # The port decides the URL, which the protocols are built with, hence two steps.
        self._http1 = http1(self._service, self.url)
        self._make_http2 = partial(
            http2,
            self._service,
            self.url,
            max_streams=self._max_streams,
            window=self._window,
            on_open=self._http2.add,
            on_lost=self._http2.discard,
        )
        await server.start_serving()

    async def aclose(self) -> None:
        """Stop listening and cut every connection."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in self._greeting:
            task.cancel()
        for connection in list(self._http2):
            connection.close()
        await asyncio.sleep(0)
        for connection in list(self._http2):
            connection.abort()
        if self._http1 is not None:
            self._http1.abort()
        # Their ends are reported in later turns of the loop; leave none behind.
        for _ in range(_LAST_TURNS):
            if not (self._http2 or self._greeting) and (self._http1 is None or self._http1.idle):
                break
            await asyncio.sleep(0)
        await server.wait_closed()
        self._http1 = None
        self._port = 0
        self._ca_file = ""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _write_ca(self, ca: LocalCA) -> None:
        """Put the authority's certificate where clients find it."""
        path = self._wanted_ca_file
        if path is None:
            self._folder = tempfile.TemporaryDirectory(prefix="zpns-simulator-")
            path = str(Path(self._folder.name, "ca.pem"))
        write_private(Path(path), ca.pem)
        self._ca_file = path

    def _greet(self, raw: asyncio.Transport, front: _Front) -> None:
        """Begin the TLS handshake of a new connection."""
        task = asyncio.get_running_loop().create_task(self._shake_hands(raw, front))
        self._greeting.add(task)
        task.add_done_callback(self._greeting.discard)

    async def _shake_hands(self, raw: asyncio.Transport, front: _Front) -> None:
        """Do the TLS handshake and hand over to the protocol it chooses."""
        assert self._tls is not None
        try:
            transport = await asyncio.get_running_loop().start_tls(
                raw,
                front,
                self._tls,
                server_side=True,
                ssl_handshake_timeout=_HANDSHAKE,
                ssl_shutdown_timeout=_GOODBYE,
            )
        except OSError as error:
            # Ordinary: the client does not trust us, does not speak TLS, or has left.
            logger.debug("no TLS handshake: %s", error)
            return
        finally:
            if self._server is None:
                raw.abort()
        if transport is None or front.lost:
            return
        tls: ssl.SSLObject = transport.get_extra_info("ssl_object")
        protocol = self._choose(tls.selected_alpn_protocol())
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        for data in front.received:
            protocol.data_received(data)

    def _choose(self, alpn: str | None) -> asyncio.Protocol:
        """Return the protocol of a connection whose TLS handshake chose *alpn*."""
        if alpn == "h2":
            return self._make_http2()
        assert self._http1 is not None
        return self._http1.protocol()


class _Front(asyncio.Protocol):
    """
    Stands in for the protocol that the TLS handshake has yet to choose.

    Attributes:
        received: What came after the handshake and before the choice.

        lost: Whether the connection has ended.
    """

    def __init__(self, greet: Callable[[asyncio.Transport, _Front], None]) -> None:
        self._greet = greet
        self.received: list[bytes] = []
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        raw = cast("asyncio.Transport", transport)
        raw.pause_reading()
        self._greet(raw, self)

    def data_received(self, data: bytes) -> None:
        self.received.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


def _protocols() -> tuple[type[HTTP1], type[HTTP2Protocol]]:
    """Load what speaks HTTP; only a server that starts needs it."""
    try:
        from zpns.simulators._http1 import HTTP1
        from zpns.simulators._http2 import HTTP2Protocol
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the simulators need the package {error.name}: "
            "pip install 'zpns[cli]' or 'zpns[testing]'"
        ) from error
    return HTTP1, HTTP2Protocol
