"""Apple's push certificates: what is read in them, and what is refused."""

from __future__ import annotations

import base64
import datetime
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from zpns.errors import ConfigError
from zpns.models import DeviceToken
from zpns.transports import APNs, Route, Skip

from .certificates import (
    APP,
    EXPIRES,
    PASSWORD,
    PRODUCTION,
    SANDBOX,
    TOPICS,
    as_pem,
    authority,
    certificate,
    of,
    p12,
)
from .makers import apns, ec_key, pem

#: An app, its VoIP and its complication topic, from the tests of jchambers/pushy.
PUSHY = base64.b64decode(
    "MHMMFGNvbS5lYXR0aGVwYXRoLnB1c2h5MAUMA2FwcAwZY29tLmVhdHRoZXBhdGgucHVzaHkudm9pcDAGDAR2b2lw"
    "DCFjb20uZWF0dGhlcGF0aC5wdXNoeS5jb21wbGljYXRpb24wDgwMY29tcGxpY2F0aW9u"
)
Content = Callable[[], bytes | str]


def refused(**settings: Any) -> str:
    """Return what the error says; it carries neither key nor password along."""
    with pytest.raises(ConfigError) as caught:
        APNs(**settings)
    said = str(caught.value)
    assert "-----BEGIN P" not in said
    assert PASSWORD not in said
    assert "\n" not in said
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return said


def write(path: Path, content: bytes | str) -> None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


# Reading.


@pytest.mark.parametrize(
    ("content", "password"),
    [
        pytest.param(lambda: p12(certificate()), PASSWORD, id="p12"),
        pytest.param(lambda: p12(certificate()), PASSWORD.encode(), id="p12-password-as-bytes"),
        pytest.param(lambda: p12(certificate(), password=""), None, id="p12-open"),
        pytest.param(lambda: p12(certificate(), password=""), "", id="p12-empty-password"),
        pytest.param(lambda: as_pem(certificate()) + pem(ec_key()), None, id="pem-key-last"),
        pytest.param(
            lambda: "Bag Attributes\n  x: y\n" + pem(ec_key()) + as_pem(certificate()),
            "not needed",
            id="pem-key-first",
        ),
        pytest.param(
            lambda: (
                as_pem(certificate())
                + pem(ec_key(), serialization.BestAvailableEncryption(PASSWORD.encode()))
            ),
            PASSWORD,
            id="pem-encrypted",
        ),
    ],
)
@pytest.mark.parametrize("from_file", [True, False], ids=["file", "content"])
def test_certificate(tmp_path: Path, content: Content, password: Any, *, from_file: bool) -> None:
    """Both kinds of file are read, with what a carrier, a person and a push need of them."""
    path = tmp_path / "push"
    write(path, content())
    transport = APNs(certificate=path if from_file else content(), password=password)
    assert EXPIRES == transport.certificate_expires
    assert (APP,) == transport.topics
    assert APP == transport.bundle_id
    chain_and_key = transport.client_certificate
    assert chain_and_key is not None
    chain, key = chain_and_key
    assert as_pem(certificate_of(chain)) == chain.decode()
    loaded = serialization.load_pem_private_key(key, password=None)
    assert certificate_of(chain).public_key() == loaded.public_key()


