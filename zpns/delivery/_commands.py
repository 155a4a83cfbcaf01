"""Jobs as commands: leasing them, reading their pages, writing how far they have come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, exc

from zpns.errors import StoreError
from zpns.models.notification import PushEvent
from zpns.store import calls, devices, jobs
from zpns.store.devices import Device

__all__ = [
    "Claim",
    "Extension",
    "LeaseLost",
    "Page",
    "Progress",
    "claim",
    "extend",
    "first_pages",
    "next_page",
    "release",
    "save",
    "waiting",
]


class LeaseLost(StoreError):
    """Another worker took the job over, because this one was silent for too long."""


class Claim(NamedTuple):
    """A wish for due jobs; times are UTC milliseconds."""

    owner: str
    now: int
    until: int
    most: int


class Extension(NamedTuple):
    """A wish to keep leases until a later time."""

    owner: str
    job_ids: tuple[str, ...]
    until: int


class Page(NamedTuple):
    """
    A part of a job's audience.

    Attributes:
        devices: Of users who still want the push.

        skipped: Devices whose user does not, and why.

        place: Where the next page begins, JSON; None if there is none.
    """

    devices: list[Device]
    skipped: list[tuple[Device, str]]
    place: str | None


class Progress(NamedTuple):
    """
    How far a job has come.

    Attributes:
        owner: Who leases it.

        job_id: Which job.

        now: UTC milliseconds.

        attempts: Rows of the table of attempts.

        followed: Earlier attempts, by (job, seq, attempt), that these follow.

        place: Where the next page begins, or None.

        paged: Whether the whole audience was gone through.

        state: Open or done.

        reason: Why it ended without a push, or empty.

        due_at: When it goes on, or when the lease ends if it is kept, UTC milliseconds.

        stored: What vendors call its saved bodies, JSON, or None.

        release: Whether the lease is given back.
    """

    owner: str
    job_id: str
    now: int
    attempts: Sequence[Mapping[str, Any]]
    followed: Sequence[tuple[str, int, int]]
    place: str | None
    paged: bool
    state: int
    reason: str
    due_at: int
    stored: str | None
    release: bool


def claim(connection: Connection, items: Sequence[Claim]) -> list[list[Row[Any]] | Exception]:
    """Lease due jobs."""
    return [
        jobs.claim(connection, owner=item.owner, now=item.now, until=item.until, most=item.most)
        for item in items
    ]


def extend(connection: Connection, items: Sequence[Extension]) -> list[Exception | None]:
    """Keep leases."""
    for item in items:
        jobs.extend(connection, item.owner, item.job_ids, item.until)
    return [None] * len(items)


def release(
    connection: Connection, items: Sequence[tuple[str, tuple[str, ...], int]]
) -> list[Exception | None]:
    """Give leases back: (owner, job IDs, when they may be claimed again)."""
    rows = [
        {"job": job_id, "owner": owner, "due": due}
        for owner, job_ids, due in items
        for job_id in job_ids
    ]
    jobs.release(connection, rows)
    return [None] * len(items)


def save(connection: Connection, items: Sequence[Progress]) -> list[Exception | None]:
    """Write progress; of a job that another worker took over, nothing."""
    owned: set[tuple[str, str]] = set()
    for owner in {item.owner for item in items}:
        mine = [item for item in items if item.owner == owner]
        now = min(item.now for item in mine)
        held = jobs.owned(connection, owner, [item.job_id for item in mine], now)
        owned |= {(owner, job_id) for job_id in held}
    good = [item for item in items if (item.owner, item.job_id) in owned]
    jobs.retried(connection, [key for item in good for key in item.followed])
    jobs.record(connection, [row for item in good for row in item.attempts])
    jobs.save(
        connection,
        [
            {
                "job": item.job_id,
                "owner": item.owner,
                "to_state": item.state,
                "why": item.reason,
                "due": item.due_at,
                "holder": None if item.release else item.owner,
                "place": item.place,
                "all_paged": int(item.paged),
                "saved": item.stored,
            }
            for item in good
        ],
    )
    return [
        None
        if (item.owner, item.job_id) in owned
        else LeaseLost(f"push job {item.job_id!r} was taken over by another worker")
        for item in items
    ]


def first_pages(
    connection: Connection, claimed: Sequence[Row[Any]], now: int, most: int
) -> dict[str, Page]:
    """
    Return the next page of each job that has one, by job ID: one read for many jobs.

    A job that cannot be read has none here; whoever runs it alone learns why.
    """
    pages = {}
    for job in claimed:
        if not job.paged:
            try:
                pages[job.job_id] = next_page(connection, job, job.page_cursor, now, most)
            except exc.SQLAlchemyError:
                raise
            except Exception:  # noqa: S112 - it is logged there, once
                continue
    return pages


def next_page(
    connection: Connection, job: Row[Any], place: str | None, now: int, most: int
) -> Page:
    """
    Return devices of a job's audience.

    Args:
        connection: Any.

        job: A row of the table of jobs.

        place: Where the page begins, as the one before said; None is the start.

        now: UTC milliseconds.

        most: How many devices at most.
    """
    users = [user_id for user_id, _ in orjson.loads(job.audience)]
    after = None
    if place is not None:
        user_id, device = orjson.loads(place)
        after = (user_id, device)
    found = devices.of_users(connection, users, after=after, limit=most)
    following = None
    if len(found) == most:
        following = orjson.dumps([found[-1].user_id, found[-1].id]).decode()
    if job.event != PushEvent.CALL_INVITED:
        return Page(found, [], following)
    rings = calls.ringing(connection, int(job.ref), now)
    return Page(
        [device for device in found if device.user_id in rings],
        [(device, "call_ended") for device in found if device.user_id not in rings],
        following,
    )


def waiting(
    connection: Connection, job: Row[Any], now: int, most: int
) -> tuple[list[tuple[Row[Any], Device | None]], list[tuple[Row[Any], Device | None]], int | None]:
    """
    Return the attempts of a job that are to be followed by another.

    Returns:
        Those due now, with their device unless it is gone; those that nobody wants any
        more, likewise; and when the next of the others is due, UTC milliseconds, or None.
    """
    # One more than is taken now: somebody has to come back for it.
    rows = jobs.retries(connection, job.job_id, most + 1)
    due = [row for row in rows[:most] if row.retry_at <= now]
    following = min((row.retry_at for row in rows[len(due) :]), default=None)
    here = devices.of_ids(connection, [row.seq for row in due])
    pairs = []
    for row in due:
        device = here.get(row.seq)
        # One that was bound to another user meanwhile is that user's, not this push's.
        mine = device is not None and device.user_id == row.user_id
        pairs.append((row, device if mine else None))
    if job.event != PushEvent.CALL_INVITED:
        return pairs, [], following
    rings = calls.ringing(connection, int(job.ref), now)
    return (
        [pair for pair in pairs if pair[0].user_id in rings],
        [pair for pair in pairs if pair[0].user_id not in rings],
        following,
    )
