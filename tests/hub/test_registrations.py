"""Binding tokens to users: who gets a PushID, who keeps it, and whose a token is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zpns import DeviceToken, ZIMUserInfo, ZIMUserOnlineStatus
from zpns.errors import ParameterError, RegistrationNotFound


async def push_ids(house: Any, user_id: str, *tokens: DeviceToken, **options: Any) -> list[str]:
    """Register and return the PushIDs."""
    return [message.push_id for message in await house.hub.register(user_id, tokens, **options)]


async def owners(house: Any) -> dict[str, str]:
    """Return whose each token is."""
    devices = {row["id"]: row["user_id"] for row in await house.rows("devices")}
    return {row["token"]: devices[row["device"]] for row in await house.rows("tokens")}


async def test_register_gives_each_token_without_a_device_its_own_push_id(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """Without a device ID a token is a device; the results come in the order of the tokens."""
    one, two = token("one"), token("two")
    messages = await house.hub.register("bob", [two, one])
    assert [two.token, one.token] == [message.device_token for message in messages]
    assert 2 == len({message.push_id for message in messages})
    assert [0, 0] == [message.error_code for message in messages]


async def test_register_gives_tokens_of_one_device_one_push_id(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """Tokens with the same device ID share a PushID, within one call and over several."""
    first, other, alone = await push_ids(
        house,
        "bob",
        token("a", device_id="phone"),
        token("b", channel="apns", device_id="phone"),
        token("c"),
    )
    later = await push_ids(house, "bob", token("d", app="tv", device_id="phone"))
    assert [first, first] == [other, *later]
    assert alone != first


async def test_a_push_id_stays_while_any_token_of_its_device_stays(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """Losing one token of two changes nothing; losing both ends the PushID."""
    one, two = token("a", device_id="phone"), token("b", device_id="phone")
    (before, _) = await push_ids(house, "bob", one, two)
    await house.hub.unregister("bob", [one])
    assert [before] == await push_ids(house, "bob", token("c", device_id="phone"))
    await house.hub.unregister("bob", [two, token("c", device_id="phone")])
    assert [] == await house.rows("devices")
    assert [before] != await push_ids(house, "bob", one)


async def test_registering_again_keeps_the_push_id_and_notes_the_time(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """An app registers at every start: it is the same device, registered later."""
    (before,) = await push_ids(house, "bob", token("a"))
    await house.clock.advance(100)
    assert [before] == await push_ids(house, "bob", token("a"))
    (row,) = await house.rows("tokens")
    assert house.now == row["registered_at"]


async def test_a_token_without_device_id_stays_on_the_device_that_has_it(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """Registering it once more without the device ID does not take it off its device."""
    (before,) = await push_ids(house, "bob", token("a", device_id="phone"))
    assert [before] == await push_ids(house, "bob", token("a"))
    assert ["phone"] == [row["device_id"] for row in await house.rows("devices")]


async def test_a_token_of_another_user_moves_with_a_new_push_id(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """A token belongs to one user at a time, and a PushID never changes hands."""
    (before,) = await push_ids(house, "bob", token("a"))
    (after,) = await push_ids(house, "cat", token("a"))
    assert before != after
    assert {"token-of-a": "cat"} == await owners(house)
    assert [("cat", after)] == [
        (row["user_id"], row["push_id"]) for row in await house.rows("devices")
    ]


async def test_a_moved_token_leaves_its_old_device_the_others(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """Of two tokens on a device the one that stays keeps device and PushID."""
    phone = {"device_id": "phone"}
    (before, _) = await push_ids(house, "bob", token("a", **phone), token("b", **phone))
    await push_ids(house, "cat", token("a", **phone))
    assert {"token-of-a": "cat", "token-of-b": "bob"} == await owners(house)
    assert [before] == await push_ids(house, "bob", token("b", **phone))


async def test_the_same_device_id_of_two_users_is_two_devices(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """Users do not share devices by choosing the same name."""
    (bobs,) = await push_ids(house, "bob", token("a", device_id="phone"))
    (cats,) = await push_ids(house, "cat", token("b", device_id="phone"))
    assert bobs != cats


async def test_the_same_token_of_two_apps_is_two_tokens(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """Channel and app belong to a token's name."""
    await push_ids(house, "bob", token("a"), token("a", app="tv"), token("a", channel="apns"))
    assert 3 == len(await house.rows("tokens"))


