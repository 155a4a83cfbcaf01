"""Requests for several tokens: how they fill, what they wait for, and bodies saved before."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from zpns import DeviceToken
from zpns.exchange import Response
from zpns.models import Outcome
from zpns.sender._run import LINGER


def sliced(room: Any) -> list[list[str]]:
    """Return the tokens of each push."""
    return [push.tokens for push in room.vendor.pushes]


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        pytest.param(1, [1], id="one"),
        pytest.param(3, [3], id="less"),
        pytest.param(4, [4], id="just"),
        pytest.param(5, [4, 1], id="one-more"),
        pytest.param(12, [4, 4, 4], id="several"),
    ],
)
async def test_tokens_share_requests(make_room: Any, count: int, sizes: list[int]) -> None:
    """Slices are full but for the last, none is lost or repeated, numbers are kept."""
    room = make_room(max_tokens=4)
    deliveries = await room.collect([f"t{number}" for number in range(count)])
    assert sizes == [len(tokens) for tokens in sliced(room)]
    assert list(range(count)) == [seq for push in room.vendor.pushes for seq in push.seqs]
    assert list(range(count)) == sorted(delivery.target.seq for delivery in deliveries)


async def test_a_slice_is_of_one_route(make_room: Any) -> None:
    """Tokens that go to different places do not share a request."""
    room = make_room(max_tokens=2)
    source = [
        DeviceToken("toy", f"{environment}-{number}", environment=environment)
        for number in range(2)
        for environment in ("production", "sandbox")
    ]
    await room.collect(source)
    assert [["production-0", "production-1"], ["sandbox-0", "sandbox-1"]] == sliced(room)


async def test_each_target_of_a_slice_has_its_own_fate(make_room: Any) -> None:
    """Verdicts go to their tokens; only those to be tried again are."""
    room = make_room(max_tokens=4)
    room.fate("b", "gone")
    room.fate("c", "busy=2")
    deliveries = await room.collect(list("abcd"), ordered=True)
    assert [
        (Outcome.SENT, 1),
        (Outcome.TOKEN_DEAD, 1),
        (Outcome.SENT, 2),
        (Outcome.SENT, 1),
    ] == [(d.outcome, d.attempts) for d in deliveries]
    assert [["a", "b", "c", "d"], ["c"]] == sliced(room)


async def test_what_failed_together_is_tried_together(make_room: Any) -> None:
    """One wait is drawn for all of a slice: its retry is one request, not one for each."""
    room = make_room(max_tokens=4, chance=random.Random(3))
    for token in "abcd":
        room.fate(token, "busy")
    await room.collect(list("abcd"))
    assert [["a", "b", "c", "d"]] * 2 == sliced(room)


async def test_a_slice_waits_a_moment_for_a_slow_source(make_room: Any) -> None:
    """Tokens that come one by one are sent soon, not when there are enough of them."""
    room = make_room(max_tokens=100)

    async def source() -> AsyncIterator[str]:
        yield "a"
        yield "b"
        await room.clock.sleep_until(10)
        yield "c"
        await room.clock.sleep_until(20)

    await room.collect(source())
    assert [["a", "b"], ["c"]] == sliced(room)
    assert [LINGER, 10 + LINGER] == room.vendor.times


async def test_every_gathered_slice_is_sent_after_that_moment(make_room: Any) -> None:
    """Slices of several routes that wait at once all go out, and only once."""
    room = make_room(max_tokens=3)

    async def source() -> AsyncIterator[Any]:
        yield "a"
        yield DeviceToken("toy", "b", environment="sandbox")
        yield "c"
        yield "d"
        await room.clock.sleep_until(10)

    await room.collect(source())
    assert [["a", "c", "d"], ["b"]] == sliced(room)
    assert [0.0, LINGER] == room.vendor.times


async def test_a_retry_is_not_held_up_by_a_slice_that_fills(make_room: Any) -> None:
    """What is due earlier is sent earlier: a retry, or a slice."""
    room = make_room(max_tokens=3)
    for token in "abc":
        room.fate(token, "busy=0.03125")

    async def source() -> AsyncIterator[str]:
        for token in "abcd":
            yield token
        await room.clock.sleep_until(10)

    await room.collect(source())
    assert [["a", "b", "c"], ["a", "b", "c"], ["d"]] == sliced(room)
    assert [0.0, 0.03125, LINGER] == room.vendor.times


async def test_a_slice_that_fills_while_it_waits_for_a_slot(make_room: Any) -> None:
    """A slice that is due, finds no slot, and fills up meanwhile goes out full and once."""
    room = make_room(max_tokens=2)
    room.fate("a", "hang")

    async def source() -> AsyncIterator[str]:
        yield "a"
        await room.clock.sleep_until(1)
        yield "b"
        await room.clock.sleep_until(2)
        yield "c"

    deliveries = await room.collect(source(), window=1, deadline=30)
    assert [["a"], ["b", "c"]] == sliced(room)
    assert ["a", "b", "c"] == sorted(delivery.token for delivery in deliveries)


async def test_order_does_not_wait_for_a_slice_that_never_fills(make_room: Any) -> None:
    """Results held for a token whose slice is not full let that slice go, not wait for ever."""
    room = make_room(max_tokens=50)
    first = DeviceToken("toy", "first", environment="sandbox")
    source = [first, *("" for _ in range(30))]
    deliveries = await room.collect(source, ordered=True, max_waiting=5)
    assert list(range(31)) == [delivery.target.seq for delivery in deliveries]
    assert [["first"]] == sliced(room)


async def test_a_body_is_saved_once(make_room: Any) -> None:
    """Lists share one saved body however many go out at once."""
    room = make_room(max_tokens=2, saves=True)
    room.vendor.turns = 3
    await room.collect([f"t{number}" for number in range(20)], window=10)
    assert (1, {"saved-1"}) == (room.vendor.saved, {push.stored for push in room.vendor.pushes})


async def test_no_body_is_saved_for_one_token(make_room: Any) -> None:
    """A single token goes without; one that comes after lists may use what there is."""
    room = make_room(max_tokens=2, saves=True)
    await room.collect(["a"])
    assert (0, [None]) == (room.vendor.saved, [push.stored for push in room.vendor.pushes])
    await room.collect(["a", "b", "c"], window=1)
    assert (1, ["saved-1"] * 2) == (
        room.vendor.saved,
        [push.stored for push in room.vendor.pushes[1:]],
    )


async def test_each_job_saves_its_own_body(make_room: Any) -> None:
    """Another `send_many` is another job."""
    room = make_room(max_tokens=2, saves=True)
    await room.collect(["a", "b"])
    await room.collect(["a", "b"])
    assert ["saved-1", "saved-2"] == [push.stored for push in room.vendor.pushes]


async def test_a_saved_body_survives_a_new_credential(make_room: Any) -> None:
    """A rejected credential is no reason to save the body again."""
    room = make_room(max_tokens=2, saves=True)
    room.fate("a", "401")
    await room.collect(["a", "b"])
    assert (1, 2) == (room.vendor.saved, room.vendor.credentials)
    assert [("credential-1", "saved-1"), ("credential-2", "saved-1")] == [
        (push.credential, push.stored) for push in room.vendor.pushes
    ]


async def test_a_lost_body_is_saved_again_once(make_room: Any) -> None:
    """Many slices that meet a body the vendor forgot save it anew a single time."""
    room = make_room(max_tokens=2, saves=True)
    room.vendor.turns = 3
    source = [f"t{number}" for number in range(8)]
    for token in source:
        room.fate(token, "unsaved")
    deliveries = await room.collect(source, window=4)
    assert [(Outcome.SENT, 2)] * 8 == [(d.outcome, d.attempts) for d in deliveries]
    assert 2 == room.vendor.saved
    assert ["saved-1"] * 4 + ["saved-2"] * 4 == [push.stored for push in room.vendor.pushes]


async def test_a_late_word_of_a_lost_body_keeps_the_new_one(make_room: Any) -> None:
    """A slice that learns of the loss when a new body is saved already uses that."""
    room = make_room(max_tokens=2, saves=True)
    for token in "abcd":
        room.fate(token, "unsaved")

    async def gate(path: str, token: str) -> None:
        if token == "c":
            while room.vendor.received.count("a") < 2:
                await asyncio.sleep(0)

    room.vendor.gate = gate
    await room.collect(list("abcd"))
    stored = [(push.tokens, push.stored) for push in room.vendor.pushes]
    assert [
        (["a", "b"], "saved-1"),
        (["a", "b"], "saved-2"),
        (["c", "d"], "saved-1"),
        (["c", "d"], "saved-2"),
    ] == stored


async def test_a_body_that_is_lost_again_refuses(make_room: Any) -> None:
    """A target is repeated once at most for a lost body."""
    room = make_room(max_tokens=2, saves=True)
    room.fate("a", "unsaved", "unsaved")
    deliveries = await room.collect(["a", "b"], ordered=True)
    assert [(Outcome.REFUSED, "unsaved", 2), (Outcome.SENT, "", 1)] == [
        (d.outcome, d.verdict.code, d.attempts) for d in deliveries
    ]


@pytest.mark.parametrize(
    ("answer", "outcome", "code", "saved"),
    [
        pytest.param(Response(status=503), Outcome.SENT, "", 2, id="unavailable"),
        pytest.param(Response(status=401), Outcome.SENT, "", 2, id="credential"),
        pytest.param(Response(status=403), Outcome.REFUSED, "not_saved", 1, id="refused"),
    ],
)
async def test_a_body_that_cannot_be_saved(
    make_room: Any, answer: Response, outcome: Outcome, code: str, saved: int
) -> None:
    """What the vendor says to the saving goes for the slice: later, a new credential, or never."""
    room = make_room(max_tokens=2, saves=True)
    room.vendor.saves.append(answer)
    deliveries = await room.collect(["a", "b"])
    assert [(outcome, code)] * 2 == [(d.outcome, d.verdict.code) for d in deliveries]
    assert (saved, 2 if answer.status == 401 else 1) == (
        room.vendor.saved,
        room.vendor.credentials,
    )


async def test_a_saving_fails_for_all_who_wait(make_room: Any) -> None:
    """Five slices that wait for one saving do not ask five times when it fails."""
    room = make_room(max_tokens=2, saves=True)
    await room.send("first")
    room.vendor.saves.append(Response(status=503, headers={"retry-after": "3"}))
    room.vendor.gate = lambda path, token: room.clock.sleep_until(room.clock.monotonic() + 1)
    deliveries = await room.collect([f"t{number}" for number in range(10)], deadline=3.5)
    assert [(Outcome.EXPIRED, 0)] * 10 == [(d.outcome, d.attempts) for d in deliveries]
    assert (1, 1.0) == (room.vendor.saved, room.clock.monotonic())


async def test_a_spent_quota_of_savings_pauses_the_app(make_room: Any) -> None:
    """A quota is the app's: nothing else is asked before its time."""
    room = make_room(max_tokens=2, saves=True)
    room.vendor.saves.append(Response(status=429, headers={"retry-after": "7"}))
    await room.collect(["a", "b", "c"], window=1)
    assert ([7.0, 7.0], 2) == (room.vendor.times, room.vendor.saved)


