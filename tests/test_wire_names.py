"""
Every field of every model with its name outside, written out.

A rename shows up here as a line that somebody has to read. A field is written as
``name=wireName<olderName``: the name outside is left out where it is the same, and older
names are read but never written. Fields a class inherits stand with its base.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from zpns import models, wire

TABLE = """
ZIMAppConfig: app_id=appID app_sign=appSign
ZIMAudioMessage(ZIMMediaMessage): type file_size=fileSize audio_duration=audioDuration
ZIMAudioMessageLiteInfo(ZIMMediaMessageLiteInfo): type file_size=fileSize
    audio_duration=audioDuration
ZIMBarrageMessage(ZIMMessage): type message
ZIMBroadcastMessageReceivedEventResult: message
ZIMCallAcceptConfig: extended_data=extendedData
ZIMCallAcceptanceSentResult: call_id=callID
ZIMCallCancelConfig: extended_data=extendedData push_config=pushConfig
ZIMCallCancelSentResult: call_id=callID error_invitees=errorInvitees
ZIMCallEndConfig: extended_data=extendedData push_config=pushConfig
ZIMCallEndSentResult: call_id=callID create_time=createTime accept_time=acceptTime
    end_time=endTime
ZIMCallInfo: call_id=callID caller inviter create_time=createTime end_time=endTime state mode
    extended_data=extendedData call_user_list=callUserList
ZIMCallInvitationAcceptedEventResult: call_id=callID invitee extended_data=extendedData
ZIMCallInvitationCancelledEventResult: call_id=callID mode inviter extended_data=extendedData
ZIMCallInvitationCreatedEventResult: call_id=callID mode caller extended_data=extendedData timeout
    create_time=createTime call_user_list=callUserList
ZIMCallInvitationEndedEventResult: call_id=callID mode caller operated_user_id=operatedUserID
    extended_data=extendedData end_time=endTime
ZIMCallInvitationListQueriedResult: call_list=callList next_flag=nextFlag
ZIMCallInvitationQueryConfig: count next_flag=nextFlag
ZIMCallInvitationReceivedEventResult: call_id=callID mode caller inviter
    extended_data=extendedData timeout create_time=createTime call_user_list=callUserList
ZIMCallInvitationRejectedEventResult: call_id=callID invitee extended_data=extendedData
ZIMCallInvitationSentResult: call_id=callID timeout error_user_list=errorUserList<errorInvitees
ZIMCallInvitationTimeoutEventResult: call_id=callID mode
ZIMCallInviteConfig: timeout mode extended_data=extendedData
    enable_not_received_check=enableNotReceivedCheck push_config=pushConfig
ZIMCallInviteesAnsweredTimeoutEventResult: call_id=callID invitees
ZIMCallJoinConfig: extended_data=extendedData
ZIMCallJoinSentResult: call_id=callID create_time=createTime join_time=joinTime
    extended_data=extendedData call_user_list=callUserList
ZIMCallQuitConfig: extended_data=extendedData push_config=pushConfig
ZIMCallQuitSentResult: call_id=callID create_time=createTime accept_time=acceptTime
    quit_time=quitTime
ZIMCallRejectConfig: extended_data=extendedData
ZIMCallRejectionSentResult: call_id=callID
ZIMCallUserInfo: user_id=userID state extended_data=extendedData
ZIMCallUserStateChangedEventResult: call_id=callID call_user_list=callUserList
ZIMCallingInvitationSentResult: call_id=callID error_user_list=errorUserList<errorInvitees
ZIMCallingInviteConfig: push_config=pushConfig
ZIMCombineMessage(ZIMMessage): type title summary combine_id=combineID message_list=messageList
ZIMCombineMessageLiteInfo(ZIMMessageLiteInfo): type title summary
ZIMCommandMessage(ZIMMessage): type message
ZIMConnectionStateChangedEventResult: state event extended_data=extendedData
ZIMConversation: conversation_id=conversationID type conversation_name=conversationName
    conversation_alias=conversationAlias conversation_avatar_url=conversationAvatarUrl
    notification_status=notificationStatus unread_message_count=unreadMessageCount
    read_message_seq=readMessageSeq last_message=lastMessage order_key=orderKey is_pinned=isPinned
    pinned_time=pinnedTime mentioned_info_list=mentionedInfoList draft marks
