"""What is pushed, to what, and how it is to look: vendor-neutral."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

import attrs

from zpns.errors import ParameterError, shorten
from zpns.models._checks import integer, one_of, text, user_id
from zpns.models._fields import furnish, hidden
from zpns.models.enums import ZIMConversationType
from zpns.models.push import (
    RESOURCES_ID_MOST,
    ZIMOfflinePushPrivateMessageTemplate,
    ZIMVoIPConfig,
)

__all__ = [
    "BUILT_IN_RESOURCES",
    "CallProfile",
    "Click",
    "DeviceToken",
    "Envelope",
    "MessageClass",
    "Notification",
    "PushEvent",
    "PushKind",
    "Resource",
]

COLLAPSE_KEY_MOST: Final = 64  # bytes; APNs' limit, the smallest of all vendors
TOKEN_MOST: Final = 4096  # bytes; no vendor's token comes near it
DEVICE_ID_MOST: Final = 64  # characters
ENVIRONMENTS: Final = ("production", "sandbox")
TOKEN_KINDS: Final = ("alert", "voip", "web", "liveactivity")


class PushKind(StrEnum):
    """How a push acts on the device."""

    ALERT = "alert"
    """Shown by the system."""
    DATA = "data"
    """Handed to the app where the vendor can, else shown."""
    SILENT = "silent"
    """Handed to the app, never shown."""
    VOIP = "voip"
    """Rings; starts calls and nothing else."""


class MessageClass(StrEnum):
    """What a push is for; decides each vendor's category, channel and quota."""

    IM = "im"
    CALL = "call"
    MARKETING = "marketing"


class PushEvent(StrEnum):
    """What happened; an app reads it as ``zpns.event``."""

    MESSAGE = "message"
    PUSH = "push"
    CALL_INVITED = "call_invited"
    CALL_CANCELLED = "call_cancelled"
    CALL_ANSWERED_ELSEWHERE = "call_answered_elsewhere"
    CALL_REJECTED_ELSEWHERE = "call_rejected_elsewhere"
    CALL_MISSED = "call_missed"
    MESSAGE_REVOKED = "message_revoked"
    BADGE_UPDATED = "badge_updated"

    @property
    def is_call(self) -> bool:
        """Whether it belongs to a call."""
        return self.value.startswith("call_")

    @property
    def is_call_end(self) -> bool:
        """Whether a call stopped ringing."""
        return self.is_call and self is not PushEvent.CALL_INVITED


class Click(StrEnum):
    """What a tap on the notification opens."""

    APP = "app"
    URL = "url"
    PAGE = "page"


class CallProfile(StrEnum):
    """How FCM queues the data messages of a call."""

    COLLAPSE = "collapse"
    """A later event of the call replaces an undelivered one; counts as collapsible."""
    NO_COLLAPSE = "no_collapse"
    """Every event is delivered, in any order."""
    NOW_OR_NEVER = "now_or_never"
    """An invitation that cannot be delivered at once is dropped."""


@attrs.frozen(field_transformer=furnish)
class DeviceToken:
    """
    What a vendor calls one app on one device.

    Attributes:
        channel: The vendor's channel, such as ``"fcm"``.

        token: The vendor's token, at most 4,096 bytes; shortened in ``repr`` and errors.

        app: Which of several apps at the same vendor; the *app* of a transport.

        kind: ``"alert"``, ``"voip"``, ``"web"`` or ``"liveactivity"``.

        environment: ``"production"`` or ``"sandbox"``; of meaning to APNs alone.

        region: The vendor's region, or None for the transport's own.

        device_id: Tokens of one user with the same device ID, at most 64 characters, are
            one device; None makes the token a device of its own.
    """

    channel: str = attrs.field(validator=text(least=1, most=32))
    token: str = attrs.field(repr=shorten, validator=hidden(least=1, most=TOKEN_MOST, unit="bytes"))
    app: str = attrs.field(default="default", validator=text(least=1, most=64), kw_only=True)
    kind: str = attrs.field(default="alert", validator=one_of(*TOKEN_KINDS), kw_only=True)
    environment: str = attrs.field(
        default="production", validator=one_of(*ENVIRONMENTS), kw_only=True
    )
    region: str | None = attrs.field(default=None, kw_only=True)
    device_id: str | None = attrs.field(
        default=None, validator=text(least=1, most=DEVICE_ID_MOST), kw_only=True
    )


