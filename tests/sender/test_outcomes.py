"""What a delivery says: skipped, refused, unknown, expired, and when the code itself fails."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from zpns import DeviceToken, Notification
from zpns.errors import CarrierError, CarrierTimeout
from zpns.exchange import Request, Response
from zpns.models import Delivery, Outcome, ZIMVoIPConfig
from zpns.testing import RecordingCarrier

TOKEN = "t0ken-" + "y" * 40
LONG = Notification(title="Hello", content="far too long for a toy", too_long="error")


def summary(deliveries: list[Delivery]) -> list[tuple[str, Outcome, str, int]]:
    """Return token, outcome, code and attempts of each."""
    return [(d.token, d.outcome, d.verdict.code, d.attempts) for d in deliveries]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        pytest.param("ok", Outcome.SENT, id="sent"),
        pytest.param("gone", Outcome.TOKEN_DEAD, id="dead"),
        pytest.param("odd", Outcome.TOKEN_SUSPECT, id="suspect"),
        pytest.param("bad", Outcome.REFUSED, id="refused"),
    ],
)
async def test_a_final_verdict_is_reported_as_it_is(room: Any, code: str, outcome: Outcome) -> None:
    """What the vendor said goes to the delivery, after one attempt."""
    room.fate("a", code)
    delivery = await room.send("a")
    assert (outcome, 200, 1) == (delivery.outcome, delivery.verdict.status, delivery.attempts)
    assert 1 == len(room.vendor.pushes)


@pytest.mark.parametrize(
    ("token", "text", "code", "advice"),
    [
        pytest.param("", "", "not_a_token", "text of 0 characters", id="empty"),
        pytest.param(None, "", "not_a_token", "got NoneType", id="none"),
        pytest.param(17, "", "not_a_token", "got int", id="int"),
        pytest.param(b"abc", "", "not_a_token", "got bytes", id="bytes"),
        pytest.param(
            "x" * 4097, "x" * 4097, "not_a_token", "text of 4097 characters", id="too-long"
        ),
        pytest.param("a b", "a b", "token_alphabet", "letters, digits", id="alphabet"),
        pytest.param(
            DeviceToken("fcm", "abc"), "abc", "other_channel", "fcm/default", id="channel"
        ),
        pytest.param(DeviceToken("toy", "abc", app="b"), "abc", "other_channel", "toy/b", id="app"),
    ],
)
async def test_what_is_no_token_of_this_sender_is_skipped(
    room: Any, token: Any, text: str, code: str, advice: str
) -> None:
    """A wrong token is a skipped delivery that says why; the others are sent."""
    deliveries = await room.collect(["before", token, "after"], ordered=True)
    assert [
        ("before", Outcome.SENT, "", 1),
        (text, Outcome.SKIPPED, code, 0),
        ("after", Outcome.SENT, "", 1),
    ] == summary(deliveries)
    assert advice in deliveries[1].advice
    assert ["before", "after"] == room.vendor.received


async def test_a_device_token_of_this_app_is_sent(make_room: Any) -> None:
    """A DeviceToken goes where it says; a bare token is of the sender's app."""
    room = make_room(app="b")
    sandbox = DeviceToken("toy", "abc", app="b", environment="sandbox")
    deliveries = await room.collect(["xyz", sandbox])
    assert [Outcome.SENT] * 2 == [delivery.outcome for delivery in deliveries]
    urls = [request.url for request in room.carrier.requests if "push" in request.url]
    assert ["https://production.toy.example/push", "https://sandbox.toy.example/push"] == urls


async def test_a_notification_that_does_not_fit(room: Any) -> None:
    """It is refused for each token, with the field that is too long, and prepared once."""
    deliveries = await room.collect(["a", "b", "c"], LONG, ordered=True)
    assert [(token, Outcome.REFUSED, "invalid_notification", 0) for token in "abc"] == summary(
        deliveries
    )
    assert {True} == {"content: expected 20 characters" in d.advice for d in deliveries}
    assert (["prepare"], []) == (room.toy.log, room.vendor.pushes)


async def test_a_notification_nobody_wants(room: Any) -> None:
    """A transport may skip a whole notification, and its advice is passed on."""
    deliveries = await room.collect(["a"], Notification(title="unwanted"))
    assert [("a", Outcome.SKIPPED, "unwanted", 0)] == summary(deliveries)
    assert "nobody wants it" == deliveries[0].advice


async def test_a_notification_whose_time_is_over(room: Any) -> None:
    """A transport that says *expired* makes it expired, not skipped."""
    over = Notification(title="Hello", deadline=1)
    assert [("a", Outcome.EXPIRED, "expired", 0)] == summary(await room.collect(["a"], over))


