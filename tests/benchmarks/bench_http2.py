"""
Pushes over HTTP/2 beside a native load generator and the libraries used today.

Everybody posts the same 426 bytes with a bearer token that is a literal in every request
to the same native gateway, 500 at a time over one connection; client and gateway each
have a core. Rounds are taken in turn, so that a busy minute of the machine hits all.

The peers run in an environment of their own, which ``ZPNS_BENCH_PEERS`` names; without it
one is made for the run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks._gateway import Gateway, Missing, gateway, pinned
from benchmarks._measure import Row, median
from benchmarks._vendor import fcm

ROUNDS: Final = 5
STREAMS: Final = 500
PEERS: Final = ("aioapns", "firebase-admin")
HERE: Final = Path(__file__).parent
#: Bytes on which the window is spent, per push of the row with a round trip.
BODY: Final = 426


@attrs.frozen
class Result:
    """Requests per second and CPU seconds per request."""

    rate: float
    cpu: float


def ours(kind: str, count: int, to: Gateway, folder: str = "", *, uvloop: bool = False) -> Result:
    """Run one of our loads in a process of its own."""
    command = [*pinned(0), sys.executable, "-m", "benchmarks._load"]
    command += [kind, str(count), str(to.port), to.ca_file, folder]
    environment = {**os.environ, **({"ZPNS_BENCH_UVLOOP": "1"} if uvloop else {})}
    return _run(command, count, environment)


def theirs(python: str, script: str, count: int, to: Gateway, secret: str) -> Result:
    """Run a peer's load."""
    command = [*pinned(0), python, "-W", "ignore", str(HERE / script)]
    return _run([*command, str(count), str(to.port), to.ca_file, secret], count, os.environ)


def _run(command: Sequence[str], count: int, environment: Mapping[str, str]) -> Result:
    done = subprocess.run(command, capture_output=True, check=False, env=dict(environment))
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-2_000:])
    line = json.loads(done.stdout)
    if line["done"] != count:
        raise RuntimeError(f"{line['done']} of {count} were done")
    return Result(line["rate"], line["cpu"])


def h2load(count: int, to: Gateway, folder: str, path: str = "/3/device/aaaa") -> Result:
    """Run the native load generator."""
    if shutil.which("h2load") is None:
        raise Missing("h2load (nghttp2-client)")
    body = Path(folder, "body")
    body.write_bytes(b"x" * BODY)
    command = [
        *pinned(0), "h2load", "-n", str(count), "-c", "1", "-m", str(STREAMS), "-t", "1",
        "-d", str(body), "-H", f"authorization: bearer {'e' * 230}",
        "-H", "apns-push-type: alert", "-H", "apns-topic: com.example.app",
        "-H", "apns-priority: 10", "-H", "apns-expiration: 1795000000",
        f"https://127.0.0.1:{to.port}{path}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=True)
    (line,) = [one for one in done.stdout.decode().splitlines() if one.startswith("finished in")]
    return Result(float(line.split(",")[1].split()[0]), 0.0)


@contextmanager
def peers() -> Iterator[str]:
    """Give a Python that has the peers."""
    given = os.environ.get("ZPNS_BENCH_PEERS")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder, "bin", "python"))
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS], check=True)
        yield python


def _row(work: str, mine: list[Result], other: list[Result], name: str, target: float) -> Row:
    ratios = [a.rate / b.rate for a, b in zip(mine, other, strict=True)]
    return Row(
        work=work,
        figure=f"{median(ratios):.2f} x {name}",
        spread=f"{min(ratios):.2f} to {max(ratios):.2f}",
        target=f"at least {target:g} x",
        met=median(ratios) >= target,
        detail=f"{median([one.rate for one in mine]):,.0f}/s; {median([one.cpu for one in mine]) * 1e6:.1f} µs of CPU",
    )


def _measure(python: str, folder: str) -> list[Row]:
    key = Path(folder, "key.p8")
    key.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    taken: dict[str, list[Result]] = {}

    def note(name: str, result: Result) -> None:
        taken.setdefault(name, []).append(result)

    with gateway() as plain, gateway(errors=100) as failing, fcm(1) as google:
        account = Path(google.service_account)
        shutil.copy(account, Path(folder, "account.json"))
        both = Path(folder, "both.pem")
        both.write_bytes(Path(google.ca_file).read_bytes() + Path(plain.ca_file).read_bytes())
        fcm_gateway = Gateway(plain.port, str(both))
        for _ in range(ROUNDS):
            note("h2load", h2load(200_000, plain, folder))
            note("pages", ours("engine-pages", 200_000, plain))
            note("sends", ours("engine-sends", 60_000, plain))
            note("aioapns", theirs(python, "_peer_aioapns.py", 10_000, plain, str(key)))
            note("apns-many", ours("apns-many", 150_000, failing))
            note("apns-sends", ours("apns-sends", 40_000, plain, uvloop=True))
            note("h2load-fcm", h2load(200_000, plain, folder, "/v1/projects/p/messages:send"))
            note("fcm-many", ours("fcm-many", 60_000, fcm_gateway, folder))
            note("firebase", theirs(python, "_peer_firebase.py", 2_000, plain, ""))
    with gateway(window=65_535, rtt=50) as far:
        for _ in range(ROUNDS):
            note("window", ours("apns-window", 60_000, far))
            note("one", ours("apns-one-connection", 6_000, far))
    rates = [one.rate for one in taken["window"]]
    law = 65_535 / 2 / BODY / 0.05  # the gateway tops its window up at half
    alone = [one.rate / law for one in taken["one"]]
    return [
        _row("engine, a page at a time", taken["pages"], taken["h2load"], "h2load", 0.5),
        _row("engine, a page at a time", taken["pages"], taken["aioapns"], "aioapns", 25),
        _row("engine, 500 workers", taken["sends"], taken["h2load"], "h2load", 0.5),
        _row("engine, 500 workers", taken["sends"], taken["aioapns"], "aioapns", 25),
        _row(
            "Sender.send_many, APNs, 1 % 410", taken["apns-many"], taken["aioapns"], "aioapns", 30
        ),
        _row("Sender.send_many, APNs, 1 % 410", taken["apns-many"], taken["h2load"], "h2load", 0.6),
        _row("Sender.send, APNs, uvloop", taken["apns-sends"], taken["aioapns"], "aioapns", 15),
        _row("Sender.send, APNs, uvloop", taken["apns-sends"], taken["h2load"], "h2load", 0.25),
        _row("Sender.send_many, FCM", taken["fcm-many"], taken["firebase"], "firebase-admin", 80),
        _row("Sender.send_many, FCM", taken["fcm-many"], taken["h2load-fcm"], "h2load", 0.35),
        Row(
            work="window 65,535, round trip 50 ms, up to 16 connections",
            figure=f"{median(rates):,.0f} pushes/s",
            spread=f"{min(rates):,.0f} to {max(rates):,.0f}",
            target="at least 20,000",
            met=median(rates) >= 20_000,
        ),
        Row(
            work="the same with one connection",
            figure=f"{median(alone):.2f} of half a window per body and round trip",
            spread=f"{min(alone):.2f} to {max(alone):.2f}",
            target="at least 0.95",
            met=median(alone) >= 0.95,
        ),
    ]


async def run() -> list[Row]:
    """Measure and return the rows; none where the gateway cannot be built."""
    try:
        with tempfile.TemporaryDirectory() as folder, peers() as python:
            return _measure(python, folder)
    except Missing as missing:
        print(f"http2: not measured, needs {missing}", file=sys.stderr)
        return []
