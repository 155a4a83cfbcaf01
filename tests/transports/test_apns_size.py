"""APNs: how long a push may be, what is cut, and what is sent as its author wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zpns.errors import ParameterError
from zpns.models import Notification, Target
from zpns.transports._fit import TooLong

from .apns_pushes import CALL_ID, CREDENTIAL, NO_TEXT, TOKEN, event, prepare, resource, sent
from .makers import notification

LIMITS = {"alert": 4096, "voip": 5120}


def body_of(push: Notification, *, kind: str = "alert", badge: int | None = None) -> bytes:
    request = prepare(push, kind=kind).request([Target(TOKEN, 0, badge)], CREDENTIAL)
    body: bytes = request.body
    return body


@settings(deadline=None)
@given(
    st.text(max_size=3000),
    st.text(max_size=6000),
    st.text(max_size=6000),
    st.sampled_from(["alert", "silent"]),
    st.sampled_from([None, 7]),
)
def test_size_is_never_over_the_limit(
    title: str, content: str, payload: str, kind: str, badge: int | None
) -> None:
    """Whatever is sent, the body stays within 4,096 bytes, and no key of ours is lost."""
    push = event("message", title=f"a{title}", content=f"b{content}", payload=payload, kind=kind)
    raw = body_of(push, badge=badge)
    assert len(raw) <= 4096
    body = json.loads(raw)
    assert ("message", "77") == (body["zpns"]["event"], body["zpns"]["message_id"])
    assert "zego" in body
    kept = body.get("payload", "")
    assert kept == payload or (kept == "" and body["zpns"]["payload_dropped"] is True)


def _fits(push: Notification, kind: str) -> bool:
    try:
        prepare(push, kind=kind)
    except ParameterError:
        return False
    return True


@pytest.mark.parametrize("character", ["y", '"', "é", "🙂", "\x01"])
@pytest.mark.parametrize("kind", ["alert", "voip"])
def test_size_at_the_edge(character: str, kind: str) -> None:
    """A payload that just fits is sent whole; one more character, and something gives way."""

    def push(count: int, **how: Any) -> Notification:
        resource_ = resource("voip")
        return event("call_invited", payload=character * count, resource=resource_, **how)

    low, high = 0, 6000
    while low < high:
        middle = (low + high + 1) // 2
        if _fits(push(middle, too_long="error"), kind):
            low = middle
        else:
            high = middle - 1
    cost = len(json.dumps(character, ensure_ascii=False).encode()) - 2
    whole = body_of(push(low), kind=kind)
    assert LIMITS[kind] - cost < len(whole) <= LIMITS[kind]
    assert character * low == json.loads(whole)["payload"]
    cut = json.loads(body_of(push(low + 1), kind=kind))
    assert "payload" not in cut or cut["aps"]["alert"]["body"].endswith("…")
    with pytest.raises(TooLong) as caught:
        prepare(push(low + 1, too_long="error"), kind=kind)
    assert "payload_too_large" == caught.value.reason
    assert f"at most {LIMITS[kind]} bytes" == caught.value.expected


def test_size_of_a_ring_is_larger() -> None:
    """What is too long for an alert may still ring whole."""
    push = event("call_invited", payload="p" * 4200, resource=resource("voip"))
    assert "p" * 4200 == sent(push, kind="voip")["payload"]
    assert "payload" not in sent(push)


def test_size_keeps_the_call() -> None:
    """A call's body, then its title give way, then the payload; never what names the call."""
    push = event("call_invited", title="t" * 9000, content="b" * 9000, payload="p" * 500)
    body = sent(push)
    assert (CALL_ID, "p" * 500) == (body["call_id"], body["payload"])
    assert 64 == len(body["aps"]["alert"]["body"].encode())
    assert body["aps"]["alert"]["title"].endswith("…")
    dropped = sent(event("call_invited", payload="p" * 9000))
    assert {"title": "Alice", "body": "hello"} == dropped["aps"]["alert"]
    assert "payload" not in dropped
    assert dropped["zpns"]["payload_dropped"] is True


def test_size_when_a_badge_is_one_too_many() -> None:
    """Where nothing may be cut, a target's badge that does not fit is left out."""
    fitting = max(
        count
        for count in range(3000, 4096)
        if _fits(event("message", payload="y" * count, too_long="error"), "alert")
    )
    push = event("message", payload="y" * fitting, too_long="error")
    body = json.loads(body_of(push, badge=7))
    assert "badge" not in body["aps"]
    assert "y" * fitting == body["payload"]
    room = event("message", payload="y" * (fitting - 20), too_long="error")
    assert 7 == json.loads(body_of(room, badge=7))["aps"]["badge"]


# What is sent as it was given.


def given_push(payload: str, push_type: str = "liveactivity", **how: Any) -> Notification:
    return notification(**NO_TEXT, payload=payload, resource=resource(push_type=push_type), **how)


def test_live_activity_is_sent_as_it_was_given() -> None:
    """The app decodes its state by itself, so not a byte of it is changed."""
    payload = '{ "aps" : {"event":"update", "content-state":{"b":1.50,"a":"é\\u00e9"}} }'
    body = body_of(given_push(payload), kind="liveactivity")
    assert payload.encode() == body


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param("", id="missing"),
        pytest.param("hello", id="no-json"),
        pytest.param('{"aps":', id="cut-short"),
        pytest.param("[1]", id="list"),
        pytest.param('{"event":"update"}', id="no-aps"),
        pytest.param('{"aps":"update"}', id="aps-is-no-object"),
    ],
)
def test_live_activity_when_it_is_none(payload: str) -> None:
    """What no activity could decode is refused, and what was in it is not repeated."""
    with pytest.raises(ParameterError, match="payload: expected a JSON object with aps") as caught:
        prepare(given_push(payload), kind="liveactivity")
    assert f"'text of {len(payload)} characters'" == caught.value.value


@pytest.mark.parametrize("push_type", ["fileprovider", "mdm"])
def test_push_type_that_needs_a_payload(push_type: str) -> None:
    """These have no body of their own, nor need they have aps."""
    with pytest.raises(ParameterError, match=f"it is the body of a {push_type} push"):
        prepare(given_push("", push_type))
    assert b'{"a":1}' == body_of(given_push('{"a":1}', push_type))


@pytest.mark.parametrize("too_long", ["truncate", "error"])
def test_size_of_what_is_given(too_long: str) -> None:
    """It is sent whole or not at all: half of it is nothing to the app."""

    def push(size: int) -> Notification:
        filled = '{"aps":{},"x":"' + "y" * (size - 17) + '"}'
        assert size == len(filled)
        return given_push(filled, too_long=too_long)

    assert 4096 == len(body_of(push(4096), kind="liveactivity"))
    with pytest.raises(TooLong) as caught:
        prepare(push(4097), kind="liveactivity")
    assert ("payload_too_large", "4097") == (caught.value.reason, caught.value.value)


def test_badge_of_what_is_given() -> None:
    """A target's badge changes nothing there."""
    assert body_of(given_push('{"a":1}', "widgets"), badge=7) == b'{"a":1}'
