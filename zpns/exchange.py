"""
What a conversation with a vendor is made of, and the loop that drives one.

Transports look down at this room to say *what* is sent; carriers look down at it
to send. Neither knows the other. Time is an argument here too: :class:`Clock`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import attrs

from zpns.errors import StateError

__all__ = [
    "BulkForm",
    "Carrier",
    "Clock",
    "Exchange",
    "OneLoop",
    "Request",
    "Response",
    "SystemClock",
    "run",
]

T = TypeVar("T")

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


@attrs.frozen(kw_only=True)
class Request:
    """
    One HTTP request, complete.

    Attributes:
        method: Upper case.

        url: Absolute.

        headers: Names in lower case. Values may hold credentials, so ``repr`` leaves them out.

        body: The bytes to send.
    """

    method: str
    url: str
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=lambda h: repr(sorted(h)))
    body: bytes = attrs.field(default=b"", repr=lambda b: f"<{len(b)} bytes>")


@attrs.frozen(kw_only=True)
class Response:
    """
    One HTTP answer, complete.

    Attributes:
        status: The HTTP status.

        headers: Names in lower case; of a repeated header the last value.

        body: The bytes received, content encoding undone.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""


@attrs.frozen(kw_only=True)
class BulkForm:
    """
    A request with holes, for a page of targets that share everything else.

    The token goes between the halves of *body* if the second half is not empty, and else
    between those of *path*. Its header fields are those of ``Prepared.request``,
    pseudo-headers apart.

    Attributes:
        method: Of every request.

        authority: Host and port.

        path: Before and after the token; the whole path and ``b""`` if it is in the body.

        body: Before and after the token; the whole body and ``b""`` if it is in the path.

        headers: Lower-case names and values that all requests share, the credential
            included.

        numbered: A header that differs per target, as name and the value's constant
            part, which is followed by the target's ``seq`` as 12 hex digits; or None.

        success: What a plain success means; whoever uses the form knows, the carrier does
            not look at it.

        lowers: Whether tokens are sent in lower case.
    """

    method: bytes
    authority: bytes
    path: tuple[bytes, bytes]
    body: tuple[bytes, bytes]
    headers: tuple[tuple[bytes, bytes], ...] = attrs.field(
        repr=lambda headers: repr([name for name, _ in headers])
    )
    numbered: tuple[bytes, bytes] | None = None
    success: Any = None
    lowers: bool = False


Exchange: TypeAlias = Generator[Request, Response, T]
"""A conversation: yields requests, receives answers, returns its result."""


class Carrier(Protocol):
    """Carries one request to a vendor and its answer back."""

    async def send(self, request: Request, *, timeout: float) -> Response:
        """
        Send *request* and return the answer, whatever its status.

        Args:
            request: What to send.

            timeout: Seconds until the answer must be complete, greater than 0.

        Raises:
            CarrierError: The bytes did not make it; ``sent`` says whether the
                vendor may have received them.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection; requests under way fail with :class:`CarrierError`."""
        ...


class Clock(Protocol):
    """Where time comes from. Deadlines in the process are monotonic; stored times are not."""

    def time(self) -> float:
        """Return seconds since 1970, UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        ...

    async def sleep_until(self, when: float) -> None:
        """Return once :meth:`monotonic` is at least *when*; at once if it already is."""
        ...


class SystemClock:
    """The machine's clock."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep_until(self, when: float) -> None:
        delay = when - time.monotonic()
        if delay > 0:
            await asyncio.sleep(delay)


class OneLoop:
    """
    Holds an object to the event loop in which it was first used.

    Args:
        name: What the object is called in the error.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None

    def check(self) -> asyncio.AbstractEventLoop:
        """
        Return the running loop.

        Raises:
            StateError: It is not the one of the first use.
        """
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise StateError(
                f"this {self._name} belongs to another event loop; make one in each loop"
            )
        return loop


async def run(exchange: Exchange[T], carrier: Carrier, *, timeout: float) -> T:
    """
    Send every request *exchange* yields, hand back each answer, return its result.

    Args:
        exchange: The conversation. It is closed before this returns, so its
            ``finally`` blocks run even if the carrier failed.

        carrier: What carries it.

        timeout: Seconds allowed for each request.

    Raises:
        CarrierError: A request of the conversation did not make it.

        VendorError: Raised by the conversation itself.
    """
    try:
        request = next(exchange)
        while True:
            request = exchange.send(await carrier.send(request, timeout=timeout))
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        exchange.close()
