"""
FCM HTTP v1, with Google's token endpoint beside it.

Where it knowingly differs from Google: both endpoints are on one host; the order of the
checks is a choice, since Google publishes none; a payload is measured as *payload_count*
says; messages to topics and conditions are checked and accepted but reach nobody, since
nobody can subscribe here. Enum names in lower case (but for Android's priority), a
pure negation as condition and ``message_type`` among the data keys are refused, which
Google has done at some times and not at others.

Written from the discovery document of FCM v1, revision 20261023, and captures of answers.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_args

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from zpns.errors import ParameterError, shorten
from zpns.exchange import Request, Response
from zpns.simulators import _fcm_errors as errors
from zpns.simulators._ca import write_private
from zpns.simulators._fcm_checks import PayloadCount, check_message
from zpns.simulators._fcm_devices import (
    KINDS,
    PRESENCES,
    STATES,
    FCMDevice,
    FCMMessage,
    Kind,
    Presence,
    State,
    plan,
)
from zpns.simulators._fcm_gate import TOKEN_PATH, Gate
from zpns.simulators._fcm_oauth import Account, TokenEndpoint
from zpns.simulators._fcm_parser import Violation
from zpns.simulators._fcm_schema import parse

__all__ = ["FCMDevice", "FCMMessage", "FCMSimulator"]

TOKEN_LIFETIME: Final = 3_600.0  # seconds
SENDS_PER_MINUTE: Final = 600_000  # per project
DEVICE_SENDS_PER_MINUTE: Final = 240  # to one Android device
DEVICE_SENDS_PER_HOUR: Final = 5_000
PACKAGE: Final = "com.example.app"

_FID: Final = re.compile(r"[c-f][A-Za-z0-9_-]{21}")
_REGISTRATION_TOKEN: Final = re.compile(r"([A-Za-z0-9_-]{8,64}:)?APA91b[A-Za-z0-9_-]{100,400}")
_SUFFIX: Final = "%7606eb247606eb24"  # of the names of messages to one device
_BROKEN_APPLE: Final = "InvalidProviderToken"


class FCMSimulator:
    """
    A Firebase project, its service account, and the devices with its app.

    Args:
        project_id: The project's ID.

        project_number: The project's number; in a path it may stand for the ID.

        token_lifetime: Seconds that an access token is good for.

        sends_per_minute: The project's quota.

        device_sends_per_minute: What one Android device takes in a minute.

        device_sends_per_hour: What one Android device takes in an hour.

        payload_count: Which bytes count against the 4,096 of a message, or the 2,048 of
            one to a topic: ``"texts"`` are the data's keys and values and the
            notification's texts, ``"body"`` is the whole request.

        lenient_audience: Whether an assertion may name the simulator's own token
            endpoint as its audience; Google wants its own address.

        api_disabled: Whether the project has the API switched off.

        broken_credentials: Kinds of device, ``"apple"`` or ``"web"``, whose push
            service refuses the credential that FCM has for it.

        private_key: The service account's key; one of 2,048 bits is made when it is
            first needed, if not given.

    Attributes:
        devices: By token. A device with a registration token is there once, though its
            FID reaches it too.
    """

    channel = "fcm"

    def __init__(
        self,
        *,
        project_id: str = "demo-zpns",
        project_number: str = "1234567890",
        token_lifetime: float = TOKEN_LIFETIME,
        sends_per_minute: int = SENDS_PER_MINUTE,
        device_sends_per_minute: int = DEVICE_SENDS_PER_MINUTE,
        device_sends_per_hour: int = DEVICE_SENDS_PER_HOUR,
        payload_count: PayloadCount = "texts",
        lenient_audience: bool = False,
        api_disabled: bool = False,
        broken_credentials: Collection[str] = (),
        private_key: RSAPrivateKey | None = None,
    ) -> None:
        _positive("token_lifetime", token_lifetime)
        _positive("sends_per_minute", sends_per_minute)
        _positive("device_sends_per_minute", device_sends_per_minute)
        _positive("device_sends_per_hour", device_sends_per_hour)
        _one_of("payload_count", payload_count, get_args(PayloadCount))
        for kind in broken_credentials:
            _one_of("broken_credentials", kind, ("apple", "web"))
        self.project_id = project_id
        self.project_number = project_number
        self.payload_count: PayloadCount = payload_count
        self.api_disabled = api_disabled
        self.broken_credentials = frozenset(broken_credentials)
        self._account = Account(project_id, private_key)
        self._tokens = TokenEndpoint(
            self._account, lifetime=token_lifetime, lenient_audience=lenient_audience
        )
        self._gate = Gate(project_id, project_number, self._tokens, sends_per_minute)
        self._device_rates = device_sends_per_minute, device_sends_per_hour
        self._devices: dict[str, FCMDevice] = {}
        self._by_fid: dict[str, FCMDevice] = {}
        self.devices: Mapping[str, FCMDevice] = MappingProxyType(self._devices)
        self._last_id = 0

    # What the server calls.

    def handle(self, request: Request, now: float) -> Response:
        """Return Google's answer; *now* is in seconds since 1970."""
        route = self._gate.route(request.url)
        if route is None or request.method != "POST":
            return errors.NOT_FOUND
        if not route.project:
            return self._tokens.handle(request, now)
        refusal = self._gate.refuse(request, route, now, api_disabled=self.api_disabled)
        response = refusal or self._send(request, now)
        return response if route.pretty else errors.compact(response)

    def answer(self, status: int) -> Response:
        """Return what Google says with *status* when the request is not to blame."""
        match status:
            case 200:
                return self._accepted(f"0:{self._next_id(0)}{_SUFFIX}")
            case 400:
                return errors.bad_request(errors.GENERIC)
            case 401:
                return errors.EXPIRED_CREDENTIAL
            case 403:
                return errors.permission_denied(self.project_id)
            case 429:
                return errors.project_quota(self.project_number, self._gate.sends_per_minute)
            case 500:
                return errors.INTERNAL
            case 503:
                return errors.UNAVAILABLE
            case _:
                return errors.html(status)

    def register(
        self,
        token: str | None = None,
        *,
        kind: Kind = "android",
        state: State = "known",
        package: str = PACKAGE,
        presence: Presence = "online",
    ) -> str:
        """
        Make a device and return its token.

        Args:
            token: A registration token or FID; one like Google's is made if not given.

            kind: ``"android"``, ``"web"`` or ``"apple"``.

            state: ``"known"``, ``"unregistered"`` (the app was there once),
                ``"other_sender"`` (the token belongs to another project) or, for Apple,
                ``"disabled"``.

            package: The app's package name or bundle ID.

            presence: ``"online"``, ``"dozing"`` or ``"offline"``.

        Raises:
            ParameterError: A value is unknown, or there is a device with this token.
        """
        _one_of("kind", kind, KINDS)
        _one_of("state", state, STATES)
        _one_of("presence", presence, PRESENCES)
        if state == "disabled" and kind != "apple":
            raise ParameterError("state", "disabled for kind apple only", state)
        _text("package", package)
        if token is None:
            token = _new_token()
        else:
            self._check_new(token)
        device = FCMDevice(token, kind, package, state, presence)
        self._devices[token] = device
        fid, colon, _ = token.partition(":")
        if colon:
            self._by_fid[fid] = device
        return token

    def unregister(self, token: str) -> None:
        """
        Let a device uninstall the app.

        Raises:
            LookupError: There is none with this token.
        """
        self._device(token).uninstall()

    def credentials(self, url: str, folder: str) -> Mapping[str, str]:
        """
        Write the service account's file to *folder*, readable by its owner alone.

        Args:
            url: Where the simulator is; the file's ``token_uri`` leads there.

            folder: An existing folder.

        Returns:
            ``service_account``, the file's path, and ``project_id``.
        """
        path = Path(folder, "service-account.json")
        write_private(path, self._account.to_json(f"{url}{TOKEN_PATH}"))
        return {"service_account": str(path), "project_id": self.project_id}

    # What tests ask and do.

    def delivered(self, token: str, now: float | None = None) -> list[FCMMessage]:
        """
        Return what a device has received, oldest first.

        Args:
            token: The device's.

            now: Seconds since 1970 up to which waiting messages are looked at; without
                it the device is as its last message left it.

        Raises:
            LookupError: There is no device with this token.
        """
        device = self._device(token)
        if now is not None:
            device.settle(now)
        return list(device.delivered)

    def set_presence(self, token: str, presence: Presence, now: float) -> None:
        """
        Let a device go online, doze off or go offline at *now*, seconds since 1970.

        Raises:
            LookupError: There is no device with this token.

            ParameterError: *presence* is none of the three.
        """
        _one_of("presence", presence, PRESENCES)
        self._device(token).appear(presence, now)

    def expire_tokens(self) -> None:
        """Let every access token given out so far have expired."""
        self._tokens.expire()

    def forget_tokens(self) -> None:
        """Let every access token given out so far be unknown."""
        self._tokens.forget()

    # Answering, step by step.

    def _send(self, request: Request, now: float) -> Response:
        """Answer a send whose sender is known."""
        body = request.body
        content_type = request.headers.get("content-type", "")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            # The words are ours; Google's were never seen.
            text = "Invalid JSON payload received. Content type must be application/json."
            return errors.unparsable([Violation(text)])
        parsed, violations = parse(body)
        if violations:
            return errors.unparsable(violations)
        message: Mapping[str, Any] = parsed.get("message", {})
        refusal = check_message(message, body, self.payload_count)
        if refusal is not None:
            return refusal
        dry = parsed.get("validateOnly", False)
        if "topic" in message or "condition" in message:
            return self._accepted("fake_message_id" if dry else str(self._next_id(now)))
        device = self._find(message)
        if isinstance(device, Response):
            return device
        return self._push(device, message, body, dry, now)

    def _find(self, message: Mapping[str, Any]) -> FCMDevice | Response:
        """Return the device that a message is for, or the refusal if there is none."""
        fid = message.get("fid")
        token: str = message["token"] if fid is None else fid
        # A token field takes a FID too, while clients move from one to the other.
        device = self._devices.get(token) if fid is None or ":" not in fid else None
        device = device or self._by_fid.get(token)
        if device is not None:
            return device
        if _FID.fullmatch(token) or (fid is None and _REGISTRATION_TOKEN.fullmatch(token)):
            return errors.DEAD_TOKEN
        return errors.BAD_TOKEN

    def _push(
        self, device: FCMDevice, message: Mapping[str, Any], body: bytes, dry: bool, now: float
    ) -> Response:
        """Answer for a device that is there or was there."""
        if device.state != "known":
            refusal = _refuse_state(device, dry)
            if refusal is not None:
                return refusal
        package = _restricted_package(message) if device.kind == "android" else None
        if package and package != device.package:
            path, text = "restricted_package_name", "Package name does not match the token."
            section = "android" if "android" in message else "android_v2"
            violation = Violation(text, f"message.{section}.{path}")
            return errors.bad_request(errors.GENERIC, violation)
        if dry:
            return self._accepted("fake_message_id")
        if device.kind == "android" and not device.admit(now, *self._device_rates):
            return errors.DEVICE_QUOTA
        if device.kind in self.broken_credentials:
            return errors.third_party_auth(_BROKEN_APPLE if device.kind == "apple" else None)
        message_id = f"0:{self._next_id(now)}{_SUFFIX}"
        device.accept(message_id, body, plan(message, device.kind, device.package, now), now)
        return self._accepted(message_id)

    def _accepted(self, message_id: str) -> Response:
        """Return the success; by hand, since it is what is sent by the hundred thousand."""
        body = f'{{\n  "name": "projects/{self.project_id}/messages/{message_id}"\n}}\n'
        return Response(status=200, headers=_JSON, body=body.encode())

    def _next_id(self, now: float) -> int:
        """Return microseconds since 1970, a little later if these were given out."""
        self._last_id = max(self._last_id + 1, int(now * 1_000_000))
        return self._last_id

    def _check_new(self, token: object) -> None:
        """Refuse what is no token, and one that a device has."""
        text = _text("token", token)
        if not text or text in self._devices:
            raise ParameterError("token", "a text that no device here has", shorten(text))

    def _device(self, token: str) -> FCMDevice:
        try:
            return self._devices[token]
        except KeyError:
            raise LookupError(f"no device has the token {shorten(token)}") from None


