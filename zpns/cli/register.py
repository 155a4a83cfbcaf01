"""``zpns register``: bind a device's token to a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from zpns.cli import _output
from zpns.cli._exit import ExitCode
from zpns.cli._options import Config, Debug, Json, Store, settings_of, store_of
from zpns.cli._run import run
from zpns.errors import ConfigError, ParameterError, shorten

if TYPE_CHECKING:
    from zpns.config import Settings
    from zpns.models import DeviceToken, ZPNsRegisterMessage
    from zpns.transports import Transport

_IN_MEMORY: Final = ("sqlite://", "sqlite:///:memory:")


def register(
    context: typer.Context,
    user: Annotated[str, typer.Argument(metavar="USER", help="User ID; made if unknown.")],
    channel: Annotated[
        str, typer.Option("--channel", metavar="CHANNEL", help="The vendor's channel, such as fcm.")
    ],
    token: Annotated[str, typer.Option("--token", metavar="TOKEN", help="The vendor's token.")],
    app: Annotated[
        str, typer.Option("--app", metavar="NAME", help="Which of several apps at the vendor.")
    ] = "default",
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="alert, voip, web or liveactivity.")
    ] = "alert",
    device_id: Annotated[
        str | None,
        typer.Option(
            "--device-id",
            metavar="ID",
            help="Tokens with the same ID are one device, with one PushID.",
        ),
    ] = None,
    environment: Annotated[
        str,
        typer.Option("--environment", metavar="NAME", help="production or sandbox (apns only)."),
    ] = "production",
    region: Annotated[
        str | None,
        typer.Option("--region", metavar="NAME", help="The vendor's region, if it has such."),
    ] = None,
    callkit: Annotated[
        bool, typer.Option("--callkit/--no-callkit", help="Whether the device may ring by CallKit.")
    ] = True,
    store: Store = None,
    config: Config = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """
    Bind a device's token to a user.

    Prints the PushID, which stands for the device. A token belongs to one user at a
    time: registering it for another moves it.

    With --json prints an object: "user_id", "push_id", "channel", "app", "kind",
    "device_id" and "token" (shortened).
    """
    from zpns.models import DeviceToken

    settings = settings_of(config)
    device = DeviceToken(
        channel,
        token,
        app=app,
        kind=kind,
        environment=environment,
        region=region,
        device_id=device_id,
    )
    _check(device)
    address = store_of(context, settings, store)
    if address is None or address in _IN_MEMORY:
        raise ConfigError(
            "store: expected a file, since one in memory would be gone at once; use --store, "
            "ZPNS_STORE or store in [client] of the configuration file"
        )
    message = run(_register(settings, address, user, device, callkit), debug=debug)
    if as_json:
        _output.json_line(
            {
                "user_id": user,
                "push_id": message.push_id,
                "channel": channel,
                "app": app,
                "kind": kind,
                "device_id": device_id,
                "token": shorten(token),
            }
        )
    else:
        _output.line(message.push_id)
    return ExitCode.SUCCESS


def _check(device: DeviceToken) -> None:
    """Check what the vendor's class alone can tell: no credentials are needed to register."""
    from zpns.transports import find_transport

    alphabet = find_transport(device.channel).token_alphabet
    if not alphabet.fullmatch(device.token):
        raise ParameterError(
            "token", f"a token of {device.channel}: {alphabet.pattern}", shorten(device.token)
        )


async def _register(
    settings: Settings, address: str, user: str, device: DeviceToken, allow_callkit: bool
) -> ZPNsRegisterMessage:
    from zpns.client import Client

    transports: list[Transport] = [settings.transport(name) for name in settings.names()]
    async with Client(transports, store=address, workers=0) as client:
        (message,) = await client.register(user, device, allow_callkit=allow_callkit)
    return message
