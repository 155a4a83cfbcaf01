"""
The client's side of an HTTP/2 connection, sans I/O (RFC 9113).

Bytes go in by :meth:`Core.receive`; bytes to send gather in :attr:`Core.out`; what
happens to a request is told to its sink. Nothing here waits, and nothing knows a clock.

A peer that breaks the protocol is a :class:`ProtocolFailure`: the connection is over,
GOAWAY is the last of ``out``, and :meth:`Core.lost` ends every open request. An answer
that is malformed in itself ends its own request alone.
"""

from __future__ import annotations

from typing import Final

from zpns.http._control import Control
from zpns.http._frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PRIORITY_FLAG,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    STREAM_MOST,
    WINDOW,
    WINDOW_UPDATE,
    ErrorCode,
    Failure,
    Page,
    ProtocolFailure,
    Sink,
    broken,
    code_name,
    frame,
    unpack,
)
from zpns.http._hpack import (
    LIST_MOST,
    Field,
    HeaderListTooLarge,
    HPACKError,
    ReplyTable,
)

__all__ = ["Core", "ErrorCode", "Failure", "Page", "ProtocolFailure", "Sink"]

BODY_MOST: Final = 1024 * 1024  # bytes of an answer; also the stream window we grant
HELD: Final = 16 * 1024 * 1024  # bytes of answers under way on the connection
HEADERS_MOST: Final = 65_536  # bytes of a header block over all its frames


class _Partial:
    """An answer of which more is to come."""

    __slots__ = ("body", "fields", "size", "status")

    def __init__(self, status: int, fields: list[Field]) -> None:
        self.status = status
        self.fields = fields
        self.body: list[bytes] = []
        self.size = 0


class _Block:
    """A header block of which more is to come."""

    __slots__ = ("flags", "gathered", "size", "stream")

    def __init__(self, stream: int, flags: int, start: bytes) -> None:
        self.stream = stream
        self.flags = flags
        self.gathered = bytearray(start)
        self.size = len(start)


