"""
Google's service accounts: the key file, and the token it is exchanged for.

Written from Google's pages "Using OAuth 2.0 for Server to Server Applications" and
"Create and delete service account keys", read 2026-11. The key never appears in an
error, a log or a ``repr``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlencode, urlsplit

import attrs
import orjson

from zpns.errors import ConfigError, CredentialRejected, VendorUnavailable
from zpns.exchange import Exchange, Request, Response
from zpns.transports._retry_after import retry_after
from zpns.transports.base import LOOPBACK, Credential

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["ServiceAccount", "fetch_token"]

TOKEN_URI: Final = "https://oauth2.googleapis.com/token"
#: What a JWT names as its audience, wherever the request goes.
AUDIENCE: Final = TOKEN_URI
GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME: Final = 3600  # seconds; the most Google accepts, and what its tokens live
RENEW_BEFORE: Final = 225.0  # seconds before the expiry; google-auth's own margin
KEY_BITS_LEAST: Final = 2048  # what Google issues; below it RS256 is not safe

_FIELDS: Final = ("client_email", "private_key", "private_key_id", "token_uri", "project_id")
_NEEDED: Final = ("client_email", "private_key", "token_uri")
_BEARER: Final = re.compile(r"[\x21-\x7e]+")  # goes into a header
_HELP: Final = (
    "create one in the Firebase console under Project settings, Service accounts, "
    "Generate new private key"
)

#: What the error of the token endpoint means. The first whose words are in the answer.
_ADVICE: Final = (
    (
        "invalid jwt signature",
        "the private key was deleted, or belongs to another account: use a new key",
    ),
    (
        "short-lived token",
        "the clock of this machine is wrong: a JWT must be from the last minutes; set the clock",
    ),
    ("reasonable timeframe", "the clock of this machine is wrong: set it"),
    (
        "account not found",
        "the service account was deleted or disabled: use a key of another one",
    ),
    ("invalid_scope", "the service account may not ask for this scope: a bug, please report it"),
    (
        "invalid_client",
        "Google does not know client_email: use the key file as Google issued it",
    ),
    (
        "unauthorized_client",
        "the service account may not use this grant: check that it is enabled",
    ),
)
_LATER: Final = frozenset({"internal_failure", "server_error", "temporarily_unavailable"})
_LATER_STATUS: Final = frozenset({408, 429})


@attrs.frozen(kw_only=True)
class ServiceAccount:
    """
    A Google service account and its private key.

    Attributes:
        client_email: Who it is.

        private_key: RSA key as PEM, PKCS#8.

        private_key_id: Google's name of the key; empty leaves it out of the JWT.

        token_uri: Where tokens are fetched; https, or http on loopback.

        project_id: The project it belongs to, or empty.

        source: Where the values are from, for errors.

    Raises:
        ConfigError: A value is missing or malformed.
    """

    client_email: str
    private_key: str = attrs.field(repr=False)
    private_key_id: str = ""
    token_uri: str = TOKEN_URI
    project_id: str = ""
    source: str = attrs.field(default="service_account", eq=False)
    key: Any = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        for name in _FIELDS:
            value = getattr(self, name)
            if not isinstance(value, str) or (name in _NEEDED and not value.strip()):
                came = "an empty text" if isinstance(value, str) else f"a {type(value).__name__}"
                raise ConfigError(f"{self.source}: {name}: expected text, got {came}")
        _check_token_uri(self.source, self.token_uri)
        object.__setattr__(self, "key", _load_key(self.source, self.private_key))

    @classmethod
    def read(cls, source: object) -> ServiceAccount:
        """
        Return the account in a key file, in the mapping such a file holds, or as it is.

        Raises:
            ConfigError: It cannot be read, or is no service account's key.
        """
        if isinstance(source, cls):
            return source
        if isinstance(source, Mapping):
            return cls._from_mapping(source, "service_account")
        if isinstance(source, str | os.PathLike):
            path = os.fspath(source)
            if isinstance(path, str):
                return cls._from_mapping(_read_json(path), path)
        raise ConfigError(
            "service_account: expected the path of a service account's key file or the mapping "
            f"it holds, got {'nothing' if source is None else f'a {type(source).__name__}'}; "
            f"{_HELP}"
        )

    @classmethod
    def _from_mapping(cls, values: Mapping[Any, Any], source: str) -> ServiceAccount:
        _check_type(values, source)
        missing = [name for name in _NEEDED if name not in values]
        if missing:
            raise ConfigError(
                f"{source}: {', '.join(missing)}: missing; use the key file as Google issued "
                f"it, or {_HELP}"
            )
        known = {name: values[name] for name in _FIELDS if name in values}
        return cls(**known, source=source)

    def assertion(self, scope: str, now: float) -> str:
        """Return a signed JWT that asks for *scope*; *now* is in UTC seconds."""
        import jwt

        issued = int(now)
        claims = {
            "iss": self.client_email,
            "scope": scope,
            "aud": AUDIENCE,
            "iat": issued,
            "exp": issued + LIFETIME,
        }
        headers = {"kid": self.private_key_id} if self.private_key_id else None
        return jwt.encode(claims, self.key, algorithm="RS256", headers=headers)


def fetch_token(
    account: ServiceAccount, scope: str, now: float, *, channel: str
) -> Exchange[Credential]:
    """
    Exchange a signed JWT for an access token.

    Args:
        account: Who asks.

        scope: What for.

        now: UTC seconds.

        channel: Named in errors.

    Returns:
        The token; due for renewal 3 min 45 s before it expires.

    Raises:
        CredentialRejected: Google does not accept the key, the account or the clock.

        VendorUnavailable: It cannot answer now.
    """
    response = yield Request(
        method="POST",
        url=account.token_uri,
        headers={"content-type": "application/x-www-form-urlencoded"},
        body=urlencode({"grant_type": GRANT, "assertion": account.assertion(scope, now)}).encode(),
    )
    answer = _json(response.body)
    if response.status != 200:
        _refuse(response, answer, now, channel)
    token = answer.get("access_token")
    if not isinstance(token, str) or not _BEARER.fullmatch(token):
        raise VendorUnavailable(
            f"{account.token_uri} answered 200 without an access token; if that lasts, "
            "something between here and Google answers in its place",
            channel=channel,
            status=response.status,
        )
    lifetime = _lifetime(answer.get("expires_in"))
    return Credential(
        value=token,
        # Half of a lifetime so short that the margin would eat most of it.
        renew_at=now + lifetime - min(RENEW_BEFORE, lifetime / 2),
        expires_at=now + lifetime,
    )


def _lifetime(value: object) -> float:
    """Return ``expires_in``; some endpoints send it as text, and none has to send it."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 86400:
        return float(value)
    return float(LIFETIME)


