"""``zpns send``: a line per token, one exit code, and nothing secret on the way."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import PATIENCE, Ended, Vendor, here, on_a_terminal, started, zpns

from zpns.cli import ExitCode
from zpns.errors import shorten

DEAD = "cDeadDeadDeadDeadDead0"  # like a token, and nobody's
TEXT = ("--title", "Hi", "--content", "there")

Send = Callable[..., Ended]


@pytest.fixture
def send(vendor: Vendor) -> Send:
    """Run ``zpns send fcm`` against the simulated vendor, in this process."""

    def run(*args: str, **more: Any) -> Ended:
        return here("send", "fcm", *TEXT, *vendor.options, *args, **more)

    return run


def closed_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


# What is printed.


def test_each_token_has_a_line(vendor: Vendor) -> None:
    """A pipe gets outcome, number, shortened token and the vendor's ID, and no more lines."""
    one, two, *_ = vendor.tokens
    ended = zpns("send", "fcm", *TEXT, *vendor.options, "--token", one, "--token", two)

    assert (ExitCode.SUCCESS, "") == (ended.code, ended.err)
    assert {"0": shorten(one), "1": shorten(two)} == {
        found[1]: found[2]
        for line in ended.out.splitlines()
        if (found := re.fullmatch(r"sent +#(\d) (\S+ characters\)) +projects/\S+", line))
    }
    assert 2 == len(ended.out.splitlines())


def test_each_token_is_an_object(send: Send, vendor: Vendor) -> None:
    """With ``--json`` each line is an object; the index says which token it is about."""
    ended = send("--json", "--token", DEAD, "--token", vendor.tokens[0], "--token", "no token")
    found = sorted(ended.objects, key=lambda answer: answer["index"])
    keys = ("index", "token", "outcome", "status", "code", "attempts")

    assert (ExitCode.REFUSED, "") == (ended.code, ended.err)
    assert [
        (0, shorten(DEAD), "token_dead", 404, "UNREGISTERED", 1),
        (1, shorten(vendor.tokens[0]), "sent", 200, "", 1),
        (2, shorten("no token"), "skipped", 0, "malformed_token", 0),
    ] == [tuple(answer[key] for key in keys) for answer in found]
    assert found[1]["message_id"].startswith("projects/demo-zpns/messages/")
    assert "forget the token" in found[0]["advice"]
    assert [{*keys, "message_id", "advice"}] * 3 == [set(answer) for answer in found]


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_gets_colours_and_a_sum(vendor: Vendor) -> None:
    """On a terminal outcomes are coloured, and several tokens are counted at the end."""
    code, text = on_a_terminal(
        *("send", "fcm", *TEXT, *vendor.options),
        *("--token", vendor.tokens[0], "--token", DEAD),
        columns=120,
    )

    assert ExitCode.REFUSED == code
    assert re.search("\x1b\\[32msent", text)
    assert re.search("\x1b\\[33mtoken_dead", text)
    assert text.rstrip().endswith("1 sent, 1 token_dead")


# What the vendor gets.


def test_what_was_typed_reaches_the_vendor(send: Send, vendor: Vendor) -> None:
    """Title, content, payload, ttl and collapse key are in the request to the token."""
    token = vendor.tokens[0]
    ended = send("--token", token, *("--payload", "p-1", "--ttl", "60", "--collapse-key", "news"))
    message = vendor.requests(token)[-1]["message"]

    assert ExitCode.SUCCESS == ended.code
    assert {"title": "Hi", "body": "there", "tag": "news"} == {
        key: message["android"]["notification"][key] for key in ("title", "body", "tag")
    }
    assert "p-1" == message["data"]["payload"]
    assert message["android"]["ttl"] in ("59s", "60s")


