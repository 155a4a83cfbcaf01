"""
What a command prints: rich on a terminal, plain text elsewhere, JSON when asked.

Results go to standard output, errors and logs to standard error, so that what a program
reads is never mixed with what went wrong.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import orjson

__all__ = ["error", "json_line", "line", "log_to_stderr", "on_terminal", "progress", "table"]

_GAP: Final = "  "  # between the columns of a plain table

#: How a terminal shows the words that matter.
_STYLES: Final = {
    "sent": "green",
    "ok": "green",
    "token_dead": "yellow",
    "token_suspect": "yellow",
    "skipped": "dim",
    "refused": "red",
    "unknown": "red",
    "expired": "red",
    "failed": "red",
}


def on_terminal() -> bool:
    """Return whether a human reads standard output."""
    return sys.stdout.isatty()


def line(text: str = "") -> None:
    """Print a line, at once: whoever reads a pipe may wait for it."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def json_line(value: object) -> None:
    """Print *value* as JSON on one line, at once."""
    line(orjson.dumps(value).decode())


def error(message: str, *, kind: str, code: int, as_json: bool) -> None:
    """
    Print an error on standard error, on one line.

    Args:
        message: What is wrong and what to do.

        kind: Name of the error's class, for programs.

        code: The exit code that follows.

        as_json: Whether a program reads it.
    """
    message = " ".join(message.split())
    if as_json:
        body = {"error": {"type": kind, "message": message, "exit_code": int(code)}}
        sys.stderr.write(orjson.dumps(body).decode() + "\n")
    else:
        sys.stderr.write(f"zpns: error: {message}\n")
    sys.stderr.flush()


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print *rows* under their heads; on a narrow terminal the last column is wrapped."""
    if on_terminal():
        _rich_table(columns, rows)
        return
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for cells in (columns, *rows):
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        line(_GAP.join(padded).rstrip())


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=SIMPLE_HEAD, header_style="bold", padding=0, collapse_padding=True)
    for column in columns:
        shown.add_column(column, no_wrap=column != columns[-1])
    for cells in rows:
        shown.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in cells))
    Console().print(shown)


@contextmanager
def progress(
    what: str, *, plain: bool = False
) -> Iterator[tuple[Callable[[str], None], Callable[[], None]]]:
    """
    Print lines as they come and, on a terminal, count below them.

    Args:
        what: What is counted.

        plain: Whether to do so on a terminal as elsewhere.

    Yields:
        A function that prints a line whose first word may be coloured, and one that
        counts one more.
    """
    if plain or not on_terminal():
        yield line, lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.text import Text

    console = Console(highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} {task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as shown:
        task = shown.add_task(what, total=None)

        def show(text: str) -> None:
            word, space, rest = text.partition(" ")
            console.print(Text.assemble((word, _STYLES.get(word, "")), space, rest), soft_wrap=True)

        yield show, lambda: shown.advance(task)


def log_to_stderr(*, debug: bool) -> None:
    """
    Let the library's log be seen if *debug*, and else keep it out of the output.

    A command says itself what went wrong; what the library logs besides is for whoever
    asks for it.
    """
    logger = logging.getLogger("zpns")
    for old in list(logger.handlers):
        if getattr(old, "_of_the_command_line", False):
            logger.removeHandler(old)
    handler: logging.Handler = logging.NullHandler()
    if debug:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.setLevel(logging.DEBUG)
    mark: Any = handler
    mark._of_the_command_line = True
    logger.addHandler(handler)  # a logger without any prints warnings all the same
