"""The control endpoints, over both HTTP versions."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from zpns.simulators import (
    AnswerStatus,
    Delay,
    FaultPlan,
    SimulatorServer,
)

NOW = 1_795_000_000


@pytest.fixture(params=["1.1", "2"])
async def control(
    request: pytest.FixtureRequest, server: SimulatorServer, open_h2: Any, open_http1: Any
) -> Any:
    """Asks a control endpoint and returns status and JSON."""
    client = await (open_h2 if request.param == "2" else open_http1)(server)

    async def ask(method: str, path: str, value: Any = None) -> tuple[int, Any]:
        body = b"" if value is None else value if isinstance(value, bytes) else orjson.dumps(value)
        if request.param == "2":
            answer = await client.fetch(path, body, method=method)
            return answer.status, orjson.loads(answer.body)
        status, _, text = await client.fetch(path, body, method=method)
        return status, orjson.loads(text)

    ask.version = request.param  # type: ignore[attr-defined]
    return ask


async def test_control_gives_the_record_in_pages(server: SimulatorServer, control: Any) -> None:
    """The record is an array of entries, of which a client may ask for a part or the count."""
    server.record.clear()
    client_paths = [f"/push/{number}" for number in range(4)]
    for path in client_paths:
        with pytest.raises(ValueError, match="unexpected character"):
            await control("POST", path, {"a": 1})  # the small vendor does not answer JSON

    _, everything = await control("GET", "/__sim__/requests")
    _, page = await control("GET", "/__sim__/requests?offset=1&limit=2")
    _, summary = await control("GET", "/__sim__/requests?summary=1")
    assert (200, {}) == await control("DELETE", "/__sim__/requests")
    _, nothing = await control("GET", "/__sim__/requests")

    assert client_paths == [entry["path"] for entry in everything]
    first = everything[0]
    assert ("POST", {"a": 1}, 200) == (first["method"], first["body"], first["status"])
    assert (control.version, float(NOW)) == (first["http_version"], first["received_at"])
    assert ("", True) == (first["fault"], first["handled"])
    assert everything[1:3] == page
    assert {"count": 4, "by_status": {"200": 4}} == summary
    assert [] == nothing


async def test_control_makes_and_removes_devices(vendor: Any, control: Any) -> None:
    """Devices are made by the number, with the options that the vendor's register knows."""
    assert (200, {"tokens": ["token-0"]}) == await control("POST", "/__sim__/devices")
    made = await control("POST", "/__sim__/devices", {"count": 2, "kind": "fancy"})
    assert (200, {"tokens": ["token-1", "token-2"]}) == made
    gone = await control("DELETE", "/__sim__/devices", {"tokens": ["token-0", "token-2"]})

    assert (200, {}) == gone
    assert {"token-1": "fancy"} == vendor.known


async def test_control_starts_and_ends_a_fault_plan(server: SimulatorServer, control: Any) -> None:
    """A plan posted as JSON disturbs requests until it is deleted, and is said back."""
    plan = {"seed": 7, "faults": [{"kind": "status", "status": 503, "body": "7"}]}

    status, echo = await control("POST", "/__sim__/faults", plan)
    disturbed = await control("POST", "/push")
    again = await control("GET", "/__sim__/requests?summary=1")
    await control("DELETE", "/__sim__/faults")
    server.simulator.body = b"8"  # type: ignore[attr-defined]
    undisturbed = await control("POST", "/push")

    assert 200 == status
    assert plan["seed"] == echo["seed"]
    assert plan["faults"][0].items() <= echo["faults"][0].items()  # type: ignore[index]
    assert (503, 7) == disturbed
    assert (200, {"count": 1, "by_status": {"503": 1}}) == again
    assert (200, 8) == undisturbed


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        pytest.param("GET", "nothing", b"", 404, "GET /__sim__/requests", id="unknown-path"),
        pytest.param("PUT", "requests", b"", 404, "expected one of", id="wrong-method"),
        pytest.param("GET", "requests?from=1", b"", 400, "from", id="unknown-parameter"),
        pytest.param("GET", "requests?limit=-1", b"", 400, "limit", id="negative-limit"),
        pytest.param("GET", "requests?offset=", b"", 400, "offset", id="empty-offset"),
        pytest.param(
            "GET",
            "requests?limit=\u0663".encode().decode("latin-1"),
            b"",
            400,
            "limit",
            id="foreign-digit",
        ),
        pytest.param("POST", "devices", b"{", 400, "JSON", id="not-json"),
        pytest.param("POST", "devices", b"[]", 400, "a JSON object", id="array"),
        pytest.param("POST", "devices", b'{"count": 0}', 400, "count", id="count-0"),
        pytest.param("POST", "devices", b'{"count": true}', 400, "count", id="count-true"),
        pytest.param("POST", "devices", b'{"count": 1000001}', 400, "count", id="count-over"),
        pytest.param("POST", "devices", b'{"kind": "odd"}', 400, "kind", id="vendor-refuses"),
        pytest.param("POST", "devices", b'{"colour": 1}', 400, "colour", id="unknown-option"),
        pytest.param("DELETE", "devices", b"{}", 400, "tokens", id="no-tokens"),
        pytest.param("DELETE", "devices", b'{"tokens": "a"}', 400, "tokens", id="one-text"),
        pytest.param("DELETE", "devices", b'{"tokens": ["a"]}', 400, "no such", id="unknown-token"),
        pytest.param("POST", "faults", b'{"fault": []}', 400, "fault", id="unknown-member"),
    ],
)
async def test_control_refuses(
    control: Any, method: str, path: str, body: bytes, status: int, words: str
) -> None:
    """A wrong control request is answered with what would have been right."""
    answered, value = await control(method, f"/__sim__/{path}", body)

    assert status == answered
    assert words in value["error"]


async def test_control_is_neither_recorded_nor_disturbed(
    server: SimulatorServer, control: Any
) -> None:
    """Whatever the plan, control requests are answered and leave no trace."""
    server.misbehave(FaultPlan([AnswerStatus(status=500), Delay(seconds=9)]))

    assert (200, []) == await control("GET", "/__sim__/requests")
    assert 0 == len(server.record)
