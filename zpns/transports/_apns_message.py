"""
APNs' bodies and headers: which form a push takes, and what is in it.

========================  ======================================================
``apns_alert``            shown by the system; the envelope is beside ``aps``
``apns_background``       wakes the app, shows nothing
``apns_voip``             rings: to a VoIP token, and for a call's beginning alone
``apns_liveactivity``     and the other push types: the payload is the body
========================  ======================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import orjson

from zpns.errors import ParameterError
from zpns.exchange import Request, Response
from zpns.models.delivery import Target, Verdict
from zpns.models.notification import MessageClass, Notification, PushEvent
from zpns.transports._apns_types import TYPES, own_type, problem, topic_of
from zpns.transports._apns_verdicts import ACCEPTED, judge
from zpns.transports._fit import Budget, Texts, TooLong, fit
from zpns.transports._payload import (
    apns_id_stem,
    collapse_key,
    envelope,
    has_text,
    is_invitation,
    key64,
    seconds_left,
    texts_of,
    thread_id,
)
from zpns.transports.base import BulkForm, Credential, Prepared, Route, Skip

__all__ = ["Message", "prepare", "push_type"]

PATH: Final = "/3/device/"
BADGE_MOST: Final = 2**31 - 1  # what every phone takes for a number
BADGES_MOST: Final = 256  # encoded bodies kept, one per badge number
CALL_CATEGORY: Final = "ZPNS_CALL"  # of an invitation that is shown instead of ringing

_HEADERS: Final = (("content-type", "application/json"),)
#: Events for which a resource chooses; for the others it follows from the event.
_CHOSEN: Final = frozenset({PushEvent.MESSAGE, PushEvent.PUSH, PushEvent.CALL_INVITED})
#: Settings that are keys of ``aps`` by another name.
_APS_KEYS: Final = (
    ("relevance_score", "relevance-score"),
    ("filter_criteria", "filter-criteria"),
    ("target_content_id", "target-content-id"),
)

_NO_TEXT: Final = Skip("empty_text", "a notification needs a title and a content")
_NO_CALLER: Final = Skip("empty_text", "a call needs a title, which the phone shows as the caller")
_NOTHING: Final = Skip("nothing_to_show", "it has no text, and this device needs none")
_NO_CALL: Final = Skip(
    "kind_not_on_channel", "a VoIP token gets calls of kind voip and nothing else"
)
_NO_ACTIVITY: Final = Skip(
    "kind_not_on_channel", "the token of a live activity gets nothing but its updates"
)
_ACTIVITY_ELSEWHERE: Final = Skip(
    "kind_not_on_channel", "a live activity has tokens of its own: register one as liveactivity"
)


def prepare(
    notification: Notification,
    route: Route,
    now: float,
    *,
    bundle_id: str,
    topics: Sequence[str],
    has_key: bool,
) -> Prepared | Skip:
    """
    Return *notification* ready for *route*, or why nothing is sent.

    Args:
        notification: The push.

        route: Of APNs.

        now: UTC seconds.

        bundle_id: The app's.

        topics: What a certificate may send to; none allows all.

        has_key: Whether a key signs the pushes, rather than a certificate.
    """
    if seconds_left(notification, now) < 1:
        return Skip("expired", "its deadline has passed")
    settings, kind = notification.settings("apns"), notification.push_kind
    wrong = problem(settings, kind, bundle_id, has_key=has_key)
    if wrong is not None:
        raise ParameterError(f"resource.apns.{wrong[0]}", wrong[1], wrong[2])
    name = push_type(notification, route.variety)
    if isinstance(name, Skip):
        return name
    topic = topic_of(name, settings, kind, bundle_id)
    if topics and topic not in topics:
        return Skip(
            "topic_not_in_certificate",
            f"the certificate is for {', '.join(topics)}, not for {topic}: use a key, or another "
            "certificate",
        )
    assert notification.deadline is not None
    prepared = Message(
        form=f"apns_{name}",
        endpoint=f"POST {PATH[:-1]}",
        valid_until=notification.deadline / 1000,  # nothing in it shrinks
        origin=route.origin,
        push_type=name,
        notification=notification,
        headers=_headers(notification, name, topic),
    )
    prepared.body(None)  # measured here, where what does not fit can be refused
    return prepared


def push_type(notification: Notification, variety: str) -> str | Skip:
    """
    Return the push type for a token, or why it gets nothing.

    Args:
        notification: The push.

        variety: What is behind the token: ``"alert"``, ``"voip"`` or ``"liveactivity"``.

    Raises:
        ParameterError: The resource's own type cannot announce a call.
    """
    event, settings = notification.event, notification.settings("apns")
    own = own_type(settings, notification.push_kind)
    if variety == "voip":
        # Apple bans apps that get a VoIP push and have no call to show for it.
        if own != "voip" or not is_invitation(notification):
            return _NO_CALL
        return "voip" if notification.title else _NO_CALLER
    if variety == "liveactivity":
        if own == "liveactivity" or (event is PushEvent.PUSH and own == "alert"):
            return "liveactivity"  # as its token says
        return _NO_ACTIVITY
    if event is PushEvent.BADGE_UPDATED:
        return "alert"
    if event.is_call_end or event is PushEvent.MESSAGE_REVOKED:
        return _after(notification, own)
    if own == "liveactivity":
        return _ACTIVITY_ELSEWHERE
    if own in ("alert", "voip"):  # a call is shown where it cannot ring
        bare_badge = event is PushEvent.PUSH and notification.badge is not None
        empty = not (notification.title or notification.content)
        return "alert" if has_text(notification) or (bare_badge and empty) else _NO_TEXT
    if event is PushEvent.CALL_INVITED and own != "background":
        raise ParameterError("resource.apns.push_type", "alert or voip: nothing else rings", own)
    return own


def _after(notification: Notification, own: str) -> str | Skip:
    """Return the type of what comes after a push, so that the app finds it where that was."""
    text = has_text(notification)
    silent = notification.follows == "apns_background" or (
        not notification.follows and own == "background"
    )
    if notification.event is PushEvent.MESSAGE_REVOKED and silent:
        return "background" if text else _NOTHING  # nothing visible was sent that has to go
    return "alert" if text else "background"


def _headers(notification: Notification, name: str, topic: str) -> tuple[tuple[str, str], ...]:
    """Return the header fields that all targets share, without the credential."""
    known = TYPES[name]
    assert notification.deadline is not None
    expiration = 0 if known.now_or_never else notification.deadline // 1000
    found = [
        *_HEADERS,
        ("apns-push-type", name),
        ("apns-topic", topic),
        ("apns-priority", str(_priority(notification, name))),
        ("apns-expiration", str(expiration)),
    ]
    key = None
    if name == "alert" and notification.event is not PushEvent.BADGE_UPDATED:
        key = collapse_key(notification)
    elif known.default is not None:
        key = notification.collapse_key
    if key is not None:
        found.append(("apns-collapse-id", key64(key)))
    return tuple(found)


def _priority(notification: Notification, name: str) -> int:
    allowed = TYPES[name].priorities
    chosen = notification.settings("apns").get("priority")
    if chosen in allowed and notification.event in _CHOSEN:
        return int(chosen)
    relaxed = notification.event is PushEvent.BADGE_UPDATED or _is_marketing(notification)
    return 5 if relaxed and 5 in allowed else allowed[0]


def _is_marketing(notification: Notification) -> bool:
    marketing = notification.push_class is MessageClass.MARKETING
    return marketing and not is_invitation(notification)


@attrs.frozen(kw_only=True)
class Message(Prepared):
    """
    A push for APNs, encoded once per badge number.

    Attributes:
        origin: Scheme, host and port.

        push_type: Apple's word for what it is.

        notification: What is pushed.

        headers: Header fields that all targets share, without the credential.
    """

    form: str
    endpoint: str
    max_tokens: int = 1
    valid_until: float
    origin: str
    push_type: str
    notification: Notification = attrs.field(repr=False)
    headers: tuple[tuple[str, str], ...]
    _stem: str = attrs.field(init=False, repr=False, eq=False)
    _encoded: dict[int | None, bytes] = attrs.field(factory=dict, init=False, repr=False, eq=False)

    @_stem.default
    def _derive_stem(self) -> str:
        return apns_id_stem(self.push_type, self.notification.job_id)

    def request(
        self, targets: Sequence[Target], credential: Credential, stored: str | None = None
    ) -> Request:
        (target,) = targets
        return Request(
            method="POST",
            url=f"{self.origin}{PATH}{target.token.lower()}",
            headers=dict(
                (*self._shared(credential), ("apns-id", f"{self._stem}{target.seq:012x}"))
            ),
            body=self.body(target.badge),
        )

    def verdicts(
        self, targets: Sequence[Target], response: Response, now: float
    ) -> Sequence[Verdict]:
        return judge(targets, response, now, rings=self.push_type == "voip")

    def bulk(self, credential: Credential) -> BulkForm:
        """
        Return the template for targets that have no badge of their own.

        Their tokens have to be in lower case.
        """
        return BulkForm(
            method=b"POST",
            authority=urlsplit(self.origin).netloc.encode(),
            path=(PATH.encode(), b""),  # the token ends it
            body=(self.body(None), b""),
            headers=tuple((n.encode(), v.encode()) for n, v in self._shared(credential)),
            numbered=(b"apns-id", self._stem.encode()),
            success=ACCEPTED,
            lowers=True,
        )

    def _shared(self, credential: Credential) -> tuple[tuple[str, str], ...]:
        if not credential.value:  # a certificate has said who is sending
            return self.headers
        return (("authorization", f"bearer {credential.value}"), *self.headers)

    def body(self, badge: int | None) -> bytes:
        """
        Return the body.

        Args:
            badge: Absolute number for this target; None means the notification's own.

        Raises:
            TooLong: It does not fit and must not be cut; only for a *badge* of None.

            ParameterError: The payload is to be the body, and is no JSON object.
        """
        if self.push_type != "alert":
            badge = None
        found = self._encoded.get(badge)
        if found is None:
            if len(self._encoded) >= BADGES_MOST:
                self._encoded.clear()
            found = self._encoded[badge] = self._encode(badge)
        return found

    def _encode(self, badge: int | None) -> bytes:
        if TYPES[self.push_type].default is not None:
            return self._given()
        number = badge if badge is not None else self.notification.badge
        if number is not None:
            number = min(number, BADGE_MOST)
        budget = Budget(
            most=TYPES[self.push_type].most,
            measure=lambda texts: len(orjson.dumps(self._content(texts, number))),
        )
        cut = self.notification.too_long == "truncate"
        try:
            texts = fit(texts_of(self.notification), budget, cut=cut)
        except TooLong:
            if badge is None:
                raise
            # It fits without: a target's own number is not worth the message.
            return self.body(None)
        return orjson.dumps(self._content(texts, number))

    def _given(self) -> bytes:
        """Return the payload, which is the whole body as the app's author wrote it."""
        known, payload = TYPES[self.push_type], self.notification.payload
        body = payload.encode() or known.default or b""
        try:
            content = orjson.loads(body)
        except orjson.JSONDecodeError:
            content = None
        needs_aps = self.push_type == "liveactivity"
        if not isinstance(content, dict) or (
            needs_aps and not isinstance(content.get("aps"), dict)
        ):
            what = " with aps" if needs_aps else ""
            raise ParameterError(
                "payload",
                f"a JSON object{what}, because it is the body of a {self.push_type} push",
                f"text of {len(payload)} characters",
            )
        if len(body) > known.most:
            raise TooLong("payload_too_large", "payload", known.most, "bytes", len(body))
        return body

    def _content(self, texts: Texts, badge: int | None) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.push_type == "alert":
            found["aps"] = self._alert(texts, badge)
        elif self.push_type == "voip":
            found["aps"] = {"alert": {"title": texts.title, "body": texts.body}}
        else:
            found["aps"] = {"content-available": 1}
            shown = {"title": texts.title, "body": texts.body}
            found |= {name: text for name, text in shown.items() if text}
        rings = self.push_type == "voip"
        return found | envelope(self.notification, texts, apple=True, voip=rings, badge=badge)

    def _alert(self, texts: Texts, badge: int | None) -> dict[str, Any]:
        notification = self.notification
        number = {} if badge is None else {"badge": badge}
        if notification.event is PushEvent.BADGE_UPDATED or not has_text(notification):
            return number
        aps: dict[str, Any] = {"alert": {"title": texts.title, "body": texts.body}}
        thread = thread_id(notification)
        if thread:
            aps["thread-id"] = thread
        aps |= number
        settings = notification.settings("apns")
        if notification.event in _CHOSEN:
            aps |= self._chosen()
        if settings.get("mutable_content"):
            aps["mutable-content"] = 1
        return aps

    def _chosen(self) -> dict[str, Any]:
        """Return what a resource decides, and what holds if it does not."""
        settings, rings = self.notification.settings("apns"), is_invitation(self.notification)
        sound = settings.get("sound", "" if _is_marketing(self.notification) else "default")
        level = settings.get("interruption_level", "time-sensitive" if rings else "")
        category = settings.get("category", CALL_CATEGORY if rings else "")
        found = {"sound": sound, "interruption-level": level, "category": category}
        found |= {key: settings[name] for name, key in _APS_KEYS if name in settings}
        if settings.get("content_available"):
            found["content-available"] = 1
        return {name: value for name, value in found.items() if value != ""}
