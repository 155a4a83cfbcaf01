"""Push jobs: who gets them, in which order, for how long, and what is kept of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from zpns.delivery import _commands as commands
from zpns.store import Store, jobs
from zpns.store.tables import metadata

from .makers import Do, attempt, job

CALLS, MESSAGES, MARKETING = jobs.PRIORITIES


async def claimed(
    do: Do, now: int, *, owner: str = "w", until: int = 10_000, most: int = 10
) -> list[str]:
    """Return the jobs that *owner* gets."""
    rows = await do(jobs.claim, owner=owner, now=now, until=until, most=most)
    return [row.job_id for row in rows]


async def state_of(do: Do, job_id: str) -> tuple[Any, ...]:
    """Return state, reason, due time, and who leases a job."""
    (row,) = await do.rows(
        "SELECT state, reason, due_at, lease_owner FROM jobs WHERE job_id = :job", job=job_id
    )
    return row


def save_row(job_id: str, owner: str = "w", **changed: Any) -> dict[str, Any]:
    """Return what the owner writes when a job is done."""
    return {
        "job": job_id,
        "owner": owner,
        "to_state": jobs.DONE,
        "why": "",
        "due": 5,
        "holder": None,
        "place": None,
        "all_paged": 1,
        "saved": None,
        **changed,
    }


def progress(job_id: str, owner: str = "w", **changed: Any) -> commands.Progress:
    """Return what a worker writes when a job is done."""
    made = commands.Progress(
        owner=owner,
        job_id=job_id,
        now=1,
        attempts=[attempt(job_id, 1)],
        followed=[],
        place=None,
        paged=True,
        state=jobs.DONE,
        reason="",
        due_at=1,
        stored=None,
        release=True,
    )
    return made._replace(**changed)


# Claiming.


async def test_the_most_urgent_are_claimed_first(do: Do) -> None:
    """Calls before messages before marketing, and within one class whoever was due first."""
    await do(
        jobs.add,
        [
            job("sale", priority=MARKETING, due_at=1),
            job("late", priority=MESSAGES, due_at=9),
            job("early", priority=MESSAGES, due_at=2),
            job("ring", priority=CALLS, due_at=10),
            job("ring-first", priority=CALLS, due_at=3),
        ],
    )
    assert ["ring-first", "ring", "early", "late", "sale"] == await claimed(do, 10)


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        pytest.param(1, ["c1"], id="part-of-the-first-class"),
        pytest.param(3, ["c1", "c2", "m1"], id="into-the-second"),
        pytest.param(5, ["c1", "c2", "m1", "m2", "s1"], id="into-the-third"),
        pytest.param(9, ["c1", "c2", "m1", "m2", "s1", "s2"], id="more-than-there-are"),
    ],
)
async def test_no_more_than_asked_for_are_claimed(do: Do, most: int, expected: list[str]) -> None:
    """What is left over stays for others."""
    kinds = {"c": CALLS, "m": MESSAGES, "s": MARKETING}
    names = [f"{kind}{number}" for number in (1, 2) for kind in "smc"]
    rows = [job(name, priority=kinds[name[0]], due_at=int(name[1])) for name in names]
    await do(jobs.add, rows)
    assert expected == await claimed(do, 10, most=most)
    assert sorted(names) == sorted(expected + await claimed(do, 10, owner="other"))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({"due_at": 10}, ["j"], id="due-now"),
        pytest.param({"due_at": 11}, [], id="due-later"),
        pytest.param({"state": jobs.DONE}, [], id="done"),
        pytest.param({"lease_owner": "other", "due_at": 11}, [], id="held"),
        pytest.param({"lease_owner": "other", "due_at": 10}, ["j"], id="lease-ran-out"),
        pytest.param({"deadline_at": 1}, ["j"], id="expired-which-the-worker-has-to-say"),
    ],
)
async def test_what_can_be_claimed(do: Do, changed: dict[str, Any], expected: list[str]) -> None:
    """Open jobs that are due and that nobody holds."""
    await do(jobs.add, [job("j", **changed)])
    assert expected == await claimed(do, 10)


async def test_a_claim_gives_whole_rows_as_they_are_now(do: Do) -> None:
    """With the new lease, so that a worker needs no second look."""
    await do(jobs.add, [job("j", push='{"title":"x"}')])
    (row,) = await do(jobs.claim, owner="w", now=10, until=40, most=1)
    assert ("j", '{"title":"x"}', "w", 40) == (row.job_id, row.push, row.lease_owner, row.due_at)


async def test_two_workers_share_what_there_is(do: Do) -> None:
    """No job goes to both."""
    await do(jobs.add, [job(f"j{number}") for number in range(7)])
    one = await claimed(do, 10, owner="one", most=4)
    other = await claimed(do, 10, owner="other", most=4)
    assert (4, 3) == (len(one), len(other))
    assert {f"j{number}" for number in range(7)} == {*one, *other}
    assert [] == await claimed(do, 10, owner="third")


async def test_more_than_fit_into_one_statement_can_be_claimed(do: Do) -> None:
    """In order, and every one."""
    await do(jobs.add, [job(f"j{number:05}", due_at=number) for number in range(10_050)])
    assert [f"j{number:05}" for number in range(10_050)] == await claimed(
        do, 20_000, until=50_000, most=20_000
    )
    assert [] == await claimed(do, 20_000)


# Leases.


async def test_a_lease_that_ran_out_is_taken_over(do: Do) -> None:
    """And from then on whoever held it has no say in the job."""
    await do(jobs.add, [job("j")])
    await claimed(do, 0, owner="first", until=30)
    assert [] == await claimed(do, 29, owner="second", until=60)
    assert ["j"] == await claimed(do, 30, owner="second", until=60)

    held = (jobs.OPEN, "", 60, "second")
    await do(jobs.save, [save_row("j", "first")])
    assert held == await state_of(do, "j")
    await do(jobs.release, [{"job": "j", "owner": "first", "due": 1}])
    assert held == await state_of(do, "j")
    await do(jobs.extend, "first", ["j"], 90)
    assert held == await state_of(do, "j")
    assert set() == await do(jobs.owned, "first", ["j"], 31)
    assert {"j"} == await do(jobs.owned, "second", ["j"], 31)


async def test_progress_of_a_lost_lease_is_refused_as_a_whole(store: Store, do: Do) -> None:
    """Neither job nor attempts are written; whoever holds the lease is not disturbed."""
    await do(jobs.add, [job("lost"), job("kept")])
    await claimed(do, 0, owner="first", until=30)
    await do(jobs.extend, "first", ["kept"], 90)
    await claimed(do, 30, owner="second", until=60)
    with pytest.raises(commands.LeaseLost, match="'lost' was taken over"):
        await store.write(commands.save, progress("lost", "first", now=31))
    await store.write(commands.save, progress("kept", "first", now=31))
    assert [("kept", 1)] == await do.rows("SELECT job_id, seq FROM attempts")
    assert (jobs.OPEN, "", 60, "second") == await state_of(do, "lost")
    await store.write(commands.save, progress("lost", "second", now=32))
    assert jobs.DONE == (await state_of(do, "lost"))[0]


async def test_progress_after_the_lease_ran_out_is_refused(store: Store, do: Do) -> None:
    """Even if nobody took the job over yet: somebody may, at this moment."""
    await do(jobs.add, [job("j")])
    await claimed(do, 0, until=30)
    with pytest.raises(commands.LeaseLost):
        await store.write(commands.save, progress("j", now=30))
    assert 0 == await do.value("SELECT count(*) FROM attempts")
    assert ["j"] == await claimed(do, 30, owner="other")


async def test_a_lease_is_extended(do: Do) -> None:
    """Of the owner's jobs, and of those only while they are open."""
    await do(jobs.add, [job("mine"), job("theirs"), job("done")])
    await claimed(do, 0, until=30)
    await do(jobs.save, [save_row("done", holder="w", due=30)])
    await do(jobs.release, [{"job": "theirs", "owner": "w", "due": 0}])
    await claimed(do, 0, owner="other", until=40)
    await do(jobs.extend, "w", ["mine", "theirs", "done", "never"], 90)
    assert [90, 40, 30] == [(await state_of(do, name))[2] for name in ("mine", "theirs", "done")]


