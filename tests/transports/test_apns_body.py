"""APNs: what is in a body and its headers, and what a resource may say of them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zpns.errors import ParameterError
from zpns.models import Notification, PushEvent, PushKind, Target
from zpns.transports import Skip

from .apns_pushes import (
    CALL_ID,
    CREDENTIAL,
    MS,
    NO_TEXT,
    TEXT,
    TOKEN,
    TRANSPORT,
    event,
    headers,
    prepare,
    resource,
    route_of,
    sent,
)
from .makers import NOW, notification

SECOND = MS // 1000


# The envelope.


def test_bare_sender_has_no_envelope() -> None:
    """Without a hub the app gets its texts and payload, and the kits of ZEGO are left alone."""
    shown = {"alert": {"title": "Alice", "body": "hello"}, "sound": "default"}
    assert {"aps": shown, "payload": '{"k":1}'} == sent(notification())
    silent = sent(notification(kind="silent"))
    assert {
        "aps": {"content-available": 1},
        "title": "Alice",
        "body": "hello",
        "payload": '{"k":1}',
    } == silent


def test_bare_sender_starts_a_call() -> None:
    """A call without a hub is still a call to the kits, which find the caller in the title."""
    body = sent(notification(kind="voip", call_id=CALL_ID), kind="voip")
    assert ["aps", "call_id", "payload", "zego"] == sorted(body)
    assert {"title": "Alice", "body": "hello"} == body["aps"]["alert"]
    assert (CALL_ID, 1, "", False) == (
        body["zego"]["call_id"],
        body["zego"]["voip_handle_type"],
        body["zego"]["voip_handle_value"],
        body["zego"]["voip_has_video"],
    )


@settings(deadline=None)
@given(
    st.sampled_from(list(PushEvent)),
    st.sampled_from(list(PushKind)),
    st.sampled_from(["alert", "voip"]),
    st.booleans(),
    st.booleans(),
)
def test_body_has_known_keys(
    name: PushEvent, kind: PushKind, token: str, bare: bool, text: bool
) -> None:
    """Whatever is sent, there are at most seven keys, two of them objects, none relative."""
    texts = TEXT if text else NO_TEXT
    push = (
        notification(kind=kind, call_id=CALL_ID, **texts)
        if bare
        else event(name.value, **{"call_id": CALL_ID, "kind": kind, "badge": 1, **texts})
    )
    prepared = prepare(push, kind=token)
    if isinstance(prepared, Skip):
        return
    body = json.loads(prepared.body(None))
    assert set(body) <= {"aps", "title", "body", "payload", "call_id", "zego", "zpns"}
    objects = {key for key, value in body.items() if isinstance(value, dict)}
    assert {"aps"} <= objects <= {"aps", "zego", "zpns"}
    assert (token == "voip") == (prepared.form == "apns_voip")
    assert ("voip_handle_type" in body.get("zego", {})) == (prepared.form == "apns_voip")


# What Apple's keys say.


@pytest.mark.parametrize(
    ("push", "sound"),
    [
        pytest.param(event("message"), "default", id="message"),
        pytest.param(event("push"), "default", id="push"),
        pytest.param(event("call_invited"), "default", id="invitation"),
        pytest.param(event("message", resource=resource(sound="a.caf")), "a.caf", id="own"),
        pytest.param(event("message", resource=resource(sound="")), None, id="none"),
        pytest.param(event("message", message_class="marketing"), None, id="marketing"),
        pytest.param(
            event("message", message_class="marketing", resource=resource(sound="a.caf")),
            "a.caf",
            id="marketing-own",
        ),
        pytest.param(
            event("call_invited", message_class="marketing"), "default", id="marketing-call"
        ),
        pytest.param(event("call_missed", resource=resource(sound="ring.caf")), None, id="end"),
        pytest.param(event("message_revoked", resource=resource(sound="a.caf")), None, id="revoke"),
        pytest.param(
            event("push", resource=resource(sound={"critical": 1, "name": "a", "volume": 0.5})),
            {"critical": 1, "name": "a", "volume": 0.5},
            id="critical",
        ),
    ],
)
def test_sound(push: Notification, sound: Any) -> None:
    """What is new is heard; what ends or replaces something is not, nor what nobody wants."""
    assert sound == sent(push)["aps"].get("sound")


def test_invitation_that_is_shown() -> None:
    """It breaks through a focus and has buttons, unless the resource says otherwise."""
    aps = sent(event("call_invited"))["aps"]
    assert ("time-sensitive", "ZPNS_CALL", "calls") == (
        aps["interruption-level"],
        aps["category"],
        aps["thread-id"],
    )
    own = resource("voip", interruption_level="critical", category="RING")
    aps = sent(event("call_invited", resource=own))["aps"]
    assert ("critical", "RING") == (aps["interruption-level"], aps["category"])
    plain = sent(event("call_invited", resource=resource("voip", category="")))["aps"]
    assert "category" not in plain
    end = sent(event("call_missed", resource=own))["aps"]
    assert ["alert", "thread-id"] == sorted(end)


def test_settings_of_a_resource() -> None:
    """Each setting goes to its key, and to a push that it was meant for."""
    chosen = resource(
        category="CHAT",
        content_available=True,
        filter_criteria="work",
        interruption_level="passive",
        mutable_content=True,
        relevance_score=0,
        target_content_id="window-1",
    )
    aps = sent(event("message", resource=chosen))["aps"]
    assert {
        "alert": {"title": "Alice", "body": "hello"},
        "thread-id": "peer:alice",
        "sound": "default",
        "category": "CHAT",
        "content-available": 1,
        "filter-criteria": "work",
        "interruption-level": "passive",
        "mutable-content": 1,
        "relevance-score": 0,
        "target-content-id": "window-1",
    } == aps
    revoke = sent(event("message_revoked", resource=chosen))["aps"]
    assert ["alert", "mutable-content", "thread-id"] == sorted(revoke)
    assert {"content-available": 1} == sent(event("message", kind="silent", resource=chosen))["aps"]
    off = resource(content_available=False, mutable_content=False)
    assert not {"content-available", "mutable-content"} & set(
        sent(notification(resource=off))["aps"]
    )


def test_thread() -> None:
    """Notifications are grouped by conversation, or as the sender says."""
    assert "peer:alice" == sent(event("message"))["aps"]["thread-id"]
    assert "own" == sent(event("message", thread_id="own"))["aps"]["thread-id"]
    assert "thread-id" not in sent(event("push"))["aps"]


def test_badges() -> None:
    """A target's own badge wins, 0 is sent because it clears, and it fits into 32 bits."""

    def badge(own: int | None, target: int | None = None) -> Any:
        return sent(event("message", badge=own), badge=target)["aps"].get("badge")

    assert [5, 9, 0, 2**31 - 1, None] == [
        badge(5),
        badge(5, 9),
        badge(5, 0),
        badge(5, 2**70),
        badge(None),
    ]