def certificate_of(chain: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(chain)


def test_client_certificate_is_what_tls_takes(tmp_path: Path) -> None:
    """The one with the key comes first and those above it follow, as a server wants them."""
    content = as_pem(authority(), certificate()) + pem(ec_key())
    for transport in (
        APNs(certificate=content),
        APNs(certificate=p12(certificate(), above=[authority()]), password=PASSWORD),
    ):
        assert transport.client_certificate is not None
        chain, key = transport.client_certificate
        subjects = [found.subject for found in x509.load_pem_x509_certificates(chain)]
        assert [certificate().subject, authority().subject] == subjects
        path = tmp_path / "chain.pem"
        path.write_bytes(chain + key)
        ssl.create_default_context().load_cert_chain(path)


def test_certificate_is_kept_when_a_transport_is_changed(tmp_path: Path) -> None:
    """A changed copy reads nothing again, and equal certificates make equal transports."""
    path = tmp_path / "push.p12"
    path.write_bytes(p12(certificate()))
    first = APNs(certificate=path, password=PASSWORD)
    path.unlink()
    changed = attrs.evolve(first, app="two")
    assert ("two", first.certificate) == (changed.app, changed.certificate)
    assert first == attrs.evolve(changed, app="default")


def test_key_has_no_certificate() -> None:
    """With a key there is nothing of the kind."""
    transport = apns()
    assert (None, None, ()) == (
        transport.client_certificate,
        transport.certificate_expires,
        transport.topics,
    )


def test_repr_hides_key_and_password(tmp_path: Path) -> None:
    """A transport is told apart by file and topics; what is secret is not shown."""
    path = tmp_path / "push.p12"
    path.write_bytes(p12(certificate()))
    shown = repr(APNs(certificate=path, password=PASSWORD))
    assert str(path) in shown
    assert APP in shown
    assert PASSWORD not in shown
    assert "BEGIN" not in shown


@pytest.mark.parametrize(
    ("content", "password", "says"),
    [
        pytest.param(
            lambda: p12(certificate()), "wrong", "password: it does not open", id="p12-wrong"
        ),
        pytest.param(lambda: p12(certificate()), None, "password: missing", id="p12-no-password"),
        pytest.param(lambda: p12(certificate()), "", "password: missing", id="p12-empty-password"),
        pytest.param(
            lambda: p12(certificate())[:-40], PASSWORD, "neither PKCS#12 nor PEM", id="p12-cut"
        ),
        pytest.param(lambda: b"", PASSWORD, "neither PKCS#12 nor PEM", id="empty"),
        pytest.param(lambda: b"\xff\xfe\x00", None, "neither PKCS#12 nor PEM", id="garbage"),
        pytest.param(
            lambda: p12(certificate(), key=None), PASSWORD, "without its private key", id="p12-bare"
        ),
        pytest.param(lambda: p12(None), PASSWORD, "got no certificate", id="p12-key-alone"),
        pytest.param(lambda: as_pem(certificate()), None, "without its private key", id="pem-bare"),
        pytest.param(lambda: pem(ec_key()), None, "got no certificate", id="pem-key-alone"),
        pytest.param(
            lambda: as_pem(authority()) + pem(ec_key()),
            None,
            "a private key of another certificate",
            id="pem-key-of-another",
        ),
        pytest.param(
            lambda: as_pem(certificate()) + pem(ec_key()).replace("MIG", "AAA"),
            None,
            "a damaged private key",
            id="pem-key-damaged",
        ),
        pytest.param(
            lambda: as_pem(certificate()).replace("MII", "AAA") + pem(ec_key()),
            None,
            "got no certificate",
            id="pem-damaged",
        ),
        pytest.param(
            lambda: (
                as_pem(certificate()) + pem(ec_key(), serialization.BestAvailableEncryption(b"x"))
            ),
            None,
            "password: missing; there is one on the private key",
            id="pem-no-password",
        ),
        pytest.param(
            lambda: (
                as_pem(certificate()) + pem(ec_key(), serialization.BestAvailableEncryption(b"x"))
            ),
            "y",
            "password: it does not open the private key",
            id="pem-wrong-password",
        ),
        pytest.param(
            lambda: p12(certificate(expires=datetime.datetime(2024, 2, 3, tzinfo=datetime.UTC))),
            PASSWORD,
            "expired on 2024-02-03; create one in Apple's developer account",
            id="expired",
        ),
    ],
)
def test_certificate_when_wrong(
    tmp_path: Path, content: Content, password: str | None, says: str
) -> None:
    """The error names the file and what is wrong with it, and repeats no secret."""
    path = tmp_path / "push.p12"
    write(path, content())
    said = refused(certificate=path, password=password)
    assert says in said
    assert str(path) in said


def test_certificate_when_it_is_no_file(tmp_path: Path) -> None:
    """What cannot be read is named."""
    assert "no such file" in refused(certificate=tmp_path / "nowhere.p12")
    assert "Is a directory" in refused(certificate=tmp_path)
    assert "certificate: expected the path of a .p12 or PEM file" in refused(certificate=7)


def test_certificate_and_key() -> None:
    """Only one of them can say who is sending."""
    said = refused(certificate=p12(certificate(), password=""), key=pem(ec_key()))
    assert said.startswith("key: ")
    assert said.endswith("got both")
    for name in ("key_id", "team_id"):
        said = refused(certificate=p12(certificate(), password=""), **{name: "ABC123DEFG"})
        assert said.startswith(f"{name}: goes with key")


# What is in it.


def test_topics_of_an_extension() -> None:
    """A certificate for several topics lists them; its app is the one without a suffix."""
    transport = of(certificate("com.eatthepath.pushy", extensions={TOPICS: PUSHY}))
    app = "com.eatthepath.pushy"
    assert (app, f"{app}.voip", f"{app}.complication") == transport.topics
    assert app == transport.bundle_id


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(PUSHY[:-1], id="cut-short"),
        pytest.param(b"\x30", id="no-length"),
        pytest.param(b"\x30\x84\xff\xff\xff\xff", id="endless"),
        pytest.param(b"\x04\x02ab", id="no-sequence"),
        pytest.param(b"\x30\x04\x0c\x02\xff\xfe", id="no-text"),
    ],
)
def test_topics_when_the_extension_is_no_list(value: bytes) -> None:
    """What cannot be read there costs nothing: the subject names a topic too."""
    found = of(certificate(extensions={TOPICS: value}), bundle_id=APP).topics
    assert found in ((), (APP,)), found
    assert (value == b"") == (found == ())


