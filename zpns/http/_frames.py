"""What HTTP/2 frames are made of, and the words both halves of the core share."""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple, Protocol

from zpns.http._hpack import Field

__all__ = [
    "ACK",
    "CONTINUATION",
    "DATA",
    "END_HEADERS",
    "END_STREAM",
    "FRAME",
    "GOAWAY",
    "HEADERS",
    "PADDED",
    "PING",
    "PREFACE",
    "PRIORITY",
    "PRIORITY_FLAG",
    "PUSH_PROMISE",
    "RST_STREAM",
    "SETTINGS",
    "STREAM_MOST",
    "WINDOW",
    "WINDOW_MOST",
    "WINDOW_UPDATE",
    "ErrorCode",
    "Failure",
    "Page",
    "ProtocolFailure",
    "Sink",
    "broken",
    "code_name",
    "frame",
    "pack",
    "unpack",
]

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

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

_HEAD: Final = Struct(">BHBBI")
pack: Final = _HEAD.pack
unpack: Final = _HEAD.unpack_from


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
    """
    The peer broke the protocol; the connection is over.

    Attributes:
        code: What GOAWAY says of it.
    """

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(f"{reason} ({code.name})")
        self.code = code


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Return a frame."""
    size = len(payload)
    return pack(size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def broken(reason: str) -> ProtocolFailure:
    """Return the failure that has no code of its own."""
    return ProtocolFailure(ErrorCode.PROTOCOL_ERROR, reason)


def code_name(code: int) -> str:
    """Return how an error code is called."""
    return ErrorCode(code).name if code in ErrorCode._value2member_map_ else f"code {code}"
