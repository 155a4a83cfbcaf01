"""
The carriers: what takes a request to a vendor and brings the answer back.

:class:`AiohttpCarrier` speaks HTTP/1.1. Names are loaded when first used, so that
importing this package loads no HTTP library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from zpns.http.aiohttp import AiohttpCarrier

__all__ = ["AiohttpCarrier"]

_HOME: Final = {"AiohttpCarrier": "aiohttp"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
