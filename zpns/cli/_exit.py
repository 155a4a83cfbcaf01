"""What the exit status of a command says."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from enum import IntEnum
from typing import Final, Self

from zpns.errors import (
    CarrierError,
    ConfigError,
    ParameterError,
    RegistrationNotFound,
    StoreError,
    VendorUnavailable,
    WireError,
    ZPNsError,
)

__all__ = ["ExitCode", "code_of", "code_of_sends"]


class ExitCode(IntEnum):
    """The exit status of every command; the same number always means the same."""

    SUCCESS = 0, "everything was done"
    REFUSED = 1, "something was refused or not delivered; the output says what"
    MISCONFIGURED = 2, "an option, the configuration, a key file or the store is wrong"
    UNREACHABLE = 3, "a vendor could not be reached, or the store is busy: try again later"
    INTERRUPTED = 130, "interrupted by Ctrl-C"

    meaning: str
    """One line for people."""

    def __new__(cls, value: int, meaning: str = "") -> Self:
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


#: The sender's own words for a push whose vendor was not reached or did not answer.
_NOT_REACHED: Final = frozenset(
    {"connection_lost", "credential_unreachable", "not_sent", "timeout"}
)
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def code_of(error: ZPNsError) -> ExitCode:
    """Return the exit code of a command that ended with *error*."""
    if isinstance(error, ConfigError | ParameterError | WireError):
        return ExitCode.MISCONFIGURED
    if isinstance(error, CarrierError | VendorUnavailable):
        return ExitCode.UNREACHABLE
    if isinstance(error, StoreError) and not isinstance(error, RegistrationNotFound):
        cause = getattr(error.__cause__, "sqlite_errorcode", None)
        return ExitCode.UNREACHABLE if cause in _BUSY else ExitCode.MISCONFIGURED
    return ExitCode.REFUSED


def code_of_sends(failed: Iterable[tuple[str, int]], *, sent: int) -> ExitCode:
    """
    Return the exit code of a command that sent pushes.

    Args:
        failed: Code and HTTP status of every verdict that is not *sent*.

        sent: How many were sent.
    """
    unreached = [code in _NOT_REACHED or status >= 500 for code, status in failed]
    if not unreached:
        return ExitCode.SUCCESS
    return ExitCode.UNREACHABLE if all(unreached) and not sent else ExitCode.REFUSED
