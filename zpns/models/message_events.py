"""What happens to messages, users and the connection. ``EVENT`` is ZIM's name of the event."""

from collections.abc import Sequence
from typing import ClassVar

import attrs

from zpns.models._fields import furnish
from zpns.models.codes import ZIMErrorCode
from zpns.models.conversations import (
    ZIMConversationChangeInfo,
    ZIMMessageReceiptInfo,
    ZIMMessageReceivedInfo,
    ZIMMessageSentStatusChangeInfo,
)
from zpns.models.enums import (
    ZIMConnectionEvent,
    ZIMConnectionState,
    ZIMConversationType,
    ZIMMessageDeleteType,
    ZIMRoomEvent,
    ZIMRoomState,
)
from zpns.models.messages import ZIMMessage, ZIMMessageReaction
from zpns.models.users import ZIMUserFullInfo, ZIMUserInfo, ZIMUserRule, ZIMUserStatus

__all__ = [
    "ZIMBroadcastMessageReceivedEventResult",
    "ZIMConnectionStateChangedEventResult",
    "ZIMConversationChangedEventResult",
    "ZIMConversationMessageReceiptChangedEventResult",
    "ZIMConversationTotalUnreadMessageCountUpdatedEventResult",
    "ZIMErrorEventResult",
    "ZIMGroupMessageReceivedEventResult",
    "ZIMMessageDeletedEventResult",
    "ZIMMessageEditedEventResult",
    "ZIMMessageReactionsChangedEventResult",
    "ZIMMessageReceiptChangedEventResult",
    "ZIMMessageReceivedEventResult",
    "ZIMMessageRevokeReceivedEventResult",
    "ZIMMessageSentStatusChangedEventResult",
    "ZIMPeerMessageReceivedEventResult",
    "ZIMRoomMemberJoinedEventResult",
    "ZIMRoomMemberLeftEventResult",
    "ZIMRoomMessageReceivedEventResult",
    "ZIMRoomStateChangedEventResult",
    "ZIMTokenWillExpireEventResult",
    "ZIMUserInfoUpdatedEventResult",
    "ZIMUserRuleUpdatedEventResult",
    "ZIMUserStatusUpdatedEventResult",
]


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMErrorEventResult:
    """
    Something went wrong outside of any request.

    Attributes:
        code: ZIM's number.

        message: One sentence.
    """

    EVENT: ClassVar[str] = "error"

    code: ZIMErrorCode
    message: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMConnectionStateChangedEventResult:
    """
    The connection got on.

    Attributes:
        state: Where it stands.

        event: Why.

        extended_data: JSON as text; after being kicked out it may say why.
    """

    EVENT: ClassVar[str] = "connectionStateChanged"

    state: ZIMConnectionState
    event: ZIMConnectionEvent
    extended_data: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMTokenWillExpireEventResult:
    """
    The token runs out soon.

    Attributes:
        second: In how many seconds.
    """

    EVENT: ClassVar[str] = "tokenWillExpire"

    second: int


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMUserInfoUpdatedEventResult:
    """
    The user's own data changed.

    Attributes:
        info: As it is now.
    """

    EVENT: ClassVar[str] = "userInfoUpdated"

    info: ZIMUserFullInfo


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMUserRuleUpdatedEventResult:
    """
    The user's own rules changed.

    Attributes:
        user_rule: As they are now.
    """

    EVENT: ClassVar[str] = "userRuleUpdated"

    user_rule: ZIMUserRule


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMUserStatusUpdatedEventResult:
    """
    Users came, went, or say something else about themselves.

    Attributes:
        user_status_list: As it is now.
    """

    EVENT: ClassVar[str] = "userStatusUpdated"

    user_status_list: Sequence[ZIMUserStatus] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMPeerMessageReceivedEventResult:
    """
    Messages from another user.

    Attributes:
        message_list: The messages; a larger ``order_key`` is newer.

        from_conversation_id: User, group or room they came from.

        info: Whether they had waited for the user.
    """

    EVENT: ClassVar[str] = "peerMessageReceived"

    message_list: Sequence[ZIMMessage] = ()
    from_conversation_id: str = ""
    info: ZIMMessageReceivedInfo = attrs.field(factory=ZIMMessageReceivedInfo)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMGroupMessageReceivedEventResult:
    """
    Messages in a group.

    Attributes:
        message_list: The messages; a larger ``order_key`` is newer.

        from_conversation_id: User, group or room they came from.

        info: Whether they had waited for the user.
    """

    EVENT: ClassVar[str] = "groupMessageReceived"

    message_list: Sequence[ZIMMessage] = ()
    from_conversation_id: str = ""
    info: ZIMMessageReceivedInfo = attrs.field(factory=ZIMMessageReceivedInfo)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMRoomMessageReceivedEventResult:
    """
    Messages in a room.

    Attributes:
        message_list: The messages; a larger ``order_key`` is newer.

        from_conversation_id: User, group or room they came from.

        info: Whether they had waited for the user.
    """

    EVENT: ClassVar[str] = "roomMessageReceived"

    message_list: Sequence[ZIMMessage] = ()
    from_conversation_id: str = ""
    info: ZIMMessageReceivedInfo = attrs.field(factory=ZIMMessageReceivedInfo)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageReceivedEventResult:
    """
    Messages of any conversation; ZIM 3.0.

    Attributes:
        message_list: The messages; a larger ``order_key`` is newer.

        conversation_id: User, group or room they came from.

        conversation_type: What kind of conversation that is.

        info: Whether they had waited for the user.
    """

    EVENT: ClassVar[str] = "messageReceived"

    message_list: Sequence[ZIMMessage] = ()
    conversation_id: str = ""
    conversation_type: ZIMConversationType = ZIMConversationType.PEER
    info: ZIMMessageReceivedInfo = attrs.field(factory=ZIMMessageReceivedInfo)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMBroadcastMessageReceivedEventResult:
    """
    A message to every user.

    Attributes:
        message: The message.
    """

    EVENT: ClassVar[str] = "broadcastMessageReceived"

    message: ZIMMessage


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageRevokeReceivedEventResult:
    """
    Messages were revoked.

    Attributes:
        message_list: What is left of them.
    """

    EVENT: ClassVar[str] = "messageRevokeReceived"

    message_list: Sequence[ZIMMessage] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageSentStatusChangedEventResult:
    """
    Sending messages got on.

    Attributes:
        infos: Which, and how far.
    """

    EVENT: ClassVar[str] = "messageSentStatusChanged"

    infos: Sequence[ZIMMessageSentStatusChangeInfo] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageReceiptChangedEventResult:
    """
    Messages were read.

    Attributes:
        infos: Which, and by how many.
    """

    EVENT: ClassVar[str] = "messageReceiptChanged"

    infos: Sequence[ZIMMessageReceiptInfo] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMConversationMessageReceiptChangedEventResult:
    """
    Conversations were read as a whole.

    Attributes:
        infos: Which.
    """

    EVENT: ClassVar[str] = "conversationMessageReceiptChanged"

    infos: Sequence[ZIMMessageReceiptInfo] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageReactionsChangedEventResult:
    """
    Users reacted to messages.

    Attributes:
        reactions: How.
    """

    EVENT: ClassVar[str] = "messageReactionsChanged"

    reactions: Sequence[ZIMMessageReaction] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageDeletedEventResult:
    """
    The user deleted messages on another device.

    Attributes:
        conversation_id: Where; empty if everywhere.

        conversation_type: What kind of conversation that is.

        message_delete_type: How much.

        message_list: Which, if only some.
    """

    EVENT: ClassVar[str] = "messageDeleted"

    conversation_id: str = ""
    conversation_type: ZIMConversationType = ZIMConversationType.PEER
    message_delete_type: ZIMMessageDeleteType = ZIMMessageDeleteType.MESSAGE_LIST_DELETED
    message_list: Sequence[ZIMMessage] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageEditedEventResult:
    """
    Messages were edited.

    Attributes:
        message_list: As they are now.
    """

    EVENT: ClassVar[str] = "messageEdited"

    message_list: Sequence[ZIMMessage] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMConversationChangedEventResult:
    """
    Conversations changed.

    Attributes:
        info_list: Which, and how.
    """

    EVENT: ClassVar[str] = "conversationChanged"

    info_list: Sequence[ZIMConversationChangeInfo] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMConversationTotalUnreadMessageCountUpdatedEventResult:
    """
    The user has more or fewer unread messages.

    Attributes:
        total_unread_message_count: How many in all.
    """

    EVENT: ClassVar[str] = "conversationTotalUnreadMessageCountUpdated"

    total_unread_message_count: int


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMRoomStateChangedEventResult:
    """
    The user came into a room, or is out of it.

    Attributes:
        room_id: Which room.

        state: Where it stands.

        event: Why.

        extended_data: JSON as text.
    """

    EVENT: ClassVar[str] = "roomStateChanged"

    room_id: str
    state: ZIMRoomState
    event: ZIMRoomEvent
    extended_data: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMRoomMemberJoinedEventResult:
    """
    Others came into a room.

    Attributes:
        room_id: Which room.

        member_list: Who.
    """

    EVENT: ClassVar[str] = "roomMemberJoined"

    room_id: str
    member_list: Sequence[ZIMUserInfo] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMRoomMemberLeftEventResult:
    """
    Others left a room.

    Attributes:
        room_id: Which room.

        member_list: Who.
    """

    EVENT: ClassVar[str] = "roomMemberLeft"

    room_id: str
    member_list: Sequence[ZIMUserInfo] = ()
