"""What ``zpns.simulators`` shows, and what it does not load to show it."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from zpns import simulators


def test_every_name_is_there() -> None:
    """``__all__`` is sorted as the house sorts, and each of its names can be had."""
    assert sorted(set(simulators.__all__), key=_order) == simulators.__all__
    for name in simulators.__all__:
        assert getattr(simulators, name) is not None
        assert name in dir(simulators)


def _order(name: str) -> tuple[int, str]:
    """Constants first, then classes, as ruff orders ``__all__``."""
    return (0 if name.isupper() else 1, name)


def test_unknown_name_is_an_attribute_error() -> None:
    """A misspelt name fails like that of any module."""
    with pytest.raises(AttributeError, match="FMCSimulator"):
        simulators.FMCSimulator  # noqa: B018
    with pytest.raises(KeyError):
        simulators.SIMULATORS["fmc"]


def test_simulators_are_listed_by_channel() -> None:
    """The mapping gives classes whose channel is their key."""
    assert len(simulators.SIMULATORS) == len(list(simulators.SIMULATORS))
    assert simulators.FCMSimulator is simulators.SIMULATORS["fcm"]
    for channel, simulator in simulators.SIMULATORS.items():
        assert channel == simulator.channel


def test_import_loads_nothing_heavy() -> None:
    """A process that imports the room has not loaded HTTP, cryptography or a vendor."""
    heavy = [
        "h2",
        "aiohttp",
        "cryptography",
        "jwt",
        "zpns.simulators.fcm",
        "zpns.simulators.server",
    ]
    code = f"import sys, zpns.simulators; print([m for m in {heavy} if m in sys.modules])"

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == shown.stdout.strip()


def test_vendor_loads_no_http() -> None:
    """A handler is pure: it needs neither HTTP library, and nothing of the transports."""
    code = (
        "import sys; from zpns.simulators import FCMSimulator; FCMSimulator(); "
        "print([m for m in sys.modules"
        " if m in ('h2', 'aiohttp') or m.startswith('zpns.transports')])"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == shown.stdout.strip()


def test_server_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where h2 is missing, starting a server names the extra that brings it."""
    from zpns.errors import ConfigError

    server = import_module("zpns.simulators.server")
    monkeypatch.delitem(sys.modules, "zpns.simulators._http2", raising=False)
    monkeypatch.setitem(sys.modules, "h2.config", None)

    with pytest.raises(ConfigError, match=r"zpns\[testing\]"):
        server._protocols()
