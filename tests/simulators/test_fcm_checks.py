"""What FCM refuses in a message that the parser let through, and what is just fine."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from zpns.simulators._fcm_checks import is_condition

GENERIC = "Request contains an invalid argument."


def _apns(aps: Any, **headers: str) -> dict[str, Any]:
    return {"apns": {"headers": headers, "payload": {"aps": aps}}}


REFUSED: list[Any] = [
    pytest.param({}, "message", "Recipient of the message is not set.", id="nothing"),
    *(
        pytest.param(
            {"topic": "t", **part},
            path,
            f"Invalid data payload key: {key}",
            id=f"key-{key}-in-{path.removeprefix('message.')}",
        )
        for part, path, key in (
            ({"data": {"from": "x"}}, "message.data", "from"),
            ({"data": {"a": "b", "message_type": "x"}}, "message.data", "message_type"),
            ({"data": {"google.x": "x"}}, "message.data", "google.x"),
            ({"data": {"gcm.notification.badge": "1"}}, "message.data", "gcm.notification.badge"),
            ({"data": {"gcm.x": "1"}}, "message.data", "gcm.x"),
            ({"android": {"data": {"from": "x"}}}, "message.android.data", "from"),
            ({"androidV2": {"data": {"from": "x"}}}, "message.android_v2.data", "from"),
            ({"webpush": {"data": {"from": "x"}}}, "message.webpush.data", "from"),
        )
    ),
    *(
        pytest.param({"topic": topic}, "message.topic", "Invalid topic name provided.",
                     id=f"topic-{name}")
        for name, topic in (
            ("empty", ""),
            ("with-prefix", "/topics/news"),
            ("with-space", "a b"),
            ("not-ascii", "nyheder-på-dansk"),
            ("901-characters", "t" * 901),
            ("line-end", "news\n"),
        )
    ),
    pytest.param({"condition": ""}, "message.condition",
                 "Invalid condition expression provided.", id="condition-empty"),
    pytest.param({"topic": "t", "android": {}, "androidV2": {}}, "message.android_v2",
                 "Only one of android and android_v2 may be set.", id="both-androids"),
    *(
        pytest.param({"topic": "t", section: {"ttl": ttl}}, path,
                     "TTL must be from 0 to 2419200 seconds.", id=f"ttl-{ttl}-{section}")
        for section, path in (("android", "message.android.ttl"),
                              ("androidV2", "message.android_v2.ttl"))
        for ttl in ("-1s", "-0.000000001s", "2419200.5s", "2419201s",
                    "315576000000s")
    ),
    *(
        pytest.param({"topic": "t", **part}, f"{path}.fcm_options.analytics_label",
                     "Invalid analytics label.", id=f"label-of-{path}")
        for part, path in (
            ({"fcmOptions": {"analyticsLabel": ""}}, "message"),
            ({"android": {"fcmOptions": {"analyticsLabel": "l" * 51}}}, "message.android"),
            ({"androidV2": {"fcmOptions": {"analyticsLabel": "a b"}}}, "message.android_v2"),
            ({"webpush": {"fcmOptions": {"analyticsLabel": "a/b"}}}, "message.webpush"),
            ({"apns": {"fcmOptions": {"analyticsLabel": "é"}}}, "message.apns"),
        )
    ),
    *(
        pytest.param({"topic": "t", "webpush": {"fcmOptions": {"link": link}}},
                     "message.webpush.fcm_options.link", "The link must be an HTTPS URL.",
                     id=f"link-{link}")
        for link in ("", "http://a.test/", "a.test", "https://", "https:///path")
    ),
    *(
        pytest.param({"topic": "t", "data": {"a": "b"}, **part}, "message.apns.headers",
                     "A message with data alone must have apns-priority 5, not 10.",
                     id=f"apns-priority-10-{name}")
        for name, part in (
            ("without-aps", {"apns": {"headers": {"apns-priority": "10"}}}),
            ("content-available", _apns({"content-available": 1}, **{"apns-priority": "10"})),
            ("other-case", _apns({"content-available": 1}, **{"Apns-Priority": "10"})),
        )
    ),
    *(
        pytest.param({"topic": "t", **_apns({key: value})}, f"message.apns.payload.aps.{key}",
                     f"Value type for APS key [{key}] is a {expected}.", id=f"aps-{key}-{name}")
        for key, name, value, expected in (
            ("badge", "text", "1", "number"),
            ("badge", "true", True, "number"),
            ("badge", "null", None, "number"),
            ("alert", "number", 1, "string or a dictionary"),
            ("alert", "array", ["t"], "string or a dictionary"),
            ("sound", "number", 1, "string or a dictionary"),
            ("content-available", "text", "1", "number"),
            ("content-available", "true", True, "number"),
            ("mutable-content", "text", "1", "number"),
            ("category", "number", 1, "string"),
            ("thread-id", "object", {}, "string"),
        )
    ),
    *(
        pytest.param({"topic": "t", **_apns(aps)}, "message.apns.payload.aps",
                     "Value type for APS is a dictionary.", id=f"aps-{name}")
        for name, aps in (("text", "x"), ("null", None), ("array", []))
    ),
]  # fmt: skip

#: Violations whose description is also the message of the error.
SPEAKING = ("Recipient of the message", "Invalid data payload key")


@pytest.mark.parametrize(("message", "field", "description"), REFUSED)
def test_message_is_refused(fcm: Any, message: Any, field: str, description: str) -> None:
    """FCM's own 400 names the field and carries its error code."""
    response = fcm.send(message)

    assert 400 == response.status
    assert "INVALID_ARGUMENT" == fcm.error_code(response)
    assert [(field, description)] == fcm.violations(response)
    said = json.loads(response.body)["error"]["message"]
    assert (description if description.startswith(SPEAKING) else GENERIC) == said


