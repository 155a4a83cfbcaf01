"""
Devices behind APNs: what each of them received, and the one push that waits for it.

While a device is offline APNs keeps at most one push per app, the latest. Time comes from
outside and a device is brought up to date when it is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs
import orjson

from zpns.errors import shorten

__all__ = ["PRESENCES", "STATES", "APNsDevice", "APNsPush", "Presence", "State"]

State: TypeAlias = Literal["known", "unregistered", "expired"]
Presence: TypeAlias = Literal["online", "offline"]

STATES: Final = ("known", "unregistered", "expired")
PRESENCES: Final = ("online", "offline")

_INEXACT: Final = 1e-6  # seconds; sums of steps are not exact


def _length(pushes: list[Any]) -> str:
    return f"<{len(pushes)}>"


@attrs.define(eq=False)
class APNsPush:
    """
    One accepted push on its way to one device.

    Attributes:
        apns_id: As answered.

        topic: The header ``apns-topic``, or the topic of the client's certificate.

        push_type: The header ``apns-push-type``, or an empty text.

        priority: 10, 5 or 1.

        expiration: The header ``apns-expiration``, or None.

        collapse_id: The header ``apns-collapse-id``, or an empty text.

        body: The request's body as it came.

        received_at: When APNs took it, seconds since 1970.

        expires_at: From when on it is not kept any more, seconds since 1970.

        connection: The client's port, which tells connections apart.

        delivered_at: When the device got it, or None.
    """

    apns_id: str
    topic: str
    push_type: str
    priority: int
    expiration: int | None
    collapse_id: str
    body: bytes = attrs.field(repr=lambda body: f"<{len(body)} bytes>")
    received_at: float
    expires_at: float
    connection: int = 0
    delivered_at: float | None = None

    @property
    def payload(self) -> Any:
        """The body, parsed."""
        return orjson.loads(self.body)

    @property
    def aps(self) -> Mapping[str, Any]:
        """The dictionary ``aps`` of the body; empty if there is none."""
        payload = self.payload
        aps: Any = payload.get("aps") if isinstance(payload, dict) else None
        return aps if isinstance(aps, dict) else {}


@attrs.define(eq=False)
class APNsDevice:
    """
    One token of one app on one device.

    Attributes:
        token: In lower case.

        kind: What the token is for, such as ``"alert"`` or ``"voip"``.

        topic: What it may be pushed to.

        app: The app's bundle ID.

        state: ``"known"``, ``"unregistered"`` (the app was removed) or ``"expired"``.

        presence: ``"online"`` or ``"offline"``.

        gone_since: Since when APNs knows that it is not known any more, seconds since
            1970, or None.

        delivered: What the app received, oldest first.

        waiting: What it will receive once it is online, or None.

        lost: What it never received, with the reason: ``"expired"``, ``"collapsed"``
            (a later push with the same ID came), ``"replaced"`` (any other came) or
            ``"unregistered"``.
    """

    token: str = attrs.field(repr=shorten)
    kind: str
    topic: str
    app: str
    state: State = "known"
    presence: Presence = "online"
    gone_since: float | None = None
    delivered: list[APNsPush] = attrs.field(factory=list, repr=_length)
    waiting: APNsPush | None = None
    lost: list[tuple[str, APNsPush]] = attrs.field(factory=list, repr=_length)
    # One number is enough to hold a rate: the time at which the bucket is full again.
    _full_at: float = attrs.field(default=0.0, init=False, repr=False)

    @property
    def shown(self) -> list[APNsPush]:
        """What is on the screen if the user touched nothing: a collapse ID is there once."""
        shown: dict[object, APNsPush] = {}
        for push in self.delivered:
            if push.push_type in ("", "alert") and push.aps.get("alert"):
                key = push.collapse_id or push
                shown.pop(key, None)
                shown[key] = push
        return list(shown.values())

    def admit(self, now: float, per_minute: int) -> bool:
        """Count one push, or return False if the device had too many of late."""
        step = 60.0 / per_minute
        full_at = max(now, self._full_at)
        if full_at - now > 60.0 - step + _INEXACT:
            return False
        self._full_at = full_at + step
        return True

    def accept(self, push: APNsPush, now: float) -> None:
        """Take a push and deliver it, keep it, or lose it."""
        self.settle(now)
        if self.presence == "online":
            self._deliver(push, now)
        elif push.expires_at <= now:
            self.lost.append(("expired", push))
        else:
            waiting = self.waiting
            if waiting is not None:
                same = push.collapse_id != "" and push.collapse_id == waiting.collapse_id
                self.lost.append(("collapsed" if same else "replaced", waiting))
            self.waiting = push

    def settle(self, now: float) -> None:
        """Drop what has expired by *now*."""
        if self.waiting is not None and self.waiting.expires_at <= now:
            self._lose_waiting("expired")

    def appear(self, presence: Presence, now: float) -> None:
        """Go online or offline at *now*."""
        self.settle(now)
        self.presence = presence
        if presence == "online" and self.waiting is not None:
            self._deliver(self.waiting, now)
            self.waiting = None

    def leave(self, state: State, now: float | None) -> None:
        """Be known no more, since *now* or since somebody notices; what waited is lost."""
        self.state = state
        self.gone_since = now
        self._lose_waiting(state)

    def _deliver(self, push: APNsPush, now: float) -> None:
        push.delivered_at = now
        self.delivered.append(push)

    def _lose_waiting(self, why: str) -> None:
        if self.waiting is not None:
            self.lost.append((why, self.waiting))
            self.waiting = None
