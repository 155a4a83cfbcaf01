"""
Offline push, chat and calls for Python services, shaped after ZEGOCLOUD's ZIM and ZPNs.

Everything meant for users is here or in ``zpns.errors``, ``zpns.transports``,
``zpns.simulators``, ``zpns.testing`` and ``zpns.wire``. Names are loaded when first
used, so a program pays for what it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from zpns.client import Client as Client
    from zpns.models import *
    from zpns.sender import Deliveries as Deliveries
    from zpns.sender import Sender as Sender
    from zpns.zim import ZIM as ZIM

#: Names of this package itself, and the modules they live in.
_OWN: Final = {
    "ZIM": "zpns.zim",
    "Client": "zpns.client",
    "Deliveries": "zpns.sender",
    "Sender": "zpns.sender",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("zpns")
    if name == "__all__":
        from zpns import models

        return sorted([*_OWN, *models.__all__])
    if name in _OWN:
        value = getattr(import_module(_OWN[name]), name)
    elif name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    else:
        try:
            value = getattr(import_module("zpns.models"), name)
        except AttributeError:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})
