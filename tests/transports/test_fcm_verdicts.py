"""What FCM's answers mean: the vectors, and that no answer can do harm."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zpns.exchange import Response
from zpns.models import AfterRefresh, At, Outcome, Scope, Target, Verdict
from zpns.transports._fcm_verdicts import CODES, REASONS, STATUSES, judge

from .makers import VECTORS

NOW = 1_795_000_000.0
TARGET = Target("fcm:APA91b-secret-token-of-bob", 0)
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
ANSWERS = [
    pytest.param(vector, id=f"{path.stem}-{vector['id']}")
    for path in sorted((VECTORS / "fcm").glob("*.json"))
    if path.stem != "token_endpoint"
    for vector in json.loads(path.read_text())
]


def response_of(given: dict[str, Any]) -> Response:
    body = given["text"].encode() if "text" in given else json.dumps(given["json"]).encode()
    return Response(status=given["status"], headers=given.get("headers", {}), body=body)


def judged(status: int, body: Any = b"", **headers: str) -> Verdict:
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    (verdict,) = judge([TARGET], Response(status=status, headers=headers, body=body), NOW)
    return verdict


@pytest.mark.parametrize("vector", ANSWERS)
def test_answer(vector: dict[str, Any]) -> None:
    """Each answer that was seen or published means what its vector says."""
    assert vector["source"]
    expected = vector["expected"]
    (verdict,) = judge([TARGET], response_of(vector["given"]), NOW)
    retry = expected["retry"]
    when = None
    if retry == "refresh":
        when = AfterRefresh()
    elif retry is not None:
        when = At(NOW + retry["after"])
    assert (
        Outcome(expected["outcome"]),
        vector["given"]["status"],
        expected["code"],
        expected["message_id"],
        when,
        Scope(expected["scope"]),
    ) == (
        verdict.outcome,
        verdict.status,
        verdict.code,
        verdict.message_id,
        verdict.retry,
        verdict.scope,
    )
    assert expected["says"] in verdict.advice
    assert (verdict.outcome is Outcome.SENT) == (verdict.advice == "")
    assert "\n" not in verdict.advice
    assert verdict.timestamp is None


@pytest.mark.parametrize("code", [pytest.param(code, id=code) for code in CODES])
def test_code_has_a_vector(code: str) -> None:
    """No line of the table goes untested."""
    assert code in {vector.values[0]["expected"]["code"] for vector in ANSWERS}


@pytest.mark.parametrize("status", [pytest.param(status, id=str(status)) for status in STATUSES])
def test_status_has_a_vector(status: int) -> None:
    """No status of the gateway goes untested without a code of FCM."""
    seen = {
        vector.values[0]["given"]["status"]
        for vector in ANSWERS
        if FCM_ERROR not in json.dumps(vector.values[0]["given"])
    }
    assert status in seen
    assert set(REASONS) <= {vector.values[0]["expected"]["code"] for vector in ANSWERS}


def test_verdict_is_shared() -> None:
    """A thousand dead tokens of a fan-out cost one object."""
    body = {"error": {"details": [{"@type": FCM_ERROR, "errorCode": "UNREGISTERED"}]}}
    assert judged(404, body) is judged(404, body)


def test_verdicts_of_several_targets() -> None:
    """There is a verdict per target, in their order."""
    assert 3 == len(judge([TARGET] * 3, Response(status=500), NOW))


def test_advice_hides_the_token() -> None:
    """What FCM quotes from the request does not carry a token into logs."""
    message = f"Invalid value at 'message.token', \"{TARGET.token}\"\nand more"
    verdict = judged(400, {"error": {"message": message, "status": "INVALID_ARGUMENT"}})
    assert TARGET.token not in verdict.advice
    assert "fcm:AP…" in verdict.advice
    assert "\n" not in verdict.advice


def test_advice_is_not_endless() -> None:
    """A long text of the vendor is cut."""
    verdict = judged(400, {"error": {"message": "x" * 5000, "status": "s" * 5000}})
    assert len(verdict.advice) < 400
    assert 64 == len(verdict.code)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        pytest.param("0", 0.0, id="at-once"),
        pytest.param("120", 120.0, id="seconds"),
        pytest.param(" 7 ", 7.0, id="spaces"),
        pytest.param("1.5", 1.5, id="fraction"),
        pytest.param("999999999", 30 * 86400.0, id="a-month-at-most"),
        pytest.param("9" * 400, None, id="no-number-for-a-clock"),
        pytest.param("Wed, 18 Nov 2026 11:07:40 GMT", 1795000060.0 - NOW, id="date"),
        pytest.param("Wed, 18 Nov 2026 11:07:40 -0000", 1795000060.0 - NOW, id="date-no-zone"),
        pytest.param("Wed, 18 Nov 9999 11:07:40 GMT", 30 * 86400.0, id="far-date"),
        pytest.param("Wed, 99 Nov 2026 11:07:40 GMT", None, id="impossible-date"),
        pytest.param("Wed, 18 Nov 0001 00:00:00 +2300", 0.0, id="before-all-dates"),
        pytest.param("inf", None, id="infinite"),
        pytest.param("nan", None, id="not-a-number"),
        pytest.param("-1", None, id="negative"),
        pytest.param("٣", None, id="digits-of-another-script"),
        pytest.param("", None, id="empty"),
    ],
)
def test_retry_after(value: str, wait: float | None) -> None:
    """Both spellings are read, and nothing in the header can stop a sender for ever."""
    expected = None if wait is None else At(NOW + wait)
    assert expected == judged(503, **{"retry-after": value}).retry


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["error", "code", "message", "status", "details", "@type", "errorCode", "reason"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.integers(100, 999), st.binary(max_size=60) | json_values.map(json.dumps), st.text())
def test_judge_takes_anything(status: int, body: bytes | str, header: str) -> None:
    """Whatever comes back, there is a verdict, and none that costs a token by accident."""
    raw = body if isinstance(body, bytes) else body.encode()
    response = Response(status=status, headers={"retry-after": header}, body=raw)
    (verdict,) = judge([TARGET], response, NOW)
    assert verdict.outcome in (Outcome.SENT, Outcome.REFUSED, Outcome.RETRY)
    assert status == verdict.status
    assert (verdict.outcome is Outcome.SENT) <= (status == 200)
    assert (verdict.retry is None) or verdict.outcome is Outcome.RETRY
