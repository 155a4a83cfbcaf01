"""
The golden vectors of the device payload: notifications as the hub makes them, and what
is wanted on the wire.

The hub's part is played here: deadlines, the payload of a call's end, what the receiver
sees as the conversation. A vendor's test takes its own lines by ``lines_of("fcm")``.
"""

from __future__ import annotations

import json
from typing import Any

from zpns.models import (
    Envelope,
    Notification,
    PushEvent,
    Resource,
    ZIMConversationType,
    ZIMVoIPConfig,
)

from .makers import VECTORS

DAY = 86_400_000  # milliseconds
SETTINGS = ("kind", "click", "call_profile")  # of a resource; the rest is by channel

_DOCUMENT = json.loads((VECTORS / "device_payload.json").read_text())


def lines_of(*tokens: str) -> list[dict[str, Any]]:
    """Return the lines that go to one of *tokens*, with what they are given filled up."""
    return [
        {**line, "given": {**_DOCUMENT["base"], **line["given"]}}
        for line in _DOCUMENT["lines"]
        if line["token"] in tokens
    ]


def notification_of(given: dict[str, Any]) -> Notification:
    """Return the notification that the hub makes of *given*."""
    event = PushEvent(given["event"])
    expires_at = given["call_created_at"] + given["timeout"] * 1000
    envelope: dict[str, Any] = {"event": event, "sent_at": given["sent_at"]}
    fields: dict[str, Any] = {}
    if event.is_call:
        fields["call_id"] = given["call_id"]
        envelope |= {
            "user_id": given["user"],
            "event_seq": given["event_seq"],
            "expires_at": expires_at,
            "caller": given["caller"],
            "has_video": given.get("has_video", False),
        }
    elif event in (PushEvent.MESSAGE, PushEvent.MESSAGE_REVOKED):
        kind = ZIMConversationType(given["conversation_type"])
        peer = kind is ZIMConversationType.PEER
        envelope |= {
            "conversation_type": kind,
            "conversation_id": given["sender"] if peer else given["group"],
            "message_id": given["message_id"],
            "sender": given["sender"],
        }
    resource = _resource(given["resource"]) if "resource" in given else None
    if resource is not None and resource.kind == "voip" and event is PushEvent.CALL_INVITED:
        fields["voip"] = ZIMVoIPConfig(
            ios_voip_handle_type=given.get("handle_type", 1),
            ios_voip_handle_value=given.get("handle_value", ""),
            ios_voip_has_video=given.get("has_video", False),
        )
    return Notification(
        title=given["title"],
        content=given["content"],
        payload=_payload(event, given),
        deadline=_deadline(event, given, expires_at),
        badge=given.get("badge"),
        resource=resource,
        job_id=given["job_id"],
        envelope=Envelope(**envelope),
        follows=given.get("device_got", ""),
        **fields,
    )


def _resource(given: dict[str, Any]) -> Resource:
    own = {name: given[name] for name in SETTINGS if name in given}
    channels = {name: value for name, value in given.items() if name not in SETTINGS}
    return Resource(resources_id="r", channels=channels, **own)


def _payload(event: PushEvent, given: dict[str, Any]) -> str:
    if event.is_call_end and not given["payload"]:
        room = given.get("room_id", given["call_id"])
        return f'{{"call_id":"{room}","operation_type":"cancel_invitation"}}'
    text: str = given["payload"]
    return '{"x":"' + "y" * 800 + '"}' if text == "@y800" else text


def _deadline(event: PushEvent, given: dict[str, Any], expires_at: int) -> int:
    if event is PushEvent.CALL_INVITED:
        return expires_at
    if event.is_call_end and not (given["title"] and given["content"]):
        return expires_at + 10_000
    if event in (PushEvent.MESSAGE, PushEvent.MESSAGE_REVOKED):
        return int(given.get("message_sent_at", given["sent_at"])) + 7 * DAY
    return int(given["sent_at"]) + DAY
