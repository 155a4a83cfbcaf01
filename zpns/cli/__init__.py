"""
The command line: ``zpns``, or ``python -m zpns.cli``.

Each command is thin: it reads its options, builds a client or sender, calls one verb and
prints what came of it. Its packages are the extra ``cli``; nothing here is imported by
the rest of zpns.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from zpns.cli._exit import ExitCode

__all__ = ["ExitCode", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run a command and return its exit code, one of :class:`~zpns.cli.ExitCode`.

    Args:
        argv: What follows the program's name; the process's own arguments if not given.
    """
    try:
        from zpns.cli._app import run
    except ModuleNotFoundError as error:
        if (error.name or "zpns").partition(".")[0] == "zpns":
            raise
        sys.stderr.write(
            f"zpns: error: the command line needs the package {error.name}: "
            "pip install 'zpns[cli]'\n"
        )
        return ExitCode.MISCONFIGURED
    return run(sys.argv[1:] if argv is None else argv)
