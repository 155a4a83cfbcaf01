"""``zpns register``: a token is bound to a user, and what is sent to the user goes there."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import Ended, Vendor, here, zpns

from zpns import (
    Client,
    Outcome,
    ZIMConversationType,
    ZIMMessagePriority,
    ZIMMessageSendConfig,
    ZIMPushConfig,
    ZIMTextMessage,
)
from zpns.cli import ExitCode
from zpns.errors import shorten
from zpns.transports import FCM

TOKEN = "cTokenTokenTokenToken0"

Register = Callable[..., Ended]


@pytest.fixture
def register(tmp_path: Path) -> Register:
    """Run ``zpns register bob`` with a store of this test."""

    def run(*args: str, **more: Any) -> Ended:
        store = f"sqlite:///{tmp_path / 'push.db'}"
        return here("register", "bob", "--channel", "fcm", "--store", store, *args, **more)

    return run


def test_the_push_id_is_printed(register: Register, tmp_path: Path) -> None:
    """People get the PushID and nothing else, and a store that only its owner can read."""
    code, out, err = register("--token", TOKEN)

    assert (ExitCode.SUCCESS, "") == (code, err)
    assert re.fullmatch(r"[0-9a-f]{32}\n", out)
    assert 0o600 == stat.S_IMODE((tmp_path / "push.db").stat().st_mode)


def test_the_push_id_is_an_object_for_programs(register: Register) -> None:
    """With ``--json`` what was bound stands beside the PushID, the token shortened."""
    ended = register("--token", TOKEN, "--kind", "web", "--device-id", "laptop", "--json")
    (found,) = ended.objects

    assert ExitCode.SUCCESS == ended.code
    assert re.fullmatch(r"[0-9a-f]{32}", found.pop("push_id"))
    assert {
        "user_id": "bob",
        "channel": "fcm",
        "app": "default",
        "kind": "web",
        "device_id": "laptop",
        "token": shorten(TOKEN),
    } == found


def test_a_device_keeps_its_push_id(register: Register) -> None:
    """A new token of the same device, and the same token again, give the same PushID."""
    first = register("--token", TOKEN, "--device-id", "phone")
    renewed = register("--token", TOKEN[::-1], "--device-id", "phone")
    again = register("--token", TOKEN[::-1])
    other = register("--token", "cOther")

    assert first.out == renewed.out == again.out
    assert first.out != other.out


async def test_what_is_sent_to_the_user_goes_there(vendor: Vendor, tmp_path: Path) -> None:
    """A service on the same store pushes to the device that the command has registered."""
    facts, token = vendor.facts, vendor.tokens[0]
    store = f"sqlite:///{tmp_path / 'push.db'}"
    registered = zpns("register", "bob", "--channel", "fcm", "--token", token, "--store", store)
    fcm = FCM.from_service_account(
        facts["service_account"], base_url=facts["url"], ca_file=facts["ca_file"]
    )
    async with Client([fcm], store=store) as client:
        sent = await client.send_message(
            ZIMTextMessage(message="hello"),
            "bob",
            ZIMConversationType.PEER,
            ZIMMessageSendConfig(
                priority=ZIMMessagePriority.HIGH,
                push_config=ZIMPushConfig(title="alice", content="hello"),
            ),
            sender="alice",
        )
        (push,) = await client.wait(sent.message.message_id, timeout=5)

    assert registered.out.strip() == push.push_id
    assert Outcome.SENT is push.outcome
    assert "hello" == vendor.requests(token)[-1]["message"]["android"]["notification"]["body"]


# Where the store is.


def _file(tmp_path: Path) -> str:
    file = tmp_path / "zpns.toml"
    file.write_text('[client]\nstore = "sqlite:///of-file.db"\n')
    return str(file)


@pytest.mark.parametrize(
    ("by_option", "by_file", "expected"),
    [
        pytest.param(True, True, "of-option.db", id="option-first"),
        pytest.param(False, True, "of-file.db", id="then-the-file"),
        pytest.param(False, False, "of-variable.db", id="then-the-variable"),
    ],
)
def test_the_store_is_looked_for_in_order(
    tmp_path: Path, by_option: bool, by_file: bool, expected: str
) -> None:
    """Option, file, variable: the first that says something wins; the file's is beside it."""
    options = []
    if by_option:
        options += ["--store", f"sqlite:///{tmp_path / 'of-option.db'}"]
    if by_file:
        options += ["--config", _file(tmp_path)]
    variables = {"ZPNS_STORE": f"sqlite:///{tmp_path / 'of-variable.db'}"}
    args = ("register", "bob", "--channel", "fcm", "--token", TOKEN, *options)

    assert ExitCode.SUCCESS == here(*args, variables=variables).code
    assert [expected] == [file.name for file in tmp_path.glob("*.db")]


