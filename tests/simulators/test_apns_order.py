"""What APNs looks at first, if a request has several mistakes."""

from __future__ import annotations

from typing import Any

import pytest
from apns_sender import NOW, APNsSender, padded

UNKNOWN = "ab" * 32
HOUR = 3_600

#: One mistake for each step, in the order of the steps after authentication.
STEPS = [
    ("DuplicateHeaders", {"repeated": ("apns-topic",)}),
    ("BadMessageId", {"apns_id": "1"}),
    ("MethodNotAllowed", {"method": "GET"}),
    ("MissingTopic", {"apns_topic": None}),
    ("BadCollapseId", {"apns_collapse_id": "x" * 65}),
    ("BadPriority", {"apns_priority": "7"}),
    ("BadExpirationDate", {"apns_expiration": "soon"}),
    ("InvalidPushType", {"apns_push_type": "push"}),
    ("BadPath", {"path": "/3/nothing"}),
]
#: Steps that look at the device, which a wrong path has none of.
LATER = [
    ("BadDeviceToken", {"path": f"/3/device/{UNKNOWN}"}),
    ("PayloadEmpty", {"body": b""}),
]


@pytest.mark.parametrize("first", range(len(STEPS)))
def test_first_mistake_is_the_answer(first: int) -> None:
    """With all mistakes from one on, the answer names that one."""
    apns = APNsSender()
    token = apns.simulator.register()
    changes: dict[str, Any] = {"body": b""}
    for _, change in STEPS[first:]:
        changes.update(change)

    assert STEPS[first][0] == apns.reason(apns.push(token, **changes))


def test_device_is_looked_for_before_the_body_is_read() -> None:
    """An unknown token, then a token that is gone, a foreign topic, and only then the body."""
    apns = APNsSender(device_pushes_per_minute=1)
    gone, fine = apns.simulator.register(state="unregistered"), apns.simulator.register()
    apns.simulator.register(topic="com.example.second")
    second = {"apns_topic": "com.example.second", "apns_push_type": None}

    reasons = [
        apns.reason(apns.push(UNKNOWN, b"", **second)),
        apns.reason(apns.push(gone, b"", **second)),
        apns.reason(apns.push(fine, b"", **second)),
        apns.reason(apns.push(fine, b"")),
        apns.reason(apns.push(fine, padded(5_000)[:-1])),
        apns.reason(apns.push(fine, padded(4_000)[:-1])),
    ]

    assert [
        "BadDeviceToken",
        "Unregistered",
        "DeviceTokenNotForTopic",
        "PayloadEmpty",
        "PayloadTooLarge",
        "PayloadEmpty",
    ] == reasons
    # The device's own limit comes last: none of these has counted.
    assert [200, 429] == [apns.push(fine).status for _ in range(2)]


@pytest.mark.parametrize(
    ("mistake", "change"), STEPS + LATER, ids=[name for name, _ in STEPS + LATER]
)
def test_credential_comes_first(mistake: str, change: dict[str, Any]) -> None:
    """Unless told otherwise nobody learns anything without a good credential."""
    apns = APNsSender()
    token = apns.simulator.register()

    assert "MissingProviderToken" == apns.reason(apns.push(token, authorization=None, **change))
    assert "ExpiredProviderToken" == apns.reason(
        apns.push(token, authorization=f"bearer {apns.key.sign(NOW - HOUR - 1)}", **change)
    )
    assert mistake == apns.reason(apns.push(token, **change))


@pytest.mark.parametrize("order", ["auth-first", "device-first"])
def test_credential_that_came_twice_is_none(order: Any) -> None:
    """With two credentials there is no saying which is meant, however bad the last one is."""
    apns = APNsSender(order=order)
    token = apns.simulator.register()

    response = apns.push(token, repeated=("authorization",), authorization="bearer x")

    assert (400, "DuplicateHeaders") == apns.outcome(response)


@pytest.mark.parametrize("mistake", range(len(STEPS) + len(LATER)))
def test_credential_may_come_after_the_device(mistake: int) -> None:
    """The other order looks at the device before the credential, and at the body after it."""
    apns = APNsSender(order="device-first")
    token = apns.simulator.register()
    expected, change = (STEPS + LATER)[mistake]
    after = expected == "PayloadEmpty"

    reason = apns.reason(apns.push(token, authorization=None, **change))

    assert ("MissingProviderToken" if after else expected) == reason
    assert expected == apns.reason(apns.push(token, **change))
    assert 200 == apns.push(token).status


def test_other_order_holds_a_key_to_its_topics() -> None:
    """What a key may not be used for is refused even if the device is known for it."""
    apns = APNsSender(order="device-first")
    token = apns.simulator.register()
    key = apns.simulator.add_key(topics=["com.example.second"])

    response = apns.push(token, authorization=f"bearer {key.sign(NOW)}")

    assert (400, "TopicDisallowed") == apns.outcome(response)