def test_the_kind_decides_the_form(send: Send, vendor: Vendor) -> None:
    """``--kind data`` makes a data message, ``--kind voip`` one with the call's ID."""
    token = vendor.tokens[1]
    data = send("--token", token, "--kind", "data")
    call = send("--token", token, "--kind", "voip", "--call-id", "12", "--ttl", "30")
    messages = [body["message"] for body in vendor.requests(token)[-2:]]

    assert (ExitCode.SUCCESS, ExitCode.SUCCESS) == (data.code, call.code)
    assert [False, False] == ["notification" in message["android"] for message in messages]
    assert "12" == messages[1]["data"]["call_id"]


def test_the_kind_of_the_tokens_decides_too(send: Send, vendor: Vendor) -> None:
    """``--token-kind web`` sends what a browser shows."""
    token = vendor.tokens[2]
    ended = send("--token", token, "--token-kind", "web")

    assert ExitCode.SUCCESS == ended.code
    assert "webpush" in vendor.requests(token)[-1]["message"]


def test_the_vendor_can_be_asked_to_check_only(send: Send, vendor: Vendor) -> None:
    """``--validate-only`` sends the vendor's own flag for it."""
    token = vendor.tokens[0]
    ended = send("--token", token, "--validate-only", "--json")

    assert ExitCode.SUCCESS == ended.code
    assert True is vendor.requests(token)[-1]["validate_only"]
    assert ended.objects[0]["message_id"].endswith("/fake_message_id")


# Where tokens come from.


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("{0}\n{1}\n", id="lines"),
        pytest.param("\n  {0}  \n\n{1}", id="blank-lines-and-spaces"),
        pytest.param("\ufeff{0}\r\n{1}\r\n", id="as-windows-writes"),
    ],
)
@pytest.mark.parametrize("source", [pytest.param(name, id=name) for name in ("file", "stdin")])
def test_tokens_come_from_a_file(
    send: Send, vendor: Vendor, tmp_path: Path, source: str, content: str
) -> None:
    """A token on each line, in a file or on standard input, is sent to; blank lines are none."""
    text = content.format(*vendor.tokens).encode()
    file = tmp_path / "tokens.txt"
    file.write_bytes(text)
    where = str(file) if source == "file" else "-"
    ended = send("--json", "--tokens-file", where, stdin=text if source == "stdin" else b"")

    assert ExitCode.SUCCESS == ended.code
    assert {0: shorten(vendor.tokens[0]), 1: shorten(vendor.tokens[1])} == {
        found["index"]: found["token"] for found in ended.objects
    }


def test_tokens_of_both_kinds_are_counted_on(send: Send, vendor: Vendor, tmp_path: Path) -> None:
    """Tokens of options come first, those of the file after them."""
    file = tmp_path / "tokens.txt"
    file.write_text(vendor.tokens[1])
    ended = send("--json", "--token", vendor.tokens[0], "--tokens-file", str(file))

    assert {0: shorten(vendor.tokens[0]), 1: shorten(vendor.tokens[1])} == {
        found["index"]: found["token"] for found in ended.objects
    }


@pytest.mark.parametrize("shape", [pytest.param([], id="bare"), pytest.param(["web"], id="web")])
def test_a_broken_line_spoils_no_other(
    send: Send, vendor: Vendor, tmp_path: Path, shape: list[str]
) -> None:
    """Bytes that are no text are that token's outcome; the next one is sent to."""
    file = tmp_path / "tokens.txt"
    file.write_bytes(b"\xff\xfe\n" + vendor.tokens[0].encode())
    options = [word for kind in shape for word in ("--token-kind", kind)]
    ended = send("--json", "--tokens-file", str(file), *options)

    assert ExitCode.REFUSED == ended.code
    assert {0: ("skipped", "not_a_token"), 1: ("sent", "")} == {
        found["index"]: (found["outcome"], found["code"]) for found in ended.objects
    }


# Where the transport comes from.


