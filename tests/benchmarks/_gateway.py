"""A native push gateway, pinned to a core of its own; built when a compiler is there."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from zpns.simulators._ca import LocalCA

__all__ = ["Gateway", "Missing", "gateway", "pinned"]

SOURCE: Final = Path(__file__).with_name("pushd.c")


class Missing(Exception):
    """What a benchmark needs is not on this machine; says what to install."""


@attrs.frozen
class Gateway:
    """
    A running gateway.

    Attributes:
        port: On loopback.

        ca_file: What to trust.
    """

    port: int
    ca_file: str


def pinned(core: int) -> Sequence[str]:
    """Return what to put before a command to keep it on a core, if there are two."""
    if (os.cpu_count() or 1) < 2 or shutil.which("taskset") is None:
        return ()
    return ("taskset", "-c", str(core))


@contextmanager
def gateway(*, window: int = 16 * 1024 * 1024, rtt: int = 0, errors: int = 0) -> Iterator[Gateway]:
    """
    Run a gateway while the block lasts.

    Args:
        window: Bytes a connection takes before it grants more.

        rtt: Milliseconds by which everything the client sends is late.

        errors: Every so many pushes are answered 410 with a reason; 0 is none.
    """
    with tempfile.TemporaryDirectory() as folder:
        program = _built(Path(folder))
        ca_file, key, certificate = _identity(Path(folder))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [
            *pinned(1), str(program), "-p", str(port), "-k", key, "-c", certificate,
            "-m", "1000", "-w", str(window), "-r", str(rtt), "-e", str(errors),
        ]  # fmt: skip
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            _wait(port)
            yield Gateway(port, ca_file)
        finally:
            process.terminate()
            process.wait()


def _built(folder: Path) -> Path:
    program = folder / "pushd"
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise Missing("a C compiler")
    libraries = ("-lnghttp2", "-lssl", "-lcrypto")
    done = subprocess.run(
        [compiler, "-O2", "-o", str(program), str(SOURCE), *libraries],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise Missing("libnghttp2-dev and libssl-dev")
    return program


def _identity(folder: Path) -> tuple[str, str, str]:
    """Write authority, key and certificate; return their files."""
    ca = LocalCA()
    key = ec.generate_private_key(ec.SECP256R1())
    encoding = serialization.Encoding.PEM
    files = {
        "ca.pem": ca.pem,
        "key.pem": key.private_bytes(
            encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        "cert.pem": ca._sign(key.public_key()).public_bytes(encoding),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return str(folder / "ca.pem"), str(folder / "key.pem"), str(folder / "cert.pem")


def _wait(port: int) -> None:
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise Missing("a gateway that starts")
