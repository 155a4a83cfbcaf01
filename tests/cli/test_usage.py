"""Help, options, errors and exit codes: what all commands have in common."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import typer
from command import here, surroundings, zpns

from zpns.cli import ExitCode, main
from zpns.cli._app import app, help_pages
from zpns.cli._exit import code_of, code_of_sends
from zpns.errors import (
    CarrierError,
    CarrierTimeout,
    ConfigError,
    CredentialRejected,
    ParameterError,
    QuotaExceeded,
    RegistrationNotFound,
    RequestRefused,
    StateError,
    StoreError,
    VendorUnavailable,
    WireError,
    ZIMError,
    ZPNsError,
)
from zpns.exchange import Request

COMMANDS: dict[str, Any] = dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
EACH_COMMAND = pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in COMMANDS])


def test_help_says_what_each_exit_code_means() -> None:
    """Whoever writes a script finds every exit code on the first page of help."""
    page = here("--help").out

    assert [0, 1, 2, 3, 130] == [int(code) for code in ExitCode]
    for code in ExitCode:
        assert f"{int(code):<5}{code.meaning}" in page


def test_help_names_every_command() -> None:
    """The first page of help lists what there is."""
    page = here("--help").out

    assert {"demo", "register", "send", "simulate"} <= set(COMMANDS)
    for name in COMMANDS:
        assert re.search(rf"^  {name}  +\S", page, re.MULTILINE)


def test_nothing_typed_shows_the_help() -> None:
    """The bare command is a question, and gets the first page of help."""
    assert here("--help") == here()


@EACH_COMMAND
def test_every_option_shows_its_variable(name: str) -> None:
    """No option is without an environment variable, and its help tells its name."""
    page = " ".join(help_pages()[f"zpns {name}"].split())
    options = [param for param in COMMANDS[name].params if param.param_type_name == "option"]
    variables = re.findall(r"\[env var: (ZPNS_[A-Z_]+)", page)

    assert options
    assert len(options) == len(variables)
    assert len(variables) == len(set(variables))
    assert not [variable for variable in variables if variable.endswith("_")]


@EACH_COMMAND
def test_every_command_speaks_json(name: str) -> None:
    """``--json`` and ``--debug`` are there whatever the command."""
    flags = {flag for param in COMMANDS[name].params for flag in param.opts}

    assert {"--json", "--debug", "-v"} <= flags


@pytest.mark.parametrize(
    "columns", [pytest.param("40", id="narrow"), pytest.param("200", id="wide")]
)
@pytest.mark.parametrize("page", [pytest.param(page, id=page) for page in help_pages()])
def test_help_is_the_same_everywhere(page: str, columns: str) -> None:
    """Docs can quote the help: no terminal's width, and no style, gets into it."""
    asked = here(*page.split()[1:], "--help", variables={"COLUMNS": columns, "FORCE_COLOR": "1"})

    assert help_pages()[page].rstrip() == asked.out.rstrip()
    assert max(map(len, asked.out.splitlines())) <= 80
    assert "\x1b" not in asked.out


def test_version() -> None:
    """``--version`` prints the program's name and its version, and that is all."""
    words = here("--version").out.split()

    assert "zpns" == words[0]
    assert ["zpns", "(not", "installed)"] == words or re.fullmatch(r"\d+\.\d+\.\d+\S*", words[1])


USAGE = [
    pytest.param(["fly"], "No such command 'fly'", id="command-unknown"),
    pytest.param(["send"], "Missing argument", id="argument-missing"),
    pytest.param(["send", "fcm", "--titel", "x"], "--titel", id="option-unknown"),
    pytest.param(["send", "fcm", "--ttl", "soon"], "--ttl", id="number-malformed"),
    pytest.param(["demo", "now"], "now", id="argument-too-many"),
    pytest.param(["register", "bob"], "Missing option", id="option-missing"),
    pytest.param(["simulate", "pigeon"], "pigeon", id="channel-unknown"),
    pytest.param(["simulate", "--devices", "-1"], "--devices", id="number-too-small"),
    pytest.param(["simulate", "--port", "70000"], "--port", id="port-too-large"),
]


@pytest.mark.parametrize(("args", "said"), USAGE)
def test_wrong_usage_is_said_on_one_line(args: list[str], said: str) -> None:
    """Standard error names what is wrong, standard output stays empty, the status is 2."""
    code, out, err = here(*args)

    assert ExitCode.MISCONFIGURED == code
    assert "" == out
    assert err.startswith("zpns: error: ")
    assert 1 == err.count("\n")
    assert said in err


@pytest.mark.parametrize(
    ("flags", "variables"),
    [
        pytest.param(["--json"], {}, id="by-option"),
        pytest.param([], {"ZPNS_JSON": "1"}, id="by-variable"),
    ],
)
@pytest.mark.parametrize(("args", "said"), USAGE)
def test_wrong_usage_is_json_for_programs(
    args: list[str], said: str, flags: list[str], variables: dict[str, str]
) -> None:
    """With ``--json`` the error is an object on standard error, even from the parser."""
    code, out, err = here(*args, *flags, variables=variables)
    error = json.loads(err)["error"]

    assert ExitCode.MISCONFIGURED == code == error["exit_code"]
    assert "" == out
    assert said in error["message"]
    assert error["type"] in ("UsageError", "ConfigError")


def test_json_after_two_dashes_is_a_word() -> None:
    """What stands after ``--`` is no option, so the error is for people."""
    assert here("demo", "--", "--json").err.startswith("zpns: error: ")


