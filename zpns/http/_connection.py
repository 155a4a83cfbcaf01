"""One HTTP/2 connection on asyncio: TLS, time, and the loop's turns around the core."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final, cast

from zpns.http._core import Core, Failure, ProtocolFailure

__all__ = ["ConnectFailure", "Connection", "connect"]

PONG_WITHIN: Final = 5.0  # seconds for the answer to a PING
SILENCE: Final = 5.0  # seconds without a byte, with requests open, until a PING asks
SWEEP: Final = 0.1  # seconds between two looks at deadlines
GOODBYE: Final = 1.0  # seconds a peer has to end TLS properly
HANDSHAKE_LEAST: Final = 0.1  # seconds; asyncio takes no less for TLS than it takes seriously

_LATE: Final = Failure("no answer in time", timeout=True)
_NEVER: Final = Failure("its body could not be sent in time", processed=False, timeout=True)

_NO_ISSUER: Final = {  # OpenSSL's verify codes (x509_vfy.h) for "I do not know who signed this"
    18,  # self-signed certificate
    19,  # self-signed certificate in the chain
    20,  # issuer's certificate not found
    21,  # first certificate not verifiable
}


class ConnectFailure(Exception):
    """No connection could be made; nothing was sent."""


class Connection(asyncio.Protocol):
    """
    One connection.

    Frames of all requests opened in one turn of the loop leave in one write; deadlines
    are swept together, not one timer each.

    Args:
        on_room: Called when there may be room for more requests, or news of old ones.

        on_away: Called once, when the connection takes no more requests: after GOAWAY, or
            when it is lost.

    Attributes:
        core: The protocol.

        ready: Done once the peer's first SETTINGS came, or never will.

        closed: Done once the socket is given back.

        heard: When the peer last sent something, by the loop's clock.

        filled: When a request was last opened, likewise; whoever opens one keeps it.

        idle_since: When the last request ended, likewise.

        answered: Whether the peer ever ended a request.

        paused: Whether the socket takes nothing more for now.
    """

    def __init__(
        self,
        on_room: Callable[[Connection], None],
        on_away: Callable[[Connection], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.core = Core()
        self.core.on_pong = self._pong
        self._on_room = on_room
        self._on_away: Callable[[Connection], None] | None = on_away
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.idle_since = self.heard = self.filled = self._loop.time()
        self.answered = False
        self.paused = False
        self._over = False
        self._flushing = False
        self._written = 1  # the first stream of which nothing was written yet
        self._transport: asyncio.Transport | None = None
        self._deadlines: dict[int, list[list[int]]] = {}  # tick -> ranges of streams
        self._sweeper: asyncio.TimerHandle | None = None
        self._pinged: float | None = None
        self._payload = b""
        self._reason = "the connection was closed"

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.core.start()
        self._flush()

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        core = self.core
        before = len(core.streams)
        self.heard = self._loop.time()
        self._pinged = None
        try:
            core.receive(data)
        except ProtocolFailure as failure:
            self._reason = f"the server broke HTTP/2: {failure}"
            self._end()
            return
        if len(core.streams) < before:
            self.answered = True
            if not core.streams:
                self.idle_since = self.heard
        if not core.usable:
            self._away()
            if self._end_if_drained():
                return
        if self.ready.done():
            self._on_room(self)
        elif core.settled:
            # Whoever waits for it fills it, once it is sure that it will be used.
            self.ready.set_result(None)
        if core.out and not self._flushing:
            # Whoever was woken adds frames first.
            self._flushing = True
            self._loop.call_soon(self._flush)

    def eof_received(self) -> None:
        if not self._over:
            self._reason = self.core.farewell or "the server closed the connection"

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and not self._over:
            self._reason = f"the connection was lost: {_os_reason(exc)}"
        self._gone()
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self._on_room(self)
        self.flush_soon()

    # What the pool calls.

    def room(self, size: int) -> int:
        """Return how many requests with bodies of *size* bytes may be opened now."""
        # One that may be dead is not trusted with more until it shows a sign of life.
        return 0 if self.paused or self._pinged is not None else self.core.room(size)

    def flush_soon(self) -> None:
        """Have what is in ``core.out`` sent at the end of this turn of the loop."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def watch(self, first: int, last: int, deadline: float) -> None:
        """Fail the streams *first* to *last* that are open at *deadline*."""
        tick = int(deadline / SWEEP) + 1
        ranges = self._deadlines.setdefault(tick, [])
        if ranges and ranges[-1][1] + 2 == first:
            ranges[-1][1] = last
        else:
            ranges.append([first, last])
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(SWEEP, self._sweep)

    def ping(self) -> None:
        """Ask for a sign of life; without one in time the connection is given up."""
        if self._pinged is None:
            self._pinged = self._loop.time()
            self._payload = secrets.token_bytes(8)
            self.core.ping(self._payload)
            self.flush_soon()
            if self._sweeper is None:
                self._sweeper = self._loop.call_later(SWEEP, self._sweep)

    def retire(self, reason: str = "the connection was retired") -> None:
        """Take no more requests, and close once the open ones are answered."""
        if not self._over:
            self._reason = reason
            self.core.usable = False
            self._away()
            self._end_if_drained()

    def close(self, reason: str = "the connection was closed") -> None:
        """Say GOAWAY and close; open requests end."""
        if not self._over:
            self._reason = reason
            self.core.bye()
            self._end()

    def abort(self) -> None:
        """Give the socket back without another word; open requests end."""
        self._end(abort=True)

    # Inside.

    def _flush(self) -> None:
        self._flushing = False
        transport = self._transport
        # What nobody reads is not piled up: room() opens nothing more, and the core
        # limits what the peer can make it say.
        if transport is not None and self.core.out and not self.paused and not self._over:
            self._written = self.core.next_id
            transport.write(self.core.take())

    def _pong(self, payload: bytes) -> None:
        if payload == self._payload:
            self._pinged = None

    def _sweep(self) -> None:
        """End what is over its time, and ask a silent peer whether it lives."""
        now = self._loop.time()
        core = self.core
        self._sweeper = None
        if self._expire(now):
            self.flush_soon()
            self._on_room(self)
        if self._pinged is not None and now - self._pinged > PONG_WITHIN:
            self._reason = f"the server did not answer a PING within {PONG_WITHIN:g} s"
            self._end(abort=True)
            return
        if core.streams:
            if self._pinged is None and now - self.heard > SILENCE:
                self.ping()
        else:
            self._deadlines.clear()  # what they were for is answered
            if not core.usable and self._end_if_drained():
                return
        if self._sweeper is None and (self._deadlines or self._pinged is not None):
            self._sweeper = self._loop.call_later(SWEEP, self._sweep)

    def _expire(self, now: float) -> bool:
        """Fail the requests whose deadline is over; return whether there were any."""
        core = self.core
        expired = False
        for tick in sorted(self._deadlines):
            if tick * SWEEP > now:
                break
            for first, last in self._deadlines.pop(tick):
                for stream in range(first, last + 1, 2):
                    owner = core.streams.get(stream)
                    if owner is not None:
                        expired = True
                        failure = _LATE if core.complete(stream) else _NEVER
                        core.reset(stream)
                        owner[0].fail(owner[1], failure)
        if expired and not core.streams:
            self.idle_since = now
        return expired

    def _away(self) -> None:
        tell, self._on_away = self._on_away, None
        if tell is not None:
            tell(self)

    def _end_if_drained(self) -> bool:
        """Close if nothing is open; return whether it was so."""
        if self.core.streams:
            return False
        self.close(self.core.farewell or self._reason)
        return True

    def _end(self, *, abort: bool = False) -> None:
        transport = self._transport
        if transport is not None and not transport.is_closing():
            if abort:
                transport.abort()
            else:
                # GOAWAY stands last; what is before it is for nobody any more.
                transport.write(self.core.out[-1])
                transport.close()
        elif transport is not None and abort:
            transport.abort()
        self._gone()

    def _gone(self) -> None:
        """Tell everybody that it is over."""
        if self._over:
            return
        self._over = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        self._deadlines.clear()
        self._away()
        self.core.lost(self._reason, self._written)
        self.core.out.clear()
        if not self.ready.done():
            self.ready.set_exception(ConnectFailure(self._reason))
            self.ready.exception()  # somebody may have stopped waiting


