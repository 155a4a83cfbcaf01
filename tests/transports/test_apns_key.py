"""Apple's keys: what is refused and how, and the provider token they sign."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from zpns.errors import ConfigError
from zpns.models import DeviceToken
from zpns.transports import APNs, Credential, Route

from .makers import apns, drive, ec_key, pem, rsa_key

NOW = 1_795_000_000.75
MINUTE = 60
BODY = "".join(pem(ec_key()).splitlines()[1:-1])  # the key without its first and last line


def refused(**settings: Any) -> str:
    """Return what the error says; it never carries a key along."""
    with pytest.raises(ConfigError) as caught:
        apns(**settings)
    said = str(caught.value)
    assert "-----BEGIN P" not in said
    assert "\n" not in said
    assert not re.search(r"[A-Za-z0-9+/=]{61}", said)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return said


# The key.


@pytest.mark.parametrize(
    "give",
    [
        pytest.param(str, id="path"),
        pytest.param(lambda path: path, id="path-object"),
        pytest.param(Path.read_text, id="text"),
        pytest.param(Path.read_bytes, id="bytes"),
        pytest.param(lambda path: path.read_text().replace("\n", "\r\n"), id="windows"),
    ],
)
def test_key(tmp_path: Path, give: Callable[[Path], Any]) -> None:
    """A key is taken as a path or as its content, and signs."""
    path = tmp_path / "AuthKey_ABC123DEFG.p8"
    path.write_text(pem(ec_key()))
    transport = apns(key=give(path))
    token = credential_of(transport).value
    assert "ES256" == jwt.decode_complete(token, ec_key().public_key(), ["ES256"])["header"]["alg"]


def test_key_is_kept_when_a_transport_is_changed(tmp_path: Path) -> None:
    """A changed copy does not read the file again, and equal keys make equal transports."""
    path = tmp_path / "key.p8"
    path.write_text(pem(ec_key()))
    first = apns(key=path)
    path.unlink()
    assert "two" == attrs.evolve(first, app="two").app
    assert first == attrs.evolve(first) == apns()
    assert first != apns(key=pem(ec.generate_private_key(ec.SECP256R1())))


def test_key_when_missing(tmp_path: Path) -> None:
    """The error names the file and where to get one."""
    path = tmp_path / "nowhere.p8"
    said = refused(key=path)
    assert said.startswith(f"key: {path}: no such file; create one in Apple's developer account")


def test_key_when_it_is_a_folder(tmp_path: Path) -> None:
    """What the system says about the file is passed on."""
    assert "cannot be read: Is a directory" in refused(key=tmp_path)


def public(key: Any) -> str:
    encoded: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded.decode()


WRONG_KEYS = [
    pytest.param(lambda: pem(rsa_key()), "another kind of key (RSAPrivateKey)", id="rsa"),
    pytest.param(
        lambda: pem(ec.generate_private_key(ec.SECP384R1())),
        "a key on another curve (secp384r1)",
        id="p-384",
    ),
    pytest.param(
        lambda: pem(ec.generate_private_key(ec.SECP256K1())),
        "a key on another curve (secp256k1)",
        id="another-curve-of-256-bits",
    ),
    pytest.param(
        lambda: pem(ed25519.Ed25519PrivateKey.generate()), "another kind of key", id="ed25519"
    ),
    pytest.param(
        lambda: pem(ec_key(), serialization.BestAvailableEncryption(b"x")),
        "an encrypted key: decrypt it first",
        id="encrypted",
    ),
    pytest.param(lambda: public(ec_key()), "got a public key or certificate", id="public"),
    pytest.param(
        lambda: pem(ec_key()).replace("\n", "\\n"), "in place of each line break", id="escaped"
    ),
    pytest.param(
        lambda: f"-----BEGIN PRIVATE KEY-----\n{BODY[:40]}\n-----END PRIVATE KEY-----\n",
        "got a damaged one",
        id="cut-short",
    ),
]


@pytest.mark.parametrize("from_file", [True, False], ids=["file", "text"])
@pytest.mark.parametrize(("make", "says"), WRONG_KEYS)
def test_key_when_wrong(
    tmp_path: Path, make: Callable[[], str], says: str, *, from_file: bool
) -> None:
    """Each wrong kind of key is called by its name, and none is quoted."""
    path = tmp_path / "key.p8"
    path.write_text(make())
    said = refused(key=path if from_file else make())
    assert said.startswith(f"key: {path}: expected" if from_file else "key: expected")
    assert "expected a .p8 key as Apple issued it (EC P-256, PEM), got " in said
    assert says in said
    assert said.endswith("with Apple Push Notifications service enabled")


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe\x00", b"\x30\x81\x87\x02\x01\x00"])
def test_key_when_it_is_no_key_at_all(tmp_path: Path, content: bytes) -> None:
    """A file or bytes of something else are refused as that."""
    path = tmp_path / "key.p8"
    path.write_bytes(content)
    assert "got no PEM private key" in refused(key=path)
    assert "got no PEM private key" in refused(key=content)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(BODY, id="one-line"),
        pytest.param("/etc/push/" + BODY, id="after-a-folder"),
        pytest.param(base64.encodebytes(base64.b64decode(BODY)).decode(), id="lines"),
        pytest.param("x/" * 600, id="longer-than-a-path"),
    ],
)
def test_key_when_its_first_line_is_missing(value: str) -> None:
    """A key without its BEGIN line looks like a path, and is not repeated as one."""
    said = refused(key=value)
    assert f"got text of {len(value)} characters without its -----BEGIN line" in said
    assert "no such file" not in said


@pytest.mark.parametrize(
    ("value", "says"),
    [
        pytest.param(7, "got a int", id="number"),
        pytest.param(["AuthKey.p8"], "got a list", id="list"),
        pytest.param("key\0.p8", "this is no path", id="null-byte"),
    ],
)
def test_key_when_it_is_nothing_to_read(value: Any, says: str) -> None:
    """Whatever is passed instead of a path or a key is refused."""
    assert says in refused(key=value)


# What goes with it.


@pytest.mark.parametrize("name", ["key_id", "team_id"])
@pytest.mark.parametrize(
    ("value", "came"),
    [
        pytest.param(None, "got nothing", id="missing"),
        pytest.param("", "got ''", id="empty"),
        pytest.param("ABC123DEF", "got 'ABC123DEF'", id="9-characters"),
        pytest.param("ABC123DEFGH", "got 'ABC123DEFGH'", id="11-characters"),
        pytest.param("abc123defg", "got 'abc123defg'", id="lower-case"),
        pytest.param("ABC123DEF\n", r"got 'ABC123DEF\n'", id="line-break"),
        pytest.param("ABC123DEFÉ", "got 'ABC123DEFÉ'", id="another-alphabet"),
        pytest.param(1234567890, "got a int", id="number"),
        pytest.param(BODY, f"got text of {len(BODY)} characters", id="the-key"),
    ],
)
def test_id_when_wrong(name: str, value: Any, came: str) -> None:
    """Each ID has 10 characters; the error says which is wrong and where to find it."""
    said = refused(**{name: value})
    assert said.startswith(f"{name}: expected 10 capital letters and digits")
    assert came in said
    assert ("AuthKey_<key_id>.p8" if name == "key_id" else "Membership") in said


@pytest.mark.parametrize(
    ("value", "came"),
    [
        pytest.param(None, "got nothing", id="missing"),
        pytest.param("", "got nothing", id="empty"),
        pytest.param("com.example/app", "got 'com.example/app'", id="slash"),
        pytest.param(".com", "got '.com'", id="dot"),
        pytest.param("com.example app", "got 'com.example app'", id="space"),
        pytest.param(5, "got a int", id="number"),
    ],
)
def test_bundle_id_when_wrong(value: Any, came: str) -> None:
    """The app is needed; the error shows an example and where to find one's own."""
    said = refused(bundle_id=value)
    assert said.startswith("bundle_id: expected the app's bundle ID such as 'com.example.app'")
    assert came in said