async def test_a_lease_is_given_back(do: Do) -> None:
    """Whoever is next gets the job as soon as it is due again."""
    await do(jobs.add, [job("j")])
    await claimed(do, 0, until=30)
    await do(jobs.release, [{"job": "j", "owner": "w", "due": 7}])
    assert (jobs.OPEN, "", 7, None) == await state_of(do, "j")
    assert [] == await claimed(do, 6, owner="other")
    assert ["j"] == await claimed(do, 7, owner="other")


@pytest.mark.parametrize("changed", [{}, {"holder": "w"}], ids=["released", "kept"])
async def test_progress_is_saved(do: Do, changed: dict[str, Any]) -> None:
    """Every value of it, and of no other job."""
    await do(jobs.add, [job("j"), job("other")])
    await claimed(do, 0, until=30)
    row = save_row(
        "j", to_state=jobs.OPEN, why="so", due=55, place='["bob",3]', all_paged=0, saved="{}"
    )
    await do(jobs.save, [{**row, **changed}])
    columns = "state, reason, due_at, lease_owner, page_cursor, paged, stored"
    found = dict.fromkeys(["j", "other"])
    for job_id, *values in await do.rows(f"SELECT job_id, {columns} FROM jobs"):
        found[job_id] = tuple(values)
    holder = changed.get("holder")
    assert (jobs.OPEN, "so", 55, holder, '["bob",3]', 0, "{}") == found["j"]
    assert (jobs.OPEN, "", 30, "w", None, 0, None) == found["other"]


