"""
ZIM's server role as an interface.

It takes and gives models only, so that the hub may as well be on another machine. What
it refuses, it refuses with :class:`~zpns.errors.ZIMError` and ZIM's code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from zpns.models import (
    DeviceToken,
    LoggedEvent,
    PushRecord,
    Session,
    ZIMCallAcceptanceSentResult,
    ZIMCallAcceptConfig,
    ZIMCallCancelConfig,
    ZIMCallCancelSentResult,
    ZIMCallInfo,
    ZIMCallInvitationSentResult,
    ZIMCallInviteConfig,
    ZIMCallRejectConfig,
    ZIMCallRejectionSentResult,
    ZIMConversationType,
    ZIMLoginConfig,
    ZIMMessage,
    ZIMMessageSendConfig,
    ZIMMessageSentResult,
    ZIMPlatformType,
    ZIMUserInfo,
    ZIMUserStatus,
    ZPNsRegisterMessage,
)

__all__ = ["Hub"]


class Hub(Protocol):
    """Registrations, messages, calls and what users learn of them."""

    async def start(self) -> None:
        """Begin to keep time: calls end when their ringing does."""
        ...

    async def aclose(self) -> None:
        """Stop; what was accepted stays."""
        ...

    # Users and devices.

    async def add_users(self, users: Sequence[ZIMUserInfo]) -> None:
        """Make users, or set what others see of those that exist."""
        ...

    async def register(
        self, user_id: str, tokens: Sequence[DeviceToken], allow_callkit: bool = True
    ) -> Sequence[ZPNsRegisterMessage]:
        """
        Bind tokens to a user, who is made if unknown; a token of another user moves.

        Args:
            user_id: Who receives pushes there.

            tokens: At least one. Those with the same device ID are one device.

            allow_callkit: Whether the devices may ring by CallKit.

        Returns:
            One message per token, in their order; tokens of a device share a PushID.
        """
        ...

    async def unregister(self, user_id: str, tokens: Sequence[DeviceToken] = ()) -> None:
        """
        Unbind tokens of a user; none means all of them.

        Raises:
            RegistrationNotFound: A token is not bound to the user; nothing was unbound.
        """
        ...

    async def query_users_status(self, user_ids: Sequence[str]) -> Sequence[ZIMUserStatus]:
        """Return who is online, in the order asked; unknown users are offline."""
        ...

    # Being logged in.

    async def login(
        self,
        user_id: str,
        config: ZIMLoginConfig,
        device_id: str = "",
        platform: ZIMPlatformType = ZIMPlatformType.UNKNOWN,
    ) -> Session:
        """Make a session; the user is made if unknown."""
        ...

    async def heartbeat(self, session: Session) -> None:
        """Keep *session* alive for another while."""
        ...

    async def logout(self, session: Session, unbind: bool = True) -> None:
        """
        End *session*.

        Args:
            session: Which one.

            unbind: Whether its device gets no more pushes for the user; without a device
                ID, none of the user's devices does. False is what a lost connection means.
        """
        ...

    async def events(self, session: Session, after: int, most: int = 100) -> Sequence[LoggedEvent]:
        """Return what happened after a place in the user's log, oldest first."""
        ...

    async def acknowledge(self, session: Session, seq: int) -> None:
        """Note that everything up to *seq* was received: it is not pushed any more."""
        ...

    async def wait(self, session: Session, seconds: float) -> None:
        """Return when there may be news for *session*, or after *seconds*."""
        ...

    # Messages.

    async def send_message(
        self,
        sender: str,
        message: ZIMMessage,
        to_conversation_id: str,
        conversation_type: ZIMConversationType,
        config: ZIMMessageSendConfig,
        idempotency_key: str | None = None,
    ) -> ZIMMessageSentResult:
        """
        Accept a message: durable when this returns.

        Args:
            sender: Who writes; made if unknown.

            message: What is written.

            to_conversation_id: To whom.

            conversation_type: What kind of conversation that is.

            config: Priority and push.

            idempotency_key: A repeat with the same key gives the first result.
        """
        ...

    # Calls.

    async def call_invite(
        self,
        caller: str,
        invitees: Sequence[str],
        config: ZIMCallInviteConfig,
        idempotency_key: str | None = None,
    ) -> ZIMCallInvitationSentResult:
        """Start a call: durable, and ringing, when this returns."""
        ...

    async def call_accept(
        self, user_id: str, call_id: str, config: ZIMCallAcceptConfig
    ) -> ZIMCallAcceptanceSentResult:
        """Answer a call."""
        ...

    async def call_reject(
        self, user_id: str, call_id: str, config: ZIMCallRejectConfig
    ) -> ZIMCallRejectionSentResult:
        """Refuse a call."""
        ...

    async def call_cancel(
        self, user_id: str, invitees: Sequence[str], call_id: str, config: ZIMCallCancelConfig
    ) -> ZIMCallCancelSentResult:
        """Take a call back before it is answered; no invitees means all of them."""
        ...

    async def query_call(self, call_id: str) -> ZIMCallInfo:
        """Return a call and where everybody in it stands."""
        ...

    # Pushes.

    async def pushes(self, ref: str) -> tuple[Sequence[PushRecord], bool]:
        """
        Return what became of the pushes of a message or call.

        Returns:
            A record per device, or per user without any; and whether all of them have
            their outcome.
        """
        ...