ZIMConversationChangeInfo: action<event conversation
ZIMConversationChangedEventResult: info_list=infoList
ZIMConversationListQueriedResult: conversation_list=conversationList
ZIMConversationMessageReceiptChangedEventResult: infos
ZIMConversationMessageReceiptReadSentResult: conversation_id=conversationID
    conversation_type=conversationType
ZIMConversationNotificationStatusSetResult: conversation_id=conversationID
    conversation_type=conversationType
ZIMConversationQueryConfig: count next_conversation=nextConversation
ZIMConversationTotalUnreadMessageCountUpdatedEventResult:
    total_unread_message_count=totalUnreadMessageCount
ZIMConversationUnreadMessageCountClearedResult: conversation_id=conversationID
    conversation_type=conversationType
ZIMCustomMessage(ZIMMessage): type message sub_type=subType searched_content=searchedContent
ZIMCustomMessageLiteInfo(ZIMMessageLiteInfo): type message sub_type=subType
    searched_content=searchedContent
ZIMErrorEventResult: code message
ZIMErrorUserInfo: user_id=userID reason
ZIMFileMessage(ZIMMediaMessage): type file_size=fileSize
ZIMFileMessageLiteInfo(ZIMMediaMessageLiteInfo): type file_size=fileSize
ZIMGroup: base_info=baseInfo group_alias=groupAlias notification_status=notificationStatus
ZIMGroupAdvancedConfig: group_notice=groupNotice group_attributes=groupAttributes
    max_member_count=maxMemberCount join_mode=joinMode invite_mode=inviteMode
    be_invite_mode=beInviteMode
ZIMGroupAliasUpdatedEventResult: group_id=groupID group_alias=groupAlias
    operated_user_id=operatedUserID
ZIMGroupAttributesUpdateInfo: action group_attributes=groupAttributes
ZIMGroupAttributesUpdatedEventResult: group_id=groupID info_list=infoList
    operated_info=operatedInfo
ZIMGroupAvatarUrlUpdatedEventResult: group_id=groupID group_avatar_url=groupAvatarUrl
    operated_info=operatedInfo
ZIMGroupAvatarUrlUpdatedResult: group_id=groupID group_avatar_url=groupAvatarUrl
ZIMGroupCreatedResult: group_info=groupInfo user_list=userList error_user_list=errorUserList
ZIMGroupDismissedResult: group_id=groupID
ZIMGroupEnterInfo: enter_time=enterTime enter_type=enterType operated_user=operatedUser
ZIMGroupFullInfo: base_info=baseInfo group_notice=groupNotice group_attributes=groupAttributes
    group_alias=groupAlias notification_status=notificationStatus muted_info=mutedInfo
    create_time=createTime max_member_count=maxMemberCount verify_info=verifyInfo
ZIMGroupInfo: group_id=groupID group_name=groupName group_avatar_url=groupAvatarUrl
ZIMGroupInfoQueriedResult: group_info=groupInfo
ZIMGroupJoinedResult: group_info=groupInfo
ZIMGroupLeftResult: group_id=groupID
ZIMGroupListQueriedResult: group_list=groupList
ZIMGroupMemberCountQueriedResult: group_id=groupID count
ZIMGroupMemberInfo(ZIMUserInfo): member_nickname=memberNickname member_role=memberRole
    member_avatar_url=memberAvatarUrl mute_expired_time=muteExpiredTime
    group_enter_info=groupEnterInfo
ZIMGroupMemberInfoQueriedResult: group_id=groupID user_info=userInfo
ZIMGroupMemberInfoUpdatedEventResult: group_id=groupID user_list=userList
    operated_info=operatedInfo