async def test_a_token_moves_to_a_device_that_is_named_later(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """Naming the device of a token that had none puts it there; the old device is gone."""
    await push_ids(house, "bob", token("a"))
    (named,) = await push_ids(house, "bob", token("a", device_id="phone"))
    assert [("phone", named)] == [
        (row["device_id"], row["push_id"]) for row in await house.rows("devices")
    ]


async def test_allow_callkit_is_set_anew_by_every_registration(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """The device's latest word counts, and for that device alone."""
    await push_ids(house, "bob", token("a", device_id="phone"))
    await push_ids(house, "bob", token("b"))
    await push_ids(house, "bob", token("c", device_id="phone"), allow_callkit=False)
    allowed = {row["device_id"]: row["allow_callkit"] for row in await house.rows("devices")}
    assert {"phone": 0, None: 1} == allowed
    await push_ids(house, "bob", token("c", device_id="phone"))
    assert [1, 1] == [row["allow_callkit"] for row in await house.rows("devices")]


async def test_everything_said_of_a_token_is_kept(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """Kind, environment and region are what a transport routes by."""
    given = token("a", channel="apns", kind="voip", environment="sandbox", region="eu")
    await push_ids(house, "bob", given)
    (row,) = await house.rows("tokens")
    assert ("voip", "sandbox", "eu") == (row["kind"], row["environment"], row["region"])


async def test_register_makes_a_user_that_is_unknown(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """Whoever registers can be written to."""
    await push_ids(house, "new", token("a"))
    sent = await house.send(to="new")
    assert "new" == sent.message.conversation_id


async def test_registering_the_same_token_twice_in_a_call_is_one_registration(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """A repetition says nothing new."""
    one, two = await push_ids(house, "bob", token("a"), token("a"))
    assert one == two
    assert 1 == len(await house.rows("devices"))


async def test_a_token_that_says_two_things_in_a_call_is_refused(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """It cannot be on two devices; nothing is bound, and the token not repeated in full."""
    given = [token("a", device_id="phone"), token("b"), token("a", device_id="tablet")]
    with pytest.raises(ParameterError, match="tokens: expected each token once") as caught:
        await house.hub.register("bob", given)
    assert "token-of-a" not in str(caught.value)
    assert [] == await house.rows("tokens")


async def test_many_registrations_at_once_leave_each_token_with_one_user(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """Registrations that share a transaction are done one after the other."""
    import asyncio

    users = [f"user-{number}" for number in range(8)]
    given = [token("shared"), token("fixed", device_id="phone")]
    await asyncio.gather(*(house.hub.register(user, given) for user in users))
    assert {users[-1]} == set((await owners(house)).values())
    assert 2 == len(await house.rows("devices")), "no device is left without tokens"


@pytest.mark.parametrize(
    ("user_id", "tokens", "field"),
    [
        pytest.param("bob", [], "tokens", id="no-tokens"),
        pytest.param("", ["t"], "user_id", id="no-user"),
        pytest.param("bob*", ["t"], "user_id", id="star-in-user"),
        pytest.param("b" * 33, ["t"], "user_id", id="long-user"),
    ],
)
async def test_register_refuses_malformed_arguments(
    house: Any,
    token: Callable[..., DeviceToken],
    user_id: str,
    tokens: list[str],
    field: str,
) -> None:
    """The error names the argument, and nobody is made."""
    with pytest.raises(ParameterError) as caught:
        await house.hub.register(user_id, [token(name) for name in tokens])
    assert (field, 6000001) == (caught.value.field, caught.value.code)
    assert 4 == len(await house.rows("users"))


async def test_register_refuses_what_is_no_token(plain: Any) -> None:
    """A bare text is not taken for a token, and not repeated."""
    with pytest.raises(ParameterError) as caught:
        await plain.hub.register("bob", ["secret-token"])
    assert "tokens: expected DeviceToken objects, got 'str' (code 6000001)" == str(caught.value)


async def test_unregister_takes_the_named_tokens(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """What is not named stays bound."""
    await push_ids(house, "bob", token("a"), token("b"), token("c"))
    await house.hub.unregister("bob", [token("a"), token("c")])
    assert {"token-of-b": "bob"} == await owners(house)
    assert 1 == len(await house.rows("devices"))


async def test_unregister_without_tokens_takes_all_of_the_user(
    house: Any, token: Callable[..., DeviceToken]
) -> None:
    """And nobody else's; a user who has none is no error."""
    await push_ids(house, "bob", token("a"), token("b", device_id="phone"))
    await push_ids(house, "cat", token("c"))
    await house.hub.unregister("bob")
    await house.hub.unregister("bob")
    assert {"token-of-c": "cat"} == await owners(house)
    assert ["cat"] == [row["user_id"] for row in await house.rows("devices")]


@pytest.mark.parametrize(
    "foreign", [pytest.param("cats", id="another-user's"), pytest.param("none", id="unknown")]
)
async def test_unregister_of_a_foreign_token_unbinds_nothing(
    house: Any, token: Callable[..., DeviceToken], foreign: str
) -> None:
    """All of the named ones, or none of them."""
    await push_ids(house, "bob", token("a"))
    await push_ids(house, "cat", token("cats"))
    with pytest.raises(RegistrationNotFound) as caught:
        await house.hub.unregister("bob", [token("a"), token(foreign)])
    assert f"token-of-{foreign}" not in str(caught.value)
    assert {"token-of-a": "bob", "token-of-cats": "cat"} == await owners(house)


async def test_add_users_makes_users_and_sets_what_others_see(house: Any) -> None:
    """Who is only named again keeps name and avatar."""
    info = ZIMUserInfo(user_id="eve", user_name="Eve", user_avatar_url="a", user_extended_data="x")
    await house.hub.add_users([info, ZIMUserInfo(user_id="fay")])
    await house.hub.add_users([ZIMUserInfo(user_id="eve")])
    await house.hub.add_users([ZIMUserInfo(user_id="fay", user_name="Fay")])
    found = {row["user_id"]: row for row in await house.rows("users")}
    shown = ("user_name", "user_avatar_url", "user_extended_data")
    assert ("Eve", "a", "x") == tuple(found["eve"][name] for name in shown)
    assert ("Fay", "", "") == tuple(found["fay"][name] for name in shown)


async def test_users_who_were_added_can_be_written_to(house: Any) -> None:
    """A user exists after add_users, and is offline."""
    await house.hub.add_users([ZIMUserInfo(user_id="eve")])
    await house.send(to="eve")
    (status,) = await house.hub.query_users_status(["eve"])
    assert ZIMUserOnlineStatus.OFFLINE is status.online_status
