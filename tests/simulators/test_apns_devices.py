"""What becomes of an accepted push: who gets it, when, and what is left of it while waiting."""

from __future__ import annotations

from typing import Any

import pytest
from apns_sender import APP, ID, NOW, APNsSender

from zpns.errors import ParameterError

DAY = 86_400


def _send(apns: APNsSender, token: str, mark: str, **changes: Any) -> None:
    """Send an accepted alert that says *mark*."""
    response = apns.push(token, b'{"aps":{"alert":"%b"}}' % mark.encode(), **changes)
    assert 200 == response.status, response.body


def _marks(pushes: Any) -> list[str]:
    return [push.aps["alert"] for push in pushes]


def _lost(apns: APNsSender, token: str) -> list[tuple[str, str]]:
    return [(why, push.aps["alert"]) for why, push in apns.simulator.devices[token].lost]


# What arrives.


def test_push_arrives_at_once() -> None:
    """A device that is online has the push when the answer is out, in the order of sending."""
    apns = APNsSender()
    token, other = apns.simulator.register(), apns.simulator.register()
    for mark in "abc":
        _send(apns, token, mark)
        apns.now += 1

    delivered = apns.simulator.delivered(token)

    assert ["a", "b", "c"] == _marks(delivered)
    assert [NOW, NOW + 1, NOW + 2] == [push.delivered_at for push in delivered]
    assert delivered == apns.simulator.devices[token].delivered
    assert [] == apns.simulator.delivered(other)


def test_push_keeps_what_was_said_of_it() -> None:
    """A test sees the headers as APNs read them, and the body as it came."""
    apns = APNsSender()
    token = apns.simulator.register()
    body = b'{"aps": {"alert": "a"}, "n": 1}'
    connection = apns.connect(port=4711)

    apns.push(token, body, apns_collapse_id="c", apns_priority="5", connection=connection)

    [push] = apns.simulator.delivered(token)
    assert (ID, APP, "alert", 5) == (push.apns_id, push.topic, push.push_type, push.priority)
    assert (int(NOW) + 3_600, "c", body) == (push.expiration, push.collapse_id, push.body)
    assert (NOW, NOW + 3_600, 4711) == (push.received_at, push.expires_at, push.connection)
    assert {"aps": {"alert": "a"}, "n": 1} == push.payload
    assert {"alert": "a"} == push.aps


def test_push_that_says_nothing_has_defaults() -> None:
    """Priority 10, thirty days, nothing to collapse, and an ID of APNs' own."""
    apns = APNsSender()
    token = apns.simulator.register()

    response = apns.push(token, apns_id=None, apns_priority=None, apns_expiration=None)

    [push] = apns.simulator.delivered(token)
    assert response.headers["apns-id"] == push.apns_id
    assert (10, None, "") == (push.priority, push.expiration, push.collapse_id)
    assert NOW + 30 * DAY == push.expires_at


@pytest.mark.parametrize("body", [b"[]", b"1", b'{"aps":1}', b"{}"])
def test_push_without_aps_has_an_empty_one(body: bytes) -> None:
    """Asking for ``aps`` never fails on what was accepted."""
    apns = APNsSender()
    token = apns.simulator.register()
    apns.push(token, body)

    assert [{}] == [push.aps for push in apns.simulator.delivered(token)]


def test_tokens_of_one_phone_are_apart() -> None:
    """A VoIP push reaches the VoIP token alone, an alert the alert token alone."""
    apns = APNsSender()
    alert, voip = apns.simulator.register(), apns.simulator.register(kind="voip")
    _send(apns, alert, "a")
    apns.voip(voip, b'{"call":1}')

    assert ["alert"] == [push.push_type for push in apns.simulator.delivered(alert)]
    assert ["voip"] == [push.push_type for push in apns.simulator.delivered(voip)]
    assert f"{APP}.voip" == apns.simulator.delivered(voip)[0].topic


