"""A fan-out over HTTP/2, a page at a time, against a vendor on real sockets."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from zpns import DeviceToken, Notification, Outcome, Resource, Sender
from zpns.errors import ConfigError
from zpns.models import Delivery
from zpns.sender._pages import PagesRun
from zpns.simulators import (
    AnswerStatus,
    FaultPlan,
    FCMSimulator,
    GoAway,
    NeverAnswer,
    ResetConnection,
    ResetStream,
    SimulatorServer,
)
from zpns.transports import FCM

HELLO = Notification(title="alice", content="hello")
WINDOW = 20
#: Thirty sends are put off; none of them twice, as retries come when the plan is over.
LATER = AnswerStatus(status=503, retry_after=1, skip=15, first=30, path="messages:send")


class Google:
    """A simulator, a sender to it, and devices."""

    def __init__(self, server: SimulatorServer, simulator: FCMSimulator, sender: Sender) -> None:
        self.server = server
        self.simulator = simulator
        self.sender = sender

    def tokens(self, count: int) -> list[str]:
        return [self.simulator.register() for _ in range(count)]

    def accepted(self) -> Counter[str]:
        """How often each token was accepted."""
        return Counter(
            json.loads(entry.body)["message"]["token"]
            for entry in self.server.record
            if entry.handled and entry.status == 200 and entry.path.endswith("messages:send")
        )

    def logins(self) -> int:
        return sum(entry.path == "/token" for entry in self.server.record)

    async def send(self, tokens: Any, **options: Any) -> list[Delivery]:
        options.setdefault("window", WINDOW)
        async with self.sender.send_many(HELLO, tokens, **options) as deliveries:
            return [delivery async for delivery in deliveries]


@pytest.fixture
async def google(tmp_path: Any) -> AsyncIterator[Google]:
    simulator = FCMSimulator()
    async with SimulatorServer(simulator) as server:
        account = simulator.credentials(server.url, str(tmp_path))["service_account"]
        fcm = FCM.from_service_account(account, base_url=server.url, ca_file=server.ca_file)
        async with Sender(fcm) as sender:
            yield Google(server, simulator, sender)


def outcomes(deliveries: list[Delivery]) -> Counter[str]:
    return Counter(delivery.outcome.value for delivery in deliveries)


@pytest.mark.parametrize("count", [0, 1, 2, WINDOW - 1, WINDOW, WINDOW + 1, 500])
async def test_each_token_is_sent_once(google: Google, count: int) -> None:
    """Every token gets one delivery with its own number and Google's ID, after one login."""
    tokens = google.tokens(count)
    deliveries = await google.send(tokens)

    assert {token: seq for seq, token in enumerate(tokens)} == {
        delivery.token: delivery.target.seq for delivery in deliveries
    }
    assert Counter(tokens) == google.accepted()
    assert {1} >= {delivery.attempts for delivery in deliveries}
    assert count == len({delivery.verdict.message_id for delivery in deliveries})
    assert (1 if count else 0) == google.logins()


async def test_pages_are_what_carries_them(google: Google, monkeypatch: Any) -> None:
    """But for a scout, requests go out by pages and not one by one."""
    attempts = 0
    attempt = PagesRun._attempt

    def counted(self: PagesRun, items: Any) -> None:
        nonlocal attempts
        attempts += len(items)
        attempt(self, items)

    monkeypatch.setattr(PagesRun, "_attempt", counted)
    await google.send(google.tokens(300))

    assert attempts < 5


async def test_order_is_kept_if_asked_for(google: Google) -> None:
    """Results come in the order of the source, also where some are slower."""
    google.server.misbehave(FaultPlan([LATER]))
    tokens = google.tokens(200)
    deliveries = await google.send(tokens, ordered=True)

    assert tokens == [delivery.token for delivery in deliveries]
    assert {"sent": 200} == outcomes(deliveries)


async def test_source_may_be_asynchronous(google: Google) -> None:
    """An asynchronous source is read as there is room."""
    tokens = google.tokens(100)

    async def source() -> AsyncIterator[str]:
        for token in tokens:
            await asyncio.sleep(0)
            yield token

    deliveries = await google.send(source())

    assert Counter(tokens) == google.accepted()
    assert 100 == len(deliveries)


