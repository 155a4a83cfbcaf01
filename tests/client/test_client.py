"""The service's view, end to end: what a service calls, and what the vendor gets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import zpns
from zpns import (
    DeviceToken,
    Outcome,
    ZIMCallInviteConfig,
    ZIMConversationType,
    ZIMMessagePriority,
    ZIMMessageSendConfig,
    ZIMPushConfig,
    ZIMTextMessage,
    ZIMUserInfo,
)
from zpns.errors import RegistrationNotFound, ZIMError

Text = Callable[..., Awaitable[Any]]


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """An address of a store."""
    return f"sqlite:///{tmp_path / 'push.db'}" if request.param == "file" else None


async def test_a_message_and_a_call_go_from_a_service_to_a_phone(
    vendor: Any, store: str | None, push: ZIMPushConfig
) -> None:
    """What the README shows: register, write, wait, call; the callee answers."""
    android, web = vendor.simulator.register(), vendor.simulator.register(kind="web")
    async with zpns.Client([vendor.fcm()], store=store) as client:
        messages = await client.register(
            "bob", DeviceToken("fcm", android), DeviceToken("fcm", web, kind="web")
        )
        assert [android, web] == [message.device_token for message in messages]
        sent = await client.send_message(
            ZIMTextMessage(message="hello"),
            "bob",
            ZIMConversationType.PEER,
            ZIMMessageSendConfig(priority=ZIMMessagePriority.HIGH, push_config=push),
            sender="alice",
        )
        records = await client.wait(sent.message.message_id, timeout=20)
        assert [("sent", "fcm_notification"), ("sent", "fcm_web")] == [
            (record.outcome.value, record.form) for record in records
        ]
        assert [one.push_id for one in messages] == [record.push_id for record in records]

        call = await client.call_invite(
            ["bob", "nobody"],
            ZIMCallInviteConfig(
                push_config=ZIMPushConfig(title="alice", content="calling", resources_id="voip")
            ),
            caller="alice",
        )
        assert ["nobody"] == [user.user_id for user in call.error_user_list]
        assert {Outcome.SENT} == {one.outcome for one in await client.wait(call.call_id, 20)}

        async with await client.login("bob") as bob:
            events = bob.events()
            waited = await anext(events)
            assert ["hello"] == [message.message for message in waited.message_list]
            assert waited.info.is_offline_message
            invitation = await anext(events)
            assert (call.call_id, "alice") == (invitation.call_id, invitation.caller)
            await bob.call_accept(call.call_id)
        info = await client.query_call(call.call_id)
        assert {"alice": 1, "bob": 1} == {user.user_id: user.state for user in info.call_user_list}

    message, _, ring, _ = sorted(vendor.bodies(), key=lambda body: "call_id" in str(body))
    assert sent.message.message_id == json.loads(message["data"]["zpns"])["message_id"]
    assert "notification" not in ring["android"], "a call rings by data alone"
    assert call.call_id == json.loads(ring["data"]["zego"])["call_id"]


async def test_wait_gives_what_there_is_when_its_time_is_over(
    desk: Any, text: Text, push: ZIMPushConfig
) -> None:
    """A push that is not through has no record yet; with more time it has."""
    client = await desk.open()
    await desk.device(client, "bob")
    desk.carrier.hold()
    message = await text(client, push=push)
    waiting = asyncio.create_task(client.wait(message.message_id, timeout=3))
    await desk.after(2.9)
    assert not waiting.done()
    await desk.after(0.1)
    assert [] == list(await asyncio.wait_for(waiting, 20))
    waiting = asyncio.create_task(client.wait(message.message_id))
    await desk.calm()
    desk.carrier.release()
    (record,) = await asyncio.wait_for(waiting, 20)
    assert Outcome.SENT is record.outcome
    assert [] != list(await client.wait(message.message_id, timeout=0))


async def test_wait_for_what_was_not_pushed_returns_at_once(desk: Any, text: Text) -> None:
    """Nobody pushes an unknown ID, nor a message without a push config."""
    client = await desk.open()
    await client.add_users("bob")
    assert [] == list(await client.wait("12345"))
    assert [] == list(await client.wait("no number"))
    assert [] == list(await client.wait((await text(client)).message_id))


async def test_many_may_wait_for_the_same(desk: Any, text: Text, push: ZIMPushConfig) -> None:
    """Each gets the records."""
    client = await desk.open()
    await desk.device(client, "bob")
    desk.carrier.hold()
    message = await text(client, push=push)
    waits = [asyncio.create_task(client.wait(message.message_id)) for _ in range(5)]
    await desk.calm()
    desk.carrier.release()
    found = await asyncio.wait_for(asyncio.gather(*waits), 20)
    assert [1] * 5 == [len(records) for records in found]


async def test_wait_returns_when_the_receiver_acknowledged(
    desk: Any, text: Text, push: ZIMPushConfig
) -> None:
    """Nothing is pushed then, and whoever waits learns so at once."""
    client = await desk.open()
    await desk.device(client, "bob")
    bob = await client.login("bob")
    events = bob.events()
    message = await text(client, push=push)
    waiting = asyncio.create_task(client.wait(message.message_id))
    await anext(events)
    await desk.calm()
    assert not waiting.done()
    asking = asyncio.create_task(anext(events))
    (record,) = await asyncio.wait_for(waiting, 20)
    assert ("skipped", "acknowledged") == (record.outcome.value, record.code)
    assert 0 == desk.pushes
    await bob.aclose()
    with pytest.raises(StopAsyncIteration):
        await asking


async def test_closing_wakes_who_waits(desk: Any, text: Text, push: ZIMPushConfig) -> None:
    """Nobody waits for a client that is gone."""
    client = await desk.open(workers=0)
    await desk.device(client, "bob")
    message = await text(client, push=push)
    waiting = asyncio.create_task(client.wait(message.message_id))
    await desk.calm()
    await client.aclose()
    with pytest.raises(zpns.errors.StateError):
        await asyncio.wait_for(waiting, 20)


async def test_a_cancelled_wait_leaves_nothing_behind(
    desk: Any, text: Text, push: ZIMPushConfig, tasks: Callable[[], set[str]]
) -> None:
    """Its listener is gone with it."""
    client = await desk.open(workers=0)
    await desk.device(client, "bob")
    message = await text(client, push=push)
    before = tasks()
    waiting = asyncio.create_task(client.wait(message.message_id, timeout=100))
    await desk.calm()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await desk.calm()
    assert before == tasks()


async def test_a_cancelled_send_is_repeated_with_its_key(
    desk: Any, text: Text, push: ZIMPushConfig
) -> None:
    """It may have been accepted: the key finds out, and nothing is pushed twice."""
    client = await desk.open()
    await desk.device(client, "bob")
    for turns in range(6):
        key = f"key-{turns}"
        task = asyncio.create_task(text(client, push=push, idempotency_key=key))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        message = await text(client, push=push, idempotency_key=key)
        await client.wait(message.message_id)
        assert turns + 1 == message.message_seq
    assert 6 == desk.pushes


async def test_unregistering_ends_the_pushes_of_that_token(
    desk: Any, text: Text, push: ZIMPushConfig
) -> None:
    """All of them, or those that are named; a foreign one is refused."""
    client = await desk.open()
    first, second = await desk.device(client, "bob"), await desk.device(client, "bob")
    with pytest.raises(RegistrationNotFound):
        await client.unregister("cat", DeviceToken("fcm", first))
    await client.unregister("bob", DeviceToken("fcm", first))
    message = await text(client, push=push)
    assert 1 == len(await client.wait(message.message_id))
    await client.unregister("bob")
    message = await text(client, push=push)
    assert ["no_device"] == [record.code for record in await client.wait(message.message_id)]
    assert [second] == [
        json.loads(request.body)["message"]["token"]
        for request in desk.carrier.requests
        if request.url.endswith(":send")
    ]


async def test_users_are_added_by_id_or_with_what_others_see(desk: Any, text: Text) -> None:
    """Both can be written to."""
    client = await desk.open()
    await client.add_users("bob", ZIMUserInfo(user_id="cat", user_name="Cat"))
    await text(client, to="bob")
    await text(client, to="cat")
    with pytest.raises(ZIMError) as caught:
        await text(client, to="dan")
    assert 6000204 == caught.value.code


# Several clients on one file.


async def test_one_client_accepts_and_another_delivers(
    desk: Any, text: Text, push: ZIMPushConfig, tmp_path: Path
) -> None:
    """News travel between them within a tenth of a second."""
    address = f"sqlite:///{tmp_path / 'shared.db'}"
    accepts = await desk.open(store=address, workers=0)
    delivers = await desk.open(store=address)
    await desk.device(accepts, "bob")
    await desk.after(1)
    message = await text(accepts, push=push)
    await desk.calm()
    waiting = asyncio.create_task(accepts.wait(message.message_id))
    await desk.after(0.1)  # the one hears of the job
    await desk.after(0.1)  # and the other of its end
    (record,) = await asyncio.wait_for(waiting, 20)
    assert Outcome.SENT is record.outcome
    assert [record] == list(await delivers.wait(message.message_id))


async def test_users_of_two_clients_hear_of_each_other(
    desk: Any, text: Text, tmp_path: Path
) -> None:
    """A message sent in one process arrives in another, without a poll of minutes."""
    address = f"sqlite:///{tmp_path / 'shared.db'}"
    one, two = await desk.open(store=address), await desk.open(store=address)
    bob = await two.login("bob")
    events = bob.events()
    asking = asyncio.ensure_future(anext(events))
    await desk.after(1)
    await text(one, "across")
    await desk.after(0.1)
    event = await asyncio.wait_for(asking, 20)
    assert ["across"] == [message.message for message in event.message_list]


async def test_a_call_rings_and_ends_across_clients(desk: Any, tmp_path: Path) -> None:
    """Who is called in one process is told by the other when the ringing is over."""
    address = f"sqlite:///{tmp_path / 'shared.db'}"
    one, two = await desk.open(store=address), await desk.open(store=address)
    bob = await two.login("bob")
    await desk.calm()
    call = await one.call_invite(["bob"], ZIMCallInviteConfig(timeout=10), caller="ann")
    events = bob.events()
    assert call.call_id == (await anext(events)).call_id
    asking = asyncio.ensure_future(anext(events))
    await desk.after(10)
    await desk.after(0.2)
    ended = await asyncio.wait_for(asking, 20)
    assert ("callInvitationTimeout", call.call_id) == (ended.EVENT, ended.call_id)


async def test_what_one_client_left_the_next_delivers(
    vendor: Any, text: Text, push: ZIMPushConfig, tmp_path: Path
) -> None:
    """Accepted is durable: the push goes out after the restart."""
    address = f"sqlite:///{tmp_path / 'push.db'}"
    token = vendor.simulator.register()
    async with zpns.Client(store=address, workers=0) as client:
        await client.register("bob", DeviceToken("fcm", token))
        ids = [(await text(client, str(n), push=push)).message_id for n in range(3)]
    async with zpns.Client([vendor.fcm()], store=address) as client:
        for message_id in ids:
            (record,) = await client.wait(message_id, timeout=20)
            assert Outcome.SENT is record.outcome
    assert [token] * 3 == vendor.tokens()
    assert 0o600 == (tmp_path / "push.db").stat().st_mode & 0o777


async def test_several_workers_deliver_side_by_side(
    vendor: Any, text: Text, push: ZIMPushConfig
) -> None:
    """Each push once."""
    token = vendor.simulator.register()
    async with zpns.Client([vendor.fcm()], workers=3) as client:
        await client.register("bob", DeviceToken("fcm", token))
        sent = await asyncio.gather(*(text(client, str(n), push=push) for n in range(60)))
        for message in sent:
            await client.wait(message.message_id, timeout=20)
    assert [token] * 60 == vendor.tokens()
