"""Content encodings are undone whole or not at all."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpns.http._inflate import TooLarge, inflate

MOST = 1_000  # bytes


def raw_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(body) + stream.flush()


CODINGS = {"gzip": gzip.compress, "deflate": zlib.compress, "raw": raw_deflate}


@given(body=st.binary(max_size=MOST), coding=st.sampled_from(["gzip", "deflate"]))
def test_round_trip(body: bytes, coding: str) -> None:
    """What was compressed comes back."""
    assert body == inflate(CODINGS[coding](body), coding, most=MOST)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        pytest.param(b"abc", "", id="none"),
        pytest.param(b"abc", "identity", id="identity"),
        pytest.param(gzip.compress(b"abc"), "GZip", id="any-case"),
        pytest.param(gzip.compress(b"abc"), "x-gzip", id="old-name"),
        pytest.param(raw_deflate(b"abc"), "deflate", id="deflate-without-its-frame"),
        pytest.param(gzip.compress(zlib.compress(b"abc")), "deflate, gzip", id="two"),
        pytest.param(gzip.compress(b"abc"), "gzip, identity,", id="one-of-two-is-nothing"),
    ],
)
def test_undone(body: bytes, encoding: str) -> None:
    """Each spelling a server uses is understood."""
    assert b"abc" == inflate(body, encoding, most=MOST)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_nothing_stays_nothing(encoding: str) -> None:
    """An answer without a body may still name an encoding."""
    assert b"" == inflate(b"", encoding, most=MOST)


@pytest.mark.parametrize(
    ("body", "encoding", "told"),
    [
        pytest.param(b"{}", "gzip", "malformed", id="not-gzip"),
        pytest.param(b"\xff\xff\xff", "deflate", "malformed", id="not-deflate"),
        pytest.param(gzip.compress(b"abc" * 99)[:-9], "gzip", "half way", id="gzip-cut"),
        pytest.param(zlib.compress(b"abc" * 99)[:-5], "deflate", "half way", id="deflate-cut"),
        pytest.param(gzip.compress(b"abc") + b"x", "gzip", "after its end", id="more-after"),
        pytest.param(b"abc", "br", "'br'", id="brotli"),
        pytest.param(b"abc", "gzip, zstd", "'zstd'", id="unknown-is-undone-first"),
    ],
)
def test_refused(body: bytes, encoding: str, told: str) -> None:
    """A body that cannot be undone as a whole is not undone at all."""
    with pytest.raises(ValueError, match=told):
        inflate(body, encoding, most=MOST)


@pytest.mark.parametrize("compress", CODINGS.values(), ids=CODINGS)
def test_the_limit(compress: Callable[[bytes], bytes]) -> None:
    """The limit fits, and one byte more does not."""
    encoding = "gzip" if compress is gzip.compress else "deflate"

    assert bytes(MOST) == inflate(compress(bytes(MOST)), encoding, most=MOST)
    with pytest.raises(TooLarge):
        inflate(compress(bytes(MOST + 1)), encoding, most=MOST)


def test_the_limit_holds_on_the_way() -> None:
    """A bomb inside a bomb is stopped at the first stage that is too large."""
    bomb = gzip.compress(gzip.compress(bytes(1_000_000)) + bytes(MOST))

    with pytest.raises(TooLarge):
        inflate(bomb, "gzip, gzip", most=MOST)
