"""
One client's load on the gateway, in a process of its own: prints a line of JSON.

``python -m benchmarks._load KIND COUNT PORT CA_FILE [FOLDER]``
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from zpns import Delivery, Notification, Outcome, Sender
from zpns.exchange import BulkForm, Request
from zpns.http.http2 import HTTP2Carrier
from zpns.models import Target
from zpns.transports import FCM

WORKERS: Final = 500
BODY: Final = b'{"aps":{"alert":{"title":"alice","body":"%b"}}}' % (b"x" * 381)  # 426 bytes
JWT: Final = "bearer " + "e" * 230
HEADERS: Final = {
    "authorization": JWT,
    "apns-push-type": "alert",
    "apns-topic": "com.example.app",
    "apns-priority": "10",
    "apns-expiration": "1795000000",
}

Load = Callable[[int, int, str], Awaitable[tuple[float, int]]]


def hexes(count: int) -> list[str]:
    """Return different device tokens of 64 hex digits."""
    return [os.urandom(32).hex() for _ in range(count)]


async def engine_pages(count: int, port: int, ca_file: str) -> tuple[float, int]:
    """The engine alone, by pages."""
    carrier = HTTP2Carrier(ca_file=ca_file, max_connections=1)
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done = 0

    def on_page(keys: Any, others: Any) -> None:
        nonlocal done
        done += len(keys)
        if done + len(others) >= count:
            over.set_result(None)

    form = BulkForm(
        method=b"POST",
        authority=b"127.0.0.1:%d" % port,
        path=(b"/3/device/", b""),
        body=(BODY, b""),
        headers=tuple((name.encode(), value.encode()) for name, value in HEADERS.items()),
        numbered=(b"apns-id", b"744bcb99-5be0-84e1-85fc-"),
    )
    targets = [Target(token, seq) for seq, token in enumerate(hexes(count))]
    deadline = asyncio.get_running_loop().time() + 60
    bulk = carrier.bulk(form, on_page, window=WORKERS, timeout=10, deadline=deadline)
    started = time.perf_counter()
    bulk.add(targets, 0)
    await over
    taken = time.perf_counter() - started
    await carrier.aclose()
    return taken, done


async def engine_sends(count: int, port: int, ca_file: str) -> tuple[float, int]:
    """The engine alone, each request awaited by one of 500 workers."""
    carrier = HTTP2Carrier(ca_file=ca_file, max_connections=1)
    tokens = iter(hexes(count))
    done = 0

    async def worker() -> None:
        nonlocal done
        for token in tokens:
            url = f"https://127.0.0.1:{port}/3/device/{token}"
            request = Request(method="POST", url=url, headers=HEADERS, body=BODY)
            response = await carrier.send(request, timeout=10)
            done += response.status == 200

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(WORKERS)))
    taken = time.perf_counter() - started
    await carrier.aclose()
    return taken, done


def _apns(port: int, ca_file: str) -> Any:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from zpns.transports.apns import APNs

    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return APNs(
        key=key.decode(),
        key_id="ABCDEFGHIJ",
        team_id="KLMNOPQRST",
        bundle_id="com.example.app",
        base_url=f"https://127.0.0.1:{port}",
        ca_file=ca_file,
    )


def _notification() -> Notification:
    # With the sound that an alert has by default the body comes to 426 bytes.
    return Notification(title="alice", content="x" * 361)


async def _many(sender: Sender, tokens: list[str]) -> tuple[float, int]:
    settled = 0
    started = time.perf_counter()
    async with sender.send_many(_notification(), tokens, window=WORKERS) as deliveries:
        async for delivery in deliveries:
            settled += _settled(delivery)
    return time.perf_counter() - started, settled


def _settled(delivery: Delivery) -> bool:
    return delivery.outcome in (Outcome.SENT, Outcome.TOKEN_DEAD)


async def apns_many(count: int, port: int, ca_file: str) -> tuple[float, int]:
    """``Sender.send_many`` to APNs, a delivery per token."""
    transport = _apns(port, ca_file)
    carrier = HTTP2Carrier(ca_file=ca_file, max_connections=1)
    async with Sender(transport, carrier=carrier) as sender:
        result = await _many(sender, hexes(count))
    await carrier.aclose()
    return result


async def apns_window(count: int, port: int, ca_file: str) -> tuple[float, int]:
    """The same where the peer's window starves, with up to 16 connections."""
    transport = _apns(port, ca_file)
    carrier = HTTP2Carrier(ca_file=ca_file, max_connections=16)
    async with (
        Sender(transport, carrier=carrier) as sender,
        sender.send_many(_notification(), hexes(count), window=8_000, deadline=60) as results,
    ):
        settled = 0
        started = time.perf_counter()
        async for delivery in results:
            settled += _settled(delivery)
        taken = time.perf_counter() - started
    await carrier.aclose()
    return taken, settled


async def apns_one_connection(count: int, port: int, ca_file: str) -> tuple[float, int]:
    """The same with one connection."""
    transport = _apns(port, ca_file)
    carrier = HTTP2Carrier(ca_file=ca_file, max_connections=1)
    async with (
        Sender(transport, carrier=carrier) as sender,
        sender.send_many(_notification(), hexes(count), window=1_000, deadline=60) as results,
    ):
        started = time.perf_counter()
        settled = sum([_settled(delivery) async for delivery in results])
        taken = time.perf_counter() - started
    await carrier.aclose()
    return taken, settled


async def apns_sends(count: int, port: int, ca_file: str) -> tuple[float, int]:
    """``Sender.send`` to APNs from 500 workers."""
    transport = _apns(port, ca_file)
    carrier = HTTP2Carrier(ca_file=ca_file, max_connections=1)
    tokens = iter(hexes(count))
    notification = _notification()
    settled = 0
    async with Sender(transport, carrier=carrier) as sender:

        async def worker() -> None:
            nonlocal settled
            for token in tokens:
                delivery = await sender.send(notification, token)
                settled += _settled(delivery)

        started = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(WORKERS)))
        taken = time.perf_counter() - started
    await carrier.aclose()
    return taken, settled


async def fcm_many(count: int, port: int, ca_file: str) -> tuple[float, int]:
    """``Sender.send_many`` to FCM; the folder has an account and an authority for both."""
    folder = sys.argv[5]
    transport = FCM.from_service_account(
        f"{folder}/account.json", base_url=f"https://127.0.0.1:{port}", ca_file=ca_file
    )
    tokens = [f"f{number:021d}:APA91b{number:0100d}" for number in range(count)]
    async with Sender(transport) as sender:
        await sender.send(_notification(), tokens[0])  # the login is not what is measured
        return await _many(sender, tokens)


LOADS: Final[dict[str, Load]] = {
    "engine-pages": engine_pages,
    "engine-sends": engine_sends,
    "apns-many": apns_many,
    "apns-sends": apns_sends,
    "apns-window": apns_window,
    "apns-one-connection": apns_one_connection,
    "fcm-many": fcm_many,
}


def main() -> None:
    """Run the load that the command line names."""
    kind, count, port, ca_file = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    if os.environ.get("ZPNS_BENCH_UVLOOP"):
        import uvloop

        run: Any = uvloop.run
    else:
        run = asyncio.run
    before = resource.getrusage(resource.RUSAGE_SELF)
    taken, done = run(LOADS[kind](count, port, ca_file))
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        json.dumps(
            {"rate": count / taken, "cpu": cpu / count, "done": done, "rss": after.ru_maxrss / 1024}
        )
    )


if __name__ == "__main__":
    main()
