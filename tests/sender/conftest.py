"""
A small vendor and its transport: what a sender meets on the other side of its seams.

The vendor answers requests and keeps count of them; the transport says what is asked and
what an answer means, as the six real ones do. Neither knows how a sender works.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import attrs
import pytest

from zpns import DeviceToken, Notification, Sender
from zpns.errors import (
    CarrierError,
    CredentialRejected,
    ParameterError,
    QuotaExceeded,
    RequestRefused,
    VendorUnavailable,
)
from zpns.exchange import Exchange, Request, Response
from zpns.models import AfterOpen, AfterRefresh, At, Delivery, Outcome, Scope, Target, Verdict
from zpns.testing import FakeClock, RecordingCarrier
from zpns.transports import Backoff, Credential, Prepared, Route, Skip, Transport

SENT = Verdict(outcome=Outcome.SENT, status=200)
LIFETIME = 3600  # seconds a credential lives
RENEWED = 300  # seconds before its end at which a new one is due


@attrs.frozen(kw_only=True)
class Toy(Transport):
    """
    A transport to a vendor that never was.

    Attributes:
        max_tokens: Targets per request.

        saves: Whether lists go to a body saved before.

        lasts: Seconds for which what was prepared is valid.

        broken: Which of its members raises.
    """

    channel: ClassVar[str] = "toy"
    token_alphabet: ClassVar[re.Pattern[str]] = re.compile(r"[A-Za-z0-9:_-]+")

    app: str = "default"
    base_url: str | None = None
    ca_file: str | None = None
    secret: str = attrs.field(default="hush-hush-hush-hush", repr=False)
    max_tokens: int = 1
    saves: bool = False
    lasts: float = 1e9
    broken: str = ""
    backoff: Backoff = Backoff()
    log: list[str] = attrs.field(factory=list, repr=False, eq=False)

    def route(self, device: DeviceToken) -> Route | Skip:
        self.fail("route", device.token)
        if not self.token_alphabet.fullmatch(device.token):
            return Skip("token_alphabet", "a toy's token is of letters, digits, : _ and -")
        origin = f"https://{device.environment}.toy.example"
        return Route(origin=origin, credential_key="toy", environment=device.environment)

    def authorize(self, route: Route, now: float) -> Exchange[Credential]:
        self.fail("authorize", self.secret)
        response = yield Request(
            method="POST", url=f"{route.origin}/token", body=self.secret.encode()
        )
        if response.status != 200:
            after = response.headers.get("retry-after")
            kinds = {401: CredentialRejected, 403: RequestRefused, 429: QuotaExceeded}
            raise kinds.get(response.status, VendorUnavailable)(
                "no token",
                channel=self.channel,
                status=response.status,
                vendor_code=response.body.decode(),
                retry_after=None if after is None else float(after),
            )
        return Credential(
            value=response.body.decode(),
            renew_at=now + LIFETIME - RENEWED,
            expires_at=now + LIFETIME,
        )

    def prepare(self, notification: Notification, route: Route, now: float) -> Prepared | Skip:
        self.log.append("prepare")
        self.fail("prepare", notification.content)
        assert notification.job_id, "a sender sets it"
        assert notification.deadline is not None, "a sender sets it"
        if now * 1000 >= notification.deadline:
            return Skip("expired")
        if notification.title == "unwanted":
            return Skip("unwanted", "nobody wants it")
        if len(notification.content) > 20:
            raise ParameterError("content", "20 characters or fewer", notification.content)
        return ToyPrepared(self, notification, route, now + self.lasts)

    def token_kind(self, notification: Notification) -> str:
        return "voip" if notification.kind == "voip" else "alert"

    def fail(self, member: str, what: str) -> None:
        """Raise if *member* is the broken one, with something in the message that leaks."""
        if self.broken == member:
            raise KeyError(what)


class ToyPrepared(Prepared):
    """The body of a toy's push."""

    form = "toy"
    endpoint = "POST /push"

    def __init__(
        self, toy: Toy, notification: Notification, route: Route, valid_until: float
    ) -> None:
        self.toy = toy
        self.notification = notification
        self.route = route
        self.max_tokens = toy.max_tokens
        self.valid_until = valid_until

    def open(self, credential: Credential, count: int) -> Exchange[str | None]:
        self.toy.fail("open", self.notification.content)
        if not self.toy.saves:
            return None
        response = yield Request(
            method="POST",
            url=f"{self.route.origin}/save",
            headers={"authorization": credential.value},
        )
        kinds = {401: CredentialRejected, 403: RequestRefused, 429: QuotaExceeded}
        if response.status != 200:
            after = response.headers.get("retry-after")
            raise kinds.get(response.status, VendorUnavailable)(
                "not saved",
                channel="toy",
                status=response.status,
                retry_after=None if after is None else float(after),
            )
        return response.body.decode()

    def request(
        self, targets: Sequence[Target], credential: Credential, stored: str | None = None
    ) -> Request:
        self.toy.fail("request", targets[0].token)
        assert len(targets) <= self.max_tokens
        body = {
            "job": self.notification.job_id,
            "tokens": [target.token for target in targets],
            "seqs": [target.seq for target in targets],
            "stored": stored,
            "valid_until": self.valid_until,
        }
        return Request(
            method="POST",
            url=f"{self.route.origin}/push",
            headers={"authorization": credential.value},
            body=json.dumps(body).encode(),
        )

    def verdicts(
        self, targets: Sequence[Target], response: Response, now: float
    ) -> Sequence[Verdict]:
        self.toy.fail("verdicts", targets[0].token)
        if self.toy.broken == "count":
            return [SENT] * (len(targets) + 1)
        if self.toy.broken == "nonsense":
            return [None] * len(targets)  # type: ignore[list-item]
        if response.status == 401:
            return [_verdict("expired_token", 401, now)] * len(targets)
        codes = json.loads(response.body)
        return [_verdict(code, response.status, now) for code in codes]


