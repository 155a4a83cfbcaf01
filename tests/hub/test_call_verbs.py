"""Calls through the hub: what is refused, what is stored, who is told, and when it ends."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection

from zpns import (
    ZIMCallAcceptConfig,
    ZIMCallCancelConfig,
    ZIMCallInvitationMode,
    ZIMCallInviteConfig,
    ZIMCallRejectConfig,
    ZIMCallState,
    ZIMPushConfig,
    ZIMUserInfo,
    ZIMVoIPConfig,
)
from zpns.errors import ParameterError, ZIMError
from zpns.hub.embedded import RETRY

INVITING, ACCEPTED, REJECTED, CANCELLED, TIMEOUT, BE_CANCELLED = 0, 1, 2, 3, 6, 10
TEN = tuple(f"u{number}" for number in range(10))


async def step(house: Any, verb: str, user_id: str, call_id: str, data: str = "") -> Any:
    """Take a step in a call."""
    match verb:
        case "accept":
            config = ZIMCallAcceptConfig(extended_data=data)
            return await house.hub.call_accept(user_id, call_id, config)
        case "reject":
            return await house.hub.call_reject(
                user_id, call_id, ZIMCallRejectConfig(extended_data=data)
            )
        case "cancel":
            config = ZIMCallCancelConfig(extended_data=data)
            return await house.hub.call_cancel(user_id, [], call_id, config)
        case _:
            return await house.hub.query_call(call_id)


async def refusal(work: Any) -> tuple[int, str | None]:
    """Return code and field of a refusal."""
    with pytest.raises(ZIMError) as caught:
        await work
    return caught.value.code, getattr(caught.value, "field", None)


async def states(house: Any, call_id: str) -> dict[str, int]:
    """Return where everybody in a call stands."""
    info = await house.hub.query_call(call_id)
    return {user.user_id: int(user.state) for user in info.call_user_list}


async def over(house: Any, call_id: str) -> bool:
    """Whether a call ended."""
    return (await house.hub.query_call(call_id)).state is ZIMCallState.ENDED


# Inviting.


async def test_an_invitation_gives_id_timeout_and_who_does_not_exist(house: Any) -> None:
    """Unknown invitees are named, the others ring; duplicates once, in the order given."""
    config = ZIMCallInviteConfig(timeout=30, extended_data="room 1")
    result = await house.hub.call_invite("ann", ["cat", "eve", "bob", "cat", "fay"], config)
    assert 30 == result.timeout
    assert [("eve", 6000281), ("fay", 6000281)] == [
        (user.user_id, int(user.reason)) for user in result.error_user_list
    ]
    info = await house.hub.query_call(result.call_id)
    assert ["ann", "cat", "bob"] == [user.user_id for user in info.call_user_list]
    assert ("ann", "ann", house.now, 0, ZIMCallState.STARTED, "room 1") == (
        info.caller,
        info.inviter,
        info.create_time,
        info.end_time,
        info.state,
        info.extended_data,
    )


@pytest.mark.parametrize(
    ("caller", "invitees", "code", "field"),
    [
        pytest.param("ann", TEN, 6000272, "invitees", id="ten"),
        pytest.param("ann", (), 6000001, "invitees", id="nobody"),
        pytest.param("ann", ("bob", "ann"), 6000001, "invitees", id="oneself"),
        pytest.param("ann", ("bob", "no body"), 6000001, "invitees", id="malformed"),
        pytest.param("", ("bob",), 6000001, "caller", id="no-caller"),
        pytest.param("ann", ("eve",), 6000281, None, id="does-not-exist"),
        pytest.param("new", ("eve", "fay"), 6000281, None, id="none-exists"),
    ],
)
async def test_an_invitation_that_zim_refuses_leaves_nothing(
    house: Any, caller: str, invitees: tuple[str, ...], code: int, field: str | None
) -> None:
    """No call, no event, no job, and no caller is made."""
    work = house.hub.call_invite(caller, invitees, ZIMCallInviteConfig())
    assert (code, field) == await refusal(work)
    found = [len(await house.rows(name)) for name in ("calls", "call_users", "events", "jobs")]
    assert ([0, 0, 0, 0], 4) == (found, len(await house.rows("users")))


async def test_nine_invitees_may_be_called_and_a_repeated_tenth_is_none(house: Any) -> None:
    """Nine is the most; duplicates are taken out before they are counted."""
    await house.hub.add_users([ZIMUserInfo(user_id=name) for name in TEN])
    call_id = await house.call(*TEN[:9], TEN[0])
    assert 10 == len(await states(house, call_id))


async def test_a_caller_is_made_on_first_use(house: Any) -> None:
    """Like a sender."""
    await house.call("bob", caller="new")
    assert "new" in {row["user_id"] for row in await house.rows("users")}


async def test_advanced_mode_is_refused(house: Any) -> None:
    """It is not there yet, and does not pass for general mode."""
    config = ZIMCallInviteConfig(mode=ZIMCallInvitationMode.ADVANCED)
    assert (6000013, None) == await refusal(house.hub.call_invite("ann", ["bob"], config))


@pytest.mark.parametrize(
    ("push", "field"),
    [
        pytest.param({"resources_id": "other"}, "resources_id", id="unknown-resource"),
        pytest.param({"resources_id": "silent"}, "resources_id", id="silent-cannot-ring"),
        pytest.param({"resources_id": "quiet"}, "resources_id", id="own-silent"),
        pytest.param({"voip_config": ZIMVoIPConfig()}, "voip_config", id="voip-config-alone"),
        pytest.param(
            {"voip_config": ZIMVoIPConfig(), "resources_id": "data"},
            "voip_config",
            id="voip-config-with-data",
        ),
    ],
)
async def test_an_invitation_that_cannot_be_pushed_is_refused(
    house: Any, push: dict[str, Any], field: str
) -> None:
    """Before anything is stored."""
    config = ZIMCallInviteConfig(push_config=ZIMPushConfig(title="a", content="b", **push))
    assert (6000001, field) == await refusal(house.hub.call_invite("ann", ["bob"], config))
    assert [] == await house.rows("calls")


@pytest.mark.parametrize(
    ("invitees", "config", "field"),
    [
        pytest.param("bob", ZIMCallInviteConfig(), "invitees", id="text-for-list"),
        pytest.param(["bob"], None, "config", id="no-config"),
    ],
)
async def test_arguments_of_the_wrong_type_are_named(
    plain: Any, invitees: Any, config: Any, field: str
) -> None:
    """A mistake in the call is no AttributeError from inside."""
    work = plain.hub.call_invite("ann", invitees, config)
    assert (6000001, field) == await refusal(work)


async def test_call_cancel_refuses_a_text_for_the_list_of_invitees(plain: Any) -> None:
    """``"bob"`` is not b, o and b."""
    call_id = await plain.call("bob")
    work = plain.hub.call_cancel("ann", "bob", call_id, ZIMCallCancelConfig())
    assert (6000001, "invitees") == await refusal(work)


# What is pushed.


async def test_each_invitee_gets_a_job_of_its_own(house: Any) -> None:
    """Due at once for who is offline; with the number of the event, until the ringing ends."""
    await house.login("cat")
    push = ZIMPushConfig(title="ann", content="calls", resources_id="ring")
    call_id = await house.call("bob", "cat", timeout=60, push_config=push)
    found = {orjson.loads(row["audience"])[0][0]: row for row in await house.rows("jobs")}
    assert {"bob", "cat"} == set(found)
    until = house.now + 60_000
    assert [("call_invited", 0, call_id, until, 0)] * 2 == [
        (row["event"], row["priority"], row["ref"], row["deadline_at"], row["state"])
        for row in found.values()
    ]
    assert (house.now, house.now + 5000) == (found["bob"]["due_at"], found["cat"]["due_at"])
    assert [["bob", 1]] == orjson.loads(found["bob"]["audience"])
    facts = orjson.loads(found["bob"]["push"])["event"]
    assert {
        "sent_at": house.now,
        "expires_at": until,
        "caller": "ann",
        "has_video": False,
    } == facts


@pytest.mark.parametrize(
    ("push", "video"),
    [
        pytest.param({"payload": '{"type":1}'}, True, id="kit-video"),
        pytest.param({"payload": '{"type":0}'}, False, id="kit-audio"),
        pytest.param({"payload": "1"}, False, id="other-json"),
        pytest.param({"payload": "{"}, False, id="no-json"),
        pytest.param(
            {
                "resources_id": "voip",
                "voip_config": ZIMVoIPConfig(ios_voip_has_video=True),
                "payload": '{"type":0}',
            },
            True,
            id="voip-config-first",
        ),
        pytest.param(
            {"resources_id": "voip", "voip_config": ZIMVoIPConfig(), "payload": '{"type":1}'},
            False,
            id="voip-config-says-no",
        ),
    ],
)
async def test_whether_it_is_a_video_call_is_noted(
    house: Any, push: dict[str, Any], video: bool
) -> None:
    """The VoIP settings say so, or the payload of ZEGO's call kits does."""
    config = ZIMPushConfig(title="a", content="b", **push)
    job = await house.job(await house.call("bob", push_config=config))
    assert video == orjson.loads(job["push"])["event"]["has_video"]


