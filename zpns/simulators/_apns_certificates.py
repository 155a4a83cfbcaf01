"""
Client certificates of APNs: the older way to say who is pushing.

Apple marks what a certificate is for by extensions of its own: one for each environment,
and one that lists topics. A certificate without the list is for one topic alone, which
its subject names. The authority that signs them is made anew for each simulator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from zpns.simulators._apns_errors import Refused
from zpns.simulators._ca import _CA_USAGE, _LEAF_USAGE, _name, _unsigned

__all__ = ["ClientAuthority", "ClientCertificate", "Issued", "key_to_pem"]

#: Marks a certificate as good for an environment.
ENVIRONMENTS: Final[Mapping[str, x509.ObjectIdentifier]] = {
    "sandbox": x509.ObjectIdentifier("1.2.840.113635.100.6.3.1"),
    "production": x509.ObjectIdentifier("1.2.840.113635.100.6.3.2"),
}
#: Lists topics: a sequence of a topic's name and a sequence of its kinds, and so on.
TOPICS: Final = x509.ObjectIdentifier("1.2.840.113635.100.6.3.6")

_NULL: Final = b"\x05\x00"  # DER
_SEQUENCE: Final = 0x30
_UTF8: Final = 0x0C
_SUFFIX_KINDS: Final = (".voip", ".complication", ".voip-ptt")


@attrs.frozen
class ClientCertificate:
    """
    What a client's certificate says.

    Attributes:
        topics: What it may be used for.

        environments: Where it may be used.
    """

    topics: Sequence[str]
    environments: frozenset[str]

    @classmethod
    def from_der(cls, data: bytes) -> ClientCertificate:
        """Return what *data* says, which TLS has verified."""
        certificate = x509.load_der_x509_certificate(data)
        extensions = {
            extension.oid: extension.value
            for extension in certificate.extensions
            if isinstance(extension.value, x509.UnrecognizedExtension)
        }
        names = certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
        topics = [str(name.value) for name in names]
        if TOPICS in extensions:
            topics = list(_read_topics(extensions[TOPICS].value))
        environments = {name for name, oid in ENVIRONMENTS.items() if oid in extensions}
        return cls(topics, frozenset(environments))

    @property
    def default_topic(self) -> str:
        """The topic of a request that names none; empty if there are several."""
        return self.topics[0] if len(self.topics) == 1 else ""

    def check(self, environment: str) -> None:
        """
        Refuse a certificate that is not for pushing, or not for pushing here.

        Raises:
            Refused: It is not.
        """
        if not self.topics or not self.environments:
            raise Refused("BadCertificate")
        if environment not in self.environments:
            raise Refused("BadCertificateEnvironment")


@attrs.frozen
class Issued:
    """
    A client certificate with its key.

    Attributes:
        pem: Both, as PEM, the key first and in clear.

        der: The certificate.
    """

    pem: bytes = attrs.field(repr=False)
    der: bytes = attrs.field(repr=False)
    _key: ec.EllipticCurvePrivateKey = attrs.field(repr=False, alias="key")

    def to_p12(self, password: str) -> bytes:
        """Return both as PKCS#12 under *password*."""
        certificate = x509.load_der_x509_certificate(self.der)
        encryption = serialization.BestAvailableEncryption(password.encode())
        return pkcs12.serialize_key_and_certificates(
            b"zpns", self._key, certificate, None, encryption
        )


class ClientAuthority:
    """
    Signs client certificates, and no others.

    Attributes:
        pem: Its own certificate.
    """

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("zpns developer relations")
        certificate = (
            _unsigned(self._name, self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_CA_USAGE, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, topics: Sequence[str], environments: Iterable[str], *, listed: bool) -> Issued:
        """
        Return a new certificate.

        Args:
            topics: What it is for; the first names the subject.

            environments: Where it is good.

            listed: Whether it lists its topics.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.USER_ID, topics[0]),
                x509.NameAttribute(NameOID.COMMON_NAME, f"Apple Push Services: {topics[0]}"),
            ]
        )
        builder = (
            _unsigned(subject, self._name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_LEAF_USAGE, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        marks = {ENVIRONMENTS[name]: _NULL for name in environments}
        if listed:
            marks[TOPICS] = _write_topics(topics)
        for oid, value in marks.items():
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        pem = key_to_pem(key) + certificate.public_bytes(serialization.Encoding.PEM)
        return Issued(pem, certificate.public_bytes(serialization.Encoding.DER), key)


def key_to_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return *key* as PEM, in clear, the form of Apple's ``.p8`` files."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


# The little DER that the list of topics takes.


def _write_topics(topics: Iterable[str]) -> bytes:
    """Return the value of the extension that lists *topics*."""
    parts = b""
    for topic in topics:
        kinds = [suffix[1:] for suffix in _SUFFIX_KINDS if topic.endswith(suffix)] or ["app"]
        parts += _write(_UTF8, topic.encode())
        parts += _write(_SEQUENCE, b"".join(_write(_UTF8, kind.encode()) for kind in kinds))
    return _write(_SEQUENCE, parts)


def _write(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _read_topics(data: bytes) -> Iterator[str]:
    """Yield the topics that the extension's value lists."""
    for _, content in _read(data):
        for tag, part in _read(content):
            if tag == _UTF8:
                yield part.decode()


def _read(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each element of *data*."""
    while data:
        tag, size, start = data[0], data[1], 2
        if size >= 128:
            start = 2 + size - 128
            size = int.from_bytes(data[2:start], "big")
        yield tag, data[start : start + size]
        data = data[start + size :]