@pytest.mark.parametrize("port", [80, 0, "443", True, 443.0, None])
def test_port_when_wrong(port: Any) -> None:
    """Apple listens on two ports."""
    with pytest.raises(ConfigError, match="port: expected 443 or 2197"):
        APNs(
            key=pem(ec_key()),
            key_id="ABC123DEFG",
            team_id="DEF123GHIJ",
            bundle_id="com.example.app",
            port=port,
        )


def test_nothing_is_given() -> None:
    """Without key and certificate the error says what there is to pass."""
    for settings in ({}, {"bundle_id": "com.example.app"}, {"key_id": "ABC123DEFG"}):
        with pytest.raises(ConfigError, match=r"^key: expected the \.p8 key .* got neither"):
            APNs(**settings)


def test_password_of_a_key() -> None:
    """A key of Apple's has no password; whoever passes one means something else."""
    assert refused(password="x").startswith("password: goes with certificate")


def test_repr_names_the_key_and_does_not_show_it(tmp_path: Path) -> None:
    """A transport is told apart by file, key ID and team."""
    path = tmp_path / "AuthKey_ABC123DEFG.p8"
    path.write_text(pem(ec_key()))
    shown = repr(apns(key=path))
    assert str(path) in shown
    assert "ABC123DEFG" in shown
    assert BODY[30:60] not in shown