async def test_an_invitation_without_text_rings_and_is_not_pushed(house: Any) -> None:
    """The ledger says why, for each invitee."""
    call_id = await house.call("bob", "cat", push_config=ZIMPushConfig(title="ann"))
    records, done = await house.hub.pushes(call_id)
    assert [("bob", "empty_text"), ("cat", "empty_text")] == sorted(
        (record.user_id, record.code) for record in records
    )
    assert done
    assert 1 == len(await house.told("bob"))


# Repetitions.


async def test_a_repetition_gives_the_first_call(house: Any, push: ZIMPushConfig) -> None:
    """With who did not exist then, who may exist by now."""
    config = ZIMCallInviteConfig(push_config=push)
    first = await house.hub.call_invite("ann", ["bob", "eve"], config, "k")
    await house.clock.advance(1)
    await house.login("eve")
    again = await house.hub.call_invite("ann", ["bob", "eve"], config, "k")
    assert first == again
    assert (1, 1) == (len(await house.rows("calls")), len(await house.rows("jobs")))


async def test_repetitions_in_one_transaction_give_one_call(
    house: Any, push: ZIMPushConfig
) -> None:
    """Though time passed between them, which the push tells."""
    tasks = []
    for _ in range(5):
        tasks.append(asyncio.create_task(house.call("bob", push_config=push, key="k")))
        await asyncio.sleep(0)
        house.clock.jump(0.01)
    assert 1 == len(set(await asyncio.gather(*tasks)))
    assert (1, 1) == (len(await house.rows("calls")), len(await house.rows("jobs")))


