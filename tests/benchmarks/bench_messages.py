"""
5,000 messages from ``send_message`` to a vendor in another process.

Half-way the vendor says that the access token has expired: one renewal is part of it.
Ends when the last message has its outcome, all of them *sent*, and the vendor's record
holds each of them once.
"""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from typing import Final

import zpns
from benchmarks._measure import Row, median
from benchmarks._vendor import EXPIRED, Vendor, fcm
from zpns import Outcome

ROUNDS: Final = 5
MESSAGES: Final = 5_000
RECEIVERS: Final = 1_000
CALLERS: Final = 64


async def round_(vendor: Vendor) -> tuple[float, float, int]:
    """Return seconds and CPU seconds taken, and how many requests for a token there were."""
    await asyncio.to_thread(vendor.ask, "DELETE", "requests")
    plan = {
        "faults": [
            {
                "kind": "status",
                "status": 401,
                "body": EXPIRED,
                "skip": MESSAGES // 2,
                "first": 1,
                "path": "messages:send",
            }
        ]
    }
    await asyncio.to_thread(vendor.ask, "POST", "faults", plan)
    config = zpns.ZIMMessageSendConfig(
        priority=zpns.ZIMMessagePriority.HIGH,
        push_config=zpns.ZIMPushConfig(title="alice", content="hello"),
    )
    numbers = iter(range(MESSAGES))
    refs: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        store = f"sqlite:///{folder}/messages.db"
        async with zpns.Client([vendor.transport()], store=store) as client:
            for number in range(RECEIVERS):
                token = zpns.DeviceToken("fcm", vendor.tokens[number])
                await client.register(f"user{number}", token)

            async def caller() -> None:
                for number in numbers:
                    sent = await client.send_message(
                        zpns.ZIMTextMessage(message=f"number {number}"),
                        f"user{number % RECEIVERS}",
                        zpns.ZIMConversationType.PEER,
                        config,
                        sender="alice",
                    )
                    refs.append(sent.message.message_id)

            before = resource.getrusage(resource.RUSAGE_SELF)
            started = time.perf_counter()
            await asyncio.gather(*(caller() for _ in range(CALLERS)))
            records = [one for ref in refs for one in await client.wait(ref)]
            taken = time.perf_counter() - started
            after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sent = sum(record.outcome is Outcome.SENT for record in records)
    requests = await asyncio.to_thread(vendor.ask, "GET", "requests")
    seen = [entry["body"]["message"]["data"]["zego"] for entry in requests if _accepted(entry)]
    if not sent == len(seen) == len(set(seen)) == MESSAGES:
        raise RuntimeError(f"{sent} sent, {len(seen)} seen, {len(set(seen))} different")
    return taken, cpu, sum(entry["path"] == "/token" for entry in requests)


def _accepted(entry: dict[str, object]) -> bool:
    return str(entry["path"]).endswith("messages:send") and entry["status"] == 200


async def run() -> list[Row]:
    """Measure and return the row."""
    with fcm(RECEIVERS) as vendor:
        rounds = [await round_(vendor) for _ in range(ROUNDS)]
    rates = [MESSAGES / taken for taken, _, _ in rounds]
    cpu = median([cpu / MESSAGES for _, cpu, _ in rounds])
    logins = {logins for _, _, logins in rounds}
    return [
        Row(
            work=f"{MESSAGES:,} messages accepted, pushed and seen by the vendor",
            figure=f"{median(rates):,.0f} messages/s",
            spread=f"{min(rates):,.0f} to {max(rates):,.0f}",
            target="every one seen once; one login and one renewal",
            met=logins == {2},
            detail=f"{cpu * 1e6:.0f} µs of CPU each, logins per round: {sorted(logins)}",
        )
    ]
