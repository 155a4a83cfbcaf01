"""
Who may push with APNs: provider tokens, the keys that sign them, and what a connection is
bound to by the first of them.

A token is a JWT signed with ES256. It is good for an hour, and a connection takes another
one only 20 minutes after the last. Written from the page "Establishing a token-based
connection to APNs".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

import attrs
import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec

from zpns.errors import shorten
from zpns.simulators._apns_certificates import ClientCertificate, key_to_pem
from zpns.simulators._apns_checks import Report, one_of
from zpns.simulators._apns_errors import Refused

__all__ = ["APNsKey", "Environment", "EnvironmentReason", "Gate", "Session", "TokenUpdates"]

Environment: TypeAlias = Literal["production", "sandbox"]
EnvironmentReason: TypeAlias = Literal["BadEnvironmentKeyInToken", "BadEnvironmentKeyIdInToken"]
TokenUpdates: TypeAlias = Literal["first-use", "issued-at", "unlimited"]

MAX_AGE: Final = 3_600  # seconds since a token was issued
MIN_AGE: Final = 1_200  # seconds until a connection takes another token
_KEPT: Final = 1_000  # verified tokens
_JWS: Final = jwt.PyJWS()


@attrs.define(kw_only=True, eq=False)
class APNsKey:
    """
    A key that signs provider tokens.

    Attributes:
        key_id: Its ID, 10 characters.

        team_id: Of the team it belongs to, 10 characters.

        environment: The one environment it may be used in, or None for both.

        topics: The bundle IDs it may be used for, or None for all of the team's.

        revoked: Whether it does not count any more.
    """

    key_id: str
    team_id: str
    environment: Environment | None = None
    topics: Collection[str] | None = None
    revoked: bool = False
    private_key: ec.EllipticCurvePrivateKey = attrs.field(repr=False)
    public_key: ec.EllipticCurvePublicKey = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.public_key = self.private_key.public_key()

    def to_pem(self) -> bytes:
        """Return the ``.p8`` file that Apple's site gives out once."""
        return key_to_pem(self.private_key)

    def sign(self, issued_at: float) -> str:
        """Return a provider token; *issued_at* is in seconds since 1970."""
        claims = {"iss": self.team_id, "iat": int(issued_at)}
        return jwt.encode(claims, self.private_key, algorithm="ES256", headers={"kid": self.key_id})


class ProviderToken(NamedTuple):
    """A token whose signature is right."""

    text: str
    key: APNsKey
    issued_at: float


@attrs.define(eq=False)
class Session:
    """
    What a connection has shown of its client so far.

    Attributes:
        max_streams: Allowed from the first accepted token on.

        certificate: The client's, or None.

        authorization: The header that was accepted last.

        token: The token in it, or None.

        admitted: Whether a credential of the client was accepted yet.

        since: Since when the connection uses it, seconds since 1970.

        last_at: When the last request came, seconds since 1970, or None.

        refusals: How many requests were refused in a row.
    """

    max_streams: int = 1
    certificate: ClientCertificate | None = None
    authorization: str = attrs.field(default="", repr=shorten)
    token: ProviderToken | None = attrs.field(default=None, repr=False)
    admitted: bool = False
    since: float = 0.0
    last_at: float | None = None
    refusals: int = 0


class Gate:
    """
    Checks provider tokens and certificates.

    Args:
        environment: Where it stands.

        keys: By their ID.

        token_updates: What the 20 minutes are counted from.

        environment_reason: What is said of a key of the other environment.

        report: Told of what is wrong and accepted all the same; may refuse it.
    """

    def __init__(
        self,
        environment: Environment,
        keys: Mapping[str, APNsKey],
        *,
        token_updates: TokenUpdates,
        environment_reason: EnvironmentReason,
        report: Report,
    ) -> None:
        one_of("token_updates", token_updates, get_args(TokenUpdates))
        one_of("environment_reason", environment_reason, get_args(EnvironmentReason))
        self._environment = environment
        self._keys = keys
        self._token_updates = token_updates
        self._environment_reason = environment_reason
        self._report = report
        self._verified: dict[str, ProviderToken] = {}

    def admit(self, session: Session, headers: Mapping[str, str], now: float) -> None:
        """
        Let a request through, or refuse it.

        Raises:
            Refused: The client has not shown who it is.
        """
        if session.certificate is not None:
            session.certificate.check(self._environment)
            return
        if "authorization" in getattr(headers, "repeated", ()):
            raise Refused("DuplicateHeaders")
        authorization = headers.get("authorization", "")
        if authorization == session.authorization and session.token is not None:
            token = session.token
        else:
            token = self._read(authorization)
        self._check(token, session, now)
        if token is not session.token:
            self._renew(token, session, now)
            session.authorization = authorization

    def allows(self, session: Session, topic: str, app: str) -> bool:
        """Return whether the client's credential may be used for *topic*, which is *app*'s."""
        if session.certificate is not None:
            return topic in session.certificate.topics
        # A token was accepted before anybody asks, unless the order is turned round.
        topics = None if session.token is None else session.token.key.topics
        return topics is None or app in topics

    def _read(self, authorization: str) -> ProviderToken:
        """Return the token in the header."""
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise Refused("MissingProviderToken")
        token = self._verified.get(text)
        if token is None:
            token = self._verify(text)
            if len(self._verified) >= _KEPT:
                del self._verified[next(iter(self._verified))]
            self._verified[text] = token
        return token

    def _verify(self, text: str) -> ProviderToken:
        """Return the token that *text* is, if one of the keys has signed it."""
        try:
            key = self._keys[jwt.get_unverified_header(text)["kid"]]
            decoded = _JWS.decode_complete(text, key.public_key, algorithms=["ES256"])
            claims: Any = orjson.loads(decoded["payload"])
        except (jwt.PyJWTError, orjson.JSONDecodeError, KeyError):
            raise Refused("InvalidProviderToken") from None
        if not isinstance(claims, dict) or claims.get("iss") != key.team_id:
            raise Refused("InvalidProviderToken")
        issued_at = claims.get("iat")
        # type() and not isinstance(): true is no time.
        if type(issued_at) is float:
            self._report("iat", "The claim iat is no whole number.", "InvalidProviderToken")
        elif type(issued_at) is not int:
            raise Refused("InvalidProviderToken")
        return ProviderToken(text, key, issued_at)

    def _check(self, token: ProviderToken, session: Session, now: float) -> None:
        """Refuse a token that is not good here and now."""
        key = token.key
        bound = key if session.token is None else session.token.key
        if key.revoked or token.issued_at > now or key.team_id != bound.team_id:
            raise Refused("InvalidProviderToken")
        if now - token.issued_at > MAX_AGE:
            raise Refused("ExpiredProviderToken")
        if key.environment not in (None, self._environment):
            raise Refused(self._environment_reason)
        if key is not bound:
            raise Refused("UnrelatedKeyIdInToken")

    def _renew(self, token: ProviderToken, session: Session, now: float) -> None:
        """Take the first token of a connection, or another one if it is time."""
        last = session.token
        if last is not None and token.text == last.text:
            return
        if last is not None and self._token_updates != "unlimited":
            since_use = self._token_updates == "first-use"
            age = now - session.since if since_use else token.issued_at - last.issued_at
            if age < MIN_AGE:
                raise Refused("TooManyProviderTokenUpdates")
        session.token, session.since = token, now
