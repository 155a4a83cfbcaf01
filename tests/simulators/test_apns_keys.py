"""Keys: where and for what they may be used, and what a connection is bound to."""

from __future__ import annotations

from typing import Any

import pytest
from apns_sender import APP, NOW, APNsSender
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from zpns.errors import ParameterError
from zpns.exchange import Request

HOUR = 3_600
MINUTE = 60
OK = (200, "")
INVALID = (403, "InvalidProviderToken")
EXPIRED = (403, "ExpiredProviderToken")
TOO_MANY = (429, "TooManyProviderTokenUpdates")


@pytest.mark.parametrize(
    ("mine", "keys", "expected"),
    [
        pytest.param("production", "production", OK, id="right"),
        pytest.param("sandbox", "sandbox", OK, id="right-sandbox"),
        pytest.param("production", "sandbox", (403, "BadEnvironmentKeyInToken"), id="wrong"),
        pytest.param("sandbox", "production", (403, "BadEnvironmentKeyInToken"),
                     id="wrong-sandbox"),
    ],
)  # fmt: skip
def test_key_may_be_of_one_environment(mine: Any, keys: Any, expected: tuple[int, str]) -> None:
    """A key that was made for one environment is refused in the other."""
    apns = APNsSender(environment=mine)
    token = apns.simulator.register()
    key = apns.simulator.add_key(environment=keys)

    assert expected == apns.outcome(apns.push(token, authorization=f"bearer {key.sign(NOW)}"))
    if expected != OK:
        old = f"bearer {key.sign(NOW - HOUR - 1)}"
        assert EXPIRED == apns.outcome(apns.push(token, authorization=old))


def test_reason_for_the_environment_may_be_the_documented_one() -> None:
    """The page of reasons spells it otherwise than the wire does."""
    apns = APNsSender(environment_reason="BadEnvironmentKeyIdInToken")
    key = apns.simulator.add_key(environment="sandbox")

    response = apns.push(apns.simulator.register(), authorization=f"bearer {key.sign(NOW)}")

    assert (403, "BadEnvironmentKeyIdInToken") == apns.outcome(response)


def test_key_may_be_for_some_topics() -> None:
    """A key for topics may be used for those, and for whatever else their apps have."""
    apns = APNsSender()
    key = apns.simulator.add_key(topics=[APP])
    bearer = f"bearer {key.sign(NOW)}"
    mine, voip = apns.simulator.register(), apns.simulator.register(kind="voip")
    other = apns.simulator.register(topic="com.example.second")

    assert OK == apns.outcome(apns.push(mine, authorization=bearer))
    assert OK == apns.outcome(apns.voip(voip, authorization=bearer))
    refused = apns.push(other, authorization=bearer, apns_topic="com.example.second")
    assert (400, "TopicDisallowed") == apns.outcome(refused)


def test_connection_is_bound_to_its_first_key() -> None:
    """Another key of the team is unrelated, one of another team is invalid there."""
    apns = APNsSender()
    token = apns.simulator.register()
    same = apns.simulator.add_key()
    foreign = apns.simulator.add_key(team_id="OTHERTEAM1")
    assert OK == apns.outcome(apns.push(token))
    apns.now += 30 * MINUTE

    outcomes = [
        apns.outcome(apns.push(token, authorization=f"bearer {key.sign(apns.now)}"))
        for key in (same, foreign, apns.key)
    ]

    assert [(403, "UnrelatedKeyIdInToken"), INVALID, OK] == outcomes
    bearer = f"bearer {same.sign(NOW)}"
    fresh = apns.push(token, authorization=bearer, connection=apns.connect())
    assert OK == apns.outcome(fresh)


def test_requests_without_a_connection_share_one() -> None:
    """The handler alone, without a server, takes what comes as one connection's."""
    apns = APNsSender()
    token = apns.simulator.register()
    url = f"https://apns.test/3/device/{token}"

    outcomes = []
    for age in (60, 0):
        headers = apns.headers(authorization=f"bearer {apns.key.sign(NOW - age)}")
        request = Request(method="POST", url=url, headers=headers, body=b'{"aps":{"badge":1}}')
        outcomes.append(apns.outcome(apns.simulator.handle(request, NOW)))

    assert [OK, TOO_MANY] == outcomes


# Keys as things.


@pytest.mark.parametrize(
    ("field", "settings"),
    [
        pytest.param("key_id", {"key_id": "SHORT"}, id="short-id"),
        pytest.param("key_id", {"key_id": "abcdefghij"}, id="lower-case-id"),
        pytest.param("key_id", {"key_id": 1}, id="id-no-text"),
        pytest.param("key_id", {"key_id": "ZPNSKEY001"}, id="id-taken"),
        pytest.param("team_id", {"team_id": "TOO-LONG-TEAM"}, id="long-team"),
        pytest.param("environment", {"environment": "test"}, id="environment-unknown"),
        pytest.param(
            "private_key",
            {"private_key": ec.generate_private_key(ec.SECP384R1())},
            id="other-curve",
        ),
        pytest.param(
            "private_key",
            {"private_key": rsa.generate_private_key(public_exponent=65_537, key_size=2_048)},
            id="no-curve",
        ),
    ],
)
def test_key_is_checked(field: str, settings: dict[str, Any]) -> None:
    """A mistake in a test's own key is said at once, with the field's name."""
    apns = APNsSender(key_id="ZPNSKEY001")

    with pytest.raises(ParameterError) as caught:
        apns.simulator.add_key(**settings)

    assert field == caught.value.field


def test_keys_are_listed() -> None:
    """The team's own key comes first; made-up IDs look like Apple's and differ."""
    apns = APNsSender(key_id="ZPNSKEY001", team_id="ABCDEFGHIJ")
    more = [apns.simulator.add_key() for _ in range(3)]

    assert ["ZPNSKEY001", *(key.key_id for key in more)] == list(apns.simulator.keys)
    assert {"ABCDEFGHIJ"} == {key.team_id for key in apns.simulator.keys.values()}
    assert all(len(key.key_id) == 10 and key.key_id.isalnum() for key in more)
    with pytest.raises(TypeError):
        apns.simulator.keys["x"] = apns.key  # type: ignore[index]


def test_representation_hides_the_key() -> None:
    """A key in a notebook shows its ID and nothing that could sign."""
    apns = APNsSender()

    assert apns.key.key_id in repr(apns.key)
    assert "private" not in repr(apns.key)
    assert "object at" not in repr(apns.key)