async def test_a_saving_without_answer_is_no_doubt(make_room: Any) -> None:
    """If the saving was lost, no device can have got anything: it is tried again."""
    room = make_room(max_tokens=2, saves=True)
    await room.collect(["first"])

    async def lose(path: str, token: str) -> None:
        if path == "save" and room.vendor.saved == 0:
            room.vendor.saved = 1
            await asyncio.Event().wait()

    room.vendor.gate = lose
    deliveries = await room.collect(["a", "b"])
    assert [(Outcome.SENT, 1)] * 2 == [(d.outcome, d.attempts) for d in deliveries]


async def test_a_saving_that_takes_too_long_expires(make_room: Any) -> None:
    """Nothing is sent once the deadline passed during the saving."""
    room = make_room(max_tokens=2, saves=True)

    async def slow(path: str, token: str) -> None:
        if path == "save":
            await room.clock.sleep_until(8)

    room.vendor.gate = slow
    deliveries = await room.collect(["a", "b"], deadline=5)
    assert [(Outcome.EXPIRED, "expired", 0)] * 2 == [
        (d.outcome, d.verdict.code, d.attempts) for d in deliveries
    ]
    assert ([], 5.0) == (room.vendor.pushes, room.clock.monotonic())


async def test_an_open_that_fails(make_room: Any, caplog: Any) -> None:
    """A fault in the transport's `open` refuses the slice and is logged."""
    room = make_room(max_tokens=2, broken="open")
    deliveries = await room.collect(["a", "b"])
    assert [(Outcome.REFUSED, "internal_error", 0)] * 2 == [
        (d.outcome, d.verdict.code, d.attempts) for d in deliveries
    ]
    assert "failed with KeyError" in caplog.text
    assert room.hello.content not in caplog.text
