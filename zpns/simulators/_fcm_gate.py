"""
What stands before FCM as before every Google API: paths, credentials, rights, quota.

Its refusals carry no ``FcmError``; that is how a client tells them from FCM's own.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from zpns.exchange import Request, Response
from zpns.simulators import _fcm_errors as errors
from zpns.simulators._fcm_oauth import TokenEndpoint
from zpns.simulators._fcm_parser import Violation
from zpns.simulators._fcm_schema import unknown_parameter

__all__ = ["TOKEN_PATH", "Gate", "Route"]

TOKEN_PATH: Final = "/token"
_SEND_PATH: Final = re.compile(r"/v1/projects/([^/]+)/messages:send")
#: Query parameters that every Google API has. Of these only prettyPrint and the tokens act.
_STANDARD: Final = frozenset(
    {
        "$.xgafv",
        "access_token",
        "alt",
        "callback",
        "fields",
        "key",
        "oauth_token",
        "prettyPrint",
        "quotaUser",
        "uploadType",
        "upload_protocol",
    }
)
_ROUTES_KEPT: Final = 1_000  # different URLs


class Route(NamedTuple):
    """
    What a URL leads to.

    Attributes:
        project: The project in the path; empty for the token endpoint.

        bearer: An access token in the query, or empty.

        pretty: Whether the answer is indented.

        violations: What is wrong with the query.
    """

    project: str
    bearer: str = ""
    pretty: bool = True
    violations: tuple[Violation, ...] = ()


class Gate:
    """
    Lets a send through to FCM, or does not.

    Args:
        project_id: The project that the account may send for.

        project_number: The project's number, its other name.

        tokens: Knows the access tokens.

        sends_per_minute: The project's quota, a bucket that fills evenly.
    """

    def __init__(
        self, project_id: str, project_number: str, tokens: TokenEndpoint, sends_per_minute: int
    ) -> None:
        self.sends_per_minute = sends_per_minute
        self._projects = frozenset({project_id, project_number})
        self._number = project_number
        self._tokens = tokens
        self._routes: dict[str, Route] = {}
        self._sends_left = float(sends_per_minute)
        self._counted_at = 0.0

    def route(self, url: str) -> Route | None:
        """Return what *url* leads to, or None if that is nothing."""
        route = self._routes.get(url)
        if route is None:
            route = _route(url)
            if route is not None:
                if len(self._routes) >= _ROUTES_KEPT:
                    self._routes.clear()
                self._routes[url] = route
        return route

    def refuse(
        self, request: Request, route: Route, now: float, *, api_disabled: bool
    ) -> Response | None:
        """Return the refusal of a send, or None if it may pass; then it has been counted."""
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if not scheme:
            bearer = route.bearer
            if not bearer:
                return errors.MISSING_CREDENTIAL
        elif scheme != "Bearer" and scheme.lower() != "bearer":
            return errors.UNKNOWN_CREDENTIAL
        expires_at = self._tokens.expires_at(bearer)
        if expires_at is None:
            return errors.UNKNOWN_CREDENTIAL
        if now >= expires_at:
            return errors.EXPIRED_CREDENTIAL
        if route.project not in self._projects:
            return errors.permission_denied(route.project)
        if api_disabled:
            return errors.api_disabled(self._number)
        if not self._count(now):
            return errors.project_quota(self._number, self.sends_per_minute)
        if route.violations:
            return errors.unparsable(route.violations)
        return None

    def _count(self, now: float) -> bool:
        """Take one send out of the bucket, if there is one."""
        if now > self._counted_at:
            limit = self.sends_per_minute
            refilled = self._sends_left + (now - self._counted_at) * limit / 60
            self._sends_left = min(limit, refilled)
            self._counted_at = now
        if self._sends_left < 1:
            return False
        self._sends_left -= 1
        return True


def _route(url: str) -> Route | None:
    """Read a URL."""
    parts = urlsplit(url)
    if parts.path == TOKEN_PATH:
        return Route("")
    match = _SEND_PATH.fullmatch(parts.path)
    if match is None:
        return None
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Route(
        unquote(match[1]),
        query.get("access_token") or query.get("oauth_token") or "",
        query.get("prettyPrint", "true") != "false",
        tuple(unknown_parameter(name) for name in query if name not in _STANDARD),
    )
