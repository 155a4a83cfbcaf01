"""The hub in this process, on a store that other processes may share."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from zpns.errors import ParameterError, StateError, ZIMError
from zpns.exchange import Clock
from zpns.hub import _call_store, _messages, _registrations, _sessions
from zpns.hub._ids import IDs, take_node
from zpns.hub._push import Resources, has_video, push_text
from zpns.hub._pushes import pushes_of
from zpns.models import (
    DeviceToken,
    LoggedEvent,
    PushRecord,
    Resource,
    Session,
    ZIMCallAcceptanceSentResult,
    ZIMCallAcceptConfig,
    ZIMCallCancelConfig,
    ZIMCallCancelSentResult,
    ZIMCallInfo,
    ZIMCallInvitationMode,
    ZIMCallInvitationSentResult,
    ZIMCallInviteConfig,
    ZIMCallRejectConfig,
    ZIMCallRejectionSentResult,
    ZIMConversationType,
    ZIMErrorCode,
    ZIMLoginConfig,
    ZIMMessage,
    ZIMMessageSendConfig,
    ZIMMessageSentResult,
    ZIMMessageSentStatus,
    ZIMMessageType,
    ZIMPlatformType,
    ZIMPushConfig,
    ZIMUserInfo,
    ZIMUserOnlineStatus,
    ZIMUserStatus,
    ZPNsRegisterMessage,
)
from zpns.models._checks import check_text, check_user_id
from zpns.models._fields import changed
from zpns.store import Listener, Store, Wakeup, calls, events, users
from zpns.wire import to_json

__all__ = ["EmbeddedHub"]

ACK_WITHIN: Final = 5.0  # seconds an online receiver has before a push goes out
HEARTBEAT: Final = 10  # seconds; ZIM's web SDK beats as often
SESSION: Final = 30.0  # seconds without a heartbeat until a session is over; as at ZIM
INVITEES_MOST: Final = 9  # ZIM's guide on calls
KEY_MOST: Final = 128  # characters of an idempotency key
OVERDUE: Final = 500  # calls ended in one transaction
RETRY: Final = 1.0  # seconds until time is kept again after the store failed

#: Messages that are neither stored nor pushed.
_FLEETING: Final = frozenset({ZIMMessageType.COMMAND, ZIMMessageType.BARRAGE})
#: Messages that only a server makes.
_NOT_SENT: Final = frozenset(
    {ZIMMessageType.REVOKE, ZIMMessageType.TIPS, ZIMMessageType.SYSTEM, ZIMMessageType.UNKNOWN}
)

logger = logging.getLogger("zpns.hub")


class EmbeddedHub:
    """
    ZIM's server role; see :class:`~zpns.hub.base.Hub` for what each verb promises.

    Args:
        store: Started.

        wakeup: Tells listeners of news.

        clock: Where time comes from.

        rng: Where chance comes from.

        resources: Push resources by name.

        ack_within: Seconds an online receiver has to acknowledge before a push goes out.

        node: Names this process.
    """

    def __init__(
        self,
        store: Store,
        wakeup: Wakeup,
        *,
        clock: Clock,
        rng: random.Random,
        resources: Mapping[str, Resource] | None = None,
        ack_within: float = ACK_WITHIN,
        node: str = "",
    ) -> None:
        self._store = store
        self._wakeup = wakeup
        self._clock = clock
        self._ids = IDs(rng)
        self._resources = Resources(resources)
        self._ack_within = round(ack_within * 1000)
        self._node = node or secrets.token_hex(8)
        self._keeper: asyncio.Task[None] | None = None
        self._listeners: dict[str, Listener] = {}

    async def start(self) -> None:
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep_time())
            self._ids.node = await self._store.write(take_node, None)

    async def aclose(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        listeners, self._listeners = self._listeners, {}
        for listener in listeners.values():
            listener.close()

    def _now(self) -> int:
        return round(self._clock.time() * 1000)

    # Users and devices.

    async def add_users(self, users: Sequence[ZIMUserInfo]) -> None:
        now = self._now()
        rows = [
            {
                "user_id": user.user_id,
                "user_name": user.user_name,
                "user_avatar_url": user.user_avatar_url,
                "user_extended_data": user.user_extended_data,
                "created_at": now,
            }
            for user in users
        ]
        await self._store.write(_add_users, rows)

    async def register(
        self, user_id: str, tokens: Sequence[DeviceToken], allow_callkit: bool = True
    ) -> Sequence[ZPNsRegisterMessage]:
        check_user_id("user_id", user_id)
        if not tokens:
            raise ParameterError("tokens", "at least one DeviceToken", tokens)
        _check_tokens(tokens)
        item = _registrations.Registration(user_id, tuple(tokens), allow_callkit, self._now())
        push_ids = await self._store.write(_registrations.register, item)
        return [
            ZPNsRegisterMessage(push_id=push_id, device_token=token.token)
            for push_id, token in zip(push_ids, tokens, strict=True)
        ]

    async def unregister(self, user_id: str, tokens: Sequence[DeviceToken] = ()) -> None:
        check_user_id("user_id", user_id)
        _check_tokens(tokens)
        item = _registrations.Removal(user_id, tuple(tokens))
        await self._store.write(_registrations.unregister, item)

    async def query_users_status(self, user_ids: Sequence[str]) -> Sequence[ZIMUserStatus]:
        _check_user_ids("user_ids", user_ids)
        here = await self._store.read(users.online, list(user_ids), self._now())
        return [
            ZIMUserStatus(
                user_id=user_id,
                online_status=(
                    ZIMUserOnlineStatus.ONLINE if user_id in here else ZIMUserOnlineStatus.OFFLINE
                ),
            )
            for user_id in user_ids
        ]

    # Being logged in.

    async def login(
        self,
        user_id: str,
        config: ZIMLoginConfig,
        device_id: str = "",
        platform: ZIMPlatformType = ZIMPlatformType.UNKNOWN,
    ) -> Session:
        check_user_id("user_id", user_id)
        now = self._now()
        session_id = secrets.token_hex(16)
        until = now + round(SESSION * 1000)
        entry = _sessions.Entry(
            session_id, user_id, config.user_name, device_id, self._node, int(platform), now, until
        )
        seq = await self._store.write(_sessions.enter, entry)
        return Session(
            session_id=session_id,
            user_id=user_id,
            device_id=device_id,
            created_at=now,
            seq=seq,
            heartbeat=HEARTBEAT,
        )

    async def heartbeat(self, session: Session) -> None:
        until = self._now() + round(SESSION * 1000)
        await self._store.write(_sessions.beat, (session.session_id, until))

    async def logout(self, session: Session, unbind: bool = True) -> None:
        exit_ = _sessions.Exit(session.session_id, session.user_id, session.device_id, unbind)
        try:
            await self._store.write(_sessions.leave, exit_)
        finally:
            listener = self._listeners.pop(session.session_id, None)
            if listener is not None:
                listener.close()

    async def events(self, session: Session, after: int, most: int = 100) -> Sequence[LoggedEvent]:
        self._listener(session)
        return await self._store.read(
            _sessions.read, session.user_id, session.created_at, after, self._now(), most
        )

    async def acknowledge(self, session: Session, seq: int) -> None:
        item = _sessions.Acknowledgement(session.user_id, session.device_id, seq, self._now())
        refs = await self._store.write(_sessions.acknowledge, item)
        self._wakeup.notify(f"ref:{ref}" for ref in refs)

    async def wait(self, session: Session, seconds: float) -> None:
        await self._listener(session).wait(self._clock.monotonic() + seconds)

    def _listener(self, session: Session) -> Listener:
        """Return what hears of news for *session*, from before its first read on."""
        listener = self._listeners.get(session.session_id)
        if listener is None:
            listener = self._wakeup.listen(events.user_log(session.user_id))
            self._listeners[session.session_id] = listener
        return listener

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
        check_user_id("sender", sender)
        check_user_id("to_conversation_id", to_conversation_id)
        _check_key(idempotency_key)
        if conversation_type != ZIMConversationType.PEER:
            raise ZIMError(
                ZIMErrorCode.COMMON_MODULE_UNSUPPORTED_REQUEST,
                f"conversation_type: only PEER is supported, got {conversation_type!r}",
            )
        if not isinstance(message, ZIMMessage):
            raise ParameterError("message", "a ZIMMessage", type(message).__name__)
        if not isinstance(config, ZIMMessageSendConfig):
            raise ParameterError("config", "a ZIMMessageSendConfig", type(config).__name__)
        if sender == to_conversation_id:
            raise ParameterError("to_conversation_id", "another user than the sender", sender)
        if message.type in _NOT_SENT or message.type in _FLEETING:
            raise ParameterError(
                "message", "a message that is stored: text, custom, media, combine", message.type
            )
        now = self._now()
        push, reason = None, ""
        if config.push_config is not None:
            push, reason = self._message_push(config.push_config, sender, now)
        message_id = self._ids.next(now)
        item = _messages.Outgoing(
            message_id=message_id,
            sender=sender,
            receiver=to_conversation_id,
            body=to_json(message).decode(),
            push=push,
            reason=reason,
            now=now,
            ack_within=self._ack_within,
            key=idempotency_key,
        )
        accepted = await self._store.write(_messages.accept, item)
        topics = [events.user_log(to_conversation_id)]
        if push is not None and not reason:
            topics.append("jobs")
        self._wakeup.notify(topics)
        sent = changed(
            message,
            message_id=str(accepted.message_id),
            message_seq=accepted.seq,
            sender_user_id=sender,
            conversation_id=to_conversation_id,
            conversation_type=conversation_type,
            sent_status=ZIMMessageSentStatus.SUCCESS,
            timestamp=accepted.sent_at,
            order_key=accepted.seq * 100,
        )
        return ZIMMessageSentResult(message=sent)

    def _message_push(self, config: ZIMPushConfig, sender: str, now: int) -> tuple[str, str]:
        """Return what the push is built from, and why there will be none, if so."""
        self._resources.check_message(config)
        facts = {"sent_at": now, "conversation_id": sender}
        reason = "" if config.title and config.content else "empty_text"
        return push_text(config, facts), reason

    # Calls.

    async def call_invite(
        self,
        caller: str,
        invitees: Sequence[str],
        config: ZIMCallInviteConfig,
        idempotency_key: str | None = None,
    ) -> ZIMCallInvitationSentResult:
        check_user_id("caller", caller)
        _check_key(idempotency_key)
        chosen = _invitees(caller, invitees)
        if not isinstance(config, ZIMCallInviteConfig):
            raise ParameterError("config", "a ZIMCallInviteConfig", type(config).__name__)
        if config.mode is not ZIMCallInvitationMode.GENERAL:
            raise ZIMError(
                ZIMErrorCode.COMMON_MODULE_UNSUPPORTED_REQUEST,
                f"mode: only GENERAL is supported, got {config.mode!r}",
            )
        now = self._now()
        push, reason, said = None, "", None
        if config.push_config is not None:
            push, reason = self._call_push(config.push_config, caller, config.timeout, now)
            said = to_json(config.push_config).decode()
        item = _call_store.Invitation(
            call_id=self._ids.next(now),
            caller=caller,
            invitees=chosen,
            timeout=config.timeout,
            data=config.extended_data,
            push_config=said,
            push=push,
            reason=reason,
            now=now,
            ack_within=self._ack_within,
            key=idempotency_key,
        )
        invited = await self._store.write(_call_store.start_calls, item)
        self._wakeup.notify((*map(events.user_log, invited.told), "jobs", "calls"))
        return ZIMCallInvitationSentResult(
            call_id=str(invited.call_id), timeout=invited.timeout, error_user_list=invited.missing
        )

    def _call_push(
        self, config: ZIMPushConfig, caller: str, timeout: int, now: int
    ) -> tuple[str, str]:
        """Return what the push is built from, and why there will be none, if so."""
        self._resources.check_call(config)
        facts = {
            "sent_at": now,
            "expires_at": now + timeout * 1000,
            "caller": caller,
            "has_video": has_video(config),
        }
        reason = "" if config.title and config.content else "empty_text"
        return push_text(config, facts), reason

    async def call_accept(
        self, user_id: str, call_id: str, config: ZIMCallAcceptConfig
    ) -> ZIMCallAcceptanceSentResult:
        await self._step("accept", user_id, call_id, config.extended_data)
        return ZIMCallAcceptanceSentResult(call_id=call_id)

    async def call_reject(
        self, user_id: str, call_id: str, config: ZIMCallRejectConfig
    ) -> ZIMCallRejectionSentResult:
        await self._step("reject", user_id, call_id, config.extended_data)
        return ZIMCallRejectionSentResult(call_id=call_id)

    async def call_cancel(
        self, user_id: str, invitees: Sequence[str], call_id: str, config: ZIMCallCancelConfig
    ) -> ZIMCallCancelSentResult:
        _check_user_ids("invitees", invitees)
        # General mode takes back the whole call, whoever is named.
        await self._step("cancel", user_id, call_id, config.extended_data)
        return ZIMCallCancelSentResult(call_id=call_id)

    async def _step(self, verb: str, user_id: str, call_id: str, data: str) -> None:
        check_user_id("user_id", user_id)
        check_text("call_id", call_id, least=1)
        step = _call_store.Step(verb, user_id, call_id, data, self._now())
        told = await self._store.write(_call_store.take_steps, step)
        self._wakeup.notify((*map(events.user_log, told), "calls"))

    async def query_call(self, call_id: str) -> ZIMCallInfo:
        check_text("call_id", call_id, least=1)
        number = _call_store.number_of(call_id)
        found = (await self._store.read(calls.by_ids, [number])).get(number)
        if found is None:
            raise ZIMError(ZIMErrorCode.CALL_MODULE_DOES_NOT_EXIST, f"call_id: no call {call_id!r}")
        return _call_store.info_of(_call_store.call_of(*found))

    async def _keep_time(self) -> None:
        """End ringing when its time is over; the time is in the rows, so restarts lose none."""
        news = self._wakeup.listen("calls")
        try:
            while True:
                try:
                    await self._end_ringing(news)
                except StateError:
                    raise  # the store was closed before the hub
                except Exception:
                    logger.exception("cannot keep the time of calls; trying again")
                    await self._clock.sleep_until(self._clock.monotonic() + RETRY)
        finally:
            news.close()

    async def _end_ringing(self, news: Listener) -> None:
        """End what is over, or wait until the next ringing is."""
        told = await self._store.write(_call_store.expire_overdue, (self._now(), OVERDUE))
        if told:
            self._wakeup.notify(map(events.user_log, told))
            return
        due = await self._store.read(calls.next_timeout)
        until = None
        if due is not None:
            until = self._clock.monotonic() + max(0, due - self._now()) / 1000
        await news.wait(until)

    # Pushes.

    async def pushes(self, ref: str) -> tuple[Sequence[PushRecord], bool]:
        return await self._store.read(pushes_of, ref)


def _add_users(connection: Any, items: Sequence[list[dict[str, Any]]]) -> list[Exception | None]:
    rows = [row for rows in items for row in rows]
    # Who is only named keeps what others see of them.
    shown = ("user_name", "user_avatar_url", "user_extended_data")
    said = [row for row in rows if any(row[name] for name in shown)]
    users.add(connection, rows)
    users.rename(connection, said)
    return [None] * len(items)


def _check_tokens(tokens: Sequence[DeviceToken]) -> None:
    """Check that these are tokens, and none of them says two things."""
    seen: dict[tuple[str, str, str], DeviceToken] = {}
    for token in tokens:
        if not isinstance(token, DeviceToken):
            raise ParameterError("tokens", "DeviceToken objects", type(token).__name__)
        if seen.setdefault((token.channel, token.app, token.token), token) != token:
            raise ParameterError("tokens", "each token once", token)


def _check_user_ids(field: str, user_ids: Sequence[str]) -> None:
    if isinstance(user_ids, str):
        raise ParameterError(field, "a list of user IDs", user_ids)
    for user_id in user_ids:
        check_user_id(field, user_id)


def _check_key(key: str | None) -> None:
    if key is not None:
        check_text("idempotency_key", key, least=1, most=KEY_MOST)


def _invitees(caller: str, invitees: Sequence[str]) -> tuple[str, ...]:
    """Return *invitees* without repetition, in order."""
    if isinstance(invitees, str) or not invitees:
        raise ParameterError("invitees", "a list of 1 to 9 user IDs", invitees)
    chosen = tuple(dict.fromkeys(check_user_id("invitees", who) for who in invitees))
    if caller in chosen:
        raise ParameterError("invitees", "other users than the caller", caller)
    if len(chosen) > INVITEES_MOST:
        raise ParameterError(
            "invitees",
            f"1 to {INVITEES_MOST} user IDs",
            len(chosen),
            code=ZIMErrorCode.CALL_MODULE_SERVER_ERROR,
        )
    return chosen
