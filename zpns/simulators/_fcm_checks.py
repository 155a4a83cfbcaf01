"""
What FCM refuses in a message that its JSON parser let through.

Each check looks at one rule and gives the answer that breaks it deserves; they run in a
fixed order and the first refusal is the answer. Messages come as the parser gives them:
names in camelCase, nulls left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

import orjson

from zpns.exchange import Response
from zpns.simulators._fcm_errors import GENERIC, bad_request, too_big
from zpns.simulators._fcm_parser import Violation, seconds

__all__ = ["TARGETS", "PayloadCount", "check_message", "is_condition"]

PayloadCount: TypeAlias = Literal["texts", "body"]
"""Which bytes count against the limit; see :class:`~zpns.simulators.FCMSimulator`."""

TARGETS: Final = ("token", "fid", "topic", "condition")
MAX_PAYLOAD: Final = 4_096  # bytes
MAX_TOPIC_PAYLOAD: Final = 2_048  # bytes; the page of error codes, for topics alone
MAX_TTL: Final = 2_419_200  # seconds; 28 days
MAX_TOPICS: Final = 5  # in a condition
_SMALL: Final = 2_000  # bytes; a body below this cannot hold a payload over any limit

_TOPIC: Final = re.compile(r"[a-zA-Z0-9\-_.~%]{1,900}")
_LABEL: Final = re.compile(r"[a-zA-Z0-9\-_.~%]{1,50}")
_RESERVED: Final = frozenset({"from", "message_type"})
_RESERVED_PREFIXES: Final = ("google.", "gcm.")
_WORDS: Final = re.compile(r"\s*('[a-zA-Z0-9\-_.~%]{1,900}'|in\b|topics\b|&&|\|\||[!()])\s*")

_TEXT: Final[tuple[type, ...]] = (str,)
_NUMBER: Final[tuple[type, ...]] = (int, float)
_APS_TYPES: Final[Mapping[str, tuple[tuple[type, ...], str]]] = {
    "alert": ((str, dict), "string or a dictionary"),
    "badge": (_NUMBER, "number"),
    "sound": ((str, dict), "string or a dictionary"),
    "content-available": (_NUMBER, "number"),
    "mutable-content": (_NUMBER, "number"),
    "category": (_TEXT, "string"),
    "thread-id": (_TEXT, "string"),
}

Message: TypeAlias = Mapping[str, Any]
Check: TypeAlias = Callable[[Message], Response | None]

_NOTHING: Final[Message] = {}


def check_message(message: Message, body: bytes, count: PayloadCount) -> Response | None:
    """
    Return the refusal of *message*, or None if it is fine.

    Args:
        message: As the parser gives it.

        body: The whole request as it came.

        count: Which bytes count against the limit.
    """
    for check in _BEFORE_SIZE:
        refusal = check(message)
        if refusal is not None:
            return refusal
    if len(body) > _SMALL:
        refusal = _check_size(message, body, count)
        if refusal is not None:
            return refusal
    for check in _AFTER_SIZE:
        refusal = check(message)
        if refusal is not None:
            return refusal
    return None


def is_condition(text: str) -> bool:
    """
    Return whether *text* is a condition: topics joined by ``&&``, ``||``, ``!``.

    One that holds for a device without any topic, such as a plain negation, is none: it
    would reach every device there is.
    """
    words = []
    position = 0
    while position < len(text):
        match = _WORDS.match(text, position)
        if match is None:
            return False
        words.append(match[1])
        position = match.end()
    if not 1 <= sum(word[0] == "'" for word in words) <= MAX_TOPICS:
        return False
    try:
        reader = iter([*words, ""])
        value, rest = _either(next(reader), reader)
    except (StopIteration, SyntaxError, RecursionError):
        return False
    return rest == "" and not value


def _refuse(field: str, description: str) -> Response:
    return bad_request(GENERIC, Violation(description, field))


# The rules, in the order they are applied.


def _check_target(message: Message) -> Response | None:
    if any(name in message for name in TARGETS):
        return None
    text = "Recipient of the message is not set."
    return bad_request(text, Violation(text, "message"))


def _check_data_keys(message: Message) -> Response | None:
    for path, data in _data(message):
        for key in data:
            if key in _RESERVED or key.startswith(_RESERVED_PREFIXES):
                text = f"Invalid data payload key: {key}"
                return bad_request(text, Violation(text, path))
    return None


def _check_topic(message: Message) -> Response | None:
    topic = message.get("topic")
    if topic is None or _TOPIC.fullmatch(topic):
        return None
    return _refuse("message.topic", "Invalid topic name provided.")


def _check_condition(message: Message) -> Response | None:
    condition = message.get("condition")
    if condition is None or is_condition(condition):
        return None
    return _refuse("message.condition", "Invalid condition expression provided.")


def _check_one_android(message: Message) -> Response | None:
    if "android" in message and "androidV2" in message:
        return _refuse("message.android_v2", "Only one of android and android_v2 may be set.")
    return None


def _check_size(message: Message, body: bytes, count: PayloadCount) -> Response | None:
    to_topics = "topic" in message or "condition" in message
    limit = MAX_TOPIC_PAYLOAD if to_topics else MAX_PAYLOAD
    if (len(body) if count == "body" else _android_texts(message)) > limit:
        return too_big("Android")
    # The words for these two were never seen; they follow the first.
    if "apns" in message and len(orjson.dumps(_apns_payload(message))) > limit:
        return too_big("APNs")
    if "webpush" in message and len(orjson.dumps(_webpush_payload(message))) > limit:
        return too_big("Web push")
    return None


def _check_ttl(message: Message) -> Response | None:
    for name, path in (("android", "message.android.ttl"), ("androidV2", "message.android_v2.ttl")):
        config = message.get(name)
        if config is not None and "ttl" in config and not 0 <= seconds(config["ttl"]) <= MAX_TTL:
            return _refuse(path, f"TTL must be from 0 to {MAX_TTL} seconds.")
    return None


def _check_labels(message: Message) -> Response | None:
    for name, path in _OPTIONS:
        part = message if name is None else message.get(name, _NOTHING)
        label = part.get("fcmOptions", _NOTHING).get("analyticsLabel")
        if label is not None and not _LABEL.fullmatch(label):
            return _refuse(f"{path}.fcm_options.analytics_label", "Invalid analytics label.")
    return None


def _check_link(message: Message) -> Response | None:
    link = message.get("webpush", _NOTHING).get("fcmOptions", _NOTHING).get("link")
    if link is None or re.match("https://[^/]", link):
        return None
    return _refuse("message.webpush.fcm_options.link", "The link must be an HTTPS URL.")


def _check_apns_priority(message: Message) -> Response | None:
    apns = message.get("apns", _NOTHING)
    headers = {name.lower(): value for name, value in apns.get("headers", _NOTHING).items()}
    if headers.get("apns-priority") != "10" or "notification" in message:
        return None
    if "liveActivityToken" in apns:  # an update without alert is still shown
        return None
    aps = apns.get("payload", _NOTHING).get("aps")
    if isinstance(aps, dict) and any(key in aps for key in ("alert", "badge", "sound")):
        return None
    return _refuse(
        "message.apns.headers", "A message with data alone must have apns-priority 5, not 10."
    )


def _check_aps(message: Message) -> Response | None:
    payload = message.get("apns", _NOTHING).get("payload", _NOTHING)
    if "aps" not in payload:
        return None
    aps = payload["aps"]
    if not isinstance(aps, dict):
        return _refuse("message.apns.payload.aps", "Value type for APS is a dictionary.")
    for key, value in aps.items():
        types, name = _APS_TYPES.get(key, (None, ""))
        # bool is a subclass of int, but true is no badge.
        if types is not None and (not isinstance(value, types) or isinstance(value, bool)):
            text = f"Value type for APS key [{key}] is a {name}."
            return _refuse(f"message.apns.payload.aps.{key}", text)
    return None


_BEFORE_SIZE: Final[tuple[Check, ...]] = (
    _check_target,
    _check_data_keys,
    _check_topic,
    _check_condition,
    _check_one_android,
)
_AFTER_SIZE: Final[tuple[Check, ...]] = (
    _check_ttl,
    _check_labels,
    _check_link,
    _check_apns_priority,
    _check_aps,
)
_OPTIONS: Final = (
    (None, "message"),
    ("android", "message.android"),
    ("androidV2", "message.android_v2"),
    ("webpush", "message.webpush"),
    ("apns", "message.apns"),
)


# What a message weighs.


def _data(message: Message) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield every data map of *message* with its path."""
    if "data" in message:
        yield "message.data", message["data"]
    for name, path in (
        ("android", "message.android.data"),
        ("androidV2", "message.android_v2.data"),
        ("webpush", "message.webpush.data"),
    ):
        part = message.get(name)
        if part is not None and "data" in part:
            yield path, part["data"]


