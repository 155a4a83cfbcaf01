"""What a hub hands to a user's view: who is logged in, and what has happened."""

from collections.abc import Mapping
from typing import Any

import attrs

from zpns.models._checks import integer, text, user_id
from zpns.models._fields import furnish
from zpns.models.delivery import Outcome

__all__ = ["LoggedEvent", "PushRecord", "Session"]


@attrs.frozen(kw_only=True, field_transformer=furnish)
class Session:
    """
    A user who is logged in on one device.

    Attributes:
        session_id: Opaque.

        user_id: The user.

        device_id: The device, as tokens name it; empty if it was not said.

        created_at: When the login was, UTC milliseconds. Messages from before are
            offline messages.

        seq: Where reading the user's log goes on.

        heartbeat: Seconds within which the session has to be kept alive.
    """

    session_id: str = attrs.field(validator=text(least=1))
    user_id: str = attrs.field(validator=user_id())
    device_id: str = ""
    created_at: int = 0
    seq: int = attrs.field(default=0, validator=integer(least=0))
    heartbeat: int = attrs.field(default=10, validator=integer(least=1))


@attrs.frozen(kw_only=True, field_transformer=furnish)
class LoggedEvent:
    """
    One entry of a user's log, as it is kept and sent.

    Attributes:
        seq: Its place; reading goes on after it.

        name: The event's name, a key of ``zpns.models.EVENTS``.

        data: What the event's class is read from, in ZIM's spelling.
    """

    seq: int = attrs.field(validator=integer(least=0))
    name: str
    data: Mapping[str, Any]


@attrs.frozen(kw_only=True, field_transformer=furnish)
class PushRecord:
    """
    What became of a push to one device of one user, as far as it has come.

    Attributes:
        user_id: The receiver.

        push_id: The device; empty if the user has none.

        channel: The vendor's channel; empty if no device was tried.

        app: Which app at the vendor.

        form: Which body was sent, such as ``"fcm_data"``.

        outcome: How it stands; RETRY if another try is waiting.

        status: HTTP status of the last answer, or 0.

        code: The vendor's code, or zpns' word for why nothing was sent.

        message_id: The vendor's ID of the accepted push.

        advice: One line: whose fault it is and what to do.

        attempts: How often it was sent.
    """

    user_id: str
    push_id: str = ""
    channel: str = ""
    app: str = ""
    form: str = ""
    outcome: Outcome
    status: int = 0
    code: str = ""
    message_id: str = ""
    advice: str = ""
    attempts: int = 0
