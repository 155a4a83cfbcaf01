"""Which token of a device a push goes to, and what the push then is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from zpns.models.delivery import Verdict
from zpns.models.notification import (
    DeviceToken,
    Envelope,
    MessageClass,
    Notification,
    PushEvent,
    PushKind,
    Resource,
)
from zpns.models.push import ZIMPushConfig
from zpns.sender import Lane
from zpns.sender._verdicts import BROKEN, skipped
from zpns.store.devices import Device, Token
from zpns.transports.base import Route, Skip
from zpns.wire import storage_converter

__all__ = ["Address", "Spec", "address", "read_spec"]

_converter = storage_converter()

_NO_TRANSPORT: Final = skipped(
    Skip("no_transport", "no transport of this client sends to the device's channels and apps")
)


class Spec(NamedTuple):
    """
    What a push job keeps, read.

    Attributes:
        config: What the sender said.

        facts: Fields of the envelope.
    """

    config: ZIMPushConfig
    facts: Mapping[str, Any]

    def notification(
        self,
        *,
        job_id: str,
        event: str,
        ref: str,
        deadline: int,
        resource: Resource | None,
        user_id: str = "",
        event_seq: int = 0,
    ) -> Notification:
        """
        Return the notification that transports prepare.

        Args:
            job_id: Name of the job.

            event: What happened.

            ref: ID of the message or call.

            deadline: UTC milliseconds.

            resource: The resource the sender named, or None.

            user_id: Who gets it; for call events, whose bodies depend on it.

            event_seq: Of call events.
        """
        happened = PushEvent(event)
        config = self.config
        kind = resource.kind if resource is not None else PushKind.ALERT
        envelope = Envelope(
            event=happened,
            user_id=user_id,
            event_seq=event_seq,
            message_id="" if happened.is_call else ref,
            **self.facts,
        )
        return Notification(
            title=config.title,
            content=config.content,
            payload=config.payload,
            message_class=MessageClass.CALL if happened.is_call else None,
            deadline=deadline,
            thread_id=config.thread_id,
            call_id=ref if happened.is_call else "",
            # Of another kind where this process knows the resource by other settings.
            voip=config.voip_config if kind is PushKind.VOIP else None,
            resource=resource,
            private_message_template=config.private_message_template,
            job_id=job_id,
            envelope=envelope,
        )


def read_spec(text: str) -> Spec:
    """Return what :func:`zpns.hub._push.push_text` wrote."""
    kept = orjson.loads(text)
    return Spec(_converter.structure(kept["config"], ZIMPushConfig), kept["event"])


class Address(NamedTuple):
    """The token of a device that a push goes to, and the lane and route there."""

    lane: Lane
    route: Route
    token: Token


def address(
    device: Device, kind: PushKind, lanes: Mapping[tuple[str, str], Lane]
) -> Address | Verdict:
    """
    Return where a push of *kind* to *device* goes, to one of its tokens, or why nowhere.

    Args:
        device: With its tokens.

        kind: Of the push. VoIP goes to a VoIP token if the device may use CallKit, and
            else to the same tokens as everything else.

        lanes: By (channel, app), in order of preference.
    """
    verdict = _NO_TRANSPORT
    for lane, token in _candidates(device, kind, lanes):
        try:
            found = lane.transport.route(_device_token(token))
        except Exception as error:
            lane.failed("route", error)
            verdict = BROKEN
            continue
        if isinstance(found, Route):
            return Address(lane, found, token)
        verdict = skipped(found)
    return verdict


def _device_token(token: Token) -> DeviceToken:
    return DeviceToken(
        token.channel,
        token.token,
        app=token.app,
        kind=token.kind,
        environment=token.environment,
        region=token.region,
    )


def _candidates(
    device: Device, kind: PushKind, lanes: Mapping[tuple[str, str], Lane]
) -> Iterator[tuple[Lane, Token]]:
    wanted = ("voip", "shown") if kind is PushKind.VOIP and device.allow_callkit else ("shown",)
    # The latest registration first: it is the one the app has now.
    tokens = sorted(device.tokens, key=lambda token: -token.registered_at)
    for role in wanted:
        for key, lane in lanes.items():
            for token in tokens:
                if key == (token.channel, token.app) and role == _role(token):
                    yield lane, token


def _role(token: Token) -> str:
    return "shown" if token.kind in ("alert", "web") else token.kind
