"""
A process that writes to a store as the hub does, and says what was accepted.

Arguments are the file, the name of this process, how many messages, and how many callers
write at once. A line ``ID NUMBER`` goes out for each message whose ``write`` returned.
The process begins when it reads a line, so that several begin together.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from zpns.store import Store, events, jobs, messages, sequences, users
from zpns.store.sqlite import SQLiteStore

LOG = "u:bob"
CONVERSATION = "p:alice/bob"


def accept(connection: Connection, items: Sequence[int]) -> list[int]:
    """Store a message, its event and its push job; give the message's number."""
    # Reading before writing is what makes two transactions collide.
    if not users.known(connection, ["bob"]):
        users.add(connection, [{"user_id": "bob", "created_at": 1}])
    first = sequences.take(connection, {CONVERSATION: len(items)})[CONVERSATION]
    numbers = list(range(first, first + len(items)))
    messages.add(
        connection,
        [
            {
                "message_id": item,
                "conversation": CONVERSATION,
                "seq": number,
                "sender": "alice",
                "receiver": "bob",
                "conversation_type": 0,
                "body": "{}" + " " * 500,
                "sent_at": 1,
                "idempotency": f"alice/{item}",
            }
            for item, number in zip(items, numbers, strict=True)
        ],
    )
    events.append(
        connection,
        [
            {
                "log": LOG,
                "name": "message",
                "message_id": item,
                "body": None,
                "created_at": 1,
                "expires_at": 2,
            }
            for item in items
        ],
    )
    jobs.add(
        connection,
        [
            {
                "job_id": f"m{item}",
                "event": "message",
                "ref": str(item),
                "priority": jobs.MESSAGES,
                "state": jobs.OPEN,
                "created_at": 1,
                "due_at": 1,
                "deadline_at": 2,
                "audience": "[]",
                "push": "{}",
            }
            for item in items
        ],
    )
    return numbers


async def caller(store: Store, ids: Iterator[int]) -> None:
    """Write messages until there are none left."""
    for item in ids:
        number = await store.write(accept, item)
        os.write(1, f"{item} {number}\n".encode())


async def main(path: str, offset: int, count: int, callers: int) -> None:
    """Write *count* messages whose IDs begin at *offset*."""
    sys.stdin.readline()
    store = SQLiteStore(path, busy_timeout=60)
    await store.start()
    ids = iter(range(offset, offset + count))
    await asyncio.gather(*(caller(store, ids) for _ in range(callers)))
    await store.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
