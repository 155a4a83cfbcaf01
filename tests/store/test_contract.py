"""What every store promises, whatever it keeps its rows in."""

from __future__ import annotations

import asyncio
import secrets
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, insert, text

from zpns.errors import StateError, StoreError, ZIMError
from zpns.store import Store
from zpns.store.tables import users
from zpns.testing import FakeClock

from .makers import Gate, begin, put_user, soon, turns, user_ids

# Commands and queries.


def refuse_b(connection: Connection, items: Sequence[str]) -> list[int | Exception]:
    """Make the users but those whose names begin with b, which are refused."""
    return [
        ZIMError(1, f"no {item}") if item.startswith("b") else put_user(connection, [item])[0]
        for item in items
    ]


def write_then_raise(connection: Connection, items: Sequence[Exception]) -> list[None]:
    """Write, then raise the first item: what a mistake in a command looks like."""
    put_user(connection, [f"half-{number}" for number in range(len(items))])
    raise items[0]


def wrong_sql(connection: Connection, items: Sequence[str]) -> list[None]:
    """Use a table that is not there."""
    connection.execute(text("INSERT INTO nowhere VALUES (1)"))
    return [None for _ in items]


def too_few(connection: Connection, items: Sequence[str]) -> list[int | Exception]:
    """Give fewer results than there are items."""
    return put_user(connection, items)[1:]


class Recorder:
    """A command that keeps the lists of items it was given."""

    def __init__(self, log: list[tuple[str, list[Any]]], name: str) -> None:
        self.log = log
        self.name = name

    def __call__(self, connection: Connection, items: Sequence[Any]) -> list[None]:
        self.log.append((self.name, list(items)))
        return [None for _ in items]


# Writing.


async def test_a_write_returns_what_the_command_gave(store: Store) -> None:
    """Each item gets its own result."""
    assert [1, 2] == [await store.write(put_user, "a"), await store.write(put_user, "b")]


async def test_an_item_whose_result_is_an_error_fails_alone(store: Store) -> None:
    """Items of one transaction, and of one run of a command, do not share a refusal."""
    async with Gate(store):
        works = begin(*(store.write(refuse_b, name) for name in ("a", "b", "c")))
        await turns()
    results = await asyncio.gather(*works, return_exceptions=True)
    assert [1, "no b (code 1)", 2] == [results[0], str(results[1]), results[2]]
    assert ["a", "c"] == await store.read(user_ids)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ZeroDivisionError("why"), id="mistake"),
        pytest.param(StateError("why"), id="ours"),
        pytest.param(LookupError("why"), id="python's"),
    ],
)
async def test_a_command_that_raises_makes_only_itself_fail(store: Store, error: Exception) -> None:
    """Others of its transaction are written; what it had written is undone."""
    async with Gate(store):
        good = begin(store.write(put_user, "a"))
        bad = begin(store.write(write_then_raise, error))
        good += begin(store.write(put_user, "b"))
        await turns()
    with pytest.raises(type(error), match="why"):
        await bad[0]
    assert [1, 2] == await asyncio.gather(*good)
    assert ["a", "b"] == await store.read(user_ids)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(StopIteration(1), id="StopIteration"),
        pytest.param(SystemExit(3), id="SystemExit"),
        pytest.param(KeyboardInterrupt(), id="KeyboardInterrupt"),
        pytest.param(asyncio.CancelledError(), id="CancelledError"),
    ],
)
async def test_a_command_that_raises_what_no_caller_can_take_is_told_of(
    store: Store, error: BaseException
) -> None:
    """Neither the writer nor the event loop ends, and nobody waits forever."""

    def leave(connection: Connection, items: Sequence[str]) -> list[None]:
        raise error

    async with Gate(store):
        bad, good = begin(store.write(leave, "x"), store.write(put_user, "a"))
        await turns()
    with pytest.raises(RuntimeError, match=type(error).__name__) as caught:
        await soon(bad)
    assert error is caught.value.__cause__
    assert 1 == await soon(good)


async def test_a_result_that_no_future_takes_is_told_of(store: Store) -> None:
    """StopIteration as a result does not leave callers waiting."""

    def stop(connection: Connection, items: Sequence[str]) -> list[Exception | None]:
        return [StopIteration() for _ in items]

    with pytest.raises(RuntimeError, match="StopIteration"):
        await soon(store.write(stop, "x"))


async def test_a_command_with_too_few_results_fails(store: Store) -> None:
    """It would hand results to the wrong callers; instead nothing of it is written."""
    with pytest.raises(ValueError, match="zip"):
        await soon(store.write(too_few, "a"))
    assert [] == await store.read(user_ids)


