"""
Every error zpns raises.

.. code-block:: text

    ZPNsError                      everything below; never raised itself
    ├── ConfigError (ValueError)   credentials or settings missing or malformed
    ├── StateError (RuntimeError)  closed, not started, or used from another event loop
    ├── WireError (ValueError)     input does not fit the model
    ├── ZIMError                   ZIM's own verdict
    │   └── ParameterError (ValueError)  an argument or a model's field is wrong
    ├── CarrierError               the bytes did not make it
    │   └── CarrierTimeout (TimeoutError)
    ├── VendorError                a vendor answered, and the answer concerns us
    │   ├── CredentialRejected
    │   ├── QuotaExceeded
    │   ├── RequestRefused
    │   └── VendorUnavailable
    └── StoreError                 the backend failed; the driver's exception is the cause
        └── RegistrationNotFound (LookupError)

This is a leaf: it imports nothing of zpns, so every room may raise from here.
What concerns one device is a :class:`~zpns.Delivery`, never an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from zpns.exchange import Request

__all__ = [
    "CarrierError",
    "CarrierTimeout",
    "ConfigError",
    "CredentialRejected",
    "ParameterError",
    "QuotaExceeded",
    "RegistrationNotFound",
    "RequestRefused",
    "StateError",
    "StoreError",
    "VendorError",
    "VendorUnavailable",
    "WireError",
    "ZIMError",
    "ZPNsError",
    "shorten",
]

PARAMS_INVALID: Final = 6000001  # ZIM's CommonModuleParamsInvalid
_SHOWN: Final = 60  # characters of a wrong value that an error repeats


def shorten(secret: str, *, keep: int = 6) -> str:
    """
    Return *secret* so that a human can tell two apart and nobody can use it.

    Args:
        secret: A device token, key or other text that must not appear in full.

        keep: How many leading characters stay.

    Returns:
        The first *keep* characters, an ellipsis and the length; a text that is
        too short to be cut safely becomes its length alone.
    """
    if len(secret) <= 2 * keep:
        return f"…({len(secret)} characters)"
    return f"{secret[:keep]}…({len(secret)} characters)"


class ZPNsError(Exception):
    """Base of everything zpns raises; never raised itself."""

    def __reduce__(self) -> tuple[Any, ...]:
        # By what it holds and not by its arguments: those of its subclasses differ, and an
        # error has to cross to other processes.
        return _made_again, (type(self), self.args, self.__dict__)


def _made_again(cls: type[ZPNsError], args: tuple[Any, ...], state: dict[str, Any]) -> ZPNsError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigError(ZPNsError, ValueError):
    """Credentials or settings are missing or malformed; raised at construction."""


class StateError(ZPNsError, RuntimeError):
    """The object is closed, not started yet, or used from another event loop."""


class WireError(ZPNsError, ValueError):
    """
    Input from outside does not fit the model.

    Attributes:
        problems: One line per problem, ``what @ $.path``.
    """

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__("; ".join((message, *problems)) if problems else message)
        self.problems = tuple(problems)


class ZIMError(ZPNsError):
    """
    ZIM's own verdict on a request.

    Attributes:
        code: A number of :class:`~zpns.ZIMErrorCode`.

        message: One sentence: what is wrong and what to do.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{message} (code {int(code)})")
        self.code = int(code)
        self.message = message


class ParameterError(ZIMError, ValueError):
    """
    An argument or a model's field is wrong.

    Attributes:
        field: Name of the field or argument.

        expected: What would have been right, with its unit.

        value: What came, shortened; a secret is never repeated in full.
    """

    def __init__(
        self, field: str, expected: str, value: object, *, code: int = PARAMS_INVALID
    ) -> None:
        shown = repr(value)
        if len(shown) > _SHOWN:
            shown = f"{shown[:_SHOWN]}… ({len(shown)} characters)"
        super().__init__(code, f"{field}: expected {expected}, got {shown}")
        self.field = field
        self.expected = expected
        self.value = shown


class CarrierError(ZPNsError):
    """
    The bytes did not make it to the vendor and back.

    Attributes:
        request: What was to be sent.

        sent: Whether the vendor may have received it. False means surely not:
            sending it again repeats nothing.
    """

    def __init__(self, message: str, request: Request, *, sent: bool) -> None:
        super().__init__(message)
        self.request = request
        self.sent = sent


class CarrierTimeout(CarrierError, TimeoutError):
    """No answer within the time allowed."""


class VendorError(ZPNsError):
    """
    A vendor answered, and the answer concerns us rather than one device.

    Attributes:
        channel: The vendor's channel, such as ``"fcm"``.

        status: HTTP status, or 0 if the answer was not HTTP's fault.

        vendor_code: The vendor's own code or an empty text.

        retry_after: Seconds the vendor asked us to wait, or None.

        retryable: Whether the same request may work later.
    """

    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        channel: str,
        status: int = 0,
        vendor_code: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{channel}: {message}")
        self.channel = channel
        self.status = status
        self.vendor_code = vendor_code
        self.retry_after = retry_after


class CredentialRejected(VendorError):
    """The vendor does not accept our key, account or its rights."""


class QuotaExceeded(VendorError):
    """The vendor's quota for the whole app is spent."""

    retryable = True


class RequestRefused(VendorError):
    """The vendor understood the request and will never accept it."""


class VendorUnavailable(VendorError):
    """The vendor cannot answer now."""

    retryable = True


class StoreError(ZPNsError):
    """The store failed; the driver's exception is ``__cause__``."""


class RegistrationNotFound(StoreError, LookupError):
    """No such registration."""
