"""Pushes for APNs, made ready, for its tests."""

from __future__ import annotations

import json
from typing import Any

from zpns.models import DeviceToken, Envelope, Notification, PushEvent, Resource, Target
from zpns.transports import Credential, Prepared, Route, Skip

from .makers import NOW, apns, notification

CREDENTIAL = Credential(value="jwt-1", renew_at=NOW + 3000, expires_at=NOW + 3600)
MS = round(NOW * 1000)
CALL_ID = "172604065779740667"
TOKEN = "a1" * 32
TRANSPORT = apns()
TEXT = {"title": "Alice", "content": "hello"}
NO_TEXT = {"title": "", "content": ""}


def route_of(kind: str = "alert", token: str = TOKEN, **own: Any) -> Route:
    found = TRANSPORT.route(DeviceToken("apns", token, kind=kind, **own))
    assert isinstance(found, Route)
    return found


def prepare(push: Notification, *, kind: str = "alert", now: float = NOW) -> Any:
    return TRANSPORT.prepare(push, route_of(kind), now)


def skipped(push: Notification, *, kind: str = "alert") -> str:
    found = prepare(push, kind=kind)
    assert isinstance(found, Skip), found
    assert found.advice
    return found.why


def event(name: str, **changed: Any) -> Notification:
    """Return a push of an event of the hub."""
    kind = PushEvent(name)
    origin: dict[str, Any] = {"event": kind, "sent_at": MS, "user_id": "bob"}
    fields: dict[str, Any] = {}
    if kind.is_call:
        origin |= {"event_seq": 1, "expires_at": MS + 60_000, "caller": "alice"}
        fields |= {"call_id": CALL_ID, "deadline": MS + 60_000}
    elif kind in (PushEvent.MESSAGE, PushEvent.MESSAGE_REVOKED):
        origin |= {"conversation_id": "alice", "message_id": "77", "sender": "alice"}
    return notification(**{**fields, "envelope": Envelope(**origin), **changed})


def resource(kind: str = "alert", **settings: Any) -> Resource:
    return Resource(resources_id="r", kind=kind, channels={"apns": settings})


def sent(push: Notification, *, kind: str = "alert", badge: int | None = None) -> Any:
    """Return the body that is sent for *push*, parsed."""
    prepared = prepare(push, kind=kind)
    assert isinstance(prepared, Prepared), prepared
    return json.loads(prepared.request([Target(TOKEN, 0, badge)], CREDENTIAL).body)


def headers(push: Notification, *, kind: str = "alert") -> dict[str, str]:
    """Return Apple's header fields of *push*, each without its ``apns-``."""
    prepared = prepare(push, kind=kind)
    assert isinstance(prepared, Prepared), prepared
    found = prepared.request([Target(TOKEN, 0)], CREDENTIAL).headers
    return {name[5:]: value for name, value in found.items() if name.startswith("apns-")}
