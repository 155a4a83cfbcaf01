"""
FCM's bodies: which form a push takes, and what is in it.

========================  ======================================================
``fcm_notification``      shown by Android; the envelope is in ``data``
``fcm_data``              handed to the Android app, texts and envelope in ``data``
``fcm_web``               shown by the browser; the envelope is in ``data``
========================  ======================================================

Names are snake_case, which FCM takes as it takes camelCase; inside
``webpush.notification`` they are the browser's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import orjson

from zpns.exchange import BulkForm, Request, Response
from zpns.models.delivery import Target, Verdict
from zpns.models.notification import (
    CallProfile,
    Click,
    Notification,
    PushEvent,
    PushKind,
)
from zpns.transports._fcm_verdicts import judge
from zpns.transports._fit import Budget, Texts, TooLong, fit
from zpns.transports._payload import (
    collapse_key,
    flat_envelope,
    has_text,
    is_call,
    is_invitation,
    is_urgent,
    key64,
    seconds_left,
    texts_of,
    valid_until,
    web_topic,
)
from zpns.transports.base import Credential, Prepared, Route, Skip

__all__ = ["Message", "android_form", "prepare", "web_form"]

TTL_MOST: Final = 2_419_200  # seconds; 28 days, the longest FCM stores
MESSAGE_MOST: Final = 4096  # bytes
#: Bytes of the message kept free for the token, which is not known when it is measured.
#: Tokens have some 160; Google does not say whether they count, so they do here.
TOKEN_ROOM: Final = 256
COUNT_MOST: Final = 2**31 - 1  # notification_count is an int32
BADGES_MOST: Final = 256  # encoded bodies kept, one per badge number

_NOBODY: Final = Target("", 0)
_HEADERS: Final = {"content-type": "application/json; charset=UTF-8"}
#: Events whose priority a resource may choose; of the others it follows from the event.
_CHOSEN: Final = frozenset({PushEvent.MESSAGE, PushEvent.PUSH, PushEvent.CALL_INVITED})


_NO_BADGE: Final = Skip(
    "kind_not_on_channel",
    "Android shows no badge of its own accord; with badge_data=True the app is told the number",
)
_NO_TEXT: Final = Skip("empty_text", "a notification needs a title and a content")
_NOTHING: Final = Skip("nothing_to_show", "it has no text, and this device needs none")
_NO_SILENT_WEB: Final = Skip(
    "kind_not_on_channel", "a browser shows every push; there is no silent one"
)


def prepare(
    notification: Notification, route: Route, now: float, *, project_id: str, badge_data: bool
) -> Prepared | Skip:
    """
    Return *notification* ready for *route*, or why nothing is sent.

    Args:
        notification: The push.

        route: Of FCM.

        now: UTC seconds.

        project_id: The Firebase project.

        badge_data: Whether Android apps are told a changed badge number.
    """
    left = seconds_left(notification, now)
    if left < 1:
        return Skip("expired", "its deadline has passed")
    kind, _, target = route.variety.partition("/")
    if kind == "web":
        form = web_form(notification)
    else:
        form = android_form(notification, badge_data=badge_data)
    if isinstance(form, Skip):
        return form
    path = f"/v1/projects/{project_id}/messages:send"
    prepared = Message(
        form=form,
        endpoint=f"POST {path}",
        valid_until=valid_until(notification, now),
        url=route.origin + path,
        target=target or "token",
        notification=notification,
        ttl=min(left, TTL_MOST),
        urgent=is_urgent(notification, now),
    )
    prepared.halves(None)  # measured here, where what does not fit can be refused
    return prepared


def android_form(notification: Notification, *, badge_data: bool) -> str | Skip:
    """
    Return the form for an Android device, or why it gets nothing.

    Args:
        notification: The push.

        badge_data: Whether the app is told a changed badge number.
    """
    event, kind, text = notification.event, notification.push_kind, has_text(notification)
    if event is PushEvent.BADGE_UPDATED:
        wanted = notification.settings("fcm").get("badge_data", badge_data)
        return "fcm_data" if wanted else _NO_BADGE
    if event.is_call_end or event is PushEvent.MESSAGE_REVOKED:
        # What comes after a push has its form, so that the app finds it where that one was.
        before = notification.follows
        if before not in ("fcm_data", "fcm_notification"):
            before = "fcm_notification" if kind is PushKind.ALERT else "fcm_data"
        if before == "fcm_notification" and text:
            return before
        if event is PushEvent.MESSAGE_REVOKED and before == "fcm_data" and not text:
            return _NOTHING  # nothing visible was sent that would have to go
        return "fcm_data"
    if kind is PushKind.ALERT:
        return "fcm_notification" if text else _NO_TEXT
    if notification.envelope is None and not (text or notification.payload or notification.call_id):
        return _NOTHING
    return "fcm_data"


def web_form(notification: Notification) -> str | Skip:
    """Return the form for a browser, or why it gets nothing."""
    event = notification.event
    if event is PushEvent.BADGE_UPDATED:
        return Skip("kind_not_on_channel", "a browser has no badge number")
    if event.is_call_end or event is PushEvent.MESSAGE_REVOKED:
        return "fcm_web" if has_text(notification) else _NOTHING
    if notification.push_kind is PushKind.SILENT:
        return _NO_SILENT_WEB
    return "fcm_web" if has_text(notification) else _NO_TEXT


@attrs.frozen(kw_only=True)
class Message(Prepared):
    """
    A message for FCM, encoded once per badge number.

    Attributes:
        url: Where it is posted.

        target: Name of the field that holds the token, ``"token"`` or ``"fid"``.

        notification: What is pushed.

        ttl: Seconds FCM may keep it.

        urgent: Whether the device is woken.
    """

    form: str
    endpoint: str
    max_tokens: int = 1
    valid_until: float
    url: str
    target: str
    notification: Notification = attrs.field(repr=False)
    ttl: int
    urgent: bool
    _encoded: dict[int | None, tuple[bytes, bytes]] = attrs.field(
        factory=dict, init=False, repr=False, eq=False
    )

    def request(
        self, targets: Sequence[Target], credential: Credential, stored: str | None = None
    ) -> Request:
        (target,) = targets
        before, after = self.halves(target.badge)
        return Request(
            method="POST",
            url=self.url,
            headers={"authorization": f"Bearer {credential.value}", **_HEADERS},
            body=before + orjson.dumps(target.token) + after,
        )

    def verdicts(
        self, targets: Sequence[Target], response: Response, now: float
    ) -> Sequence[Verdict]:
        return judge(targets, response, now)

    def bulk(self, credential: Credential) -> BulkForm | None:
        before, after = self.halves(None)
        # A token of FCM's alphabet is its own JSON text.
        parts = urlsplit(self.url)
        return BulkForm(
            method=b"POST",
            authority=parts.netloc.encode("ascii"),
            path=(parts.path.encode("ascii"), b""),
            body=(before + b'"', b'"' + after),
            headers=(
                (b"authorization", f"Bearer {credential.value}".encode("latin-1")),
                *((name.encode(), value.encode()) for name, value in _HEADERS.items()),
            ),
            success=judge((_NOBODY,), Response(status=200), 0)[0],
        )

    def halves(self, badge: int | None) -> tuple[bytes, bytes]:
        """
        Return the body before and after the token.

        Args:
            badge: Absolute number for this target; None means the notification's own.

        Raises:
            TooLong: It does not fit and must not be cut; only for a *badge* of None.
        """
        if not self._counts:
            badge = None
        found = self._encoded.get(badge)
        if found is None:
            if len(self._encoded) >= BADGES_MOST:
                self._encoded.clear()
            found = self._encoded[badge] = self._encode(badge)
        return found

    @property
    def _counts(self) -> bool:
        """Whether the badge number is in the body at all."""
        return self.form == "fcm_notification" or self.notification.event is PushEvent.BADGE_UPDATED

    def _encode(self, badge: int | None) -> tuple[bytes, bytes]:
        number = badge if badge is not None else self.notification.badge

        def size(texts: Texts) -> int:
            before, after = self._halves(texts, number)
            return len(before) + len(after) + TOKEN_ROOM

        budget = Budget(most=MESSAGE_MOST, measure=size)
        cut = self.notification.too_long == "truncate"
        try:
            texts = fit(texts_of(self.notification), budget, cut=cut)
        except TooLong:
            if badge is None:
                raise
            # It fits without: a target's own number is not worth the message.
            return self.halves(None)
        return self._halves(texts, number)

    def _halves(self, texts: Texts, badge: int | None) -> tuple[bytes, bytes]:
        body = orjson.dumps(self._message(texts, badge))
        before = b'{"message":{"%b":' % self.target.encode()
        after = b"," + body[1:]
        if self.notification.validate_only:
            return before, after + b',"validate_only":true}'
        return before, after + b"}"

    def _message(self, texts: Texts, badge: int | None) -> dict[str, Any]:
        """Return the message without its target."""
        data = flat_envelope(self.notification, texts, data=self.form == "fcm_data", badge=badge)
        message: dict[str, Any] = {}
        if self.form == "fcm_web":
            message["webpush"] = self._webpush(texts)
        else:
            message["android"] = self._android(texts, badge)
        label = self.notification.settings("fcm").get("analytics_label")
        if label:
            message["fcm_options"] = {"analytics_label": label}
        if data:
            message["data"] = data
        return message

    def _android(self, texts: Texts, badge: int | None) -> dict[str, Any]:
        settings = self.notification.settings("fcm")
        found: dict[str, Any] = {"priority": self._priority(settings), "ttl": f"{self.ttl}s"}
        if self.form == "fcm_notification":
            found["notification"] = self._shown(texts, badge, settings)
            return found
        profile = self._call_profile()
        key = self._data_key(profile)
        if key is not None:
            found["collapse_key"] = key64(key)
        if profile is CallProfile.NOW_OR_NEVER and is_invitation(self.notification):
            found["ttl"] = "0s"
        if settings.get("direct_boot_ok"):
            found["direct_boot_ok"] = True
        return found

    def _shown(
        self, texts: Texts, badge: int | None, settings: Mapping[str, Any]
    ) -> dict[str, Any]:
        shown: dict[str, Any] = {"title": texts.title, "body": texts.body}
        key = collapse_key(self.notification)
        if key is not None:
            shown["tag"] = key64(key)
        for name in ("channel_id", "sound"):
            if settings.get(name):
                shown[name] = settings[name]
        # A launcher takes 0 for "one more", so a badge of 0 is not sent.
        if badge:
            shown["notification_count"] = min(badge, COUNT_MOST)
        return shown

    def _priority(self, settings: Mapping[str, Any]) -> str:
        chosen = settings.get("priority")
        if chosen and self.notification.event in _CHOSEN:
            return str(chosen).upper()
        return "HIGH" if self.urgent else "NORMAL"

    def _call_profile(self) -> CallProfile | None:
        """Return how the call's data messages are queued, or None if it is not a call's."""
        if not is_call(self.notification):
            return None
        resource = self.notification.resource
        return resource.call_profile if resource is not None else CallProfile.COLLAPSE

    def _data_key(self, profile: CallProfile | None) -> str | None:
        """
        Return the collapse key of a data message, or None.

        FCM stores four keys per device and delays what collapses too often, so chat
        messages go without one.
        """
        if profile is not None:
            collapses = profile is CallProfile.COLLAPSE
            return collapse_key(self.notification) if collapses else None
        if self.notification.event is PushEvent.BADGE_UPDATED:
            return collapse_key(self.notification)
        return self.notification.collapse_key

    def _webpush(self, texts: Texts) -> dict[str, Any]:
        headers = {"TTL": str(self.ttl), "Urgency": "high" if self.urgent else "normal"}
        shown: dict[str, Any] = {"title": texts.title, "body": texts.body}
        key = collapse_key(self.notification)
        if key is not None:
            headers["Topic"] = web_topic(key)
            shown["tag"] = key64(key)
        if is_invitation(self.notification):
            shown |= {"renotify": True, "requireInteraction": True}
        found: dict[str, Any] = {"headers": headers, "notification": shown}
        link = self._link()
        if link:
            found["fcm_options"] = {"link": link}
        return found

    def _link(self) -> str:
        """Return the page that a tap opens in a browser; FCM takes https alone."""
        link = self.notification.settings("web").get("link", "")
        resource = self.notification.resource
        if not link and resource is not None and resource.click is Click.URL:
            link = resource.url if resource.url.startswith("https://") else ""
        return str(link)
