"""Who works on a job: one worker at a time, whatever becomes of the others."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from typing import Any

import pytest

from zpns import DeviceToken
from zpns.delivery import _job as job_module
from zpns.delivery import worker as worker_module
from zpns.delivery._job import LEASE, PAGE
from zpns.delivery.worker import EXTEND
from zpns.exchange import Response

MANY = 1200  # devices; more than two pages


async def register_many(process: Any, count: int = MANY) -> list[str]:
    """Give bob many devices of the toy."""
    tokens = [f"t{number}" for number in range(count)]
    await process.hub.register("bob", [DeviceToken("toy", token) for token in tokens])
    return tokens


# Two workers.


async def test_two_processes_do_nothing_twice(make_office: Any) -> None:
    """Each job is done by one of them, and both of them do some."""
    office = make_office(file=True)
    accepts = await office.process(workers=0)
    await accepts.device("bob")
    workers = [await office.process(), await office.process()]
    refs = []
    for batch in range(10):
        refs += [await accepts.send(f"{batch}-{number}") for number in range(10)]
        await office.after(0.1)  # they hear of it within a tenth of a second
    await accepts.ends(*refs)
    await office.calm()
    done = [[r for r in one.carrier.requests if r.url.endswith(":send")] for one in workers]
    assert 100 == sum(map(len, done))
    assert 100 == len(office.vendors.pushes)
    assert 100 == len(await accepts.rows("attempts"))


async def test_two_workers_of_one_process_do_nothing_twice(office: Any) -> None:
    """They share lanes and news."""
    process = await office.process(workers=2)
    await process.device("bob")
    refs = await asyncio.gather(*(process.send(str(number)) for number in range(50)))
    await process.ends(*refs)
    assert 50 == len(office.vendors.pushes)
    assert 50 == len(await process.rows("attempts"))


async def test_a_worker_that_died_is_replaced_when_its_lease_runs_out(make_office: Any) -> None:
    """What it had not written goes out again, under the same vendor ID; nothing is lost."""
    office = make_office(file=True)
    dies = await office.process()
    await dies.device("bob")
    dies.carrier.hold()
    ref = await dies.send()
    await dies.carrier.received(1)
    dies.carrier.release(1)  # the credential
    await dies.carrier.received(2)
    dies.carrier.release(1)  # the push arrives, and the worker dies before it hears of it
    await dies.die()
    lives = await office.process()
    await office.after(LEASE / 1000 - 1)
    assert 1 >= len(office.vendors.pushes)
    await office.after(1)
    await lives.ends(ref)
    assert [("sent", "")] == await lives.outcomes(ref)
    assert 1 == len({push.id for push in office.vendors.pushes})
    assert [1] == [row["attempt"] for row in await lives.rows("attempts")]


async def test_a_worker_that_died_between_pages_loses_no_device(make_office: Any, toy: Any) -> None:
    """Only the page it was at is repeated, with the same job and numbers."""
    office = make_office(file=True)
    dies = await office.process(toy(max_tokens=100))
    tokens = await register_many(dies)
    dies.carrier.hold()
    ref = await dies.send()
    await dies.carrier.received(5)
    dies.carrier.release(5)  # the first page
    await dies.carrier.received(10)
    dies.carrier.release(3)  # of the second
    await office.eventually(lambda: len(office.vendors.pushes) == 800)
    await dies.die()
    lives = await office.process(toy(max_tokens=100))
    await office.after(LEASE / 1000)
    await lives.ends(ref)
    seen = Counter(push.token for push in office.vendors.pushes)
    assert set(tokens) == set(seen)
    assert {1: 900, 2: 300} == dict(Counter(seen.values()))
    ids = {token: {push.id for push in office.vendors.to(token)} for token in tokens}
    assert {1} == {len(found) for found in ids.values()}
    assert MANY == len(await lives.rows("attempts"))


async def test_the_result_of_a_worker_that_lost_its_lease_is_refused(
    make_office: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It was silent for too long; what its successor wrote stays."""
    office = make_office(file=True)
    slow = await office.process()
    token = await slow.device("bob")
    office.vendors.fates[token] = deque(
        [None, Response(status=503, headers={"retry-after": "1000"})]
    )
    await slow.ends(await slow.send("first"))
    (worker,) = slow.workers
    slow.carrier.hold()
    ref = await slow.send()
    await slow.carrier.received(3)
    await worker_module._stop(worker._extending, worker._claiming)  # no sign of life
    row = await slow.job(ref)
    await slow.change(f"UPDATE jobs SET due_at = {row['created_at']} WHERE ref = '{ref}'")
    fast = await office.process()
    await office.eventually(lambda: len(office.vendors.pushes) == 2)
    await office.calm()
    slow.carrier.release()
    with caplog.at_level(logging.WARNING, "zpns.delivery"):
        await office.eventually(lambda: not worker._running)
    assert any("taken over by another worker" in record.message for record in caplog.records)
    assert [("retry", "HTTP_503")] == await fast.outcomes(ref)
    assert 0 == (await fast.job(ref))["state"]


