"""APNs: where pushes go, and what is sent there one by one and in bulk."""

from __future__ import annotations

from typing import Any

import pytest

from zpns.errors import ConfigError
from zpns.exchange import Response
from zpns.models import DeviceToken, Notification, Outcome, Target
from zpns.transports import Backoff, BulkForm, Route, Skip

from .apns_pushes import CALL_ID, CREDENTIAL, TOKEN, TRANSPORT, event, prepare, resource, route_of
from .makers import NOW, apns, notification


@pytest.mark.parametrize(
    ("own", "environment", "origin"),
    [
        pytest.param({}, "production", "https://api.push.apple.com", id="production"),
        pytest.param({}, "sandbox", "https://api.sandbox.push.apple.com", id="sandbox"),
        pytest.param(
            {"port": 2197}, "production", "https://api.push.apple.com:2197", id="other-port"
        ),
        pytest.param(
            {"port": 2197}, "sandbox", "https://api.sandbox.push.apple.com:2197", id="both"
        ),
        pytest.param(
            {"base_url": "https://127.0.0.1:8443/", "port": 2197},
            "sandbox",
            "https://127.0.0.1:8443",
            id="elsewhere",
        ),
    ],
)
def test_route(own: dict[str, Any], environment: str, origin: str) -> None:
    """Each environment has its host; an address of one's own takes the place of both."""
    found = apns(**own).route(DeviceToken("apns", TOKEN, environment=environment))
    assert isinstance(found, Route)
    assert (origin, environment, "alert") == (found.origin, found.environment, found.variety)


def test_route_of_each_kind() -> None:
    """What is behind a token keeps the routes apart, never the credential."""
    kinds = ("alert", "voip", "liveactivity")
    routes = [route_of(kind) for kind in kinds]
    assert kinds == tuple(route.variety for route in routes)
    assert 1 == len({route.credential_key for route in routes})


@pytest.mark.parametrize(
    ("token", "fits"),
    [
        pytest.param("a1" * 32, True, id="today"),
        pytest.param("A1b2" * 16, True, id="mixed-case"),
        pytest.param("ab" * 100, True, id="200-digits"),
        pytest.param("ab" * 101, False, id="202-digits"),
        pytest.param("a", False, id="odd"),
        pytest.param("a1" * 31 + "a", False, id="63-digits"),
        pytest.param("g1" * 32, False, id="no-digit"),
        pytest.param("<a1a1a1a1 a1a1a1a1>", False, id="description-of-data"),
        pytest.param("oaGhoaGhoaGhoaGhoaGhoQ==", False, id="base64"),
        pytest.param("fcm:APA91b", False, id="another-vendor"),
        pytest.param("\u0661\u0661", False, id="digits-of-another-script"),
        pytest.param("a1\n", False, id="line-break"),
    ],
)
def test_route_by_alphabet(token: str, fits: bool) -> None:
    """A token is an even number of hexadecimal digits; how many, Apple does not say."""
    found = TRANSPORT.route(DeviceToken("apns", token))
    assert fits == isinstance(found, Route)
    if isinstance(found, Skip):
        assert "malformed_token" == found.why


def test_route_of_a_browser() -> None:
    """A browser's token is another vendor's; the advice says whose."""
    found = TRANSPORT.route(DeviceToken("apns", TOKEN, kind="web"))
    assert isinstance(found, Skip)
    assert ("kind_not_on_channel", True) == (found.why, "fcm" in found.advice)


@pytest.mark.parametrize(
    ("push", "kind"),
    [
        pytest.param(notification(), "alert", id="alert"),
        pytest.param(notification(kind="silent"), "alert", id="silent"),
        pytest.param(notification(kind="voip", call_id=CALL_ID), "voip", id="ring"),
        pytest.param(event("call_invited", resource=resource("voip")), "voip", id="invitation"),
        pytest.param(event("call_missed", resource=resource("voip")), "alert", id="call-end"),
        pytest.param(
            event("call_invited", resource=resource("voip", push_type="alert")),
            "alert",
            id="shown-on-apple",
        ),
        pytest.param(
            notification(resource=resource(push_type="liveactivity")),
            "liveactivity",
            id="live-activity",
        ),
        pytest.param(notification(resource=resource(push_type="widgets")), "alert", id="widgets"),
    ],
)
def test_token_kind(push: Notification, kind: str) -> None:
    """A bare token is taken for what the push needs."""
    assert kind == TRANSPORT.token_kind(push)


