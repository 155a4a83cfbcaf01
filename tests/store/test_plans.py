"""How much SQLite has to read: every statement goes by an index, however full the tables are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event

from zpns.store import calls, devices, events, jobs, messages, sequences, users
from zpns.store.tables import metadata

from .makers import attempt, job
from .test_calls import call, member
from .test_devices import device, key, token
from .test_events import row as event_row
from .test_messages import message
from .test_users import session

NOW = 1_000


@pytest.fixture
def connection() -> Iterator[Connection]:
    """Give a database with the tables and nothing in them."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        yield connection
    engine.dispose()


def plans_of(connection: Connection, work: Callable[[Connection], object]) -> list[str]:
    """Return how SQLite goes about each statement of *work*."""
    found: list[str] = []

    def explain(
        _: Connection, cursor: Any, statement: str, parameters: Any, __: Any, many: bool
    ) -> None:
        values = parameters[0] if many else parameters
        plan = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        found.extend(line for *_, line in plan)

    event.listen(connection, "before_cursor_execute", explain)
    try:
        work(connection)
    finally:
        event.remove(connection, "before_cursor_execute", explain)
    return found


WORK: dict[str, Callable[[Connection], object]] = {
    "users.known": lambda c: users.known(c, ["a", "b"]),
    "users.online": lambda c: users.online(c, ["a", "b"], NOW),
    "users.beat": lambda c: users.beat(c, [{"session": "s", "until": 1}]),
    "users.close": lambda c: users.close(c, ["s", "t"]),
    "messages.by_ids": lambda c: messages.by_ids(c, [1, 2]),
    "messages.by_key": lambda c: messages.by_key(c, ["a/k", "b/k"]),
    "events.page": lambda c: events.page(c, "u:bob", 5, NOW, 10),
    "events.cursor": lambda c: events.cursor(c, "bob", "phone", "u:bob"),
    "calls.by_ids": lambda c: calls.by_ids(c, [1, 2]),
    "calls.by_key": lambda c: calls.by_key(c, ["a/k", "b/k"]),
    "calls.overdue": lambda c: calls.overdue(c, NOW, 10),
    "calls.next_timeout": calls.next_timeout,
    "calls.ringing": lambda c: calls.ringing(c, 1, NOW),
    "calls.of_user": lambda c: calls.of_user(c, "bob", NOW),
    "calls.save": lambda c: calls.save(
        c,
        [{"call": 1, "to_state": 1, "ended": 1}],
        [
            {
                "call": 1,
                "user": "a",
                "to_state": 1,
                "said": "",
                "answered": 1,
                "until": 1,
                "number": 1,
            }
        ],
    ),
    "devices.by_device_id": lambda c: devices.by_device_id(c, [("a", "d"), ("b", "d")]),
    "devices.by_token": lambda c: devices.by_token(c, [key("t"), key("u")]),
    "devices.set_callkit": lambda c: devices.set_callkit(c, [{"device": 1, "allowed": 1}]),
    "devices.drop_tokens": lambda c: devices.drop_tokens(c, [key("t"), key("u")]),
    "devices.drop_tokens_of": lambda c: devices.drop_tokens_of(c, "bob"),
    "devices.drop_tokens_of-one": lambda c: devices.drop_tokens_of(c, "bob", "d"),
    "devices.drop_empty": lambda c: devices.drop_empty(c, [1, 2]),
    "devices.ids_of": lambda c: devices.ids_of(c, "bob"),
    "devices.of_users": lambda c: devices.of_users(c, ["a", "b"], limit=10),
    "devices.of_users-after": lambda c: devices.of_users(c, ["a", "b"], after=("a", 5), limit=10),
    "devices.of_ids": lambda c: devices.of_ids(c, [1, 2]),
    "jobs.claim": lambda c: jobs.claim(c, owner="w", now=NOW, until=2_000, most=10),
    "jobs.next_due": jobs.next_due,
    "jobs.extend": lambda c: jobs.extend(c, "w", ["j"], 1),
    "jobs.owned": lambda c: jobs.owned(c, "w", ["j", "k"], NOW),
    "jobs.release": lambda c: jobs.release(c, [{"job": "j", "owner": "w", "due": 1}]),
    "jobs.acknowledge": lambda c: jobs.acknowledge(c, [{"in_log": "u:bob", "upto": 5, "now": NOW}]),
    "jobs.retries": lambda c: jobs.retries(c, "j", 10),
    "jobs.retried": lambda c: jobs.retried(c, [("j", 1, 1)]),
    "jobs.attempts_of": lambda c: jobs.attempts_of(c, ["j", "k"]),
    "jobs.of_ref": lambda c: jobs.of_ref(c, "r"),
}
#: What sorts what it found, because it finds few.
SORTING = {"calls.by_ids", "jobs.of_ref"}


