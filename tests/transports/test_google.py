"""Google's service accounts: what is refused and how, and the exchange for a token."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from zpns import errors
from zpns.errors import ConfigError, VendorError
from zpns.exchange import Response
from zpns.models import DeviceToken
from zpns.transports import FCM, Credential, Route
from zpns.transports._google import ServiceAccount, fetch_token

from .makers import VECTORS, drive, pem, rsa_key, service_account

NOW = 1_795_000_000.75
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
SECRET = "MIIEsecretsecretsecret"
SERVER_KEY = "AAAAabcdefg:APA91b" + "Hun4MxP5egoKMwt2KZFBaFUH-1RYqx" * 4
Write = Callable[[object], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a key file: text as it is, anything else as JSON."""

    def write(content: object) -> str:
        path = tmp_path / "key.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return write


def refused(source: Any, **settings: Any) -> str:
    """Return what the error says about *source*; it never carries a key along."""
    with pytest.raises(ConfigError) as caught:
        FCM.from_service_account(source, **settings)
    said = str(caught.value)
    assert SECRET not in said
    assert "BEGIN" not in said
    assert "\n" not in said
    return said


# The key file.


def test_file(write: Write) -> None:
    """A key file as Google issues it is all there is to configure."""
    path = write(service_account())
    transport = FCM.from_service_account(path)
    assert "demo-zpns" == transport.project_id
    assert transport == FCM.from_service_account(Path(path))
    assert transport == FCM.from_service_account(service_account())
    assert transport == FCM(service_account=path)
    assert "other" == FCM.from_service_account(path, project_id="other").project_id


def test_file_when_missing(tmp_path: Path) -> None:
    """The error names the file and where to get one."""
    path = tmp_path / "nowhere.json"
    said = refused(path)
    assert said.startswith(f"{path}: no such file; create one in the Firebase console")


def test_file_when_it_is_a_folder(tmp_path: Path) -> None:
    """What the system says about the file is passed on."""
    assert "cannot be read: Is a directory" in refused(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param("{", "expected a JSON key file, got something else", id="half"),
        pytest.param("", "expected a JSON key file", id="empty"),
        pytest.param(f"-----BEGIN PRIVATE KEY-----\n{SECRET}", "got a bare PEM key", id="pem"),
        pytest.param(f'{{"private_key": "{SECRET}', "expected a JSON key file", id="cut-short"),
        pytest.param([1], "expected a JSON object, got a list", id="list"),
        pytest.param(SERVER_KEY, "expected a JSON key file", id="server-key-inside"),
        pytest.param(
            {"project_info": {}, "client": []}, "this is google-services.json", id="the-apps-file"
        ),
    ],
)
def test_file_when_it_is_something_else(write: Write, content: object, says: str) -> None:
    """The error names the file and what it holds, never its content."""
    path = write(content)
    said = refused(path)
    assert said.startswith(f"{path}: ")
    assert says in said


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        pytest.param({"type": None}, "type: missing; expected 'service_account'", id="no-type"),
        pytest.param({"type": "authorized_user"}, "got 'authorized_user'", id="user"),
        pytest.param({"type": "external_account"}, "got 'external_account'", id="federation"),
        pytest.param({"private_key": None}, "private_key: missing", id="no-key"),
        pytest.param(
            {"client_email": None, "token_uri": None},
            "client_email, token_uri: missing",
            id="two-missing",
        ),
        pytest.param({"client_email": ""}, "client_email: expected text, got an empty", id="empty"),
        pytest.param({"client_email": 5}, "client_email: expected text, got a int", id="number"),
        pytest.param(
            {"private_key": [SECRET]}, "private_key: expected text, got a list", id="list"
        ),
        pytest.param({"project_id": None}, "project_id: expected a project ID", id="no-project"),
        pytest.param({"project_id": "a/b"}, "project_id: expected a project ID", id="slash"),
        pytest.param({"project_id": "a?b"}, "project_id: expected a project ID", id="query"),
        pytest.param({"token_uri": "http://example.com/token"}, "token_uri: .*https", id="http"),
        pytest.param({"token_uri": "oauth2.googleapis.com"}, "token_uri", id="no-scheme"),
        pytest.param({"token_uri": "https://[::1/token"}, "token_uri", id="no-address"),
        pytest.param(
            {"token_uri": f"https://a:{SECRET}@example.com"}, "one with a user name", id="password"
        ),
    ],
)
def test_field_when_wrong(write: Write, changed: dict[str, Any], says: str) -> None:
    """The error names file and field, what was expected and what came."""
    path = write(service_account(**changed))
    said = refused(path)
    assert said.startswith(f"{path}: ")
    assert re.search(says, said), said