# When there is work.


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([], None, id="nothing"),
        pytest.param([{"state": jobs.DONE}], None, id="all-done"),
        pytest.param([{"due_at": 9}, {"due_at": 4}], 4, id="the-earliest"),
        pytest.param(
            [{"due_at": 9, "priority": CALLS}, {"due_at": 4, "priority": MARKETING}],
            4,
            id="of-any-class",
        ),
        pytest.param(
            [{"due_at": 30, "lease_owner": "w"}, {"due_at": 50}], 30, id="when-a-lease-ends"
        ),
        pytest.param([{"due_at": 1, "state": jobs.DONE}, {"due_at": 8}], 8, id="of-open-ones"),
        pytest.param([{"due_at": 0}], 0, id="zero-is-a-time"),
    ],
)
async def test_when_the_next_job_can_be_claimed(
    do: Do, rows: list[dict[str, Any]], expected: int | None
) -> None:
    """The time until which a worker may sleep."""
    await do(jobs.add, [job(f"j{number}", **row) for number, row in enumerate(rows)])
    assert expected == await do.store.read(jobs.next_due)
    if expected is not None:
        assert [] == await claimed(do, expected - 1)
        assert len(await claimed(do, expected)) >= 1


# Acknowledging.


@pytest.mark.parametrize(
    ("changed", "ended"),
    [
        pytest.param({}, True, id="waiting"),
        pytest.param({"ack_seq": 4}, True, id="an-earlier-event"),
        pytest.param({"ack_seq": 6}, False, id="a-later-event"),
        pytest.param({"ack_log": "u:alice"}, False, id="somebody-elses"),
        pytest.param({"ack_log": None, "ack_seq": None}, False, id="offline-from-the-start"),
        pytest.param({"lease_owner": "w", "due_at": 11}, False, id="held"),
        pytest.param({"lease_owner": "w", "due_at": 10}, True, id="holder-is-dead"),
        pytest.param({"page_cursor": '["bob",1]'}, False, id="begun"),
        pytest.param({"paged": 1}, False, id="a-retry-waits"),
    ],
)
async def test_an_acknowledgement_ends_what_waits_for_it(
    do: Do, changed: dict[str, Any], ended: bool
) -> None:
    """But nothing whose bytes may have left already."""
    await do(jobs.add, [job("j", ack_log="u:bob", ack_seq=5) | changed])
    await do(jobs.acknowledge, [{"in_log": "u:bob", "upto": 5, "now": 10}])
    state, reason, _, owner = await state_of(do, "j")
    assert ended == (state == jobs.DONE)
    assert ("acknowledged" if ended else "") == reason
    assert (None if ended else changed.get("lease_owner")) == owner
    assert ended == ([] == await claimed(do, 100))


async def test_what_was_acknowledged_is_not_opened_again(do: Do) -> None:
    """By a holder who was taken for dead and comes back."""
    await do(jobs.add, [job("j", ack_log="u:bob", ack_seq=5)])
    await claimed(do, 0, until=10)
    await do(jobs.acknowledge, [{"in_log": "u:bob", "upto": 5, "now": 10}])
    before = await state_of(do, "j")
    await do(jobs.save, [save_row("j", to_state=jobs.OPEN)])
    await do(jobs.release, [{"job": "j", "owner": "w", "due": 0}])
    await do(jobs.extend, "w", ["j"], 90)
    assert before == await state_of(do, "j")