class Core(Control):
    """
    One connection.

    What is sent is described at :class:`~zpns.http._outgoing.Outgoing`, what concerns all
    requests at :class:`~zpns.http._control.Control`; here are the answers.
    """

    def __init__(self) -> None:
        super().__init__()
        self._table = ReplyTable()
        self._partial: dict[int, _Partial] = {}
        self._buffer = b""
        self._block: _Block | None = None  # until END_HEADERS
        self._taken = 0  # bytes of DATA that the peer may not send again yet
        self._freed = 0  # those of them that nobody holds any more
        self._failed = False

    def start(self) -> None:
        """Say the preface."""
        settings = b"".join((
            b"\x00\x02\x00\x00\x00\x00",  # ENABLE_PUSH
            b"\x00\x04" + BODY_MOST.to_bytes(4, "big"),  # INITIAL_WINDOW_SIZE
            b"\x00\x06" + LIST_MOST.to_bytes(4, "big"),  # MAX_HEADER_LIST_SIZE
        ))  # fmt: skip
        update = (HELD - WINDOW).to_bytes(4, "big")
        self.out.append(
            PREFACE + frame(SETTINGS, 0, 0, settings) + frame(WINDOW_UPDATE, 0, 0, update)
        )

    def lost(self, reason: str, written: int = 0) -> None:
        """
        The connection is gone: every open request ends.

        Args:
            reason: One line.

            written: The first stream of which nothing left; 0 if that is not known.
        """
        self.usable = False
        unknown, never = Failure(reason), Failure(reason, processed=False)
        streams, unsent = list(self.streams.items()), set(self._unsent)
        for memory in (self.streams, self._unsent, self._partial):
            memory.clear()
        for stream, (sink, key) in streams:
            surely_not = stream in unsent or 0 < written <= stream
            sink.fail(key, never if surely_not else unknown)

    # Receiving.

    def receive(self, data: bytes) -> None:
        """
        Take bytes from the peer.

        Raises:
            ProtocolFailure: It broke the protocol; a GOAWAY is the last of ``out``.
        """
        if self._failed:
            return
        try:
            self._receive(data)
        except ProtocolFailure as failure:
            self._fail(failure)
            raise
        except HPACKError as error:
            much = isinstance(error, HeaderListTooLarge)
            code = ErrorCode.ENHANCE_YOUR_CALM if much else ErrorCode.COMPRESSION_ERROR
            broke = ProtocolFailure(code, f"header block: {error}")
            self._fail(broke)
            raise broke from error

    def _fail(self, failure: ProtocolFailure) -> None:
        self._failed = True
        self.usable = False
        self._buffer = b""
        self.bye(failure.code, str(failure))

    def _receive(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        place, end = 0, len(buffer)
        streams = self.streams
        while end - place >= 9:
            high, low, kind, flags, stream = unpack(buffer, place)
            size = (high << 16) + low
            if size > FRAME:
                raise ProtocolFailure(ErrorCode.FRAME_SIZE_ERROR, f"a frame of {size} bytes")
            stop = place + 9 + size
            if stop > end:
                break
            place += 9
            if kind == HEADERS and flags == 5 and self._block is None:
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
                    if self._table.status(buffer, place, stop) == 200:
                        del streams[stream]
                        owner[0].success(owner[1])
                    else:
                        self._refuse(stream, "an answer with two statuses", ended=True)
                    place = stop
                    continue
            self._frame(kind, flags, stream & STREAM_MOST, buffer, place, stop)
            place = stop
        self._buffer = buffer[place:] if place < end else b""

    def _frame(
        self, kind: int, flags: int, stream: int, buffer: bytes, start: int, stop: int
    ) -> None:
        block = self._block
        if block is not None and (kind != CONTINUATION or stream != block.stream):
            raise broken("a frame inside a header block")
        if not self.settled and kind != SETTINGS:
            raise broken("the first frame is no SETTINGS")
        if kind == DATA:
            self._data(flags, stream, buffer, start, stop)
        elif kind == HEADERS:
            self._headers(flags, stream, buffer, start, stop)
        elif kind == CONTINUATION:
            self._continuation(flags, buffer[start:stop])
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
                raise broken("PRIORITY of stream 0")
        elif kind == PUSH_PROMISE:
            raise broken("PUSH_PROMISE, although push is off")
        # Other kinds are extensions, to be ignored.

    # Answers.

    def _headers(self, flags: int, stream: int, buffer: bytes, start: int, stop: int) -> None:
        self._ours(stream, "HEADERS")
        if flags & PADDED:
            start, stop = _unpadded(buffer, start, stop)
        if flags & PRIORITY_FLAG:
            start += 5
            if start > stop:
                raise ProtocolFailure(ErrorCode.FRAME_SIZE_ERROR, "HEADERS cut short")
        if flags & END_HEADERS:
            self._answer(stream, flags, buffer, start, stop)
        else:
            self._block = _Block(stream, flags, buffer[start:stop])

    def _continuation(self, flags: int, payload: bytes) -> None:
        block = self._block
        if block is None:
            raise broken("CONTINUATION without HEADERS")
        block.gathered += payload
        # Empty ones count too: they cost us more than they cost the peer.
        block.size += len(payload) + 9
        if block.size > HEADERS_MOST:
            raise ProtocolFailure(ErrorCode.ENHANCE_YOUR_CALM, "a header block without end")
        if flags & END_HEADERS:
            self._block = None
            gathered = bytes(block.gathered)
            self._answer(block.stream, block.flags, gathered, 0, len(gathered))

    def _answer(self, stream: int, flags: int, buffer: bytes, start: int, stop: int) -> None:
        """Take a complete header block: of an answer, informational, or trailers."""
        owner = self.streams.get(stream)
        partial = self._partial.get(stream)
        plain = start < stop and buffer[start] == 0x88
        fields: list[Field] = []
        if owner is None or partial is not None or (plain and not owner[0].decodes):
            # The table has to follow every block, whoever still wants it.
            status = self._table.status(buffer, start, stop)
        else:
            fields = self._table.fields(buffer, start, stop)
            status = _status(fields)
        if owner is None:
            return
        ended = bool(flags & END_STREAM)
        if partial is not None:
            if ended:
                self._finish(stream, partial)
            else:
                self._refuse(stream, "trailers that do not end their stream")
        elif not status:
            self._refuse(stream, "an answer without one status", ended=ended)
        elif status < 200:
            if ended:
                self._refuse(stream, "an informational answer, and then the end", ended=True)
        elif ended:
            self._finish(stream, _Partial(status, fields))
        else:
            self._partial[stream] = _Partial(status, fields)

    def _data(self, flags: int, stream: int, buffer: bytes, start: int, stop: int) -> None:
        self._ours(stream, "DATA")
        # Padding counts, and so does what nobody wants any more.
        size = stop - start
        self._taken += size
        if self._taken > HELD:
            raise ProtocolFailure(ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the window")
        if flags & PADDED:
            start, stop = _unpadded(buffer, start, stop)
        partial = self._partial.get(stream)
        ended = bool(flags & END_STREAM)
        if partial is None:
            self._free(size)
            if stream in self.streams:
                self._refuse(stream, "DATA before HEADERS", ended=ended)
            return
        partial.size += size
        if start < stop:
            partial.body.append(buffer[start:stop])
        if partial.size > BODY_MOST or (partial.size == BODY_MOST and not ended):
            reason = f"an answer of more than {BODY_MOST} bytes"
            self._refuse(stream, reason, ErrorCode.CANCEL, ended=ended)
        elif ended:
            self._finish(stream, partial)
        elif self._freed > HELD - self._taken:
            self._grant()

    def _free(self, size: int) -> None:
        """Let the peer send *size* bytes more, soon."""
        self._freed += size
        if self._freed > HELD - self._taken:
            self._grant()

    def _grant(self) -> None:
        """Let the peer send as much as was freed."""
        self.out.append(frame(WINDOW_UPDATE, 0, 0, self._freed.to_bytes(4, "big")))
        self._taken -= self._freed
        self._freed = 0

    def _finish(self, stream: int, partial: _Partial) -> None:
        sink, key = self.streams.pop(stream)
        if stream in self._unsent:
            # It answered without reading on; RFC 9113, 8.1.
            self.out.append(
                frame(RST_STREAM, 0, stream, int(ErrorCode.NO_ERROR).to_bytes(4, "big"))
            )
        self._forget(stream)
        sink.answer(key, partial.status, partial.fields, b"".join(partial.body))

    def _forget(self, stream: int) -> None:
        super()._forget(stream)
        partial = self._partial.pop(stream, None)
        if partial is not None and partial.size:
            self._free(partial.size)

    def _rst_stream(self, stream: int, payload: bytes) -> None:
        self._ours(stream, "RST_STREAM")
        if len(payload) != 4:
            raise ProtocolFailure(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM of a wrong size")
        owner = self.streams.pop(stream, None)
        if owner is None:
            return
        code = int.from_bytes(payload, "big")
        # Who has begun to answer cannot have refused.
        refused = code == ErrorCode.REFUSED_STREAM and stream not in self._partial
        self._forget(stream)
        reason = f"the server reset the stream ({code_name(code)})"
        owner[0].fail(owner[1], Failure(reason, processed=not refused))


def _unpadded(buffer: bytes, start: int, stop: int) -> tuple[int, int]:
    """Return where the payload of a padded frame begins and ends."""
    if start >= stop or buffer[start] >= stop - start:
        raise broken("more padding than payload")
    return start + 1, stop - buffer[start]


def _status(fields: list[Field]) -> int:
    """Return the status; 0 if there is none, or not just one."""
    found = [value for name, value in fields if name == b":status"]
    if len(found) != 1 or len(found[0]) != 3 or not found[0].isdigit() or found[0] < b"100":
        return 0
    return int(found[0])
