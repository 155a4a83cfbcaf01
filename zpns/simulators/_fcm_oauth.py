"""
Google's OAuth token endpoint, for one service account.

The account signs a JWT with its key and gets an access token for it. The endpoint has
the public half of the key and believes nothing else.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import jwt
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from zpns.exchange import Request, Response
from zpns.simulators._fcm_errors import json

__all__ = ["Account", "TokenEndpoint"]

AUDIENCE: Final = "https://oauth2.googleapis.com/token"
GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPES: Final = frozenset(
    {
        "https://www.googleapis.com/auth/firebase.messaging",
        "https://www.googleapis.com/auth/cloud-platform",
    }
)
SCOPE_PREFIX: Final = "https://www.googleapis.com/auth/"
MAX_LIFETIME: Final = 3_600  # seconds between iat and exp
SKEW: Final = 300  # seconds that the client's clock may be wrong
KEY_SIZE: Final = 2_048  # bits
_KEPT: Final = 10_000  # access tokens remembered, so that an expired one is told from a false one

_TIMES: Final = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)


class Account:
    """
    A service account and its key, which is made when it is first needed.

    Args:
        project_id: Of the project that the account belongs to.

        key: The account's key, if it is there already.

    Attributes:
        email: Its name, the issuer of its assertions.

        key_id: Names the key; nobody checks it.
    """

    def __init__(self, project_id: str, key: rsa.RSAPrivateKey | None = None) -> None:
        self.project_id = project_id
        self.email = f"firebase-adminsdk-zpns@{project_id}.iam.gserviceaccount.com"
        self.key_id = secrets.token_hex(20)
        self._key = key

    @property
    def key(self) -> rsa.RSAPrivateKey:
        """The private key."""
        if self._key is None:
            self._key = rsa.generate_private_key(public_exponent=65_537, key_size=KEY_SIZE)
        return self._key

    def to_json(self, token_uri: str) -> bytes:
        """Return the file that Google's console gives out for the account."""
        private_key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        certificates = "https://www.googleapis.com"
        file = {
            "type": "service_account",
            "project_id": self.project_id,
            "private_key_id": self.key_id,
            "private_key": private_key.decode(),
            "client_email": self.email,
            "client_id": "100000000000000000001",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": token_uri,
            "auth_provider_x509_cert_url": f"{certificates}/oauth2/v1/certs",
            "client_x509_cert_url": f"{certificates}/robot/v1/metadata/x509/{self.email}",
            "universe_domain": "googleapis.com",
        }
        return orjson.dumps(file, option=orjson.OPT_INDENT_2)


class _Refused(Exception):
    """The request gets no token."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.response = json(400, {"error": error, "error_description": description})


class TokenEndpoint:
    """
    Gives out access tokens and remembers until when each is good.

    Args:
        account: Whose assertions are accepted.

        lifetime: Seconds that an access token is good for.

        lenient_audience: Whether an assertion may also name the endpoint's own URL.
    """

    def __init__(self, account: Account, *, lifetime: float, lenient_audience: bool) -> None:
        self._account = account
        self._lifetime = lifetime
        self._lenient_audience = lenient_audience
        self._expiry: dict[str, float] = {}

    def handle(self, request: Request, now: float) -> Response:
        """Answer a request for a token."""
        try:
            self._check(request, now)
        except _Refused as refusal:
            return refusal.response
        token = f"ya29.c.{secrets.token_urlsafe(150)}"
        if len(self._expiry) >= _KEPT:
            del self._expiry[next(iter(self._expiry))]
        self._expiry[token] = now + self._lifetime
        # Google says a second less than it grants.
        expires_in = max(int(self._lifetime) - 1, 0)
        return json(200, {"access_token": token, "expires_in": expires_in, "token_type": "Bearer"})

    def expires_at(self, token: str) -> float | None:
        """Return until when *token* is good, or None if it was never given out."""
        return self._expiry.get(token)

    def expire(self) -> None:
        """Let every token given out so far have expired long ago."""
        self._expiry = dict.fromkeys(self._expiry, 0.0)

    def forget(self) -> None:
        """Know no token any more."""
        self._expiry.clear()

    def _check(self, request: Request, now: float) -> None:
        """Refuse everything but a good assertion."""
        form = _form(request)
        grant_type = _parameter(form, "grant_type")
        if grant_type != GRANT_TYPE:
            raise _Refused("unsupported_grant_type", f"Invalid grant_type: {grant_type}")
        claims = self._claims(_parameter(form, "assertion"))
        audiences = [AUDIENCE, request.url] if self._lenient_audience else [AUDIENCE]
        if claims.get("aud") not in audiences:
            text = f"Invalid JWT: Failed audience check. The right audience is {AUDIENCE}"
            raise _Refused("invalid_grant", text)
        _check_times(claims.get("iat"), claims.get("exp"), now)
        _check_scope(claims.get("scope"))

    def _claims(self, assertion: str) -> Mapping[str, Any]:
        """Return the claims of an assertion that the account has signed."""
        try:
            # Whose key is to be asked is in the claims, so these are read first.
            claims = jwt.decode(assertion, options={"verify_signature": False})
        except jwt.PyJWTError:
            raise _Refused("invalid_grant", "Bad Request") from None
        if claims.get("iss") != self._account.email:
            raise _Refused("invalid_grant", "Invalid grant: account not found")
        try:
            jwt.PyJWS().decode(assertion, self._account.key.public_key(), algorithms=["RS256"])
        except jwt.PyJWTError:
            raise _Refused("invalid_grant", "Invalid JWT Signature.") from None
        return claims


def _form(request: Request) -> Mapping[str, list[str]]:
    """Return the fields of the form."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        raise _Refused("invalid_request", "Content type must be a form.")
    try:
        return parse_qs(request.body.decode(), keep_blank_values=True)
    except ValueError:
        raise _Refused("invalid_request", "Bad Request") from None


def _parameter(form: Mapping[str, list[str]], name: str) -> str:
    values = form.get(name, [""])
    if len(values) > 1:
        raise _Refused(
            "invalid_request", f"OAuth 2 parameters can only have a single value: {name}"
        )
    if not values[0]:
        raise _Refused("invalid_request", f"Required parameter is missing: {name}")
    return values[0]


def _check_times(issued: object, expires: object, now: float) -> None:
    """Refuse an assertion that is not of this hour."""
    # type() and not isinstance(): true is no time.
    if type(issued) is not int or type(expires) is not int:
        raise _Refused("invalid_grant", _TIMES)
    lifetime = expires - issued
    if not 0 < lifetime <= MAX_LIFETIME or issued > now + SKEW or expires <= now - SKEW:
        raise _Refused("invalid_grant", _TIMES)


def _check_scope(scope: object) -> None:
    """Refuse scopes that are none, and those with which nothing can be sent."""
    scopes = scope.split() if isinstance(scope, str) else []
    known = all(name.startswith(SCOPE_PREFIX) for name in scopes)
    if not known or not SCOPES & set(scopes):
        text = "Invalid OAuth scope or ID token audience provided."
        raise _Refused("invalid_scope", text)
