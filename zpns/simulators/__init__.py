"""
The vendors on loopback: strict, scriptable, and offline.

A simulator is the vendor, one pure handler; :class:`SimulatorServer` puts it behind TLS
on a free port, keeps the record of what came in, and lets it misbehave:

.. code-block:: python

    async with SimulatorServer(FCMSimulator()) as server:
        token = server.simulator.register()
        server.misbehave(FaultPlan([AnswerStatus(status=503, retry_after=1, every=10)]))

``SIMULATORS`` maps a channel's name to its class. Everything here is loaded when it is
first looked at; the packages that speak HTTP, when a server starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from zpns.simulators._apns_auth import APNsKey
    from zpns.simulators._ca import LocalCA
    from zpns.simulators._connection import Connection
    from zpns.simulators._record import Received, Record
    from zpns.simulators._service import Simulator
    from zpns.simulators.apns import APNsDevice, APNsPush, APNsSimulator, APNsViolation
    from zpns.simulators.faults import (
        AnswerStatus,
        Delay,
        Fault,
        FaultPlan,
        GoAway,
        NeverAnswer,
        ResetConnection,
        ResetStream,
    )
    from zpns.simulators.fcm import FCMDevice, FCMMessage, FCMSimulator
    from zpns.simulators.server import SimulatorServer

__all__ = [
    "SIMULATORS",
    "APNsDevice",
    "APNsKey",
    "APNsPush",
    "APNsSimulator",
    "APNsViolation",
    "AnswerStatus",
    "Connection",
    "Delay",
    "FCMDevice",
    "FCMMessage",
    "FCMSimulator",
    "Fault",
    "FaultPlan",
    "GoAway",
    "LocalCA",
    "NeverAnswer",
    "Received",
    "Record",
    "ResetConnection",
    "ResetStream",
    "Simulator",
    "SimulatorServer",
]

#: Channel, and the name of its class, which lives in the module named like the channel.
_CLASSES: Final = {
    "fcm": "FCMSimulator",
    "apns": "APNsSimulator",
}

#: Where the other names live.
_MODULES: Final = {
    "APNsDevice": "apns",
    "APNsKey": "_apns_auth",
    "APNsPush": "apns",
    "APNsViolation": "apns",
    "AnswerStatus": "faults",
    "Connection": "_connection",
    "Delay": "faults",
    "FCMDevice": "fcm",
    "FCMMessage": "fcm",
    "Fault": "faults",
    "FaultPlan": "faults",
    "GoAway": "faults",
    "LocalCA": "_ca",
    "NeverAnswer": "faults",
    "Received": "_record",
    "Record": "_record",
    "ResetConnection": "faults",
    "ResetStream": "faults",
    "Simulator": "_service",
    "SimulatorServer": "server",
    **{name: channel for channel, name in _CLASSES.items()},
}


class _Simulators(Mapping[str, "type[Simulator]"]):
    """The simulators by channel; each is imported when first looked at."""

    def __getitem__(self, channel: str) -> type[Simulator]:
        if channel not in _CLASSES:
            raise KeyError(channel)
        found: type[Simulator] = getattr(import_module(f"{__name__}.{channel}"), _CLASSES[channel])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)


SIMULATORS: Final[Mapping[str, type[Simulator]]] = _Simulators()


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
