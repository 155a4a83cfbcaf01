"""The face of a sender: its arguments, its results, and what it refuses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from zpns import DeviceToken, Notification, Sender
from zpns.errors import ParameterError, StateError
from zpns.http.http2 import HTTP2Carrier
from zpns.models import Delivery, Outcome, Target
from zpns.sender.lane import open_carrier

WINDOW = 5
HELLO = Notification(title="Hello", content="there")


def tokens(count: int) -> list[str]:
    """Return *count* tokens that differ."""
    return [f"token-{number:05}" for number in range(count)]


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(0, id="none"),
        pytest.param(1, id="one"),
        pytest.param(WINDOW - 1, id="window-1"),
        pytest.param(WINDOW, id="window"),
        pytest.param(WINDOW + 1, id="window+1"),
        pytest.param(10 * WINDOW, id="many-windows"),
    ],
)
@pytest.mark.parametrize("ordered", [False, True], ids=["as-ready", "ordered"])
async def test_every_token_has_one_delivery(room: Any, count: int, ordered: bool) -> None:
    """Each token is sent once and reported once, numbered in the order of the source."""
    sent = tokens(count)
    deliveries = await room.collect(sent, window=WINDOW, ordered=ordered)
    assert [Target(token, seq) for seq, token in enumerate(sent)] == sorted(
        (delivery.target for delivery in deliveries), key=lambda target: target.seq
    )
    assert [(Outcome.SENT, 1)] * count == [(d.outcome, d.attempts) for d in deliveries]
    assert sent == sorted(room.vendor.received)


async def test_a_window_bounds_what_is_under_way(room: Any) -> None:
    """Exactly as many requests as the window allows are under way while answers are held."""
    await room.send("first")  # there is a credential now
    room.carrier.hold()
    async with room.sender.send_many(room.hello, tokens(20), window=WINDOW) as deliveries:
        await room.clock.advance(0)
        assert WINDOW == room.carrier.under_way
        room.carrier.release(2)
        await room.clock.advance(0)
        assert (WINDOW, 2 + WINDOW + 2) == (room.carrier.under_way, len(room.carrier.requests))
        room.carrier.release()
        assert 20 == len([delivery async for delivery in deliveries])
    assert WINDOW == room.carrier.most_under_way


async def test_results_come_as_they_are_ready(room: Any) -> None:
    """Without *ordered* a slow first token holds nobody up."""
    room.fate("slow", "busy=3")
    deliveries = await room.collect(["slow", "quick"])
    assert ["quick", "slow"] == [delivery.token for delivery in deliveries]


async def test_ordered_results_come_in_the_order_of_the_source(room: Any) -> None:
    """With *ordered* results wait for those before them, retries and refusals included."""
    room.fate("slow", "busy=3")
    deliveries = await room.collect(["a", "slow", "", "b", None, "c"], ordered=True)
    assert ["a", "slow", "", "b", "", "c"] == [delivery.token for delivery in deliveries]
    assert list(range(6)) == [delivery.target.seq for delivery in deliveries]


async def test_send_is_one_of_many(room: Any) -> None:
    """`send` retries like `send_many` and returns the one delivery."""
    room.fate("a", "busy=2", "gone")
    delivery = await room.send("a")
    assert (Target("a", 0), Outcome.TOKEN_DEAD, 2) == (
        delivery.target,
        delivery.outcome,
        delivery.attempts,
    )


async def test_send_keeps_to_its_own_deadline(room: Any) -> None:
    """`send` passes its deadline on."""
    room.fate("a", "busy=7")
    delivery = await room.send("a", deadline=5)
    assert (Outcome.EXPIRED, "busy") == (delivery.outcome, delivery.verdict.code)


async def test_pages_are_lists_of_what_is_ready(room: Any) -> None:
    """Pages hold every result once, at least one each."""
    room.fate("slow", "busy=3")
    sent = [*tokens(7), "slow"]

    async def work() -> list[list[Delivery]]:
        async with room.sender.send_many(room.hello, sent) as deliveries:
            return [page async for page in deliveries.pages()]

    pages = await room.run(work())
    assert [7, 1] == [len(page) for page in pages]
    assert sent == [delivery.token for page in pages for delivery in page]


async def test_pages_go_on_where_single_results_stopped(room: Any) -> None:
    """Taking one result and then pages loses none and repeats none."""
    async with room.sender.send_many(room.hello, tokens(6), ordered=True) as deliveries:
        await room.clock.advance(0)
        first = await anext(deliveries)
        page = await anext(deliveries.pages())
    assert tokens(6) == [first.token, *(delivery.token for delivery in page)]


async def test_two_consumers_share_the_results(room: Any) -> None:
    """Two tasks that iterate at once get each result once, and both come to the end."""
    deliveries = room.sender.send_many(room.hello, tokens(50), window=3)

    async def consume() -> list[str]:
        found = []
        async for delivery in deliveries:
            found.append(delivery.token)
            await asyncio.sleep(0)
        return found

    one, two = await asyncio.gather(consume(), consume())
    assert tokens(50) == sorted(one + two)
    assert one
    assert two


async def test_sending_begins_with_the_block(room: Any) -> None:
    """Nothing is sent before the block is entered; then it goes on without a consumer."""
    deliveries = room.sender.send_many(room.hello, tokens(3))
    await room.clock.advance(1)
    assert [] == room.vendor.pushes
    async with deliveries:
        await room.clock.advance(0)
        assert tokens(3) == room.vendor.received
        assert 3 == len([delivery async for delivery in deliveries])


async def test_the_deadline_runs_from_the_beginning(room: Any) -> None:
    """A fan-out that is kept for an hour before it begins has all its time left."""
    deliveries = room.sender.send_many(room.hello, ["a"], deadline=5)
    await room.clock.advance(3600)
    assert [Outcome.SENT] == [delivery.outcome async for delivery in deliveries]


async def test_results_wait_for_a_late_consumer(room: Any) -> None:
    """Results that were ready long ago, past the deadline even, are still handed out."""
    async with room.sender.send_many(room.hello, tokens(3), deadline=5) as deliveries:
        await room.clock.advance(3600)
        found = [delivery.outcome async for delivery in deliveries]
    assert [Outcome.SENT] * 3 == found


async def test_after_the_end_there_is_nothing(room: Any) -> None:
    """Asking again after the last result ends the iteration again."""
    deliveries = room.sender.send_many(room.hello, ["a"])
    assert 1 == len([delivery async for delivery in deliveries])
    assert [] == [delivery async for delivery in deliveries]
    assert [] == [page async for page in deliveries.pages()]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("window", 0, id="window-0"),
        pytest.param("window", -1, id="window-negative"),
        pytest.param("window", 1.5, id="window-fraction"),
        pytest.param("window", True, id="window-bool"),
        pytest.param("window", "5", id="window-text"),
        pytest.param("window", None, id="window-none"),
        pytest.param("max_waiting", 0, id="max_waiting-0"),
        pytest.param("max_waiting", 2.0, id="max_waiting-fraction"),
        pytest.param("deadline", 0, id="deadline-0"),
        pytest.param("deadline", -0.1, id="deadline-negative"),
        pytest.param("deadline", float("nan"), id="deadline-nan"),
        pytest.param("deadline", True, id="deadline-bool"),
        pytest.param("deadline", "30", id="deadline-text"),
    ],
)
async def test_a_wrong_number_is_refused(room: Any, field: str, value: Any) -> None:
    """A number that makes no sense is refused at the call, and the error names it."""
    with pytest.raises(ParameterError) as caught:
        room.sender.send_many(room.hello, ["a"], **{field: value})
    assert field == caught.value.field


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("secret-token", id="text"),
        pytest.param(b"secret-token", id="bytes"),
        pytest.param(DeviceToken("toy", "secret-token"), id="device-token"),
        pytest.param(None, id="none"),
        pytest.param(5, id="number"),
    ],
)
async def test_tokens_have_to_be_several(room: Any, value: Any) -> None:
    """One token, which could be read as many of one letter, is refused and not repeated."""
    with pytest.raises(ParameterError) as caught:
        room.sender.send_many(room.hello, value)
    assert ("tokens", False) == (caught.value.field, "secret" in str(caught.value))


@pytest.mark.parametrize("value", [None, "Hello", {"title": "Hello"}])
async def test_a_notification_has_to_be_one(room: Any, value: Any) -> None:
    """Anything but a Notification is refused at the call."""
    with pytest.raises(ParameterError) as caught:
        room.sender.send_many(value, ["a"])
    assert "notification" == caught.value.field


async def test_wrong_arguments_of_send_are_refused(room: Any) -> None:
    """`send` raises for its arguments too."""
    with pytest.raises(ParameterError) as caught:
        await room.sender.send(room.hello, "a", deadline=0)
    assert "deadline" == caught.value.field


def test_a_sender_needs_a_transport() -> None:
    """A sender is not made of anything else."""
    with pytest.raises(ParameterError) as caught:
        Sender("fcm")  # type: ignore[arg-type]
    assert "transport" == caught.value.field


async def test_a_closed_sender_refuses(room: Any) -> None:
    """After `aclose` every verb says that the sender is closed; closing again is fine."""
    await room.send("a")
    await room.sender.aclose()
    await room.sender.aclose()
    with pytest.raises(StateError, match="closed"):
        await room.sender.send(room.hello, "a")
    with pytest.raises(StateError, match="closed"):
        room.sender.send_many(room.hello, ["a"])
    with pytest.raises(StateError, match="closed"):
        async with room.sender:
            pass  # pragma: no cover


async def test_a_sender_never_used_can_be_closed(room: Any) -> None:
    """Closing needs no connection, and holds as well."""
    await room.sender.aclose()
    with pytest.raises(StateError, match="closed"):
        room.sender.send_many(room.hello, ["a"])


async def test_a_fan_out_does_not_begin_after_the_end(room: Any) -> None:
    """What was made before `aclose` and is begun after it is refused as well."""
    deliveries = room.sender.send_many(room.hello, ["a"])
    await room.sender.aclose()
    with pytest.raises(StateError, match="closed"):
        await anext(deliveries)
    assert [] == room.vendor.pushes


def test_a_sender_belongs_to_one_loop(room_class: Any) -> None:
    """Used, begun or closed in another event loop, it says so."""
    room = room_class()
    deliveries: list[Any] = []

    async def first() -> None:
        await room.sender.send(room.hello, "a")
        deliveries.append(room.sender.send_many(room.hello, ["b"]))

    async def second(work: Callable[[], Any]) -> None:
        with pytest.raises(StateError, match="another event loop"):
            await work()

    asyncio.run(first())
    asyncio.run(second(lambda: room.sender.send(room.hello, "a")))
    asyncio.run(second(lambda: anext(deliveries[0])))
    asyncio.run(second(room.sender.aclose))
    assert ["a"] == room.vendor.received


async def test_the_block_closes_the_sender(room: Any) -> None:
    """`async with` gives the sender and closes it."""
    async with room.sender as sender:
        assert Outcome.SENT is (await sender.send(room.hello, "a")).outcome
    with pytest.raises(StateError, match="closed"):
        await room.sender.send(room.hello, "a")


async def test_a_carrier_from_outside_stays_open(make_room: Any) -> None:
    """A carrier handed in may serve others: whoever made it closes it."""
    room = make_room()
    await room.send("a")
    await room.sender.aclose()
    assert not room.carrier.closed


async def test_a_carrier_of_its_own_is_closed(make_room: Any, monkeypatch: Any) -> None:
    """A carrier the sender opened ends with it."""
    room = make_room()
    monkeypatch.setattr("zpns.sender.lane.open_carrier", lambda transport: room.carrier)
    sender = Sender(room.toy, clock=room.clock)
    await room.run(sender.send(room.hello, "a"))
    await sender.aclose()
    assert (["a"], True) == (room.vendor.received, room.carrier.closed)


@pytest.mark.parametrize(
    ("http2", "base_url", "engine"),
    [
        pytest.param(True, None, True, id="http2"),
        pytest.param(True, "https://127.0.0.1:8443", True, id="http2-elsewhere"),
        pytest.param(True, "http://127.0.0.1:8080", False, id="no-tls"),
        pytest.param(False, None, False, id="http1"),
    ],
)
async def test_a_carrier_is_opened_for_the_transport(
    room: Any, http2: bool, base_url: str | None, engine: bool
) -> None:
    """The engine carries HTTP/2 over TLS, aiohttp everything else."""
    toy = type("Toy2", (type(room.toy),), {"http2": http2})
    carrier = open_carrier(toy(secret="s" * 20, base_url=base_url))
    assert engine == isinstance(carrier, HTTP2Carrier)
    await carrier.aclose()


async def test_repr_hides_secrets_and_tokens(room: Any) -> None:
    """Neither a sender nor a delivery shows what must not be read."""
    token = "t0ken-" + "x" * 40
    delivery = await room.send(token)
    shown = f"{room.sender!r} {delivery!r} {delivery.target}"
    assert room.toy.secret not in shown
    assert token not in shown
    assert "t0ken-" in shown


async def test_a_job_id_is_drawn_once_per_call(room: Any) -> None:
    """All pushes of a call carry one job ID, another call carries another; a given one stays."""
    await room.collect(["a", "b"], HELLO)
    await room.collect(["c"], HELLO)
    await room.collect(["d"])
    jobs = [push.job for push in room.vendor.pushes]
    assert jobs[0] == jobs[1] != jobs[2]
    assert all(re.fullmatch("[0-9a-f]{32}", job) for job in jobs[:3])
    assert "job-1" == jobs[3]


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        pytest.param({}, 24 * 3600, id="one-day"),
        pytest.param({"ttl": 90}, 90, id="ttl"),
        pytest.param({"ttl": 0}, 0, id="ttl-0"),
    ],
)
async def test_a_push_lives_from_its_beginning(
    make_room: Any, options: dict[str, Any], seconds: int
) -> None:
    """Transports get a deadline; a ttl counts from when sending begins."""
    room = make_room()
    seen: list[Notification] = []
    room.toy.log.clear()
    prepare = type(room.toy).prepare

    def spy(self: Any, notification: Notification, route: Any, now: float) -> Any:
        seen.append(notification)
        return prepare(self, notification, route, now)

    deliveries = room.sender.send_many(Notification(title="Hello", **options), ["a"])
    await room.clock.advance(1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(room.toy), "prepare", spy)
        assert 1 == len([delivery async for delivery in deliveries])
    now = round(room.clock.time() * 1000)
    assert {(now + seconds * 1000, None)} == {(one.deadline, one.ttl) for one in seen}
