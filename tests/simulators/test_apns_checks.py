"""What APNs refuses in a request, and with which words."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from apns_sender import APP, ID, NOW, APNsSender, padded

from zpns.simulators._apns_errors import STATUSES

UNKNOWN = "ab" * 32


# What the request says wrong.


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"repeated": ("apns-topic",)}, "DuplicateHeaders", id="topic-twice"),
        pytest.param({"repeated": ("apns-id",)}, "DuplicateHeaders", id="id-twice"),
        pytest.param({"repeated": ("authorization",)}, "DuplicateHeaders", id="credential-twice"),
        pytest.param({"apns_id": "1"}, "BadMessageId", id="id-short"),
        pytest.param({"apns_id": ""}, "BadMessageId", id="id-empty"),
        pytest.param({"apns_id": ID.replace("-", "")}, "BadMessageId", id="id-without-hyphens"),
        pytest.param({"apns_id": f"{{{ID}}}"}, "BadMessageId", id="id-in-braces"),
        pytest.param({"apns_id": ID[:-1] + "g"}, "BadMessageId", id="id-not-hex"),
        pytest.param({"apns_id": ID[1:] + "-0"}, "BadMessageId", id="id-of-other-groups"),
        pytest.param({"method": "GET"}, "MethodNotAllowed", id="get"),
        pytest.param({"method": "PUT"}, "MethodNotAllowed", id="put"),
        pytest.param({"apns_topic": None}, "MissingTopic", id="no-topic"),
        pytest.param({"apns_topic": ""}, "MissingTopic", id="empty-topic"),
        pytest.param({"apns_topic": "com.example app"}, "BadTopic", id="topic-with-space"),
        pytest.param({"apns_topic": "com.example/app"}, "BadTopic", id="topic-with-slash"),
        pytest.param({"apns_topic": "c" * 256}, "BadTopic", id="topic-too-long"),
        pytest.param({"apns_collapse_id": "x" * 65}, "BadCollapseId", id="collapse-65-bytes"),
        pytest.param({"apns_collapse_id": "é" * 33}, "BadCollapseId", id="collapse-33-letters"),
        pytest.param({"apns_priority": "0"}, "BadPriority", id="priority-0"),
        pytest.param({"apns_priority": "7"}, "BadPriority", id="priority-7"),
        pytest.param({"apns_priority": "10.0"}, "BadPriority", id="priority-float"),
        pytest.param({"apns_priority": ""}, "BadPriority", id="priority-empty"),
        pytest.param({"apns_priority": "high"}, "BadPriority", id="priority-word"),
        pytest.param({"apns_expiration": "soon"}, "BadExpirationDate", id="expiration-word"),
        pytest.param({"apns_expiration": ""}, "BadExpirationDate", id="expiration-empty"),
        pytest.param({"apns_expiration": "-1"}, "BadExpirationDate", id="expiration-negative"),
        pytest.param({"apns_expiration": "1.5"}, "BadExpirationDate", id="expiration-float"),
        pytest.param({"apns_expiration": "\u0661"}, "BadExpirationDate", id="expiration-other-digit"),
        pytest.param({"apns_push_type": "Alert"}, "InvalidPushType", id="type-upper-case"),
        pytest.param({"apns_push_type": "push"}, "InvalidPushType", id="type-unknown"),
        pytest.param({"path": "/"}, "BadPath", id="path-root"),
        pytest.param({"path": "/2/device/x"}, "BadPath", id="path-of-other-version"),
        pytest.param({"path": f"/3/devices/{UNKNOWN}"}, "BadPath", id="path-misspelt"),
        pytest.param({"path": "/3/device"}, "MissingDeviceToken", id="path-ends"),
        pytest.param({"path": "/3/device/"}, "MissingDeviceToken", id="token-empty"),
        pytest.param({"path": f"/3/device/{UNKNOWN}"}, "BadDeviceToken", id="token-unknown"),
        pytest.param({"path": "/3/device/nonsense"}, "BadDeviceToken", id="token-no-hex"),
        pytest.param({"path": "/3/device/abc"}, "BadDeviceToken", id="token-odd"),
        pytest.param({"apns_topic": "com.other.app"}, "TopicDisallowed", id="topic-of-nobody"),
        pytest.param({"apns_topic": f"{APP}.voip", "apns_push_type": "voip"},
                     "DeviceTokenNotForTopic", id="alert-token-for-voip"),
        pytest.param({"body": b""}, "PayloadEmpty", id="body-empty"),
        pytest.param({"body": b"{"}, "PayloadEmpty", id="body-cut"),
        pytest.param({"body": b'{"aps":NaN}'}, "PayloadEmpty", id="body-no-json"),
        pytest.param({"body": b'{"a":"\xff"}'}, "PayloadEmpty", id="body-no-utf-8"),
        pytest.param({"body": padded(4_097)}, "PayloadTooLarge", id="body-4097"),
    ],
)  # fmt: skip
def test_request_is_refused(changes: dict[str, Any], reason: str) -> None:
    """Each mistake has its reason, the reason its status, and nothing is delivered."""
    apns = APNsSender()
    token = apns.simulator.register()

    response = apns.push(token, **changes)

    assert (STATUSES[reason], reason) == apns.outcome(response)
    assert [] == apns.simulator.delivered(token)
    assert {"reason": reason} == orjson.loads(response.body)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="everything-said"),
        pytest.param({"apns_id": ID.upper()}, id="id-upper-case"),
        pytest.param({"apns_id": None, "apns_priority": None, "apns_expiration": None},
                     id="nothing-optional-said"),
        pytest.param({"apns_priority": "5"}, id="priority-5"),
        pytest.param({"apns_priority": "1"}, id="priority-1"),
        pytest.param({"apns_expiration": "0"}, id="expiration-0"),
        pytest.param({"apns_expiration": "1"}, id="expiration-past"),
        pytest.param({"apns_collapse_id": "x" * 64}, id="collapse-64-bytes"),
        pytest.param({"apns_collapse_id": "é" * 32}, id="collapse-32-letters"),
        pytest.param({"body": padded(4_096)}, id="body-4096"),
        pytest.param({"repeated": ("cookie", "x-apns")}, id="other-header-twice"),
        pytest.param({"content_type": "text/plain"}, id="content-type-ignored"),
        pytest.param({"apns_push_type": "background", "apns_priority": "5",
                      "body": b'{"aps":{"content-available":1},"sync":"1"}'}, id="background"),
    ],
)  # fmt: skip
def test_request_is_accepted(changes: dict[str, Any]) -> None:
    """Whatever the documentation allows is 200, and nothing is held against it."""
    apns = APNsSender()
    token = apns.simulator.register()

    response = apns.push(token, **changes)

    assert (200, "") == apns.outcome(response)
    assert 1 == len(apns.simulator.delivered(token))
    assert [] == apns.simulator.violations


@pytest.mark.parametrize(
    ("size", "push_type", "expected"),
    [
        pytest.param(5_120, "voip", (200, ""), id="5120"),
        pytest.param(5_121, "voip", (413, "PayloadTooLarge"), id="5121"),
        pytest.param(5_120, None, (200, ""), id="5120-by-topic"),
        pytest.param(5_121, None, (413, "PayloadTooLarge"), id="5121-by-topic"),
        pytest.param(4_097, "alert", (413, "PayloadTooLarge"), id="other-type-on-its-topic"),
    ],
)
def test_voip_push_may_be_longer(
    size: int, push_type: str | None, expected: tuple[int, str]
) -> None:
    """VoIP pushes have 5,120 bytes; without a type the topic decides."""
    apns = APNsSender()
    token = apns.simulator.register(kind="voip")

    response = apns.voip(token, padded(size), apns_push_type=push_type)

    assert expected == apns.outcome(response)


# Who is there.


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        pytest.param("unregistered", "Unregistered", id="unregistered"),
        pytest.param("expired", "ExpiredToken", id="expired"),
    ],
)
def test_device_that_is_gone_is_a_410_with_a_time(state: str, reason: str) -> None:
    """The time is in milliseconds: of the first push that found it gone, and it stays so."""
    apns = APNsSender()
    token = apns.simulator.register(state=state)
    apns.now = NOW + 0.5
    first = apns.push(token)
    apns.now = NOW + 100
    second = apns.push(token)

    expected = {"reason": reason, "timestamp": 1_795_000_000_500}
    assert [(410, expected)] * 2 == [(r.status, orjson.loads(r.body)) for r in (first, second)]


def test_time_of_a_410_may_be_told() -> None:
    """Whoever removes the app may say when, so that a later registration can be told apart."""
    apns = APNsSender()
    removed, expired = apns.simulator.register(), apns.simulator.register()
    apns.simulator.unregister(removed, NOW - 60.25)
    apns.simulator.expire(expired, NOW - 5)
    apns.now = NOW + 100

    told = [orjson.loads(apns.push(token).body) for token in (removed, expired)]

    assert [
        {"reason": "Unregistered", "timestamp": 1_794_999_939_750},
        {"reason": "ExpiredToken", "timestamp": 1_794_999_995_000},
    ] == told


def test_token_may_be_in_upper_case() -> None:
    """Apple takes both cases; it is one device."""
    apns = APNsSender()
    token = apns.simulator.register("AB" * 32)

    statuses = [apns.push(text).status for text in ("ab" * 32, "AB" * 32, "aB" * 32)]

    assert "ab" * 32 == token
    assert [200, 200, 200] == statuses
    assert 3 == len(apns.simulator.delivered(token))


def test_token_is_of_one_environment() -> None:
    """A token of the sandbox is unknown in production, and the other way round."""
    production, sandbox = APNsSender(), APNsSender(environment="sandbox")
    tokens = [apns.simulator.register() for apns in (production, sandbox)]

    outcomes = [
        [apns.outcome(apns.push(token)) for token in tokens] for apns in (production, sandbox)
    ]

    bad = (400, "BadDeviceToken")
    assert [[(200, ""), bad], [bad, (200, "")]] == outcomes


@pytest.mark.parametrize(
    ("kind", "ending"),
    [
        ("alert", ""),
        ("voip", ".voip"),
        ("liveactivity", ".push-type.liveactivity"),
        ("pushtotalk", ".voip-ptt"),
        ("complication", ".complication"),
        ("location", ".location-query"),
        ("fileprovider", ".pushkit.fileprovider"),
        ("controls", ".push-type.controls"),
        ("widgets", ".push-type.widgets"),
    ],
)
def test_token_is_for_one_topic(kind: str, ending: str) -> None:
    """A token of each kind takes pushes of its topic, and of no other of the same app."""
    apns = APNsSender()
    token = apns.simulator.register(kind=kind)
    other = f"{APP}.voip" if kind != "voip" else APP
    body = b'{"aps":{"alert":"a","timestamp":1,"event":"update"}}'
    options = {"apns_push_type": kind, "apns_expiration": "0"}

    right = apns.push(token, body, apns_topic=f"{APP}{ending}", **options)
    wrong = apns.push(token, body, apns_topic=other, **options)

    assert (200, "") == apns.outcome(right)
    assert (400, "DeviceTokenNotForTopic") == apns.outcome(wrong)
    assert kind == apns.simulator.devices[token].kind
    assert APP == apns.simulator.devices[token].app


@pytest.mark.parametrize(
    ("setting", "of_team", "of_nobody"),
    [
        pytest.param(None, "DeviceTokenNotForTopic", "TopicDisallowed", id="told-apart"),
        pytest.param("DeviceTokenNotForTopic", "DeviceTokenNotForTopic", "DeviceTokenNotForTopic",
                     id="token"),
        pytest.param("TopicDisallowed", "TopicDisallowed", "TopicDisallowed", id="topic"),
    ],
)  # fmt: skip
def test_reason_for_a_foreign_topic_is_a_setting(
    setting: Any, of_team: str, of_nobody: str
) -> None:
    """Another app of the team and an app of nobody are told apart unless asked otherwise."""
    apns = APNsSender(topic_reason=setting)
    token = apns.simulator.register()
    apns.simulator.register(topic="com.example.second")

    outcomes = [
        apns.outcome(apns.push(token, apns_topic=topic))
        for topic in ("com.example.second", "com.example.third")
    ]

    assert [(400, of_team), (400, of_nobody)] == outcomes


def test_mdm_has_a_topic_of_its_own() -> None:
    """The topic of device management is no bundle ID of an app and has no ending."""
    topic = "com.apple.mgmt.External.0f"
    apns = APNsSender()
    token = apns.simulator.register(kind="mdm", topic=topic)

    response = apns.push(token, b'{"mdm":"x"}', apns_topic=topic, apns_push_type="mdm")

    assert (200, "") == apns.outcome(response)
    assert [] == apns.simulator.violations


def test_device_takes_so_many_pushes_a_minute() -> None:
    """With a limit, one device in a row gets 429; others and later pushes are not concerned."""
    apns = APNsSender(device_pushes_per_minute=3)
    token, other = apns.simulator.register(), apns.simulator.register()

    statuses = [apns.push(token).status for _ in range(5)]
    assert [200, 200, 200, 429, 429] == statuses
    assert (429, "TooManyRequests") == apns.outcome(apns.push(token))
    assert 200 == apns.push(other).status
    apns.now += 19
    assert 429 == apns.push(token).status
    apns.now += 1
    assert [200, 429] == [apns.push(token).status for _ in range(2)]
    assert 4 == len(apns.simulator.delivered(token))


def test_device_takes_any_number_unless_told_otherwise() -> None:
    """Apple publishes no number, so none is in force."""
    apns = APNsSender()
    token = apns.simulator.register()

    assert {200} == {apns.push(token).status for _ in range(1_000)}
