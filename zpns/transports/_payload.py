"""
What every push carries to the device, whatever the vendor, and what is derived from it.

Apps read at most six keys: ``title``, ``body``, ``payload``, ``call_id``, ``zego`` (what
apps built on ZEGO's kits react to) and ``zpns`` (ours). On Android and the web each is a
text and the last two are JSON texts; on iOS the last two are objects.

Every value here is the same on every try and after a restart: it hangs on the job, the
call or the message, never on the moment or the device.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from base64 import urlsafe_b64encode
from typing import Any, Final

import orjson

from zpns.errors import ParameterError
from zpns.models.enums import ZIMConversationType
from zpns.models.notification import Envelope, MessageClass, Notification, PushEvent, PushKind
from zpns.models.push import ZIMVoIPConfig
from zpns.transports._fit import Texts

__all__ = [
    "apns_id",
    "apns_id_stem",
    "call_uuid",
    "check_ready",
    "collapse_key",
    "compact",
    "envelope",
    "flat_envelope",
    "has_text",
    "huawei_group",
    "is_call",
    "is_invitation",
    "is_urgent",
    "job_tag",
    "key64",
    "notify_id",
    "request_id",
    "seconds_left",
    "texts_of",
    "thread_id",
    "valid_until",
    "web_topic",
    "zego",
    "zpns",
]

NAMESPACE: Final = uuid.UUID("d46e89a5-c56e-5756-9670-a920c6e23047")
VERSION: Final = 1  # of both objects
KEY_MOST: Final = 64  # bytes of a collapse key that is sent as it is
CALL_STEP: Final = 1.0  # seconds a call's push may be sent unchanged: its lifetime shrinks
STEP: Final = 60.0  # seconds, likewise, of every other push

_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9:._-]+")
_SHOWN_KINDS: Final = frozenset({PushEvent.MESSAGE, PushEvent.PUSH})


# What is derived from names.


def compact(value: object) -> str:
    """Return *value* as JSON without spaces, keys sorted, non-ASCII as it is."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def request_id(job_id: str) -> str:
    """Return the ZPNs request ID of a job: 1 to 19 decimal digits, of 63 bits, never 0."""
    number = int.from_bytes(_hash("request", job_id)[:8], "big") & (2**63 - 1)
    return str(max(1, number))


def job_tag(job_id: str) -> str:
    """Return 32 hex digits that name a job at vendors that want an ID of ours."""
    return _hash("job", job_id).hex()[:32]


def call_uuid(call_id: str, user_id: str) -> str:
    """Return the UUID by which CallKit knows *user_id*'s side of a call."""
    return str(uuid.uuid5(NAMESPACE, f"call/{call_id}/{user_id}"))


def apns_id(push_type: str, job_id: str, seq: int) -> str:
    """
    Return the canonical UUID by which Apple knows a push.

    Args:
        push_type: The ``apns-push-type``.

        job_id: The job.

        seq: The target's number in the job, below 2^48.
    """
    return f"{apns_id_stem(push_type, job_id)}{seq:012x}"


def apns_id_stem(push_type: str, job_id: str) -> str:
    """Return the first 24 characters of ``apns_id``, which all targets of a job share."""
    first = bytearray(_hash("apns", f"{push_type}:{job_id}")[:10])
    first[6] = first[6] & 0x0F | 0x80  # version 8: of our own making
    first[8] = first[8] & 0x3F | 0x80  # the variant of RFC 9562
    text = first.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:]}-"


def key64(key: str) -> str:
    """Return a collapse key of at most 64 harmless characters, *key* itself if it is one."""
    if _PLAIN_KEY.fullmatch(key) and len(key) <= KEY_MOST:
        return key
    return f"~{_b64u(_hash('key', key))}"


def web_topic(key: str) -> str:
    """Return the Web Push topic of a collapse key: 32 characters of base64url."""
    return _b64u(_hash("topic", key)[:24])


def notify_id(name: str) -> int:
    """Return the number, 1 to 2^31 - 1, of the notification of a collapse key or job ID."""
    return int.from_bytes(_hash("notify", name)[:4], "big") & (2**31 - 1) or 1


