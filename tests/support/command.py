"""The command as a user meets it: in a process of its own, or quickly in this one."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from typer.testing import CliRunner

import zpns as package
from zpns.cli._app import app

PATIENCE = 60.0  # seconds; a machine may be slow, a test must not hang
_PACKAGE = str(Path(package.__file__).parent.parent)
COMMAND = (sys.executable, "-m", "zpns.cli")

#: Variables that would make rich believe in a terminal, or a width, that is not there.
_ABOUT_TERMINALS = frozenset(
    {"CLICOLOR_FORCE", "COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "TTY_COMPATIBLE"}
)


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[Any]:
        """Standard output as one JSON value per line."""
        return [json.loads(line) for line in self.out.splitlines()]


def surroundings(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a command: ours without what concerns zpns or terminals."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ZPNS_") and name not in _ABOUT_TERMINALS
    }
    # The same zpns as in this process, wherever a command is started.
    path = os.pathsep.join(filter(None, (_PACKAGE, kept.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": path, **(variables or {})}


def zpns(
    *args: str, variables: Mapping[str, str] | None = None, stdin: bytes = b"", cwd: Any = None
) -> Ended:
    """Run the command in a process of its own, its output piped."""
    done = subprocess.run(
        [*COMMAND, *args],
        input=stdin,
        capture_output=True,
        env=surroundings(variables),
        cwd=cwd,
        timeout=PATIENCE,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def here(*args: str, variables: Mapping[str, str] | None = None, stdin: bytes = b"") -> Ended:
    """Run the command in this process, which is faster."""
    result = CliRunner().invoke(app, list(args), input=stdin, env=variables)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


@contextmanager
def started(*args: str, variables: Mapping[str, str] | None = None) -> Iterator[Any]:
    """Run the command beside the test, and end it at the latest when the test does."""
    process = subprocess.Popen(
        [*COMMAND, *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=surroundings(variables),
    )
    # Reading its pipe has no timeout of its own.
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        process.terminate()  # politely, so that it takes its files with it
        process.communicate()
        watchdog.cancel()


def ask(facts: Mapping[str, Any], path: str, *, method: str = "GET", body: bytes = b"") -> Any:
    """Ask a simulator's control endpoint, trusting its authority alone."""
    trust = ssl.create_default_context(cafile=facts["ca_file"])
    request = urllib.request.Request(f"{facts['url']}{path}", body or None, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE, context=trust) as answer:
        return json.load(answer)


class Vendor(NamedTuple):
    """A simulated FCM that runs beside the tests, and the options that lead to it."""

    facts: Mapping[str, Any]

    @property
    def tokens(self) -> Sequence[str]:
        """Devices it knows."""
        return self.facts["tokens"]

    @property
    def options(self) -> list[str]:
        """Options of ``zpns send fcm`` that lead there."""
        return [
            *("--service-account", self.facts["service_account"]),
            *("--base-url", self.facts["url"]),
            *("--ca-file", self.facts["ca_file"]),
        ]

    def requests(self, token: str) -> list[Any]:
        """Return the bodies of all pushes to *token* so far, oldest first."""
        bodies = [entry["body"] for entry in ask(self.facts, "/__sim__/requests")]
        pushes = [body for body in bodies if isinstance(body, dict)]
        return [body for body in pushes if body["message"].get("token") == token]


def on_a_terminal(
    *args: str, columns: int = 80, variables: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run the command on a terminal of its own; return its exit code and what was shown."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, *args],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**surroundings(variables), "TERM": "xterm-256color"},
    )
    os.close(theirs)
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    shown = bytearray()
    try:
        with suppress(OSError):  # how Linux says that the other side is closed
            while chunk := os.read(ours, 65_536):
                shown += chunk
        return process.wait(), shown.decode()
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        os.close(ours)
