"""Devices and their tokens: who has which, and how an audience is paged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from zpns.errors import StoreError
from zpns.store import devices
from zpns.store.devices import Device, Token
from zpns.store.tables import metadata

from .makers import Do, rows


def device(push_id: str, user_id: str = "bob", **changed: Any) -> dict[str, Any]:
    """Return the row of a device."""
    return {
        "push_id": push_id,
        "user_id": user_id,
        "device_id": None,
        "allow_callkit": 1,
        "created_at": 1,
        **changed,
    }


def token(device_: int, token_: str, **changed: Any) -> dict[str, Any]:
    """Return the row of a token."""
    return {
        "channel": "fcm",
        "app": "default",
        "token": token_,
        "device": device_,
        "kind": "alert",
        "environment": "production",
        "region": None,
        "registered_at": 1,
        **changed,
    }


def key(token_: str, channel: str = "fcm") -> tuple[str, str, str]:
    """Return what names a token."""
    return channel, "default", token_


async def made(do: Do, *rows: dict[str, Any]) -> dict[str, int]:
    """Make devices, each with a token of its own name, and return their IDs."""
    ids = await do(devices.make, list(rows))
    await do(devices.put_tokens, [token(id_, f"t-{name}") for name, id_ in ids.items()])
    return ids


# Devices.


async def test_a_device_gets_a_number_that_is_never_given_out_again(do: Do) -> None:
    """Even if the last one is gone: a vendor's ID of an old push names no new device."""
    first = await do(devices.make, [device("p1"), device("p2")])
    assert {"p1", "p2"} == first.keys()
    await do(devices.drop_empty, first.values())
    second = await do(devices.make, [device("p3")])
    assert second["p3"] > max(first.values())


async def test_many_devices_are_made_at_once(do: Do) -> None:
    """More than fit into one statement; each PushID has the number of its own row."""
    ids = await do(devices.make, [device(f"p{n}", f"u{n}") for n in range(7_000)])
    assert ids == dict(await do.rows("SELECT push_id, id FROM devices"))
    assert 7_000 == len(set(ids.values()))


async def test_a_device_id_is_one_device_of_a_user(do: Do) -> None:
    """Another user may have one of the same name, and devices without a name are many."""
    await do(devices.make, [device("p1", device_id="d"), device("p2", "amy", device_id="d")])
    await do(devices.make, [device("p3"), device("p4")])
    with pytest.raises(StoreError):
        await do(devices.make, [device("p5", device_id="d")])
    assert 4 == await do.value("SELECT count(*) FROM devices")


async def test_devices_are_found_by_their_own_id(do: Do) -> None:
    """By pairs: neither half alone is enough."""
    await do(
        devices.make,
        [
            device("p1", "bob", device_id="d1"),
            device("p2", "bob", device_id="d2"),
            device("p3", "amy", device_id="d1"),
            device("p4", "amy"),
        ],
    )
    asked = [("bob", "d1"), ("amy", "d1"), ("amy", "d2"), ("bob", "d1")]
    found = await do.store.read(devices.by_device_id, asked)
    assert {("bob", "d1"): "p1", ("amy", "d1"): "p3"} == {
        pair: row.push_id for pair, row in found.items()
    }


async def test_devices_are_found_by_token(do: Do) -> None:
    """By channel, app and token together."""
    ids = await made(do, device("p1"), device("p2", "amy"))
    await do(devices.put_tokens, [token(ids["p2"], "t-p1", channel="apns")])
    asked = [key("t-p1"), key("t-p1", "apns"), key("t-p2", "apns"), ("fcm", "other", "t-p1")]
    found = await do.store.read(devices.by_token, asked)
    assert {key("t-p1"): "p1", key("t-p1", "apns"): "p2"} == {
        which: row.push_id for which, row in found.items()
    }
    assert "bob" == found[key("t-p1")].user_id


