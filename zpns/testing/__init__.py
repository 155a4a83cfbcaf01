"""
What people who build on zpns test with: time that is told to move, vendors that are not there.

Names are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from zpns.testing.carrier import RecordingCarrier
    from zpns.testing.clock import FakeClock

__all__ = ["FakeClock", "RecordingCarrier"]

_MODULES: Final = {
    "FakeClock": "clock",
    "RecordingCarrier": "carrier",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