async def test_many_acknowledgements_at_once(do: Do) -> None:
    """Each ends what it concerns."""
    await do(
        jobs.add,
        [job(f"{who}{seq}", ack_log=f"u:{who}", ack_seq=seq) for who in "ab" for seq in (1, 2, 3)],
    )
    rows = [{"in_log": f"u:{who}", "upto": upto, "now": 0} for who, upto in (("a", 2), ("b", 1))]
    await do(jobs.acknowledge, rows)
    assert ["a3", "b2", "b3"] == sorted(await claimed(do, 10))


# The rest of a job's life.


async def test_a_retry_is_followed_by_the_next(store: Store, do: Do) -> None:
    """In one transaction the earlier attempt stops waiting and the next is there."""
    await do(jobs.add, [job("j")])
    await claimed(do, 0)
    first = attempt("j", 1, outcome="retry", retry_at=40)
    again = progress("j", attempts=[first], state=jobs.OPEN, due_at=40, place=None, paged=True)
    await store.write(commands.save, again)
    await claimed(do, 40)
    last = progress("j", attempts=[attempt("j", 1, 2)], followed=[("j", 1, 1)], now=41)
    await store.write(commands.save, last)
    rows = await store.read(jobs.attempts_of, ["j"])
    assert [(1, "retry", None), (2, "sent", None)] == [
        (row.attempt, row.outcome, row.retry_at) for row in rows
    ]
    assert (jobs.DONE, "", 1, None) == await state_of(do, "j")


async def test_jobs_of_a_ref_come_oldest_first(do: Do) -> None:
    """A call has one for each who is called."""
    names = [("b", 1), ("a", 1), ("c", 0)]
    await do(jobs.add, [job(name, ref="call", created_at=at) for name, at in names] + [job("x")])
    assert ["c", "a", "b"] == [row.job_id for row in await do.store.read(jobs.of_ref, "call")]


async def test_nothing_is_no_statement(do: Do) -> None:
    """Each function takes an empty list."""
    for function in (jobs.add, jobs.save, jobs.release, jobs.acknowledge, jobs.record):
        await do(function, [])
    await do(jobs.extend, "w", [], 1)
    await do(jobs.retried, [])
    assert set() == await do(jobs.owned, "w", [], 1)
    assert [] == await do(jobs.attempts_of, [])


# Whatever happens.

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("claim"), st.sampled_from("xyz"), st.integers(1, 3)),
        st.tuples(st.just("save"), st.sampled_from("xyz"), st.integers(0, 4)),
        st.tuples(st.just("release"), st.sampled_from("xyz"), st.integers(0, 4)),
        st.tuples(st.just("extend"), st.sampled_from("xyz"), st.integers(0, 4)),
        st.tuples(st.just("pass"), st.just(""), st.integers(1, 40)),
    ),
    max_size=30,
)


@given(steps=STEPS)
def test_a_job_belongs_to_one_worker_at_a_time(steps: list[tuple[str, str, int]]) -> None:
    """Compared with a dictionary: who holds what, until when, and what is done."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        jobs.add(connection, [job(f"j{number}") for number in range(5)])
        _follow(connection, steps)
    engine.dispose()


def _follow(connection: Connection, steps: list[tuple[str, str, int]]) -> None:
    lease = 25
    now = 0
    held: dict[str, tuple[str | None, int]] = {f"j{number}": (None, 0) for number in range(5)}
    done: set[str] = set()
    for verb, who, number in steps:
        name = f"j{number}"
        if verb == "pass":
            now += number
        elif verb == "claim":
            until = now + lease
            rows = jobs.claim(connection, owner=who, now=now, until=until, most=number)
            due = [(at, one) for one, (_, at) in held.items() if at <= now and one not in done]
            assert min(number, len(due)) == len(rows)
            assert sorted(at for at, _ in due)[: len(rows)] == [held[row.job_id][1] for row in rows]
            for row in rows:
                assert held[row.job_id][1] <= now
                assert row.job_id not in done
                held[row.job_id] = (who, until)
        elif verb == "save":
            (result,) = commands.save(connection, [progress(name, who, now=now)])
            mine = name not in done and held[name][0] == who and held[name][1] > now
            assert mine == (result is None)
            if mine:
                done.add(name)
        elif verb == "release":
            jobs.release(connection, [{"job": name, "owner": who, "due": now}])
            if name not in done and held[name][0] == who:
                held[name] = (None, now)
        elif verb == "extend":
            jobs.extend(connection, who, [name], now + lease)
            if name not in done and held[name][0] == who:
                held[name] = (who, now + lease)
    due_times = [at for name, (_, at) in held.items() if name not in done]
    assert min(due_times, default=None) == jobs.next_due(connection)
