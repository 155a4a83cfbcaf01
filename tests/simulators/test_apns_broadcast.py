"""Broadcast channels: making them, sending to them, and what is refused."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

import orjson
import pytest
from apns_sender import APP, ID, NOW, APNsSender

from zpns.exchange import Response

CHANNELS = f"/1/apps/{APP}/channels"
ALL = f"/1/apps/{APP}/all-channels"
SEND = f"/4/broadcasts/apps/{APP}"
KEEPING = b'{"message-storage-policy":1,"push-type":"LiveActivity"}'
FORGETTING = b'{"message-storage-policy":0,"push-type":"LiveActivity"}'
BODY = b'{"aps":{"timestamp":1795000000,"event":"update","content-state":{}}}'
UNKNOWN = base64.b64encode(bytes(16)).decode()


def _ask(
    apns: APNsSender, method: str, path: str, body: bytes = b"", **headers: str | None
) -> Response:
    """Send a request without the headers of a push."""
    bare = dict.fromkeys(("apns_push_type", "apns_topic", "apns_priority", "apns_id"))
    plain = {**bare, "apns_expiration": None, "apns_request_id": ID}
    return apns.push("", body, method=method, path=path, **{**plain, **headers})


def _create(apns: APNsSender, body: bytes = KEEPING) -> str:
    response = _ask(apns, "POST", CHANNELS, body)
    assert 201 == response.status
    return str(response.headers["apns-channel-id"])


def _send(apns: APNsSender, channel: str | None, body: bytes = BODY, **headers: Any) -> Response:
    good = {
        "apns_channel_id": channel,
        "apns_expiration": "0",
        "apns_priority": "10",
        "apns_push_type": "liveactivity",
    }
    return _ask(apns, "POST", SEND, body, **{**good, **headers})


def test_channel_is_made_read_listed_and_deleted() -> None:
    """The life of a channel, with the request's ID in every answer."""
    apns = APNsSender()
    made = _ask(apns, "POST", CHANNELS, KEEPING)
    channel = made.headers["apns-channel-id"]
    read = _ask(apns, "GET", CHANNELS, apns_channel_id=channel)
    listed = _ask(apns, "GET", ALL)
    gone = _ask(apns, "DELETE", CHANNELS, apns_channel_id=channel)
    after = _ask(apns, "GET", ALL)
    unread = _ask(apns, "GET", CHANNELS, apns_channel_id=channel)

    answers = [made, read, listed, gone, after, unread]
    assert [201, 200, 200, 204, 200, 400] == [answer.status for answer in answers]
    assert {ID} == {answer.headers["apns-request-id"] for answer in answers}
    assert 16 == len(base64.b64decode(channel, validate=True))
    assert {"message-storage-policy": 1, "push-type": "LiveActivity"} == orjson.loads(read.body)
    assert {"channels": [channel]} == orjson.loads(listed.body)
    assert (b"", {"channels": []}) == (gone.body, orjson.loads(after.body))
    assert "ChannelNotRegistered" == apns.reason(unread)


def test_broadcast_is_kept_with_its_channel() -> None:
    """What was sent can be looked at; the other channel has nothing."""
    apns = APNsSender()
    first, second = _create(apns), _create(apns)

    response = _send(apns, first, apns_priority="5", apns_expiration=str(int(NOW) + 60))

    assert (200, b"", ID) == (response.status, response.body, response.headers["apns-request-id"])
    [sent] = apns.simulator.channels[first].sent
    assert (ID, 5, int(NOW) + 60, BODY, NOW) == sent
    assert [] == apns.simulator.channels[second].sent


def test_request_id_is_made_where_there_is_none() -> None:
    """Each answer has one, refusals included."""
    apns = APNsSender()
    channel = _create(apns)
    fine, bad = (_send(apns, one, apns_request_id=None) for one in (channel, UNKNOWN))

    ids = [answer.headers["apns-request-id"] for answer in (fine, bad)]
    assert [200, 400] == [fine.status, bad.status]
    assert 2 == len({UUID(text) for text in ids})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"channel": None}, (400, "MissingChannelId"), id="no-channel"),
        pytest.param({"channel": ""}, (400, "MissingChannelId"), id="empty-channel"),
        pytest.param({"channel": "not base64"}, (400, "BadChannelId"), id="bad-channel"),
        pytest.param({"channel": "é"}, (400, "BadChannelId"), id="channel-not-ascii"),
        pytest.param({"channel": UNKNOWN}, (400, "ChannelNotRegistered"), id="unknown-channel"),
        pytest.param({"apns_priority": None}, (400, "BadPriority"), id="no-priority"),
        pytest.param({"apns_priority": "7"}, (400, "BadPriority"), id="bad-priority"),
        pytest.param({"apns_expiration": None}, (400, "BadExpirationDate"), id="no-expiration"),
        pytest.param({"apns_expiration": "x"}, (400, "BadExpirationDate"), id="bad-expiration"),
        pytest.param({"apns_push_type": None}, (400, "MissingPushType"), id="no-type"),
        pytest.param({"apns_push_type": "alert"}, (400, "InvalidPushType"), id="other-type"),
        pytest.param({"apns_request_id": "1"}, (400, "BadMessageId"), id="bad-id"),
        pytest.param({"body": b""}, (400, "PayloadEmpty"), id="empty"),
        pytest.param({"body": b"{"}, (400, "BadRequestPayload"), id="no-json"),
        pytest.param({"body": b"[]"}, (400, "BadRequestPayload"), id="no-object"),
        pytest.param({"body": b'{"a":"' + b"x" * 5_113 + b'"}'}, (413, "PayloadTooLarge"),
                     id="5121-bytes"),
        pytest.param({"body": b'{"a":"' + b"x" * 5_112 + b'"}'}, (200, ""), id="5120-bytes"),
        pytest.param({"apns_push_type": "LiveActivity"}, (200, ""), id="type-as-in-channels"),
        pytest.param({"authorization": None}, (403, "MissingProviderToken"), id="no-token"),
    ],
)  # fmt: skip
def test_broadcast_is_checked(changes: dict[str, Any], expected: tuple[int, str]) -> None:
    """Each mistake has its reason, and nothing is sent."""
    apns = APNsSender()
    channel = _create(apns)

    response = _send(apns, changes.get("channel", channel), **{
        name: value for name, value in changes.items() if name != "channel"
    })  # fmt: skip

    assert expected == apns.outcome(response)
    assert (expected[0] == 200) == bool(apns.simulator.channels[channel].sent)