def test_refused_push_reaches_nobody() -> None:
    """What was not accepted leaves no trace at the device, online or not."""
    apns = APNsSender()
    tokens = [apns.simulator.register(presence=p) for p in ("online", "offline")]
    for token in tokens:
        apns.push(token, b"")
        apns.push(token, apns_priority="7")

    for token in tokens:
        device = apns.simulator.devices[token]
        assert ([], None, []) == (device.delivered, device.waiting, device.lost)


# What waits.


def test_one_push_waits_for_an_offline_device() -> None:
    """APNs keeps the latest of an app; the ones before are lost."""
    apns = APNsSender()
    token = apns.simulator.register(presence="offline")
    for mark in "abc":
        _send(apns, token, mark)
    assert [] == apns.simulator.delivered(token, NOW)

    apns.simulator.set_presence(token, "online", NOW + 60)

    delivered = apns.simulator.delivered(token)
    assert (["c"], [NOW + 60]) == (_marks(delivered), [push.delivered_at for push in delivered])
    assert [("replaced", "a"), ("replaced", "b")] == _lost(apns, token)
    assert apns.simulator.devices[token].waiting is None


def test_one_push_waits_per_app() -> None:
    """Another app on the phone, and another kind of token, have a place of their own."""
    apns = APNsSender()
    first, second = (
        apns.simulator.register(topic=topic, presence="offline") for topic in (APP, "com.example.b")
    )
    voip = apns.simulator.register(kind="voip", presence="offline")
    _send(apns, first, "a")
    _send(apns, second, "b", apns_topic="com.example.b")
    apns.voip(voip, apns_expiration=str(int(NOW) + 60))

    for token in (first, second, voip):
        apns.simulator.set_presence(token, "online", NOW + 1)

    assert [1, 1, 1] == [len(apns.simulator.delivered(token)) for token in (first, second, voip)]


def test_same_collapse_id_is_told_from_another_push() -> None:
    """Either way the later one waits; the device knows why the earlier is lost."""
    apns = APNsSender()
    token = apns.simulator.register(presence="offline")
    _send(apns, token, "a", apns_collapse_id="x")
    _send(apns, token, "b", apns_collapse_id="x")
    _send(apns, token, "c", apns_collapse_id="y")
    _send(apns, token, "d")
    _send(apns, token, "e")

    assert [
        ("collapsed", "a"),
        ("replaced", "b"),
        ("replaced", "c"),
        ("replaced", "d"),
    ] == _lost(apns, token)


@pytest.mark.parametrize(
    ("expiration", "lifetime"),
    [
        pytest.param(str(int(NOW) + 90), 90, id="said"),
        pytest.param(None, 30 * DAY, id="nothing-said"),
    ],
)
def test_push_waits_until_it_expires(expiration: str | None, lifetime: int) -> None:
    """A device that comes back a second before the end gets it, one at the end does not."""
    apns = APNsSender()
    early, late = (apns.simulator.register(presence="offline") for _ in range(2))
    for token in (early, late):
        _send(apns, token, "a", apns_expiration=expiration)

    apns.simulator.set_presence(early, "online", NOW + lifetime - 1)
    apns.simulator.set_presence(late, "online", NOW + lifetime)

    assert ["a"] == _marks(apns.simulator.delivered(early))
    assert [] == apns.simulator.delivered(late)
    assert [("expired", "a")] == _lost(apns, late)


@pytest.mark.parametrize(
    "expiration",
    [
        pytest.param("0", id="0"),
        pytest.param("1", id="long-past"),
        pytest.param(str(int(NOW)), id="now"),
    ],
)
def test_push_without_lifetime_is_now_or_never(expiration: str) -> None:
    """It is delivered to who is there and dropped for who is not; what waits stays."""
    apns = APNsSender()
    here, gone = (apns.simulator.register(presence=p) for p in ("online", "offline"))
    _send(apns, gone, "waits")
    for token in (here, gone):
        _send(apns, token, "a", apns_expiration=expiration)

    assert ["a"] == _marks(apns.simulator.delivered(here))
    assert [("expired", "a")] == _lost(apns, gone)
    apns.simulator.set_presence(gone, "online", NOW)
    assert ["waits"] == _marks(apns.simulator.delivered(gone))


