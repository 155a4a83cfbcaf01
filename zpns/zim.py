"""A user's own view: what ZIM's SDK gives an app, with the same names."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from zpns.errors import ParameterError, StateError
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
FRESH: Final = 1.0  # seconds; what was read before may have stopped ringing since
POLL: Final = 30.0  # seconds after which the log is looked at without a hint
BACKOFF: Final = 1.0  # seconds until something is tried again after the store failed

#: Called with each event; may be a coroutine function.
Listener: TypeAlias = Callable[[Any], Awaitable[None] | None]

_CLASSES: Final = {cls.EVENT: cls for cls in EVENTS.values()}
_NAMES: Final = {cls: name for name, cls in EVENTS.items()}

logger = logging.getLogger("zpns.zim")


class _Events(AsyncIterator[Any]):
    """What happens to a user, one event after the other."""

    def __init__(self, view: ZIM) -> None:
        self._view = view

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return await self._view._next(self)

    async def aclose(self) -> None:
        """Read no more; somebody else may."""
        self._view._leave(self)


class ZIM:
    """
    One user who is logged in; made by :meth:`Client.login <zpns.Client.login>`.

    While it is open the user counts as online. What happens comes either from
    :meth:`events` or to listeners set by :meth:`on`, not to both. An event comes at
    least once, and while the process lives, once; it counts as received when the
    listener has returned, the next event is asked for, or the view is closed other than
    by an error.

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
        self._page: deque[LoggedEvent] = deque()
        self._read_at = clock.monotonic()
        self._seq = session.seq  # up to here events were handed out
        self._received = session.seq  # and up to here they arrived
        self._acknowledged = session.seq  # as the hub knows
        self._listeners: dict[str, Listener] = {}
        self._reader: _Events | None = None
        self._asking = False
        self._in_hand: LoggedEvent | None = None  # what a listener was called with
        self._closed = False
        self._unbind = False
        self._closer: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._acknowledger: asyncio.Task[None] | None = None
        self._pump: asyncio.Task[None] | None = None
        self._spawn(self._beat())

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
        if kind is not None:
            self._drop_last()
        await self.aclose()

    # Being online.

    async def logout(self) -> None:
        """
        Go offline, and unbind the device: it gets no more pushes for this user.

        Raises:
            StateError: The view was closed before, and did not unbind.

            StoreError: It could not be recorded; it may be called again.
        """
        if self._closed and not self._unbind:
            raise StateError(f"user {self.user_id!r} is offline already; log in to log out")
        await self._close(unbind=True)

    async def aclose(self) -> None:
        """Go offline, as when the connection is lost: pushes still come."""
        await self._close(unbind=self._unbind)

    async def _close(self, *, unbind: bool) -> None:
        closer = self._closer
        if closer is None or (closer.done() and (closer.cancelled() or closer.exception())):
            self._closed, self._unbind = True, unbind
            ending = self._end(unbind, asyncio.current_task())
            closer = self._closer = asyncio.get_running_loop().create_task(ending)
        # Whoever is cancelled here does not stop it, and whoever comes second waits, too.
        await asyncio.shield(closer)

    async def _end(self, unbind: bool, caller: asyncio.Task[Any] | None) -> None:
        seq = self._seq
        if caller is self._pump and self._in_hand is not None:
            seq = self._in_hand.seq  # its listener is who closes
        others = [task for task in self._tasks if task is not caller]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        try:
            if seq > self._acknowledged:
                await self._hub.acknowledge(self._session, seq)
        except Exception as error:
            logger.warning("last events of %s come again: %s", self.user_id, error)
        try:
            await self._hub.logout(self._session, unbind)
        finally:
            self._on_close(self)

    def _drop_last(self) -> None:
        """Have the event that was handed out last come again: it was not dealt with."""
        self._seq = self._received

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + self._session.heartbeat)
            try:
                await self._hub.heartbeat(self._session)
            except Exception as error:
                logger.warning("heartbeat of %s failed: %s", self.user_id, error)

    def _check(self) -> Hub:
        if self._closed:
            raise StateError(f"user {self.user_id!r} is logged out; log in again")
        return self._hub

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Events.

    def events(self) -> AsyncIterator[Any]:
        """
        Iterate over what happens to the user, beginning with what waited.

        It ends when the view is closed. Whoever left the loop may come back, and goes on
        where it was left.

        Returns:
            An asynchronous iterator of objects of the classes of ``zpns.models.EVENTS``,
            such as :class:`~zpns.ZIMPeerMessageReceivedEventResult`.

        Raises:
            StateError: The view is closed, has listeners, or somebody else is waiting
                for its events.
        """
        self._check()
        if self._listeners or self._pump is not None:
            raise StateError("this view has listeners; use either on() or events()")
        if self._asking:
            raise StateError("somebody else reads the events of this view")
        self._reader = _Events(self)
        return self._reader

    async def _next(self, reader: _Events) -> Any:
        """Return the next event to who reads."""
        if self._closed:
            raise StopAsyncIteration
        if reader is not self._reader or self._asking:
            raise StateError("somebody else reads the events of this view")
        self._asking = True
        try:
            self._receive()
            entry = await self._entry()
        finally:
            self._asking = False
        if entry is None:
            raise StopAsyncIteration
        self._seq = entry.seq
        return from_wire(_CLASSES[entry.name], dict(entry.data))

    def _leave(self, reader: _Events) -> None:
        if reader is self._reader:
            self._reader = None

    def on(self, event: str, listener: Listener | None) -> None:
        """
        Call *listener* at every *event* from now on; it takes the place of an earlier one.

        Args:
            event: A name such as ``"peer_message_received"``; ZIM's spelling is read too.

            listener: Called with the event, one at a time and in order; may be a
                coroutine function. What it raises is logged. None removes it.

        Raises:
            ParameterError: There is no such event, or the listener cannot be called.

            StateError: The view is closed, or read by :meth:`events`.
        """
        self._check()
        name = event if event in EVENTS else _NAMES.get(_CLASSES.get(event, object), "")
        if not name:
            raise ParameterError("event", f"one of {', '.join(sorted(EVENTS))}", event)
        if listener is None:
            self._listeners.pop(name, None)
            self._rest()
            return
        if not callable(listener):
            raise ParameterError("listener", "a function, or None", type(listener).__name__)
        if self._asking:
            raise StateError("this view is read by events(); use either on() or events()")
        self._reader = None
        self._listeners[name] = listener
        if self._pump is None:
            self._pump = self._spawn(self._dispatch())

    def off(self, event: str) -> None:
        """Call nobody at *event* any more."""
        self.on(event, None)

    def _rest(self) -> None:
        """Read no more if there is nobody to call; what comes then waits."""
        pump = self._pump
        # A listener that is being called is not interrupted.
        if pump is not None and not self._listeners and self._in_hand is None:
            self._pump = None
            pump.cancel()

    async def _dispatch(self) -> None:
        """Hand events to listeners while there are any."""
        me = asyncio.current_task()
        try:
            while self._listeners and not self._closed:
                try:
                    entry = await self._entry()
                    if entry is not None:
                        await self._call(entry)
                        self._seq = entry.seq
                        self._receive()
                except StateError:
                    raise  # the store was closed before the view
                except Exception:
                    logger.exception("cannot read events of %s; trying again", self.user_id)
                    await self._clock.sleep_until(self._clock.monotonic() + BACKOFF)
        except StateError as error:
            logger.warning("events of %s come no more: %s", self.user_id, error)
        finally:
            if self._pump is me:
                self._pump = None

    async def _call(self, entry: LoggedEvent) -> None:
        name = _NAMES[_CLASSES[entry.name]]
        listener = self._listeners.get(name)
        if listener is None:
            return
        self._in_hand = entry
        me = asyncio.current_task()
        try:
            result = listener(from_wire(_CLASSES[entry.name], dict(entry.data)))
            if result is not None:
                await result
        except asyncio.CancelledError:
            if me is None or me.cancelling():
                raise
            logger.warning("the listener of %s was cancelled", name)  # and not the view
        except Exception:
            logger.exception("the listener of %s failed", name)
        finally:
            self._in_hand = None

    async def _entry(self) -> LoggedEvent | None:
        """Return the next entry of the log, or None if the view was closed."""
        while not self._closed:
            if self._page and self._clock.monotonic() - self._read_at < FRESH:
                entry = self._page.popleft()
                if entry.name in _CLASSES:
                    return entry
                logger.warning("event %s is unknown to this version of zpns", entry.name)
                self._seq = entry.seq
                continue
            self._read_at = self._clock.monotonic()
            self._page = deque(await self._hub.events(self._session, self._seq, PAGE))
            if not self._page and not self._closed:
                await self._hub.wait(self._session, POLL)
        return None

    def _receive(self) -> None:
        """Note that what was handed out arrived, and have the hub know of it."""
        self._received = max(self._received, self._seq)
        if self._received > self._acknowledged and self._acknowledger is None and not self._closed:
            self._acknowledger = self._spawn(self._acknowledge())

    async def _acknowledge(self) -> None:
        """Tell the hub what was received, and what was meanwhile."""
        try:
            while self._received > self._acknowledged:
                seq = self._received
                try:
                    await self._hub.acknowledge(self._session, seq)
                    self._acknowledged = seq
                except StateError:
                    return  # the store was closed before the view
                except Exception as error:
                    logger.warning("receipt of %s failed, trying again: %s", self.user_id, error)
                    await self._clock.sleep_until(self._clock.monotonic() + BACKOFF)
        finally:
            self._acknowledger = None

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
