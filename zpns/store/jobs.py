"""Push jobs, their leases, and the attempts made for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Row,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from zpns.store import _sql
from zpns.store.tables import attempts, jobs

__all__ = [
    "DONE",
    "OPEN",
    "acknowledge",
    "add",
    "attempts_of",
    "claim",
    "extend",
    "next_due",
    "of_ref",
    "record",
    "release",
    "retries",
    "save",
]

OPEN: Final = 0
DONE: Final = 1

_ADD = insert(jobs)
_FREE = or_(jobs.c.lease_until.is_(None), jobs.c.lease_until <= bindparam("now"))
_CLAIMABLE = (
    select(jobs.c.job_id)
    .where(jobs.c.state == OPEN, jobs.c.due_at <= bindparam("now"), _FREE)
    .order_by(jobs.c.priority, jobs.c.due_at)
    .limit(bindparam("most"))
)
_CLAIM = (
    update(jobs)
    .where(jobs.c.job_id.in_(_CLAIMABLE))
    .values(lease_owner=bindparam("owner"), lease_until=bindparam("until"))
    .returning(jobs)
)
_MINE = and_(jobs.c.job_id == bindparam("job"), jobs.c.lease_owner == bindparam("owner"))
_EXTEND = update(jobs).where(_MINE).values(lease_until=bindparam("until"))
_SAVE = (
    update(jobs)
    .where(_MINE)
    .values(
        state=bindparam("to_state"),
        reason=bindparam("why"),
        due_at=bindparam("due"),
        page_cursor=bindparam("place"),
        paged=bindparam("all_paged"),
        stored=bindparam("saved"),
    )
)
_RELEASE = update(jobs).where(_MINE).values(lease_owner=None, lease_until=None)
_ACKNOWLEDGE = (
    update(jobs)
    .where(
        jobs.c.ack_log == bindparam("in_log"),
        jobs.c.ack_seq <= bindparam("upto"),
        jobs.c.state == OPEN,
        jobs.c.paged == 0,
        _FREE,
    )
    .values(state=DONE, reason="acknowledged")
)
_CLAIMABLE_AT = case(
    (jobs.c.lease_until > jobs.c.due_at, jobs.c.lease_until), else_=jobs.c.due_at
)
_NEXT = select(func.min(_CLAIMABLE_AT)).where(jobs.c.state == OPEN)
_OF_REF = select(jobs).where(jobs.c.ref == bindparam("of")).order_by(jobs.c.created_at)
_ATTEMPTS = (
    select(attempts)
    .where(attempts.c.job_id.in_(bindparam("ids", expanding=True)))
    .order_by(attempts.c.job_id, attempts.c.seq, attempts.c.attempt)
)
_RETRIES = (
    select(attempts)
    .where(attempts.c.job_id == bindparam("job"), attempts.c.retry_at.is_not(None))
    .order_by(attempts.c.retry_at)
    .limit(bindparam("most"))
)
_RETRIED = (
    update(attempts)
    .where(
        tuple_(attempts.c.job_id, attempts.c.seq, attempts.c.attempt).in_(
            bindparam("keys", expanding=True)
        )
    )
    .values(retry_at=None)
)


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert jobs."""
    if rows:
        connection.execute(_ADD, rows)


def claim(
    connection: Connection, *, owner: str, now: int, until: int, most: int
) -> list[Row[Any]]:
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
    values = {"owner": owner, "now": now, "until": until, "most": most}
    return list(connection.execute(_CLAIM, values))


def extend(connection: Connection, owner: str, job_ids: Iterable[str], until: int) -> None:
    """Set when the leases of *owner* end."""
    rows = [{"job": job_id, "owner": owner, "until": until} for job_id in job_ids]
    if rows:
        connection.execute(_EXTEND, rows)


def save(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write how far jobs have come; one that is no longer the owner's stays as it is."""
    if rows:
        connection.execute(_SAVE, rows)


def release(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Give leases back: ``job`` and ``owner``."""
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
    query = select(jobs.c.job_id).where(jobs.c.lease_owner == owner, jobs.c.lease_until > now)
    return {
        row[0]
        for chunk in _sql.chunks(job_ids)
        for row in connection.execute(query.where(jobs.c.job_id.in_(chunk)))
    }


def next_due(connection: Connection) -> int | None:
    """Return when the next job can be claimed, UTC milliseconds, or None."""
    due = connection.execute(_NEXT).scalar()
    return None if due is None else int(due)


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
    for chunk in _sql.chunks(keys):
        connection.execute(_RETRIED, {"keys": chunk})


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
