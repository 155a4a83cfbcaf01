"""
Devices behind FCM: what each of them received, and what waits for it.

A device is online, dozing or offline. Online it receives everything at once; dozing, only
what has high priority; offline, nothing. What it cannot receive waits, and on Android
waits in FCM's own store with its four collapse keys and its hundred messages. Time comes
from outside and a device is brought up to date when it is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import attrs

from zpns.errors import shorten
from zpns.simulators._fcm_parser import seconds
from zpns.simulators._fcm_schema import parse

__all__ = ["KINDS", "PRESENCES", "STATES", "FCMDevice", "FCMMessage", "Plan", "plan"]

Kind: TypeAlias = Literal["android", "web", "apple"]
State: TypeAlias = Literal["known", "unregistered", "other_sender", "disabled"]
Presence: TypeAlias = Literal["online", "dozing", "offline"]

KINDS: Final = ("android", "web", "apple")
STATES: Final = ("known", "unregistered", "other_sender", "disabled")
PRESENCES: Final = ("online", "dozing", "offline")

MAX_TTL: Final = 2_419_200  # seconds; 28 days, what FCM takes if nothing is said
APPLE_TTL: Final = 2_592_000  # seconds; 30 days, what FCM writes into apns-expiration
MAX_COLLAPSE_KEYS: Final = 4  # per device at once
MAX_WAITING: Final = 100  # messages without collapse key per device
COLLAPSIBLE_BURST: Final = 20
COLLAPSIBLE_EVERY: Final = 180.0  # seconds until one more is delivered at once

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def _length(messages: list[Any]) -> str:
    return f"<{len(messages)}>"


@attrs.define(eq=False)
class FCMMessage:
    """
    One accepted message on its way to one device.

    Attributes:
        message_id: The last part of the name that was answered.

        body: The request as it came.

        kind: Of the device: ``"android"``, ``"web"`` or ``"apple"``.

        received_at: When FCM took it, seconds since 1970.

        expires_at: From when on it is not delivered any more.

        high: Whether it wakes a dozing device.

        collapse_key: What it replaces, or None.

        due_at: Before this it waits, because the device had too many collapsible ones.

        delivered_at: When the device got it, or None.
    """

    message_id: str
    body: bytes = attrs.field(repr=lambda body: f"<{len(body)} bytes>")
    kind: Kind
    received_at: float
    expires_at: float
    high: bool
    collapse_key: str | None
    due_at: float
    delivered_at: float | None = None

    @property
    def message(self) -> dict[str, Any]:
        """The message as FCM read it: names in camelCase, enums by name, no nulls."""
        request, _ = parse(self.body)
        message: dict[str, Any] = request["message"]
        return message

    @property
    def data(self) -> dict[str, str]:
        """The data map that the app gets; a platform's own map replaces the common one."""
        message = self.message
        own = {"android": _android(message), "web": message.get("webpush", _NOTHING)}
        data: dict[str, str] = own.get(self.kind, _NOTHING).get("data") or message.get("data", {})
        return data


@attrs.define(eq=False)
class Plan:
    """
    How a message is to be treated on its way.

    Attributes:
        ttl: Whole seconds; 0 is delivered at once or not at all.

        high: Whether it wakes the device.

        collapse_key: What it replaces, or None.

        collapsible: Whether it counts among those an Android device gets few of in a row.
    """

    ttl: float
    high: bool
    collapse_key: str | None
    collapsible: bool


