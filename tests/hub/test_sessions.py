"""Being logged in: presence, what waited, and how far a reader has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from zpns import (
    DeviceToken,
    ZIMCallAcceptConfig,
    ZIMCallCancelConfig,
    ZIMLoginConfig,
    ZIMPlatformType,
    ZIMPushConfig,
    ZIMUserInfo,
    ZIMUserOnlineStatus,
)
from zpns.errors import ParameterError
from zpns.models import EVENTS, LoggedEvent
from zpns.wire import from_wire

DAY = 24 * 3600
CLASSES = {cls.EVENT: cls for cls in EVENTS.values()}


def read(entry: LoggedEvent) -> Any:
    """Return the event as a listener gets it."""
    return from_wire(CLASSES[entry.name], dict(entry.data))


def texts(entries: list[LoggedEvent]) -> list[tuple[str, list[str], bool]]:
    """Return who wrote what, and whether that was while the reader was offline."""
    found = []
    for entry in entries:
        event = read(entry)
        words = [message.message for message in event.message_list]
        found.append((event.from_conversation_id, words, event.info.is_offline_message))
    return found


async def online(house: Any, *user_ids: str) -> list[bool]:
    """Return who is online."""
    statuses = await house.hub.query_users_status(user_ids)
    assert list(user_ids) == [status.user_id for status in statuses]
    return [status.online_status is ZIMUserOnlineStatus.ONLINE for status in statuses]


# Presence.


async def test_a_user_is_online_from_login_to_logout(house: Any) -> None:
    """Unknown users and those who never came are offline."""
    session = await house.login("bob")
    assert [True, False, False] == await online(house, "bob", "cat", "nobody")
    await house.hub.logout(session)
    assert [False] == await online(house, "bob")


async def test_a_session_ends_thirty_seconds_after_its_last_heartbeat(house: Any) -> None:
    """A client that fell silent is offline; one that beats stays."""
    session = await house.login("bob")
    await house.clock.advance(29.9)
    assert [True] == await online(house, "bob")
    await house.hub.heartbeat(session)
    await house.clock.advance(29.9)
    assert [True] == await online(house, "bob")
    await house.clock.advance(0.1)
    assert [False] == await online(house, "bob")


async def test_a_heartbeat_brings_a_silent_session_back_and_no_ended_one(house: Any) -> None:
    """Whoever slept too long is online again; whoever logged out is not."""
    asleep, gone = await house.login("bob"), await house.login("cat")
    await house.hub.logout(gone)
    await house.clock.advance(60)
    await house.hub.heartbeat(asleep)
    await house.hub.heartbeat(gone)
    assert [True, False] == await online(house, "bob", "cat")


async def test_a_user_with_two_sessions_is_online_until_both_end(house: Any) -> None:
    """Devices log in and out by themselves."""
    phone = await house.login("bob", device_id="phone")
    tablet = await house.login("bob", device_id="tablet")
    await house.hub.logout(phone)
    assert [True] == await online(house, "bob")
    await house.hub.logout(tablet)
    assert [False] == await online(house, "bob")


async def test_query_users_status_refuses_a_text_for_a_list(plain: Any) -> None:
    """``"bob"`` is not b, o and b."""
    with pytest.raises(ParameterError, match="user_ids: expected a list of user IDs"):
        await plain.hub.query_users_status("bob")


async def test_login_makes_the_user_and_sets_only_the_name(house: Any) -> None:
    """A name given at login replaces the name; without one, and avatars, stay as they are."""
    await house.login("new")
    await house.hub.add_users([ZIMUserInfo(user_id="bob", user_name="B", user_avatar_url="pic")])
    await house.hub.login("bob", ZIMLoginConfig(user_name="Bob"))
    await house.login("bob")
    found = {row["user_id"]: row for row in await house.rows("users")}
    assert "new" in found
    assert ("Bob", "pic") == (found["bob"]["user_name"], found["bob"]["user_avatar_url"])


async def test_login_keeps_device_node_and_platform(house: Any) -> None:
    """What presence and push rules need to know of a session is in its row."""
    session = await house.login("bob", device_id="phone", platform=ZIMPlatformType.IPHONE_OS)
    (row,) = await house.rows("sessions")
    assert ("phone", 2, session.session_id) == (
        row["device_id"],
        row["platform"],
        row["session_id"],
    )
    assert row["node"]
    assert 10 == session.heartbeat


async def test_login_refuses_a_malformed_user_id(house: Any) -> None:
    """Nobody is made."""
    with pytest.raises(ParameterError, match="user_id: expected 1 to 32 of letters"):
        await house.login("bob/ann")
    assert 4 == len(await house.rows("users"))


# Logging out.


@pytest.mark.parametrize(
    ("device_id", "unbind", "left"),
    [
        pytest.param("phone", True, {"token-of-tablet", "token-of-cats"}, id="its-device"),
        pytest.param("", True, {"token-of-cats"}, id="no-device-named"),
        pytest.param(
            "phone",
            False,
            {"token-of-phone", "token-of-tablet", "token-of-cats"},
            id="lost-connection",
        ),
    ],
)
async def test_logout_unbinds_the_device_unless_the_connection_was_lost(
    house: Any, token: Callable[..., DeviceToken], device_id: str, unbind: bool, left: set[str]
) -> None:
    """Nobody else's device is touched."""
    given = [token("phone", device_id="phone"), token("tablet", device_id="tablet")]
    await house.hub.register("bob", given)
    await house.hub.register("cat", [token("cats", device_id="phone")])
    session = await house.login("bob", device_id=device_id)
    await house.hub.logout(session, unbind)
    assert left == {row["token"] for row in await house.rows("tokens")}
    assert [False] == await online(house, "bob")


