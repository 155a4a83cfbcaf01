"""A vendor simulator in a process of its own."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

from zpns.simulators import FCMSimulator, SimulatorServer
from zpns.transports import FCM

__all__ = ["Vendor", "fcm"]

#: What Google answers once an access token has expired.
EXPIRED = json.dumps(
    {
        "error": {
            "code": 401,
            "message": "Request had invalid authentication credentials.",
            "status": "UNAUTHENTICATED",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "ACCESS_TOKEN_EXPIRED",
                    "domain": "googleapis.com",
                }
            ],
        }
    }
)


@attrs.frozen(kw_only=True)
class Vendor:
    """
    A running simulator.

    Attributes:
        url: Where it is.

        ca_file: What to trust.

        service_account: What to sign in with.

        tokens: Known devices.
    """

    url: str
    ca_file: str
    service_account: str
    tokens: Sequence[str]

    def transport(self) -> FCM:
        """Return a transport to it."""
        return FCM.from_service_account(
            self.service_account, base_url=self.url, ca_file=self.ca_file
        )

    def ask(self, method: str, what: str, body: Any = None) -> Any:
        """Call a control endpoint and return its JSON."""
        request = urllib.request.Request(
            f"{self.url}/__sim__/{what}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
        )
        context = ssl.create_default_context(cafile=self.ca_file)
        with urllib.request.urlopen(request, context=context) as answer:
            return json.load(answer)


@contextmanager
def fcm(devices: int) -> Iterator[Vendor]:
    """Run an FCM simulator that knows *devices* devices while the block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks._vendor", str(devices), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            yield Vendor(**json.loads(process.stdout.readline()))
        finally:
            process.terminate()
            process.communicate()


async def _serve(devices: int, folder: str) -> None:
    simulator = FCMSimulator()
    async with SimulatorServer(simulator) as server:
        credentials = simulator.credentials(server.url, folder)
        line = {
            "url": server.url,
            "ca_file": server.ca_file,
            "service_account": credentials["service_account"],
            "tokens": [simulator.register() for _ in range(devices)],
        }
        print(json.dumps(line), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2]))
