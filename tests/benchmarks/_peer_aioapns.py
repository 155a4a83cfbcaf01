"""
aioapns on the same gateway with the same body; runs in an environment of its own.

``python _peer_aioapns.py COUNT PORT CA_FILE KEY_FILE``: prints a line of JSON.
"""

import asyncio
import json
import os
import resource
import ssl
import sys
import time
from pathlib import Path

from aioapns import APNs, NotificationRequest
from aioapns.connection import APNsProductionClientProtocol

WORKERS = 500
BODY = {"aps": {"alert": {"title": "alice", "body": "x" * 382}}}


async def main() -> None:
    count, port, ca_file, key = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    APNsProductionClientProtocol.APNS_SERVER = "127.0.0.1"
    APNsProductionClientProtocol.APNS_PORT = port
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["h2"])
    client = APNs(
        key=Path(key).read_text(),
        key_id="ABCDEFGHIJ",
        team_id="KLMNOPQRST",
        topic="com.example.app",
        ssl_context=context,
        max_connections=1,
    )
    tokens = iter([os.urandom(32).hex() for _ in range(count)])
    done = 0

    async def worker() -> None:
        nonlocal done
        for token in tokens:
            result = await client.send_notification(
                NotificationRequest(device_token=token, message=BODY)
            )
            done += result.status in ("200", "410")

    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(WORKERS)))
    taken = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"rate": count / taken, "cpu": cpu / count, "done": done}))


asyncio.run(main())
