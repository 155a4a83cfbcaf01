"""
A program that is killed: it accepts, and perhaps delivers, until it is no more.

Usage: ``_kill_worker.py STORE TOKENS [ACCOUNT URL CA_FILE]``. Each line it prints is one
accepted message or call, written only after the verb has returned: ``m ID SEQ`` or
``c ID``. With an account it also delivers to the simulator at URL.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import Iterator

import zpns
from zpns import (
    DeviceToken,
    ZIMCallInviteConfig,
    ZIMConversationType,
    ZIMMessagePriority,
    ZIMMessageSendConfig,
    ZIMPushConfig,
    ZIMTextMessage,
)
from zpns.transports import FCM

SENDERS = 4
PUSH = ZIMPushConfig(title="t", content="c")
CONFIG = ZIMMessageSendConfig(priority=ZIMMessagePriority.LOW, push_config=PUSH)


def say(line: str) -> None:
    """Write at once, past every buffer of this process."""
    os.write(1, f"{line}\n".encode())


async def send(client: zpns.Client, sender: int, numbers: Iterator[int]) -> None:
    """Send for ever; every fifth time it is a call."""
    for number in numbers:
        user = f"u{number % 2}"
        if number % 5 == 4:
            call = await client.call_invite(
                [user],
                ZIMCallInviteConfig(timeout=600, push_config=PUSH),
                caller=f"s{sender}",
                idempotency_key=f"c{number}",
            )
            say(f"c {call.call_id}")
            continue
        sent = await client.send_message(
            ZIMTextMessage(message=str(number)),
            user,
            ZIMConversationType.PEER,
            CONFIG,
            sender=f"s{sender}",
            idempotency_key=f"m{number}",
        )
        say(f"m {sent.message.message_id} {sent.message.message_seq}")


async def main(store: str, tokens: str, *vendor: str) -> None:
    transports = []
    if vendor:
        account, url, ca_file = vendor
        transports = [FCM.from_service_account(account, base_url=url, ca_file=ca_file)]
    async with zpns.Client(transports, store=store, workers=len(transports)) as client:
        for number, token in enumerate(tokens.split(",")):
            await client.register(f"u{number}", DeviceToken("fcm", token))
        say("ready")
        numbers = itertools.count()
        await asyncio.gather(*(send(client, sender, numbers) for sender in range(SENDERS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
