"""What every push carries: the values derived from names, the envelope, the lifetimes."""

from __future__ import annotations

import json
import re
import string
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zpns.errors import ParameterError
from zpns.models import Envelope, Notification, PushEvent, ZIMVoIPConfig
from zpns.transports import _payload as payload
from zpns.transports._fit import Texts

from .golden import lines_of, notification_of
from .makers import NOW, notification

MS = round(NOW * 1000)
CALL_ID = "172604065779740667"
job_ids = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)
keys = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=64)


# Derivations: worked out apart from this code.


def test_namespace() -> None:
    """The namespace of call UUIDs is itself derived from a name."""
    assert uuid.uuid5(uuid.NAMESPACE_URL, "urn:zpns:device-payload") == payload.NAMESPACE


def test_job() -> None:
    """A job's request ID and tag are the contract's."""
    assert "6590009992825271848" == payload.request_id("job-11")
    assert "3ad00702e525d21b7674b9321300e98d" == payload.job_tag("job-11")


def test_call_uuid() -> None:
    """CallKit's UUID is the contract's."""
    assert "d0557720-5521-5eb6-8e53-8c3da2e1370b" == payload.call_uuid(CALL_ID, "bob")


@pytest.mark.parametrize(
    ("push_type", "expected"),
    [
        ("alert", "744bcb99-5be0-84e1-85fc-000000000005"),
        ("voip", "bef04a02-2a7d-85d8-bf64-000000000005"),
    ],
)
def test_apns_id(push_type: str, expected: str) -> None:
    """Apple's ID of a push is the contract's, and all of a job begin alike."""
    assert expected == payload.apns_id(push_type, "job-11", 5)
    assert expected[:24] == payload.apns_id_stem(push_type, "job-11")


@pytest.mark.parametrize(
    ("key", "key64", "topic", "number"),
    [
        pytest.param(
            f"call:{CALL_ID}",
            f"call:{CALL_ID}",
            "_XOmBngTsOAS_HjBUNyCsUF3sVDP36zz",
            1572574531,
            id="call",
        ),
        pytest.param(
            "msg:5046728915230810112",
            "msg:5046728915230810112",
            "rUbKhiwPHzdEaMo9jnwS-xCpz0wzPR8G",
            483219428,
            id="message",
        ),
        pytest.param("badge", "badge", "c3pYj1NozeorlaEf9qpVJHJFyUJekxC6", 978616333, id="badge"),
        pytest.param(
            "订单/7",
            "~C8iGZ826RVWCRdyIfxKTmAgI1raKixAy4k2fZMG-zQA",
            "oV1yUod2cxvIH1uycryJOjH5gFUBh2HM",
            1493215382,
            id="an-apps-own",
        ),
    ],
)
def test_key(key: str, key64: str, topic: str, number: int) -> None:
    """What a collapse key becomes is the contract's."""
    assert (key64, topic, number) == (
        payload.key64(key),
        payload.web_topic(key),
        payload.notify_id(key),
    )


def test_huawei_group() -> None:
    """Huawei's collapse group is the contract's, and stays within 1 to 99."""
    assert 23 == payload.huawei_group(1572574531)
    assert [1, 99, 1] == [payload.huawei_group(number) for number in (99, 98, 99 * 7)]


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        (string.ascii_letters + ":._-" + "01234567", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("a b", False),
        ("a/b", False),
        ("a\n", False),
        ("é", False),
    ],
)
def test_key64_when_harmless(key: str, kept: bool) -> None:
    """A harmless key of at most 64 characters stays, so that people can read it."""
    assert kept == (key == payload.key64(key))


@settings(deadline=None)
@given(job_ids, st.integers(0, 2**48 - 1))
def test_ids_fit_their_vendors(job_id: str, seq: int) -> None:
    """Whatever the job's name, the IDs have the shapes that vendors and JavaScript take."""
    assert 1 <= int(payload.request_id(job_id)) < 2**63
    assert re.fullmatch(r"[1-9][0-9]{0,18}", payload.request_id(job_id))
    assert re.fullmatch(r"[0-9a-f]{32}", payload.job_tag(job_id))
    found = payload.apns_id("alert", job_id, seq)
    assert found == str(uuid.UUID(found))
    assert ("8", True) == (found[14], found[19] in "89ab")
    assert seq == int(found[24:], 16)


@settings(deadline=None)
@given(keys, keys)
def test_keys_fit_their_vendors(key: str, other: str) -> None:
    """Whatever the key, what is made of it has the shape vendors take, and differs by key."""
    assert re.fullmatch(r"[A-Za-z0-9:._~-]{1,64}", payload.key64(key))
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", payload.web_topic(key))
    assert 1 <= payload.notify_id(key) < 2**31
    assert 1 <= payload.huawei_group(payload.notify_id(key)) <= 99
    assert (key == other) == (payload.key64(key) == payload.key64(other))
    assert (key == other) == (payload.web_topic(key) == payload.web_topic(other))