async def test_what_is_prepared_is_made_anew_when_it_is_not_valid_any_more(make_room: Any) -> None:
    """After `valid_until` the notification is prepared again, before it once for all."""
    room = make_room(lasts=10)
    room.fate("a", "busy=4", "busy=7", "busy=1")
    await room.send("a")
    assert ["prepare"] * 2 == room.toy.log
    start = room.clock.time() - room.clock.monotonic()
    valid = [push.valid_until - start for push in room.vendor.pushes]
    assert ([0, 4, 11, 12], [10, 10, 21, 21]) == (room.vendor.times, valid)


async def test_what_became_invalid_during_a_wait_is_not_sent(make_room: Any) -> None:
    """A request made after waiting for a credential is made from what is valid then."""
    room = make_room(lasts=3)
    room.carrier.hold()
    sending = asyncio.create_task(room.sender.send(room.hello, "a"))
    await room.clock.advance(5)
    room.carrier.release()
    await sending
    start = room.clock.time() - room.clock.monotonic()
    assert [8] == [push.valid_until - start for push in room.vendor.pushes]


@pytest.mark.parametrize("member", ["route", "prepare", "request", "verdicts", "authorize"])
async def test_a_transport_that_fails(make_room: Any, caplog: Any, member: str) -> None:
    """Its fault refuses the tokens it meets, is logged once with no token or secret, and no more."""
    room = make_room(broken=member)
    with caplog.at_level(logging.INFO):
        deliveries = await room.collect([TOKEN, "other-token"], window=1)
    attempts = 1 if member == "verdicts" else 0
    assert [(Outcome.REFUSED, "internal_error", attempts)] * 2 == [
        (d.outcome, d.verdict.code, d.attempts) for d in deliveries
    ]
    assert {True} == {"log of zpns.sender" in d.advice for d in deliveries}
    assert 1 == len(caplog.messages)
    assert f"{member} failed with KeyError" in caplog.text
    assert f"in {member}" in caplog.text  # the lines it came through
    assert TOKEN not in caplog.text
    assert room.toy.secret not in caplog.text


async def test_a_transport_that_fails_for_some(make_room: Any, monkeypatch: Any) -> None:
    """The tokens that do not meet the fault are sent."""
    room = make_room(broken="route")

    def fail(self: Any, member: str, what: str) -> None:
        if member == "route" and what == "b":
            raise ZeroDivisionError

    monkeypatch.setattr(type(room.toy), "fail", fail)
    deliveries = await room.collect(["a", DeviceToken("toy", "b"), "c"], ordered=True)
    assert [Outcome.SENT, Outcome.REFUSED, Outcome.SENT] == [d.outcome for d in deliveries]


async def test_a_transport_with_the_wrong_number_of_verdicts(make_room: Any, caplog: Any) -> None:
    """A verdict too many is a fault of the transport; no token goes unreported."""
    room = make_room(broken="count", max_tokens=3)
    deliveries = await room.collect(["a", "b", "c"])
    assert [(Outcome.REFUSED, 1)] * 3 == [(d.outcome, d.attempts) for d in deliveries]
    assert "verdicts failed with ValueError" in caplog.text


async def test_a_verdict_that_is_none(make_room: Any, caplog: Any) -> None:
    """Even nonsense in place of a verdict refuses the token instead of losing it."""
    room = make_room(broken="nonsense")
    assert "internal_error" == (await room.send("a")).verdict.code
    assert "an attempt failed with AttributeError" in caplog.text


async def test_a_fault_that_comes_again_is_logged_for_debugging(
    make_room: Any, caplog: Any
) -> None:
    """A fault per token must not fill the disk: the second of a kind is of level DEBUG."""
    room = make_room(broken="verdicts")
    with caplog.at_level(logging.DEBUG, logger="zpns.sender"):
        await room.collect(["a", "b", "c"])
    assert [logging.ERROR, logging.DEBUG, logging.DEBUG] == [r.levelno for r in caplog.records]
    assert {("toy", "KeyError")} == {(r.channel, r.error) for r in caplog.records}


async def test_what_was_surely_not_sent_is_tried_again(room: Any) -> None:
    """A carrier that says *not sent* leads to a retry, which is no further attempt."""
    room.fate("a", "unsent", "unsent")
    assert [("a", Outcome.SENT, "", 1)] == summary(await room.collect(["a"]))
    assert 3 == len(room.vendor.pushes)


