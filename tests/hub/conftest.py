"""A hub on a store of its own, with a clock that stands still and a look into its rows."""

from __future__ import annotations

import asyncio
import inspect
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, get_type_hints

import orjson
import pytest
from sqlalchemy import Connection, select

from zpns import (
    DeviceToken,
    Resource,
    Session,
    ZIMCallInviteConfig,
    ZIMConversationType,
    ZIMLoginConfig,
    ZIMMessagePriority,
    ZIMMessageSendConfig,
    ZIMMessageSentResult,
    ZIMPushConfig,
    ZIMTextMessage,
)
from zpns.hub import EmbeddedHub, Hub
from zpns.models import LoggedEvent
from zpns.store import Store, Wakeup, open_store, tables
from zpns.testing import FakeClock
from zpns.wire import storage_converter

PATIENCE: Final = 20.0  # seconds of the machine's time until a test gives up waiting


class JSONHub:
    """
    A hub as it would be on another machine: everything that goes in or comes out is JSON
    on its way, read by nothing but the types that the interface names.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._converter = storage_converter()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._hub, name)
        declared = getattr(Hub, name)
        hints = get_type_hints(declared)
        signature = inspect.signature(declared)

        async def call(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(self, *args, **kwargs)
            bound.arguments.pop("self")
            carried = {
                key: self._carry(value, hints[key]) for key, value in bound.arguments.items()
            }
            return self._carry(await method(**carried), hints["return"])

        return call

    def _carry(self, value: Any, hint: Any) -> Any:
        if hint is type(None):
            assert value is None
            return None
        text = orjson.dumps(self._converter.unstructure(value, unstructure_as=hint))
        return self._converter.structure(orjson.loads(text), hint)


class House:
    """
    A hub with all that is under it.

    Attributes:
        clock: Stands still.

        store: Where it keeps things; open until the test is over.

        hub: Plain, or behind JSON.
    """

    def __init__(self, address: str | None, *, json: bool, clock: FakeClock | None = None) -> None:
        self.address = address
        self.json = json
        self.clock = clock or FakeClock()
        self._open = False
        self.store: Store = open_store(address)
        self.wakeup: Wakeup
        self.hub: Hub
        self._hubs: list[EmbeddedHub] = []

    async def open(self, *, keeps_time: bool = True, **options: Any) -> Hub:
        """Open the store and make the hub."""
        await self.store.start()
        self._open = True
        self.wakeup = self.store.watch(self.clock)
        self.hub = await self.make(keeps_time=keeps_time, **options)
        return self.hub

    async def make(self, *, keeps_time: bool = True, **options: Any) -> Hub:
        """Make another hub on the same store."""
        inner = EmbeddedHub(
            self.store, self.wakeup, clock=self.clock, rng=random.Random(1), **options
        )
        self._hubs.append(inner)
        if keeps_time:
            await inner.start()
        return JSONHub(inner) if self.json else inner  # type: ignore[return-value]

    async def close(self) -> None:
        """End everything; a second time does nothing."""
        if not self._open:
            return
        self._open = False
        for hub in self._hubs:
            await hub.aclose()
        await self.wakeup.aclose()
        await self.store.aclose()

    # Time.

    @property
    def now(self) -> int:
        """UTC milliseconds."""
        return round(self.clock.time() * 1000)

    async def eventually(self, holds: Callable[[], Awaitable[bool] | bool]) -> None:
        """Return once *holds*; the store works in threads of its own."""
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
        """Let everybody do what there is to do, in the loop and in the store."""
        for _ in range(10):
            await self.clock.advance(0)
            await self.store.write(_nothing, None)
            await self.store.read(_look)

    # Looking inside.

    async def rows(self, name: str, **where: Any) -> list[Mapping[str, Any]]:
        """Return the rows of a table."""
        return await self.store.read(_rows, name, where)

    async def job(self, ref: str) -> Mapping[str, Any]:
        """Return the only push job of a message or call."""
        (job,) = await self.rows("jobs", ref=ref)
        return job

    # What users do.

    async def send(
        self,
        text: str = "hello",
        *,
        sender: str = "ann",
        to: str = "bob",
        push: ZIMPushConfig | None = None,
        key: str | None = None,
    ) -> ZIMMessageSentResult:
        """Send a text message."""
        return await self.hub.send_message(
            sender,
            ZIMTextMessage(message=text),
            to,
            ZIMConversationType.PEER,
            ZIMMessageSendConfig(priority=ZIMMessagePriority.HIGH, push_config=push),
            key,
        )

    async def call(
        self, *invitees: str, caller: str = "ann", key: str | None = None, **options: Any
    ) -> str:
        """Start a call and return its ID."""
        config = ZIMCallInviteConfig(**{"timeout": 60, **options})
        return (await self.hub.call_invite(caller, invitees, config, key)).call_id

    async def login(self, user_id: str, **options: Any) -> Session:
        """Log a user in."""
        return await self.hub.login(user_id, ZIMLoginConfig(), **options)

    async def inbox(self, session: Session, after: int | None = None) -> list[LoggedEvent]:
        """Return what waits for a session."""
        place = session.seq if after is None else after
        return list(await self.hub.events(session, place))

    async def told(self, user_id: str) -> list[tuple[str, dict[str, int]]]:
        """Return everything in a user's log: event, and the states of calls it tells of."""
        found = []
        for row in await self.rows("events", log=f"u:{user_id}"):
            data = orjson.loads(row["body"]) if row["body"] else {}
            listed = data.get("callUserList", ())
            found.append((row["name"], {one["userID"]: one.get("state", 0) for one in listed}))
        return found


