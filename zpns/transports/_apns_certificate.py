"""
Apple's push certificates, the older way to say who is sending: .p12 or PEM, good for a
year, and for the topics written in it.

Written from Apple's page "Establishing a certificate-based connection to APNs", read
2026-11, and from certificates that Apple issued. Neither key nor password ever appears in
an error, a log or a ``repr``.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

import attrs

from zpns.errors import ConfigError, CredentialRejected
from zpns.exchange import Exchange
from zpns.transports._apns_key import LIFETIME, RENEW_AFTER, read_source
from zpns.transports.base import Credential

__all__ = ["ClientCertificate", "certificate_credential"]

WARN_BEFORE: Final = 30 * 86400.0  # seconds before a certificate expires

_HELP: Final = (
    "create one in Apple's developer account under Certificates, and export it with its private key"
)
_KEY_BLOCK: Final = re.compile(
    rb"-----BEGIN (?P<kind>[A-Z ]*PRIVATE KEY)-----.+?-----END (?P=kind)-----", re.DOTALL
)
_USER_ID: Final = "0.9.2342.19200300.100.1.1"
_TOPICS: Final = "1.2.840.113635.100.6.3.6"
_ENVIRONMENTS: Final = {
    "1.2.840.113635.100.6.3.1": "sandbox",
    "1.2.840.113635.100.6.3.2": "production",
}
_SEQUENCE: Final = 0x30  # DER tags
_UTF8: Final = 0x0C

logger = logging.getLogger("zpns.transports")


@attrs.frozen(kw_only=True)
class ClientCertificate:
    """
    A certificate for APNs with its private key.

    Attributes:
        chain: The certificate and those above it, as PEM.

        key: Its private key without a password, as PEM.

        expires: When it stops working.

        topics: What it may send to, or none if it does not say.

        environments: ``"production"``, ``"sandbox"`` or both.

        fingerprint: 16 hex digits that name it.

        source: Where it is from, for errors.
    """

    chain: bytes = attrs.field(repr=False)
    key: bytes = attrs.field(repr=False)
    expires: datetime
    topics: tuple[str, ...] = ()
    environments: tuple[str, ...]
    fingerprint: str
    source: str = attrs.field(eq=False)

    @classmethod
    def read(cls, value: object, password: str | bytes | None) -> ClientCertificate:
        """
        Return the certificate in a .p12 or PEM file, in its content, or as it is.

        Args:
            value: Which.

            password: Of the file, or None.

        Raises:
            ConfigError: It cannot be read, has no private key, or has expired.
        """
        if isinstance(value, cls):
            return value
        source, content = read_source(
            "certificate", value, "the path of a .p12 or PEM file, or its content", help_=_HELP
        )
        secret = password.encode() if isinstance(password, str) else password
        load = _load_pem if b"-----BEGIN" in content else _load_p12
        key, certificates = load(source, content, secret)
        return cls._of(source, key, _leaf_first(source, key, certificates))

    @classmethod
    def _of(cls, source: str, key: Any, chain: Sequence[Any]) -> ClientCertificate:
        from cryptography.hazmat.primitives import hashes, serialization

        leaf = chain[0]
        expires: datetime = leaf.not_valid_after_utc
        if expires <= datetime.now(UTC):
            raise ConfigError(f"{source}: expired on {expires:%Y-%m-%d}; {_HELP}")
        extensions = {found.oid.dotted_string: found.value for found in leaf.extensions}
        environments = [name for oid, name in _ENVIRONMENTS.items() if oid in extensions]
        return cls(
            chain=b"".join(found.public_bytes(serialization.Encoding.PEM) for found in chain),
            key=key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
            expires=expires,
            topics=_topics(leaf, extensions.get(_TOPICS)),
            environments=tuple(environments or _ENVIRONMENTS.values()),
            fingerprint=leaf.fingerprint(hashes.SHA256()).hex()[:16],
            source=source,
        )

    @property
    def bundle_id(self) -> str:
        """The app it is for; empty if it does not say."""
        return min(self.topics, key=len, default="").removesuffix(".voip")


def certificate_credential(certificate: ClientCertificate, now: float) -> Exchange[Credential]:
    """
    Return an empty credential for as long as *certificate* holds: TLS says who is sending.

    Args:
        certificate: The client's.

        now: UTC seconds.

    Raises:
        CredentialRejected: It has expired.
    """
    expires = certificate.expires.timestamp()
    if now >= expires:
        raise CredentialRejected(
            f"{certificate.source}: expired on {certificate.expires:%Y-%m-%d}; {_HELP}",
            channel="apns",
            vendor_code="certificate_expired",
        )
    if now >= expires - WARN_BEFORE:
        logger.warning(
            "apns: %s expires on %s", certificate.source, f"{certificate.expires:%Y-%m-%d}"
        )
    return Credential(
        value="",
        renew_at=min(now + RENEW_AFTER, expires),
        expires_at=min(now + LIFETIME, expires),
    )
    yield  # pragma: no cover - makes this a generator


def _refuse(source: str, came: str) -> NoReturn:
    raise ConfigError(f"{source}: expected a certificate with its private key, got {came}; {_HELP}")


def _load_p12(source: str, content: bytes, password: bytes | None) -> tuple[Any, list[Any]]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import pkcs12

    found, came = None, ""
    try:
        found = pkcs12.load_pkcs12(content, password)
    except UnsupportedAlgorithm:
        came = "one that is encrypted in a way that is not supported: export it anew"
    except (ValueError, TypeError) as error:
        # Neither chained nor quoted: whatever the library says may hold a part of it.
        if "deserialize" in str(error):
            came = "something that is neither PKCS#12 nor PEM"
    if came:
        _refuse(source, came)
    if found is None:
        wrong = "it does not open" if password else "missing; there is one on"
        raise ConfigError(
            f"password: {wrong} {source}; pass the one that the file was exported with"
        )
    others = [other.certificate for other in found.additional_certs]
    leaf = [] if found.cert is None else [found.cert.certificate]
    return found.key, [*leaf, *others]


def _load_pem(source: str, content: bytes, password: bytes | None) -> tuple[Any, list[Any]]:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    block = _KEY_BLOCK.search(content)
    key = None
    if block is not None:
        locked = b"ENCRYPTED" in block[0]
        if locked and not password:
            raise ConfigError(f"password: missing; there is one on the private key of {source}")
        # Not chained: what the library says may quote the key.
        with suppress(ValueError, TypeError, UnsupportedAlgorithm):
            key = load_pem_private_key(block[0], password if locked else None)
        if key is None and locked:
            raise ConfigError(f"password: it does not open the private key of {source}")
        if key is None:
            _refuse(source, "a damaged private key")
    try:
        certificates = x509.load_pem_x509_certificates(content)
    except ValueError:
        certificates = []
    return key, certificates


def _leaf_first(source: str, key: Any, certificates: Sequence[Any]) -> list[Any]:
    """Return *certificates* with the one of *key* in front, as TLS wants them."""
    if not certificates:
        _refuse(source, "no certificate")
    if key is None:
        _refuse(source, "a certificate without its private key")
    public = key.public_key()
    leaf = next((found for found in certificates if found.public_key() == public), None)
    if leaf is None:
        _refuse(source, "a private key of another certificate")
    return [leaf, *(found for found in certificates if found is not leaf)]


def _topics(leaf: Any, extension: Any) -> tuple[str, ...]:
    """Return the topics listed in *extension*, else the one in the subject."""
    from cryptography.x509 import ObjectIdentifier

    if extension is not None:
        # Apple publishes no format: what cannot be read is not there.
        with suppress(ValueError, IndexError):
            return tuple(_listed(extension.value))
    names = leaf.subject.get_attributes_for_oid(ObjectIdentifier(_USER_ID))
    return tuple(str(name.value) for name in names)


def _listed(value: bytes) -> Iterator[str]:
    """Yield the texts of a DER sequence; between them are sequences of their kinds."""
    for tag, content in _items(value):
        if tag != _SEQUENCE:
            raise ValueError(tag)
        yield from (inner.decode() for kind, inner in _items(content) if kind == _UTF8)


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each DER item in *data*."""
    while data:
        tag, length, start = data[0], data[1], 2
        if length & 0x80:  # the length takes that many bytes itself
            start += length & 0x7F
            length = int.from_bytes(data[2:start], "big")
        if len(data) < start + length:
            raise ValueError(length)
        yield tag, data[start : start + length]
        data = data[start + length :]
