"""
Google's JSON parser: the kinds of field a message has, and what is said of wrong values.

A kind makes, from a field's path, the check of that field. A schema of kinds is compiled
once; each check then knows its own path, and a request is one walk that refuses what the
parser refuses, with the parser's words and all of it at once, and gives the message under
one spelling, whichever of the two the client used.

Written from the rules of ProtoJSON and captures of answers. Where they leave a choice:
``true`` is no number, a number is no text, and enums are written in upper case.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

__all__ = [
    "Check",
    "Kind",
    "Violation",
    "boolean",
    "duration",
    "enum",
    "int32",
    "message",
    "number",
    "repeated",
    "seconds",
    "string",
    "string_map",
    "struct",
    "timestamp",
]

_TYPES: Final = "type.googleapis.com/"
_FCM: Final = "google.firebase.fcm.v1."
_PROTOBUF: Final = "google.protobuf."
_INT32: Final = range(-(2**31), 2**31)
_DURATION_MOST: Final = 315_576_000_000  # seconds; protobuf's limit, 10,000 years
_DURATION: Final = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,9})?s")
_TIMESTAMP: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})"
)
_WHOLE: Final = re.compile(r"-?[0-9]{1,10}")
_DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")


class Violation(NamedTuple):
    """
    One thing that is wrong with a request.

    Attributes:
        description: Google's sentence.

        field: The path in Google's own spelling, or empty for the body as a whole.
    """

    description: str
    field: str = ""


Check: TypeAlias = Callable[[Any, list[Violation]], Any]
"""Takes a value that is not null, adds what is wrong with it, returns it normalised."""

Kind: TypeAlias = Callable[[str], Check]
"""Makes the check of a field from the field's path."""


def string(path: str) -> Check:
    """Take a text."""

    def check(value: Any, out: list[Violation]) -> Any:
        if type(value) is not str:
            out.append(_wrong(path, "TYPE_STRING", value))
        return value

    return check


def boolean(path: str) -> Check:
    """Take true or false."""

    def check(value: Any, out: list[Violation]) -> Any:
        if type(value) is not bool:
            out.append(_wrong(path, "TYPE_BOOL", value))
        return value

    return check


def int32(path: str) -> Check:
    """Take a whole number of 32 bits, or a text that spells one."""

    def check(value: Any, out: list[Violation]) -> Any:
        number = value
        spelt = type(value) is str and _WHOLE.fullmatch(value)
        if spelt or (type(value) is float and value.is_integer()):
            number = int(value)
        if type(number) is not int or number not in _INT32:
            out.append(_wrong(path, "TYPE_INT32", value))
        return number

    return check


def number(path: str) -> Check:
    """Take a number, or a text that spells one."""

    def check(value: Any, out: list[Violation]) -> Any:
        if type(value) is str and _DECIMAL.fullmatch(value):
            return float(value)
        if type(value) not in (int, float):
            out.append(_wrong(path, "TYPE_FLOAT", value))
        return value

    return check


def duration(path: str) -> Check:
    """Take seconds as a text that ends in ``s``."""
    type_name = f"{_TYPES}{_PROTOBUF}Duration"
    field = _camel(path.rpartition(".")[2])

    def check(value: Any, out: list[Violation]) -> Any:
        if type(value) is not str:
            out.append(_wrong(path, type_name, value))
        elif not value.endswith("s"):
            why = "Illegal duration format; duration must end with 's'"
            out.append(_illegal(path, type_name, field, why))
        elif not _DURATION.fullmatch(value):
            why = "Invalid duration format, failed to parse seconds"
            out.append(_illegal(path, type_name, field, why))
        elif abs(seconds(value)) > _DURATION_MOST:
            out.append(_illegal(path, type_name, field, "Duration value exceeds limits"))
        return value

    return check


def timestamp(path: str) -> Check:
    """Take a date and time of RFC 3339."""
    type_name = f"{_TYPES}{_PROTOBUF}Timestamp"
    field = _camel(path.rpartition(".")[2])

    def check(value: Any, out: list[Violation]) -> Any:
        if type(value) is not str:
            out.append(_wrong(path, type_name, value))
        elif not value.endswith("Z") and not re.search(r"[+-][0-9]{2}:[0-9]{2}$", value):
            why = "Illegal timestamp format; timestamps must end with 'Z' or have a valid offset"
            out.append(_illegal(path, type_name, field, why))
        elif not _is_instant(value):
            out.append(_illegal(path, type_name, field, "Invalid time format"))
        return value

    return check


