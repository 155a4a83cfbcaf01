"""What every transport keeps, whoever the vendor is."""

from __future__ import annotations

import re

import attrs
import pytest

from zpns.errors import ConfigError, ParameterError
from zpns.exchange import Request, Response
from zpns.models import Outcome, Resource, Target
from zpns.transports import (
    TRANSPORTS,
    BulkForm,
    Credential,
    Prepared,
    Route,
    Skip,
    Transport,
)

from .makers import MAKERS, NOW, VECTORS, Maker, drive, notification

CREDENTIAL = Credential(value="credential-1", renew_at=NOW + 3000, expires_at=NOW + 3600)

pytestmark = pytest.mark.parametrize("channel", sorted(TRANSPORTS))


@pytest.fixture
def maker(channel: str) -> Maker:
    assert channel in MAKERS, (
        f"the transport {channel!r} has no maker: add one to tests/transports/makers.py"
    )
    return MAKERS[channel]


@pytest.fixture
def transport(maker: Maker) -> Transport:
    return maker.transport()


@pytest.fixture
def route(transport: Transport, maker: Maker) -> Route:
    found = transport.route(maker.device(0))
    assert isinstance(found, Route)
    return found


@pytest.fixture
def prepared(transport: Transport, route: Route) -> Prepared:
    found = transport.prepare(notification(), route, NOW)
    assert isinstance(found, Prepared)
    return found


def targets(maker: Maker, count: int) -> list[Target]:
    return [Target(maker.device(number).token, number) for number in range(count)]


def unroll(form: BulkForm, target: Target) -> Request:
    """Return the request that a bulk form stands for."""
    token = target.token.encode()
    numbered = form.numbered
    own = [] if numbered is None else [(numbered[0], numbered[1] + b"%012x" % target.seq)]

    in_path = not form.body[1]
    token = token.lower() if form.lowers else token

    def fill(halves: tuple[bytes, bytes], holds: bool) -> bytes:
        return halves[0] + (token if holds else b"") + halves[1]

    return Request(
        method=form.method.decode(),
        url=f"https://{form.authority.decode()}{fill(form.path, in_path).decode()}",
        headers={name.decode(): value.decode() for name, value in (*form.headers, *own)},
        body=fill(form.body, not in_path),
    )


def test_vectors_when_a_transport_is_added(channel: str) -> None:
    """Every transport has answers or bodies written down apart from its code."""
    found = sorted((VECTORS / channel).glob("*.json*"))
    assert found, (
        f"the transport {channel!r} has no vectors: write request and answer pairs to "
        f"tests/vectors/{channel}/, each with where it is from"
    )


def test_furniture(channel: str, maker: Maker) -> None:
    """Every transport knows its channel, is frozen, and takes app, base_url and ca_file."""
    made = maker.transport(app="two", base_url="https://127.0.0.1:8443", ca_file="ca.pem")
    assert (channel, "two", "https://127.0.0.1:8443", "ca.pem") == (
        made.channel,
        made.app,
        made.base_url,
        made.ca_file,
    )
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.app = "three"
    assert "default" == maker.transport().app


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("http://push.example.com", id="http-not-loopback"),
        pytest.param("http://127.0.0.1.example.com", id="http-looks-like-loopback"),
        pytest.param("ftp://127.0.0.1", id="scheme"),
        pytest.param("127.0.0.1:8443", id="no-scheme"),
        pytest.param("https://", id="no-host"),
        pytest.param("https://127.0.0.1/v1", id="path"),
    ],
)
def test_base_url_when_refused(maker: Maker, address: str) -> None:
    """An address that would leak credentials, or is none, is refused by name."""
    with pytest.raises(ConfigError, match="base_url"):
        maker.transport(base_url=address)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://[::1]:9", "http://localhost:9"])
def test_base_url_when_loopback(maker: Maker, address: str) -> None:
    """Loopback may be plain http, and requests go there."""
    transport = maker.transport(base_url=address)
    route = transport.route(maker.device(0))
    assert isinstance(route, Route)
    assert address == route.origin
    prepared = transport.prepare(notification(), route, NOW)
    assert isinstance(prepared, Prepared)
    assert prepared.request(targets(maker, 1), CREDENTIAL).url.startswith(f"{address}/")


def test_app_when_empty(maker: Maker) -> None:
    """An app without a name is refused by name."""
    with pytest.raises(ConfigError, match="app"):
        maker.transport(app="")


def test_repr_hides_secrets(maker: Maker) -> None:
    """No secret is readable in a transport's repr."""
    shown = repr(maker.transport())
    assert [] == [secret for secret in maker.secrets if secret in shown]
    assert "-----BEGIN" not in shown


def test_route_when_shared(transport: Transport, maker: Maker) -> None:
    """Devices of one kind share a route, so that they may share a request."""
    assert transport.route(maker.device(0)) == transport.route(maker.device(1))


def test_route_when_refused(transport: Transport, maker: Maker) -> None:
    """A device that gets nothing is skipped with a word for programs and a line for people."""
    for why, device in maker.refused.items():
        found = transport.route(device)
        assert isinstance(found, Skip), why
        assert why == found.why
        assert re.fullmatch(r"[^\n]+", found.advice)


@pytest.mark.parametrize("character", ['"', "\\", "/", ",", " ", "\n", "?", "#", "é", "\x00"])
def test_route_when_a_token_would_break_out(
    transport: Transport, maker: Maker, character: str
) -> None:
    """A token with a character of JSON, paths or lists goes nowhere."""
    good = maker.device(0)
    for token in (good.token + character, character + good.token):
        assert isinstance(transport.route(attrs.evolve(good, token=token)), Skip)


