"""Fault plans: what they hit, that they hit the same again, and what is no plan."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from zpns.errors import ParameterError
from zpns.simulators.faults import (
    AnswerStatus,
    Delay,
    Fault,
    FaultPlan,
    FaultState,
    GoAway,
    NeverAnswer,
    ResetConnection,
    ResetStream,
)


def _hits(plan: FaultPlan, count: int, path: str = "/") -> list[int]:
    """Return the numbers, from 1, of the requests that something goes wrong with."""
    state = FaultState(plan)
    return [number for number in range(1, count + 1) if state.decide(path)[1] is not None]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        pytest.param({}, [1, 2, 3, 4, 5, 6, 7, 8], id="all"),
        pytest.param({"every": 3}, [3, 6], id="every-third"),
        pytest.param({"every": 1}, [1, 2, 3, 4, 5, 6, 7, 8], id="every"),
        pytest.param({"every": 3, "skip": 1}, [4, 7], id="every-third-after-one"),
        pytest.param({"first": 2}, [1, 2], id="first-two"),
        pytest.param({"first": 0}, [], id="first-none"),
        pytest.param({"first": 2, "skip": 3}, [4, 5], id="two-after-three"),
        pytest.param({"skip": 6}, [7, 8], id="after-six"),
        pytest.param({"share": 0}, [], id="share-0"),
        pytest.param({"share": 1}, [1, 2, 3, 4, 5, 6, 7, 8], id="share-1"),
        pytest.param({"share": 1, "skip": 7}, [8], id="share-after-seven"),
    ],
)
def test_fault_strikes_by_number(scope: dict[str, Any], expected: list[int]) -> None:
    """The members every, first, share and skip say which requests are hit."""
    assert expected == _hits(FaultPlan([NeverAnswer(**scope)]), 8)


def test_fault_counts_only_requests_of_its_path() -> None:
    """A path that does not contain the text is neither hit nor counted."""
    state = FaultState(FaultPlan([NeverAnswer(path="/token", every=2)]))

    struck = [
        state.decide(path)[1] is not None
        for path in ("/token", "/send", "/send", "/token?x", "/v/token", "/token")
    ]

    assert [False, False, False, True, False, True] == struck


def test_share_is_the_same_every_time() -> None:
    """One seed hits the same requests, another seed others, about as many as asked."""
    share = [ResetStream(share=0.25)]
    hits = _hits(FaultPlan(share, seed=1), 4_000)

    assert hits == _hits(FaultPlan(share, seed=1), 4_000)
    assert hits != _hits(FaultPlan(share, seed=2), 4_000)
    assert 900 < len(hits) < 1_100


def test_faults_draw_independently() -> None:
    """Adding a fault behind another leaves the first one's choices alone."""
    alone = FaultState(FaultPlan([ResetStream(share=0.3)], seed=5))
    before = FaultState(FaultPlan([ResetStream(share=0.3), NeverAnswer(share=0.5)], seed=5))

    expected = [alone.decide("/")[1] is not None for _ in range(500)]
    actual = [isinstance(before.decide("/")[1], ResetStream) for _ in range(500)]

    assert expected == actual


def test_first_fault_wins_and_both_count() -> None:
    """Of two that hit one request the first acts; the second has counted it all the same."""
    first, second = AnswerStatus(status=500, every=2), NeverAnswer(every=2, skip=1)
    state = FaultState(FaultPlan([first, second]))

    assert [None, first, second, first, second] == [state.decide("/")[1] for _ in range(5)]


def test_delays_add_up_beside_any_other_fault() -> None:
    """Delays join, and what else goes wrong still does, late."""
    fault = AnswerStatus(status=503)
    state = FaultState(FaultPlan([Delay(seconds=1), fault, Delay(seconds=2.5, every=2)]))

    assert [(1.0, fault), (3.5, fault)] == [state.decide("/") for _ in range(2)]


def test_goaway_is_no_fault_of_a_request() -> None:
    """GOAWAY is the plan's rule for connections; the first one counts."""
    state = FaultState(FaultPlan([GoAway(after=3), GoAway(after=5)]))

    assert 3 == state.goaway.after  # type: ignore[union-attr]
    assert (0.0, None) == state.decide("/")
    assert FaultState(FaultPlan([NeverAnswer()])).goaway is None


ALL = FaultPlan(
    [
        AnswerStatus(status=503, retry_after=1.5, as_date=True, body="x", every=2),
        Delay(seconds=0.25, share=0.5, skip=3),
        NeverAnswer(handled=True, first=4),
        ResetConnection(handled=True, path="/v1"),
        ResetStream(error_code=7, handled=True),
        GoAway(after=1_000, error_code=11),
    ],
    seed=42,
)


def test_plan_survives_json() -> None:
    """A plan of every kind is read back equal from what it writes."""
    assert ALL == FaultPlan.from_json(orjson.loads(orjson.dumps(ALL.to_json())))


def test_plan_is_read_from_the_documented_form() -> None:
    """The form that the documentation shows means what it says."""
    plan = FaultPlan.from_json(
        {
            "seed": 7,
            "faults": [
                {"kind": "status", "status": 503, "retry_after": 1, "every": 10},
                {"kind": "reset", "share": 0.01, "handled": True},
                {"kind": "goaway", "after": 1000},
            ],
        }
    )

    assert (
        FaultPlan(
            [
                AnswerStatus(status=503, retry_after=1, every=10),
                ResetConnection(share=0.01, handled=True),
                GoAway(after=1_000),
            ],
            seed=7,
        )
        == plan
    )
    assert FaultPlan() == FaultPlan.from_json({})


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param({"kind": "never"}, {"handled": False}, id="never"),
        pytest.param({"kind": "reset"}, {"handled": False}, id="reset"),
        pytest.param(
            {"kind": "reset-stream"}, {"handled": False, "error_code": 2}, id="reset-stream"
        ),
        pytest.param({"kind": "goaway", "after": 1}, {"error_code": 0}, id="goaway"),
        pytest.param(
            {"kind": "status", "status": 503},
            {"retry_after": None, "as_date": False, "body": None},
            id="status",
        ),
    ],
)
def test_what_is_left_out_is_harmless(entry: dict[str, Any], expected: dict[str, Any]) -> None:
    """A fault that is not told more hits every request before the vendor acts on it."""
    [fault] = FaultPlan.from_json({"faults": [entry]}).to_json()["faults"]

    scope = {} if entry["kind"] == "goaway" else {"every": None, "first": None, "share": None}
    assert {**entry, **expected, **scope}.items() <= fault.items()


