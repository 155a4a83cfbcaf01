"""What becomes of an accepted message: who gets it, when, and what it replaces."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from zpns.errors import ParameterError

NOW = 1_795_000_000
DAY = 86_400
MONTH = 28 * DAY  # what FCM keeps a message for if nothing is said


def _marks(messages: Any) -> list[str]:
    """Return the mark of each message, which :func:`_send` put there."""
    return [message.data["mark"] for message in messages]


def _lost(fcm: Any, token: str) -> list[tuple[str, str]]:
    return [(why, message.data["mark"]) for why, message in fcm.simulator.devices[token].lost]


def _send(fcm: Any, token: str, mark: str, **parts: Any) -> None:
    """Send an accepted message."""
    response = fcm.send({"token": token, "data": {"mark": mark}, **parts})
    assert 200 == response.status, response.body


def _android(**options: Any) -> dict[str, Any]:
    return {"android": options}


def _web(**headers: str) -> dict[str, Any]:
    return {"webpush": {"headers": headers}}


def _apple(**headers: str) -> dict[str, Any]:
    return {"apns": {"headers": {k.replace("_", "-"): v for k, v in headers.items()}}}


# What arrives.


@pytest.mark.parametrize("kind", ["android", "web", "apple"])
def test_message_arrives_at_once(fcm: Any, kind: str) -> None:
    """A device that is online has the message when the answer is out, in the order of sending."""
    token, other = (fcm.simulator.register(kind=kind) for _ in range(2))
    for mark in "abc":
        _send(fcm, token, mark)
        fcm.now += 1

    delivered = fcm.simulator.delivered(token)

    assert ["a", "b", "c"] == _marks(delivered)
    assert [NOW, NOW + 1, NOW + 2] == [message.delivered_at for message in delivered]
    assert delivered == fcm.simulator.devices[token].delivered
    assert [] == fcm.simulator.delivered(other)


def test_message_keeps_its_name_and_its_bytes(fcm: Any) -> None:
    """A test can find the delivered message by the name in the answer, and see what was sent."""
    token = fcm.simulator.register()
    body = orjson.dumps({"message": {"token": token, "data": {"a": "é"}}})

    name = orjson.loads(fcm.post(body).body)["name"]

    [message] = fcm.simulator.delivered(token)
    assert name.endswith(f"/messages/{message.message_id}")
    assert body == message.body
    assert ("android", float(NOW)) == (message.kind, message.received_at)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param("android", {"for": "android"}, id="android"),
        pytest.param("web", {"for": "web"}, id="web"),
        pytest.param("apple", {"for": "all"}, id="apple"),
    ],
)
def test_data_of_a_platform_replaces_the_common_one(
    fcm: Any, kind: str, expected: dict[str, str]
) -> None:
    """Each platform gets its own map if it has one, and nothing of the other."""
    token = fcm.simulator.register(kind=kind)
    message = {
        "token": token,
        "data": {"for": "all"},
        "android": {"data": {"for": "android"}},
        "webpush": {"data": {"for": "web"}},
    }

    assert 200 == fcm.send(message).status

    assert [expected] == [one.data for one in fcm.simulator.delivered(token)]


@pytest.mark.parametrize("kind", ["android", "web", "apple"])
def test_message_without_data_has_none(fcm: Any, kind: str) -> None:
    """A notification alone gives the app an empty map."""
    token = fcm.simulator.register(kind=kind)
    assert 200 == fcm.send({"token": token, "notification": {"title": "t"}}).status

    assert [{}] == [one.data for one in fcm.simulator.delivered(token)]


def test_data_of_the_newer_model(fcm: Any) -> None:
    """Android's newer section counts as Android's."""
    token = fcm.simulator.register()
    message = {"token": token, "data": {"a": "1"}, "android_v2": {"data": {"a": "2"}}}
    assert 200 == fcm.send(message).status

    assert [{"a": "2"}] == [one.data for one in fcm.simulator.delivered(token)]


def test_refused_message_reaches_nobody(fcm: Any) -> None:
    """What was not accepted leaves no trace at the device."""
    token = fcm.simulator.register()

    assert 400 == fcm.send({"token": token, "data": {"from": "x"}}).status

    device = fcm.simulator.devices[token]
    assert [] == device.delivered == device.waiting == device.lost


# Who is there.


@pytest.mark.parametrize(
    ("kind", "parts", "high"),
    [
        pytest.param("android", _android(priority="HIGH"), True, id="android-high"),
        pytest.param("android", _android(priority="NORMAL"), False, id="android-normal"),
        pytest.param("android", {}, False, id="android-data"),
        pytest.param("android", {"notification": {"title": "t"}}, True, id="android-notification"),
        pytest.param("android", _android(notification={"title": "t"}), True, id="android-own"),
        pytest.param("android", {"notification": {"title": "t"}, **_android(priority="NORMAL")},
                     False, id="android-notification-normal"),
        pytest.param("android", {"androidV2": {"remoteNotification": {}}}, True, id="v2-remote"),
        pytest.param("android", {"androidV2": {"backgroundSync": {}}}, False, id="v2-background"),
        pytest.param("web", _web(Urgency="high"), True, id="web-high"),
        pytest.param("web", _web(Urgency="normal"), False, id="web-normal"),
        pytest.param("web", {}, False, id="web"),
        pytest.param("apple", _apple(apns_priority="5"), False, id="apple-5"),
        pytest.param("apple", {}, True, id="apple"),
        pytest.param("apple", {"notification": {"title": "t"}, **_apple(apns_priority="10")},
                     True, id="apple-10"),
    ],
)  # fmt: skip
def test_high_priority_wakes_a_dozing_device(
    fcm: Any, kind: str, parts: dict[str, Any], high: bool
) -> None:
    """A message of normal priority waits until the device wakes by itself."""
    token = fcm.simulator.register(kind=kind, presence="dozing")

    _send(fcm, token, "a", **parts)

    assert (["a"] if high else []) == _marks(fcm.simulator.delivered(token, fcm.now + DAY))
    fcm.simulator.set_presence(token, "online", fcm.now + 2 * DAY)
    [message] = fcm.simulator.delivered(token)
    assert high == message.high
    assert (NOW if high else NOW + 2 * DAY) == message.delivered_at


def test_offline_device_gets_nothing_until_it_is_back(fcm: Any) -> None:
    """Neither priority reaches a device that is off; dozing, it gets the urgent ones first."""
    token = fcm.simulator.register(presence="offline")
    _send(fcm, token, "normal", **_android(priority="NORMAL"))
    _send(fcm, token, "high", **_android(priority="HIGH"))

    assert [] == fcm.simulator.delivered(token, NOW + 100)
    fcm.simulator.set_presence(token, "dozing", NOW + 200)
    assert ["high"] == _marks(fcm.simulator.delivered(token))
    fcm.simulator.set_presence(token, "online", NOW + 300)
    assert ["high", "normal"] == _marks(fcm.simulator.delivered(token))
    assert [NOW + 200, NOW + 300] == [
        message.delivered_at for message in fcm.simulator.delivered(token)
    ]


def test_device_that_goes_offline_keeps_what_it_has(fcm: Any) -> None:
    """Going away stops new messages only."""
    token = fcm.simulator.register()
    _send(fcm, token, "a")
    fcm.simulator.set_presence(token, "offline", NOW)
    _send(fcm, token, "b")

    assert ["a"] == _marks(fcm.simulator.delivered(token, NOW + 10))
    assert ["b"] == _marks(fcm.simulator.devices[token].waiting)


# How long.


@pytest.mark.parametrize(
    ("kind", "parts", "lifetime"),
    [
        pytest.param("android", _android(ttl="90s"), 90, id="android"),
        pytest.param("android", _android(ttl="90.999999999s"), 90, id="android-rounded-down"),
        pytest.param("android", {"androidV2": {"ttl": "7s"}}, 7, id="android-newer-model"),
        pytest.param("android", {}, MONTH, id="android-nothing-said"),
        pytest.param("web", _web(TTL="90"), 90, id="web"),
        pytest.param("web", _web(ttl="90"), 90, id="web-lower-case"),
        pytest.param("web", {}, MONTH, id="web-nothing-said"),
        pytest.param("web", _web(TTL="soon"), MONTH, id="web-nonsense"),
        pytest.param("web", _web(TTL=str(2 * MONTH)), MONTH, id="web-too-long"),
        pytest.param("apple", _apple(apns_expiration=str(NOW + 90)), 90, id="apple"),
        pytest.param("apple", {}, 30 * DAY, id="apple-nothing-said"),
    ],
)
def test_message_waits_as_long_as_it_lives(
    fcm: Any, kind: str, parts: dict[str, Any], lifetime: int
) -> None:
    """A device that comes back a second before the end gets it, one at the end does not."""
    early, late = (fcm.simulator.register(kind=kind, presence="offline") for _ in range(2))
    _send(fcm, early, "a", **parts)
    _send(fcm, late, "a", **parts)

    fcm.simulator.set_presence(early, "online", NOW + lifetime - 1)
    fcm.simulator.set_presence(late, "online", NOW + lifetime)

    assert ["a"] == _marks(fcm.simulator.delivered(early))
    assert [] == fcm.simulator.delivered(late)
    assert [("expired", "a")] == _lost(fcm, late)
    assert NOW + lifetime == fcm.simulator.delivered(early)[0].expires_at


def test_expired_message_is_gone_even_if_the_device_stays_away(fcm: Any) -> None:
    """Looking at a device is enough to see that its message has expired."""
    token = fcm.simulator.register(presence="offline")
    _send(fcm, token, "a", **_android(ttl="90s"))

    fcm.simulator.delivered(token, NOW + 89)
    assert ["a"] == _marks(fcm.simulator.devices[token].waiting)
    fcm.simulator.delivered(token, NOW + 90)
    assert [] == fcm.simulator.devices[token].waiting
    assert [("expired", "a")] == _lost(fcm, token)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        pytest.param("android", _android(ttl="0s"), id="android"),
        pytest.param("android", _android(ttl="0.9s"), id="android-rounded-to-0"),
        pytest.param("web", _web(TTL="0"), id="web"),
        pytest.param("apple", _apple(apns_expiration="0"), id="apple"),
        pytest.param("apple", _apple(apns_expiration=str(NOW - 1)), id="apple-past"),
    ],
)
def test_message_without_lifetime_is_now_or_never(
    fcm: Any, kind: str, parts: dict[str, Any]
) -> None:
    """Lifetime 0 is delivered to who is there and dropped for who is not."""
    here, gone = (fcm.simulator.register(kind=kind, presence=p) for p in ("online", "offline"))
    _send(fcm, here, "a", **parts)
    _send(fcm, gone, "a", **parts)

    assert ["a"] == _marks(fcm.simulator.delivered(here))
    assert [("expired", "a")] == _lost(fcm, gone)
    fcm.simulator.set_presence(gone, "online", NOW)
    assert [] == fcm.simulator.delivered(gone)


# What replaces what.


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        pytest.param("android", _android(collapseKey="k"), _android(collapseKey="k"), id="android"),
        pytest.param("android", {"notification": {"title": "1"}}, {"notification": {"title": "2"}},
                     id="notifications"),
        pytest.param("android", {"notification": {"title": "1"}, **_android(collapseKey="a")},
                     {"notification": {"title": "2"}, **_android(collapseKey="b")},
                     id="notifications-ignore-the-key"),
        pytest.param("android", {"androidV2": {"remoteNotification": {}}},
                     _android(notification={"title": "2"}), id="notifications-of-both-models"),
        pytest.param("web", _web(Topic="t"), _web(topic="t"), id="web"),
        pytest.param("apple", _apple(apns_collapse_id="c"), _apple(apns_collapse_id="c"),
                     id="apple"),
    ],
)  # fmt: skip
def test_later_message_replaces_a_waiting_one(
    fcm: Any, kind: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Of two under one key the device gets the later."""
    token = fcm.simulator.register(kind=kind, presence="offline")
    _send(fcm, token, "a", **first)
    _send(fcm, token, "b", **second)

    fcm.simulator.set_presence(token, "online", NOW + 1)

    assert ["b"] == _marks(fcm.simulator.delivered(token))
    assert [("collapsed", "a")] == _lost(fcm, token)


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        pytest.param("android", {}, {}, id="no-key"),
        pytest.param("android", _android(collapseKey=""), _android(collapseKey=""), id="empty-key"),
        pytest.param("android", _android(collapseKey="a"), _android(collapseKey="b"),
                     id="two-keys"),
        pytest.param("android", _android(collapseKey="a"), {"notification": {"title": "t"}},
                     id="data-and-notification"),
        pytest.param("web", _web(Topic="a"), _web(Topic="b"), id="web"),
        pytest.param("apple", {}, {}, id="apple"),
    ],
)  # fmt: skip
def test_messages_under_different_keys_stay(
    fcm: Any, kind: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Without a key, or under another, nothing is replaced."""
    token = fcm.simulator.register(kind=kind, presence="offline")
    _send(fcm, token, "a", **first)
    _send(fcm, token, "b", **second)

    fcm.simulator.set_presence(token, "online", NOW + 1)

    assert ["a", "b"] == _marks(fcm.simulator.delivered(token))


def test_delivered_message_is_not_replaced(fcm: Any) -> None:
    """A key acts on what waits; what has arrived has arrived."""
    token = fcm.simulator.register()
    for mark in "ab":
        _send(fcm, token, mark, **_android(collapseKey="k"))

    assert ["a", "b"] == _marks(fcm.simulator.delivered(token))


def test_four_keys_wait_at_once(fcm: Any) -> None:
    """A fifth key pushes one of four out; messages without key are not concerned."""
    token = fcm.simulator.register(presence="offline")
    _send(fcm, token, "plain")
    for mark in "abcd":
        _send(fcm, token, mark, **_android(collapseKey=mark))
    assert [] == _lost(fcm, token)
    _send(fcm, token, "e", **_android(collapseKey="e"))

    fcm.simulator.set_presence(token, "online", NOW + 1)

    assert ["plain", "b", "c", "d", "e"] == _marks(fcm.simulator.delivered(token))
    assert [("collapsed", "a")] == _lost(fcm, token)


def test_hundred_messages_wait_at_once(fcm: Any) -> None:
    """The hundred and first drops all, and the app is told once that something is missing."""
    token = fcm.simulator.register(presence="offline")
    for number in range(100):
        _send(fcm, token, str(number))
    _send(fcm, token, "keyed", **_android(collapseKey="k"))
    assert 101 == len(fcm.simulator.devices[token].waiting)
    _send(fcm, token, "100")
    assert [] == fcm.simulator.devices[token].waiting
    _send(fcm, token, "after")
    assert 0 == fcm.simulator.devices[token].deleted_messages

    for presence in ("online", "offline", "online"):
        fcm.simulator.set_presence(token, presence, NOW + 1)

    device = fcm.simulator.devices[token]
    assert ["after"] == _marks(device.delivered)
    assert 1 == device.deleted_messages
    assert {("overflow", mark) for mark in ("0", "99", "100", "keyed")} < set(_lost(fcm, token))
    assert 102 == len(device.lost)


@pytest.mark.parametrize("kind", ["web", "apple"])
def test_limits_are_of_androids_store(fcm: Any, kind: str) -> None:
    """Browsers and Apple keep waiting messages in stores that are not FCM's."""
    token = fcm.simulator.register(kind=kind, presence="offline")
    for number in range(120):
        _send(fcm, token, str(number))
    for number in range(6):
        parts = _web(Topic=str(number)) if kind == "web" else _apple(apns_collapse_id=str(number))
        _send(fcm, token, f"k{number}", **parts)

    fcm.simulator.set_presence(token, "online", NOW + 1)

    device = fcm.simulator.devices[token]
    assert (126, 0, 0) == (len(device.delivered), len(device.lost), device.deleted_messages)


# How many in a row.


def test_collapsible_messages_in_a_row_are_late(fcm: Any) -> None:
    """Twenty arrive at once; each further one is accepted and comes three minutes later."""
    token = fcm.simulator.register()
    for number in range(22):
        _send(fcm, token, str(number), **_android(collapseKey=str(number)))

    assert 20 == len(fcm.simulator.delivered(token))
    assert ["20", "21"] == _marks(fcm.simulator.devices[token].waiting)
    assert 20 == len(fcm.simulator.delivered(token, NOW + 179))
    assert 21 == len(fcm.simulator.delivered(token, NOW + 180))
    delivered = fcm.simulator.delivered(token, NOW + 1_000)
    assert [NOW + 180, NOW + 360] == [message.delivered_at for message in delivered[20:]]


def test_late_message_is_replaced_like_any_that_waits(fcm: Any) -> None:
    """Of notifications in a row the device gets twenty and then the last."""
    token = fcm.simulator.register()
    for number in range(25):
        _send(fcm, token, str(number), notification={"title": "t"})

    assert 21 == len(fcm.simulator.delivered(token, NOW + 5 * 180))
    assert "24" == fcm.simulator.delivered(token)[-1].data["mark"]


@pytest.mark.parametrize(
    ("ttl", "arrives"),
    [
        pytest.param("90s", False, id="before-its-turn"),
        pytest.param("180s", False, id="with-its-turn"),
        pytest.param("181s", True, id="after-its-turn"),
    ],
)
def test_late_message_may_expire(fcm: Any, ttl: str, arrives: bool) -> None:
    """A message whose turn comes at its end or later is not delivered at all."""
    token = fcm.simulator.register()
    for number in range(21):
        _send(fcm, token, str(number), **_android(collapseKey="k", ttl=ttl))

    assert (21 if arrives else 20) == len(fcm.simulator.delivered(token, NOW + 1_000))
    assert ([] if arrives else [("expired", "20")]) == _lost(fcm, token)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        pytest.param("android", {}, id="no-key"),
        pytest.param("android", _android(collapseKey="k", ttl="0s"), id="no-lifetime"),
        pytest.param("web", _web(Topic="t"), id="web"),
        pytest.param("apple", _apple(apns_collapse_id="c"), id="apple"),
    ],
)
def test_other_messages_in_a_row_are_not_late(fcm: Any, kind: str, parts: dict[str, Any]) -> None:
    """Only what Android may collapse is held back, and not if it is now or never."""
    token = fcm.simulator.register(kind=kind)
    for number in range(30):
        _send(fcm, token, str(number), **parts)

    assert 30 == len(fcm.simulator.delivered(token))