async def test_a_lease_is_kept_while_its_job_takes_long(
    make_office: Any, toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes over what is under way, however long that is."""
    monkeypatch.setattr(worker_module, "WINDOW", 1)
    office = make_office(file=True)
    slow = await office.process(toy(max_tokens=1))
    await register_many(slow, 6)
    slow.carrier.hold()
    ref = await slow.send()
    await slow.carrier.received(1)
    idle = await office.process(toy(max_tokens=1))
    for _ in range(12):
        await office.after(EXTEND / 2)
    await slow.ends(ref)
    assert {("unknown", "timeout")} == set(await slow.outcomes(ref))
    assert 6 == len(slow.carrier.requests)
    assert [] == idle.carrier.requests


async def test_a_job_is_not_run_twice_by_the_worker_that_runs_it(
    office: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A lease of its own that ran out while the loop stood still is good again."""
    process = await office.process()
    await process.device("bob")
    await process.ends(await process.send("first"))
    process.carrier.hold()
    ref = await process.send()
    await process.carrier.received(3)
    row = await process.job(ref)
    await process.change(f"UPDATE jobs SET due_at = {row['created_at']} WHERE ref = '{ref}'")
    process.wakeup.notify(["jobs"])
    await office.calm()
    assert 3 == len(process.carrier.requests)
    process.carrier.release()
    await process.ends(ref)
    assert [("sent", "")] == await process.outcomes(ref)
    assert 2 == len(office.vendors.pushes)


# Pages.


async def test_an_audience_of_many_pages_gets_one_push_each(office: Any, toy: Any) -> None:
    """A page at a time; the last is not full."""
    assert MANY > 2 * PAGE
    process = await office.process(toy(max_tokens=100))
    tokens = await register_many(process)
    ref = await process.send()
    await process.ends(ref)
    assert sorted(tokens) == sorted(push.token for push in office.vendors.pushes)
    rows = await process.rows("attempts")
    assert (MANY, {"sent"}) == (len(rows), {row["outcome"] for row in rows})


@pytest.mark.parametrize("count", [PAGE, 2 * PAGE], ids=["one-page", "two-pages"])
async def test_a_full_last_page_ends_the_job(office: Any, toy: Any, count: int) -> None:
    """Another one is looked for, and is empty."""
    process = await office.process(toy(max_tokens=250))
    await register_many(process, count)
    ref = await process.send()
    await process.ends(ref)
    assert count == len(office.vendors.pushes)


async def test_more_retries_than_fit_a_page_are_all_tried_again(office: Any, toy: Any) -> None:
    """The job is not over before the last of them is."""
    process = await office.process(toy(max_tokens=100))
    tokens = await register_many(process)
    office.vendors.fates = {token: deque(["busy=5"]) for token in tokens}
    ref = await process.send()
    await office.eventually(lambda: len(office.vendors.pushes) == MANY)
    await office.after(5)
    await process.ends(ref)
    assert {"sent": MANY} == dict(Counter(o for o, _ in await process.outcomes(ref)))
    assert {2} == set(Counter(push.token for push in office.vendors.pushes).values())


async def test_a_second_worker_goes_on_where_the_pages_ended_with_earlier_retries(
    make_office: Any, toy: Any
) -> None:
    """Retries of pages that were written before are not forgotten at the end."""
    office = make_office(file=True)
    first = await office.process(toy(max_tokens=100))
    await register_many(first)
    office.vendors.fates["t0"] = deque(["busy=1000"])
    first.carrier.hold()
    ref = await first.send()
    await first.carrier.received(5)
    first.carrier.release(5)
    await first.carrier.received(10)
    await first.close()
    second = await office.process(toy(max_tokens=100))
    await office.eventually(lambda: len(office.vendors.pushes) == MANY)
    await office.calm()
    assert not await second.over(ref)
    await office.after(1000)
    await second.ends(ref)
    assert 2 == len(office.vendors.to("t0"))


# Closing.


async def test_closing_waits_for_what_is_under_way(make_office: Any) -> None:
    """Within the time given: its outcome is written."""
    office = make_office(file=True)
    process = await office.process()
    await process.device("bob")
    process.carrier.hold()
    ref = await process.send()
    await process.carrier.received(1)
    closing = asyncio.create_task(process.close(drain=5))
    await office.clock.advance(4.9)
    assert not closing.done()
    process.carrier.release()
    await asyncio.wait_for(closing, 20)
    other = await office.process(workers=0)
    assert [("sent", "")] == await other.outcomes(ref)


async def test_closing_leases_nothing_new(office: Any) -> None:
    """What comes while it drains is left to others."""
    process = await office.process()
    await process.device("bob")
    process.carrier.hold()
    await process.send()
    await process.carrier.received(1)
    (worker,) = process.workers
    closing = asyncio.create_task(worker.aclose(5))
    await office.clock.advance(0)
    later = await process.send("later")
    process.carrier.release()
    await asyncio.wait_for(closing, 20)
    await office.calm()
    job = await process.job(later)
    assert (0, None) == (job["state"], job["lease_owner"])
    assert 1 == len(office.vendors.pushes)


@pytest.mark.parametrize("drain", [0.0, 3.0])
async def test_what_is_cut_off_is_given_back_at_once(make_office: Any, drain: float) -> None:
    """The next worker need not wait for a lease to run out."""
    office = make_office(file=True)
    process = await office.process()
    await process.device("bob")
    process.carrier.hold()
    ref = await process.send()
    await process.carrier.received(1)
    closing = asyncio.create_task(process.workers[0].aclose(drain))
    await office.after(drain)
    await asyncio.wait_for(closing, 20)
    await process.close()
    second = await office.process()
    await second.ends(ref)
    assert [("sent", "")] == await second.outcomes(ref)


async def test_closing_in_the_middle_of_leasing_gives_back_what_was_leased(
    make_office: Any,
) -> None:
    """At whatever step of the loop the worker is told to stop."""
    for turns in range(0, 40, 3):
        office = make_office(file=True)
        process = await office.process(workers=0)
        await process.device("bob")
        refs = [await process.send() for _ in range(3)]
        process.carrier.hold()
        worker = await process.hire()
        for _ in range(turns):
            await asyncio.sleep(0)
        await worker.aclose(0)
        owners = {(await process.job(ref))["lease_owner"] for ref in refs}
        assert {None} == owners, f"after {turns} turns of the loop"
        due = {(await process.job(ref))["due_at"] for ref in refs}
        assert {round(office.clock.time() * 1000)} == due


async def test_a_cancelled_close_still_gives_back(make_office: Any) -> None:
    """Whoever is in a hurry cancels the waiting, not the rest."""
    office = make_office(file=True)
    process = await office.process()
    await process.device("bob")
    process.carrier.hold()
    ref = await process.send()
    await process.carrier.received(1)
    (worker,) = process.workers
    closing = asyncio.create_task(worker.aclose(1000))
    await office.clock.advance(1)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    assert closing.cancelled()
    assert None is (await process.job(ref))["lease_owner"]
    assert {} == worker._running


async def test_closing_twice_is_harmless(office: Any) -> None:
    """And before it did anything."""
    process = await office.process()
    (worker,) = process.workers
    await worker.aclose(5)
    await worker.aclose(5)
    assert 1 == len(process.workers)


# A store that fails.


async def test_a_worker_outlives_a_store_that_fails(
    office: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What failed is logged and tried again a little later; nothing is lost."""
    process = await office.process()
    await process.device("bob")
    await process.change("ALTER TABLE jobs RENAME TO elsewhere")
    process.wakeup.notify(["jobs"])
    await office.eventually(lambda: "delivery failed; trying again" in caplog.text)
    await process.change("ALTER TABLE elsewhere RENAME TO jobs")
    ref = await process.send()
    await office.after(2)
    await process.ends(ref)
    assert [("sent", "")] == await process.outcomes(ref)


async def test_outcomes_that_the_store_did_not_take_are_written_again_and_not_sent_again(
    office: Any,
) -> None:
    """A page that went out does not go out twice because of a disk that was full."""
    process = await office.process()
    await process.device("bob")
    process.carrier.hold()
    ref = await process.send()
    await process.carrier.received(1)
    await process.change("ALTER TABLE attempts RENAME TO elsewhere")
    process.carrier.release()
    await office.eventually(lambda: len(office.vendors.pushes) == 1)
    await office.calm()
    await office.after(job_module.AGAIN * 3)
    await process.change("ALTER TABLE elsewhere RENAME TO attempts")
    await office.after(job_module.AGAIN)
    await process.ends(ref)
    assert [("sent", "")] == await process.outcomes(ref)
    assert 1 == len(office.vendors.pushes)


async def test_pages_that_cannot_be_read_are_read_again_later(
    office: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The leased jobs are put back, and not held until their lease runs out."""
    process = await office.process(workers=0)
    await process.device("bob")
    ref = await process.send()
    await process.change("ALTER TABLE tokens RENAME TO elsewhere")
    await process.hire()
    await office.eventually(lambda: "push job failed" in caplog.text)
    await process.change("ALTER TABLE elsewhere RENAME TO tokens")
    await office.after(worker_module.FAILED)
    await process.ends(ref)
    assert [("sent", "")] == await process.outcomes(ref)


async def test_a_job_that_keeps_failing_waits_longer_and_longer(
    office: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A broken row does not fill the log for a week."""
    process = await office.process(workers=0)
    await process.device("bob")
    ref = await process.send()
    await process.change("UPDATE jobs SET push = 'nonsense'")
    await process.hire()
    waits: list[float] = []

    async def failed_again() -> bool:
        return len([one for one in caplog.records if "push job failed" in one.message]) > len(waits)

    async def put_back() -> bool:
        return (await process.job(ref))["lease_owner"] is None

    for _ in range(14):
        await office.eventually(failed_again)
        await office.eventually(put_back)
        due = (await process.job(ref))["due_at"]
        waits.append((due - round(office.clock.time() * 1000)) / 1000)
        await office.clock.advance(waits[-1])
    assert sorted(waits) == waits
    assert (5.0, True) == (waits[0], 20 < waits[-1] <= worker_module.FAILED_MOST)
