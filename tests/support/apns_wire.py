"""Pushes of an APNs sender on a connection that a test drives by hand."""

from __future__ import annotations

from typing import Any

import h2.events
from apns_sender import APNsSender
from hyperframe.frame import GoAwayFrame

__all__ = ["Pairs", "ask", "goodbyes_of", "ignore_limit", "limit_of", "push", "watch"]


class Pairs(list[tuple[str, str]]):
    """Headers of which one may come twice."""

    def items(self) -> list[tuple[str, str]]:
        return self


def watch(client: Any) -> list[h2.events.Event]:
    """Return the list to which all further events of *client* are added."""
    events: list[h2.events.Event] = []
    take = client._take

    def note(event: h2.events.Event) -> None:
        events.append(event)
        take(event)

    client._take = note
    return events


def goodbyes_of(client: Any) -> list[tuple[int, int, bytes]]:
    """Return the list to which last stream, code and data of each GOAWAY are added."""
    seen: list[tuple[int, int, bytes]] = []

    def note(frame: GoAwayFrame) -> tuple[list[Any], list[Any]]:
        seen.append((frame.last_stream_id, frame.error_code, frame.additional_data))
        return [], []

    client.h2._frame_dispatch_table[GoAwayFrame] = note
    return seen


def ask(client: Any, apns: APNsSender, token: str, body: bytes = b'{"aps":{"badge":1}}',
         *, end: bool = True, **headers: str | None) -> int:  # fmt: skip
    """Prepare a push and return its stream."""
    stream: int = client.ask(f"/3/device/{token}", body, headers=apns.headers(**headers), end=end)
    return stream


async def push(client: Any, apns: APNsSender, token: str, **headers: str | None) -> Any:
    return await client.answer(ask(client, apns, token, **headers))


def limit_of(client: Any) -> int:
    """Return how many streams the server allows, as far as the client knows."""
    limit: int = client.h2.remote_settings.max_concurrent_streams
    return limit


def ignore_limit(client: Any) -> None:
    """Let the client open more streams than the server allows."""
    client.h2.remote_settings.max_concurrent_streams = 10_000
    client.h2.remote_settings.acknowledge()