async def test_what_was_never_sent_expires(room: Any) -> None:
    """A vendor that cannot be reached until the deadline makes it expired, with the reason."""
    room.fate("a", *["unsent"] * 100)
    delivery = await room.send("a", deadline=10)
    assert (Outcome.EXPIRED, "not_sent", 0) == (
        delivery.outcome,
        delivery.verdict.code,
        delivery.attempts,
    )
    assert "not reached" in delivery.advice
    assert max(room.vendor.times) < 10


async def test_what_was_perhaps_sent_is_unknown(room: Any) -> None:
    """A carrier that lost the answer makes it unknown, and it is not sent again."""
    room.fate("a", "lost")
    assert [("a", Outcome.UNKNOWN, "connection_lost", 1)] == summary(await room.collect(["a"]))
    assert 1 == len(room.vendor.pushes)


async def test_unknown_is_sent_again_on_request(room: Any) -> None:
    """With *repeat_unknown* it is sent again, under the same job ID and number."""
    room.fate("b", "lost", "lost")
    deliveries = await room.collect(["a", "b"], ordered=True, repeat_unknown=True)
    assert [("a", Outcome.SENT, "", 1), ("b", Outcome.SENT, "", 3)] == summary(deliveries)
    again = [(push.job, push.seqs) for push in room.vendor.pushes if push.tokens == ["b"]]
    assert [("job-1", [1])] * 3 == again


async def test_unknown_is_never_repeated_for_a_call(room: Any) -> None:
    """A device must not ring twice: VoIP is not sent again even on request."""
    ring = Notification(
        title="alice", kind="voip", call_id="17", ttl=60, job_id="job-1", voip=ZIMVoIPConfig()
    )
    room.fate("a", "lost")
    (delivery,) = await room.collect(["a"], ring, repeat_unknown=True)
    assert (Outcome.UNKNOWN, 1) == (delivery.outcome, len(room.vendor.pushes))


async def test_a_call_that_was_surely_not_sent_is_tried_again(room: Any) -> None:
    """What cannot have rung yet may be sent again."""
    ring = Notification(
        title="alice", kind="voip", call_id="17", ttl=60, job_id="job-1", voip=ZIMVoIPConfig()
    )
    room.fate("a", "unsent", "ok")
    assert [("a", Outcome.SENT, "", 1)] == summary(await room.collect(["a"], ring))


@pytest.mark.parametrize(
    ("fates", "outcome", "code", "attempts"),
    [
        pytest.param(["lost", "gone"], Outcome.TOKEN_DEAD, "gone", 2, id="dead"),
        pytest.param(["lost", "bad"], Outcome.REFUSED, "bad", 2, id="refused"),
        pytest.param(["lost", "busy=99"], Outcome.UNKNOWN, "connection_lost", 2, id="later"),
        pytest.param(
            ["lost", *["unsent"] * 99], Outcome.UNKNOWN, "connection_lost", 1, id="unsent"
        ),
        pytest.param(
            ["lost", "busy=1", "busy=99"], Outcome.UNKNOWN, "connection_lost", 3, id="twice-later"
        ),
    ],
)
async def test_a_doubt_stays(
    room: Any, fates: list[str], outcome: Outcome, code: str, attempts: int
) -> None:
    """Once it may have arrived, only the vendor's own refusal ends that; *expired* would lie."""
    room.fate("a", *fates)
    (delivery,) = await room.collect(["a"], repeat_unknown=True, deadline=30)
    assert (outcome, code, attempts) == (
        delivery.outcome,
        delivery.verdict.code,
        delivery.attempts,
    )


async def test_a_carrier_that_never_answers(room: Any) -> None:
    """At the deadline it is unknown; not before, and nobody else waits for it."""
    room.fate("a", "hang")
    sending = asyncio.create_task(room.collect(["a", "b"], deadline=5))
    await sending
    a = next(d for d in sending.result() if d.token == "a")
    assert (5.0, Outcome.UNKNOWN, "timeout", 1) == (
        room.clock.monotonic(),
        a.outcome,
        a.verdict.code,
        a.attempts,
    )


async def test_a_try_lasts_ten_seconds_at_most(room: Any) -> None:
    """With more time than that, the carrier is given ten seconds per try."""
    room.fate("a", "hang", "ok")
    (delivery,) = await room.collect(["a"], deadline=30, repeat_unknown=True)
    assert (Outcome.SENT, 2) == (delivery.outcome, delivery.attempts)
    assert [10.0, 10.0] == room.carrier.timeouts[1:]
    assert [0.0, 10.5] == room.vendor.times


async def test_the_last_try_gets_the_time_that_is_left(room: Any) -> None:
    """No try may last longer than the deadline."""
    room.fate("a", "busy=24")
    await room.send("a", deadline=30)
    assert [10.0, 6.0] == room.carrier.timeouts[1:]


