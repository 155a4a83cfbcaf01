"""What a simulator received: the record that tests and other processes read."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

import orjson

from zpns.errors import shorten

__all__ = ["RECORD_LIMIT", "Received", "Record"]

RECORD_LIMIT: Final = 1_000_000  # entries; at 0.5 kB a body some 700 MB when full
_HEADER_SETS: Final = 1_000  # different header sets kept for sharing


class Received(NamedTuple):
    """
    One request and what became of it.

    A plain tuple, because a load test keeps a million of them.

    Attributes:
        method: Upper case.

        path: With the query.

        headers: Names in lower case, ``authorization`` shortened. Shared; do not change.

        body: As received.

        status: What was answered, or 0 if nothing was.

        received_at: Seconds since 1970, by the server's clock.

        http_version: ``"1.1"`` or ``"2"``.

        connection: The client's port, which tells connections apart.

        fault: The kind of fault that struck, or an empty text.

        handled: Whether the vendor's handler saw the request.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    received_at: float
    http_version: str
    connection: int
    fault: str = ""
    handled: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return the entry as JSON values; the body parsed if it is JSON, else as text."""
        entry: dict[str, Any] = self._asdict()
        try:
            entry["body"] = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            entry["body"] = self.body.decode("utf-8", "replace")
        return entry


class Record:
    """
    Everything received, oldest first; beyond the limit the oldest is forgotten.

    Args:
        limit: How many entries are kept.
    """

    def __init__(self, limit: int = RECORD_LIMIT) -> None:
        self._entries: deque[Received] = deque(maxlen=limit)
        self._header_sets: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Received]:
        return iter(self._entries)

    def __getitem__(self, index: int) -> Received:
        return self._entries[index]

    def add(self, entry: Received) -> None:
        """Append *entry*."""
        self._entries.append(entry)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return *headers* fit to be kept: equal ones become one object, secrets short."""
        key = tuple(headers.items())
        kept = self._header_sets.get(key)
        if kept is None:
            kept = {
                name: _shortened(value) if name == "authorization" else value for name, value in key
            }
            # Vendors with an ID in a header never repeat a set; do not collect those.
            if len(self._header_sets) >= _HEADER_SETS:
                self._header_sets.clear()
            self._header_sets[key] = kept
        return kept

    def page(self, offset: int = 0, limit: int | None = None) -> list[Received]:
        """Return *limit* entries from *offset* on, or all of them."""
        stop = None if limit is None else offset + limit
        return list(islice(self._entries, offset, stop))

    def summary(self) -> dict[str, Any]:
        """Return how many entries there are, in all and by status."""
        statuses = Counter(entry.status for entry in self._entries)
        by_status = {str(status): statuses[status] for status in sorted(statuses)}
        return {"count": len(self._entries), "by_status": by_status}


def _shortened(authorization: str) -> str:
    """Return the header with its secret cut, the scheme still readable."""
    scheme, space, secret = authorization.partition(" ")
    return f"{scheme}{space}{shorten(secret)}" if space else shorten(authorization)
