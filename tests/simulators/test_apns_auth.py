"""Provider tokens: which are good, for how long, and what a connection is bound to."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from apns_sender import NOW, APNsSender
from cryptography.hazmat.primitives.asymmetric import ec

HOUR = 3_600
MINUTE = 60
OK = (200, "")
MISSING = (403, "MissingProviderToken")
INVALID = (403, "InvalidProviderToken")
EXPIRED = (403, "ExpiredProviderToken")
TOO_MANY = (429, "TooManyProviderTokenUpdates")


def _encode(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _token(apns: APNsSender, **changes: Any) -> str:
    """Return a token signed with the team's key unless *changes* say otherwise."""
    header = {"kid": apns.key.key_id, **changes.pop("header", {})}
    claims = {"iss": apns.key.team_id, "iat": int(NOW), **changes.pop("claims", {})}
    key = changes.get("key", apns.key.private_key)
    return jwt.encode(
        {name: value for name, value in claims.items() if value is not ...},
        key,
        algorithm=changes.get("algorithm", "ES256"),
        headers={name: value for name, value in header.items() if value is not ...},
    )


# The header.


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("bearer {}", OK, id="lower-case"),
        pytest.param("Bearer {}", OK, id="capital"),
        pytest.param(None, MISSING, id="none"),
        pytest.param("", MISSING, id="empty"),
        pytest.param("{}", MISSING, id="no-scheme"),
        pytest.param("basic {}", MISSING, id="other-scheme"),
        pytest.param("bearer", MISSING, id="no-token"),
        pytest.param("bearer ", MISSING, id="empty-token"),
        pytest.param("bearer  {}", INVALID, id="two-spaces"),
        pytest.param("bearer {}x", INVALID, id="more-than-the-token"),
    ],
)
def test_header_carries_a_bearer(header: str | None, expected: tuple[int, str]) -> None:
    """The scheme may be in either case; without it there is no token."""
    apns = APNsSender()
    token = apns.simulator.register()

    response = apns.push(token, authorization=header and header.format(apns.key.sign(NOW)))

    assert expected == apns.outcome(response)


# The token.


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="as-apple-shows-it"),
        pytest.param({"header": {"typ": ...}}, id="no-typ"),
        pytest.param({"header": {"x": "1"}, "claims": {"aud": "a", "exp": 1}}, id="more-said"),
        pytest.param({"claims": {"iat": int(NOW) - HOUR}}, id="an-hour-old"),
    ],
)
def test_token_is_accepted(changes: dict[str, Any]) -> None:
    """Key ID, team, time and signature are what counts; nothing else is looked at."""
    apns = APNsSender()
    token = apns.simulator.register()

    response = apns.push(token, authorization=f"bearer {_token(apns, **changes)}")

    assert OK == apns.outcome(response)
    assert [] == apns.simulator.violations


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"header": {"kid": ...}}, INVALID, id="no-key-id"),
        pytest.param({"header": {"kid": "AAAAAAAAAA"}}, INVALID, id="unknown-key-id"),
        pytest.param({"claims": {"iss": ...}}, INVALID, id="no-team"),
        pytest.param({"claims": {"iss": "AAAAAAAAAA"}}, INVALID, id="other-team"),
        pytest.param({"claims": {"iat": ...}}, INVALID, id="no-time"),
        pytest.param({"claims": {"iat": str(int(NOW))}}, INVALID, id="time-as-text"),
        pytest.param({"claims": {"iat": True}}, INVALID, id="time-as-truth"),
        pytest.param({"claims": {"iat": None}}, INVALID, id="time-null"),
        pytest.param({"claims": {"iat": int(NOW) + 1}}, INVALID, id="time-to-come"),
        pytest.param({"claims": {"iat": int(NOW) * 1000}}, INVALID, id="time-in-milliseconds"),
        pytest.param({"claims": {"iat": int(NOW) - HOUR - 1}}, EXPIRED, id="over-an-hour-old"),
        pytest.param({"claims": {"iat": 0}}, EXPIRED, id="very-old"),
        pytest.param({"key": ec.generate_private_key(ec.SECP256R1())}, INVALID, id="other-key"),
        pytest.param(
            {"key": ec.generate_private_key(ec.SECP384R1()), "algorithm": "ES384"},
            INVALID,
            id="other-curve",
        ),
        pytest.param({"key": "s" * 32, "algorithm": "HS256"}, INVALID, id="shared-secret"),
        pytest.param({"key": None, "algorithm": "none"}, INVALID, id="unsigned"),
    ],
)
def test_token_is_refused(changes: dict[str, Any], expected: tuple[int, str]) -> None:
    """A token that is not right in every part is no token; an old one has its own reason."""
    apns = APNsSender()
    token = apns.simulator.register()

    response = apns.push(token, authorization=f"bearer {_token(apns, **changes)}")

    assert expected == apns.outcome(response)
    assert OK == apns.outcome(apns.push(token))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x", id="no-dots"),
        pytest.param("a.b.c", id="no-base64"),
        pytest.param("..", id="dots"),
        pytest.param(f"{_encode([])}.{_encode({})}.{_encode(b'1')}", id="header-no-object"),
        pytest.param(f"{_encode({})}.{_encode({})}.{_encode(b'1')}", id="header-empty"),
        pytest.param(f"{_encode({'kid': 1})}.{_encode({})}.{_encode(b'1')}", id="key-id-number"),
        pytest.param("é.é.é", id="not-ascii"),
    ],
)
def test_nonsense_is_no_token(text: str) -> None:
    """Whatever does not parse is refused like a wrong signature."""
    apns = APNsSender()

    response = apns.push(apns.simulator.register(), authorization=f"bearer {text}")

    assert INVALID == apns.outcome(response)


