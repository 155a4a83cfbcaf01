"""
The client's side of an HTTP/2 connection, sans I/O (RFC 9113).

Bytes go in by :meth:`Core.receive`; bytes to send gather in :attr:`Core.out`; what
happens to a request is told to its sink. Nothing here waits, and nothing knows a clock.

A peer that breaks the protocol is a :class:`ProtocolFailure`: the connection is over,
GOAWAY is in ``out``, and every open request ends as *unknown*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple, Protocol

from zpns.http._hpack import Block, Encoder, Field, HPACKError, ReplyTable, integer, string

__all__ = ["Core", "ErrorCode", "Failure", "Page", "ProtocolFailure", "Sink"]


class ErrorCode(IntEnum):
    """Why a stream or a connection ended; RFC 9113, section 7."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class Failure(NamedTuple):
    """
    Why a request got no answer.

    Attributes:
        reason: One line.

        processed: Whether the peer may have acted on it. False means surely not: it may
            be sent again at once, elsewhere.

        timeout: Whether it was its time that ran out.
    """

    reason: str
    processed: bool = True
    timeout: bool = False


class Sink(Protocol):
    """
    Who asked, and is told.

    Attributes:
        decodes: Whether the fields of a plain success are wanted too.
    """

    decodes: bool

    def success(self, key: int) -> None:
        """A plain 200 without a body came."""
        ...

    def answer(self, key: int, status: int, fields: list[Field], body: bytes) -> None:
        """An answer came; *fields* of a success only if they are wanted."""
        ...

    def fail(self, key: int, failure: Failure) -> None:
        """No answer will come."""
        ...


class Page(NamedTuple):
    """
    What many requests share; a token goes between the halves of path or body.

    Attributes:
        fields: Pseudo-fields but ``:path`` first, then the rest.

        path: Before and after the token; all of it and ``b""`` if the token is in the body.

        body: Likewise.

        in_path: Where the token goes.

        number: The start of a field that differs per request, up to its value.
    """

    fields: tuple[Field, ...]
    path: tuple[bytes, bytes]
    body: tuple[bytes, bytes]
    in_path: bool
    number: bytes = b""


class ProtocolFailure(Exception):
    """The peer broke the protocol, or said that we did."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(f"{reason} ({code.name})")
        self.code = code


DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY_FLAG: Final = 0x20

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WINDOW: Final = 65_535  # bytes, until a SETTINGS or WINDOW_UPDATE says otherwise
FRAME: Final = 16_384  # bytes; the largest frame we take, and the least the peer must
WINDOW_MOST: Final = 2**31 - 1
STREAM_MOST: Final = 2**31 - 1
BODY_MOST: Final = 1024 * 1024  # bytes of an answer; also the stream window we grant
HELD: Final = 16 * 1024 * 1024  # bytes under way to us on the connection
HEADERS_MOST: Final = 65_536  # bytes of a header block over all its frames

_HEAD: Final = Struct(">BHBBI")
_pack = _HEAD.pack
_unpack = _HEAD.unpack_from


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Return a frame."""
    size = len(payload)
    return _pack(size >> 16, size & 0xFFFF, kind, flags, stream) + payload


class _Partial:
    """An answer of which more is to come."""

    __slots__ = ("body", "fields", "size", "status")

    def __init__(self, status: int, fields: list[Field]) -> None:
        self.status = status
        self.fields = fields
        self.body: list[bytes] = []
        self.size = 0


class _Unsent:
    """A body of which the peer's window took only a part."""

    __slots__ = ("body", "window")

    def __init__(self, body: memoryview, window: int) -> None:
        self.body = body
        self.window = window