def _refuse(response: Response, answer: Mapping[str, Any], now: float, channel: str) -> NoReturn:
    """Raise what an answer other than 200 of the token endpoint means."""
    error, description = answer.get("error"), answer.get("error_description")
    if isinstance(error, dict):  # the shape of Google's other APIs
        inner: dict[str, Any] = error
        error, description = inner.get("status"), inner.get("message")
    code = _line(error) if isinstance(error, str) else ""
    said = ": ".join(filter(None, (code, _line(description))))
    status = response.status
    if status >= 500 or status in _LATER_STATUS or code in _LATER:
        raise VendorUnavailable(
            f"Google's token endpoint cannot answer now ({status}{said and f', {said}'})",
            channel=channel,
            status=status,
            vendor_code=code,
            retry_after=retry_after(response.headers, now),
        )
    advice = next(
        (advice for words, advice in _ADVICE if words in said.lower()),
        "check token_uri and the service account's key",
    )
    raise CredentialRejected(
        f"Google's token endpoint refused the service account ({status}"
        f"{said and f', {said}'}): {advice}",
        channel=channel,
        status=status,
        vendor_code=code,
    )


def _line(value: object) -> str:
    """Return a vendor's text on one line, at most 160 characters of it."""
    return " ".join(value.split())[:160] if isinstance(value, str) else ""


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _read_json(path: str) -> Mapping[Any, Any]:
    if path.lstrip()[:1] in ("{", "-"):
        # Not repeated: it is a key, or holds one.
        raise ConfigError(
            "service_account: expected the path of a key file or the mapping it holds, got its "
            "content as text; read it with json.loads first"
        )
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; {_HELP}") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "this is no path"
        raise ConfigError(f"{path}: cannot be read: {why}") from None
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        # The decoder's own message would carry the file along.
        pem = b"-----BEGIN" in content and b"{" not in content
        came = "a bare PEM key" if pem else "something else"
        raise ConfigError(f"{path}: expected a JSON key file, got {came}; {_HELP}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: expected a JSON object, got a {type(found).__name__}; {_HELP}")
    return found


def _check_type(values: Mapping[Any, Any], source: str) -> None:
    if "project_info" in values:
        raise ConfigError(
            f"{source}: this is google-services.json, which belongs into the app; a server needs "
            f"a service account's key: {_HELP}"
        )
    kind = values.get("type")
    if kind is None:
        raise ConfigError(f"{source}: type: missing; expected 'service_account'; {_HELP}")
    if kind != "service_account":
        raise ConfigError(
            f"{source}: type: expected 'service_account', got {str(kind)[:40]!r}; only a service "
            f"account's own key can sign here: {_HELP}"
        )


def _check_token_uri(source: str, uri: str) -> None:
    try:
        parts = urlsplit(uri)
        host, user = parts.hostname, parts.username
    except ValueError:
        raise ConfigError(f"{source}: token_uri: expected an address, got {uri!r}") from None
    safe = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
    if not host or user or not safe:
        raise ConfigError(
            f"{source}: token_uri: expected an https address (http on loopback only), such as "
            f"{TOKEN_URI!r}, got {'one with a user name' if user else repr(uri[:80])}"
        )


def _load_key(source: str, pem: str) -> RSAPrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    def refuse(came: str) -> NoReturn:
        raise ConfigError(
            f"{source}: private_key: expected an RSA private key as PEM, got {came}; {_HELP}"
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
    if not isinstance(key, rsa.RSAPrivateKey):
        refuse(f"another kind of key ({type(key).__name__.strip('_')})")
    if key.key_size < KEY_BITS_LEAST:
        refuse(f"one of {key.key_size} bits, fewer than {KEY_BITS_LEAST}")
    return key
