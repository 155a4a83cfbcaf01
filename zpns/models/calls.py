"""Calls, who is in them, and what comes back from working on them."""

from collections.abc import Sequence

import attrs

from zpns.models._checks import integer, user_id
from zpns.models._fields import furnish, page_size
from zpns.models.call_configs import DEFAULT_CALL_TIMEOUT
from zpns.models.enums import ZIMCallInvitationMode, ZIMCallState, ZIMCallUserState
from zpns.models.users import ZIMErrorUserInfo

__all__ = [
    "ZIMCallAcceptanceSentResult",
    "ZIMCallCancelSentResult",
    "ZIMCallEndSentResult",
    "ZIMCallInfo",
    "ZIMCallInvitationListQueriedResult",
    "ZIMCallInvitationQueryConfig",
    "ZIMCallInvitationSentResult",
    "ZIMCallJoinSentResult",
    "ZIMCallQuitSentResult",
    "ZIMCallRejectionSentResult",
    "ZIMCallUserInfo",
    "ZIMCallingInvitationSentResult",
]


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallInvitationQueryConfig:
    """
    Which page of the list of calls is wanted.

    Attributes:
        count: How many calls, 1 or more; more than 100 is treated as 100.

        next_flag: Where the page before ended; 0 for the newest.
    """

    count: int = attrs.field(converter=page_size, validator=integer(least=1))
    next_flag: int = attrs.field(default=0, validator=integer(least=0))


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallUserInfo:
    """
    One user of a call.

    Attributes:
        user_id: The user.

        state: Where the user stands.

        extended_data: What the user said with their last step.
    """

    user_id: str = attrs.field(validator=user_id())
    state: ZIMCallUserState = ZIMCallUserState.INVITING
    extended_data: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallInfo:
    """
    A call and everybody in it.

    Attributes:
        call_id: Decimal text.

        caller: Who created the call.

        inviter: Who invited the user that asks.

        create_time: UTC milliseconds.

        end_time: UTC milliseconds; 0 while it runs.

        state: Started or ended.

        mode: General or advanced.

        extended_data: What the caller said.

        call_user_list: Everybody, the caller included.
    """

    call_id: str
    caller: str
    inviter: str = ""
    create_time: int = 0
    end_time: int = 0
    state: ZIMCallState = ZIMCallState.STARTED
    mode: ZIMCallInvitationMode = ZIMCallInvitationMode.GENERAL
    extended_data: str = ""
    call_user_list: Sequence[ZIMCallUserInfo] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallInvitationSentResult:
    """
    What came of starting a call.

    Attributes:
        call_id: Decimal text.

        timeout: How long it rings, in seconds.

        error_user_list: Users who could not be invited; ``error_invitees`` in older ZIM.
    """

    call_id: str
    timeout: int = DEFAULT_CALL_TIMEOUT
    error_user_list: Sequence[ZIMErrorUserInfo] = attrs.field(
        default=(), metadata={"also": ("errorInvitees",)}
    )

    @property
    def error_invitees(self) -> Sequence[ZIMErrorUserInfo]:
        """The name of ``error_user_list`` before ZIM 2.9."""
        return self.error_user_list


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallingInvitationSentResult:
    """
    What came of inviting more users.

    Attributes:
        call_id: Decimal text.

        error_user_list: Users who could not be invited; ``error_invitees`` in older ZIM.
    """

    call_id: str
    error_user_list: Sequence[ZIMErrorUserInfo] = attrs.field(
        default=(), metadata={"also": ("errorInvitees",)}
    )

    @property
    def error_invitees(self) -> Sequence[ZIMErrorUserInfo]:
        """The name of ``error_user_list`` before ZIM 2.9."""
        return self.error_user_list


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallCancelSentResult:
    """
    What came of taking invitations back.

    Attributes:
        call_id: Decimal text.

        error_invitees: IDs of users for whom it did not work.
    """

    call_id: str
    error_invitees: Sequence[str] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallAcceptanceSentResult:
    """
    A call was accepted.

    Attributes:
        call_id: Decimal text.
    """

    call_id: str


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallRejectionSentResult:
    """
    A call was rejected.

    Attributes:
        call_id: Decimal text.
    """

    call_id: str


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallJoinSentResult:
    """
    A call was joined.

    Attributes:
        call_id: Decimal text.

        create_time: When the call was created, UTC milliseconds.

        join_time: When it was joined, UTC milliseconds.

        extended_data: What the caller said.

        call_user_list: Everybody in the call.
    """

    call_id: str
    create_time: int = 0
    join_time: int = 0
    extended_data: str = ""
    call_user_list: Sequence[ZIMCallUserInfo] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallQuitSentResult:
    """
    A call was left.

    Attributes:
        call_id: Decimal text.

        create_time: When the call was created, UTC milliseconds.

        accept_time: When the user accepted or joined, UTC milliseconds.

        quit_time: When the user left, UTC milliseconds.
    """

    call_id: str
    create_time: int = 0
    accept_time: int = 0
    quit_time: int = 0


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallEndSentResult:
    """
    A call was ended.

    Attributes:
        call_id: Decimal text.

        create_time: When the call was created, UTC milliseconds.

        accept_time: When the user accepted or joined, UTC milliseconds.

        end_time: When it ended, UTC milliseconds.
    """

    call_id: str
    create_time: int = 0
    accept_time: int = 0
    end_time: int = 0


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCallInvitationListQueriedResult:
    """
    A page of the list of calls.

    Attributes:
        call_list: The calls, newest first.

        next_flag: Where the next page begins; 0 is the end.
    """

    call_list: Sequence[ZIMCallInfo] = ()
    next_flag: int = 0