def test_authorize_gives_a_credential(transport: Transport, maker: Maker, route: Route) -> None:
    """The conversation ends with a credential that is renewed before it expires."""
    requests, credential = drive(transport.authorize(route, NOW), maker.granted)
    assert len(maker.granted) == len(requests)
    assert isinstance(credential, Credential)
    assert NOW < credential.renew_at < credential.expires_at
    assert credential.value not in repr(credential)


def test_prepare_twice(transport: Transport, route: Route, maker: Maker) -> None:
    """The same notification at the same moment gives the same bytes."""
    first, second = (transport.prepare(notification(), route, NOW) for _ in range(2))
    assert isinstance(first, Prepared)
    assert isinstance(second, Prepared)
    assert first == second
    page = targets(maker, 1)
    assert first.request(page, CREDENTIAL) == second.request(page, CREDENTIAL)


def test_prepared_says_what_it_is(prepared: Prepared) -> None:
    """A prepared push names its form and endpoint, and is good for now but not for ever."""
    assert prepared.form
    assert re.fullmatch(r"[A-Z]+ /\S*", prepared.endpoint)
    assert 1 <= prepared.max_tokens <= 1000
    assert NOW < prepared.valid_until <= NOW + 86_400


def test_prepare_when_late(transport: Transport, route: Route) -> None:
    """A push whose time is over is not sent."""
    late = notification(deadline=round(NOW * 1000) + 999)
    found = transport.prepare(late, route, NOW)
    assert isinstance(found, Skip)
    assert "expired" == found.why


@pytest.mark.parametrize(
    ("missing", "field"),
    [
        pytest.param({"job_id": ""}, "job_id", id="job_id"),
        pytest.param({"deadline": None}, "deadline", id="deadline"),
    ],
)
def test_prepare_when_not_ready(
    transport: Transport, route: Route, missing: dict[str, object], field: str
) -> None:
    """Whoever forgets to name the job or its deadline is told which."""
    with pytest.raises(ParameterError) as caught:
        transport.prepare(notification(**missing), route, NOW)
    assert field == caught.value.field


def test_request_holds_each_token_once(prepared: Prepared, maker: Maker) -> None:
    """A request names each of its targets exactly once, in the address or in the body."""
    for count in {1, min(3, prepared.max_tokens)}:
        page = targets(maker, count)
        request = prepared.request(page, CREDENTIAL)
        sent = request.url.encode() + request.body
        for target in page:
            whole = rb"(?<![\w-])" + re.escape(target.token.encode()) + rb"(?![\w-])"
            assert 1 == len(re.findall(whole, sent))


def test_request_carries_the_credential(prepared: Prepared, maker: Maker) -> None:
    """Who is sending is said in the request, and never readable in its repr."""
    request = prepared.request(targets(maker, 1), CREDENTIAL)
    sent = " ".join(request.headers.values()).encode() + request.body
    assert CREDENTIAL.value.encode() in sent
    assert CREDENTIAL.value not in repr(request)
    assert [name.lower() for name in request.headers] == list(request.headers)


def test_verdicts_keep_length_and_order(prepared: Prepared, maker: Maker) -> None:
    """Every target gets its own verdict, also where the vendor answers once for all."""
    page = targets(maker, min(3, prepared.max_tokens))
    verdicts = prepared.verdicts(page, maker.accepted(page), NOW)
    assert [Outcome.SENT] * len(page) == [verdict.outcome for verdict in verdicts]
    failed = prepared.verdicts(page, Response(status=503), NOW)
    assert [Outcome.RETRY] * len(page) == [verdict.outcome for verdict in failed]


def test_verdicts_never_guess(prepared: Prepared, maker: Maker) -> None:
    """What a vendor did not say costs no token, and advice is one line."""
    page = targets(maker, 1)
    for status in (*range(200, 600), 999):
        for body in (b"", b"<html>", b"{", b"null", b'"x"', b"[1]", b'{"error":{}}', b"\xff"):
            (verdict,) = prepared.verdicts(page, Response(status=status, body=body), NOW)
            assert verdict.outcome not in (Outcome.TOKEN_DEAD, Outcome.TOKEN_SUSPECT)
            assert verdict.outcome is not Outcome.UNKNOWN
            assert "\n" not in verdict.advice
            assert verdict.outcome is Outcome.SENT or verdict.advice


def test_bulk_equals_request(transport: Transport, prepared: Prepared, maker: Maker) -> None:
    """The template for a page makes the same requests as one by one, byte for byte."""
    form = prepared.bulk(CREDENTIAL)
    assert form is not None or not transport.http2, "a vendor on HTTP/2 needs a bulk form"
    for target in targets(maker, 3) if form is not None else ():
        assert prepared.request([target], CREDENTIAL) == unroll(form, target)


def test_resource_when_a_setting_is_misspelt(transport: Transport, maker: Maker) -> None:
    """An unknown setting is refused with the nearest known one."""
    group, wrong, right = maker.misspelt
    resource = Resource(resources_id="r1", channels={group: {wrong: "x"}})
    with pytest.raises(ConfigError, match=f"'r1'.*{group}.{wrong}.*did you mean '{right}'"):
        transport.check_resource(resource)


def test_resource_when_it_is_of_another_channel(transport: Transport) -> None:
    """Settings for other vendors are none of this one's business."""
    transport.check_resource(Resource(resources_id="r1", channels={"elsewhere": {"x": 1}}))
    with pytest.raises(ConfigError):
        group = next(iter(transport.resource_settings))
        transport.check_resource(Resource(resources_id="r1", channels={group: {"x": 1}}))
