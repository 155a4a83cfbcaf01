"""Enumerations: ZIM's numbers, and numbers that ZIM adds later."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import orjson
import pytest

from zpns import models
from zpns.models._open import OpenEnum

ENUMS: list[type[OpenEnum]] = [
    getattr(models, name) for name, home in models._HOME.items() if home in ("enums", "codes")
]
every_enum = pytest.mark.parametrize("cls", ENUMS, ids=lambda cls: cls.__name__)

#: Written from the specification, apart from the code.
NUMBERS = """
ZIMConnectionState DISCONNECTED 0, CONNECTING 1, CONNECTED 2, RECONNECTING 3
ZIMConnectionEvent SUCCESS 0, ACTIVE_LOGIN 1, LOGIN_TIMEOUT 2, LOGIN_INTERRUPTED 3, KICKED_OUT 4, TOKEN_EXPIRED 5, UNREGISTERED 6
ZIMConversationType UNKNOWN -1, PEER 0, ROOM 1, GROUP 2, COMMUNITY_CHANNEL 3
ZIMMessageType UNKNOWN 0, TEXT 1, COMMAND 2, MULTIPLE 10, IMAGE 11, FILE 12, AUDIO 13, VIDEO 14, BARRAGE 20, SYSTEM 30, REVOKE 31, TIPS 32, COMBINE 100, CUSTOM 200
ZIMMessagePriority LOW 1, MEDIUM 2, HIGH 3
ZIMMessageDirection SEND 0, RECEIVE 1
ZIMMessageSentStatus SENDING 0, SUCCESS 1, FAILED 2
ZIMMessageReceiptStatus UNKNOWN -1, NONE 0, PROCESSING 1, DONE 2, EXPIRED 3, FAILED 4, DELIVERED 5
ZIMMessageRevokeStatus UNKNOWN -1, SELF 0, SYSTEM 1, SERVER_API 2, GROUP_ADMIN 3, GROUP_OWNER 4, AUDIT_REJECT 5
ZIMRevokeType UNKNOWN -1, TWO_WAY 0, ONE_WAY 1
ZIMMessageMentionedType MENTION_ME 1, MENTION_ALL 2, MENTION_ALL_AND_ME 3
ZIMMessageRepliedInfoState NORMAL 0, DELETED 1, NOT_FOUND 2
ZIMMessageDeleteType MESSAGE_LIST_DELETED 0, CONVERSATION_ALL_MESSAGES_DELETED 1, ALL_CONVERSATION_MESSAGES_DELETED 2
ZIMConversationNotificationStatus NOTIFY 1, DO_NOT_DISTURB 2
ZIMGroupMessageNotificationStatus NOTIFY 1, DO_NOT_DISTURB 2
ZIMMessageQueryMode GENERAL 0, PREFER_SERVER 1, ONLY_LOCAL 2
ZIMConversationEvent ADDED 0, UPDATED 1, DISABLED 2, DELETED 3
ZIMCallInvitationMode UNKNOWN -1, GENERAL 0, ADVANCED 1
ZIMCallState UNKNOWN -1, STARTED 1, ENDED 2
ZIMCallUserState UNKNOWN -1, INVITING 0, ACCEPTED 1, REJECTED 2, CANCELLED 3, OFFLINE 4, RECEIVED 5, TIMEOUT 6, QUIT 7, ENDED 8, NOT_YET_RECEIVED 9, BE_CANCELLED 10
ZIMCXHandleType GENERIC 1, PHONE_NUMBER 2, EMAIL_ADDRESS 3
ZIMPlatformType WIN 1, IPHONE_OS 2, ANDROID 3, MAC_OS 4, LINUX 5, WEB 6, MINI_PROGRAM 7, IPAD_OS 9, OHOS 10, UNKNOWN 32
ZIMUserOnlineStatus ONLINE 0, OFFLINE 1, LOGOUT 2, UNKNOWN 99
ZIMGroupState QUIT 0, ENTER 1
ZIMGroupEvent UNKNOWN -1, CREATED 1, DISMISSED 2, JOINED 3, INVITED 4, LEFT 5, KICKED_OUT 6
ZIMGroupMemberState QUIT 0, ENTER 1
ZIMGroupMemberEvent UNKNOWN -1, JOINED 1, LEFT 2, KICKED_OUT 4, INVITED 5
ZIMGroupMemberRole OWNER 1, ADMIN 2, MEMBER 3
ZIMGroupJoinMode ANY 0, AUTH 1, FORBID 2
ZIMGroupInviteMode ANY 0, ADMIN 1
ZIMGroupBeInviteMode NONE 0, AUTH 1
ZIMGroupMuteMode NONE 0, NORMAL 1, ALL 2, CUSTOM 3
ZIMGroupAttributesUpdateAction SET 0, DELETE 1
ZIMRoomState DISCONNECTED 0, CONNECTING 1, CONNECTED 2
ZIMRoomEvent SUCCESS 0, NETWORK_INTERRUPTED 1, NETWORK_DISCONNECTED 2, ROOM_NOT_EXIST 3, ACTIVE_CREATE 4, CREATE_FAILED 5, ACTIVE_ENTER 6, ENTER_FAILED 7, KICKED_OUT 8, CONNECT_TIMEOUT 9, KICKED_OUT_BY_OTHER_DEVICE 10, ACTIVE_SWITCH 11, SWITCH_FAILED 12
ZIMTipsMessageEvent UNKNOWN 0, GROUP_CREATED 1, GROUP_DISMISSED 2, GROUP_JOINED 3, GROUP_INVITED 4, GROUP_LEFT 5, GROUP_KICKED_OUT 6, GROUP_INFO_CHANGED 7, GROUP_MEMBER_INFO_CHANGED 8, GROUP_MESSAGE_PINNED 9
ZPNsIOSEnvironment PRODUCTION 0, DEVELOPMENT 1, AUTOMATIC 2
ZPNsPushSourceType APNS 1, FCM 2, HUAWEI 3, XIAOMI 4, OPPO 5, VIVO 6
"""
TABLE = {
    name: dict(entry.split() for entry in members.split(", "))
    for name, _, members in (line.partition(" ") for line in NUMBERS.strip().splitlines())
}


def test_table_has_every_enum() -> None:
    """No enum goes unlooked at; the error codes have a test of their own."""
    assert {*TABLE, "ZIMErrorCode"} == {cls.__name__ for cls in ENUMS}


@every_enum
def test_members_have_zims_numbers(cls: type[OpenEnum]) -> None:
    """Names and numbers are those of the specification."""
    if cls is not models.ZIMErrorCode:
        members = {name: str(member.value) for name, member in cls.__members__.items()}
        assert TABLE[cls.__name__] == members


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (0, "SUCCESS"),
        (1, "FAILED"),
        (6000001, "COMMON_MODULE_PARAMS_INVALID"),
        (6000004, "COMMON_MODULE_TRIGGER_SDK_FREQUENCY_LIMIT"),
        (6000103, "NETWORK_MODULE_TOKEN_INVALID"),
        (6000121, "NETWORK_MODULE_USER_IS_NOT_LOGGED"),
        (6000204, "MESSAGE_MODULE_TARGET_DOES_NOT_EXIST"),
        (6000271, "CALL_MODULE_CANCEL_ERROR"),
        (6000272, "CALL_MODULE_SERVER_ERROR"),
        (6000273, "CALL_MODULE_IS_NOT_INVITOR"),
        (6000274, "CALL_MODULE_IS_NOT_INVITEE"),
        (6000275, "CALL_MODULE_ALREADY_EXISTS"),
        (6000276, "CALL_MODULE_DOES_NOT_EXIST"),
        (6000281, "CALL_MODULE_INVITE_USER_DOES_NOT_EXIST"),
        (6000283, "CALL_MODULE_USER_ALREADY_IN_THE_CALL"),
        (6000286, "MESSAGE_MODULE_MESSAGE_EXCEEDS_EDIT_TIME"),
        (6000286, "CALL_MODULE_GENERAL_MODE_UNSUPPORTED"),
        (6000401, "ZPNS_MODULE_PUSH_ID_INVALID"),
        (6000521, "GROUP_MODULE_USER_IS_NOT_IN_THE_GROUP"),
        (6000541, "GROUP_MODULE_NO_CORRESPONDING_OPERATION_AUTHORITY"),
        (6000812, "FRIEND_MODULE_NOT_YOUR_FRIEND"),
    ],
)
def test_error_code_has_zims_name(code: int, name: str) -> None:
    """The codes that zpns raises are found by ZIM's names."""
    assert code == models.ZIMErrorCode[name]


