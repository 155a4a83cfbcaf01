"""What Google's JSON parser reads: every field, in every spelling that is allowed."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpns.simulators._fcm_checks import check_message
from zpns.simulators._fcm_schema import parse

NOTIFICATION = {
    "title": "t",
    "body": "b",
    "icon": "i",
    "image": "https://a.test/i.png",
    "color": "#aabbcc",
    "sound": "default",
    "tag": "t",
    "clickAction": "OPEN",
    "bodyLocKey": "k",
    "bodyLocArgs": ["a"],
    "titleLocKey": "k",
    "titleLocArgs": ["a", ""],
    "channelId": "c",
    "ticker": "t",
    "sticky": True,
    "localOnly": False,
    "defaultSound": True,
    "defaultVibrateTimings": True,
    "defaultLightSettings": True,
    "eventTime": "2026-11-18T10:00:00.123456789Z",
    "notificationPriority": "PRIORITY_MAX",
    "vibrateTimings": ["0s", "0.5s"],
    "lightSettings": {
        "color": {"red": 1, "green": 0.5, "blue": 0, "alpha": 1},
        "lightOnDuration": "1s",
        "lightOffDuration": "1.5s",
    },
    "visibility": "PUBLIC",
    "notificationCount": 3,
}
ANDROID = {
    "collapseKey": "k",
    "ttl": "90.5s",
    "restrictedPackageName": "com.example.app",
    "data": {"a": "b"},
    "fcmOptions": {"analyticsLabel": "l"},
    "directBootOk": True,
    "bandwidthConstrainedOk": True,
    "restrictedSatelliteOk": True,
}
EVERYTHING = {
    "name": "ignored",
    "data": {"a": "b"},
    "notification": {"title": "t", "body": "b", "image": "https://a.test/i.png"},
    "android": {
        **ANDROID,
        "priority": "HIGH",
        "notification": {**NOTIFICATION, "proxy": "DENY", "bypassProxyNotification": True},
    },
    "webpush": {
        "headers": {"TTL": "90", "Urgency": "high", "Topic": "t"},
        "data": {"a": "b"},
        "notification": {"title": "t", "vibrate": [1, 2], "actions": [{"action": "a"}], "x": None},
        "fcmOptions": {"link": "https://a.test/", "analyticsLabel": "l"},
    },
    "apns": {
        "headers": {"apns-priority": "10"},
        "payload": {
            "aps": {
                "alert": {"title": "t"},
                "badge": 1,
                "sound": {"name": "s", "volume": 0.5},
                "content-available": 1,
                "mutable-content": 1,
                "category": "c",
                "thread-id": "t",
                "interruption-level": "active",
            },
            "own": {"x": [1, None]},
        },
        "fcmOptions": {"analyticsLabel": "l", "image": "https://a.test/i.png"},
        "liveActivityToken": "0a1b",
    },
    "fcmOptions": {"analyticsLabel": "l"},
}
NEWER = {
    "androidV2": {
        **ANDROID,
        "remoteNotification": {
            "notification": {**NOTIFICATION, "id": 7},
            "mutableContent": True,
            "useAsV1DataMessage": False,
        },
    }
}


def _snake(value: Any) -> Any:
    """Return *value* with the names of messages in snake_case; free objects stay."""
    if not isinstance(value, dict):
        return value
    renamed = {}
    for name, item in value.items():
        new = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
        free = name in ("data", "headers", "payload") or "vibrate" in str(item)[:60]
        renamed[new] = item if free else _snake(item)
    return renamed


@pytest.mark.parametrize("message", [EVERYTHING, NEWER], ids=["everything", "newer-model"])
@pytest.mark.parametrize("spell", [dict, _snake], ids=["camelCase", "snake_case"])
def test_whole_message_is_read_in_both_spellings(fcm: Any, message: Any, spell: Any) -> None:
    """Every field there is is accepted under both names and read as one."""
    token = fcm.simulator.register()

    response = fcm.send(spell({**message, "token": token}))

    assert 200 == response.status, response.body
    [delivered] = fcm.simulator.delivered(token)
    assert {**message, "token": token} == delivered.message


@pytest.mark.parametrize(
    ("given", "read"),
    [
        pytest.param({"android": {"priority": "high"}}, {"android": {"priority": "HIGH"}},
                     id="priority-in-lower-case"),
        pytest.param({"android": {"priority": 1}}, {"android": {"priority": "HIGH"}},
                     id="priority-by-number"),
        pytest.param({"android": {"priority": 0}}, {"android": {"priority": "NORMAL"}},
                     id="priority-0"),
        pytest.param({"android": {"notification": {"visibility": 3}}},
                     {"android": {"notification": {"visibility": "SECRET"}}},
                     id="visibility-by-number"),
        pytest.param({"android": {"notification": {"notificationCount": "-7"}}},
                     {"android": {"notification": {"notificationCount": -7}}},
                     id="int32-as-text"),
        pytest.param({"android": {"notification": {"notificationCount": 3e0}}},
                     {"android": {"notification": {"notificationCount": 3}}},
                     id="int32-as-float"),
        pytest.param({"android": {"notification": {"notificationCount": 2**31 - 1}}},
                     {"android": {"notification": {"notificationCount": 2**31 - 1}}},
                     id="int32-greatest"),
        pytest.param({"android": {"notification": {"lightSettings": {"color": {"red": "5e-1"}}}}},
                     {"android": {"notification": {"lightSettings": {"color": {"red": 0.5}}}}},
                     id="float-as-text"),
        pytest.param({"android": {"notification": {"eventTime": "2026-11-18T10:00:00+05:30"}}},
                     {"android": {"notification": {"eventTime": "2026-11-18T10:00:00+05:30"}}},
                     id="timestamp-with-offset"),
        pytest.param({"notification": None, "data": None, "android": {"ttl": None}},
                     {"android": {}}, id="null-is-unset"),
        pytest.param({"topic": None, "condition": None}, {}, id="null-targets-are-unset"),
        pytest.param({"android": {"collapse_key": "a", "collapseKey": "b"}},
                     {"android": {"collapseKey": "b"}}, id="last-name-wins"),
        pytest.param({"android": {"collapseKey": "b", "collapse_key": "a"}},
                     {"android": {"collapseKey": "a"}}, id="last-name-wins-the-other-way"),
    ],
)  # fmt: skip
def test_parser_reads(fcm: Any, given: Any, read: Any) -> None:
    """What may be written in several ways is read as one."""
    token = fcm.simulator.register()

    assert 200 == fcm.send({"token": token, **given}).status

    [delivered] = fcm.simulator.delivered(token)
    assert {"token": token, **read} == delivered.message


def test_of_a_name_given_twice_the_last_counts(fcm: Any) -> None:
    """JSON with one name twice is read like its last."""
    token = fcm.simulator.register()
    body = '{"message": {"token": 1, "data": {"a": "1"}, "token": "%s", "data": {"b": "2"}}}'

    assert 200 == fcm.post((body % token).encode()).status
    assert {"b": "2"} == fcm.simulator.delivered(token)[0].data


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*EVERYTHING, *ANDROID, *NOTIFICATION, "token", "message", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(value=JSON_VALUES)
def test_no_message_breaks_the_simulator(value: Any) -> None:
    """Whatever JSON comes, the answer is one of Google's and never a failure."""
    body = orjson.dumps({"message": value})
    request, violations = parse(body)

    for violation in violations:
        assert violation.description.startswith("Invalid ")
        assert violation.field == "" or violation.field.startswith("message")
    if not violations:
        refusal = check_message(request.get("message", {}), body, "texts")
        assert refusal is None or 400 == refusal.status
