"""The TLS context of a client that speaks HTTP/2 alone."""

from __future__ import annotations

import os
import secrets
import ssl
import tempfile
from pathlib import Path
from typing import TypeAlias

from zpns.errors import ConfigError

__all__ = ["ClientCertificate", "client_context"]

ClientCertificate: TypeAlias = str | os.PathLike[str] | tuple[bytes, bytes]
"""PEM file with a certificate, its chain and its key; or certificates and key as PEM bytes."""


def client_context(
    ca_file: str | None = None, client_certificate: ClientCertificate | None = None
) -> ssl.SSLContext:
    """
    Return a context that verifies servers and offers them h2.

    Args:
        ca_file: PEM file of the authorities to trust instead of the system's.

        client_certificate: What to show to servers that ask who we are. A key given as
            bytes is on disk, encrypted, only while the TLS library reads it.

    Raises:
        ConfigError: A file cannot be read or does not hold what it should.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise ConfigError(
            f"ca_file: expected a PEM file with certificates, got {ca_file!r} ({error.reason})"
        ) from error
    except OSError as error:
        raise ConfigError(f"ca_file: cannot read {ca_file!r} ({error.strerror})") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    if client_certificate is not None:
        _identify(context, client_certificate)
    return context


def _identify(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Have *context* show *certificate*."""
    try:
        if isinstance(certificate, tuple):
            _load(context, *certificate)
        else:
            # An encrypted key would make OpenSSL ask the terminal for a password.
            context.load_cert_chain(certificate, password=lambda: "")
    except ssl.SSLError as error:
        raise ConfigError(
            "client_certificate: expected a certificate and its private key, unencrypted, as PEM"
            f" ({error.reason or 'malformed'})"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"client_certificate: cannot read {certificate!r} ({error.strerror})"
        ) from error


def _load(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Load what is in memory; the ssl module reads keys from files only."""
    from cryptography.hazmat.primitives import serialization

    try:
        private = serialization.load_pem_private_key(key, password=None)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"client_certificate: expected an unencrypted private key as PEM ({error})"
        ) from error
    password = secrets.token_hex(32).encode()
    secret = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )
    with tempfile.TemporaryDirectory(prefix="zpns-tls-") as folder:
        path = Path(folder, "client.pem")
        path.touch(mode=0o600)
        path.write_bytes(certificate.rstrip() + b"\n" + secret)
        context.load_cert_chain(path, password=password)