@pytest.mark.parametrize(
    "token_uri", ["http://127.0.0.1:9/token", "http://[::1]:9/token", "http://localhost/token"]
)
def test_token_uri_when_loopback(token_uri: str) -> None:
    """A token endpoint of one's own on loopback may be plain http."""
    transport = FCM.from_service_account(service_account(token_uri=token_uri))
    assert token_uri == transport.service_account.token_uri


def public(key: Any) -> str:
    encoded: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded.decode()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(lambda: public(rsa_key()), "got a public key or certificate", id="public"),
        pytest.param(
            lambda: pem(ec.generate_private_key(ec.SECP256R1())), "another kind of key", id="ec"
        ),
        pytest.param(
            lambda: pem(ed25519.Ed25519PrivateKey.generate()), "another kind of key", id="ed25519"
        ),
        pytest.param(
            lambda: pem(rsa_key(), serialization.BestAvailableEncryption(b"x")),
            "an encrypted key: decrypt it first",
            id="encrypted",
        ),
        pytest.param(
            lambda: pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)),
            "1024 bits, fewer than 2048",
            id="short",
        ),
        pytest.param(lambda: SECRET, "got no PEM private key", id="no-pem"),
        pytest.param(
            lambda: pem(rsa_key()).replace("\n", "\\n"), "in place of each line break", id="escaped"
        ),
        pytest.param(
            lambda: f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n",
            "got a damaged one",
            id="damaged",
        ),
    ],
)
def test_key_when_wrong(write: Write, make: Callable[[], str], says: str) -> None:
    """Each wrong kind of key is called by its name, and none is quoted."""
    path = write(service_account(private_key=make()))
    said = refused(path)
    assert said.startswith(f"{path}: private_key: expected an RSA private key as PEM, got ")
    assert says in said


@pytest.mark.parametrize(
    ("source", "says"),
    [
        pytest.param(None, "got nothing", id="none"),
        pytest.param(7, "got a int", id="number"),
        pytest.param(b"key.json", "got a bytes", id="bytes"),
        pytest.param(f'{{"private_key": "{SECRET}"}}', "its content as text", id="json-text"),
        pytest.param(f"-----BEGIN PRIVATE KEY-----\n{SECRET}", "its content as text", id="pem"),
        pytest.param("key\0.json", "this is no path", id="null-byte"),
        pytest.param({}, "type: missing", id="empty-mapping"),
    ],
)
def test_source_when_wrong(source: Any, says: str) -> None:
    """Whatever is passed instead of a path or a mapping is refused without being quoted."""
    assert says in refused(source)


def test_constructor_when_nothing_is_given() -> None:
    """Without an account the error says what to pass and where to get it."""
    with pytest.raises(ConfigError, match=r"service_account: expected the path .* got nothing"):
        FCM()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: FCM(server_key=SERVER_KEY), id="argument"),
        pytest.param(lambda: FCM(server_key=""), id="argument-empty"),
        pytest.param(lambda: FCM.from_service_account(SERVER_KEY), id="as-the-account"),
        pytest.param(lambda: FCM(service_account=f" {SERVER_KEY}\n"), id="with-spaces"),
        pytest.param(lambda: FCM(service_account="AIza" + "b" * 35), id="older-key"),
    ],
)
def test_server_key(make: Callable[[], FCM]) -> None:
    """Whoever still has a server key learns that it is over, and what to do."""
    with pytest.raises(ConfigError) as caught:
        make()
    said = str(caught.value)
    assert "shut down" in said
    assert "FCM.from_service_account" in said
    assert "APA91" not in said
    assert "AIza" not in said


def test_repr_hides_the_key() -> None:
    """An account is told apart by its address; its key is not shown."""
    shown = repr(ServiceAccount.read(service_account()))
    assert "push@demo-zpns.iam.gserviceaccount.com" in shown
    assert "KEY" not in shown
    assert pem(rsa_key())[60:90] not in shown


# The exchange.


