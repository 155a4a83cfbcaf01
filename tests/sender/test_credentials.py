"""One credential for all: fetched once, renewed ahead of time, replaced once, never stampeded."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from zpns import DeviceToken
from zpns.errors import CarrierError, StateError
from zpns.exchange import Request, Response
from zpns.models import Delivery, Outcome
from zpns.sender._credentials import CONVERSATION, FIRST_WAIT, REMEMBERED, TIMEOUT, TRIES

LIFETIME = 3600  # of the toy's credentials
RENEWED = 300  # seconds before their end at which the toy wants a new one


def unavailable(**headers: str) -> Response:
    """Return what the token endpoint says when it cannot answer."""
    return Response(status=503, headers=headers)


def unreachable(*, sent: bool) -> CarrierError:
    """Return what the carrier raises when the token endpoint is not there."""
    return CarrierError("no", Request(method="POST", url="https://toy.example"), sent=sent)


def begin(room: Any, count: int) -> asyncio.Future[list[Delivery]]:
    """Begin to send to *count* tokens with separate calls."""
    return asyncio.gather(*(room.sender.send(room.hello, f"t{n}") for n in range(count)))


async def _all(deliveries: Any) -> list[Delivery]:
    return [delivery async for delivery in deliveries]


@pytest.mark.parametrize("many", [False, True], ids=["500-calls", "one-call"])
async def test_500_sends_ask_once(room: Any, many: bool) -> None:
    """Five hundred concurrent sends wait for one conversation."""
    room.carrier.hold()
    if many:
        deliveries = room.sender.send_many(room.hello, [f"t{number}" for number in range(500)])
        task = asyncio.create_task(_all(deliveries))
    else:
        task = begin(room, 500)
    await room.clock.advance(0)
    assert (1, 0) == (len(room.carrier.requests), len(room.vendor.pushes))
    room.carrier.release()
    assert [Outcome.SENT] * 500 == [delivery.outcome for delivery in await task]
    assert (1, {"credential-1"}) == (
        room.vendor.credentials,
        {push.credential for push in room.vendor.pushes},
    )


async def test_it_is_kept(room: Any) -> None:
    """Later sends use it without asking, as long as it is not due for renewal."""
    await room.send("a")
    await room.clock.advance(LIFETIME - RENEWED - 1)
    await room.send("b")
    await room.clock.advance(0)
    assert 1 == room.vendor.credentials


async def test_it_is_renewed_while_sends_go_on(room: Any) -> None:
    """When due it is renewed in the background; until then sends use the old one, at once."""
    await room.send("a")
    await room.clock.advance(LIFETIME - RENEWED)
    slow = asyncio.Event()

    async def gate(path: str, token: str) -> None:
        if path == "token":
            await slow.wait()

    room.vendor.gate = gate
    for token in ("b", "c", "d"):
        assert Outcome.SENT is (await room.sender.send(room.hello, token)).outcome
    await room.clock.advance(0)
    assert {"credential-1"} == {push.credential for push in room.vendor.pushes}
    slow.set()
    await room.clock.advance(0)
    await room.send("e")
    assert ("credential-2", 2) == (room.vendor.pushes[-1].credential, room.vendor.credentials)


async def test_a_renewal_that_fails_disturbs_nobody(room: Any, caplog: Any) -> None:
    """Sends go on with the old one; the failure is logged and remembered for a while."""
    await room.send("a")
    await room.clock.advance(LIFETIME - RENEWED)
    room.vendor.tokens.extend([Response(status=401)] * 2)
    for _ in range(3):
        assert Outcome.SENT is (await room.send("b")).outcome
        await room.clock.advance(0)
    assert 2 == room.vendor.credentials
    assert ["toy: credential not renewed: toy: no token"] == caplog.messages
    await room.clock.advance(REMEMBERED)
    await room.send("c")
    await room.clock.advance(0)
    assert 3 == room.vendor.credentials


async def test_an_expired_one_is_waited_for(room: Any) -> None:
    """Past its end it is not used any more, not even while a new one is fetched."""
    await room.send("a")
    await room.clock.advance(LIFETIME)
    room.carrier.hold()
    sending = asyncio.create_task(room.sender.send(room.hello, "b"))
    await room.clock.advance(0)
    assert ["a"] == room.vendor.received
    room.carrier.release()
    await sending
    assert ["credential-1", "credential-2"] == [push.credential for push in room.vendor.pushes]


async def test_many_rejections_of_one_generation_ask_once(room: Any) -> None:
    """A revoked credential that fails 200 sends at once is replaced once."""
    await room.send("first")
    room.vendor.rejected.add("credential-1")
    room.vendor.turns = 3
    deliveries = await room.collect([f"t{number}" for number in range(200)])
    assert [(Outcome.SENT, 2)] * 200 == [(d.outcome, d.attempts) for d in deliveries]
    assert 2 == room.vendor.credentials


async def test_a_late_rejection_leaves_the_new_one(room: Any) -> None:
    """A rejection of the old credential that comes after the new one was got costs nothing."""
    await room.send("first")
    room.vendor.rejected.add("credential-1")
    late = asyncio.Event()

    async def gate(path: str, token: str) -> None:
        if token == "t1":
            await late.wait()

    room.vendor.gate = gate
    sending = begin(room, 2)
    await room.clock.advance(0)
    assert ["credential-1", "credential-1", "credential-2"] == [
        push.credential for push in room.vendor.pushes
    ]
    late.set()
    assert [Outcome.SENT] * 2 == [delivery.outcome for delivery in await sending]
    assert (2, "credential-2") == (room.vendor.credentials, room.vendor.pushes[-1].credential)


async def test_a_target_is_repeated_once_for_a_rejection(room: Any) -> None:
    """A vendor that rejects the new one too refuses the push, after two requests."""
    room.fate("a", "401", "401", "ok")
    delivery = await room.send("a")
    assert (Outcome.REFUSED, 401, "expired_token", None, 2) == (
        delivery.outcome,
        delivery.verdict.status,
        delivery.verdict.code,
        delivery.verdict.retry,
        delivery.attempts,
    )
    assert (2, 2) == (len(room.vendor.pushes), room.vendor.credentials)


async def test_once_counts_over_retries(room: Any) -> None:
    """A target that was repeated for a rejection and came later gets no second repetition."""
    room.fate("a", "401", "busy=1", "busy=1", "401", "ok")
    delivery = await room.send("a")
    assert (Outcome.REFUSED, 4, 2) == (
        delivery.outcome,
        delivery.attempts,
        room.vendor.credentials,
    )


async def test_a_rejection_after_a_retry_is_repaired(room: Any) -> None:
    """A retry may still be repeated once for a rejection."""
    room.fate("a", "busy=1", "401", "ok")
    delivery = await room.send("a")
    assert (Outcome.SENT, 3) == (delivery.outcome, delivery.attempts)


async def test_a_rejection_with_no_time_left_is_expired(room: Any) -> None:
    """If the new credential comes too late, the vendor's word on the first try is told."""
    await room.send("first")
    room.fate("a", "401")

    async def slow(path: str, token: str) -> None:
        if path == "token":
            await room.clock.sleep_until(8)

    room.vendor.gate = slow
    delivery = await room.send("a", deadline=5)
    assert (5.0, Outcome.EXPIRED, "expired_token", 401, 1) == (
        room.clock.monotonic(),
        delivery.outcome,
        delivery.verdict.code,
        delivery.verdict.status,
        delivery.attempts,
    )


