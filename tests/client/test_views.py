"""A user's own view: events and listeners, receipts, and leaving."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import zpns
from zpns import ZIMCallCancelConfig, ZIMCallInviteConfig, ZIMPushConfig
from zpns.errors import ParameterError, StateError, StoreError

Text = Callable[..., Awaitable[Any]]
Patience = Callable[..., Awaitable[None]]


def words(event: Any) -> list[str]:
    """Return what was written."""
    return [message.message for message in event.message_list]


async def take(reader: Any, count: int) -> list[str]:
    """Return the words of so many events."""
    return [word for _ in range(count) for word in words(await anext(reader))]


async def change(client: zpns.Client, sql: str) -> None:
    """Run a statement on the client's store."""

    def command(connection: Any, items: Any) -> list[Any]:
        connection.exec_driver_sql(sql)
        return [None] * len(items)

    await client._store.write(command, None)


async def write(text: Text, client: Any, *texts: str) -> None:
    """Have ann and cat write to bob in turns, so that each text is an event."""
    for number, word in enumerate(texts):
        await text(client, word, sender=("ann", "cat")[number % 2])


async def place(client: zpns.Client, user_id: str = "bob") -> int:
    """Return up to where a user's events count as received."""

    def query(connection: Any) -> int:
        sql = "SELECT coalesce(max(seq), 0) FROM cursors WHERE user_id = ?"
        return int(connection.exec_driver_sql(sql, (user_id,)).scalar())

    return await client._store.read(query)


# Reading.


async def test_events_come_in_order_beginning_with_what_waited(desk: Any, text: Text) -> None:
    """Then as they happen."""
    client = await desk.open()
    await client.add_users("bob")
    await write(text, client, "1", "2")
    async with await client.login("bob") as bob:
        reader = bob.events()
        assert ["1", "2"] == await take(reader, 2)
        await write(text, client, "3")
        assert ["3"] == await take(reader, 1)


async def test_who_left_the_loop_comes_back_without_repetition_or_loss(
    desk: Any, text: Text
) -> None:
    """At once, with a new iterator or the old one, however often."""
    client = await desk.open()
    await client.add_users("bob")
    await write(text, client, "1", "2", "3", "4", "5")
    bob = await client.login("bob")
    seen = []
    for _ in range(3):
        async for event in bob.events():
            seen += words(event)
            break
    reader = bob.events()
    async for event in reader:
        seen += words(event)
        break
    async for event in reader:
        seen += words(event)
        break
    assert ["1", "2", "3", "4", "5"] == seen


async def test_an_event_that_was_waited_for_in_vain_is_not_lost(desk: Any, text: Text) -> None:
    """A reader that is cancelled at whatever moment goes on where it was."""
    client = await desk.open()
    await client.add_users("bob")
    await write(text, client, *map(str, range(12)))
    bob = await client.login("bob")
    reader, seen = bob.events(), []
    for turns in range(60):
        task = asyncio.ensure_future(anext(reader))
        for _ in range(turns % 7):
            await asyncio.sleep(0)
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        if not isinstance(result, BaseException):
            seen += words(result)
    seen += await take(reader, 12 - len(seen))
    assert list(map(str, range(12))) == seen


async def test_two_cannot_wait_for_the_events_of_a_view(desk: Any) -> None:
    """The second is told; the first goes on."""
    client = await desk.open()
    bob = await client.login("bob")
    reader = bob.events()
    first = asyncio.ensure_future(anext(reader))
    await desk.calm()
    with pytest.raises(StateError, match="somebody else reads"):
        bob.events()
    with pytest.raises(StateError, match="somebody else reads"):
        await anext(reader)
    assert not first.done()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


async def test_an_iterator_whose_place_was_taken_says_so(desk: Any, text: Text) -> None:
    """Two loops do not share events by chance."""
    client = await desk.open()
    await client.add_users("bob")
    await write(text, client, "1", "2")
    bob = await client.login("bob")
    old = bob.events()
    assert ["1"] == await take(old, 1)
    new = bob.events()
    with pytest.raises(StateError, match="somebody else reads"):
        await anext(old)
    assert ["2"] == await take(new, 1)
    await new.aclose()
    with pytest.raises(StateError):
        await anext(new)


async def test_an_invitation_that_rang_out_behind_a_slow_reader_is_not_handed_out(
    desk: Any, text: Text
) -> None:
    """What was read with it may be old by the time it is asked for."""
    client = await desk.open()
    await client.add_users("bob")
    bob = await client.login("bob")
    await write(text, client, "1")
    call = await client.call_invite(["bob"], ZIMCallInviteConfig(timeout=60), caller="ann")
    reader = bob.events()
    assert ["1"] == await take(reader, 1)
    await client.call_cancel([], call.call_id, ZIMCallCancelConfig(), user_id="ann")
    await desk.after(2)
    event = await anext(reader)
    assert "callInvitationCancelled" == event.EVENT


