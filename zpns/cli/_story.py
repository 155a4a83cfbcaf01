"""What happens in ``zpns demo``, and what came of it."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from zpns.cli._bench import CALLEE, FRIEND, Bench, Device, channels, serve
from zpns.client import Client
from zpns.models import (
    Outcome,
    PushRecord,
    ZIMCallInvitationReceivedEventResult,
    ZIMCallInviteConfig,
    ZIMCallUserState,
    ZIMCallUserStateChangedEventResult,
    ZIMConversationType,
    ZIMMessagePriority,
    ZIMMessageSendConfig,
    ZIMPeerMessageReceivedEventResult,
    ZIMPushConfig,
    ZIMTextMessage,
)
from zpns.simulators import LocalCA
from zpns.zim import ZIM

__all__ = ["Push", "Report", "play"]

T = TypeVar("T")

CALLER: Final = "alice"
PATIENCE: Final = 5.0  # seconds for any one step; each takes a few hundredths
RINGING: Final = 30  # seconds; answered long before
_TEXT: Final = "hello"


@attrs.frozen(kw_only=True)
class Push:
    """
    What became of one push to one device.

    Attributes:
        what: ``"message"`` or ``"call"``.

        user_id: Whose device.

        channel: The vendor's channel.

        device: What it is, for people.

        gone: Whether its token is known to be dead.

        form: Which body was sent.

        outcome: How it ended.

        answer: The vendor's code, or its ID of the push.

        advice: One line.
    """

    what: str
    user_id: str
    channel: str
    device: str
    gone: bool
    form: str
    outcome: str
    answer: str
    advice: str


@attrs.define(kw_only=True)
class Report:
    """
    What came of the demo.

    Attributes:
        deliveries: Every push, in the order they were made.

        seen_by: How many pushes each vendor's simulator accepted, by channel.

        inbox: Texts that waited for the callee.

        call_id: The call.

        accepted_by: Who answered it, as the caller saw it; empty if nobody.

        problems: What is not as it should be, one line each.
    """

    deliveries: list[Push] = attrs.field(factory=list)
    seen_by: dict[str, int] = attrs.field(factory=dict)
    inbox: list[str] = attrs.field(factory=list)
    call_id: str = ""
    accepted_by: str = ""
    problems: list[str] = attrs.field(factory=list)

    @property
    def sent_by(self) -> Mapping[str, int]:
        """How many pushes were reported as sent, by channel."""
        sent = (push for push in self.deliveries if push.outcome == Outcome.SENT)
        counted = Counter(push.channel for push in sent)
        return {channel: counted[channel] for channel in self.seen_by}

    @property
    def sent(self) -> int:
        """How many pushes were reported as sent."""
        return sum(self.sent_by.values())

    @property
    def seen(self) -> int:
        """How many pushes the simulators accepted."""
        return sum(self.seen_by.values())

    @property
    def ok(self) -> bool:
        """Whether everything is as it should be."""
        return not self.problems

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield what is told below the table: a word, and the rest of the line."""
        many = "1 message" if len(self.inbox) == 1 else f"{len(self.inbox)} messages"
        texts = ", ".join(f"{text!r}" for text in self.inbox)
        yield "inbox", f"{CALLEE} logged in and received {many}" + (f": {texts}" if texts else "")
        answered = f"answered by {self.accepted_by}, and {CALLER} saw it"
        yield "call", f"{self.call_id} {answered if self.accepted_by else 'not answered'}"

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        sent_by = self.sent_by
        return {
            "ok": self.ok,
            "channels": {
                channel: {"sent": sent_by[channel], "seen": seen}
                for channel, seen in self.seen_by.items()
            },
            "inbox": len(self.inbox),
            "call": {
                "call_id": self.call_id,
                "caller": CALLER,
                "state": "accepted" if self.accepted_by else "inviting",
                "accepted_by": self.accepted_by or None,
            },
            "deliveries": [attrs.asdict(push) for push in self.deliveries],
            "problems": self.problems,
        }


async def play() -> Report:
    """Let it happen and return what came of it."""
    report = Report()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zpns-demo-")))
        ca = LocalCA()
        benches = [
            await stack.enter_async_context(serve(channel, folder, ca)) for channel in channels()
        ]
        client = await stack.enter_async_context(Client([bench.transport() for bench in benches]))
        devices = await _register(client, benches)
        await _write(client, report, devices)
        call_id = await _call(client, report, devices)
        await _answer(client, report, call_id)
        report.seen_by = {bench.channel: bench.seen() for bench in benches}
    report.problems += _problems(report, devices)
    return report


