"""How calls are made, answered, left and ended."""

from typing import Final

import attrs

from zpns.models._checks import integer, text
from zpns.models._fields import furnish
from zpns.models._open import known
from zpns.models.enums import ZIMCallInvitationMode
from zpns.models.push import ZIMPushConfig

__all__ = [
    "ZIMCallAcceptConfig",
    "ZIMCallCancelConfig",
    "ZIMCallEndConfig",
    "ZIMCallInviteConfig",
    "ZIMCallJoinConfig",
    "ZIMCallQuitConfig",
    "ZIMCallRejectConfig",
    "ZIMCallingInviteConfig",
]

DEFAULT_CALL_TIMEOUT: Final = 90  # seconds; what ZIM takes when none is given
CALL_TIMEOUT_MOST: Final = 600  # seconds; ZIM refuses more
CALL_EXTENDED_DATA_MOST: Final = 2048  # bytes; ZEGO's server API, no limit is known for clients

_EXTENDED_DATA = text(most=CALL_EXTENDED_DATA_MOST, unit="bytes")


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallInviteConfig:
    """
    How a call is started.

    Attributes:
        timeout: How long it rings, whole seconds from 1 to 600; default 90.

        mode: General, or advanced: can be joined, quit and ended.

        extended_data: The app's own text for the invitees, at most 2,048 bytes.

        enable_not_received_check: Whether an invitee whose device stays silent for 5 s
            becomes *not yet received*.

        push_config: What offline invitees are shown; None means no push.
    """

    timeout: int = attrs.field(
        default=DEFAULT_CALL_TIMEOUT,
        validator=integer(least=1, most=CALL_TIMEOUT_MOST, unit="seconds"),
    )
    mode: ZIMCallInvitationMode = attrs.field(
        default=ZIMCallInvitationMode.GENERAL, validator=known(ZIMCallInvitationMode)
    )
    extended_data: str = attrs.field(default="", validator=_EXTENDED_DATA)
    enable_not_received_check: bool = False
    push_config: ZIMPushConfig | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallingInviteConfig:
    """
    How more users are invited to a running call.

    Attributes:
        push_config: What offline invitees are shown; None means no push.
    """

    push_config: ZIMPushConfig | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallCancelConfig:
    """
    How invitations are taken back.

    Attributes:
        extended_data: The app's own text for the invitees, at most 2,048 bytes.

        push_config: What offline invitees are shown; None means no push.
    """

    extended_data: str = attrs.field(default="", validator=_EXTENDED_DATA)
    push_config: ZIMPushConfig | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallAcceptConfig:
    """
    How a call is accepted.

    Attributes:
        extended_data: The app's own text for the others, at most 2,048 bytes.
    """

    extended_data: str = attrs.field(default="", validator=_EXTENDED_DATA)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallRejectConfig:
    """
    How a call is rejected.

    Attributes:
        extended_data: The app's own text for the others, at most 2,048 bytes.
    """

    extended_data: str = attrs.field(default="", validator=_EXTENDED_DATA)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallJoinConfig:
    """
    How a running call is joined.

    Attributes:
        extended_data: The app's own text for the others, at most 2,048 bytes.
    """

    extended_data: str = attrs.field(default="", validator=_EXTENDED_DATA)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallQuitConfig:
    """
    How a call is left.

    Attributes:
        extended_data: The app's own text for the others, at most 2,048 bytes.

        push_config: What offline users of the call are shown; None means no push.
    """

    extended_data: str = attrs.field(default="", validator=_EXTENDED_DATA)
    push_config: ZIMPushConfig | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallEndConfig:
    """
    How a call is ended for everybody.

    Attributes:
        extended_data: The app's own text for the others, at most 2,048 bytes.

        push_config: What offline users of the call are shown; None means no push.
    """

    extended_data: str = attrs.field(default="", validator=_EXTENDED_DATA)
    push_config: ZIMPushConfig | None = None
