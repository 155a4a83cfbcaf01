"""
Enumerations of numbers that may grow.

ZIM adds members in every release. A number read from outside that this version does
not know keeps its value as an unnamed member, so that nothing fails and nothing is
lost; a number that a caller passes in has to be known (:func:`known`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, Self

import attrs

from zpns.errors import ParameterError

__all__ = ["OpenEnum", "as_member", "expected_numbers", "known"]

_MOST: Final = 2**31  # ZIM's numbers are 32 bits wide


class OpenEnum(IntEnum):
    """An IntEnum that answers an unknown number with a member of that number."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if type(value) is not int:  # a bool, a float or a text is no number of ZIM's
            return None
        # Not kept in the table of members: whoever sends numbers decides how many.
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member

    @property
    def is_known(self) -> bool:
        """Whether this version of zpns has a name for the number."""
        return self._name_ in type(self).__members__

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        # By value: the name of an unknown member cannot be looked up.
        return type(self), (self._value_,)


def expected_numbers(kind: type[OpenEnum]) -> str:
    """Name *kind* and the numbers a caller may pass, for an error."""
    listed = ", ".join(f"{m._value_} {name}" for name, m in kind.__members__.items() if m >= 0)
    return f"a {kind.__name__}: {listed}" if len(kind) <= 16 else f"a number of {kind.__name__}"


def as_member(kind: type[OpenEnum], field: str, value: object) -> OpenEnum:
    """Return the member of *kind* for a member or its number, known or not; else raise."""
    if isinstance(value, kind):
        return value
    if type(value) is not int or abs(value) > _MOST:
        raise ParameterError(field, expected_numbers(kind), value)
    return kind(value)


def known(kind: type[OpenEnum]) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    """
    Validate a number that a caller chose: known to zpns, and not ZIM's negative *Unknown*.

    The field becomes a member of *kind* before this looks at it, see ``_fields.furnish``.
    """
    expected = expected_numbers(kind)

    def validate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        for item in value if isinstance(value, tuple) else (value,):
            if not isinstance(item, kind) or not item.is_known or item < 0:
                raise ParameterError(attribute.name, expected, int(item))

    return validate
