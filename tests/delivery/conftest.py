"""
Workers on a real store, with two vendors that are not there: FCM, as its simulator answers
without a server, and a toy that takes several tokens per request.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import random
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

import attrs
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import Connection, select

from zpns import (
    BUILT_IN_RESOURCES,
    DeviceToken,
    Notification,
    PushRecord,
    Resource,
    Session,
    ZIMCallInviteConfig,
    ZIMConversationType,
    ZIMLoginConfig,
    ZIMMessagePriority,
    ZIMMessageSendConfig,
    ZIMPushConfig,
    ZIMTextMessage,
)
from zpns.delivery import Worker
from zpns.errors import CarrierError
from zpns.exchange import Exchange, Request, Response
from zpns.hub import EmbeddedHub
from zpns.models import At, Outcome, Scope, Target, Verdict
from zpns.sender import Lane
from zpns.simulators import FCMSimulator
from zpns.store import open_store, tables
from zpns.testing import FakeClock, RecordingCarrier
from zpns.transports import FCM, Backoff, Credential, Prepared, Route, Skip, Transport

PATIENCE: Final = 20.0  # seconds of the machine's time until a test gives up waiting
PUSH: Final = ZIMPushConfig(title="ann", content="hello")


@attrs.frozen(kw_only=True)
class Toy(Transport):
    """
    A transport to a vendor that never was.

    Attributes:
        max_tokens: Targets per request.

        broken: Which of its members raises.
    """

    channel: ClassVar[str] = "toy"
    token_alphabet: ClassVar[re.Pattern[str]] = re.compile(r"[A-Za-z0-9_-]+")
    backoff: ClassVar[Backoff] = Backoff(floor=2.0, first=1.0)

    app: str = "default"
    base_url: str | None = None
    ca_file: str | None = None
    max_tokens: int = 3
    broken: str = ""

    def fail(self, member: str) -> None:
        if self.broken == member:
            raise KeyError(member)

    def route(self, device: DeviceToken) -> Route | Skip:
        self.fail("route")
        if not self.token_alphabet.fullmatch(device.token):
            return Skip("malformed_token", "a toy's token has letters, digits, _ and -")
        return Route(origin="https://toy.example", credential_key="toy", variety=device.kind)

    def authorize(self, route: Route, now: float) -> Exchange[Credential]:
        self.fail("authorize")
        return Credential(value="secret", renew_at=now + 1e6, expires_at=now + 2e6)
        yield

    def prepare(self, notification: Notification, route: Route, now: float) -> Prepared | Skip:
        self.fail("prepare")
        assert notification.deadline is not None
        if now * 1000 >= notification.deadline:
            return Skip("expired")
        return ToyPrepared(self, notification, route)


class ToyPrepared(Prepared):
    form = "toy"
    endpoint = "POST /push"
    valid_until = 1e12

    def __init__(self, toy: Toy, notification: Notification, route: Route) -> None:
        self.toy = toy
        self.notification = notification
        self.route = route
        self.max_tokens = toy.max_tokens

    def request(
        self, targets: Sequence[Target], credential: Credential, stored: str | None = None
    ) -> Request:
        self.toy.fail("request")
        body = {
            "job": self.notification.job_id,
            "app": self.toy.app,
            "kind": self.route.variety,
            "tokens": [target.token for target in targets],
            "seqs": [target.seq for target in targets],
        }
        return Request(
            method="POST", url="https://toy.example/push", body=json.dumps(body).encode()
        )

    def verdicts(
        self, targets: Sequence[Target], response: Response, now: float
    ) -> Sequence[Verdict]:
        self.toy.fail("verdicts")
        codes = json.loads(response.body)
        return [_verdict(code, now) for code in codes][: 0 if self.toy.broken == "count" else None]


def _verdict(code: str, now: float) -> Verdict:
    word, _, seconds = code.partition("=")
    at = At(now + float(seconds)) if seconds else None
    match word:
        case "ok":
            return Verdict(outcome=Outcome.SENT, status=200)
        case "busy":
            return Verdict(outcome=Outcome.RETRY, status=503, code="busy", retry=at)
        case "quota":
            return Verdict(
                outcome=Outcome.RETRY, status=429, code="quota", retry=at, scope=Scope.APP
            )
        case _:
            return Verdict(outcome=Outcome.REFUSED, status=400, code=word, advice="the toy said so")


class Push(NamedTuple):
    """
    One push as a vendor saw it.

    Attributes:
        time: Monotonic seconds.

        token: To whom.

        id: The vendor ID by which a repetition is known.

        body: The request.
    """

    time: float
    token: str
    id: str
    body: Mapping[str, Any]


class Vendors:
    """
    FCM and the toy.

    Attributes:
        fates: For each token what comes of its pushes, in this order: an answer, an error
            to raise, or for the toy a code. What has no fate, or no further one, is taken.

        pushes: What they got.
    """

    def __init__(self, clock: FakeClock, fcm: FCMSimulator) -> None:
        self.clock = clock
        self.fcm = fcm
        self.fates: dict[str, deque[Any]] = {}
        self.pushes: list[Push] = []

    def __call__(self, request: Request) -> Response | Exception:
        if request.url.startswith("https://toy.example"):
            return self._toy(request)
        if request.url.endswith(":send"):
            message = json.loads(request.body)["message"]
            data = message.get("data", {})
            zego = json.loads(data["zego"]) if "zego" in data else {}
            name = str(zego.get("zpns_request_id", ""))
            fate = self._see(message["token"], name, message)
            if fate is not None:
                if isinstance(fate, type):
                    return fate("the line is dead", request, sent=True)
                return fate
        return self.fcm.handle(request, self.clock.time())

    def _toy(self, request: Request) -> Response | Exception:
        body = json.loads(request.body)
        codes = []
        for token, seq in zip(body["tokens"], body["seqs"], strict=True):
            fate = self._see(token, f"{body['job']}/{seq}", body)
            if isinstance(fate, Exception):
                return fate
            codes.append(fate or "ok")
        return Response(status=200, body=json.dumps(codes).encode())

    def _see(self, token: str, name: str, body: Mapping[str, Any]) -> Any:
        self.pushes.append(Push(self.clock.monotonic(), token, name, body))
        fates = self.fates.get(token)
        return fates.popleft() if fates else None

    def to(self, token: str) -> list[Push]:
        """Return the pushes to a token."""
        return [push for push in self.pushes if push.token == token]


class Process:
    """
    What one process has: a store, a hub, lanes and workers.

    Attributes:
        carrier: Of all its lanes.

        done: Refs of jobs that ended, as told.
    """

    def __init__(self, office: Office, transports: Sequence[Transport]) -> None:
        self.office = office
        self.clock = office.clock
        self.store = open_store(office.address)
        self.carrier = RecordingCarrier(answer=office.vendors, clock=office.clock)
        self.transports = transports
        self.workers: list[Worker] = []
        self.done: list[str] = []
        self.resources: dict[str, Resource] = dict(BUILT_IN_RESOURCES)
        self._open = False

    async def open(self, workers: int = 1) -> Process:
        await self.store.start()
        self._open = True
        self.wakeup = self.store.watch(self.clock)
        rng = random.Random(5)
        self.hub = EmbeddedHub(self.store, self.wakeup, clock=self.clock, rng=rng)
        await self.hub.start()
        self.lanes = {
            (one.channel, one.app): Lane(one, carrier=self.carrier, clock=self.clock, rng=rng)
            for one in self.transports
        }
        for _ in range(workers):
            await self.hire()
        return self

    async def hire(self) -> Worker:
        """Start another worker."""
        worker = Worker(
            self.store,
            self.wakeup,
            lanes=self.lanes,
            resource=self.resources.get,
            clock=self.clock,
            rng=random.Random(6),
            on_done=self.done.append,
        )
        await worker.start()
        self.workers.append(worker)
        return worker

    async def close(self, drain: float = 0) -> None:
        if not self._open:
            return
        self._open = False
        for worker in self.workers:
            await worker.aclose(drain)
        await self._close_rest()

    async def die(self) -> None:
        """End as a process that is killed does: nothing is given back, nothing written."""
        self._open = False
        for worker in self.workers:
            tasks = [worker._claiming, worker._extending, *worker._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._close_rest()

    async def _close_rest(self) -> None:
        for lane in self.lanes.values():
            await lane.aclose()
        await self.hub.aclose()
        await self.wakeup.aclose()
        await self.store.aclose()

    # What users do.

    async def send(
        self, text: str = "hello", *, to: str = "bob", sender: str = "ann", **push: Any
    ) -> str:
        """Send a message with a push and return its ID."""
        config = attrs.evolve(PUSH, **push)
        sent = await self.hub.send_message(
            sender,
            ZIMTextMessage(message=text),
            to,
            ZIMConversationType.PEER,
            ZIMMessageSendConfig(priority=ZIMMessagePriority.LOW, push_config=config),
        )
        return sent.message.message_id

    async def call(self, *invitees: str, timeout: int = 60, **push: Any) -> str:
        """Start a call with a push and return its ID."""
        config = ZIMCallInviteConfig(timeout=timeout, push_config=attrs.evolve(PUSH, **push))
        return (await self.hub.call_invite("ann", invitees, config)).call_id

    async def login(self, user_id: str) -> Session:
        return await self.hub.login(user_id, ZIMLoginConfig())

    async def device(self, user_id: str, token: str = "", **options: Any) -> str:
        """Register a device of FCM, or of the channel given, and return its token."""
        channel = options.pop("channel", "fcm")
        token = token or self.office.vendors.fcm.register()
        callkit = options.pop("allow_callkit", True)
        await self.hub.register(user_id, [DeviceToken(channel, token, **options)], callkit)
        return token

    # What came of it.

    async def rows(self, name: str, **where: Any) -> list[Mapping[str, Any]]:
        """Return the rows of a table."""
        return await self.store.read(_rows, name, where)

    async def job(self, ref: str) -> Mapping[str, Any]:
        """Return the only push job of a message or call."""
        (job,) = await self.rows("jobs", ref=ref)
        return job

    async def records(self, ref: str) -> Sequence[PushRecord]:
        """Return what became of the pushes, as far as they have come."""
        return (await self.hub.pushes(ref))[0]

    async def outcomes(self, ref: str) -> list[tuple[str, str]]:
        """Return outcome and code of each push."""
        return [(record.outcome.value, record.code) for record in await self.records(ref)]

    async def over(self, ref: str) -> bool:
        """Whether every push has its outcome."""
        return (await self.hub.pushes(ref))[1]

    async def ends(self, *refs: str) -> None:
        """Return once every push of *refs* has its outcome, without moving time."""
        for ref in refs:
            await self.office.eventually(lambda: self.over(ref))

    async def change(self, sql: str) -> None:
        """Run a statement on the store."""

        def command(connection: Connection, items: Any) -> list[Any]:
            connection.exec_driver_sql(sql)
            return [None] * len(items)

        await self.store.write(command, None)


def _rows(connection: Connection, name: str, where: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    table = tables.metadata.tables[name]
    query = select(table)
    for column, value in where.items():
        query = query.where(table.c[column] == value)
    query = query.order_by(*table.primary_key.columns)
    return [dict(row._mapping) for row in connection.execute(query)]


class Office:
    """
    Vendors, a clock, and processes that share a file, or one with a store in memory.

    Attributes:
        address: Of the store.

        clock: Of everybody.

        vendors: FCM and the toy.
    """

    def __init__(self, address: str | None, fcm: FCMSimulator, account: str) -> None:
        self.address = address
        self.account = account
        self.clock = FakeClock()
        self.vendors = Vendors(self.clock, fcm)
        self.processes: list[Process] = []

    def fcm(self, app: str = "default") -> FCM:
        """Return the transport of FCM."""
        return FCM.from_service_account(self.account, app=app)

    async def process(self, *transports: Transport, workers: int = 1) -> Process:
        """Open a process with *transports*, FCM if there are none."""
        process = Process(self, transports or (self.fcm(),))
        self.processes.append(process)
        return await process.open(workers)

    async def eventually(self, holds: Callable[[], Awaitable[bool] | bool]) -> None:
        """Return once *holds*, without moving time; stores work in threads of their own."""
        give_up = time.monotonic() + PATIENCE
        while True:
            found = holds()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return
            assert time.monotonic() < give_up, f"it never came to be: {inspect.getsource(holds)}"
            await asyncio.sleep(0)

    async def calm(self) -> None:
        """Let everybody do what there is to do now, in the loop and in the stores."""
        for _ in range(10):
            await self.clock.advance(0)
            for process in self.processes:
                if process._open:
                    await process.store.write(_nothing, None)
                    await process.store.read(_look)

    async def after(self, seconds: float) -> None:
        """Let time pass, and everybody do what there is to do then."""
        await self.calm()
        await self.clock.advance(seconds)
        await self.calm()

    async def close(self) -> None:
        for process in self.processes:
            await process.close()


def _nothing(connection: Connection, items: Any) -> list[Any]:
    return [None] * len(items)


def _look(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT 1")


@pytest.fixture(scope="session")
def fcm_account(tmp_path_factory: pytest.TempPathFactory) -> tuple[FCMSimulator, str]:
    """A Firebase project and its service account's file; its key is made once."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    simulator = FCMSimulator(private_key=key)
    folder = tmp_path_factory.mktemp("account")
    return simulator, simulator.credentials("https://fcm.example", str(folder))["service_account"]


@pytest.fixture
async def make_office(
    fcm_account: tuple[FCMSimulator, str], tmp_path: Path
) -> AsyncIterator[Callable[..., Office]]:
    """Make an office on a file, or in memory; at the end nothing may be left running."""
    offices: list[Office] = []

    def make(*, file: bool = False) -> Office:
        address = f"sqlite:///{tmp_path / f'{len(offices)}.db'}" if file else None
        offices.append(Office(address, *fcm_account))
        return offices[-1]

    yield make
    for office in offices:
        await office.close()
        assert 0 == office.clock.sleepers
    assert {asyncio.current_task()} == asyncio.all_tasks()


@pytest.fixture(params=["memory", "file"])
def office(request: pytest.FixtureRequest, make_office: Callable[..., Office]) -> Office:
    """An office, in every store."""
    return make_office(file=request.param == "file")


@pytest.fixture
def toy() -> type[Toy]:
    """The transport to the toy."""
    return Toy


@pytest.fixture
def lost() -> type[Exception]:
    """The fate of a push that left and got no answer."""
    return CarrierError
