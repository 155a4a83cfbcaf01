"""``zpns simulate``: simulated vendors for programs in any language."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zpns.cli import _output
from zpns.cli._exit import ExitCode
from zpns.cli._options import Debug, Json
from zpns.cli._run import run
from zpns.errors import ConfigError

if TYPE_CHECKING:
    import asyncio

    from zpns.cli._bench import Bench

_DEVICES = 3


def simulate(
    channels: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CHANNEL]...", help="Which vendors, such as fcm; all if none."),
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="PORT", help="Port, for a single vendor; 0 takes a free one."
        ),
    ] = 0,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="FOLDER",
            help="Where credentials are written, and stay; a temporary folder if not given.",
        ),
    ] = None,
    devices: Annotated[
        int,
        typer.Option(
            "--devices", metavar="N", help="How many devices each vendor knows from the start."
        ),
    ] = _DEVICES,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """
    Serve simulated vendors on this machine until Ctrl-C or SIGTERM.

    Each listens on 127.0.0.1 with TLS, HTTP/1.1 and HTTP/2, checks what the vendor
    checks, and answers with its words. GET {url}/__sim__/requests gives what was
    received, DELETE forgets it; POST {url}/__sim__/devices makes more devices.

    With --json prints one line before serving: an object with, for each channel, "url",
    "ca_file", "tokens", and what a client needs, such as "service_account".
    """
    chosen = _chosen(channels or [])
    if port and len(chosen) > 1:
        raise ConfigError(f"--port: a port is for a single vendor; name one of {', '.join(chosen)}")
    if not 0 <= port <= 65_535:
        raise ConfigError(f"--port: expected 0 to 65535, got {port}")
    if not 0 <= devices <= 1_000_000:
        raise ConfigError(f"--devices: expected 0 to 1000000, got {devices}")
    run(_serve(chosen, port, folder, devices, as_json), debug=debug)
    return ExitCode.SUCCESS


def _chosen(channels: Sequence[str]) -> Sequence[str]:
    from zpns.simulators import SIMULATORS

    for channel in channels:
        if channel not in SIMULATORS:
            raise ConfigError(
                f"channel: expected one of {', '.join(sorted(SIMULATORS))}, got {channel!r}"
            )
    return list(dict.fromkeys(channels)) or list(SIMULATORS)


async def _serve(
    channels: Sequence[str], port: int, folder: Path | None, devices: int, as_json: bool
) -> None:
    import asyncio
    import tempfile

    from zpns.cli._bench import serve
    from zpns.simulators import LocalCA

    stop = asyncio.Event()
    # First of all, so that whoever stops this early leaves nothing behind either.
    _stop_on_signal(stop)
    async with AsyncExitStack() as stack:
        if folder is None:
            kept = stack.enter_context(tempfile.TemporaryDirectory(prefix="zpns-simulate-"))
            folder = Path(kept)
        else:
            folder = _made(folder)
        ca = LocalCA()
        told: dict[str, Mapping[str, Any]] = {}
        for channel in channels:
            bench = await stack.enter_async_context(serve(channel, folder, ca, port=port))
            told[channel] = _facts(bench, devices)
        if as_json:
            _output.json_line(told)
        else:
            _tell(told)
        await stop.wait()


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder.resolve()  # whoever reads the paths may be elsewhere
    except OSError as error:
        raise ConfigError(f"--folder: {folder} cannot be made: {error.strerror}") from error


def _facts(bench: Bench, devices: int) -> Mapping[str, Any]:
    """Return what a client needs to know, the tokens in full: they are what it is for."""
    server = bench.server
    return {
        "url": server.url,
        "ca_file": server.ca_file,
        **bench.credentials,
        "tokens": [server.simulator.register() for _ in range(devices)],
    }


def _tell(told: Mapping[str, Mapping[str, Any]]) -> None:
    """Say the same for people."""
    for channel, facts in told.items():
        _output.line(f"{channel} at {facts['url']}")
        for name, value in facts.items():
            if name not in ("url", "tokens"):
                _output.line(f"  {name}: {value}")
        for token in facts["tokens"]:
            _output.line(f"  token: {token}")
        _output.line(f"  record: {facts['url']}/__sim__/requests")
    _output.line("Serving; Ctrl-C ends it.")


def _stop_on_signal(stop: asyncio.Event) -> None:
    import asyncio

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not every system has handlers in its loop; Ctrl-C then ends the loop itself.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