def _android_texts(message: Message) -> int:
    """Return the bytes of the data's keys and values and of the notification's texts."""
    config = message.get("android") or message.get("androidV2") or _NOTHING
    data = config.get("data") or message.get("data", _NOTHING)
    own = config.get("remoteNotification", config).get("notification", _NOTHING)
    texts = [*data.keys(), *data.values()]
    for value in (message.get("notification", _NOTHING) | own).values():
        texts += value if isinstance(value, list) else [value]
    return sum(len(text.encode()) for text in texts if isinstance(text, str))


def _apns_payload(message: Message) -> dict[str, Any]:
    """Return about what Apple receives."""
    payload = message["apns"].get("payload", _NOTHING)
    notification = message.get("notification")
    aps = payload.get("aps", _NOTHING)
    if notification is not None and isinstance(aps, dict) and "alert" not in aps:
        aps = {"alert": notification} | aps
    return {**message.get("data", _NOTHING), **payload, "aps": aps}


def _webpush_payload(message: Message) -> dict[str, Any]:
    """Return about what the browser receives."""
    config = message["webpush"]
    data = config.get("data") or message.get("data", _NOTHING)
    notification = message.get("notification", _NOTHING) | config.get("notification", _NOTHING)
    return {"data": data, "notification": notification}


# The grammar of conditions. Each function reads from *word* on and returns what the
# condition comes to for a device without topics, and the first word it did not use.


def _either(word: str, reader: Iterator[str]) -> tuple[bool, str]:
    value, word = _both(word, reader)
    while word == "||":
        right, word = _both(next(reader), reader)
        value = value or right
    return value, word


def _both(word: str, reader: Iterator[str]) -> tuple[bool, str]:
    value, word = _term(word, reader)
    while word == "&&":
        right, word = _term(next(reader), reader)
        value = value and right
    return value, word


def _term(word: str, reader: Iterator[str]) -> tuple[bool, str]:
    if word == "!":
        value, word = _term(next(reader), reader)
        return not value, word
    if word == "(":
        value, word = _either(next(reader), reader)
        if word != ")":
            raise SyntaxError(word)
        return value, next(reader)
    if not word.startswith("'") or next(reader) != "in" or next(reader) != "topics":
        raise SyntaxError(word)
    return False, next(reader)
