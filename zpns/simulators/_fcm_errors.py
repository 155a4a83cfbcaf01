"""
Google's answers, word for word.

Two kinds of error share one form: FCM's own carry a detail ``FcmError`` with an error
code, those of the gateway before it (credentials, rights, quota, the JSON parser) do
not. Bodies are indented, as Google's are unless asked otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http.client import responses
from typing import Any, Final

import attrs
import orjson

from zpns.exchange import Response
from zpns.simulators._fcm_parser import Violation

__all__ = [
    "BAD_TOKEN",
    "DEAD_APPLE_TOKEN",
    "DEAD_TOKEN",
    "DEVICE_QUOTA",
    "DISABLED_APPLE_TOKEN",
    "EXPIRED_CREDENTIAL",
    "GENERIC",
    "INTERNAL",
    "MISSING_CREDENTIAL",
    "NOT_FOUND",
    "OTHER_SENDER",
    "UNAVAILABLE",
    "UNKNOWN_CREDENTIAL",
    "api_disabled",
    "bad_request",
    "compact",
    "html",
    "json",
    "permission_denied",
    "project_quota",
    "third_party_auth",
    "too_big",
    "unparsable",
]

RETRY_AFTER: Final = 30  # seconds; what the documentation's example of a 503 says
GENERIC: Final = "Request contains an invalid argument."
SERVICE: Final = "fcm.googleapis.com"
METHOD: Final = "google.firebase.fcm.v1.FcmService.SendMessage"

_JSON: Final = {"content-type": "application/json; charset=UTF-8"}
_HTML: Final = {"content-type": "text/html; charset=UTF-8"}
_TYPES: Final = "type.googleapis.com/"


def json(status: int, value: object) -> Response:
    """Return *value* as a body in Google's form."""
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return Response(status=status, headers=_JSON, body=body)


def html(status: int) -> Response:
    """Return the page of the servers in front of every API."""
    phrase = responses.get(status, "Error")
    page = (
        "<!DOCTYPE html>\n<html lang=en>\n"
        f"<title>Error {status} ({phrase})!!1</title>\n"
        f"<p><b>{status}.</b> <ins>That's an error.</ins>\n"
    )
    return Response(status=status, headers=_HTML, body=page.encode())


def compact(response: Response) -> Response:
    """Return *response* without indentation, for ``prettyPrint=false``."""
    return attrs.evolve(response, body=orjson.dumps(orjson.loads(response.body)))


def _error(code: int, status: str, message: str, *details: Mapping[str, Any]) -> Response:
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    if details:
        error["details"] = details
    return json(code, {"error": error})


def _fcm(code: str) -> dict[str, Any]:
    return {"@type": f"{_TYPES}google.firebase.fcm.v1.FcmError", "errorCode": code}


def _apns(status: int, reason: str) -> dict[str, Any]:
    name = f"{_TYPES}google.firebase.fcm.v1.ApnsError"
    return {"@type": name, "statusCode": status, "reason": reason}


def _info(reason: str, metadata: Mapping[str, str], domain: str = "googleapis.com") -> Any:
    name = f"{_TYPES}google.rpc.ErrorInfo"
    return {"@type": name, "reason": reason, "domain": domain, "metadata": metadata}


def _help(description: str, url: str) -> dict[str, Any]:
    links = [{"description": description, "url": url}]
    return {"@type": f"{_TYPES}google.rpc.Help", "links": links}


def _violations(violations: Sequence[Violation]) -> dict[str, Any]:
    """Return the detail; a violation of the body as a whole names no field."""
    detail: dict[str, Any] = {"@type": f"{_TYPES}google.rpc.BadRequest"}
    if violations:
        detail["fieldViolations"] = [
            {"field": field, "description": description} if field else {"description": description}
            for description, field in violations
        ]
    return detail


# What the caller got wrong.


def unparsable(violations: Sequence[Violation]) -> Response:
    """Return the parser's refusal, one line per violation."""
    message = "\n".join(violation.description for violation in violations)
    return _error(400, "INVALID_ARGUMENT", message, _violations(violations))


def bad_request(message: str, *violations: Violation) -> Response:
    """Return FCM's refusal of a message that the parser let through."""
    details = _violations(violations), _fcm("INVALID_ARGUMENT")
    return _error(400, "INVALID_ARGUMENT", message, *details)


def too_big(platform: str) -> Response:
    """Return the refusal of a payload over the limit; it names no field."""
    return bad_request(f"{platform} message is too big")