# Listening.


async def test_listeners_are_called_one_at_a_time_and_in_order(
    desk: Any, text: Text, patience: Patience
) -> None:
    """Functions and coroutine functions, each for its event."""
    client = await desk.open()
    await client.add_users("bob")
    bob = await client.login("bob")
    seen: list[str] = []
    go_on = asyncio.Event()

    async def slowly(event: Any) -> None:
        seen.append("begin " + words(event)[0])
        await go_on.wait()
        seen.append("end " + words(event)[0])

    bob.on("peer_message_received", slowly)
    bob.on("callInvitationReceived", lambda event: seen.append(f"call of {event.caller}"))
    await write(text, client, "1", "2")
    await client.call_invite(["bob"], ZIMCallInviteConfig(), caller="ann")
    await patience(lambda: bool(seen))
    await desk.calm()
    assert ["begin 1"] == seen
    go_on.set()
    await patience(lambda: len(seen) == 5)
    assert ["begin 1", "end 1", "begin 2", "end 2", "call of ann"] == seen


async def test_a_listener_takes_the_place_of_the_one_before(
    desk: Any, text: Text, patience: Patience
) -> None:
    """One per event, as with ZIM; both spellings name the same event."""
    client = await desk.open()
    await client.add_users("bob")
    bob = await client.login("bob")
    seen: list[str] = []
    bob.on("peer_message_received", lambda event: seen.append("old"))
    bob.on("peerMessageReceived", lambda event: seen.append("new"))
    await write(text, client, "1")
    await patience(lambda: bool(seen))
    assert ["new"] == seen


async def test_a_listener_that_raises_is_logged_and_the_next_event_comes(
    desk: Any, text: Text, patience: Patience, caplog: pytest.LogCaptureFixture
) -> None:
    """So is one that is cancelled by its own doing: the view is not."""
    client = await desk.open()
    await client.add_users("bob")
    bob = await client.login("bob")
    seen: list[str] = []

    async def fragile(event: Any) -> None:
        seen.extend(words(event))
        if seen[-1] == "1":
            raise ZeroDivisionError
        if seen[-1] == "2":
            raise asyncio.CancelledError

    bob.on("peer_message_received", fragile)
    await write(text, client, "1", "2", "3")
    await patience(lambda: len(seen) == 3)
    assert ["1", "2", "3"] == seen
    assert [
        "the listener of peer_message_received failed",
        "the listener of peer_message_received was cancelled",
    ] == [record.message for record in caplog.records]


async def test_events_without_a_listener_pass(desk: Any, text: Text, patience: Patience) -> None:
    """They were received, and nobody wanted them."""
    client = await desk.open()
    await client.add_users("bob")
    bob = await client.login("bob")
    seen: list[Any] = []
    bob.on("call_invitation_received", seen.append)
    await write(text, client, "1")
    await client.call_invite(["bob"], ZIMCallInviteConfig(), caller="ann")
    await patience(lambda: bool(seen))

    async def received() -> bool:
        return await place(client) == 2

    await patience(received)


@pytest.mark.parametrize(
    ("event", "listener", "field"),
    [
        pytest.param("peer_message", print, "event", id="unknown"),
        pytest.param("", print, "event", id="empty"),
        pytest.param("peer_message_received", "print", "listener", id="no-function"),
    ],
)
async def test_a_wrong_listener_is_named(desk: Any, event: str, listener: Any, field: str) -> None:
    """With the names there are."""
    client = await desk.open()
    bob = await client.login("bob")
    with pytest.raises(ParameterError) as caught:
        bob.on(event, listener)
    assert field == caught.value.field


async def test_a_view_is_read_or_listened_to_and_not_both(
    desk: Any, text: Text, patience: Patience
) -> None:
    """Each may follow the other, and takes up where it ended."""
    client = await desk.open()
    await client.add_users("bob")
    await write(text, client, "1", "2", "3")
    bob = await client.login("bob")
    seen: list[str] = []

    reader = bob.events()
    seen += await take(reader, 1)
    bob.on("peer_message_received", lambda event: seen.extend(words(event)))
    with pytest.raises(StateError, match="either on"):
        bob.events()
    with pytest.raises(StateError, match="somebody else reads"):
        await anext(reader)
    await patience(lambda: len(seen) == 3)

    bob.off("peer_message_received")
    await write(text, client, "4", "5")
    await desk.calm()
    assert ["1", "2", "3"] == seen
    seen += await take(bob.events(), 2)
    waiting = asyncio.ensure_future(anext(bob.events()))
    await desk.calm()
    with pytest.raises(StateError, match="either on"):
        bob.on("peer_message_received", print)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert ["1", "2", "3", "4", "5"] == seen


