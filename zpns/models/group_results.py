"""What comes back from working on groups."""

from collections.abc import Sequence

import attrs

from zpns.models._checks import group_id
from zpns.models._fields import furnish
from zpns.models.groups import ZIMGroup, ZIMGroupFullInfo, ZIMGroupMemberInfo, ZIMGroupMuteInfo
from zpns.models.users import ZIMErrorUserInfo

__all__ = [
    "ZIMGroupAvatarUrlUpdatedResult",
    "ZIMGroupCreatedResult",
    "ZIMGroupDismissedResult",
    "ZIMGroupInfoQueriedResult",
    "ZIMGroupJoinedResult",
    "ZIMGroupLeftResult",
    "ZIMGroupListQueriedResult",
    "ZIMGroupMemberCountQueriedResult",
    "ZIMGroupMemberInfoQueriedResult",
    "ZIMGroupMemberKickedResult",
    "ZIMGroupMemberListQueriedResult",
    "ZIMGroupMembersMutedResult",
    "ZIMGroupMutedResult",
    "ZIMGroupNameUpdatedResult",
    "ZIMGroupNoticeUpdatedResult",
    "ZIMGroupOwnerTransferredResult",
    "ZIMGroupUsersInvitedResult",
]


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupCreatedResult:
    """
    A group was created.

    Attributes:
        group_info: The group.

        user_list: Its members.

        error_user_list: Users for whom it did not work.
    """

    group_info: ZIMGroupFullInfo
    user_list: Sequence[ZIMGroupMemberInfo] = ()
    error_user_list: Sequence[ZIMErrorUserInfo] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupJoinedResult:
    """
    A group was joined.

    Attributes:
        group_info: The group.
    """

    group_info: ZIMGroupFullInfo


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupLeftResult:
    """
    A group was left.

    Attributes:
        group_id: Which group.
    """

    group_id: str = attrs.field(validator=group_id())


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupDismissedResult:
    """
    A group was dismissed.

    Attributes:
        group_id: Which group.
    """

    group_id: str = attrs.field(validator=group_id())


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupUsersInvitedResult:
    """
    Users were invited into a group.

    Attributes:
        group_id: Which group.

        user_list: Those who came in.

        error_user_list: Users for whom it did not work.
    """

    group_id: str = attrs.field(validator=group_id())
    user_list: Sequence[ZIMGroupMemberInfo] = ()
    error_user_list: Sequence[ZIMErrorUserInfo] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupMemberKickedResult:
    """
    Members were removed from a group.

    Attributes:
        group_id: Which group.

        kicked_user_ids: Those who are out.

        error_user_list: Users for whom it did not work.
    """

    group_id: str = attrs.field(validator=group_id())
    kicked_user_ids: Sequence[str] = ()
    error_user_list: Sequence[ZIMErrorUserInfo] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupOwnerTransferredResult:
    """
    A group has a new owner.

    Attributes:
        group_id: Which group.

        to_user_id: The new owner.
    """

    group_id: str = attrs.field(validator=group_id())
    to_user_id: str


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupInfoQueriedResult:
    """
    A group that was asked for.

    Attributes:
        group_info: The group.
    """

    group_info: ZIMGroupFullInfo


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupListQueriedResult:
    """
    The groups of a user.

    Attributes:
        group_list: All of them.
    """

    group_list: Sequence[ZIMGroup] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupMemberListQueriedResult:
    """
    A page of a group's members.

    Attributes:
        group_id: Which group.

        user_list: Members.

        next_flag: Where the next page begins; 0 is the end.
    """

    group_id: str = attrs.field(validator=group_id())
    user_list: Sequence[ZIMGroupMemberInfo] = ()
    next_flag: int = 0


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupMemberInfoQueriedResult:
    """
    A member that was asked for.

    Attributes:
        group_id: Which group.

        user_info: The member.
    """

    group_id: str = attrs.field(validator=group_id())
    user_info: ZIMGroupMemberInfo


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupMemberCountQueriedResult:
    """
    How many are in a group.

    Attributes:
        group_id: Which group.

        count: How many.
    """

    group_id: str = attrs.field(validator=group_id())
    count: int


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupNameUpdatedResult:
    """
    A group has a new name.

    Attributes:
        group_id: Which group.

        group_name: The name.
    """

    group_id: str = attrs.field(validator=group_id())
    group_name: str


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupNoticeUpdatedResult:
    """
    A group has a new notice.

    Attributes:
        group_id: Which group.

        group_notice: The notice.
    """

    group_id: str = attrs.field(validator=group_id())
    group_notice: str


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupAvatarUrlUpdatedResult:
    """
    A group has a new avatar.

    Attributes:
        group_id: Which group.

        group_avatar_url: The avatar.
    """

    group_id: str = attrs.field(validator=group_id())
    group_avatar_url: str


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupMutedResult:
    """
    A group was muted, or may speak again.

    Attributes:
        group_id: Which group.

        is_mute: Whether it is muted.

        muted_info: Who may not speak.
    """

    group_id: str = attrs.field(validator=group_id())
    is_mute: bool
    muted_info: ZIMGroupMuteInfo = attrs.field(factory=ZIMGroupMuteInfo)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupMembersMutedResult:
    """
    Members were muted, or may speak again.

    Attributes:
        group_id: Which group.

        is_mute: Whether they are muted.

        duration: Seconds; -1 is for good.

        muted_member_ids: Those it worked for.

        error_user_list: Users for whom it did not work.
    """

    group_id: str = attrs.field(validator=group_id())
    is_mute: bool
    duration: int = 0
    muted_member_ids: Sequence[str] = ()
    error_user_list: Sequence[ZIMErrorUserInfo] = ()
