"""The configuration file: what it says, what the environment adds, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from zpns import CallProfile, Client, PushKind, Resource
from zpns.config import Config, load, read
from zpns.errors import ConfigError
from zpns.simulators import FCMSimulator
from zpns.transports import FCM, Transport

NOWHERE: Mapping[str, str] = {}

Write = Callable[[str], Path]


@pytest.fixture(scope="session")
def simulator() -> FCMSimulator:
    """A project whose key is made once: that takes a while."""
    return FCMSimulator()


@pytest.fixture
def folder(tmp_path: Path, simulator: FCMSimulator) -> Path:
    """A folder with a service account's key file."""
    simulator.credentials("https://127.0.0.1:1", str(tmp_path))
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Write:
    """Write a configuration file beside the key file."""

    def put(text: str) -> Path:
        file = folder / "zpns.toml"
        file.write_text(text, "utf-8")
        return file

    return put


FCM_SECTION = '[transports.fcm]\nservice_account = "service-account.json"\n'


def fcm_of(config: Config, name: str = "fcm") -> FCM:
    """Return a transport that is known to be FCM's."""
    found = config.transports[name]
    assert isinstance(found, FCM)
    return found


# What a file says.


def test_everything_a_file_can_say(write: Write, folder: Path) -> None:
    """Client, transports and resources are read, each with its own fields."""
    file = write(
        '[client]\nstore = "sqlite:///push.db"\nworkers = 2\nack_within = 1.5\n'
        + FCM_SECTION
        + 'project_id = "my-app"\nbadge_data = true\nbase_url = "https://127.0.0.1:1"\n'
        + '[transports.tv]\nchannel = "fcm"\napp = "tv"\n'
        + 'service_account = "service-account.json"\n'
        + '[resources.ring]\nkind = "voip"\ncall_profile = "no_collapse"\n'
        + '[resources.ring.channels.fcm]\nchannel_id = "calls"\n'
    )
    config = load(file, environ=NOWHERE)

    assert str(file) == config.source
    assert {
        "store": f"sqlite:///{folder / 'push.db'}",
        "workers": 2,
        "ack_within": 1.5,
    } == config.client
    assert ["fcm", "tv"] == list(config.transports)
    fcm = fcm_of(config)
    assert ("my-app", True) == (fcm.project_id, fcm.badge_data)
    assert ("https://127.0.0.1:1", "default") == (fcm.base_url, fcm.app)
    assert ("fcm", "tv") == (config.transports["tv"].channel, config.transports["tv"].app)
    assert {
        "ring": Resource(
            resources_id="ring",
            kind=PushKind.VOIP,
            call_profile=CallProfile.NO_COLLAPSE,
            channels={"fcm": {"channel_id": "calls"}},
        )
    } == config.resources


def test_an_empty_file_says_nothing(write: Write) -> None:
    """What nobody says is left to the client's own defaults."""
    config = load(write(""), environ=NOWHERE)

    assert ({}, {}, {}) == (config.client, config.transports, config.resources)


def test_no_file_is_fine() -> None:
    """Without a file and variables there is nothing, and that is no mistake."""
    config = load(environ=NOWHERE)

    assert ("environment", {}, {}) == (config.source, config.client, config.transports)


def test_a_client_can_be_made_of_it(write: Write, folder: Path) -> None:
    """What is read fits the client's arguments by name."""
    config = load(write('[client]\nstore = "sqlite:///push.db"\n' + FCM_SECTION), environ=NOWHERE)
    client = Client(
        config.transports.values(), resources=config.resources.values(), **config.client
    )

    assert f"<Client transports=fcm/default store=SQLiteStore('{folder / 'push.db'}') new>" == repr(
        client
    )


# Paths.


def test_paths_are_relative_to_the_file(
    write: Write, folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: Any
) -> None:
    """A configuration works from wherever the program was started."""
    (folder / "ca.pem").write_text("")
    file = write(FCM_SECTION + 'ca_file = "ca.pem"\n')
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    config = load(file, environ=NOWHERE)

    assert str(folder / "ca.pem") == fcm_of(config).ca_file
    assert str(folder / "service-account.json") == fcm_of(config).service_account.source