async def test_a_listener_that_is_removed_while_it_works_is_not_interrupted(
    desk: Any, text: Text, patience: Patience
) -> None:
    """Until it has returned the view is its; then what came meanwhile waits."""
    client = await desk.open()
    await client.add_users("bob")
    bob = await client.login("bob")
    seen: list[str] = []
    go_on = asyncio.Event()

    async def slowly(event: Any) -> None:
        seen.extend(words(event))
        await go_on.wait()
        seen.append("done")

    bob.on("peer_message_received", slowly)
    await write(text, client, "1", "2")
    await patience(lambda: seen == ["1"])
    bob.off("peer_message_received")
    with pytest.raises(StateError):
        bob.events()
    go_on.set()
    await patience(lambda: seen == ["1", "done"])
    await desk.calm()
    assert ["2"] == await take(bob.events(), 1)


async def test_events_of_a_newer_version_are_passed_over(
    desk: Any, text: Text, patience: Patience, caplog: pytest.LogCaptureFixture
) -> None:
    """They are logged, and those behind them come."""
    client = await desk.open()
    await client.add_users("bob")
    await client.call_invite(["bob"], ZIMCallInviteConfig(), caller="ann")
    await write(text, client, "1")
    await change(client, "UPDATE events SET name = 'somethingNew' WHERE log = 'u:bob' AND seq = 1")
    bob = await client.login("bob")
    assert ["1"] == await take(bob.events(), 1)
    assert "event somethingNew is unknown" in caplog.text


async def test_listeners_go_on_after_the_store_failed(
    desk: Any, text: Text, patience: Patience, caplog: pytest.LogCaptureFixture
) -> None:
    """The failure is logged; what came meanwhile is delivered."""
    client = await desk.open()
    await client.add_users("bob")
    bob = await client.login("bob")
    seen: list[str] = []
    bob.on("peer_message_received", lambda event: seen.extend(words(event)))
    await desk.calm()
    await change(client, "ALTER TABLE messages RENAME TO elsewhere")
    client._wakeup.notify(["u:bob"])
    await patience(lambda: "cannot read events of bob; trying again" in caplog.text)
    await change(client, "ALTER TABLE elsewhere RENAME TO messages")
    await write(text, client, "1")
    await desk.after(1)
    await patience(lambda: seen == ["1"])


async def test_a_reader_gets_the_stores_error_and_may_come_back(desk: Any, text: Text) -> None:
    """Nothing is lost."""
    client = await desk.open()
    await client.add_users("bob")
    await write(text, client, "1")
    bob = await client.login("bob")
    reader = bob.events()
    await change(client, "ALTER TABLE messages RENAME TO elsewhere")
    with pytest.raises(StoreError):
        await anext(reader)
    await change(client, "ALTER TABLE elsewhere RENAME TO messages")
    assert ["1"] == await take(reader, 1)


# Receipts.


async def test_an_event_counts_as_received_when_the_next_is_asked_for(
    desk: Any, text: Text
) -> None:
    """And not when it was handed out."""
    client = await desk.open()
    await client.add_users("bob")
    await write(text, client, "1", "2")
    bob = await client.login("bob")
    reader = bob.events()
    await take(reader, 1)
    await desk.calm()
    assert 0 == await place(client)
    await take(reader, 1)
    await desk.calm()
    assert 1 == await place(client)
    waiting = asyncio.ensure_future(anext(reader))
    await desk.calm()
    assert 2 == await place(client)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_a_slow_reader_is_not_pushed_what_it_already_got(
    desk: Any, text: Text, push: ZIMPushConfig
) -> None:
    """The receipt of one event does not wait for the end of the next."""
    client = await desk.open()
    await desk.device(client, "bob")
    bob = await client.login("bob")
    first = await text(client, "1", sender="ann", push=push)
    second = await text(client, "2", sender="cat", push=push)
    await take(bob.events(), 2)
    await desk.after(5)
    (record,) = await client.wait(first.message_id)
    assert ("skipped", "acknowledged") == (record.outcome.value, record.code)
    (record,) = await client.wait(second.message_id)
    assert "sent" == record.outcome.value