# The provider token.


def route_of(transport: APNs, **own: Any) -> Route:
    found = transport.route(DeviceToken("apns", "a1" * 32, **own))
    assert isinstance(found, Route)
    return found


def credential_of(transport: APNs, now: float = NOW) -> Credential:
    requests, credential = drive(transport.authorize(route_of(transport), now), [])
    assert [] == requests
    assert isinstance(credential, Credential)
    return credential


def test_provider_token() -> None:
    """The token has what Apple's page shows and nothing else, and its signature holds."""
    token = jwt.decode_complete(credential_of(apns()).value, ec_key().public_key(), ["ES256"])
    assert {"iss": "DEF123GHIJ", "iat": 1_795_000_000} == token["payload"]
    assert {"alg": "ES256", "kid": "ABC123DEFG", "typ": "JWT"} == token["header"]
    assert 64 == len(token["signature"])  # R and S as they are, not DER
    with pytest.raises(jwt.InvalidSignatureError):
        other = ec.generate_private_key(ec.SECP256R1()).public_key()
        jwt.decode(credential_of(apns()).value, other, ["ES256"])


def test_provider_token_lives_an_hour() -> None:
    """It is renewed ten minutes early, and never within the 20 that Apple forbids."""
    credential = credential_of(apns())
    assert 1_795_000_000 + 50 * MINUTE == credential.renew_at
    assert 1_795_000_000 + 60 * MINUTE == credential.expires_at
    assert credential.renew_at - NOW > 20 * MINUTE


def test_provider_token_is_made_when_asked_for() -> None:
    """Nothing is signed before the conversation is driven."""
    conversation = apns().authorize(route_of(apns()), NOW)
    with pytest.raises(StopIteration) as stop:
        next(conversation)
    assert stop.value.value.value


def test_provider_token_is_one_for_all_hosts() -> None:
    """Apple counts tokens by key: both environments and all kinds of device share one."""
    keys = {
        route_of(apns(), environment=environment, kind=kind).credential_key
        for environment in ("production", "sandbox")
        for kind in ("alert", "voip", "liveactivity")
    }
    assert {"DEF123GHIJ/ABC123DEFG"} == keys
    assert keys == {route_of(apns(bundle_id="com.example.other")).credential_key}
    assert keys != {route_of(apns(key_id="ABC123DEFH")).credential_key}
    assert keys != {route_of(apns(team_id="DEF123GHIK")).credential_key}


def test_key_is_loaded_once() -> None:
    """Signing again does not parse the key again."""
    transport = apns()
    assert transport.key is not None
    before = transport.key.key
    credential_of(transport)
    assert before is transport.key.key


def test_class_is_light() -> None:
    """Whoever only names the class loads neither cryptography nor PyJWT."""
    code = (
        "import sys\n"
        "import zpns.transports.apns\n"
        "print([m for m in ('cryptography', 'jwt', 'zpns.transports._apns_message',"
        " 'zpns.transports._apns_key') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout
