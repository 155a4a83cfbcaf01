"""How messages are sent and revoked."""

import attrs

from zpns.models._fields import furnish
from zpns.models._open import known
from zpns.models.enums import ZIMMessagePriority
from zpns.models.push import ZIMPushConfig

__all__ = [
    "ZIMMessageRevokeConfig",
    "ZIMMessageSendConfig",
]


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageSendConfig:
    """
    How a message is sent.

    Attributes:
        priority: Low, medium or high; has to be given, as with ZIM.

        push_config: What offline receivers are shown; None means no push.

        has_receipt: Whether a receipt is wanted.

        is_notify_mentioned_users: Whether mentioned users get a push even if they do
            not want to be disturbed.

        is_retry_send: Whether this sends a failed message again.

        disable_unread_message_count: Whether it does not count as unread.

        is_allow_multiple_message_partial_failed: Whether the rest of a multiple message
            goes out if some files do not.
    """

    priority: ZIMMessagePriority = attrs.field(validator=known(ZIMMessagePriority))
    push_config: ZIMPushConfig | None = None
    has_receipt: bool = False
    is_notify_mentioned_users: bool = False
    is_retry_send: bool = False
    disable_unread_message_count: bool = False
    is_allow_multiple_message_partial_failed: bool = False


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMessageRevokeConfig:
    """
    How a message is revoked.

    Attributes:
        revoke_extended_data: The app's own text for the receivers.

        push_config: What offline receivers are shown; None means no push.
    """

    revoke_extended_data: str = ""
    push_config: ZIMPushConfig | None = None
