"""What Apple calls wrong and takes: violations, and refusals of a strict simulator."""

from __future__ import annotations

from typing import Any

import pytest
from apns_sender import APP, ID, APNsSender

from zpns.simulators._apns_errors import STATUSES


@pytest.mark.parametrize(
    ("changes", "rule", "reason"),
    [
        pytest.param({"apns_push_type": None}, "push-type", "InvalidPushType", id="no-type"),
        pytest.param({"apns_push_type": "voip"}, "topic", "InvalidPushType", id="voip-on-app"),
        pytest.param({"apns_push_type": "background",
                      "body": b'{"aps":{"content-available":1}}'},
                     "background-priority", "BadPriority", id="background-10"),
        pytest.param({"apns_push_type": "background", "apns_priority": None,
                      "body": b'{"aps":{"content-available":1}}'},
                     "background-priority", "BadPriority", id="background-default"),
        pytest.param({"apns_push_type": "background", "apns_priority": "5"},
                     "background", "InvalidPushType", id="background-with-alert"),
        pytest.param({"body": b'{"aps":{"content-available":1}}'},
                     "alert", "InvalidPushType", id="alert-without-alert"),
        pytest.param({"body": b'{"a":1}'}, "aps", "PayloadEmpty", id="no-aps"),
        pytest.param({"body": b'{"aps":[]}'}, "aps", "PayloadEmpty", id="aps-no-object"),
        pytest.param({"body": b"[]"}, "object", "PayloadEmpty", id="array"),
        pytest.param({"body": b'"text"'}, "object", "PayloadEmpty", id="text"),
    ],
)  # fmt: skip
def test_lapse_is_accepted_and_remembered(changes: dict[str, Any], rule: str, reason: str) -> None:
    """It is 200 and a violation; a strict simulator refuses it, with a reason that fits."""
    lenient, strict = APNsSender(), APNsSender(strict=True)
    tokens = [apns.simulator.register() for apns in (lenient, strict)]

    assert (200, "") == lenient.outcome(lenient.push(tokens[0], **changes))
    assert (STATUSES[reason], reason) == strict.outcome(strict.push(tokens[1], **changes))

    [violation] = lenient.simulator.violations
    push_type = changes.get("apns_push_type", "alert") or ""
    assert (rule, APP, push_type, ID) == (
        violation.rule,
        violation.topic,
        violation.push_type,
        violation.apns_id,
    )
    assert violation.text.endswith(".")
    assert [] == strict.simulator.violations
    assert [1, 0] == [len(lenient.simulator.delivered(tokens[0])),
                      len(strict.simulator.delivered(tokens[1]))]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "changes", "rule", "reason"),
    [
        pytest.param("voip", {"apns_push_type": "alert", "apns_topic": f"{APP}.voip"},
                     "topic", "InvalidPushType", id="alert-on-voip"),
        pytest.param("pushtotalk", {"apns_push_type": "pushtotalk",
                                    "apns_topic": f"{APP}.voip-ptt"},
                     "pushtotalk-expiration", "BadExpirationDate", id="talk-kept"),
        pytest.param("liveactivity", {"apns_push_type": "liveactivity",
                                      "apns_topic": f"{APP}.push-type.liveactivity"},
                     "liveactivity", "InvalidPushType", id="activity-without-event"),
    ],
)  # fmt: skip
def test_lapse_on_another_topic(kind: str, changes: dict[str, Any], rule: str, reason: str) -> None:
    """Tokens of other kinds have rules of their own."""
    lenient, strict = APNsSender(), APNsSender(strict=True)

    accepted = lenient.push(lenient.simulator.register(kind=kind), **changes)
    refused = strict.push(strict.simulator.register(kind=kind), **changes)

    assert 200 == accepted.status
    assert [rule] == [violation.rule for violation in lenient.simulator.violations]
    assert (400, reason) == strict.outcome(refused)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param("voip", b'{"call":"1"}', id="voip-without-aps"),
        pytest.param("voip", b'{"aps":{"alert":{"title":"Alice"}}}', id="voip-with-alert"),
        pytest.param(
            "liveactivity",
            b'{"aps":{"timestamp":1795000000,"event":"update","content-state":{}}}',
            id="live-activity",
        ),
    ],
)
def test_strict_simulator_takes_what_is_right(kind: str, body: bytes) -> None:
    """What the documentation shows for other kinds of token passes the strict rules."""
    apns = APNsSender(strict=True)
    token = apns.simulator.register(kind=kind)
    topic = apns.simulator.devices[token].topic

    response = apns.push(token, body, apns_topic=topic, apns_push_type=kind)

    assert (200, "") == apns.outcome(response)


def test_violations_are_not_collected_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load test with a lapse in every push does not fill the memory."""
    monkeypatch.setattr("zpns.simulators.apns.MAX_VIOLATIONS", 3)
    apns = APNsSender()
    token = apns.simulator.register()
    for _ in range(5):
        apns.push(token, apns_push_type=None)

    assert 3 == len(apns.simulator.violations)


def test_repeated_lapse_is_a_violation_each_time() -> None:
    """A body that was looked through before is no better the second time."""
    apns = APNsSender()
    token = apns.simulator.register()
    for _ in range(3):
        apns.push(token, b'{"a":1}')

    assert ["aps"] * 3 == [violation.rule for violation in apns.simulator.violations]


def test_many_different_bodies_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was learnt of a body is forgotten and learnt again, lapses included."""
    monkeypatch.setattr("zpns.simulators._apns_checks._KEPT", 3)
    apns = APNsSender()
    token = apns.simulator.register()
    bodies = [b'{"aps":{"alert":"%d"}}' % number for number in range(10)]

    for body in (*bodies, b'{"a":1}', *bodies, b'{"a":1}'):
        assert 200 == apns.push(token, body).status

    assert ["aps", "aps"] == [violation.rule for violation in apns.simulator.violations]
