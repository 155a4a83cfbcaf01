"""Clients, with FCM's simulator behind them: over the network, or by hand and a fake clock."""

from __future__ import annotations

import asyncio
import inspect
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

import zpns
from zpns import (
    DeviceToken,
    ZIMConversationType,
    ZIMMessagePriority,
    ZIMMessageSendConfig,
    ZIMPushConfig,
    ZIMTextMessage,
)
from zpns.exchange import Clock, Request, Response, SystemClock
from zpns.simulators import FCMSimulator, LocalCA, SimulatorServer
from zpns.testing import FakeClock, RecordingCarrier
from zpns.transports import FCM

PATIENCE: Final = 20.0  # seconds of the machine's time until a test gives up waiting
PUSH: Final = ZIMPushConfig(title="ann", content="hello")


def running() -> set[str]:
    """Return what the tasks of the loop run, besides the one that asks."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return {getattr(task.get_coro(), "__qualname__", "?") for task in others}


async def eventually(holds: Callable[[], Awaitable[bool] | bool]) -> None:
    """Return once *holds*; stores and vendors work beside the loop."""
    give_up = time.monotonic() + PATIENCE
    while True:
        found = holds()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return
        assert time.monotonic() < give_up, f"it never came to be: {inspect.getsource(holds)}"
        await asyncio.sleep(0)


async def send(client: Any, text: str = "hello", to: str = "bob", **options: Any) -> Any:
    """Send a text message, as ann if by a client, and return the message."""
    push = options.pop("push", None)
    if isinstance(client, zpns.Client):
        options.setdefault("sender", "ann")
    config = ZIMMessageSendConfig(priority=ZIMMessagePriority.HIGH, push_config=push)
    sent = await client.send_message(
        ZIMTextMessage(message=text), to, ZIMConversationType.PEER, config, **options
    )
    return sent.message


class Vendor:
    """
    FCM's simulator on a server of its own.

    Attributes:
        server: Running.

        simulator: Where devices are registered.

        account: The service account's file.
    """

    def __init__(self, server: SimulatorServer, simulator: FCMSimulator, folder: Path) -> None:
        self.server = server
        self.simulator = simulator
        self.account = simulator.credentials(server.url, str(folder))["service_account"]

    def fcm(self, app: str = "default") -> FCM:
        """Return the transport that leads to it."""
        return FCM.from_service_account(
            self.account, app=app, base_url=self.server.url, ca_file=self.server.ca_file
        )

    def bodies(self) -> list[Any]:
        """Return the message of every push it answered with success."""
        return [
            entry.to_json()["body"]["message"]
            for entry in self.server.record
            if entry.path.endswith(":send") and entry.status == 200
        ]

    def tokens(self) -> list[str]:
        """Return whom it pushed to, oldest first."""
        return [body["token"] for body in self.bodies()]


class Later(SystemClock):
    """The machine's clock, some seconds ahead."""

    def __init__(self, ahead: float) -> None:
        self._ahead = ahead

    def time(self) -> float:
        return super().time() + self._ahead


@pytest.fixture(scope="session")
def account_key() -> rsa.RSAPrivateKey:
    """The key of every service account; making one takes its time."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def authority() -> LocalCA:
    """Who signs the simulators' certificates."""
    return LocalCA()


@pytest.fixture
async def make_vendor(
    account_key: rsa.RSAPrivateKey, authority: LocalCA, tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[Vendor]]]:
    """Start simulators of FCM."""
    servers: list[SimulatorServer] = []

    async def make(clock: Clock | None = None, **options: Any) -> Vendor:
        simulator = FCMSimulator(private_key=account_key, **options)
        server = SimulatorServer(simulator, clock=clock, ca=authority)
        await server.start()
        servers.append(server)
        folder = tmp_path / f"vendor-{len(servers)}"
        folder.mkdir()
        return Vendor(server, simulator, folder)

    yield make
    for server in servers:
        await server.aclose()
    assert set() == running()


@pytest.fixture
async def vendor(make_vendor: Callable[..., Awaitable[Vendor]]) -> Vendor:
    """A simulator of FCM."""
    return await make_vendor()


class Desk:
    """
    A client with a clock that stands still, in front of a simulator without a server.

    Attributes:
        clock: Of everybody.

        carrier: Keeps what was sent.

        simulator: Answers.

        clients: Every client made here.
    """

    def __init__(self, simulator: FCMSimulator, account: str) -> None:
        self.clock = FakeClock()
        self.simulator = simulator
        self.fcm = FCM.from_service_account(account)
        self.carrier = RecordingCarrier(answer=self._answer, clock=self.clock)
        self.clients: list[zpns.Client] = []

    def _answer(self, request: Request) -> Response:
        return self.simulator.handle(request, self.clock.time())

    def client(self, **options: Any) -> zpns.Client:
        """Make a client; it is closed when the test is over."""
        client = zpns.Client(
            [self.fcm], carrier=self.carrier, clock=self.clock, rng=random.Random(3), **options
        )
        self.clients.append(client)
        return client

    async def open(self, **options: Any) -> zpns.Client:
        """Make a client and start it."""
        client = self.client(**options)
        await client.start()
        return client

    async def device(self, client: zpns.Client, user_id: str, **options: Any) -> str:
        """Register a new device and return its token."""
        token = self.simulator.register()
        await client.register(user_id, DeviceToken("fcm", token, **options))
        return token

    @property
    def pushes(self) -> int:
        """How many pushes were sent."""
        return sum(request.url.endswith(":send") for request in self.carrier.requests)

    async def calm(self) -> None:
        """Let everybody do what there is to do now."""
        for _ in range(10):
            await self.clock.advance(0)
            for client in self.clients:
                if client._state == "open":
                    await client.query_users_status(["nobody"])
                    await client.add_users()

    async def after(self, seconds: float) -> None:
        """Let time pass, and everybody do what there is to do then."""
        await self.calm()
        await self.clock.advance(seconds)
        await self.calm()


@pytest.fixture
async def desk(account_key: rsa.RSAPrivateKey, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk; at the end its clients leave nothing running."""
    simulator = FCMSimulator(private_key=account_key)
    account = simulator.credentials("https://fcm.example", str(tmp_path))["service_account"]
    desk = Desk(simulator, account)
    yield desk
    desk.carrier.release()
    for client in desk.clients:
        await client.aclose(0)
    assert 0 == desk.clock.sleepers
    assert set() == running()


@pytest.fixture
def patience() -> Callable[..., Awaitable[None]]:
    """Wait until something holds."""
    return eventually


@pytest.fixture
def tasks() -> Callable[[], set[str]]:
    """What runs besides the test."""
    return running


@pytest.fixture
def text() -> Callable[..., Awaitable[Any]]:
    """Send a text message."""
    return send


@pytest.fixture
def push() -> ZIMPushConfig:
    """A push config with all that a push needs."""
    return PUSH


@pytest.fixture
def later() -> type[Later]:
    """The machine's clock, ahead."""
    return Later
