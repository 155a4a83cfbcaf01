"""
The configuration file, and what the environment adds to it.

.. code-block:: toml

    [client]
    store = "sqlite:///push.db"
    workers = 1

    [transports.fcm]
    service_account = "fcm.json"

    [transports.tv]                  # a second app at the same vendor
    channel = "fcm"
    app = "tv"
    service_account = "tv.json"

    [resources.ring]
    kind = "voip"
    missed_title = "Missed call"

    [resources.ring.channels.fcm]
    channel_id = "calls"

A section of ``transports`` takes what its class takes; *channel* is the section's name if
it is not given. Paths in the file, the store's too, are relative to its folder.

What neither an argument nor the file says comes from the environment: ``ZPNS_STORE``,
``ZPNS_WORKERS`` and ``ZPNS_ACK_WITHIN``, and for each section of ``transports`` its keys,
such as ``ZPNS_FCM_SERVICE_ACCOUNT``. Those of a built-in channel do without a section, so
that a container needs no file. A variable that is empty counts as not set.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import attrs

from zpns.errors import ConfigError, ParameterError
from zpns.models.notification import Resource
from zpns.transports import TRANSPORTS, Transport, find_transport

__all__ = ["Config", "Settings", "load", "read"]

PREFIX: Final = "ZPNS_"
SECTIONS: Final = ("client", "resources", "transports")

#: Fields of transports that name a file. A transport that is not ours marks its own with
#: ``metadata={"file": True}``.
_FILES: Final = frozenset({"ca_file", "key", "service_account"})
_SQLITE: Final = "sqlite:///"
_FLAGS: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


@attrs.frozen(kw_only=True)
class Config:
    """
    What a client is made from.

    Attributes:
        source: The file, or ``"environment"``; for errors.

        client: What was said of *store*, *workers* and *ack_within*; the rest is left to
            the client.

        transports: By the name of their section.

        resources: By their ``resources_id``.
    """

    source: str
    client: Mapping[str, Any]
    transports: Mapping[str, Transport]
    resources: Mapping[str, Resource]


@attrs.frozen(kw_only=True)
class Settings:
    """
    What file and environment say, read and not yet made into anything.

    Attributes:
        source: The file, or ``"environment"``; for errors.

        folder: What paths in the file are relative to.

        client: What the file says in ``[client]``.

        transports: Sections of the file, by name; values may hold secrets.

        resources: Sections of the file, by name.

        environ: The environment; it holds secrets.
    """

    source: str
    folder: Path = Path()
    client: Mapping[str, Any] = attrs.field(factory=dict)
    transports: Mapping[str, Mapping[str, Any]] = attrs.field(
        factory=dict, repr=lambda found: repr(sorted(found))
    )
    resources: Mapping[str, Mapping[str, Any]] = attrs.field(
        factory=dict, repr=lambda found: repr(sorted(found))
    )
    environ: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    def names(self) -> list[str]:
        """Return the transports there are: the file's in order, then the environment's."""
        found = list(self.transports)
        for channel in TRANSPORTS:
            prefix = _prefix(channel)
            if channel not in found and any(
                name.startswith(prefix) and text for name, text in self.environ.items()
            ):
                found.append(channel)
        return found

    def transport(self, name: str, overrides: Mapping[str, Any] | None = None) -> Transport:
        """
        Return the transport of a section, or of a channel that has none.

        Args:
            name: The section's, or a channel.

            overrides: What an argument says of the transport's fields; it goes before
                file and environment.

        Raises:
            ConfigError: There is no such channel, or a setting is unknown, missing or
                malformed.
        """
        section = self.transports.get(name)
        where = f"{self.source}: [transports.{name}]" if section is not None else name
        channel = (section or {}).get("channel", name)
        if not isinstance(channel, str):
            raise ConfigError(f"{where}: channel: expected text, got a {_kind(channel)}")
        try:
            cls = find_transport(channel)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}" if section is not None else str(error)) from None
        fields = _fields_of(cls)
        values = self._from_environment(name, fields)
        for key, value in (section or {}).items():
            if key != "channel":
                field = _known(where, key, fields, also=("channel",))
                values[key] = self._in_folder(field, _fitting(where, field, value))
        for key, value in (overrides or {}).items():
            field = _known(name, key, fields)
            text = isinstance(value, str)
            values[key] = _read_text(key, field, value) if text else _fitting(name, field, value)
        for key, field in fields.items():
            if field.default is attrs.NOTHING and key not in values:
                raise ConfigError(
                    f"{where}: {key}: missing; give it there or as {_variable(name, key)}"
                )
        ca_file = values.get("ca_file")  # the one file that is not opened before a push
        if isinstance(ca_file, str) and not Path(ca_file).is_file():
            raise ConfigError(f"{where}: ca_file: {ca_file}: no such file")
        try:
            return cls(**values)
        except (ConfigError, ParameterError) as error:
            raise ConfigError(f"{where}: {error}") from error

    def resource(self, name: str) -> Resource:
        """
        Return the resource of a section.

        Raises:
            ConfigError: A setting is unknown or malformed.
        """
        where = f"{self.source}: [resources.{name}]"
        fields = {field.name: field for field in attrs.fields(Resource)}
        del fields["resources_id"]  # the section's name says it
        for key in self.resources[name]:
            _known(where, key, fields)
        try:
            return Resource(resources_id=name, **self.resources[name])
        except ParameterError as error:
            raise ConfigError(f"{where}: {error.message}") from error

    def client_settings(self, **arguments: Any) -> Mapping[str, Any]:
        """
        Return what is said of the client: by argument, file or environment, in this order.

        Args:
            **arguments: By name; None means that nothing is said.

        Raises:
            ConfigError: A value is of the wrong kind.
        """
        found: dict[str, Any] = {}
        for key, (expected, holds, parse) in _CLIENT.items():
            value, where = arguments.get(key), key
            if value is None and key in self.client:
                value, where = self.client[key], f"{self.source}: [client] {key}"
                if key == "store" and isinstance(value, str):
                    value = self._store_in_folder(value)
            variable = f"{PREFIX}{key.upper()}"
            if value is None and self.environ.get(variable):
                where = f"environment variable {variable}"
                value = parse(self.environ[variable])
            if value is None:
                continue
            if not holds(value):
                raise ConfigError(f"{where}: expected {expected}, got {value!r}")
            found[key] = value
        return found

    def _from_environment(
        self, name: str, fields: Mapping[str, attrs.Attribute[Any]]
    ) -> dict[str, Any]:
        """Return what variables say of a section's fields."""
        prefix = _prefix(name)
        # ZPNS_FCM_TV_APP is for the section "fcm_tv" if there is one, else for "fcm".
        others = [
            other
            for other in map(_prefix, {*self.transports, *TRANSPORTS})
            if other != prefix and other.startswith(prefix)
        ]
        keys = {key.upper(): key for key in fields}
        values = {}
        for variable, text in self.environ.items():
            if not text or not variable.startswith(prefix) or variable.startswith(tuple(others)):
                continue
            upper = variable.removeprefix(prefix)
            if upper not in keys:
                near = difflib.get_close_matches(upper, keys, n=1)
                hint = f"did you mean {prefix}{near[0]}?" if near else _listed(fields)
                raise ConfigError(f"environment variable {variable}: unknown; {hint}")
            where = f"environment variable {variable}"
            values[keys[upper]] = _read_text(where, fields[keys[upper]], text)
        return values

    def _in_folder(self, field: attrs.Attribute[Any], value: Any) -> Any:
        """Return a path of the file as seen from where the program runs."""
        names_file = field.alias in _FILES or field.metadata.get("file")
        if not names_file or not isinstance(value, str) or not value:
            return value
        if "-----BEGIN" in value or value.lstrip().startswith("{"):
            return value  # the content itself; whether that is allowed, the transport knows
        return str(self.folder / Path(value).expanduser())

    def _store_in_folder(self, address: str) -> str:
        path = address.removeprefix(_SQLITE)
        if path in (address, "", ":memory:") or Path(path).is_absolute():
            return address
        return f"{_SQLITE}{self.folder / path}"


