"""Groups, their members, and what comes back from working on them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from zpns.errors import ParameterError
from zpns.models._checks import GROUP_ID_MOST, check_int, check_text, integer, text
from zpns.models._fields import furnish, page_size
from zpns.models._open import known
from zpns.models.enums import (
    ZIMGroupAttributesUpdateAction,
    ZIMGroupBeInviteMode,
    ZIMGroupInviteMode,
    ZIMGroupJoinMode,
    ZIMGroupMemberRole,
    ZIMGroupMessageNotificationStatus,
    ZIMGroupMuteMode,
)
from zpns.models.users import ZIMUserInfo

__all__ = [
    "ZIMGroup",
    "ZIMGroupAdvancedConfig",
    "ZIMGroupAttributesUpdateInfo",
    "ZIMGroupEnterInfo",
    "ZIMGroupFullInfo",
    "ZIMGroupInfo",
    "ZIMGroupMemberInfo",
    "ZIMGroupMemberMuteConfig",
    "ZIMGroupMemberQueryConfig",
    "ZIMGroupMuteConfig",
    "ZIMGroupMuteInfo",
    "ZIMGroupOperatedInfo",
    "ZIMGroupVerifyInfo",
]

# Limits of ZIM's guides on groups; the server page counts 50 characters of a name.
GROUP_NAME_MOST: Final = 100  # bytes
GROUP_NOTICE_MOST: Final = 300  # bytes
GROUP_AVATAR_MOST: Final = 500  # bytes
ATTRIBUTES_MOST: Final = 10
ATTRIBUTE_KEY_MOST: Final = 16  # bytes
ATTRIBUTE_VALUE_MOST: Final = 1024  # bytes
MUTE_MOST: Final = 2_592_000  # seconds; ZEGO's server API, the SDK guide says 604,800

_NAME = text(most=GROUP_NAME_MOST, unit="bytes")
_NOTICE = text(most=GROUP_NOTICE_MOST, unit="bytes")
_AVATAR = text(most=GROUP_AVATAR_MOST, unit="bytes")


def _attributes(_: Any, attribute: Any, value: Any) -> None:
    if len(value) > ATTRIBUTES_MOST:
        raise ParameterError(attribute.name, f"at most {ATTRIBUTES_MOST} attributes", len(value))
    for key, entry in value.items():
        check_text(
            f"a key of {attribute.name}", key, least=1, most=ATTRIBUTE_KEY_MOST, unit="bytes"
        )
        check_text(f"{attribute.name}[{key!r}]", entry, most=ATTRIBUTE_VALUE_MOST, unit="bytes")


def _mute_duration(_: Any, attribute: Any, value: Any) -> None:
    if value != -1 or isinstance(value, bool):
        check_int(attribute.name, value, least=1, most=MUTE_MOST, unit="seconds, or -1")


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupInfo:
    """
    A group in short.

    Attributes:
        group_id: At most 32 bytes. For a new group: empty lets the server choose, and one
            of your own must not begin with ``#``, which is checked when the group is
            created.

        group_name: At most 100 bytes.

        group_avatar_url: At most 500 bytes.
    """

    group_id: str = attrs.field(default="", validator=text(most=GROUP_ID_MOST, unit="bytes"))
    group_name: str = attrs.field(default="", validator=_NAME)
    group_avatar_url: str = attrs.field(default="", validator=_AVATAR)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupAdvancedConfig:
    """
    What else a new group is to have.

    Attributes:
        group_notice: At most 300 bytes.

        group_attributes: The app's own: at most 10, keys of 1 to 16 bytes, values of at
            most 1,024 bytes.

        max_member_count: How many may be in it; 0 is as many as the plan allows.

        join_mode: Who may join.

        invite_mode: Who may invite.

        be_invite_mode: Whether the invited are asked.
    """

    group_notice: str = attrs.field(default="", validator=_NOTICE)
    group_attributes: Mapping[str, str] = attrs.field(factory=dict, validator=_attributes)
    max_member_count: int = attrs.field(default=0, validator=integer(least=0))
    join_mode: ZIMGroupJoinMode = attrs.field(
        default=ZIMGroupJoinMode.ANY, validator=known(ZIMGroupJoinMode)
    )
    invite_mode: ZIMGroupInviteMode = attrs.field(
        default=ZIMGroupInviteMode.ANY, validator=known(ZIMGroupInviteMode)
    )
    be_invite_mode: ZIMGroupBeInviteMode = attrs.field(
        default=ZIMGroupBeInviteMode.NONE, validator=known(ZIMGroupBeInviteMode)
    )


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupMuteInfo:
    """
    Who may not speak in a group.

    Attributes:
        mode: Nobody, ordinary members, everybody, or some roles.

        expired_time: Until when, UTC milliseconds; 0 is never, -1 is for good.

        roles: Which roles, if some.
    """

    mode: ZIMGroupMuteMode = ZIMGroupMuteMode.NONE
    expired_time: int = 0
    roles: Sequence[int] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupVerifyInfo:
    """
    Who is asked before somebody comes in.

    Attributes:
        join_mode: Who may join.

        invite_mode: Who may invite.

        be_invite_mode: Whether the invited are asked.
    """

    join_mode: ZIMGroupJoinMode = ZIMGroupJoinMode.ANY
    invite_mode: ZIMGroupInviteMode = ZIMGroupInviteMode.ANY
    be_invite_mode: ZIMGroupBeInviteMode = ZIMGroupBeInviteMode.NONE


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupFullInfo:
    """
    A group with everything ZIM keeps about it.

    Attributes:
        base_info: ID, name and avatar.

        group_notice: At most 300 bytes.

        group_attributes: The app's own; a copy, do not change it.

        group_alias: What the user calls it.

        notification_status: Whether it may disturb the user.

        muted_info: Who may not speak.

        create_time: UTC milliseconds.

        max_member_count: How many may be in it; 0 if unknown.

        verify_info: Who is asked before somebody comes in.
    """

    base_info: ZIMGroupInfo
    group_notice: str = attrs.field(default="", validator=_NOTICE)
    group_attributes: Mapping[str, str] = attrs.field(factory=dict, validator=_attributes)
    group_alias: str = ""
    notification_status: ZIMGroupMessageNotificationStatus = (
        ZIMGroupMessageNotificationStatus.NOTIFY
    )
    muted_info: ZIMGroupMuteInfo = attrs.field(factory=ZIMGroupMuteInfo)
    create_time: int = 0
    max_member_count: int = 0
    verify_info: ZIMGroupVerifyInfo = attrs.field(factory=ZIMGroupVerifyInfo)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroup:
    """
    A group in the list of a user's groups.

    Attributes:
        base_info: ID, name and avatar.

        group_alias: What the user calls it.

        notification_status: Whether it may disturb the user.
    """

    base_info: ZIMGroupInfo
    group_alias: str = ""
    notification_status: ZIMGroupMessageNotificationStatus = (
        ZIMGroupMessageNotificationStatus.NOTIFY
    )


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupOperatedInfo:
    """
    Who did something in a group.

    Attributes:
        user_id: The user.

        user_name: Their name.

        member_nickname: Their name in the group.

        member_role: Their role; 1 is the owner.
    """

    user_id: str
    user_name: str = ""
    member_nickname: str = ""
    member_role: int = ZIMGroupMemberRole.MEMBER.value


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupEnterInfo:
    """
    How a member came into a group.

    Attributes:
        enter_time: When, UTC milliseconds.

        enter_type: ZIM's number for how.

        operated_user: Who let them in, or None.
    """

    enter_time: int = 0
    enter_type: int = 0
    operated_user: ZIMGroupOperatedInfo | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupMemberInfo(ZIMUserInfo):
    """
    A user as a member of a group.

    Attributes:
        member_nickname: Their name in the group.

        member_role: 1 owner, 2 admin, 3 member, or the app's own.

        member_avatar_url: Their avatar in the group, at most 500 bytes.

        mute_expired_time: Until when they may not speak, UTC milliseconds; 0 is never, -1
            is for good.

        group_enter_info: How they came in, or None.
    """

    member_nickname: str = ""
    member_role: int = ZIMGroupMemberRole.MEMBER.value
    member_avatar_url: str = attrs.field(default="", validator=_AVATAR)
    mute_expired_time: int = 0
    group_enter_info: ZIMGroupEnterInfo | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupAttributesUpdateInfo:
    """
    What happened to attributes of a group.

    Attributes:
        action: Set or removed.

        group_attributes: Which; a copy, do not change it.
    """

    action: ZIMGroupAttributesUpdateAction
    group_attributes: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupMemberQueryConfig:
    """
    Which page of a group's members is wanted.

    Attributes:
        count: How many, 1 or more; more than 100 is treated as 100.

        next_flag: Where the page before ended; 0 for the first.
    """

    count: int = attrs.field(converter=page_size, validator=integer(least=1))
    next_flag: int = attrs.field(default=0, validator=integer(least=0))


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupMuteConfig:
    """
    How a whole group is muted.

    Attributes:
        mode: Who may not speak.

        duration: Seconds, 1 to 2,592,000; -1 is for good.

        roles: Which roles, if the mode is custom.
    """

    mode: ZIMGroupMuteMode = attrs.field(
        default=ZIMGroupMuteMode.ALL, validator=known(ZIMGroupMuteMode)
    )
    duration: int = attrs.field(default=-1, validator=_mute_duration)
    roles: Sequence[int] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupMemberMuteConfig:
    """
    How members of a group are muted.

    Attributes:
        duration: Seconds, 1 to 2,592,000; -1 is for good.
    """

    duration: int = attrs.field(default=-1, validator=_mute_duration)
