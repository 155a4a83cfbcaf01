"""What stands before FCM: paths, credentials, the query, rights and the project's quota."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

FID = "c" + "0" * 21
UNKNOWN = f"{FID}:APA91b{'x' * 134}"
PATH = "/v1/projects/demo-zpns/messages:send"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", PATH, id="get"),
        pytest.param("PUT", PATH, id="put"),
        pytest.param("POST", "/", id="root"),
        pytest.param("POST", "/v1/projects/demo-zpns/messages", id="no-verb"),
        pytest.param("POST", "/v1/projects/demo-zpns/messages:sendAll", id="other-verb"),
        pytest.param("POST", f"{PATH}/", id="slash-at-the-end"),
        pytest.param("POST", "/v1/projects//messages:send", id="no-project"),
        pytest.param("POST", "/v1/projects/a/b/messages:send", id="two-segments"),
        pytest.param("POST", "/v1beta1/projects/demo-zpns/messages:send", id="other-version"),
        pytest.param("POST", "/fcm/send", id="legacy"),
        pytest.param("POST", "/batch", id="batch"),
    ],
)
def test_unknown_path_is_a_page(fcm: Any, method: str, path: str) -> None:
    """A wrong path or method is 404 in HTML, before anyone looks at the rest."""
    response = fcm.post(b"{", path=path, method=method, headers={"authorization": None})

    assert 404 == response.status
    assert "text/html; charset=UTF-8" == response.headers["content-type"]
    assert b"UNREGISTERED" not in response.body


MISSING = (
    "Request is missing required authentication credential. Expected OAuth 2 access token, "
    "login cookie or other valid authentication credential."
)
INVALID = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
    "cookie or other valid authentication credential."
)


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        pytest.param(None, MISSING, id="missing"),
        pytest.param("", MISSING, id="empty"),
        pytest.param("Bearer ya29.c.never-given-out", INVALID, id="unknown"),
        pytest.param("Bearer", INVALID, id="no-token"),
        pytest.param("Bearer ", INVALID, id="empty-token"),
        pytest.param("key=AAAA:APA91b", INVALID, id="legacy-key"),
        pytest.param("Basic {}", INVALID, id="other-scheme"),
        pytest.param("Bearer  {}", INVALID, id="two-spaces"),
        pytest.param("Bearer {}x", INVALID, id="more-than-the-token"),
    ],
)
def test_credential_is_refused(fcm: Any, authorization: str | None, message: str) -> None:
    """Neither form has details, so that a client does not mistake it for FCM's own 401."""
    header = authorization and authorization.format(fcm.bearer)

    response = fcm.post(b'{"message":{"topic":"t"}}', headers={"authorization": header})

    assert (
        401,
        {"error": {"code": 401, "message": message, "status": "UNAUTHENTICATED"}},
    ) == fcm.read(response)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        pytest.param({"authorization": "bearer {}"}, "", id="lower-case-scheme"),
        pytest.param({"authorization": None}, "?access_token={}", id="access_token"),
        pytest.param({"authorization": None}, "?oauth_token={}", id="oauth_token"),
        pytest.param({"content-type": "application/json"}, "", id="no-charset"),
        pytest.param({"content-type": "Application/JSON ; charset=utf-8"}, "", id="case"),
        pytest.param({}, "?alt=json&fields=name&quotaUser=u&key=k&$.xgafv=2", id="standard"),
    ],
)
def test_request_is_accepted(fcm: Any, headers: dict[str, Any], query: str) -> None:
    """Other ways to say the same."""
    filled = {name: value and value.format(fcm.bearer) for name, value in headers.items()}

    response = fcm.post(
        b'{"message":{"topic":"t"}}', path=PATH + query.format(fcm.bearer), headers=filled
    )

    assert 200 == response.status


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/jsonp"])
def test_body_must_be_said_to_be_json(fcm: Any, content_type: str | None) -> None:
    """A body of another type, or of none, is not parsed."""
    response = fcm.post(b'{"message":{"topic":"t"}}', headers={"content-type": content_type})

    assert (400, None) == (response.status, fcm.error_code(response))
    [(_, description)] = fcm.violations(response)
    assert "Content type must be application/json" in description