async def connect(
    host: str,
    port: int,
    context: ssl.SSLContext,
    on_room: Callable[[Connection], None],
    on_away: Callable[[Connection], None],
    *,
    within: float,
) -> Connection:
    """
    Return a connection whose first SETTINGS has come.

    Raises:
        ConnectFailure: There is none within *within* seconds, and why.
    """
    loop = asyncio.get_running_loop()
    # uvloop tries one address after the other.
    extras: dict[str, Any] = {}
    if isinstance(loop, asyncio.BaseEventLoop):
        extras["happy_eyeballs_delay"] = 0.25
    connection: Connection | None = None
    try:
        async with asyncio.timeout(within):
            transport, connection = await loop.create_connection(
                lambda: Connection(on_room, on_away),
                host,
                port,
                ssl=context,
                server_hostname=host,
                ssl_handshake_timeout=max(within, HANDSHAKE_LEAST),
                ssl_shutdown_timeout=GOODBYE,
                **extras,
            )
            chosen = transport.get_extra_info("ssl_object").selected_alpn_protocol()
            if chosen != "h2":
                raise ConnectFailure(f"it does not speak HTTP/2 (ALPN: {chosen or 'no choice'})")
            await connection.ready
            return connection
    except BaseException as error:
        if connection is not None:
            connection.abort()
            # asyncio gives the socket back a turn later; leave none behind.
            await connection.closed
        if not isinstance(error, Exception):
            raise
        raise ConnectFailure(_reason(error, within)) from error


def _reason(error: Exception, within: float) -> str:
    """Say what happened, and what to do where there is something to do."""
    match error:
        case ConnectFailure():
            return str(error)
        case TimeoutError():
            return f"not connected within {within:g} s"
        case ssl.SSLCertVerificationError():
            if error.verify_code in _NO_ISSUER:
                advice = "if you trust whoever signed it, name their certificate in ca_file"
            else:
                advice = "check the address and the clock of this machine"
            return f"the server's certificate is not valid ({error.verify_message}); {advice}"
        case ssl.SSLError():
            return f"the TLS handshake failed ({_os_reason(error)})"
        case socket.gaierror():
            return f"no address found for this name ({_os_reason(error)})"
        case OSError():
            return f"cannot connect ({_os_reason(error)})"
        case UnicodeError():
            return "no address found for this name (it is no host name)"
        case _:
            return f"cannot connect ({type(error).__name__})"


def _os_reason(error: Exception) -> str:
    """Name the reason without the numbers and places around it."""
    if isinstance(error, ssl.SSLError):
        return error.reason or "SSLError"
    if isinstance(error, socket.gaierror):
        return error.strerror or "gaierror"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
