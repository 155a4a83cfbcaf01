"""What happens in calls, as events. ``EVENT`` is ZIM's name of the event."""

from collections.abc import Sequence
from typing import ClassVar

import attrs

from zpns.models._fields import furnish
from zpns.models.call_configs import DEFAULT_CALL_TIMEOUT
from zpns.models.calls import ZIMCallUserInfo
from zpns.models.enums import ZIMCallInvitationMode

__all__ = [
    "ZIMCallInvitationAcceptedEventResult",
    "ZIMCallInvitationCancelledEventResult",
    "ZIMCallInvitationCreatedEventResult",
    "ZIMCallInvitationEndedEventResult",
    "ZIMCallInvitationReceivedEventResult",
    "ZIMCallInvitationRejectedEventResult",
    "ZIMCallInvitationTimeoutEventResult",
    "ZIMCallInviteesAnsweredTimeoutEventResult",
    "ZIMCallUserStateChangedEventResult",
]


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallInvitationCreatedEventResult:
    """
    The user made a call, on this device or another.

    Attributes:
        call_id: Decimal text.

        mode: General or advanced.

        caller: Who created the call.

        extended_data: What the caller said.

        timeout: How long it rings, in seconds.

        create_time: When the call was created, UTC milliseconds.

        call_user_list: Everybody, the caller included.
    """

    EVENT: ClassVar[str] = "callInvitationCreated"

    call_id: str
    mode: ZIMCallInvitationMode = ZIMCallInvitationMode.GENERAL
    caller: str
    extended_data: str = ""
    timeout: int = DEFAULT_CALL_TIMEOUT
    create_time: int = 0
    call_user_list: Sequence[ZIMCallUserInfo] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallInvitationReceivedEventResult:
    """
    The user is called.

    Attributes:
        call_id: Decimal text.

        mode: General or advanced.

        caller: Who created the call.

        inviter: Who invited the user.

        extended_data: What the caller said.

        timeout: How long it still rings, in seconds.

        create_time: When the call was created, UTC milliseconds.

        call_user_list: Everybody, the caller included.
    """

    EVENT: ClassVar[str] = "callInvitationReceived"

    call_id: str
    mode: ZIMCallInvitationMode = ZIMCallInvitationMode.GENERAL
    caller: str
    inviter: str = ""
    extended_data: str = ""
    timeout: int = DEFAULT_CALL_TIMEOUT
    create_time: int = 0
    call_user_list: Sequence[ZIMCallUserInfo] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallInvitationCancelledEventResult:
    """
    The call to the user was taken back.

    Attributes:
        call_id: Decimal text.

        mode: General or advanced.

        inviter: Who invited the user.

        extended_data: What whoever took it back said.
    """

    EVENT: ClassVar[str] = "callInvitationCancelled"

    call_id: str
    mode: ZIMCallInvitationMode = ZIMCallInvitationMode.GENERAL
    inviter: str = ""
    extended_data: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallInvitationTimeoutEventResult:
    """
    The user did not answer in time.

    Attributes:
        call_id: Decimal text.

        mode: General or advanced.
    """

    EVENT: ClassVar[str] = "callInvitationTimeout"

    call_id: str
    mode: ZIMCallInvitationMode = ZIMCallInvitationMode.GENERAL


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallInvitationEndedEventResult:
    """
    The call was ended for everybody.

    Attributes:
        call_id: Decimal text.

        mode: General or advanced.

        caller: Who created the call.

        operated_user_id: Who ended it.

        extended_data: What they said.

        end_time: UTC milliseconds.
    """

    EVENT: ClassVar[str] = "callInvitationEnded"

    call_id: str
    mode: ZIMCallInvitationMode = ZIMCallInvitationMode.GENERAL
    caller: str
    operated_user_id: str = ""
    extended_data: str = ""
    end_time: int = 0


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallUserStateChangedEventResult:
    """
    Users of the call got on.

    Attributes:
        call_id: Decimal text.

        call_user_list: Only those whose state changed.
    """

    EVENT: ClassVar[str] = "callUserStateChanged"

    call_id: str
    call_user_list: Sequence[ZIMCallUserInfo] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallInvitationAcceptedEventResult:
    """
    The other side accepted; general mode, deprecated by ZIM.

    Attributes:
        call_id: Decimal text.

        invitee: Who accepted.

        extended_data: What they said.
    """

    EVENT: ClassVar[str] = "callInvitationAccepted"

    call_id: str
    invitee: str
    extended_data: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallInvitationRejectedEventResult:
    """
    The other side rejected; general mode, deprecated by ZIM.

    Attributes:
        call_id: Decimal text.

        invitee: Who rejected.

        extended_data: What they said.
    """

    EVENT: ClassVar[str] = "callInvitationRejected"

    call_id: str
    invitee: str
    extended_data: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallInviteesAnsweredTimeoutEventResult:
    """
    Invitees did not answer in time; general mode, deprecated by ZIM.

    Attributes:
        call_id: Decimal text.

        invitees: Who did not answer.
    """

    EVENT: ClassVar[str] = "callInviteesAnsweredTimeout"

    call_id: str
    invitees: Sequence[str] = ()