ZIMGroupMemberKickedResult: group_id=groupID kicked_user_ids=kickedUserIDs
    error_user_list=errorUserList
ZIMGroupMemberListQueriedResult: group_id=groupID user_list=userList next_flag=nextFlag
ZIMGroupMemberMuteConfig: duration
ZIMGroupMemberQueryConfig: count next_flag=nextFlag
ZIMGroupMemberStateChangedEventResult: group_id=groupID state event user_list=userList
    operated_info=operatedInfo
ZIMGroupMembersMutedResult: group_id=groupID is_mute=isMute duration
    muted_member_ids=mutedMemberIDs error_user_list=errorUserList
ZIMGroupMessageReceivedEventResult: message_list=messageList
    from_conversation_id=fromConversationID info
ZIMGroupMuteConfig: mode duration roles
ZIMGroupMuteInfo: mode expired_time=expiredTime roles
ZIMGroupMutedInfoUpdatedEventResult: group_id=groupID muted_info=mutedInfo
    operated_info=operatedInfo
ZIMGroupMutedResult: group_id=groupID is_mute=isMute muted_info=mutedInfo
ZIMGroupNameUpdatedEventResult: group_id=groupID group_name=groupName operated_info=operatedInfo
ZIMGroupNameUpdatedResult: group_id=groupID group_name=groupName
ZIMGroupNoticeUpdatedEventResult: group_id=groupID group_notice=groupNotice
    operated_info=operatedInfo
ZIMGroupNoticeUpdatedResult: group_id=groupID group_notice=groupNotice
ZIMGroupOperatedInfo: user_id=userID user_name=userName member_nickname=memberNickname
    member_role=memberRole
ZIMGroupOwnerTransferredResult: group_id=groupID to_user_id=toUserID
ZIMGroupStateChangedEventResult: state event operated_info=operatedInfo group_info=groupInfo
ZIMGroupUsersInvitedResult: group_id=groupID user_list=userList error_user_list=errorUserList
ZIMGroupVerifyInfo: join_mode=joinMode invite_mode=inviteMode be_invite_mode=beInviteMode
ZIMGroupVerifyInfoUpdatedEventResult: group_id=groupID verify_info=verifyInfo
    operated_info=operatedInfo
ZIMImageMessage(ZIMMediaMessage): type file_size=fileSize thumbnail_local_path=thumbnailLocalPath
    thumbnail_download_url=thumbnailDownloadUrl large_image_local_path=largeImageLocalPath
    large_image_download_url=largeImageDownloadUrl original_image_width=originalImageWidth
    original_image_height=originalImageHeight thumbnail_width=thumbnailWidth
    thumbnail_height=thumbnailHeight large_image_width=largeImageWidth
    large_image_height=largeImageHeight
ZIMImageMessageLiteInfo(ZIMMediaMessageLiteInfo): type file_size=fileSize
    thumbnail_local_path=thumbnailLocalPath thumbnail_download_url=thumbnailDownloadUrl
    large_image_local_path=largeImageLocalPath large_image_download_url=largeImageDownloadUrl
    original_image_width=originalImageWidth original_image_height=originalImageHeight
    thumbnail_width=thumbnailWidth thumbnail_height=thumbnailHeight
    large_image_width=largeImageWidth large_image_height=largeImageHeight
ZIMLoginConfig: user_name=userName token is_offline_login=isOfflineLogin
    custom_status=customStatus custom_status_duration=customStatusDuration
ZIMLogoutConfig: is_clear_db=isClearDB
ZIMMediaMessage(ZIMMessage): file_local_path=fileLocalPath file_download_url=fileDownloadUrl
    file_uid=fileUID file_name=fileName file_size=fileSize
ZIMMediaMessageLiteInfo(ZIMMessageLiteInfo): file_local_path=fileLocalPath
    file_download_url=fileDownloadUrl file_name=fileName file_size=fileSize