@pytest.mark.parametrize("together", [True, False], ids=["together", "later"])
@pytest.mark.parametrize(
    ("invitees", "options"),
    [
        pytest.param(["bob", "cat"], {}, id="one-more"),
        pytest.param(["cat"], {}, id="somebody-else"),
        pytest.param(["bob"], {"timeout": 61}, id="timeout"),
        pytest.param(["bob"], {"extended_data": "x"}, id="data"),
        pytest.param(["bob"], {"push_config": ZIMPushConfig(title="x")}, id="push"),
    ],
)
async def test_a_key_with_another_call_is_refused(
    house: Any, together: bool, invitees: list[str], options: dict[str, Any]
) -> None:
    """It names one call."""
    calls = [house.call("bob", key="k"), house.call(*invitees, **options, key="k")]
    if together:
        results = await asyncio.gather(*calls, return_exceptions=True)
    else:
        results = [(await asyncio.gather(call, return_exceptions=True))[0] for call in calls]
    assert isinstance(results[0], str)
    assert isinstance(results[1], ParameterError)
    assert "idempotency_key" == results[1].field
    assert 1 == len(await house.rows("calls"))


async def test_keys_of_messages_and_of_other_callers_are_others(house: Any) -> None:
    """A key belongs to who chose it, and to one verb."""
    ids = {
        await house.call("bob", key="k"),
        await house.call("bob", caller="cat", key="k"),
        (await house.send(key="k")).message.message_id,
    }
    assert 3 == len(ids)


