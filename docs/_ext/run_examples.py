"""
A pytest plugin that runs what README, docs and docstrings show.

Python in README and in the pages of docs runs from top to bottom, in one namespace and
one event loop per page, in an empty folder. ``await`` may stand outside of functions, as
in a notebook. ``<!-- skip: next -->`` leaves the block after it out.

Lines with ``>>>`` in docstrings run too. Blocks of code in docstrings are fragments, which
need names the reader is to supply; they must compile, and the names of zpns they use must
be there.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import inspect
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser as MarkdownBlocks
from sybil.parsers.markdown import SkipParser
from sybil.parsers.rest import CodeBlockParser as RestBlocks
from sybil.parsers.rest import DocTestParser
from sybil.sybil import SybilCollection

import zpns
from zpns import errors, http, simulators, testing
from zpns import transports as transports_
from zpns.simulators import FCMSimulator, SimulatorServer

ROOT: Final = Path(__file__).parent.parent.parent
PUBLIC: Final = frozenset(
    name for room in (zpns, errors, http, simulators, testing, transports_) for name in room.__all__
)
_RUNNER: Final = "__runner__"
_LEAVE: Final = "__leave__"


def run(example: Example) -> None:
    """Execute one block of a page, where ``await`` may stand outside of functions."""
    # Lines are counted as in the page, so that a traceback points there.
    source = "\n" * (example.line + example.parsed.line_offset - 1) + example.parsed
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(source, example.path, "exec", flags=flags, dont_inherit=True)
    namespace = example.namespace
    runner: asyncio.Runner = namespace[_RUNNER]

    async def block() -> None:
        outcome = eval(code, namespace)  # noqa: S307
        if inspect.iscoroutine(outcome):
            await outcome

    runner.run(block())


def check(example: Example) -> None:
    """Compile one fragment of a docstring, and look up the names it takes from zpns."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(str(example.parsed), example.path, "exec", flags=flags, dont_inherit=True)
    nodes = list(ast.walk(tree))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    made = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    # What is not a class is a placeholder: `token`, `client`.
    used = {name.id for name in names if name.id[:1].isupper()} - made
    used |= {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "zpns"
    }
    unknown = used - PUBLIC - set(dir(builtins)) - set(example.namespace)
    if unknown:
        raise NameError(f"not a public name of zpns: {', '.join(sorted(unknown))}")


def enter_page(namespace: dict[str, Any]) -> None:
    """Give a page its event loop and an empty folder to work in."""
    stack = contextlib.ExitStack()
    namespace[_RUNNER] = stack.enter_context(asyncio.Runner())
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="zpns-docs-"))
    stack.enter_context(_inside(folder))
    namespace[_LEAVE] = stack.close


def enter_readme(namespace: dict[str, Any]) -> None:
    """Give README what its shorter block takes for granted: a transport and tokens."""
    enter_page(namespace)
    google = FCMSimulator()
    server = SimulatorServer(google)
    runner: asyncio.Runner = namespace[_RUNNER]
    runner.run(server.start())
    leave = namespace[_LEAVE]

    def leave_readme() -> None:
        runner.run(server.aclose())
        leave()

    namespace[_LEAVE] = leave_readme
    account = google.credentials(server.url, str(Path.cwd()))["service_account"]
    namespace["fcm"] = transports_.FCM.from_service_account(
        account, base_url=server.url, ca_file=server.ca_file
    )
    namespace["tokens"] = [google.register() for _ in range(3)]


def leave_page(namespace: dict[str, Any]) -> None:
    """End what the page began."""
    namespace.pop(_LEAVE)()


@contextlib.contextmanager
def _inside(folder: str) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


_PAGE: Final = [MarkdownBlocks(language="python", evaluator=run), SkipParser()]

pytest_collect_file = SybilCollection(
    [
        Sybil(
            path=str(ROOT),
            parsers=_PAGE,
            patterns=["README.md"],
            setup=enter_readme,
            teardown=leave_page,
        ),
        Sybil(
            path=str(ROOT / "docs"),
            parsers=_PAGE,
            patterns=["*.md"],
            excludes=["_build/*", "_generated/*"],
            setup=enter_page,
            teardown=leave_page,
        ),
        Sybil(
            path=str(ROOT / "zpns"),
            parsers=[DocTestParser(), RestBlocks(language="python", evaluator=check)],
            patterns=["*.py"],
        ),
    ]
).pytest()
