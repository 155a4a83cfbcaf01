"""Google's token endpoint: which assertions get an access token, and how others are refused."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from zpns.exchange import Request
from zpns.simulators import FCMSimulator

NOW = 1_795_000_000
TOKEN_URL = "https://oauth2.googleapis.com/token"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MESSAGING = "https://www.googleapis.com/auth/firebase.messaging"
CLOUD = "https://www.googleapis.com/auth/cloud-platform"
STORAGE = "https://www.googleapis.com/auth/devstorage.read_only"
TIMES = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)
AUDIENCE = f"Invalid JWT: Failed audience check. The right audience is {TOKEN_URL}"
NO_SCOPE = "Invalid OAuth scope or ID token audience provided."


def _refusal(response: Any) -> tuple[int, dict[str, Any]]:
    return response.status, orjson.loads(response.body)


def _invalid_grant(description: str) -> tuple[int, dict[str, str]]:
    return 400, {"error": "invalid_grant", "error_description": description}


def test_good_assertion_gets_a_token(fcm: Any) -> None:
    """The answer has an opaque token, its lifetime a second short, and its type."""
    response = fcm.log_in()

    answer = orjson.loads(response.body)
    assert 200 == response.status
    assert "application/json; charset=UTF-8" == response.headers["content-type"]
    assert {"access_token", "expires_in", "token_type"} == set(answer)
    assert (3_599, "Bearer") == (answer["expires_in"], answer["token_type"])
    assert answer["access_token"].startswith("ya29.")
    assert 200 == fcm.send({"topic": "t"}).status


def test_every_token_is_another_and_all_are_good(fcm: Any) -> None:
    """A new token does not end an older one."""
    older = fcm.bearer
    fcm.log_in()

    assert older != fcm.bearer
    assert 200 == fcm.send({"topic": "t"}).status
    fcm.bearer = older
    assert 200 == fcm.send({"topic": "t"}).status


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"scope": CLOUD}, id="cloud-platform"),
        pytest.param({"scope": f"{STORAGE} {MESSAGING}"}, id="one-of-two-scopes"),
        pytest.param({"exp": NOW + 60}, id="one-minute"),
        pytest.param({"iat": NOW + 300, "exp": NOW + 3_900}, id="clock-300-s-ahead"),
        pytest.param({"iat": NOW - 3_899, "exp": NOW - 299}, id="clock-behind"),
        pytest.param({"header": {"kid": "unknown"}}, id="any-kid"),
        pytest.param({"header": {"typ": None}}, id="no-typ"),
        pytest.param({"sub": "bob@example.com"}, id="more-claims"),
    ],
)
def test_assertion_is_accepted(fcm: Any, claims: dict[str, Any]) -> None:
    """What Google accepts besides the plain case."""
    assert 200 == fcm.log_in(**claims).status


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        pytest.param({"iss": "mallory@example.com"},
                     _invalid_grant("Invalid grant: account not found"),
                     id="other-account"),
        pytest.param({"iss": None}, _invalid_grant("Invalid grant: account not found"),
                     id="no-account"),
        pytest.param({"aud": "https://fcm.test/token"}, _invalid_grant(AUDIENCE), id="own-url"),
        pytest.param({"aud": "https://accounts.google.com/o/oauth2/auth"}, _invalid_grant(AUDIENCE),
                     id="other-audience"),
        pytest.param({"aud": None}, _invalid_grant(AUDIENCE), id="no-audience"),
        pytest.param({"aud": [TOKEN_URL]}, _invalid_grant(AUDIENCE), id="audience-array"),
        pytest.param({"exp": NOW + 3_601}, _invalid_grant(TIMES), id="lifetime-3601"),
        pytest.param({"exp": NOW}, _invalid_grant(TIMES), id="no-lifetime"),
        pytest.param({"exp": NOW - 1}, _invalid_grant(TIMES), id="negative-lifetime"),
        pytest.param({"iat": NOW + 301, "exp": NOW + 3_901}, _invalid_grant(TIMES),
                     id="clock-301-s-ahead"),
        pytest.param({"iat": NOW - 3_900, "exp": NOW - 300}, _invalid_grant(TIMES), id="expired"),
        pytest.param({"iat": None}, _invalid_grant(TIMES), id="no-iat"),
        pytest.param({"exp": None}, _invalid_grant(TIMES), id="no-exp"),
        pytest.param({"iat": str(NOW)}, _invalid_grant(TIMES), id="iat-text"),
        pytest.param({"iat": float(NOW)}, _invalid_grant(TIMES), id="iat-float"),
        pytest.param({"iat": NOW - 1, "exp": True}, _invalid_grant(TIMES), id="exp-true"),
        pytest.param({"scope": STORAGE},
                     (400, {"error": "invalid_scope", "error_description": NO_SCOPE}),
                     id="scope-of-another-api"),
        pytest.param({"scope": f"{MESSAGING} everything"},
                     (400, {"error": "invalid_scope", "error_description": NO_SCOPE}),
                     id="scope-unknown"),
        pytest.param({"scope": None},
                     (400, {"error": "invalid_scope", "error_description": NO_SCOPE}),
                     id="no-scope"),
        pytest.param({"scope": [MESSAGING]},
                     (400, {"error": "invalid_scope", "error_description": NO_SCOPE}),
                     id="scope-array"),
    ],
)  # fmt: skip
def test_claim_is_refused(fcm: Any, claims: dict[str, Any], expected: Any) -> None:
    """A claim that is wrong is refused by name, and gives no token."""
    assert expected == _refusal(fcm.log_in(**claims))


def test_signature_of_another_key_is_refused(fcm: Any) -> None:
    """Only the account's own key signs for it, whatever the claims say."""
    other = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)

    assert _invalid_grant("Invalid JWT Signature.") == _refusal(fcm.log_in(key=other))