async def test_a_statement_that_fails_is_a_store_error(store: Store) -> None:
    """The driver's exception is the cause, and only that command fails."""
    async with Gate(store):
        bad, good = begin(store.write(wrong_sql, "x"), store.write(put_user, "a"))
        await turns()
    with pytest.raises(StoreError, match="nowhere") as caught:
        await bad
    assert caught.value.__cause__ is not None
    assert not type(caught.value.__cause__).__module__.startswith("sqlalchemy")
    assert 1 == await good


def insert_twice(connection: Connection, items: Sequence[str]) -> list[None]:
    """Insert rows that are there already."""
    rows = [{"user_id": item, "created_at": 1} for item in items] * 2
    connection.execute(insert(users), rows)
    return [None for _ in items]


def insert_half(connection: Connection, items: Sequence[str]) -> list[None]:
    """Insert rows of which one lacks a column."""
    rows = [{"user_id": item, "created_at": 1} for item in items]
    connection.execute(insert(users), [*rows, {"user_id": items[0]}])
    return [None for _ in items]


@pytest.mark.parametrize("command", [insert_twice, insert_half])
async def test_an_error_does_not_repeat_what_was_written(
    store: Store, command: Callable[[Connection, Sequence[str]], list[None]]
) -> None:
    """Tokens and messages do not get into logs, however far back the story is told."""
    secret = secrets.token_hex(8)  # which no line of source code shows
    with pytest.raises(StoreError) as caught:
        await store.write(command, secret)
    assert secret not in "".join(traceback.format_exception(caught.value))


async def test_a_poisonous_item_harms_nobody_else(store: Store) -> None:
    """A value that no database takes fails its caller, not those in the same statement."""
    names = ["a", "\ud800", "b"]  # half of a character, which UTF-8 cannot hold
    async with Gate(store):
        works = begin(*(store.write(put_user, name) for name in names))
        await turns()
    results = await asyncio.gather(*works, return_exceptions=True)
    assert [1, UnicodeEncodeError, 2] == [results[0], type(results[1]), results[2]]


async def test_a_cancelled_callers_item_is_still_written(store: Store) -> None:
    """Cancelling takes nothing back: it may have been written already."""
    async with Gate(store):
        (work,) = begin(store.write(put_user, "a"))
        await turns()
        work.cancel()
        await turns()
    assert work.cancelled()
    assert 2 == await store.write(put_user, "b")


async def test_what_one_task_asks_for_is_done_in_order(store: Store) -> None:
    """Even if the task gave up waiting for the first thing, and others came between."""
    log: list[tuple[str, list[Any]]] = []
    one, other = Recorder(log, "one"), Recorder(log, "other")

    async def caller(name: str, *commands: Recorder) -> None:
        for number, command in enumerate(commands):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await store.write(command, f"{name}{number}")

    async with Gate(store):
        works = begin(caller("x", other), caller("y", one, other, one), caller("z", one))
        await asyncio.gather(*works)
    await store.write(one, "end")
    flat = [item for _, items in log for item in items]
    assert ["y0", "y1", "y2"] == [item for item in flat if item.startswith("y")]
    assert {"x0", "z0", "end"} < set(flat)


async def test_one_command_is_run_once_for_all_who_wait(store: Store) -> None:
    """Items keep the order in which they were asked for."""
    log: list[tuple[str, list[Any]]] = []
    one, other = Recorder(log, "one"), Recorder(log, "other")
    async with Gate(store):
        works = begin(*(store.write((one, other)[n % 2], n) for n in range(6)))
        await turns()
    await asyncio.gather(*works)
    assert [("one", [0, 2, 4]), ("other", [1, 3, 5])] == log


# Reading.


async def test_reading_sees_what_was_written_before(store: Store) -> None:
    """Once a write returned, every read shows it."""
    for number in range(20):
        await store.write(put_user, f"u{number:02}")
        assert number + 1 == len(await store.read(user_ids))


async def test_reads_take_arguments(store: Store) -> None:
    """What follows the query is passed on."""

    def add(connection: Connection, one: int, other: int) -> int:
        return one + other

    assert 5 == await store.read(add, 2, 3)


async def test_a_query_cannot_write(store: Store) -> None:
    """It fails with what to do, and the database stays as it was."""
    with pytest.raises(StoreError, match="make it a command"):
        await store.read(put_user, ["a"])
    assert [] == await store.read(user_ids)
    assert 1 == await store.write(put_user, "a")  # and commands still can


async def test_a_query_that_fails_is_a_store_error(store: Store) -> None:
    """The driver's exception is the cause; the next read works."""

    def wrong(connection: Connection) -> None:
        connection.execute(text("SELECT * FROM nowhere"))

    with pytest.raises(StoreError, match="nowhere") as caught:
        await store.read(wrong)
    assert not type(caught.value.__cause__).__module__.startswith("sqlalchemy")
    assert [] == await store.read(user_ids)


