"""
Every event by its name: what a listener is handed.

The classes themselves are in ``call_events.py``, ``group_events.py`` and
``message_events.py``.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from zpns.models import call_events, group_events, message_events
from zpns.models.zpns import ZPNsMessage, ZPNsRegisterMessage

__all__ = ["EVENTS", "ZPNS_EVENTS"]


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _events() -> dict[str, type[Any]]:
    classes = [
        getattr(module, name)
        for module in (call_events, group_events, message_events)
        for name in module.__all__
    ]
    return {_snake(cls.EVENT): cls for cls in sorted(classes, key=lambda cls: str(cls.EVENT))}


#: Events of ZIM: the name as listeners write it, ``call_invitation_received``, and the
#: class of what they get; that class knows ZIM's own name as ``EVENT``.
EVENTS: Final[Mapping[str, type[Any]]] = MappingProxyType(_events())

#: Events of ZPNs, likewise. Three of them share a class, so it does not know the name.
ZPNS_EVENTS: Final[Mapping[str, type[Any]]] = MappingProxyType(
    {
        "notification_arrived": ZPNsMessage,
        "notification_clicked": ZPNsMessage,
        "registered": ZPNsRegisterMessage,
        "through_message_received": ZPNsMessage,
    }
)