def test_badge_alone() -> None:
    """A changed badge shows nothing, makes no sound and is told to the app."""
    body = sent(event("badge_updated", **NO_TEXT, payload="", badge=3), badge=7)
    assert {"badge": 7} == body["aps"]
    assert 7 == body["zpns"]["badge"]
    assert ["aps", "zpns"] == sorted(body)
    texts = sent(event("badge_updated", **TEXT, badge=3))
    assert {"badge": 3} == texts["aps"]
    assert {"aps": {"badge": 0}} == sent(notification(**NO_TEXT, payload="", badge=0))
    assert 2**31 - 1 == sent(event("badge_updated", **NO_TEXT, badge=2**40))["zpns"]["badge"]


def test_badges_of_one_page() -> None:
    """Targets with the same badge share an encoded body; the others do not mix."""
    prepared = prepare(event("message"))
    for badge in (1, 2, None, 1):
        body = json.loads(prepared.request([Target(TOKEN, 0, badge)], CREDENTIAL).body)
        assert badge == body["aps"].get("badge")
    assert prepared.body(1) is prepared.body(1)
    silent = prepare(event("message", kind="silent"))
    assert silent.body(1) is silent.body(2) is silent.body(None)


def test_badges_beyond_what_is_kept() -> None:
    """However many badge numbers a page has, each target gets its own."""
    prepared = prepare(event("message"))
    for badge in range(600):
        body = json.loads(prepared.request([Target(TOKEN, 0, badge)], CREDENTIAL).body)
        assert badge == body["aps"]["badge"]


def test_bulk_has_no_targets_badge() -> None:
    """A page's shared body has the notification's own badge, whoever was sent to before."""
    prepared = prepare(event("message", badge=5))
    prepared.request([Target(TOKEN, 0, 9)], CREDENTIAL)
    form = prepared.bulk(CREDENTIAL)
    assert 5 == json.loads(form.body[0])["aps"]["badge"]


# Headers.


