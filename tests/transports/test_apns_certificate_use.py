"""What a push certificate changes: credentials, topics, environments, push types."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from zpns.errors import ConfigError, CredentialRejected
from zpns.models import DeviceToken, Resource, Target
from zpns.transports import APNs, Credential, Prepared, Route, Skip

from .certificates import APP, EXPIRES, PASSWORD, PRODUCTION, SANDBOX, certificate, of, p12
from .makers import NOW, apns, drive, notification


def prepared_of(transport: APNs, token: str = "alert", **changed: Any) -> Prepared | Skip:
    route = transport.route(DeviceToken("apns", "a1" * 32, kind=token))
    assert isinstance(route, Route)
    return transport.prepare(notification(**changed), route, NOW)


def test_request_has_no_authorization() -> None:
    """TLS has said who is sending: no header repeats it, one by one or in bulk."""
    transport = of(certificate())
    _, credential = drive(transport.authorize(route_of(transport), NOW), [])
    assert "" == credential.value
    prepared = prepared_of(transport)
    assert isinstance(prepared, Prepared)
    assert "authorization" not in prepared.request([Target("a1" * 32, 0)], credential).headers
    form = prepared.bulk(credential)
    assert form is not None
    assert b"authorization" not in dict(form.headers)


def route_of(transport: APNs) -> Route:
    found = transport.route(DeviceToken("apns", "a1" * 32))
    assert isinstance(found, Route)
    return found


def test_credential_key_names_the_certificate() -> None:
    """Two certificates are two credentials; one is one, however often it is read."""
    first, second = (of(certificate(extensions={oid: b""})) for oid in (SANDBOX, PRODUCTION))
    keys = [
        found.credential_key
        for transport, environment in ((first, "sandbox"), (second, "production"))
        if isinstance(
            found := transport.route(DeviceToken("apns", "a1", environment=environment)), Route
        )
    ]
    assert 2 == len(set(keys))
    content = p12(certificate())
    assert 1 == len(
        {route_of(APNs(certificate=content, password=PASSWORD)).credential_key for _ in "ab"}
    )


def credential_at(transport: APNs, now: float) -> Credential:
    _, credential = drive(transport.authorize(route_of(transport), now), [])
    assert isinstance(credential, Credential)
    return credential


def test_credential_ends_with_the_certificate() -> None:
    """Whether the certificate still holds is looked at every 50 minutes, and at its end."""
    transport, end = of(certificate()), EXPIRES.timestamp()
    usual = credential_at(transport, NOW)
    assert (NOW + 3000, NOW + 3600) == (usual.renew_at, usual.expires_at)
    last = credential_at(transport, end - 60)
    assert (end, end) == (last.renew_at, last.expires_at)
    with pytest.raises(CredentialRejected, match="certificate: expired on 2046-05-04") as caught:
        credential_at(transport, end)
    assert ("apns", "certificate_expired") == (caught.value.channel, caught.value.vendor_code)


def test_certificate_that_ends_soon_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """A month ahead the log says so; before, nothing."""
    transport, end = of(certificate()), EXPIRES.timestamp()
    with caplog.at_level(logging.WARNING, "zpns.transports"):
        credential_at(transport, end - 31 * 86400)
        assert [] == caplog.messages
        credential_at(transport, end - 29 * 86400)
    assert ["apns: certificate expires on 2046-05-04"] == caplog.messages


def test_topic_that_the_certificate_does_not_have() -> None:
    """A push that Apple would refuse is not sent; the reason names what would be needed."""
    voip, app = of(certificate(f"{APP}.voip")), of(certificate())
    call = {"kind": "voip", "call_id": "7"}
    for transport, kind, wanted in ((voip, "alert", APP), (app, "voip", f"{APP}.voip")):
        found = prepared_of(transport, kind, **call)
        assert isinstance(found, Skip)
        assert "topic_not_in_certificate" == found.why
        assert f"not for {wanted}:" in found.advice
    assert isinstance(prepared_of(voip, "voip", **call), Prepared)
    assert isinstance(prepared_of(app, "alert", **call), Prepared)
    unknown = of(certificate(None), bundle_id=APP)
    assert isinstance(prepared_of(unknown, "voip", **call), Prepared)


@pytest.mark.parametrize("push_type", ["location", "liveactivity", "pushtotalk"])
def test_push_type_that_needs_a_key(push_type: str) -> None:
    """What a certificate cannot send is refused by name, with a key it is not."""
    resource = Resource(resources_id="r", channels={"apns": {"push_type": push_type}})
    with pytest.raises(ConfigError, match=r"apns\.push_type: .* this one needs a key"):
        of(certificate()).check_resource(resource)
    apns().check_resource(resource)


def test_live_activity_needs_a_key() -> None:
    """So does the token of a live activity, whatever is sent to it."""
    found = of(certificate()).route(DeviceToken("apns", "a1", kind="liveactivity"))
    assert isinstance(found, Skip)
    assert ("kind_not_on_channel", True) == (found.why, "key" in found.advice)
