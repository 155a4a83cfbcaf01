"""APNs' answers, what it hands out, and what it is told at the start."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import orjson
import pytest
from apns_sender import ID, NOW, APNsSender
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from zpns.errors import ParameterError
from zpns.exchange import Request
from zpns.simulators import APNsSimulator, Connection
from zpns.simulators._apns_errors import STATUSES

# Success.


@pytest.mark.parametrize("given", [ID, ID.upper(), "5F0c2a9E-6a2f-4d0e-9f6b-0d6a6a1f3c11"])
def test_id_comes_back_as_it_was_sent(given: str) -> None:
    """A success has no body, and the ID of the request letter by letter."""
    apns = APNsSender()

    response = apns.push(apns.simulator.register(), apns_id=given)

    assert (200, b"", {"apns-id": given}) == (
        response.status,
        response.body,
        dict(response.headers),
    )


def test_id_is_made_where_there_is_none() -> None:
    """APNs makes its own in upper case, another each time."""
    apns = APNsSender()
    token = apns.simulator.register()

    ids = [apns.push(token, apns_id=None).headers["apns-id"] for _ in range(10)]

    assert 10 == len(set(ids))
    assert ids == [str(UUID(text)).upper() for text in ids]


def test_sandbox_gives_an_id_for_its_console() -> None:
    """Only the sandbox answers with ``apns-unique-id``, in lower case, and only a success."""
    sandbox, production = APNsSender(environment="sandbox"), APNsSender()
    answers = [apns.push(apns.simulator.register()) for apns in (sandbox, sandbox, production)]
    unique = [answer.headers.get("apns-unique-id") for answer in answers]

    assert [str(UUID(text)) for text in unique[:2] if text] == unique[:2]
    assert unique[0] != unique[1]
    assert unique[2] is None
    assert "apns-unique-id" not in sandbox.push("ab").headers


# Refusals.


@pytest.mark.parametrize(
    ("given", "echoed"),
    [
        pytest.param(ID, True, id="good"),
        pytest.param(None, False, id="none"),
        pytest.param("nonsense", False, id="bad"),
    ],
)
@pytest.mark.parametrize("authorization", [True, False])
def test_refusal_has_an_id_too(given: str | None, echoed: bool, authorization: bool) -> None:
    """A refusal echoes a good ID and makes one otherwise, whatever it is about."""
    apns = APNsSender()

    changes = {} if authorization else {"authorization": None}
    response = apns.push("ab", apns_id=given, **changes)

    assert {"apns-id", "content-type"} == set(response.headers)
    answered = response.headers["apns-id"]
    assert echoed == (answered == given)
    assert answered == (given if echoed else str(UUID(answered)).upper())


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "IdleTimeout"),
        (403, "Forbidden"),
        (404, "BadPath"),
        (405, "MethodNotAllowed"),
        (410, "Unregistered"),
        (413, "PayloadTooLarge"),
        (429, "TooManyRequests"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
    ],
)
def test_status_has_its_words(status: int, reason: str) -> None:
    """A fault plan that names a status alone gets Apple's reason for it."""
    apns = APNsSender()
    request = Request(method="POST", url="https://apns.test/3/device/ab", headers=apns.headers())

    general = apns.simulator.answer(status)
    special = apns.simulator.answer_to(request, status, NOW + 0.25)

    assert (status, reason) == apns.outcome(general) == apns.outcome(special)
    assert ID == special.headers["apns-id"] != general.headers["apns-id"]
    time = {"timestamp": 1_795_000_000_250} if status == 410 else {}
    assert {"reason": reason, **time} == orjson.loads(special.body)
    assert {"reason": reason} == orjson.loads(general.body)
    assert status == STATUSES[reason]


def test_status_200_is_a_success() -> None:
    """A fault plan may also let everything succeed."""
    apns = APNsSender()
    request = Request(method="POST", url="https://apns.test/", headers=apns.headers())

    response = apns.simulator.answer_to(request, 200, NOW)

    assert (200, b"", {"apns-id": ID}) == (
        response.status,
        response.body,
        dict(response.headers),
    )


@pytest.mark.parametrize("status", [401, 502, 504])
def test_other_status_has_no_words(status: int) -> None:
    """Statuses that Apple does not name come as from a proxy: with nothing."""
    response = APNsSender().simulator.answer(status)

    assert (status, b"", {}) == (response.status, response.body, dict(response.headers))


