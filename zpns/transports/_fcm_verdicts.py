"""
What FCM's answers mean.

Written from Google's pages "Error codes", "Best practices when sending FCM messages at
scale" and "Throttling and quotas", read 2026-11, and from answers that users captured.
The order in which an answer is judged:

1. Apple's own words, where FCM relays them;
2. FCM's error code (``CODES``);
3. without one it is Google's gateway that answered, before FCM saw the message: it is
   about credentials, project or quota, never about the token (``STATUSES``, ``REASONS``);
4. what nobody has seen before is judged by its HTTP status.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from zpns.errors import shorten
from zpns.exchange import Response
from zpns.models.delivery import AfterRefresh, At, Outcome, Retry, Scope, Target, Verdict
from zpns.transports._retry_after import retry_after

__all__ = ["CODES", "REASONS", "STATUSES", "Meaning", "judge"]

QUOTA_WAIT: Final = 60.0  # seconds after a 429 without Retry-After; Google's page on quotas
QUOTED: Final = 160  # characters of the vendor's own text in an advice

_FCM: Final = "google.firebase.fcm.v1.FcmError"
_APNS: Final = "google.firebase.fcm.v1.ApnsError"
_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")
_NAMES_TOKEN: Final = re.compile("registration token", re.IGNORECASE)
_TOKEN_FIELDS: Final = frozenset({"", "message", "message.token", "message.fid"})
_DEAD_AT_APPLE: Final = frozenset({"Unregistered", "BadDeviceToken"})


class Meaning(NamedTuple):
    """
    What a code means.

    Attributes:
        outcome: How the push ended.

        advice: Whose fault it is and what to do.

        refresh: Whether a new access token is the remedy.

        wait: Seconds to wait where the vendor names none; None leaves it to the backoff.

        scope: Whom it concerns.

        quotes: Whether the vendor's own text helps and follows the advice.
    """

    outcome: Outcome
    advice: str
    refresh: bool = False
    wait: float | None = None
    scope: Scope = Scope.TOKEN
    quotes: bool = False


_DEAD: Final = Meaning(
    Outcome.TOKEN_DEAD,
    "the app was uninstalled, or its token expired or was replaced: forget the token",
)
_MALFORMED_TOKEN: Final = Meaning(
    Outcome.TOKEN_DEAD, "this never was a registration token of FCM: forget it"
)
_DEAD_APPLE: Final = Meaning(
    Outcome.TOKEN_DEAD, "Apple knows no such device any more: forget the token"
)
_THIRD_PARTY: Final = Meaning(
    Outcome.REFUSED,
    "Apple or the browser's push service rejects your Firebase project: check the APNs key or "
    "the Web Push certificate under Cloud Messaging in the Firebase console",
)
_MALFORMED: Final = Meaning(
    Outcome.REFUSED,
    "FCM does not accept the message; the token is not to blame: check the resource's settings, "
    "and report it if there are none",
    quotes=True,
)
_UNAVAILABLE: Final = Meaning(Outcome.RETRY, "FCM is overloaded: it is tried again later")
_INTERNAL: Final = Meaning(Outcome.RETRY, "FCM failed internally: it is tried again later")

#: FCM's own error codes.
CODES: Final[Mapping[str, Meaning]] = {
    # The token is gone.
    "UNREGISTERED": _DEAD,
    # The token is another project's: one wrong key file would condemn every token of the
    # app, so it is no proof.
    "SENDER_ID_MISMATCH": Meaning(
        Outcome.TOKEN_SUSPECT,
        "the token belongs to another Firebase project: use that project's service account, or "
        "remove tokens left from it",
    ),
    # This message will never work. Unless it is the token that is malformed, see below.
    "INVALID_ARGUMENT": _MALFORMED,
    "THIRD_PARTY_AUTH_ERROR": _THIRD_PARTY,
    "APNS_AUTH_ERROR": _THIRD_PARTY,
    # Later.
    "QUOTA_EXCEEDED": Meaning(
        Outcome.RETRY,
        "too many messages to this device or topic: it is tried again later; send it fewer",
        wait=QUOTA_WAIT,
    ),
    "UNAVAILABLE": _UNAVAILABLE,
    "INTERNAL": _INTERNAL,
}

#: Reasons that Google's gateway names, where they say more than the HTTP status.
REASONS: Final[Mapping[str, Meaning]] = {
    "SERVICE_DISABLED": Meaning(
        Outcome.REFUSED,
        "the Firebase Cloud Messaging API is not enabled in the project: enable "
        "fcm.googleapis.com in the Google Cloud console",
    ),
}

#: What Google's gateway means by an HTTP status alone.
STATUSES: Final[Mapping[int, Meaning]] = {
    400: _MALFORMED,
    401: Meaning(
        Outcome.RETRY,
        "Google does not accept the access token: a new one is fetched; if that does not help, "
        "check the service account",
        refresh=True,
    ),
    403: Meaning(
        Outcome.REFUSED,
        "the service account may not send for this project: grant it the role Firebase Cloud "
        "Messaging API Admin, and check project_id",
        quotes=True,
    ),
    # Not a dead token: those come with FCM's error code.
    404: Meaning(
        Outcome.REFUSED, "there is no such project or address: check project_id and base_url"
    ),
    408: _UNAVAILABLE,
    429: Meaning(
        Outcome.RETRY,
        "the project's quota of messages per minute is spent: everything of this app waits; ask "
        "Google for more if this is not a peak",
        wait=QUOTA_WAIT,
        scope=Scope.APP,
    ),
    500: _INTERNAL,
}
_NO_CREDENTIAL: Final = Meaning(
    Outcome.REFUSED,
    "the authorization header did not arrive: something between here and Google removes it",
)
_NOT_FCM: Final = Meaning(
    Outcome.REFUSED,
    "this is no answer of FCM: check base_url, and what stands between here and Google",
)


class _Error(NamedTuple):
    """The readable parts of an error's body; each is empty if it is not there."""

    message: str = ""
    status: str = ""
    code: str = ""  # FCM's own
    reason: str = ""  # the gateway's
    apple: str = ""
    apple_status: int = 0
    violations: tuple[tuple[str, str], ...] = ()  # field, description
    delay: float | None = None


