"""What a sender says about the push of a message or a call."""

from typing import Final

import attrs

from zpns.models._checks import integer, text
from zpns.models._fields import furnish
from zpns.models._open import known
from zpns.models.enums import ZIMCXHandleType

__all__ = ["ZIMOfflinePushPrivateMessageTemplate", "ZIMPushConfig", "ZIMVoIPConfig"]

RESOURCES_ID_MOST: Final = 32  # characters; ZEGO's page on resourcesID
BADGE_MOST: Final = 99  # ZEGO's server clamps what is above


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMVoIPConfig:
    """
    How an iPhone shows a VoIP call.

    Attributes:
        ios_voip_handle_type: What the handle is; default generic. ZIM ``iOSVoIPHandleType``.

        ios_voip_handle_value:
            User name, phone number or mail address, by type; empty means the caller's
            ID. ZIM ``iOSVoIPHandleValue``.

        ios_voip_has_video: Whether it is a video call. ZIM ``iOSVoIPHasVideo``.
    """

    ios_voip_handle_type: ZIMCXHandleType = attrs.field(
        default=ZIMCXHandleType.GENERIC, validator=known(ZIMCXHandleType)
    )
    ios_voip_handle_value: str = ""
    ios_voip_has_video: bool = False


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMOfflinePushPrivateMessageTemplate:
    """
    OPPO's template for private messages.

    Attributes:
        template_id: The template's ID at OPPO.

        title_parameters: JSON object as text.

        content_parameters: JSON object as text.
    """

    template_id: str = ""
    title_parameters: str = ""
    content_parameters: str = ""


def _at_most_99(value: int) -> int:
    # Whatever is no number is left for the validator to refuse.
    return BADGE_MOST if isinstance(value, int) and value > BADGE_MOST else value


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMPushConfig:
    """
    The push that reaches whoever is offline.

    Without both a title and a content nothing is pushed, as with ZIM. How long they
    may be is up to each vendor and checked before sending.

    Attributes:
        title: Title of the notification.

        content: Body of the notification.

        payload: Opaque text for the app; ZIM before 2.5.0 calls it ``extendedData``.

        resources_id: Name of a push resource, at most 32 characters; empty means none.

        thread_id: Groups notifications on iOS; empty means by conversation.

        enable_badge: Whether the push changes the badge.

        badge_increment: Added to the badge, 0 or more; above 99 becomes 99.

        voip_config: How an iPhone shows the call. ZIM ``voIPConfig``.

        private_message_template: OPPO's template for private messages.
    """

    title: str = ""
    content: str = ""
    payload: str = attrs.field(
        default="", metadata={"also": ("extendedData",), "renamed": (2, 5, 0)}
    )
    resources_id: str = attrs.field(
        default="", validator=text(most=RESOURCES_ID_MOST), metadata={"also": ("resourceID",)}
    )
    thread_id: str = ""
    enable_badge: bool = False
    badge_increment: int = attrs.field(default=0, converter=_at_most_99, validator=integer(least=0))
    voip_config: ZIMVoIPConfig | None = None
    private_message_template: ZIMOfflinePushPrivateMessageTemplate | None = None