@pytest.mark.parametrize(
    ("push", "priority"),
    [
        pytest.param(event("message"), "10", id="message"),
        pytest.param(event("message", message_class="marketing"), "5", id="marketing"),
        pytest.param(event("message", kind="silent"), "5", id="silent"),
        pytest.param(event("call_invited", message_class="marketing"), "10", id="invitation"),
        pytest.param(event("call_cancelled"), "10", id="end"),
        pytest.param(event("call_cancelled", **NO_TEXT), "5", id="silent-end"),
        pytest.param(event("message_revoked"), "10", id="revoke"),
        pytest.param(event("badge_updated", badge=1), "5", id="badge"),
        pytest.param(event("message", resource=resource(priority=5)), "5", id="resource"),
        pytest.param(event("message", resource=resource(priority=1)), "1", id="resource-lowest"),
        pytest.param(
            event("message", message_class="marketing", resource=resource(priority=10)),
            "10",
            id="resource-of-marketing",
        ),
        pytest.param(
            event("call_cancelled", resource=resource(priority=5)), "10", id="resource-of-a-call"
        ),
        pytest.param(
            event("message", kind="silent", resource=resource("silent", priority=5)),
            "5",
            id="resource-silent",
        ),
    ],
)
def test_priority(push: Notification, priority: str) -> None:
    """Who waits for it decides; a resource chooses for what it is for, and no more."""
    assert priority == headers(push)["priority"]


def test_priority_of_a_ring() -> None:
    """A call comes at once or not at all; its stand-in may come later."""
    push = event("call_invited", resource=resource("voip", priority=10))
    assert ("10", "0") == tuple(
        headers(push, kind="voip")[name] for name in ("priority", "expiration")
    )
    assert ("10", str(SECOND + 60)) == tuple(
        headers(push)[name] for name in ("priority", "expiration")
    )


@pytest.mark.parametrize("left", [1_000, 1_999, 86_400_000, 90 * 86_400_000])
def test_expiration(left: int) -> None:
    """Apple is told the second after which it need not try; nothing in it shrinks."""
    push = notification(deadline=MS + left)
    assert str((MS + left) // 1000) == headers(push)["expiration"]
    assert (MS + left) / 1000 == prepare(push).valid_until
    later = TRANSPORT.prepare(push, route_of(), NOW + left / 2000 - 0.5)
    assert later == prepare(push)


@pytest.mark.parametrize(
    ("push", "kind", "key"),
    [
        pytest.param(event("message"), "alert", "msg:77", id="message"),
        pytest.param(event("message_revoked"), "alert", "msg:77", id="revoke"),
        pytest.param(event("call_invited"), "alert", f"call:{CALL_ID}", id="invitation"),
        pytest.param(event("call_missed"), "alert", f"call:{CALL_ID}", id="end"),
        pytest.param(event("push"), "alert", None, id="push"),
        pytest.param(event("push", collapse_key="k1"), "alert", "k1", id="own"),
        pytest.param(
            event("message", collapse_key="订单/7"),
            "alert",
            "~C8iGZ826RVWCRdyIfxKTmAgI1raKixAy4k2fZMG-zQA",
            id="own-not-plain",
        ),
        pytest.param(event("message", kind="silent"), "alert", None, id="silent"),
        pytest.param(
            event("message", kind="silent", collapse_key="k1"), "alert", None, id="silent-own"
        ),
        pytest.param(event("badge_updated", badge=1), "alert", None, id="badge"),
        pytest.param(
            event("call_invited", kind="voip", collapse_key="k1"), "voip", None, id="ring"
        ),
    ],
)
def test_collapse_id(push: Notification, kind: str, key: str | None) -> None:
    """What replaces what is said where something is shown, and only there."""
    assert key == headers(push, kind=kind).get("collapse-id")


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=64))
def test_collapse_id_is_never_too_long(key: str) -> None:
    """Apple takes 64 bytes, of which no header may be broken; longer keys are refused before."""
    if len(key.encode()) > 64:
        with pytest.raises(ParameterError, match="collapse_key"):
            notification(collapse_key=key)
        return
    found = headers(notification(collapse_key=key))["collapse-id"]
    assert re.fullmatch(r"~?[A-Za-z0-9:._-]{1,64}", found)


@pytest.mark.parametrize(
    ("settings", "kind", "topics"),
    [
        pytest.param({}, "voip", ("com.example.app", "com.example.app.voip"), id="own"),
        pytest.param(
            {"topic": "com.example.clip.voip"},
            "voip",
            ("com.example.clip", "com.example.clip.voip"),
            id="another-apps",
        ),
        pytest.param(
            {"topic": "com.example.clip"}, "alert", ("com.example.clip", None), id="shown"
        ),
    ],
)
def test_topic(settings: dict[str, Any], kind: str, topics: tuple[str, str | None]) -> None:
    """The suffix follows the push, also where a call is shown instead of ringing."""
    push = event("call_invited", resource=resource(kind, **settings))
    assert topics[0] == headers(push)["topic"]
    if topics[1] is not None:
        assert topics[1] == headers(push, kind="voip")["topic"]
