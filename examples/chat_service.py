"""
A small chat service: register devices, write, come online and read, call and answer.

``ChatService`` is what a web application would hold on to for as long as it runs; its
methods are what its request handlers would call. Runs by itself against a simulated
Firebase project, and keeps everything in a SQLite file.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from zpns import (
    ZIM,
    Client,
    DeviceToken,
    Outcome,
    ZIMCallInvitationReceivedEventResult,
    ZIMCallInviteConfig,
    ZIMCallUserState,
    ZIMConversationType,
    ZIMMessagePriority,
    ZIMMessageSendConfig,
    ZIMPeerMessageReceivedEventResult,
    ZIMPushConfig,
    ZIMTextMessage,
)
from zpns.simulators import FCMSimulator, SimulatorServer
from zpns.transports import FCM

PATIENCE = 5.0  # seconds for anything to happen


class ChatService:
    """
    Chat and calls between users, with pushes to those who are away.

    Args:
        client: Open; whoever made it closes it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def register(self, user_id: str, token: str, *, kind: str = "alert") -> str:
        """Bind a device to a user and return its PushID."""
        (device,) = await self._client.register(user_id, DeviceToken("fcm", token, kind=kind))
        return device.push_id

    async def send(self, sender: str, receiver: str, text: str, *, request_id: str) -> str:
        """
        Write to somebody and return the message's ID.

        Args:
            sender: Who writes.

            receiver: To whom.

            text: What.

            request_id: Names the request: when it is repeated, nothing is sent twice.
        """
        result = await self._client.send_message(
            ZIMTextMessage(message=text),
            receiver,
            ZIMConversationType.PEER,
            ZIMMessageSendConfig(
                priority=ZIMMessagePriority.HIGH,
                push_config=ZIMPushConfig(title=sender, content=text),
            ),
            sender=sender,
            idempotency_key=request_id,
        )
        return result.message.message_id

    async def call(self, caller: str, callee: str) -> str:
        """Let the callee's devices ring and return the call's ID."""
        push = ZIMPushConfig(title=caller, content="is calling", resources_id="voip")
        config = ZIMCallInviteConfig(timeout=60, push_config=push)
        call = await self._client.call_invite([callee], config, caller=caller)
        return call.call_id

    async def is_answered(self, call_id: str, user_id: str) -> bool:
        """Return whether *user_id* took the call."""
        call = await self._client.query_call(call_id)
        return any(
            user.user_id == user_id and user.state is ZIMCallUserState.ACCEPTED
            for user in call.call_user_list
        )

    async def report(self, id: str) -> list[str]:
        """Return what became of each push of a message or call, one line per device."""
        pushes = await self._client.wait(id, timeout=PATIENCE)
        return [
            f"{push.channel} {push.form}: {push.outcome}"
            for push in pushes
            if push.outcome is not Outcome.SKIPPED
        ]

    @asynccontextmanager
    async def online(self, user_id: str) -> AsyncIterator[Inbox]:
        """Have a user online while the block lasts."""
        async with await self._client.login(user_id) as zim:
            yield Inbox(zim)


class Inbox:
    """
    What reaches a user who is online, beginning with what waited.

    Args:
        zim: The user's view.
    """

    def __init__(self, zim: ZIM) -> None:
        self._zim = zim
        self._messages: asyncio.Queue[str] = asyncio.Queue()
        self._calls: asyncio.Queue[str] = asyncio.Queue()
        zim.on("peer_message_received", self._on_messages)
        zim.on("call_invitation_received", self._on_call)

    def _on_messages(self, event: ZIMPeerMessageReceivedEventResult) -> None:
        for message in event.message_list:
            if isinstance(message, ZIMTextMessage):
                self._messages.put_nowait(f"{message.sender_user_id}: {message.message}")

    def _on_call(self, event: ZIMCallInvitationReceivedEventResult) -> None:
        self._calls.put_nowait(event.call_id)

    async def next_message(self) -> str:
        """Wait for a message."""
        async with asyncio.timeout(PATIENCE):
            return await self._messages.get()

    async def answer(self) -> str:
        """Wait for a call, take it and return its ID."""
        async with asyncio.timeout(PATIENCE):
            call_id = await self._calls.get()
        await self._zim.call_accept(call_id)
        return call_id


async def chat(service: ChatService, simulator: FCMSimulator) -> bool:
    """Let two people chat and call, and return whether all of it arrived."""
    await service.register("bob", simulator.register())
    await service.register("bob", simulator.register(kind="web"), kind="web")

    message_id = await service.send("alice", "bob", "are you there?", request_id="r-1")
    repeated = await service.send("alice", "bob", "are you there?", request_id="r-1")
    pushes = await service.report(message_id)
    print("bob is away; his devices were pushed to:", *pushes, sep="\n  ")

    call_id = await service.call("alice", "bob")
    rings = await service.report(call_id)
    print("alice calls; his devices ring:", *rings, sep="\n  ")

    async with service.online("bob") as inbox:
        print("bob is back and reads:", read := await inbox.next_message())
        answered = await inbox.answer()
        await service.send("alice", "bob", "good to hear you", request_id="r-2")
        print("and, while they talk:", later := await inbox.next_message())
    taken = await service.is_answered(call_id, "bob")
    print("the call was", "answered" if taken else "not answered")
    return (
        repeated == message_id
        and pushes == ["fcm fcm_notification: sent", "fcm fcm_web: sent"]
        and rings == ["fcm fcm_data: sent", "fcm fcm_web: sent"]
        and (read, later) == ("alice: are you there?", "alice: good to hear you")
        and taken
        and answered == call_id
    )


async def main() -> int:
    """Run the service against a simulated vendor and return the exit status."""
    simulator = FCMSimulator()
    with tempfile.TemporaryDirectory() as folder:
        async with SimulatorServer(simulator) as server:
            account = simulator.credentials(server.url, folder)["service_account"]
            fcm = FCM.from_service_account(account, base_url=server.url, ca_file=server.ca_file)
            store = f"sqlite:///{Path(folder, 'chat.db')}"
            async with Client([fcm], store=store) as client:
                return 0 if await chat(ChatService(client), simulator) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