# Answering.


async def test_a_call_is_answered_and_everybody_learns_of_it(house: Any) -> None:
    """Each user's log has what ZIM tells them, in ZIM's order."""
    call_id = await house.call("bob", "cat")
    assert call_id == (await step(house, "accept", "bob", call_id, "coming")).call_id
    assert {"ann": ACCEPTED, "bob": ACCEPTED, "cat": INVITING} == await states(house, call_id)
    assert not await over(house, call_id)
    await house.clock.advance(2)
    assert call_id == (await step(house, "reject", "cat", call_id, "busy")).call_id
    info = await house.hub.query_call(call_id)
    assert (ZIMCallState.ENDED, house.now) == (info.state, info.end_time)
    assert ["", "coming", "busy"] == [user.extended_data for user in info.call_user_list]
    everybody = {"ann": ACCEPTED, "bob": INVITING, "cat": INVITING}
    changed = "callUserStateChanged"
    assert [
        (changed, everybody),
        ("callInvitationCreated", everybody),
        (changed, {"bob": ACCEPTED}),
        (changed, {"cat": REJECTED}),
    ] == await house.told("ann")
    assert [
        ("callInvitationReceived", everybody),
        (changed, {"bob": ACCEPTED}),
    ] == await house.told("bob")
    assert [
        ("callInvitationReceived", everybody),
        (changed, {"bob": ACCEPTED}),
        (changed, {"cat": REJECTED}),
    ] == await house.told("cat")


async def test_a_cancelled_call_stops_ringing_for_everybody(house: Any) -> None:
    """General mode takes back all of it, whoever is named; the result names no failure."""
    call_id = await house.call("bob", "cat")
    result = await house.hub.call_cancel(
        "ann", ["bob"], call_id, ZIMCallCancelConfig(extended_data="sorry")
    )
    assert (call_id, 0) == (result.call_id, len(result.error_invitees))
    assert {"ann": CANCELLED, "bob": BE_CANCELLED, "cat": BE_CANCELLED} == await states(
        house, call_id
    )
    assert ("callInvitationCancelled", {}) == (await house.told("cat"))[-1]
    assert ("callUserStateChanged", {"ann": CANCELLED}) == (await house.told("ann"))[-1]


@pytest.mark.parametrize(
    ("verb", "who", "code"),
    [
        pytest.param("accept", "dan", 6000274, id="accept-uninvited"),
        pytest.param("cancel", "bob", 6000273, id="cancel-not-mine"),
        pytest.param("cancel", "ann", 6000271, id="cancel-accepted"),
        pytest.param("accept", "bob", 6000276, id="accept-over"),
    ],
)
async def test_a_refused_step_changes_nothing(house: Any, verb: str, who: str, code: int) -> None:
    """No state, no event."""
    call_id = await house.call("bob")
    await step(house, "accept", "bob", call_id)
    before = await house.rows("call_users"), await house.rows("events")
    assert (code, None) == await refusal(step(house, verb, who, call_id))
    assert before == (await house.rows("call_users"), await house.rows("events"))


@pytest.mark.parametrize("verb", ["accept", "reject", "cancel", "query"])
@pytest.mark.parametrize(
    "call_id",
    [
        pytest.param("1", id="unknown"),
        pytest.param("x", id="letters"),
        pytest.param("9" * 19, id="more-than-63-bits"),
        pytest.param("9" * 400, id="very-long"),
        pytest.param("-1", id="negative"),
        pytest.param("²", id="other-digits"),
    ],
)
async def test_a_call_that_is_none_does_not_exist(house: Any, verb: str, call_id: str) -> None:
    """Whatever it is named, it is ZIM's refusal and no other error."""
    assert (6000276, None) == await refusal(step(house, verb, "ann", call_id))