# What waited.


async def test_messages_that_waited_come_as_offline_messages(house: Any) -> None:
    """Those from before the login are marked, in batches by sender; later ones are not."""
    for sender, text in [("ann", "1"), ("ann", "2"), ("cat", "3"), ("ann", "4")]:
        await house.send(text, sender=sender)
    await house.clock.advance(1)
    session = await house.login("bob")
    await house.send("5", sender="ann")
    assert [
        ("ann", ["1", "2"], True),
        ("cat", ["3"], True),
        ("ann", ["4"], True),
        ("ann", ["5"], False),
    ] == texts(await house.inbox(session))


async def test_a_received_message_has_everything_that_zim_says_of_it(house: Any) -> None:
    """The receiver sees the sender as the conversation."""
    sent = (await house.send("hi")).message
    session = await house.login("bob")
    (entry,) = await house.inbox(session)
    (message,) = read(entry).message_list
    assert ("hi", sent.message_id, sent.message_seq, sent.timestamp, sent.order_key) == (
        message.message,
        message.message_id,
        message.message_seq,
        message.timestamp,
        message.order_key,
    )
    assert ("ann", "ann", 0, 1, 1) == (
        message.sender_user_id,
        message.conversation_id,
        int(message.conversation_type),
        int(message.direction),
        int(message.sent_status),
    )


async def test_messages_wait_for_seven_days(house: Any) -> None:
    """One that is older than that is not delivered any more."""
    await house.send("old")
    await house.clock.advance(10)
    await house.send("young")
    await house.clock.advance(7 * DAY - 10)
    session = await house.login("bob")
    assert [("ann", ["young"], True)] == texts(await house.inbox(session))


async def test_events_are_read_from_a_place_a_page_at_a_time(house: Any) -> None:
    """Reading goes on after the last entry's place, and nothing is lost between pages."""
    for number in range(5):
        await house.send(str(number), sender=("ann", "cat")[number % 2])
    session = await house.login("bob")
    place, words, pages = session.seq, [], 0
    while page := await house.hub.events(session, place, 2):
        words += [word for _, batch, _ in texts(list(page)) for word in batch]
        place, pages = page[-1].seq, pages + 1
    assert (["0", "1", "2", "3", "4"], 3) == (words, pages)


async def test_a_login_goes_on_where_the_device_has_come_to(house: Any) -> None:
    """Each device has its own place; one that is not named shares the nameless one."""
    await house.send("1", sender="ann")
    await house.send("2", sender="cat")
    await house.clock.advance(1)
    phone = await house.login("bob", device_id="phone")
    first, _ = await house.inbox(phone)
    await house.hub.acknowledge(phone, first.seq)
    await house.hub.logout(phone, False)
    again = await house.login("bob", device_id="phone")
    tablet = await house.login("bob", device_id="tablet")
    nameless = await house.login("bob")
    assert [first.seq, 0, 0] == [session.seq for session in (again, tablet, nameless)]
    assert [("cat", ["2"], True)] == texts(await house.inbox(again))


async def test_an_acknowledgement_never_goes_back(house: Any) -> None:
    """A late one of an earlier place changes nothing, alone or with others."""
    session = await house.login("bob")
    await house.hub.acknowledge(session, 5)
    await house.hub.acknowledge(session, 3)
    await asyncio.gather(*(house.hub.acknowledge(session, seq) for seq in (7, 4, 6)))
    assert 7 == (await house.login("bob")).seq


async def test_wait_returns_at_news_and_misses_none_that_came_before_it(house: Any) -> None:
    """News between reading and waiting wake at once; else the time given does."""
    session = await house.login("bob")
    assert [] == await house.inbox(session)
    await house.send("1")
    await house.hub.wait(session, 1000)
    assert 1 == len(await house.inbox(session))
    waiting = asyncio.create_task(house.hub.wait(session, 30))
    await house.clock.advance(29)
    if house.address is None:  # polling for other processes may wake it without a reason
        assert not waiting.done()
    await house.clock.advance(1)
    await asyncio.wait_for(waiting, 20)


