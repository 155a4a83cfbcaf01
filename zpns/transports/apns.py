"""
APNs: Apple Push Notification service, HTTP/2, for iPhone, iPad, Mac and Watch.

Written from Apple's pages "Sending notification requests to APNs", "Generating a remote
notification" and "Establishing a connection to APNs", read 2026-11.

=========================  =======================================================
Targets per request        1
Size                       4,096 bytes of body; 5,120 of a VoIP push
Lifetime                   as long as it is said to be; Apple keeps one per device
Collapse keys              64 bytes each, any number
Provider token             good for an hour; at most one in 20 minutes
=========================  =======================================================

A token belongs to the environment of the build that registered it: development builds to
``sandbox``, TestFlight and the App Store to ``production``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

import attrs

from zpns.errors import ConfigError
from zpns.exchange import Exchange
from zpns.models.notification import DeviceToken, Notification, Resource
from zpns.transports._apns_types import LEVELS, TYPES, own_type, problem
from zpns.transports.base import (
    Backoff,
    Credential,
    Prepared,
    Route,
    Skip,
    Transport,
    check_base_url,
    check_text,
)

# Loaded when first used, like the bodies: whoever only names the class does not wait.
if TYPE_CHECKING:
    from datetime import datetime

    from zpns.transports._apns_certificate import ClientCertificate
    from zpns.transports._apns_key import ProviderKey

__all__ = ["APNs"]

HOSTS: Final = {"production": "api.push.apple.com", "sandbox": "api.sandbox.push.apple.com"}
PORTS: Final = (443, 2197)  # the second for networks that let nothing else than HTTPS out by 443

_ID: Final = re.compile(r"[A-Z0-9]{10}")
_BUNDLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_KINDS: Final = frozenset({"alert", "voip", "liveactivity"})


def _key(value: ProviderKey | str | bytes | os.PathLike[str] | None) -> ProviderKey | None:
    if value is None:
        return None
    from zpns.transports._apns_key import ProviderKey

    return ProviderKey.read(value)


def _certificate(
    value: ClientCertificate | str | bytes | os.PathLike[str] | None, apns: Any
) -> ClientCertificate | None:
    if value is None:
        return None
    from zpns.transports._apns_certificate import ClientCertificate

    return ClientCertificate.read(value, apns.password)


def _came(value: object) -> str:
    """Say what came instead of an ID; a key in the wrong place is not repeated."""
    if isinstance(value, str):
        return repr(value) if len(value) <= 20 else f"text of {len(value)} characters"
    return "nothing" if value is None else f"a {type(value).__name__}"


def _check_password(apns: APNs, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and apns.certificate is None:
        raise ConfigError(f"{attribute.name}: goes with certificate; a .p8 key has none")


def _check_key(apns: APNs, attribute: attrs.Attribute[Any], value: object) -> None:
    if (value is None) == (apns.certificate is None):
        raise ConfigError(
            f"{attribute.name}: expected the .p8 key from Apple's developer account, with key_id "
            "and team_id, or else certificate with a push certificate; got "
            f"{'neither' if value is None else 'both'}"
        )


def _check_id(apns: APNs, attribute: attrs.Attribute[Any], value: object) -> None:
    name = attribute.name
    if apns.key is None:
        if value is not None:
            raise ConfigError(f"{name}: goes with key; a certificate needs none, leave it out")
    elif not isinstance(value, str) or not _ID.fullmatch(value):
        where = {
            "key_id": "Apple names the key's file AuthKey_<key_id>.p8",
            "team_id": "the developer account shows it under Membership details",
        }[name]
        raise ConfigError(
            f"{name}: expected 10 capital letters and digits such as 'ABC123DEFG', got "
            f"{_came(value)}; {where}"
        )


def _check_bundle(apns: APNs, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not _BUNDLE.fullmatch(value):
        raise ConfigError(
            f"{attribute.name}: expected the app's bundle ID such as 'com.example.app', got "
            f"{_came(value or None)}; Xcode shows it under Signing & Capabilities"
        )
    topics = apns.topics
    if topics and not any(topic.startswith(value) for topic in topics):
        raise ConfigError(
            f"{attribute.name}: the certificate is for {', '.join(topics)}, not for {value!r}; "
            "leave it out to take the certificate's"
        )


def _check_port(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if type(value) is not int or value not in PORTS:
        raise ConfigError(f"{attribute.name}: expected 443 or 2197, got {value!r}")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_sound(value: object) -> bool:
    if isinstance(value, str):
        return True
    if not isinstance(value, Mapping) or not set(value) <= {"critical", "name", "volume"}:
        return False
    volume = value.get("volume", 1)
    return _is_text(value.get("name")) and _is_number(volume) and 0 <= volume <= 1


#: What a resource's settings must be: in words, and as a test. What push type, priority
#: and topic have to do with each other comes on top.
_CHECKS: Final[Mapping[str, tuple[str, Callable[[Any], bool]]]] = {
    "category": ("the identifier of a category of the app, or ''", lambda v: isinstance(v, str)),
    "content_available": ("True or False", _is_flag),
    "filter_criteria": ("text that the app's focus filter knows", _is_text),
    "interruption_level": (f"one of {', '.join(LEVELS)}", lambda value: value in LEVELS),
    "mutable_content": ("True or False", _is_flag),
    "priority": ("10, 5 or 1", lambda value: _is_number(value) and value in (10, 5, 1)),
    "push_type": (f"one of {', '.join(TYPES)}", lambda v: isinstance(v, str) and v in TYPES),
    "relevance_score": (
        "a number from 0 to 1",
        lambda value: _is_number(value) and 0 <= value <= 1,
    ),
    "sound": (
        "'default', the name of a sound in the app, '' for none, or name, critical and volume",
        _is_sound,
    ),
    "target_content_id": ("the identifier of a window of the app", _is_text),
    "topic": (
        "a bundle ID, with the suffix of the push type",
        lambda value: isinstance(value, str) and _BUNDLE.fullmatch(value) is not None,
    ),
}


@attrs.frozen(kw_only=True)
class APNs(Transport):
    """
    One app at Apple.

    .. code-block:: python

        APNs(
            key="AuthKey.p8", key_id="ABC123DEFG", team_id="DEF123GHIJ", bundle_id="com.example.app"
        )
        APNs(certificate="push.p12", password="...")

    Attributes:
        key: The key that signs provider tokens: the path of its .p8 file, or its content.

        key_id: Apple's name of the key, 10 characters.

        team_id: The developer account's team, 10 characters.

        password: Of *certificate*'s file, or None.

        certificate: A push certificate instead of a key: the path of a .p12 or PEM file
            that holds its private key too, or its content.

        bundle_id: The app; a certificate knows it by itself.

        port: 443, or 2197 if the network keeps that one open instead.

        app: Which of several apps at APNs.

        base_url: Where APNs is, instead of Apple's hosts for either environment.

        ca_file: PEM file of the authority to trust instead of the system's.

    Raises:
        ConfigError: A value is missing or malformed, or the certificate has expired.
    """

    channel: ClassVar[str] = "apns"
    http2: ClassVar[bool] = True
    # After an answer of 5xx the first try comes at once, so that the second wait is the
    # first of these that counts: up to a minute, doubling to a quarter of an hour.
    backoff: ClassVar[Backoff] = Backoff(first=30.0, most=900.0)
    token_alphabet: ClassVar[re.Pattern[str]] = re.compile(r"(?:[0-9A-Fa-f]{2}){1,100}")
    resource_settings: ClassVar[Mapping[str, frozenset[str]]] = MappingProxyType(
        {"apns": frozenset(_CHECKS)}
    )

    key: ProviderKey | None = attrs.field(default=None, converter=_key, validator=_check_key)
    key_id: str | None = attrs.field(default=None, validator=_check_id)
    team_id: str | None = attrs.field(default=None, validator=_check_id)
    # Before the certificate, which it opens.
    password: str | bytes | None = attrs.field(default=None, repr=False, validator=_check_password)
    certificate: ClientCertificate | None = attrs.field(
        default=None,
        # mypy knows no converters but functions of one argument.
        converter=attrs.Converter(_certificate, takes_self=True),  # type: ignore[misc]
        metadata={"file": True},
    )
    bundle_id: str = attrs.field(
        default=attrs.Factory(
            lambda apns: apns.certificate.bundle_id if apns.certificate is not None else "",
            takes_self=True,
        ),
        validator=_check_bundle,
    )
    port: int = attrs.field(default=443, validator=_check_port)
    app: str = attrs.field(default="default", validator=check_text)
    base_url: str | None = attrs.field(default=None, validator=check_base_url)
    ca_file: str | None = None

    @property
    def client_certificate(self) -> tuple[bytes, bytes] | None:
        """What TLS shows to Apple: certificates and key as PEM, a secret; None with a key."""
        if self.certificate is None:
            return None
        return self.certificate.chain, self.certificate.key

    @property
    def certificate_expires(self) -> datetime | None:
        """When the certificate stops working, in UTC; None with a key."""
        return self.certificate.expires if self.certificate is not None else None

    @property
    def topics(self) -> tuple[str, ...]:
        """What the certificate may send to; none with a key, or if it does not say."""
        return self.certificate.topics if self.certificate is not None else ()

    def route(self, device: DeviceToken) -> Route | Skip:
        if device.kind not in _KINDS:
            return Skip(
                "kind_not_on_channel",
                f"APNs has no {device.kind} tokens: register a browser's for the channel fcm",
            )
        if not self.token_alphabet.fullmatch(device.token):
            return Skip(
                "malformed_token",
                "a token of APNs has 2 to 200 hexadecimal digits, an even number of them: "
                "register each byte of what the app got as two digits",
            )
        environment = device.environment
        if self.certificate is not None:
            if environment not in self.certificate.environments:
                return Skip(
                    "wrong_environment",
                    f"the certificate is not for {environment}: use a key, or another certificate",
                )
            if device.kind == "liveactivity":
                return Skip("kind_not_on_channel", "a live activity's updates need a key")
        host = HOSTS[environment] if self.port == 443 else f"{HOSTS[environment]}:{self.port}"
        return Route(
            origin=(self.base_url or f"https://{host}").rstrip("/"),
            credential_key=self._credential_key(),
            variety=device.kind,
            environment=environment,
        )

    def authorize(self, route: Route, now: float) -> Exchange[Credential]:
        if self.certificate is not None:
            from zpns.transports._apns_certificate import certificate_credential

            return certificate_credential(self.certificate, now)
        from zpns.transports._apns_key import provider_token

        assert self.key is not None
        assert self.key_id is not None
        assert self.team_id is not None
        return provider_token(self.key, self.key_id, self.team_id, now)

    def prepare(self, notification: Notification, route: Route, now: float) -> Prepared | Skip:
        from zpns.transports._apns_message import prepare

        return prepare(
            notification,
            route,
            now,
            bundle_id=self.bundle_id,
            topics=self.topics,
            has_key=self.key is not None,
        )

    def token_kind(self, notification: Notification) -> str:
        own = own_type(notification.settings("apns"), notification.push_kind)
        if own == "voip" and notification.event.is_call_end:
            return "alert"  # a VoIP push only ever starts a call
        return own if own in _KINDS else "alert"

    def check_resource(self, resource: Resource) -> None:
        super().check_resource(resource)
        settings = resource.settings("apns")
        wrong = next(
            ((n, _CHECKS[n][0], v) for n, v in settings.items() if not _CHECKS[n][1](v)), None
        ) or problem(settings, resource.kind, self.bundle_id, has_key=self.key is not None)
        if wrong is not None:
            name, expected, value = wrong
            raise ConfigError(
                f"resource {resource.resources_id!r}: apns.{name}: expected {expected}, "
                f"got {value!r}"
            )

    def _credential_key(self) -> str:
        # One for all hosts and topics: Apple counts the tokens that a key makes.
        if self.certificate is not None:
            return f"certificate/{self.certificate.fingerprint}"
        return f"{self.team_id}/{self.key_id}"