@pytest.mark.parametrize("verb", ["accept", "reject", "cancel", "query"])
async def test_a_call_has_one_name(house: Any, verb: str) -> None:
    """A zero in front makes another one; an empty text is none."""
    call_id = await house.call("bob")
    assert (6000276, None) == await refusal(step(house, verb, "ann", f"0{call_id}"))
    assert (6000001, "call_id") == await refusal(step(house, verb, "ann", ""))


async def test_of_two_answers_at_once_one_counts(house: Any) -> None:
    """Two devices of a user, and a caller who gives up at the same moment."""
    call_id = await house.call("bob")
    results = await asyncio.gather(
        step(house, "accept", "bob", call_id, "phone"),
        step(house, "reject", "bob", call_id, "tablet"),
        step(house, "cancel", "ann", call_id),
        return_exceptions=True,
    )
    assert [None, 6000276, 6000271] == [getattr(one, "code", None) for one in results]
    assert {"ann": ACCEPTED, "bob": ACCEPTED} == await states(house, call_id)


async def test_event_seq_counts_what_happened_to_each_user(house: Any) -> None:
    """From one, by one; it never goes back."""
    call_id = await house.call("bob", "cat")
    await step(house, "accept", "bob", call_id)
    seqs = {row["user_id"]: row["event_seq"] for row in await house.rows("call_users")}
    assert {"ann": 1, "bob": 2, "cat": 1} == seqs


# The end of the ringing.


async def test_a_call_ends_when_its_ringing_does(house: Any) -> None:
    """Not before; who answered is not touched, and everybody is told once."""
    call_id = await house.call("bob", "cat", timeout=60)
    await step(house, "accept", "bob", call_id)
    await house.calm()
    await house.clock.advance(59.9)
    await house.calm()
    assert {"ann": ACCEPTED, "bob": ACCEPTED, "cat": INVITING} == await states(house, call_id)
    await house.clock.advance(0.1)
    await house.eventually(lambda: over(house, call_id))
    assert {"ann": ACCEPTED, "bob": ACCEPTED, "cat": TIMEOUT} == await states(house, call_id)
    await house.calm()
    assert ("callUserStateChanged", {"cat": TIMEOUT}) == (await house.told("ann"))[-1]
    assert 2 == len(await house.told("bob"))
    assert ["callInvitationTimeout"] == [name for name, _ in (await house.told("cat"))[2:]]


async def test_calls_end_in_their_order_whatever_the_order_they_began_in(house: Any) -> None:
    """A later call with a shorter ringing is not held up by an earlier one."""
    long = await house.call("bob", timeout=60)
    short = await house.call("cat", timeout=10)
    await house.calm()
    await house.clock.advance(10)
    await house.eventually(lambda: over(house, short))
    assert not await over(house, long)
    await house.clock.advance(50)
    await house.eventually(lambda: over(house, long))


async def test_many_calls_that_end_at_once_all_end(house: Any) -> None:
    """More than are ended in one transaction."""
    ids = await asyncio.gather(*(house.call("bob", timeout=10) for _ in range(600)))
    await house.clock.advance(10)

    async def all_over() -> bool:
        return {2} == {row["state"] for row in await house.rows("calls")}

    await house.eventually(all_over)
    assert 600 == len(set(ids))
    told = [name for name, _ in await house.told("bob")]
    assert 600 == told.count("callInvitationTimeout")


async def test_the_end_of_the_ringing_wakes_who_listens(house: Any) -> None:
    """The invitee's device stops at that moment, not at its next look."""
    await house.call("bob", timeout=10)
    await house.calm()
    news = house.wakeup.listen("u:bob")
    await house.clock.advance(10)
    await asyncio.wait_for(news.wait(None), 20)
    news.close()


