"""What Google's JSON parser refuses, with its own words and all of it at once."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

TYPES = "type.googleapis.com/"
FID = "c" + "0" * 21
UNKNOWN = f"{FID}:APA91b{'x' * 134}"
PRIORITY = f"{TYPES}google.firebase.fcm.v1.AndroidMessagePriority"
DURATION = f"{TYPES}google.protobuf.Duration"
TIMESTAMP = f"{TYPES}google.protobuf.Timestamp"


@pytest.mark.parametrize(
    ("body", "description"),
    [
        pytest.param(b"{", "Unexpected end of string.", id="cut-off"),
        pytest.param(b"{'a': 1}", "Unexpected token.", id="single-quotes"),
        pytest.param(b'{"message": NaN}', "Unexpected token.", id="nan"),
        pytest.param(b'{"message": {}} x', "Unexpected token.", id="more-after-it"),
        pytest.param(b'{"message": "\xff"}', "Unexpected token.", id="not-utf-8"),
        pytest.param(b"[]", 'Unknown name "": Root element must be a message.', id="array"),
        pytest.param(b"null", 'Unknown name "": Root element must be a message.', id="null"),
        pytest.param(b'"x"', 'Unknown name "": Root element must be a message.', id="text"),
    ],
)
def test_body_that_is_no_object_is_refused(fcm: Any, body: bytes, description: str) -> None:
    """Without an object there is nothing to name a field of."""
    response = fcm.post(body)

    assert (400, None) == (response.status, fcm.error_code(response))
    text = f"Invalid JSON payload received. {description}"
    assert [(None, text)] == fcm.violations(response)
    assert text == json.loads(response.body)["error"]["message"]


def _unknown(name: str, place: str = "") -> str:
    at = f" at '{place}'" if place else ""
    return f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'


def _at(path: str, type_name: str, rest: str) -> tuple[str, str]:
    return path, f"Invalid value at '{path}' ({type_name}), {rest}"


PARSER: list[Any] = [
    # Unknown names, at every depth.
    pytest.param(
        {"to": "x", "priority": "high"},
        [(None, _unknown("to")), (None, _unknown("priority"))],
        id="legacy-body",
    ),
    pytest.param({"validateonly": True}, [(None, _unknown("validateonly"))], id="wrong-case"),
    pytest.param(
        {"message": {"registration_ids": []}},
        [("message", _unknown("registration_ids", "message"))],
        id="legacy-field",
    ),
    pytest.param(
        {"message": {"notification": {"badge": 1}}},
        [("message.notification", _unknown("badge", "message.notification"))],
        id="unknown-in-notification",
    ),
    pytest.param(
        {"message": {"android": {"notification": {"id": 1}}}},
        [("message.android.notification", _unknown("id", "message.android.notification"))],
        id="id-is-of-the-newer-model",
    ),
    pytest.param(
        {"message": {"android_v2": {"priority": "HIGH"}}},
        [("message.android_v2", _unknown("priority", "message.android_v2"))],
        id="priority-is-of-the-older-model",
    ),
    pytest.param(
        {"message": {"androidV2": {"remoteNotification": {"notification": {"proxy": "ALLOW"}}}}},
        [
            (
                "message.android_v2.remote_notification.notification",
                _unknown("proxy", "message.android_v2.remote_notification.notification"),
            )
        ],
        id="proxy-is-of-the-older-model",
    ),
    pytest.param(
        {"message": {"androidV2": {"backgroundSync": {"x": 1}}}},
        [
            (
                "message.android_v2.background_sync",
                _unknown("x", "message.android_v2.background_sync"),
            )
        ],
        id="unknown-in-an-empty-message",
    ),
    # Texts.
    pytest.param(
        {"message": {"token": 12}},
        [_at("message.token", "TYPE_STRING", "12")],
        id="number-for-text",
    ),
    pytest.param(
        {"message": {"notification": {"title": True}}},
        [_at("message.notification.title", "TYPE_STRING", "true")],
        id="true-for-text",
    ),
    pytest.param(
        {"message": {"topic": {"a": "b"}}},
        [_at("message.topic", "TYPE_STRING", '{"a":"b"}')],
        id="object-for-text",
    ),
    # Maps.
    pytest.param(
        {"message": {"data": {"a": "b", "c": None, "d": [1]}}},
        [
            _at("message.data[1].value", "TYPE_STRING", "null"),
            _at("message.data[2].value", "TYPE_STRING", "[1]"),
        ],
        id="values-of-a-map",
    ),
    pytest.param(
        {"message": {"data": [["a", "b"]]}},
        [_at("message.data", "map<string, string>", '[["a","b"]]')],
        id="array-for-a-map",
    ),
    pytest.param(
        {"message": {"android": {"data": {"n": 1}}}},
        [_at("message.android.data[0].value", "TYPE_STRING", "1")],
        id="data-of-android",
    ),
    pytest.param(
        {"message": {"webpush": {"headers": {"TTL": 90}}}},
        [_at("message.webpush.headers[0].value", "TYPE_STRING", "90")],
        id="web-ttl-as-number",
    ),
    pytest.param(
        {"message": {"apns": {"headers": {"apns-priority": 5}}}},
        [_at("message.apns.headers[0].value", "TYPE_STRING", "5")],
        id="apns-priority-as-number",
    ),
    # Messages and free objects.
    pytest.param(
        {"message": "hello"},
        [_at("message", f"{TYPES}google.firebase.fcm.v1.Message", '"hello"')],
        id="text-for-a-message",
    ),
    pytest.param(
        {"message": {"android": []}},
        [_at("message.android", f"{TYPES}google.firebase.fcm.v1.AndroidConfig", "[]")],
        id="array-for-a-message",
    ),
    pytest.param(
        {"message": {"apns": {"payload": "{}"}}},
        [_at("message.apns.payload", f"{TYPES}google.protobuf.Struct", '"{}"')],
        id="text-for-an-object",
    ),
    pytest.param(
        {"message": {"webpush": {"notification": 1}}},
        [_at("message.webpush.notification", f"{TYPES}google.protobuf.Struct", "1")],
        id="number-for-an-object",
    ),
    # True and false.
    pytest.param(
        {"validate_only": "true"}, [_at("validate_only", "TYPE_BOOL", '"true"')], id="text-for-bool"
    ),
    pytest.param(
        {"message": {"android": {"direct_boot_ok": 1}}},
        [_at("message.android.direct_boot_ok", "TYPE_BOOL", "1")],
        id="number-for-bool",
    ),
    # Whole numbers.
    *(
        pytest.param(
            {"message": {"android": {"notification": {"notificationCount": value}}}},
            [_at("message.android.notification.notification_count", "TYPE_INT32", f"{shown}")],
            id=f"int32-{name}",
        )
        for name, value, shown in (
            ("too-big", 2**31, "2147483648"),
            ("too-small", -(2**31) - 1, "-2147483649"),
            ("fraction", 1.5, "1.5"),
            ("text", "many", '"many"'),
            ("text-with-fraction", "1.0", '"1.0"'),
            ("text-too-big", "2147483648", '"2147483648"'),
            ("true", True, "true"),
        )
    ),
    # Numbers.
    *(
        pytest.param(
            {
                "message": {
                    "android": {"notification": {"lightSettings": {"color": {"red": value}}}}
                }
            },
            [
                _at(
                    "message.android.notification.light_settings.color.red",
                    "TYPE_FLOAT",
                    f"{shown}",
                )
            ],
            id=f"float-{name}",
        )
        for name, value, shown in (("text", "red", '"red"'), ("true", True, "true"))
    ),
    # Enums.
    *(
        pytest.param(
            {"message": {"android": {"priority": value}}},
            [_at("message.android.priority", f"{PRIORITY}", f"{shown}")],
            id=f"priority-{name}",
        )
        for name, value, shown in (
            ("unknown", "urgent", '"urgent"'),
            ("mixed-case", "High", '"High"'),
            ("number", 2, "2"),
            ("number-as-text", "1", '"1"'),
            ("true", True, "true"),
            ("float", 1.0, "1.0"),
        )
    ),
    pytest.param(
        {"message": {"android": {"notification": {"visibility": "public"}}}},
        [
            _at(
                "message.android.notification.visibility",
                f"{TYPES}google.firebase.fcm.v1.AndroidNotification.Visibility",
                '"public"',
            )
        ],
        id="other-enums-are-upper-case",
    ),
    # Durations.
    *(
        pytest.param(
            {"message": {"android": {"ttl": value}}},
            [_at("message.android.ttl", f"{DURATION}", f"{rest}")],
            id=f"duration-{name}",
        )
        for name, value, rest in (
            ("number", 90, "90"),
            (
                "no-unit",
                "90",
                "Field 'ttl', Illegal duration format; duration must end with 's'",
            ),
            (
                "other-unit",
                "90m",
                "Field 'ttl', Illegal duration format; duration must end with 's'",
            ),
            ("words", "ninety s", "Field 'ttl', Invalid duration format, failed to parse seconds"),
            ("unit-alone", "s", "Field 'ttl', Invalid duration format, failed to parse seconds"),
            ("space", "90 s", "Field 'ttl', Invalid duration format, failed to parse seconds"),
            ("plus", "+90s", "Field 'ttl', Invalid duration format, failed to parse seconds"),
            (
                "ten-digits-of-fraction",
                "1.0000000001s",
                "Field 'ttl', Invalid duration format, failed to parse seconds",
            ),
            (
                "ten-thousand-years",
                "315576000001s",
                "Field 'ttl', Duration value exceeds limits",
            ),
        )
    ),
    pytest.param(
        {"message": {"android": {"notification": {"vibrateTimings": ["1s", 2, "3"]}}}},
        [
            _at("message.android.notification.vibrate_timings[1]", f"{DURATION}", "2"),
            _at(
                "message.android.notification.vibrate_timings[2]",
                f"{DURATION}",
                "Field 'vibrateTimings[2]', Illegal duration format; duration must end with 's'",
            ),
        ],
        id="durations-in-an-array",
    ),
    # Dates.
    *(
        pytest.param(
            {"message": {"android": {"notification": {"event_time": value}}}},
            [_at("message.android.notification.event_time", f"{TIMESTAMP}", f"{rest}")],
            id=f"timestamp-{name}",
        )
        for name, value, rest in (
            ("number", 1795000000, "1795000000"),
            (
                "no-zone",
                "2026-11-18T10:00:00",
                "Field 'eventTime', Illegal timestamp format; timestamps must end with 'Z' or "
                "have a valid offset",
            ),
            ("no-such-day", "2026-02-30T10:00:00Z", "Field 'eventTime', Invalid time format"),
            (
                "no-such-offset",
                "2026-11-18T10:00:00+25:00",
                "Field 'eventTime', Invalid time format",
            ),
            ("date-alone", "2026-11-18Z", "Field 'eventTime', Invalid time format"),
        )
    ),
    # Arrays.
    pytest.param(
        {"message": {"android": {"notification": {"bodyLocArgs": ["a", 1, None]}}}},
        [
            _at("message.android.notification.body_loc_args[1]", "TYPE_STRING", "1"),
            _at("message.android.notification.body_loc_args[2]", "TYPE_STRING", "null"),
        ],
        id="values-of-an-array",
    ),
    pytest.param(
        {"message": {"android": {"notification": {"titleLocArgs": "a"}}}},
        [_at("message.android.notification.title_loc_args", "repeated", '"a"')],
        id="text-for-an-array",
    ),
    # One of several.
    pytest.param(
        {"message": {"token": UNKNOWN, "topic": "t"}},
        [
            (
                "message",
                "Invalid value at 'message' (oneof), oneof field 'target' is already set. "
                "Cannot set 'topic'",
            )
        ],
        id="two-targets",
    ),
    pytest.param(
        {"message": {"topic": "", "fid": FID, "condition": ""}},
        [
            (
                "message",
                "Invalid value at 'message' (oneof), oneof field 'target' is already set. "
                f"Cannot set '{name}'",
            )
            for name in ("fid", "condition")
        ],
        id="three-targets-two-of-them-empty",
    ),
    pytest.param(
        {"message": {"android_v2": {"backgroundSync": {}, "remoteNotification": {}}}},
        [
            (
                "message.android_v2",
                "Invalid value at 'message.android_v2' (oneof), oneof field 'type' is already "
                "set. Cannot set 'remoteNotification'",
            )
        ],
        id="both-types-of-the-newer-model",
    ),
    # All at once.
    pytest.param(
        {
            "message": {
                "data": {"a": 1},
                "android": {"ttl": 5, "colour": "red", "priority": "x"},
                "token": "t",
                "topic": "t",
            },
            "dry_run": True,
        },
        [
            _at("message.data[0].value", "TYPE_STRING", "1"),
            _at("message.android.ttl", f"{DURATION}", "5"),
            ("message.android", _unknown("colour", "message.android")),
            _at("message.android.priority", f"{PRIORITY}", '"x"'),
            (
                "message",
                "Invalid value at 'message' (oneof), oneof field 'target' is already set. "
                "Cannot set 'topic'",
            ),
            (None, _unknown("dry_run")),
        ],
        id="everything-at-once",
    ),
]


@pytest.mark.parametrize(("request_", "expected"), PARSER)
def test_parser_refuses(fcm: Any, request_: Any, expected: list[tuple[str | None, str]]) -> None:
    """Each violation is listed, with its path, and the message has one line for each."""
    response = fcm.post(orjson.dumps(request_))

    assert 400 == response.status
    assert fcm.error_code(response) is None
    assert expected == fcm.violations(response)
    error = json.loads(response.body)["error"]
    assert "\n".join(text for _, text in expected) == error["message"]
    assert "INVALID_ARGUMENT" == error["status"]