async def test_a_rejected_key_refuses_without_a_stampede(room: Any) -> None:
    """A key the vendor does not accept refuses every push, and is asked about once."""
    answer = Response(status=401, body=b"bad_key", headers={"retry-after": "1"})
    room.vendor.tokens.extend([answer] * 10)
    deliveries = await room.collect([f"t{number}" for number in range(1000)], window=100)
    assert [(Outcome.REFUSED, "bad_key", 401, None, 0)] * 1000 == [
        (d.outcome, d.verdict.code, d.verdict.status, d.verdict.retry, d.attempts)
        for d in deliveries
    ]
    assert (1, []) == (room.vendor.credentials, room.vendor.pushes)


async def test_a_failure_is_remembered_and_then_asked_again(room: Any) -> None:
    """For five seconds the failure answers; after that the vendor is asked again."""
    room.vendor.tokens.append(Response(status=403))
    assert Outcome.REFUSED is (await room.send("a")).outcome
    await room.clock.advance(REMEMBERED - 0.1)
    assert (Outcome.REFUSED, 1) == ((await room.send("b")).outcome, room.vendor.credentials)
    await room.clock.advance(0.1)
    assert (Outcome.SENT, 2) == ((await room.send("c")).outcome, room.vendor.credentials)


async def test_a_remembered_failure_gathers_no_frames(make_room: Any) -> None:
    """Raised for everybody who comes, the remembered error does not grow."""
    room = make_room()
    room.vendor.tokens.append(Response(status=403))
    await room.send("a")
    slot = room.sender._lane.credentials._slots["toy"]
    for _ in range(20):
        await room.send("b")
    depth, trace = 0, slot.failed.__traceback__
    while trace is not None:
        depth, trace = depth + 1, trace.tb_next
    assert depth < 10


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(unavailable(), id="503"),
        pytest.param(unreachable(sent=False), id="not-reached"),
        pytest.param(unreachable(sent=True), id="no-answer"),
    ],
)
async def test_a_vendor_that_is_unavailable_is_asked_three_times(room: Any, answer: Any) -> None:
    """Between the tries it waits, drawn from 1 s and then 2 s; the third answer counts."""
    room.vendor.tokens.extend([answer] * 2)
    delivery = await room.send("a")
    assert (Outcome.SENT, 3) == (delivery.outcome, room.vendor.credentials)
    assert [FIRST_WAIT * 0.5 + FIRST_WAIT * 2 * 0.5] == room.vendor.times