# Requests.


def unrolled(form: BulkForm, target: Target) -> list[tuple[bytes, bytes]]:
    """Return the header list of one request of a bulk form, and its body as the last item."""
    assert b"" == form.body[1]  # so that the token is in the path
    assert form.numbered is not None
    name, stem = form.numbered
    return [
        (b":method", form.method),
        (b":authority", form.authority),
        (b":path", form.path[0] + target.token.encode() + form.path[1]),
        *form.headers,
        (name, stem + b"%012x" % target.seq),
        (b"", form.body[0]),
    ]


@pytest.mark.parametrize("kind", ["alert", "voip"])
def test_bulk(kind: str) -> None:
    """A page is byte for byte, and in the same order, what its requests are one by one."""
    push = event("call_invited", resource=resource("voip"), badge=5)
    prepared = prepare(push, kind=kind)
    form = prepared.bulk(CREDENTIAL)
    for seq in (0, 1, 2**48 - 1):
        target = Target(f"{seq:012x}" * 4, seq)
        request = prepared.request([target], CREDENTIAL)
        host, path = request.url.removeprefix("https://").split("/", 1)
        assert [
            (b":method", request.method.encode()),
            (b":authority", host.encode()),
            (b":path", f"/{path}".encode()),
            *((name.encode(), value.encode()) for name, value in request.headers.items()),
            (b"", request.body),
        ] == unrolled(form, target)
    success = prepared.verdicts([target], Response(status=200, headers={"apns-id": "x"}), NOW)[0]
    assert form.success is success
    assert form.lowers
    assert CREDENTIAL.value not in repr(form)


def test_token_is_lower_case_on_the_wire() -> None:
    """Apple prints tokens in lower case, and phones in either."""
    request = prepare(notification()).request([Target("A1B2C3", 0)], CREDENTIAL)
    assert request.url.endswith("/3/device/a1b2c3")


def test_apns_id_is_ours() -> None:
    """It names push type, job and number, so that a second try is recognised as one."""
    push = notification(job_id="job-11")
    first, other = (
        prepare(push).request([Target(TOKEN, seq)], CREDENTIAL).headers["apns-id"] for seq in (5, 6)
    )
    assert "744bcb99-5be0-84e1-85fc-000000000005" == first
    assert "744bcb99-5be0-84e1-85fc-000000000006" == other
    ring = notification(job_id="job-11", kind="voip", call_id=CALL_ID)
    request = prepare(ring, kind="voip").request([Target(TOKEN, 5)], CREDENTIAL)
    assert "bef04a02-2a7d-85d8-bf64-000000000005" == request.headers["apns-id"]


def test_verdicts_know_what_rang() -> None:
    """Where Apple failed with it, a message is tried again, and a phone is not rung twice."""
    push = event("call_invited", resource=resource("voip"))
    failed = Response(status=500, body=b'{"reason":"InternalServerError"}')
    outcomes = [
        prepare(push, kind=kind).verdicts([Target(TOKEN, 0)], failed, NOW)[0].outcome
        for kind in ("voip", "alert")
    ]
    assert [Outcome.UNKNOWN, Outcome.RETRY] == outcomes


def test_request_takes_one_target() -> None:
    """APNs has no batch: two targets in one request are a mistake of the caller."""
    with pytest.raises(ValueError, match="unpack"):
        prepare(notification()).request([Target("a1", 0), Target("b2", 1)], CREDENTIAL)


def test_manners() -> None:
    """It rides on HTTP/2; a second failure is followed by a wait that doubles."""
    assert TRANSPORT.http2
    assert Backoff(floor=0.0, first=30.0, most=900.0) == TRANSPORT.backoff
    assert "a1b2" not in repr(TRANSPORT.prepare(notification(), route_of(token="a1b2"), NOW))
    with pytest.raises(ConfigError, match="base_url"):
        apns(base_url="http://api.push.apple.com")
