"""
Simulated vendors, their devices, and transports that lead to them.

``VENDORS`` has a row for each channel; a vendor that has one, a transport and a simulator
takes part in ``zpns demo``.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs

from zpns.errors import ConfigError
from zpns.models import DeviceToken
from zpns.simulators import SIMULATORS, SimulatorServer
from zpns.transports import TRANSPORTS, Transport, find_transport

if TYPE_CHECKING:
    from zpns.simulators import LocalCA, Received

__all__ = ["CALLEE", "FRIEND", "Bench", "Device", "Vendor", "channels", "serve"]

CALLEE: Final = "bob"
FRIEND: Final = "carol"

_ALERT: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType({"alert": {}})
_WEB: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType({"web": {"kind": "web"}})
_IPHONE: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {"alert": {}, "voip": {"kind": "voip"}}
)


@attrs.frozen(kw_only=True)
class Device:
    """
    A device of the demo.

    Attributes:
        name: What it is, for people.

        owner: Whose it is.

        gone: Whether the app was removed from it: its tokens are dead.

        tokens: The kinds of its tokens, and what the simulator's ``register`` is told.
    """

    name: str
    owner: str = CALLEE
    gone: bool = False
    tokens: Mapping[str, Mapping[str, Any]] = _ALERT


def _build(channel: str, credentials: Mapping[str, str], base_url: str, ca_file: str) -> Transport:
    """Return a transport whose constructor takes the simulator's credentials by name."""
    fields: dict[str, Any] = {**credentials, "base_url": base_url, "ca_file": ca_file}
    return find_transport(channel)(**fields)


@attrs.frozen(kw_only=True)
class Vendor:
    """
    What the demo has to know of a vendor.

    Attributes:
        seen: How many devices an entry of the simulator's record stands for: those of a
            push that the vendor accepted, 0 for everything else.

        devices: What is registered; by default a phone, an old phone from which the app
            was removed, and a second user's phone.

        build: Makes the transport of channel, credentials, address and authority's file.
    """

    seen: Callable[[Received], int]
    devices: Sequence[Device] = (
        Device(name="phone"),
        Device(name="old phone", gone=True),
        Device(name="phone", owner=FRIEND),
    )
    build: Callable[[str, Mapping[str, str], str, str], Transport] = _build


VENDORS: Final[Mapping[str, Vendor]] = MappingProxyType(
    {
        "fcm": Vendor(
            seen=lambda entry: int(entry.status == 200 and entry.path.endswith("/messages:send")),
            devices=(
                Device(name="phone"),
                Device(name="browser", tokens=_WEB),
                Device(name="old phone", gone=True),
                Device(name="phone", owner=FRIEND),
                Device(name="browser", owner=FRIEND, tokens=_WEB),
            ),
        ),
        "apns": Vendor(
            seen=lambda entry: int(entry.status == 200 and entry.path.startswith("/3/device/")),
            devices=(
                Device(name="iPhone", tokens=_IPHONE),
                Device(name="old iPhone", gone=True),
                Device(name="iPhone", owner=FRIEND, tokens=_IPHONE),
            ),
        ),
    }
)


@attrs.frozen(kw_only=True)
class Bench:
    """
    One simulated vendor at work.

    Attributes:
        channel: The vendor's channel.

        server: Serves it.

        credentials: What its client needs: paths and names, by the transport's fields.
    """

    channel: str
    server: SimulatorServer
    credentials: Mapping[str, str]

    @property
    def vendor(self) -> Vendor:
        """The vendor's row."""
        return VENDORS[self.channel]

    def transport(self) -> Transport:
        """Return a transport that leads here."""
        server = self.server
        return self.vendor.build(self.channel, self.credentials, server.url, server.ca_file)

    def tokens_of(self, device: Device) -> Sequence[DeviceToken]:
        """Make *device* at the vendor and return its tokens."""
        simulator, device_id = self.server.simulator, secrets.token_hex(8)
        tokens = {kind: simulator.register(**told) for kind, told in device.tokens.items()}
        if device.gone:
            for token in tokens.values():
                simulator.unregister(token)
        return [
            DeviceToken(self.channel, token, kind=kind, device_id=device_id)
            for kind, token in tokens.items()
        ]

    def seen(self) -> int:
        """Return how many pushes to devices the vendor has accepted, by its own record."""
        return sum(map(self.vendor.seen, self.server.record))


def channels() -> list[str]:
    """Return the channels that the demo can show."""
    return [channel for channel in VENDORS if channel in SIMULATORS and channel in TRANSPORTS]


@asynccontextmanager
async def serve(channel: str, folder: Path, ca: LocalCA, *, port: int = 0) -> AsyncIterator[Bench]:
    """
    Serve a simulated vendor while the block lasts.

    Args:
        channel: The vendor's channel, which has a simulator.

        folder: Where its credentials and the authority's certificate are written.

        ca: Signs its certificate.

        port: 0 takes a free one.

    Raises:
        ConfigError: The port or the folder cannot be used.
    """
    simulator = SIMULATORS[channel]()
    ca_file = str(folder / "ca.pem")
    server = SimulatorServer(simulator, port=port, ca=ca, ca_file=ca_file)
    try:
        await server.start()
    except OSError as error:
        what = f"port {port}" if port else f"folder {str(folder)!r}"
        raise ConfigError(f"{what}: cannot be used: {error.strerror or error}") from error
    try:
        own = folder / channel
        try:
            own.mkdir(mode=0o700, exist_ok=True)
            credentials = simulator.credentials(server.url, str(own))
        except OSError as error:
            raise ConfigError(f"{own}: cannot be written: {error.strerror}") from error
        yield Bench(channel=channel, server=server, credentials=credentials)
    finally:
        await server.aclose()