def test_absolute_paths_stay(write: Write, folder: Path, tmp_path_factory: Any) -> None:
    """A path that says where it begins is not touched, nor is the store's."""
    key = folder / "service-account.json"
    ca_file = tmp_path_factory.mktemp("elsewhere") / "ca.pem"
    ca_file.write_text("")
    file = write(
        '[client]\nstore = "sqlite:////var/push.db"\n'
        f'[transports.fcm]\nservice_account = "{key}"\nca_file = "{ca_file}"\n'
    )
    config = load(file, environ=NOWHERE)

    assert "sqlite:////var/push.db" == config.client["store"]
    assert str(ca_file) == fcm_of(config).ca_file


@pytest.mark.parametrize(
    "address",
    [pytest.param("sqlite://", id="short"), pytest.param("sqlite:///:memory:", id="long")],
)
def test_a_store_in_memory_is_no_path(write: Write, address: str) -> None:
    """Memory is not relative to anything."""
    config = load(write(f'[client]\nstore = "{address}"\n'), environ=NOWHERE)

    assert address == config.client["store"]


def test_a_home_folder_is_found(write: Write, folder: Path, monkeypatch: Any) -> None:
    """A tilde stands for the home folder, as people expect."""
    monkeypatch.setenv("HOME", str(folder))
    file = write('[transports.fcm]\nservice_account = "~/service-account.json"\n')

    assert str(folder / "service-account.json") == (
        fcm_of(load(file, environ=NOWHERE)).service_account.source
    )


def test_a_key_in_the_file_is_no_path(write: Write) -> None:
    """Content where a path belongs is told as such, and is not shown."""
    secret = '{\\"private_key\\": \\"s3cret\\"}'
    with pytest.raises(ConfigError, match="content as text") as error:
        load(write(f'[transports.fcm]\nservice_account = "{secret}"\n'), environ=NOWHERE)
    assert "s3cret" not in str(error.value)


def test_an_account_may_be_a_table(write: Write, folder: Path) -> None:
    """The key file's content can stand in the configuration as a table."""
    import orjson

    account = orjson.loads((folder / "service-account.json").read_bytes())
    table = "".join(f"{key} = {orjson.dumps(value).decode()}\n" for key, value in account.items())
    config = load(write(f"[transports.fcm.service_account]\n{table}"), environ=NOWHERE)

    assert account["client_email"] == fcm_of(config).service_account.client_email


# The environment.


def test_variables_say_what_the_file_does_not(write: Write, folder: Path) -> None:
    """A variable counts where neither an argument nor the file says anything."""
    environ = {
        "ZPNS_STORE": "sqlite:///of-variable.db",
        "ZPNS_WORKERS": "3",
        "ZPNS_ACK_WITHIN": "0.5",
    }
    file = write("[client]\nworkers = 2\n")
    config = load(file, environ=environ)

    assert {"store": "sqlite:///of-variable.db", "workers": 2, "ack_within": 0.5} == config.client
    config = load(file, environ=environ, workers=1, store="sqlite:///of-argument.db")
    assert {"store": "sqlite:///of-argument.db", "workers": 1, "ack_within": 0.5} == config.client


def test_an_argument_may_be_zero(write: Write) -> None:
    """0 says something: it is not taken for nothing said."""
    config = load(write("[client]\nworkers = 2\n"), environ=NOWHERE, workers=0, ack_within=0)

    assert {"workers": 0, "ack_within": 0} == config.client


def test_variables_complete_a_section(write: Write, folder: Path) -> None:
    """A secret can stay out of the file; what the file says wins."""
    environ = {
        "ZPNS_MY_TV_SERVICE_ACCOUNT": str(folder / "service-account.json"),
        "ZPNS_MY_TV_BADGE_DATA": "yes",
        "ZPNS_MY_TV_PROJECT_ID": "of-variable",
    }
    file = write('[transports.my-tv]\nchannel = "fcm"\nproject_id = "of-file"\n')
    fcm = fcm_of(load(file, environ=environ), "my-tv")

    assert ("of-file", True) == (fcm.project_id, fcm.badge_data)


def test_variables_alone_make_a_transport(folder: Path) -> None:
    """A container needs no file; a variable's path is relative to the program's folder."""
    environ = {"ZPNS_FCM_SERVICE_ACCOUNT": str(folder / "service-account.json")}

    assert ["fcm"] == list(load(environ=environ).transports)