ZIMMessage: type message_id=messageID local_message_id=localMessageID message_seq=messageSeq
    sender_user_id=senderUserID conversation_id=conversationID conversation_type=conversationType
    direction sent_status=sentStatus timestamp order_key=orderKey is_user_inserted=isUserInserted
    receipt_status=receiptStatus extended_data=extendedData local_extended_data=localExtendedData
    reactions is_broadcast_message=isBroadcastMessage mentioned_user_ids=mentionedUserIDs
    is_mention_all=isMentionAll replied_info=repliedInfo root_replied_count=rootRepliedCount
    is_server_message=isServerMessage editor_user_id=editorUserID edited_time=editedTime
    is_group_targeted_message=isGroupTargetedMessage pinned_user_id=pinnedUserID
    pinned_time=pinnedTime
ZIMMessageDeletedEventResult: conversation_id=conversationID conversation_type=conversationType
    message_delete_type=messageDeleteType message_list=messageList
ZIMMessageEditedEventResult: message_list=messageList
ZIMMessageLiteInfo: type
ZIMMessageMentionedInfo: type from_user_id=fromUserID message_id=messageID message_seq=messageSeq
ZIMMessageQueriedResult: conversation_id=conversationID conversation_type=conversationType
    message_list=messageList
ZIMMessageQueryConfig: count next_message=nextMessage reverse mode
ZIMMessageReaction: reaction_type=reactionType conversation_id=conversationID
    conversation_type=conversationType message_id=messageID total_count=totalCount
    is_self_included=isSelfIncluded user_list=userList
ZIMMessageReactionUserInfo: user_id=userID
ZIMMessageReactionsChangedEventResult: reactions
ZIMMessageReceiptChangedEventResult: infos
ZIMMessageReceiptInfo: message_id=messageID conversation_id=conversationID
    conversation_type=conversationType status read_member_count=readMemberCount
    unread_member_count=unreadMemberCount is_self_operated=isSelfOperated read_time=readTime
ZIMMessageReceiptsInfoQueriedResult: infos error_message_ids=errorMessageIDs
ZIMMessageReceiptsReadSentResult: conversation_id=conversationID
    conversation_type=conversationType error_message_ids=errorMessageIDs
ZIMMessageReceivedEventResult: message_list=messageList conversation_id=conversationID
    conversation_type=conversationType info
ZIMMessageReceivedInfo: is_offline_message=isOfflineMessage conversation_id=conversationID
    conversation_type=conversationType
ZIMMessageRepliedInfo: message_id=messageID message_seq=messageSeq sender_user_id=senderUserID
    sent_time=sentTime state message_info=messageInfo root_message_id=rootMessageID
    root_message_seq=rootMessageSeq
ZIMMessageRevokeConfig: revoke_extended_data=revokeExtendedData push_config=pushConfig
ZIMMessageRevokeReceivedEventResult: message_list=messageList
ZIMMessageRevokedResult: message
ZIMMessageSendConfig: priority push_config=pushConfig has_receipt=hasReceipt
    is_notify_mentioned_users=isNotifyMentionedUsers is_retry_send=isRetrySend
    disable_unread_message_count=disableUnreadMessageCount
    is_allow_multiple_message_partial_failed=isAllowMultipleMessagePartialFailed
ZIMMessageSentResult: message
ZIMMessageSentStatusChangeInfo: status message reason
ZIMMessageSentStatusChangedEventResult: infos
ZIMMultipleMessage(ZIMMessage): type message_info_list=messageInfoList
    failed_index_list=failedIndexList
ZIMOfflinePushPrivateMessageTemplate: template_id=templateID title_parameters=titleParameters
    content_parameters=contentParameters
ZIMPeerMessageReceivedEventResult: message_list=messageList
    from_conversation_id=fromConversationID info
ZIMPushConfig: title content payload<extendedData resources_id=resourcesID<resourceID
    thread_id=threadID enable_badge=enableBadge badge_increment=badgeIncrement
    voip_config=voIPConfig private_message_template=privateMessageTemplate
