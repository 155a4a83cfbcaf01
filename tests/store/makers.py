"""Stores of every kind, what runs functions in them, and rows to put into them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self, TypeAlias, TypeVar

from sqlalchemy import Connection, text

from zpns.store import Store, jobs
from zpns.store.sqlite import SQLiteStore

R = TypeVar("R")
Maker: TypeAlias = Callable[[Path], Store]

#: What makes a store, by the name of its kind. One that needs a server belongs here, too,
#: as ``pytest.param(..., marks=pytest.mark.external_service)`` where kinds are listed.
STORES: Final[dict[str, Maker]] = {
    "memory": lambda folder: SQLiteStore(),
    "file": lambda folder: SQLiteStore(folder / "zpns.db"),
}
PATIENCE: Final = 30  # seconds until what never comes fails a test


class Do:
    """
    Runs plain functions over a connection, as commands of a store.

    ``await do(f, 1, key=2)`` is ``f(connection, 1, key=2)`` in a transaction.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    async def __call__(self, function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        def command(connection: Connection, items: Sequence[None]) -> list[R]:
            return [function(connection, *args, **kwargs) for _ in items]

        return await self.store.write(command, None)

    async def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return what a statement finds."""
        return await self.store.read(rows, sql, values)

    async def value(self, sql: str, **values: Any) -> Any:
        """Return the one value that a statement finds."""
        ((value,),) = await self.rows(sql, **values)
        return value


class Gate:
    """
    Keeps the writer busy, so that what is asked for meanwhile gathers behind it.

    ``async with Gate(store):`` returns once the writer is busy; the writer goes on when
    the block ends.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._opened = threading.Event()
        self._task: asyncio.Task[None] | None = None

    def _hold(
        self, connection: Connection, items: Sequence[asyncio.Future[None]]
    ) -> Sequence[None]:
        for busy in items:
            busy.get_loop().call_soon_threadsafe(busy.set_result, None)
        if not self._opened.wait(PATIENCE):
            raise AssertionError("the gate was never opened")
        return [None] * len(items)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        busy: asyncio.Future[None] = loop.create_future()
        self._task = loop.create_task(self._store.write(self._hold, busy))
        await busy
        return self
        return self

    def open(self) -> None:
        """Let the writer go on."""
        self._opened.set()

    async def __aexit__(self, *_: object) -> None:
        self.open()
        assert self._task is not None
        await self._task


def begin(*works: Any) -> list[asyncio.Task[Any]]:
    """Return tasks that do *works*, which begin in this order at the next turn."""
    return [asyncio.get_running_loop().create_task(work) for work in works]


async def turns(count: int = 5) -> None:
    """Let tasks that were made begin, and wait for what they wait for."""
    for _ in range(count):
        await asyncio.sleep(0)


async def soon(awaitable: Awaitable[R]) -> R:
    """Wait for what another thread or process brings, but not forever."""
    return await asyncio.wait_for(awaitable, PATIENCE)


def rows(
    connection: Connection, sql: str, values: dict[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Return what a statement finds."""
    return [tuple(row) for row in connection.execute(text(sql), values or {})]


def put_user(connection: Connection, items: Sequence[str]) -> list[int | Exception]:
    """Make users, and give how many there are; a command with a statement per item."""
    found: list[int | Exception] = []
    for item in items:
        insert = text("INSERT INTO users (user_id, created_at) VALUES (:user, 1)")
        connection.execute(insert, {"user": item})
        found.append(rows(connection, "SELECT count(*) FROM users")[0][0])
    return found


def user_ids(connection: Connection) -> list[str]:
    """Return who exists, in the order of their names."""
    return [user_id for (user_id,) in rows(connection, "SELECT user_id FROM users ORDER BY 1")]


def job(job_id: str, **changed: Any) -> dict[str, Any]:
    """Return the row of an open push job, due at 0."""
    return {
        "job_id": job_id,
        "event": "message",
        "ref": f"ref-{job_id}",
        "priority": jobs.MESSAGES,
        "state": jobs.OPEN,
        "created_at": 0,
        "due_at": 0,
        "deadline_at": 1_000_000,
        "lease_owner": None,
        "audience": "[]",
        "page_cursor": None,
        "paged": 0,
        "push": "{}",
        "ack_log": None,
        "ack_seq": None,
        **changed,
    }


def attempt(job_id: str, seq: int, number: int = 1, **changed: Any) -> dict[str, Any]:
    """Return the row of an attempt that was sent."""
    return {
        "job_id": job_id,
        "seq": seq,
        "attempt": number,
        "user_id": "bob",
        "push_id": f"push-{seq}",
        "channel": "fcm",
        "app": "default",
        "token_kind": "alert",
        "form": "alert",
        "endpoint": "send",
        "outcome": "sent",
        "status": 200,
        "code": "",
        "vendor_id": f"v{seq}",
        "advice": "",
        "started_at": 1,
        "ended_at": 2,
        "retry_at": None,
        **changed,
    }