@pytest.mark.parametrize(
    ("algorithm", "secret"),
    [
        pytest.param("RS512", None, id="rs512"),
        pytest.param("PS256", None, id="ps256"),
        pytest.param("HS256", "0123456789abcdef0123456789abcdef", id="hs256"),
        pytest.param("none", "", id="none"),
    ],
)
def test_other_algorithm_is_refused(fcm: Any, algorithm: str, secret: str | None) -> None:
    """RS256 and nothing else, even if the key is the right one."""
    response = fcm.log_in(algorithm=algorithm, key=secret)

    assert _invalid_grant("Invalid JWT Signature.") == _refusal(response)


def test_claims_changed_after_signing_are_refused(fcm: Any) -> None:
    """A good signature under other claims is none."""
    head, _, signature = fcm.assertion().split(".")
    _, claims, _ = fcm.assertion(scope=CLOUD).split(".")

    response = fcm.ask_token(grant_type=GRANT_TYPE, assertion=f"{head}.{claims}.{signature}")

    assert _invalid_grant("Invalid JWT Signature.") == _refusal(response)


@pytest.mark.parametrize("assertion", ["x", "a.b.c", "..", "ÿ"])
def test_assertion_that_is_no_jwt_is_refused(fcm: Any, assertion: str) -> None:
    """Nonsense is answered like any other bad grant."""
    response = fcm.ask_token(grant_type=GRANT_TYPE, assertion=assertion)

    assert _invalid_grant("Bad Request") == _refusal(response)


@pytest.mark.parametrize(
    ("fields", "error", "description"),
    [
        pytest.param({"assertion": "x"}, "invalid_request",
                     "Required parameter is missing: grant_type", id="no-grant-type"),
        pytest.param({"grant_type": GRANT_TYPE}, "invalid_request",
                     "Required parameter is missing: assertion", id="no-assertion"),
        pytest.param({"grant_type": GRANT_TYPE, "assertion": ""}, "invalid_request",
                     "Required parameter is missing: assertion", id="empty-assertion"),
        pytest.param({"grant_type": "refresh_token", "assertion": "x"}, "unsupported_grant_type",
                     "Invalid grant_type: refresh_token", id="other-grant-type"),
        pytest.param({"grant_type": GRANT_TYPE, "assertion": "x",
                      "content_type": "application/json"}, "invalid_request",
                     "Content type must be a form.", id="not-a-form"),
    ],
)  # fmt: skip
def test_form_is_refused(fcm: Any, fields: dict[str, str], error: str, description: str) -> None:
    """The form itself must be right before anyone looks at the assertion."""
    response = fcm.ask_token(**fields)

    assert (400, {"error": error, "error_description": description}) == _refusal(response)


@pytest.mark.parametrize(
    ("body", "description"),
    [
        pytest.param(b"grant_type=a&grant_type=b",
                     "OAuth 2 parameters can only have a single value: grant_type", id="twice"),
        pytest.param(b"grant_type=\xff", "Bad Request", id="not-utf-8"),
    ],
)  # fmt: skip
def test_form_is_malformed(fcm: Any, body: bytes, description: str) -> None:
    """A form no library would send."""
    response = fcm.simulator.handle(
        Request(
            method="POST",
            url="https://fcm.test/token",
            headers={"content-type": "application/x-www-form-urlencoded"},
            body=body,
        ),
        NOW,
    )

    assert (400, {"error": "invalid_request", "error_description": description}) == _refusal(
        response
    )


