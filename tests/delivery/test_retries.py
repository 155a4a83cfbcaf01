"""Trying again: as rows with a time, within the deadline, holding nothing meanwhile."""

from __future__ import annotations

from collections import deque
from email.utils import formatdate
from typing import Any

import pytest

from zpns.delivery import worker as worker_module
from zpns.errors import CarrierError
from zpns.exchange import Request, Response
from zpns.simulators import _fcm_errors as fcm_errors

DAY = 24 * 3600


def unavailable(retry_after: str | None = None) -> Response:
    """Return Google's 503."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return Response(status=503, headers=headers, body=fcm_errors.UNAVAILABLE.body)


async def waits(process: Any, ref: str) -> int:
    """Return when the retry of a job is due, relative to now, in milliseconds."""

    async def waiting() -> bool:
        job = await process.job(ref)
        return job["paged"] == 1 and job["lease_owner"] is None

    await process.office.eventually(waiting)
    job = await process.job(ref)
    assert 0 == job["state"]
    due = [row["retry_at"] for row in await process.rows("attempts") if row["retry_at"]]
    assert min(due) == job["due_at"]
    return min(due) - round(process.clock.time() * 1000)


@pytest.mark.parametrize(
    "as_date", [pytest.param(False, id="seconds"), pytest.param(True, id="date")]
)
async def test_the_vendors_time_is_kept_to_the_second(office: Any, as_date: bool) -> None:
    """Not before it, and not at the end of some lease: it is sent when it is due."""
    process = await office.process()
    token = await process.device("bob")
    date = formatdate(office.clock.time() + 7, usegmt=True)
    office.vendors.fates[token] = deque([unavailable(date if as_date else "7")])
    ref = await process.send()
    assert 7000 == await waits(process, ref)
    (record,) = await process.records(ref)
    assert ("retry", "UNAVAILABLE", 503) == (record.outcome.value, record.code, record.status)
    assert not await process.over(ref)
    await office.after(6.9)
    assert 1 == len(office.vendors.pushes)
    await office.clock.advance(0.1)
    await process.ends(ref)
    assert [0.0, 7.0] == [round(push.time, 3) for push in office.vendors.pushes]
    first, second = await process.rows("attempts")
    assert [(1, "retry", None), (2, "sent", None)] == [
        (row["attempt"], row["outcome"], row["retry_at"]) for row in (first, second)
    ]
    (record,) = await process.records(ref)
    assert ("sent", 2) == (record.outcome.value, record.attempts)


async def test_a_retry_repeats_the_push_under_the_same_vendor_id(office: Any) -> None:
    """The body stays the same, so that the device can tell a repetition."""
    process = await office.process()
    token = await process.device("bob")
    office.vendors.fates[token] = deque([unavailable("7"), unavailable("5")])
    ref = await process.send()
    await waits(process, ref)
    await office.clock.advance(7)
    await office.eventually(lambda: len(office.vendors.pushes) == 2)
    assert 5000 == await waits(process, ref)
    await office.clock.advance(5)
    await process.ends(ref)
    ids = [push.id for push in office.vendors.pushes]
    assert [ids[0]] * 3 == ids
    assert "" != ids[0]
    assert [1, 2, 3] == [row["attempt"] for row in await process.rows("attempts")]


async def test_without_a_time_fcm_waits_ten_seconds_at_least(office: Any) -> None:
    """And not much longer than twice that."""
    process = await office.process()
    for _ in range(5):
        office.vendors.fates[await process.device("bob")] = deque([unavailable()])
    ref = await process.send()
    await waits(process, ref)
    due = [row["retry_at"] - row["ended_at"] for row in await process.rows("attempts")]
    assert 5 == len(due)
    assert all(10_000 <= wait <= 20_000 for wait in due)
    assert 1 < len(set(due)), "not all at the same moment"


async def test_a_push_that_did_not_leave_is_tried_again_and_does_not_count(office: Any) -> None:
    """No vendor saw it: the ledger counts what was sent."""
    process = await office.process()
    token = await process.device("bob")
    request = Request(method="POST", url="https://x.example")
    office.vendors.fates[token] = deque([CarrierError("no way", request, sent=False)])
    ref = await process.send()
    wait = await waits(process, ref)
    assert 10_000 <= wait <= 20_000
    (record,) = await process.records(ref)
    assert ("retry", "not_sent", 0, "") == (
        record.outcome.value,
        record.code,
        record.attempts,
        record.form,
    )
    await office.clock.advance(wait / 1000)
    await process.ends(ref)
    (record,) = await process.records(ref)
    assert ("sent", 1) == (record.outcome.value, record.attempts)


async def test_a_waiting_retry_holds_no_slot(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for one request and one job, others go on while it waits."""
    monkeypatch.setattr(worker_module, "WINDOW", 1)
    monkeypatch.setattr(worker_module, "AT_ONCE", 1)
    process = await office.process()
    token = await process.device("bob")
    await process.device("cat")
    office.vendors.fates[token] = deque([unavailable("3600")])
    first = await process.send()
    await waits(process, first)
    second = await process.send(to="cat")
    await process.ends(second)
    assert 0 == process.carrier.under_way
    assert not await process.over(first)


