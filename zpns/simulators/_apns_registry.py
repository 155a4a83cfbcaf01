"""Which tokens APNs knows in one environment, and what tests do to the devices behind."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from zpns.errors import ParameterError, shorten
from zpns.simulators._apns_checks import SUFFIXES, TOPIC, app_of, one_of
from zpns.simulators._apns_devices import (
    PRESENCES,
    STATES,
    APNsDevice,
    APNsPush,
    Presence,
    State,
)
from zpns.simulators._apns_errors import Refused

__all__ = ["KINDS", "Registry"]

#: What a token may be for. Background pushes go to the tokens of alerts.
KINDS: Final = tuple(kind for kind in SUFFIXES if kind != "background")

_TOKEN_SIZE: Final = 32  # bytes
_TOKEN: Final = re.compile(r"([0-9a-f]{2}){1,100}")


class Registry:
    """
    The devices of one environment.

    Args:
        bundle_id: Of the app that devices have unless told otherwise.

    Attributes:
        bundle_id: Of the app that devices have unless told otherwise.

        devices: By token. One phone is several of them: its alert token and its VoIP
            token are two.
    """

    def __init__(self, bundle_id: str) -> None:
        self.bundle_id = bundle_id
        self._apps = {bundle_id}
        self._devices: dict[str, APNsDevice] = {}
        self.devices: Mapping[str, APNsDevice] = MappingProxyType(self._devices)

    def register(
        self,
        token: str | None = None,
        *,
        topic: str | None = None,
        kind: str = "alert",
        state: State = "known",
        presence: Presence = "online",
    ) -> str:
        """
        Make a device and return its token.

        Args:
            token: Hexadecimal, an even number of digits, 200 at most; one of 64 digits is
                made if not given.

            topic: The app's bundle ID, with or without the ending that goes with *kind*;
                *bundle_id* if not given. The team may push to the app from now on.

            kind: What the token is for: ``"alert"`` (with background pushes),
                ``"voip"``, ``"liveactivity"`` or any other push type.

            state: ``"known"``, ``"unregistered"`` (the app was there once) or
                ``"expired"``.

            presence: ``"online"`` or ``"offline"``.

        Returns:
            The token, in lower case.

        Raises:
            ParameterError: A value is unknown, or there is a device with this token.
        """
        one_of("kind", kind, KINDS)
        one_of("state", state, STATES)
        one_of("presence", presence, PRESENCES)
        topic = self._topic(self.bundle_id if topic is None else topic, kind)
        token = secrets.token_hex(_TOKEN_SIZE) if token is None else self._new(token)
        app = app_of(topic)
        self._apps.add(app)
        self._devices[token] = APNsDevice(token, kind, topic, app, state, presence)
        return token

    def unregister(self, token: str, now: float | None = None) -> None:
        """
        Let a device uninstall the app, or end what the token was for.

        Args:
            token: The device's.

            now: Since when APNs knows, seconds since 1970; if not given, since the next
                push to the device.

        Raises:
            LookupError: There is none with this token.
        """
        self._device(token).leave("unregistered", now)

    def expire(self, token: str, now: float | None = None) -> None:
        """
        Let a token be replaced by another that nobody was told of.

        Args:
            token: The device's.

            now: As in :meth:`unregister`.

        Raises:
            LookupError: There is none with this token.
        """
        self._device(token).leave("expired", now)

    def delivered(self, token: str, now: float | None = None) -> list[APNsPush]:
        """
        Return what a device has received, oldest first.

        Args:
            token: The device's.

            now: Seconds since 1970; a push that waits and has expired by then is dropped.

        Raises:
            LookupError: There is no device with this token.
        """
        device = self._device(token)
        if now is not None:
            device.settle(now)
        return list(device.delivered)

    def set_presence(self, token: str, presence: Presence, now: float) -> None:
        """
        Let a device go online or offline at *now*, seconds since 1970.

        Raises:
            LookupError: There is no device with this token.

            ParameterError: *presence* is neither.
        """
        one_of("presence", presence, PRESENCES)
        self._device(token).appear(presence, now)

    def _reach(self, token: str, topic: str, reason: str, now: float) -> APNsDevice:
        """Return the device a push is for; *reason* refuses a topic that is not its own."""
        # Lower case is what everybody sends; only others need another look.
        device = self._devices.get(token) or self._devices.get(token.lower())
        if device is None:
            raise Refused("BadDeviceToken")
        if device.state != "known":
            if device.gone_since is None:
                device.gone_since = now
            gone = "Unregistered" if device.state == "unregistered" else "ExpiredToken"
            raise Refused(gone, device.gone_since)
        if device.topic != topic:
            raise Refused(reason)
        return device

    def _topic(self, topic: object, kind: str) -> str:
        """Return the topic that *kind* makes of a bundle ID."""
        if not isinstance(topic, str) or TOPIC.fullmatch(topic) is None:
            raise ParameterError("topic", "letters, digits, hyphens and dots", topic)
        ending = SUFFIXES[kind]
        app = app_of(topic)
        if topic not in (app, app + ending):
            raise ParameterError("topic", f"a topic that goes with kind {kind}", topic)
        return app + ending

    def _new(self, token: object) -> str:
        """Return *token* in lower case; refuse what is none, and one that a device has."""
        text = token.lower() if isinstance(token, str) else ""
        if _TOKEN.fullmatch(text) is None:
            shown = shorten(token) if isinstance(token, str) else token
            raise ParameterError("token", "2 to 200 hexadecimal digits", shown)
        if text in self._devices:
            raise ParameterError("token", "one that no device here has", shorten(text))
        return text

    def _device(self, token: str) -> APNsDevice:
        try:
            return self._devices[token.lower()]
        except KeyError:
            raise LookupError(f"no device has the token {shorten(token)}") from None