def test_topics_of_a_long_list() -> None:
    """A list of more than 127 bytes has a length of several bytes."""
    names = [f"{APP}.number{number}" for number in range(40)]
    inner = b"".join(b"\x0c" + bytes([len(name)]) + name.encode() for name in names)
    value = b"\x30\x82" + len(inner).to_bytes(2, "big") + inner
    assert tuple(names) == of(certificate(extensions={TOPICS: value})).topics


def test_bundle_id_of_a_voip_certificate() -> None:
    """A certificate for VoIP names the topic of calls; the app has no suffix."""
    transport = of(certificate(f"{APP}.voip"))
    assert (APP, (f"{APP}.voip",)) == (transport.bundle_id, transport.topics)


def test_bundle_id_when_the_certificate_names_none() -> None:
    """It has to be given then, and is."""
    assert "bundle_id: expected the app's" in refused(
        certificate=p12(certificate(None), password="")
    )
    assert APP == of(certificate(None), bundle_id=APP).bundle_id


def test_bundle_id_when_the_certificate_is_for_another_app() -> None:
    """A mistake is found before Apple answers to every push with it."""
    said = refused(certificate=p12(certificate(), password=""), bundle_id="com.example.other")
    assert said.startswith(f"bundle_id: the certificate is for {APP}, not for 'com.example.other'")


@pytest.mark.parametrize(
    ("extensions", "allowed"),
    [
        pytest.param({SANDBOX: b"\x05\x00"}, {"sandbox"}, id="development"),
        pytest.param({PRODUCTION: b"\x05\x00"}, {"production"}, id="production"),
        pytest.param(
            {SANDBOX: b"\x05\x00", PRODUCTION: b"\x05\x00"}, {"sandbox", "production"}, id="both"
        ),
        pytest.param({}, {"sandbox", "production"}, id="not-said"),
    ],
)
def test_environments(extensions: dict[str, bytes], allowed: set[str]) -> None:
    """A device of the environment that a certificate is not for gets nothing, and why."""
    transport = of(certificate(extensions=extensions))
    for environment in ("sandbox", "production"):
        found = transport.route(DeviceToken("apns", "a1" * 32, environment=environment))
        if environment in allowed:
            assert isinstance(found, Route)
            assert environment == found.environment
        else:
            assert isinstance(found, Skip)
            assert ("wrong_environment", True) == (found.why, environment in found.advice)


def test_certificate_when_it_is_encrypted_in_an_unknown_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the library cannot decrypt is no matter of the password."""

    def load(*_: object) -> None:
        raise UnsupportedAlgorithm("RC4")

    monkeypatch.setattr(pkcs12, "load_pkcs12", load)
    said = refused(certificate=p12(certificate()), password=PASSWORD)
    assert "encrypted in a way that is not supported: export it anew" in said
