"""Push jobs, their leases, and the attempts made for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Row,
    and_,
    bindparam,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from zpns.store import _sql
from zpns.store.tables import attempts, jobs

__all__ = [
    "CALLS",
    "DONE",
    "MARKETING",
    "MESSAGES",
    "OPEN",
    "PRIORITIES",
    "acknowledge",
    "add",
    "attempts_of",
    "claim",
    "extend",
    "next_due",
    "of_ref",
    "owned",
    "record",
    "release",
    "retried",
    "retries",
    "save",
]

OPEN: Final = 0
DONE: Final = 1

CALLS: Final = 0
MESSAGES: Final = 1
MARKETING: Final = 2
#: The most urgent first.
PRIORITIES: Final = (CALLS, MESSAGES, MARKETING)

_ADD = insert(jobs)
# Spelled out and no parameter: SQLite cannot know that a partial index covers a condition
# whose value it is told later, and prepares the statement anew each time.
_IS_OPEN = jobs.c.state == literal_column(str(OPEN))
_DUE = (
    select(jobs.c.job_id)
    .where(
        _IS_OPEN,
        jobs.c.priority == bindparam("class"),
        jobs.c.due_at <= bindparam("now"),
    )
    .order_by(jobs.c.due_at)
    .limit(bindparam("most"))
)
_CLAIM = (
    update(jobs)
    .where(jobs.c.job_id.in_(bindparam("ids", expanding=True)))
    .values(lease_owner=bindparam("owner"), due_at=bindparam("until"))
    .returning(jobs)
)
_MINE = and_(jobs.c.job_id == bindparam("job"), jobs.c.lease_owner == bindparam("owner"))
_EXTEND = update(jobs).where(_MINE, _IS_OPEN).values(due_at=bindparam("until"))
_SAVE = (
    update(jobs)
    .where(_MINE)
    .values(
        state=bindparam("to_state"),
        reason=bindparam("why"),
        due_at=bindparam("due"),
        lease_owner=bindparam("holder"),
        page_cursor=bindparam("place"),
        paged=bindparam("all_paged"),
        stored=bindparam("saved"),
    )
)
_RELEASE = update(jobs).where(_MINE).values(lease_owner=None, due_at=bindparam("due"))
_ACKNOWLEDGE = (
    update(jobs)
    .where(
        jobs.c.ack_log == bindparam("in_log"),
        jobs.c.ack_seq <= bindparam("upto"),
        _IS_OPEN,
        jobs.c.paged == 0,
        jobs.c.page_cursor.is_(None),
        or_(jobs.c.lease_owner.is_(None), jobs.c.due_at <= bindparam("now")),
    )
    .values(state=DONE, reason="acknowledged", lease_owner=None)
)
_NEXT = (
    select(jobs.c.due_at)
    .where(_IS_OPEN, jobs.c.priority == bindparam("class"))
    .order_by(jobs.c.due_at)
    .limit(1)
)
_OF_REF = (
    select(jobs).where(jobs.c.ref == bindparam("of")).order_by(jobs.c.created_at, jobs.c.job_id)
)
_ATTEMPTS = (
    select(attempts)
    .where(attempts.c.job_id.in_(bindparam("ids", expanding=True)))
    .order_by(attempts.c.job_id, attempts.c.seq, attempts.c.attempt)
)
_RETRIES = (
    select(attempts)
    .where(attempts.c.job_id == bindparam("job"), attempts.c.retry_at.is_not(None))
    .order_by(attempts.c.retry_at, attempts.c.seq)
    .limit(bindparam("most"))
)
_RETRIED = (
    update(attempts)
    .where(
        attempts.c.job_id == bindparam("job"),
        attempts.c.seq == bindparam("device"),
        attempts.c.attempt == bindparam("number"),
    )
    .values(retry_at=None)
)


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert jobs."""
    if rows:
        connection.execute(_ADD, rows)


