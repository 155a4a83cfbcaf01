"""Accepting messages: what is stored, what is refused, and what a repetition gives."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import attrs
import orjson
import pytest
from sqlalchemy import Connection

from zpns import (
    ZIMBarrageMessage,
    ZIMCombineMessage,
    ZIMCommandMessage,
    ZIMConversationType,
    ZIMCustomMessage,
    ZIMMessagePriority,
    ZIMMessageSendConfig,
    ZIMPushConfig,
    ZIMRevokeMessage,
    ZIMTextMessage,
    ZIMTipsMessage,
    ZIMVoIPConfig,
)
from zpns.errors import ParameterError, StoreError, ZIMError
from zpns.models import EVENTS
from zpns.wire import from_wire

CONFIG = ZIMMessageSendConfig(priority=ZIMMessagePriority.LOW)
TEXT = ZIMTextMessage(message="hello")
PEER = ZIMConversationType.PEER


async def counts(house: Any) -> dict[str, int]:
    """Return how many rows the tables have that a message goes to."""
    names = ("users", "messages", "events", "jobs")
    return {name: len(await house.rows(name)) for name in names}


async def test_a_sent_message_has_id_number_and_time(house: Any) -> None:
    """The result is the message as its sender keeps it."""
    message = (await house.send("hi")).message
    assert ("hi", "ann", "bob", PEER, 1, 1, 100, house.now) == (
        message.message,
        message.sender_user_id,
        message.conversation_id,
        message.conversation_type,
        int(message.sent_status),
        message.message_seq,
        message.order_key,
        message.timestamp,
    )
    assert message.message_id.isdigit()
    assert int(message.message_id) < 2**63


async def test_ids_rise_with_time(house: Any) -> None:
    """Also within a millisecond."""
    ids = [int((await house.send()).message.message_id) for _ in range(5)]
    await house.clock.advance(1)
    ids.append(int((await house.send()).message.message_id))
    assert sorted(set(ids)) == ids


async def test_both_directions_of_a_conversation_share_its_numbers(house: Any) -> None:
    """And no other conversation does."""
    seqs = [
        (await house.send(sender=sender, to=to)).message.message_seq
        for sender, to in [("ann", "bob"), ("bob", "ann"), ("ann", "cat"), ("ann", "bob")]
    ]
    assert [1, 2, 1, 3] == seqs


async def test_concurrent_messages_get_consecutive_numbers(house: Any) -> None:
    """In the order in which one task asked, without a gap or a repetition."""
    pairs = [("ann", "bob"), ("bob", "ann"), ("cat", "bob"), ("ann", "dan")] * 25
    sent = await asyncio.gather(
        *(house.send(str(index), sender=a, to=b) for index, (a, b) in enumerate(pairs))
    )
    seqs: dict[frozenset[str], list[int]] = {}
    for pair, result in zip(pairs, sent, strict=True):
        seqs.setdefault(frozenset(pair), []).append(result.message.message_seq)
    assert {
        frozenset(("ann", "bob")): list(range(1, 51)),
        frozenset(("cat", "bob")): list(range(1, 26)),
        frozenset(("ann", "dan")): list(range(1, 26)),
    } == seqs
    logs = Counter(row["log"] for row in await house.rows("events"))
    assert {"u:bob": 50, "u:ann": 25, "u:dan": 25} == dict(logs)
    places = [row["seq"] for row in await house.rows("events", log="u:bob")]
    assert list(range(1, 51)) == places


async def test_a_sender_is_made_on_first_use_and_a_receiver_never(house: Any) -> None:
    """ZIM knows no such receiver; the sender of a refused message is not made either."""
    with pytest.raises(ZIMError) as caught:
        await house.send(sender="new", to="nobody")
    assert 6000204 == caught.value.code
    assert {"users": 4, "messages": 0, "events": 0, "jobs": 0} == await counts(house)
    await house.send(sender="new")
    assert "new" in {row["user_id"] for row in await house.rows("users")}


async def test_one_refused_message_does_not_take_others_with_it(house: Any) -> None:
    """Items that share a transaction are judged one by one."""
    results = await asyncio.gather(
        *(house.send(to=to) for to in ("bob", "nobody", "cat", "nobody")), return_exceptions=True
    )
    assert [False, True, False, True] == [isinstance(one, ZIMError) for one in results]
    assert 2 == len(await house.rows("messages"))


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        pytest.param({"to": "ann"}, 6000001, "to_conversation_id", id="oneself"),
        pytest.param({"to": "nobody"}, 6000204, None, id="unknown-receiver"),
        pytest.param({"to": "bob,"}, 6000001, "to_conversation_id", id="comma-in-receiver"),
        pytest.param({"sender": ""}, 6000001, "sender", id="no-sender"),
        pytest.param({"kind": ZIMConversationType.GROUP}, 6000013, None, id="group"),
        pytest.param({"kind": ZIMConversationType.ROOM}, 6000013, None, id="room"),
        pytest.param(
            {"message": ZIMCommandMessage(message=b"x")}, 6000001, "message", id="command"
        ),
        pytest.param({"message": ZIMBarrageMessage(message="x")}, 6000001, "message", id="barrage"),
        pytest.param({"message": ZIMRevokeMessage()}, 6000001, "message", id="revoke"),
        pytest.param({"message": ZIMTipsMessage()}, 6000001, "message", id="tips"),
        pytest.param({"key": ""}, 6000001, "idempotency_key", id="empty-key"),
        pytest.param({"key": "k" * 129}, 6000001, "idempotency_key", id="long-key"),
        pytest.param({"push": {"resources_id": "other"}}, 6000001, "resources_id", id="resource"),
        pytest.param({"push": {"resources_id": "voip"}}, 6000001, "resources_id", id="voip"),
        pytest.param({"push": {"resources_id": "ring"}}, 6000001, "resources_id", id="own-voip"),
        pytest.param(
            {"push": {"voip_config": ZIMVoIPConfig()}}, 6000001, "voip_config", id="voip-config"
        ),
    ],
)
async def test_what_zim_refuses_is_refused_and_leaves_nothing(
    house: Any, changes: dict[str, Any], code: int, field: str | None
) -> None:
    """Each refusal has its code, names its field, and writes no row."""
    push = changes.get("push")
    config = ZIMMessageSendConfig(
        priority=ZIMMessagePriority.LOW,
        push_config=None if push is None else ZIMPushConfig(title="a", content="b", **push),
    )
    with pytest.raises(ZIMError) as caught:
        await house.hub.send_message(
            changes.get("sender", "ann"),
            changes.get("message", TEXT),
            changes.get("to", "bob"),
            changes.get("kind", PEER),
            config,
            changes.get("key"),
        )
    assert (code, field) == (caught.value.code, getattr(caught.value, "field", None))
    assert {"users": 4, "messages": 0, "events": 0, "jobs": 0} == await counts(house)


@pytest.mark.parametrize(
    ("message", "config", "field"),
    [
        pytest.param("hello", CONFIG, "message", id="text-for-message"),
        pytest.param(TEXT, None, "config", id="no-config"),
        pytest.param(TEXT, ZIMPushConfig(), "config", id="push-config-for-config"),
    ],
)
async def test_arguments_of_the_wrong_type_are_named(
    plain: Any, message: Any, config: Any, field: str
) -> None:
    """A mistake in the call is no AttributeError from inside."""
    with pytest.raises(ParameterError) as caught:
        await plain.hub.send_message("ann", message, "bob", PEER, config)
    assert field == caught.value.field


async def test_a_key_that_is_no_utf_8_is_refused(plain: Any) -> None:
    """A lone surrogate cannot be stored."""
    with pytest.raises(ParameterError, match=r"idempotency_key: .* without lone surrogates"):
        await plain.send(key="\ud800")


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(ZIMCustomMessage(message="m", sub_type=7), id="custom"),
        pytest.param(ZIMCombineMessage(title="t", summary="s", message_list=[TEXT]), id="combine"),
        pytest.param(ZIMTextMessage(message="hé\u2028llo \U0001f600"), id="unicode"),
    ],
)
async def test_other_messages_arrive_as_they_were_sent(house: Any, message: Any) -> None:
    """Whatever is stored is read back as the same class with the same content."""
    sent = await house.hub.send_message("ann", message, "bob", PEER, CONFIG)
    (entry,) = await house.inbox(await house.login("bob"))
    event = from_wire(EVENTS["peer_message_received"], dict(entry.data))
    (received,) = event.message_list
    assert type(message) is type(received)
    own = [field.name for field in attrs.fields(type(message)) if not field.inherited]
    assert own
    assert [getattr(message, name) for name in own] == [getattr(received, name) for name in own]
    assert sent.message.message_id == received.message_id


# Repetitions.


async def test_a_repetition_gives_the_first_result(house: Any, push: ZIMPushConfig) -> None:
    """However much later; nothing is stored twice."""
    first = await house.send(push=push, key="k")
    before = await counts(house)
    await house.clock.advance(3600)
    assert first == await house.send(push=push, key="k")
    assert before == await counts(house)


async def test_repetitions_in_one_transaction_give_one_message(
    house: Any, push: ZIMPushConfig
) -> None:
    """Who repeats before the first answer came gets that answer."""
    results = await asyncio.gather(*(house.send(push=push, key="k") for _ in range(20)))
    assert [results[0]] * 20 == list(results)
    assert (1, 1, 1) == tuple(
        [len(await house.rows(name)) for name in ("messages", "events", "jobs")]
    )


@pytest.mark.parametrize("together", [True, False], ids=["together", "later"])
@pytest.mark.parametrize(
    "changes",
    [pytest.param({"text": "other"}, id="text"), pytest.param({"to": "cat"}, id="receiver")],
)
async def test_a_key_with_other_content_is_refused(
    house: Any, together: bool, changes: dict[str, str]
) -> None:
    """It names one message; which of two in a transaction came first is the one."""
    if together:
        _, second = await asyncio.gather(
            house.send(key="k"), house.send(**changes, key="k"), return_exceptions=True
        )
    else:
        await house.send(key="k")
        (second,) = await asyncio.gather(house.send(**changes, key="k"), return_exceptions=True)
    assert isinstance(second, ParameterError)
    assert ("idempotency_key", 6000001) == (second.field, second.code)
    assert 1 == len(await house.rows("messages"))


async def test_a_key_belongs_to_its_sender(house: Any) -> None:
    """Two users may choose the same one."""
    one = await house.send(sender="ann", key="k")
    two = await house.send(sender="cat", key="k")
    assert one.message.message_id != two.message.message_id


async def test_the_key_of_a_refused_message_is_free(house: Any) -> None:
    """What was refused was not sent."""
    with pytest.raises(ZIMError):
        await house.send(to="eve", key="k" * 128)
    await house.login("eve")
    assert 1 == (await house.send(to="eve", key="k" * 128)).message.message_seq


async def test_repetitions_of_a_refused_message_are_refused_together(house: Any) -> None:
    """They share their fate, whatever it is."""
    results = await asyncio.gather(
        *(house.send(to="nobody", key="k") for _ in range(3)), return_exceptions=True
    )
    assert [6000204] * 3 == [one.code for one in results]


# One transaction.


async def _trigger(house: Any, sql: str) -> None:
    def command(connection: Connection, items: Any) -> list[Any]:
        connection.exec_driver_sql(sql)
        return [None] * len(items)

    await house.store.write(command, None)


@pytest.mark.parametrize(
    ("table", "condition"),
    [
        pytest.param("messages", "NEW.receiver = 'dan'", id="message"),
        pytest.param("events", "NEW.log = 'u:dan'", id="event"),
        pytest.param("jobs", "NEW.audience LIKE '%dan%'", id="job"),
    ],
)
async def test_message_event_and_job_are_stored_together_or_not_at_all(
    house: Any, push: ZIMPushConfig, table: str, condition: str
) -> None:
    """A failure between them undoes all of it, and none of what shared the transaction."""
    await _trigger(
        house,
        f"CREATE TRIGGER broken BEFORE INSERT ON {table} WHEN {condition} "
        "BEGIN SELECT RAISE(ABORT, 'out of order'); END",
    )
    results = await asyncio.gather(
        *(house.send(to=to, push=push, key=f"k-{to}") for to in ("bob", "dan", "cat")),
        return_exceptions=True,
    )
    assert [False, True, False] == [isinstance(one, StoreError) for one in results]
    rows = {name: await house.rows(name) for name in ("messages", "events", "jobs")}
    assert {"messages": 2, "events": 2, "jobs": 2} == {k: len(v) for k, v in rows.items()}
    assert "out of order" not in {row["name"] for row in rows["events"]}
    await _trigger(house, "DROP TRIGGER broken")
    again = await house.send(to="dan", push=push, key="k-dan")
    assert 1 == again.message.message_seq, "no number was lost, and the key is free"


async def test_a_cancelled_send_may_be_repeated(house: Any, push: ZIMPushConfig) -> None:
    """It was accepted all the same; its key gives the message it made."""
    task = asyncio.create_task(house.send(push=push, key="k"))
    await asyncio.sleep(0)  # it is on its way to the store
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    sent = await house.send(push=push, key="k")
    (row,) = await house.rows("messages")
    assert str(row["message_id"]) == sent.message.message_id
    assert 1 == len(await house.rows("jobs"))


# Push jobs.


async def test_without_push_config_there_is_no_job(house: Any) -> None:
    """And everything there is to know of pushes is known."""
    sent = await house.send()
    assert [] == await house.rows("jobs")
    records, over = await house.hub.pushes(sent.message.message_id)
    assert (0, True) == (len(records), over)


@pytest.mark.parametrize(
    ("title", "content"),
    [
        pytest.param("", "hello", id="no-title"),
        pytest.param("ann", "", id="no-content"),
        pytest.param("", "", id="neither"),
    ],
)
async def test_without_title_or_content_nothing_is_pushed_and_the_ledger_says_so(
    house: Any, title: str, content: str
) -> None:
    """As at ZIM; here it is not silent."""
    sent = await house.send(push=ZIMPushConfig(title=title, content=content))
    job = await house.job(sent.message.message_id)
    assert (1, "empty_text") == (job["state"], job["reason"])
    (record,), over = await house.hub.pushes(sent.message.message_id)
    assert ("bob", "skipped", "empty_text", 0, True) == (
        record.user_id,
        record.outcome.value,
        record.code,
        record.attempts,
        over,
    )


async def test_a_job_for_an_offline_receiver_is_due_at_once(
    house: Any, push: ZIMPushConfig
) -> None:
    """It keeps what the push is built from, for as long as the message is kept."""
    sent = await house.send(push=push)
    job = await house.job(sent.message.message_id)
    assert (0, "", 1, "message", house.now, house.now + 7 * 24 * 3600 * 1000, None) == (
        job["state"],
        job["reason"],
        job["priority"],
        job["event"],
        job["due_at"],
        job["deadline_at"],
        job["ack_log"],
    )
    assert [["bob", 0]] == orjson.loads(job["audience"])
    kept = orjson.loads(job["push"])
    assert ("ann", "hello") == (kept["config"]["title"], kept["config"]["content"])
    assert {"sent_at": house.now, "conversation_id": "ann"} == kept["event"]


async def test_a_job_for_an_online_receiver_waits_for_the_acknowledgement(
    house: Any, push: ZIMPushConfig
) -> None:
    """Five seconds, and for this very event."""
    await house.send("before")
    await house.login("bob")
    sent = await house.send(push=push)
    job = await house.job(sent.message.message_id)
    assert (house.now + 5000, "u:bob", 2) == (job["due_at"], job["ack_log"], job["ack_seq"])


async def test_how_long_it_waits_is_a_setting(house: Any, push: ZIMPushConfig) -> None:
    """Zero seconds means at once."""
    hub = await house.make(keeps_time=False, ack_within=0)
    await house.login("bob")
    config = ZIMMessageSendConfig(priority=ZIMMessagePriority.LOW, push_config=push)
    sent = await hub.send_message("ann", TEXT, "bob", PEER, config)
    assert house.now == (await house.job(sent.message.message_id))["due_at"]


async def test_a_silent_resource_may_push_a_message(house: Any) -> None:
    """Only voip is refused."""
    push = ZIMPushConfig(title="a", content="b", resources_id="quiet")
    sent = await house.send(push=push)
    assert 0 == (await house.job(sent.message.message_id))["state"]


async def test_news_wake_who_listens(house: Any, push: ZIMPushConfig) -> None:
    """The receiver's listeners, and with a push to make, the workers."""
    user, workers = house.wakeup.listen("u:bob"), house.wakeup.listen("jobs")
    await house.send(push=push)
    await asyncio.wait_for(user.wait(None), 20)
    await asyncio.wait_for(workers.wait(None), 20)
    user.close()
    workers.close()
