"""Conversations, their history and receipts."""

from collections.abc import Sequence

import attrs

from zpns.models._checks import integer
from zpns.models._fields import furnish, page_size
from zpns.models._open import known
from zpns.models.enums import (
    ZIMConversationEvent,
    ZIMConversationNotificationStatus,
    ZIMConversationType,
    ZIMMessageMentionedType,
    ZIMMessageQueryMode,
    ZIMMessageReceiptStatus,
    ZIMMessageSentStatus,
)
from zpns.models.messages import ZIMMessage

__all__ = [
    "ZIMConversation",
    "ZIMConversationChangeInfo",
    "ZIMConversationListQueriedResult",
    "ZIMConversationMessageReceiptReadSentResult",
    "ZIMConversationNotificationStatusSetResult",
    "ZIMConversationQueryConfig",
    "ZIMConversationUnreadMessageCountClearedResult",
    "ZIMMessageMentionedInfo",
    "ZIMMessageQueriedResult",
    "ZIMMessageQueryConfig",
    "ZIMMessageReceiptInfo",
    "ZIMMessageReceiptsInfoQueriedResult",
    "ZIMMessageReceiptsReadSentResult",
    "ZIMMessageReceivedInfo",
    "ZIMMessageRevokedResult",
    "ZIMMessageSentResult",
    "ZIMMessageSentStatusChangeInfo",
]


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageReceiptInfo:
    """
    Who has read a message.

    Attributes:
        message_id: The message; empty for a whole conversation.

        conversation_id: Where.

        conversation_type: What kind of conversation that is.

        status: How far the receipt got.

        read_member_count: How many have read it.

        unread_member_count: How many have not.

        is_self_operated: Whether the user themselves read it, on another device.

        read_time: When, UTC milliseconds.
    """

    message_id: str = ""
    conversation_id: str = ""
    conversation_type: ZIMConversationType = ZIMConversationType.PEER
    status: ZIMMessageReceiptStatus = ZIMMessageReceiptStatus.NONE
    read_member_count: int = 0
    unread_member_count: int = 0
    is_self_operated: bool = False
    read_time: int = 0


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageReceiptsReadSentResult:
    """
    What came of sending receipts.

    Attributes:
        conversation_id: Where.

        conversation_type: What kind of conversation that is.

        error_message_ids: Messages for which it did not work.
    """

    conversation_id: str
    conversation_type: ZIMConversationType = ZIMConversationType.PEER
    error_message_ids: Sequence[str] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageReceiptsInfoQueriedResult:
    """
    Who has read messages.

    Attributes:
        infos: One entry per message that was found.

        error_message_ids: The other messages.
    """

    infos: Sequence[ZIMMessageReceiptInfo] = ()
    error_message_ids: Sequence[str] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMConversationMessageReceiptReadSentResult:
    """
    A whole conversation was marked as read.

    Attributes:
        conversation_id: Where.

        conversation_type: What kind of conversation that is.
    """

    conversation_id: str
    conversation_type: ZIMConversationType = ZIMConversationType.PEER


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageQueryConfig:
    """
    Which page of a conversation's history is wanted.

    Attributes:
        count: How many messages, 1 or more; more than 100 is treated as 100.

        next_message: The message the page before ended with; None for the newest.

        reverse: Whether to go from newest to oldest.

        mode: Where to read.
    """

    count: int = attrs.field(converter=page_size, validator=integer(least=1))
    next_message: ZIMMessage | None = None
    reverse: bool = False
    mode: ZIMMessageQueryMode = attrs.field(
        default=ZIMMessageQueryMode.GENERAL, validator=known(ZIMMessageQueryMode)
    )


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageQueriedResult:
    """
    A page of a conversation's history.

    Attributes:
        conversation_id: Where.

        conversation_type: What kind of conversation that is.

        message_list: Messages, oldest first.
    """

    conversation_id: str
    conversation_type: ZIMConversationType = ZIMConversationType.PEER
    message_list: Sequence[ZIMMessage] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageRevokedResult:
    """
    A message was revoked.

    Attributes:
        message: What is left of it.
    """

    message: ZIMMessage


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageSentStatusChangeInfo:
    """
    Sending a message got on.

    Attributes:
        status: How far.

        message: The message.

        reason: Why it failed, if it did.
    """

    status: ZIMMessageSentStatus
    message: ZIMMessage
    reason: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageMentionedInfo:
    """
    Where a conversation mentions the user.

    Attributes:
        type: How.

        from_user_id: By whom.

        message_id: In which message.

        message_seq: Its place in the conversation.
    """

    type: ZIMMessageMentionedType
    from_user_id: str = ""
    message_id: str = ""
    message_seq: int = 0


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMConversation:
    """
    A conversation as one user has it.

    Attributes:
        conversation_id: User, group or room ID.

        type: Peer, room or group.

        conversation_name: What it is called.

        conversation_alias: What the user calls it.

        conversation_avatar_url: Its picture.

        notification_status: Whether it may disturb the user.

        unread_message_count: Messages not read yet.

        read_message_seq: Place of the last message that was read.

        last_message: The newest message, or None.

        order_key: Larger is newer.

        is_pinned: Whether it stays on top.

        pinned_time: Since when, UTC milliseconds; 0 is never.

        mentioned_info_list: Where it mentions the user.

        draft: What the user began to write.

        marks: The user's own marks.
    """

    conversation_id: str
    type: ZIMConversationType = ZIMConversationType.PEER
    conversation_name: str = ""
    conversation_alias: str = ""
    conversation_avatar_url: str = ""
    notification_status: ZIMConversationNotificationStatus = (
        ZIMConversationNotificationStatus.NOTIFY
    )
    unread_message_count: int = 0
    read_message_seq: int = 0
    last_message: ZIMMessage | None = None
    order_key: int = 0
    is_pinned: bool = False
    pinned_time: int = 0
    mentioned_info_list: Sequence[ZIMMessageMentionedInfo] = ()
    draft: str = ""
    marks: Sequence[int] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMConversationChangeInfo:
    """
    What happened to a conversation.

    Attributes:
        action: What happened; ZIM before 3.0 calls it ``event``.

        conversation: The conversation afterwards.
    """

    action: ZIMConversationEvent = attrs.field(metadata={"also": ("event",), "renamed": (3, 0, 0)})
    conversation: ZIMConversation


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMConversationQueryConfig:
    """
    Which page of the list of conversations is wanted.

    Attributes:
        count: How many, 1 or more; more than 100 is treated as 100.

        next_conversation: What the page before ended with; None for the newest.
    """

    count: int = attrs.field(converter=page_size, validator=integer(least=1))
    next_conversation: ZIMConversation | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMConversationListQueriedResult:
    """
    A page of the list of conversations.

    Attributes:
        conversation_list: Conversations, newest first.
    """

    conversation_list: Sequence[ZIMConversation] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMConversationNotificationStatusSetResult:
    """
    Whether a conversation may disturb was set.

    Attributes:
        conversation_id: Which conversation.

        conversation_type: What kind of conversation that is.
    """

    conversation_id: str
    conversation_type: ZIMConversationType = ZIMConversationType.PEER


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMConversationUnreadMessageCountClearedResult:
    """
    A conversation has no unread messages any more.

    Attributes:
        conversation_id: Which conversation.

        conversation_type: What kind of conversation that is.
    """

    conversation_id: str
    conversation_type: ZIMConversationType = ZIMConversationType.PEER


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageSentResult:
    """
    A message as it was accepted.

    Attributes:
        message: With its ID, sequence number and time.
    """

    message: ZIMMessage


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageReceivedInfo:
    """
    How messages were received.

    Attributes:
        is_offline_message: Whether they had waited until the user came online.

        conversation_id: Where, in ZIM's 3.0 event; else empty.

        conversation_type: What kind of conversation that is.
    """

    is_offline_message: bool = False
    conversation_id: str = ""
    conversation_type: ZIMConversationType = ZIMConversationType.PEER
