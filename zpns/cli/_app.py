"""The command ``zpns``: its commands, its help, and how it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

import zpns
from zpns.cli import _output
from zpns.cli._exit import ExitCode, code_of
from zpns.cli.demo import demo
from zpns.cli.register import register
from zpns.cli.send import send
from zpns.cli.simulate import simulate
from zpns.errors import ZPNsError

__all__ = ["app", "help_pages", "run"]

NAME: Final = "zpns"
WIDTH: Final = 80  # columns of a help page, whatever the terminal

#: Order of the help.
_COMMANDS: Final[tuple[Callable[..., int], ...]] = (demo, simulate, send, register)

#: What the parser raises; typer has it from click, or from its own copy of it.
_USAGE_ERROR: Final[Any] = typer.BadParameter.__mro__[1]
_PARSER_ERROR: Final[Any] = typer.BadParameter.__mro__[2]


class _Zpns(TyperGroup):
    """Ends every command in the same way: one line, one exit code, no traceback."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        args = list(sys.argv[1:] if args is None else args)
        extra = {**extra, "prog_name": NAME, "standalone_mode": False}
        code = _ending(lambda: super(_Zpns, self).main(args, *rest, **extra), args)
        sys.exit(int(code))


def _ending(command: Callable[[], Any], args: Sequence[str]) -> int:
    """Run *command* and return its exit code, having said what went wrong."""
    as_json = _wants_json(args)
    try:
        code = command()
    except ZPNsError as error:
        code = code_of(error)
        _output.error(_said(error), kind=type(error).__name__, code=code, as_json=as_json)
    except _USAGE_ERROR as error:
        code = ExitCode.MISCONFIGURED
        page = error.ctx.command_path if error.ctx is not None else NAME
        message = f"{error.format_message()} (see '{page} --help')"
        _output.error(message, kind="UsageError", code=code, as_json=as_json)
    except _PARSER_ERROR as error:
        code = ExitCode.MISCONFIGURED
        _output.error(error.format_message(), kind="UsageError", code=code, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        code = ExitCode.INTERRUPTED
    return code if isinstance(code, int) else ExitCode.SUCCESS


def _said(error: ZPNsError) -> str:
    # ZIM's number is of use where ZIM's documentation is; a wrong option needs none.
    message: str = getattr(error, "message", "") if isinstance(error, ValueError) else ""
    return message or str(error)


def _wants_json(args: Sequence[str]) -> bool:
    """Return whether errors are to be JSON, the parser's too, which come before the options."""
    own = args[: args.index("--")] if "--" in args else args
    return "--json" in own or os.environ.get("ZPNS_JSON", "").lower() in ("1", "true", "yes", "on")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError

        try:
            version = zpns.__version__
        except PackageNotFoundError:
            version = "(not installed)"
        _output.line(f"{NAME} {version}")
        raise typer.Exit


def _epilog() -> str:
    codes = "\n".join(f"  {code:<5}{code.meaning}" for code in ExitCode)
    return f"\b\nExit codes:\n{codes}"


app: Final = typer.Typer(
    name=NAME,
    cls=_Zpns,
    add_completion=False,
    invoke_without_command=True,
    rich_markup_mode=None,  # help is the same text on a terminal, in a pipe and in the docs
    pretty_exceptions_enable=False,
    context_settings={
        "auto_envvar_prefix": "ZPNS",
        "help_option_names": ["-h", "--help"],
        "terminal_width": WIDTH,
    },
    epilog=_epilog(),
)


@app.callback()
def _zpns(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_version,
            is_eager=True,
            show_envvar=False,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """
    Offline push, chat and calls, from the command line.

    Results are printed on standard output, as plain text or, with --json, as JSON;
    errors and logs on standard error. Every option can be given as the environment
    variable that its help shows.
    """
    if context.invoked_subcommand is None:
        _output.line(context.get_help())


for _command in _COMMANDS:
    app.command(_command.__name__)(_command)


def run(argv: Sequence[str]) -> int:
    """Run the command in *argv* and return its exit code."""
    try:
        typer.main.get_command(app).main(list(argv))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.SUCCESS
    return ExitCode.SUCCESS


def help_pages() -> dict[str, str]:
    """Return the help of the program and of every command, by what is typed before it."""
    group: Any = typer.main.get_command(app)
    top = group.make_context(NAME, [], resilient_parsing=True)
    pages = {NAME: group.get_help(top)}
    for name, command in group.commands.items():
        inner = command.make_context(name, [], parent=top, resilient_parsing=True)
        pages[f"{NAME} {name}"] = command.get_help(inner)
    return pages
