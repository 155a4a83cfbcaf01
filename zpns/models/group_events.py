"""What happens in groups, as events. ``EVENT`` is ZIM's name of the event."""

from collections.abc import Sequence
from typing import ClassVar

import attrs

from zpns.models._checks import group_id
from zpns.models._fields import furnish
from zpns.models.enums import (
    ZIMGroupEvent,
    ZIMGroupMemberEvent,
    ZIMGroupMemberState,
    ZIMGroupState,
)
from zpns.models.groups import (
    ZIMGroupAttributesUpdateInfo,
    ZIMGroupFullInfo,
    ZIMGroupMemberInfo,
    ZIMGroupMuteInfo,
    ZIMGroupOperatedInfo,
    ZIMGroupVerifyInfo,
)

__all__ = [
    "ZIMGroupAliasUpdatedEventResult",
    "ZIMGroupAttributesUpdatedEventResult",
    "ZIMGroupAvatarUrlUpdatedEventResult",
    "ZIMGroupMemberInfoUpdatedEventResult",
    "ZIMGroupMemberStateChangedEventResult",
    "ZIMGroupMutedInfoUpdatedEventResult",
    "ZIMGroupNameUpdatedEventResult",
    "ZIMGroupNoticeUpdatedEventResult",
    "ZIMGroupStateChangedEventResult",
    "ZIMGroupVerifyInfoUpdatedEventResult",
]


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupStateChangedEventResult:
    """
    The user came into a group, or is out of it.

    Attributes:
        state: In or out.

        event: Why.

        operated_info: Who did it, or None if the server.

        group_info: The group.
    """

    EVENT: ClassVar[str] = "groupStateChanged"

    state: ZIMGroupState
    event: ZIMGroupEvent
    operated_info: ZIMGroupOperatedInfo | None = None
    group_info: ZIMGroupFullInfo


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupMemberStateChangedEventResult:
    """
    Others came into a group, or are out of it.

    Attributes:
        group_id: Which group.

        state: In or out.

        event: Why.

        user_list: Who.

        operated_info: Who did it, or None if the server.
    """

    EVENT: ClassVar[str] = "groupMemberStateChanged"

    group_id: str = attrs.field(validator=group_id())
    state: ZIMGroupMemberState
    event: ZIMGroupMemberEvent
    user_list: Sequence[ZIMGroupMemberInfo] = ()
    operated_info: ZIMGroupOperatedInfo | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupMemberInfoUpdatedEventResult:
    """
    Members of a group changed.

    Attributes:
        group_id: Which group.

        user_list: Who, as they are now.

        operated_info: Who did it, or None if the server.
    """

    EVENT: ClassVar[str] = "groupMemberInfoUpdated"

    group_id: str = attrs.field(validator=group_id())
    user_list: Sequence[ZIMGroupMemberInfo] = ()
    operated_info: ZIMGroupOperatedInfo | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupNameUpdatedEventResult:
    """
    A group has a new name.

    Attributes:
        group_id: Which group.

        group_name: The name.

        operated_info: Who did it, or None if the server.
    """

    EVENT: ClassVar[str] = "groupNameUpdated"

    group_id: str = attrs.field(validator=group_id())
    group_name: str
    operated_info: ZIMGroupOperatedInfo | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupNoticeUpdatedEventResult:
    """
    A group has a new notice.

    Attributes:
        group_id: Which group.

        group_notice: The notice.

        operated_info: Who did it, or None if the server.
    """

    EVENT: ClassVar[str] = "groupNoticeUpdated"

    group_id: str = attrs.field(validator=group_id())
    group_notice: str
    operated_info: ZIMGroupOperatedInfo | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupAvatarUrlUpdatedEventResult:
    """
    A group has a new avatar.

    Attributes:
        group_id: Which group.

        group_avatar_url: The avatar.

        operated_info: Who did it, or None if the server.
    """

    EVENT: ClassVar[str] = "groupAvatarUrlUpdated"

    group_id: str = attrs.field(validator=group_id())
    group_avatar_url: str
    operated_info: ZIMGroupOperatedInfo | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupAttributesUpdatedEventResult:
    """
    Attributes of a group changed.

    Attributes:
        group_id: Which group.

        info_list: Which.

        operated_info: Who did it, or None if the server.
    """

    EVENT: ClassVar[str] = "groupAttributesUpdated"

    group_id: str = attrs.field(validator=group_id())
    info_list: Sequence[ZIMGroupAttributesUpdateInfo] = ()
    operated_info: ZIMGroupOperatedInfo | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupAliasUpdatedEventResult:
    """
    The user calls a group something else.

    Attributes:
        group_id: Which group.

        group_alias: What.

        operated_user_id: The user.
    """

    EVENT: ClassVar[str] = "groupAliasUpdated"

    group_id: str = attrs.field(validator=group_id())
    group_alias: str
    operated_user_id: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupMutedInfoUpdatedEventResult:
    """
    Others may speak in a group now.

    Attributes:
        group_id: Which group.

        muted_info: Who may not.

        operated_info: Who did it, or None if the server.
    """

    EVENT: ClassVar[str] = "groupMutedInfoUpdated"

    group_id: str = attrs.field(validator=group_id())
    muted_info: ZIMGroupMuteInfo
    operated_info: ZIMGroupOperatedInfo | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupVerifyInfoUpdatedEventResult:
    """
    Others are asked now before somebody comes in.

    Attributes:
        group_id: Which group.

        verify_info: Who is asked.

        operated_info: Who did it, or None if the server.
    """

    EVENT: ClassVar[str] = "groupVerifyInfoUpdated"

    group_id: str = attrs.field(validator=group_id())
    verify_info: ZIMGroupVerifyInfo
    operated_info: ZIMGroupOperatedInfo | None = None
