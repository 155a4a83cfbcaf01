"""
The request of FCM HTTP v1 as a schema, and its reader.

A field's name is written in camelCase; its name in snake_case follows from it, and both
are accepted. Written from the discovery document of FCM v1, revision 20261023. The only
enum that may also be written in lower case is Android's delivery priority.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from zpns.simulators._fcm_parser import (
    Kind,
    Violation,
    boolean,
    duration,
    enum,
    int32,
    message,
    number,
    repeated,
    string,
    string_map,
    struct,
    timestamp,
)

__all__ = ["parse", "unknown_parameter"]


def parse(body: bytes) -> tuple[dict[str, Any], list[Violation]]:
    """
    Read the body of a send.

    Returns:
        The request with its names in camelCase, enums by name, nulls left out, and
        everything the parser refuses; only if that is nothing is the request complete.
    """
    violations: list[Violation] = []
    if not body:
        return {}, violations
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # A body that is no UTF-8 gives an empty document.
        cut_off = error.doc and error.pos >= len(error.doc)
        what = "Unexpected end of string." if cut_off else "Unexpected token."
        return {}, [Violation(f"Invalid JSON payload received. {what}")]
    if type(value) is not dict:
        text = 'Invalid JSON payload received. Unknown name "": Root element must be a message.'
        return {}, [Violation(text)]
    return _REQUEST(value, violations), violations


def unknown_parameter(name: str) -> Violation:
    """Return what is said of a query parameter that no method has."""
    return Violation(
        f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
        f"Field '{name}' could not be found in request message."
    )


# The schema.

_PRIORITY: Final = enum("AndroidMessagePriority", "NORMAL", "HIGH", lower=True)

_OPTIONS: Final = message("FcmOptions", {"analyticsLabel": string})

_COLOR: Final = message("Color", {"red": number, "green": number, "blue": number, "alpha": number})

_ANDROID_NOTIFICATION_V2: Final[Mapping[str, Kind]] = {
    "title": string,
    "body": string,
    "icon": string,
    "image": string,
    "color": string,
    "sound": string,
    "tag": string,
    "clickAction": string,
    "bodyLocKey": string,
    "bodyLocArgs": repeated(string),
    "titleLocKey": string,
    "titleLocArgs": repeated(string),
    "channelId": string,
    "ticker": string,
    "sticky": boolean,
    "localOnly": boolean,
    "defaultSound": boolean,
    "defaultVibrateTimings": boolean,
    "defaultLightSettings": boolean,
    "eventTime": timestamp,
    "notificationPriority": enum(
        "AndroidNotification.NotificationPriority",
        "PRIORITY_UNSPECIFIED",
        "PRIORITY_MIN",
        "PRIORITY_LOW",
        "PRIORITY_DEFAULT",
        "PRIORITY_HIGH",
        "PRIORITY_MAX",
    ),
    "vibrateTimings": repeated(duration),
    "lightSettings": message(
        "LightSettings",
        {"color": _COLOR, "lightOnDuration": duration, "lightOffDuration": duration},
    ),
    "visibility": enum(
        "AndroidNotification.Visibility",
        "VISIBILITY_UNSPECIFIED",
        "PRIVATE",
        "PUBLIC",
        "SECRET",
    ),
    "notificationCount": int32,
    "id": int32,
}

_ANDROID_NOTIFICATION: Final[Mapping[str, Kind]] = {
    **{name: kind for name, kind in _ANDROID_NOTIFICATION_V2.items() if name != "id"},
    "proxy": enum(
        "AndroidNotification.Proxy", "PROXY_UNSPECIFIED", "ALLOW", "DENY", "IF_PRIORITY_LOWERED"
    ),
    "bypassProxyNotification": boolean,
}

_ANDROID_COMMON: Final[Mapping[str, Kind]] = {
    "collapseKey": string,
    "ttl": duration,
    "restrictedPackageName": string,
    "data": string_map,
    "fcmOptions": _OPTIONS,
    "directBootOk": boolean,
    "bandwidthConstrainedOk": boolean,
    "restrictedSatelliteOk": boolean,
}

_ANDROID: Final = message(
    "AndroidConfig",
    {
        **_ANDROID_COMMON,
        "priority": _PRIORITY,
        "notification": message("AndroidNotification", _ANDROID_NOTIFICATION),
    },
)

_ANDROID_V2: Final = message(
    "AndroidConfigV2",
    {
        **_ANDROID_COMMON,
        "remoteNotification": message(
            "RemoteNotification",
            {
                "notification": message("AndroidNotificationV2", _ANDROID_NOTIFICATION_V2),
                "mutableContent": boolean,
                "useAsV1DataMessage": boolean,
            },
        ),
        "backgroundSync": message("BackgroundSync", {}),
    },
    oneof={"type": ("remoteNotification", "backgroundSync")},
)

_WEBPUSH: Final = message(
    "WebpushConfig",
    {
        "headers": string_map,
        "data": string_map,
        "notification": struct,
        "fcmOptions": message("WebpushFcmOptions", {"link": string, "analyticsLabel": string}),
    },
)

_APNS: Final = message(
    "ApnsConfig",
    {
        "headers": string_map,
        "payload": struct,
        "fcmOptions": message("ApnsFcmOptions", {"analyticsLabel": string, "image": string}),
        "liveActivityToken": string,
    },
)

_MESSAGE: Final = message(
    "Message",
    {
        "name": string,
        "data": string_map,
        "notification": message("Notification", {"title": string, "body": string, "image": string}),
        "android": _ANDROID,
        "androidV2": _ANDROID_V2,
        "webpush": _WEBPUSH,
        "apns": _APNS,
        "fcmOptions": _OPTIONS,
        "fid": string,
        "token": string,
        "topic": string,
        "condition": string,
    },
    oneof={"target": ("fid", "token", "topic", "condition")},
)

_REQUEST: Final = message("SendMessageRequest", {"message": _MESSAGE, "validateOnly": boolean})("")
