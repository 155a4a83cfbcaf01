"""
The carriers: what takes a request to a vendor and brings the answer back.

:class:`AiohttpCarrier` speaks HTTP/1.1, :class:`HTTP2Carrier` HTTP/2. Names are loaded when
first used, so that importing this package loads no HTTP library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from zpns.http.aiohttp import AiohttpCarrier
    from zpns.http.http2 import HTTP2Carrier

__all__ = ["AiohttpCarrier", "HTTP2Carrier"]

_HOME: Final = {"AiohttpCarrier": "aiohttp", "HTTP2Carrier": "http2"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
