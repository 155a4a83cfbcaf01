"""The words of the sender itself: what it means when a vendor said nothing."""

from __future__ import annotations

import logging
import traceback
from typing import Final

from zpns.errors import (
    CarrierError,
    CarrierTimeout,
    CredentialRejected,
    ParameterError,
    QuotaExceeded,
    VendorError,
)
from zpns.models.delivery import AfterRefresh, At, Outcome, Retry, Scope, Verdict
from zpns.transports.base import Skip

__all__ = [
    "BROKEN",
    "CLOSED",
    "DROPPED",
    "LATE",
    "LOST",
    "NO_ANSWER",
    "log_failure",
    "no_answer",
    "no_credential",
    "no_token",
    "not_saved",
    "not_sent",
    "refused",
    "skipped",
]

logger = logging.getLogger("zpns.sender")

LATE: Final = Verdict(
    outcome=Outcome.EXPIRED, code="expired", advice="its deadline passed before it could be sent"
)
CLOSED: Final = Verdict(
    outcome=Outcome.SKIPPED,
    code="sender_closed",
    advice="the sender was closed before it could be sent",
)
BROKEN: Final = Verdict(
    outcome=Outcome.REFUSED,
    code="internal_error",
    advice="the transport failed; see the log of zpns.sender",
)
DROPPED: Final = Verdict(
    outcome=Outcome.UNKNOWN,
    code="internal_error",
    advice="the carrier failed, see the log of zpns.sender: the device may have got it",
)
NO_ANSWER: Final = Verdict(
    outcome=Outcome.UNKNOWN,
    code="timeout",
    advice="it was sent and no answer came: the device may have got it",
)
LOST: Final = Verdict(outcome=Outcome.UNKNOWN, code="connection_lost", advice=NO_ANSWER.advice)


def refused(error: ParameterError) -> Verdict:
    """Return what it means that a notification does not fit a vendor's limits."""
    code = getattr(error, "reason", "") or "invalid_notification"
    return Verdict(outcome=Outcome.REFUSED, code=code, advice=error.message)


def skipped(skip: Skip) -> Verdict:
    """Return what it means that the transport wants nothing sent."""
    if skip.why == LATE.code:
        return LATE
    return Verdict(outcome=Outcome.SKIPPED, code=skip.why, advice=skip.advice)


def no_token(token: object) -> Verdict:
    """Return what it means that *token* is none; it is not repeated."""
    came = f"text of {len(token)} characters" if isinstance(token, str) else type(token).__name__
    return Verdict(
        outcome=Outcome.SKIPPED,
        code="not_a_token",
        advice=f"expected a token as text of 1 to 4,096 bytes, or a DeviceToken; got {came}",
    )


def no_credential(error: VendorError | CarrierError, now: float) -> Verdict:
    """Return what it means that no credential was to be had; nothing was sent."""
    if isinstance(error, CarrierError):
        return Verdict(
            outcome=Outcome.RETRY,
            code="credential_unreachable",
            advice=f"the vendor's token endpoint could not be reached: {error}",
        )
    code = "credential_unavailable" if error.retryable else "credential_rejected"
    return _vendor_error(error, now, code, Scope.TOKEN)


def not_saved(error: VendorError | CarrierError, now: float) -> Verdict:
    """Return what it means that the body could not be saved; nothing was sent to devices."""
    if isinstance(error, CarrierError):
        return Verdict(
            outcome=Outcome.RETRY,
            code="not_sent",
            advice=f"the body could not be saved at the vendor: {error}",
        )
    if isinstance(error, CredentialRejected):
        return Verdict(
            outcome=Outcome.RETRY,
            status=error.status,
            code=error.vendor_code or "credential_rejected",
            advice=str(error),
            retry=AfterRefresh(),
        )
    scope = Scope.APP if isinstance(error, QuotaExceeded) else Scope.TOKEN
    return _vendor_error(error, now, "not_saved", scope)


def _vendor_error(error: VendorError, now: float, code: str, scope: Scope) -> Verdict:
    retry: Retry | None = None
    if error.retryable and error.retry_after is not None:
        retry = At(now + error.retry_after)
    return Verdict(
        outcome=Outcome.RETRY if error.retryable else Outcome.REFUSED,
        status=error.status,
        code=error.vendor_code or code,
        advice=str(error),
        retry=retry,
        scope=scope,
    )


def not_sent(reason: str) -> Verdict:
    """Return what it means that a request surely did not reach the vendor."""
    return Verdict(
        outcome=Outcome.RETRY, code="not_sent", advice=f"the vendor was not reached: {reason}"
    )


def no_answer(error: CarrierError) -> Verdict:
    """Return what it means that a request got no answer."""
    if not error.sent:
        return not_sent(str(error))
    return NO_ANSWER if isinstance(error, CarrierTimeout) else LOST


def log_failure(
    channel: str, doing: str, error: BaseException, *, level: int = logging.ERROR
) -> None:
    """
    Log that the code of a transport or a carrier failed.

    The error's own text stays out: it may hold a token or a secret, as a ``KeyError``
    does. Its class and the lines it came through name the fault as well.
    """
    lines = "".join(traceback.format_tb(error.__traceback__))
    name = type(error).__name__
    logger.log(
        level,
        "%s: %s failed with %s\n%s",
        channel,
        doing,
        name,
        lines,
        extra={"channel": channel, "error": name},
    )
