"""
FCM: Firebase Cloud Messaging, HTTP v1, for Android and the web.

Written from Google's reference of ``projects.messages`` (discovery revision 20261023) and
its pages "Set and manage Android message priority", "Setting the lifespan of a message"
and "Error codes", read 2026-11.

=========================  =======================================================
Targets per request        1; there is no batch any more
Size                       4,096 bytes; the whole encoded message is kept below it
Lifetime                   0 to 2,419,200 seconds (28 days)
Collapse keys              4 per device; none is spent on a chat message
Quota                      600,000 messages per minute and project
=========================  =======================================================

FCM carries no VoIP push: an iPhone rings through APNs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import attrs

from zpns.errors import ConfigError
from zpns.exchange import Exchange
from zpns.models.notification import DeviceToken, Notification, Resource
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
    from zpns.transports._google import ServiceAccount

__all__ = ["FCM"]

ORIGIN: Final = "https://fcm.googleapis.com"
SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"

#: An installation ID: 17 bytes as base64url, the first four bits being 0111.
_INSTALLATION: Final = re.compile(r"[cdef][A-Za-z0-9_-]{21}")
_PROJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,99}")
_LABEL: Final = re.compile(r"[a-zA-Z0-9\-_.~%]{1,50}")
_SERVER_KEY: Final = re.compile(r"AAAA[\w-]+:APA91[\w-]+|AIza[\w-]{30,}")
_KINDS: Final = {"alert": "android", "web": "web"}


def _no_server_key(value: object) -> None:
    if value is not None:
        raise ConfigError(
            "server_key: Google has shut down the legacy FCM interface and its server keys; "
            "create a service account's key in the Firebase console under Project settings, "
            "Service accounts, and pass its file to FCM.from_service_account"
        )


def _service_account(
    value: ServiceAccount | Mapping[str, Any] | str | os.PathLike[str] | None,
) -> ServiceAccount:
    if isinstance(value, str) and _SERVER_KEY.fullmatch(value.strip()):
        _no_server_key(value)
    from zpns.transports._google import ServiceAccount

    return ServiceAccount.read(value)


def _check_project(fcm: FCM, attribute: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not _PROJECT.fullmatch(value):
        account = fcm.service_account
        origin = f"{account.source}: " if value == account.project_id else ""
        raise ConfigError(
            f"{origin}{attribute.name}: expected a project ID or number such as 'my-app-1a2b3', "
            f"got {value!r}; the Firebase console shows it under Project settings"
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


#: What a resource's settings must be: in words, and as a test.
_CHECKS: Final[Mapping[str, Mapping[str, tuple[str, Callable[[Any], bool]]]]] = {
    "fcm": {
        "analytics_label": (
            "1 to 50 of letters, digits and -_.~%",
            lambda value: isinstance(value, str) and _LABEL.fullmatch(value) is not None,
        ),
        "badge_data": ("True or False", _is_flag),
        "channel_id": ("the ID of a notification channel of the app", _is_text),
        "direct_boot_ok": ("True or False", _is_flag),
        "priority": (
            "'HIGH' or 'NORMAL'",
            lambda value: isinstance(value, str) and value.upper() in ("HIGH", "NORMAL"),
        ),
        "sound": ("'default' or the name of a sound in the app", _is_text),
    },
    "web": {
        "link": (
            "an https address",
            lambda value: isinstance(value, str) and value.startswith("https://"),
        ),
    },
}


@attrs.frozen(kw_only=True)
class FCM(Transport):
    """
    One Firebase project.

    .. code-block:: python

        FCM.from_service_account("fcm.json")

    Attributes:
        service_account: The project's service account: the path of its key file, or the
            mapping that file holds.

        project_id: The project, if it is not the one named by *service_account*.

        app: Which of several apps at FCM.

        base_url: Where FCM is, instead of its public address; access tokens are still
            fetched where *service_account* says.

        ca_file: PEM file of the authority to trust instead of the system's.

        badge_data: Whether Android apps are told a changed badge number by a data message.

        server_key: Refused: Google shut down what it was for.

    Raises:
        ConfigError: A value is missing or malformed.
    """

    channel: ClassVar[str] = "fcm"
    http2: ClassVar[bool] = True
    # At least 10 s before another try, as Google asks; growing from there.
    backoff: ClassVar[Backoff] = Backoff(floor=10.0, first=10.0, most=600.0)
    token_alphabet: ClassVar[re.Pattern[str]] = re.compile(r"[A-Za-z0-9_:%-]+")
    resource_settings: ClassVar[Mapping[str, frozenset[str]]] = MappingProxyType(
        {group: frozenset(checks) for group, checks in _CHECKS.items()}
    )

    # First, so that an old configuration learns about its key before anything else.
    server_key: None = attrs.field(default=None, converter=_no_server_key, repr=False)
    service_account: ServiceAccount = attrs.field(default=None, converter=_service_account)
    project_id: str = attrs.field(
        default=attrs.Factory(lambda fcm: fcm.service_account.project_id, takes_self=True),
        validator=_check_project,
    )
    app: str = attrs.field(default="default", validator=check_text)
    base_url: str | None = attrs.field(default=None, validator=check_base_url)
    ca_file: str | None = None
    badge_data: bool = False

    @classmethod
    def from_service_account(
        cls,
        source: str | os.PathLike[str] | Mapping[str, Any],
        *,
        project_id: str | None = None,
        app: str = "default",
        base_url: str | None = None,
        ca_file: str | None = None,
        badge_data: bool = False,
    ) -> Self:
        """
        Return the transport of the project that a service account belongs to.

        Args:
            source: Path of the key file, or the mapping it holds.

            project_id: The project, if it is not the one that *source* names.

            app: Which of several apps at FCM.

            base_url: Where FCM is, instead of its public address.

            ca_file: PEM file of the authority to trust instead of the system's.

            badge_data: Whether Android apps are told a changed badge number.

        Raises:
            ConfigError: The file or a field of it is missing or malformed.
        """
        account = _service_account(source)
        return cls(
            service_account=account,
            project_id=account.project_id if project_id is None else project_id,
            app=app,
            base_url=base_url,
            ca_file=ca_file,
            badge_data=badge_data,
        )

    def route(self, device: DeviceToken) -> Route | Skip:
        variety = _KINDS.get(device.kind)
        if variety is None:
            return Skip(
                "kind_not_on_channel",
                f"FCM has no {device.kind} tokens: register it for the channel apns",
            )
        if not self.token_alphabet.fullmatch(device.token):
            return Skip(
                "malformed_token",
                "a token of FCM has letters, digits and _ : % - only: register what the app got "
                "from getToken",
            )
        if _INSTALLATION.fullmatch(device.token):
            variety += "/fid"
        return Route(
            origin=(self.base_url or ORIGIN).rstrip("/"),
            credential_key=self.service_account.client_email,
            variety=variety,
        )

    def token_look(self, token: str) -> str | None:
        if not self.token_alphabet.fullmatch(token):
            return None
        return "fid" if _INSTALLATION.fullmatch(token) else "token"

    def authorize(self, route: Route, now: float) -> Exchange[Credential]:
        from zpns.transports._google import fetch_token

        return fetch_token(self.service_account, SCOPE, now, channel=self.channel)

    def prepare(self, notification: Notification, route: Route, now: float) -> Prepared | Skip:
        from zpns.transports._fcm_message import prepare

        return prepare(
            notification, route, now, project_id=self.project_id, badge_data=self.badge_data
        )

    def check_resource(self, resource: Resource) -> None:
        super().check_resource(resource)
        for group, checks in _CHECKS.items():
            for name, value in resource.settings(group).items():
                expected, holds = checks[name]
                if not holds(value):
                    raise ConfigError(
                        f"resource {resource.resources_id!r}: {group}.{name}: expected {expected}, "
                        f"got {value!r}"
                    )
