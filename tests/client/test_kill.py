"""
A process that is killed loses nothing it accepted.

Each seed decides when: after how many accepted messages, and how far behind the last of
them. Ten seeds run by default; ``nox -s kill`` runs as many as ``KILL_SEEDS`` says.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

import zpns

WORKER: Final = Path(__file__).with_name("_kill_worker.py")
SEEDS: Final = range(10)
MORE_SEEDS: Final = range(10, 10 + int(os.environ.get("KILL_SEEDS", "100")))
MOST: Final = 120  # accepted messages and calls until it is killed at the latest
LEASE: Final = 60.0  # seconds; longer than a dead worker's lease lasts


class Accepted(NamedTuple):
    """What a killed process said it had accepted: IDs of messages with numbers, of calls."""

    messages: dict[str, int]
    calls: set[str]


async def run_until_killed(seed: int, store: Path, *arguments: str) -> Accepted:
    """Run the worker, kill it at the moment that *seed* names, and return what it said."""
    rng = random.Random(seed)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(WORKER), f"sqlite:///{store}", *arguments),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(zpns.__file__).parent.parent)},
    )
    assert process.stdout is not None
    try:
        assert b"ready\n" == await process.stdout.readline()
        lines = [await process.stdout.readline() for _ in range(rng.randint(1, MOST))]
        for _ in range(rng.randint(0, 400)):  # somewhere on the way to the next
            await asyncio.sleep(0)
    finally:
        process.send_signal(signal.SIGKILL)
    # What it had said, and nobody had read yet; a line that was cut off counts as unsaid.
    lines += (await process.stdout.read()).splitlines(keepends=True)
    assert -signal.SIGKILL == await process.wait()
    said = [line.split() for line in lines if line.endswith(b"\n")]
    return Accepted(
        {line[1].decode(): int(line[2]) for line in said if line[0] == b"m"},
        {line[1].decode() for line in said if line[0] == b"c"},
    )


def read(store: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return what a query finds."""
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute(sql).fetchall()


def check_whole(store: Path, accepted: Accepted) -> None:
    """Everything accepted is there with its event and its job, and nothing is there in part."""
    assert [("ok",)] == read(store, "PRAGMA integrity_check")
    messages = {
        str(row[0]): row[1:]
        for row in read(store, "SELECT message_id, seq, conversation, receiver FROM messages")
    }
    for message_id, seq in accepted.messages.items():
        assert seq == messages[message_id][0]
    numbers = defaultdict(list)
    for seq, conversation, _ in messages.values():
        numbers[conversation].append(seq)
    for found in numbers.values():
        assert list(range(1, len(found) + 1)) == sorted(found)

    pointed = read(store, "SELECT message_id, log FROM events WHERE name = 'message'")
    assert {id_: f"u:{row[2]}" for id_, row in messages.items()} == {
        str(id_): log for id_, log in pointed
    }
    assert len(messages) == len(pointed), "one event each"

    calls = {str(row[0]) for row in read(store, "SELECT call_id FROM calls")}
    assert accepted.calls <= calls
    ringing = read(store, "SELECT call_id, user_id FROM call_users WHERE position > 0")
    assert calls == {str(call) for call, _ in ringing}
    rings = "SELECT body FROM events WHERE name = 'callInvitationReceived'"
    assert sorted(calls) == sorted(json.loads(body)["callID"] for (body,) in read(store, rings))

    jobs = [ref for (ref,) in read(store, "SELECT ref FROM jobs")]
    assert sorted([*messages, *calls]) == sorted(jobs), "one job each"

    for (log,) in read(store, "SELECT DISTINCT log FROM events"):
        found = [seq for (seq,) in read(store, f"SELECT seq FROM events WHERE log = '{log}'")]
        assert list(range(1, len(found) + 1)) == sorted(found)


async def accepts(seed: int, folder: Path) -> None:
    """Kill a process that accepts, and look at what it left."""
    store = folder / "push.db"
    accepted = await run_until_killed(seed, store, "token-0,token-1")
    assert accepted.messages or accepted.calls
    check_whole(store, accepted)


async def delivers(
    seed: int,
    folder: Path,
    make_vendor: Callable[..., Awaitable[Any]],
    later: Callable[[float], Any],
) -> None:
    """Kill a process that accepts and delivers, and let another one finish its work."""
    # The vendor's time runs ahead, and the second client's: the leases of the first are over.
    vendor = await make_vendor(clock=later(LEASE))
    tokens = [vendor.simulator.register() for _ in range(2)]
    store = folder / "push.db"
    accepted = await run_until_killed(
        seed, store, ",".join(tokens), vendor.account, vendor.server.url, vendor.server.ca_file
    )
    check_whole(store, accepted)
    everything = [ref for (ref,) in read(store, "SELECT ref FROM jobs")]
    async with zpns.Client(
        [vendor.fcm()], store=f"sqlite:///{store}", clock=later(LEASE)
    ) as client:
        for ref in everything:
            records = await client.wait(ref, timeout=60)
            assert ["sent"] == [record.outcome.value for record in records]

    seen: dict[str, set[str]] = defaultdict(set)
    for body in vendor.bodies():
        zego = json.loads(body["data"]["zego"])
        named = json.loads(body["data"]["zpns"])
        seen[zego.get("call_id") or named["message_id"]].add(zego["zpns_request_id"])
    assert {*accepted.messages, *accepted.calls} <= set(seen)
    assert sorted(everything) == sorted(seen), "and of what it had not said yet, too"
    assert {1} == {len(ids) for ids in seen.values()}, "a repetition has the same ID"
    assert len(seen) == len({next(iter(ids)) for ids in seen.values()})
    check_whole(store, accepted)


@pytest.mark.parametrize("seed", SEEDS)
async def test_what_a_killed_process_accepted_is_there(seed: int, tmp_path: Path) -> None:
    """Every ID it printed, whole; what it did not print may be there, and then whole too."""
    await accepts(seed, tmp_path)


@pytest.mark.parametrize("seed", SEEDS)
async def test_what_a_killed_process_accepted_is_delivered_by_the_next(
    seed: int, tmp_path: Path, make_vendor: Any, later: Any
) -> None:
    """At least once, and every repetition under the same ID."""
    await delivers(seed, tmp_path, make_vendor, later)


@pytest.mark.kill
@pytest.mark.parametrize("seed", MORE_SEEDS)
async def test_more_of_what_a_killed_process_accepted_is_there(seed: int, tmp_path: Path) -> None:
    """The same with more seeds."""
    await accepts(seed, tmp_path)


@pytest.mark.kill
@pytest.mark.parametrize("seed", MORE_SEEDS)
async def test_more_of_what_a_killed_process_accepted_is_delivered_by_the_next(
    seed: int, tmp_path: Path, make_vendor: Any, later: Any
) -> None:
    """The same with more seeds."""
    await delivers(seed, tmp_path, make_vendor, later)
