"""
What every transport is made of.

A transport is pure: no ``await``, no socket, no clock of its own. It says *what* is
sent to a vendor and what an answer means; a carrier sends it, and ``zpns.sender``
decides when, how often and how many at a time.

The order in which its members are used::

    route(device)                  where this token's pushes go, or why it is skipped
    authorize(route, now)          a conversation that ends with a credential
    prepare(notification, route)   everything that does not depend on the token, once
    prepared.open(...)             the body saved at the vendor, where there is such a thing
    prepared.request(...)          one request for one or many targets
    prepared.verdicts(...)         what its answer means, per target
    prepared.bulk(...)             a template for a whole page, for one-token HTTP/2 vendors
"""

from __future__ import annotations

import difflib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import attrs

from zpns.errors import ConfigError, shorten
from zpns.exchange import BulkForm, Exchange, Request, Response
from zpns.models.delivery import Target, Verdict
from zpns.models.notification import DeviceToken, Notification, Resource

__all__ = [
    "Backoff",
    "BulkForm",
    "Credential",
    "Prepared",
    "Route",
    "Skip",
    "Transport",
    "check_base_url",
    "check_text",
]

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@attrs.frozen(kw_only=True)
class Route:
    """
    Where the pushes of a token go; targets of one route may share a request.

    Attributes:
        origin: Scheme, host and port, without a slash at the end.

        credential_key: Names the credential; routes with the same key share one.

        variety: The transport's own word for what is behind the token, such as
            ``"android"``, ``"web"`` or ``"voip"``.

        environment: ``"production"``, ``"sandbox"`` or a region; for the ledger.
    """

    origin: str
    credential_key: str
    variety: str = ""
    environment: str = "production"


@attrs.frozen
class Skip:
    """
    Nothing is sent.

    Attributes:
        why: A word for programs, such as ``"kind_not_on_channel"``.

        advice: One line for people.
    """

    why: str
    advice: str = ""


@attrs.frozen(kw_only=True)
class Credential:
    """
    What proves to a vendor who is sending.

    Attributes:
        value: The secret, left out of ``repr``.

        renew_at: When a new one should be fetched, UTC seconds.

        expires_at: When this one stops working, UTC seconds.

        generation: Counts the credentials of a key; a rejected one is replaced only if
            it still is the current one. Set by the sender.
    """

    value: str = attrs.field(repr=shorten)
    renew_at: float
    expires_at: float
    generation: int = 0


@attrs.frozen(kw_only=True)
class Backoff:
    """
    How long to wait before the next try when the vendor names no time.

    Before try *n* + 1 the wait is drawn between *floor* and *floor* + *first* x 2^(n-1),
    the latter at most *most*.

    Attributes:
        floor: Seconds waited in any case.

        first: Seconds the first wait may take beyond the floor.

        most: Seconds any wait may take beyond the floor.
    """

    floor: float = 0.0
    first: float = 1.0
    most: float = 900.0


class Prepared(ABC):
    """
    A notification made ready for one route: encoded, measured, not yet addressed.

    Attributes:
        form: Which body it is, such as ``"fcm_data"``; kept with the attempt, because a
            later push for the same call or message depends on it.

        endpoint: Method and path without the token, for the ledger.

        max_tokens: How many targets one request takes.

        valid_until: Until when it may be sent as it is, UTC seconds.
    """

    form: str
    endpoint: str
    max_tokens: int
    valid_until: float

    def open(self, credential: Credential, count: int) -> Exchange[str | None]:
        """
        Save the body at the vendor, where it has such a thing.

        Args:
            credential: Proves who is sending.

            count: How many targets the slice has.

        Returns:
            The vendor's name of the saved body, kept with the job, or None.
        """
        return None
        yield  # pragma: no cover - makes this a generator

    @abstractmethod
    def request(
        self, targets: Sequence[Target], credential: Credential, stored: str | None = None
    ) -> Request:
        """
        Return the request for *targets*, 1 to ``max_tokens`` of them.

        Args:
            targets: All of one route.

            credential: Proves who is sending.

            stored: What ``open`` returned.
        """

    @abstractmethod
    def verdicts(
        self, targets: Sequence[Target], response: Response, now: float
    ) -> Sequence[Verdict]:
        """Return what *response* means for each of *targets*, in their order."""

    def bulk(self, credential: Credential) -> BulkForm | None:
        """Return the template for a page, or None if requests have to be made one by one."""
        return None


