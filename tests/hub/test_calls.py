"""The state machine of calls in general mode: every step, every refusal, who learns what."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from zpns.errors import ZIMError
from zpns.hub import _calls
from zpns.hub._calls import Call, Effects
from zpns.models import ZIMCallState, ZIMCallUserState

NOW = 1_700_000_000_000  # milliseconds
UNTIL = NOW + 90_000
S = ZIMCallUserState
STEPS = {"accept": _calls.accept, "reject": _calls.reject, "cancel": _calls.cancel}


def started(*invitees: str, timeout: int = 90) -> Call:
    """Return a call of ann to *invitees*."""
    return _calls.invite("7", "ann", invitees, timeout, "room 1", NOW).call


def after(call: Call, *steps: tuple[str, str], now: int = NOW + 1000) -> Call:
    """Return *call* after steps, each a verb and who does it."""
    for verb, who in steps:
        call = (
            _calls.expire(call, UNTIL).call
            if verb == "expire"
            else STEPS[verb](call, who, f"{who} says {verb}", now).call
        )
    return call


def states(call: Call) -> dict[str, ZIMCallUserState]:
    """Return where everybody stands."""
    return {member.user_id: member.state for member in call.members}


def said(effects: Effects) -> list[tuple[str, str, dict[str, ZIMCallUserState]]]:
    """Return who learns what in order: user, event, and the states it tells of."""
    return [
        (
            who,
            event.EVENT,
            {info.user_id: info.state for info in getattr(event, "call_user_list", ())},
        )
        for who, event in effects.events
    ]


def code_of(step: str, call: Call, who: str, now: int = NOW + 1000) -> int:
    """Return the code with which a step is refused."""
    with pytest.raises(ZIMError) as caught:
        STEPS[step](call, who, "", now)
    return caught.value.code


def test_invite_starts_the_caller_as_accepted_and_rings_everybody_else() -> None:
    """The caller is in the call from the start; invitees ring until the timeout."""
    call = started("bob", "cat", timeout=30)
    assert {"ann": S.ACCEPTED, "bob": S.INVITING, "cat": S.INVITING} == states(call)
    assert [None, NOW + 30_000, NOW + 30_000] == [m.rings_until for m in call.members]
    assert [1, 1, 1] == [member.event_seq for member in call.members]
    assert (ZIMCallState.STARTED, 0) == (call.state, call.ended_at)


def test_invite_tells_the_caller_first_the_states_and_then_that_it_was_created() -> None:
    """The caller's two events come in ZIM's order, then each invitee in the order given."""
    effects = _calls.invite("7", "ann", ["bob", "cat"], 90, "room 1", NOW)
    everybody = {"ann": S.ACCEPTED, "bob": S.INVITING, "cat": S.INVITING}
    assert [
        ("ann", "callUserStateChanged", everybody),
        ("ann", "callInvitationCreated", everybody),
        ("bob", "callInvitationReceived", everybody),
        ("cat", "callInvitationReceived", everybody),
    ] == said(effects)
    received = effects.events[2][1]
    assert ("7", "ann", "ann", "room 1", 90, NOW) == (
        received.call_id,
        received.caller,
        received.inviter,
        received.extended_data,
        received.timeout,
        received.create_time,
    )


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        pytest.param("accept", S.ACCEPTED, id="accept"),
        pytest.param("reject", S.REJECTED, id="reject"),
    ],
)
@pytest.mark.parametrize("ringing", [S.INVITING, S.RECEIVED, S.NOT_YET_RECEIVED])
def test_an_answer_moves_the_invitee_from_every_state_that_rings(
    verb: str, state: ZIMCallUserState, ringing: ZIMCallUserState
) -> None:
    """Inviting, received and not yet received are answered alike."""
    call = started("bob", "cat")
    bob = attrs.evolve(call.members[1], state=ringing)
    call = attrs.evolve(call, members=(call.members[0], bob, call.members[2]))
    effects = STEPS[verb](call, "bob", "hm", NOW + 5)
    (moved,) = effects.changed
    assert (state, "hm", NOW + 5, None, 2) == (
        moved.state,
        moved.extended_data,
        moved.answered_at,
        moved.rings_until,
        moved.event_seq,
    )
    assert {"ann": S.ACCEPTED, "bob": state, "cat": S.INVITING} == states(effects.call)
    assert ZIMCallState.STARTED is effects.call.state


@pytest.mark.parametrize(
    ("before", "verb", "who", "told"),
    [
        pytest.param(
            [], "accept", "bob", [("ann", S.ACCEPTED), ("cat", S.ACCEPTED), ("bob", S.ACCEPTED)],
            id="accept-while-another-rings",
        ),
        pytest.param(
            [], "reject", "bob", [("ann", S.REJECTED), ("cat", S.REJECTED), ("bob", S.REJECTED)],
            id="reject-while-another-rings",
        ),
        pytest.param(
            [("accept", "bob")], "reject", "cat", [("ann", S.REJECTED), ("cat", S.REJECTED)],
            id="whoever-answered-hears-no-more",
        ),
        pytest.param(
            [("accept", "bob")], "accept", "cat", [("ann", S.ACCEPTED), ("cat", S.ACCEPTED)],
            id="nor-of-the-second-to-accept",
        ),
        pytest.param(
            [("reject", "bob")], "accept", "cat", [("ann", S.ACCEPTED), ("cat", S.ACCEPTED)],
            id="whoever-refused-hears-no-more",
        ),
    ],
)  # fmt: skip
def test_an_answer_is_told_to_the_caller_to_whoever_rings_and_to_the_users_other_devices(
    before: list[tuple[str, str]], verb: str, who: str, told: list[tuple[str, ZIMCallUserState]]
) -> None:
    """Only the change is told; in general mode who answered is through with the call."""
    effects = STEPS[verb](after(started("bob", "cat"), *before), who, "", NOW + 1000)
    assert [(user, "callUserStateChanged", {who: state}) for user, state in told] == said(effects)


@pytest.mark.parametrize(
    ("steps", "ends"),
    [
        pytest.param([("accept", "bob")], False, id="one-of-two-accepted"),
        pytest.param([("accept", "bob"), ("accept", "cat")], True, id="both-accepted"),
        pytest.param([("reject", "bob"), ("accept", "cat")], True, id="refused-and-accepted"),
        pytest.param([("reject", "bob"), ("reject", "cat")], True, id="both-refused"),
        pytest.param([("cancel", "ann")], True, id="taken-back"),
        pytest.param([("reject", "bob"), ("cancel", "ann")], True, id="refused-then-taken-back"),
        pytest.param([("expire", "")], True, id="timed-out"),
        pytest.param([("accept", "bob"), ("expire", "")], True, id="accepted-then-timed-out"),
    ],
)
def test_a_call_is_over_once_every_invitee_has_a_final_answer(
    steps: list[tuple[str, str]], ends: bool
) -> None:
    """General mode knows no end but that nobody rings any more."""
    call = after(started("bob", "cat"), *steps)
    assert ends == (call.state is ZIMCallState.ENDED)
    assert ends == (call.ended_at > 0)


def test_cancel_takes_back_whoever_rings_and_leaves_the_others() -> None:
    """Who refused stays so; the caller learns its own state, the others that it is over."""
    call = after(started("bob", "cat", "dan"), ("reject", "bob"))
    effects = _calls.cancel(call, "ann", "sorry", NOW + 2000)
    assert {
        "ann": S.CANCELLED,
        "bob": S.REJECTED,
        "cat": S.BE_CANCELLED,
        "dan": S.BE_CANCELLED,
    } == states(effects.call)
    assert [
        ("ann", "callUserStateChanged", {"ann": S.CANCELLED}),
        ("cat", "callInvitationCancelled", {}),
        ("dan", "callInvitationCancelled", {}),
    ] == said(effects)
    cancelled = effects.events[1][1]
    assert ("ann", "sorry") == (cancelled.inviter, cancelled.extended_data)


def test_expire_ends_what_is_due_and_nothing_before_it() -> None:
    """One millisecond before the end it rings, at the end it does not."""
    call = after(started("bob", "cat"), ("accept", "bob"))
    assert () == _calls.expire(call, UNTIL - 1).changed
    effects = _calls.expire(call, UNTIL)
    assert {"ann": S.ACCEPTED, "bob": S.ACCEPTED, "cat": S.TIMEOUT} == states(effects.call)
    assert [
        ("cat", "callInvitationTimeout", {}),
        ("ann", "callUserStateChanged", {"cat": S.TIMEOUT}),
    ] == said(effects)
    assert UNTIL == effects.call.ended_at


def test_expire_twice_changes_nothing_the_second_time() -> None:
    """A call that ended is not ended again."""
    call = after(started("bob"), ("expire", ""))
    again = _calls.expire(call, UNTIL + 1)
    assert (call, (), ()) == (again.call, again.changed, again.events)


@pytest.mark.parametrize(
    ("before", "step", "who", "code"),
    [
        pytest.param([], "accept", "eve", 6000274, id="accept-uninvited"),
        pytest.param([], "reject", "eve", 6000274, id="reject-uninvited"),
        pytest.param([], "accept", "ann", 6000274, id="accept-own-call"),
        pytest.param([], "reject", "ann", 6000274, id="reject-own-call"),
        pytest.param([("expire", "")], "accept", "eve", 6000274, id="uninvited-after-the-end"),
        pytest.param([("accept", "bob")], "accept", "bob", 6000276, id="accept-twice"),
        pytest.param([("accept", "bob")], "reject", "bob", 6000276, id="reject-after-accept"),
        pytest.param([("reject", "bob")], "accept", "bob", 6000276, id="accept-after-reject"),
        pytest.param([("cancel", "ann")], "accept", "bob", 6000276, id="accept-after-cancel"),
        pytest.param([("cancel", "ann")], "reject", "bob", 6000276, id="reject-after-cancel"),
        pytest.param([("expire", "")], "accept", "bob", 6000276, id="accept-after-timeout"),
        pytest.param([("expire", "")], "reject", "cat", 6000276, id="reject-after-timeout"),
        pytest.param([], "cancel", "bob", 6000273, id="cancel-by-invitee"),
        pytest.param([], "cancel", "eve", 6000273, id="cancel-by-stranger"),
        pytest.param([("cancel", "ann")], "cancel", "bob", 6000273, id="cancel-by-invitee-late"),
        pytest.param([("accept", "bob")], "cancel", "ann", 6000271, id="cancel-after-accept"),
        pytest.param(
            [("accept", "bob"), ("reject", "cat")], "cancel", "ann", 6000271, id="cancel-accepted-end"
        ),
        pytest.param([("cancel", "ann")], "cancel", "ann", 6000276, id="cancel-twice"),
        pytest.param([("expire", "")], "cancel", "ann", 6000276, id="cancel-after-timeout"),
        pytest.param(
            [("reject", "bob"), ("reject", "cat")], "cancel", "ann", 6000276, id="cancel-all-refused"
        ),
    ],
)  # fmt: skip
def test_a_step_out_of_turn_is_refused_with_zims_code(
    before: list[tuple[str, str]], step: str, who: str, code: int
) -> None:
    """Each refusal has the code of ZIM's table."""
    assert code == code_of(step, after(started("bob", "cat"), *before), who)


