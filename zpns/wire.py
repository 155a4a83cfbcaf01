"""
How models are spelled outside Python: snake_case here, ZIM's camelCase there.

One rule, a short table of spellings, and what the rule cannot know said at the field,
in ``attrs.field(metadata={...})``:

``"wire": "projectId"``
    The name outside, where the rule would be wrong.

``"also": ("extendedData",)``
    Older names; read, and never written.

``"renamed": (2, 5, 0)``
    The ZIM version that gave the field its name; a receiver before that version is
    written the first older name.

``"always": True``
    Written even if it is the default.

Reading ignores unknown keys, keeps unknown enum numbers, and converts nothing that is
not of the right type already: ``"5"`` is no integer. What does not fit raises
:class:`~zpns.errors.WireError` with a line per problem.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin

import attrs
import orjson
from cattrs import BaseValidationError, ClassValidationError, Converter, IterableValidationError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.preconf.orjson import make_converter

from zpns.errors import ParameterError, WireError

__all__ = [
    "converter",
    "from_json",
    "from_wire",
    "problems",
    "storage_converter",
    "to_json",
    "to_wire",
    "wire_name",
    "wire_names",
]

T = TypeVar("T")
Version = tuple[int, ...]

# Words that title-casing would spell wrong: as the first word, and elsewhere.
_SPELLINGS: Final = {
    "db": ("db", "DB"),
    "fcm": ("fcm", "FCM"),
    "hw": ("hw", "HW"),
    "id": ("id", "ID"),
    "ids": ("ids", "IDs"),
    "ios": ("iOS", "IOS"),
    "uid": ("uid", "UID"),
    "voip": ("voIP", "VoIP"),
}
_TAG: Final = "kind"  # names the class where a field may hold one of several


def wire_name(field: str) -> str:
    """Return ZIM's spelling of a field's name: ``resources_id`` becomes ``resourcesID``."""
    first, *rest = field.split("_")
    opening = _SPELLINGS.get(first, (first,))[0]
    return opening + "".join(_SPELLINGS.get(word, ("", word.title()))[1] for word in rest)


def wire_names(cls: type[Any]) -> dict[str, str]:
    """Return the name outside of each field of the model *cls*."""
    return {field.name: _outside(cls, field.name) for field in attrs.fields(cls)}


def converter(base: Converter | None = None, *, version: str | Version | None = None) -> Converter:
    """
    Return a converter between models and what ZIM reads and writes.

    Fields that have their default are left out.

    Args:
        base: A converter of yours to add the hooks to; None makes a new one for orjson.
            Hooks for zpns' classes touch nothing else, but text, numbers, bytes and
            enums are then taken strictly for all classes.

        version: ZIM version of the receiver, such as ``"2.4.0"``; None is the newest.
    """
    base = _new(detailed=True) if base is None else base
    _install(base, omit=True, version=_parsed(version))
    return base


def storage_converter(base: Converter | None = None) -> Converter:
    """
    Return a converter for rows of a store: every field is written.

    It stops at the first problem, being made for what zpns wrote itself.

    Args:
        base: A converter of yours to add the hooks to; None makes a new one for orjson.
    """
    base = _new(detailed=False) if base is None else base
    _install(base, omit=False, version=None)
    return base


def to_wire(model: Any, *, version: str | Version | None = None) -> dict[str, Any]:
    """Return *model* as ZIM's object, for a receiver of ZIM *version* (None: the newest)."""
    written: dict[str, Any] = _shared(_parsed(version)).unstructure(model)
    return written


def from_wire(cls: type[T], data: Any) -> T:
    """
    Return the *cls* that ZIM's object *data* describes.

    Raises:
        WireError: It does not fit; ``problems`` has a line for each reason.
    """
    try:
        return _shared(None).structure(data, cls)
    except (BaseValidationError, ParameterError, LookupError, TypeError, ValueError) as error:
        raise WireError(f"no {cls.__name__}", problems(error, cls)) from error


def to_json(model: Any, *, version: str | Version | None = None) -> bytes:
    """Return *model* as JSON, for a receiver of ZIM *version* (None: the newest)."""
    return orjson.dumps(to_wire(model, version=version))


def from_json(cls: type[T], text: bytes | str) -> T:
    """
    Return the *cls* that the JSON *text* describes.

    Raises:
        WireError: It is not JSON, or does not fit.
    """
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise WireError(f"no {cls.__name__}", (f"not JSON: {error} @ $",)) from error
    return from_wire(cls, data)