@pytest.mark.parametrize("body", [b"", b"{}", b'{"message": null}', b'{"message": {}}'])
def test_request_without_message_has_no_recipient(fcm: Any, body: bytes) -> None:
    """An absent message is an empty one."""
    response = fcm.post(body)

    assert "INVALID_ARGUMENT" == fcm.error_code(response)
    assert [("message", "Recipient of the message is not set.")] == fcm.violations(response)


@pytest.mark.parametrize(
    "part",
    [
        pytest.param({"data": {"notification": "x", "collapse_key": "x"}}, id="keys-that-are-free"),
        pytest.param({"data": {"googleplex": "x", "gcm": "x", "From": "x"}},
                     id="keys-that-are-near"),
        pytest.param({"data": {}}, id="no-data"),
        pytest.param({"topic": "t" * 900}, id="topic-of-900"),
        pytest.param({"topic": "aZ09-_.~%"}, id="topic-of-every-kind"),
        pytest.param({"android": {"ttl": "0s"}}, id="ttl-0"),
        pytest.param({"android": {"ttl": "2419200s"}}, id="ttl-28-days"),
        pytest.param({"androidV2": {"ttl": "2419200s"}}, id="ttl-28-days-v2"),
        pytest.param({"fcmOptions": {"analyticsLabel": "aZ09-_.~%" + "l" * 41}}, id="label-of-50"),
        pytest.param({"webpush": {"fcmOptions": {"link": "https://a"}}}, id="link"),
        pytest.param(_apns({"content-available": 1}, **{"apns-priority": "5"}), id="priority-5"),
        pytest.param(_apns({"alert": "a"}, **{"apns-priority": "10"}), id="priority-10-alert"),
        pytest.param(_apns({"badge": 0}, **{"apns-priority": "10"}), id="priority-10-badge"),
        pytest.param(_apns({"sound": "s"}, **{"apns-priority": "10"}), id="priority-10-sound"),
        pytest.param({"notification": {"title": "t"}, **_apns({}, **{"apns-priority": "10"})},
                     id="priority-10-notification"),
        pytest.param({"apns": {"headers": {"apns-priority": "10"}, "liveActivityToken": "0a",
                               "payload": {"aps": {"event": "update"}}}},
                     id="priority-10-live-activity"),
        pytest.param(_apns({"badge": 1.5, "unknown": True}), id="badge-float-and-unknown-key"),
    ],
)  # fmt: skip
def test_message_at_the_edge_is_accepted(fcm: Any, part: dict[str, Any]) -> None:
    """The neighbour of each refusal is fine."""
    assert 200 == fcm.send({"topic": "t", **part}).status


@pytest.mark.parametrize(
    "condition",
    [
        "'a' in topics",
        "'aZ09-_.~%' in topics",
        "'a' in topics && 'b' in topics",
        "'a' in topics || 'b' in topics && 'c' in topics",
        "('a' in topics || 'b' in topics) && 'c' in topics",
        "'a' in topics && !('b' in topics)",
        "!('a' in topics) && 'b' in topics",
        "'a' in topics && !'b' in topics",
        "!(!('a' in topics))",
        "((('a' in topics)))",
        "  'a'   in topics&&'b'in topics ",
        "'1' in topics || '2' in topics || '3' in topics || '4' in topics || '5' in topics",
    ],
)
def test_condition_is_one(condition: str) -> None:
    """Topics, the three operators and parentheses, up to five topics."""
    assert is_condition(condition)