@pytest.mark.parametrize(
    ("step", "who"),
    [
        pytest.param("accept", "bob", id="accept"),
        pytest.param("reject", "bob", id="reject"),
        pytest.param("cancel", "ann", id="cancel"),
    ],
)
def test_a_timeout_that_is_due_counts_before_it_is_written(step: str, who: str) -> None:
    """Nobody answers or takes back what rang out, however late the timeout is noted."""
    call = started("bob", "cat")
    assert 6000276 == code_of(step, call, who, now=UNTIL)
    assert STEPS[step](call, who, "", UNTIL - 1).changed


def test_an_answered_invitee_does_not_time_out() -> None:
    """The end of the ringing takes only those who still ring."""
    call = after(started("bob", "cat"), ("reject", "bob"), ("expire", ""))
    assert {"ann": S.ACCEPTED, "bob": S.REJECTED, "cat": S.TIMEOUT} == states(call)


USERS = ["ann", "bob", "cat", "dan"]


class CallRules(RuleBasedStateMachine):
    """The machine beside a plain statement of ZIM's rules for general mode."""

    @initialize(invitees=st.lists(st.sampled_from(USERS[1:]), min_size=1, unique=True))
    def start(self, invitees: list[str]) -> None:
        self.now = NOW
        self.call = _calls.invite("7", "ann", invitees, 90, "", NOW).call
        self.model = dict.fromkeys(invitees, "ringing")
        self.cancelled = False
        self.seqs = {member.user_id: member.event_seq for member in self.call.members}

    def step(self, make: Any, expected: int | None) -> Effects | None:
        """Take a step; it must be refused with *expected*, or not at all if that is None."""
        try:
            effects: Effects = make()
        except ZIMError as error:
            assert expected == error.code
            return None
        assert expected is None
        self.call = effects.call
        heard = [who for who, event in effects.events if event.EVENT == "callInvitationReceived"]
        assert [] == heard, "nobody rings a second time"
        return effects

    def rings(self, who: str) -> bool:
        return self.model.get(who) == "ringing" and self.now < UNTIL

    @rule(who=st.sampled_from(USERS), verb=st.sampled_from(["accept", "reject"]))
    def answer(self, who: str, verb: str) -> None:
        if who not in self.model:
            expected: int | None = 6000274
        else:
            expected = None if self.rings(who) else 6000276
        self.step(lambda: STEPS[verb](self.call, who, "", self.now), expected)
        if expected is None:
            self.model[who] = f"{verb}ed"

    @rule(who=st.sampled_from(USERS))
    def cancel(self, who: str) -> None:
        if who != "ann":
            expected: int | None = 6000273
        elif "accepted" in self.model.values():
            expected = 6000271
        else:
            expected = None if any(map(self.rings, self.model)) else 6000276
        self.step(lambda: _calls.cancel(self.call, who, "", self.now), expected)
        if expected is None:
            self.cancelled = True
            for user in [user for user in self.model if self.rings(user)]:
                self.model[user] = "cancelled"

    @rule(passed=st.sampled_from([0, 1, 1_000, 45_000, 90_000]))
    def wait(self, passed: int) -> None:
        self.now += passed

    @rule()
    def expire(self) -> None:
        late = {u for u, s in self.model.items() if s == "ringing" and self.now >= UNTIL}
        effects = self.step(lambda: _calls.expire(self.call, self.now), None)
        assert effects is not None
        told = [who for who, event in effects.events if event.EVENT == "callInvitationTimeout"]
        assert sorted(late) == sorted(told)
        self.model.update(dict.fromkeys(late, "timed out"))

    @invariant()
    def everybody_stands_where_the_rules_say(self) -> None:
        names = {
            "ringing": S.INVITING,
            "accepted": S.ACCEPTED,
            "rejected": S.REJECTED,
            "cancelled": S.BE_CANCELLED,
            "timed out": S.TIMEOUT,
        }
        expected = {who: names[state] for who, state in self.model.items()}
        expected["ann"] = S.CANCELLED if self.cancelled else S.ACCEPTED
        assert expected == states(self.call)
        assert len(self.call.members) == len(expected), "nobody is in two states"

    @invariant()
    def it_ends_when_nobody_rings_and_then_nobody_does(self) -> None:
        over = "ringing" not in self.model.values()
        assert over == (self.call.state is ZIMCallState.ENDED)
        assert over == (self.call.ended_at != 0)
        ringing = {m.user_id for m in self.call.members if m.rings_until is not None}
        assert {who for who, state in self.model.items() if state == "ringing"} == ringing

    @invariant()
    def numbers_of_events_only_rise(self) -> None:
        now = {member.user_id: member.event_seq for member in self.call.members}
        assert all(self.seqs[who] <= now[who] for who in now)
        self.seqs = now


CallRulesTest = CallRules.TestCase