@pytest.mark.parametrize(
    ("data", "field"),
    [
        pytest.param([], "body", id="array"),
        pytest.param(None, "body", id="null"),
        pytest.param({"plan": []}, "plan", id="unknown-member"),
        pytest.param({"seed": "7"}, "seed", id="seed-text"),
        pytest.param({"seed": True}, "seed", id="seed-true"),
        pytest.param({"faults": {}}, "faults", id="faults-object"),
        pytest.param({"faults": "never"}, "faults", id="faults-text"),
        pytest.param({"faults": ["never"]}, "faults", id="fault-text"),
        pytest.param({"faults": [{}]}, "kind", id="no-kind"),
        pytest.param({"faults": [{"kind": "explode"}]}, "kind", id="unknown-kind"),
        pytest.param({"faults": [{"kind": ["never"]}]}, "kind", id="kind-array"),
        pytest.param({"faults": [{"kind": "never", "status": 1}]}, "status", id="foreign-option"),
        pytest.param({"faults": [{"kind": "status"}]}, "status", id="status-missing"),
        pytest.param({"faults": [{"kind": "delay"}]}, "seconds", id="seconds-missing"),
        pytest.param({"faults": [{"kind": "goaway"}]}, "after", id="after-missing"),
        pytest.param(
            {"faults": [{"kind": "goaway", "after": 1, "every": 2}]}, "every", id="goaway"
        ),
    ],
)
def test_json_that_is_no_plan_is_refused(data: object, field: str) -> None:
    """The error names the member that is wrong."""
    with pytest.raises(ParameterError) as caught:
        FaultPlan.from_json(data)

    assert field == caught.value.field


@pytest.mark.parametrize(
    ("make", "options", "field"),
    [
        pytest.param(NeverAnswer, {"every": 2, "share": 0.5}, "every", id="every-and-share"),
        pytest.param(NeverAnswer, {"first": 2, "share": 0.5}, "every", id="first-and-share"),
        pytest.param(NeverAnswer, {"every": 0}, "every", id="every-0"),
        pytest.param(NeverAnswer, {"every": True}, "every", id="every-true"),
        pytest.param(NeverAnswer, {"first": -1}, "first", id="first-negative"),
        pytest.param(NeverAnswer, {"share": 1.01}, "share", id="share-over-1"),
        pytest.param(NeverAnswer, {"share": "half"}, "share", id="share-text"),
        pytest.param(NeverAnswer, {"share": True}, "share", id="share-true"),
        pytest.param(NeverAnswer, {"share": float("nan")}, "share", id="share-nan"),
        pytest.param(NeverAnswer, {"skip": -1}, "skip", id="skip-negative"),
        pytest.param(NeverAnswer, {"path": None}, "path", id="path-none"),
        pytest.param(NeverAnswer, {"handled": 1}, "handled", id="never-handled-1"),
        pytest.param(ResetConnection, {"handled": "no"}, "handled", id="reset-handled-text"),
        pytest.param(ResetStream, {"handled": None}, "handled", id="reset-stream-handled-none"),
        pytest.param(ResetStream, {"error_code": -1}, "error_code", id="error-code-negative"),
        pytest.param(Delay, {"seconds": -0.1}, "seconds", id="delay-negative"),
        pytest.param(Delay, {"seconds": "1"}, "seconds", id="delay-text"),
        pytest.param(AnswerStatus, {"status": 199}, "status", id="status-199"),
        pytest.param(AnswerStatus, {"status": 600}, "status", id="status-600"),
        pytest.param(AnswerStatus, {"status": "503"}, "status", id="status-text"),
        pytest.param(
            AnswerStatus, {"status": 503, "retry_after": -1}, "retry_after", id="retry-after"
        ),
        pytest.param(AnswerStatus, {"status": 503, "as_date": 1}, "as_date", id="as-date-1"),
        pytest.param(AnswerStatus, {"status": 503, "body": b"x"}, "body", id="body-bytes"),
        pytest.param(
            AnswerStatus, {"status": 503, "content_type": 1}, "content_type", id="content-type"
        ),
        pytest.param(GoAway, {"after": 0}, "after", id="after-0"),
        pytest.param(GoAway, {"after": 1, "error_code": 1.5}, "error_code", id="goaway-code"),
    ],
)
def test_wrong_option_is_refused(make: Any, options: dict[str, Any], field: str) -> None:
    """A fault that could not be what was meant is refused where it is made."""
    with pytest.raises(ParameterError) as caught:
        make(**options)

    assert field == caught.value.field


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(["never"], id="text"),
        pytest.param([Fault()], id="no-particular-fault"),
        pytest.param([FaultPlan()], id="plan"),
        pytest.param(NeverAnswer(), id="no-list"),
    ],
)
def test_plan_takes_faults_alone(faults: Any) -> None:
    """Anything but a list of faults is refused."""
    with pytest.raises(ParameterError) as caught:
        FaultPlan(faults)

    assert "faults" == caught.value.field
