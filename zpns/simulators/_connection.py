"""A connection, as the vendors see it to which connections matter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

__all__ = ["MAX_STREAMS", "Connection", "OnExcess", "RepeatedHeaders"]

OnExcess: TypeAlias = Literal["refuse", "close"]
"""What meets a stream over the limit: RST_STREAM REFUSED_STREAM, or GOAWAY PROTOCOL_ERROR."""

MAX_STREAMS: Final = 1_000  # concurrent streams per connection
NO_ERROR: Final = 0  # HTTP/2 error code: RFC 9113, section 7


class Connection:
    """
    One client's connection: what it is, and what may be asked of it.

    What is asked takes effect on HTTP/2; HTTP/1.1 has neither streams nor GOAWAY.

    Args:
        port: The client's port.

        http_version: ``"1.1"`` or ``"2"``.

        max_streams: Concurrent streams allowed.

        certificate: The client's certificate, DER, or None.

    Attributes:
        port: The client's port, which tells connections apart.

        http_version: ``"1.1"`` or ``"2"``.

        certificate: The client's certificate, DER, or None.

        max_streams: Concurrent streams allowed, as last announced.

        on_excess: What meets a stream over the limit.

        goodbye: The data of the GOAWAY that was asked for; None if none was.

        state: The vendor's own.
    """

    __slots__ = (
        "_on_go_away",
        "_on_limit",
        "certificate",
        "goodbye",
        "http_version",
        "max_streams",
        "on_excess",
        "port",
        "state",
    )

    def __init__(
        self,
        port: int = 0,
        http_version: str = "2",
        *,
        max_streams: int = MAX_STREAMS,
        certificate: bytes | None = None,
    ) -> None:
        self.port = port
        self.http_version = http_version
        self.max_streams = max_streams
        self.certificate = certificate
        self.on_excess: OnExcess = "refuse"
        self.goodbye: bytes | None = None
        self.state: Any = None
        self._on_limit: Callable[[int], None] | None = None
        self._on_go_away: Callable[[int, bytes], None] | None = None

    def attach(
        self, on_limit: Callable[[int], None], on_go_away: Callable[[int, bytes], None]
    ) -> None:
        """Have what is asked done: *on_limit* of streams, *on_go_away* of code and data."""
        self._on_limit = on_limit
        self._on_go_away = on_go_away

    def limit_streams(self, count: int) -> None:
        """Announce that *count* concurrent streams are allowed from now on."""
        if count != self.max_streams:
            self.max_streams = count
            if self._on_limit is not None:
                self._on_limit(count)

    def go_away(self, data: bytes = b"", *, error_code: int = NO_ERROR) -> None:
        """Say GOAWAY once: streams so far are served, later ones are not, then it closes."""
        if self.goodbye is None:
            self.goodbye = data
            if self._on_go_away is not None:
                self._on_go_away(error_code, data)


class RepeatedHeaders(dict[str, str]):
    """
    Headers of a request in which a name came more than once; its last value is kept.

    Attributes:
        repeated: The names in question.
    """

    def __init__(self, headers: Mapping[str, str], repeated: Iterable[str]) -> None:
        super().__init__(headers)
        self.repeated = frozenset(repeated)
