"""Users, their rules and status, and what an app logs in with."""

from collections.abc import Sequence
from typing import Final

import attrs

from zpns.errors import shorten
from zpns.models._checks import integer, text, user_id
from zpns.models._fields import furnish
from zpns.models._open import known
from zpns.models.codes import ZIMErrorCode
from zpns.models.enums import ZIMPlatformType, ZIMUserOnlineStatus

__all__ = [
    "ZIMAppConfig",
    "ZIMErrorUserInfo",
    "ZIMLoginConfig",
    "ZIMLogoutConfig",
    "ZIMSelfUserInfo",
    "ZIMSelfUserInfoQueriedResult",
    "ZIMTokenRenewedResult",
    "ZIMUserFullInfo",
    "ZIMUserInfo",
    "ZIMUserOfflinePushRule",
    "ZIMUserOfflinePushRuleInfoUpdatedResult",
    "ZIMUserRule",
    "ZIMUserStatus",
    "ZIMUsersInfoQueriedResult",
]

USER_NAME_MOST: Final = 256  # bytes; ZEGO's server page on registering users
AVATAR_MOST: Final = 500  # bytes; same page


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMAppConfig:
    """
    Which app at ZEGO.

    Attributes:
        app_id: The app's number, above 0.

        app_sign: The app's secret, shortened in ``repr``; the web SDK has none.
    """

    app_id: int = attrs.field(validator=integer(least=1))
    app_sign: str = attrs.field(default="", repr=shorten)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMLoginConfig:
    """
    How a user logs in.

    Attributes:
        user_name: Shown to others, at most 256 bytes.

        token: Proof of identity, shortened in ``repr``.

        is_offline_login: Whether to log in without a connection.

        custom_status: The app's own status text.

        custom_status_duration: How long that status holds, in seconds; 0 is for good.
    """

    user_name: str = attrs.field(default="", validator=text(most=USER_NAME_MOST, unit="bytes"))
    token: str = attrs.field(default="", repr=shorten)
    is_offline_login: bool = False
    custom_status: str = ""
    custom_status_duration: int = attrs.field(default=0, validator=integer(least=0))


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMLogoutConfig:
    """
    How a user logs out.

    Attributes:
        is_clear_db: Whether what is kept on the device goes too. ZIM ``isClearDB``.
    """

    is_clear_db: bool = False


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMUserInfo:
    """
    A user as others see them.

    Attributes:
        user_id: 1 to 32 of letters, digits and ``!#$%&()+-:;<=.>?@[]^_{}~|``.

        user_name: At most 256 bytes.

        user_avatar_url: At most 500 bytes.

        user_extended_data: The app's own text.
    """

    user_id: str = attrs.field(validator=user_id())
    user_name: str = attrs.field(default="", validator=text(most=USER_NAME_MOST, unit="bytes"))
    user_avatar_url: str = attrs.field(default="", validator=text(most=AVATAR_MOST, unit="bytes"))
    user_extended_data: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMUserFullInfo:
    """
    A user with everything ZIM keeps about them.

    Attributes:
        base_info: ID, name and avatar.

        user_avatar_url: The avatar once more, as ZIM repeats it; at most 500 bytes.

        extended_data: The app's own text.
    """

    base_info: ZIMUserInfo
    user_avatar_url: str = attrs.field(default="", validator=text(most=AVATAR_MOST, unit="bytes"))
    extended_data: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMUserOfflinePushRule:
    """
    Which devices stay quiet while another is online.

    While any of *online_platforms* is online, *not_to_receive_offline_push_platforms*
    get no push. Both empty: no rule.

    Attributes:
        online_platforms: Platforms, each once.

        not_to_receive_offline_push_platforms: Platforms, each once.
    """

    online_platforms: Sequence[ZIMPlatformType] = attrs.field(
        default=(), validator=known(ZIMPlatformType), metadata={"unique": True}
    )
    not_to_receive_offline_push_platforms: Sequence[ZIMPlatformType] = attrs.field(
        default=(), validator=known(ZIMPlatformType), metadata={"unique": True}
    )


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMUserRule:
    """
    A user's own rules.

    Attributes:
        offline_push_rule: Which devices stay quiet.
    """

    offline_push_rule: ZIMUserOfflinePushRule = attrs.field(factory=ZIMUserOfflinePushRule)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMUserStatus:
    """
    Whether a user is there, and with what.

    Attributes:
        user_id: The user.

        online_status: Online, offline or logged out.

        online_platforms: What the user is logged in with.

        custom_status: The app's own status text.

        custom_status_expired_time: When that ends, UTC milliseconds; 0 is never.

        last_update_time: UTC milliseconds of the newest of the next two.

        last_online_status_update_time: UTC milliseconds.

        last_custom_status_update_time: UTC milliseconds.
    """

    user_id: str = attrs.field(validator=user_id())
    online_status: ZIMUserOnlineStatus = ZIMUserOnlineStatus.UNKNOWN
    online_platforms: Sequence[ZIMPlatformType] = ()
    custom_status: str = ""
    custom_status_expired_time: int = 0
    last_update_time: int = 0
    last_online_status_update_time: int = 0
    last_custom_status_update_time: int = 0


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMSelfUserInfo:
    """
    What a user may know about themselves.

    Attributes:
        user_full_info: Name, avatar and extended data.

        user_rule: Their own rules.

        user_status: Whether they are online, or None if unknown.
    """

    user_full_info: ZIMUserFullInfo
    user_rule: ZIMUserRule = attrs.field(factory=ZIMUserRule)
    user_status: ZIMUserStatus | None = None


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMErrorUserInfo:
    """
    A user for whom a request did not work.

    Attributes:
        user_id: The user, as it was asked for.

        reason: Why; unspecific (1) where an older ZIM gives none.
    """

    user_id: str
    reason: ZIMErrorCode = ZIMErrorCode.FAILED


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMTokenRenewedResult:
    """
    A token was renewed.

    Attributes:
        token: The new token, shortened in ``repr``.
    """

    token: str = attrs.field(default="", repr=shorten)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMUserOfflinePushRuleInfoUpdatedResult:
    """
    The rule about quiet devices was set.

    Attributes:
        offline_push_rule: The rule in force.
    """

    offline_push_rule: ZIMUserOfflinePushRule = attrs.field(factory=ZIMUserOfflinePushRule)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMSelfUserInfoQueriedResult:
    """
    What a user may know about themselves.

    Attributes:
        self_user_info: All of it.
    """

    self_user_info: ZIMSelfUserInfo


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMUsersInfoQueriedResult:
    """
    Users that were asked for.

    Attributes:
        user_list: Those that were found.

        error_user_list: Those that were not.
    """

    user_list: Sequence[ZIMUserFullInfo] = ()
    error_user_list: Sequence[ZIMErrorUserInfo] = ()
