"""
The models: what a caller builds and what zpns gives back.

Plain attrs classes, frozen and keyword-only, valid when built: what does not fit
raises :class:`~zpns.errors.ParameterError`. They know nothing of JSON, of networks or
of stores; ``zpns.wire`` knows how they are spelled outside.

Names are loaded when first used, so that a program pays for the models it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

# A type checker sees every name; at run time each is looked up when first used.
if TYPE_CHECKING:
    from zpns.models.call_configs import *
    from zpns.models.call_events import *
    from zpns.models.calls import *
    from zpns.models.codes import *
    from zpns.models.contents import *
    from zpns.models.conversations import *
    from zpns.models.delivery import *
    from zpns.models.enums import *
    from zpns.models.events import *
    from zpns.models.group_events import *
    from zpns.models.group_results import *
    from zpns.models.groups import *
    from zpns.models.lite import *
    from zpns.models.media import *
    from zpns.models.message_configs import *
    from zpns.models.message_events import *
    from zpns.models.messages import *
    from zpns.models.notification import *
    from zpns.models.push import *
    from zpns.models.sessions import *
    from zpns.models.users import *
    from zpns.models.zpns import *

__all__ = [
    "BUILT_IN_RESOURCES",
    "EVENTS",
    "ZPNS_EVENTS",
    "AfterOpen",
    "AfterRefresh",
    "At",
    "CallProfile",
    "Click",
    "Delivery",
    "DeviceToken",
    "Envelope",
    "LoggedEvent",
    "MessageClass",
    "Notification",
    "Outcome",
    "PushEvent",
    "PushKind",
    "PushRecord",
    "Resource",
    "Scope",
    "Session",
    "Target",
    "Verdict",
    "ZIMAppConfig",
    "ZIMAudioMessage",
    "ZIMAudioMessageLiteInfo",
    "ZIMBarrageMessage",
    "ZIMBroadcastMessageReceivedEventResult",
    "ZIMCXHandleType",
    "ZIMCallAcceptConfig",
    "ZIMCallAcceptanceSentResult",
    "ZIMCallCancelConfig",
    "ZIMCallCancelSentResult",
    "ZIMCallEndConfig",
    "ZIMCallEndSentResult",
    "ZIMCallInfo",
    "ZIMCallInvitationAcceptedEventResult",
    "ZIMCallInvitationCancelledEventResult",
    "ZIMCallInvitationCreatedEventResult",
    "ZIMCallInvitationEndedEventResult",
    "ZIMCallInvitationListQueriedResult",
    "ZIMCallInvitationMode",
    "ZIMCallInvitationQueryConfig",
    "ZIMCallInvitationReceivedEventResult",
    "ZIMCallInvitationRejectedEventResult",
    "ZIMCallInvitationSentResult",
    "ZIMCallInvitationTimeoutEventResult",
    "ZIMCallInviteConfig",
    "ZIMCallInviteesAnsweredTimeoutEventResult",
    "ZIMCallJoinConfig",
    "ZIMCallJoinSentResult",
    "ZIMCallQuitConfig",
    "ZIMCallQuitSentResult",
    "ZIMCallRejectConfig",
    "ZIMCallRejectionSentResult",
    "ZIMCallState",
    "ZIMCallUserInfo",
    "ZIMCallUserState",
    "ZIMCallUserStateChangedEventResult",
    "ZIMCallingInvitationSentResult",
    "ZIMCallingInviteConfig",
    "ZIMCombineMessage",
    "ZIMCombineMessageLiteInfo",
    "ZIMCommandMessage",
    "ZIMConnectionEvent",
    "ZIMConnectionState",
    "ZIMConnectionStateChangedEventResult",
    "ZIMConversation",
    "ZIMConversationChangeInfo",
    "ZIMConversationChangedEventResult",
    "ZIMConversationEvent",
    "ZIMConversationListQueriedResult",
    "ZIMConversationMessageReceiptChangedEventResult",
    "ZIMConversationMessageReceiptReadSentResult",
    "ZIMConversationNotificationStatus",
    "ZIMConversationNotificationStatusSetResult",
    "ZIMConversationQueryConfig",
    "ZIMConversationTotalUnreadMessageCountUpdatedEventResult",
    "ZIMConversationType",
    "ZIMConversationUnreadMessageCountClearedResult",
    "ZIMCustomMessage",
    "ZIMCustomMessageLiteInfo",
    "ZIMErrorCode",
    "ZIMErrorEventResult",
    "ZIMErrorUserInfo",
    "ZIMFileMessage",
    "ZIMFileMessageLiteInfo",
    "ZIMGroup",
    "ZIMGroupAdvancedConfig",
    "ZIMGroupAliasUpdatedEventResult",
    "ZIMGroupAttributesUpdateAction",
    "ZIMGroupAttributesUpdateInfo",
    "ZIMGroupAttributesUpdatedEventResult",
    "ZIMGroupAvatarUrlUpdatedEventResult",
    "ZIMGroupAvatarUrlUpdatedResult",
    "ZIMGroupBeInviteMode",
    "ZIMGroupCreatedResult",
    "ZIMGroupDismissedResult",
    "ZIMGroupEnterInfo",
    "ZIMGroupEvent",
    "ZIMGroupFullInfo",
    "ZIMGroupInfo",
    "ZIMGroupInfoQueriedResult",
    "ZIMGroupInviteMode",
    "ZIMGroupJoinMode",
    "ZIMGroupJoinedResult",
    "ZIMGroupLeftResult",
    "ZIMGroupListQueriedResult",
    "ZIMGroupMemberCountQueriedResult",
    "ZIMGroupMemberEvent",
    "ZIMGroupMemberInfo",
    "ZIMGroupMemberInfoQueriedResult",
    "ZIMGroupMemberInfoUpdatedEventResult",
    "ZIMGroupMemberKickedResult",
    "ZIMGroupMemberListQueriedResult",
    "ZIMGroupMemberMuteConfig",
    "ZIMGroupMemberQueryConfig",
    "ZIMGroupMemberRole",
    "ZIMGroupMemberState",
    "ZIMGroupMemberStateChangedEventResult",
    "ZIMGroupMembersMutedResult",
    "ZIMGroupMessageNotificationStatus",
    "ZIMGroupMessageReceivedEventResult",
    "ZIMGroupMuteConfig",
    "ZIMGroupMuteInfo",
    "ZIMGroupMuteMode",
    "ZIMGroupMutedInfoUpdatedEventResult",
    "ZIMGroupMutedResult",
    "ZIMGroupNameUpdatedEventResult",
    "ZIMGroupNameUpdatedResult",
    "ZIMGroupNoticeUpdatedEventResult",
    "ZIMGroupNoticeUpdatedResult",
    "ZIMGroupOperatedInfo",
    "ZIMGroupOwnerTransferredResult",
    "ZIMGroupState",
    "ZIMGroupStateChangedEventResult",
    "ZIMGroupUsersInvitedResult",
    "ZIMGroupVerifyInfo",
    "ZIMGroupVerifyInfoUpdatedEventResult",
    "ZIMImageMessage",
    "ZIMImageMessageLiteInfo",
    "ZIMLoginConfig",
    "ZIMLogoutConfig",
    "ZIMMediaMessage",
    "ZIMMediaMessageLiteInfo",
    "ZIMMessage",
    "ZIMMessageDeleteType",
    "ZIMMessageDeletedEventResult",
    "ZIMMessageDirection",
    "ZIMMessageEditedEventResult",
    "ZIMMessageLiteInfo",
    "ZIMMessageMentionedInfo",
    "ZIMMessageMentionedType",
    "ZIMMessagePriority",
    "ZIMMessageQueriedResult",
    "ZIMMessageQueryConfig",
    "ZIMMessageQueryMode",
    "ZIMMessageReaction",
    "ZIMMessageReactionUserInfo",
    "ZIMMessageReactionsChangedEventResult",
    "ZIMMessageReceiptChangedEventResult",
    "ZIMMessageReceiptInfo",
    "ZIMMessageReceiptStatus",
    "ZIMMessageReceiptsInfoQueriedResult",
    "ZIMMessageReceiptsReadSentResult",
    "ZIMMessageReceivedEventResult",
    "ZIMMessageReceivedInfo",
    "ZIMMessageRepliedInfo",
    "ZIMMessageRepliedInfoState",
    "ZIMMessageRevokeConfig",
    "ZIMMessageRevokeReceivedEventResult",
    "ZIMMessageRevokeStatus",
    "ZIMMessageRevokedResult",
    "ZIMMessageSendConfig",
    "ZIMMessageSentResult",
    "ZIMMessageSentStatus",
    "ZIMMessageSentStatusChangeInfo",
    "ZIMMessageSentStatusChangedEventResult",
    "ZIMMessageType",
    "ZIMMultipleMessage",
    "ZIMOfflinePushPrivateMessageTemplate",
    "ZIMPeerMessageReceivedEventResult",
    "ZIMPlatformType",
    "ZIMPushConfig",
    "ZIMRevokeMessage",
    "ZIMRevokeMessageLiteInfo",
    "ZIMRevokeType",
    "ZIMRoomEvent",
    "ZIMRoomMemberJoinedEventResult",
    "ZIMRoomMemberLeftEventResult",
    "ZIMRoomMessageReceivedEventResult",
    "ZIMRoomState",
    "ZIMRoomStateChangedEventResult",
    "ZIMSelfUserInfo",
    "ZIMSelfUserInfoQueriedResult",
    "ZIMTextMessage",
    "ZIMTextMessageLiteInfo",
    "ZIMTipsMessage",
    "ZIMTipsMessageEvent",
    "ZIMTokenRenewedResult",
    "ZIMTokenWillExpireEventResult",
    "ZIMUserFullInfo",
    "ZIMUserInfo",
    "ZIMUserInfoUpdatedEventResult",
    "ZIMUserOfflinePushRule",
    "ZIMUserOfflinePushRuleInfoUpdatedResult",
    "ZIMUserOnlineStatus",
    "ZIMUserRule",
    "ZIMUserRuleUpdatedEventResult",
    "ZIMUserStatus",
    "ZIMUserStatusUpdatedEventResult",
    "ZIMUsersInfoQueriedResult",
    "ZIMVideoMessage",
    "ZIMVideoMessageLiteInfo",
    "ZIMVoIPConfig",
    "ZPNsConfig",
    "ZPNsIOSEnvironment",
    "ZPNsIOSNotificationArrivedConfig",
    "ZPNsLocalMessage",
    "ZPNsMessage",
    "ZPNsNotificationChannel",
    "ZPNsPushSourceType",
    "ZPNsRegisterConfig",
    "ZPNsRegisterMessage",
    "ZPNsWebConfig",
]

#: Which module holds which names.
_NAMES: Final = {
    "call_configs": (
        "ZIMCallAcceptConfig ZIMCallCancelConfig ZIMCallEndConfig ZIMCallInviteConfig "
        "ZIMCallJoinConfig ZIMCallQuitConfig ZIMCallRejectConfig ZIMCallingInviteConfig"
    ),
    "call_events": (
        "ZIMCallInvitationAcceptedEventResult ZIMCallInvitationCancelledEventResult "
        "ZIMCallInvitationCreatedEventResult ZIMCallInvitationEndedEventResult "
        "ZIMCallInvitationReceivedEventResult ZIMCallInvitationRejectedEventResult "
        "ZIMCallInvitationTimeoutEventResult ZIMCallInviteesAnsweredTimeoutEventResult "
        "ZIMCallUserStateChangedEventResult"
    ),
    "calls": (
        "ZIMCallAcceptanceSentResult ZIMCallCancelSentResult ZIMCallEndSentResult "
        "ZIMCallInfo ZIMCallInvitationListQueriedResult ZIMCallInvitationQueryConfig "
        "ZIMCallInvitationSentResult ZIMCallJoinSentResult ZIMCallQuitSentResult "
        "ZIMCallRejectionSentResult ZIMCallUserInfo ZIMCallingInvitationSentResult"
    ),
    "codes": ("ZIMErrorCode"),
    "contents": ("ZIMBarrageMessage ZIMCombineMessage ZIMCommandMessage ZIMCustomMessage"),
    "conversations": (
        "ZIMConversation ZIMConversationChangeInfo ZIMConversationListQueriedResult "
        "ZIMConversationMessageReceiptReadSentResult "
        "ZIMConversationNotificationStatusSetResult ZIMConversationQueryConfig "
        "ZIMConversationUnreadMessageCountClearedResult ZIMMessageMentionedInfo "
        "ZIMMessageQueriedResult ZIMMessageQueryConfig ZIMMessageReceiptInfo "
        "ZIMMessageReceiptsInfoQueriedResult ZIMMessageReceiptsReadSentResult "
        "ZIMMessageReceivedInfo ZIMMessageRevokedResult ZIMMessageSentResult "
        "ZIMMessageSentStatusChangeInfo"
    ),
    "delivery": ("At AfterOpen AfterRefresh Delivery Outcome Scope Target Verdict"),
    "enums": (
        "ZIMCXHandleType ZIMCallInvitationMode ZIMCallState ZIMCallUserState "
        "ZIMConnectionEvent ZIMConnectionState ZIMConversationEvent "
        "ZIMConversationNotificationStatus ZIMConversationType "
        "ZIMGroupAttributesUpdateAction ZIMGroupBeInviteMode ZIMGroupEvent "
        "ZIMGroupInviteMode ZIMGroupJoinMode ZIMGroupMemberEvent ZIMGroupMemberRole "
        "ZIMGroupMemberState ZIMGroupMessageNotificationStatus ZIMGroupMuteMode "
        "ZIMGroupState ZIMMessageDeleteType ZIMMessageDirection ZIMMessageMentionedType "
        "ZIMMessagePriority ZIMMessageQueryMode ZIMMessageReceiptStatus "
        "ZIMMessageRepliedInfoState ZIMMessageRevokeStatus ZIMMessageSentStatus "
        "ZIMMessageType ZIMPlatformType ZIMRevokeType ZIMRoomEvent ZIMRoomState "
        "ZIMTipsMessageEvent ZIMUserOnlineStatus ZPNsIOSEnvironment ZPNsPushSourceType"
    ),
    "events": ("EVENTS ZPNS_EVENTS"),
    "group_events": (
        "ZIMGroupAliasUpdatedEventResult ZIMGroupAttributesUpdatedEventResult "
        "ZIMGroupAvatarUrlUpdatedEventResult ZIMGroupMemberInfoUpdatedEventResult "
        "ZIMGroupMemberStateChangedEventResult ZIMGroupMutedInfoUpdatedEventResult "
        "ZIMGroupNameUpdatedEventResult ZIMGroupNoticeUpdatedEventResult "
        "ZIMGroupStateChangedEventResult ZIMGroupVerifyInfoUpdatedEventResult"
    ),
    "group_results": (
        "ZIMGroupAvatarUrlUpdatedResult ZIMGroupCreatedResult ZIMGroupDismissedResult "
        "ZIMGroupInfoQueriedResult ZIMGroupJoinedResult ZIMGroupLeftResult "
        "ZIMGroupListQueriedResult ZIMGroupMemberCountQueriedResult "
        "ZIMGroupMemberInfoQueriedResult ZIMGroupMemberKickedResult "
        "ZIMGroupMemberListQueriedResult ZIMGroupMembersMutedResult ZIMGroupMutedResult "
        "ZIMGroupNameUpdatedResult ZIMGroupNoticeUpdatedResult "
        "ZIMGroupOwnerTransferredResult ZIMGroupUsersInvitedResult"
    ),
    "groups": (
        "ZIMGroup ZIMGroupAdvancedConfig ZIMGroupAttributesUpdateInfo ZIMGroupEnterInfo "
        "ZIMGroupFullInfo ZIMGroupInfo ZIMGroupMemberInfo ZIMGroupMemberMuteConfig "
        "ZIMGroupMemberQueryConfig ZIMGroupMuteConfig ZIMGroupMuteInfo "
        "ZIMGroupOperatedInfo ZIMGroupVerifyInfo"
    ),
    "lite": (
        "ZIMAudioMessageLiteInfo ZIMCombineMessageLiteInfo ZIMCustomMessageLiteInfo "
        "ZIMFileMessageLiteInfo ZIMImageMessageLiteInfo ZIMMediaMessageLiteInfo "
        "ZIMRevokeMessageLiteInfo ZIMTextMessageLiteInfo ZIMVideoMessageLiteInfo"
    ),
    "media": (
        "ZIMAudioMessage ZIMFileMessage ZIMImageMessage ZIMMediaMessage "
        "ZIMMultipleMessage ZIMRevokeMessage ZIMTipsMessage ZIMVideoMessage"
    ),
    "message_configs": ("ZIMMessageRevokeConfig ZIMMessageSendConfig"),
    "message_events": (
        "ZIMBroadcastMessageReceivedEventResult ZIMConnectionStateChangedEventResult "
        "ZIMConversationChangedEventResult "
        "ZIMConversationMessageReceiptChangedEventResult "
        "ZIMConversationTotalUnreadMessageCountUpdatedEventResult ZIMErrorEventResult "
        "ZIMGroupMessageReceivedEventResult ZIMMessageDeletedEventResult "
        "ZIMMessageEditedEventResult ZIMMessageReactionsChangedEventResult "
        "ZIMMessageReceiptChangedEventResult ZIMMessageReceivedEventResult "
        "ZIMMessageRevokeReceivedEventResult ZIMMessageSentStatusChangedEventResult "
        "ZIMPeerMessageReceivedEventResult ZIMRoomMemberJoinedEventResult "
        "ZIMRoomMemberLeftEventResult ZIMRoomMessageReceivedEventResult "
        "ZIMRoomStateChangedEventResult ZIMTokenWillExpireEventResult "
        "ZIMUserInfoUpdatedEventResult ZIMUserRuleUpdatedEventResult "
        "ZIMUserStatusUpdatedEventResult"
    ),
    "messages": (
        "ZIMMessage ZIMMessageLiteInfo ZIMMessageReaction ZIMMessageReactionUserInfo "
        "ZIMMessageRepliedInfo ZIMTextMessage"
    ),
    "notification": (
        "BUILT_IN_RESOURCES CallProfile Click DeviceToken Envelope MessageClass "
        "Notification PushEvent PushKind Resource"
    ),
    "push": ("ZIMOfflinePushPrivateMessageTemplate ZIMPushConfig ZIMVoIPConfig"),
    "sessions": ("LoggedEvent PushRecord Session"),
    "users": (
        "ZIMAppConfig ZIMErrorUserInfo ZIMLoginConfig ZIMLogoutConfig ZIMSelfUserInfo "
        "ZIMSelfUserInfoQueriedResult ZIMTokenRenewedResult ZIMUserFullInfo ZIMUserInfo "
        "ZIMUserOfflinePushRule ZIMUserOfflinePushRuleInfoUpdatedResult ZIMUserRule "
        "ZIMUserStatus ZIMUsersInfoQueriedResult"
    ),
    "zpns": (
        "ZPNsConfig ZPNsIOSNotificationArrivedConfig ZPNsLocalMessage ZPNsMessage "
        "ZPNsNotificationChannel ZPNsRegisterConfig ZPNsRegisterMessage ZPNsWebConfig"
    ),
}
_HOME: Final = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"zpns.models.{_HOME[name]}"), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
