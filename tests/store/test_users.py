"""Who exists, and who is online."""

from __future__ import annotations

from typing import Any

import pytest

from zpns.store import users

from .makers import Do


def session(session_id: str, user_id: str, until: int = 100) -> dict[str, Any]:
    """Return the row of a session."""
    return {
        "session_id": session_id,
        "user_id": user_id,
        "device_id": None,
        "node": "n",
        "platform": 0,
        "created_at": 1,
        "expires_at": until,
    }


async def everybody(do: Do) -> list[tuple[Any, ...]]:
    """Return all there is about users."""
    return await do.rows("SELECT * FROM users ORDER BY user_id")


async def test_a_user_is_made_once(do: Do) -> None:
    """Adding again, even in one list, leaves the first as it was."""
    await do(users.add, [{"user_id": "a", "created_at": 1}, {"user_id": "a", "created_at": 2}])
    await do(users.add, [{"user_id": "a", "created_at": 3}, {"user_id": "b", "created_at": 4}])
    assert [("a", "", "", "", 1), ("b", "", "", "", 4)] == await everybody(do)


async def test_names_are_set_and_changed(do: Do) -> None:
    """Users are made with them, and later keep the day they were made."""

    def row(name: str, at: int) -> dict[str, Any]:
        return {
            "user_id": "a",
            "user_name": name,
            "user_avatar_url": f"https://{name}",
            "user_extended_data": name * 2,
            "created_at": at,
        }

    await do(users.rename, [row("x", 1), row("y", 2)])
    assert [("a", "y", "https://y", "yy", 1)] == await everybody(do)
    await do(users.rename, [row("z", 3)])
    assert [("a", "z", "https://z", "zz", 1)] == await everybody(do)


async def test_adding_keeps_the_name(do: Do) -> None:
    """A user who sends something is not made anew."""
    row = {"user_id": "a", "user_name": "x", "user_avatar_url": "", "user_extended_data": ""}
    await do(users.rename, [{**row, "created_at": 1}])
    await do(users.add, [{"user_id": "a", "created_at": 2}])
    assert [("a", "x", "", "", 1)] == await everybody(do)


@pytest.mark.parametrize("count", [0, 1, 9_999, 10_000, 10_001, 40_000])
async def test_who_exists_of_any_number(do: Do, count: int) -> None:
    """Also of more than fit into one statement."""
    asked = [f"u{number}" for number in range(count)]
    await do(users.add, [{"user_id": name, "created_at": 1} for name in asked[::2]])
    assert set(asked[::2]) == await do.store.read(users.known, asked)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(49, {"a", "b"}, id="both"),
        pytest.param(50, {"a"}, id="one-expired-just-now"),
        pytest.param(99, {"a"}, id="one-session-is-enough"),
        pytest.param(100, set(), id="nobody"),
    ],
)
async def test_who_is_online(do: Do, now: int, expected: set[str]) -> None:
    """Whoever has a session that has not expired, of those asked for."""
    rows = [session("1", "a", 50), session("2", "a"), session("3", "b", 50), session("4", "x")]
    await do(users.open_sessions, rows)
    assert expected == await do.store.read(users.online, ["a", "b", "never"], now)


async def test_a_heartbeat_keeps_a_session(do: Do) -> None:
    """Each its own, and one that is gone does not come back."""
    await do(users.open_sessions, [session("1", "a", 50), session("2", "b", 50)])
    beats = [{"session": "1", "until": 80}, {"session": "never", "until": 80}]
    await do(users.beat, beats)
    assert {"a"} == await do.store.read(users.online, ["a", "b"], 60)
    assert 2 == await do.value("SELECT count(*) FROM sessions")


async def test_a_closed_session_is_over(do: Do) -> None:
    """The user stays online while there is another."""
    rows = [session("1", "a"), session("2", "a"), session("3", "b")]
    await do(users.open_sessions, rows)
    await do(users.close, ["1", "3", "never"])
    assert {"a"} == await do.store.read(users.online, ["a", "b"], 60)
    await do(users.close, ["2"])
    assert set() == await do.store.read(users.online, ["a", "b"], 60)


async def test_nothing_is_no_statement(do: Do) -> None:
    """Each function takes an empty list."""
    for function in (users.add, users.rename, users.open_sessions, users.beat, users.close):
        await do(function, [])
    assert set() == await do(users.online, [], 0)
