"""Tokens, devices and their rates; and the settings of the simulator."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from zpns.errors import ParameterError
from zpns.simulators import FCMSimulator

FID = "c" + "0" * 21
UNKNOWN = f"{FID}:APA91b{'x' * 134}"
BAD_TOKEN = "The registration token is not a valid FCM registration token"
GENERIC = "Request contains an invalid argument."


@pytest.mark.parametrize(
    ("target", "code"),
    [
        pytest.param({"token": UNKNOWN}, "UNREGISTERED", id="registration-token"),
        pytest.param({"token": "APA91b" + "x" * 134}, "UNREGISTERED", id="older-token"),
        pytest.param({"token": FID}, "UNREGISTERED", id="fid-as-token"),
        pytest.param({"fid": FID}, "UNREGISTERED", id="fid"),
        pytest.param({"fid": UNKNOWN}, "INVALID_ARGUMENT", id="token-as-fid"),
        pytest.param({"token": ""}, "INVALID_ARGUMENT", id="empty"),
        pytest.param({"fid": ""}, "INVALID_ARGUMENT", id="empty-fid"),
        pytest.param({"token": UNKNOWN[:-100]}, "INVALID_ARGUMENT", id="cut-off"),
        pytest.param({"token": UNKNOWN + "\n"}, "INVALID_ARGUMENT", id="line-end"),
        pytest.param({"token": UNKNOWN + "="}, "INVALID_ARGUMENT", id="other-alphabet"),
        pytest.param({"token": "a" * 64}, "INVALID_ARGUMENT", id="apns-token"),
        pytest.param({"fid": "a" + FID[1:]}, "INVALID_ARGUMENT", id="fid-with-wrong-start"),
        pytest.param({"fid": FID + "0"}, "INVALID_ARGUMENT", id="fid-too-long"),
    ],
)
def test_token_nobody_has(fcm: Any, target: dict[str, str], code: str) -> None:
    """A token that could be one is unregistered, any other is malformed, by its own message."""
    response = fcm.send(target)

    status, body = fcm.read(response)
    expected = {"UNREGISTERED": (404, "NotRegistered"), "INVALID_ARGUMENT": (400, BAD_TOKEN)}
    assert expected[code] == (status, body["error"]["message"])
    assert code == fcm.error_code(response)


def test_device_is_reached_by_token_and_by_fid(fcm: Any) -> None:
    """The part before the colon is the installation's ID, good in either field."""
    token = fcm.simulator.register()
    fid = token.partition(":")[0]

    for target in ({"token": token}, {"token": fid}, {"fid": fid}):
        assert 200 == fcm.send(target).status

    assert 3 == len(fcm.simulator.delivered(token))


def test_device_may_have_a_fid_alone(fcm: Any) -> None:
    """An app of the newer kind has no registration token."""
    fcm.simulator.register(FID)

    assert [200, 200] == [fcm.send(target).status for target in ({"fid": FID}, {"token": FID})]


@pytest.mark.parametrize(
    ("kind", "state", "expected"),
    [
        pytest.param("android", "unregistered", (404, "UNREGISTERED"), id="unregistered"),
        pytest.param("apple", "unregistered", (404, "UNREGISTERED"), id="apple-unregistered"),
        pytest.param("apple", "disabled", (200, None), id="apple-disabled"),
        pytest.param("android", "other_sender", (403, "SENDER_ID_MISMATCH"), id="other-sender"),
        pytest.param("apple", "known", (200, None), id="apple-credential-broken"),
        pytest.param("web", "known", (200, None), id="web-credential-broken"),
    ],
)
def test_validation_knows_tokens_and_asks_nobody_else(
    make_fcm: Callable[..., Any], kind: str, state: str, expected: tuple[int, str | None]
) -> None:
    """With validate_only FCM looks the token up, but Apple and the browser are not asked."""
    fcm = make_fcm(broken_credentials=["apple", "web"])
    token = fcm.simulator.register(kind=kind, state=state)

    response = fcm.send({"token": token}, validate_only=True)

    assert expected == (response.status, fcm.error_code(response))
    assert b"ApnsError" not in response.body


@pytest.mark.parametrize("name", ["validate_only", "validateOnly"])
def test_validation_delivers_nothing(make_fcm: Callable[..., Any], name: str) -> None:
    """The name says that it is none, the device gets nothing and its rate is not touched."""
    fcm = make_fcm(device_sends_per_minute=1)
    token = fcm.simulator.register()

    for target in ({"token": token}, {"token": token}, {"topic": "t"}):
        assert (200, {"name": "projects/demo-zpns/messages/fake_message_id"}) == fcm.read(
            fcm.send(target, **{name: True})
        )
    assert 400 == fcm.send({"token": token, "data": {"from": "x"}}, **{name: True}).status

    assert [] == fcm.simulator.delivered(token)
    assert 200 == fcm.send({"token": token}, **{name: False}).status
    assert 1 == len(fcm.simulator.delivered(token))


@pytest.mark.parametrize("section", ["android", "android_v2"])
def test_message_may_be_for_one_package_alone(fcm: Any, section: str) -> None:
    """A token of another package is refused, without a word that condemns the token."""
    token = fcm.simulator.register(package="com.example.one")

    def send(package: str) -> Any:
        return fcm.send({"token": token, section: {"restricted_package_name": package}})

    assert 200 == send("com.example.one").status
    response = send("com.example.two")
    assert (400, "INVALID_ARGUMENT") == (response.status, fcm.error_code(response))
    assert [
        (f"message.{section}.restricted_package_name", "Package name does not match the token.")
    ] == fcm.violations(response)
    assert GENERIC == json.loads(response.body)["error"]["message"]