def test_compact() -> None:
    """JSON inside a text is sorted, dense and readable in every script."""
    assert '{"a":"é🙂","b":{"c":true,"d":1}}' == payload.compact(
        {"b": {"d": 1, "c": True}, "a": "é🙂"}
    )


# What a notification is.


def event(name: str, **changed: Any) -> Notification:
    """Return a push of an event of the hub; keys of the envelope may be among *changed*."""
    fields = {
        key: changed.pop(key)
        for key in [*changed]
        if key not in {field.name for field in Envelope.__attrs_attrs__}
    }
    origin = {"event": name, "sent_at": MS, "user_id": "bob", "caller": "alice"}
    if PushEvent(name).is_call:
        fields.setdefault("call_id", CALL_ID)
    return notification(envelope=Envelope(**{**origin, **changed}), **fields)


@pytest.mark.parametrize(
    ("push", "key"),
    [
        pytest.param(event("message", message_id="7"), "msg:7", id="message"),
        pytest.param(event("message_revoked", message_id="7"), "msg:7", id="revoke"),
        pytest.param(event("call_invited"), f"call:{CALL_ID}", id="invitation"),
        pytest.param(event("call_missed"), f"call:{CALL_ID}", id="call-end"),
        pytest.param(event("badge_updated"), "badge", id="badge"),
        pytest.param(event("push"), None, id="push"),
        pytest.param(event("push", call_id="1"), None, id="push-with-a-call-id"),
        pytest.param(notification(), None, id="bare"),
        pytest.param(notification(kind="voip", call_id="1"), "call:1", id="bare-call"),
        pytest.param(event("message", message_id="7", collapse_key="x"), "x", id="an-apps-own"),
        pytest.param(event("call_invited", collapse_key="x"), "x", id="an-apps-own-on-a-call"),
    ],
)
def test_collapse_key(push: Notification, key: str | None) -> None:
    """What replaces what: everything of a call or a message, unless the app says otherwise."""
    assert key == payload.collapse_key(push)


@pytest.mark.parametrize(
    ("push", "thread"),
    [
        pytest.param(event("message", conversation_id="alice"), "peer:alice", id="peer"),
        pytest.param(
            event("message", conversation_id="team7", conversation_type=2),
            "group:team7",
            id="group",
        ),
        pytest.param(event("message_revoked", conversation_id="alice"), "peer:alice", id="revoke"),
        pytest.param(event("call_invited"), "calls", id="call"),
        pytest.param(event("push"), "", id="push"),
        pytest.param(notification(), "", id="bare"),
        pytest.param(event("message", conversation_id="a", thread_id="t"), "t", id="own"),
    ],
)
def test_thread_id(push: Notification, thread: str) -> None:
    """An iPhone groups by conversation, and all calls together, unless told otherwise."""
    assert thread == payload.thread_id(push)


@pytest.mark.parametrize(
    ("left", "seconds"), [(1000, 1), (1999, 1), (999, 0), (0, 0), (-1, -1), (60_250, 60)]
)
def test_seconds_left(left: int, seconds: int) -> None:
    """Lifetimes are floored, so that nothing outlives its deadline."""
    assert seconds == payload.seconds_left(notification(deadline=MS + left), NOW)


def test_urgent_until_the_ringing_ends() -> None:
    """The end of a call wakes a device while it would ring, to the millisecond."""
    end = event("call_cancelled", expires_at=MS + 1)
    assert [True, False] == [payload.is_urgent(end, NOW), payload.is_urgent(end, NOW + 0.001)]


# The envelope.

TEXTS = Texts("Alice", "hello", '{"k":1}')


def test_envelope_of_a_voip_push() -> None:
    """CallKit finds its three keys, typed, and a name to show when the app gave none."""
    push = event(
        "call_invited",
        kind="voip",
        voip=ZIMVoIPConfig(ios_voip_handle_type=2, ios_voip_has_video=True),
        event_seq=1,
        expires_at=MS + 1,
    )
    found = payload.envelope(push, TEXTS, apple=True, voip=True)
    assert {
        "version": 1,
        "zpns_request_id": payload.request_id("job-1"),
        "call_id": CALL_ID,
        "voip_handle_type": 2,
        "voip_handle_value": "alice",
        "voip_has_video": True,
    } == found["zego"]
    assert payload.call_uuid(CALL_ID, "bob") == found["zpns"]["call_uuid"]
    assert "call_uuid" not in payload.envelope(push, TEXTS)["zpns"]
    assert "voip_handle_type" not in payload.envelope(push, TEXTS, apple=True)["zego"]


