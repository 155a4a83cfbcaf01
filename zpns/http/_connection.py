"""One HTTP/2 connection on asyncio: TLS, time, and the loop's turns around the core."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable
from typing import Final, cast

from zpns.http._core import Core, Failure, ProtocolFailure

__all__ = ["ConnectFailure", "Connection", "connect"]

SETTINGS_WITHIN: Final = 5.0  # seconds for the peer's first SETTINGS
PONG_WITHIN: Final = 5.0  # seconds for the answer to a PING
SILENCE: Final = 15.0  # seconds without a byte, with requests open, until a PING asks
GOODBYE: Final = 0.2  # seconds a peer has to end TLS properly
SWEEP: Final = 0.1  # seconds between two looks at deadlines
_TIMEOUT: Final = Failure("no answer in time", timeout=True)


class ConnectFailure(Exception):
    """No connection could be made; nothing was sent."""


class Connection(asyncio.Protocol):
    """
    One connection.

    Frames of all requests opened in one turn of the loop leave in one write; deadlines
    are swept together, not one timer each.

    Args:
        on_room: Called when there may be room for more requests.

        on_away: Called once, when the connection takes no more requests: after GOAWAY, or
            when it is lost.

    Attributes:
        core: The protocol.

        born: When it was made, by the loop's clock.

        idle_since: When its last request ended, likewise.

        answered: Whether the peer ever answered a request.
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
        self.born = self.idle_since = self.heard = self._loop.time()
        self.answered = False
        self.paused = False
        self._flushing = False
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
        if not self.ready.done():
            if core.settled:
                self.ready.set_result(None)
        elif len(core.streams) < before:
            self.answered = True
            if not core.streams:
                self.idle_since = self.heard
        if core.last is not None:
            self._away()
            if not core.streams:
                self._reason = "the server went away"
                self._end()
                return
        if not self.paused:
            self._on_room(self)
        if core.out and not self._flushing:
            # Whoever was woken adds frames first.
            self._flushing = True
            self._loop.call_soon(self._flush)

    def eof_received(self) -> None:
        self._reason = "the server closed the connection"

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._reason = f"the connection was lost: {exc}"
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
        return 0 if self.paused else self.core.room(size)

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

    def retire(self) -> None:
        """Take no more requests, and close once the open ones are answered."""
        if self.core.last is None:
            self.core.last = self.core.next_id
            self._reason = "the connection was retired"
            self._away()
            if not self.core.streams:
                self.close(self._reason)

    def close(self, reason: str = "the connection was closed") -> None:
        """Say GOAWAY and close; open requests end."""
        self._reason = reason
        if self._transport is not None and not self._transport.is_closing():
            self.core.bye()
        self._end()

    async def gone(self) -> None:
        """Return once the socket is closed; a peer that does not say goodbye is cut off."""
        await asyncio.wait((self.closed,), timeout=GOODBYE)
        if not self.closed.done() and self._transport is not None:
            self._transport.abort()
            await self.closed

    # Inside.

    def _flush(self) -> None:
        self._flushing = False
        out = self.core.out
        if out and self._transport is not None:
            self._transport.write(b"".join(out))
            out.clear()

    def _pong(self, payload: bytes) -> None:
        if payload == self._payload:
            self._pinged = None

    def _sweep(self) -> None:
        """End what is over its time, and ask a silent peer whether it lives."""
        now = self._loop.time()
        core = self.core
        self._sweeper = None
        for tick in sorted(self._deadlines):
            if tick * SWEEP > now:
                break
            for first, last in self._deadlines.pop(tick):
                for stream in range(first, last + 1, 2):
                    owner = core.streams.get(stream)
                    if owner is not None:
                        core.reset(stream)
                        owner[0].fail(owner[1], _TIMEOUT)
        if core.out:
            self.flush_soon()
            self._on_room(self)
        if self._pinged is not None and now - self._pinged > PONG_WITHIN:
            self._reason = f"the server did not answer a PING within {PONG_WITHIN:g} s"
            self._end(abort=True)
            return
        if core.streams and self._pinged is None and now - self.heard > SILENCE:
            self.ping()
        if self._deadlines or self._pinged is not None:
            self._sweeper = self._loop.call_later(SWEEP, self._sweep)

    def _away(self) -> None:
        tell, self._on_away = self._on_away, None
        if tell is not None:
            tell(self)

    def _end(self, *, abort: bool = False) -> None:
        transport = self._transport
        if transport is not None:
            self._flush()
            if abort:
                transport.abort()
            else:
                transport.close()
        self._gone()

    def _gone(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        self._deadlines.clear()
        if self.core.last is None:
            self.core.last = 0  # no more requests
        self._away()
        self.core.lost(self._reason)
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
    try:
        async with asyncio.timeout(within):
            transport, connection = await loop.create_connection(
                lambda: Connection(on_room, on_away),
                host,
                port,
                ssl=context,
                server_hostname=host,
                happy_eyeballs_delay=0.25,
                ssl_handshake_timeout=max(within, 0.1),
            )
            chosen = transport.get_extra_info("ssl_object").selected_alpn_protocol()
            if chosen != "h2":
                transport.abort()
                raise ConnectFailure(
                    f"{host}:{port} does not speak HTTP/2 (ALPN chose {chosen or 'nothing'})"
                )
            try:
                await connection.ready
            except BaseException:
                transport.abort()
                raise
            return connection
    except TimeoutError:
        raise ConnectFailure(f"{host}:{port} did not answer within {within:g} s") from None
    except ssl.SSLCertVerificationError as error:
        raise ConnectFailure(
            f"{host}:{port}: its certificate is not trusted ({error.verify_message}); "
            "give ca_file if it is signed by an authority of your own"
        ) from error
    except OSError as error:
        raise ConnectFailure(f"{host}:{port}: {error}") from error
