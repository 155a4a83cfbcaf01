"""Messages that hold something other than plain text, and no files."""

from collections.abc import Sequence
from typing import Final

import attrs

from zpns.models._checks import integer, text
from zpns.models._fields import furnish, items
from zpns.models.enums import ZIMMessageType
from zpns.models.messages import ALWAYS, SUB_TYPE_MOST, TEXT_MOST, ZIMMessage

__all__ = [
    "ZIMBarrageMessage",
    "ZIMCombineMessage",
    "ZIMCommandMessage",
    "ZIMCustomMessage",
]

COMMAND_MOST: Final = 5 * 1024  # bytes; ZIM guide on messages
COMBINE_TITLE_MOST: Final = 100  # characters; same
COMBINE_SUMMARY_MOST: Final = 500  # characters; same


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCommandMessage(ZIMMessage):
    """
    Bytes for the app: kept nowhere, never pushed, no receipt.

    Attributes:
        message: 1 to 5,120 bytes.
    """

    type: ZIMMessageType = attrs.field(default=ZIMMessageType.COMMAND, init=False, metadata=ALWAYS)
    message: bytes = attrs.field(validator=items(least=1, most=COMMAND_MOST, unit="bytes"))


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMBarrageMessage(ZIMMessage):
    """
    Text that flies over a room's picture; kept nowhere, never pushed.

    Attributes:
        message: The text, 1 to 5,120 bytes.
    """

    type: ZIMMessageType = attrs.field(default=ZIMMessageType.BARRAGE, init=False, metadata=ALWAYS)
    message: str = attrs.field(validator=text(least=1, most=COMMAND_MOST, unit="bytes"))


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCombineMessage(ZIMMessage):
    """
    Several messages forwarded as one.

    Attributes:
        title: At most 100 characters.

        summary: At most 500 characters.

        combine_id: Given by the server.

        message_list: What is forwarded.
    """

    type: ZIMMessageType = attrs.field(default=ZIMMessageType.COMBINE, init=False, metadata=ALWAYS)
    title: str = attrs.field(default="", validator=text(most=COMBINE_TITLE_MOST))
    summary: str = attrs.field(default="", validator=text(most=COMBINE_SUMMARY_MOST))
    combine_id: str = ""
    message_list: Sequence[ZIMMessage] = ()


@attrs.frozen(kw_only=True, field_transformer=furnish)
class ZIMCustomMessage(ZIMMessage):
    """
    Text whose meaning is the app's.

    Attributes:
        message: The text, 1 to 49,152 bytes; see :class:`ZIMTextMessage`.

        sub_type: The app's own type, 0 to 200.

        searched_content: What a search looks through.
    """

    type: ZIMMessageType = attrs.field(default=ZIMMessageType.CUSTOM, init=False, metadata=ALWAYS)
    message: str = attrs.field(validator=text(least=1, most=TEXT_MOST, unit="bytes"))
    sub_type: int = attrs.field(validator=integer(least=0, most=SUB_TYPE_MOST))
    searched_content: str = ""