@every_enum
@pytest.mark.parametrize("number", [77_000, -9])
def test_unknown_number_is_an_unnamed_member(cls: type[OpenEnum], number: int) -> None:
    """A number that ZIM adds later is a member that behaves as that number."""
    member = cls(number)

    assert number == member == member.value
    assert hash(number) == hash(member)
    assert f"UNKNOWN_{number}" == member.name
    assert isinstance(member, cls)
    assert not member.is_known
    assert member not in list(cls)
    assert member == cls(number)


@every_enum
def test_every_named_member_is_known(cls: type[OpenEnum]) -> None:
    """Members with a name are known, second names included."""
    assert all(member.is_known for member in cls.__members__.values())


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(models.ZIMCallState.ENDED, id="known"),
        pytest.param(models.ZIMCallState(77), id="unknown"),
    ],
)
def test_member_survives_pickle_copy_and_json(member: OpenEnum) -> None:
    """A member crosses processes and formats as its number, known or not."""
    again: Any = pickle.loads(pickle.dumps(member))

    assert (member, type(member)) == (again, type(again))
    assert member == copy.copy(member) == copy.deepcopy(member)
    assert str(member.value) == json.dumps(member) == orjson.dumps(member).decode()
    assert str(member.value) == str(member) == f"{member}"


@pytest.mark.parametrize("value", ["1", 1.5, None, b"1"])
def test_what_is_no_number_is_no_member(value: Any) -> None:
    """Only an integer can be an unknown number."""
    with pytest.raises(ValueError):
        models.ZIMCallState(value)
