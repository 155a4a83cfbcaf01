"""
Durable ``send_message`` beside one SQLite commit per row, on the same disk in one run.

The public verb accepts text messages with a push config and an idempotency key for a
registered receiver; nothing is delivered. The yardstick is the standard ``sqlite3``
module in WAL mode with synchronous FULL: one 300-byte row, one commit.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import zpns
from benchmarks._measure import Row, median, percentile

ROUNDS: Final = 5
CALLERS: Final = 256
MESSAGES: Final = 6_000
ALONE: Final = 400
ROWS: Final = 3_000
RECEIVERS: Final = 1_000


def commits(folder: str, rows: int = ROWS) -> float:
    """Return seconds per row of the yardstick."""
    connection = sqlite3.connect(Path(folder, "yardstick.db"), isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, body TEXT)")
    body = "x" * 300
    started = time.perf_counter()
    for _ in range(rows):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t (body) VALUES (?)", (body,))
        connection.execute("COMMIT")
    taken = time.perf_counter() - started
    connection.close()
    return taken / rows


async def accepts(client: zpns.Client, numbers: Iterator[int], callers: int) -> list[float]:
    """Send a message for each of *numbers*; return the seconds each took."""
    config = zpns.ZIMMessageSendConfig(
        priority=zpns.ZIMMessagePriority.HIGH,
        push_config=zpns.ZIMPushConfig(title="alice", content="hello"),
    )
    message = zpns.ZIMTextMessage(message="x" * 100)
    times: list[float] = []

    async def caller() -> None:
        for number in numbers:
            started = time.perf_counter()
            await client.send_message(
                message,
                f"user{number % RECEIVERS}",
                zpns.ZIMConversationType.PEER,
                config,
                sender="alice",
                idempotency_key=f"key-{number}",
            )
            times.append(time.perf_counter() - started)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return times


async def run() -> list[Row]:
    """Measure and return the rows."""
    many: list[float] = []
    alone: list[float] = []
    slowest: list[float] = []
    detail = ""
    with tempfile.TemporaryDirectory() as folder:
        async with zpns.Client(store=f"sqlite:///{folder}/accept.db", workers=0) as client:
            for number in range(RECEIVERS):
                token = zpns.DeviceToken("fcm", f"token-{number}:APA91b")
                await client.register(f"user{number}", token)
            first = 0
            for _ in range(ROUNDS):
                yardstick = commits(folder)
                started = time.perf_counter()
                numbers = iter(range(first, first + MESSAGES))
                times = await accepts(client, numbers, CALLERS)
                each = (time.perf_counter() - started) / MESSAGES
                first += MESSAGES
                single = await accepts(client, iter(range(first, first + ALONE)), 1)
                first += ALONE
                many.append(yardstick / each)
                alone.append(median(single) / yardstick)
                slowest.append(percentile(times, 0.99))
                detail = f"{1 / each:,.0f} messages/s beside {1 / yardstick:,.0f} commits/s"
    return [
        Row(
            work=f"send_message accepted durably, {CALLERS} callers",
            figure=f"{median(many):.2f} x the rate of one commit per row",
            spread=f"{min(many):.2f} to {max(many):.2f}",
            target="at least 2 x",
            met=median(many) >= 2,
            detail=detail,
        ),
        Row(
            work="the same, 99th percentile",
            figure=f"{median(slowest) * 1000:.1f} ms",
            spread=f"{min(slowest) * 1000:.1f} to {max(slowest) * 1000:.1f} ms",
            target="under 50 ms",
            met=median(slowest) < 0.05,
        ),
        Row(
            work="send_message accepted durably, one caller",
            figure=f"{median(alone):.1f} x the time of one commit",
            spread=f"{min(alone):.1f} to {max(alone):.1f}",
            target="at most 8 x",
            met=median(alone) <= 8,
        ),
    ]


if __name__ == "__main__":
    for row in asyncio.run(run()):
        print(row)