@pytest.mark.parametrize("value", ["true", ""])
def test_unknown_parameter_of_the_query_is_refused(fcm: Any, value: str) -> None:
    """A parameter that no method has is the parser's refusal, without a field."""
    response = fcm.post(b'{"message":{"topic":"t"}}', path=f"{PATH}?dry_run={value}&alt=json")

    assert (400, None) == (response.status, fcm.error_code(response))
    assert [
        (
            None,
            'Invalid JSON payload received. Unknown name "dry_run": Cannot bind query parameter. '
            "Field 'dry_run' could not be found in request message.",
        )
    ] == fcm.violations(response)


def test_many_different_urls_do_no_harm(fcm: Any) -> None:
    """What was learnt of a thousand URLs is forgotten and learnt again."""
    body = b'{"message":{"topic":"t"}}'
    paths = [f"{PATH}?quotaUser={number}" for number in range(1_001)] + [PATH]

    assert {200} == {fcm.post(body, path=path).status for path in paths}


def test_project_may_be_its_number(fcm: Any) -> None:
    """The number is the project's other name; the answer gives the ID."""
    _, body = fcm.read(fcm.post(b'{"message":{"topic":"t"}}', project="1234567890"))

    assert body["name"].startswith("projects/demo-zpns/messages/")


@pytest.mark.parametrize("project", ["other", "0001234567890", "demo-zpns%20"])
def test_other_project_is_refused(fcm: Any, project: str) -> None:
    """The account may not send for a project that is not its own."""
    response = fcm.post(b'{"message":{"topic":"t"}}', project=project)

    status, body = fcm.read(response)
    name = project.replace("%20", " ")
    assert (403, "PERMISSION_DENIED") == (status, body["error"]["status"])
    assert body["error"]["message"].startswith(
        "Permission 'cloudmessaging.messages.create' denied on resource "
        f"'//cloudresourcemanager.googleapis.com/projects/{name}'"
    )
    assert fcm.error_code(response) is None


def test_project_and_number_are_settings(make_fcm: Callable[..., Any]) -> None:
    """Another project has another path and other names."""
    fcm = make_fcm(project_id="other", project_number="42")

    assert 403 == fcm.send({"topic": "t"}).status
    for project in ("other", "42"):
        _, body = fcm.read(fcm.post(b'{"message":{"topic":"t"}}', project=project))
        assert body["name"].startswith("projects/other/messages/")


def test_body_is_indented_unless_asked_otherwise(fcm: Any) -> None:
    """Google's answers are for people; ``prettyPrint=false`` gives the same in one line."""
    for body in (b'{"message":{"topic":"t"}}', b'{"message":{}}'):
        pretty = fcm.post(body)
        plain = fcm.post(body, path=f"{PATH}?prettyPrint=false")

        assert pretty.body.startswith(b'{\n  "')
        assert b"\n" not in plain.body
        assert list(json.loads(pretty.body)) == list(json.loads(plain.body))
        assert pretty.status == plain.status


def test_quota_of_the_project_refills_evenly(make_fcm: Callable[..., Any]) -> None:
    """A minute's worth may go at once; after that one more each time a share has passed."""
    fcm = make_fcm(sends_per_minute=60)
    message = {"topic": "t"}

    assert [200] * 60 + [429] * 5 == [fcm.send(message).status for _ in range(65)]
    fcm.now += 0.9
    assert 429 == fcm.send(message).status
    fcm.now += 0.1
    assert [200, 429] == [fcm.send(message).status for _ in range(2)]
    fcm.now += 3_000
    fcm.log_in()
    assert [200] * 60 + [429] == [fcm.send(message).status for _ in range(61)]


def test_quota_of_the_project_counts_refused_messages(make_fcm: Callable[..., Any]) -> None:
    """A 400 or 404 costs a send; a 429, and whatever is refused before, costs nothing."""
    fcm = make_fcm(sends_per_minute=3)
    fcm.post(b"{", headers={"authorization": None})
    fcm.post(b"{", project="other")

    statuses = [
        fcm.post(b"{").status,
        fcm.send({"token": UNKNOWN}).status,
        fcm.send({}).status,
        fcm.send({"topic": "t"}).status,
        fcm.send({"topic": "t"}).status,
    ]
    assert [400, 404, 400, 429, 429] == statuses
    fcm.now += 20
    assert 200 == fcm.send({"topic": "t"}).status


def test_quota_is_600_000_unless_told_otherwise(fcm: Any) -> None:
    """The documented quota is the default."""
    _, body = fcm.read(fcm.simulator.answer(429))

    assert "600000" == body["error"]["details"][0]["metadata"]["quota_limit_value"]