def test_path_is_found_behind_any_host() -> None:
    """The address in front of the path does not matter; without a path there is none."""
    apns = APNsSender()
    token = apns.simulator.register()
    for url, expected in (
        (f"https://127.0.0.1:4711/3/device/{token}", (200, "")),
        (f"https://localhost/3/device/{token}", (200, "")),
        ("https://localhost", (404, "BadPath")),
    ):
        request = Request(method="POST", url=url, headers=apns.headers(), body=b'{"aps":{}}')
        assert expected == apns.outcome(apns.simulator.handle(request, NOW))


def test_http1_is_not_spoken() -> None:
    """A push over HTTP/1.1 is refused whatever it says: it would never have reached Apple."""
    apns = APNsSender()
    token = apns.simulator.register()

    response = apns.push(token, connection=Connection(4711, "1.1"))

    assert 505 == response.status
    assert [] == apns.simulator.delivered(token)


# Connections.


def test_first_accepted_credential_lifts_the_limit() -> None:
    """One stream until a token was accepted, whatever becomes of the push; then the maximum."""
    apns = APNsSender(max_streams=7)
    good, bad = apns.connect(), apns.connect()
    assert [1, 1] == [good.max_streams, bad.max_streams]

    apns.push("ab", connection=bad, authorization=None)
    assert 1 == bad.max_streams
    apns.push("ab", connection=good)
    assert 7 == good.max_streams


@pytest.mark.parametrize(
    ("settings", "server", "before", "after"),
    [
        pytest.param({}, 1_000, 1, 1_000, id="default"),
        pytest.param({}, 500, 1, 500, id="server-allows-fewer"),
        pytest.param({"max_streams": 10}, 1_000, 1, 10, id="fewer"),
        pytest.param({"max_streams": 5_000}, 1_000, 1, 1_000, id="not-more-than-the-server"),
        pytest.param({"one_stream_first": False}, 1_000, 1_000, 1_000, id="all-at-once"),
        pytest.param({"one_stream_first": False, "max_streams": 9}, 1_000, 9, 9, id="few-at-once"),
    ],
)
def test_limit_of_streams_is_a_setting(
    settings: dict[str, Any], server: int, before: int, after: int
) -> None:
    """The simulator's and the server's limits both hold."""
    apns = APNsSender(**settings)
    connection = apns.connect(max_streams=server)

    assert before == connection.max_streams
    apns.push("ab", connection=connection)
    assert after == connection.max_streams


def test_refusals_in_a_row_slow_a_connection_down() -> None:
    """It is back at one stream until a push is accepted; a device that is gone is no fault."""
    apns = APNsSender(slow_after=3, max_streams=50)
    token = apns.simulator.register()
    gone = apns.simulator.register(state="unregistered")
    connection = apns.connection

    def limits(*tokens: str) -> list[int]:
        found = []
        for one in tokens:
            apns.push(one)
            found.append(connection.max_streams)
        return found

    assert [50, 50, 50, 50] == limits("ab", "ab", token, "ab")
    assert [50, 50, 50, 1, 1] == limits("ab", gone, gone, "ab", "ab")
    assert [50, 50] == limits(token, "ab")


def test_failing_connection_gets_no_more_streams_without_a_credential() -> None:
    """Slowed down or not, a connection that has shown no good token has one stream."""
    apns = APNsSender(slow_after=2)

    for _ in range(3):
        apns.push("ab", authorization=None)

    assert 1 == apns.connection.max_streams


def test_refusals_in_a_row_end_a_connection() -> None:
    """It is told to go away once, with the reason of the last refusal; others go on."""
    apns = APNsSender(leave_after=3)
    token = apns.simulator.register()
    other = apns.connect()
    for one in ("ab", "ab", token, "ab", "ab"):
        apns.push(one)
    assert apns.connection.goodbye is None

    apns.push("ab")
    apns.push("ab", apns_priority="7")

    assert b'{"reason":"BadDeviceToken"}' == apns.connection.goodbye
    assert other.goodbye is None


def test_nobody_is_punished_unless_asked_for() -> None:
    """Any number of refusals changes nothing by default."""
    apns = APNsSender()
    for _ in range(200):
        apns.push("ab")

    assert (1_000, None) == (apns.connection.max_streams, apns.connection.goodbye)


