"""
Undoing a content encoding, whole or not at all.

aiohttp could do it, but hands out what it has when a gzip stream stops half way, and a
verdict must never be read from half an answer.
"""

from __future__ import annotations

import zlib
from typing import Final

__all__ = ["ACCEPTED", "TooLarge", "inflate"]

ACCEPTED: Final = "gzip, deflate"  # what zlib can undo; vendors offer nothing better

_GZIP: Final = 16 + zlib.MAX_WBITS
_ZLIB: Final = zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS
_DEFLATE_METHOD: Final = 8  # low bits of a zlib stream's first byte, RFC 1950 section 2.2


class TooLarge(ValueError):
    """The body is larger than allowed."""


def inflate(body: bytes, encoding: str, *, most: int) -> bytes:
    """
    Return *body* with its content encoding undone.

    Args:
        body: The complete body as it was received; an empty one stays empty.

        encoding: The header ``content-encoding``; several are undone last one first.

        most: Bytes the result, and each step on the way, may have.

    Raises:
        TooLarge: There is more.

        ValueError: The encoding is unknown, or the body is malformed or cut off.
    """
    for name in reversed(encoding.lower().split(",")):
        coding = name.strip()
        if not body or coding in ("", "identity"):
            continue
        if coding in ("gzip", "x-gzip"):
            body = _undo(body, _GZIP, most)
        elif coding == "deflate":
            # Some servers leave the zlib frame out, against RFC 9110 section 8.4.1.2.
            framed = body[0] & 0x0F == _DEFLATE_METHOD
            body = _undo(body, _ZLIB if framed else _RAW, most)
        else:
            raise ValueError(f"the content encoding {coding!r} was not asked for")
    return body


def _undo(body: bytes, form: int, most: int) -> bytes:
    """Inflate *body*, which must be one stream and nothing after it."""
    stream = zlib.decompressobj(form)
    try:
        # One byte more than allowed tells "just fits" from "too much".
        found = stream.decompress(body, most + 1)
    except zlib.error as error:
        raise ValueError("the compressed body is malformed") from error
    if len(found) > most:
        raise TooLarge
    if not stream.eof:
        raise ValueError("the compressed body stops half way")
    if stream.unused_data:
        raise ValueError("the compressed body goes on after its end")
    return found