async def test_a_retry_survives_the_process(make_office: Any) -> None:
    """It is a row: whoever comes later sends it, at its time or at once if that is past."""
    office = make_office(file=True)
    first = await office.process()
    late, later = await first.device("bob"), await first.device("bob")
    office.vendors.fates[late] = deque([unavailable("60")])
    office.vendors.fates[later] = deque([unavailable("900")])
    ref = await first.send()
    await waits(first, ref)
    await first.close()

    await office.clock.advance(120)
    second = await office.process()
    await office.eventually(lambda: len(office.vendors.to(late)) == 2)
    await office.calm()
    assert 1 == len(office.vendors.to(later))
    assert 780_000 == await waits(second, ref)
    await office.clock.advance(780)
    await second.ends(ref)
    assert [2, 2] == [len(office.vendors.to(token)) for token in (late, later)]
    assert {"sent"} == {outcome for outcome, _ in await second.outcomes(ref)}


async def test_a_push_is_never_sent_after_its_deadline(office: Any) -> None:
    """A call that the vendor wants after the ringing is over is given up at once."""
    process = await office.process()
    token = await process.device("bob")
    office.vendors.fates[token] = deque([unavailable("60")])
    ref = await process.call("bob", timeout=30)
    await process.ends(ref)
    (record,) = await process.records(ref)
    assert ("expired", "UNAVAILABLE", 503, 1) == (
        record.outcome.value,
        record.code,
        record.status,
        record.attempts,
    )
    await office.after(3600)
    assert 1 == len(office.vendors.pushes)


async def test_a_retry_whose_deadline_passed_meanwhile_is_expired(make_office: Any) -> None:
    """Nobody was there when it was due; it is not sent late."""
    office = make_office(file=True)
    first = await office.process()
    token = await first.device("bob")
    office.vendors.fates[token] = deque([unavailable("60")])
    ref = await first.send()
    await waits(first, ref)
    await first.close()
    await office.clock.advance(7 * DAY)
    second = await office.process()
    await second.ends(ref)
    assert [("expired", "expired")] == await second.outcomes(ref)
    assert 1 == len(office.vendors.pushes)


async def test_a_job_whose_deadline_passed_before_the_first_try_is_expired(
    make_office: Any,
) -> None:
    """Likewise: it is reported, and nothing is sent."""
    office = make_office(file=True)
    process = await office.process(workers=0)
    await process.device("bob")
    ref = await process.send()
    await office.clock.advance(7 * DAY + 1)
    await process.hire()
    await process.ends(ref)
    (record,) = await process.records(ref)
    assert ("expired", "expired", 0) == (record.outcome.value, record.code, record.attempts)
    assert [] == office.vendors.pushes


# A pause of the whole app.


