"""Messages with files, of several parts, and those that the server writes."""

from collections.abc import Sequence
from typing import Any, Final

import attrs

from zpns.errors import ParameterError
from zpns.models._checks import integer
from zpns.models._fields import furnish, items
from zpns.models.enums import (
    ZIMMessageRevokeStatus,
    ZIMMessageType,
    ZIMRevokeType,
    ZIMTipsMessageEvent,
)
from zpns.models.lite import (
    AUDIO_MOST,
    AUDIO_SECONDS_MOST,
    FILE_MOST,
    IMAGE_MOST,
    VIDEO_MOST,
)
from zpns.models.messages import ALWAYS, ZIMMessage, ZIMMessageLiteInfo
from zpns.models.users import ZIMUserInfo

__all__ = [
    "ZIMAudioMessage",
    "ZIMFileMessage",
    "ZIMImageMessage",
    "ZIMMediaMessage",
    "ZIMMultipleMessage",
    "ZIMRevokeMessage",
    "ZIMTipsMessage",
    "ZIMVideoMessage",
]

# How many parts a multiple message may have: ZIM guide on messages.
PARTS_MOST: Final = 20
_PARTS: Final = (
    ((ZIMMessageType.CUSTOM,), 1, "custom part"),
    ((ZIMMessageType.FILE,), 1, "file"),
    ((ZIMMessageType.AUDIO,), 1, "recording"),
    ((ZIMMessageType.IMAGE, ZIMMessageType.VIDEO), 10, "images and videos"),
)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMediaMessage(ZIMMessage):
    """
    What files of every kind have.

    Attributes:
        file_local_path: Where it is on the sender's device.

        file_download_url: Where it can be had.

        file_uid: The file's own ID.

        file_name: Its name.

        file_size: Bytes; 0 if unknown.
    """

    file_local_path: str = ""
    file_download_url: str = ""
    file_uid: str = ""
    file_name: str = ""
    file_size: int = attrs.field(default=0, validator=integer(least=0, unit="bytes"))


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMImageMessage(ZIMMediaMessage):
    """
    An image.

    Attributes:
        file_size: At most 10 MB.

        thumbnail_local_path: Its small version on the device.

        thumbnail_download_url: Its small version.

        large_image_local_path: Its large version on the device.

        large_image_download_url: Its large version.

        original_image_width: Pixels, as the next five.

        original_image_height: Pixels.

        thumbnail_width: Pixels.

        thumbnail_height: Pixels.

        large_image_width: Pixels.

        large_image_height: Pixels.
    """

    type: ZIMMessageType = attrs.field(default=ZIMMessageType.IMAGE, init=False, metadata=ALWAYS)
    file_size: int = attrs.field(
        default=0, validator=integer(least=0, most=IMAGE_MOST, unit="bytes")
    )
    thumbnail_local_path: str = ""
    thumbnail_download_url: str = ""
    large_image_local_path: str = ""
    large_image_download_url: str = ""
    original_image_width: int = 0
    original_image_height: int = 0
    thumbnail_width: int = 0
    thumbnail_height: int = 0
    large_image_width: int = 0
    large_image_height: int = 0


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMFileMessage(ZIMMediaMessage):
    """
    A file of any kind.

    Attributes:
        file_size: At most 100 MB.
    """

    type: ZIMMessageType = attrs.field(default=ZIMMessageType.FILE, init=False, metadata=ALWAYS)
    file_size: int = attrs.field(
        default=0, validator=integer(least=0, most=FILE_MOST, unit="bytes")
    )


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMAudioMessage(ZIMMediaMessage):
    """
    A recording.

    Attributes:
        file_size: At most 6 MB.

        audio_duration: Whole seconds, 1 to 300.
    """

    type: ZIMMessageType = attrs.field(default=ZIMMessageType.AUDIO, init=False, metadata=ALWAYS)
    file_size: int = attrs.field(
        default=0, validator=integer(least=0, most=AUDIO_MOST, unit="bytes")
    )
    audio_duration: int = attrs.field(
        validator=integer(least=1, most=AUDIO_SECONDS_MOST, unit="seconds")
    )


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMVideoMessage(ZIMMediaMessage):
    """
    A video.

    Attributes:
        file_size: At most 100 MB.

        video_duration: Whole seconds, 1 or more.

        video_first_frame_local_path: Its first picture on the device.

        video_first_frame_download_url: Its first picture.

        video_first_frame_width: Pixels.

        video_first_frame_height: Pixels.
    """

    type: ZIMMessageType = attrs.field(default=ZIMMessageType.VIDEO, init=False, metadata=ALWAYS)
    file_size: int = attrs.field(
        default=0, validator=integer(least=0, most=VIDEO_MOST, unit="bytes")
    )
    video_duration: int = attrs.field(validator=integer(least=1, unit="seconds"))
    video_first_frame_local_path: str = ""
    video_first_frame_download_url: str = ""
    video_first_frame_width: int = 0
    video_first_frame_height: int = 0


def _mixed_within_limits(_: Any, attribute: Any, value: Any) -> None:
    for kinds, most, what in _PARTS:
        count = sum(part.type in kinds for part in value)
        if count > most:
            raise ParameterError(attribute.name, f"at most {most} {what}", count)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMultipleMessage(ZIMMessage):
    """
    Several parts sent as one message.

    Attributes:
        message_info_list: 1 to 20 parts, among them at most 1 custom part, 1 file,
            1 recording, and 10 images and videos together.

        failed_index_list: Places, from 0, of parts whose files did not go out.
    """

    type: ZIMMessageType = attrs.field(default=ZIMMessageType.MULTIPLE, init=False, metadata=ALWAYS)
    message_info_list: Sequence[ZIMMessageLiteInfo] = attrs.field(
        validator=[items(least=1, most=PARTS_MOST, unit="parts"), _mixed_within_limits]
    )
    failed_index_list: Sequence[int] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMRevokeMessage(ZIMMessage):
    """
    What is left of a message that was revoked.

    Attributes:
        revoke_type: For whom it was revoked.

        revoke_status: Who did it.

        revoke_timestamp: When, UTC milliseconds.

        operated_user_id: Which user did it.

        revoke_extended_data: What they said with it.

        original_message_type: What the message was.

        original_text_message_content: What it said, if it was text.
    """

    type: ZIMMessageType = attrs.field(default=ZIMMessageType.REVOKE, init=False, metadata=ALWAYS)
    revoke_type: ZIMRevokeType = ZIMRevokeType.TWO_WAY
    revoke_status: ZIMMessageRevokeStatus = ZIMMessageRevokeStatus.UNKNOWN
    revoke_timestamp: int = 0
    operated_user_id: str = ""
    revoke_extended_data: str = ""
    original_message_type: ZIMMessageType = ZIMMessageType.UNKNOWN
    original_text_message_content: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMTipsMessage(ZIMMessage):
    """
    What the server tells a group about itself.

    Attributes:
        event: What happened.

        operated_user: Who did it, or None.

        target_user_list: Whom it concerns.
    """

    type: ZIMMessageType = attrs.field(default=ZIMMessageType.TIPS, init=False, metadata=ALWAYS)
    event: ZIMTipsMessageEvent = ZIMTipsMessageEvent.UNKNOWN
    operated_user: ZIMUserInfo | None = None
    target_user_list: Sequence[ZIMUserInfo] = ()
