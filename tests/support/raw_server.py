"""
A server that does exactly what a test tells it, byte by byte.

Simulators answer as vendors do; this one answers as no vendor should.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from zpns.exchange import Carrier, Request, Response
from zpns.simulators._tcp import abort

__all__ = [
    "AT_ONCE",
    "HEAD",
    "OK",
    "PATIENCE",
    "SECRET",
    "Peer",
    "RawServer",
    "Script",
    "Serve",
    "answer_to",
    "answering",
    "get",
    "post",
]

PATIENCE = 5.0  # seconds nothing here should need
AT_ONCE = 0.1  # seconds after which a silent server is given up
SECRET = "Bearer ya29.very-secret"
HEAD = b"HTTP/1.1 200 OK\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """One accepted connection, seen from the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def request(self) -> bytes:
        """Read one request with its body; empty once the client has hung up."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        return head + await self._reader.readexactly(length)

    async def write(self, *pieces: bytes) -> None:
        """Send *pieces*, each on its own."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()

    def close(self) -> None:
        """Hang up in order."""
        self._writer.close()

    def end(self) -> None:
        """Say that nothing more is sent, and go on reading."""
        self._writer.write_eof()

    def reset(self) -> None:
        """Hang up with RST."""
        abort(self._writer.transport)

    async def ended(self) -> None:
        """Return when the client has hung up."""
        with contextlib.suppress(ConnectionError):
            await self._reader.read()


Script: TypeAlias = Callable[[Peer], Awaitable[None]]


class RawServer:
    """
    Runs a script for each connection.

    Attributes:
        connections: How many were accepted.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self._scheme = "http"
        self.port = 0
        self.connections = 0

    def url(self, path: str = "/", *, host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    async def start(self, tls: ssl.SSLContext | None, host: str) -> None:
        self._scheme = "http" if tls is None else "https"
        self._server = await asyncio.start_server(self._accept, host, 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        outcomes = await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        await self._server.wait_closed()
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
                raise outcome

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        task = asyncio.ensure_future(self._script(Peer(reader, writer)))
        self._tasks.add(task)


Serve: TypeAlias = Callable[..., Awaitable[RawServer]]


def answering(*answer: bytes) -> Script:
    """Return a script that answers every request of a connection the same."""

    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.write(*answer)

    return script


def post(url: str, body: bytes = b"x") -> Request:
    return Request(method="POST", url=url, headers={"authorization": SECRET}, body=body)


def get(url: str) -> Request:
    return Request(method="GET", url=url)


async def answer_to(serve: Serve, carrier: Carrier, *answer: bytes) -> Response:
    """Return what the carrier makes of *answer*, the last on its connection."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(*answer)
        peer.close()

    server = await serve(script)
    return await carrier.send(post(server.url()), timeout=PATIENCE)
