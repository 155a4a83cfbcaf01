"""Certificates such as Apple issues, made here."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from zpns.transports import APNs

from .makers import ec_key

EXPIRES = datetime.datetime(2046, 5, 4, 3, 2, 1, tzinfo=datetime.UTC)
PASSWORD = "pässword of the file"
APP = "com.example.app"
SANDBOX, PRODUCTION = "1.2.840.113635.100.6.3.1", "1.2.840.113635.100.6.3.2"
TOPICS = "1.2.840.113635.100.6.3.6"


def certificate(
    user_id: str | None = APP,
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    expires: datetime.datetime = EXPIRES,
    extensions: dict[str, bytes] | None = None,
    name: str = "Apple Push Services",
) -> x509.Certificate:
    """Return a certificate such as Apple issues."""
    key = key or ec_key()
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if user_id is not None:
        names.insert(0, x509.NameAttribute(NameOID.USER_ID, user_id))
    subject = x509.Name(names)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(expires)
    )
    for oid, value in (extensions or {}).items():
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256())


@cache
def authority() -> x509.Certificate:
    return certificate(None, key=ec.generate_private_key(ec.SECP256R1()), name="Apple WWDR")


def p12(
    cert: x509.Certificate | None,
    *,
    key: Any = "own",
    password: str = PASSWORD,
    above: Sequence[x509.Certificate] = (),
) -> bytes:
    return pkcs12.serialize_key_and_certificates(
        b"push",
        ec_key() if key == "own" else key,
        cert,
        above or None,
        serialization.BestAvailableEncryption(password.encode())
        if password
        else serialization.NoEncryption(),
    )


def as_pem(*certs: x509.Certificate) -> str:
    return "".join(cert.public_bytes(serialization.Encoding.PEM).decode() for cert in certs)


def of(cert: x509.Certificate, **settings: Any) -> APNs:
    return APNs(certificate=p12(cert), password=PASSWORD, **settings)