@pytest.mark.parametrize("way", ["aclose", "logout", "block", "client"])
async def test_a_view_that_is_closed_leaves_nothing_unread(
    desk: Any, text: Text, way: str, tmp_path: Any
) -> None:
    """What was handed out last was dealt with: it does not come again."""
    address = f"sqlite:///{tmp_path / 'push.db'}"
    client = await desk.open(store=address)
    await client.add_users("bob")
    await write(text, client, "1", "2", "3")
    bob = await client.login("bob")
    await take(bob.events(), 2)
    match way:
        case "aclose":
            await bob.aclose()
        case "logout":
            await bob.logout()
        case "block":
            async with bob:
                pass
        case "client":
            await client.aclose()
    again = await desk.open(store=address)
    assert ["3"] == await take((await again.login("bob")).events(), 1)


@pytest.mark.parametrize("block", ["view", "client"])
async def test_an_event_whose_reader_failed_comes_again(
    desk: Any, text: Text, block: str, tmp_path: Any
) -> None:
    """At least once: it was not dealt with."""
    address = f"sqlite:///{tmp_path / 'push.db'}"
    client = desk.client(store=address)
    with pytest.raises(ZeroDivisionError):
        async with client:
            await client.add_users("bob")
            await write(text, client, "1", "2", "3")
            bob = await client.login("bob")
            if block == "view":
                async with bob:
                    await take(bob.events(), 2)
                    raise ZeroDivisionError
            await take(bob.events(), 2)
            raise ZeroDivisionError
    again = await desk.open(store=address)
    assert ["2", "3"] == await take((await again.login("bob")).events(), 2)


async def test_a_receipt_that_the_store_did_not_take_is_tried_again(
    desk: Any, text: Text, patience: Patience, caplog: pytest.LogCaptureFixture
) -> None:
    """The reader does not notice."""
    client = await desk.open()
    await client.add_users("bob")
    await write(text, client, "1", "2")
    bob = await client.login("bob")
    reader = bob.events()
    await take(reader, 1)
    await change(client, "ALTER TABLE cursors RENAME TO elsewhere")
    await take(reader, 1)
    await patience(lambda: "receipt of bob failed" in caplog.text)
    await change(client, "ALTER TABLE elsewhere RENAME TO cursors")
    await desk.after(1)
    assert 1 == await place(client)


async def test_each_device_of_a_user_gets_every_event(desk: Any, text: Text) -> None:
    """One that read it does not take it from the other."""
    client = await desk.open()
    await client.add_users("bob")
    phone = await client.login("bob", device_id="phone")
    tablet = await client.login("bob", device_id="tablet")
    await write(text, client, "1")
    assert ["1"] == await take(phone.events(), 1)
    await phone.aclose()
    assert ["1"] == await take(tablet.events(), 1)


# Being online, and leaving.


async def test_an_open_view_stays_online_and_a_closed_one_does_not(desk: Any) -> None:
    """Its heartbeats see to it."""
    client = await desk.open()
    bob = await client.login("bob")
    for _ in range(8):
        await desk.after(10)
    (status,) = await client.query_users_status(["bob"])
    assert 0 == status.online_status
    await bob.aclose()
    (status,) = await client.query_users_status(["bob"])
    assert 1 == status.online_status


