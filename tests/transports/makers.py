"""
What the contract suite needs to know about each transport: one maker per channel.

Whoever adds a vendor adds an entry to ``MAKERS``; the suite says so until it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from zpns.exchange import Exchange, Request, Response
from zpns.models import DeviceToken, Notification, Target
from zpns.transports import FCM, APNs, Transport

VECTORS = Path(__file__).parents[1] / "vectors"
NOW = 1_795_000_000.25  # UTC seconds; that of the golden vectors
DAY = 24 * 3600


@attrs.frozen(kw_only=True)
class Maker:
    """
    How the contract suite meets one transport.

    Attributes:
        transport: Makes one; takes ``app``, ``base_url`` and ``ca_file``.

        device: The device of a number; all of them are of one route.

        refused: Devices that get no route, by the word that says why.

        secrets: Texts that must not be readable in the transport's ``repr``.

        granted: Answers, in order, that make ``authorize`` return a credential.

        accepted: A success for these targets.

        misspelt: A resource's settings group, a name that is wrong, and the right one.
    """

    transport: Callable[..., Transport]
    device: Callable[[int], DeviceToken]
    refused: Mapping[str, DeviceToken]
    secrets: Sequence[str]
    granted: Sequence[Response]
    accepted: Callable[[Sequence[Target]], Response]
    misspelt: tuple[str, str, str]


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """Return a key of the size Google issues; made once, because that takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """Return a key such as Apple issues."""
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: Any, encryption: Any = None) -> str:
    """Return a private key as PKCS#8 in PEM."""
    encoded: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )
    return encoded.decode()


def service_account(**changed: Any) -> dict[str, Any]:
    """Return what a service account's key file holds; a value of None leaves it out."""
    values = {
        "type": "service_account",
        "project_id": "demo-zpns",
        "private_key_id": "0123456789abcdef0123456789abcdef01234567",
        "private_key": pem(rsa_key()),
        "client_email": "push@demo-zpns.iam.gserviceaccount.com",
        "client_id": "100000000000000000001",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return {name: value for name, value in {**values, **changed}.items() if value is not None}


def apns(**changed: Any) -> APNs:
    """Return a transport with a key of Apple's; a value of None leaves it out."""
    values = {
        "key": pem(ec_key()),
        "key_id": "ABC123DEFG",
        "team_id": "DEF123GHIJ",
        "bundle_id": "com.example.app",
    }
    return APNs(
        **{name: value for name, value in {**values, **changed}.items() if value is not None}
    )


def drive(conversation: Exchange[Any], answers: Sequence[Response]) -> tuple[list[Request], Any]:
    """Answer a conversation's requests in order; return them and its result."""
    requests, waiting = [], list(answers)
    try:
        requests.append(next(conversation))
        while True:
            requests.append(conversation.send(waiting.pop(0)))
    except StopIteration as stop:
        return requests, stop.value


def notification(**changed: Any) -> Notification:
    """Return a push that every vendor can carry."""
    values = {
        "title": "Alice",
        "content": "hello",
        "payload": '{"k":1}',
        "job_id": "job-1",
        "deadline": round(NOW * 1000) + DAY * 1000,
    }
    return Notification(**{**values, **changed})


MAKERS: dict[str, Maker] = {
    "fcm": Maker(
        transport=lambda **settings: FCM.from_service_account(service_account(), **settings),
        device=lambda number: DeviceToken("fcm", f"fcm:APA91b-{number}"),
        refused={
            "kind_not_on_channel": DeviceToken("fcm", "a1b2c3", kind="voip"),
            "malformed_token": DeviceToken("fcm", 'fcm","topic":"all'),
        },
        secrets=[service_account()["private_key"], service_account()["private_key"][40:80]],
        granted=[
            Response(status=200, body=orjson.dumps({"access_token": "ya29.x", "expires_in": 3599}))
        ],
        accepted=lambda targets: Response(
            status=200, body=b'{"name":"projects/demo-zpns/messages/1"}'
        ),
        misspelt=("fcm", "chanel_id", "channel_id"),
    ),
    "apns": Maker(
        transport=apns,
        device=lambda number: DeviceToken("apns", f"{number:02x}" * 32),
        refused={
            "kind_not_on_channel": DeviceToken("apns", "a1" * 32, kind="web"),
            "malformed_token": DeviceToken("apns", "a1" * 32 + "a"),
        },
        secrets=[pem(ec_key()), pem(ec_key())[40:80]],
        granted=[],
        accepted=lambda targets: Response(status=200),
        misspelt=("apns", "intrruption_level", "interruption_level"),
    ),
}