def test_expired_push_is_gone_even_if_the_device_stays_away() -> None:
    """Looking at a device is enough to see it, and so is the next push."""
    apns = APNsSender()
    looked, pushed = (apns.simulator.register(presence="offline") for _ in range(2))
    for token in (looked, pushed):
        _send(apns, token, "a", apns_expiration=str(int(NOW) + 90))

    apns.simulator.delivered(looked, NOW + 89)
    assert apns.simulator.devices[looked].waiting is not None
    apns.simulator.delivered(looked, NOW + 90)
    assert apns.simulator.devices[looked].waiting is None
    apns.now = NOW + 90
    _send(apns, pushed, "b")
    assert [("expired", "a")] == _lost(apns, looked) == _lost(apns, pushed)


def test_device_that_goes_offline_keeps_what_it_has() -> None:
    """Going away stops new pushes only."""
    apns = APNsSender()
    token = apns.simulator.register()
    _send(apns, token, "a")
    apns.simulator.set_presence(token, "offline", NOW)
    _send(apns, token, "b")

    assert ["a"] == _marks(apns.simulator.delivered(token, NOW + 10))
    assert apns.simulator.devices[token].waiting is not None


# What is seen.


def test_collapse_id_replaces_what_is_shown() -> None:
    """All pushes were delivered; on the screen the later stands in place of the earlier."""
    apns = APNsSender()
    token = apns.simulator.register()
    for mark, key in (("a", "x"), ("b", None), ("c", "y"), ("d", "x"), ("e", None)):
        _send(apns, token, mark, apns_collapse_id=key)
    apns.push(
        token,
        b'{"aps":{"content-available":1}}',
        apns_push_type="background",
        apns_priority="5",
        apns_collapse_id="x",
    )
    apns.push(token, b'{"aps":{"badge":3}}')

    assert ["b", "c", "d", "e"] == _marks(apns.simulator.devices[token].shown)
    assert 7 == len(apns.simulator.delivered(token))


# Who is gone.


@pytest.mark.parametrize("end", ["unregister", "expire"])
def test_device_that_is_gone_gets_nothing_that_waited(end: str) -> None:
    """What waited is lost, what had arrived stays in the record."""
    apns = APNsSender()
    token = apns.simulator.register()
    _send(apns, token, "a")
    apns.simulator.set_presence(token, "offline", NOW)
    _send(apns, token, "b")

    getattr(apns.simulator, end)(token)

    apns.simulator.set_presence(token, "online", NOW + 1)
    assert ["a"] == _marks(apns.simulator.delivered(token))
    why = "unregistered" if end == "unregister" else "expired"
    assert [(why, "b")] == _lost(apns, token)


def test_unknown_device_is_a_lookup_error() -> None:
    """Asking for a device that is not there is a mistake of the test; its token is cut."""
    apns = APNsSender()
    token = "ab" * 32
    for ask in (
        lambda: apns.simulator.delivered(token),
        lambda: apns.simulator.unregister(token),
        lambda: apns.simulator.expire(token),
        lambda: apns.simulator.set_presence(token, "online", NOW),
    ):
        with pytest.raises(LookupError, match="no device") as caught:
            ask()
        assert token not in str(caught.value)


# Devices as things.


def test_token_looks_like_apples() -> None:
    """Made tokens are 64 hexadecimal digits and differ."""
    apns = APNsSender()
    tokens = {apns.simulator.register() for _ in range(100)}

    assert 100 == len(tokens)
    assert all(len(token) == 64 and int(token, 16) >= 0 for token in tokens)
    assert tokens == set(apns.simulator.devices)