def huawei_group(number: int) -> int:
    """Return Huawei's collapse group, 1 to 99, of a notify ID."""
    return 1 + number % 99


def _hash(purpose: str, name: str) -> bytes:
    return hashlib.sha256(f"zpns:{purpose}:{name}".encode()).digest()


def _b64u(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


# What a notification is.


def check_ready(notification: Notification) -> None:
    """
    Check that whoever sends has named the job and its deadline.

    Raises:
        ParameterError: One is missing.
    """
    if not notification.job_id:
        raise ParameterError("job_id", "the name of the push job, before it is prepared", "")
    if notification.deadline is None:
        raise ParameterError("deadline", "UTC milliseconds, before it is prepared", None)


def is_invitation(notification: Notification) -> bool:
    """Whether it starts a call; without a hub, whatever is of kind voip does."""
    if notification.envelope is None:
        return notification.push_kind is PushKind.VOIP
    return notification.event is PushEvent.CALL_INVITED


def is_call(notification: Notification) -> bool:
    """Whether it starts or ends a call."""
    return notification.event.is_call or is_invitation(notification)


def has_text(notification: Notification) -> bool:
    """Whether there is something to show: a title and a body."""
    return bool(notification.title and notification.content)


def texts_of(notification: Notification) -> Texts:
    """Return what of *notification* may be shortened."""
    return Texts(notification.title, notification.content, notification.payload)


def is_urgent(notification: Notification, now: float) -> bool:
    """
    Whether a device should be woken for it.

    Args:
        notification: The push.

        now: UTC seconds; the end of a call is urgent while the call would still ring.
    """
    if is_invitation(notification):
        return True
    event, origin = notification.event, notification.envelope
    if event.is_call_end and origin is not None:
        return _milliseconds(now) < origin.expires_at
    if event is PushEvent.MESSAGE_REVOKED:
        return has_text(notification)
    return (
        event in _SHOWN_KINDS
        and notification.push_kind is not PushKind.SILENT
        and notification.push_class is not MessageClass.MARKETING
    )


def seconds_left(notification: Notification, now: float) -> int:
    """Return the whole seconds until the deadline; below 1 it is too late to send."""
    check_ready(notification)
    assert notification.deadline is not None
    return (notification.deadline - _milliseconds(now)) // 1000


def valid_until(notification: Notification, now: float) -> float:
    """Return until when what says ``seconds_left`` may be sent as it is, UTC seconds."""
    check_ready(notification)
    assert notification.deadline is not None
    step = CALL_STEP if is_call(notification) else STEP
    return min(now + step, notification.deadline / 1000)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def collapse_key(notification: Notification) -> str | None:
    """Return the key by which a later push replaces this one, or None."""
    origin = notification.envelope
    if notification.collapse_key is not None:
        return notification.collapse_key
    if is_call(notification):
        return f"call:{notification.call_id}"
    if origin is not None and origin.event in (PushEvent.MESSAGE, PushEvent.MESSAGE_REVOKED):
        return f"msg:{origin.message_id}"
    return "badge" if notification.event is PushEvent.BADGE_UPDATED else None


def thread_id(notification: Notification) -> str:
    """Return what groups its notifications on iOS, or an empty text."""
    origin = notification.envelope
    if notification.thread_id:
        return notification.thread_id
    if is_call(notification):
        return "calls"
    if origin is None or origin.event not in (PushEvent.MESSAGE, PushEvent.MESSAGE_REVOKED):
        return ""
    group = origin.conversation_type is ZIMConversationType.GROUP
    return f"{'group' if group else 'peer'}:{origin.conversation_id}"


# The envelope.


def zego(notification: Notification, *, voip: bool = False) -> dict[str, Any] | None:
    """
    Return the object ``zego``, or None where apps built on ZEGO's kits must not react.

    The kits take every data push that has it for a call unless its payload says
    otherwise, so a badge or a silent revoke goes without. So does a push without a hub,
    unless it starts a call.

    Args:
        notification: The push.

        voip: Whether it is a VoIP push, which carries what CallKit shows.
    """
    if notification.envelope is None:
        wanted = is_invitation(notification)
    elif notification.event is PushEvent.MESSAGE_REVOKED:
        wanted = has_text(notification)
    else:
        wanted = notification.event is not PushEvent.BADGE_UPDATED
    if not wanted:
        return None
    found: dict[str, Any] = {
        "version": VERSION,
        "zpns_request_id": request_id(notification.job_id),
    }
    if is_call(notification):
        found["call_id"] = notification.call_id
    if voip:
        config = notification.voip or ZIMVoIPConfig()
        caller = notification.envelope.caller if notification.envelope is not None else ""
        found["voip_handle_type"] = int(config.ios_voip_handle_type)
        found["voip_handle_value"] = config.ios_voip_handle_value or caller
        found["voip_has_video"] = config.ios_voip_has_video
    return found


def zpns(
    notification: Notification,
    *,
    apple: bool = False,
    badge: int | None = None,
    payload_dropped: bool = False,
) -> dict[str, Any] | None:
    """
    Return the object ``zpns``, or None for a push without a hub.

    Args:
        notification: The push.

        apple: Whether it goes to an iPhone, where CallKit needs a UUID.

        badge: Absolute number for this target; None means the notification's own.

        payload_dropped: Whether the app has to fetch the payload, because it did not fit.
    """
    origin = notification.envelope
    if origin is None:
        return None
    event = origin.event
    found: dict[str, Any] = {"version": VERSION, "event": event.value, "sent_at": origin.sent_at}
    if event.is_call:
        found |= _call_part(origin)
        if apple:
            found["call_uuid"] = call_uuid(notification.call_id, origin.user_id)
    elif event in (PushEvent.MESSAGE, PushEvent.MESSAGE_REVOKED):
        found["conversation_id"] = origin.conversation_id
        found["conversation_type"] = int(origin.conversation_type)
        found["message_id"] = origin.message_id
        if origin.conversation_type is ZIMConversationType.GROUP:
            found["sender"] = origin.sender
    elif event is PushEvent.BADGE_UPDATED:
        number = badge if badge is not None else notification.badge
        if number is not None:
            found["badge"] = number
    if payload_dropped:
        found["payload_dropped"] = True
    return found


def _call_part(origin: Envelope) -> dict[str, Any]:
    found: dict[str, Any] = {
        "event_seq": origin.event_seq,
        "expires_at": origin.expires_at,
        "caller": origin.caller,
    }
    if origin.event is PushEvent.CALL_INVITED:
        found["has_video"] = origin.has_video
        if origin.inviter and origin.inviter != origin.caller:
            found["inviter"] = origin.inviter
    return found


def envelope(
    notification: Notification,
    texts: Texts,
    *,
    apple: bool = False,
    voip: bool = False,
    badge: int | None = None,
) -> dict[str, Any]:
    """
    Return ``payload``, ``call_id``, ``zego`` and ``zpns`` as far as they are sent.

    Args:
        notification: The push.

        texts: Its texts, made to fit.

        apple: Whether it goes to an iPhone.

        voip: Whether it is a VoIP push.

        badge: Absolute number for this target; None means the notification's own.

    Returns:
        Texts, and the last two as objects.
    """
    found: dict[str, Any] = {}
    if texts.payload:
        found["payload"] = texts.payload
    if notification.call_id:
        found["call_id"] = notification.call_id
    first = zego(notification, voip=voip)
    if first is not None:
        found["zego"] = first
    ours = zpns(notification, apple=apple, badge=badge, payload_dropped=texts.payload_dropped)
    if ours is not None:
        found["zpns"] = ours
    return found


def flat_envelope(
    notification: Notification, texts: Texts, *, data: bool = False, badge: int | None = None
) -> dict[str, str]:
    """
    Return the envelope as Android and the web read it: a flat map of texts.

    Args:
        notification: The push.

        texts: Its texts, made to fit.

        data: Whether the carrier has no fields of its own for title and body.

        badge: Absolute number for this target; None means the notification's own.
    """
    found = envelope(notification, texts, badge=badge)
    flat: dict[str, str] = {}
    if data and ("zego" in found or has_text(notification)):
        flat = {"title": texts.title, "body": texts.body}
    for key, value in found.items():
        flat[key] = value if isinstance(value, str) else compact(value)
    return flat
