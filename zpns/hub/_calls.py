"""
The state machine of calls in general mode: state and event in, state and effects out.

Pure: no clock, no database. Source: ZIM's guide on call invitation and the behaviour of
its web SDK; the caller starts as accepted, an offline invitee stays *inviting* and may
still answer, and a call is over once every invitee has a final state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

from zpns.errors import ZIMError
from zpns.models.call_events import (
    ZIMCallInvitationCancelledEventResult,
    ZIMCallInvitationCreatedEventResult,
    ZIMCallInvitationReceivedEventResult,
    ZIMCallInvitationTimeoutEventResult,
    ZIMCallUserStateChangedEventResult,
)
from zpns.models.calls import ZIMCallUserInfo
from zpns.models.codes import ZIMErrorCode
from zpns.models.enums import ZIMCallInvitationMode, ZIMCallState, ZIMCallUserState

__all__ = ["RINGING", "Call", "Effects", "Member", "accept", "cancel", "expire", "invite", "reject"]

State = ZIMCallUserState
#: In which an invitee may still answer.
RINGING: Final = frozenset({State.INVITING, State.RECEIVED, State.NOT_YET_RECEIVED})


@attrs.frozen(kw_only=True)
class Member:
    """
    One user of a call.

    Attributes:
        user_id: The user.

        state: Where the user stands.

        inviter: Who invited them; the caller invites itself.

        extended_data: What they said with their last step.

        invited_at: UTC milliseconds.

        answered_at: UTC milliseconds; 0 is not yet.

        rings_until: UTC milliseconds; None once it rings no more.

        event_seq: Counts what happened to them in this call, from 1.
    """

    user_id: str
    state: ZIMCallUserState
    inviter: str
    extended_data: str = ""
    invited_at: int = 0
    answered_at: int = 0
    rings_until: int | None = None
    event_seq: int = 1

    @property
    def info(self) -> ZIMCallUserInfo:
        """As others see them."""
        return ZIMCallUserInfo(
            user_id=self.user_id, state=self.state, extended_data=self.extended_data
        )


@attrs.frozen(kw_only=True)
class Call:
    """
    A call and everybody in it.

    Attributes:
        call_id: Decimal text.

        caller: Who created it.

        mode: General.

        state: Started or ended.

        timeout: How long it rings, in seconds.

        extended_data: What the caller said.

        created_at: UTC milliseconds.

        ended_at: UTC milliseconds; 0 while it runs.

        members: In the order of invitation, the caller first.
    """

    call_id: str
    caller: str
    mode: ZIMCallInvitationMode = ZIMCallInvitationMode.GENERAL
    state: ZIMCallState = ZIMCallState.STARTED
    timeout: int
    extended_data: str = ""
    created_at: int
    ended_at: int = 0
    members: tuple[Member, ...]

    def member(self, user_id: str) -> Member | None:
        """Return the member *user_id*, if they are one."""
        return next((one for one in self.members if one.user_id == user_id), None)

    def invitees(self) -> Iterable[Member]:
        """Return everybody but the caller."""
        return (one for one in self.members if one.user_id != self.caller)


@attrs.frozen(kw_only=True)
class Effects:
    """
    What an event does.

    Attributes:
        call: The call as it is now.

        changed: Members that are not as they were.

        events: Who learns what, in order.
    """

    call: Call
    changed: tuple[Member, ...] = ()
    events: tuple[tuple[str, Any], ...] = ()


def invite(
    call_id: str, caller: str, invitees: Sequence[str], timeout: int, data: str, now: int
) -> Effects:
    """Start a call; *invitees* exist, are distinct and do not include the caller."""
    until = now + timeout * 1000
    members = (
        Member(
            user_id=caller, state=State.ACCEPTED, inviter=caller, invited_at=now, answered_at=now
        ),
        *(
            Member(
                user_id=who, state=State.INVITING, inviter=caller, invited_at=now, rings_until=until
            )
            for who in invitees
        ),
    )
    call = Call(
        call_id=call_id,
        caller=caller,
        timeout=timeout,
        extended_data=data,
        created_at=now,
        members=members,
    )
    everybody = tuple(member.info for member in members)
    facts: dict[str, Any] = {
        "call_id": call_id,
        "mode": call.mode,
        "caller": caller,
        "extended_data": data,
        "timeout": timeout,
        "create_time": now,
        "call_user_list": everybody,
    }
    changed = ZIMCallUserStateChangedEventResult(call_id=call_id, call_user_list=everybody)
    received = ZIMCallInvitationReceivedEventResult(**facts, inviter=caller)
    return Effects(
        call=call,
        changed=members,
        events=(
            (caller, changed),
            (caller, ZIMCallInvitationCreatedEventResult(**facts)),
            *((who, received) for who in invitees),
        ),
    )


def accept(call: Call, user_id: str, data: str, now: int) -> Effects:
    """The invitee *user_id* answers."""
    return _answer(call, user_id, State.ACCEPTED, data, now)


def reject(call: Call, user_id: str, data: str, now: int) -> Effects:
    """The invitee *user_id* refuses."""
    return _answer(call, user_id, State.REJECTED, data, now)


def cancel(call: Call, user_id: str, data: str, now: int) -> Effects:
    """The caller takes the call back: general mode knows all or nobody."""
    if user_id != call.caller:
        raise ZIMError(
            ZIMErrorCode.CALL_MODULE_IS_NOT_INVITOR,
            f"call {call.call_id} was made by another user; only its caller can cancel it",
        )
    if any(member.state is State.ACCEPTED for member in call.invitees()):
        raise ZIMError(
            ZIMErrorCode.CALL_MODULE_CANCEL_ERROR, f"call {call.call_id} was accepted already"
        )
    _running(call)
    changed = [
        _moved(member, State.BE_CANCELLED, member.extended_data, now)
        for member in call.invitees()
        if _rings(member, now)
    ]
    if not changed:
        raise ZIMError(
            ZIMErrorCode.CALL_MODULE_DOES_NOT_EXIST,
            f"call {call.call_id} rings for nobody any more",
        )
    told = ZIMCallInvitationCancelledEventResult(
        call_id=call.call_id, mode=call.mode, inviter=call.caller, extended_data=data
    )
    events = [(member.user_id, told) for member in changed]
    caller = call.member(call.caller)
    assert caller is not None
    me = _moved(caller, State.CANCELLED, data, now)
    return _effects(call, [*changed, me], now, [(call.caller, _delta(call, [me])), *events])


def expire(call: Call, now: int) -> Effects:
    """Ringing that is over at *now* ends."""
    late = [
        _moved(member, State.TIMEOUT, member.extended_data, now)
        for member in call.invitees()
        if member.rings_until is not None and member.rings_until <= now
    ]
    if not late:
        return Effects(call=call)
    delta = _delta(call, late)
    gone = {member.user_id for member in late}
    told = ZIMCallInvitationTimeoutEventResult(call_id=call.call_id, mode=call.mode)
    events: list[tuple[str, Any]] = [(member.user_id, told) for member in late]
    events += [(who, delta) for who in _involved(call) if who not in gone]
    return _effects(call, late, now, events)


def _answer(call: Call, user_id: str, state: ZIMCallUserState, data: str, now: int) -> Effects:
    member = call.member(user_id)
    if member is None or user_id == call.caller:
        raise ZIMError(
            ZIMErrorCode.CALL_MODULE_IS_NOT_INVITEE,
            f"call {call.call_id}: user {user_id!r} was not invited",
        )
    _running(call)
    if not _rings(member, now):
        raise ZIMError(
            ZIMErrorCode.CALL_MODULE_DOES_NOT_EXIST,
            f"call {call.call_id} does not ring for {user_id!r} any more",
        )
    moved = _moved(member, state, data, now)
    delta = _delta(call, [moved])
    events = [(who, delta) for who in _involved(call) if who != user_id]
    # The user's other devices stop ringing by this one.
    return _effects(call, [moved], now, [*events, (user_id, delta)])


def _running(call: Call) -> None:
    if call.state is ZIMCallState.ENDED:
        raise ZIMError(ZIMErrorCode.CALL_MODULE_DOES_NOT_EXIST, f"call {call.call_id} is over")


def _rings(member: Member, now: int) -> bool:
    """Whether the member may still answer: a timeout that is due is one, written or not."""
    until = member.rings_until
    return member.state in RINGING and until is not None and until > now


def _involved(call: Call) -> list[str]:
    """
    Return who learns of the others' steps: the caller and whoever rings.

    In general mode an invitee who answered is through with the invitation.
    """
    return [
        member.user_id
        for member in call.members
        if member.user_id == call.caller or member.state in RINGING
    ]


def _moved(member: Member, state: ZIMCallUserState, data: str, now: int) -> Member:
    answered = now if state in (State.ACCEPTED, State.REJECTED) else member.answered_at
    return attrs.evolve(
        member,
        state=state,
        extended_data=data,
        answered_at=answered,
        rings_until=None,
        event_seq=member.event_seq + 1,
    )


def _delta(call: Call, changed: Iterable[Member]) -> ZIMCallUserStateChangedEventResult:
    infos = tuple(member.info for member in changed)
    return ZIMCallUserStateChangedEventResult(call_id=call.call_id, call_user_list=infos)


def _effects(
    call: Call, changed: Sequence[Member], now: int, events: Sequence[tuple[str, Any]]
) -> Effects:
    """Put the changed members in their places, and end the call if nobody rings."""
    new = {member.user_id: member for member in changed}
    members = tuple(new.get(member.user_id, member) for member in call.members)
    over = not any(member.state in RINGING for member in members)
    call = attrs.evolve(
        call,
        members=members,
        state=ZIMCallState.ENDED if over else call.state,
        ended_at=now if over else call.ended_at,
    )
    return Effects(call=call, changed=tuple(changed), events=tuple(events))