class Sleepy(RecordingCarrier):
    """A carrier that keeps no time."""

    async def send(self, request: Request, *, timeout: float) -> Response:
        return await super().send(request, timeout=1e9)


async def test_a_carrier_that_keeps_no_time_is_left(make_room: Any, monkeypatch: Any) -> None:
    """A send ends even if the carrier forgot its promise, a moment after the deadline."""
    room = make_room()
    sleepy = Sleepy(answer=room.vendor, clock=room.clock)
    monkeypatch.setattr(room.carrier, "send", sleepy.send)
    room.fate("a", "hang")
    delivery = await room.send("a", deadline=5)
    assert (Outcome.UNKNOWN, "timeout", 1) == (
        delivery.outcome,
        delivery.verdict.code,
        delivery.attempts,
    )
    assert 5 < room.clock.monotonic() <= 5.5
    assert 1 == sleepy.cancelled


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(TimeoutError(), "timeout", id="bare-timeout"),
        pytest.param(ZeroDivisionError("secret-token"), "internal_error", id="fault"),
    ],
)
async def test_a_carrier_that_raises_anything(
    room: Any, caplog: Any, error: Exception, code: str
) -> None:
    """Whatever a carrier raises, the token may have been sent: unknown, and no secret logged."""
    await room.send("first")
    room.carrier.add(error)
    delivery = await room.send("a")
    assert (Outcome.UNKNOWN, code, 1) == (
        delivery.outcome,
        delivery.verdict.code,
        delivery.attempts,
    )
    assert "secret" not in caplog.text
    assert (code == "internal_error") is ("the carrier failed with" in caplog.text)


async def test_a_carrier_whose_own_work_was_cancelled(room: Any) -> None:
    """A CancelledError that nobody asked for loses no token."""
    await room.send("first")

    async def leak(path: str, token: str) -> None:
        raise asyncio.CancelledError

    room.vendor.gate = leak
    delivery = await room.send("a")
    assert (Outcome.UNKNOWN, "internal_error", 1) == (
        delivery.outcome,
        delivery.verdict.code,
        delivery.attempts,
    )


@pytest.mark.parametrize(
    ("sent", "kind", "outcome"),
    [
        pytest.param(False, CarrierTimeout, Outcome.SENT, id="not-connected"),
        pytest.param(True, CarrierTimeout, Outcome.UNKNOWN, id="no-answer"),
        pytest.param(False, CarrierError, Outcome.SENT, id="refused"),
        pytest.param(True, CarrierError, Outcome.UNKNOWN, id="reset"),
    ],
)
async def test_sent_decides(
    room: Any, sent: bool, kind: type[CarrierError], outcome: Outcome
) -> None:
    """Only whether the vendor may have received it decides about trying again."""
    await room.send("first")
    room.carrier.add(kind("no", Request(method="POST", url="https://toy.example"), sent=sent))
    assert outcome is (await room.send("a")).outcome


async def test_nothing_is_sent_after_the_deadline(room: Any) -> None:
    """Tokens that find no slot before the deadline are expired and never sent."""
    for token in "abc":
        room.fate(token, "hang")
    deliveries = await room.collect(list("abcdef"), window=3, deadline=5)
    outcomes = {d.token: (d.outcome, d.attempts) for d in deliveries}
    assert [(Outcome.UNKNOWN, 1)] * 3 + [(Outcome.EXPIRED, 0)] * 3 == [
        outcomes[token] for token in "abcdef"
    ]
    assert ["a", "b", "c"] == room.vendor.received


async def test_a_retry_past_the_deadline_is_expired(room: Any) -> None:
    """It is reported at once, with what the vendor said last."""
    room.fate("a", "busy=30")
    delivery = await room.send("a", deadline=30)
    assert (Outcome.EXPIRED, "busy", 200, None, 1) == (
        delivery.outcome,
        delivery.verdict.code,
        delivery.verdict.status,
        delivery.verdict.retry,
        delivery.attempts,
    )
    assert ("the toy said busy", 0.0) == (delivery.advice, room.clock.monotonic())


async def test_a_retry_that_finds_no_slot_keeps_the_vendors_word(room: Any) -> None:
    """A retry that was due in time and found the window full says what the vendor said."""
    room.fate("a", "busy=3")
    room.fate("b", "hang")
    deliveries = await room.collect(["a", "b"], window=1, deadline=5)
    a = next(d for d in deliveries if d.token == "a")
    assert (Outcome.EXPIRED, "busy", 200, 1) == (
        a.outcome,
        a.verdict.code,
        a.verdict.status,
        a.attempts,
    )
