"""The certificate authority, and files that only their owner may read."""

from __future__ import annotations

import asyncio
import os
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from zpns.simulators import LocalCA, SimulatorServer
from zpns.simulators._ca import write_private


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_authority_signs_nothing_but_servers() -> None:
    """The authority may sign servers and no further authorities, and is in nobody's store."""
    authority = x509.load_pem_x509_certificate(LocalCA().pem)

    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (True, 0) == (constraints.ca, constraints.path_length)
    assert (True, False) == (usage.key_cert_sign, usage.key_encipherment)
    assert authority.issuer == authority.subject


def test_authorities_are_strangers_to_each_other() -> None:
    """Every authority has a key of its own."""
    one, other = (x509.load_pem_x509_certificate(LocalCA().pem) for _ in range(2))

    assert one.public_key() != other.public_key()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
async def test_certificate_is_good_for_loopback(server: SimulatorServer, name: str) -> None:
    """A client that checks strictly accepts the server under each name of this machine."""
    context = ssl.create_default_context(cafile=server.ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    _, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=context, server_hostname=name
    )
    subject = writer.get_extra_info("peercert")["subject"]
    writer.close()
    writer.transport.abort()

    assert ((("commonName", "localhost"),),) == subject


@pytest.mark.parametrize("name", ["fcm.googleapis.com", "127.0.0.2"])
async def test_certificate_is_good_for_nothing_else(server: SimulatorServer, name: str) -> None:
    """No client takes a simulator for the vendor itself."""
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        await asyncio.open_connection(
            "127.0.0.1",
            server.port,
            ssl=ssl.create_default_context(cafile=server.ca_file),
            server_hostname=name,
        )


async def test_certificate_of_another_authority_is_refused(
    server: SimulatorServer, tmp_path: Path
) -> None:
    """Trusting one simulator trusts no other."""
    path = tmp_path / "other.pem"
    path.write_bytes(LocalCA().pem)

    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(
            "127.0.0.1",
            server.port,
            ssl=ssl.create_default_context(cafile=str(path)),
            server_hostname="localhost",
        )


def test_server_refuses_old_tls() -> None:
    """Vendors speak TLS 1.2 and up, so does a simulator."""
    assert ssl.TLSVersion.TLSv1_2 == LocalCA().server_context().minimum_version


def test_key_is_encrypted_while_it_is_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that the TLS library reads the key from is private, encrypted, and gone after."""
    seen: list[tuple[Path, int, bytes]] = []
    load = ssl.SSLContext.load_cert_chain

    def watch(context: ssl.SSLContext, path: Any, *args: Any, **kwargs: Any) -> None:
        seen.append((path, _mode(path), path.read_bytes()))
        load(context, path, *args, **kwargs)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watch)
    LocalCA().server_context()

    [(path, mode, content)] = seen
    assert 0o600 == mode
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in content
    assert b"BEGIN PRIVATE KEY" not in content
    assert not path.exists()


def test_private_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """A new file has mode 0600 whatever the mask, and its content."""
    path = tmp_path / "secret"

    write_private(path, b"content")

    assert 0o600 == _mode(path)
    assert b"content" == path.read_bytes()


def test_private_file_replaces_an_open_one(tmp_path: Path) -> None:
    """A file that everybody could read is closed to them, and nothing of it is left."""
    path = tmp_path / "secret"
    path.write_bytes(b"longer than what comes")
    path.chmod(0o644)

    write_private(path, b"content")

    assert 0o600 == _mode(path)
    assert b"content" == path.read_bytes()


def test_private_file_is_never_open_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with an empty mask there is no moment at which others may read the content."""
    made: list[int] = []
    open_ = os.open

    def watch(path: Any, *args: Any) -> int:
        descriptor = open_(path, *args)
        made.append(_mode(Path(path)))
        return descriptor

    mask = os.umask(0)
    try:
        monkeypatch.setattr(os, "open", watch)
        write_private(tmp_path / "secret", b"content")
    finally:
        os.umask(mask)

    assert [0o600] == made
