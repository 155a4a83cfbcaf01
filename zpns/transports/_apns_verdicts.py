"""
What APNs' answers mean.

Written from Apple's page "Handling notification responses from APNs", read 2026-11, and
from answers that users captured. A success is its status alone. Anything else is judged
by Apple's reason (``REASONS``); what has none that is known here, by its HTTP status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import orjson

from zpns.exchange import Response
from zpns.models.delivery import AfterRefresh, At, Outcome, Retry, Scope, Target, Verdict
from zpns.transports._retry_after import retry_after

__all__ = ["ACCEPTED", "REASONS", "Meaning", "judge"]

DEVICE_WAIT: Final = 60.0  # seconds after "too many" to one device; Google's value for the same
UPDATES_WAIT: Final = 60.0  # seconds before it is looked whether Apple takes a token again
AT_ONCE: Final = 0.0  # seconds; a try on another connection
LATEST: Final = 1e14  # milliseconds since 1970, the year 5138; what is above is no time

#: What a plain success means: one object for all.
ACCEPTED: Final = Verdict(outcome=Outcome.SENT, status=200)


class Meaning(NamedTuple):
    """
    What a reason means.

    Attributes:
        outcome: How the push ended.

        advice: Whose fault it is and what to do.

        refresh: Whether a new provider token is the remedy.

        wait: Seconds to wait where the vendor names none; None leaves it to the backoff.

        scope: Whom it concerns.

        ambiguous: Whether the push may have been taken all the same.
    """

    outcome: Outcome
    advice: str
    refresh: bool = False
    wait: float | None = None
    scope: Scope = Scope.TOKEN
    ambiguous: bool = False


def _refused(advice: str) -> Meaning:
    return Meaning(Outcome.REFUSED, advice)


_DEAD: Final = Meaning(
    Outcome.TOKEN_DEAD, "the app was uninstalled, or its token expired: forget the token"
)
_OURS: Final = _refused(
    "Apple does not accept a header of the push; the token is not to blame: check the resource's "
    "settings, and report it if there are none"
)
_CERTIFICATE: Final = _refused(
    "Apple does not accept the certificate: check that it is a push certificate, neither revoked "
    "nor for the other environment"
)
_KEY: Final = _refused(
    "Apple does not accept the key: check key, key_id and team_id, that the key was not revoked, "
    "and the clock of this machine"
)
_KEY_ENVIRONMENT: Final = _refused(
    "the key is for the other environment: use one for both, or register the device for the "
    "environment it belongs to"
)
_FORBIDDEN: Final = _refused(
    "Apple does not allow this to the key or certificate: check its rights in the developer account"
)
_UNAVAILABLE: Final = Meaning(
    Outcome.RETRY, "APNs cannot answer now: it is tried again", wait=AT_ONCE
)
_INTERNAL: Final = Meaning(
    Outcome.RETRY, "APNs failed internally: it is tried again", wait=AT_ONCE, ambiguous=True
)
_TOO_MANY: Final = Meaning(
    Outcome.RETRY,
    "too many pushes to this device: it is tried again later; send it fewer, or collapse them",
    wait=DEVICE_WAIT,
)
_CALL_IN_DOUBT: Final = (
    "APNs failed while it had the push: the phone may have got it and must not ring twice"
)

#: Apple's reasons.
REASONS: Final[Mapping[str, Meaning]] = {
    # The token is gone, since the time that the answer names.
    "Unregistered": _DEAD,
    "ExpiredToken": _DEAD,
    # The token is wrong here, and perhaps right elsewhere: one wrong setting would condemn
    # every token of the app, so it is no proof.
    "BadDeviceToken": Meaning(
        Outcome.TOKEN_SUSPECT,
        "the token is malformed, or of the other environment: development builds register for "
        "sandbox, TestFlight and the App Store for production",
    ),
    "DeviceTokenNotForTopic": Meaning(
        Outcome.TOKEN_SUSPECT,
        "the token is another app's, or of another kind than the push: check bundle_id, and that "
        "VoIP tokens are registered as voip",
    ),
    # This push will never work.
    "BadCollapseId": _OURS,
    "BadExpirationDate": _OURS,
    "BadMessageId": _OURS,
    "BadPriority": _OURS,
    "BadTopic": _refused("there is no such topic: check bundle_id and the resource's apns.topic"),
    "DuplicateHeaders": _OURS,
    "InvalidPushType": _OURS,
    "MissingDeviceToken": _OURS,
    "MissingTopic": _refused("a topic is missing: check bundle_id"),
    "PayloadEmpty": _refused("the body did not arrive, or is no JSON: check the payload"),
    "PayloadTooLarge": _refused("it is longer than Apple allows: shorten its payload"),
    "TopicDisallowed": _refused(
        "the key or certificate may not send to this app: check bundle_id, and the topics it is for"
    ),
    "BadPath": _refused("this is no address of APNs: check base_url"),
    "MethodNotAllowed": _refused("this is no address of APNs: check base_url"),
    # Our credential. No token is to blame, and another try does not help.
    "BadCertificate": _CERTIFICATE,
    "BadCertificateEnvironment": _CERTIFICATE,
    "Forbidden": _FORBIDDEN,
    "InvalidProviderToken": _KEY,
    "MissingProviderToken": _refused(
        "neither provider token nor certificate arrived: check what stands between here and Apple"
    ),
    "UnrelatedKeyIdInToken": _refused(
        "the key is another than the connection began with: give each key a transport of its own"
    ),
    # Apple's page has the first spelling, its servers the second.
    "BadEnvironmentKeyIdInToken": _KEY_ENVIRONMENT,
    "BadEnvironmentKeyInToken": _KEY_ENVIRONMENT,
    # Later.
    "ExpiredProviderToken": Meaning(
        Outcome.RETRY,
        "the provider token is over an hour old: a new one is made; if that does not help, set "
        "the clock of this machine",
        refresh=True,
    ),
    "TooManyProviderTokenUpdates": Meaning(
        Outcome.RETRY,
        "Apple had another provider token less than 20 minutes ago: everything of this app waits; "
        "share one transport between all that use the key",
        wait=UPDATES_WAIT,
        scope=Scope.APP,
    ),
    "TooManyRequests": _TOO_MANY,
    "IdleTimeout": Meaning(
        Outcome.RETRY, "the connection was idle for too long: it is tried again", wait=AT_ONCE
    ),
    "InternalServerError": _INTERNAL,
    "ServiceUnavailable": _UNAVAILABLE,
    "Shutdown": _UNAVAILABLE,
}

#: What an HTTP status means when Apple's reason is not known here.
_STATUSES: Final[Mapping[int, Meaning]] = {
    403: _FORBIDDEN,
    410: Meaning(
        Outcome.TOKEN_SUSPECT,
        "Apple says the token is gone, for a reason that is not known here: look its code up",
    ),
}
_UNHEARD_OF: Final = _refused(
    "Apple refuses this push for a reason that is not known here: look its code up"
)
_NOT_APNS: Final = _refused(
    "this is no answer of APNs, which always gives a reason: check base_url, and what stands "
    "between here and Apple"
)


def judge(
    targets: Sequence[Target], response: Response, now: float, *, rings: bool = False
) -> list[Verdict]:
    """
    Return what *response* means for each of *targets*.

    Args:
        targets: Those of the request.

        response: APNs' answer.

        now: UTC seconds.

        rings: Whether it was a VoIP push, of which a phone must not get two.
    """
    if response.status == 200:
        return [ACCEPTED] * len(targets)
    return [_judge(response, now, rings=rings)] * len(targets)


def _judge(response: Response, now: float, *, rings: bool) -> Verdict:
    status = response.status
    reason, timestamp = _read(response.body)
    meaning = _meaning(status, reason)
    code = reason or f"HTTP_{status}"
    if rings and meaning.ambiguous:
        return _verdict(Outcome.UNKNOWN, status, code, _CALL_IN_DOUBT)
    retry: Retry | None = None
    if meaning.refresh:
        retry = AfterRefresh()
    elif meaning.outcome is Outcome.RETRY:
        wait = retry_after(response.headers, now)
        if wait is None:
            wait = meaning.wait
        retry = None if wait is None else At(now + wait)
    if meaning.outcome is not Outcome.TOKEN_DEAD:
        timestamp = None
    if retry is None and timestamp is None:
        return _verdict(meaning.outcome, status, code, meaning.advice)
    return Verdict(
        outcome=meaning.outcome,
        status=status,
        code=code,
        advice=meaning.advice,
        timestamp=timestamp,
        retry=retry,
        scope=meaning.scope,
    )


@lru_cache(maxsize=256)
def _verdict(outcome: Outcome, status: int, code: str, advice: str) -> Verdict:
    """Return the verdict without data of its own; a fan-out shares one object."""
    return Verdict(outcome=outcome, status=status, code=code, advice=advice)


def _meaning(status: int, reason: str) -> Meaning:
    if reason in REASONS and status >= 400:
        return REASONS[reason]
    if status == 429:
        return _TOO_MANY
    if status in (408, 503):
        return _UNAVAILABLE
    if status >= 500:
        return _INTERNAL
    if status < 400 or not reason:
        return _NOT_APNS
    return _STATUSES.get(status, _UNHEARD_OF)


def _read(body: bytes) -> tuple[str, float | None]:
    """Return the reason and the time in UTC seconds, as far as they can be read."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", None
    if not isinstance(answer, dict):
        return "", None
    reason, since = answer.get("reason"), answer.get("timestamp")
    # A code may stand in a ledger: one word, not too long.
    word = "_".join(reason.split())[:64] if isinstance(reason, str) else ""
    if isinstance(since, bool) or not isinstance(since, int | float) or not 0 < since < LATEST:
        return word, None
    return word, since / 1000
