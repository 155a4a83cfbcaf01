"""Pushes of calls: only while it rings, and before everything else."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from zpns import ZIMCallAcceptConfig, ZIMCallCancelConfig
from zpns.delivery import worker as worker_module
from zpns.exchange import Response


async def end(process: Any, ref: str, how: str) -> None:
    """End the ringing of a call for bob."""
    match how:
        case "answered":
            await process.hub.call_accept("bob", ref, ZIMCallAcceptConfig())
        case "rejected":
            await process.hub.call_reject("bob", ref, ZIMCallAcceptConfig())
        case "cancelled":
            await process.hub.call_cancel("ann", [], ref, ZIMCallCancelConfig())


ENDS = pytest.mark.parametrize("how", ["answered", "rejected", "cancelled"])


@ENDS
async def test_a_call_that_ended_before_its_first_push_is_not_pushed(office: Any, how: str) -> None:
    """Who was online answered there: five seconds later nothing rings."""
    process = await office.process()
    await process.device("bob")
    await process.login("bob")
    ref = await process.call("bob")
    await end(process, ref, how)
    await office.after(5)
    await process.ends(ref)
    assert [("skipped", "call_ended")] == await process.outcomes(ref)
    assert [] == office.vendors.pushes


@ENDS
async def test_a_call_that_ended_before_the_next_try_is_not_pushed(office: Any, how: str) -> None:
    """The vendor wanted it later, and later nobody does."""
    process = await office.process()
    token = await process.device("bob")
    office.vendors.fates[token] = deque([Response(status=503, headers={"retry-after": "5"})])
    ref = await process.call("bob")
    await office.eventually(lambda: len(office.vendors.pushes) == 1)
    await end(process, ref, how)
    await office.after(5)
    await process.ends(ref)
    (record,) = await process.records(ref)
    assert ("skipped", "call_ended", 1) == (record.outcome.value, record.code, record.attempts)
    assert 1 == len(office.vendors.pushes)


async def test_a_call_that_rang_out_before_its_push_is_not_pushed(make_office: Any) -> None:
    """Whoever starts late finds a call that is over: it is skipped, not sent."""
    office = make_office(file=True)
    process = await office.process(workers=0)
    await process.device("bob")
    ref = await process.call("bob", timeout=30)
    await office.after(31)
    await process.hire()
    await process.ends(ref)
    assert [("skipped", "call_ended")] == await process.outcomes(ref)
    assert [] == office.vendors.pushes


async def test_one_invitee_who_answers_does_not_silence_the_others(office: Any) -> None:
    """Each rings until they have answered themselves."""
    process = await office.process()
    await process.device("bob")
    token = await process.device("cat")
    for user in ("bob", "cat"):
        await process.login(user)
    ref = await process.call("bob", "cat")
    await end(process, ref, "answered")
    await office.after(5)
    await process.ends(ref)
    assert [token] == [push.token for push in office.vendors.pushes]
    found = {record.user_id: record.code for record in await process.records(ref)}
    assert {"bob": "call_ended", "cat": ""} == found


async def test_a_call_that_ends_while_it_waits_for_room_is_not_pushed(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at once more when its turn comes."""
    monkeypatch.setattr(worker_module, "WINDOW", 1)
    process = await office.process()
    await process.device("bob")
    await process.device("cat")
    first = await process.send(to="cat")
    await process.ends(first)  # the credential is there now
    process.carrier.hold()
    second = await process.send(to="cat")
    await process.carrier.received(3)
    ref = await process.call("bob")
    await office.calm()
    await end(process, ref, "cancelled")
    process.carrier.release()
    await process.ends(second, ref)
    assert [("skipped", "call_ended")] == await process.outcomes(ref)
    assert 2 == len(office.vendors.pushes)


async def test_calls_overtake_messages(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that comes last is next when there is room."""
    monkeypatch.setattr(worker_module, "WINDOW", 1)
    process = await office.process()
    bobs, cats = await process.device("bob"), await process.device("cat")
    await process.ends(await process.send(to="cat"))
    process.carrier.hold()
    messages = [await process.send(str(number), to="cat") for number in range(4)]
    await process.carrier.received(3)
    ref = await process.call("bob")
    await office.calm()
    process.carrier.release()
    await process.ends(ref, *messages)
    assert [cats, cats, bobs, cats, cats, cats] == [push.token for push in office.vendors.pushes]


async def test_due_calls_are_leased_before_due_messages(
    office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for one job, the call is first, however late it came."""
    monkeypatch.setattr(worker_module, "AT_ONCE", 1)
    process = await office.process(workers=0)
    bobs, cats = await process.device("bob"), await process.device("cat")
    refs = [await process.send(to="cat"), await process.send(to="cat"), await process.call("bob")]
    await process.hire()
    await process.ends(*refs)
    assert [bobs, cats, cats] == [push.token for push in office.vendors.pushes]


@pytest.mark.parametrize("acknowledged", [True, False], ids=["acknowledged", "silent"])
async def test_an_online_receiver_who_is_silent_for_five_seconds_is_pushed_to(
    office: Any, acknowledged: bool
) -> None:
    """Not a moment sooner; an acknowledgement in time makes the push needless."""
    process = await office.process()
    await process.device("bob")
    session = await process.login("bob")
    ref = await process.send()
    await office.after(4.9)
    assert [] == office.vendors.pushes
    if acknowledged:
        (entry,) = await process.hub.events(session, session.seq)
        await process.hub.acknowledge(session, entry.seq)
    await office.after(0.1)
    await process.ends(ref)
    expected = ("skipped", "acknowledged") if acknowledged else ("sent", "")
    assert [expected] == await process.outcomes(ref)
    assert ([] if acknowledged else [5.0]) == [round(p.time, 3) for p in office.vendors.pushes]


async def test_an_acknowledgement_that_comes_too_late_changes_nothing(office: Any) -> None:
    """The push is under way; its outcome is what counts."""
    process = await office.process()
    await process.device("bob")
    session = await process.login("bob")
    ref = await process.send()
    process.carrier.hold()
    await office.after(5)
    await process.carrier.received(1)
    await process.hub.acknowledge(session, 1)
    process.carrier.release()
    await process.ends(ref)
    assert [("sent", "")] == await process.outcomes(ref)