def test_an_empty_variable_is_not_set() -> None:
    """Shells and containers set variables to nothing; that says nothing."""
    environ = {
        "ZPNS_CONFIG": "",
        "ZPNS_FCM_SERVICE_ACCOUNT": "",
        "ZPNS_STORE": "",
        "ZPNS_WORKERS": "",
    }
    config = load(environ=environ)

    assert ({}, {}) == (config.client, config.transports)


def test_a_variable_names_the_file(write: Write) -> None:
    """``ZPNS_CONFIG`` is used if no file is given, and only then."""
    environ = {"ZPNS_CONFIG": str(write("[client]\nworkers = 7\n"))}
    other = Path(environ["ZPNS_CONFIG"]).with_name("other.toml")
    other.write_text("[client]\nworkers = 8\n")

    assert 7 == load(environ=environ).client["workers"]
    assert 8 == load(other, environ=environ).client["workers"]


def test_the_process_is_the_default_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without *environ* the variables of the process count."""
    monkeypatch.setitem(os.environ, "ZPNS_WORKERS", "5")

    assert 5 == load().client["workers"]


def test_a_longer_name_has_its_own_variables(write: Write, folder: Path) -> None:
    """What is meant for section ``fcm_tv`` is not taken for a field of ``fcm``."""
    file = write(FCM_SECTION + '[transports.fcm_tv]\nchannel = "fcm"\napp = "tv"\n')
    environ = {"ZPNS_FCM_TV_SERVICE_ACCOUNT": str(folder / "service-account.json")}
    config = load(file, environ=environ)

    assert ["fcm", "fcm_tv"] == list(config.transports)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        pytest.param(
            {"ZPNS_FCM_SERVICE_ACOUNT": "x"},
            "environment variable ZPNS_FCM_SERVICE_ACOUNT: unknown; "
            "did you mean ZPNS_FCM_SERVICE_ACCOUNT?",
            id="misspelt",
        ),
        pytest.param(
            {"ZPNS_FCM_BADGE_DATA": "s3cret"},
            "environment variable ZPNS_FCM_BADGE_DATA: expected true or false",
            id="no-flag",
        ),
        pytest.param(
            {"ZPNS_WORKERS": "many"},
            "environment variable ZPNS_WORKERS: expected a whole number, 0 or more, got 'many'",
            id="no-number",
        ),
        pytest.param(
            {"ZPNS_WORKERS": "-1"}, "ZPNS_WORKERS: expected a whole number", id="negative"
        ),
        pytest.param({"ZPNS_WORKERS": "1.5"}, "ZPNS_WORKERS: expected a whole", id="not-whole"),
        pytest.param({"ZPNS_ACK_WITHIN": "soon"}, "ZPNS_ACK_WITHIN: expected seconds", id="soon"),
        pytest.param({"ZPNS_ACK_WITHIN": "nan"}, "ZPNS_ACK_WITHIN: expected seconds", id="nan"),
        pytest.param({"ZPNS_CONFIG": "/gone.toml"}, "ZPNS_CONFIG names it", id="config-gone"),
        pytest.param(
            {"ZPNS_FCM_SERVICE_ACCOUNT": "/gone.json"}, "fcm: /gone.json: no such", id="key-gone"
        ),
    ],
)
def test_wrong_variables_are_named(environ: dict[str, str], said: str) -> None:
    """Whoever reads the error knows which variable to look at; secrets are not repeated."""
    with pytest.raises(ConfigError) as error:
        load(environ=environ)
    assert said in str(error.value)
    assert "s3cret" not in str(error.value)


# What is refused.


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[clent]\n", "[clent]: unknown; did you mean 'client'?", id="section"),
        pytest.param("workers = 1\n", "[workers]: unknown", id="outside-a-section"),
        pytest.param(
            '[client]\nstor = "x"\n', "[client] stor: unknown; did you mean 'store'?", id="client"
        ),
        pytest.param("client = 1\n", "[client]: expected a table, got a number", id="no-table"),
        pytest.param(
            '[transports]\nfcm = "x"\n', "[transports.fcm]: expected a table, got a text", id="flat"
        ),
        pytest.param(
            FCM_SECTION + 'projct_id = "x"\n',
            "[transports.fcm]: projct_id: unknown; did you mean 'project_id'?",
            id="transport-key",
        ),
        pytest.param(
            FCM_SECTION + 'channl = "x"\n',
            "[transports.fcm]: channl: unknown; did you mean 'channel'?",
            id="channel-misspelt",
        ),
        pytest.param(
            "[transports.tv]\n",
            "[transports.tv]: channel: expected one of apns, fcm",
            id="channel-missing",
        ),
        pytest.param('[transports.tv]\nchannel = "pigeon"\n', "got 'pigeon'", id="channel-unknown"),
        pytest.param(
            "[transports.tv]\nchannel = 1\n", "channel: expected text", id="channel-number"
        ),
        pytest.param(
            FCM_SECTION + 'badge_data = "yes"\n',
            "[transports.fcm]: badge_data: expected true or false, got a text",
            id="flag-as-text",
        ),
        pytest.param(
            '[transports.fcm]\nservice_account = "gone.json"\n', "gone.json: no such", id="key-gone"
        ),
        pytest.param(
            FCM_SECTION + 'ca_file = "gone.pem"\n', "gone.pem: no such file", id="ca-file-gone"
        ),
        pytest.param(
            "[transports.fcm]\n", "[transports.fcm]: service_account: expected", id="key-missing"
        ),
        pytest.param(
            FCM_SECTION + 'base_url = "http://vendor.example"\n',
            "[transports.fcm]: base_url: http would send",
            id="http",
        ),
        pytest.param(
            FCM_SECTION + 'server_key = "AAAAs3cret"\n', "server_key: Google has shut", id="legacy"
        ),
        pytest.param(
            '[resources.ring]\nkind = "loud"\n',
            "[resources.ring]: kind: expected one of 'alert', 'data', 'silent', 'voip', got 'loud'",
            id="resource-value",
        ),
        pytest.param(
            '[resources.ring]\nkid = "voip"\n',
            "[resources.ring]: kid: unknown; did you mean 'kind'?",
            id="resource-key",
        ),
        pytest.param(
            '[resources.ring]\nresources_id = "x"\n',
            "[resources.ring]: resources_id: unknown",
            id="resource-named-twice",
        ),
        pytest.param(
            f"[resources.{'r' * 33}]\n", "resources_id: expected text of 1 to 32", id="name-long"
        ),
        pytest.param("[client]\nworkers = true\n", "[client] workers: expected", id="workers-flag"),
        pytest.param("[client]\nworkers = -1\n", "[client] workers: expected", id="workers-minus"),
        pytest.param("[client]\nstore = 1\n", "[client] store: expected an address", id="store"),
        pytest.param("[client]\nack_within = -1\n", "[client] ack_within: expected", id="ack"),
        pytest.param("[client\n", "expected TOML", id="not-toml"),
    ],
)
def test_wrong_files_are_explained(write: Write, text: str, said: str) -> None:
    """The error names the file, the section and the key, and shows no secret."""
    file = write(text)
    with pytest.raises(ConfigError) as error:
        load(file, environ=NOWHERE)
    assert str(error.value).startswith(f"{file}: ")
    assert said in str(error.value)
    assert "s3cret" not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The path is in the error; nothing was named by a variable."""
    with pytest.raises(ConfigError) as error:
        load(tmp_path / "gone.toml", environ=NOWHERE)
    assert f"{tmp_path / 'gone.toml'}: no such file" == str(error.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """What cannot be read is said in the system's words."""
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, environ=NOWHERE)