class Core:
    """
    One connection.

    Attributes:
        out: Bytes to send, oldest first; whoever sends them empties the list.

        streams: Open requests: who is told, and by which key.

        max_streams: How many the peer allows at once.

        window: Bytes the peer takes on the connection now.

        settled: Whether the peer's first SETTINGS came.

        last: Last stream the peer will answer, once it said GOAWAY; else None.

        goaway: What the peer said then: code and debug data.

        on_pong: Called with the payload of each PING that was answered.
    """

    def __init__(self) -> None:
        self.out: list[bytes] = []
        self.streams: dict[int, tuple[Sink, int]] = {}
        self.max_streams = 100  # RFC 9113 has no limit; until SETTINGS we keep to this
        self.window = WINDOW
        self.settled = False
        self.last: int | None = None
        self.goaway: tuple[int, bytes] | None = None
        self.on_pong: Callable[[bytes], None] = lambda payload: None
        self.encoder = Encoder()
        self.next_id = 1
        self._initial_window = WINDOW
        self._frame_most = FRAME
        self._fields_most = WINDOW_MOST
        self._table = ReplyTable()
        self._partial: dict[int, _Partial] = {}
        self._unsent: dict[int, _Unsent] = {}
        self._buffer = b""
        self._block: tuple[int, int, bytearray] | None = None  # until END_HEADERS
        self._received = 0  # bytes of DATA since the last WINDOW_UPDATE of ours
        self._failed: ProtocolFailure | None = None

    def start(self) -> None:
        """Say the preface."""
        settings = (
            b"\x00\x02\x00\x00\x00\x00"  # ENABLE_PUSH 0
            b"\x00\x04" + BODY_MOST.to_bytes(4, "big")  # INITIAL_WINDOW_SIZE
        )
        update = (HELD - WINDOW).to_bytes(4, "big")
        self.out.append(
            PREFACE + frame(SETTINGS, 0, 0, settings) + frame(WINDOW_UPDATE, 0, 0, update)
        )

    # Sending.

    @property
    def usable(self) -> bool:
        """Whether new requests may be opened, now or later."""
        return self._failed is None and self.last is None and self.next_id <= STREAM_MOST

    def room(self, size: int) -> int:
        """Return how many requests with bodies of *size* bytes may be opened now."""
        if not self.settled or not self.usable or self._unsent:
            return 0
        streams = self.max_streams - len(self.streams)
        if streams <= 0:
            return 0
        if size <= self._initial_window:
            fitting = self.window // size if size else streams
            if fitting:
                return min(streams, fitting)
        elif self.window > 0 and self._initial_window > 0:
            return 1  # the stream's window never takes it at once: part by part
        # A window that an idle peer leaves this small will not grow: part by part, too.
        return 1 if self.window > 0 and not self.streams else 0

    def fits(self, fields: int) -> bool:
        """Whether the peer takes a header list of *fields* bytes, counted by RFC 9113."""
        return fields <= self._fields_most

    def open(self, block: Block, path: bytes, body: bytes, sink: Sink, key: int) -> int:
        """
        Open a request; there has to be room.

        Args:
            block: From the encoder of this connection, made just before.

            path: ``:path`` as a literal.

            body: The body, perhaps empty.

            sink: Who is told.

            key: By which key.

        Returns:
            The stream's ID.
        """
        stream = self.next_id
        self.next_id = stream + 2
        self.streams[stream] = (sink, key)
        headers = block.before + path + block.after
        size = len(body)
        flags = END_HEADERS if size else END_HEADERS | END_STREAM
        if len(headers) <= self._frame_most:
            self.out.append(_pack(0, len(headers), HEADERS, flags, stream) + headers)
        else:
            self._split(stream, headers, flags)
        if not size:
            return stream
        if size <= self.window and size <= self._initial_window and size <= self._frame_most:
            self.window -= size
            self.out.append(_pack(0, size, DATA, END_STREAM, stream) + body)
        else:
            self._unsent[stream] = _Unsent(memoryview(body), self._initial_window)
            self._pump()
        return stream

    def open_page(
        self, page: Page, targets: Sequence[tuple[bytes, bytes]], sink: Sink, keys: Sequence[int]
    ) -> None:
        """
        Open a request for each of *targets*; there has to be room for all of them.

        No object is made per request but its frames: this is the loop that everything
        fast goes through.

        Args:
            page: What they share.

            targets: Token and numbered value of each; one of them may be empty.

            sink: Who is told.

            keys: By which keys.
        """
        place, count = 0, len(targets)
        block = self.encoder.block(page.fields, shared=True)
        if self._slow(page, block, targets):
            for (token, number), key in zip(targets, keys, strict=True):
                after = block.after + page.number + number if number else block.after
                path = page.path[0] + token + page.path[1] if page.in_path else page.path[0]
                body = page.body[0] + page.body[1]
                if not page.in_path:
                    body = page.body[0] + token + page.body[1]
                head = Block(block.before, after)
                self.open(head, b"\x14" + string(path), body, sink, key)
                block = self.encoder.block(page.fields, shared=True)
            return
        out, streams, stream = self.out, self.streams, self.next_id
        sent = 0
        leads: dict[int, tuple[bytes, int, bytes, int]] = {}
        while place < count:
            token, number = targets[place]
            size = len(token)
            lead = leads.get(size)
            if lead is None:
                lead = leads[size] = self._lead(page, block, size, len(number))
            before, headers, after, length = lead
            if page.in_path:
                out.append(b"".join((
                    _pack(0, headers, HEADERS, END_HEADERS, stream), before, token, after, number,
                    _pack(0, length, DATA, END_STREAM, stream), page.body[0],
                )))  # fmt: skip
            else:
                out.append(b"".join((
                    _pack(0, headers, HEADERS, END_HEADERS, stream), before, after, number,
                    _pack(0, length, DATA, END_STREAM, stream), page.body[0], token, page.body[1],
                )))  # fmt: skip
            streams[stream] = (sink, keys[place])
            stream += 2
            sent += length
            place += 1
            if place == 1:
                # The first may have put fields into the table; the others refer to them.
                again = self.encoder.block(page.fields, shared=True)
                if again is not block:
                    block = again
                    leads.clear()
        self.next_id = stream
        self.window -= sent

    def _slow(self, page: Page, block: Block, targets: Sequence[tuple[bytes, bytes]]) -> bool:
        """Whether a request of *page* does not fit into one frame of each kind."""
        longest = max(len(token) for token, _ in targets)
        body = len(page.body[0]) + len(page.body[1]) + (0 if page.in_path else longest)
        headers = len(block.before) + len(block.after) + len(page.path[0]) + longest + 128
        most = min(self._frame_most, self._initial_window)
        return not body or body > most or headers > self._frame_most or body > self.window

    def _lead(
        self, page: Page, block: Block, size: int, number: int
    ) -> tuple[bytes, int, bytes, int]:
        """Return what surrounds a token of *size* bytes, and the sizes of both frames."""
        start = page.path[0] if page.in_path else page.path[0] + page.path[1]
        length = len(page.path[0]) + len(page.path[1]) + (size if page.in_path else 0)
        before = block.before + b"\x14" + integer(length, 7, 0) + start
        after = (page.path[1] if page.in_path else b"") + block.after
        if number:
            after += page.number
        headers = len(before) + (size if page.in_path else 0) + len(after) + number
        body = len(page.body[0]) + len(page.body[1]) + (0 if page.in_path else size)
        if page.in_path and page.body[1]:
            raise AssertionError("a token in the path and a body in halves")
        return before, headers, after, body

    def _split(self, stream: int, headers: bytes, flags: int) -> None:
        """Send a header block that is larger than a frame."""
        most = self._frame_most
        parts = [headers[i : i + most] for i in range(0, len(headers), most)]
        self.out.append(frame(HEADERS, flags & ~END_HEADERS, stream, parts[0]))
        for part in parts[1:-1]:
            self.out.append(frame(CONTINUATION, 0, stream, part))
        self.out.append(frame(CONTINUATION, END_HEADERS, stream, parts[-1]))

    def _pump(self) -> None:
        """Send what the windows take of bodies under way."""
        for stream, unsent in list(self._unsent.items()):
            body = unsent.body
            while body:
                size = min(len(body), self.window, unsent.window, self._frame_most)
                if size <= 0:
                    break
                last = size == len(body)
                self.out.append(frame(DATA, END_STREAM if last else 0, stream, bytes(body[:size])))
                self.window -= size
                unsent.window -= size
                body = body[size:]
            unsent.body = body
            if not body:
                del self._unsent[stream]

    def reset(self, stream: int, code: ErrorCode = ErrorCode.CANCEL) -> None:
        """Give a request up; its sink is told nothing more."""
        if self.streams.pop(stream, None) is not None:
            self._forget(stream)
            self.out.append(frame(RST_STREAM, 0, stream, int(code).to_bytes(4, "big")))

    def ping(self, payload: bytes) -> None:
        """Ask for a sign of life; *payload* is 8 bytes."""
        self.out.append(frame(PING, 0, 0, payload))

    def bye(self, code: ErrorCode = ErrorCode.NO_ERROR, reason: str = "") -> None:
        """Say GOAWAY; the peer opens no streams, so the last one is 0."""
        payload = (0).to_bytes(4, "big") + int(code).to_bytes(4, "big")
        self.out.append(frame(GOAWAY, 0, 0, payload + reason.encode()[:200]))

    def lost(self, reason: str) -> None:
        """The connection is gone: every open request ends."""
        failure = Failure(reason)
        streams, self.streams = self.streams, {}
        self._partial.clear()
        self._unsent.clear()
        for sink, key in streams.values():
            sink.fail(key, failure)

    # Receiving.

    def receive(self, data: bytes) -> None:
        """
        Take bytes from the peer.

        Raises:
            ProtocolFailure: It broke the protocol; a GOAWAY is in ``out``.
        """
        if self._failed is not None:
            return
        try:
            self._receive(data)
        except ProtocolFailure as failure:
            self._fail(failure)
            raise
        except HPACKError as error:
            broken = ProtocolFailure(ErrorCode.COMPRESSION_ERROR, f"header block: {error}")
            self._fail(broken)
            raise broken from error

    def _fail(self, failure: ProtocolFailure) -> None:
        self._failed = failure
        self.bye(failure.code, str(failure))

    def _receive(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        place, end = 0, len(buffer)
        streams = self.streams
        while end - place >= 9:
            high, low, kind, flags, stream = _unpack(buffer, place)
            size = (high << 16) + low
            if size > FRAME:
                raise ProtocolFailure(ErrorCode.FRAME_SIZE_ERROR, f"a frame of {size} bytes")
            stop = place + 9 + size
            if stop > end:
                break
            place += 9
            if kind == HEADERS and flags == 5 and self._block is None and self.settled:
                # The common case: a complete answer without a body.
                stream &= STREAM_MOST
                owner = streams.get(stream)
                if (
                    owner is not None
                    and size
                    and buffer[place] == 0x88
                    and not owner[0].decodes
                    and stream not in self._partial
                    and stream not in self._unsent
                ):
                    self._table.status(buffer, place, stop)
                    del streams[stream]
                    owner[0].success(owner[1])
                    place = stop
                    continue
            self._frame(kind, flags, stream & STREAM_MOST, buffer, place, stop)
            place = stop
        self._buffer = buffer[place:] if place < end else b""

    def _frame(
        self, kind: int, flags: int, stream: int, buffer: bytes, start: int, stop: int
    ) -> None:
        if self._block is not None and (kind != CONTINUATION or stream != self._block[0]):
            raise _broken("a frame inside a header block")
        if not self.settled and kind != SETTINGS:
            raise _broken("the first frame is no SETTINGS")
        if kind == DATA:
            self._data(flags, stream, buffer, start, stop)
        elif kind == HEADERS:
            self._headers(flags, stream, buffer, start, stop)
        elif kind == CONTINUATION:
            self._continuation(flags, stream, buffer[start:stop])
        elif kind == RST_STREAM:
            self._rst_stream(stream, buffer[start:stop])
        elif kind == SETTINGS:
            self._settings(flags, stream, buffer[start:stop])
        elif kind == PING:
            self._ping(flags, stream, buffer[start:stop])
        elif kind == GOAWAY:
            self._goaway(stream, buffer[start:stop])
        elif kind == WINDOW_UPDATE:
            self._window_update(stream, buffer[start:stop])
        elif kind == PRIORITY:
            if not stream:
                raise _broken("PRIORITY of stream 0")
        elif kind == PUSH_PROMISE:
            raise _broken("PUSH_PROMISE, although push is off")
        # Other kinds are extensions, to be ignored.

    def _ours(self, stream: int, name: str) -> None:
        """Refuse a frame of a stream that was never opened."""
        if not stream or not stream & 1 or stream >= self.next_id:
            raise _broken(f"{name} of stream {stream}, which is not open")

    def _unpadded(self, flags: int, buffer: bytes, start: int, stop: int) -> tuple[int, int]:
        if not flags & PADDED:
            return start, stop
        if start >= stop or buffer[start] >= stop - start:
            raise _broken("more padding than payload")
        return start + 1, stop - buffer[start]

    def _headers(self, flags: int, stream: int, buffer: bytes, start: int, stop: int) -> None:
        self._ours(stream, "HEADERS")
        start, stop = self._unpadded(flags, buffer, start, stop)
        if flags & PRIORITY_FLAG:
            start += 5
            if start > stop:
                raise ProtocolFailure(ErrorCode.FRAME_SIZE_ERROR, "HEADERS cut short")
        if flags & END_HEADERS:
            self._answer(stream, flags, buffer, start, stop)
        else:
            self._block = (stream, flags, bytearray(buffer[start:stop]))

    def _continuation(self, flags: int, stream: int, payload: bytes) -> None:
        if self._block is None:
            raise _broken("CONTINUATION without HEADERS")
        _, first, gathered = self._block
        gathered += payload
        if len(gathered) > HEADERS_MOST:
            raise ProtocolFailure(ErrorCode.ENHANCE_YOUR_CALM, "a header block without end")
        if flags & END_HEADERS:
            self._block = None
            self._answer(stream, first, bytes(gathered), 0, len(gathered))

    def _answer(self, stream: int, flags: int, buffer: bytes, start: int, stop: int) -> None:
        """Take a complete header block: of an answer, informational, or trailers."""
        owner = self.streams.get(stream)
        partial = self._partial.get(stream)
        plain = start < stop and buffer[start] == 0x88
        if owner is None or partial is not None or (plain and not owner[0].decodes):
            # The table has to follow every block, whoever still wants it.
            status = self._table.status(buffer, start, stop)
            fields: list[Field] = []
        else:
            fields = self._table.fields(buffer, start, stop)
            status = _status(fields)
        ended = bool(flags & END_STREAM)
        if owner is None:
            return
        if partial is not None:
            if not ended:
                raise _broken("trailers that do not end their stream")
            self._finish(stream, partial)
            return
        if 100 <= status < 200:
            if ended:
                raise _broken("an informational answer that ends its stream")
            return
        if not status:
            self._refuse(stream, ErrorCode.PROTOCOL_ERROR, "an answer without a status")
            return
        partial = _Partial(status, fields)
        if ended:
            self._finish(stream, partial)
        else:
            self._partial[stream] = partial

    def _data(self, flags: int, stream: int, buffer: bytes, start: int, stop: int) -> None:
        self._ours(stream, "DATA")
        # Padding counts, and so does what nobody wants any more.
        self._received += stop - start
        if self._received > HELD:
            raise ProtocolFailure(ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the window")
        if self._received > HELD // 2:
            self.out.append(frame(WINDOW_UPDATE, 0, 0, self._received.to_bytes(4, "big")))
            self._received = 0
        size = stop - start
        start, stop = self._unpadded(flags, buffer, start, stop)
        if stream not in self.streams:
            return
        partial = self._partial.get(stream)
        if partial is None:
            raise _broken("DATA before HEADERS")
        partial.size += size
        if partial.size > BODY_MOST:
            self._refuse(stream, ErrorCode.CANCEL, f"an answer of more than {BODY_MOST} bytes")
            return
        if start < stop:
            partial.body.append(buffer[start:stop])
        if flags & END_STREAM:
            self._finish(stream, partial)

    def _finish(self, stream: int, partial: _Partial) -> None:
        sink, key = self.streams.pop(stream)
        if stream in self._unsent:
            # It answered without reading on; RFC 9113, 8.1.
            self.out.append(
                frame(RST_STREAM, 0, stream, int(ErrorCode.NO_ERROR).to_bytes(4, "big"))
            )
        self._forget(stream)
        sink.answer(key, partial.status, partial.fields, b"".join(partial.body))

    def _refuse(self, stream: int, code: ErrorCode, reason: str) -> None:
        """End one stream for the peer's fault; the connection goes on."""
        sink, key = self.streams[stream]
        self.reset(stream, code)
        sink.fail(key, Failure(reason))

    def _forget(self, stream: int) -> None:
        self._partial.pop(stream, None)
        if self._unsent:
            self._unsent.pop(stream, None)

    def _rst_stream(self, stream: int, payload: bytes) -> None:
        self._ours(stream, "RST_STREAM")
        if len(payload) != 4:
            raise ProtocolFailure(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM of a wrong size")
        owner = self.streams.pop(stream, None)
        self._forget(stream)
        if owner is not None:
            code = int.from_bytes(payload, "big")
            refused = code == ErrorCode.REFUSED_STREAM
            owner[0].fail(
                owner[1],
                Failure(f"the server reset the stream ({_code_name(code)})", not refused),
            )

    def _settings(self, flags: int, stream: int, payload: bytes) -> None:
        if stream:
            raise _broken("SETTINGS of a stream")
        if flags & ACK:
            if payload:
                raise ProtocolFailure(ErrorCode.FRAME_SIZE_ERROR, "a SETTINGS ACK with a payload")
            if not self.settled:
                raise _broken("the first frame is no SETTINGS")
            return
        if len(payload) % 6:
            raise ProtocolFailure(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS of a wrong size")
        for i in range(0, len(payload), 6):
            self._setting(
                int.from_bytes(payload[i : i + 2], "big"),
                int.from_bytes(payload[i + 2 : i + 6], "big"),
            )
        if not self.settled:
            self.settled = True
            if self.max_streams == 100 and not _has(payload, 3):
                self.max_streams = WINDOW_MOST
        self.out.append(frame(SETTINGS, ACK, 0, b""))
        self._pump()

    def _setting(self, name: int, value: int) -> None:
        if name == 1:
            self.encoder.resize(value)
        elif name == 2:
            if value:
                raise _broken("ENABLE_PUSH from a server")
        elif name == 3:
            self.max_streams = value
        elif name == 4:
            if value > WINDOW_MOST:
                raise ProtocolFailure(ErrorCode.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE")
            change, self._initial_window = value - self._initial_window, value
            for unsent in self._unsent.values():
                unsent.window += change
                if unsent.window > WINDOW_MOST:
                    raise ProtocolFailure(ErrorCode.FLOW_CONTROL_ERROR, "a window over 2^31-1")
        elif name == 5:
            if not FRAME <= value < 2**24:
                raise _broken(f"MAX_FRAME_SIZE {value}")
            # Larger frames would gain nothing: pushes have a few kilobytes.
            self._frame_most = FRAME
        elif name == 6:
            self._fields_most = value

    def _ping(self, flags: int, stream: int, payload: bytes) -> None:
        if stream:
            raise _broken("PING of a stream")
        if len(payload) != 8:
            raise ProtocolFailure(ErrorCode.FRAME_SIZE_ERROR, "PING of a wrong size")
        if flags & ACK:
            self.on_pong(payload)
        else:
            self.out.append(frame(PING, ACK, 0, payload))

    def _goaway(self, stream: int, payload: bytes) -> None:
        if stream:
            raise _broken("GOAWAY of a stream")
        if len(payload) < 8:
            raise ProtocolFailure(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY of a wrong size")
        last = int.from_bytes(payload[:4], "big") & STREAM_MOST
        code = int.from_bytes(payload[4:8], "big")
        if self.last is not None and last > self.last:
            raise _broken("GOAWAY with a last stream above the one before")
        self.last = last
        self.goaway = (code, payload[8:])
        failure = Failure(
            f"the server goes away ({_code_name(code)}) and did not process it", processed=False
        )
        for number in [number for number in self.streams if number > last]:
            sink, key = self.streams.pop(number)
            self._forget(number)
            sink.fail(key, failure)

    def _window_update(self, stream: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ProtocolFailure(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE of a wrong size")
        grant = int.from_bytes(payload, "big") & WINDOW_MOST
        if stream:
            self._ours(stream, "WINDOW_UPDATE")
            unsent = self._unsent.get(stream)
            if not grant or (unsent is not None and unsent.window + grant > WINDOW_MOST):
                if stream in self.streams:
                    code = ErrorCode.FLOW_CONTROL_ERROR if grant else ErrorCode.PROTOCOL_ERROR
                    self._refuse(stream, code, "a wrong WINDOW_UPDATE")
                return
            if unsent is None:
                return
            unsent.window += grant
        else:
            if not grant:
                raise _broken("WINDOW_UPDATE of 0")
            self.window += grant
            if self.window > WINDOW_MOST:
                raise ProtocolFailure(ErrorCode.FLOW_CONTROL_ERROR, "a window over 2^31-1")
        if self._unsent:
            self._pump()


def _broken(reason: str) -> ProtocolFailure:
    return ProtocolFailure(ErrorCode.PROTOCOL_ERROR, reason)


def _has(payload: bytes, name: int) -> bool:
    return any(int.from_bytes(payload[i : i + 2], "big") == name for i in range(0, len(payload), 6))


def _code_name(code: int) -> str:
    return ErrorCode(code).name if code in ErrorCode._value2member_map_ else f"code {code}"


def _status(fields: list[Field]) -> int:
    """Return the status; 0 if there is none, or not just one."""
    found = [value for name, value in fields if name == b":status"]
    return int(found[0]) if len(found) == 1 and len(found[0]) == 3 and found[0].isdigit() else 0
