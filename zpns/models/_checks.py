"""
Validators of the models: what a client can check, said with field, expectation and value.

Each returns an attrs validator that raises :class:`~zpns.errors.ParameterError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import attrs

from zpns.errors import PARAMS_INVALID, ParameterError

Validator: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]

# ZIM's alphabet of user IDs (spec: 1..32 bytes; letters, digits and this punctuation).
_USER_ID: Final = re.compile(r"[A-Za-z0-9!#$%&()+\-:;<=.>?@\[\]^_{}~|]{1,32}\Z")
USER_ID_EXPECTED: Final = "1 to 32 of letters, digits and !#$%&()+-:;<=.>?@[]^_{}~|"


def check_user_id(field: str, value: object) -> str:
    """Return *value* if it is a user ID, else raise naming *field*."""
    if not isinstance(value, str) or not _USER_ID.match(value):
        raise ParameterError(field, USER_ID_EXPECTED, value)
    return value


def check_text(
    field: str,
    value: object,
    *,
    least: int = 0,
    most: int | None = None,
    unit: str = "characters",
    code: int = PARAMS_INVALID,
) -> str:
    """
    Return *value* if it is text of the allowed length that can be sent as UTF-8.

    Args:
        field: Name used in the error.

        value: What to check.

        least: Fewest characters or bytes.

        most: Most characters or bytes; None means no limit.

        unit: ``"characters"`` or ``"bytes"`` (of UTF-8).

        code: ZIM's code for the error.
    """
    span = f"text of {least} to {most} {unit}" if most is not None else "text"
    if not isinstance(value, str):
        raise ParameterError(field, span, value, code=code)
    try:
        size = len(value.encode()) if unit == "bytes" or not value.isascii() else len(value)
    except UnicodeEncodeError:
        raise ParameterError(field, f"{span} without lone surrogates", value, code=code) from None
    if unit == "characters":
        size = len(value)
    if size < least or (most is not None and size > most):
        raise ParameterError(field, span, value, code=code)
    return value


def check_int(
    field: str,
    value: object,
    *,
    least: int | None = None,
    most: int | None = None,
    unit: str = "",
    code: int = PARAMS_INVALID,
) -> int:
    """Return *value* if it is an integer (not a bool) within *least* and *most*, both included."""
    span = "an integer"
    if least is not None and most is not None:
        span = f"an integer from {least} to {most}"
    elif least is not None:
        span = f"an integer of {least} or more"
    span = f"{span} {unit}".rstrip()
    if not isinstance(value, int) or isinstance(value, bool):
        raise ParameterError(field, span, value, code=code)
    if (least is not None and value < least) or (most is not None and value > most):
        raise ParameterError(field, span, value, code=code)
    return value


def user_id(*, empty: bool = False) -> Validator:
    """Validate a user ID; *empty* also allows the empty text."""

    def validate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not (empty and value == ""):
            check_user_id(attribute.name, value)

    return validate


def text(*, least: int = 0, most: int | None = None, unit: str = "characters") -> Validator:
    """Validate text by its length in *unit*."""

    def validate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        check_text(attribute.name, value, least=least, most=most, unit=unit)

    return validate


def integer(*, least: int | None = None, most: int | None = None, unit: str = "") -> Validator:
    """Validate an integer; a bool is none."""

    def validate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        check_int(attribute.name, value, least=least, most=most, unit=unit)

    return validate


def boolean() -> Validator:
    """Validate a bool; 0 and 1 are none."""

    def validate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, bool):
            raise ParameterError(attribute.name, "True or False", value)

    return validate


def one_of(*allowed: object) -> Validator:
    """Validate membership."""
    expected = "one of " + ", ".join(map(repr, allowed))

    def validate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value not in allowed:
            raise ParameterError(attribute.name, expected, value)

    return validate


def instance(kind: type | tuple[type, ...], expected: str) -> Validator:
    """Validate the type; *expected* names it in the error."""

    def validate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, kind):
            raise ParameterError(attribute.name, expected, value)

    return validate


def each(kind: type, expected: str, *, least: int = 0, most: int | None = None) -> Validator:
    """Validate a tuple whose items are all *kind*."""
    span = f"{least} to {most}" if most is not None else f"{least} or more"

    def validate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, tuple) or not all(isinstance(item, kind) for item in value):
            raise ParameterError(attribute.name, f"a sequence of {expected}", value)
        if len(value) < least or (most is not None and len(value) > most):
            raise ParameterError(attribute.name, f"{span} of {expected}", value)

    return validate


GROUP_ID_MOST: Final = 32  # bytes; ZIM guide on groups


def check_group_id(field: str, value: object, *, chosen: bool = False) -> str:
    """
    Return *value* if it is a group ID, else raise naming *field*.

    Args:
        field: Name used in the error.

        value: What to check.

        chosen: Whether the caller chose it for a new group: then it may be empty, which
            lets the server choose, and must not begin with ``#``, as the server's do.
    """
    group_id = check_text(field, value, least=0 if chosen else 1, most=GROUP_ID_MOST, unit="bytes")
    if chosen and group_id.startswith("#"):
        raise ParameterError(field, "a group ID that does not begin with '#'", value)
    return group_id


def group_id() -> Validator:
    """Validate the ID of a group that exists."""

    def validate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        check_group_id(attribute.name, value)

    return validate