def _verdict(code: str, status: int, now: float) -> Verdict:
    """Return what the vendor's *code* means: a word, or a word and seconds."""
    word, _, seconds = code.partition("=")
    at = At(now + float(seconds)) if seconds else None
    retry = Outcome.RETRY
    meanings: dict[str, dict[str, Any]] = {
        "ok": {"outcome": Outcome.SENT},
        "gone": {"outcome": Outcome.TOKEN_DEAD},
        "odd": {"outcome": Outcome.TOKEN_SUSPECT},
        "bad": {"outcome": Outcome.REFUSED},
        "busy": {"outcome": retry, "retry": at},
        "quota": {"outcome": retry, "retry": at, "scope": Scope.APP},
        "spent": {"outcome": Outcome.REFUSED, "retry": at, "scope": Scope.APP},
        "expired_token": {"outcome": retry, "retry": AfterRefresh()},
        "unsaved": {"outcome": retry, "retry": AfterOpen()},
    }
    if word == "ok":
        return SENT
    return Verdict(status=status, code=word, advice=f"the toy said {word}", **meanings[word])


class Push(NamedTuple):
    """One push request as the vendor saw it."""

    time: float
    job: str
    tokens: list[str]
    seqs: list[int]
    credential: str
    stored: str | None
    valid_until: float