@attrs.define(eq=False)
class FCMDevice:
    """
    One installation of the app.

    Attributes:
        token: Its registration token, or its FID if it has nothing else.

        kind: ``"android"``, ``"web"`` or ``"apple"``.

        package: The app's package name, or bundle ID.

        state: ``"known"``, ``"unregistered"``, ``"other_sender"`` (the token belongs to
            another project) or ``"disabled"`` (Apple says so).

        presence: ``"online"``, ``"dozing"`` or ``"offline"``.

        delivered: What the app received, oldest first.

        waiting: What it will receive once it can.

        lost: What it never received, with the reason: ``"expired"``, ``"collapsed"``,
            ``"overflow"`` or ``"unregistered"``.

        deleted_messages: How often the app was told that waiting messages were dropped.
    """

    token: str = attrs.field(repr=shorten)
    kind: Kind = "android"
    package: str = ""
    state: State = "known"
    presence: Presence = "online"
    delivered: list[FCMMessage] = attrs.field(factory=list, repr=_length)
    waiting: list[FCMMessage] = attrs.field(factory=list, repr=_length)
    lost: list[tuple[str, FCMMessage]] = attrs.field(factory=list, repr=_length)
    deleted_messages: int = 0
    _overflowed: bool = attrs.field(default=False, init=False, repr=False)
    _since: float = attrs.field(default=0.0, init=False, repr=False)  # of the presence
    # One number each is enough to hold a rate: the time at which the bucket is full again.
    _minute: float = attrs.field(default=0.0, init=False, repr=False)
    _hour: float = attrs.field(default=0.0, init=False, repr=False)
    _collapsible: float = attrs.field(default=0.0, init=False, repr=False)

    def admit(self, now: float, per_minute: int, per_hour: int) -> bool:
        """Count one message, or return False if the device had too many of late."""
        minute_step, hour_step = 60.0 / per_minute, 3600.0 / per_hour
        minute = max(now, self._minute)
        hour = max(now, self._hour)
        # Half a step of tolerance: sums of steps are not exact.
        if minute - now > 60.0 - minute_step / 2 or hour - now > 3600.0 - hour_step / 2:
            return False
        self._minute, self._hour = minute + minute_step, hour + hour_step
        return True

    def accept(self, message_id: str, body: bytes, plan: Plan, now: float) -> None:
        """Take a message and deliver it, keep it, or lose it."""
        if self.waiting:
            self.settle(now)
        due_at = now
        if plan.collapsible and plan.ttl:
            due_at = self._delay_collapsible(now)
        expires_at, high, key = now + plan.ttl, plan.high, plan.collapse_key
        message = FCMMessage(message_id, body, self.kind, now, expires_at, high, key, due_at)
        if due_at <= now and self._reaches(message):
            message.delivered_at = now
            self.delivered.append(message)
        elif not plan.ttl:
            self.lost.append(("expired", message))
        else:
            self._keep(message)

    def settle(self, now: float) -> None:
        """Deliver what is due by *now* and drop what has expired."""
        waiting, self.waiting = self.waiting, []
        for message in waiting:
            when = max(message.due_at, self._since)
            if when <= now and when < message.expires_at and self._reaches(message):
                message.delivered_at = when
                self.delivered.append(message)
            elif message.expires_at <= now:
                self.lost.append(("expired", message))
            else:
                self.waiting.append(message)

    def appear(self, presence: Presence, now: float) -> None:
        """Go online, doze off or go offline at *now*."""
        self.settle(now)
        self.presence = presence
        self._since = now
        self.settle(now)
        if presence != "offline" and self._overflowed:
            self._overflowed = False
            self.deleted_messages += 1

    def uninstall(self) -> None:
        """Remove the app; what waited is lost."""
        self.state = "unregistered"
        self._lose_waiting("unregistered")

    def _reaches(self, message: FCMMessage) -> bool:
        return self.presence == "online" or (self.presence == "dozing" and message.high)

    def _delay_collapsible(self, now: float) -> float:
        """Count one collapsible message and return when it is delivered."""
        full_again = max(self._collapsible, now)
        self._collapsible = full_again + COLLAPSIBLE_EVERY
        return max(now, full_again - (COLLAPSIBLE_BURST - 1) * COLLAPSIBLE_EVERY)

    def _keep(self, message: FCMMessage) -> None:
        """Store a message; only Android's store, which is FCM's own, has limits."""
        if message.collapse_key is not None:
            self._collapse(message.collapse_key)
        self.waiting.append(message)
        if self.kind != "android":
            return
        keys = [other.collapse_key for other in self.waiting if other.collapse_key is not None]
        if len(keys) > MAX_COLLAPSE_KEYS:
            # Which key loses is undefined; here it is the one that waited longest.
            self._collapse(keys[0])
        if len(self.waiting) - len(keys) > MAX_WAITING:
            self._lose_waiting("overflow")
            self._overflowed = True

    def _collapse(self, key: str) -> None:
        """Drop what waits under *key*."""
        self.lost += [("collapsed", other) for other in self.waiting if other.collapse_key == key]
        self.waiting = [other for other in self.waiting if other.collapse_key != key]

    def _lose_waiting(self, why: str) -> None:
        self.lost += [(why, message) for message in self.waiting]
        self.waiting.clear()


def plan(message: Mapping[str, Any], kind: Kind, package: str, now: float) -> Plan:
    """
    Return how *message* travels to a device of *kind*.

    Args:
        message: As the parser gives it.

        kind: Of the device.

        package: The key under which its notifications replace each other.

        now: Seconds since 1970; Apple's lifetime is a date.
    """
    if kind == "android":
        return _android_plan(message, package)
    section = message.get("webpush" if kind == "web" else "apns", _NOTHING)
    headers = {name.lower(): value for name, value in section.get("headers", _NOTHING).items()}
    if kind == "web":
        ttl = min(_whole(headers.get("ttl"), MAX_TTL), MAX_TTL)
        return Plan(ttl, headers.get("urgency") == "high", headers.get("topic"), False)
    expiration = _whole(headers.get("apns-expiration"), int(now) + APPLE_TTL)
    ttl = max(expiration - int(now), 0)
    return Plan(
        ttl, headers.get("apns-priority", "10") == "10", headers.get("apns-collapse-id"), False
    )


def _android_plan(message: Mapping[str, Any], package: str) -> Plan:
    config = _android(message)
    ttl = config.get("ttl")
    remote = config.get("remoteNotification")
    shown = "notification" in message or "notification" in config or remote is not None
    priority = config.get("priority")
    if priority is None:
        # The discovery document: normal for data, high for what is shown.
        high = shown
    else:
        high = priority == "HIGH"
    # What is shown ignores the message's own key and always replaces what waits.
    key = package if shown else config.get("collapseKey") or None
    return Plan(MAX_TTL if ttl is None else int(seconds(ttl)), high, key, key is not None)


def _android(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the section for Android, whichever of the two models was used."""
    config: Mapping[str, Any] = message.get("android") or message.get("androidV2") or _NOTHING
    return config


def _whole(text: str | None, default: int) -> int:
    """Return the number that *text* spells, or *default* if it spells none."""
    return int(text) if text is not None and text.isascii() and text.isdigit() else default