@pytest.mark.parametrize("payload", [b"[]", b"1", b"{", b"\xff"])
def test_signed_nonsense_is_no_token(payload: bytes) -> None:
    """A good signature over something that is no claims helps nobody."""
    apns = APNsSender()
    text = jwt.PyJWS().encode(
        payload, apns.key.private_key, algorithm="ES256", headers={"kid": apns.key.key_id}
    )

    response = apns.push(apns.simulator.register(), authorization=f"bearer {text}")

    assert INVALID == apns.outcome(response)


def test_signature_is_two_numbers_side_by_side() -> None:
    """The form that certificates use is not the one of JWT, and is refused."""
    from cryptography.hazmat.primitives import hashes

    apns = APNsSender()
    signed = apns.key.sign(NOW).rpartition(".")[0]
    der = apns.key.private_key.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))

    response = apns.push(apns.simulator.register(), authorization=f"bearer {signed}.{_encode(der)}")

    assert INVALID == apns.outcome(response)


@pytest.mark.parametrize(
    ("strict", "expected", "rules"),
    [
        pytest.param(False, OK, ["iat"], id="lenient"),
        pytest.param(True, INVALID, [], id="strict"),
    ],
)
def test_fraction_of_a_second_is_a_lapse(
    strict: bool, expected: tuple[int, str], rules: list[str]
) -> None:
    """A time that is no whole number works, is remembered once per token, and is no good."""
    apns = APNsSender(strict=strict)
    token = apns.simulator.register()
    bearer = f"bearer {_token(apns, claims={'iat': NOW - 0.5})}"

    assert [expected] * 2 == [
        apns.outcome(apns.push(token, authorization=bearer)) for _ in range(2)
    ]
    assert rules == [violation.rule for violation in apns.simulator.violations]


def test_token_grows_old_on_its_connection() -> None:
    """It is good for an hour from its issue, and the next one lets the connection go on."""
    apns = APNsSender()
    token = apns.simulator.register()

    assert OK == apns.outcome(apns.push(token))
    apns.now = NOW + HOUR
    assert OK == apns.outcome(apns.push(token))
    apns.now = NOW + HOUR + 0.5
    assert EXPIRED == apns.outcome(apns.push(token))
    apns.bearer = f"bearer {apns.key.sign(apns.now)}"
    assert OK == apns.outcome(apns.push(token))


def test_revoked_key_signs_no_more() -> None:
    """A token that was good a moment ago is refused once its key was revoked."""
    apns = APNsSender()
    token = apns.simulator.register()
    assert OK == apns.outcome(apns.push(token))

    apns.key.revoked = True

    assert INVALID == apns.outcome(apns.push(token))
    assert INVALID == apns.outcome(apns.push(token, connection=apns.connect()))


