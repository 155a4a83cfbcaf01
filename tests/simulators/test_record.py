"""The record of what a simulator received."""

from __future__ import annotations

from typing import Any

import pytest

from zpns.simulators import Received, Record

SECRET = "ya29.c.0123456789abcdefghij"


def _entry(path: str = "/", status: int = 200, body: bytes = b"") -> Received:
    return Received("POST", path, {}, body, status, 1.0, "2", 4711)


@pytest.fixture
def record() -> Record:
    """A record of five requests."""
    record = Record()
    for number in range(5):
        record.add(_entry(f"/{number}", 200 if number else 503))
    return record


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({}, [0, 1, 2, 3, 4], id="all"),
        pytest.param({"offset": 3}, [3, 4], id="from-3"),
        pytest.param({"limit": 2}, [0, 1], id="two"),
        pytest.param({"offset": 1, "limit": 3}, [1, 2, 3], id="three-from-1"),
        pytest.param({"offset": 4, "limit": 3}, [4], id="past-the-end"),
        pytest.param({"offset": 9}, [], id="nothing-there"),
        pytest.param({"limit": 0}, [], id="none"),
    ],
)
def test_page(record: Record, arguments: dict[str, int], expected: list[int]) -> None:
    """A page is as long as asked for, or as there is."""
    assert [f"/{number}" for number in expected] == [
        entry.path for entry in record.page(**arguments)
    ]


def test_record_is_a_sequence(record: Record) -> None:
    """It has a length, an order and indices from both ends."""
    assert 5 == len(record)
    assert ["/0", "/1", "/2", "/3", "/4"] == [entry.path for entry in record]
    assert ("/0", "/4") == (record[0].path, record[-1].path)


def test_summary_counts_by_status(record: Record) -> None:
    """The summary has the number in all and per status, as text since it becomes JSON."""
    assert {"count": 5, "by_status": {"200": 4, "503": 1}} == record.summary()

    record.clear()
    assert {"count": 0, "by_status": {}} == record.summary()


def test_oldest_is_forgotten_over_the_limit() -> None:
    """A record keeps the latest."""
    record = Record(limit=3)
    for number in range(5):
        record.add(_entry(f"/{number}"))

    assert ["/2", "/3", "/4"] == [entry.path for entry in record]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        pytest.param(f"Bearer {SECRET}", "Bearer ya29.c…(27 characters)", id="bearer"),
        pytest.param(f"key={SECRET}", "key=ya…(31 characters)", id="no-scheme"),
        pytest.param("Bearer short", "Bearer …(5 characters)", id="short"),
    ],
)
def test_authorization_is_shortened(value: str, kept: str) -> None:
    """A credential is not readable in the record, other headers are."""
    headers = Record().headers({"authorization": value, "x-a": "1"})

    assert {"authorization": kept, "x-a": "1"} == headers


def test_equal_headers_are_kept_once() -> None:
    """A hundred thousand sends with the same headers cost one dictionary."""
    record = Record()
    headers: dict[str, str] = {"authorization": f"Bearer {SECRET}", "x-a": "1"}

    assert record.headers(headers) is record.headers(dict(headers))
    assert record.headers(headers) is not record.headers({**headers, "x-a": "2"})


def test_different_headers_do_not_pile_up() -> None:
    """Headers that never repeat, as with an ID in one of them, are shared no longer."""
    record = Record()
    first = record.headers({"x-id": "0"})
    for number in range(1, 1_001):
        record.headers({"x-id": str(number)})

    assert first == record.headers({"x-id": "0"})
    assert first is not record.headers({"x-id": "0"})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b'{"a": [1]}', {"a": [1]}, id="json"),
        pytest.param(b"a=b", "a=b", id="form"),
        pytest.param(b"", "", id="empty"),
        pytest.param(b"\xff", "\N{REPLACEMENT CHARACTER}", id="no-text"),
    ],
)
def test_entry_as_json(body: bytes, expected: Any) -> None:
    """An entry's body is given as JSON if it is JSON, else as text."""
    entry = _entry("/a?b=c", 404, body)

    assert {
        "method": "POST",
        "path": "/a?b=c",
        "headers": {},
        "body": expected,
        "status": 404,
        "received_at": 1.0,
        "http_version": "2",
        "connection": 4711,
        "fault": "",
        "handled": True,
    } == entry.to_json()
