"""
Broadcast channels of APNs, for Live Activities that everybody may follow.

An app's server makes a channel, devices subscribe to it by themselves, and one request
reaches them all; here nobody subscribes, so what is sent is kept with the channel. From
the pages "Sending broadcast push notification requests to APNs" and "Sending channel
management requests to APNs". Apple publishes no order of the checks.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import uuid4

import attrs
import orjson

from zpns.exchange import Request, Response
from zpns.simulators._apns_checks import PRIORITIES, check_duplicates, is_date, is_uuid
from zpns.simulators._apns_errors import JSON, Refused

__all__ = ["APNsBroadcast", "APNsChannel", "Broadcasts"]

MAX_CHANNELS: Final = 10_000  # per app and environment
MAX_PAYLOAD: Final = 5_120  # bytes
_ID_SIZE: Final = 16  # bytes, base64 when written

_SEND: Final = re.compile(r"/4/broadcasts/apps/([^/]+)")
_ONE: Final = re.compile(r"/1/apps/([^/]+)/channels")
_ALL: Final = re.compile(r"/1/apps/([^/]+)/all-channels")


class APNsBroadcast(NamedTuple):
    """
    One accepted broadcast.

    Attributes:
        request_id: As answered.

        priority: 10, 5 or 1.

        expiration: Seconds since 1970; 0 is delivered at once or not at all.

        body: As it came.

        received_at: When APNs took it, seconds since 1970.
    """

    request_id: str
    priority: int
    expiration: int
    body: bytes
    received_at: float


@attrs.define(eq=False)
class APNsChannel:
    """
    One channel.

    Attributes:
        channel_id: Base64.

        app: The bundle ID of the app it belongs to.

        keeps: Whether its latest message is kept for devices that are offline.

        sent: What was sent to it, oldest first.
    """

    channel_id: str
    app: str
    keeps: bool
    sent: list[APNsBroadcast] = attrs.field(factory=list, repr=lambda sent: f"<{len(sent)}>")


class Broadcasts:
    """
    All channels of one environment.

    Args:
        apps: The bundle IDs that there are.

        enabled: Whether the apps have the feature.

    Attributes:
        channels: By their ID.
    """

    def __init__(self, apps: Collection[str], *, enabled: bool) -> None:
        self._apps = apps
        self._enabled = enabled
        self._channels: dict[str, APNsChannel] = {}
        self.channels: Mapping[str, APNsChannel] = MappingProxyType(self._channels)

    def handle(self, request: Request, path: str, now: float) -> Response:
        """
        Answer a request whose sender is known.

        Args:
            request: What came.

            path: Its path.

            now: Seconds since 1970.

        Raises:
            Refused: Nothing was done.
        """
        check_duplicates(request.headers)
        request_id = request.headers.get("apns-request-id")
        if request_id is None:
            request_id = str(uuid4())
        elif not is_uuid(request_id):
            raise Refused("BadMessageId")
        identity = {"apns-request-id": request_id}
        for pattern, actions in self._routes():
            match = pattern.fullmatch(path)
            if match is not None:
                action = actions.get(request.method)
                if action is None:
                    raise Refused("MethodNotAllowed")
                app = match[1]
                if app not in self._apps:
                    raise Refused("TopicMismatch")
                if not self._enabled:
                    raise Refused("FeatureNotEnabled")
                status, headers, body = action(app, request, request_id, now)
                return Response(status=status, headers={**identity, **headers}, body=body)
        raise Refused("BadPath")

    def _routes(self) -> list[tuple[re.Pattern[str], Mapping[str, _Action]]]:
        return [
            (_SEND, {"POST": self._send}),
            (_ONE, {"POST": self._create, "GET": self._read, "DELETE": self._delete}),
            (_ALL, {"GET": self._list}),
        ]

    def _send(self, app: str, request: Request, request_id: str, now: float) -> _Result:
        channel = self._find(app, request)
        headers, body = request.headers, request.body
        priority = headers.get("apns-priority", "")
        if priority not in PRIORITIES:
            raise Refused("BadPriority")
        expiration = headers.get("apns-expiration", "")
        if not is_date(expiration) or (int(expiration) and not channel.keeps):
            raise Refused("BadExpirationDate")
        push_type = headers.get("apns-push-type", "").lower()
        if push_type != "liveactivity":
            raise Refused("InvalidPushType" if push_type else "MissingPushType")
        if not body:
            raise Refused("PayloadEmpty")
        if len(body) > MAX_PAYLOAD:
            raise Refused("PayloadTooLarge")
        _parse(body)
        sent = APNsBroadcast(request_id, int(priority), int(expiration), body, now)
        channel.sent.append(sent)
        return 200, {}, b""

    def _create(self, app: str, request: Request, request_id: str, now: float) -> _Result:
        wanted = _parse(request.body)
        policy, push_type = wanted.get("message-storage-policy"), wanted.get("push-type")
        if type(policy) is not int or policy not in (0, 1) or push_type != "LiveActivity":
            raise Refused("BadRequestParams")
        if sum(channel.app == app for channel in self._channels.values()) >= MAX_CHANNELS:
            raise Refused("CannotCreateChannelConfig")
        channel_id = base64.b64encode(secrets.token_bytes(_ID_SIZE)).decode()
        self._channels[channel_id] = APNsChannel(channel_id, app, policy == 1)
        return 201, {"apns-channel-id": channel_id}, b""

    def _read(self, app: str, request: Request, request_id: str, now: float) -> _Result:
        channel = self._find(app, request)
        config = {"message-storage-policy": int(channel.keeps), "push-type": "LiveActivity"}
        return 200, {"content-type": JSON}, orjson.dumps(config)

    def _delete(self, app: str, request: Request, request_id: str, now: float) -> _Result:
        del self._channels[self._find(app, request).channel_id]
        return 204, {}, b""

    def _list(self, app: str, request: Request, request_id: str, now: float) -> _Result:
        ids = [one.channel_id for one in self._channels.values() if one.app == app]
        return 200, {"content-type": JSON}, orjson.dumps({"channels": ids})

    def _find(self, app: str, request: Request) -> APNsChannel:
        """Return the channel that the request names."""
        channel_id = request.headers.get("apns-channel-id", "")
        if not channel_id:
            raise Refused("MissingChannelId")
        channel = self._channels.get(channel_id)
        if channel is not None and channel.app == app:
            return channel
        try:
            base64.b64decode(channel_id, validate=True)
        except ValueError:  # no base64, or not even ASCII
            raise Refused("BadChannelId") from None
        raise Refused("ChannelNotRegistered")


_Result = tuple[int, Mapping[str, str], bytes]
_Action = Callable[[str, Request, str, float], _Result]


def _parse(body: bytes) -> dict[str, Any]:
    """Return the object that *body* is."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused("BadRequestPayload") from None
    if not isinstance(value, dict):
        raise Refused("BadRequestPayload")
    return value
