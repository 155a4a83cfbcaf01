"""Servers and certificates for the carriers' tests."""

from __future__ import annotations

import gc
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from raw_server import OK, RawServer, Script, Serve, answering

from zpns.http import AiohttpCarrier
from zpns.simulators._ca import LocalCA


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server: ``await serve(script, tls=None, host="127.0.0.1")``."""
    servers: list[RawServer] = []

    async def start(
        script: Script, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> RawServer:
        server = RawServer(script)
        await server.start(tls, host)
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()
    # What was left open speaks up now, while the test can still be blamed.
    gc.collect()


@pytest.fixture
async def always_ok(serve: Serve) -> RawServer:
    """A server that answers every request with 200 and ``ok``."""
    return await serve(answering(OK))


@pytest.fixture(scope="session")
def ca() -> LocalCA:
    """One certificate authority for all tests of this folder."""
    return LocalCA()


@pytest.fixture(scope="session")
def ca_file(ca: LocalCA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The authority's certificate, as a file."""
    path: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    path.write_bytes(ca.pem)
    return str(path)


@pytest.fixture
async def carrier() -> AsyncIterator[AiohttpCarrier]:
    """A carrier with its defaults, closed at the end."""
    carrier = AiohttpCarrier()
    yield carrier
    await carrier.aclose()


@pytest.fixture
async def narrow() -> AsyncIterator[AiohttpCarrier]:
    """A carrier with a single connection per host."""
    carrier = AiohttpCarrier(connections_per_host=1)
    yield carrier
    await carrier.aclose()


@pytest.fixture
async def secure(ca_file: str) -> AsyncIterator[AiohttpCarrier]:
    """A carrier that trusts the tests' own authority."""
    carrier = AiohttpCarrier(ca_file=ca_file)
    yield carrier
    await carrier.aclose()