@pytest.mark.parametrize(
    "condition",
    [
        "",
        " ",
        "a in topics",
        '"a" in topics',
        "'a' in topic",
        "'a' intopics",
        "'a' in TOPICS",
        "'a'",
        "in topics",
        "'' in topics",
        "'a b' in topics",
        "'a' in topics &&",
        "&& 'a' in topics",
        "'a' in topics & 'b' in topics",
        "'a' in topics and 'b' in topics",
        "'a' in topics 'b' in topics",
        "('a' in topics",
        "'a' in topics)",
        "()",
        "!",
        "!('a' in topics)",
        "!'a' in topics",
        "!('a' in topics && 'b' in topics)",
        "'a' in topics || !('b' in topics)",
        "'1' in topics || '2' in topics || '3' in topics || '4' in topics || '5' in topics"
        " || '6' in topics",
        "!" * 100_000 + "'a' in topics",
        "(" * 100_000 + "'a' in topics",
    ],
)
def test_condition_is_none(condition: str) -> None:
    """Everything else, and whatever holds for a device without topics."""
    assert not is_condition(condition)


def _texts(size: int) -> dict[str, Any]:
    """Return data of *size* bytes, key and value counted, with a character of three bytes."""
    return {"data": {"k": "€" + "v" * (size - 4)}}


SIZES: list[Any] = [
    pytest.param({}, 4_096, _texts, "Android", id="data"),
    pytest.param({}, 4_096, lambda n: {"notification": {"title": "t" * 96, "body": "b" * (n - 96)}},
                 "Android", id="notification"),
    pytest.param({}, 4_096, lambda n: {"notification": {"title": "t" * 96}, **_texts(n - 96)},
                 "Android", id="both-together"),
    pytest.param({}, 4_096, lambda n: {"data": {"a": "b" * 4_000}, "android": _texts(n)},
                 "Android", id="data-of-android-replaces"),
    pytest.param({}, 4_096, lambda n: {"notification": {"body": "b" * 4_000},
                                       "android": {"notification": {"body": "b" * n}}},
                 "Android", id="text-of-android-replaces"),
    pytest.param({}, 4_096, lambda n: {"android": {"notification": {"bodyLocKey": "k",
                                       "bodyLocArgs": ["a" * 2_000, "b" * (n - 2_001)]}}},
                 "Android", id="arguments-count"),
    pytest.param({}, 4_096, lambda n: {"androidV2": {"remoteNotification": {
                                       "notification": {"body": "b" * n}}}},
                 "Android", id="newer-model"),
    pytest.param({}, 4_096, lambda n: {"apns": {"payload": {"a": "b" * (n - 17)}}},
                 "APNs", id="apns-payload"),
    pytest.param({}, 4_096, lambda n: {"notification": {"title": "t"}, "apns": {
                                       "payload": {"a": "b" * (n - 38)}}},
                 "APNs", id="notification-in-the-apns-payload"),
    pytest.param({}, 4_096, lambda n: {"webpush": {"notification": {"a": "b" * (n - 35)}}},
                 "Web push", id="web-notification"),
    pytest.param({}, 4_096, lambda n: {"webpush": {"data": {"a": "b" * (n - 35)}}},
                 "Web push", id="web-data"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "limit", "make", "platform"), SIZES)
def test_payload_has_a_limit(fcm: Any, settings: Any, limit: int, make: Any, platform: str) -> None:
    """The last byte that fits is accepted, one more is too big; only what travels counts."""
    token = fcm.simulator.register()

    assert 200 == fcm.send({"token": token, **make(limit)}).status
    status, body = fcm.read(fcm.send({"token": token, **make(limit + 1)}))
    assert (400, f"{platform} message is too big") == (status, body["error"]["message"])


@pytest.mark.parametrize("target", [{"topic": "t"}, {"condition": "'t' in topics"}])
def test_payload_to_a_topic_has_half_the_limit(fcm: Any, target: dict[str, str]) -> None:
    """Messages that fan out are limited to 2,048 bytes."""
    assert 200 == fcm.send({**target, **_texts(2_048)}).status
    assert 400 == fcm.send({**target, **_texts(2_049)}).status


def test_payload_may_be_counted_as_the_whole_body(make_fcm: Callable[..., Any]) -> None:
    """The other reading of the limit: every byte of the request."""
    fcm = make_fcm(payload_count="body")
    token = fcm.simulator.register()
    rest = len(orjson.dumps({"message": {"token": token, "data": {"k": ""}}}))

    assert 200 == fcm.send({"token": token, "data": {"k": "v" * (4_096 - rest)}}).status
    assert 400 == fcm.send({"token": token, "data": {"k": "v" * (4_097 - rest)}}).status
