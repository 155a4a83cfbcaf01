"""A server that pushes with APNs, as the simulator sees it: requests without a socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from zpns.exchange import Request, Response
from zpns.simulators import APNsSimulator, Connection
from zpns.simulators._connection import RepeatedHeaders

__all__ = ["APP", "ID", "NOW", "APNsSender", "padded"]

NOW = 1_795_000_000.0  # 2026-11-18
APP = "com.example.app"
ID = "5f0c2a9e-6a2f-4d0e-9f6b-0d6a6a1f3c11"
BODY = b'{"aps":{"alert":{"title":"Alice","body":"hello"}}}'


class APNsSender:
    """Talks to an APNs simulator as a well-behaved server does; settings go to the simulator."""

    def __init__(self, **settings: Any) -> None:
        self.simulator = APNsSimulator(**settings)
        self.now = NOW
        self.key = next(iter(self.simulator.keys.values()))
        self.bearer = f"bearer {self.key.sign(NOW)}"
        self.connection = self.connect()

    def connect(self, **options: Any) -> Connection:
        """Return a new connection, introduced to the simulator."""
        connection = Connection(**options)
        self.simulator.connected(connection)
        return connection

    def headers(self, **changes: str | None) -> dict[str, str]:
        """Return headers of an alert; hyphens are underscores, one of None is left out."""
        good = {
            "authorization": self.bearer,
            "apns_push_type": "alert",
            "apns_topic": APP,
            "apns_priority": "10",
            "apns_expiration": str(int(self.now) + 3_600),
            "apns_id": ID,
        }
        merged = {**good, **changes}
        return {name.replace("_", "-"): text for name, text in merged.items() if text is not None}

    def push(
        self,
        token: str,
        body: bytes = BODY,
        *,
        method: str = "POST",
        path: str | None = None,
        repeated: tuple[str, ...] = (),
        connection: Connection | None = None,
        **headers: str | None,
    ) -> Response:
        """Push to a token, or send whatever else."""
        request = Request(
            method=method,
            url=f"https://apns.test{f'/3/device/{token}' if path is None else path}",
            headers=RepeatedHeaders(self.headers(**headers), repeated),
            body=body,
        )
        return self.simulator.handle_on(connection or self.connection, request, self.now)

    def voip(self, token: str, body: bytes = b"{}", **headers: str | None) -> Response:
        """Push to a VoIP token."""
        good: Mapping[str, str | None] = {
            "apns_topic": f"{APP}.voip",
            "apns_push_type": "voip",
            "apns_expiration": "0",
        }
        return self.push(token, body, **{**good, **headers})

    @staticmethod
    def reason(response: Response) -> str:
        """Return the reason of a refusal, whose body must be JSON and say so."""
        assert "application/json" == response.headers["content-type"]
        return str(orjson.loads(response.body)["reason"])

    def outcome(self, response: Response) -> tuple[int, str]:
        """Return status and reason; the latter is empty for a success, which has no body."""
        if response.status == 200:
            assert b"" == response.body
            return 200, ""
        return response.status, self.reason(response)


def padded(size: int) -> bytes:
    """Return a payload of *size* bytes."""
    start, end = b'{"aps":{"alert":"', b'"}}'
    return start + b"x" * (size - len(start) - len(end)) + end