async def test_after_three_times_it_is_a_retry(room: Any) -> None:
    """A token endpoint that stays away makes the push wait and come again."""
    room.vendor.tokens.extend([unavailable()] * TRIES)
    delivery = await room.send("a")
    assert (Outcome.SENT, TRIES + 1) == (delivery.outcome, room.vendor.credentials)
    assert room.vendor.times[0] >= 1.5 + REMEMBERED


async def test_an_unavailable_token_endpoint_expires_the_push(room: Any) -> None:
    """At the deadline the push is expired, with what the token endpoint said."""
    room.vendor.tokens.extend([unavailable()] * 100)
    delivery = await room.send("a", deadline=10)
    assert (Outcome.EXPIRED, 503, "credential_unavailable", 0) == (
        delivery.outcome,
        delivery.verdict.status,
        delivery.verdict.code,
        delivery.attempts,
    )


async def test_an_unreachable_token_endpoint_says_so(room: Any) -> None:
    """Nothing was sent, whatever became of the question for a credential."""
    room.vendor.tokens.extend([unreachable(sent=True)] * 100)
    delivery = await room.send("a", deadline=10)
    assert (Outcome.EXPIRED, "credential_unreachable") == (
        delivery.outcome,
        delivery.verdict.code,
    )


@pytest.mark.parametrize(
    ("seconds", "asked", "sent_at"),
    [
        pytest.param("4", 2, 4.0, id="soon"),
        # Not waited for: the push is told when, and comes back then.
        pytest.param("15", 2, 15.0, id="later-than-a-try-lasts"),
    ],
)
async def test_the_vendors_time_wins_here_too(
    room: Any, seconds: str, asked: int, sent_at: float
) -> None:
    """Retry-After of the token endpoint is kept."""
    room.vendor.tokens.append(unavailable(**{"retry-after": seconds}))
    await room.send("a")
    assert (asked, [sent_at]) == (room.vendor.credentials, room.vendor.times)


async def test_a_time_beyond_the_deadline_is_not_waited_for(room: Any) -> None:
    """If the token endpoint asks for more time than there is, that is known at once."""
    room.vendor.tokens.append(unavailable(**{"retry-after": "15"}))
    delivery = await room.send("a", deadline=12)
    assert (Outcome.EXPIRED, 0.0) == (delivery.outcome, room.clock.monotonic())


async def test_a_token_endpoint_that_is_too_slow(room: Any) -> None:
    """A question without an answer is asked three times, and then the vendor is unreachable."""
    room.carrier.hold()
    sending = asyncio.create_task(room.sender.send(room.hello, "a", deadline=35))
    await room.clock.advance(36)
    assert (Outcome.EXPIRED, "credential_unreachable", TRIES) == (
        sending.result().outcome,
        sending.result().verdict.code,
        len(room.carrier.requests),
    )


async def test_a_spent_quota_of_credentials(room: Any) -> None:
    """It is no refusal: the push comes again at the time given, without three tries at once."""
    room.vendor.tokens.append(Response(status=429, headers={"retry-after": "12"}))
    delivery = await room.send("a")
    assert (Outcome.SENT, 2, [12.0]) == (
        delivery.outcome,
        room.vendor.credentials,
        room.vendor.times,
    )


async def test_a_question_gets_ten_seconds(room: Any) -> None:
    """The carrier is given ten seconds per request of the conversation."""
    await room.send("a")
    assert TIMEOUT == room.carrier.timeouts[0]