@pytest.mark.parametrize(
    ("away", "ends"),
    [pytest.param(30, False, id="back-in-time"), pytest.param(90, True, id="back-too-late")],
)
async def test_a_timeout_survives_the_process(
    make_house: Any, tmp_path: Path, away: float, ends: bool
) -> None:
    """It is a row: a hub that starts later ends the call at its time, or at once if past."""
    first = await make_house(tmp_path / "hub.db")
    await first.hub.add_users([ZIMUserInfo(user_id="bob")])
    call_id = await first.call("bob", timeout=60)
    await first.close()

    second = await make_house(tmp_path / "hub.db", later=away, keeps_time=False)
    assert not await over(second, call_id)
    hub = await second.make()
    if not ends:
        await second.calm()
        assert not await over(second, call_id)
        await second.clock.advance(60 - away)
    await second.eventually(lambda: over(second, call_id))
    info = await hub.query_call(call_id)
    assert second.now == info.end_time
    assert ["callInvitationReceived", "callInvitationTimeout"] == [
        name for name, _ in await second.told("bob")
    ]


async def test_two_hubs_on_one_store_end_each_call_once(make_house: Any, tmp_path: Path) -> None:
    """Whoever comes second finds nothing to end; each learns of calls that the other made."""
    one = await make_house(tmp_path / "hub.db")
    two = await make_house(tmp_path / "hub.db", clock=one.clock)
    await one.hub.add_users([ZIMUserInfo(user_id=f"u{number}") for number in range(10)])
    ids = [await (one, two)[number % 2].call(f"u{number}", timeout=10) for number in range(10)]
    await one.clock.advance(10)
    for call_id in ids:
        await one.eventually(lambda: over(one, call_id))
    await one.calm()
    await two.calm()
    for number in range(10):
        assert ["callInvitationReceived", "callInvitationTimeout"] == [
            name for name, _ in await one.told(f"u{number}")
        ]


async def test_a_hub_that_only_waits_ends_calls_another_process_makes(
    make_house: Any, tmp_path: Path
) -> None:
    """It hears of them between processes, and needs no call of its own."""
    waits = await make_house(tmp_path / "hub.db")
    await waits.calm()
    makes = await make_house(tmp_path / "hub.db", clock=waits.clock, keeps_time=False)
    await makes.hub.add_users([ZIMUserInfo(user_id="bob")])
    call_id = await makes.call("bob", timeout=10)
    await waits.clock.advance(0.2)  # it looks ten times a second
    await waits.calm()
    await waits.clock.advance(10)
    await waits.eventually(lambda: over(waits, call_id))


async def test_time_is_kept_on_after_the_store_failed(
    plain: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The failure is logged, and the call ends once the store works again."""

    def broken(connection: Connection, items: Any) -> list[Any]:
        connection.exec_driver_sql("ALTER TABLE call_users RENAME TO elsewhere")
        return [None] * len(items)

    def mended(connection: Connection, items: Any) -> list[Any]:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO call_users")
        return [None] * len(items)

    call_id = await plain.call("bob", timeout=10)
    await plain.store.write(broken, None)
    await plain.clock.advance(10)
    with caplog.at_level(logging.ERROR, "zpns.hub"):
        await plain.make()
        await plain.eventually(lambda: bool(caplog.records))
    assert ["cannot keep the time of calls; trying again"] == [
        record.message for record in caplog.records
    ]
    await plain.store.write(mended, None)
    await plain.eventually(lambda: plain.clock.sleepers > 0)
    await plain.clock.advance(RETRY)
    await plain.eventually(lambda: over(plain, call_id))


async def test_starting_twice_keeps_time_once(plain: Any) -> None:
    """A second start changes nothing, and closing ends it."""
    hub = await plain.make()
    await hub.start()
    assert ["EmbeddedHub._keep_time"] == _tasks()
    await hub.aclose()
    await hub.aclose()
    assert [] == _tasks()


def _tasks() -> list[str]:
    """Return what the tasks of the hub run."""
    names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]  # type: ignore[union-attr]
    return [name for name in names if name.startswith("EmbeddedHub.")]