async def _register(client: Client, benches: Sequence[Bench]) -> Mapping[str, Device]:
    """Register every device and return them by PushID."""
    devices = {}
    for bench in benches:
        for device in bench.vendor.devices:
            registered, *_ = await client.register(device.owner, *bench.tokens_of(device))
            devices[registered.push_id] = device
    return devices


async def _write(client: Client, report: Report, devices: Mapping[str, Device]) -> None:
    """Send each user a message; nobody is online."""
    config = ZIMMessageSendConfig(
        priority=ZIMMessagePriority.HIGH,
        push_config=ZIMPushConfig(title=CALLER, content=_TEXT),
    )
    for user_id in (CALLEE, FRIEND):
        message = ZIMTextMessage(message=_TEXT)
        sent = await client.send_message(
            message, user_id, ZIMConversationType.PEER, config, sender=CALLER
        )
        pushes = await client.wait(sent.message.message_id, timeout=PATIENCE)
        report.deliveries += _told("message", pushes, devices)


async def _call(client: Client, report: Report, devices: Mapping[str, Device]) -> str:
    """Call one of them."""
    push = ZIMPushConfig(title=CALLER, content="is calling", resources_id="voip")
    config = ZIMCallInviteConfig(timeout=RINGING, push_config=push)
    call = await client.call_invite([CALLEE], config, caller=CALLER)
    report.call_id = call.call_id
    pushes = await client.wait(call.call_id, timeout=PATIENCE)
    report.deliveries += _told("call", pushes, devices)
    return call.call_id


async def _answer(client: Client, report: Report, call_id: str) -> None:
    """Let the callee log in, read what waited and answer, and the caller see it."""
    async with await client.login(CALLER) as caller, await client.login(CALLEE) as callee:

        def rang(event: object) -> bool:
            if isinstance(event, ZIMPeerMessageReceivedEventResult):
                report.inbox += [
                    message.message
                    for message in event.message_list
                    if isinstance(message, ZIMTextMessage)
                ]
            if isinstance(event, ZIMCallInvitationReceivedEventResult):
                return event.call_id == call_id
            return False

        def answered(event: object) -> bool:
            if isinstance(event, ZIMCallUserStateChangedEventResult) and event.call_id == call_id:
                for user in event.call_user_list:
                    if user.user_id == CALLEE and user.state is ZIMCallUserState.ACCEPTED:
                        report.accepted_by = user.user_id
            return bool(report.accepted_by)

        if not await _seen(callee, rang):
            report.problems.append(f"{CALLEE} logged in and heard of no call within {PATIENCE:g} s")
            return
        await callee.call_accept(call_id)
        if not await _seen(caller, answered):
            report.problems.append(f"{CALLER} did not see the call answered within {PATIENCE:g} s")


async def _seen(view: ZIM, wanted: Callable[[object], bool]) -> bool:
    """Read events until *wanted* says that this is it; return whether it did in time."""
    try:
        async with asyncio.timeout(PATIENCE):
            async for event in view.events():
                if wanted(event):
                    return True
    except TimeoutError:
        pass
    return False


def _told(what: str, pushes: Sequence[PushRecord], devices: Mapping[str, Device]) -> Iterator[Push]:
    for push in pushes:
        device = devices.get(push.push_id)
        yield Push(
            what=what,
            user_id=push.user_id,
            channel=push.channel,
            device=device.name if device is not None else "none",
            gone=device is not None and device.gone,
            form=push.form,
            outcome=push.outcome.value,
            answer=push.code or push.message_id.rpartition("/")[2],
            advice=push.advice,
        )


def _problems(report: Report, devices: Mapping[str, Device]) -> Iterator[str]:
    """Yield what is not as it should be."""
    sent_by = report.sent_by
    for channel, seen in report.seen_by.items():
        if sent_by[channel] != seen:
            yield f"{channel}: {sent_by[channel]} reported as sent, {seen} seen by the simulator"
    for push in report.deliveries:
        expected = Outcome.TOKEN_DEAD if push.gone else Outcome.SENT
        if push.outcome != expected:
            yield (
                f"{push.what} to the {push.device} of {push.user_id}: expected {expected.value}, "
                f"got {push.outcome}: {push.advice or push.answer}"
            )
    written = len(devices)
    # A dead token that was found out may be rung, in vain, or not any more.
    rung = sum(device.owner == CALLEE and not device.gone for device in devices.values())
    for what, expected_count in (("message", written), ("call", rung)):
        pushes = [push for push in report.deliveries if push.what == what]
        count = sum(what == "message" or not push.gone for push in pushes)
        if count != expected_count:
            yield f"expected {expected_count} pushes for the {what}, got {count}"
    if report.inbox != [_TEXT]:
        yield f"expected 1 message to wait for {CALLEE}, got {len(report.inbox)}"
    if report.accepted_by != CALLEE:
        yield f"expected {CALLEE} to answer the call"
