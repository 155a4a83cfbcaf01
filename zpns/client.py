"""The service's view: acts for any user, and holds the transports and the store."""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, Self

from zpns.config import load
from zpns.delivery import Worker
from zpns.errors import ConfigError, ParameterError, StateError, shorten
from zpns.exchange import Carrier, Clock, OneLoop, SystemClock
from zpns.hub import EmbeddedHub, Hub
from zpns.models import (
    BUILT_IN_RESOURCES,
    DeviceToken,
    PushRecord,
    Resource,
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
from zpns.models._checks import check_text
from zpns.sender import Lane
from zpns.store import Listener, Store, Wakeup, open_store
from zpns.transports import TRANSPORTS, Transport, find_transport
from zpns.transports.base import Skip
from zpns.zim import ZIM

__all__ = ["Client"]

DRAIN: Final = 5.0  # seconds that closing waits for attempts under way
ACK_WITHIN: Final = 5.0  # seconds an online receiver has before a push goes out


logger = logging.getLogger("zpns.client")


class Client:
    """
    Sends messages and calls for any user, and delivers their pushes.

    .. code-block:: python

        async with zpns.Client([FCM.from_service_account("fcm.json")]) as client:
            await client.register("bob", DeviceToken("fcm", token))
            await client.send_message(
                ZIMTextMessage(message="hello"),
                "bob",
                ZIMConversationType.PEER,
                ZIMMessageSendConfig(
                    priority=ZIMMessagePriority.HIGH,
                    push_config=ZIMPushConfig(title="alice", content="hello"),
                ),
                sender="alice",
            )

    What a verb accepted is durable when it returns: it survives the process, and
    repeating it with the same *idempotency_key* gives the first result. A client
    belongs to one event loop.

    Args:
        transports: One per app at a vendor; (channel, app) is unique. Where a device has
            tokens of several, the first of them here is used.

        store: ``"sqlite:///FILE"``, or a :class:`~zpns.store.Store`; in memory if not
            given. Several clients, in several processes, may share a file.

        resources: Named ways to push, besides the built-in ``alert``, ``data``,
            ``silent`` and ``voip``.

        workers: How many workers deliver; 0 accepts and leaves delivery to other clients
            on the same store.

        ack_within: Seconds an online receiver has to acknowledge before a push goes out.

        carrier: Carries all requests instead of those the transports ride on.

        clock: Where time comes from.

        rng: Where chance comes from.

    Raises:
        ConfigError: Two transports have the same channel and app, a resource has a
            setting that its transport does not know, or the store's address is wrong.
    """

    def __init__(
        self,
        transports: Iterable[Transport] = (),
        *,
        store: str | Store | None = None,
        resources: Iterable[Resource] = (),
        workers: int = 1,
        ack_within: float = ACK_WITHIN,
        carrier: Carrier | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._transports = _by_app(transports)
        self._resources = _by_name(resources, self._transports.values())
        if not isinstance(workers, int) or isinstance(workers, bool) or workers < 0:
            raise ConfigError(f"workers: expected a whole number, 0 or more, got {workers!r}")
        if not ack_within >= 0:
            raise ConfigError(f"ack_within: expected seconds, 0 or more, got {ack_within!r}")
        self._store = open_store(store)
        self._count = workers
        self._ack_within = ack_within
        self._carrier = carrier
        self._clock = clock or SystemClock()
        self._random = rng or random.Random()
        self._loop = OneLoop("Client")
        self._state = "new"
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._workers: list[Worker] = []
        self._views: set[ZIM] = set()
        self._closer: asyncio.Task[None] | None = None
        self._hub_: Hub | None = None
        self._wakeup: Wakeup | None = None

    def __repr__(self) -> str:
        apps = ", ".join("/".join(key) for key in self._transports) or "none"
        return f"<Client transports={apps} store={self._store!r} {self._state}>"

    @classmethod
    def from_config(cls, path: str | os.PathLike[str] | None = None, **settings: Any) -> Self:
        """
        Return a client as a file and the environment describe it.

        Args:
            path: A TOML file; None takes the one ``ZPNS_CONFIG`` names, if any.

            settings: ``store``, ``workers`` and ``ack_within``, which win over the file,
                as the file wins over ``ZPNS_STORE`` and the like.

        Raises:
            ConfigError: A key is unknown, or a value malformed; file and key are named.
        """
        config = load(path, **settings)
        return cls(config.transports.values(), resources=config.resources.values(), **config.client)

    # Lifetime.

    async def start(self) -> None:
        """
        Open the store and begin to deliver.

        Raises:
            StoreError: The store cannot be opened.

            StateError: The client was started before, or belongs to another event loop.
        """
        self._loop.check()
        if self._state != "new":
            raise StateError(f"this Client is {self._state}; make a new one")
        self._state = "starting"
        try:
            await self._store.start()
            self._state = "open"
        finally:
            if self._state != "open":
                self._state = "new"
        try:
            await self._begin()
        except BaseException:
            await self.aclose(0)
            raise

    async def _begin(self) -> None:
        self._wakeup = self._store.watch(self._clock)
        self._hub_ = EmbeddedHub(
            self._store,
            self._wakeup,
            clock=self._clock,
            rng=self._random,
            resources=self._resources,
            ack_within=self._ack_within,
        )
        await self._hub_.start()
        if not self._count:
            return
        self._lanes = {
            key: Lane(transport, carrier=self._carrier, clock=self._clock, rng=self._random)
            for key, transport in self._transports.items()
        }
        known = {**BUILT_IN_RESOURCES, **self._resources}
        for _ in range(self._count):
            worker = Worker(
                self._store,
                self._wakeup,
                lanes=self._lanes,
                resource=known.get,
                clock=self._clock,
                rng=self._random,
                on_done=self._job_ended,
            )
            await worker.start()
            self._workers.append(worker)

    async def aclose(self, drain: float = DRAIN) -> None:
        """
        Refuse new work, wait for what is under way, and leave the rest to the next start.

        Cancelling the caller does not stop it, and a second call waits for the first.

        Args:
            drain: Seconds to wait for attempts under way, 0 or more.
        """
        if self._state in ("new", "closed"):
            self._state = "closed"
            return
        loop = self._loop.check()
        if self._state == "starting":
            raise StateError("this Client is starting; wait for start() before closing it")
        if self._closer is None:
            self._state = "closing"
            self._closer = loop.create_task(self._end(drain))
        await asyncio.shield(self._closer)

    async def _end(self, drain: float) -> None:
        try:
            # From the last to the first; each is closed whatever happens to the others.
            async with AsyncExitStack() as stack:
                stack.push_async_callback(self._store.aclose)
                if self._wakeup is not None:
                    stack.push_async_callback(self._wakeup.aclose)
                if self._hub_ is not None:
                    stack.push_async_callback(self._hub_.aclose)
                for lane in self._lanes.values():
                    stack.push_async_callback(lane.aclose)
                stack.push_async_callback(self._close_workers, drain)
                stack.push_async_callback(self._close_views)
        finally:
            self._state = "closed"

    async def _close_views(self) -> None:
        views = list(self._views)
        ends = await asyncio.gather(*(view.aclose() for view in views), return_exceptions=True)
        for view, error in zip(views, ends, strict=True):
            if error is not None:
                logger.warning("%r stays online until its session ends: %s", view, error)

    async def _close_workers(self, drain: float) -> None:
        closing = (worker.aclose(drain) for worker in self._workers)
        for error in await asyncio.gather(*closing, return_exceptions=True):
            if error is not None:
                raise error

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            for view in self._views:
                view._drop_last()
        await self.aclose()

    @property
    def _hub(self) -> Hub:
        """The hub, if the client may be used here and now."""
        self._loop.check()
        if self._state != "open" or self._hub_ is None:
            early = self._state in ("new", "starting")
            hint = "use it in `async with`" if early else "make a new one"
            raise StateError(f"this Client is {self._state}; {hint}")
        return self._hub_

    # Users and devices.

    async def add_users(self, *users: ZIMUserInfo | str) -> None:
        """
        Make users who can be written to and called.

        Args:
            users: User IDs, or user infos to set name and avatar as well.
        """
        infos = [ZIMUserInfo(user_id=user) if isinstance(user, str) else user for user in users]
        await self._hub.add_users(infos)

    async def register(
        self, user_id: str, *tokens: DeviceToken, allow_callkit: bool = True
    ) -> Sequence[ZPNsRegisterMessage]:
        """
        Bind device tokens to a user, who is made if unknown.

        A token belongs to one user at a time: registering it for another moves it.
        Tokens with the same *device_id* are one device, get one push and share one
        PushID; a token without a device ID is a device of its own.

        Args:
            user_id: Who receives pushes there.

            tokens: At least one.

            allow_callkit: False where a device must not ring by CallKit, as in mainland
                China: calls then come as alerts.

        Returns:
            One message per token, in their order, with the PushID.

        Raises:
            ParameterError: A user ID is malformed, a channel or app unknown, or a token
                is none of its channel's; nothing was bound.

            StoreError: It could not be recorded.
        """
        hub = self._hub
        for token in tokens:
            self._check_token(token)
        return await hub.register(user_id, tokens, allow_callkit)

    def _check_token(self, token: DeviceToken) -> None:
        if not isinstance(token, DeviceToken):
            raise ParameterError("tokens", "DeviceToken objects", type(token).__name__)
        transport = self._transports.get((token.channel, token.app))
        if transport is not None:
            route = transport.route(token)
            if isinstance(route, Skip):
                expected = route.advice or f"a token of {token.channel}"
                raise ParameterError("token", expected, shorten(token.token))
            return
        apps = sorted(app for channel, app in self._transports if channel == token.channel)
        if apps:
            raise ParameterError("app", f"an app of this client: {', '.join(apps)}", token.app)
        try:
            find_transport(token.channel)
        except ConfigError:
            known = sorted({*TRANSPORTS, *(channel for channel, _ in self._transports)})
            raise ParameterError("channel", f"one of {', '.join(known)}", token.channel) from None

    async def unregister(self, user_id: str, *tokens: DeviceToken) -> None:
        """
        Unbind device tokens from a user.

        Args:
            user_id: Who receives no more pushes there.

            tokens: Which; none means all of the user's.

        Raises:
            RegistrationNotFound: A token is not bound to the user; nothing was unbound.
        """
        await self._hub.unregister(user_id, tokens)

    async def query_users_status(self, user_ids: Sequence[str]) -> Sequence[ZIMUserStatus]:
        """Return who is online, in the order asked; unknown users are offline."""
        return await self._hub.query_users_status(user_ids)

    async def login(
        self,
        user_id: str,
        config: ZIMLoginConfig | None = None,
        *,
        device_id: str = "",
        platform: ZIMPlatformType = ZIMPlatformType.UNKNOWN,
    ) -> ZIM:
        """
        Log a user in and return their own view: online, with events.

        Args:
            user_id: Made if unknown.

            config: The user's name and status.

            device_id: The device, as its tokens name it: logging out then unbinds that
                device, and else all of the user's.

            platform: The device's system.
        """
        hub = self._hub
        session = await hub.login(user_id, config or ZIMLoginConfig(), device_id, platform)
        if self._state != "open":  # the session ends by itself
            raise StateError(f"this Client is {self._state}; make a new one")
        view = ZIM(hub, session, self._clock, self._views.discard)
        self._views.add(view)
        return view

    # Messages and calls.

    async def send_message(
        self,
        message: ZIMMessage,
        to_conversation_id: str,
        conversation_type: ZIMConversationType,
        config: ZIMMessageSendConfig,
        *,
        sender: str,
        idempotency_key: str | None = None,
    ) -> ZIMMessageSentResult:
        """
        Send a message; online receivers get it at once, offline ones when they come back.

        With a push config, a receiver who does not acknowledge in time is pushed to.

        Args:
            message: What is written.

            to_conversation_id: The receiver, who has to exist.

            conversation_type: PEER.

            config: Priority and push.

            sender: Who writes; made if unknown.

            idempotency_key: 1 to 128 characters; a repeat with the same key and message
                gives the first result.

        Returns:
            The message with its ID, sequence number and time; it is durable.

        Raises:
            ParameterError: An argument is wrong, or the resource unknown.

            ZIMError: The receiver does not exist (6000204).

            StoreError: It could not be recorded; nothing was sent.

        Source: ZIM ``sendMessage``.
        """
        return await self._hub.send_message(
            sender, message, to_conversation_id, conversation_type, config, idempotency_key
        )

    async def call_invite(
        self,
        invitees: Sequence[str],
        config: ZIMCallInviteConfig,
        *,
        caller: str,
        idempotency_key: str | None = None,
    ) -> ZIMCallInvitationSentResult:
        """
        Invite users to a call, and push to those who are offline.

        Args:
            invitees: 1 to 9 user IDs; duplicates are invited once, order is kept.

            config: How long it rings, in whole seconds, and what the push shows.

            caller: Who calls; made if unknown.

            idempotency_key: 1 to 128 characters; a repeat with the same key and call
                gives the first result.

        Returns:
            The call ID, the timeout in force (seconds), and one entry in
            ``error_user_list`` per user who does not exist.

        Raises:
            ParameterError: An argument is wrong, or the resource unknown.

            ZIMError: None of the invitees exists (6000281).

            StoreError: It could not be recorded; nobody was called.

        Source: ZIM ``callInvite``.
        """
        return await self._hub.call_invite(caller, invitees, config, idempotency_key)

    async def call_accept(
        self, call_id: str, config: ZIMCallAcceptConfig | None = None, *, user_id: str
    ) -> ZIMCallAcceptanceSentResult:
        """Answer a call as *user_id*; ``ZIMError`` 6000274 or 6000276 if that cannot be."""
        return await self._hub.call_accept(user_id, call_id, config or ZIMCallAcceptConfig())

    async def call_reject(
        self, call_id: str, config: ZIMCallRejectConfig | None = None, *, user_id: str
    ) -> ZIMCallRejectionSentResult:
        """Refuse a call as *user_id*; ``ZIMError`` 6000274 or 6000276 if that cannot be."""
        return await self._hub.call_reject(user_id, call_id, config or ZIMCallRejectConfig())

    async def call_cancel(
        self,
        invitees: Sequence[str],
        call_id: str,
        config: ZIMCallCancelConfig | None = None,
        *,
        user_id: str,
    ) -> ZIMCallCancelSentResult:
        """Take a call back as *user_id*, its caller; ``ZIMError`` 6000271 or 6000273 if not."""
        config = config or ZIMCallCancelConfig()
        return await self._hub.call_cancel(user_id, invitees, call_id, config)

    async def query_call(self, call_id: str) -> ZIMCallInfo:
        """Return a call and where everybody in it stands; ``ZIMError`` 6000276 if unknown."""
        return await self._hub.query_call(call_id)

    # Pushes.

    async def wait(self, id: str, timeout: float | None = None) -> Sequence[PushRecord]:
        """
        Return once every push of a message or call has its outcome.

        Args:
            id: Message ID or call ID.

            timeout: Seconds to wait at most; None waits as long as it takes.

        Returns:
            A record per device, or per user without any. After *timeout*, as they stand:
            a push that is not through yet has outcome RETRY, or no record.
        """
        hub = self._hub
        assert self._wakeup is not None
        check_text("id", id)
        until = None if timeout is None else self._clock.monotonic() + timeout
        listener: Listener = self._wakeup.listen(f"ref:{id}")
        try:
            while True:
                records, over = await hub.pushes(id)
                if over or (until is not None and self._clock.monotonic() >= until):
                    return records
                await listener.wait(until)
        finally:
            listener.close()

    def _job_ended(self, ref: str) -> None:
        assert self._wakeup is not None
        self._wakeup.notify((f"ref:{ref}",))


def _by_app(transports: Iterable[Transport]) -> dict[tuple[str, str], Transport]:
    found: dict[tuple[str, str], Transport] = {}
    for transport in transports:
        if not isinstance(transport, Transport):
            raise ConfigError(
                f"transports: expected transports such as FCM(...), got {type(transport).__name__}"
            )
        key = (transport.channel, transport.app)
        if key in found:
            raise ConfigError(
                f"transports: two of them are {key[0]} with app {key[1]!r}; "
                "give one of them another app"
            )
        found[key] = transport
    return found


def _by_name(resources: Iterable[Resource], transports: Iterable[Transport]) -> dict[str, Resource]:
    found: dict[str, Resource] = {}
    known = list(transports)
    for resource in resources:
        if not isinstance(resource, Resource):
            raise ConfigError(f"resources: expected Resource, got {type(resource).__name__}")
        if resource.resources_id in found:
            raise ConfigError(f"resources: two of them are named {resource.resources_id!r}")
        for transport in known:
            transport.check_resource(resource)
        found[resource.resources_id] = resource
    return found