def judge(targets: Sequence[Target], response: Response, now: float) -> list[Verdict]:
    """Return what *response* means for each of *targets*; *now* is in UTC seconds."""
    if response.status == 200:
        verdict = _accepted(response.body)
    else:
        verdict = _refused(targets, response, now)
    return [verdict] * len(targets)


def _accepted(body: bytes) -> Verdict:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        # A body cut short on its way is still FCM's; a log-in page of a network is not.
        if body.lstrip()[:1] in (b"", b"{"):
            return _verdict(Outcome.SENT, 200, "", "")
        answer = None
    name = answer.get("name") if isinstance(answer, dict) else None
    if isinstance(name, str):
        return Verdict(outcome=Outcome.SENT, status=200, message_id=name)
    return _verdict(_NOT_FCM.outcome, 200, "NOT_FCM", _NOT_FCM.advice)


def _refused(targets: Sequence[Target], response: Response, now: float) -> Verdict:
    status = response.status
    error = _read(response.body)
    meaning = _meaning(status, error)
    advice = meaning.advice
    if meaning.quotes:
        advice = _quoted(advice, error, targets)
    code = error.code or error.reason or error.status or f"HTTP_{status}"
    retry: Retry | None = None
    if meaning.refresh:
        retry = AfterRefresh()
    elif meaning.outcome is Outcome.RETRY:
        wait = retry_after(response.headers, now)
        if wait is None:
            wait = error.delay if error.delay is not None else meaning.wait
        retry = None if wait is None else At(now + wait)
    if retry is None:
        return _verdict(meaning.outcome, status, code, advice)
    return Verdict(
        outcome=meaning.outcome,
        status=status,
        code=code,
        advice=advice,
        retry=retry,
        scope=meaning.scope,
    )