@attrs.frozen(kw_only=True, field_transformer=furnish)
class Resource:
    """
    A named way to push; a sender picks it by ``resources_id``.

    Attributes:
        resources_id: The name, 1 to 32 characters. ZIM ``resourcesID``.

        kind: How the push acts on the device.

        message_class: What it is for; None means by event: calls are calls, the rest is
            instant messaging.

        click: What a tap opens, where the vendor lets the server decide.

        url: Web page for *click* ``"url"``.

        call_profile: How FCM queues the events of a call.

        missed_title: Title once a call was missed; empty means the invitation's.

        missed_content: Text once a call was missed; empty means nothing is shown.

        channels: Settings by channel, for instance
            ``{"fcm": {"channel_id": "calls"}, "web": {"link": "https://..."}}``. Which
            settings there are is up to each transport, which refuses unknown ones.
    """

    resources_id: str = attrs.field(validator=text(least=1, most=RESOURCES_ID_MOST))
    kind: PushKind = PushKind.ALERT
    message_class: MessageClass | None = None
    click: Click = Click.APP
    url: str = ""
    call_profile: CallProfile = CallProfile.COLLAPSE
    missed_title: str = ""
    missed_content: str = ""
    channels: Mapping[str, Any] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for channel, settings in self.channels.items():
            if not isinstance(settings, Mapping):
                raise ParameterError(f"channels[{channel!r}]", "a mapping of settings", settings)
        if self.click is Click.URL and not self.url:
            raise ParameterError("url", "an address, because click is 'url'", self.url)

    def settings(self, channel: str) -> Mapping[str, Any]:
        """Return the settings for *channel*, perhaps none."""
        found: Mapping[str, Any] = self.channels.get(channel, {})
        return found


#: Resources every client knows, by name: one for each kind. A client's own resource of
#: the same name takes its place.
BUILT_IN_RESOURCES: Final[Mapping[str, Resource]] = MappingProxyType(
    {kind.value: Resource(resources_id=kind.value, kind=kind) for kind in PushKind}
)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class Envelope:
    """
    What an app learns about the event behind a push: the keys ``zego`` and ``zpns``.

    Attributes:
        event: What happened.

        sent_at: When the hub accepted it, UTC milliseconds.

        user_id: Who gets the push.

        event_seq: Of call events: a counter per call and user, from 1.

        expires_at: Of call events: when the ringing ends, UTC milliseconds.

        caller: Of call events: who created the call.

        inviter: Of an invitation: who invited, if not the caller.

        has_video: Of an invitation: whether it is a video call.

        conversation_id: Of messages: the conversation as the receiver sees it.

        conversation_type: Of messages: peer or group.

        message_id: Of messages.

        sender: Of messages: who wrote it.
    """

    event: PushEvent
    sent_at: int = attrs.field(validator=integer(least=0))
    user_id: str = attrs.field(default="", validator=user_id(empty=True))
    event_seq: int = attrs.field(default=0, validator=integer(least=0))
    expires_at: int = attrs.field(default=0, validator=integer(least=0))
    caller: str = ""
    inviter: str = ""
    has_video: bool = False
    conversation_id: str = ""
    conversation_type: ZIMConversationType = ZIMConversationType.PEER
    message_id: str = ""
    sender: str = ""


