"""How a transport is found: built in, by attribute, or among entry points."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from importlib.metadata import EntryPoint

import pytest

from zpns import transports
from zpns.errors import ConfigError
from zpns.transports import FCM, TRANSPORTS, Transport, find_transport

Publish = Callable[..., list[str]]


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Stand in for what other packages have installed; return what was asked for."""

    def publish(**values: str) -> list[str]:
        asked: list[str] = []

        def entry_points(*, group: str, name: str) -> list[EntryPoint]:
            asked.append(f"{group}/{name}")
            return [
                EntryPoint(name, value, group)
                for known, value in values.items()
                if (group, name) == ("zpns.transports", known)
            ]

        monkeypatch.setattr(metadata, "entry_points", entry_points)
        return asked

    return publish


@pytest.mark.parametrize("channel", sorted(TRANSPORTS))
def test_built_in(channel: str) -> None:
    """Each built-in transport knows its own channel and is an attribute of the room."""
    found = TRANSPORTS[channel]
    assert issubclass(found, Transport)
    assert channel == found.channel
    assert found is find_transport(channel)
    assert found is getattr(transports, found.__name__)
    assert found.__name__ in dir(transports)
    assert found.__name__ in transports.__all__


def test_channels_are_distinct() -> None:
    """The mapping tells how many there are, and no two share a class."""
    assert len(TRANSPORTS) == len(set(TRANSPORTS.values()))


def test_fcm() -> None:
    """The first of them is FCM."""
    assert find_transport("fcm") is FCM
    assert "fcm" in TRANSPORTS


def test_built_in_is_not_looked_up_outside(publish: Publish) -> None:
    """No installed package can take a built-in channel's place."""
    asked = publish(fcm="builtins:dict")
    assert find_transport("fcm") is FCM
    assert [] == asked


def test_entry_point(publish: Publish) -> None:
    """A package adds a channel by an entry point of its name."""
    asked = publish(pigeon="zpns.transports.fcm:FCM")
    assert find_transport("pigeon") is FCM
    assert ["zpns.transports/pigeon"] == asked


def test_entry_point_when_it_is_no_transport(publish: Publish) -> None:
    """What is published under a channel has to be a transport."""
    publish(pigeon="builtins:dict", crow="zpns.transports:find_transport")
    for channel, value in (("pigeon", "builtins:dict"), ("crow", "find_transport")):
        with pytest.raises(ConfigError, match=f"{value}.*no subclass of Transport"):
            find_transport(channel)


def test_channel_when_unknown(publish: Publish) -> None:
    """The error lists what there is and how to add to it."""
    publish()
    with pytest.raises(ConfigError, match=r"fcm.*'zpns.transports', got 'pigeon'"):
        find_transport("pigeon")
    with pytest.raises(KeyError):
        TRANSPORTS["pigeon"]


def test_attribute_when_unknown() -> None:
    """A name that the room does not have is an ordinary attribute error."""
    with pytest.raises(AttributeError, match="Pigeon"):
        transports.Pigeon  # noqa: B018
