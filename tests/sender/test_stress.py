"""Many tokens with random fates: each is reported once, and what waits stays bounded."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zpns.models import Delivery, Outcome
from zpns.sender._run import Run

FATES = [
    *["ok"] * 12,
    "gone",
    "odd",
    "bad",
    "busy",
    "busy=0",
    "busy=2",
    "quota=1",
    "unsent",
    "lost",
    "401",
    "unsaved",
]
ENDS = {
    "ok": Outcome.SENT,
    "gone": Outcome.TOKEN_DEAD,
    "odd": Outcome.TOKEN_SUSPECT,
    "bad": Outcome.REFUSED,
}
REPAIRED = {"401", "unsaved"}


def outcomes_of(said: list[str], *, repeat_unknown: bool) -> set[Outcome]:
    """Return how a token may end of which the vendor and the network said this."""
    *before, last = said or ["nothing"]
    assert not set(before) & set(ENDS), "sent again after it was over"
    assert repeat_unknown or "lost" not in before, "sent again after it was perhaps sent"
    if last in ENDS:
        return {ENDS[last]}
    given_up = Outcome.UNKNOWN if "lost" in said else Outcome.EXPIRED
    if last in REPAIRED:
        # Refused when it is the second, given up when there was no time to repeat it.
        return {Outcome.REFUSED, given_up} if REPAIRED & set(before) else {given_up}
    return {given_up}


class Watch:
    """Looks at the inside of a run whenever a result comes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most = 0
        report = Run._report

        def watched(run: Run, delivery: Delivery) -> None:
            report(run, delivery)
            waiting = sum(len(items) for _, _, items in run._retries)
            assert waiting == run._waiting
            self.most = max(self.most, len(run.results) + len(run._held) + waiting)

        monkeypatch.setattr(Run, "_report", watched)


async def check(
    room: Any,
    count: int,
    seed: int,
    *,
    max_waiting: int,
    window: int,
    ordered: bool,
    repeat_unknown: bool,
    asynchronous: bool,
    slow: bool,
    deadline: float = 60.0,
) -> Counter[Outcome]:
    """Send to *count* tokens and check each delivery; return how they ended."""
    rng = random.Random(seed)
    tokens = [f"token-{number}" for number in range(count)]
    for token in tokens:
        room.fate(token, *(rng.choice(FATES) for _ in range(rng.randrange(4))))

    async def stream() -> AsyncIterator[str]:
        for token in tokens:
            if rng.random() < 0.05:
                await asyncio.sleep(0)
            yield token

    found: list[Delivery] = []

    async def work() -> None:
        async with room.sender.send_many(
            room.hello,
            stream() if asynchronous else tokens,
            window=window,
            deadline=deadline,
            ordered=ordered,
            repeat_unknown=repeat_unknown,
            max_waiting=max_waiting,
        ) as deliveries:
            async for delivery in deliveries:
                found.append(delivery)
                if slow and rng.random() < 0.1:
                    await asyncio.sleep(0)

    await room.run(work())
    assert list(range(count)) == sorted(delivery.target.seq for delivery in found)
    if ordered:
        assert tokens == [delivery.token for delivery in found]
    for delivery in found:
        assert tokens[delivery.target.seq] == delivery.token
        said = room.vendor.said.get(delivery.token, [])
        assert delivery.outcome in outcomes_of(said, repeat_unknown=repeat_unknown)
        assert len(said) - said.count("unsent") == delivery.attempts
    assert room.carrier.most_under_way <= window + 1  # and one for a credential
    return Counter(delivery.outcome for delivery in found)


@pytest.mark.parametrize(
    ("count", "ordered"),
    [pytest.param(20_000, False, id="as-ready"), pytest.param(5_000, True, id="ordered")],
)
async def test_many_tokens(make_room: Any, monkeypatch: Any, count: int, ordered: bool) -> None:
    """Every token ends once in an outcome its fate allows, and memory does not grow."""
    room = make_room(chance=random.Random(5))
    room.vendor.turns = 2
    watch = Watch(monkeypatch)
    ended = await check(
        room,
        count,
        seed=7,
        window=50,
        max_waiting=300,
        ordered=ordered,
        repeat_unknown=False,
        asynchronous=True,
        slow=True,
        deadline=1e6,
    )
    assert watch.most <= 300 + 50
    assert count == ended.total()
    assert ended[Outcome.SENT] > count // 2
    assert 0 == ended[Outcome.EXPIRED]
    kinds = {Outcome.TOKEN_DEAD, Outcome.TOKEN_SUSPECT, Outcome.REFUSED, Outcome.UNKNOWN}
    assert dict.fromkeys(kinds, True) == {kind: ended[kind] > count // 200 for kind in kinds}


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    count=st.integers(0, 150),
    seed=st.integers(0, 10_000),
    window=st.integers(1, 6),
    max_waiting=st.integers(1, 12),
    max_tokens=st.integers(1, 5),
    ordered=st.booleans(),
    repeat_unknown=st.booleans(),
    asynchronous=st.booleans(),
    slow=st.booleans(),
    saves=st.booleans(),
    turns=st.integers(0, 3),
    deadline=st.sampled_from([0.5, 4.0, 1e5]),
)
def test_any_shape(
    room_class: Any,
    *,
    count: int,
    max_tokens: int,
    saves: bool,
    turns: int,
    **options: Any,
) -> None:
    """Whatever the window, the limits and the slices: exactly once, in bounded memory."""

    async def work() -> None:
        room = room_class(chance=random.Random(options["seed"]), max_tokens=max_tokens, saves=saves)
        room.vendor.turns = turns
        with pytest.MonkeyPatch.context() as patch:
            watch = Watch(patch)
            await check(room, count, **options)
        # Up to a window of requests was under way, and another slice at each of the two
        # who begin them, when the last place was taken.
        assert watch.most <= options["max_waiting"] + (options["window"] + 2) * max_tokens
        await room.sender.aclose()
        await room.clock.advance(0)
        assert {asyncio.current_task()} == asyncio.all_tasks()

    asyncio.run(work())
