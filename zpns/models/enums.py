"""
ZIM's and ZPNs' enumerations, with their numbers.

Names and numbers: ZIM and ZPNs type declarations and API reference. Every class is
open: see :class:`OpenEnum`. The error codes are in ``codes.py``.
"""

from __future__ import annotations

from zpns.models._open import OpenEnum

__all__ = [
    "ZIMCXHandleType",
    "ZIMCallInvitationMode",
    "ZIMCallState",
    "ZIMCallUserState",
    "ZIMConnectionEvent",
    "ZIMConnectionState",
    "ZIMConversationEvent",
    "ZIMConversationNotificationStatus",
    "ZIMConversationType",
    "ZIMGroupAttributesUpdateAction",
    "ZIMGroupBeInviteMode",
    "ZIMGroupEvent",
    "ZIMGroupInviteMode",
    "ZIMGroupJoinMode",
    "ZIMGroupMemberEvent",
    "ZIMGroupMemberRole",
    "ZIMGroupMemberState",
    "ZIMGroupMessageNotificationStatus",
    "ZIMGroupMuteMode",
    "ZIMGroupState",
    "ZIMMessageDeleteType",
    "ZIMMessageDirection",
    "ZIMMessageMentionedType",
    "ZIMMessagePriority",
    "ZIMMessageQueryMode",
    "ZIMMessageReceiptStatus",
    "ZIMMessageRepliedInfoState",
    "ZIMMessageRevokeStatus",
    "ZIMMessageSentStatus",
    "ZIMMessageType",
    "ZIMPlatformType",
    "ZIMRevokeType",
    "ZIMRoomEvent",
    "ZIMRoomState",
    "ZIMTipsMessageEvent",
    "ZIMUserOnlineStatus",
    "ZPNsIOSEnvironment",
    "ZPNsPushSourceType",
]


class ZIMConnectionState(OpenEnum):
    """Where the connection of a logged-in user stands."""

    DISCONNECTED = 0
    CONNECTING = 1
    CONNECTED = 2
    RECONNECTING = 3


class ZIMConnectionEvent(OpenEnum):
    """Why the connection state changed."""

    SUCCESS = 0
    ACTIVE_LOGIN = 1
    LOGIN_TIMEOUT = 2
    LOGIN_INTERRUPTED = 3
    KICKED_OUT = 4
    TOKEN_EXPIRED = 5
    UNREGISTERED = 6


class ZIMConversationType(OpenEnum):
    """What a message is sent to."""

    UNKNOWN = -1
    PEER = 0
    ROOM = 1
    GROUP = 2
    COMMUNITY_CHANNEL = 3


class ZIMMessageType(OpenEnum):
    """What a message holds; it decides the class of the message."""

    UNKNOWN = 0
    TEXT = 1
    COMMAND = 2
    MULTIPLE = 10
    IMAGE = 11
    FILE = 12
    AUDIO = 13
    VIDEO = 14
    BARRAGE = 20
    SYSTEM = 30  # deprecated by ZIM; it has no class of its own here
    REVOKE = 31
    TIPS = 32
    COMBINE = 100
    CUSTOM = 200


class ZIMMessagePriority(OpenEnum):
    """How urgent a message is; there is no 0."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class ZIMMessageDirection(OpenEnum):
    """Whether the user sent or received a message."""

    SEND = 0
    RECEIVE = 1


class ZIMMessageSentStatus(OpenEnum):
    """How far the sending of a message got."""

    SENDING = 0
    SUCCESS = 1
    FAILED = 2


class ZIMMessageReceiptStatus(OpenEnum):
    """How far the receipt of a message got."""

    UNKNOWN = -1
    NONE = 0
    PROCESSING = 1
    DONE = 2
    EXPIRED = 3
    FAILED = 4
    DELIVERED = 5  # ZIM 3.1 and later


class ZIMMessageRevokeStatus(OpenEnum):
    """Who revoked a message."""

    UNKNOWN = -1
    SELF = 0
    SYSTEM = 1
    SERVER_API = 2
    GROUP_ADMIN = 3
    GROUP_OWNER = 4
    AUDIT_REJECT = 5


class ZIMRevokeType(OpenEnum):
    """For whom a message was revoked."""

    UNKNOWN = -1
    TWO_WAY = 0
    ONE_WAY = 1


class ZIMMessageMentionedType(OpenEnum):
    """How a message mentions the user."""

    MENTION_ME = 1
    MENTION_ALL = 2
    MENTION_ALL_AND_ME = 3


class ZIMMessageRepliedInfoState(OpenEnum):
    """Whether the message that was answered is still there."""

    NORMAL = 0
    DELETED = 1
    NOT_FOUND = 2


class ZIMMessageDeleteType(OpenEnum):
    """How much was deleted."""

    MESSAGE_LIST_DELETED = 0
    CONVERSATION_ALL_MESSAGES_DELETED = 1
    ALL_CONVERSATION_MESSAGES_DELETED = 2


class ZIMConversationNotificationStatus(OpenEnum):
    """Whether a conversation may disturb its user."""

    NOTIFY = 1
    DO_NOT_DISTURB = 2


class ZIMGroupMessageNotificationStatus(OpenEnum):
    """Whether a group may disturb its member; ZIM before 3.0 calls 2 *Disturb*."""

    NOTIFY = 1
    DO_NOT_DISTURB = 2


class ZIMMessageQueryMode(OpenEnum):
    """Where the history of a conversation is read."""

    GENERAL = 0
    PREFER_SERVER = 1
    ONLY_LOCAL = 2


class ZIMConversationEvent(OpenEnum):
    """What happened to a conversation."""

    ADDED = 0
    UPDATED = 1
    DISABLED = 2
    DELETED = 3


class ZIMCallInvitationMode(OpenEnum):
    """Whether a call is over once it is answered (general) or can be joined and left."""

    UNKNOWN = -1
    GENERAL = 0
    ADVANCED = 1


class ZIMCallState(OpenEnum):
    """Where a call stands; there is no 0."""

    UNKNOWN = -1
    STARTED = 1
    ENDED = 2


class ZIMCallUserState(OpenEnum):
    """Where one user of a call stands."""

    UNKNOWN = -1
    INVITING = 0
    ACCEPTED = 1
    REJECTED = 2
    CANCELLED = 3
    OFFLINE = 4  # of old SDKs
    RECEIVED = 5
    TIMEOUT = 6
    QUIT = 7
    ENDED = 8
    NOT_YET_RECEIVED = 9
    BE_CANCELLED = 10


class ZIMCXHandleType(OpenEnum):
    """What the handle of a VoIP push is, with Apple's numbers; there is no 0."""

    GENERIC = 1
    PHONE_NUMBER = 2
    EMAIL_ADDRESS = 3