def test_many_tokens_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was verified is forgotten and verified again; it is not another token by that."""
    monkeypatch.setattr("zpns.simulators._apns_auth._KEPT", 2)
    apns = APNsSender()
    token = apns.simulator.register()

    for age in range(5):
        bearer = f"bearer {apns.key.sign(NOW - age)}"
        connection = apns.connect()
        assert OK == apns.outcome(apns.push(token, authorization=bearer, connection=connection))
    assert OK == apns.outcome(apns.push(token))
    for age in range(5):
        bearer = f"bearer {apns.key.sign(NOW - 10 - age)}"
        apns.push(token, authorization=bearer, connection=apns.connect())
    assert OK == apns.outcome(apns.push(token, authorization=apns.bearer.replace("b", "B", 1)))


# Its renewal.


def test_connection_takes_another_token_after_20_minutes() -> None:
    """Sooner it is 429, counted from the first use there; the old one works meanwhile."""
    apns = APNsSender()
    token = apns.simulator.register()
    old = f"bearer {apns.key.sign(NOW - 30 * MINUTE)}"
    new = f"bearer {apns.key.sign(NOW)}"

    assert OK == apns.outcome(apns.push(token, authorization=old))
    assert TOO_MANY == apns.outcome(apns.push(token, authorization=new))
    apns.now = NOW + 20 * MINUTE - 1
    assert OK == apns.outcome(apns.push(token, authorization=old))
    assert TOO_MANY == apns.outcome(apns.push(token, authorization=new))
    apns.now = NOW + 20 * MINUTE
    assert OK == apns.outcome(apns.push(token, authorization=new))
    # From here on it counts anew, and going back is a change like any other.
    assert TOO_MANY == apns.outcome(apns.push(token, authorization=old))
    apns.now = NOW + 30 * MINUTE
    assert TOO_MANY == apns.outcome(apns.push(token, authorization=old))
    assert OK == apns.outcome(apns.push(token, authorization=new))


def test_renewals_are_counted_per_connection() -> None:
    """A new connection begins with whatever token it likes."""
    apns = APNsSender()
    token = apns.simulator.register()
    first, second = apns.connect(), apns.connect()
    old, new = (f"bearer {apns.key.sign(NOW - age)}" for age in (60, 0))

    assert OK == apns.outcome(apns.push(token, authorization=old, connection=first))
    assert OK == apns.outcome(apns.push(token, authorization=new, connection=second))
    assert OK == apns.outcome(apns.push(token, authorization=old, connection=first))
    assert TOO_MANY == apns.outcome(apns.push(token, authorization=new, connection=first))
    assert TOO_MANY == apns.outcome(apns.push(token, authorization=old, connection=second))


def test_refused_token_is_no_use() -> None:
    """A token that was never accepted starts nothing: the next one is the first."""
    apns = APNsSender()
    token = apns.simulator.register()
    expired = f"bearer {apns.key.sign(NOW - HOUR - 1)}"

    assert EXPIRED == apns.outcome(apns.push(token, authorization=expired))
    assert OK == apns.outcome(apns.push(token))


def test_renewal_may_be_counted_from_the_issue() -> None:
    """The other reading: a token must have been issued 20 minutes after the last."""
    apns = APNsSender(token_updates="issued-at")
    token = apns.simulator.register()
    issued = [NOW - 21 * MINUTE, NOW - 2 * MINUTE, NOW - MINUTE]
    bearers = [f"bearer {apns.key.sign(when)}" for when in issued]

    outcomes = [apns.outcome(apns.push(token, authorization=b)) for b in bearers]

    assert [OK, TOO_MANY, OK] == outcomes


def test_renewal_may_be_unlimited() -> None:
    """Switched off, a connection takes a new token with every push."""
    apns = APNsSender(token_updates="unlimited")
    token = apns.simulator.register()

    bearers = [f"bearer {apns.key.sign(NOW - age)}" for age in range(5)]

    assert {OK} == {apns.outcome(apns.push(token, authorization=b)) for b in bearers}
