"""Client certificates: what they may be used for, and how they are made."""

from __future__ import annotations

from typing import Any

import pytest
from apns_sender import APP, APNsSender
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12
from cryptography.x509.oid import NameOID

from zpns.simulators._apns_certificates import ClientCertificate

VOIP = f"{APP}.voip"
BOTH = ("production", "sandbox")


def _push(apns: APNsSender, topic: str | None, *, kind: str = "alert", **issued: Any) -> Any:
    """Push with a new certificate and without a token; return the outcome."""
    certificate = apns.simulator.issue_certificate(**issued)
    connection = apns.connect(certificate=certificate.der)
    response = apns.push(
        apns.simulator.register(kind=kind),
        authorization=None,
        apns_topic=topic,
        apns_push_type=kind,
        connection=connection,
    )
    return apns.outcome(response)


@pytest.mark.parametrize(
    ("topics", "topic", "kind", "expected"),
    [
        pytest.param(None, APP, "alert", (200, ""), id="own-app"),
        pytest.param(None, None, "alert", (200, ""), id="own-app-unnamed"),
        pytest.param([VOIP], VOIP, "voip", (200, ""), id="voip-services"),
        pytest.param([VOIP], None, "voip", (200, ""), id="voip-services-unnamed"),
        pytest.param([VOIP], APP, "alert", (400, "TopicDisallowed"), id="alert-with-voip"),
        pytest.param(None, VOIP, "voip", (400, "TopicDisallowed"), id="voip-with-alert"),
        pytest.param([APP, VOIP], VOIP, "voip", (200, ""), id="several"),
        pytest.param([APP, VOIP], APP, "alert", (200, ""), id="several-again"),
        pytest.param([APP, VOIP], None, "alert", (400, "MissingTopic"), id="several-unnamed"),
        pytest.param([APP, VOIP], f"{APP}.push-type.liveactivity", "liveactivity",
                     (400, "TopicDisallowed"), id="not-among-several"),
        pytest.param(["com.example.b"], "com.example.b", "alert", (400, "TopicDisallowed"),
                     id="app-of-nobody"),
    ],
)  # fmt: skip
def test_certificate_is_for_its_topics(
    topics: list[str] | None, topic: str | None, kind: str, expected: tuple[int, str]
) -> None:
    """One topic need not be named, of several one must be, and no other will do."""
    assert expected == _push(APNsSender(), topic, kind=kind, topics=topics)


@pytest.mark.parametrize(
    ("mine", "environments", "expected"),
    [
        pytest.param("production", BOTH, (200, ""), id="both"),
        pytest.param("sandbox", BOTH, (200, ""), id="both-in-sandbox"),
        pytest.param("production", ["production"], (200, ""), id="right"),
        pytest.param("sandbox", ["production"], (403, "BadCertificateEnvironment"), id="wrong"),
        pytest.param("production", [], (403, "BadCertificate"), id="not-for-pushing"),
    ],
)
def test_certificate_is_for_its_environments(
    mine: Any, environments: Any, expected: tuple[int, str]
) -> None:
    """Universal certificates work in both; one that is for neither is none."""
    assert expected == _push(APNsSender(environment=mine), APP, environments=environments)


def test_token_beside_a_certificate_is_ignored() -> None:
    """The certificate decides, however bad the header is."""
    apns = APNsSender()
    connection = apns.connect(certificate=apns.simulator.issue_certificate().der)
    token = apns.simulator.register()

    for authorization in ("bearer nonsense", f"bearer {apns.key.sign(0)}", "basic x"):
        response = apns.push(token, authorization=authorization, connection=connection)
        assert (200, "") == apns.outcome(response)


def test_certificate_has_all_streams_at_once() -> None:
    """Only token-based connections begin with one stream."""
    apns = APNsSender(max_streams=9)
    connection = apns.connect(certificate=apns.simulator.issue_certificate().der)

    assert 9 == connection.max_streams


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_list_of_topics_is_read_as_it_was_written(count: int) -> None:
    """Short and long lists survive; the length of the list takes one to three bytes."""
    topics = [f"com.example.app{number}{'.voip' if number % 2 else ''}" for number in range(count)]

    issued = APNsSender().simulator.issue_certificate(topics)

    read = ClientCertificate.from_der(issued.der)
    assert (topics, frozenset(BOTH)) == (list(read.topics), read.environments)
    assert (topics[0] if count == 1 else "") == read.default_topic


def test_certificate_looks_like_apples() -> None:
    """Subject, extensions and files are what tools look for in one of Apple's."""
    issued = APNsSender().simulator.issue_certificate([APP, VOIP])

    certificate = x509.load_pem_x509_certificate(issued.pem)
    key = load_pem_private_key(issued.pem, None)
    [uid] = certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
    [name] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    oids = {extension.oid.dotted_string for extension in certificate.extensions}
    assert (APP, f"Apple Push Services: {APP}") == (uid.value, name.value)
    assert {f"1.2.840.113635.100.6.3.{last}" for last in (1, 2, 6)} <= oids
    assert certificate.public_key() == key.public_key()

    again, same, _ = pkcs12.load_key_and_certificates(issued.to_p12("secret"), b"secret")
    assert same == certificate
    assert again is not None
    assert again.public_key() == certificate.public_key()
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_key_and_certificates(issued.to_p12("secret"), b"wrong")


def test_representation_hides_the_key() -> None:
    """A certificate in a notebook gives nothing away."""
    issued = APNsSender().simulator.issue_certificate()

    assert "PRIVATE" not in repr(issued)
    assert "bytes" not in repr(issued)
    assert len(repr(issued)) < 100
