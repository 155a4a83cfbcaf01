"""Short forms of messages: parts of a multiple message, and what an answered message held."""

from typing import Final

import attrs

from zpns.models._checks import integer, text
from zpns.models._fields import furnish
from zpns.models.enums import ZIMMessageType
from zpns.models.messages import ALWAYS, SUB_TYPE_MOST, TEXT_MOST, ZIMMessageLiteInfo

__all__ = [
    "ZIMAudioMessageLiteInfo",
    "ZIMCombineMessageLiteInfo",
    "ZIMCustomMessageLiteInfo",
    "ZIMFileMessageLiteInfo",
    "ZIMImageMessageLiteInfo",
    "ZIMMediaMessageLiteInfo",
    "ZIMRevokeMessageLiteInfo",
    "ZIMTextMessageLiteInfo",
    "ZIMVideoMessageLiteInfo",
]

# Sizes in bytes and durations in seconds: ZIM guide on messages.
IMAGE_MOST: Final = 10 * 1024 * 1024
FILE_MOST: Final = 100 * 1024 * 1024
AUDIO_MOST: Final = 6 * 1024 * 1024
VIDEO_MOST: Final = 100 * 1024 * 1024
AUDIO_SECONDS_MOST: Final = 300


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMTextMessageLiteInfo(ZIMMessageLiteInfo):
    """
    Text.

    Attributes:
        message: The text, 1 to 49,152 bytes.
    """

    type: ZIMMessageType = attrs.field(default=ZIMMessageType.TEXT, init=False, metadata=ALWAYS)
    message: str = attrs.field(validator=text(least=1, most=TEXT_MOST, unit="bytes"))


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCustomMessageLiteInfo(ZIMMessageLiteInfo):
    """
    Text whose meaning is the app's.

    Attributes:
        message: The text, 1 to 49,152 bytes.

        sub_type: The app's own type, 0 to 200.

        searched_content: What a search looks through.
    """

    type: ZIMMessageType = attrs.field(default=ZIMMessageType.CUSTOM, init=False, metadata=ALWAYS)
    message: str = attrs.field(validator=text(least=1, most=TEXT_MOST, unit="bytes"))
    sub_type: int = attrs.field(validator=integer(least=0, most=SUB_TYPE_MOST))
    searched_content: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCombineMessageLiteInfo(ZIMMessageLiteInfo):
    """
    Several messages forwarded as one.

    Attributes:
        title: Its title.

        summary: Its summary.
    """

    type: ZIMMessageType = attrs.field(default=ZIMMessageType.COMBINE, init=False, metadata=ALWAYS)
    title: str = ""
    summary: str = ""


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMRevokeMessageLiteInfo(ZIMMessageLiteInfo):
    """A message that was revoked."""

    type: ZIMMessageType = attrs.field(default=ZIMMessageType.REVOKE, init=False, metadata=ALWAYS)


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMMediaMessageLiteInfo(ZIMMessageLiteInfo):
    """
    What files of every kind have.

    Attributes:
        file_local_path: Where it is on the sender's device.

        file_download_url: Where it can be had.

        file_name: Its name.

        file_size: Bytes; 0 if unknown.
    """

    file_local_path: str = ""
    file_download_url: str = ""
    file_name: str = ""
    file_size: int = attrs.field(default=0, validator=integer(least=0, unit="bytes"))


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMImageMessageLiteInfo(ZIMMediaMessageLiteInfo):
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
class ZIMFileMessageLiteInfo(ZIMMediaMessageLiteInfo):
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
class ZIMAudioMessageLiteInfo(ZIMMediaMessageLiteInfo):
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
class ZIMVideoMessageLiteInfo(ZIMMediaMessageLiteInfo):
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