def test_a_section_of_the_configuration_is_a_transport(vendor: Vendor, tmp_path: Path) -> None:
    """The file names address and key, relative to itself; only the section asked for counts."""
    facts = vendor.facts
    (tmp_path / "key.json").write_bytes(Path(facts["service_account"]).read_bytes())
    file = tmp_path / "zpns.toml"
    file.write_text(
        '[transports.tv]\nchannel = "fcm"\napp = "tv"\nservice_account = "key.json"\n'
        f'base_url = "{facts["url"]}"\nca_file = "{facts["ca_file"]}"\n'
        '[transports.broken]\nchannel = "fcm"\nservice_account = "nowhere.json"\n'
    )
    ended = here("send", "tv", *TEXT, "--config", str(file), "--token", vendor.tokens[0])

    assert ExitCode.SUCCESS == ended.code


def test_variables_make_a_transport(vendor: Vendor) -> None:
    """A container needs no file and no option for what the transport is made of."""
    facts = vendor.facts
    variables = {
        "ZPNS_FCM_SERVICE_ACCOUNT": facts["service_account"],
        "ZPNS_FCM_BASE_URL": facts["url"],
        "ZPNS_FCM_CA_FILE": facts["ca_file"],
        "ZPNS_SEND_TOKEN": vendor.tokens[0],
        "ZPNS_JSON": "1",
    }
    ended = here("send", "fcm", *TEXT, variables=variables)

    assert ExitCode.SUCCESS == ended.code
    assert "sent" == ended.objects[0]["outcome"]


def test_any_field_can_be_set(send: Send, vendor: Vendor) -> None:
    """``--set`` reaches fields that have no option of their own, dashes or not."""
    ended = send("--json", "--token", vendor.tokens[0], "--set", "project-id=1234567890")

    assert ExitCode.SUCCESS == ended.code
    ended = send("--json", "--token", vendor.tokens[0], "--set", "project_id=elsewhere")
    assert ExitCode.REFUSED == ended.code
    assert "refused" == ended.objects[0]["outcome"]


# What goes wrong.


def test_a_vendor_that_is_not_there_is_unreachable(send: Send, vendor: Vendor) -> None:
    """Nobody listens: each token says so, and the status tells to try later."""
    port = closed_port()
    ended = send(
        *("--base-url", f"https://127.0.0.1:{port}", "--deadline", "5"),
        *("--token", vendor.tokens[0], "--token", vendor.tokens[1], "--json"),
    )

    assert ExitCode.UNREACHABLE == ended.code
    assert [("expired", "not_sent")] * 2 == [
        (found["outcome"], found["code"]) for found in ended.objects
    ]