def enum(type_name: str, *names: str, lower: bool = False) -> Kind:
    """Return an enum whose members are numbered from 0; *lower* allows both cases."""
    known: dict[Any, str] = dict(enumerate(names)) | {name: name for name in names}
    if lower:
        known |= {name.lower(): name for name in names}

    def kind(path: str) -> Check:
        def check(value: Any, out: list[Violation]) -> Any:
            # True would be found under 1 otherwise.
            name = known.get(value) if type(value) in (str, int) else None
            if name is None:
                out.append(_wrong(path, f"{_TYPES}{_FCM}{type_name}", value))
            return name

        return check

    return kind


def string_map(path: str) -> Check:
    """Take an object whose values are all texts."""

    def check(value: Any, out: list[Violation]) -> Any:
        if type(value) is not dict:
            out.append(_wrong(path, "map<string, string>", value))
            return {}
        for index, item in enumerate(value.values()):
            if type(item) is not str:
                out.append(_wrong(f"{path}[{index}].value", "TYPE_STRING", item))
        return value

    return check


def struct(path: str) -> Check:
    """Take any object."""

    def check(value: Any, out: list[Violation]) -> Any:
        if type(value) is not dict:
            out.append(_wrong(path, f"{_TYPES}{_PROTOBUF}Struct", value))
            return {}
        return value

    return check


def repeated(kind: Kind) -> Kind:
    """Return an array of *kind*."""

    def for_path(path: str) -> Check:
        def check(value: Any, out: list[Violation]) -> Any:
            if type(value) is not list:
                out.append(_wrong(path, "repeated", value))
                return []
            # Lists are rare and short, so that the elements' checks are made on the spot.
            return [kind(f"{path}[{index}]")(item, out) for index, item in enumerate(value)]

        return check

    return for_path


def message(
    type_name: str, fields: Mapping[str, Kind], *, oneof: Mapping[str, Sequence[str]] | None = None
) -> Kind:
    """Return a message; at most one field of each *oneof* may be set."""
    groups = [(name, frozenset(members)) for name, members in (oneof or {}).items()]

    def kind(path: str) -> Check:
        prefix = f"{path}." if path else ""
        place = f" at '{path}'" if path else ""
        known: dict[str, tuple[str, Check]] = {}
        for name, field in fields.items():
            snake = _snake(name)
            known[name] = known[snake] = (name, field(prefix + snake))

        def check(value: Any, out: list[Violation]) -> Any:
            if type(value) is not dict:
                out.append(_wrong(path, f"{_TYPES}{_FCM}{type_name}", value))
                return {}
            found: dict[str, Any] = {}
            for name, item in value.items():
                entry = known.get(name)
                if entry is None:
                    text = f'Unknown name "{name}"{place}: Cannot find field.'
                    out.append(Violation(f"Invalid JSON payload received. {text}", path))
                elif item is not None:
                    found[entry[0]] = entry[1](item, out)
            for group, members in groups:
                if len(members & found.keys()) > 1:
                    _report_oneof(path, group, [name for name in found if name in members], out)
            return found

        return check

    return kind


def _report_oneof(path: str, group: str, names: list[str], out: list[Violation]) -> None:
    """Say of each field but the first that another one is set already."""
    for name in names[1:]:
        text = f"oneof field '{group}' is already set. Cannot set '{name}'"
        out.append(Violation(f"Invalid value at '{path}' (oneof), {text}", path))


def _wrong(path: str, type_name: str, value: object) -> Violation:
    """Return what is said of a value of another type."""
    shown = orjson.dumps(value).decode()
    return Violation(f"Invalid value at '{path}' ({type_name}), {shown}", path)


def _illegal(path: str, type_name: str, field: str, why: str) -> Violation:
    """Return what is said of a text that does not spell a value of the type."""
    return Violation(f"Invalid value at '{path}' ({type_name}), Field '{field}', {why}", path)


def _is_instant(text: str) -> bool:
    """Return whether *text* is a date and time of RFC 3339 that exists."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return False
    offset = match[3]
    try:
        datetime.datetime.fromisoformat(match[1])
        if offset != "Z":
            datetime.time.fromisoformat(offset[1:])
    except ValueError:
        return False
    return True


def _snake(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


def _camel(name: str) -> str:
    return re.sub("_([a-z])", lambda match: match[1].upper(), name)


def seconds(text: str) -> float:
    """Return the seconds of a duration that the parser has accepted."""
    return float(text[:-1])
