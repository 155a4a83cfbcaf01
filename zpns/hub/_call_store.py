"""Calls as commands: the state machine between reading rows and writing them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import attrs
import orjson
from sqlalchemy import Connection, Row, bindparam, select

from zpns.errors import ParameterError, ZIMError
from zpns.hub._calls import Call, Effects, Member, accept, cancel, expire, invite, reject
from zpns.models.calls import ZIMCallInfo
from zpns.models.codes import ZIMErrorCode
from zpns.models.enums import ZIMCallInvitationMode, ZIMCallState, ZIMCallUserState
from zpns.models.users import ZIMErrorUserInfo
from zpns.store import calls, events, jobs, tables, users
from zpns.wire import to_json

__all__ = [
    "Invitation",
    "Invited",
    "Step",
    "call_of",
    "expire_overdue",
    "info_of",
    "number_of",
    "start_calls",
    "take_steps",
]

KEPT: Final = 7 * 24 * 3600 * 1000  # milliseconds events of calls are kept
ID_MOST: Final = 2**63 - 1  # where databases stop
_MADE_BEFORE: Final = (
    select(tables.users.c.user_id)
    .where(tables.users.c.user_id.in_(bindparam("ids", expanding=True)))
    .where(tables.users.c.created_at <= bindparam("moment"))
)
_STEPS: Final = {"accept": accept, "reject": reject, "cancel": cancel}


class Invitation(NamedTuple):
    """
    A call to start.

    Attributes:
        call_id: Fresh.

        caller: Made if unknown.

        invitees: Distinct, without the caller.

        timeout: Seconds.

        data: What the caller says.

        push_config: As JSON, or None.

        push: What a push is built from, as JSON, or None for no push.

        reason: Why no push will be sent although there is a push config, or empty.

        now: UTC milliseconds.

        ack_within: How long an online invitee has to acknowledge, milliseconds.

        key: The idempotency key, or None.
    """

    call_id: int
    caller: str
    invitees: tuple[str, ...]
    timeout: int
    data: str
    push_config: str | None
    push: str | None
    reason: str
    now: int
    ack_within: int
    key: str | None


class Invited(NamedTuple):
    """A call that is stored, now or by an earlier call with the same key."""

    call_id: int
    timeout: int
    missing: tuple[ZIMErrorUserInfo, ...] = ()
    told: tuple[str, ...] = ()


class Step(NamedTuple):
    """
    Something a user does to a call.

    Attributes:
        verb: ``"accept"``, ``"reject"`` or ``"cancel"``.

        user_id: Who.

        call_id: As the user gave it.

        data: What they say.

        now: UTC milliseconds.
    """

    verb: str
    user_id: str
    call_id: str
    data: str
    now: int


def number_of(call_id: str) -> int:
    """Return the number of a call that is named as we name them; else 0, which none has."""
    number = int(call_id) if call_id.isascii() and call_id.isdigit() and len(call_id) < 20 else 0
    return number if number <= ID_MOST and str(number) == call_id else 0


def call_of(row: Row[Any], members: Sequence[Row[Any]]) -> Call:
    """Return the call that rows hold."""
    return Call(
        call_id=str(row.call_id),
        caller=row.caller,
        mode=ZIMCallInvitationMode(row.mode),
        state=ZIMCallState(row.state),
        timeout=row.timeout,
        extended_data=row.extended_data,
        created_at=row.created_at,
        ended_at=row.ended_at,
        members=tuple(
            Member(
                user_id=member.user_id,
                state=ZIMCallUserState(member.state),
                inviter=member.inviter,
                extended_data=member.extended_data,
                invited_at=member.invited_at,
                answered_at=member.answered_at,
                rings_until=member.rings_until,
                event_seq=member.event_seq,
            )
            for member in members
        ),
    )


def info_of(call: Call) -> ZIMCallInfo:
    """Return the call as users see it."""
    return ZIMCallInfo(
        call_id=call.call_id,
        caller=call.caller,
        inviter=call.caller,
        create_time=call.created_at,
        end_time=call.ended_at,
        state=call.state,
        mode=call.mode,
        extended_data=call.extended_data,
        call_user_list=[member.info for member in call.members],
    )


def start_calls(connection: Connection, items: Sequence[Invitation]) -> list[Invited | Exception]:
    """Store calls with their events and push jobs."""
    results: list[Any] = [None] * len(items)
    keys = {f"{item.caller}/{item.key}" for item in items if item.key is not None}
    stored = calls.by_key(connection, keys) if keys else {}
    named = {item.caller for item in items} | {who for item in items for who in item.invitees}
    exist = users.known(connection, named)
    latest = max(item.now for item in items)
    here = users.online(connection, named, latest)
    new: dict[str, Invitation] = {}
    for index, item in enumerate(items):
        if item.key is not None:
            key = f"{item.caller}/{item.key}"
            row = stored.get(key)
            first = new.setdefault(key, item)
            if row is not None:
                results[index] = _repeated(connection, row, item, exist)
                continue
            if first is not item:
                results[index] = _second(first, item, exist)
                continue
        results[index] = _started(connection, item, exist, here)
    return results


def _repeated(
    connection: Connection, row: Row[Any], item: Invitation, exist: set[str]
) -> Invited | Exception:
    """Return the result of an item whose key started the call *row*."""
    _, members = calls.by_ids(connection, [row.call_id])[row.call_id]
    invited = {member.user_id for member in members if member.user_id != row.caller}
    missing = [who for who in item.invitees if who not in invited]
    said = (item.timeout, item.data, item.push_config)
    same = invited <= set(item.invitees) and said == (
        row.timeout,
        row.extended_data,
        row.push_config,
    )
    # Who was there already and is not in the call was not named the first time.
    values = {"ids": [who for who in missing if who in exist], "moment": row.created_at}
    if not same or (values["ids"] and connection.execute(_MADE_BEFORE, values).first()):
        return _reused(item)
    return Invited(row.call_id, row.timeout, tuple(_absent(who) for who in missing))


def _second(first: Invitation, item: Invitation, exist: set[str]) -> Invited | Exception:
    """Return the result of an item that repeats another of the same transaction."""
    # Not the push: it says when the call was made, and they were made one after the other.
    said = (item.invitees, item.timeout, item.data, item.push_config)
    if said != (first.invitees, first.timeout, first.data, first.push_config):
        return _reused(item)
    missing = tuple(_absent(who) for who in item.invitees if who not in exist)
    if len(missing) == len(item.invitees):
        return _nobody()
    return Invited(first.call_id, first.timeout, missing)


def _reused(item: Invitation) -> ParameterError:
    return ParameterError("idempotency_key", "a new key: this one started another call", item.key)


def _nobody() -> ZIMError:
    return ZIMError(
        ZIMErrorCode.CALL_MODULE_INVITE_USER_DOES_NOT_EXIST,
        "invitees: none of them exists; a user exists after register, login or add_users",
    )


def _absent(user_id: str) -> ZIMErrorUserInfo:
    return ZIMErrorUserInfo(
        user_id=user_id, reason=ZIMErrorCode.CALL_MODULE_INVITE_USER_DOES_NOT_EXIST
    )


def _started(
    connection: Connection, item: Invitation, exist: set[str], here: set[str]
) -> Invited | Exception:
    invitees = [who for who in item.invitees if who in exist]
    if not invitees:
        return _nobody()
    if item.caller not in exist:
        users.add(connection, [{"user_id": item.caller, "created_at": item.now}])
        exist.add(item.caller)
    effects = invite(str(item.call_id), item.caller, invitees, item.timeout, item.data, item.now)
    call = effects.call
    calls.add(
        connection,
        [
            {
                "call_id": item.call_id,
                "caller": call.caller,
                "mode": int(call.mode),
                "state": int(call.state),
                "timeout": call.timeout,
                "extended_data": call.extended_data,
                "push_config": item.push_config,
                "created_at": call.created_at,
                "idempotency": None if item.key is None else f"{item.caller}/{item.key}",
            }
        ],
        [
            {
                "call_id": item.call_id,
                "position": position,
                **attrs.asdict(member),
                "state": int(member.state),
            }
            for position, member in enumerate(call.members)
        ],
    )
    rows = _append(connection, effects, item.now)
    if item.push is not None:
        jobs.add(connection, [_job(item, who, rows[who], who in here) for who in invitees])
    missing = tuple(_absent(who) for who in item.invitees if who not in exist)
    return Invited(item.call_id, item.timeout, missing, tuple(rows))


def _job(item: Invitation, user_id: str, event: dict[str, Any], here: bool) -> dict[str, Any]:
    return {
        "job_id": f"c{item.call_id}-1-{event['seq']}-{user_id}"[:64],
        "event": "call_invited",
        "ref": str(item.call_id),
        "priority": jobs.CALLS,
        "state": jobs.DONE if item.reason else jobs.OPEN,
        "reason": item.reason,
        "created_at": item.now,
        "due_at": item.now + item.ack_within if here else item.now,
        "deadline_at": item.now + item.timeout * 1000,
        "audience": orjson.dumps([[user_id, 1]]).decode(),
        "push": item.push,
        "ack_log": event["log"] if here else None,
        "ack_seq": event["seq"] if here else None,
    }


def take_steps(connection: Connection, items: Sequence[Step]) -> list[tuple[str, ...] | Exception]:
    """Let users answer or cancel; gives who learns of it."""
    results: list[tuple[str, ...] | Exception] = []
    # One after the other: two of them may concern the same call.
    for item in items:
        step = partial(_STEPS[item.verb], user_id=item.user_id, data=item.data, now=item.now)
        results.append(_stepped(connection, item.call_id, step, item.now))
    return results


def _stepped(
    connection: Connection, call_id: str, step: Callable[[Call], Effects], now: int
) -> tuple[str, ...] | Exception:
    number = number_of(call_id)
    found = calls.by_ids(connection, [number]).get(number)
    if found is None:
        return ZIMError(ZIMErrorCode.CALL_MODULE_DOES_NOT_EXIST, f"call_id: no call {call_id!r}")
    try:
        effects = step(call_of(*found))
    except ZIMError as error:
        return error
    return _saved(connection, number, effects, now)


def _saved(connection: Connection, number: int, effects: Effects, now: int) -> tuple[str, ...]:
    if not effects.changed:
        return ()
    call = effects.call
    calls.save(
        connection,
        [{"call": number, "to_state": int(call.state), "ended": call.ended_at}],
        [
            {
                "call": number,
                "user": member.user_id,
                "to_state": int(member.state),
                "said": member.extended_data,
                "answered": member.answered_at,
                "until": member.rings_until,
                "number": member.event_seq,
            }
            for member in effects.changed
        ],
    )
    return tuple(_append(connection, effects, now))


def _append(connection: Connection, effects: Effects, now: int) -> dict[str, dict[str, Any]]:
    """Write the events of *effects*; return the last row of each user."""
    rows = []
    until = now + KEPT
    for user_id, event in effects.events:
        rings = effects.call.member(user_id)
        invited = event.EVENT == "callInvitationReceived"
        expires = rings.rings_until if invited and rings is not None else until
        rows.append(
            {
                "log": events.user_log(user_id),
                "name": event.EVENT,
                "message_id": None,
                "body": to_json(event).decode(),
                "created_at": now,
                "expires_at": expires,
            }
        )
    events.append(connection, rows)
    return {user_id: row for (user_id, _), row in zip(effects.events, rows, strict=True)}


def expire_overdue(
    connection: Connection, items: Sequence[tuple[int, int]]
) -> list[tuple[str, ...] | Exception]:
    """
    End ringing that is over: (now, how many calls at most).

    Two processes that do this at the same time end each call once: whoever comes second
    finds nothing overdue any more.
    """
    results: list[tuple[str, ...] | Exception] = []
    for now, most in items:
        overdue = calls.overdue(connection, now, most)
        told: list[str] = []
        for number, found in calls.by_ids(connection, overdue).items():
            effects = expire(call_of(*found), now)
            told += _saved(connection, number, effects, now)
        results.append(tuple(told))
    return results
