"""Errors carry data, hide secrets, and can cross to another process."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from zpns import errors
from zpns.exchange import Request

REQUEST = Request(method="POST", url="https://example.com/")

MADE: dict[str, Any] = {
    "ConfigError": errors.ConfigError("key: missing"),
    "StateError": errors.StateError("closed"),
    "WireError": errors.WireError("no model", ["missing @ $.a", "text @ $.b"]),
    "ZIMError": errors.ZIMError(6000204, "no such user"),
    "ParameterError": errors.ParameterError("title", "text", 5),
    "CarrierError": errors.CarrierError("lost", REQUEST, sent=True),
    "CarrierTimeout": errors.CarrierTimeout("late", REQUEST, sent=False),
    "CredentialRejected": errors.CredentialRejected("no", channel="fcm", status=400),
    "QuotaExceeded": errors.QuotaExceeded("spent", channel="fcm", retry_after=60.0),
    "RequestRefused": errors.RequestRefused("never", channel="fcm", vendor_code="BAD"),
    "VendorUnavailable": errors.VendorUnavailable("later", channel="fcm"),
    "StoreError": errors.StoreError("full"),
    "RegistrationNotFound": errors.RegistrationNotFound("none"),
}
every_error = pytest.mark.parametrize("name", sorted(MADE))


def test_every_error_is_looked_at() -> None:
    """What is exported is here, apart from the two that are never raised themselves."""
    classes = {name for name in errors.__all__ if name != "shorten"}

    assert classes - {"ZPNsError", "VendorError"} == set(MADE)


@every_error
@pytest.mark.parametrize("again", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_error_survives_copy_and_pickle(name: str, again: Any) -> None:
    """Class, text and data stay; another process can read them."""
    error = MADE[name]
    other = again(error)

    assert (type(error), str(error), vars(error)) == (type(other), str(other), vars(other))


@pytest.mark.parametrize(
    ("name", "built_in"),
    [
        pytest.param("ConfigError", ValueError, id="config"),
        pytest.param("StateError", RuntimeError, id="state"),
        pytest.param("WireError", ValueError, id="wire"),
        pytest.param("ParameterError", ValueError, id="parameter"),
        pytest.param("CarrierTimeout", TimeoutError, id="timeout"),
        pytest.param("RegistrationNotFound", LookupError, id="registration"),
    ],
)
def test_error_is_also_the_built_in_one(name: str, built_in: type[Exception]) -> None:
    """Whoever catches what Python itself raises catches ours too."""
    assert isinstance(MADE[name], built_in)
    assert isinstance(MADE[name], errors.ZPNsError)


@pytest.mark.parametrize(
    ("name", "retryable"),
    [
        pytest.param("CredentialRejected", False, id="credential"),
        pytest.param("QuotaExceeded", True, id="quota"),
        pytest.param("RequestRefused", False, id="refused"),
        pytest.param("VendorUnavailable", True, id="unavailable"),
    ],
)
def test_error_says_whether_to_try_again(name: str, retryable: bool) -> None:
    """The class of a vendor's error decides, so that nobody parses text."""
    assert retryable is MADE[name].retryable


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        pytest.param("", "…(0 characters)", id="empty"),
        pytest.param("123456789012", "…(12 characters)", id="too-short-to-cut"),
        pytest.param("1234567890123", "123456…(13 characters)", id="cut"),
    ],
)
def test_secret_is_shortened(secret: str, shown: str) -> None:
    """Enough stays to tell two apart, and never the whole."""
    assert shown == errors.shorten(secret)


def test_wrong_value_is_repeated_in_part() -> None:
    """An error does not grow with what came."""
    error = errors.ParameterError("title", "text of 10 characters", "x" * 10_000)

    assert len(str(error)) < 200
    assert "10002 characters" in error.value
