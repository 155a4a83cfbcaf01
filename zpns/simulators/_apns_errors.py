"""
Apple's refusals: a reason in JSON, and the status that goes with it.

From the pages "Handling notification responses from APNs" and "Sending channel management
requests to APNs". The latter names reasons without saying which status each has; what is
not known to be 403 is 400 here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from zpns.exchange import Response

__all__ = ["BY_STATUS", "STATUSES", "Refused", "body", "refusal"]

#: The status of each reason.
STATUSES: Final[Mapping[str, int]] = MappingProxyType(
    {
        # What the request got wrong.
        "BadCollapseId": 400,
        "BadDeviceToken": 400,
        "BadExpirationDate": 400,
        "BadMessageId": 400,
        "BadPriority": 400,
        "BadTopic": 400,
        "DeviceTokenNotForTopic": 400,
        "DuplicateHeaders": 400,
        "IdleTimeout": 400,
        "InvalidPushType": 400,
        "MissingDeviceToken": 400,
        "MissingTopic": 400,
        "PayloadEmpty": 400,
        "TopicDisallowed": 400,
        # Who sent it.
        "BadCertificate": 403,
        "BadCertificateEnvironment": 403,
        "BadEnvironmentKeyIdInToken": 403,  # as documented,
        "BadEnvironmentKeyInToken": 403,  # and as seen on the wire
        "ExpiredProviderToken": 403,
        "Forbidden": 403,
        "InvalidProviderToken": 403,
        "MissingProviderToken": 403,
        "UnrelatedKeyIdInToken": 403,
        # The rest.
        "BadPath": 404,
        "MethodNotAllowed": 405,
        "ExpiredToken": 410,
        "Unregistered": 410,
        "PayloadTooLarge": 413,
        "TooManyProviderTokenUpdates": 429,
        "TooManyRequests": 429,
        "InternalServerError": 500,
        "ServiceUnavailable": 503,
        "Shutdown": 503,
        # Broadcast channels.
        "BadChannelId": 400,
        "BadRequestParams": 400,
        "BadRequestPayload": 400,
        "CannotCreateChannelConfig": 400,
        "ChannelNotRegistered": 400,
        "MissingChannelId": 400,
        "MissingPushType": 400,
        "FeatureNotEnabled": 403,
        "TopicMismatch": 403,
    }
)

#: What is said with a status when the request is not to blame.
BY_STATUS: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "IdleTimeout",  # the one reason with this status that blames nobody
        403: "Forbidden",
        404: "BadPath",
        405: "MethodNotAllowed",
        410: "Unregistered",
        413: "PayloadTooLarge",
        429: "TooManyRequests",
        500: "InternalServerError",
        503: "ServiceUnavailable",
    }
)

JSON: Final = "application/json"


class Refused(Exception):
    """
    The request is not accepted.

    Args:
        reason: One of :data:`STATUSES`.

        gone_since: With a status of 410, since when, seconds since 1970.
    """

    def __init__(self, reason: str, gone_since: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.gone_since = gone_since


def body(reason: str, gone_since: float | None = None) -> bytes:
    """Return the JSON that names *reason*; *gone_since* goes out in milliseconds."""
    if gone_since is None:
        return b'{"reason":"%b"}' % reason.encode()
    return b'{"reason":"%b","timestamp":%d}' % (reason.encode(), int(gone_since * 1000))


def refusal(reason: str, headers: Mapping[str, str], gone_since: float | None = None) -> Response:
    """Return the answer with *reason* and, before its own, *headers*."""
    return Response(
        status=STATUSES[reason],
        headers={**headers, "content-type": JSON},
        body=body(reason, gone_since),
    )
