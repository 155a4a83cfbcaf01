"""
What every field of every model has without saying so: its type is checked when built.

A class decorated with ``@attrs.frozen(kw_only=True, field_transformer=furnish)`` gets,
from its annotations alone, the conversions and type checks below; validators written
at a field come on top and need not look at the type again. The annotations have to be
real types, which is why the modules of models do not postpone their evaluation.

=======================  ==========================================================
Annotation               What may be passed, and what is kept
=======================  ==========================================================
``str``                  text without lone surrogates
``int``                  an integer of 64 bits, no bool
``bool``                 True or False, no 0 or 1
``bytes``                bytes, bytearray or memoryview; kept as bytes
an :class:`OpenEnum`     a member or its number; kept as a member
a ``StrEnum``            a member or its text; kept as a member
a model                  an instance of it
``Sequence[X]``          any iterable of X, no text; kept as a tuple
``Mapping[str, str]``    a mapping of texts; kept as a copy
``Mapping[str, Any]``    a mapping with texts as keys; kept as a copy
``X | None``             None too
``metadata["unique"]``   a sequence keeps the first of equal items
=======================  ==========================================================
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, get_args, get_origin

import attrs

from zpns.errors import ParameterError, shorten
from zpns.models._checks import boolean, check_int, check_text, instance, text
from zpns.models._open import OpenEnum, as_member

__all__ = ["changed", "furnish", "hidden", "items", "page_size"]

M = TypeVar("M")

PAGE_MOST: Final = 100  # entries ZIM answers at most
_INT64: Final = 2**63 - 1  # where JSON libraries and databases stop

Check = Callable[[str, Any], Any]  # field name, value -> what is kept


def furnish(_: type, fields: list[Any]) -> list[Any]:
    """Give each field of a new class the conversion and the check its type asks for."""
    return [field if field.inherited else _furnished(field) for field in fields]


def _furnished(field: Any) -> Any:
    kind, optional = field.type, False
    if isinstance(kind, UnionType) and NoneType in get_args(kind):
        (kind,) = (arg for arg in get_args(kind) if arg is not NoneType)
        optional = True
    keep = None if field.converter is not None else _conversion(kind)
    if keep is not None:
        if field.metadata.get("unique"):
            keep = _unique(keep)
        field = field.evolve(converter=_converter(keep, optional=optional))
    validator = field.validator
    if validator is None and keep is None:
        validator = hidden() if field.repr is shorten else _validator(kind)
    elif validator is not None and kind is int:
        validator = attrs.validators.and_(validator, _int64)
    if validator is not None and optional:
        validator = attrs.validators.optional(validator)
    return field.evolve(validator=validator)


def _converter(keep: Check, *, optional: bool) -> Any:
    def convert(value: Any, field: Any) -> Any:
        return None if optional and value is None else keep(field.name, value)

    return attrs.Converter(convert, takes_field=True)


def _conversion(kind: Any) -> Check | None:
    """Return what turns a value into the one that is kept, or None if it stays as it is."""
    if isinstance(kind, type) and issubclass(kind, OpenEnum):
        return lambda name, value: as_member(kind, name, value)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return lambda name, value: _as_word(kind, name, value)
    if kind is bytes:
        return _as_bytes
    if get_origin(kind) is Sequence:
        return _as_tuple(get_args(kind)[0])
    if get_origin(kind) is Mapping:
        return _as_texts if get_args(kind)[1] is str else _as_values
    return None


def _unique(keep: Check) -> Check:
    return lambda name, value: tuple(dict.fromkeys(keep(name, value)))


def _as_word(kind: type[StrEnum], name: str, value: Any) -> StrEnum:
    try:
        return kind(value)
    except ValueError:
        listed = ", ".join(repr(member.value) for member in kind)
        raise ParameterError(name, f"one of {listed}", value) from None


def _as_bytes(name: str, value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise ParameterError(name, "bytes", value)
    return bytes(value)


def _as_tuple(item: Any) -> Check:
    keep = _conversion(item) or _checked(item)

    def convert(name: str, value: Any) -> tuple[Any, ...]:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise ParameterError(name, f"a sequence of {item.__name__}", value)
        return tuple(keep(f"{name}[{index}]", entry) for index, entry in enumerate(value))

    return convert


def _checked(item: Any) -> Check:
    if item is str:
        return check_text
    if item is int:
        return _whole

    def check(name: str, value: Any) -> Any:
        if not isinstance(value, item):
            raise ParameterError(name, f"a {item.__name__}", value)
        return value

    return check


def _as_texts(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ParameterError(name, "a mapping of text to text", value)
    return {
        check_text(f"a key of {name}", key): check_text(f"{name}[{key!r}]", entry)
        for key, entry in value.items()
    }


def _as_values(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ParameterError(name, "a mapping with texts as keys", value)
    return {check_text(f"a key of {name}", key): entry for key, entry in value.items()}


def _whole(name: str, value: Any) -> int:
    number = check_int(name, value)
    if abs(number) > _INT64:
        raise ParameterError(name, "an integer of 64 bits", value)
    return number


def _int64(_: Any, attribute: Any, value: Any) -> None:
    _whole(attribute.name, value)


_PRIMITIVES: Final = {str: text(), int: _int64, bool: boolean()}


def _validator(kind: Any) -> Any:
    return _PRIMITIVES.get(kind) or instance(kind, f"a {kind.__name__}")


def items(
    check: Callable[[str, Any], object] | None = None,
    *,
    least: int = 0,
    most: int | None = None,
    unit: str = "items",
) -> Callable[[Any, Any, Any], None]:
    """Validate the length of a sequence, and each item by *check* (name, value)."""
    span = f"{least} to {most} {unit}" if most is not None else f"at least {least} {unit}"

    def validate(_: Any, attribute: Any, value: Any) -> None:
        if len(value) < least or (most is not None and len(value) > most):
            raise ParameterError(attribute.name, span, value)
        if check is not None:
            for index, entry in enumerate(value):
                check(f"{attribute.name}[{index}]", entry)

    return validate


def hidden(
    *, least: int = 0, most: int | None = None, unit: str = "characters"
) -> Callable[[Any, Any, Any], None]:
    """Validate text that an error must not repeat."""

    def validate(_: Any, attribute: Any, value: Any) -> None:
        try:
            check_text(attribute.name, value, least=least, most=most, unit=unit)
        except ParameterError as error:
            shown = shorten(value) if isinstance(value, str) else type(value).__name__
            raise ParameterError(attribute.name, error.expected, shown) from None

    return validate


def page_size(value: int) -> int:
    """Take more than a page as a page, as ZIM does; what is no number is left to a validator."""
    return PAGE_MOST if isinstance(value, int) and value > PAGE_MOST else value


def changed(model: M, **values: Any) -> M:
    """
    Return a copy of *model* with fields set to values known to be right.

    ``attrs.evolve`` without the checks, which cost more than a store does: for values
    that zpns made itself.
    """
    cls = type(model)
    copy = cls.__new__(cls)
    for field in attrs.fields(cls):  # type: ignore[arg-type]
        name = field.name
        object.__setattr__(copy, name, values[name] if name in values else getattr(model, name))
    return copy
