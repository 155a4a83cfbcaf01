"""Stores of every kind, started, and closed at the end."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event

from zpns.store import Store
from zpns.store.sqlite import SQLiteStore

from .makers import STORES, Do


@pytest.fixture(params=STORES)
def kind(request: pytest.FixtureRequest) -> str:
    """Name a kind of store."""
    return str(request.param)


@pytest.fixture
async def make_store(kind: str, tmp_path: Path) -> AsyncIterator[Callable[[], Store]]:
    """Make stores of a kind; those of one test use the same database, if it has a place."""
    made: list[Store] = []

    def make() -> Store:
        made.append(STORES[kind](tmp_path))
        return made[-1]

    yield make
    for store in made:
        await store.aclose()


@pytest.fixture
async def store(make_store: Callable[[], Store]) -> Store:
    """Give a store that was started."""
    store = make_store()
    await store.start()
    return store


@pytest.fixture
def do(store: Store) -> Do:
    """Run functions in *store*."""
    return Do(store)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Say where a file can be made."""
    return tmp_path / "push.db"


@pytest.fixture
async def file_store(path: Path) -> AsyncIterator[SQLiteStore]:
    """Give a store in a file, for what concerns files."""
    store = SQLiteStore(path)
    await store.start()
    yield store
    await store.aclose()


@pytest.fixture
def new_threads() -> Callable[[], list[str]]:
    """Give a function that names the threads made for stores since the test began."""
    before = set(threading.enumerate())
    return lambda: [
        one.name
        for one in threading.enumerate()
        if one.name.startswith("zpns") and one not in before
    ]


@pytest.fixture
def commits() -> Iterator[list[None]]:
    """Give a list that grows by one with every commit of any store of this process."""
    seen: list[None] = []

    def on_commit(connection: Connection) -> None:
        seen.append(None)

    event.listen(Engine, "commit", on_commit)
    yield seen
    event.remove(Engine, "commit", on_commit)