REQUEST = Request(method="POST", url="https://vendor.example")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(ConfigError("x"), ExitCode.MISCONFIGURED, id="config"),
        pytest.param(ParameterError("f", "x", 1), ExitCode.MISCONFIGURED, id="parameter"),
        pytest.param(WireError("x"), ExitCode.MISCONFIGURED, id="wire"),
        pytest.param(StoreError("x"), ExitCode.MISCONFIGURED, id="store"),
        pytest.param(RegistrationNotFound("x"), ExitCode.REFUSED, id="not-registered"),
        pytest.param(ZIMError(6000204, "x"), ExitCode.REFUSED, id="zim"),
        pytest.param(StateError("x"), ExitCode.REFUSED, id="state"),
        pytest.param(RequestRefused("x", channel="fcm"), ExitCode.REFUSED, id="vendor-refused"),
        pytest.param(QuotaExceeded("x", channel="fcm"), ExitCode.REFUSED, id="vendor-quota"),
        pytest.param(CredentialRejected("x", channel="fcm"), ExitCode.REFUSED, id="credential"),
        pytest.param(
            VendorUnavailable("x", channel="fcm"), ExitCode.UNREACHABLE, id="vendor-unavailable"
        ),
        pytest.param(CarrierError("x", REQUEST, sent=False), ExitCode.UNREACHABLE, id="carrier"),
        pytest.param(CarrierTimeout("x", REQUEST, sent=True), ExitCode.UNREACHABLE, id="timeout"),
    ],
)
def test_each_error_has_its_exit_code(error: ZPNsError, expected: ExitCode) -> None:
    """A script can tell its own mistakes from a vendor's, and both from an outage."""
    assert expected is code_of(error)


def test_a_busy_store_is_tried_again(tmp_path: Path) -> None:
    """A file that another process holds is no mistake: the status says to come back."""
    file = tmp_path / "push.db"
    with (
        closing(sqlite3.connect(file)) as holder,
        closing(sqlite3.connect(file, timeout=0)) as other,
    ):
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError) as locked:
            other.execute("BEGIN IMMEDIATE")
    error = StoreError("x")
    error.__cause__ = locked.value

    assert ExitCode.UNREACHABLE is code_of(error)


@pytest.mark.parametrize(
    ("failed", "sent", "expected"),
    [
        pytest.param([], 3, ExitCode.SUCCESS, id="all-sent"),
        pytest.param([("UNREGISTERED", 404)], 3, ExitCode.REFUSED, id="one-dead"),
        pytest.param([("not_sent", 0)], 0, ExitCode.UNREACHABLE, id="not-reached"),
        pytest.param([("timeout", 0)], 0, ExitCode.UNREACHABLE, id="no-answer"),
        pytest.param([("connection_lost", 0)], 0, ExitCode.UNREACHABLE, id="lost"),
        pytest.param([("credential_unreachable", 0)], 0, ExitCode.UNREACHABLE, id="no-credential"),
        pytest.param([("UNAVAILABLE", 503)], 0, ExitCode.UNREACHABLE, id="vendor-down"),
        pytest.param([("not_sent", 0)], 1, ExitCode.REFUSED, id="reached-once"),
        pytest.param([("not_sent", 0), ("bad", 400)], 0, ExitCode.REFUSED, id="answered-once"),
    ],
)
def test_sends_have_one_exit_code(
    failed: list[tuple[str, int]], sent: int, expected: ExitCode
) -> None:
    """*Unreachable* is said only if nothing came through and nobody answered."""
    assert expected is code_of_sends(failed, sent=sent)


@pytest.mark.parametrize("package", [pytest.param(name, id=name) for name in ("typer", "h2")])
def test_without_the_extra_it_says_how_to_install_it(package: str) -> None:
    """Whoever installed the library alone learns the one command that is missing."""
    program = (
        "import sys\n"
        "class Gone:\n"
        "    def find_spec(self, name, *rest):\n"
        f"        if name.partition('.')[0] == {package!r}:\n"
        f"            raise ModuleNotFoundError(name, name={package!r})\n"
        "sys.meta_path.insert(0, Gone())\n"
        "from zpns.cli import main\n"
        "sys.exit(main(['demo', '--json']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=surroundings(),
        check=False,
    )

    assert (ExitCode.MISCONFIGURED, "") == (done.returncode, done.stdout)
    assert f"package {package}: pip install 'zpns[cli]'" in done.stderr
    assert 1 == done.stderr.count("\n")


def test_our_own_missing_module_is_not_blamed_on_the_extra() -> None:
    """A broken installation of zpns itself is shown as what it is."""
    program = (
        "import sys; sys.modules['zpns.cli.send'] = None\n"
        "from zpns.cli import main\n"
        "sys.exit(main(['--help']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=surroundings(),
        check=False,
    )

    assert "pip install" not in done.stderr
    assert "zpns.cli.send" in done.stderr


def test_help_loads_nothing_heavy() -> None:
    """Help and completion are quick: what costs time to import waits for a command."""
    program = (
        "import sys; from zpns.cli import main; main(['send', '--help'])\n"
        "heavy = {'aiohttp', 'asyncio', 'attrs', 'cryptography', 'h2', 'rich', 'sqlalchemy'}\n"
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=surroundings(),
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("Usage: zpns send")


def test_main_takes_arguments_and_returns_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Another program can run a command without a process, and go on after it."""
    assert ExitCode.MISCONFIGURED == main(["simulate", "pigeon"])
    assert ExitCode.SUCCESS == main(["--version"])
    out, err = capsys.readouterr()
    assert out.startswith("zpns ")
    assert "pigeon" in err


def test_the_module_is_the_command() -> None:
    """``python -m zpns.cli`` behaves like ``zpns``, its exit status included."""
    assert here("fly") == zpns("fly")