class Transport(ABC):
    """
    One app at one vendor.

    Subclasses are frozen attrs classes with keyword fields: the credentials, and
    ``app="default"``, ``base_url=None``, ``ca_file=None``.

    Attributes:
        channel: The vendor's channel; unique among transports.

        http2: Whether it rides on the HTTP/2 engine rather than on HTTP/1.1.

        backoff: How long to wait when the vendor names no time.

        token_alphabet: What a token has to look like, because it is spliced into paths,
            JSON and lists.

        resource_settings: What a :class:`~zpns.Resource` may set, by settings group.

        app: Which of several apps at the vendor; (channel, app) is unique in a client.

        base_url: Where the vendor is, instead of its public address; https, or http on
            loopback.

        ca_file: PEM file of the authority to trust instead of the system's.
    """

    channel: ClassVar[str]
    http2: ClassVar[bool] = False
    backoff: ClassVar[Backoff] = Backoff()
    token_alphabet: ClassVar[re.Pattern[str]]
    resource_settings: ClassVar[Mapping[str, frozenset[str]]] = MappingProxyType({})

    app: str
    base_url: str | None
    ca_file: str | None

    @abstractmethod
    def route(self, device: DeviceToken) -> Route | Skip:
        """Return where pushes to *device* go, or why none can."""

    @abstractmethod
    def authorize(self, route: Route, now: float) -> Exchange[Credential]:
        """
        Converse with the vendor until it gives a credential for *route*.

        Raises:
            CredentialRejected: The vendor does not accept key, account or rights.

            VendorUnavailable: It cannot answer now.
        """

    @abstractmethod
    def prepare(self, notification: Notification, route: Route, now: float) -> Prepared | Skip:
        """
        Encode *notification* once for all targets of *route*.

        Args:
            notification: With ``job_id`` and ``deadline`` set.

            route: Where it goes.

            now: UTC seconds.

        Raises:
            ParameterError: It does not fit the vendor's limits, and must not be cut.
        """

    @property
    def client_certificate(self) -> tuple[bytes, bytes] | None:
        """Certificates and key, PEM, that TLS shows to the vendor; None if it needs none."""
        return None

    def token_look(self, token: str) -> str | None:
        """
        Return a word for what *token* looks like, or None if it is no token.

        Tokens that are given bare and look alike take the same route.
        """
        return "" if self.token_alphabet.fullmatch(token) else None

    def token_kind(self, notification: Notification) -> str:
        """Return what a bare token is taken for when *notification* goes to it."""
        return "alert"

    def check_resource(self, resource: Resource) -> None:
        """
        Check the settings that *resource* has for this transport.

        Raises:
            ConfigError: A setting is unknown.
        """
        for group, known in self.resource_settings.items():
            for name in resource.settings(group):
                if name not in known:
                    raise ConfigError(
                        f"resource {resource.resources_id!r}: {group}.{name} is no setting of "
                        f"{group}; {_nearest(name, known)}"
                    )


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(sorted(known))}"


def check_text(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    """Validate a transport's field: text that is not empty. The value is never repeated."""
    if not isinstance(value, str) or not value.strip():
        came = "an empty text" if isinstance(value, str) else f"a {type(value).__name__}"
        raise ConfigError(f"{attribute.name}: expected text, got {came}")


def check_base_url(_: Any, attribute: attrs.Attribute[Any], value: str | None) -> None:
    """Validate an address: https, or http on loopback; without path, query or user."""
    if value is None:
        return
    parts = urlsplit(value)
    bare = not (parts.query or parts.fragment or parts.username or parts.path.strip("/"))
    if parts.scheme not in ("http", "https") or not parts.hostname or not bare:
        raise ConfigError(
            f"{attribute.name}: expected an address such as 'https://host:port', got {value!r}"
        )
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ConfigError(
            f"{attribute.name}: http would send credentials in the clear; use https "
            f"(http is allowed on loopback only), got {value!r}"
        )