def authorize(answers: list[Response], **changed: Any) -> tuple[Any, Credential]:
    transport = FCM.from_service_account(service_account(**changed), base_url="https://127.0.0.1:1")
    route = transport.route(DeviceToken("fcm", "a1"))
    assert isinstance(route, Route)
    requests, credential = drive(transport.authorize(route, NOW), answers)
    (request,) = requests
    return request, credential


GRANTED = Response(status=200, body=b'{"access_token":"ya29.x","expires_in":3599}')


def test_request() -> None:
    """The assertion is signed by the account, for an hour, with Google's own audience."""
    request, credential = authorize([GRANTED])
    assert "POST" == request.method
    assert "https://oauth2.googleapis.com/token" == request.url
    assert {"content-type": "application/x-www-form-urlencoded"} == request.headers
    form = parse_qs(request.body.decode(), strict_parsing=True)
    assert ["urn:ietf:params:oauth:grant-type:jwt-bearer"] == form["grant_type"]
    (assertion,) = form["assertion"]
    assert {
        "alg": "RS256",
        "typ": "JWT",
        "kid": "0123456789abcdef0123456789abcdef01234567",
    } == jwt.get_unverified_header(assertion)
    claims = jwt.decode(
        assertion,
        rsa_key().public_key(),
        algorithms=["RS256"],
        audience="https://oauth2.googleapis.com/token",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert {
        "iss": "push@demo-zpns.iam.gserviceaccount.com",
        "scope": SCOPE,
        "aud": "https://oauth2.googleapis.com/token",
        "iat": 1_795_000_000,
        "exp": 1_795_003_600,
    } == claims
    assert isinstance(claims["iat"], int)
    assert "ya29.x" == credential.value


def test_request_when_the_endpoint_is_another() -> None:
    """The request goes where the file says; the audience stays Google's."""
    request, _ = authorize([GRANTED], token_uri="http://127.0.0.1:9/token", private_key_id=None)
    assert "http://127.0.0.1:9/token" == request.url
    (assertion,) = parse_qs(request.body.decode())["assertion"]
    claims = jwt.decode(assertion, options={"verify_signature": False})
    assert "https://oauth2.googleapis.com/token" == claims["aud"]
    assert "kid" not in jwt.get_unverified_header(assertion)


ANSWERS = json.loads((VECTORS / "fcm" / "token_endpoint.json").read_text())


def fetch(given: dict[str, Any]) -> Any:
    body = given["text"] if "text" in given else json.dumps(given["json"])
    answer = Response(status=given["status"], headers=given.get("headers", {}), body=body.encode())
    account = ServiceAccount.read(service_account())
    return drive(fetch_token(account, SCOPE, NOW, channel="fcm"), [answer])[1]


@pytest.mark.parametrize(
    "vector", [pytest.param(v, id=v["id"]) for v in ANSWERS if "value" in v["expected"]]
)
def test_token_when_granted(vector: dict[str, Any]) -> None:
    """A token is kept for its lifetime and renewed in time."""
    assert vector["source"]
    expected, credential = vector["expected"], fetch(vector["given"])
    assert expected["value"] == credential.value
    assert NOW + expected["lives"] == credential.expires_at
    assert credential.expires_at - expected["renewed_before"] == credential.renew_at
    assert 0 == credential.generation


@pytest.mark.parametrize(
    "vector", [pytest.param(v, id=v["id"]) for v in ANSWERS if "error" in v["expected"]]
)
def test_token_when_refused(vector: dict[str, Any]) -> None:
    """Each refusal is final or not, and says whose fault it is."""
    assert vector["source"]
    expected = vector["expected"]
    with pytest.raises(VendorError) as caught:
        fetch(vector["given"])
    error = caught.value
    assert getattr(errors, expected["error"]) is type(error)
    assert ("fcm", vector["given"]["status"], expected["code"], expected.get("retry_after")) == (
        error.channel,
        error.status,
        error.vendor_code,
        error.retry_after,
    )
    assert expected["says"] in str(error)
    assert "\n" not in str(error)


def test_import_is_cheap() -> None:
    """Nothing that signs, cuts or carries is loaded before it is needed."""
    heavy = ("jwt", "cryptography", "regex", "aiohttp", "sqlalchemy", "email.utils")
    code = (
        "import sys; from zpns.transports import FCM; from zpns.models import DeviceToken; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert "[]\n" == shown.stdout