def problems(error: BaseException, cls: Any = None, path: str = "$") -> list[str]:
    """Return a line ``what @ $.path`` for each problem in what a converter raised."""
    if isinstance(error, ClassValidationError):
        named, rest = error.group_exceptions()
        lines = [
            line
            for cause, note in named
            for line in problems(cause, None, f"{path}.{_outside(error.cl, note.name)}")
        ]
        return lines + [line for cause in rest for line in problems(cause, error.cl, path)]
    if isinstance(error, IterableValidationError):
        listed, rest = error.group_exceptions()
        lines = [
            line
            for cause, note in listed
            for line in problems(cause, None, f"{path}[{note.index}]")
        ]
        return lines + [line for cause in rest for line in problems(cause, None, path)]
    if isinstance(error, ParameterError):
        name, _, index = error.field.partition("[")
        if cls is not None and attrs.has(cls) and name in attrs.fields_dict(cls):
            path = f"{path}.{_outside(cls, name)}{_ + index}"
        return [f"expected {error.expected}, got {error.value} @ {path}"]
    if isinstance(error, _Misfit):
        return [f"{error} @ {path}"]
    if isinstance(error, KeyError):
        return [f"required field missing @ {path}"]
    # Not the error's own words: they may repeat a secret.
    return [f"does not fit @ {path}"]


class _Misfit(ValueError):
    """A value of the wrong type; says what was expected and not what came."""

    def __init__(self, expected: str, value: object) -> None:
        came = "nothing" if value is None else f"a value of type {type(value).__name__}"
        super().__init__(f"expected {expected}, got {came}")


@lru_cache(maxsize=16)  # whoever names versions decides how many there are
def _shared(version: Version | None) -> Converter:
    return converter(version=version)


def _parsed(version: str | Version | None) -> Version | None:
    if version is None or isinstance(version, tuple):
        return version
    if not isinstance(version, str) or not re.fullmatch(r"\d{1,4}(\.\d{1,4}){0,3}", version):
        raise ParameterError("version", "numbers with dots, such as '2.5.0'", version)
    return tuple(int(part) for part in version.split("."))


def _new(*, detailed: bool) -> Converter:
    return make_converter(
        detailed_validation=detailed,
        unstruct_collection_overrides={Sequence: list, tuple: list},
    )


def _install(conv: Converter, *, omit: bool, version: Version | None) -> None:
    conv.register_unstructure_hook(Enum, lambda member: member.value)
    conv.register_unstructure_hook(bytes, lambda data: base64.b64encode(data).decode("ascii"))
    for kind, hook in _STRICT.items():
        conv.register_structure_hook(kind, hook)

    conv.register_unstructure_hook_factory(
        _is_ours, lambda cls: _writer(conv, cls, omit=omit, version=version)
    )
    conv.register_structure_hook_factory(_is_ours, lambda cls: _reader(conv, cls))
    conv.register_unstructure_hook_factory(_is_choice, lambda _: _choice_writer(conv))
    conv.register_structure_hook_factory(_is_choice, lambda union: _choice_reader(conv, union))
    _install_messages(conv, omit=omit, version=version)


# -- our classes ---------------------------------------------------------------------


def _is_ours(cls: Any) -> bool:
    return attrs.has(cls) and any(
        base.__module__.partition(".")[0] == "zpns" for base in getattr(cls, "__mro__", ())
    )


def _outside(cls: Any, name: str) -> str:
    """Return the wire name of the field *name* of *cls*."""
    field = attrs.fields_dict(cls).get(name) if attrs.has(cls) else None
    return str(field.metadata.get("wire") or wire_name(name)) if field else name


def _writer(
    conv: Converter, cls: Any, *, omit: bool, version: Version | None
) -> Callable[[Any], Any]:
    attrs.resolve_types(cls)
    overrides: dict[str, Any] = {}
    for field in attrs.fields(cls):
        name = _outside(cls, field.name)
        if version is not None and version < field.metadata.get("renamed", ()):
            name = field.metadata["also"][0]
        always = field.metadata.get("always", False)
        overrides[field.name] = override(rename=name, omit_if_default=omit and not always)
    write: Callable[[Any], Any] = make_dict_unstructure_fn(
        cls, conv, _cattrs_include_init_false=True, **overrides
    )
    return write


def _reader(conv: Converter, cls: Any) -> Callable[[Any, Any], Any]:
    attrs.resolve_types(cls)
    overrides: dict[str, Any] = {}
    older: list[tuple[str, str]] = []
    fixed: list[tuple[str, Any]] = []
    for field in attrs.fields(cls):
        name = _outside(cls, field.name)
        older += [(old, name) for old in field.metadata.get("also", ())]
        if not field.init:
            fixed.append((name, field.default))
        overrides[field.name] = override(rename=name, struct_hook=_shape(conv, field.type))
    read = make_dict_structure_fn(
        cls,
        conv,
        _cattrs_detailed_validation=conv.detailed_validation,
        _cattrs_forbid_extra_keys=False,
        **overrides,
    )

    def structure(data: Any, kind: Any) -> Any:
        if not isinstance(data, Mapping):
            raise _Misfit("an object", data)
        for old, name in older:
            if old in data and name not in data:
                data = {**data, name: data[old]}
        for name, value in fixed:
            if data.get(name, value) != value:
                raise ParameterError(name, str(int(value)), data[name])
        return read(data, kind)

    return structure


