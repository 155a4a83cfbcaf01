"""What a program pays for README's import lines before it does anything."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

from benchmarks._measure import Row, median

ROUNDS: Final = 21
YARDSTICK: Final = "import attrs, cattrs, asyncio"
README: Final = """
import zpns
from zpns import (
    DeviceToken, ZIMCallInviteConfig, ZIMConversationType, ZIMMessagePriority,
    ZIMMessageSendConfig, ZIMPushConfig, ZIMTextMessage,
)
from zpns.transports import FCM
"""
HEAVY: Final = ("aiohttp", "sqlalchemy", "cryptography")


def seconds(code: str) -> float:
    """Return how long *code* takes in a new interpreter, start-up apart."""
    program = (
        "import sys, time\nstarted = time.perf_counter()\n"
        f"{code}\ntaken = time.perf_counter() - started\n"
        f"print(taken, [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    taken, _, loaded = done.stdout.decode().strip().partition(" ")
    if loaded != "[]":
        raise RuntimeError(f"the import lines load {loaded}")
    return float(taken)


async def run() -> list[Row]:
    """Measure and return the row."""
    seconds(YARDSTICK), seconds(README)  # compiles what is not compiled yet
    pairs = [(seconds(README), seconds(YARDSTICK)) for _ in range(ROUNDS)]
    ratios = [ours / theirs for ours, theirs in pairs]
    return [
        Row(
            work="README's import lines beside `import attrs, cattrs, asyncio`",
            figure=f"{median(ratios):.2f} x",
            spread=f"{min(ratios):.2f} to {max(ratios):.2f}",
            target="at most 1.6 x",
            met=median(ratios) <= 1.6,
            detail=f"{median([ours for ours, _ in pairs]) * 1000:.0f} ms",
        )
    ]
