"""What APNs' answers mean: the vectors, and that no answer can do harm."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zpns.exchange import Response
from zpns.models import AfterRefresh, At, Outcome, Scope, Target, Verdict
from zpns.transports._apns_verdicts import ACCEPTED, REASONS, judge

from .makers import VECTORS

NOW = 1_795_000_000.0
TARGET = Target("a1" * 32, 0)
ANSWERS = [
    pytest.param(vector, id=f"{path.stem}-{vector['id']}")
    for path in sorted((VECTORS / "apns").glob("*.json"))
    if path.stem != "requests"
    for vector in json.loads(path.read_text())
]
#: Every reason on Apple's page, and the one that only its servers know.
PUBLISHED = [
    "BadCollapseId",
    "BadDeviceToken",
    "BadExpirationDate",
    "BadMessageId",
    "BadPriority",
    "BadTopic",
    "DeviceTokenNotForTopic",
    "DuplicateHeaders",
    "IdleTimeout",
    "InvalidPushType",
    "MissingDeviceToken",
    "MissingTopic",
    "PayloadEmpty",
    "TopicDisallowed",
    "BadCertificate",
    "BadCertificateEnvironment",
    "ExpiredProviderToken",
    "Forbidden",
    "InvalidProviderToken",
    "MissingProviderToken",
    "UnrelatedKeyIdInToken",
    "BadEnvironmentKeyIdInToken",
    "BadEnvironmentKeyInToken",
    "BadPath",
    "MethodNotAllowed",
    "ExpiredToken",
    "Unregistered",
    "PayloadTooLarge",
    "TooManyProviderTokenUpdates",
    "TooManyRequests",
    "InternalServerError",
    "ServiceUnavailable",
    "Shutdown",
]


def response_of(given: dict[str, Any]) -> Response:
    body = given["text"].encode() if "text" in given else json.dumps(given["json"]).encode()
    return Response(status=given["status"], headers=given.get("headers", {}), body=body)


def judged(status: int, body: Any = b"", *, rings: bool = False, **headers: str) -> Verdict:
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = Response(status=status, headers=headers, body=body)
    (verdict,) = judge([TARGET], response, NOW, rings=rings)
    return verdict


@pytest.mark.parametrize("vector", ANSWERS)
def test_answer(vector: dict[str, Any]) -> None:
    """Each answer that was seen or published means what its vector says."""
    assert vector["source"]
    given, expected = vector["given"], vector["expected"]
    (verdict,) = judge([TARGET], response_of(given), NOW, rings=given.get("rings", False))
    retry = expected["retry"]
    when: object = None
    if retry == "refresh":
        when = AfterRefresh()
    elif retry is not None:
        when = At(NOW + retry["after"])
    assert (
        Verdict(
            outcome=Outcome(expected["outcome"]),
            status=given["status"],
            code=expected["code"],
            advice=verdict.advice,
            timestamp=expected["timestamp"],
            retry=when,
            scope=Scope(expected["scope"]),
        )
        == verdict
    )
    assert expected["says"] in verdict.advice
    assert (verdict.outcome is Outcome.SENT) == (verdict.advice == "")
    assert "\n" not in verdict.advice


@pytest.mark.parametrize("reason", [pytest.param(reason, id=reason) for reason in PUBLISHED])
def test_reason_has_a_vector(reason: str) -> None:
    """No reason that Apple gives is unknown here, and none goes untested."""
    assert reason in REASONS
    assert reason in {vector.values[0]["expected"]["code"] for vector in ANSWERS}


def test_reasons_are_the_published_ones() -> None:
    """No reason is made up."""
    assert set(PUBLISHED) == set(REASONS)


def test_only_two_reasons_are_the_end_of_a_token() -> None:
    """A token is given up for what says that it is gone, and for nothing else."""
    dead = {name for name, meaning in REASONS.items() if meaning.outcome is Outcome.TOKEN_DEAD}
    assert {"Unregistered", "ExpiredToken"} == dead


def test_verdict_is_shared() -> None:
    """A thousand successes, or bad tokens, of a fan-out cost one object."""
    assert judged(200) is judged(200, b"x") is ACCEPTED
    body = {"reason": "BadDeviceToken"}
    assert judged(400, body) is judged(400, body)


def test_verdicts_of_several_targets() -> None:
    """There is a verdict per target, in their order."""
    for status in (200, 500):
        assert 3 == len(judge([TARGET] * 3, Response(status=status), NOW))


def test_code_is_not_endless() -> None:
    """A long reason is cut."""
    assert "x" * 64 == judged(400, {"reason": "x" * 5000}).code


@pytest.mark.parametrize("status", [500, 502, 504, 507, 599])
def test_call_is_not_repeated_in_doubt(status: int) -> None:
    """Where Apple may have taken a call's push, it is a message's that is tried again."""
    assert Outcome.RETRY is judged(status).outcome
    ring = judged(status, rings=True)
    assert (Outcome.UNKNOWN, None) == (ring.outcome, ring.retry)


def test_call_has_no_other_meaning_otherwise() -> None:
    """Apart from that, what is said of a call's push means what it means of any."""
    for reason, meaning in REASONS.items():
        if not meaning.ambiguous:
            body = {"reason": reason, "timestamp": 1}
            assert judged(400, body) == judged(400, body, rings=True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["reason", "timestamp", "error"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(deadline=None)
@given(
    st.integers(100, 999),
    st.binary(max_size=60) | json_values.map(json.dumps),
    st.text(),
    st.booleans(),
)
def test_judge_takes_anything(status: int, body: bytes | str, header: str, rings: bool) -> None:
    """Whatever comes back, there is a verdict, and none that costs a token by accident."""
    raw = body if isinstance(body, bytes) else body.encode()
    verdict = judged(status, raw, rings=rings, **{"retry-after": header})
    harmless = {Outcome.SENT, Outcome.REFUSED, Outcome.RETRY}
    if rings and status >= 500:
        harmless.add(Outcome.UNKNOWN)
    if status == 410:
        harmless.add(Outcome.TOKEN_SUSPECT)  # of a reason that is not known
    assert verdict.outcome in harmless
    assert status == verdict.status
    assert (verdict.outcome is Outcome.SENT) == (status == 200)
    assert verdict.retry is None or verdict.outcome is Outcome.RETRY
    assert verdict.timestamp is None