class ZIMPlatformType(OpenEnum):
    """What a user is logged in with; there is no 8."""

    WIN = 1
    IPHONE_OS = 2
    ANDROID = 3
    MAC_OS = 4
    LINUX = 5
    WEB = 6
    MINI_PROGRAM = 7
    IPAD_OS = 9
    OHOS = 10
    UNKNOWN = 32


class ZIMUserOnlineStatus(OpenEnum):
    """Whether a user is there."""

    ONLINE = 0
    OFFLINE = 1
    LOGOUT = 2
    UNKNOWN = 99


class ZIMGroupState(OpenEnum):
    """Whether I am in the group."""

    QUIT = 0
    ENTER = 1


class ZIMGroupEvent(OpenEnum):
    """Why my being in the group changed."""

    UNKNOWN = -1
    CREATED = 1
    DISMISSED = 2
    JOINED = 3
    INVITED = 4
    LEFT = 5
    KICKED_OUT = 6


class ZIMGroupMemberState(OpenEnum):
    """Whether a member is in the group."""

    QUIT = 0
    ENTER = 1


class ZIMGroupMemberEvent(OpenEnum):
    """Why a member's being in the group changed; there is no 3."""

    UNKNOWN = -1
    JOINED = 1
    LEFT = 2
    KICKED_OUT = 4
    INVITED = 5


class ZIMGroupMemberRole(OpenEnum):
    """What a member may do; an app's own roles are best 100 to 255."""

    OWNER = 1
    ADMIN = 2
    MEMBER = 3


class ZIMGroupJoinMode(OpenEnum):
    """Who may join a group."""

    ANY = 0
    AUTH = 1
    FORBID = 2


class ZIMGroupInviteMode(OpenEnum):
    """Who may invite into a group."""

    ANY = 0
    ADMIN = 1


class ZIMGroupBeInviteMode(OpenEnum):
    """Whether whoever is invited into a group is asked first."""

    NONE = 0
    AUTH = 1


class ZIMGroupMuteMode(OpenEnum):
    """Who may not speak in a group."""

    NONE = 0
    NORMAL = 1
    ALL = 2
    CUSTOM = 3


class ZIMGroupAttributesUpdateAction(OpenEnum):
    """Whether attributes of a group were set or removed."""

    SET = 0
    DELETE = 1


class ZIMRoomState(OpenEnum):
    """Whether I am in the room."""

    DISCONNECTED = 0
    CONNECTING = 1
    CONNECTED = 2


class ZIMRoomEvent(OpenEnum):
    """Why my being in the room changed."""

    SUCCESS = 0
    NETWORK_INTERRUPTED = 1
    NETWORK_DISCONNECTED = 2
    ROOM_NOT_EXIST = 3
    ACTIVE_CREATE = 4
    CREATE_FAILED = 5
    ACTIVE_ENTER = 6
    ENTER_FAILED = 7
    KICKED_OUT = 8
    CONNECT_TIMEOUT = 9
    KICKED_OUT_BY_OTHER_DEVICE = 10
    ACTIVE_SWITCH = 11
    SWITCH_FAILED = 12


class ZIMTipsMessageEvent(OpenEnum):
    """What a tips message tells."""

    UNKNOWN = 0
    GROUP_CREATED = 1
    GROUP_DISMISSED = 2
    GROUP_JOINED = 3
    GROUP_INVITED = 4
    GROUP_LEFT = 5
    GROUP_KICKED_OUT = 6
    GROUP_INFO_CHANGED = 7
    GROUP_MEMBER_INFO_CHANGED = 8
    GROUP_MESSAGE_PINNED = 9


class ZPNsIOSEnvironment(OpenEnum):
    """Which certificate environment of Apple's a device registers with."""

    PRODUCTION = 0
    DEVELOPMENT = 1
    AUTOMATIC = 2


class ZPNsPushSourceType(OpenEnum):
    """
    Which vendor a push came from, with the numbers of the TypeScript declarations.

    ZPNs contradicts itself: the React Native bridge on Android emits numbers one lower
    (FCM 1 ... vivo 5), and the native Android documentation has another order (vivo 1,
    Xiaomi 2, Huawei 3, OPPO 4, FCM 5, Honor 6). Never keep the number without naming
    the platform it came from; zpns itself dispatches on the names of channels.
    """

    APNS = 1
    FCM = 2
    HUAWEI = 3
    XIAOMI = 4
    OPPO = 5
    VIVO = 6