def test_own_url_is_an_audience_if_so_set(make_fcm: Callable[..., Any]) -> None:
    """With the leniency on, both audiences are good, and no third."""
    fcm = make_fcm(lenient_audience=True)

    assert 200 == fcm.log_in(aud="https://fcm.test/token").status
    assert 200 == fcm.log_in(aud=TOKEN_URL).status
    assert 400 == fcm.log_in(aud="https://other.test/token").status


@pytest.mark.parametrize(
    ("lifetime", "expires_in"),
    [pytest.param(60, 59, id="60"), pytest.param(1.5, 0, id="1.5")],
)
def test_lifetime_is_a_setting(
    make_fcm: Callable[..., Any], lifetime: float, expires_in: int
) -> None:
    """A token is good until its lifetime is over, and expired from then on."""
    fcm = make_fcm(token_lifetime=lifetime)
    assert expires_in == orjson.loads(fcm.log_in().body)["expires_in"]

    fcm.now = NOW + lifetime - 0.25
    assert 200 == fcm.send({"topic": "t"}).status
    fcm.now = NOW + lifetime
    response = fcm.send({"topic": "t"})
    assert 401 == response.status
    assert b"ACCESS_TOKEN_EXPIRED" in response.body


def test_tokens_can_be_expired_and_forgotten(fcm: Any) -> None:
    """Both mean a refresh; they differ in what Google says."""
    fcm.simulator.expire_tokens()
    assert b"ACCESS_TOKEN_EXPIRED" in fcm.send({"topic": "t"}).body
    fcm.simulator.forget_tokens()
    response = fcm.send({"topic": "t"})
    assert (401, False) == (response.status, b"ErrorInfo" in response.body)

    fcm.log_in()
    assert 200 == fcm.send({"topic": "t"}).status


def test_oldest_token_is_forgotten_over_the_limit(
    fcm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens do not pile up for ever; the latest are those that are kept."""
    monkeypatch.setattr("zpns.simulators._fcm_oauth._KEPT", 2)
    bearers = [fcm.bearer]
    for _ in range(2):
        fcm.log_in()
        bearers.append(fcm.bearer)

    statuses = []
    for fcm.bearer in bearers:
        statuses.append(fcm.send({"topic": "t"}).status)

    assert [401, 200, 200] == statuses


def test_credentials_are_a_service_account_file(tmp_path: Path) -> None:
    """The file is what Google's console gives out, its token endpoint is the simulator's."""
    simulator = FCMSimulator(project_id="other-project")

    where = simulator.credentials("https://127.0.0.1:4711", str(tmp_path))

    path = Path(where["service_account"])
    assert {"service_account": str(path), "project_id": "other-project"} == where
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    file = orjson.loads(path.read_bytes())
    assert "service_account" == file["type"]
    assert "other-project" == file["project_id"]
    assert "https://127.0.0.1:4711/token" == file["token_uri"]
    assert file["client_email"].endswith("@other-project.iam.gserviceaccount.com")
    assert {"private_key_id", "client_id", "auth_uri", "universe_domain"} < set(file)
    key = serialization.load_pem_private_key(file["private_key"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert 2_048 == key.key_size
    assert file["private_key"].startswith("-----BEGIN PRIVATE KEY-----")


def test_credentials_sign_what_the_endpoint_accepts(fcm: Any) -> None:
    """The key in the file is the account's, whether it was given or made."""
    assert 200 == fcm.log_in(key=fcm.file["private_key"]).status


def test_key_is_made_once(tmp_path: Path) -> None:
    """Credentials written twice are the same, so that none of them stops working."""
    simulator = FCMSimulator()

    files = []
    for url in ("https://a.test", "https://b.test"):
        where = simulator.credentials(url, str(tmp_path))
        files.append(orjson.loads(Path(where["service_account"]).read_bytes()))

    assert files[0]["private_key"] == files[1]["private_key"]
    assert "https://b.test/token" == files[1]["token_uri"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_endpoint_takes_posts_alone(fcm: Any, method: str) -> None:
    """Any other method is a path that does not exist."""
    request = Request(method=method, url="https://fcm.test/token")

    response = fcm.simulator.handle(request, NOW)

    assert 404 == response.status
    assert "text/html; charset=UTF-8" == response.headers["content-type"]
