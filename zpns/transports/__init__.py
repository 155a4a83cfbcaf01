"""
The vendors: one pure file each, and the list of them.

``TRANSPORTS`` maps a channel's name to its class. A name that is not there is looked up
among the entry points of the group ``zpns.transports``, so that a package of yours adds
a vendor without a line changed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from zpns.errors import ConfigError
from zpns.transports.base import (
    Backoff,
    BulkForm,
    Credential,
    Prepared,
    Route,
    Skip,
    Transport,
)

if TYPE_CHECKING:
    from zpns.transports.apns import APNs
    from zpns.transports.fcm import FCM

__all__ = [
    "FCM",
    "TRANSPORTS",
    "APNs",
    "Backoff",
    "BulkForm",
    "Credential",
    "Prepared",
    "Route",
    "Skip",
    "Transport",
    "find_transport",
]

ENTRY_POINTS: Final = "zpns.transports"

#: Channel, and the name of its class, which lives in the module named like the channel.
_CLASSES: Final = {
    "fcm": "FCM",
    "apns": "APNs",
}


class _Transports(Mapping[str, type[Transport]]):
    """The built-in transports by channel; each is imported when first looked at."""

    def __getitem__(self, channel: str) -> type[Transport]:
        module = import_module(f"{__name__}.{channel}") if channel in _CLASSES else None
        if module is None:
            raise KeyError(channel)
        found: type[Transport] = getattr(module, _CLASSES[channel])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)


TRANSPORTS: Final[Mapping[str, type[Transport]]] = _Transports()


def find_transport(channel: str) -> type[Transport]:
    """
    Return the transport of *channel*, built in or added by another package.

    Raises:
        ConfigError: There is none.
    """
    if channel in TRANSPORTS:
        return TRANSPORTS[channel]
    from importlib.metadata import entry_points  # slow to load, and seldom needed

    for point in entry_points(group=ENTRY_POINTS, name=channel):
        found = point.load()
        if not (isinstance(found, type) and issubclass(found, Transport)):
            raise ConfigError(f"entry point {point.value!r} is no subclass of Transport")
        return found
    raise ConfigError(
        f"channel: expected one of {', '.join(sorted(TRANSPORTS))} or an entry point of the "
        f"group {ENTRY_POINTS!r}, got {channel!r}"
    )


def __getattr__(name: str) -> Any:
    for channel, known in _CLASSES.items():
        if name == known:
            return TRANSPORTS[channel]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
