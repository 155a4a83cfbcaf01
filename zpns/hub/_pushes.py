"""What became of pushes, read from jobs and attempts."""

from __future__ import annotations

from collections import Counter
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
    "internal_error": "zpns could not build it; see the log of zpns.delivery",
    "no_device": "the user has no device; register one",
}


def pushes_of(connection: Connection, ref: str) -> tuple[list[PushRecord], bool]:
    """Return a record per device, or per user without one, and whether all are final."""
    found = {job.job_id: job for job in jobs.of_ref(connection, ref)}
    latest: dict[tuple[str, int], Row[Any]] = {}
    sent: Counter[tuple[str, int]] = Counter()
    for row in jobs.attempts_of(connection, found):
        latest[row.job_id, row.seq] = row  # in order of attempt: the last one stays
        sent[row.job_id, row.seq] += bool(row.form or row.endpoint)
    records = [
        _record(row, sent[key], over=found[row.job_id].state == jobs.DONE)
        for key, row in latest.items()
    ]
    tried = {job_id for job_id, _ in latest}
    for job in found.values():
        if job.state == jobs.DONE and job.job_id not in tried:
            reason = job.reason or "no_device"
            records += [
                PushRecord(
                    user_id=user_id,
                    outcome=Outcome.SKIPPED,
                    code=reason,
                    advice=_ADVICE.get(reason, ""),
                )
                for user_id in _users(job.audience)
            ]
    return records, all(job.state == jobs.DONE for job in found.values())


def _users(audience: str) -> list[str]:
    """Return who a push is for; nobody, if the job is the reason why it failed."""
    try:
        return [user_id for user_id, _ in orjson.loads(audience)]
    except (TypeError, ValueError):
        return [""]


def _record(row: Row[Any], sent: int, *, over: bool) -> PushRecord:
    # No outcome yet: its bytes may be under way.
    outcome = Outcome(row.outcome) if row.outcome else Outcome.RETRY
    if over and outcome is Outcome.RETRY:  # the job was given up before it was tried again
        outcome = Outcome.EXPIRED if row.outcome else Outcome.UNKNOWN
    return PushRecord(
        user_id=row.user_id,
        push_id=row.push_id,
        channel=row.channel,
        app=row.app,
        form=row.form,
        outcome=outcome,
        status=row.status,
        code=row.code,
        message_id=row.vendor_id,
        advice=row.advice,
        attempts=sent,
    )