def read(
    path: str | os.PathLike[str] | None = None, *, environ: Mapping[str, str] | None = None
) -> Settings:
    """
    Read a configuration file without making anything of it.

    Args:
        path: The file; None means the one that ``ZPNS_CONFIG`` names, or none at all.

        environ: Instead of the process's environment.

    Raises:
        ConfigError: The file cannot be read, is no TOML, or has a section that is unknown.
    """
    environ = os.environ if environ is None else environ
    hint = ""
    if path is None:
        path = environ.get(f"{PREFIX}CONFIG") or None
        hint = f" ({PREFIX}CONFIG names it)"
    if path is None:
        return Settings(source="environment", environ=environ)
    file = Path(path).expanduser()
    content = _parsed(file, hint)
    for key in content:
        if key not in SECTIONS:
            raise ConfigError(f"{file}: [{key}]: unknown; {_nearest(key, SECTIONS)}")
    client = _table(file, "client", content.get("client", {}))
    for key in client:
        if key not in _CLIENT:
            raise ConfigError(f"{file}: [client] {key}: unknown; {_nearest(key, _CLIENT)}")
    return Settings(
        source=str(file),
        folder=file.parent,
        client=client,
        transports=_tables(file, "transports", content),
        resources=_tables(file, "resources", content),
        environ=environ,
    )