class ToyVendor:
    """
    The vendor: gives credentials, saves bodies, takes pushes.

    Attributes:
        fates: For each token what comes of its pushes, in this order: a code of the toy;
            "401"; "unsent", "lost" and "hang" for what the network does. What has no
            fate, or no further one, is taken.

        tokens: Answers to requests for a credential, before it gives good ones.

        saves: Answers to requests to save a body, before it saves them.

        credentials: How many it was asked for.

        saved: How many bodies it was asked to save.

        rejected: Credentials it does not accept any more.

        pushes: What it got.

        said: For each token what came of each push to it.

        turns: How many turns of the loop each push takes.

        gate: Waited for before a request is looked at, given the last part of its path
            and the first token.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.fates: dict[str, deque[str]] = {}
        self.tokens: deque[Response | Exception] = deque()
        self.saves: deque[Response] = deque()
        self.credentials = 0
        self.saved = 0
        self.rejected: set[str] = set()
        self.pushes: list[Push] = []
        self.said: dict[str, list[str]] = {}
        self.turns = 0
        self.gate: Callable[[str, str], Awaitable[None]] | None = None

    async def __call__(self, request: Request) -> Response | Exception:
        path = request.url.rpartition("/")[2]
        if self.gate is not None:
            tokens = json.loads(request.body)["tokens"] if path == "push" else [""]
            await self.gate(path, tokens[0])
        if path == "token":
            self.credentials += 1
            if self.tokens:
                return self.tokens.popleft()
            return Response(status=200, body=f"credential-{self.credentials}".encode())
        if path == "save":
            self.saved += 1
            if self.saves:
                return self.saves.popleft()
            return Response(status=200, body=f"saved-{self.saved}".encode())
        return await self._push(request)

    async def _push(self, request: Request) -> Response | Exception:
        body = json.loads(request.body)
        credential = request.headers["authorization"]
        self.pushes.append(
            Push(
                self.clock.monotonic(),
                body["job"],
                body["tokens"],
                body["seqs"],
                credential,
                body["stored"],
                body["valid_until"],
            )
        )
        for _ in range(self.turns):
            await asyncio.sleep(0)
        if credential in self.rejected:
            return Response(status=401)
        codes = [self._fate(token) for token in body["tokens"]]
        for whole in ("401", "hang", "lost", "unsent"):
            if whole in codes:  # it happens to the request, and so to each of its tokens
                codes = [whole] * len(codes)
        for token, code in zip(body["tokens"], codes, strict=True):
            self.said.setdefault(token, []).append(code)
        if "401" in codes:
            return Response(status=401)
        if "hang" in codes:
            await asyncio.Event().wait()
        if "lost" in codes or "unsent" in codes:
            return CarrierError("the line is dead", request, sent="lost" in codes)
        return Response(status=200, body=json.dumps(codes).encode())

    def _fate(self, token: str) -> str:
        fates = self.fates.get(token)
        return fates.popleft() if fates else "ok"

    @property
    def received(self) -> list[str]:
        """Every token of every push, in order."""
        return [token for push in self.pushes for token in push.tokens]

    @property
    def times(self) -> list[float]:
        """When each push came, seconds since the beginning."""
        return [push.time for push in self.pushes]


class FixedRandom(random.Random):
    """Chance that always says the same."""

    def __init__(self, value: float) -> None:
        super().__init__(0)
        self.value = value

    def random(self) -> float:
        return self.value


class Room:
    """A sender with a fake clock, a recording carrier and the toy vendor behind it."""

    hello = Notification(title="Hello", content="there", job_id="job-1")

    def __init__(self, *, chance: float | random.Random = 0.5, **options: Any) -> None:
        self.clock = FakeClock()
        self.vendor = ToyVendor(self.clock)
        self.carrier = RecordingCarrier(answer=self.vendor, clock=self.clock)
        self.toy = Toy(**options)
        self.sender = Sender(
            self.toy,
            carrier=self.carrier,
            clock=self.clock,
            rng=chance if isinstance(chance, random.Random) else FixedRandom(chance),
        )

    def fate(self, token: str, *codes: str) -> str:
        """Decide what comes of the pushes to *token*, and return it."""
        self.vendor.fates[token] = deque(codes)
        return token

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Return what *work* returns, moving time on when everything waits for it."""
        return await self.clock.run(work)

    async def send(self, token: Any, notification: Notification = hello, **options: Any) -> Any:
        """Send to one token, moving time on."""
        return await self.run(self.sender.send(notification, token, **options))

    async def collect(
        self, tokens: Any, notification: Notification = hello, **options: Any
    ) -> list[Delivery]:
        """Send to many tokens and return all results, moving time on."""

        async def work() -> list[Delivery]:
            async with self.sender.send_many(notification, tokens, **options) as deliveries:
                return [delivery async for delivery in deliveries]

        found: list[Delivery] = await self.run(work())
        return found


def running() -> set[asyncio.Task[Any]]:
    """Return the tasks of the loop besides the one that asks."""
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]


@pytest.fixture
async def make_room() -> AsyncIterator[Callable[..., Room]]:
    """Make a room; at the end nothing may be left running in any of them."""
    rooms: list[Room] = []

    def make(**options: Any) -> Room:
        rooms.append(Room(**options))
        return rooms[-1]

    yield make
    for room in rooms:
        await room.sender.aclose()
        await room.clock.advance(0)
        assert 0 == room.clock.sleepers
    assert set() == running()


@pytest.fixture
def room(make_room: Callable[..., Room]) -> Room:
    """A room of the simplest kind: one token per request."""
    return make_room()


@pytest.fixture
def tasks() -> Callable[[], set[asyncio.Task[Any]]]:
    """The tasks of the loop besides the test's own."""
    return running


@pytest.fixture
def room_class() -> Iterator[type[Room]]:
    """For tests that make their own event loops."""
    yield Room
