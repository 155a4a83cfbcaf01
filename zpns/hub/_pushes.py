"""What became of pushes, read from jobs and attempts."""

from __future__ import annotations

from typing import Any, Final

import orjson
from sqlalchemy import Connection, Row

from zpns.models.delivery import Outcome
from zpns.models.sessions import PushRecord
from zpns.store import jobs

__all__ = ["pushes_of"]

_ADVICE: Final = {
    "acknowledged": "the user was online and received it there",
    "empty_text": "title and content must both be given, or nothing is pushed",
    "no_device": "the user has no device; register one",
}


def pushes_of(connection: Connection, ref: str) -> tuple[list[PushRecord], bool]:
    """Return a record per device, or per user without one, and whether all are final."""
    rows = jobs.of_ref(connection, ref)
    latest: dict[tuple[str, int], Row[Any]] = {}
    for row in jobs.attempts_of(connection, [job.job_id for job in rows]):
        latest[row.job_id, row.seq] = row  # in order of attempt: the last one stays
    records = [_record(row) for row in latest.values()]
    tried = {job_id for job_id, _ in latest}
    for job in rows:
        if job.state == jobs.DONE and job.job_id not in tried:
            reason = job.reason or "no_device"
            records += [
                PushRecord(
                    user_id=user_id,
                    outcome=Outcome.SKIPPED,
                    code=reason,
                    advice=_ADVICE.get(reason, ""),
                )
                for user_id, _ in orjson.loads(job.audience)
            ]
    return records, all(job.state == jobs.DONE for job in rows)


def _record(row: Row[Any]) -> PushRecord:
    return PushRecord(
        user_id=row.user_id,
        push_id=row.push_id,
        channel=row.channel,
        app=row.app,
        form=row.form,
        # No outcome yet: its bytes may be under way.
        outcome=Outcome(row.outcome) if row.outcome else Outcome.RETRY,
        status=row.status,
        code=row.code,
        message_id=row.vendor_id,
        advice=row.advice,
        attempts=row.attempt,
    )