async def test_what_a_query_raises_comes_through(store: Store) -> None:
    """Errors that are not the database's are the query's own."""

    def wrong(connection: Connection) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await store.read(wrong)


async def test_many_reads_at_once(store: Store) -> None:
    """More than there are threads or connections all get their answer."""
    await store.write(put_user, "a")
    assert [["a"]] * 50 == await asyncio.gather(*(store.read(user_ids) for _ in range(50)))


# Opening and closing.


async def test_closing_commits_what_was_accepted(make_store: Callable[[], Store]) -> None:
    """Whoever waits when the store is closed gets a result."""
    store = make_store()
    await store.start()
    async with Gate(store):
        works = begin(*(store.write(put_user, f"u{number}") for number in range(600)))
        await turns()
        (closing,) = begin(store.aclose())
        await turns()
    await soon(closing)
    assert list(range(1, 601)) == await asyncio.gather(*works)


async def test_after_closing_nothing_works(make_store: Callable[[], Store]) -> None:
    """Both verbs say that the store is closed, from the moment closing begins."""
    store = make_store()
    await store.start()
    async with Gate(store):
        (closing,) = begin(store.aclose())
        await turns()
        with pytest.raises(StateError, match="not open"):
            await store.write(put_user, "a")
    await soon(closing)
    with pytest.raises(StateError, match="not open"):
        await store.read(user_ids)


async def test_before_starting_nothing_works(make_store: Callable[[], Store]) -> None:
    """Both verbs say what to do."""
    store = make_store()
    with pytest.raises(StateError, match="start"):
        await store.write(put_user, "a")
    with pytest.raises(StateError, match="start"):
        await store.read(user_ids)
    await store.aclose()  # closing what was never open is no error


async def test_starting_twice_is_refused(store: Store) -> None:
    """And the store stays as usable as it was."""
    with pytest.raises(StateError, match="already"):
        await store.start()
    assert 1 == await store.write(put_user, "a")


async def test_a_store_can_be_started_again(make_store: Callable[[], Store]) -> None:
    """A store that was closed is as good as one that is new."""
    store = make_store()
    for number in range(3):
        await store.start()
        assert await store.write(put_user, f"u{number}") >= 1
        assert f"u{number}" in await store.read(user_ids)
        await store.aclose()


async def test_closing_twice_at_once(make_store: Callable[[], Store]) -> None:
    """Both calls return once it is closed."""
    store = make_store()
    await store.start()
    await soon(asyncio.gather(store.aclose(), store.aclose()))
    await store.aclose()
    await store.start()  # it was wholly closed
    await store.aclose()


async def test_closing_goes_on_when_its_caller_is_cancelled(
    make_store: Callable[[], Store], new_threads: Callable[[], list[str]]
) -> None:
    """The threads end although nobody waits for them."""
    store = make_store()
    await store.start()
    async with Gate(store):
        (closing,) = begin(store.aclose())
        await turns()
        closing.cancel()
        await turns()
        assert closing.cancelled()
    await soon(store.aclose())
    assert [] == new_threads()


async def test_a_store_belongs_to_one_event_loop(store: Store) -> None:
    """Used from another it says so, instead of hanging; its own loop goes on."""

    async def elsewhere() -> None:
        for use in (
            store.write(put_user, "a"),
            store.read(user_ids),
            store.start(),
            store.aclose(),
        ):
            with pytest.raises(StateError, match="another event loop"):
                await use

    await asyncio.to_thread(asyncio.run, elsewhere())
    assert 1 == await store.write(put_user, "a")


async def test_closing_while_it_starts(
    make_store: Callable[[], Store], new_threads: Callable[[], list[str]]
) -> None:
    """Whoever starts it learns of it; nothing is left behind, and it can be started again."""
    store = make_store()
    (starting,) = begin(store.start())
    await turns(1)
    await soon(store.aclose())
    with pytest.raises(StateError, match="closed while"):
        await soon(starting)
    assert [] == new_threads()
    await store.start()
    assert 1 == await store.write(put_user, "a")
    assert ["a"] == await store.read(user_ids)


async def test_a_start_that_is_cancelled_leaves_no_thread(
    make_store: Callable[[], Store], new_threads: Callable[[], list[str]]
) -> None:
    """Whoever gives up opening leaves nothing behind, and can try again."""
    store = make_store()
    (work,) = begin(store.start())
    await turns(1)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert [] == new_threads()
    await store.start()
    assert 1 == await store.write(put_user, "a")


# News.


async def test_a_store_can_be_watched(store: Store) -> None:
    """A notification reaches who listens to the topic."""
    wakeup = store.watch(FakeClock())
    listener = wakeup.listen("u:bob")
    wakeup.notify(["u:bob"])
    await soon(listener.wait(None))
    await wakeup.aclose()
