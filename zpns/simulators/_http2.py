"""HTTP/2 for the simulators: the library h2 in the server's role, on asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    SettingsAcknowledged,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import Frame, GoAwayFrame

from zpns.exchange import Request, Response
from zpns.simulators._connection import Connection, RepeatedHeaders
from zpns.simulators._service import MAX_BODY, Reply, Service
from zpns.simulators._tcp import abort, peer_port

__all__ = ["HTTP2Protocol"]

DEFAULT_WINDOW: Final = 65_535  # bytes; RFC 9113, section 6.9.2
_SWEEP: Final = 256  # requests between two sweeps of h2's closed streams
_UNLIMITED: Final = 2**31 - 1


class _Connection(H2Connection):
    """
    An h2 connection that lets its owner count streams.

    h2 looks through all streams whenever one opens, which at 500 of them costs more than
    everything else, and closes the connection over one stream too many. The protocol
    below keeps its own count and refuses the stream; here the look through happens now
    and then, because it is also what removes closed streams.

    And h2 says nothing more once the peer has sent GOAWAY, though all that a client means
    by it is that it will not open another stream.

    Attributes:
        peer_leaves: Whether GOAWAY was received.
    """

    peer_leaves = False
    _opened = 0

    @property
    def open_inbound_streams(self) -> int:
        self._opened += 1
        if self._opened % _SWEEP == 0:
            self._open_streams(1)
        return 0

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        self.peer_leaves = True
        return [], []


class _Stream:
    """A request under way."""

    __slots__ = ("chunks", "headers", "size")

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        self.headers = headers
        self.chunks: list[bytes] = []
        self.size = 0


class HTTP2Protocol(asyncio.Protocol):
    """
    One HTTP/2 connection.

    Args:
        service: Says how to answer.

        base: What turns a path into a URL.

        max_streams: Concurrent streams allowed, unless the vendor sets another limit; one
            more is refused, RST_STREAM REFUSED_STREAM, once the client has acknowledged
            the setting.

        window: Bytes the client may have under way, per stream and per connection.

        on_open: Called with this object when the connection is made.

        on_lost: Called with it when the connection is gone.
    """

    def __init__(
        self,
        service: Service,
        base: str,
        *,
        max_streams: int,
        window: int,
        on_open: Callable[[HTTP2Protocol], None],
        on_lost: Callable[[HTTP2Protocol], None],
    ) -> None:
        self._service = service
        self._base = base
        self._max_streams = max_streams
        self._window = window
        self._on_open = on_open
        self._on_lost = on_lost
        # The limit in force, then those announced and not acknowledged yet: a client may
        # go by any of them.
        self._limits = deque([_UNLIMITED])
        self._streams: dict[int, _Stream | None] = {}  # None: complete, not answered yet
        self._unsent: dict[int, memoryview] = {}  # bodies that wait for the client's window
        self._late: set[asyncio.Task[None]] = set()
        self._latest = 0  # last stream taken
        self._last: int | None = None  # last stream served after GOAWAY
        self._count = 0
        # What we send is right by construction; what we receive is checked in full.
        self._h2 = _Connection(
            H2Configuration(
                client_side=False,
                header_encoding="utf-8",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._actions: dict[type, Callable[[Any], None]] = {
            RequestReceived: self._request_received,
            DataReceived: self._data_received,
            StreamEnded: self._stream_ended,
            StreamReset: self._stream_reset,
            WindowUpdated: self._window_opened,
            RemoteSettingsChanged: self._window_opened,
            SettingsAcknowledged: self._settings_acknowledged,
        }

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        tls: ssl.SSLObject = transport.get_extra_info("ssl_object")
        self._connection = Connection(
            peer_port(transport),
            max_streams=self._max_streams,
            certificate=tls.getpeercert(binary_form=True),
        )
        self._service.connected(self._connection)
        self._connection.attach(self._limit_streams, self._leave)
        self._limits.append(self._connection.max_streams)
        self._h2.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: self._connection.max_streams,
                SettingCodes.INITIAL_WINDOW_SIZE: self._window,
            },
        )
        self._h2.initiate_connection()
        if self._window > DEFAULT_WINDOW:
            self._h2.increment_flow_control_window(self._window - DEFAULT_WINDOW)
        self._flush()
        self._on_open(self)

    def connection_lost(self, exc: Exception | None) -> None:
        for task in self._late:
            task.cancel()
        self._streams.clear()
        self._unsent.clear()
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        try:
            events = self._h2.receive_data(data)
        except ProtocolError:
            # h2 has put a GOAWAY with the reason in its buffer.
            self._flush()
            self._transport.close()
            return
        actions = self._actions
        for event in events:
            action = actions.get(type(event))
            if action is not None:
                action(event)
        self._flush()
        self._close_if_drained()

    def pause_writing(self) -> None:
        # A client that does not read its answers gets no further requests in.
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    # What the server calls.

    def close(self) -> None:
        """Say GOAWAY and close; streams under way are lost."""
        if not self._transport.is_closing():
            self._h2.close_connection(additional_data=self._service.goodbye())
            self._flush()
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    # What h2 reports.

    def _request_received(self, event: RequestReceived) -> None:
        stream_id = event.stream_id
        if self._last is not None and stream_id > self._last:
            return  # opened after GOAWAY: the client knows it was not served
        if len(self._streams) >= max(self._limits):
            self._refuse(stream_id)
            return
        self._latest = stream_id
        self._streams[stream_id] = _Stream(cast("list[tuple[str, str]]", event.headers))
        faults = self._service.faults
        self._count += 1
        if faults is not None and faults.goaway is not None and self._last is None:
            if self._count >= faults.goaway.after:
                self._go_away(stream_id, faults.goaway.error_code, self._service.goodbye())

    def _data_received(self, event: DataReceived) -> None:
        stream_id = event.stream_id
        self._h2.acknowledge_received_data(event.flow_controlled_length or 0, stream_id)
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        data = event.data or b""
        stream.size += len(data)
        if stream.size <= MAX_BODY:
            stream.chunks.append(data)

    def _stream_ended(self, event: StreamEnded) -> None:
        stream_id = event.stream_id
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        self._streams[stream_id] = None
        if stream.size > MAX_BODY:
            self._send(stream_id, Response(status=413))
            return
        headers: dict[str, str] = {}
        repeated: list[str] = []
        method = path = ""
        for name, value in stream.headers:
            if name == ":method":
                method = value
            elif name == ":path":
                path = value
            elif name == ":authority":
                headers["host"] = value
            elif name[0] != ":":
                if name in headers:
                    repeated.append(name)
                headers[name] = value
        if repeated:
            headers = RepeatedHeaders(headers, repeated)
        request = Request(
            method=method, url=self._base + path, headers=headers, body=b"".join(stream.chunks)
        )
        connection = self._connection
        reply = self._service.receive(request, path, "2", connection.port, connection)
        if reply.delay:
            task = asyncio.get_running_loop().create_task(self._answer_late(stream_id, reply))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        else:
            self._answer(stream_id, reply)

    def _stream_reset(self, event: StreamReset) -> None:
        self._finish(event.stream_id)

    def _window_opened(self, event: WindowUpdated | RemoteSettingsChanged) -> None:
        for stream_id, body in list(self._unsent.items()):
            self._pump(stream_id, body)

    def _settings_acknowledged(self, event: SettingsAcknowledged) -> None:
        if len(self._limits) > 1:
            self._limits.popleft()

    # What the vendor asks of the connection.

    def _limit_streams(self, count: int) -> None:
        """Announce another limit; one that is higher holds at once."""
        self._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: count})
        self._limits.append(count)
        self._flush()

    def _leave(self, error_code: int, data: bytes) -> None:
        """Say GOAWAY; what was taken is served."""
        if self._last is None:
            self._go_away(self._latest, error_code, data)
            self._close_if_drained()

    # Answering.

    async def _answer_late(self, stream_id: int, reply: Reply) -> None:
        """Answer once the reply's delay is over."""
        clock = self._service.clock
        await clock.sleep_until(clock.monotonic() + reply.delay)
        if stream_id in self._streams and not self._transport.is_closing():
            self._answer(stream_id, reply)
            self._flush()
            self._close_if_drained()

    def _answer(self, stream_id: int, reply: Reply) -> None:
        """Do what *reply* says."""
        if reply.end == "answer":
            self._send(stream_id, reply.response)
        elif reply.end == "reset":
            self._flush()  # answers given before the cut are on their way
            abort(self._transport)
        elif reply.end == "reset-stream":
            self._reset(stream_id, reply.error_code)

    def _send(self, stream_id: int, response: Response) -> None:
        """Send *response*, as far as the client's window goes."""
        body = response.body
        headers = [
            (":status", str(response.status)),
            *response.headers.items(),
            ("content-length", str(len(body))),
        ]
        try:
            self._h2.send_headers(stream_id, headers, end_stream=not body)
        except StreamClosedError:  # the client reset it within the same read
            self._finish(stream_id)
            return
        if body:
            self._pump(stream_id, memoryview(body))
        else:
            self._finish(stream_id)

    def _pump(self, stream_id: int, body: memoryview) -> None:
        """Send what fits of *body* and keep the rest."""
        connection = self._h2
        try:
            while body:
                room = connection.local_flow_control_window(stream_id)
                room = min(room, connection.max_outbound_frame_size)
                if room <= 0:
                    self._unsent[stream_id] = body
                    return
                connection.send_data(stream_id, bytes(body[:room]), end_stream=room >= len(body))
                body = body[room:]
        except StreamClosedError:  # reset within the same read as its window was opened
            pass
        self._finish(stream_id)

    def _refuse(self, stream_id: int) -> None:
        """Turn away a stream over the limit, or close the connection over it."""
        if self._connection.on_excess == "refuse":
            self._reset(stream_id, ErrorCodes.REFUSED_STREAM)
            return
        self._go_away(self._latest, ErrorCodes.PROTOCOL_ERROR, b"")
        self._streams.clear()  # which lets it close at the end of this read
        self._unsent.clear()

    def _reset(self, stream_id: int, error_code: int) -> None:
        """Reset a stream, unless the client did so within the same read."""
        with contextlib.suppress(StreamClosedError):
            self._h2.reset_stream(stream_id, error_code)
        self._finish(stream_id)

    def _finish(self, stream_id: int) -> None:
        """Forget a stream."""
        self._streams.pop(stream_id, None)
        self._unsent.pop(stream_id, None)

    def _go_away(self, last: int, error_code: int, data: bytes) -> None:
        """Announce that *last* is the last stream served."""
        self._last = last
        self._flush()
        # Written by hand: h2 sends nothing more after its own GOAWAY, but a server that
        # goes away still answers what it took.
        frame = GoAwayFrame(0, last_stream_id=last, error_code=error_code, additional_data=data)
        self._transport.write(frame.serialize())

    def _close_if_drained(self) -> None:
        """Close once one side has said GOAWAY and the last answer is out."""
        leaving = self._last is not None or self._h2.peer_leaves
        if leaving and not self._streams:
            self._transport.close()

    def _flush(self) -> None:
        """Hand to the transport what h2 has to say; once per read, not per frame."""
        data = self._h2.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)