def test_channel_without_storage_is_now_or_never() -> None:
    """Only a channel that keeps its latest message takes an expiration."""
    apns = APNsSender()
    channel = _create(apns, FORGETTING)

    later = _send(apns, channel, apns_expiration=str(int(NOW) + 60))
    at_once = _send(apns, channel)

    assert (400, "BadExpirationDate") == apns.outcome(later)
    assert 200 == at_once.status
    assert not apns.simulator.channels[channel].keeps


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "BadRequestPayload", id="empty"),
        pytest.param(b"[]", "BadRequestPayload", id="no-object"),
        pytest.param(b"{}", "BadRequestParams", id="nothing-said"),
        pytest.param(KEEPING.replace(b"1", b"2"), "BadRequestParams", id="policy-2"),
        pytest.param(KEEPING.replace(b"1", b"true"), "BadRequestParams", id="policy-true"),
        pytest.param(KEEPING.replace(b"Live", b"live"), "BadRequestParams", id="type"),
    ],
)
def test_new_channel_is_checked(body: bytes, reason: str) -> None:
    """A channel has one of two policies and the one type."""
    apns = APNsSender()

    assert (400, reason) == apns.outcome(_ask(apns, "POST", CHANNELS, body))
    assert {} == apns.simulator.channels


def test_app_has_so_many_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit no more are made for that app; others have their own."""
    monkeypatch.setattr("zpns.simulators._apns_broadcast.MAX_CHANNELS", 2)
    apns = APNsSender()
    apns.simulator.register(topic="com.example.b")
    for _ in range(2):
        _create(apns)

    refused = _ask(apns, "POST", CHANNELS, KEEPING)
    other = _ask(apns, "POST", "/1/apps/com.example.b/channels", KEEPING)

    assert (400, "CannotCreateChannelConfig") == apns.outcome(refused)
    assert 201 == other.status
    assert 2 == len(orjson.loads(_ask(apns, "GET", ALL).body)["channels"])


def test_channel_is_of_one_app() -> None:
    """Another app of the team has never heard of it."""
    apns = APNsSender()
    apns.simulator.register(topic="com.example.b")
    channel = _create(apns)

    response = _ask(apns, "GET", "/1/apps/com.example.b/channels", apns_channel_id=channel)

    assert (400, "ChannelNotRegistered") == apns.outcome(response)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        pytest.param("GET", SEND, (405, "MethodNotAllowed"), id="send"),
        pytest.param("PUT", CHANNELS, (405, "MethodNotAllowed"), id="channels"),
        pytest.param("POST", ALL, (405, "MethodNotAllowed"), id="all"),
        pytest.param("POST", f"{SEND}/more", (404, "BadPath"), id="path-goes-on"),
        pytest.param("GET", "/1/apps/", (404, "BadPath"), id="no-app"),
        pytest.param("GET", "/1/apps/com.other/all-channels", (403, "TopicMismatch"), id="other"),
    ],
)
def test_path_and_method_are_checked(method: str, path: str, expected: tuple[int, str]) -> None:
    """What leads nowhere says so, and an app of nobody is nobody's to use."""
    apns = APNsSender()

    assert expected == apns.outcome(_ask(apns, method, path))


def test_feature_may_be_off() -> None:
    """An app without the capability has no channels."""
    apns = APNsSender(broadcasts=False)

    assert (403, "FeatureNotEnabled") == apns.outcome(_ask(apns, "GET", ALL))


def test_header_sent_twice_is_refused() -> None:
    """The rule for repeated headers holds here too."""
    apns = APNsSender()
    channel = _create(apns)

    response = _send(apns, channel, repeated=("apns-channel-id",))

    assert (400, "DuplicateHeaders") == apns.outcome(response)


def test_channels_are_for_reading() -> None:
    """A channel is made by a request, and its representation is short."""
    apns = APNsSender()
    channel = _create(apns)

    with pytest.raises(TypeError):
        apns.simulator.channels["x"] = None  # type: ignore[index]
    assert "sent=<0>" in repr(apns.simulator.channels[channel])