@pytest.mark.parametrize("count", [199, 200, 201, 1_500])
async def test_lookups_of_any_number(do: Do, count: int) -> None:
    """Conditions of many alternatives are split before they are too deep for SQLite."""
    names = [f"p{number}" for number in range(count)]
    ids = await made(do, *(device(name, device_id=name) for name in names))
    by_token = await do.store.read(devices.by_token, [key(f"t-{name}") for name in names])
    assert ids == {row.push_id: row.id for row in by_token.values()}
    by_id = await do.store.read(devices.by_device_id, [("bob", name) for name in names])
    assert ids == {row.push_id: row.id for row in by_id.values()}
    await do(devices.drop_tokens, [key(f"t-{name}") for name in names[1:]])
    assert [("t-p0",)] == await do.rows("SELECT token FROM tokens")


async def test_callkit_is_set(do: Do) -> None:
    """Of the devices named."""
    ids = await made(do, device("p1"), device("p2"))
    await do(devices.set_callkit, [{"device": ids["p1"], "allowed": 0}])
    found = await do.store.read(devices.of_ids, ids.values())
    assert {ids["p1"]: False, ids["p2"]: True} == {
        id_: one.allow_callkit for id_, one in found.items()
    }


# Tokens.


async def test_a_token_belongs_to_one_device(do: Do) -> None:
    """Putting it again moves it, with everything that is new about it."""
    ids = await made(do, device("p1"), device("p2", "amy"))
    moved = token(
        ids["p2"], "t-p1", kind="web", environment="sandbox", region="EU", registered_at=9
    )
    await do(devices.put_tokens, [token(ids["p1"], "t-p1"), moved])
    found = await do.store.read(devices.of_ids, ids.values())
    assert [] == found[ids["p1"]].tokens
    assert [
        Token("fcm", "default", "t-p1", "web", "sandbox", "EU", 9),
        Token("fcm", "default", "t-p2", "alert", "production", None, 1),
    ] == found[ids["p2"]].tokens


@pytest.mark.parametrize(
    ("device_id", "left"),
    [
        pytest.param(None, ["t-amy"], id="all-of-a-user"),
        pytest.param("d1", ["t-amy", "t-d2", "t-no"], id="of-one-device"),
        pytest.param("never", ["t-amy", "t-d1", "t-d2", "t-no"], id="of-a-device-that-is-not"),
    ],
)
async def test_tokens_of_a_user_are_dropped(do: Do, device_id: str | None, left: list[str]) -> None:
    """And nobody else's."""
    await made(
        do,
        device("d1", device_id="d1"),
        device("d2", device_id="d2"),
        device("no"),
        device("amy", "amy", device_id="d1"),
    )
    await do(devices.drop_tokens_of, "bob", device_id)
    assert left == sorted(name for (name,) in await do.rows("SELECT token FROM tokens"))


async def test_devices_without_tokens_are_dropped(do: Do) -> None:
    """Of those named; while one token is left the device stays."""
    ids = await made(do, device("p1"), device("p2"), device("p3"), device("p4"))
    await do(devices.put_tokens, [token(ids["p2"], "second")])
    await do(devices.drop_tokens, [key("t-p1"), key("t-p2"), key("t-p3")])
    named = [ids["p1"], ids["p2"], ids["p4"], ids["p1"], 999_999]
    await do(devices.drop_empty, named)
    left = [name for (name,) in await do.rows("SELECT push_id FROM devices ORDER BY id")]
    assert ["p2", "p3", "p4"] == left


async def test_many_devices_without_tokens_are_dropped(do: Do) -> None:
    """More than fit into one statement."""
    ids = await do(devices.make, [device(f"p{number}") for number in range(10_050)])
    await do(devices.put_tokens, [token(ids["p7"], "t")])
    await do(devices.drop_empty, ids.values())
    assert [("p7",)] == await do.rows("SELECT push_id FROM devices")


async def test_the_devices_of_a_user_are_listed(do: Do) -> None:
    """By their numbers."""
    ids = await made(do, device("p1"), device("p2"), device("p3", "amy"))
    assert {ids["p1"], ids["p2"]} == set(await do.store.read(devices.ids_of, "bob"))


async def test_devices_are_found_by_number(do: Do) -> None:
    """With their tokens in order; those that are gone are left out; any number of them."""
    ids = await made(do, device("p1", device_id="d"))
    await do(devices.put_tokens, [token(ids["p1"], "z", channel="apns"), token(ids["p1"], "a")])
    found = await do.store.read(devices.of_ids, [ids["p1"], *range(100_000, 125_000)])
    (one,) = found.values()
    assert Device(ids["p1"], "p1", "bob", "d", True, one.tokens) == one
    assert ["z", "a", "t-p1"] == [each.token for each in one.tokens]