_JSON: Final = MappingProxyType({"content-type": "application/json; charset=UTF-8"})


def _refuse_state(device: FCMDevice, dry: bool) -> Response | None:
    """Return what is said of a device that gets nothing; Apple is not asked in a dry run."""
    match device.state:
        case "other_sender":
            return errors.OTHER_SENDER
        case "disabled":
            return None if dry else errors.DISABLED_APPLE_TOKEN
        case _:
            asked = device.kind == "apple" and not dry
            return errors.DEAD_APPLE_TOKEN if asked else errors.DEAD_TOKEN


def _restricted_package(message: Mapping[str, Any]) -> str | None:
    config = message.get("android") or message.get("androidV2")
    return config.get("restrictedPackageName") if config else None


def _new_token() -> str:
    """Return a registration token as Google's look: a FID, a colon, and the rest."""
    fid = secrets.choice("cdef") + secrets.token_urlsafe(16)[:21]
    return f"{fid}:APA91b{secrets.token_urlsafe(101)[:134]}"


def _one_of(name: str, value: object, allowed: Collection[str]) -> None:
    if value not in allowed:
        raise ParameterError(name, f"one of {', '.join(allowed)}", value)


def _positive(name: str, value: object) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value <= 0:
        raise ParameterError(name, "a number greater than 0", value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ParameterError(name, "a text", value)
    return value