def _collapse_key(_: Any, attribute: Any, value: str) -> None:
    if value == "" or len(value.encode()) > COLLAPSE_KEY_MOST:
        raise ParameterError(attribute.name, f"text of 1 to {COLLAPSE_KEY_MOST} bytes", value)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class Notification:
    """
    One push, whatever the vendor.

    Attributes:
        title: Title; how long it may be depends on the vendor.

        content: Body.

        payload: Opaque text for the app.

        kind: How it acts on the device; None means as *resource* says, else alert.

        message_class: What it is for; None means as *resource* says, else by event.

        ttl: How long it may wait for the device, in seconds, 0 or more.

        deadline: Until when it may wait instead, UTC milliseconds. Neither means one day.

        collapse_key: A later push with the same key replaces this one; 1 to 64 bytes.

        badge: Absolute badge number for every target that has none of its own.

        thread_id: Groups notifications on iOS.

        call_id: Of call pushes: decimal text. Kind voip needs it, and a deadline.

        voip: Of kind voip: handle and video flag.

        resource: Settings by vendor.

        private_message_template: OPPO's template for private messages.

        too_long: ``"truncate"`` cuts at character boundaries what a vendor would refuse;
            ``"error"`` refuses it instead.

        validate_only: Whether the vendor only checks; of meaning to FCM alone.

        job_id: Name of the push job, 1 to 64 ASCII characters; vendor IDs are derived
            from it. Empty lets the sender draw one.

        envelope: The event behind it; None for a push without a hub.

        follows: Form of the push the devices got before for the same call or message.
    """

    title: str = ""
    content: str = ""
    payload: str = ""
    kind: PushKind | None = None
    message_class: MessageClass | None = None
    ttl: int | None = attrs.field(default=None, validator=integer(least=0, unit="seconds"))
    deadline: int | None = attrs.field(default=None, validator=integer(least=0))
    collapse_key: str | None = attrs.field(default=None, validator=_collapse_key)
    badge: int | None = attrs.field(default=None, validator=integer(least=0))
    thread_id: str = ""
    call_id: str = attrs.field(default="", validator=text(most=32))
    voip: ZIMVoIPConfig | None = None
    resource: Resource | None = None
    private_message_template: ZIMOfflinePushPrivateMessageTemplate | None = None
    too_long: str = attrs.field(default="truncate", validator=one_of("truncate", "error"))
    validate_only: bool = False
    job_id: str = attrs.field(default="", validator=text(most=64))
    envelope: Envelope | None = None
    follows: str = ""

    def __attrs_post_init__(self) -> None:
        if not self.job_id.isascii():
            raise ParameterError("job_id", "1 to 64 ASCII characters", self.job_id)
        if self.ttl is not None and self.deadline is not None:
            raise ParameterError("ttl", "ttl or deadline, not both", self.ttl)
        if self.push_kind is PushKind.VOIP:
            if not self.call_id:
                raise ParameterError("call_id", "a call ID, because the kind is voip", "")
            if self.ttl is None and self.deadline is None:
                raise ParameterError("deadline", "when the ringing ends: the kind is voip", None)
        elif self.voip is not None and not self._is_call_end:
            raise ParameterError("voip", "None unless the kind is voip", self.voip)

    @property
    def event(self) -> PushEvent:
        """What happened; a push without a hub is just a push."""
        return self.envelope.event if self.envelope is not None else PushEvent.PUSH

    @property
    def push_kind(self) -> PushKind:
        """The kind in force: its own, else the resource's, else alert."""
        if self.kind is not None:
            return self.kind
        return self.resource.kind if self.resource is not None else PushKind.ALERT

    @property
    def push_class(self) -> MessageClass:
        """The class in force: its own, else the resource's, else by event."""
        if self.message_class is not None:
            return self.message_class
        if self.resource is not None and self.resource.message_class is not None:
            return self.resource.message_class
        return MessageClass.CALL if self.event.is_call or self.call_id else MessageClass.IM

    @property
    def _is_call_end(self) -> bool:
        return self.event.is_call_end

    def settings(self, channel: str) -> Mapping[str, Any]:
        """Return the resource's settings for *channel*, perhaps none."""
        return self.resource.settings(channel) if self.resource is not None else {}