def _nothing(connection: Connection, items: Any) -> list[Any]:
    return [None] * len(items)


def _look(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT 1")


def _rows(connection: Connection, name: str, where: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    table = tables.metadata.tables[name]
    query = select(table)
    for column, value in where.items():
        query = query.where(table.c[column] == value)
    query = query.order_by(*table.primary_key.columns)
    return [dict(row._mapping) for row in connection.execute(query)]


PUSH: Final = ZIMPushConfig(title="ann", content="hello")


@pytest.fixture
def push() -> ZIMPushConfig:
    """A push config with all that a push needs."""
    return PUSH


@pytest.fixture
def token() -> Callable[..., DeviceToken]:
    """Make tokens of FCM, by a short name."""

    def make(name: str, **options: Any) -> DeviceToken:
        return DeviceToken(options.pop("channel", "fcm"), f"token-of-{name}", **options)

    return make


@pytest.fixture(
    params=[
        pytest.param(("memory", False), id="memory"),
        pytest.param(("file", False), id="file"),
        pytest.param(("memory", True), id="memory-json"),
        pytest.param(("file", True), id="file-json"),
    ]
)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """An open hub with users ann, bob, cat and dan; in every store, with and without JSON."""
    where, json = request.param
    house = House(f"sqlite:///{tmp_path / 'hub.db'}" if where == "file" else None, json=json)
    resources = {
        "ring": Resource(resources_id="ring", kind="voip"),
        "quiet": Resource(resources_id="quiet", kind="silent"),
    }
    await house.open(resources=resources)
    await house.store.write(_make_users, ("ann", "bob", "cat", "dan"))
    yield house
    await house.close()
    assert 0 == house.clock.sleepers
    assert {asyncio.current_task()} == asyncio.all_tasks()


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[House]:
    """A hub without JSON, on a file, that keeps no time: for what is about rows alone."""
    house = House(f"sqlite:///{tmp_path / 'hub.db'}", json=False)
    await house.open(keeps_time=False)
    await house.store.write(_make_users, ("ann", "bob", "cat", "dan"))
    yield house
    await house.close()


@pytest.fixture
async def make_house() -> AsyncIterator[Callable[..., Awaitable[House]]]:
    """Open houses on a file, several on the same if need be."""
    houses: list[House] = []

    async def make(
        path: Path, *, later: float = 0, clock: FakeClock | None = None, **options: Any
    ) -> House:
        house = House(f"sqlite:///{path}", json=False, clock=clock)
        houses.append(house)
        await house.clock.advance(later)
        await house.open(**options)
        return house

    yield make
    for house in houses:
        await house.close()
    assert {asyncio.current_task()} == asyncio.all_tasks()


def _make_users(connection: Connection, items: Any) -> list[Any]:
    rows = [{"user_id": name, "created_at": 1} for names in items for name in names]
    connection.execute(tables.users.insert(), rows)
    return [None] * len(items)
