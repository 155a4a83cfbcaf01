"""``zpns simulate``: a line before it serves, vendors that answer, and an end without traces."""

from __future__ import annotations

import json
import signal
import socket
import stat
from pathlib import Path

import pytest
from command import PATIENCE, ask, here, started, zpns

from zpns.cli import ExitCode
from zpns.simulators import SIMULATORS


def test_one_line_comes_before_it_serves() -> None:
    """A program reads one line from the pipe and can use every vendor from then on."""
    with started("simulate", "--json") as process:
        told = json.loads(process.stdout.readline())
        summaries = {
            name: ask(facts, "/__sim__/requests?summary=1") for name, facts in told.items()
        }
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=PATIENCE)

    assert set(SIMULATORS) == set(told)
    assert {name: {"count": 0, "by_status": {}} for name in told} == summaries
    assert (b"", b"", 0) == (rest, errors, process.returncode)


def test_the_line_has_what_a_client_needs() -> None:
    """Address, authority, credentials and devices are there, and lead to a push that is seen."""
    with started("simulate", "fcm", "--json", "--devices", "2") as process:
        facts = json.loads(process.stdout.readline())["fcm"]
        known = {"url", "ca_file", "service_account", "project_id", "tokens"}
        assert known == set(facts)
        assert 2 == len(set(facts["tokens"]))

        sent = zpns(
            *("send", "fcm", "--title", "Hi", "--content", "there", "--json"),
            *("--service-account", facts["service_account"]),
            *("--base-url", facts["url"], "--ca-file", facts["ca_file"]),
            *("--token", facts["tokens"][1]),
        )
        record = ask(facts, "/__sim__/requests")
        ask(facts, "/__sim__/requests", method="DELETE")
        after = ask(facts, "/__sim__/requests")

    assert ExitCode.SUCCESS == sent.code
    assert [("/token", 200), (f"/v1/projects/{facts['project_id']}/messages:send", 200)] == [
        (entry["path"], entry["status"]) for entry in record
    ]
    assert facts["tokens"][1] == record[1]["body"]["message"]["token"]
    assert [] == after


@pytest.mark.parametrize(
    "number",
    [pytest.param(signal.SIGTERM, id="SIGTERM"), pytest.param(signal.SIGINT, id="Ctrl-C")],
)
def test_a_signal_ends_it_well(number: signal.Signals) -> None:
    """It exits with 0 and takes its keys and its folder with it."""
    with started("simulate", "--json") as process:
        facts = json.loads(process.stdout.readline())["fcm"]
        files = [Path(facts["ca_file"]), Path(facts["service_account"])]
        assert [True, True] == [file.is_file() for file in files]
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)

    assert (0, b"") == (process.returncode, errors)
    assert [False, False] == [file.parent.exists() for file in files]


def test_what_it_writes_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Files are 0600, in a folder that was asked for they stay, and paths can be used anywhere."""
    folder = tmp_path / "new" / "keys"
    with started("simulate", "--json", "--folder", str(folder)) as process:
        told = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    files = [path for path in folder.rglob("*") if path.is_file()]

    assert {folder / "ca.pem", folder / "fcm" / "service-account.json"} <= set(files)
    assert {0o600} == {stat.S_IMODE(file.stat().st_mode) for file in files}
    assert {0o700} == {
        stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*")) if path.is_dir()
    }
    assert str(folder / "ca.pem") == told["fcm"]["ca_file"]
    assert str(folder / "fcm" / "service-account.json") == told["fcm"]["service_account"]


def test_a_relative_folder_is_told_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads the line may be in another folder than whoever started it."""
    monkeypatch.chdir(tmp_path)
    with started("simulate", "fcm", "--json", "--folder", "keys") as process:
        facts = json.loads(process.stdout.readline())["fcm"]

    assert str(tmp_path.resolve() / "keys" / "ca.pem") == facts["ca_file"]


def test_people_get_lines(tmp_path: Path) -> None:
    """Without ``--json`` the same is said in words, the last of them before it serves."""
    with started("simulate", "fcm", "--devices", "1") as process:
        lines: list[str] = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(process.stdout.readline().decode().rstrip("\n"))
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=PATIENCE)
    words = dict(line.strip().split(": ", 1) for line in lines[1:-1])

    assert lines[0].startswith("fcm at https://127.0.0.1:")
    assert {"ca_file", "service_account", "project_id", "token", "record"} == set(words)
    assert words["record"].endswith("/__sim__/requests")
    assert b"" == rest
    assert "\x1b" not in "".join(lines)


def test_a_port_can_be_chosen() -> None:
    """A single vendor listens where it is told to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with started("simulate", "fcm", "--json", "--port", str(port)) as process:
        facts = json.loads(process.stdout.readline())["fcm"]

    assert f"https://127.0.0.1:{port}" == facts["url"]


def test_a_port_in_use_is_refused() -> None:
    """A port somebody else has is named in the error, before anything is printed."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, out, err = here("simulate", "fcm", "--json", "--port", str(port))

    assert (ExitCode.MISCONFIGURED, "") == (code, out)
    assert f"port {port}: cannot be used" in json.loads(err)["error"]["message"]


def test_a_port_is_for_one_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two vendors cannot share a port, so naming one for several is refused."""
    monkeypatch.setattr("zpns.simulators.SIMULATORS", {"fcm": None, "pigeon": None})

    code, _, err = here("simulate", "--port", "4711")

    assert ExitCode.MISCONFIGURED == code
    assert "--port: a port is for a single vendor; name one of fcm, pigeon" in err


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A file where the folder should be is said, with the option's name."""
    (tmp_path / "file").write_text("")

    code, out, err = here("simulate", "--folder", str(tmp_path / "file"))

    assert (ExitCode.MISCONFIGURED, "") == (code, out)
    assert "--folder" in err
    assert 1 == err.count("\n")


def test_a_channel_named_twice_is_served_once() -> None:
    """Repeating a channel starts no second server."""
    with started("simulate", "fcm", "fcm", "--json", "--devices", "0") as process:
        told = json.loads(process.stdout.readline())

    assert ["fcm"] == list(told)
    assert [] == told["fcm"]["tokens"]