async def test_source_that_raises(google: Google) -> None:
    """What was read before is reported, then the source's error comes out."""
    tokens = google.tokens(50)

    def source() -> Iterator[str]:
        yield from tokens
        raise ZeroDivisionError

    reported = []
    with pytest.raises(ZeroDivisionError):
        async with google.sender.send_many(HELLO, source(), window=WINDOW) as deliveries:
            async for delivery in deliveries:
                reported.append(delivery.token)

    assert sorted(tokens) == sorted(reported)


async def test_kinds_of_tokens_may_be_mixed(google: Google) -> None:
    """Android, web, installation IDs and what is no token each take their own way."""
    android, web = google.simulator.register(), google.simulator.register(kind="web")
    mixed: list[Any] = [
        android,
        DeviceToken("fcm", web, kind="web"),
        "not a token!",
        "",
        None,
        DeviceToken("apns", "a" * 64),
    ] * 3
    deliveries = await google.send(mixed, ordered=True)

    assert ["sent", "sent", "skipped", "skipped", "skipped", "skipped"] * 3 == [
        delivery.outcome.value for delivery in deliveries
    ]
    assert {android: 3, web: 3} == google.accepted()


async def test_dead_tokens_are_told_apart(google: Google) -> None:
    """An answer that is no plain success reaches its own token alone."""
    tokens = google.tokens(200)
    dead = set(tokens[::9])
    for token in dead:
        google.simulator.unregister(token)
    deliveries = await google.send(tokens)

    assert dead == {one.token for one in deliveries if one.outcome is Outcome.TOKEN_DEAD}
    assert {"sent": 200 - len(dead), "token_dead": len(dead)} == outcomes(deliveries)


async def test_credential_that_expires_on_the_way(google: Google) -> None:
    """One new login for however many were refused, and each of them is sent."""
    tokens = google.tokens(300)

    def source() -> Iterator[str]:
        for number, token in enumerate(tokens):
            if number == 150:
                google.simulator.expire_tokens()
            yield token

    deliveries = await google.send(source())

    assert {"sent": 300} == outcomes(deliveries)
    assert Counter(tokens) == google.accepted()
    assert 2 == google.logins()


async def test_account_that_is_always_refused(google: Google) -> None:
    """A new credential is tried once per token, and the token is then refused."""
    body = json.dumps(
        {
            "error": {
                "code": 401,
                "message": "Request had invalid authentication credentials.",
                "status": "UNAUTHENTICATED",
            }
        }
    )
    plan = FaultPlan([AnswerStatus(status=401, body=body, path="messages:send")])
    google.server.misbehave(plan)
    deliveries = await google.send(google.tokens(50))

    assert {"refused": 50} == outcomes(deliveries)


async def test_retries_wait_outside_of_the_window(google: Google) -> None:
    """A vendor that answers *later* is asked again, and everything arrives."""
    google.server.misbehave(FaultPlan([LATER]))
    tokens = google.tokens(300)
    deliveries = await google.send(tokens)

    assert {"sent": 300} == outcomes(deliveries)
    assert Counter(tokens) == google.accepted()
    assert any(delivery.attempts > 1 for delivery in deliveries)


async def test_retry_beyond_the_deadline_expires(google: Google) -> None:
    """What the vendor puts off beyond the deadline ends at once, with the vendor's word."""
    google.server.misbehave(FaultPlan([AnswerStatus(status=503, retry_after=60, skip=1)]))
    deliveries = await google.send(google.tokens(40), deadline=20)

    # The scout got through; the pause that is none of the app's stops nobody else.
    assert 40 == len(deliveries)
    late = [one for one in deliveries if one.outcome is Outcome.EXPIRED]
    assert {503} == {one.verdict.status for one in late}
    assert len(late) >= 38


async def test_pause_of_the_app(google: Google) -> None:
    """A quota that is spent stops the app; at the end one probe goes first, then the rest."""
    google.server.misbehave(
        FaultPlan([AnswerStatus(status=429, retry_after=1, first=3, skip=20, path="messages:send")])
    )
    tokens = google.tokens(120)
    deliveries = await google.send(tokens)

    assert {"sent": 120} == outcomes(deliveries)
    assert Counter(tokens) == google.accepted()