# Pages of an audience.


@pytest.fixture(scope="module")
def audience() -> Iterator[Connection]:
    """Give a database with users of whom some have many devices and some have none."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        made_of = [user for turn in range(6) for user in NAMES[1:] if len(user) * 2 > turn]
        devices.make(connection, [device(f"p{n}", user) for n, user in enumerate(made_of)])
        yield connection
    engine.dispose()


#: Names whose order depends on how they are compared.
NAMES = ["nobody", "A", "a", "B", "aa", "a\u00e9", "\uffff", "\U00010000x", "zz9", "Ab", "10", "9"]


@given(
    users=st.lists(st.sampled_from(NAMES), max_size=20),
    limit=st.integers(1, 12),
)
def test_pages_neither_lose_nor_repeat_a_device(
    audience: Connection, users: list[str], limit: int
) -> None:
    """In whichever order, and however often, users are named."""
    there = rows(audience, "SELECT user_id, id FROM devices")
    wanted = sorted(pair for pair in there if pair[0] in users)
    found: list[tuple[str, int]] = []
    after: tuple[str, int] | None = None
    for _ in range(len(wanted) + 1):
        page = devices.of_users(audience, users, after=after, limit=limit)
        assert min(limit, len(wanted) - len(found)) == len(page)
        if not page:
            break
        found += [(one.user_id, one.id) for one in page]
        after = found[-1]
    assert wanted == found


async def test_a_page_begins_after_a_user_who_is_gone(do: Do) -> None:
    """The place of a page is a place, whether or not anything is still there."""
    ids = await made(do, *(device(f"p{user}", user) for user in "abcd"))
    place = ("bb", ids["pb"])
    page = await do.store.read(lambda c: devices.of_users(c, list("abcd"), after=place, limit=9))
    assert ["c", "d"] == [one.user_id for one in page]


async def test_devices_that_come_and_go_between_pages(do: Do) -> None:
    """What is there all the time is seen once."""
    ids = await made(do, *(device(f"p{number}", "abc"[number // 3]) for number in range(9)))

    async def page(after: tuple[str, int] | None) -> list[tuple[str, int]]:
        found = await do.store.read(
            lambda c: devices.of_users(c, ["a", "b", "c"], after=after, limit=4)
        )
        return [(one.user_id, one.id) for one in found]

    first = await page(None)
    await do(devices.drop_tokens, [key("t-p3")])  # where the page ended
    await do(devices.drop_empty, [ids["p3"]])
    await made(do, device("new-a", "a"), device("new-c", "c"))
    second = await page(first[-1])
    third = await page(second[-1])
    seen = [id_ for _, id_ in first + second + third]
    assert len(set(seen)) == len(seen)
    assert set(ids.values()) <= set(seen)


@pytest.mark.parametrize("limit", [None, 400, 20_000])
async def test_an_audience_of_any_size(do: Do, limit: int | None) -> None:
    """More users than fit into one statement, most of whom have no device."""
    users = [f"u{number:06}" for number in range(40_000)]
    await do(devices.make, [device(f"p{name}", name) for name in users[::50]])
    found: list[Device] = []
    after = None
    for _ in range(len(users)):
        page = await do.store.read(
            lambda c, after: devices.of_users(c, users, after=after, limit=limit), after
        )
        found += page
        if limit is None or len(page) < limit:
            break
        after = (page[-1].user_id, page[-1].id)
    assert users[::50] == [one.user_id for one in found]


async def test_nothing_is_no_statement(do: Do) -> None:
    """Each function takes an empty list."""
    assert {} == await do(devices.make, [])
    for function in (devices.set_callkit, devices.put_tokens, devices.drop_tokens):
        await do(function, [])
    await do(devices.drop_empty, [])
    assert {} == await do(devices.by_token, [])
    assert {} == await do(devices.by_device_id, [])
    assert {} == await do(devices.of_ids, [])
    assert [] == await do(devices.of_users, [], limit=5)
    assert [] == await do(devices.of_users, [], after=("a", 1))