ZIMRevokeMessage(ZIMMessage): type revoke_type=revokeType revoke_status=revokeStatus
    revoke_timestamp=revokeTimestamp operated_user_id=operatedUserID
    revoke_extended_data=revokeExtendedData original_message_type=originalMessageType
    original_text_message_content=originalTextMessageContent
ZIMRevokeMessageLiteInfo(ZIMMessageLiteInfo): type
ZIMRoomMemberJoinedEventResult: room_id=roomID member_list=memberList
ZIMRoomMemberLeftEventResult: room_id=roomID member_list=memberList
ZIMRoomMessageReceivedEventResult: message_list=messageList
    from_conversation_id=fromConversationID info
ZIMRoomStateChangedEventResult: room_id=roomID state event extended_data=extendedData
ZIMSelfUserInfo: user_full_info=userFullInfo user_rule=userRule user_status=userStatus
ZIMSelfUserInfoQueriedResult: self_user_info=selfUserInfo
ZIMTextMessage(ZIMMessage): type message
ZIMTextMessageLiteInfo(ZIMMessageLiteInfo): type message
ZIMTipsMessage(ZIMMessage): type event operated_user=operatedUser target_user_list=targetUserList
ZIMTokenRenewedResult: token
ZIMTokenWillExpireEventResult: second
ZIMUserFullInfo: base_info=baseInfo user_avatar_url=userAvatarUrl extended_data=extendedData
ZIMUserInfo: user_id=userID user_name=userName user_avatar_url=userAvatarUrl
    user_extended_data=userExtendedData
ZIMUserInfoUpdatedEventResult: info
ZIMUserOfflinePushRule: online_platforms=onlinePlatforms
    not_to_receive_offline_push_platforms=notToReceiveOfflinePushPlatforms
ZIMUserOfflinePushRuleInfoUpdatedResult: offline_push_rule=offlinePushRule
ZIMUserRule: offline_push_rule=offlinePushRule
ZIMUserRuleUpdatedEventResult: user_rule=userRule
ZIMUserStatus: user_id=userID online_status=onlineStatus online_platforms=onlinePlatforms
    custom_status=customStatus custom_status_expired_time=customStatusExpiredTime
    last_update_time=lastUpdateTime last_online_status_update_time=lastOnlineStatusUpdateTime
    last_custom_status_update_time=lastCustomStatusUpdateTime
ZIMUserStatusUpdatedEventResult: user_status_list=userStatusList
ZIMUsersInfoQueriedResult: user_list=userList error_user_list=errorUserList
ZIMVideoMessage(ZIMMediaMessage): type file_size=fileSize video_duration=videoDuration
    video_first_frame_local_path=videoFirstFrameLocalPath
    video_first_frame_download_url=videoFirstFrameDownloadUrl
    video_first_frame_width=videoFirstFrameWidth video_first_frame_height=videoFirstFrameHeight
ZIMVideoMessageLiteInfo(ZIMMediaMessageLiteInfo): type file_size=fileSize
    video_duration=videoDuration video_first_frame_local_path=videoFirstFrameLocalPath
    video_first_frame_download_url=videoFirstFrameDownloadUrl
    video_first_frame_width=videoFirstFrameWidth video_first_frame_height=videoFirstFrameHeight
ZIMVoIPConfig: ios_voip_handle_type=iOSVoIPHandleType ios_voip_handle_value=iOSVoIPHandleValue
    ios_voip_has_video=iOSVoIPHasVideo
ZPNsConfig: app_type=appType enable_fcm_push=enableFCMPush enable_hw_push=enableHWPush
    enable_mi_push=enableMiPush enable_oppo_push=enableOppoPush enable_vivo_push=enableVivoPush
    enable_hw_badge=enableHWBadge<enableHwBadge mi_app_id=miAppID mi_app_key=miAppKey
    oppo_app_id=oppoAppID oppo_app_secret=oppoAppSecret oppo_app_key=oppoAppKey
    vivo_app_id=vivoAppID vivo_app_key=vivoAppKey hw_app_id=hwAppID
