"""``zpns demo``: everything once, against simulated vendors on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zpns.cli import _output
from zpns.cli._exit import ExitCode
from zpns.cli._options import Debug, Json
from zpns.cli._run import run

if TYPE_CHECKING:
    from zpns.cli._story import Report

_COLUMNS = ("user", "channel", "device", "push", "form", "outcome", "answer")


def demo(as_json: Json = False, debug: Debug = False) -> int:
    """
    Push, write and call against simulated vendors on this machine.

    Starts a simulator for each vendor, registers devices of two users who are offline,
    sends each a message and calls one of them; the callee logs in, receives what waited
    and answers. Needs no account and no network.

    With --json prints one object: "ok", "channels" with the pushes "sent" and "seen" by
    each simulator, "inbox" (messages that waited), "call" and "deliveries".

    Fails unless every push was seen by its vendor's simulator, the dead tokens were
    found out, the message waited for the callee, and the call was answered.
    """
    from zpns.cli._story import play

    report = run(play(), debug=debug)
    if as_json:
        _output.json_line(report.to_json())
    else:
        _show(report)
    return ExitCode.SUCCESS if report.ok else ExitCode.REFUSED


def _show(report: Report) -> None:
    _output.line("alice writes to bob and carol, who are offline, and calls bob.\n")
    rows = [
        (
            push.user_id,
            push.channel,
            push.device,
            push.what,
            push.form or "-",
            push.outcome,
            f"{push.answer}: {push.advice}" if push.advice else push.answer,
        )
        for push in report.deliveries
    ]
    _output.table(_COLUMNS, rows)
    _output.line()
    for what, text in report.lines():
        _output.line(f"{what:<6} {text}")
    sent, seen = report.sent, report.seen
    _output.line(f"{seen} of {sent} seen by the simulators")
    for problem in report.problems:
        _output.error(problem, kind="DemoFailed", code=ExitCode.REFUSED, as_json=False)
