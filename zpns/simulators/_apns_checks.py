"""
What APNs checks in a request, whoever sent it and whoever it is for.

The rules of the page "Sending notification requests to APNs". What Apple calls wrong and
takes all the same is told to the caller, who may refuse it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from zpns.errors import ParameterError
from zpns.simulators._apns_errors import Refused

__all__ = [
    "PRIORITIES",
    "SUFFIXES",
    "TOPIC",
    "Envelope",
    "Payloads",
    "Report",
    "app_of",
    "check_duplicates",
    "check_envelope",
    "is_date",
    "is_uuid",
    "one_of",
    "read_envelope",
]

#: The push types, and how the topic of each ends after the bundle ID.
SUFFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "alert": "",
        "background": "",
        "complication": ".complication",
        "controls": ".push-type.controls",
        "fileprovider": ".pushkit.fileprovider",
        "liveactivity": ".push-type.liveactivity",
        "location": ".location-query",
        "mdm": "",
        "pushtotalk": ".voip-ptt",
        "voip": ".voip",
        "widgets": ".push-type.widgets",
    }
)

MAX_COLLAPSE_ID: Final = 64  # bytes
MAX_PAYLOAD: Final = 4_096  # bytes
MAX_VOIP_PAYLOAD: Final = 5_120  # bytes
_KEPT: Final = 256  # bodies whose check is remembered

_WITH_APS: Final = frozenset({"alert", "background", "controls", "liveactivity", "widgets"})
_ENDINGS: Final = tuple(suffix for suffix in SUFFIXES.values() if suffix)
#: What a topic may look like.
TOPIC: Final = re.compile(r"[A-Za-z0-9.-]{1,255}")
PRIORITIES: Final = frozenset({"1", "5", "10"})
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Envelope(NamedTuple):
    """What the headers of a push say."""

    topic: str
    push_type: str
    priority: str
    expiration: str | None
    collapse_id: str


Report: TypeAlias = Callable[[str, str, str], None]
"""Called with a rule's name, one sentence, and the reason with which it may be refused."""


@lru_cache(maxsize=1_024)
def app_of(topic: str) -> str:
    """Return the bundle ID that *topic* begins with."""
    for ending in _ENDINGS:
        if topic.endswith(ending):
            return topic[: -len(ending)]
    return topic


def one_of(name: str, value: object, allowed: Collection[object]) -> None:
    """
    Refuse *value* unless it is *allowed*.

    Raises:
        ParameterError: It is not.
    """
    if value not in allowed:
        raise ParameterError(name, f"one of {', '.join(map(str, allowed))}", value)


def check_duplicates(headers: Mapping[str, str]) -> None:
    """
    Refuse a header of APNs that came twice.

    Raises:
        Refused: One did.
    """
    for name in getattr(headers, "repeated", ()):
        if name.startswith("apns-") or name == "authorization":
            raise Refused("DuplicateHeaders")


def is_uuid(text: str) -> bool:
    """Return whether *text* is a UUID in its usual form."""
    return _UUID.fullmatch(text) is not None


def is_date(text: str) -> bool:
    """Return whether *text* is a whole number of seconds."""
    return text.isascii() and text.isdigit()


def read_envelope(headers: Mapping[str, str], method: str, default_topic: str) -> Envelope:
    """
    Return what the headers say.

    Args:
        headers: Names in lower case.

        method: Must be POST, which is looked at in between.

        default_topic: The topic if the headers name none; empty if they have to.

    Raises:
        Refused: One of them says nothing sensible.
    """
    check_duplicates(headers)
    apns_id = headers.get("apns-id")
    if apns_id is not None and not is_uuid(apns_id):
        raise Refused("BadMessageId")
    if method != "POST":
        raise Refused("MethodNotAllowed")
    topic = headers.get("apns-topic") or default_topic
    if not topic:
        raise Refused("MissingTopic")
    if TOPIC.fullmatch(topic) is None:
        raise Refused("BadTopic")
    collapse_id = headers.get("apns-collapse-id", "")
    if len(collapse_id.encode()) > MAX_COLLAPSE_ID:
        raise Refused("BadCollapseId")
    priority = headers.get("apns-priority", "10")
    if priority not in PRIORITIES:
        raise Refused("BadPriority")
    expiration = headers.get("apns-expiration")
    if expiration is not None and not is_date(expiration):
        raise Refused("BadExpirationDate")
    push_type = headers.get("apns-push-type", "")
    if push_type and push_type not in SUFFIXES:
        raise Refused("InvalidPushType")
    return Envelope(topic, push_type, priority, expiration, collapse_id)


def check_envelope(envelope: Envelope, report: Report) -> None:
    """Report what Apple calls wrong in the headers and takes all the same."""
    push_type = envelope.push_type
    if not push_type:
        report("push-type", "The header apns-push-type is missing.", "InvalidPushType")
        return
    ending = SUFFIXES[push_type]
    fits = envelope.topic.endswith(ending) if ending else not envelope.topic.endswith(_ENDINGS)
    if not fits:
        text = f"Push type {push_type} does not go with the topic."
        report("topic", text, "InvalidPushType")
    if push_type == "background" and envelope.priority == "10":
        report("background-priority", "Background pushes have priority 5.", "BadPriority")
    if push_type == "pushtotalk" and envelope.expiration != "0":
        report("pushtotalk-expiration", "Push to talk expires with 0.", "BadExpirationDate")


class Payloads:
    """Checks bodies, and remembers those that it has seen: a fan-out repeats one."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, bytes], tuple[str, str, str] | None] = {}

    def check(self, body: bytes, envelope: Envelope, report: Report) -> None:
        """
        Refuse a body that is none, and report one that the push type does not go with.

        Raises:
            Refused: It is empty, too large, or no JSON.
        """
        if not body:
            raise Refused("PayloadEmpty")
        push_type = envelope.push_type
        voip = push_type == "voip" or (not push_type and envelope.topic.endswith(".voip"))
        if len(body) > (MAX_VOIP_PAYLOAD if voip else MAX_PAYLOAD):
            raise Refused("PayloadTooLarge")
        key = push_type, body
        if key in self._seen:
            problem = self._seen[key]
        else:
            problem = _look_through(body, push_type)
            if len(self._seen) >= _KEPT:
                self._seen.clear()
            self._seen[key] = problem
        if problem is not None:
            report(*problem)


def _look_through(body: bytes, push_type: str) -> tuple[str, str, str] | None:
    """Return what is wrong with a body: rule, sentence, and reason to refuse it."""
    try:
        payload: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused("PayloadEmpty") from None
    if not isinstance(payload, dict):
        return "object", "The body is no JSON object.", "PayloadEmpty"
    aps = payload.get("aps")
    if not isinstance(aps, dict):
        # Other types hand out whatever there is: VoIP and MDM have keys of their own.
        if push_type in _WITH_APS:
            return "aps", "The body has no dictionary aps.", "PayloadEmpty"
        return None
    match push_type:
        case "alert" if not aps.keys() & {"alert", "badge", "sound"}:
            return "alert", "An alert has an alert, a badge or a sound.", "InvalidPushType"
        case "background" if aps != {"content-available": 1}:
            text = "A background push has content-available 1 and nothing else in aps."
            return "background", text, "InvalidPushType"
        case "liveactivity" if not {"timestamp", "event"} <= aps.keys():
            return "liveactivity", "A Live Activity has timestamp and event.", "InvalidPushType"
        case _:
            return None