async def test_a_heartbeat_that_fails_is_not_the_last(
    desk: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The user is back once the store works again."""
    client = await desk.open()
    await client.login("bob")
    await change(client, "ALTER TABLE sessions RENAME TO elsewhere")
    await desk.clock.advance(10)
    while "heartbeat of bob failed" not in caplog.text:
        await asyncio.sleep(0)
    await change(client, "ALTER TABLE elsewhere RENAME TO sessions")
    await desk.after(30)
    (status,) = await client.query_users_status(["bob"])
    assert 0 == status.online_status


async def test_aclose_keeps_the_device_bound_and_logout_does_not(
    desk: Any, text: Text, push: ZIMPushConfig
) -> None:
    """A lost connection is no farewell."""
    client = await desk.open()
    await desk.device(client, "bob", device_id="phone")
    bob = await client.login("bob", device_id="phone")
    await bob.aclose()
    message = await text(client, push=push)
    assert ["sent"] == [one.outcome.value for one in await client.wait(message.message_id)]
    bob = await client.login("bob", device_id="phone")
    await bob.logout()
    message = await text(client, push=push)
    assert ["no_device"] == [one.code for one in await client.wait(message.message_id)]


async def test_a_closed_view_refuses_everything(desk: Any) -> None:
    """It says how to go on; closing again is harmless, logging out after the fact is not said."""
    client = await desk.open()
    bob = await client.login("bob")
    await bob.aclose()
    await bob.aclose()
    with pytest.raises(StateError, match="logged out; log in again"):
        bob.events()
    with pytest.raises(StateError, match="logged out"):
        bob.on("peer_message_received", print)
    with pytest.raises(StateError, match="logged out"):
        await bob.call_invite(["ann"], ZIMCallInviteConfig())
    with pytest.raises(StateError, match="is offline already"):
        await bob.logout()
    other = await client.login("bob")
    await other.logout()
    await other.logout()
    await other.aclose()


async def test_closing_ends_who_reads(desk: Any) -> None:
    """At once, whether it waits or comes later; nothing runs on."""
    client = await desk.open()
    bob = await client.login("bob")
    reader = bob.events()
    waiting = asyncio.ensure_future(anext(reader))
    await desk.calm()
    await bob.aclose()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(waiting, 20)
    with pytest.raises(StopAsyncIteration):
        await anext(reader)


async def test_closing_at_any_moment_ends_who_reads(desk: Any) -> None:
    """Also between looking and waiting."""
    client = await desk.open()
    for turns in range(30):
        bob = await client.login("bob")
        waiting = asyncio.ensure_future(anext(bob.events()))
        for _ in range(turns):
            await asyncio.sleep(0)
        await bob.aclose()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(waiting, 20)


async def test_a_listener_may_log_out(desk: Any, text: Text, patience: Patience) -> None:
    """It is not interrupted by it, and the event it was called with does not come again."""
    client = await desk.open()
    await client.add_users("bob")
    bob = await client.login("bob")
    seen: list[str] = []

    async def leave(event: Any) -> None:
        seen.extend(words(event))
        await bob.logout()
        seen.append("gone")

    bob.on("peer_message_received", leave)
    await write(text, client, "1", "2")
    await patience(lambda: "gone" in seen)
    assert ["1", "gone"] == seen
    again = await client.login("bob")
    assert ["2"] == await take(again.events(), 1)


async def test_closing_interrupts_a_listener_and_its_event_comes_again(
    desk: Any, text: Text, patience: Patience
) -> None:
    """It had not returned."""
    client = await desk.open()
    await client.add_users("bob")
    bob = await client.login("bob")
    seen: list[str] = []

    async def forever(event: Any) -> None:
        seen.extend(words(event))
        await asyncio.Event().wait()

    bob.on("peer_message_received", forever)
    await write(text, client, "1")
    await patience(lambda: bool(seen))
    await bob.aclose()
    again = await client.login("bob")
    assert ["1"] == await take(again.events(), 1)


async def test_a_logout_that_failed_may_be_tried_again(desk: Any) -> None:
    """What was to be unbound is unbound then."""
    client = await desk.open()
    await desk.device(client, "bob")
    bob = await client.login("bob")
    await change(client, "ALTER TABLE sessions RENAME TO elsewhere")
    with pytest.raises(StoreError):
        await bob.logout()
    await change(client, "ALTER TABLE elsewhere RENAME TO sessions")
    await bob.logout()
    (status,) = await client.query_users_status(["bob"])
    assert 1 == status.online_status


async def test_a_cancelled_close_goes_on(desk: Any, patience: Patience) -> None:
    """Whoever waits for it leaves; the user is offline all the same."""
    client = await desk.open()
    bob = await client.login("bob")
    closing = asyncio.ensure_future(bob.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    await bob.aclose()
    (status,) = await client.query_users_status(["bob"])
    assert 1 == status.online_status


async def test_a_user_writes_and_calls_by_their_own_view(desk: Any, text: Text) -> None:
    """The view is the sender and the caller."""
    client = await desk.open()
    ann, bob = await client.login("ann"), await client.login("bob")
    reader = bob.events()
    message = await text(ann, "hi")
    event = await anext(reader)
    assert ("ann", message.message_id) == (
        event.from_conversation_id,
        event.message_list[0].message_id,
    )
    call = await ann.call_invite(["bob"], ZIMCallInviteConfig())
    assert call.call_id == (await anext(reader)).call_id
    await bob.call_reject(call.call_id)
    with pytest.raises(zpns.errors.ZIMError) as caught:
        await ann.call_cancel([], call.call_id)
    assert 6000276 == caught.value.code


async def test_reading_logs_nothing_of_what_was_written(
    desk: Any, text: Text, caplog: pytest.LogCaptureFixture
) -> None:
    """Messages are nobody's business."""
    with caplog.at_level(logging.DEBUG):
        client = await desk.open()
        await client.add_users("bob")
        await write(text, client, "a secret between us")
        bob = await client.login("bob")
        await take(bob.events(), 1)
        await bob.logout()
    assert "a secret between us" not in caplog.text