def test_other_bytes_are_no_toml(write: Write) -> None:
    """TOML is UTF-8; the bytes that are not are not shown."""
    file = write("")
    file.write_bytes(b"[client]\nstore = '\xff\xfe s3cret'\n")
    with pytest.raises(ConfigError, match="which is UTF-8") as error:
        load(file, environ=NOWHERE)
    assert "s3cret" not in str(error.value)


def test_a_broken_file_is_not_carried_along(write: Write) -> None:
    """The parser knows the whole file; whoever logs the error with its causes must not."""
    file = write('[transports.fcm]\nkey = "s3cret\n')
    with pytest.raises(ConfigError, match="line 2") as error:
        load(file, environ=NOWHERE)
    assert error.value.__cause__ is None
    assert "s3cret" not in str(error.value)


def test_settings_hide_their_values(write: Write) -> None:
    """``repr`` names sections and nothing they hold, and no variable."""
    settings = read(
        write('[transports.fcm]\nkey = "s3cret"\n[resources.ring]\nurl = "s3cret"\n'),
        environ={"ZPNS_FCM_KEY": "s3cret"},
    )

    assert "'fcm'" in repr(settings)
    assert "'ring'" in repr(settings)
    assert "s3cret" not in repr(settings)


# Transports that are not ours.