def test_package_concerns_android_alone(fcm: Any) -> None:
    """The section for Android is nothing to a browser."""
    token = fcm.simulator.register(kind="web")

    message = {"token": token, "android": {"restricted_package_name": "com.example.two"}}
    assert 200 == fcm.send(message).status


def test_unregistered_device_stays_so(fcm: Any) -> None:
    """After the app is gone every send says so."""
    token = fcm.simulator.register()
    assert 200 == fcm.send({"token": token}).status

    fcm.simulator.unregister(token)

    assert [404, 404] == [fcm.send({"token": token}).status for _ in range(2)]


def test_android_device_has_a_rate_per_minute(fcm: Any) -> None:
    """240 at once, after that four each second; other devices are not concerned."""
    token, other = fcm.simulator.register(), fcm.simulator.register()
    message = {"token": token, "data": {"a": "b"}}

    assert [200] * 240 + [429] * 10 == [fcm.send(message).status for _ in range(250)]
    assert 200 == fcm.send({"token": other}).status
    fcm.now += 1
    assert [200] * 4 + [429] == [fcm.send(message).status for _ in range(5)]


def test_android_device_has_a_rate_per_hour(make_fcm: Callable[..., Any]) -> None:
    """5,000 in an hour, even if no minute was too full."""
    fcm = make_fcm(token_lifetime=86_400)
    message = {"token": fcm.simulator.register()}
    statuses = []
    for _ in range(30):
        statuses += [fcm.send(message).status for _ in range(200)]
        fcm.now += 50

    # 1,450 s have passed before the last of them, worth 2,013 more.
    assert 6_000 == len(statuses) == statuses.count(200)
    for _ in range(10):
        statuses += [fcm.send(message).status for _ in range(200)]
        fcm.now += 50
    assert 5_000 + 1_950 * 5_000 // 3_600 == statuses.count(200)


@pytest.mark.parametrize("kind", ["web", "apple"])
def test_other_devices_have_no_rate(make_fcm: Callable[..., Any], kind: str) -> None:
    """The rate is of Android devices."""
    fcm = make_fcm(device_sends_per_minute=1)
    message = {"token": fcm.simulator.register(kind=kind)}

    assert [200] * 5 == [fcm.send(message).status for _ in range(5)]


# Devices.


def test_made_tokens_look_like_googles() -> None:
    """A made token has a FID, a colon and the rest; none is made twice."""
    simulator = FCMSimulator()

    tokens = {simulator.register() for _ in range(1_000)}

    assert 1_000 == len(tokens) == len(simulator.devices)
    pattern = re.compile(r"[c-f][A-Za-z0-9_-]{21}:APA91b[A-Za-z0-9_-]{134}")
    assert all(pattern.fullmatch(token) for token in tokens)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        pytest.param({"kind": "ios"}, "kind", id="kind"),
        pytest.param({"state": "gone"}, "state", id="state"),
        pytest.param({"presence": "away"}, "presence", id="presence"),
        pytest.param({"state": "disabled"}, "state", id="disabled-but-not-apple"),
        pytest.param({"token": ""}, "token", id="token-empty"),
        pytest.param({"token": 5}, "token", id="token-number"),
        pytest.param({"token": "taken"}, "token", id="token-taken"),
        pytest.param({"kind": ["web"]}, "kind", id="kind-array"),
        pytest.param({"package": None}, "package", id="package-none"),
    ],
)
def test_device_is_refused(arguments: dict[str, Any], field: str) -> None:
    """A device that cannot be is refused by name."""
    simulator = FCMSimulator()
    simulator.register("taken")

    with pytest.raises(ParameterError) as caught:
        simulator.register(**arguments)

    assert field == caught.value.field
    assert ["taken"] == list(simulator.devices)


def test_token_is_never_shown_in_full() -> None:
    """Neither an error nor a representation gives a token away."""
    simulator = FCMSimulator()
    token = simulator.register()

    with pytest.raises(ParameterError) as taken:
        simulator.register(token)
    with pytest.raises(LookupError) as unknown:
        simulator.unregister(UNKNOWN)

    assert token not in str(taken.value)
    assert UNKNOWN not in str(unknown.value)
    assert token not in repr(simulator.devices[token])


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        pytest.param({"token_lifetime": 0}, "token_lifetime", id="lifetime-0"),
        pytest.param({"token_lifetime": "3600"}, "token_lifetime", id="lifetime-text"),
        pytest.param({"sends_per_minute": -1}, "sends_per_minute", id="sends-negative"),
        pytest.param({"sends_per_minute": True}, "sends_per_minute", id="sends-true"),
        pytest.param({"device_sends_per_minute": 0}, "device_sends_per_minute", id="device-minute"),
        pytest.param({"device_sends_per_hour": 0}, "device_sends_per_hour", id="device-hour"),
        pytest.param({"payload_count": "bytes"}, "payload_count", id="payload-count"),
        pytest.param({"broken_credentials": ["android"]}, "broken_credentials", id="broken"),
    ],
)
def test_setting_is_refused(settings: dict[str, Any], field: str) -> None:
    """A setting that means nothing is refused where it is made."""
    with pytest.raises(ParameterError) as caught:
        FCMSimulator(**settings)

    assert field == caught.value.field