async def test_a_conversation_that_never_ends_is_given_up(make_room: Any, monkeypatch: Any) -> None:
    """Even a carrier that keeps no time does not stop the sends for ever."""
    room = make_room()
    send = room.carrier.send
    hung = []

    async def hang(request: Request, *, timeout: float) -> Response:
        if request.url.endswith("token") and not hung:
            hung.append(True)
            await asyncio.Event().wait()
        answer: Response = await send(request, timeout=timeout)
        return answer

    monkeypatch.setattr(room.carrier, "send", hang)
    delivery = await room.send("a", deadline=60)
    assert (Outcome.SENT, [CONVERSATION + 0.5]) == (delivery.outcome, room.vendor.times)


async def test_waiting_for_a_credential_ends_at_the_deadline(room: Any) -> None:
    """Who waits longer than its deadline is expired then; the others get the credential."""
    room.carrier.hold()
    short = asyncio.create_task(room.sender.send(room.hello, "a", deadline=3))
    long = asyncio.create_task(room.sender.send(room.hello, "b", deadline=30))
    await room.clock.advance(3)
    assert (Outcome.EXPIRED, "expired", 0) == (
        short.result().outcome,
        short.result().verdict.code,
        short.result().attempts,
    )
    room.carrier.release()
    assert Outcome.SENT is (await long).outcome
    assert ["b"] == room.vendor.received


async def test_a_cancelled_waiter_takes_it_from_nobody(room: Any) -> None:
    """The one who began the fetch may go; the others still get what it brings."""
    room.carrier.hold()
    first = asyncio.create_task(room.sender.send(room.hello, "a"))
    await room.clock.advance(0)
    second = asyncio.create_task(room.sender.send(room.hello, "b"))
    await room.clock.advance(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    room.carrier.release()
    assert Outcome.SENT is (await second).outcome
    assert (["b"], 1) == (room.vendor.received, room.vendor.credentials)


async def test_it_arrives_even_if_nobody_waits(room: Any) -> None:
    """A fetch whose only waiter went goes on, and the next send has its fruit."""
    room.carrier.hold()
    first = asyncio.create_task(room.sender.send(room.hello, "a"))
    await room.clock.advance(0)
    first.cancel()
    await room.clock.advance(0)
    room.carrier.release()
    await room.clock.advance(0)
    await room.sender.send(room.hello, "b")
    assert 1 == room.vendor.credentials


async def test_a_fetch_that_is_cancelled_from_outside(room: Any) -> None:
    """A fetch that somebody cancels is a failure like another, not a cancelled send."""
    room.carrier.hold()
    sending = asyncio.create_task(room.sender.send(room.hello, "a"))
    await room.clock.advance(0)
    room.sender._lane.credentials._slots["toy"].fetching.cancel()
    await room.clock.advance(0)
    room.carrier.release()
    await room.clock.advance(1)
    assert (Outcome.SENT, ["a"]) == ((await sending).outcome, room.vendor.received)


async def test_after_the_end_there_is_none(room: Any) -> None:
    """A closed sender fetches nothing more."""
    await room.send("a")
    credentials = room.sender._lane.credentials
    route = room.toy.route(_device("a"))
    await room.clock.advance(LIFETIME - RENEWED)
    await room.sender.aclose()
    assert "credential-1" == (await credentials.get(route)).value  # good still, not renewed
    await room.clock.advance(RENEWED)
    with pytest.raises(StateError):
        await credentials.get(route)
    assert (1, 1) == (room.vendor.credentials, credentials.fetched)


async def test_the_end_is_told_to_who_waits(room: Any) -> None:
    """A fetch that the end of the sender stops is no failure of the vendor."""
    await room.send("a")
    await room.clock.advance(LIFETIME)
    room.carrier.hold()
    credentials = room.sender._lane.credentials
    waiter = asyncio.create_task(credentials.get(room.toy.route(_device("a"))))
    await room.clock.advance(0)
    await credentials.aclose()
    with pytest.raises(StateError):
        await waiter


def _device(token: str) -> Any:
    return DeviceToken("toy", token)


async def test_no_secret_is_logged(room: Any, caplog: Any) -> None:
    """Neither key nor credential appears in the log of failures and renewals."""
    with caplog.at_level(logging.DEBUG):
        room.vendor.tokens.append(Response(status=401))
        await room.send("a")
        await room.clock.advance(REMEMBERED)
        await room.send("b")
    assert caplog.messages
    assert room.toy.secret not in caplog.text
    assert "credential-1" not in caplog.text