def test_a_certificate_that_is_not_trusted_is_unreachable(vendor: Vendor) -> None:
    """Without the authority nothing is sent, and the advice names the field that helps."""
    options = vendor.options[:4]
    ended = here("send", "fcm", *TEXT, *options, "--token", vendor.tokens[0], "--deadline", "5")

    assert ExitCode.UNREACHABLE == ended.code
    assert "ca_file" in ended.out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        pytest.param([], "tokens: none given", id="no-token"),
        pytest.param(["--tokens-file", "-"], "tokens: the file has none", id="no-line"),
        pytest.param(["--tokens-file", "gone.txt"], "gone.txt: No such file", id="no-file"),
        pytest.param(["--token", "t", "--kind", "loud"], "kind: expected one of", id="kind"),
        pytest.param(["--token", "t", "--kind", "voip"], "call_id: expected", id="no-call"),
        pytest.param(["--token", "t", "--token-kind", "x"], "kind: expected", id="token-kind"),
        pytest.param(["--token", "t", "--environment", "x"], "environment: expected", id="env"),
        pytest.param(["--token", "t", "--ttl", "-1"], "ttl: expected", id="ttl"),
        pytest.param(["--token", "t", "--deadline", "0"], "deadline: expected", id="deadline"),
        pytest.param(["--token", "t", "--window", "0"], "window: expected", id="window"),
        pytest.param(["--token", "t", "--collapse-key", ""], "collapse_key", id="collapse-key"),
        pytest.param(["--token", "t", "--set", "x"], "--set: expected KEY=VALUE", id="no-equals"),
        pytest.param(["--token", "t", "--set", "=x"], "--set: expected KEY=VALUE", id="no-key"),
        pytest.param(
            ["--token", "t", "--set", "projct_id=x"], "did you mean 'project_id'", id="set-unknown"
        ),
        pytest.param(
            ["--token", "t", "--set", "badge_data=perhaps"], "expected true or false", id="set-flag"
        ),
        pytest.param(
            ["--token", "t", "--base-url", "http://vendor.example"], "base_url: http", id="http"
        ),
        pytest.param(["--token", "t", "--ca-file", "gone.pem"], "gone.pem", id="ca-file"),
        pytest.param(["--token", "t", "--config", "gone.toml"], "gone.toml", id="config"),
        pytest.param(
            ["--token", "t", "--service-account", "gone.json"], "gone.json: no such file", id="key"
        ),
    ],
)
def test_what_is_wrong_is_said_on_one_line(send: Send, args: list[str], said: str) -> None:
    """Before anything is sent, the field and what was expected are named; the status is 2."""
    code, out, err = send(*args)

    assert (ExitCode.MISCONFIGURED, "") == (code, out)
    assert err.startswith("zpns: error: ")
    assert 1 == err.count("\n")
    assert said in err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "expected a JSON key file", id="empty"),
        pytest.param(b"not JSON", "expected a JSON key file", id="not-json"),
        pytest.param(b"[1]", "expected a JSON object", id="a-list"),
        pytest.param(b'{"type": "authorized_user"}', "service_account", id="another-kind"),
        pytest.param(b"-----BEGIN PRIVATE KEY-----\nMIIEsecret", "a bare PEM key", id="a-key"),
    ],
)
def test_a_wrong_key_file_is_named_and_not_shown(
    send: Send, tmp_path: Path, content: bytes, said: str
) -> None:
    """The error names file and reason; nothing of its content gets out."""
    file = tmp_path / "key.json"
    file.write_bytes(content)
    code, out, err = send("--token", "t", "--service-account", str(file))

    assert (ExitCode.MISCONFIGURED, "") == (code, out)
    assert str(file) in err
    assert said in err
    assert "MIIEsecret" not in err


def test_an_unknown_channel_is_told_the_known_ones() -> None:
    """A channel that is neither built in nor a section is refused with what there is."""
    code, _, err = here("send", "pigeon", *TEXT, "--token", "t")

    assert ExitCode.MISCONFIGURED == code
    assert "fcm" in err
    assert "'pigeon'" in err


def test_no_secret_gets_out(vendor: Vendor) -> None:
    """With all logs on, neither tokens nor keys nor access tokens are in any output."""
    key = json.loads(Path(vendor.facts["service_account"]).read_bytes())["private_key"]
    secret = key.splitlines()[1]
    ended = zpns(
        *("send", "fcm", *TEXT, *vendor.options, "--debug"),
        *("--token", vendor.tokens[0], "--token", DEAD),
    )
    text = ended.out + ended.err

    assert ExitCode.REFUSED == ended.code
    assert [] == [secret for secret in (vendor.tokens[0], DEAD, secret, "ya29.") if secret in text]


def test_ctrl_c_is_an_interruption(vendor: Vendor, tmp_path: Path) -> None:
    """While it waits for a vendor that never answers, Ctrl-C ends it with 130."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent.settimeout(PATIENCE)
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        args = ("send", "fcm", *TEXT, *vendor.options, "--base-url", url)
        with started(*args, "--token", vendor.tokens[0], "--json") as process:
            connection, _ = silent.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=PATIENCE)

    assert ExitCode.INTERRUPTED == process.returncode
    assert (b"", b"") == (out, err)