@pytest.mark.parametrize("size", [2, 64, 160, 200])
def test_token_may_have_another_length(size: int) -> None:
    """Apple says not to count on a size."""
    apns = APNsSender()
    token = apns.simulator.register("a" * size)

    assert 200 == apns.push(token).status


@pytest.mark.parametrize(
    ("topic", "kind", "expected"),
    [
        pytest.param(None, "alert", APP, id="own-app"),
        pytest.param(None, "voip", f"{APP}.voip", id="own-app-voip"),
        pytest.param("com.example.b", "voip", "com.example.b.voip", id="ending-added"),
        pytest.param("com.example.b.voip", "voip", "com.example.b.voip", id="ending-given"),
        pytest.param("com.example.b", "liveactivity", "com.example.b.push-type.liveactivity",
                     id="live-activity"),
    ],
)  # fmt: skip
def test_topic_is_a_bundle_id_with_an_ending(topic: str | None, kind: str, expected: str) -> None:
    """Whoever registers may name the app or the whole topic."""
    apns = APNsSender()
    token = apns.simulator.register(topic=topic, kind=kind)

    assert expected == apns.simulator.devices[token].topic


@pytest.mark.parametrize(
    ("field", "settings"),
    [
        pytest.param("token", {"token": "xyz0"}, id="no-hex"),
        pytest.param("token", {"token": "abc"}, id="odd"),
        pytest.param("token", {"token": ""}, id="empty"),
        pytest.param("token", {"token": "a" * 202}, id="too-long"),
        pytest.param("token", {"token": 7}, id="no-text"),
        pytest.param("token", {"token": "AB" * 32}, id="taken-in-other-case"),
        pytest.param("kind", {"kind": "background"}, id="background-has-no-token"),
        pytest.param("kind", {"kind": "web"}, id="kind-unknown"),
        pytest.param("state", {"state": "dead"}, id="state-unknown"),
        pytest.param("presence", {"presence": "dozing"}, id="presence-unknown"),
        pytest.param("topic", {"topic": "com.example/b"}, id="topic-no-name"),
        pytest.param("topic", {"topic": 7}, id="topic-no-text"),
        pytest.param("topic", {"topic": f"{APP}.voip"}, id="topic-of-other-kind"),
        pytest.param("topic", {"topic": f"{APP}.voip", "kind": "widgets"},
                     id="topic-of-other-kind-again"),
    ],
)  # fmt: skip
def test_device_is_checked(field: str, settings: dict[str, Any]) -> None:
    """A mistake in a test's own device is said at once, with the field's name."""
    apns = APNsSender()
    apns.simulator.register("ab" * 32)

    with pytest.raises(ParameterError) as caught:
        apns.simulator.register(**settings)

    assert field == caught.value.field
    assert "ab" * 32 not in str(caught.value).lower()


def test_unknown_presence_is_refused() -> None:
    """A device is online or offline."""
    apns = APNsSender()
    token = apns.simulator.register()

    with pytest.raises(ParameterError) as caught:
        apns.simulator.set_presence(token, "asleep", NOW)  # type: ignore[arg-type]

    assert "presence" == caught.value.field


def test_devices_are_for_reading() -> None:
    """The mapping of devices cannot be changed past register and unregister."""
    apns = APNsSender()

    with pytest.raises(TypeError):
        apns.simulator.devices["x"] = None  # type: ignore[index]


def test_representation_is_short() -> None:
    """A device with a hundred pushes is readable in a notebook and hides its token."""
    apns = APNsSender()
    token = apns.simulator.register()
    for number in range(100):
        _send(apns, token, str(number))

    shown = repr(apns.simulator.devices[token])

    assert len(shown) < 300
    assert "delivered=<100>" in shown
    assert token not in shown
    assert len(repr(apns.simulator.delivered(token)[0])) < 300
