"""What users call, with the types they may rely on. Read by type checkers, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import assert_type

import zpns
from zpns import (
    ZIM,
    Client,
    Delivery,
    DeviceToken,
    Notification,
    Outcome,
    PushRecord,
    Sender,
    ZIMCallInvitationSentResult,
    ZIMCallInviteConfig,
    ZIMConversationType,
    ZIMMessagePriority,
    ZIMMessageSendConfig,
    ZIMMessageSentResult,
    ZIMPushConfig,
    ZIMTextMessage,
    ZPNsRegisterMessage,
)
from zpns.errors import CarrierError, ParameterError, StoreError, ZPNsError
from zpns.simulators import FCMSimulator, SimulatorServer
from zpns.testing import FakeClock, RecordingCarrier
from zpns.transports import FCM, Transport


async def service(fcm: FCM) -> None:
    transport: Transport = fcm
    async with Client([transport], store="sqlite:///push.db", workers=2) as client:
        registered = await client.register("bob", DeviceToken("fcm", "token", kind="web"))
        assert_type(registered, Sequence[ZPNsRegisterMessage])
        assert_type(registered[0].push_id, str)

        config = ZIMMessageSendConfig(
            priority=ZIMMessagePriority.HIGH,
            push_config=ZIMPushConfig(title="alice", content="hello", resources_id="voip"),
        )
        sent = await client.send_message(
            ZIMTextMessage(message="hello"),
            "bob",
            ZIMConversationType.PEER,
            config,
            sender="alice",
            idempotency_key="key",
        )
        assert_type(sent, ZIMMessageSentResult)
        assert_type(sent.message.message_seq, int)

        call = await client.call_invite(["bob"], ZIMCallInviteConfig(timeout=90), caller="alice")
        assert_type(call, ZIMCallInvitationSentResult)

        pushes = await client.wait(call.call_id, timeout=5)
        assert_type(pushes, Sequence[PushRecord])
        assert_type(pushes[0].outcome, Outcome)

        zim = await client.login("bob")
        assert_type(zim, ZIM)
        await zim.call_accept(call.call_id)
        zim.on("peer_message_received", print)


async def bare(fcm: FCM, tokens: AsyncIterator[str]) -> None:
    clock = FakeClock()
    carrier = RecordingCarrier()
    async with Sender(fcm, clock=clock, carrier=carrier) as sender:
        delivery = await sender.send(Notification(title="a", content="b"), "token")
        assert_type(delivery, Delivery)
        assert_type(delivery.outcome, Outcome)
        async with sender.send_many(Notification(), tokens, window=10, ordered=True) as results:
            async for one in results:
                assert_type(one, Delivery)
        async for page in sender.send_many(Notification(), ["a", DeviceToken("fcm", "b")]).pages():
            assert_type(page, list[Delivery])


async def vendor() -> None:
    simulator = FCMSimulator()
    async with SimulatorServer(simulator) as server:
        assert_type(server.url, str)
        assert_type(simulator.register(), str)


def errors(error: ZPNsError) -> float | None:
    if isinstance(error, ParameterError):
        assert_type(error.field, str)
        assert_type(error.code, int)
    if isinstance(error, CarrierError):
        assert_type(error.sent, bool)
    if isinstance(error, StoreError):
        assert_type(error.__cause__, BaseException | None)
    return None


assert_type(zpns.BUILT_IN_RESOURCES["voip"].kind, zpns.PushKind)