def claim(connection: Connection, *, owner: str, now: int, until: int, most: int) -> list[Row[Any]]:
    """
    Lease due jobs, the most urgent first.

    A job whose lease ran out is taken over: whoever held it is taken for dead, and its
    later writes are refused.

    Args:
        connection: In a transaction that writes.

        owner: Who leases.

        now: UTC milliseconds.

        until: When the lease ends, likewise.

        most: How many jobs.
    """
    due: list[str] = []
    for priority in PRIORITIES:
        if len(due) < most:
            wanted = {"class": priority, "now": now, "most": most - len(due)}
            due += connection.execute(_DUE, wanted).scalars()
    if not due:
        return []
    rows = [
        row
        for chunk in _sql.chunks(due)
        for row in connection.execute(_CLAIM, {"ids": chunk, "owner": owner, "until": until})
    ]
    place = {job_id: index for index, job_id in enumerate(due)}
    return sorted(rows, key=lambda row: place[row.job_id])


def extend(connection: Connection, owner: str, job_ids: Iterable[str], until: int) -> None:
    """Set when the leases of *owner* end."""
    rows = [{"job": job_id, "owner": owner, "until": until} for job_id in job_ids]
    if rows:
        connection.execute(_EXTEND, rows)


def save(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """
    Write how far jobs have come; one that is no longer the owner's stays as it is.

    A row has ``job`` and ``owner``, and the new values; ``holder`` is who leases it from
    now on, the owner or nobody.
    """
    if rows:
        connection.execute(_SAVE, rows)


def release(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Give leases back: ``job``, ``owner``, and ``due``, when it may be claimed again."""
    if rows:
        connection.execute(_RELEASE, rows)


def acknowledge(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """
    End jobs that wait for an acknowledgement: ``in_log``, ``upto`` and ``now``.

    One that a worker holds, or began, goes on: its bytes may have left.
    """
    if rows:
        connection.execute(_ACKNOWLEDGE, rows)


def owned(connection: Connection, owner: str, job_ids: Iterable[str], now: int) -> set[str]:
    """Return those of *job_ids* that *owner* still leases."""
    query = select(jobs.c.job_id).where(jobs.c.lease_owner == owner, jobs.c.due_at > now)
    return {
        row[0]
        for chunk in _sql.chunks(job_ids)
        for row in connection.execute(query.where(jobs.c.job_id.in_(chunk)))
    }


def next_due(connection: Connection) -> int | None:
    """Return when the next job can be claimed, UTC milliseconds, or None."""
    due = [connection.execute(_NEXT, {"class": one}).scalar() for one in PRIORITIES]
    return min((int(at) for at in due if at is not None), default=None)


def of_ref(connection: Connection, ref: str) -> list[Row[Any]]:
    """Return the jobs of a message, call or push, oldest first."""
    return list(connection.execute(_OF_REF, {"of": ref}))


def record(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write attempts; one that is there already is overwritten, so repeating is harmless."""
    if not rows:
        return
    statement = _sql.insert(connection, attempts)
    keys = ("job_id", "seq", "attempt")
    rest = [column.name for column in attempts.c if column.name not in keys]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(keys), set_={name: statement.excluded[name] for name in rest}
        ),
        rows,
    )


def retried(connection: Connection, keys: Iterable[tuple[str, int, int]]) -> None:
    """Note that attempts, by (job, seq, attempt), were followed by another."""
    rows = [{"job": job, "device": seq, "number": attempt} for job, seq, attempt in keys]
    if rows:
        connection.execute(_RETRIED, rows)


def retries(connection: Connection, job_id: str, most: int) -> list[Row[Any]]:
    """Return the attempts of a job that wait for a retry, the earliest first."""
    return list(connection.execute(_RETRIES, {"job": job_id, "most": most}))


def attempts_of(connection: Connection, job_ids: Iterable[str]) -> list[Row[Any]]:
    """Return every attempt of *job_ids*, by job, device and number."""
    return [
        row
        for chunk in _sql.chunks(job_ids)
        for row in connection.execute(_ATTEMPTS, {"ids": chunk})
    ]
