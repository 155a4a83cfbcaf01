"""FCM's answers to a send, whole: each row is a request and what Google says to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest

TYPES = "type.googleapis.com/"
FID = "c" + "0" * 21
UNKNOWN = f"{FID}:APA91b{'x' * 134}"


def _register(fcm: Any, **options: Any) -> dict[str, Any]:
    return {"token": fcm.simulator.register(**options)}


def _spend(fcm: Any) -> dict[str, Any]:
    """Use up whatever quota there is, but for the last message to a device."""
    message = _register(fcm)
    while fcm.send(message).status == 200:
        pass
    return message


def _expire(fcm: Any) -> dict[str, Any]:
    fcm.now += 3_600
    return {"topic": "t"}


GOLDEN: list[Any] = [
    pytest.param(
        {},
        lambda fcm: _register(fcm, state="unregistered"),
        """{"error":{"code":404,"message":"NotRegistered","status":"NOT_FOUND","details":[
        {"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError",
         "errorCode":"UNREGISTERED"}]}}""",
        id="dead-token",
    ),
    pytest.param(
        {},
        lambda fcm: {"token": UNKNOWN},
        """{"error":{"code":404,"message":"NotRegistered","status":"NOT_FOUND","details":[
        {"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError",
         "errorCode":"UNREGISTERED"}]}}""",
        id="token-nobody-has",
    ),
    pytest.param(
        {},
        lambda fcm: _register(fcm, kind="apple", state="unregistered"),
        """{"error":{"code":404,"message":"Requested entity was not found.",
        "status":"NOT_FOUND","details":[
        {"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError",
         "errorCode":"UNREGISTERED"},
        {"@type":"type.googleapis.com/google.firebase.fcm.v1.ApnsError",
         "statusCode":410,"reason":"Unregistered"}]}}""",
        id="dead-apple-token",
    ),
    pytest.param(
        {},
        lambda fcm: _register(fcm, kind="apple", state="disabled"),
        """{"error":{"code":400,"message":"APNs device token is disabled.",
        "status":"INVALID_ARGUMENT","details":[
        {"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError",
         "errorCode":"INVALID_ARGUMENT"},
        {"@type":"type.googleapis.com/google.firebase.fcm.v1.ApnsError",
         "statusCode":410,"reason":"Unregistered"}]}}""",
        id="disabled-apple-token",
    ),
    pytest.param(
        {},
        lambda fcm: {"token": "nonsense"},
        """{"error":{"code":400,
        "message":"The registration token is not a valid FCM registration token",
        "status":"INVALID_ARGUMENT","details":[
        {"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError",
         "errorCode":"INVALID_ARGUMENT"}]}}""",
        id="malformed-token",
    ),
    pytest.param(
        {},
        lambda fcm: {"token": UNKNOWN, "data": {"a": 12}},
        """{"error":{"code":400,
        "message":"Invalid value at 'message.data[0].value' (TYPE_STRING), 12",
        "status":"INVALID_ARGUMENT","details":[
        {"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[
         {"field":"message.data[0].value",
          "description":"Invalid value at 'message.data[0].value' (TYPE_STRING), 12"}]}]}}""",
        id="parser-refusal",
    ),
    pytest.param(
        {},
        lambda fcm: {"condition": "'a' in topics &&"},
        """{"error":{"code":400,"message":"Request contains an invalid argument.",
        "status":"INVALID_ARGUMENT","details":[
        {"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[
         {"field":"message.condition","description":"Invalid condition expression provided."}]},
        {"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError",
         "errorCode":"INVALID_ARGUMENT"}]}}""",
        id="semantic-refusal",
    ),
    pytest.param(
        {},
        lambda fcm: {"token": UNKNOWN, "data": {"a": "b" * 4_096}},
        """{"error":{"code":400,"message":"Android message is too big",
        "status":"INVALID_ARGUMENT","details":[
        {"@type":"type.googleapis.com/google.rpc.BadRequest"},
        {"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError",
         "errorCode":"INVALID_ARGUMENT"}]}}""",
        id="too-big",
    ),
    pytest.param(
        {},
        lambda fcm: {"notification": {"title": "hello"}},
        """{"error":{"code":400,"message":"Recipient of the message is not set.",
        "status":"INVALID_ARGUMENT","details":[
        {"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[
         {"field":"message","description":"Recipient of the message is not set."}]},
        {"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError",
         "errorCode":"INVALID_ARGUMENT"}]}}""",
        id="no-target",
    ),
    pytest.param(
        {},
        lambda fcm: _register(fcm, state="other_sender"),
        """{"error":{"code":403,"message":"SenderId mismatch","status":"PERMISSION_DENIED",
        "details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError",
         "errorCode":"SENDER_ID_MISMATCH"}]}}""",
        id="token-of-another-project",
    ),
    pytest.param(
        {"broken_credentials": ["apple"]},
        lambda fcm: _register(fcm, kind="apple"),
        """{"error":{"code":401,"message":"Auth error from APNS or Web Push Service",
        "status":"UNAUTHENTICATED","details":[
        {"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError",
         "errorCode":"THIRD_PARTY_AUTH_ERROR"},
        {"@type":"type.googleapis.com/google.firebase.fcm.v1.ApnsError",
         "statusCode":403,"reason":"InvalidProviderToken"}]}}""",
        id="apple-credential-broken",
    ),
    pytest.param(
        {"broken_credentials": ["web"]},
        lambda fcm: _register(fcm, kind="web"),
        """{"error":{"code":401,"message":"Auth error from APNS or Web Push Service",
        "status":"UNAUTHENTICATED","details":[
        {"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError",
         "errorCode":"THIRD_PARTY_AUTH_ERROR"}]}}""",
        id="web-credential-broken",
    ),
    pytest.param(
        {},
        _expire,
        """{"error":{"code":401,"message":"Request had invalid authentication credentials. \
Expected OAuth 2 access token, login cookie or other valid authentication credential.",
        "status":"UNAUTHENTICATED","details":[
        {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_EXPIRED",
         "domain":"googleapis.com","metadata":{"service":"fcm.googleapis.com",
         "method":"google.firebase.fcm.v1.FcmService.SendMessage"}}]}}""",
        id="bearer-expired",
    ),
    pytest.param(
        {"sends_per_minute": 3},
        _spend,
        """{"error":{"code":429,"message":"Quota exceeded for quota metric 'Send requests' \
and limit 'Send requests per minute' of service 'fcm.googleapis.com' for consumer \
'project_number:1234567890'.","status":"RESOURCE_EXHAUSTED","details":[
        {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED",
         "domain":"googleapis.com","metadata":{
         "quota_metric":"fcm.googleapis.com/send_requests",
         "quota_limit":"SendsPerMinutePerProject","quota_limit_value":"3",
         "quota_unit":"1/min/{project}","quota_location":"global",
         "consumer":"projects/1234567890","service":"fcm.googleapis.com"}},
        {"@type":"type.googleapis.com/google.rpc.Help","links":[
         {"description":"Request a higher quota limit.",
          "url":"https://cloud.google.com/docs/quota#requesting_higher_quota"}]}]}}""",
        id="project-quota",
    ),
    pytest.param(
        {"device_sends_per_minute": 3},
        _spend,
        """{"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota).",
        "status":"RESOURCE_EXHAUSTED","details":[
        {"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError",
         "errorCode":"QUOTA_EXCEEDED"}]}}""",
        id="device-rate",
    ),
    pytest.param(
        {"api_disabled": True},
        lambda fcm: {"topic": "t"},
        """{"error":{"code":403,"message":"Firebase Cloud Messaging API has not been used in \
project 1234567890 before or it is disabled. Enable it by visiting \
https://console.developers.google.com/apis/api/fcm.googleapis.com/overview?project=1234567890 \
then retry. If you enabled this API recently, wait a few minutes for the action to propagate \
to our systems and retry.","status":"PERMISSION_DENIED","details":[
        {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED",
         "domain":"googleapis.com","metadata":{"service":"fcm.googleapis.com",
         "consumer":"projects/1234567890"}},
        {"@type":"type.googleapis.com/google.rpc.Help","links":[
         {"description":"Google developers console API activation",
          "url":"https://console.developers.google.com/apis/api/\
fcm.googleapis.com/overview?project=1234567890"}]}]}}""",
        id="api-disabled",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "prepare", "body"), GOLDEN)
def test_refusal_is_googles_whole_answer(
    make_fcm: Callable[..., Any], settings: Any, prepare: Any, body: str
) -> None:
    """The whole body, member by member; the status is that of its ``code``."""
    fcm = make_fcm(**settings)
    expected = json.loads(body)

    assert (expected["error"]["code"], expected) == fcm.read(fcm.send(prepare(fcm)))


@pytest.mark.parametrize("kind", ["android", "web", "apple"])
def test_accepted_message_has_a_name(fcm: Any, kind: str) -> None:
    """The name is the project's path and an ID that looks like Google's and is never reused."""
    message = _register(fcm, kind=kind)

    answers = [fcm.read(fcm.send(message)) for _ in range(3)]

    assert [
        (200, {"name": f"projects/demo-zpns/messages/0:{number}%7606eb247606eb24"})
        for number in (1795000000000000, 1795000000000001, 1795000000000002)
    ] == answers


def test_topic_and_condition_are_accepted(fcm: Any) -> None:
    """Their IDs are long integers."""
    assert (200, {"name": "projects/demo-zpns/messages/1795000000000000"}) == fcm.read(
        fcm.send({"topic": "news"})
    )
    assert (200, {"name": "projects/demo-zpns/messages/1795000000000001"}) == fcm.read(
        fcm.send({"condition": "'a' in topics"})
    )


STATUSES: list[Any] = [
    pytest.param(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", id="400"),
    pytest.param(401, "UNAUTHENTICATED", None, id="401"),
    pytest.param(403, "PERMISSION_DENIED", None, id="403"),
    pytest.param(429, "RESOURCE_EXHAUSTED", None, id="429"),
    pytest.param(500, "INTERNAL", "INTERNAL", id="500"),
    pytest.param(503, "UNAVAILABLE", "UNAVAILABLE", id="503"),
]


@pytest.mark.parametrize(("status", "canonical", "code"), STATUSES)
def test_answer_of_a_status(fcm: Any, status: int, canonical: str, code: str | None) -> None:
    """What faults answer with is what Google answers with when the request is not to blame."""
    response = fcm.simulator.answer(status)

    answered, body = fcm.read(response)
    assert (status, status, canonical) == (answered, body["error"]["code"], body["error"]["status"])
    assert code == fcm.error_code(response)


def test_overload_says_when_to_come_back(fcm: Any) -> None:
    """A 503 has Retry-After and the body that FCM gives it."""
    response = fcm.simulator.answer(503)

    assert "30" == response.headers["retry-after"]
    assert {
        "error": {
            "code": 503,
            "message": "The service is currently unavailable.",
            "status": "UNAVAILABLE",
            "details": [
                {"@type": f"{TYPES}google.firebase.fcm.v1.FcmError", "errorCode": "UNAVAILABLE"}
            ],
        }
    } == fcm.read(response)[1]


@pytest.mark.parametrize("status", [404, 405, 502, 504, 599])
def test_answer_of_the_servers_in_front_is_html(fcm: Any, status: int) -> None:
    """What never reaches an API is a page."""
    response = fcm.simulator.answer(status)

    assert status == response.status
    assert "text/html; charset=UTF-8" == response.headers["content-type"]
    assert f"<b>{status}.</b>".encode() in response.body


def test_answer_of_success_looks_like_one(fcm: Any) -> None:
    """A fault may answer 200 without anything being sent; the name does not tell."""
    first, second = (fcm.read(fcm.simulator.answer(200))[1]["name"] for _ in range(2))

    assert first.startswith("projects/demo-zpns/messages/0:")
    assert first != second


def test_checks_come_in_order(make_fcm: Callable[..., Any]) -> None:
    """A request that is wrong in every way learns of one mistake after the other."""
    fcm = make_fcm(project_number="42", sends_per_minute=100)
    good = fcm.bearer
    apple = fcm.simulator.register(kind="apple")
    fcm.simulator.broken_credentials = frozenset({"apple"})
    fcm.simulator.api_disabled = True
    wrong = b'{"message": {"token": "nonsense", "data": {"from": "x"}, "extra": 1}}'
    steps: list[tuple[int, str | None]] = []

    def step(body: bytes, **options: Any) -> None:
        response = fcm.post(body, **options)
        is_json = response.headers["content-type"].startswith("application/json")
        steps.append((response.status, fcm.error_code(response) if is_json else "html"))

    step(wrong, path="/nowhere", headers={"authorization": None})
    fcm.bearer = "unknown"
    step(wrong, project="other")
    fcm.bearer = good
    step(wrong, project="other")
    step(wrong)
    fcm.simulator.api_disabled = False
    step(wrong)
    step(wrong.replace(b', "extra": 1', b""))
    step(wrong.replace(b', "extra": 1', b"").replace(b"from", b"sender"))
    step(orjson.dumps({"message": {"token": apple}}))
    fcm.simulator.broken_credentials = frozenset()
    step(orjson.dumps({"message": {"token": apple}}))

    assert [
        (404, "html"),
        (401, None),
        (403, None),
        (403, None),
        (400, None),
        (400, "INVALID_ARGUMENT"),
        (400, "INVALID_ARGUMENT"),
        (401, "THIRD_PARTY_AUTH_ERROR"),
        (200, None),
    ] == steps