def permission_denied(project: str) -> Response:
    """Return the refusal of an account without rights in *project*."""
    permission = "cloudmessaging.messages.create"
    resource = f"//cloudresourcemanager.googleapis.com/projects/{project}"
    message = f"Permission '{permission}' denied on resource '{resource}' (or it may not exist)."
    metadata = {"resource": f"projects/{project}", "permission": permission}
    domain = "cloudresourcemanager.googleapis.com"
    info = _info("IAM_PERMISSION_DENIED", metadata, domain)
    return _error(403, "PERMISSION_DENIED", message, info)


def api_disabled(number: str) -> Response:
    """Return the refusal for a project in which the API is not switched on."""
    url = f"https://console.developers.google.com/apis/api/{SERVICE}/overview?project={number}"
    message = (
        f"Firebase Cloud Messaging API has not been used in project {number} before or it is "
        f"disabled. Enable it by visiting {url} then retry. If you enabled this API recently, "
        "wait a few minutes for the action to propagate to our systems and retry."
    )
    metadata = {"service": SERVICE, "consumer": f"projects/{number}"}
    link = _help("Google developers console API activation", url)
    return _error(403, "PERMISSION_DENIED", message, _info("SERVICE_DISABLED", metadata), link)


def project_quota(number: str, limit: int) -> Response:
    """Return the gateway's refusal once the project's sends of a minute are spent."""
    message = (
        "Quota exceeded for quota metric 'Send requests' and limit 'Send requests per minute' "
        f"of service '{SERVICE}' for consumer 'project_number:{number}'."
    )
    metadata = {
        "quota_metric": f"{SERVICE}/send_requests",
        "quota_limit": "SendsPerMinutePerProject",
        "quota_limit_value": str(limit),
        "quota_unit": "1/min/{project}",
        "quota_location": "global",
        "consumer": f"projects/{number}",
        "service": SERVICE,
    }
    link = _help(
        "Request a higher quota limit.",
        "https://cloud.google.com/docs/quota#requesting_higher_quota",
    )
    return _error(429, "RESOURCE_EXHAUSTED", message, _info("RATE_LIMIT_EXCEEDED", metadata), link)


def third_party_auth(reason: str | None) -> Response:
    """Return what is said when Apple or the web push service refuses FCM's credential."""
    details = [_fcm("THIRD_PARTY_AUTH_ERROR")]
    if reason is not None:
        details.append(_apns(403, reason))
    message = "Auth error from APNS or Web Push Service"
    return _error(401, "UNAUTHENTICATED", message, *details)


NOT_FOUND: Final = html(404)

_CREDENTIAL: Final = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential."
)

MISSING_CREDENTIAL: Final = _error(
    401,
    "UNAUTHENTICATED",
    f"Request is missing required authentication credential. {_CREDENTIAL}",
)

UNKNOWN_CREDENTIAL: Final = _error(
    401, "UNAUTHENTICATED", f"Request had invalid authentication credentials. {_CREDENTIAL}"
)

EXPIRED_CREDENTIAL: Final = _error(
    401,
    "UNAUTHENTICATED",
    f"Request had invalid authentication credentials. {_CREDENTIAL}",
    _info("ACCESS_TOKEN_EXPIRED", {"service": SERVICE, "method": METHOD}),
)

# What is to be said of a device.

BAD_TOKEN: Final = _error(
    400,
    "INVALID_ARGUMENT",
    "The registration token is not a valid FCM registration token",
    _fcm("INVALID_ARGUMENT"),
)

DEAD_TOKEN: Final = _error(404, "NOT_FOUND", "NotRegistered", _fcm("UNREGISTERED"))

DEAD_APPLE_TOKEN: Final = _error(
    404,
    "NOT_FOUND",
    "Requested entity was not found.",
    _fcm("UNREGISTERED"),
    _apns(410, "Unregistered"),
)

# A dead token all the same, whatever the code says.
DISABLED_APPLE_TOKEN: Final = _error(
    400,
    "INVALID_ARGUMENT",
    "APNs device token is disabled.",
    _fcm("INVALID_ARGUMENT"),
    _apns(410, "Unregistered"),
)

OTHER_SENDER: Final = _error(
    403, "PERMISSION_DENIED", "SenderId mismatch", _fcm("SENDER_ID_MISMATCH")
)

DEVICE_QUOTA: Final = _error(
    429,
    "RESOURCE_EXHAUSTED",
    "Resource has been exhausted (e.g. check quota).",
    _fcm("QUOTA_EXCEEDED"),
)

# What is nobody's fault.

INTERNAL: Final = _error(500, "INTERNAL", "Internal error encountered.", _fcm("INTERNAL"))

UNAVAILABLE: Final = attrs.evolve(
    _error(503, "UNAVAILABLE", "The service is currently unavailable.", _fcm("UNAVAILABLE")),
    headers=_JSON | {"retry-after": str(RETRY_AFTER)},
)
