"""
Apple's keys: the .p8 file, and the provider token it signs.

Written from Apple's page "Establishing a token-based connection to APNs", read 2026-11.
The key never appears in an error, a log or a ``repr``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import attrs

from zpns.errors import ConfigError
from zpns.exchange import Exchange
from zpns.transports.base import Credential

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

__all__ = ["LIFETIME", "RENEW_AFTER", "ProviderKey", "provider_token", "read_source"]

LIFETIME: Final = 3600.0  # seconds; Apple refuses a token that is older
#: Seconds. Apple also refuses a new token within 20 minutes of the one before, so it is
#: neither made often nor for each connection.
RENEW_AFTER: Final = 3000.0

_HELP: Final = (
    "create one in Apple's developer account under Certificates, Identifiers & Profiles, Keys, "
    "with Apple Push Notifications service enabled"
)
#: What begins like a key in base64, or is too long or too many lines for a path.
_NO_PATH: Final = re.compile(r"\n|M[EGHI][A-Za-z0-9+/=]{60}|(?s:.{1024})")


@attrs.frozen(kw_only=True)
class ProviderKey:
    """
    A private key for APNs.

    Attributes:
        pem: EC P-256 key as PEM, PKCS#8.

        source: Where it is from, for errors.

    Raises:
        ConfigError: It is no such key.
    """

    pem: str = attrs.field(repr=False)
    source: str = attrs.field(default="key", eq=False)
    key: Any = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "key", _load_key(self.source, self.pem))

    @classmethod
    def read(cls, value: object) -> ProviderKey:
        """
        Return the key in a .p8 file, in its content, or as it is.

        Raises:
            ConfigError: It cannot be read, or is no key for APNs.
        """
        if isinstance(value, cls):
            return value
        source, content = read_source(
            "key", value, "the path of a .p8 key file, or its content", help_=_HELP
        )
        return cls(pem=content.decode("ascii", "replace"), source=source)

    def sign(self, key_id: str, team_id: str, issued: int) -> str:
        """Return a JWT of *team_id* issued at *issued*, UTC seconds."""
        import jwt

        return jwt.encode(
            {"iss": team_id, "iat": issued}, self.key, algorithm="ES256", headers={"kid": key_id}
        )


def provider_token(key: ProviderKey, key_id: str, team_id: str, now: float) -> Exchange[Credential]:
    """
    Make a provider token; nobody has to be asked for it.

    Args:
        key: Signs it.

        key_id: Apple's name of the key.

        team_id: Whose key it is.

        now: UTC seconds.
    """
    issued = int(now)
    return Credential(
        value=key.sign(key_id, team_id, issued),
        renew_at=issued + RENEW_AFTER,
        expires_at=issued + LIFETIME,
    )
    yield  # pragma: no cover - makes this a generator


def read_source(field: str, value: object, expected: str, *, help_: str) -> tuple[str, bytes]:
    """
    Return what a file holds, or what is given in its place.

    Args:
        field: Name of the setting.

        value: A path, PEM text, or bytes.

        expected: What it should be, for errors.

        help_: What to do about it, for errors.

    Returns:
        Where it is from, for errors, and the content.

    Raises:
        ConfigError: It is none of these, or cannot be read.
    """
    if isinstance(value, bytes):
        return field, value
    path = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(path, str):
        came = "nothing" if value is None else f"a {type(value).__name__}"
        raise ConfigError(f"{field}: expected {expected}, got {came}; {help_}")
    if "-----BEGIN" in path:
        return field, path.encode()
    if _NO_PATH.search(path):
        # Not repeated: it is a key, or a part of one.
        raise ConfigError(
            f"{field}: expected {expected}, got text of {len(path)} characters without its "
            "-----BEGIN line; pass the file as it is"
        )
    try:
        return f"{field}: {path}", Path(path).read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{field}: {path}: no such file; {help_}") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "this is no path"
        raise ConfigError(f"{field}: {path!r}: cannot be read: {why}") from None


def _load_key(source: str, pem: str) -> EllipticCurvePrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    def refuse(came: str) -> NoReturn:
        raise ConfigError(
            f"{source}: expected a .p8 key as Apple issued it (EC P-256, PEM), got {came}; {_HELP}"
        )

    if "PRIVATE KEY" not in pem:
        public = "PUBLIC KEY" in pem or "CERTIFICATE" in pem
        refuse("a public key or certificate" if public else "no PEM private key")
    if "\\n" in pem:
        refuse(r"the two characters \n in place of each line break: replace them by line breaks")
    if "ENCRYPTED" in pem:
        refuse("an encrypted key: decrypt it first")
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Not chained: what the library says may quote the key.
        key = None
    if key is None:
        refuse("a damaged one")
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        refuse(f"another kind of key ({type(key).__name__.strip('_')})")
    if not isinstance(key.curve, ec.SECP256R1):
        refuse(f"a key on another curve ({key.curve.name})")
    return key
