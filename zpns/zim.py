"""A user's own view: what ZIM's SDK gives an app, with the same names."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from zpns.errors import ParameterError, StateError, StoreError, ZPNsError
from zpns.exchange import Clock
from zpns.hub import Hub
from zpns.models import (
    EVENTS,
    LoggedEvent,
    Session,
    ZIMCallAcceptanceSentResult,
    ZIMCallAcceptConfig,
    ZIMCallCancelConfig,
    ZIMCallCancelSentResult,
    ZIMCallInvitationSentResult,
    ZIMCallInviteConfig,
    ZIMCallRejectConfig,
    ZIMCallRejectionSentResult,
    ZIMConversationType,
    ZIMMessage,
    ZIMMessageSendConfig,
    ZIMMessageSentResult,
)
from zpns.wire import from_wire

__all__ = ["ZIM"]

PAGE: Final = 100  # events read at once
POLL: Final = 30.0  # seconds after which the log is looked at without a hint
ACK_EVERY: Final = 1.0  # seconds; how late an acknowledgement inside a page may be
BACKOFF: Final = 1.0  # seconds until a listener's loop goes on after the store failed

#: Called with each event; may be a coroutine function.
Listener: TypeAlias = Callable[[Any], Awaitable[None] | None]

_CLASSES: Final = {cls.EVENT: cls for cls in EVENTS.values()}
_NAMES: Final = {cls: name for name, cls in EVENTS.items()}

logger = logging.getLogger("zpns.zim")


class ZIM:
    """
    One user who is logged in; made by :meth:`Client.login <zpns.Client.login>`.

    While it is open the user counts as online. What happens comes either from
    :meth:`events` or to listeners set by :meth:`on`, not to both. An event comes at
    least once, and while the process lives, once; it counts as received when the
    listener has returned, or the next event is asked for.

    Attributes:
        user_id: Who it is.
    """

    def __init__(
        self, hub: Hub, session: Session, clock: Clock, on_close: Callable[[ZIM], None]
    ) -> None:
        self._hub = hub
        self._session = session
        self._clock = clock
        self._on_close = on_close
        self.user_id = session.user_id
        self._seq = session.seq  # up to here events were handed out
        self._acknowledged = session.seq
        self._acknowledged_at = clock.monotonic()
        self._listeners: dict[str, Listener] = {}
        self._reading = False
        self._closed = False
        self._beater = asyncio.get_running_loop().create_task(self._beat())
        self._pump: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<ZIM user_id={self.user_id!r} {'closed' if self._closed else 'online'}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    # Being online.

    async def logout(self) -> None:
        """Go offline, and unbind the device: it gets no more pushes for this user."""
        await self._close(unbind=True)

    async def aclose(self) -> None:
        """Go offline, as when the connection is lost: pushes still come."""
        await self._close(unbind=False)

    async def _close(self, *, unbind: bool) -> None:
        if self._closed:
            return
        self._closed = True
        tasks = [task for task in (self._beater, self._pump) if task is not None]
        for task in tasks:
            if task is not asyncio.current_task():
                task.cancel()
        others = [task for task in tasks if task is not asyncio.current_task()]
        await asyncio.gather(*others, return_exceptions=True)
        try:
            await self._acknowledge(self._seq)
            await self._hub.logout(self._session, unbind)
        finally:
            self._on_close(self)

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + self._session.heartbeat)
            try:
                await self._hub.heartbeat(self._session)
            except ZPNsError as error:
                logger.warning("heartbeat of %s failed: %s", self.user_id, error)

    def _check(self) -> Hub:
        if self._closed:
            raise StateError(f"user {self.user_id!r} is logged out; log in again")
        return self._hub

    # Events.

    async def events(self) -> AsyncIterator[Any]:
        """
        Yield what happens to the user, beginning with what waited.

        Yields:
            Objects of the classes of ``zpns.models.EVENTS``, such as
            :class:`~zpns.ZIMPeerMessageReceivedEventResult`.

        Raises:
            StateError: The view is closed, read by somebody else, or has listeners.
        """
        self._check()
        if self._listeners:
            raise StateError("this view has listeners; use either on() or events()")
        if self._reading:
            raise StateError("somebody else reads the events of this view")
        self._reading = True
        try:
            async for entry in self._entries():
                self._seq = entry.seq
                yield from_wire(_CLASSES[entry.name], dict(entry.data))
        finally:
            self._reading = False

    def on(self, event: str, listener: Listener | None) -> None:
        """
        Call *listener* at every *event* from now on; it takes the place of an earlier one.

        Args:
            event: A name such as ``"peer_message_received"``; ZIM's spelling is read too.

            listener: Called with the event, one at a time and in order; may be a
                coroutine function. What it raises is logged. None removes it.
        """
        self._check()
        name = event if event in EVENTS else _NAMES.get(_CLASSES.get(event, object), "")
        if not name:
            raise ParameterError("event", f"one of {', '.join(sorted(EVENTS))}", event)
        if self._reading:
            raise StateError("this view is read by events(); use either on() or events()")
        if listener is None:
            self._listeners.pop(name, None)
            return
        self._listeners[name] = listener
        if self._pump is None:
            self._pump = asyncio.get_running_loop().create_task(self._dispatch())

    def off(self, event: str) -> None:
        """Call nobody at *event* any more."""
        self.on(event, None)

    async def _entries(self) -> AsyncIterator[LoggedEvent]:
        """Yield entries of the log, and acknowledge those that were followed by another."""
        while not self._closed:
            page = await self._hub.events(self._session, self._seq, PAGE)
            for entry in page:
                yield entry
                if self._clock.monotonic() - self._acknowledged_at >= ACK_EVERY:
                    await self._acknowledge(entry.seq)
            if page:
                await self._acknowledge(page[-1].seq)
            else:
                await self._hub.wait(self._session, POLL)

    async def _acknowledge(self, seq: int) -> None:
        if seq > self._acknowledged:
            await self._hub.acknowledge(self._session, seq)
            self._acknowledged = seq
        self._acknowledged_at = self._clock.monotonic()

    async def _dispatch(self) -> None:
        """Hand events to listeners until the view is closed."""
        while not self._closed:
            try:
                async for entry in self._entries():
                    await self._call(entry)
                    self._seq = entry.seq
            except StoreError as error:
                logger.warning("events of %s: %s; trying again", self.user_id, error)
                await self._clock.sleep_until(self._clock.monotonic() + BACKOFF)

    async def _call(self, entry: LoggedEvent) -> None:
        cls = _CLASSES[entry.name]
        listener = self._listeners.get(_NAMES[cls])
        if listener is None:
            return
        try:
            result = listener(from_wire(cls, dict(entry.data)))
            if result is not None:
                await result
        except Exception:
            logger.exception("the listener of %s failed", _NAMES[cls])

    # Messages and calls.

    async def send_message(
        self,
        message: ZIMMessage,
        to_conversation_id: str,
        conversation_type: ZIMConversationType,
        config: ZIMMessageSendConfig,
        *,
        idempotency_key: str | None = None,
    ) -> ZIMMessageSentResult:
        """Send a message; see :meth:`Client.send_message <zpns.Client.send_message>`."""
        return await self._check().send_message(
            self.user_id, message, to_conversation_id, conversation_type, config, idempotency_key
        )

    async def call_invite(
        self,
        invitees: Sequence[str],
        config: ZIMCallInviteConfig,
        *,
        idempotency_key: str | None = None,
    ) -> ZIMCallInvitationSentResult:
        """Call users; see :meth:`Client.call_invite <zpns.Client.call_invite>`."""
        return await self._check().call_invite(self.user_id, invitees, config, idempotency_key)

    async def call_accept(
        self, call_id: str, config: ZIMCallAcceptConfig | None = None
    ) -> ZIMCallAcceptanceSentResult:
        """Answer a call; ``ZIMError`` 6000274 or 6000276 if that cannot be."""
        config = config or ZIMCallAcceptConfig()
        return await self._check().call_accept(self.user_id, call_id, config)

    async def call_reject(
        self, call_id: str, config: ZIMCallRejectConfig | None = None
    ) -> ZIMCallRejectionSentResult:
        """Refuse a call; ``ZIMError`` 6000274 or 6000276 if that cannot be."""
        config = config or ZIMCallRejectConfig()
        return await self._check().call_reject(self.user_id, call_id, config)

    async def call_cancel(
        self, invitees: Sequence[str], call_id: str, config: ZIMCallCancelConfig | None = None
    ) -> ZIMCallCancelSentResult:
        """Take a call back; no invitees means all. ``ZIMError`` 6000271 or 6000273 if not."""
        config = config or ZIMCallCancelConfig()
        return await self._check().call_cancel(self.user_id, invitees, call_id, config)

