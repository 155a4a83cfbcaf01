"""
APNs: the provider API of one environment, and the devices behind it.

Where it knowingly differs from Apple: broadcast channels are managed on the same host;
pushes over HTTP/1.1, for which Apple has no answer at all, get 505; the order of the
checks is a choice, since Apple publishes none; and the server's receive window is larger
than Apple's, unless it is told otherwise (``SimulatorServer(window=65_535)``).

Written from Apple's pages on sending notification requests, on handling the responses, on
token-based and on certificate-based connections, as of November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias, get_args
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec

from zpns.errors import ParameterError
from zpns.exchange import NO_HEADERS, Request, Response
from zpns.simulators import _apns_errors as errors
from zpns.simulators._apns_auth import (
    Environment,
    EnvironmentReason,
    Gate,
    Session,
    TokenUpdates,
)
from zpns.simulators._apns_broadcast import APNsChannel, Broadcasts
from zpns.simulators._apns_checks import (
    TOPIC,
    Envelope,
    Payloads,
    app_of,
    check_envelope,
    is_uuid,
    one_of,
    read_envelope,
)
from zpns.simulators._apns_conduct import Conduct
from zpns.simulators._apns_devices import APNsDevice, APNsPush
from zpns.simulators._apns_errors import Refused
from zpns.simulators._apns_registry import Registry
from zpns.simulators._apns_team import Team
from zpns.simulators._connection import MAX_STREAMS, Connection, OnExcess
from zpns.simulators.faults import _count, _flag

__all__ = ["APNsDevice", "APNsPush", "APNsSimulator", "APNsViolation"]

Order: TypeAlias = Literal["auth-first", "device-first"]
TopicReason: TypeAlias = Literal["DeviceTokenNotForTopic", "TopicDisallowed"]

BUNDLE_ID: Final = "com.example.app"
TEAM_ID: Final = "ZPNSTEAM01"
KEEPS: Final = 2_592_000  # seconds; 30 days, how long a push waits that does not say
MAX_VIOLATIONS: Final = 10_000  # remembered

_PUSH: Final = "/3/device/"
_BROADCAST: Final = ("/4/broadcasts/", "/1/apps/")
_NOT_SPOKEN: Final = Response(
    status=505,
    headers=MappingProxyType({"content-type": "text/plain"}),
    body=b"APNs speaks HTTP/2 and nothing else.\n",
)


class APNsViolation(NamedTuple):
    """
    What Apple calls wrong and was accepted all the same.

    Attributes:
        rule: A word for programs, such as ``"background-priority"``.

        text: One sentence.

        topic: The request's.

        push_type: The request's.

        apns_id: The request's, or an empty text.
    """

    rule: str
    text: str
    topic: str = ""
    push_type: str = ""
    apns_id: str = ""


class APNsSimulator(Team, Registry):
    """
    One environment of APNs, a team with a key, and the devices with its apps.

    Args:
        environment: ``"production"`` or ``"sandbox"``. Another environment is another
            simulator, with other tokens.

        bundle_id: The app that devices have unless told otherwise.

        team_id: Of the team, 10 characters.

        key_id: Of the team's key, 10 characters; made up if not given.

        private_key: The team's key, on the curve P-256; made if not given.

        strict: Whether what Apple calls wrong is refused, although Apple takes it.

        order: Whether the credential is looked at before everything else
            (``"auth-first"``) or after the device was found (``"device-first"``).

        topic_reason: None answers ``DeviceTokenNotForTopic`` for the topic of another of
            the team's apps, and ``TopicDisallowed`` for one that the credential may not
            use; one of the two answers that in both cases.

        token_updates: From when the 20 minutes count, in which a connection takes no other
            provider token: ``"first-use"`` of the last one there, or its ``"issued-at"``;
            ``"unlimited"`` takes any.

        environment_reason: How a key of the other environment is refused: as seen on the
            wire or as documented.

        one_stream_first: Whether a connection has one stream until its first provider
            token was accepted.

        max_streams: Concurrent streams after that, unless the server allows fewer.

        on_excess_streams: Whether a stream over the limit is refused or the connection
            closed over it.

        idle_timeout: Seconds after which a silent connection gets ``IdleTimeout``.

        slow_after: Refusals in a row after which a connection is back at one stream,
            until a push is accepted.

        leave_after: Refusals in a row after which a connection is told to go away.

        device_pushes_per_minute: What one device takes in a minute; any number if not
            given.

        broadcasts: Whether the apps may use broadcast channels.

    Attributes:
        environment: ``"production"`` or ``"sandbox"``.

        keys: The keys by ID, the team's own first.

        channels: The broadcast channels by ID.

        violations: What Apple calls wrong and was accepted; the first 10,000.

        goaway_reason: What a GOAWAY of the server or of a fault plan gives as its reason;
            an empty text gives none.
    """

    channel = "apns"

    def __init__(
        self,
        *,
        environment: Environment = "production",
        bundle_id: str = BUNDLE_ID,
        team_id: str = TEAM_ID,
        key_id: str | None = None,
        private_key: ec.EllipticCurvePrivateKey | None = None,
        strict: bool = False,
        order: Order = "auth-first",
        topic_reason: TopicReason | None = None,
        token_updates: TokenUpdates = "first-use",
        environment_reason: EnvironmentReason = "BadEnvironmentKeyInToken",
        one_stream_first: bool = True,
        max_streams: int = MAX_STREAMS,
        on_excess_streams: OnExcess = "refuse",
        idle_timeout: float | None = None,
        slow_after: int | None = None,
        leave_after: int | None = None,
        device_pushes_per_minute: int | None = None,
        broadcasts: bool = True,
    ) -> None:
        known = isinstance(bundle_id, str) and TOPIC.fullmatch(bundle_id)
        if not known or bundle_id != app_of(bundle_id):
            raise ParameterError("bundle_id", "letters, digits, hyphens and dots", bundle_id)
        one_of("environment", environment, get_args(Environment))
        one_of("order", order, get_args(Order))
        one_of("topic_reason", topic_reason, (None, *get_args(TopicReason)))
        _flag("strict", strict)
        _flag("broadcasts", broadcasts)
        if device_pushes_per_minute is not None:
            _count("device_pushes_per_minute", device_pushes_per_minute, 1)
        Team.__init__(self, bundle_id, team_id, key_id, private_key)
        Registry.__init__(self, bundle_id)
        self.environment = environment
        self.violations: list[APNsViolation] = []
        self.goaway_reason = "Shutdown"
        self._strict = strict
        self._auth_first = order == "auth-first"
        self._topic_reason = topic_reason
        self._device_rate = device_pushes_per_minute
        self._gate = Gate(
            environment,
            self._keys,
            token_updates=token_updates,
            environment_reason=environment_reason,
            report=partial(self._report, NO_HEADERS),
        )
        self._conduct = Conduct(
            one_stream_first=one_stream_first,
            max_streams=max_streams,
            on_excess=on_excess_streams,
            idle_timeout=idle_timeout,
            slow_after=slow_after,
            leave_after=leave_after,
        )
        self._payloads = Payloads()
        self._broadcasts = Broadcasts(self._apps, enabled=broadcasts)
        self.channels: Mapping[str, APNsChannel] = self._broadcasts.channels
        # What comes without a connection comes on this one.
        self._lone = Connection()

    # What the server calls.

    def handle(self, request: Request, now: float) -> Response:
        """Return Apple's answer; *now* is in seconds since 1970. All come on one connection."""
        return self.handle_on(self._lone, request, now)

    def connected(self, connection: Connection) -> None:
        """Take note of a new connection."""
        self._conduct.greet(connection)

    def handle_on(self, connection: Connection, request: Request, now: float) -> Response:
        """Return Apple's answer to what came on *connection*."""
        if connection.http_version != "2":
            return _NOT_SPOKEN
        session: Session = connection.state or self._conduct.greet(connection)
        path = request.url[request.url.find("/", len("https://")) :]
        broadcast = path.startswith(_BROADCAST)
        try:
            self._conduct.arrived(connection, session, now)
            answer = self._broadcast if broadcast else self._push
            response = answer(connection, session, request, path, now)
        except Refused as refused:
            self._conduct.refused(connection, session, refused.reason)
            name = "apns-request-id" if broadcast else "apns-id"
            identity = {name: _echo(request.headers.get(name))}
            return errors.refusal(refused.reason, identity, refused.gone_since)
        self._conduct.accepted(connection, session)
        return response

    def answer(self, status: int) -> Response:
        """Return what Apple says with *status* when the request is not to blame."""
        return self._answer(NO_HEADERS, status, None)

    def answer_to(self, request: Request, status: int, now: float) -> Response:
        """Return the same for this very request: with its ID and, where one belongs, a time."""
        return self._answer(request.headers, status, now)

    def goodbye(self) -> bytes:
        """Return the data of a GOAWAY."""
        return errors.body(self.goaway_reason) if self.goaway_reason else b""

    # Answering, step by step.

    def _push(
        self, connection: Connection, session: Session, request: Request, path: str, now: float
    ) -> Response:
        """Answer a push."""
        headers, body = request.headers, request.body
        report = partial(self._report, headers)
        if self._auth_first:
            self._admit(connection, session, headers, now)
        certificate = session.certificate
        default_topic = "" if certificate is None else certificate.default_topic
        envelope = read_envelope(headers, request.method, default_topic)
        check_envelope(envelope, report)
        token = _token(path)
        if self._auth_first:
            self._allow(session, envelope.topic)
        reason = self._topic_reason or "DeviceTokenNotForTopic"
        device = self._reach(token, envelope.topic, reason, now)
        if not self._auth_first:
            self._admit(connection, session, headers, now)
            self._allow(session, envelope.topic)
        self._payloads.check(body, envelope, report)
        if self._device_rate is not None and not device.admit(now, self._device_rate):
            raise Refused("TooManyRequests")
        apns_id = headers.get("apns-id") or str(uuid4()).upper()
        device.accept(_as_push(apns_id, envelope, request, connection.port, now), now)
        answered = {"apns-id": apns_id}
        if self.environment == "sandbox":
            answered["apns-unique-id"] = str(uuid4())
        return Response(status=200, headers=answered)

    def _broadcast(
        self, connection: Connection, session: Session, request: Request, path: str, now: float
    ) -> Response:
        """Answer what concerns a broadcast channel."""
        self._admit(connection, session, request.headers, now)
        return self._broadcasts.handle(request, path, now)

    def _admit(
        self, connection: Connection, session: Session, headers: Mapping[str, str], now: float
    ) -> None:
        """Refuse a client that has not shown who it is, and let others have their streams."""
        self._gate.admit(session, headers, now)
        self._conduct.admitted(connection, session)

    def _allow(self, session: Session, topic: str) -> None:
        """Refuse a topic that the client's credential may not be used for."""
        app = app_of(topic)
        if app not in self._apps or not self._gate.allows(session, topic, app):
            raise Refused(self._topic_reason or "TopicDisallowed")

    def _answer(self, headers: Mapping[str, str], status: int, now: float | None) -> Response:
        """Return the answer with *status*; Apple has no words for most of them."""
        identity = {"apns-id": _echo(headers.get("apns-id"))}
        if status == 200:
            return Response(status=200, headers=identity)
        reason = errors.BY_STATUS.get(status)
        if reason is None:
            return Response(status=status)
        return errors.refusal(reason, identity, now if status == 410 else None)

    def _report(self, headers: Mapping[str, str], rule: str, text: str, reason: str) -> None:
        """Remember what Apple calls wrong, or refuse it with *reason*."""
        if self._strict:
            raise Refused(reason)
        if len(self.violations) < MAX_VIOLATIONS:
            names = ("apns-topic", "apns-push-type", "apns-id")
            about = [headers.get(name, "") for name in names]
            self.violations.append(APNsViolation(rule, text, *about))


def _echo(text: str | None) -> str:
    """Return the ID that an answer carries: the request's, or one as Apple makes them."""
    return text if text is not None and is_uuid(text) else str(uuid4()).upper()


def _token(path: str) -> str:
    """Return the token in *path*."""
    if not path.startswith(_PUSH):
        raise Refused("MissingDeviceToken" if path == _PUSH[:-1] else "BadPath")
    if path == _PUSH:
        raise Refused("MissingDeviceToken")
    return path[len(_PUSH) :]


def _as_push(
    apns_id: str, envelope: Envelope, request: Request, connection: int, now: float
) -> APNsPush:
    """Return what a device is to get."""
    topic, push_type, priority, date, collapse_id = envelope
    expiration = None if date is None else int(date)
    expires_at = now + KEEPS if expiration is None else float(expiration)
    return APNsPush(
        apns_id,
        topic,
        push_type,
        int(priority),
        expiration,
        collapse_id,
        request.body,
        now,
        expires_at,
        connection,
    )