async def test_goaway_loses_and_repeats_nothing(google: Google) -> None:
    """What the vendor did not process goes out on another connection, once."""
    google.server.misbehave(FaultPlan([GoAway(after=70)]))
    tokens = google.tokens(500)
    deliveries = await google.send(tokens, window=100)

    assert {"sent": 500} == outcomes(deliveries)
    assert Counter(tokens) == google.accepted()


async def test_refused_streams_are_sent_elsewhere(google: Google) -> None:
    """REFUSED_STREAM means not processed: the token is sent again, and counted once."""
    google.server.misbehave(FaultPlan([ResetStream(error_code=7, every=11)]))
    tokens = google.tokens(300)
    deliveries = await google.send(tokens)

    assert {"sent": 300} == outcomes(deliveries)
    assert Counter(tokens) == google.accepted()


async def test_connection_that_breaks(google: Google) -> None:
    """What was under way is unknown, and at most that; nothing is sent twice."""
    google.server.misbehave(FaultPlan([ResetConnection(every=100, path="messages:send")]))
    tokens = google.tokens(350)
    deliveries = await google.send(tokens)
    counts = outcomes(deliveries)

    assert 350 == counts["sent"] + counts["unknown"]
    assert 0 < counts["unknown"] <= 3 * WINDOW
    assert {1} == set(google.accepted().values())


async def test_silence_ends_at_the_deadline(google: Google) -> None:
    """A push that is never answered is unknown when its time is over; others are not late."""
    google.server.misbehave(FaultPlan([NeverAnswer(every=25, path="messages:send")]))
    deliveries = await google.send(google.tokens(100), deadline=1.5)

    assert {"sent": 96, "unknown": 4} == outcomes(deliveries)


async def test_leaving_resets_what_is_under_way(google: Google) -> None:
    """After a break nothing is reported any more, and the sender serves others."""
    google.server.misbehave(FaultPlan([NeverAnswer(skip=30, path="messages:send")]))
    async with google.sender.send_many(HELLO, google.tokens(200), window=WINDOW) as deliveries:
        async for _ in deliveries:
            break
    google.server.misbehave(None)
    (delivery,) = await google.send(google.tokens(1))

    assert Outcome.SENT is delivery.outcome


async def test_two_fan_outs_share_a_sender(google: Google) -> None:
    """Neither takes results of the other, and leaving one leaves the other alone."""
    first, second = google.tokens(200), google.tokens(200)
    results = await asyncio.gather(google.send(first), google.send(second))

    assert [set(first), set(second)] == [{one.token for one in result} for result in results]
    assert Counter(first + second) == google.accepted()


async def test_slow_consumer_stops_the_reading(google: Google) -> None:
    """At *max_waiting* results that nobody took, the source is not read further."""
    read = 0
    tokens = google.tokens(400)

    def source() -> Iterator[str]:
        nonlocal read
        for token in tokens:
            read += 1
            yield token

    async with google.sender.send_many(HELLO, source(), window=5, max_waiting=30) as deliveries:
        await anext(deliveries)
        while len(google.accepted()) < 30:
            await asyncio.sleep(0)
        for _ in range(200):
            await asyncio.sleep(0)
        seen = read
        rest = [one async for one in deliveries]

    assert seen <= 30 + 2 * 5 + 1
    assert 400 == len(rest) + 1


async def test_resource_with_an_unknown_setting(google: Google) -> None:
    """A setting that FCM does not have is refused before anything is sent."""
    resource = Resource(resources_id="loud", channels={"fcm": {"chanel_id": "calls"}})
    notification = Notification(title="a", content="b", resource=resource)
    (token,) = google.tokens(1)

    with pytest.raises(ConfigError, match="channel_id"):
        await google.sender.send(notification, token)
    with pytest.raises(ConfigError, match="channel_id"):
        await anext(google.sender.send_many(notification, [token]))
    assert not google.accepted()