@lru_cache(maxsize=256)
def _verdict(outcome: Outcome, status: int, code: str, advice: str) -> Verdict:
    """Return the verdict without data of its own; a fan-out shares one object."""
    return Verdict(outcome=outcome, status=status, code=code, advice=advice)


def _meaning(status: int, error: _Error) -> Meaning:
    if error.apple_status == 410 or error.apple in _DEAD_AT_APPLE:
        return _DEAD_APPLE
    if error.apple_status == 403:
        return _THIRD_PARTY
    if error.code == "INVALID_ARGUMENT" and _blames_token(error):
        return _MALFORMED_TOKEN
    if error.code in CODES:
        return CODES[error.code]
    if error.code not in ("", "UNSPECIFIED_ERROR"):
        return _unheard_of(status)
    if error.reason in REASONS:
        return REASONS[error.reason]
    if status == 401 and error.message.startswith("Request is missing required auth"):
        return _NO_CREDENTIAL
    return STATUSES.get(status) or _by_class(status)


def _unheard_of(status: int) -> Meaning:
    """Return what a code of FCM means that is not known here: it saw token and message."""
    meaning = STATUSES.get(status) or _by_class(status)
    if meaning.outcome is Outcome.RETRY and not meaning.refresh:
        return meaning._replace(scope=Scope.TOKEN, advice="FCM wants it later: it is tried again")
    return Meaning(
        Outcome.REFUSED,
        "FCM refuses this push for a reason that is not known here: look its code up",
        quotes=True,
    )


def _by_class(status: int) -> Meaning:
    if status >= 500:
        return _UNAVAILABLE
    return _MALFORMED if status >= 400 else _NOT_FCM


def _blames_token(error: _Error) -> bool:
    """
    Whether an INVALID_ARGUMENT is about the token.

    A malformed message gets the same code, and must not cost a single token.
    """
    if any(field not in _TOKEN_FIELDS for field, _ in error.violations):
        return False
    said = (error.message, *(description for _, description in error.violations))
    return any(_NAMES_TOKEN.search(text) for text in said)


def _quoted(advice: str, error: _Error, targets: Sequence[Target]) -> str:
    """Return *advice* and what the vendor said, on one line, without any token."""
    said = error.message
    for field, description in error.violations[:1]:
        said = description if description.startswith(field) else f"{field}: {description}"
    for target in targets:
        if target.token:
            said = said.replace(target.token, shorten(target.token))
    said = " ".join(said.split())
    return f"{advice} (FCM: {said[:QUOTED]})" if said else advice


def _read(body: bytes) -> _Error:
    """Return what can be read of an error's body, whatever it is."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _Error()
    found = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(found, str):  # as Google's older services do
        return _Error(status=_word(found), message=found)
    if not isinstance(found, dict):
        return _Error()
    details = dict(_details(found))
    apple = details.get(_APNS, {})
    apple_status = apple.get("statusCode")
    return _Error(
        message=_text(found.get("message")),
        status=_word(found.get("status")),
        code=_word(details.get(_FCM, {}).get("errorCode")),
        reason=_word(details.get("google.rpc.ErrorInfo", {}).get("reason")),
        apple=_text(apple.get("reason")),
        apple_status=apple_status if isinstance(apple_status, int) else 0,
        violations=tuple(_violations(details.get("google.rpc.BadRequest", {}))),
        delay=_delay(details.get("google.rpc.RetryInfo", {}).get("retryDelay")),
    )


def _details(error: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict):
            yield _text(detail.get("@type")).rpartition("/")[2], detail


def _violations(detail: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    violations = detail.get("fieldViolations")
    for violation in violations if isinstance(violations, list) else ():
        if isinstance(violation, dict):
            yield _text(violation.get("field")), _text(violation.get("description"))


def _delay(value: object) -> float | None:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return None if match is None else float(match[1])


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _word(value: object) -> str:
    """Return a code that may stand in a ledger: one word, not too long."""
    return "_".join(_text(value).split())[:64]