@pytest.fixture
def some_rows(connection: Connection) -> Connection:
    """Give a database in which every statement finds something to do."""
    users.open_sessions(connection, [session("s", "a"), session("t", "b")])
    messages.add(connection, [message(1, idempotency="a/k")])
    events.append(connection, [event_row() for _ in range(9)])
    calls.add(connection, [call(1, idempotency="a/k")], [member("bob", 0, 1)])
    ids = devices.make(connection, [device("p1", "a", device_id="d"), device("p2", "b")])
    devices.put_tokens(connection, [token(ids["p1"], "t"), token(ids["p2"], "u")])
    jobs.add(connection, [job("j", ref="r", ack_log="u:bob", ack_seq=5), job("k")])
    jobs.record(connection, [attempt("j", 1, retry_at=5)])
    sequences.take(connection, {"x": 1})
    return connection


@pytest.mark.parametrize("name", WORK)
def test_no_statement_reads_a_whole_table(some_rows: Connection, name: str) -> None:
    """Nor sorts what it read, but for the few rows of one call or one message."""
    plans = plans_of(some_rows, WORK[name])
    assert plans
    for plan in plans:
        assert not plan.startswith("SCAN"), plan
        if name not in SORTING:
            assert "TEMP B-TREE" not in plan, plan


def test_a_plan_that_reads_a_whole_table_is_seen(some_rows: Connection) -> None:
    """The test above can fail."""
    plans = plans_of(some_rows, lambda c: c.exec_driver_sql("SELECT * FROM jobs ORDER BY push"))
    assert ["SCAN jobs", "USE TEMP B-TREE FOR ORDER BY"] == plans


@pytest.mark.parametrize("name", ["jobs.claim", "jobs.next_due"])
def test_due_jobs_are_found_in_the_index_of_open_ones(some_rows: Connection, name: str) -> None:
    """Which is partial: jobs that are done are not in it, however many they are."""
    due = [plan for plan in plans_of(some_rows, WORK[name]) if "PRIMARY KEY" not in plan]
    assert 3 == len(due)  # one for each class
    for plan in due:
        assert "COVERING INDEX ix_jobs_state_priority_due_at (state=? AND priority=?" in plan


# Work, counted in the instructions that SQLite carries out.


def instructions(connection: Connection, work: Callable[[Connection], object]) -> int:
    """Return how many hundreds of instructions *work* takes."""
    driver: Any = connection.connection.driver_connection
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    driver.set_progress_handler(step, 100)
    try:
        work(connection)
    finally:
        driver.set_progress_handler(None, 0)
    return count


def fill(connection: Connection, waiting: int, done: int) -> None:
    """Make jobs of every class, some done, some held, many of them due."""
    rows = [
        job(
            f"w{number}", priority=number % 3, due_at=number % 997, ack_log=f"u:{number}", ack_seq=1
        )
        for number in range(waiting)
    ]
    rows += [
        job(f"d{number}", state=jobs.DONE, priority=number % 3, due_at=number % 997)
        for number in range(done)
    ]
    jobs.add(connection, rows)


@pytest.mark.parametrize("name", ["claim", "next_due", "acknowledge"])
def test_a_hundred_thousand_jobs_are_no_more_work(connection: Connection, name: str) -> None:
    """After a restart, claiming costs what is claimed, and not what waits or is done."""
    work: dict[str, Callable[[Connection], object]] = {
        "claim": lambda c: jobs.claim(c, owner="w", now=NOW, until=2_000, most=256),
        "next_due": jobs.next_due,
        "acknowledge": lambda c: jobs.acknowledge(
            c, [{"in_log": f"u:{number}", "upto": 5, "now": NOW} for number in range(100)]
        ),
    }
    fill(connection, 1_000, 0)
    with connection.begin_nested() as small:
        few = instructions(connection, work[name])
        small.rollback()
    connection.exec_driver_sql("DELETE FROM jobs")
    fill(connection, 100_000, 50_000)
    many = instructions(connection, work[name])
    assert many <= few * 1.1 + 1


def test_a_page_of_one_user_is_no_more_work_further_back(connection: Connection) -> None:
    """Pages of somebody with very many devices begin where the one before ended."""
    devices.make(connection, [device(f"p{number}") for number in range(5_000)])
    ids = devices.ids_of(connection, "bob")

    def page(after: int) -> Callable[[Connection], object]:
        return lambda c: devices.of_users(c, ["bob"], after=("bob", after), limit=50)

    first, last = (instructions(connection, page(after)) for after in (0, ids[-60]))
    assert last <= first * 1.1 + 1
