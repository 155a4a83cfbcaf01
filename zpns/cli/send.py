"""``zpns send``: one notification to tokens of one app, without hub or store."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from zpns.cli import _output
from zpns.cli._exit import code_of_sends
from zpns.cli._options import Config, Debug, Json, settings_of
from zpns.cli._run import run
from zpns.errors import ConfigError, shorten

if TYPE_CHECKING:
    from zpns.models import Delivery, DeviceToken, Notification
    from zpns.transports import Transport

_WINDOW: Final = 500  # requests under way at once
_DEADLINE: Final = 30.0  # seconds
_STDIN: Final = "-"
_ENCODING: Final = "utf-8-sig"
_ERRORS: Final = "surrogateescape"  # a byte that is no text makes one token wrong, not all

#: Fields of transports that have an option of their own; the others go by ``--set``.
_OWN_OPTIONS: Final = ("service_account", "base_url", "ca_file", "app")


def send(
    transport: Annotated[
        str,
        typer.Argument(
            metavar="TRANSPORT",
            help="A channel such as fcm, or the NAME of a section [transports.NAME] of the "
            "configuration file.",
        ),
    ],
    token: Annotated[
        list[str] | None, typer.Option("--token", metavar="TOKEN", help="To whom; may be repeated.")
    ] = None,
    tokens_file: Annotated[
        str | None,
        typer.Option(
            "--tokens-file",
            metavar="FILE",
            help="File with a token on each line; - is standard input.",
        ),
    ] = None,
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="Title.")] = "",
    content: Annotated[str, typer.Option("--content", metavar="TEXT", help="Body.")] = "",
    payload: Annotated[
        str, typer.Option("--payload", metavar="TEXT", help="Opaque text for the app.")
    ] = "",
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind", metavar="KIND", help="alert, data, silent or voip; alert if not given."
        ),
    ] = None,
    ttl: Annotated[
        int | None,
        typer.Option("--ttl", metavar="SECONDS", help="How long it may wait for the device."),
    ] = None,
    collapse_key: Annotated[
        str | None,
        typer.Option(
            "--collapse-key",
            metavar="TEXT",
            help="A later push with the same key replaces this one.",
        ),
    ] = None,
    call_id: Annotated[
        str, typer.Option("--call-id", metavar="ID", help="The call; needed if the kind is voip.")
    ] = "",
    validate_only: Annotated[
        bool,
        typer.Option(
            "--validate-only", help="Let the vendor check it and show nothing (fcm only)."
        ),
    ] = False,
    token_kind: Annotated[
        str | None,
        typer.Option(
            "--token-kind", metavar="KIND", help="Of the tokens: alert, voip, web or liveactivity."
        ),
    ] = None,
    environment: Annotated[
        str | None,
        typer.Option(
            "--environment",
            metavar="NAME",
            help="Of the tokens: production or sandbox (apns only).",
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option("--region", metavar="NAME", help="Of the tokens: the vendor's region."),
    ] = None,
    service_account: Annotated[
        str | None,
        typer.Option(
            "--service-account",
            metavar="FILE",
            help="Key file of a service account, for vendors with such.",
        ),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url", metavar="URL", help="Where the vendor is, instead of its public address."
        ),
    ] = None,
    ca_file: Annotated[
        str | None,
        typer.Option(
            "--ca-file", metavar="FILE", help="PEM file of the authority to trust instead."
        ),
    ] = None,
    app: Annotated[
        str | None,
        typer.Option("--app", metavar="NAME", help="Which of several apps at the vendor."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            envvar="ZPNS_SEND_SET",
            metavar="KEY=VALUE",
            help="Any other field of the transport; may be repeated. Other users of the machine "
            "see command lines: better give secrets by file or variable, such as "
            "ZPNS_FCM_SERVICE_ACCOUNT.",
        ),
    ] = None,
    deadline: Annotated[
        float,
        typer.Option("--deadline", metavar="SECONDS", help="Until every token has its outcome."),
    ] = _DEADLINE,
    window: Annotated[
        int, typer.Option("--window", metavar="N", help="Requests under way at once.")
    ] = _WINDOW,
    config: Config = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """
    Send a notification to tokens of one app at one vendor.

    Prints a line per token with its outcome, in the order they end. With --json each is
    an object with "index" (the token's number in the order given, from 0), "token"
    (shortened: match by index), "outcome", "status", "code", "message_id", "attempts"
    and "advice".

    The transport's fields come from options, the configuration file, and variables such
    as ZPNS_FCM_SERVICE_ACCOUNT, in this order.
    """
    own = zip(_OWN_OPTIONS, (service_account, base_url, ca_file, app), strict=True)
    overrides = {name: value for name, value in own if value is not None}
    overrides.update(map(_assignment, set_ or ()))
    made = settings_of(config).transport(transport, overrides)
    facts = {"kind": token_kind, "environment": environment, "region": region}
    shape = {name: value for name, value in facts.items() if value is not None}
    notification = _notification(
        title=title,
        content=content,
        payload=payload,
        kind=kind,
        ttl=ttl,
        collapse_key=collapse_key,
        call_id=call_id,
        validate_only=validate_only,
    )
    with ExitStack() as stack:
        tokens = _addressed(_tokens(token or (), tokens_file, stack), made, shape)
        work = _send(made, notification, tokens, deadline, window, as_json)
        return run(work, debug=debug)


def _assignment(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ConfigError("--set: expected KEY=VALUE, got no '=' or no key")
    return key.strip().replace("-", "_"), value


def _notification(**fields: Any) -> Notification:
    from zpns.models import Notification

    return Notification(**fields)


def _tokens(given: Sequence[str], file: str | None, stack: ExitStack) -> Iterable[str]:
    """Return the tokens, a file's as they are read from it."""
    if file is None:
        if not given:
            raise ConfigError("tokens: none given; use --token or --tokens-file")
        return given
    if file == _STDIN:
        # To its end first: reading would keep answers waiting for whoever writes there.
        text = sys.stdin.buffer.read().decode(_ENCODING, _ERRORS)
        return chain(given, _lines(text.split("\n")))
    try:
        opened = Path(file).open(encoding=_ENCODING, errors=_ERRORS)  # noqa: SIM115
    except OSError as error:
        raise ConfigError(f"--tokens-file: {file}: {error.strerror}") from error
    return chain(given, _lines(stack.enter_context(opened)))


def _lines(lines: Iterable[str]) -> Iterator[str]:
    return filter(None, map(str.strip, lines))


def _addressed(
    tokens: Iterable[str], transport: Transport, shape: Mapping[str, str]
) -> Iterable[str | DeviceToken]:
    """Return *tokens* as what was said of them; the transport knows its own if nothing was."""
    if not shape:
        return tokens
    from zpns.errors import ParameterError
    from zpns.models import DeviceToken

    fixed: dict[str, Any] = {"app": transport.app, **shape}
    DeviceToken(transport.channel, "x", **fixed)  # what is wrong here is wrong for all

    def device(token: str) -> str | DeviceToken:
        try:
            return DeviceToken(transport.channel, token, **fixed)
        except ParameterError:
            return token  # its own outcome says so

    return map(device, tokens)


async def _send(
    transport: Transport,
    notification: Notification,
    tokens: Iterable[str | DeviceToken],
    deadline: float,
    window: int,
    as_json: bool,
) -> int:
    from zpns.sender import Sender

    outcomes: Counter[str] = Counter()
    failed: Counter[tuple[str, int]] = Counter()  # by code and status
    with _output.progress("done", plain=as_json) as (show, count):
        async with (
            Sender(transport) as sender,
            sender.send_many(notification, tokens, deadline=deadline, window=window) as deliveries,
        ):
            async for delivery in deliveries:
                count()
                verdict = delivery.verdict
                outcomes[verdict.outcome.value] += 1
                if verdict.outcome.value != "sent":
                    failed[verdict.code, verdict.status] += 1
                if as_json:
                    _output.json_line(_to_json(delivery))
                else:
                    show(_to_text(delivery))
    if not outcomes:
        raise ConfigError("tokens: the file has none; expected a token on each line")
    if _output.on_terminal() and not as_json and outcomes.total() > 1:
        counted = ", ".join(f"{number:,} {name}" for name, number in sorted(outcomes.items()))
        _output.line(counted)
    return code_of_sends(failed, sent=outcomes["sent"])


def _to_json(delivery: Delivery) -> Mapping[str, Any]:
    verdict = delivery.verdict
    return {
        "index": delivery.target.seq,
        "token": shorten(delivery.token),
        "outcome": verdict.outcome.value,
        "status": verdict.status,
        "code": verdict.code,
        "message_id": verdict.message_id,
        "attempts": delivery.attempts,
        "advice": verdict.advice,
    }


def _to_text(delivery: Delivery) -> str:
    verdict = delivery.verdict
    answer = verdict.code or verdict.message_id
    start = f"{verdict.outcome.value:<13} #{delivery.target.seq} {shorten(delivery.token)}"
    return "  ".join(filter(None, (start, answer, verdict.advice)))
