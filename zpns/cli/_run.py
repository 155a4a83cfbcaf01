"""How a command that waits for things is run."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from zpns.cli._output import log_to_stderr

__all__ = ["run"]

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T], *, debug: bool) -> T:
    """Run *work* in a loop of its own and return its result."""
    import asyncio

    log_to_stderr(debug=debug)
    try:
        return asyncio.run(work)
    finally:
        sys.stdout.flush()
