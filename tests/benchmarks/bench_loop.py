"""
How late the event loop is while zpns works, beside a process that does nothing.

A heartbeat of 5 ms records by how much each beat is late, during a fan-out of which one
access token is refused and renewed, and every connection is closed by the vendor now
and then. An idle process beats the same way at the same time.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Final

from benchmarks._measure import Row, median, percentile
from benchmarks._vendor import EXPIRED, Vendor, fcm
from zpns import Notification, Outcome, Sender

ROUNDS: Final = 5
SENDS: Final = 5_000
BEAT: Final = 0.005  # seconds
SHARE: Final = 0.999


async def beat(lateness: list[float]) -> None:
    """Record by how many seconds each beat is late, until cancelled."""
    while True:
        due = time.perf_counter() + BEAT
        await asyncio.sleep(BEAT)
        lateness.append(max(0.0, time.perf_counter() - due))


async def idle() -> None:
    """Beat until standard input ends, then print the percentile."""
    lateness: list[float] = []
    task = asyncio.create_task(beat(lateness))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    task.cancel()
    print(percentile(lateness, SHARE))


async def busy(vendor: Vendor) -> float:
    """Fan out while a heartbeat runs; return the percentile of its lateness."""
    plan = {
        "faults": [
            {"kind": "status", "status": 401, "body": EXPIRED, "skip": SENDS // 2, "first": 1},
            {"kind": "goaway", "after": 200},
        ]
    }
    await asyncio.to_thread(vendor.ask, "POST", "faults", plan)
    lateness: list[float] = []
    task = asyncio.create_task(beat(lateness))
    outcomes = []
    async with Sender(vendor.transport()) as sender:
        notification = Notification(title="alice", content="hello")
        tokens = (vendor.tokens[n % len(vendor.tokens)] for n in range(SENDS))
        async with sender.send_many(notification, tokens, repeat_unknown=True) as deliveries:
            async for delivery in deliveries:
                outcomes.append(delivery.outcome)
    task.cancel()
    if outcomes.count(Outcome.SENT) != SENDS:
        raise RuntimeError(f"{outcomes.count(Outcome.SENT)} of {SENDS} were sent")
    return percentile(lateness, SHARE)


async def run() -> list[Row]:
    """Measure and return the row."""
    ours: list[float] = []
    theirs: list[float] = []
    with fcm(1_000) as vendor:
        for _ in range(ROUNDS):
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.bench_loop"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            try:
                ours.append(await busy(vendor))
            finally:
                printed, _ = process.communicate()
            theirs.append(float(printed))
    return [
        Row(
            work=f"lateness of a 5 ms heartbeat, 99.9th percentile, during {SENDS:,} sends",
            figure=f"{median(ours) * 1000:.1f} ms",
            spread=f"{min(ours) * 1000:.1f} to {max(ours) * 1000:.1f} ms",
            target="under 50 ms",
            met=median(ours) < 0.05,
            detail=f"an idle process beside it: {median(theirs) * 1000:.1f} ms",
        )
    ]


if __name__ == "__main__":
    asyncio.run(idle())