@attrs.frozen(kw_only=True)
class Pigeon(Transport):
    """
    A vendor somebody else added.

    Attributes:
        loft: A file, by its metadata.

        birds: Needed, and a number by its default in `speed`.
    """

    channel = "pigeon"
    birds: str
    loft: str = attrs.field(default="", metadata={"file": True})
    speed: int = 50
    wind: float = 0.5
    _mood: str = "good"
    height: int = attrs.field(default=0, init=False)
    app: str = "default"
    base_url: str | None = None
    ca_file: str | None = None

    def route(self, device: Any) -> Any:
        raise NotImplementedError

    def authorize(self, route: Any, now: float) -> Any:
        raise NotImplementedError

    def prepare(self, notification: Any, route: Any, now: float) -> Any:
        raise NotImplementedError


@pytest.fixture
def pigeons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the channel ``pigeon``, as if its package was installed."""

    def find(channel: str) -> type[Transport]:
        assert "pigeon" == channel
        return Pigeon

    monkeypatch.setattr("zpns.config.find_transport", find)


@pytest.mark.usefixtures("pigeons")
def test_a_transport_of_others_is_configured_alike(write: Write, folder: Path) -> None:
    """Fields, files and kinds are read from the class, under its constructor's names."""
    file = write('[transports.pigeon]\nbirds = "two"\nloft = "roof.txt"\nmood = "fine"\n')
    environ = {"ZPNS_PIGEON_SPEED": "70", "ZPNS_PIGEON_WIND": "1e1"}
    pigeon = load(file, environ=environ).transports["pigeon"]

    assert (
        Pigeon(birds="two", loft=str(folder / "roof.txt"), mood="fine", speed=70, wind=10.0)
        == pigeon
    )


@pytest.mark.usefixtures("pigeons")
@pytest.mark.parametrize(
    ("text", "environ", "said"),
    [
        pytest.param(
            "",
            {},
            "birds: missing; give it there or as environment variable ZPNS_PIGEON_BIRDS",
            id="missing",
        ),
        pytest.param(
            'birds = "two"\nheight = 1\n', {}, "height: unknown", id="not-of-the-constructor"
        ),
        pytest.param(
            'birds = "two"\n',
            {"ZPNS_PIGEON_SPEED": "fast"},
            "environment variable ZPNS_PIGEON_SPEED: expected a number",
            id="no-number",
        ),
    ],
)
def test_mistakes_with_others_are_told_alike(
    write: Write, text: str, environ: dict[str, str], said: str
) -> None:
    """What the class asks for and does not know is said without the class's help."""
    with pytest.raises(ConfigError) as error:
        load(write(f"[transports.pigeon]\n{text}"), environ=environ)
    assert said in str(error.value)


# One transport at a time.


def test_one_transport_needs_no_other(write: Write) -> None:
    """A section that is broken does not hinder another; overrides go before both sources."""
    settings = read(
        write(FCM_SECTION + 'project_id = "of-file"\n[transports.bad]\nchannel = "pigeon"\n'),
        environ={"ZPNS_FCM_APP": "of-variable"},
    )
    fcm = settings.transport("fcm", {"project_id": "of-override", "badge_data": "on"})

    assert isinstance(fcm, FCM)
    assert ("of-override", "of-variable", True) == (fcm.project_id, fcm.app, fcm.badge_data)
    assert ["fcm", "bad"] == settings.names()


async def test_client_from_a_file(tmp_path: Path) -> None:
    """A client is made of what the file says, and arguments win over it."""
    path = tmp_path / "zpns.toml"
    path.write_text('[client]\nstore = "sqlite:///push.db"\nworkers = 0\n')

    async with Client.from_config(path) as client:
        assert "push.db" in repr(client)
    assert (tmp_path / "push.db").exists()
    assert "SQLiteStore()" in repr(Client.from_config(path, store="sqlite://"))