def test_the_configuration_may_be_named_by_a_variable(tmp_path: Path) -> None:
    """``ZPNS_CONFIG`` stands for ``--config``."""
    variables = {"ZPNS_CONFIG": _file(tmp_path)}
    args = ("register", "bob", "--channel", "fcm", "--token", TOKEN)

    assert ExitCode.SUCCESS == here(*args, variables=variables).code
    assert (tmp_path / "of-file.db").exists()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="none"),
        pytest.param(["--store", "sqlite://"], id="in-memory"),
        pytest.param(["--store", "sqlite:///:memory:"], id="in-memory-too"),
    ],
)
def test_a_store_in_memory_is_refused(options: list[str]) -> None:
    """What is gone when the command ends is no place to bind a token."""
    code, out, err = here("register", "bob", "--channel", "fcm", "--token", TOKEN, *options)

    assert (ExitCode.MISCONFIGURED, "") == (code, out)
    assert "store: expected a file" in err


# What goes wrong.


@pytest.mark.parametrize(
    ("args", "said"),
    [
        pytest.param(["--token", "not a token"], "token: expected a token of fcm", id="alphabet"),
        pytest.param(["--token", ""], "token: expected text of 1 to 4096 bytes", id="empty"),
        pytest.param(["--token", TOKEN, "--kind", "loud"], "kind: expected one of", id="kind"),
        pytest.param(["--token", TOKEN, "--environment", "x"], "environment: expected", id="env"),
        pytest.param(["--token", TOKEN, "--channel", "pigeon"], "'pigeon'", id="channel"),
        pytest.param(["--token", TOKEN, "--app", ""], "app: expected", id="app"),
        pytest.param(["--token", TOKEN, "--config", "gone.toml"], "gone.toml", id="config"),
        pytest.param(["--token", TOKEN, "--store", "mysql://x"], "store: expected", id="store"),
    ],
)
def test_what_is_wrong_is_said_on_one_line(
    register: Register, tmp_path: Path, args: list[str], said: str
) -> None:
    """The field and what was expected are named, the status is 2, and nothing is written."""
    code, out, err = register(*args)

    assert (ExitCode.MISCONFIGURED, "") == (code, out)
    assert err.startswith("zpns: error: ")
    assert 1 == err.count("\n")
    assert said in err
    assert [] == list(tmp_path.iterdir())


def test_a_wrong_user_is_refused(tmp_path: Path) -> None:
    """A user ID that ZIM would not take is not taken here."""
    store = f"sqlite:///{tmp_path / 'push.db'}"
    args = ("register", "bob the builder", "--channel", "fcm", "--token", TOKEN)
    code, out, err = here(*args, "--store", store)

    assert (ExitCode.MISCONFIGURED, "") == (code, out)
    assert "user_id: expected" in err


def test_a_wrong_token_is_not_repeated(register: Register) -> None:
    """A token of the wrong alphabet may still be a secret."""
    wrong = "secret token with spaces"

    assert wrong not in register("--token", wrong).err


def test_a_store_that_is_none_is_refused(tmp_path: Path) -> None:
    """A file that holds something else is named, and left as it was."""
    file = tmp_path / "notes.txt"
    file.write_text("my notes")
    args = ("register", "bob", "--channel", "fcm", "--token", TOKEN)
    code, out, err = here(*args, "--store", f"sqlite:///{file}")

    assert (ExitCode.MISCONFIGURED, "") == (code, out)
    assert "notes.txt" in err
    assert "my notes" == file.read_text()


def test_an_app_that_is_not_configured_is_refused(vendor: Vendor, tmp_path: Path) -> None:
    """If the file has transports of the channel, the token has to be of one of their apps."""
    file = tmp_path / "zpns.toml"
    file.write_text(
        '[client]\nstore = "sqlite:///push.db"\n'
        f'[transports.fcm]\napp = "tv"\nservice_account = "{vendor.facts["service_account"]}"\n'
    )
    args = ("register", "bob", "--channel", "fcm", "--token", TOKEN, "--config", str(file))

    assert ExitCode.SUCCESS == here(*args, "--app", "tv").code
    code, _, err = here(*args)
    assert ExitCode.MISCONFIGURED == code
    assert "app: expected an app of this client: tv" in err