ZPNsIOSNotificationArrivedConfig: is_present_badge=isPresentBadge is_present_sound=isPresentSound
    is_present_alert=isPresentAlert
ZPNsLocalMessage: title content payload channel_id=channelID ios_sound=iOSSound
    android_sound=androidSound
ZPNsMessage: title content extras<extra payload push_source_type=pushSourceType
ZPNsNotificationChannel: channel_id=channelID channel_name=channelName android_sound=androidSound
ZPNsRegisterConfig: enable_ios_voip=enableIOSVoIP ios_environment=iOSEnvironment
    ios_notification_arrived_config=iOSNotificationArrivedConfig web_config=webConfig
ZPNsRegisterMessage: push_id=pushID error_code=errorCode error_message=errorMessage<msg
    push_source_type=pushSourceType device_token=deviceToken
ZPNsWebConfig: api_key=apiKey auth_domain=authDomain project_id=projectId
    storage_bucket=storageBucket messaging_sender_id=messagingSenderId app_id=appId
    measurement_id=measurementId vapid_key=vapidKey
"""

MODELS: list[type[Any]] = [
    getattr(models, name)
    for name, home in sorted(models._HOME.items())
    if home not in ("delivery", "notification", "sessions", "events", "enums", "codes")
]
every_model = pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.__name__)


def _rows() -> dict[str, list[str]]:
    entries = TABLE.replace("\n    ", " ").strip().splitlines()
    return {head: fields.split() for head, _, fields in (line.partition(":") for line in entries)}


ROWS = _rows()


def _head(cls: type[Any]) -> str:
    base = cls.__mro__[1]
    return f"{cls.__name__}({base.__name__})" if attrs.has(base) else cls.__name__


def _written(cls: type[Any]) -> list[str]:
    names = wire.wire_names(cls)
    return [
        field.name
        + ("" if names[field.name] == field.name else f"={names[field.name]}")
        + "".join(f"<{older}" for older in field.metadata.get("also", ()))
        for field in attrs.fields(cls)
        if not field.inherited
    ]


def test_table_has_every_model_and_no_other() -> None:
    """A new model is written into the table, a removed one taken out."""
    assert sorted(map(_head, MODELS)) == sorted(ROWS)


@every_model
def test_fields_are_spelled_as_in_the_table(cls: type[Any]) -> None:
    """Each field's names are those of the table, in order."""
    assert ROWS[_head(cls)] == _written(cls)


@every_model
def test_names_outside_are_injective(cls: type[Any]) -> None:
    """No two fields of a model meet under one name, older names included."""
    names = list(wire.wire_names(cls).values())
    older = [name for field in attrs.fields(cls) for name in field.metadata.get("also", ())]

    assert len({*names, *older}) == len(names) + len(older)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param("resources_id", "resourcesID", id="id-at-the-end"),
        pytest.param("id", "id", id="id-alone"),
        pytest.param("ios_voip_handle_type", "iOSVoIPHandleType", id="ios-opens"),
        pytest.param("enable_ios_voip", "enableIOSVoIP", id="ios-inside"),
        pytest.param("voip_config", "voIPConfig", id="voip-opens"),
        pytest.param("mentioned_user_ids", "mentionedUserIDs", id="ids"),
        pytest.param("file_uid", "fileUID", id="uid"),
        pytest.param("enable_fcm_push", "enableFCMPush", id="fcm"),
        pytest.param("enable_hw_push", "enableHWPush", id="hw-inside"),
        pytest.param("hw_app_id", "hwAppID", id="hw-opens"),
        pytest.param("is_clear_db", "isClearDB", id="db"),
        pytest.param("user_avatar_url", "userAvatarUrl", id="url-is-a-word"),
        pytest.param("timeout", "timeout", id="one-word"),
    ],
)
def test_wire_name_follows_zim(field: str, expected: str) -> None:
    """One rule and a short list of spellings give ZIM's name."""
    assert expected == wire.wire_name(field)