def _shape(conv: Converter, kind: Any) -> Callable[[Any, Any], Any] | None:
    """Return a hook for a list or mapping that lets nothing else pass for one, or None."""
    inner = [arg for arg in get_args(kind) if arg is not NoneType]
    if _is_union(kind) and len(inner) == 1:
        kind = inner[0]
    origin = get_origin(kind)
    if not isinstance(origin, type):
        return None
    if issubclass(origin, Mapping):
        wanted, expected = Mapping, "an object"
    elif issubclass(origin, Sequence | frozenset | set):
        wanted, expected = (list, tuple), "a list"  # type: ignore[assignment]
    else:
        return None

    def hook(value: Any, declared: Any) -> Any:
        if not isinstance(value, wanted) and not (value is None and declared != kind):
            raise _Misfit(expected, value)
        return conv.structure(value, declared)

    return hook


# -- one of several classes ----------------------------------------------------------


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _classes(union: Any) -> dict[str, Any]:
    return {arg.__name__: arg for arg in get_args(union) if attrs.has(arg)}


def _is_choice(kind: Any) -> bool:
    """Whether *kind* is a union of two or more of our classes (and perhaps None)."""
    if not _is_union(kind):
        return False
    args = [arg for arg in get_args(kind) if arg is not NoneType]
    return len(args) > 1 and all(_is_ours(arg) for arg in args)


def _choice_writer(conv: Converter) -> Callable[[Any], Any]:
    def write(value: Any) -> Any:
        if value is None:
            return None
        return {_TAG: type(value).__name__, **conv.unstructure(value)}

    return write


def _choice_reader(conv: Converter, union: Any) -> Callable[[Any, Any], Any]:
    classes, optional = _classes(union), NoneType in get_args(union)

    def read(data: Any, _: Any) -> Any:
        if data is None and optional:
            return None
        cls = classes.get(str(data.get(_TAG))) if isinstance(data, Mapping) else None
        if cls is None:
            raise _Misfit(f"an object with {_TAG} one of {', '.join(classes)}", data)
        return conv.structure(data, cls)

    return read


# -- messages: the class follows from the number --------------------------------------


def _install_messages(conv: Converter, *, omit: bool, version: Version | None) -> None:
    # Here and not at the top: who only wants a name spelled does not pay for messages.
    from zpns import models
    from zpns.models.messages import (
        LITE_CLASSES,
        MESSAGE_CLASSES,
        ZIMMessage,
        ZIMMessageLiteInfo,
    )

    def install(base: type[Any], classes: Mapping[Any, str]) -> None:
        plain_writer = cache(lambda: _writer(conv, base, omit=omit, version=version))
        plain_reader = cache(lambda: _reader(conv, base))

        def write(message: Any) -> Any:
            # By the message's own class, not by the class a list of messages declares.
            return plain_writer()(message) if type(message) is base else conv.unstructure(message)

        def read(data: Any, kind: Any) -> Any:
            number = data.get("type") if isinstance(data, Mapping) else None
            name = classes.get(number) if type(number) is int else None
            if name is None:
                return plain_reader()(data, kind)
            return conv.structure(data, getattr(models, name))

        conv.register_unstructure_hook_func(lambda cls: cls is base, write)
        conv.register_structure_hook_func(lambda cls: cls is base, read)

    install(ZIMMessage, MESSAGE_CLASSES)
    install(ZIMMessageLiteInfo, LITE_CLASSES)


# -- strict values -------------------------------------------------------------------


def _enum(value: Any, kind: Any) -> Any:
    wanted = str if issubclass(kind, str) else int if issubclass(kind, int) else (str, int)
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise _Misfit(f"the value of a {kind.__name__}", value)
    try:
        return kind(value)
    except ValueError:
        listed = ", ".join(repr(member.value) for member in kind)
        raise _Misfit(f"one of {listed}", value) from None


def _text(value: Any, kind: Any) -> Any:
    if issubclass(kind, Enum):
        return _enum(value, kind)
    if not isinstance(value, str):
        raise _Misfit("text", value)
    return value


def _integer(value: Any, kind: Any) -> Any:
    if issubclass(kind, Enum):
        return _enum(value, kind)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Misfit("an integer", value)
    return value


def _boolean(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise _Misfit("true or false", value)
    return value


def _number(value: Any, _: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _Misfit("a number", value)
    return float(value)


def _bytes(value: Any, _: Any) -> bytes:
    if not isinstance(value, str):
        raise _Misfit("base64 text", value)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _Misfit("base64 text", value) from None


_STRICT: Final[dict[Any, Callable[[Any, Any], Any]]] = {
    str: _text,
    int: _integer,
    bool: _boolean,
    float: _number,
    bytes: _bytes,
    Enum: _enum,
}