async def test_a_spent_quota_makes_waiting_rows_of_the_whole_app(office: Any, toy: Any) -> None:
    """What comes in the pause is not sent and holds nothing; other apps go on."""
    process = await office.process(toy(), toy(app="tv"))
    for user, token, app in [("bob", "b", "default"), ("cat", "c", "default"), ("dan", "d", "tv")]:
        await process.device(user, token, channel="toy", app=app)
    office.vendors.fates["b"] = deque(["quota=30"])
    first = await process.send()
    assert 30_000 == await waits(process, first)
    second, third = await process.send(to="cat"), await process.send(to="dan")
    await process.ends(third)
    assert 30_000 == await waits(process, second)
    assert [("retry", "quota")] == await process.outcomes(second)
    assert ["b", "d"] == [push.token for push in office.vendors.pushes]
    assert 0 == process.carrier.under_way
    await office.after(29)
    assert 2 == len(office.vendors.pushes)
    while not (await process.over(first) and await process.over(second)):
        await office.after(1)
    assert {"b", "c"} == {push.token for push in office.vendors.pushes[2:]}
    (record,) = await process.records(second)
    assert ("sent", 1) == (record.outcome.value, record.attempts)


async def test_the_pause_ends_by_one_probe(office: Any, toy: Any) -> None:
    """If the vendor says *not yet* again, one push learned of it and the others wait on."""
    process = await office.process(toy(max_tokens=1))
    for number in range(20):
        await process.device(f"u{number}", f"t{number}", channel="toy")
    office.vendors.fates["t0"] = deque(["quota=30", "quota=30"])
    refs = [await process.send(to="u0")]
    await waits(process, refs[0])
    refs += [await process.send(to=f"u{number}") for number in range(1, 20)]
    for ref in refs[1:]:
        await waits(process, ref)
    await office.after(30)
    probes = office.vendors.pushes[1:]
    assert 1 >= len([push for push in probes if push.token == "t0"])
    for _ in range(40):
        if all([await process.over(ref) for ref in refs]):
            break
        await office.after(2)
    assert {"sent"} == {(await process.outcomes(ref))[0][0] for ref in refs}
    assert 20 + 2 >= len(office.vendors.pushes)


# What changed between two tries.


@pytest.mark.parametrize("moved", [False, True], ids=["unregistered", "moved-to-another-user"])
async def test_a_device_that_is_the_users_no_more_gets_nothing(office: Any, moved: bool) -> None:
    """Not even if somebody else has it now: that is not their message."""
    process = await office.process()
    token = await process.device("bob")
    office.vendors.fates[token] = deque([unavailable("10")])
    ref = await process.send()
    await waits(process, ref)
    if moved:
        await process.device("cat", token)
    else:
        await process.hub.unregister("bob")
    await office.clock.advance(10)
    await process.ends(ref)
    (record,) = await process.records(ref)
    assert ("bob", "skipped", "no_device", 1) == (
        record.user_id,
        record.outcome.value,
        record.code,
        record.attempts,
    )
    assert 1 == len(office.vendors.pushes)


async def test_a_device_whose_token_was_replaced_is_tried_by_the_new_one(office: Any) -> None:
    """The push is the device's, whatever its token is called by now."""
    process = await office.process()
    token = await process.device("bob", device_id="phone")
    office.vendors.fates[token] = deque([unavailable("10")])
    ref = await process.send()
    await waits(process, ref)
    await office.clock.advance(1)
    new = await process.device("bob", device_id="phone")
    await office.clock.advance(9)
    await process.ends(ref)
    assert [token, new] == [push.token for push in office.vendors.pushes]
    assert 1 == len({push.id for push in office.vendors.pushes})


async def test_some_are_sent_while_others_wait_and_none_twice(office: Any, toy: Any) -> None:
    """The job goes on until the last of its devices has an outcome."""
    process = await office.process(toy(max_tokens=2))
    for number in range(6):
        await process.device("bob", f"t{number}", channel="toy")
    office.vendors.fates |= {
        "t1": deque(["busy=5"]),
        "t2": deque(["busy=5", "busy=20"]),
        "t4": deque(["busy=9", "no"]),
    }
    ref = await process.send()
    await waits(process, ref)
    while not await process.over(ref):
        await office.after(1)
    assert {
        "t0": [0],
        "t1": [0, 5],
        "t2": [0, 5, 25],
        "t3": [0],
        "t4": [0, 9],
        "t5": [0],
    } == {
        f"t{number}": [round(push.time) for push in office.vendors.to(f"t{number}")]
        for number in range(6)
    }
    assert ["sent"] * 4 + ["refused", "sent"] == [o for o, _ in await process.outcomes(ref)]