def load(
    path: str | os.PathLike[str] | None = None,
    *,
    store: str | None = None,
    workers: int | None = None,
    ack_within: float | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """
    Read a configuration file and the environment, and make what they describe.

    What is said of a value is looked for here, in the file, and in the environment, in
    this order; what nobody says is left to the client.

    Args:
        path: The file; None means the one that ``ZPNS_CONFIG`` names, or none at all.

        store: Address of the store; here a relative path is relative to where the
            program runs.

        workers: How many workers deliver, 0 or more.

        ack_within: Seconds an online receiver has to acknowledge, 0 or more.

        environ: Instead of the process's environment.

    Raises:
        ConfigError: The file cannot be read, or a setting is unknown, missing or
            malformed. It names file and key and repeats no secret.
    """
    settings = read(path, environ=environ)
    return Config(
        source=settings.source,
        client=settings.client_settings(store=store, workers=workers, ack_within=ack_within),
        transports=MappingProxyType({name: settings.transport(name) for name in settings.names()}),
        resources=MappingProxyType({name: settings.resource(name) for name in settings.resources}),
    )


# Reading the file.


def _parsed(file: Path, hint: str) -> Mapping[str, Any]:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such file{hint}") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}{hint}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: expected TOML, which is UTF-8, got other bytes{hint}") from None
    except tomllib.TOMLDecodeError as error:
        # Not chained: newer versions of the parser carry the whole file along.
        raise ConfigError(f"{file}: expected TOML{hint}: {error}") from None


def _table(file: Path, name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{file}: [{name}]: expected a table, got a {_kind(value)}")
    return value


def _tables(file: Path, name: str, content: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    outer = _table(file, name, content.get(name, {}))
    return {inner: _table(file, f"{name}.{inner}", value) for inner, value in outer.items()}


# Values.


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _number(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def read_number(text: str) -> Any:
        try:
            return parse(text)
        except ValueError:
            return text  # refused like a wrong value of the file, with what was expected

    return read_number


#: What ``[client]`` may say: in words, as a test, and how a variable's text is read.
_CLIENT: Final[Mapping[str, tuple[str, Callable[[Any], bool], Callable[[str], Any]]]] = {
    "ack_within": ("seconds, 0 or more", _is_seconds, _number(float)),
    "store": ("an address such as 'sqlite:///push.db'", lambda v: isinstance(v, str), str),
    "workers": ("a whole number, 0 or more", _is_count, _number(int)),
}


def _fields_of(cls: type[Transport]) -> Mapping[str, attrs.Attribute[Any]]:
    """Return the fields of a transport's class by the name its constructor has for them."""
    kind: Any = cls
    return {field.alias or field.name: field for field in attrs.fields(kind) if field.init}


def _known(
    where: str,
    key: str,
    fields: Mapping[str, attrs.Attribute[Any]],
    also: Iterable[str] = (),
) -> attrs.Attribute[Any]:
    if key not in fields:
        raise ConfigError(f"{where}: {key}: unknown; {_nearest(key, [*fields, *also])}")
    return fields[key]


def _fitting(where: str, field: attrs.Attribute[Any], value: Any) -> Any:
    """Return *value* if its kind is that of the field's default; the rest is the class's."""
    if isinstance(field.default, bool) and not isinstance(value, bool):
        raise ConfigError(f"{where}: {field.alias}: expected true or false, got a {_kind(value)}")
    return value


def _read_text(where: str, field: attrs.Attribute[Any], text: str) -> Any:
    """Return a text as what the field's default says it is."""
    default: object = field.default
    try:
        if isinstance(default, bool):
            return _FLAGS[text.lower()]
        if isinstance(default, int | float):
            return type(default)(text)
    except (KeyError, ValueError):
        expected = "true or false" if isinstance(default, bool) else "a number"
        raise ConfigError(f"{where}: expected {expected}") from None  # it may be a secret
    return text


def _prefix(name: str) -> str:
    return f"{PREFIX}{re.sub('[^A-Z0-9]', '_', name.upper())}_"


def _variable(name: str, key: str) -> str:
    return f"environment variable {_prefix(name)}{key.upper()}"


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else _listed(known)


def _listed(known: Iterable[str]) -> str:
    return f"expected one of {', '.join(sorted(known))}"


def _kind(value: object) -> str:
    """Name the kind of a value as TOML does."""
    kinds = {str: "text", bool: "flag", dict: "table", list: "list"}
    return kinds.get(type(value), "number" if isinstance(value, int | float) else "date or time")