def test_row_begins_anew_after_a_while(fcm: Any) -> None:
    """Every three minutes one more may go at once."""
    token = fcm.simulator.register()
    for number in range(20):
        _send(fcm, token, str(number), **_android(collapseKey=str(number)))
    fcm.now += 2 * 180
    for mark in "abc":
        _send(fcm, token, mark, **_android(collapseKey=mark))

    assert ["a", "b"] == _marks(fcm.simulator.delivered(token))[20:]
    assert ["c"] == _marks(fcm.simulator.devices[token].waiting)


# Who is gone.


def test_uninstalled_app_gets_nothing_that_waited(fcm: Any) -> None:
    """What waited is lost with the app, what had arrived stays in the record."""
    token = fcm.simulator.register()
    _send(fcm, token, "a")
    fcm.simulator.set_presence(token, "offline", NOW)
    _send(fcm, token, "b")

    fcm.simulator.unregister(token)

    fcm.simulator.set_presence(token, "online", NOW + 1)
    assert ["a"] == _marks(fcm.simulator.delivered(token))
    assert [("unregistered", "b")] == _lost(fcm, token)


def test_unknown_device_is_a_lookup_error(fcm: Any) -> None:
    """Asking for a device that is not there is a mistake of the test."""
    for ask in (
        lambda: fcm.simulator.delivered("nobody"),
        lambda: fcm.simulator.unregister("nobody"),
        lambda: fcm.simulator.set_presence("nobody", "online", NOW),
    ):
        with pytest.raises(LookupError, match="no device"):
            ask()


def test_unknown_presence_is_refused(fcm: Any) -> None:
    """A device is online, dozing or offline."""
    token = fcm.simulator.register()

    with pytest.raises(ParameterError) as caught:
        fcm.simulator.set_presence(token, "asleep", NOW)

    assert "presence" == caught.value.field


def test_devices_are_for_reading(fcm: Any) -> None:
    """The mapping of devices cannot be changed past register and unregister."""
    with pytest.raises(TypeError):
        fcm.simulator.devices["x"] = None


def test_representation_is_short(fcm: Any) -> None:
    """A device with a thousand messages is readable in a notebook and hides its token."""
    token = fcm.simulator.register()
    for number in range(100):
        _send(fcm, token, str(number))

    shown = repr(fcm.simulator.devices[token])

    assert len(shown) < 300
    assert "delivered=<100>" in shown
    assert token not in shown
    assert len(repr(fcm.simulator.delivered(token)[0])) < 300
