"""
Apple's push types: the topic each needs, its priorities, how long it may be.

Written from Apple's pages "Sending notification requests to APNs" and "Starting and
updating Live Activities with ActivityKit push notifications", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

__all__ = ["BODY_MOST", "LEVELS", "TYPES", "PushType", "own_type", "problem", "topic_of"]

BODY_MOST: Final = 4096  # bytes; of a VoIP push 5,120
LEVELS: Final = ("passive", "active", "time-sensitive", "critical")


class PushType(NamedTuple):
    """
    What holds for one ``apns-push-type``.

    Attributes:
        suffix: What its topic has after the bundle ID.

        priorities: The ``apns-priority`` values it may have.

        most: Bytes of a body.

        now_or_never: Whether Apple keeps none that cannot be delivered at once.

        key_only: Whether a certificate cannot send it.

        default: The body of a push without a payload; None for alert, background and
            voip, whose bodies are ours, and ``b""`` where a payload is needed.
    """

    suffix: str = ""
    priorities: tuple[int, ...] = (10, 5, 1)
    most: int = BODY_MOST
    now_or_never: bool = False
    key_only: bool = False
    default: bytes | None = b""


_EMPTY: Final = b'{"aps":{}}'
_CHANGED: Final = b'{"aps":{"content-changed":true}}'

TYPES: Final[Mapping[str, PushType]] = {
    "alert": PushType(default=None),
    "background": PushType(priorities=(5,), default=None),
    "voip": PushType(".voip", (10,), most=5120, now_or_never=True, default=None),
    "location": PushType(".location-query", key_only=True, default=_EMPTY),
    "complication": PushType(".complication", default=_EMPTY),
    "fileprovider": PushType(".pushkit.fileprovider"),
    # Its topic is the UID in the subject of the MDM certificate: that is its bundle_id.
    "mdm": PushType(),
    "liveactivity": PushType(".push-type.liveactivity", (10, 5), key_only=True),
    # What it starts is over if it comes late, as with a call.
    "pushtotalk": PushType(".voip-ptt", (10,), now_or_never=True, key_only=True, default=_EMPTY),
    "controls": PushType(".push-type.controls", default=_CHANGED),
    "widgets": PushType(".push-type.widgets", default=_CHANGED),
}
_BY_KIND: Final = {"silent": "background", "voip": "voip"}
_SUFFIXES: Final = tuple(filter(None, (known.suffix for known in TYPES.values())))


def own_type(settings: Mapping[str, Any], kind: str) -> str:
    """Return the push type that a resource's *settings* are for; *kind* is the push's."""
    chosen: str | None = settings.get("push_type")
    return chosen if chosen is not None else _BY_KIND.get(kind, "alert")


def topic_of(name: str, settings: Mapping[str, Any], kind: str, bundle_id: str) -> str:
    """
    Return the topic of a push.

    Args:
        name: Its push type; not that of *settings* where a call ends, for instance.

        settings: Of the resource; a topic there takes the place of the bundle ID, and
            fits their own push type.

        kind: Of the push.

        bundle_id: The app's.
    """
    base: str = settings.get("topic", bundle_id)
    if "topic" in settings:
        base = base.removesuffix(TYPES[own_type(settings, kind)].suffix)
    return base + TYPES[name].suffix


def problem(
    settings: Mapping[str, Any], kind: str, bundle_id: str, *, has_key: bool
) -> tuple[str, str, object] | None:
    """
    Return which of a resource's settings Apple would refuse, or None.

    Args:
        settings: Of the resource.

        kind: Of the push.

        bundle_id: The app's.

        has_key: Whether a key signs the pushes, rather than a certificate.

    Returns:
        The setting, what was expected, and what came.
    """
    own = own_type(settings, kind)
    known = TYPES.get(own) if isinstance(own, str) else None
    if known is None:
        return "push_type", f"one of {', '.join(TYPES)}", own
    if kind == "voip" and own not in ("voip", "alert"):
        return "push_type", "voip or alert, because the kind is voip", own
    if own == "voip" and kind != "voip":
        return "push_type", f"the kind voip to go with it; the kind is {kind}", own
    if known.key_only and not has_key:
        return "push_type", "one that a certificate can send; this one needs a key", own
    priority = settings.get("priority")
    if priority is not None and priority not in known.priorities:
        allowed = " or ".join(map(str, known.priorities))
        return "priority", f"{allowed}, because the push type is {own}", priority
    topic = settings.get("topic")
    if topic is not None and not _fits(topic, known.suffix, bundle_id):
        ending = f"that ends with {known.suffix}" if known.suffix else "without a suffix"
        return "topic", f"one {ending}, because the push type is {own}", topic
    return None


def _fits(topic: object, suffix: str, bundle_id: str) -> bool:
    if not isinstance(topic, str):
        return False
    if suffix:
        return topic.endswith(suffix) and topic != suffix
    # An app may be called com.example.voip, of all things.
    return topic == bundle_id or not topic.endswith(_SUFFIXES)
