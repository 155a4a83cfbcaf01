"""The half of the core that concerns all requests: SETTINGS, PING, GOAWAY, windows."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final

from zpns.http._frames import (
    ACK,
    FRAME,
    GOAWAY,
    PING,
    SETTINGS,
    STREAM_MOST,
    WINDOW_MOST,
    ErrorCode,
    Failure,
    ProtocolFailure,
    broken,
    code_name,
    frame,
)
from zpns.http._outgoing import Outgoing

__all__ = ["Control"]

OWED_MOST: Final = 1_000  # PINGs and SETTINGS to acknowledge at once; nghttp2 has the same
DEBUG_MOST: Final = 120  # bytes of a GOAWAY's debug data that are repeated

_SETTING: Final = Struct(">HI")


class Control(Outgoing):
    """
    What the peer says about the connection.

    Attributes:
        last: Last stream the peer will answer, once it said GOAWAY; else None.

        goaway: What the peer said then: code and debug data, shortened.

        on_pong: Called with the payload of each PING that was answered.
    """

    def __init__(self) -> None:
        super().__init__()
        self.last: int | None = None
        self.goaway: tuple[int, bytes] | None = None
        self.on_pong: Callable[[bytes], None] = lambda payload: None
        self._owed = 0  # acknowledgements in `out`

    def take(self) -> bytes:
        """Return what is to be sent now; ``out`` is empty then."""
        data = b"".join(self.out)
        self.out.clear()
        self._owed = 0
        return data

    def bye(self, code: ErrorCode = ErrorCode.NO_ERROR, reason: str = "") -> None:
        """Say GOAWAY; the peer opens no streams, so the last one is 0."""
        payload = (0).to_bytes(4, "big") + int(code).to_bytes(4, "big")
        self.out.append(frame(GOAWAY, 0, 0, payload + reason.encode()[:200]))

    def _ours(self, stream: int, name: str) -> None:
        """Refuse a frame of a stream that was never opened."""
        if not stream or not stream & 1 or stream >= self.next_id:
            raise broken(f"{name} of stream {stream}, which was never opened")

    def _refuse(
        self,
        stream: int,
        reason: str,
        code: ErrorCode = ErrorCode.PROTOCOL_ERROR,
        *,
        ended: bool = False,
    ) -> None:
        """End one open stream for the peer's fault; the connection goes on."""
        sink, key = self.streams[stream]
        if ended and stream not in self._unsent:
            del self.streams[stream]  # both sides have ended it already
            self._forget(stream)
        else:
            self.reset(stream, code)
        sink.fail(key, Failure(reason))

    def _settings(self, flags: int, stream: int, payload: bytes) -> None:
        if stream:
            raise broken("SETTINGS of a stream")
        if flags & ACK:
            if payload:
                raise ProtocolFailure(ErrorCode.FRAME_SIZE_ERROR, "a SETTINGS ACK with a payload")
            if not self.settled:
                raise broken("the first frame is no SETTINGS")
            return
        if len(payload) % 6:
            raise ProtocolFailure(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS of a wrong size")
        if not self.settled:
            self.settled = True
            self.max_streams = WINDOW_MOST  # unless it says otherwise now
        for name, value in _SETTING.iter_unpack(payload):
            self._setting(name, value)
        self._acknowledge(frame(SETTINGS, ACK, 0, b""))
        self._pump()

    def _setting(self, name: int, value: int) -> None:
        if name == 1:
            self.encoder.resize(value)
        elif name == 2:
            if value:
                raise broken("ENABLE_PUSH from a server")
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
            # Larger frames would gain nothing: pushes have a few kilobytes.
            if not FRAME <= value < 2**24:
                raise broken(f"MAX_FRAME_SIZE {value}")
        elif name == 6:
            self._fields_most = value

    def _ping(self, flags: int, stream: int, payload: bytes) -> None:
        if stream:
            raise broken("PING of a stream")
        if len(payload) != 8:
            raise ProtocolFailure(ErrorCode.FRAME_SIZE_ERROR, "PING of a wrong size")
        if flags & ACK:
            self.on_pong(payload)
        else:
            self._acknowledge(frame(PING, ACK, 0, payload))

    def _acknowledge(self, answer: bytes) -> None:
        """Send *answer*; a peer that asks without ever reading is not served for ever."""
        self._owed += 1
        if self._owed > OWED_MOST:
            raise ProtocolFailure(ErrorCode.ENHANCE_YOUR_CALM, "too much to acknowledge")
        self.out.append(answer)

    def _goaway(self, stream: int, payload: bytes) -> None:
        if stream:
            raise broken("GOAWAY of a stream")
        if len(payload) < 8:
            raise ProtocolFailure(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY of a wrong size")
        last = int.from_bytes(payload[:4], "big") & STREAM_MOST
        if self.last is not None and last > self.last:
            raise broken("GOAWAY with a last stream above the one before")
        self.last = last
        self.usable = False
        self.goaway = (int.from_bytes(payload[4:8], "big"), payload[8 : 8 + DEBUG_MOST])
        failure = Failure(f"{self.farewell} and did not process it", processed=False)
        for number in [number for number in self.streams if number > last]:
            owner = self.streams.pop(number, None)
            if owner is not None:  # a sink that was told may have given up another
                self._forget(number)
                owner[0].fail(owner[1], failure)

    @property
    def farewell(self) -> str:
        """The peer's GOAWAY in words; empty if it said none."""
        if self.goaway is None:
            return ""
        code, debug = self.goaway
        said = "".join(char if char.isprintable() else "?" for char in debug.decode("latin-1"))
        return f"the server goes away ({code_name(code)}{': ' if said else ''}{said})"

    def _window_update(self, stream: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ProtocolFailure(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE of a wrong size")
        grant = int.from_bytes(payload, "big") & WINDOW_MOST
        if not stream:
            if not grant:
                raise broken("WINDOW_UPDATE of 0")
            self.window += grant
            if self.window > WINDOW_MOST:
                raise ProtocolFailure(ErrorCode.FLOW_CONTROL_ERROR, "a window over 2^31-1")
        else:
            self._ours(stream, "WINDOW_UPDATE")
            unsent = self._unsent.get(stream)
            if not grant:
                if stream in self.streams:
                    self._refuse(stream, "WINDOW_UPDATE of 0")
            elif unsent is not None:
                unsent.window += grant
                if unsent.window > WINDOW_MOST:
                    code = ErrorCode.FLOW_CONTROL_ERROR
                    self._refuse(stream, "a window over 2^31-1", code)
        if self._unsent:
            self._pump()