def test_silent_connection_is_not_served() -> None:
    """After the timeout the next request gets IdleTimeout, and the connection ends."""
    apns = APNsSender(idle_timeout=60)
    token = apns.simulator.register()
    other = apns.connect()

    assert 200 == apns.push(token).status
    apns.now += 60
    assert 200 == apns.push(token).status
    apns.now += 60.5
    assert (400, "IdleTimeout") == apns.outcome(apns.push(token))
    assert b'{"reason":"IdleTimeout"}' == apns.connection.goodbye
    assert 200 == apns.push(token, connection=other).status
    assert other.goodbye is None


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        pytest.param(None, b'{"reason":"Shutdown"}', id="default"),
        pytest.param("IdleTimeout", b'{"reason":"IdleTimeout"}', id="other"),
        pytest.param("", b"", id="none"),
    ],
)
def test_goodbye_has_a_reason(reason: str | None, data: bytes) -> None:
    """What a GOAWAY says is up to the test."""
    simulator = APNsSimulator()
    if reason is not None:
        simulator.goaway_reason = reason

    assert data == simulator.goodbye()


# What it hands out, and what it is told.


def test_credentials_are_what_a_client_needs(tmp_path: Path) -> None:
    """The key file is for its owner alone, in Apple's form and name, and signs good tokens."""
    apns = APNsSender(key_id="ZPNSKEY001", team_id="ABCDEFGHIJ", bundle_id="com.example.b")

    given = apns.simulator.credentials("https://127.0.0.1:4711", str(tmp_path))

    path = tmp_path / "AuthKey_ZPNSKEY001.p8"
    assert {
        "key": str(path),
        "key_id": "ZPNSKEY001",
        "team_id": "ABCDEFGHIJ",
        "bundle_id": "com.example.b",
    } == given
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    pem = path.read_bytes()
    assert pem.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    key = serialization.load_pem_private_key(pem, None)
    text = jwt.encode(
        {"iss": given["team_id"], "iat": int(NOW)},
        key,  # type: ignore[arg-type]
        algorithm="ES256",
        headers={"kid": given["key_id"]},
    )
    token = apns.simulator.register()
    response = apns.push(token, authorization=f"bearer {text}", apns_topic=given["bundle_id"])
    assert (200, "") == apns.outcome(response)


def test_own_key_may_be_brought_along() -> None:
    """A test that signs by itself gives its key to the simulator."""
    key = ec.generate_private_key(ec.SECP256R1())
    apns = APNsSender(private_key=key)

    assert key is apns.key.private_key
    assert 200 == apns.push(apns.simulator.register()).status


@pytest.mark.parametrize(
    ("field", "settings"),
    [
        pytest.param("environment", {"environment": "test"}, id="environment"),
        pytest.param("bundle_id", {"bundle_id": "com/example"}, id="bundle-id"),
        pytest.param("bundle_id", {"bundle_id": "com.example.voip"}, id="bundle-id-with-ending"),
        pytest.param("bundle_id", {"bundle_id": 7}, id="bundle-id-no-text"),
        pytest.param("team_id", {"team_id": "short"}, id="team"),
        pytest.param("key_id", {"key_id": "short"}, id="key"),
        pytest.param("strict", {"strict": 1}, id="strict"),
        pytest.param("order", {"order": "any"}, id="order"),
        pytest.param("topic_reason", {"topic_reason": "BadTopic"}, id="topic-reason"),
        pytest.param("token_updates", {"token_updates": True}, id="token-updates"),
        pytest.param(
            "environment_reason", {"environment_reason": "Forbidden"}, id="environment-reason"
        ),
        pytest.param("one_stream_first", {"one_stream_first": 1}, id="one-stream-first"),
        pytest.param("max_streams", {"max_streams": 0}, id="max-streams"),
        pytest.param("on_excess_streams", {"on_excess_streams": "wait"}, id="excess"),
        pytest.param("idle_timeout", {"idle_timeout": -1}, id="idle"),
        pytest.param("slow_after", {"slow_after": 0}, id="slow"),
        pytest.param("leave_after", {"leave_after": 1.5}, id="leave"),
        pytest.param(
            "device_pushes_per_minute", {"device_pushes_per_minute": 0}, id="device-pushes"
        ),
        pytest.param("broadcasts", {"broadcasts": None}, id="broadcasts"),
    ],
)
def test_setting_is_checked(field: str, settings: dict[str, Any]) -> None:
    """A setting that makes no sense is refused with its name."""
    with pytest.raises(ParameterError) as caught:
        APNsSimulator(**settings)

    assert field == caught.value.field
