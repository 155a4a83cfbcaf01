"""Attempts of push jobs: written before and after, read for retries and for the ledger."""

from __future__ import annotations

from zpns.store import jobs

from .makers import Do, attempt


async def test_recording_again_changes_nothing(do: Do) -> None:
    """A page that is written twice, after a crash for instance, is there once."""
    page = [attempt("j", seq, outcome="retry", retry_at=50) for seq in range(3)]
    await do(jobs.record, page)
    before = await do.rows("SELECT * FROM attempts")
    await do(jobs.record, page)
    assert before == await do.rows("SELECT * FROM attempts")
    assert 3 == len(before)


async def test_an_attempt_is_completed_by_its_answer(do: Do) -> None:
    """A row that was written before its bytes left is overwritten in every column."""
    opened = attempt("j", 1, outcome=None, status=0, ended_at=None, vendor_id="")
    await do(jobs.record, [opened, attempt("j", 2)])
    answer = attempt(
        "j",
        1,
        user_id="u",
        push_id="p",
        channel="apns",
        app="a",
        token_kind="voip",
        form="f",
        endpoint="e",
        outcome="retry",
        status=503,
        code="c",
        vendor_id="v",
        advice="wait",
        started_at=7,
        ended_at=8,
        retry_at=9,
    )
    await do(jobs.record, [answer])
    rows = await do.store.read(jobs.attempts_of, ["j"])
    assert [answer, attempt("j", 2)] == [dict(row._mapping) for row in rows]


async def test_attempts_come_by_job_device_and_number(do: Do) -> None:
    """Whatever the order in which they were written; of the jobs asked for."""
    keys = [(name, seq, number) for name in "abc" for seq in (1, 10, 2) for number in (2, 1)]
    await do(jobs.record, [attempt(*key) for key in keys])
    rows = await do.store.read(jobs.attempts_of, ["c", "a", "never"])
    assert sorted(key for key in keys if key[0] != "b") == [
        (row.job_id, row.seq, row.attempt) for row in rows
    ]


async def test_waiting_retries_come_in_time_order(do: Do) -> None:
    """The earliest first, no more than asked for, of one job, and none that was followed."""
    await do(
        jobs.record,
        [
            attempt("j", 1, retry_at=30),
            attempt("j", 2, retry_at=10),
            attempt("j", 4, retry_at=20),
            attempt("j", 3, retry_at=20),
            attempt("j", 5),
            attempt("other", 1, retry_at=1),
        ],
    )

    async def waiting(most: int = 10) -> list[int]:
        return [row.seq for row in await do.store.read(jobs.retries, "j", most)]

    assert [2, 3, 4, 1] == await waiting()
    assert [2, 3] == await waiting(2)
    await do(jobs.retried, [("j", 3, 1), ("j", 1, 2), ("other", 2, 1)])
    assert [2, 4, 1] == await waiting()