async def test_a_logout_wakes_who_waits(house: Any) -> None:
    """Nobody waits for the news of a session that is over."""
    session = await house.login("bob")
    await house.inbox(session)
    waiting = asyncio.create_task(house.hub.wait(session, 1000))
    await house.clock.advance(0)
    await house.hub.logout(session)
    await asyncio.wait_for(waiting, 20)


# Invitations that waited.


async def test_an_invitation_says_how_long_it_still_rings(house: Any) -> None:
    """Who logs in late learns the rest, in whole seconds, never less than one."""
    await house.call("bob", timeout=60)
    await house.clock.advance(20.5)
    session = await house.login("bob")
    assert [39] == [read(entry).timeout for entry in await house.inbox(session)]
    await house.clock.advance(39)
    assert [1] == [read(entry).timeout for entry in await house.inbox(session)]


@pytest.mark.parametrize("ended", ["rang-out", "cancelled", "answered", "rejected"])
async def test_an_invitation_that_rings_no_more_is_not_delivered_late(
    house: Any, ended: str
) -> None:
    """However it ended; that it did is told."""
    call_id = await house.call("bob", "cat", timeout=60)
    match ended:
        case "rang-out":
            await house.clock.advance(60)
            await house.eventually(lambda: _has(house, "bob", "callInvitationTimeout"))
        case "cancelled":
            await house.hub.call_cancel("ann", [], call_id, ZIMCallCancelConfig())
        case "answered":
            await house.hub.call_accept("bob", call_id, ZIMCallAcceptConfig())
        case "rejected":
            await house.hub.call_reject("bob", call_id, ZIMCallAcceptConfig())
    session = await house.login("bob")
    names = [entry.name for entry in await house.inbox(session)]
    last = {"rang-out": "callInvitationTimeout", "cancelled": "callInvitationCancelled"}
    assert [last.get(ended, "callUserStateChanged")] == names


async def _has(house: Any, user_id: str, name: str) -> bool:
    return name in [event for event, _ in await house.told(user_id)]


async def test_a_page_of_nothing_but_dead_invitations_is_not_the_end_of_the_log(
    house: Any,
) -> None:
    """Reading goes on behind what is left out."""
    for _ in range(3):
        call_id = await house.call("bob", "cat", timeout=600)
        await house.hub.call_accept("bob", call_id, ZIMCallAcceptConfig())
    await house.send("behind them")
    session = await house.login("bob")
    entries, place = [], session.seq
    while page := await house.hub.events(session, place, 1):
        entries += page
        place = page[-1].seq
    assert ["callUserStateChanged"] * 3 + ["peerMessageReceived"] == [one.name for one in entries]


# Acknowledging a push away.


async def test_what_an_online_receiver_acknowledges_in_time_is_not_pushed(
    house: Any, push: ZIMPushConfig
) -> None:
    """The job waits five seconds; the acknowledgement ends it, and says so."""
    session = await house.login("bob")
    sent = await house.send(push=push)
    job = await house.job(sent.message.message_id)
    assert (0, house.now + 5000) == (job["state"], job["due_at"])
    (entry,) = await house.inbox(session)
    await house.hub.acknowledge(session, entry.seq)
    records, over = await house.hub.pushes(sent.message.message_id)
    assert [("bob", "skipped", "acknowledged")] == [
        (record.user_id, record.outcome.value, record.code) for record in records
    ]
    assert over


async def test_an_acknowledgement_ends_nothing_that_came_after_it(
    house: Any, push: ZIMPushConfig
) -> None:
    """Only what was received up to that place, and only of this user."""
    session = await house.login("bob")
    await house.login("cat")
    first = await house.send("1", push=push)
    second = await house.send("2", push=push)
    cats = await house.send("3", to="cat", push=push)
    entries = await house.hub.events(session, session.seq, 1)
    await house.hub.acknowledge(session, entries[0].seq)
    states = [(await house.job(one.message.message_id))["state"] for one in (first, second, cats)]
    assert [1, 0, 0] == states


async def test_an_acknowledgement_wakes_who_waits_for_the_outcome(
    house: Any, push: ZIMPushConfig
) -> None:
    """Nobody else ends the job, so nobody else could."""
    session = await house.login("bob")
    sent = await house.send(push=push)
    waiting = house.wakeup.listen(f"ref:{sent.message.message_id}")
    (entry,) = await house.inbox(session)
    await house.hub.acknowledge(session, entry.seq)
    await asyncio.wait_for(waiting.wait(None), 20)
    waiting.close()


async def test_acknowledgements_of_many_users_at_once_end_all_their_jobs(
    house: Any, push: ZIMPushConfig
) -> None:
    """More of them than fit into one condition share a transaction."""
    users = [f"u{number}" for number in range(450)]
    sessions = await asyncio.gather(*(house.login(user) for user in users))
    await asyncio.gather(*(house.send(to=user, push=push) for user in users))
    await asyncio.gather(*(house.hub.acknowledge(session, 1) for session in sessions))
    jobs = await house.rows("jobs")
    assert {"acknowledged"} == {job["reason"] for job in jobs}
    assert len(users) == len(jobs)