def test_envelope_of_a_bare_call() -> None:
    """Without a hub a VoIP push still has what CallKit needs, and nothing of ours."""
    push = notification(
        kind="voip", call_id=CALL_ID, voip=ZIMVoIPConfig(ios_voip_handle_value="carol")
    )
    found = payload.envelope(push, TEXTS, apple=True, voip=True)
    assert {"payload", "call_id", "zego"} == set(found)
    assert ("carol", CALL_ID) == (found["zego"]["voip_handle_value"], found["zego"]["call_id"])


@pytest.mark.parametrize("name", [member.value for member in PushEvent])
def test_zego_where_the_kits_should_react(name: str) -> None:
    """A badge, or a revoke that shows nothing, must not look like a call to the kits."""
    without = event(name, title="", content="")
    silent = name in ("badge_updated", "message_revoked")
    assert silent == (payload.zego(without) is None)
    assert (name == "badge_updated") == (payload.zego(event(name)) is None)


@pytest.mark.parametrize(
    ("push", "keys"),
    [
        pytest.param(event("message"), "conversation_id conversation_type message_id", id="peer"),
        pytest.param(
            event("message", conversation_type=2, sender="alice"),
            "conversation_id conversation_type message_id sender",
            id="group",
        ),
        pytest.param(
            event("message_revoked"), "conversation_id conversation_type message_id", id="revoke"
        ),
        pytest.param(
            event("call_invited", inviter="carol"),
            "caller event_seq expires_at has_video inviter",
            id="invited-by-another",
        ),
        pytest.param(
            event("call_invited", inviter="alice"),
            "caller event_seq expires_at has_video",
            id="invited-by-the-caller",
        ),
        pytest.param(
            event("call_missed", inviter="carol"), "caller event_seq expires_at", id="call-end"
        ),
        pytest.param(event("badge_updated", badge=0), "badge", id="badge"),
        pytest.param(event("badge_updated"), "", id="badge-unknown"),
        pytest.param(event("push"), "", id="push"),
    ],
)
def test_zpns_keys(push: Notification, keys: str) -> None:
    """Each event has the keys that belong to it, and no others."""
    assert {"version", "event", "sent_at", *keys.split()} == set(payload.zpns(push) or {})


def test_zpns_of_a_target_with_its_own_badge() -> None:
    """A target's own number wins over the notification's, 0 included."""
    push = event("badge_updated", badge=5)
    found = [(payload.zpns(push, badge=badge) or {})["badge"] for badge in (None, 0, 9)]
    assert [5, 0, 9] == found


def test_zpns_without_a_hub() -> None:
    """There is no event to tell about."""
    assert payload.zpns(notification()) is None


def test_payload_dropped_is_told() -> None:
    """An app whose payload did not fit knows that it has to fetch it."""
    dropped = Texts("Alice", "hello", "", payload_dropped=True)
    found = payload.flat_envelope(event("message"), dropped)
    assert "payload" not in found
    assert json.loads(found["zpns"])["payload_dropped"] is True


@pytest.mark.parametrize(
    ("push", "texts"),
    [
        pytest.param(event("call_missed", title="", content=""), True, id="call-end-empty"),
        pytest.param(event("message"), True, id="message"),
        pytest.param(event("badge_updated", title="", content=""), False, id="badge"),
        pytest.param(notification(), True, id="bare"),
        pytest.param(notification(content=""), False, id="bare-half"),
    ],
)
def test_texts_of_a_data_carrier(push: Notification, texts: bool) -> None:
    """The kits find both texts, even empty; without ``zego`` they are there if both are."""
    given = payload.texts_of(push)
    assert texts == ({"title", "body"} <= set(payload.flat_envelope(push, given, data=True)))
    assert "title" not in payload.flat_envelope(push, given)


@pytest.mark.parametrize(
    "line", [pytest.param(v, id=v["id"]) for v in lines_of("apns", "apns_voip")]
)
def test_golden_envelope_on_apple(line: dict[str, Any]) -> None:
    """What stands beside ``aps`` is the contract's."""
    push = notification_of(line["given"])
    want = {key: value for key, value in line["want"]["json"].items() if key != "aps"}
    found = payload.envelope(
        push, payload.texts_of(push), apple=True, voip=line["form"] == "apns_voip"
    )
    assert want == found


@pytest.mark.parametrize("line", [pytest.param(v, id=v["id"]) for v in lines_of("huawei")])
def test_golden_envelope_on_huawei(line: dict[str, Any]) -> None:
    """The flat map of texts is the contract's, byte for byte."""
    push = notification_of(line["given"])
    data = line["form"] == "huawei_data"
    flat = payload.flat_envelope(push, payload.texts_of(push), data=data)
    assert line["want"]["json"]["message"]["data"] == payload.compact(flat)


def test_check_ready() -> None:
    """Whoever prepares a push has named its job and its deadline."""
    with pytest.raises(ParameterError, match="job_id"):
        payload.check_ready(notification(job_id=""))
    with pytest.raises(ParameterError, match="deadline"):
        payload.seconds_left(notification(deadline=None), NOW)
