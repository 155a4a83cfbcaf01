"""What all messages have, and the most common one."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import attrs

from zpns.errors import ParameterError
from zpns.models._checks import check_user_id, text, user_id
from zpns.models._fields import furnish, items
from zpns.models.enums import (
    ZIMConversationType,
    ZIMMessageDirection,
    ZIMMessageReceiptStatus,
    ZIMMessageRepliedInfoState,
    ZIMMessageSentStatus,
    ZIMMessageType,
)

__all__ = [
    "ZIMMessage",
    "ZIMMessageLiteInfo",
    "ZIMMessageReaction",
    "ZIMMessageReactionUserInfo",
    "ZIMMessageRepliedInfo",
    "ZIMTextMessage",
]

# ZEGO sends text of 2 KB by default and up to 32 KB on request; this is where the web
# SDK stops.
TEXT_MOST: Final = 49_152  # bytes
SUB_TYPE_MOST: Final = 200  # of custom messages; ZIM API reference
EXTENDED_DATA_MOST: Final = 1024  # bytes; ZIM API reference
LOCAL_EXTENDED_DATA_MOST: Final = 128 * 1024  # bytes; ZIM API reference

#: For the field ``type`` where a class fixes it: written although it is the default.
ALWAYS: Final = MappingProxyType({"always": True})

#: The class of each type of message. Names, because most of the classes live in
#: ``contents.py`` and ``media.py``.
MESSAGE_CLASSES: Final[Mapping[ZIMMessageType, str]] = MappingProxyType(
    {
        ZIMMessageType.TEXT: "ZIMTextMessage",
        ZIMMessageType.COMMAND: "ZIMCommandMessage",
        ZIMMessageType.MULTIPLE: "ZIMMultipleMessage",
        ZIMMessageType.IMAGE: "ZIMImageMessage",
        ZIMMessageType.FILE: "ZIMFileMessage",
        ZIMMessageType.AUDIO: "ZIMAudioMessage",
        ZIMMessageType.VIDEO: "ZIMVideoMessage",
        ZIMMessageType.BARRAGE: "ZIMBarrageMessage",
        ZIMMessageType.REVOKE: "ZIMRevokeMessage",
        ZIMMessageType.TIPS: "ZIMTipsMessage",
        ZIMMessageType.COMBINE: "ZIMCombineMessage",
        ZIMMessageType.CUSTOM: "ZIMCustomMessage",
    }
)

#: The class of each type of short form.
LITE_CLASSES: Final[Mapping[ZIMMessageType, str]] = MappingProxyType(
    {
        ZIMMessageType.TEXT: "ZIMTextMessageLiteInfo",
        ZIMMessageType.IMAGE: "ZIMImageMessageLiteInfo",
        ZIMMessageType.FILE: "ZIMFileMessageLiteInfo",
        ZIMMessageType.AUDIO: "ZIMAudioMessageLiteInfo",
        ZIMMessageType.VIDEO: "ZIMVideoMessageLiteInfo",
        ZIMMessageType.REVOKE: "ZIMRevokeMessageLiteInfo",
        ZIMMessageType.COMBINE: "ZIMCombineMessageLiteInfo",
        ZIMMessageType.CUSTOM: "ZIMCustomMessageLiteInfo",
    }
)


def of_no_class(classes: Mapping[ZIMMessageType, str]) -> Any:
    """Validate that a type has no class of its own among *classes*."""

    def validate(_: Any, __: Any, value: ZIMMessageType) -> None:
        if value in classes:
            raise ParameterError("type", f"for this number a {classes[value]}", value)

    return validate


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageLiteInfo:
    """
    What all short forms have; itself the class of types zpns does not know.

    Attributes:
        type: What it holds; fixed in every other class.
    """

    type: ZIMMessageType = attrs.field(validator=of_no_class(LITE_CLASSES))


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageReactionUserInfo:
    """
    A user who reacted.

    Attributes:
        user_id: The user.
    """

    user_id: str


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageReaction:
    """
    An emoji or other reaction to a message.

    Attributes:
        reaction_type: Which reaction.

        conversation_id: Where.

        conversation_type: What kind of conversation that is.

        message_id: To which message.

        total_count: How many users reacted so.

        is_self_included: Whether the reader is one of them.

        user_list: Users who reacted so, perhaps not all.
    """

    reaction_type: str
    conversation_id: str = ""
    conversation_type: ZIMConversationType = ZIMConversationType.PEER
    message_id: str = ""
    total_count: int = 0
    is_self_included: bool = False
    user_list: Sequence[ZIMMessageReactionUserInfo] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageRepliedInfo:
    """
    The message that a message answers.

    Attributes:
        message_id: The answered message.

        message_seq: Its place in the conversation.

        sender_user_id: Who wrote it.

        sent_time: When, UTC milliseconds.

        state: Whether it is still there.

        message_info: What it held, or None if that is gone.

        root_message_id: The message that all answers go back to.

        root_message_seq: Its place in the conversation.
    """

    message_id: str
    message_seq: int = 0
    sender_user_id: str = ""
    sent_time: int = 0
    state: ZIMMessageRepliedInfoState = ZIMMessageRepliedInfoState.NORMAL
    message_info: ZIMMessageLiteInfo | None = None
    root_message_id: str = ""
    root_message_seq: int = 0


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessage:
    """
    What all messages have; itself the class of types zpns does not know.

    Who sends a message fills in its content, ``extended_data`` and the mentions; the
    rest is set on the way.

    Attributes:
        type: What the message holds; fixed in every other class.

        message_id: Decimal text, given by the server; empty until sent.

        local_message_id: The sender's own ID of it.

        message_seq: Place in the conversation, from 1; 0 until sent.

        sender_user_id: Who wrote it.

        conversation_id: User, group or room ID; of a received peer message the sender.

        conversation_type: Peer, room or group.

        direction: Sent or received.

        sent_status: How far sending got.

        timestamp: When the server took it, UTC milliseconds.

        order_key: Larger is newer.

        is_user_inserted: Whether it was inserted on the device and never sent.

        receipt_status: How far its receipt got; none unless one was asked for.

        extended_data: The app's own text, at most 1,024 bytes; travels along.

        local_extended_data: The app's own text, at most 131,072 bytes; stays on the device.

        reactions: Reactions to it.

        is_broadcast_message: Whether it went to every user.

        mentioned_user_ids: Users it mentions.

        is_mention_all: Whether it mentions everybody.

        replied_info: The message it answers, if any.

        root_replied_count: How many messages answer it.

        is_server_message: Whether a server sent it rather than a user.

        editor_user_id: Who edited it last.

        edited_time: When, UTC milliseconds; 0 is never.

        is_group_targeted_message: Whether it went to some members of the group only.

        pinned_user_id: Who pinned it.

        pinned_time: When, UTC milliseconds; 0 is never.
    """

    type: ZIMMessageType = attrs.field(validator=of_no_class(MESSAGE_CLASSES))
    message_id: str = ""
    local_message_id: str = ""
    message_seq: int = 0
    sender_user_id: str = attrs.field(default="", validator=user_id(empty=True))
    conversation_id: str = ""
    conversation_type: ZIMConversationType = ZIMConversationType.PEER
    direction: ZIMMessageDirection = ZIMMessageDirection.SEND
    sent_status: ZIMMessageSentStatus = ZIMMessageSentStatus.SENDING
    timestamp: int = 0
    order_key: int = 0
    is_user_inserted: bool = False
    receipt_status: ZIMMessageReceiptStatus = ZIMMessageReceiptStatus.NONE
    extended_data: str = attrs.field(
        default="", validator=text(most=EXTENDED_DATA_MOST, unit="bytes")
    )
    local_extended_data: str = attrs.field(
        default="", validator=text(most=LOCAL_EXTENDED_DATA_MOST, unit="bytes")
    )
    reactions: Sequence[ZIMMessageReaction] = ()
    is_broadcast_message: bool = False
    mentioned_user_ids: Sequence[str] = attrs.field(default=(), validator=items(check_user_id))
    is_mention_all: bool = False
    replied_info: ZIMMessageRepliedInfo | None = None
    root_replied_count: int = 0
    is_server_message: bool = False
    editor_user_id: str = ""
    edited_time: int = 0
    is_group_targeted_message: bool = False
    pinned_user_id: str = ""
    pinned_time: int = 0


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMTextMessage(ZIMMessage):
    """
    Text.

    Attributes:
        message: The text, 1 to 49,152 bytes. ZEGO itself takes 2 KB unless more was
            arranged, up to 32 KB.
    """

    type: ZIMMessageType = attrs.field(default=ZIMMessageType.TEXT, init=False, metadata=ALWAYS)
    message: str = attrs.field(validator=text(least=1, most=TEXT_MOST, unit="bytes"))
