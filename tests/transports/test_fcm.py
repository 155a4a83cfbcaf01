"""FCM: the golden vectors, which form is chosen, what is in it, and its sizes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zpns.errors import ConfigError, ParameterError
from zpns.models import (
    DeviceToken,
    Envelope,
    MessageClass,
    Notification,
    PushEvent,
    PushKind,
    Resource,
    Target,
)
from zpns.transports import FCM, Backoff, Credential, Prepared, Route, Skip

from .golden import lines_of, notification_of
from .makers import DAY, NOW, notification, service_account

CREDENTIAL = Credential(value="ya29.access", renew_at=NOW + 3000, expires_at=NOW + 3600)
KINDS = {"fcm": "alert", "fcm_web": "web"}
MS = round(NOW * 1000)
CALL_ID = "172604065779740667"
RESERVED = ("from", "notification", "message_type", "collapse_key")
TRANSPORT = FCM.from_service_account(service_account())


def route_of(kind: str = "alert", token: str = "fcm:APA91b-1") -> Route:
    found = TRANSPORT.route(DeviceToken("fcm", token, kind=kind))
    assert isinstance(found, Route)
    return found


def prepare(push: Notification, *, kind: str = "alert", now: float = NOW, **own: Any) -> Any:
    transport = FCM.from_service_account(TRANSPORT.service_account, **own) if own else TRANSPORT
    return transport.prepare(push, route_of(kind), now)


def sent(push: Notification, *, kind: str = "alert", badge: int | None = None, **how: Any) -> Any:
    """Return the message that is sent for *push*, parsed."""
    prepared = prepare(push, kind=kind, **how)
    assert isinstance(prepared, Prepared), prepared
    request = prepared.request([Target("fcm:APA91b-1", 0, badge)], CREDENTIAL)
    return json.loads(request.body)["message"]


def skipped(push: Notification, *, kind: str = "alert", **how: Any) -> str:
    found = prepare(push, kind=kind, **how)
    assert isinstance(found, Skip), found
    assert found.advice
    return found.why


def event(name: str, **changed: Any) -> Notification:
    """Return a push of an event of the hub."""
    kind = PushEvent(name)
    origin: dict[str, Any] = {"event": kind, "sent_at": MS, "user_id": "bob"}
    fields: dict[str, Any] = {}
    if kind.is_call:
        origin |= {"event_seq": 1, "expires_at": MS + 60_000, "caller": "alice"}
        fields |= {"call_id": CALL_ID, "deadline": MS + 60_000}
    elif kind in (PushEvent.MESSAGE, PushEvent.MESSAGE_REVOKED):
        origin |= {"conversation_id": "alice", "message_id": "77", "sender": "alice"}
    return notification(**{**fields, "envelope": Envelope(**origin), **changed})


def resource(kind: str = "alert", **channels: Any) -> Resource:
    own = {
        name: channels.pop(name) for name in ("call_profile", "click", "url") if name in channels
    }
    return Resource(resources_id="r", kind=kind, channels=channels, **own)


# Golden vectors.


@pytest.mark.parametrize("line", [pytest.param(v, id=v["id"]) for v in lines_of(*KINDS)])
def test_golden(line: dict[str, Any]) -> None:
    """The form is the one the contract chooses, and the body is as written there."""
    given, want = line["given"], line["want"]
    token = given["tokens"][line["token"]]
    transport = FCM.from_service_account(
        service_account(project_id=given["fcm_project"]), badge_data=True
    )
    route = transport.route(DeviceToken("fcm", token, kind=KINDS[line["token"]]))
    assert isinstance(route, Route)
    prepared = transport.prepare(notification_of(given), route, given["now"] / 1000)
    assert isinstance(prepared, Prepared)
    assert line["form"] == prepared.form
    request = prepared.request([Target(token, given["seq"])], CREDENTIAL)
    assert want["method"] == request.method
    assert f"https://fcm.googleapis.com{want['path']}" == request.url
    assert want["json"] == json.loads(request.body)
    assert f"{want['method']} {want['path']}" == prepared.endpoint
    assert {
        "authorization": "Bearer ya29.access",
        "content-type": "application/json; charset=UTF-8",
    } == request.headers


def test_golden_lines_are_all_there() -> None:
    """Nine of the twenty golden lines are FCM's."""
    assert [f"v{number:02}" for number in range(1, 10)] == [v["id"] for v in lines_of(*KINDS)]


# Which form.

TEXT = {"title": "Alice", "content": "hello"}
NO_TEXT = {"title": "", "content": ""}
ENDS = [member.value for member in PushEvent if member.is_call_end]


@pytest.mark.parametrize("name", ["message", "push", "call_invited"])
@pytest.mark.parametrize(
    ("kind", "android", "web"),
    [
        ("alert", "fcm_notification", "fcm_web"),
        ("data", "fcm_data", "fcm_web"),
        ("silent", "fcm_data", None),
        ("voip", "fcm_data", "fcm_web"),
    ],
)
def test_form_by_kind(name: str, kind: str, android: str, web: str | None) -> None:
    """The kind alone decides how a message, a push or an invitation travels."""
    extra = {} if name == "call_invited" or kind != "voip" else {"call_id": CALL_ID}
    push = event(name, resource=resource(kind), **extra)
    assert android == prepare(push).form
    if web is None:
        assert "kind_not_on_channel" == skipped(push, kind="web")
    else:
        assert web == prepare(push, kind="web").form


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize(
    ("before", "kind", "with_text", "without"),
    [
        ("fcm_data", "alert", "fcm_data", "fcm_data"),
        ("fcm_notification", "data", "fcm_notification", "fcm_data"),
        ("", "alert", "fcm_notification", "fcm_data"),
        ("", "voip", "fcm_data", "fcm_data"),
        ("apns_voip", "data", "fcm_data", "fcm_data"),
    ],
)
def test_form_of_a_call_end(
    name: str, before: str, kind: str, with_text: str, without: str
) -> None:
    """The end of a call takes the form of its invitation, or else that of the kind."""
    push = {"follows": before, "resource": resource(kind)}
    assert with_text == prepare(event(name, **TEXT, **push)).form
    assert without == prepare(event(name, **NO_TEXT, **push)).form


@pytest.mark.parametrize("name", [*ENDS, "message_revoked"])
def test_form_of_an_end_on_the_web(name: str) -> None:
    """A browser shows an end that has a text, and hears nothing of one that has none."""
    assert "fcm_web" == prepare(event(name, **TEXT, follows="fcm_web"), kind="web").form
    assert "nothing_to_show" == skipped(event(name, **NO_TEXT, follows="fcm_web"), kind="web")


def test_form_of_a_revoke() -> None:
    """A revoke replaces what was shown, by text or silently; what was not shown stays alone."""
    assert (
        "fcm_notification"
        == prepare(event("message_revoked", **TEXT, follows="fcm_notification")).form
    )
    silent = event("message_revoked", **NO_TEXT, payload="", follows="fcm_notification")
    assert "fcm_data" == prepare(silent).form
    data = sent(silent)["data"]
    assert ["zpns"] == sorted(data)
    assert "77" == json.loads(data["zpns"])["message_id"]
    assert "fcm_data" == prepare(event("message_revoked", **TEXT, follows="fcm_data")).form
    assert "nothing_to_show" == skipped(event("message_revoked", **NO_TEXT, follows="fcm_data"))


def test_form_of_a_badge() -> None:
    """An app is told its badge only if it asked; a browser has none."""
    push = event("badge_updated", **NO_TEXT, payload="", badge=3)
    assert "kind_not_on_channel" == skipped(push)
    assert "fcm_data" == prepare(push, badge_data=True).form
    assert "kind_not_on_channel" == skipped(push, kind="web", badge_data=True)
    asked = event("badge_updated", badge=3, resource=resource(fcm={"badge_data": True}))
    assert "fcm_data" == prepare(asked).form


@pytest.mark.parametrize(
    "texts", [NO_TEXT, {"title": "a", "content": ""}, {"title": "", "content": "a"}]
)
def test_form_when_there_is_no_text(texts: dict[str, str]) -> None:
    """What the system is to show needs both texts; what the app gets needs none."""
    assert "empty_text" == skipped(event("message", **texts))
    assert "empty_text" == skipped(event("message", **texts), kind="web")
    assert "fcm_data" == prepare(event("message", **texts, kind="data")).form


def test_form_when_a_bare_push_is_empty() -> None:
    """Without a hub, and with nothing in it at all, there is nothing to send."""
    assert "nothing_to_show" == skipped(notification(**NO_TEXT, payload="", kind="data"))
    assert {"payload": "x"} == sent(notification(**NO_TEXT, payload="x", kind="data"))["data"]


# What is in it.


def test_bare_sender_has_no_envelope() -> None:
    """Without a hub the app gets its texts, and the kits of ZEGO are left in peace."""
    shown = sent(notification())
    assert {"payload": '{"k":1}'} == shown["data"]
    assert {"title": "Alice", "body": "hello"} == shown["android"]["notification"]
    data = sent(notification(kind="data"))["data"]
    assert {"title": "Alice", "body": "hello", "payload": '{"k":1}'} == data


def test_bare_sender_starts_a_call() -> None:
    """A call without a hub is still a call to the kits, and collapses as one."""
    message = sent(notification(kind="voip", call_id=CALL_ID))
    assert ["body", "call_id", "payload", "title", "zego"] == sorted(message["data"])
    zego = json.loads(message["data"]["zego"])
    assert ["call_id", "version", "zpns_request_id"] == sorted(zego)
    assert CALL_ID == zego["call_id"]
    assert f"call:{CALL_ID}" == message["android"]["collapse_key"]


@settings(deadline=None)
@given(
    st.sampled_from(list(PushEvent)),
    st.sampled_from(list(PushKind)),
    st.sampled_from(["alert", "web"]),
    st.booleans(),
    st.booleans(),
)
def test_data_is_a_flat_map_of_texts(
    name: PushEvent, kind: PushKind, token: str, bare: bool, text: bool
) -> None:
    """Whatever is sent, data holds texts under at most six known keys, none reserved."""
    texts = TEXT if text else NO_TEXT
    push = (
        notification(kind=kind, call_id=CALL_ID, **texts)
        if bare
        else event(name.value, **{"call_id": CALL_ID, "kind": kind, "badge": 1, **texts})
    )
    found = prepare(push, kind=token, badge_data=True)
    if isinstance(found, Skip):
        return
    request = found.request([Target("fcm:APA91b-1", 0)], CREDENTIAL)
    data = json.loads(request.body)["message"].get("data", {})
    assert set(data) <= {"title", "body", "payload", "call_id", "zego", "zpns"}
    assert all(isinstance(value, str) for value in data.values())
    assert not [key for key in data if key in RESERVED or key.startswith(("google", "gcm"))]


@pytest.mark.parametrize(
    ("left", "ttl"),
    [
        pytest.param(1_000, 1, id="one-second"),
        pytest.param(1_999, 1, id="floored"),
        pytest.param(86_400_000, 86_400, id="a-day"),
        pytest.param(90 * 86_400_000, 2_419_200, id="28-days-at-most"),
    ],
)
def test_ttl(left: int, ttl: int) -> None:
    """The lifetime is what is left of it now, in whole seconds, on Android and the web."""
    push = notification(deadline=MS + left)
    assert f"{ttl}s" == sent(push)["android"]["ttl"]
    assert str(ttl) == sent(push, kind="web")["webpush"]["headers"]["TTL"]


@pytest.mark.parametrize("left", [999, 0, -1, -86_400_000])
def test_prepare_when_expired(left: int) -> None:
    """With less than a second left nothing is sent."""
    assert "expired" == skipped(notification(deadline=MS + left))


@pytest.mark.parametrize(
    ("push", "seconds"),
    [
        pytest.param(event("call_invited"), 1, id="call"),
        pytest.param(event("call_missed"), 1, id="call-end"),
        pytest.param(event("message"), 60, id="message"),
        pytest.param(notification(deadline=MS + 5_000), 5, id="not-beyond-the-deadline"),
    ],
)
def test_valid_until(push: Notification, seconds: int) -> None:
    """The lifetime shrinks, so a body is made anew: a call's each second, others each minute."""
    assert pytest.approx(NOW + seconds) == prepare(push).valid_until


@pytest.mark.parametrize(
    ("push", "urgent"),
    [
        pytest.param(event("message"), True, id="message"),
        pytest.param(event("message", message_class="marketing"), False, id="marketing"),
        pytest.param(event("message", kind="silent"), False, id="silent"),
        pytest.param(event("push"), True, id="push"),
        pytest.param(notification(), True, id="bare"),
        pytest.param(event("call_invited", message_class="marketing"), True, id="invitation"),
        pytest.param(event("call_cancelled"), True, id="end-while-ringing"),
        pytest.param(
            event(
                "call_missed",
                envelope=Envelope(event="call_missed", sent_at=MS, expires_at=MS),
            ),
            False,
            id="end-after-ringing",
        ),
        pytest.param(event("message_revoked", follows="fcm_notification"), True, id="revoke"),
        pytest.param(
            event("message_revoked", **NO_TEXT, follows="fcm_notification"),
            False,
            id="silent-revoke",
        ),
    ],
)
def test_urgency(push: Notification, urgent: bool) -> None:
    """Who waits for it decides whether the device is woken."""
    assert ("HIGH" if urgent else "NORMAL") == sent(push)["android"]["priority"]
    web = prepare(push, kind="web")
    if isinstance(web, Prepared):
        headers = sent(push, kind="web")["webpush"]["headers"]
        assert ("high" if urgent else "normal") == headers["Urgency"]


def test_priority_of_a_resource() -> None:
    """A resource chooses the priority of what it is for, and never that of a call's end."""
    normal = resource(fcm={"priority": "Normal"})
    high = resource(fcm={"priority": "high"})
    for name in ("message", "push", "call_invited"):
        assert "NORMAL" == sent(event(name, resource=normal))["android"]["priority"]
    marketing = event("message", message_class=MessageClass.MARKETING, resource=high)
    assert "HIGH" == sent(marketing)["android"]["priority"]
    assert "HIGH" == sent(event("call_cancelled", resource=normal))["android"]["priority"]


def test_settings_of_a_resource() -> None:
    """Each setting goes to its field, and to the form that has one."""
    settings = resource(
        fcm={
            "channel_id": "chat",
            "sound": "ding",
            "direct_boot_ok": True,
            "analytics_label": "spring",
        },
        web={"link": "https://app.example.com/"},
    )
    shown = sent(event("message", resource=settings))
    assert ("chat", "ding") == (
        shown["android"]["notification"]["channel_id"],
        shown["android"]["notification"]["sound"],
    )
    assert "direct_boot_ok" not in shown["android"]
    assert {"analytics_label": "spring"} == shown["fcm_options"]
    data = sent(event("message", kind="data", resource=settings))
    assert {"priority", "ttl", "direct_boot_ok"} == set(data["android"])
    assert data["android"]["direct_boot_ok"] is True
    web = sent(event("message", resource=settings), kind="web")
    assert {"link": "https://app.example.com/"} == web["webpush"]["fcm_options"]
    assert "android" not in web


def test_link_when_a_click_opens_a_page() -> None:
    """The page of a click opens in the browser too, unless a link of its own is set."""
    click = {"click": "url", "url": "https://example.com/a"}
    push = event("message", resource=resource(**click))
    assert {"link": "https://example.com/a"} == sent(push, kind="web")["webpush"]["fcm_options"]
    own = event("message", resource=resource(**click, web={"link": "https://example.com/b"}))
    assert {"link": "https://example.com/b"} == sent(own, kind="web")["webpush"]["fcm_options"]
    plain = event("message", resource=resource(click="url", url="http://example.com"))
    assert "fcm_options" not in sent(plain, kind="web")["webpush"]


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"fcm": {"priority": "urgent"}}, "fcm.priority.*'HIGH' or 'NORMAL'"),
        ({"fcm": {"priority": 10}}, "fcm.priority"),
        ({"fcm": {"direct_boot_ok": "yes"}}, "fcm.direct_boot_ok.*True or False"),
        ({"fcm": {"badge_data": 1}}, "fcm.badge_data"),
        ({"fcm": {"channel_id": ""}}, "fcm.channel_id"),
        ({"fcm": {"sound": 3}}, "fcm.sound"),
        ({"fcm": {"analytics_label": "a b"}}, "fcm.analytics_label"),
        ({"fcm": {"analytics_label": "a" * 51}}, "fcm.analytics_label"),
        ({"web": {"link": "http://example.com"}}, "web.link.*https"),
        ({"web": {"url": "https://example.com"}}, "web.url is no setting"),
    ],
)
def test_resource_when_a_value_is_wrong(settings: dict[str, Any], names: str) -> None:
    """A setting that FCM would answer with 400 is refused by name."""
    with pytest.raises(ConfigError, match=names):
        TRANSPORT.check_resource(resource(**settings))


def test_resource_when_values_are_right() -> None:
    """Every setting has a value that is taken."""
    TRANSPORT.check_resource(
        resource(
            fcm={
                "priority": "high",
                "direct_boot_ok": False,
                "badge_data": True,
                "channel_id": "c",
                "sound": "default",
                "analytics_label": "a-b_c.d~e%" * 5,
            },
            web={"link": "https://example.com"},
        )
    )
    assert {
        "analytics_label",
        "badge_data",
        "channel_id",
        "direct_boot_ok",
        "priority",
        "sound",
    } == (TRANSPORT.resource_settings["fcm"])


@pytest.mark.parametrize(
    ("profile", "invitation", "end"),
    [
        ("collapse", ("60s", f"call:{CALL_ID}"), ("60s", f"call:{CALL_ID}")),
        ("no_collapse", ("60s", None), ("60s", None)),
        ("now_or_never", ("0s", None), ("60s", None)),
    ],
)
def test_call_profile(profile: str, invitation: Any, end: Any) -> None:
    """The profile decides how a call's data messages are queued."""
    calls = resource("voip", call_profile=profile)

    def queued(name: str) -> Any:
        android = sent(event(name, resource=calls))["android"]
        return android["ttl"], android.get("collapse_key")

    assert invitation == queued("call_invited")
    assert end == queued("call_cancelled")


def test_collapse_key_is_not_spent_on_messages() -> None:
    """Of a chat only an app's own key reaches FCM's four places; a notification has its tag."""
    assert "collapse_key" not in sent(event("message", kind="data"))["android"]
    own = event("message", kind="data", collapse_key="订单/7")
    hashed = "~C8iGZ826RVWCRdyIfxKTmAgI1raKixAy4k2fZMG-zQA"
    assert hashed == sent(own)["android"]["collapse_key"]
    shown = sent(event("message", collapse_key="订单/7"))["android"]
    assert hashed == shown["notification"]["tag"]
    assert "collapse_key" not in shown
    assert "tag" not in sent(event("push"))["android"]["notification"]
    web = sent(event("push"), kind="web")["webpush"]
    assert "Topic" not in web["headers"]
    assert "tag" not in web["notification"]


def test_validate_only() -> None:
    """A check is asked for beside the message, not in it."""
    prepared = prepare(notification(validate_only=True))
    body = json.loads(prepared.request([Target("t", 0)], CREDENTIAL).body)
    assert ["message", "validate_only"] == sorted(body)
    assert body["validate_only"] is True
    assert "t" == body["message"]["token"]


def test_badges() -> None:
    """A target's own badge wins, 0 is not sent, and it fits into 32 bits."""

    def count(badge: int | None, own: int | None = 5) -> Any:
        push = event("message", badge=own)
        return sent(push, badge=badge)["android"]["notification"].get("notification_count")

    assert [5, 9, None, 2**31 - 1, None] == [
        count(None),
        count(9),
        count(0),
        count(2**40),
        count(None, None),
    ]


def test_badges_of_one_page() -> None:
    """Targets with the same badge share an encoded body; the others do not mix."""
    prepared = prepare(event("message"))
    for badge in (1, 2, None, 1):
        body = json.loads(prepared.request([Target("t", 0, badge)], CREDENTIAL).body)
        shown = body["message"]["android"]["notification"]
        assert badge == shown.get("notification_count")
    assert prepared.halves(1) is prepared.halves(1)
    data = prepare(event("message", kind="data"))
    assert data.halves(1) is data.halves(2) is data.halves(None)


def test_badges_beyond_what_is_kept() -> None:
    """However many badge numbers a page has, each target gets its own."""
    prepared = prepare(event("badge_updated", **NO_TEXT, payload=""), badge_data=True)
    for badge in range(600):
        message = json.loads(prepared.request([Target("t", 0, badge)], CREDENTIAL).body)["message"]
        assert badge == json.loads(message["data"]["zpns"])["badge"]


# Targets.


@pytest.mark.parametrize(
    ("token", "variety", "field"),
    [
        pytest.param("dQw4w9WgXcQ_abc:APA91bHun4", "android", "token", id="token"),
        pytest.param("dZQf0K5nTe6vXr8sGZ1aBc", "android/fid", "fid", id="installation"),
        pytest.param("aZQf0K5nTe6vXr8sGZ1aBc", "android", "token", id="22-characters-but-no-fid"),
    ],
)
def test_target(token: str, variety: str, field: str) -> None:
    """An installation ID goes to its own field, a registration token to the old one."""
    route = route_of(token=token)
    assert variety == route.variety
    prepared = TRANSPORT.prepare(notification(), route, NOW)
    assert isinstance(prepared, Prepared)
    message = json.loads(prepared.request([Target(token, 0)], CREDENTIAL).body)["message"]
    assert token == message.pop(field)
    assert not {"token", "fid", "topic", "condition"} & set(message)


def test_route_of_a_browser() -> None:
    """Browsers and phones are different routes with the same credential."""
    phone, browser = route_of(), route_of("web")
    assert ("android", "web") == (phone.variety, browser.variety)
    assert phone.credential_key == browser.credential_key


@pytest.mark.parametrize("kind", ["voip", "liveactivity"])
def test_route_when_the_kind_is_apples(kind: str) -> None:
    """FCM wakes no iPhone; the advice says who does."""
    found = TRANSPORT.route(DeviceToken("fcm", "a1", kind=kind))
    assert isinstance(found, Skip)
    assert ("kind_not_on_channel", True) == (found.why, "apns" in found.advice)


def test_request_escapes_what_was_not_routed() -> None:
    """A token that never saw the alphabet check still cannot leave its place."""
    hostile = '","topic":"all'
    prepared = prepare(notification())
    body = json.loads(prepared.request([Target(hostile, 0)], CREDENTIAL).body)
    assert hostile == body["message"]["token"]
    assert "topic" not in body["message"]


def test_request_takes_one_target() -> None:
    """FCM has no batch: two targets in one request are a mistake of the caller."""
    with pytest.raises(ValueError, match="unpack"):
        prepare(notification()).request([Target("a", 0), Target("b", 1)], CREDENTIAL)
    assert 1 == prepare(notification()).max_tokens


# Sizes.

LIMIT = 4096
TOKEN = "t" * 200  # longer than any seen


def size(push: Notification, kind: str = "alert", badge: int | None = None) -> int:
    prepared = prepare(push, kind=kind)
    assert isinstance(prepared, Prepared)
    return len(prepared.request([Target(TOKEN, 0, badge)], CREDENTIAL).body)


@settings(deadline=None)
@given(
    st.text(max_size=3000),
    st.text(max_size=6000),
    st.text(max_size=6000),
    st.sampled_from(["alert", "data"]),
    st.sampled_from(["alert", "web"]),
    st.sampled_from([None, 7]),
)
def test_size_is_never_over_the_limit(
    title: str, content: str, payload: str, kind: str, token: str, badge: int | None
) -> None:
    """Whatever is sent, the whole body stays below 4,096 bytes, and no key of ours is lost."""
    push = event("message", title=f"a{title}", content=f"b{content}", payload=payload, kind=kind)
    prepared = prepare(push, kind=token)
    body = prepared.request([Target(TOKEN, 0, badge)], CREDENTIAL).body
    assert len(body) <= LIMIT
    data = json.loads(body)["message"]["data"]
    zpns = json.loads(data["zpns"])
    assert ("message", "77") == (zpns["event"], zpns["message_id"])
    assert "zego" in data
    kept = data.get("payload", "")
    assert kept == payload or (kept == "" and zpns["payload_dropped"] is True)


@pytest.mark.parametrize("character", ["y", '"', "é", "🙂", "\x01"])
@pytest.mark.parametrize("kind", ["alert", "data"])
def test_size_at_the_edge(character: str, kind: str) -> None:
    """A payload that just fits is sent whole; one more character, and something gives way."""

    def push(count: int, **how: Any) -> Notification:
        return event("message", payload=character * count, kind=kind, **how)

    def whole(count: int) -> bool:
        data = sent(push(count))["data"]
        return bool(data.get("payload") == character * count)

    most = max(count for count in range(4096) if _fits(push(count, too_long="error")))
    assert whole(most)
    assert not whole(most + 1)
    cost = len(json.dumps(character, ensure_ascii=False).encode()) - 2
    room = 256 - len(f'"{TOKEN}"')  # kept free for a longer token
    assert LIMIT - cost < size(push(most)) + room <= LIMIT
    with pytest.raises(ParameterError) as caught:
        prepare(push(most + 1, too_long="error"))
    assert "payload_too_large" == caught.value.reason
    assert "at most 4096 bytes" == caught.value.expected


def _fits(push: Notification) -> bool:
    try:
        prepare(push)
    except ParameterError:
        return False
    return True


def test_size_when_a_badge_is_one_too_many() -> None:
    """Where nothing may be cut, a target's badge that does not fit is left out."""
    fitting = max(
        count
        for count in range(3000, 4096)
        if _fits(event("message", payload="y" * count, too_long="error"))
    )
    prepared = prepare(event("message", payload="y" * fitting, too_long="error"))
    shown = json.loads(prepared.request([Target("t", 0, 7)], CREDENTIAL).body)["message"]
    assert "notification_count" not in shown["android"]["notification"]
    assert "y" * fitting == shown["data"]["payload"]


def test_size_keeps_the_call() -> None:
    """A call's body, then its title give way, then the payload; never what names the call."""
    push = event(
        "call_invited", kind="data", title="t" * 9000, content="b" * 9000, payload="p" * 500
    )
    data = sent(push)["data"]
    assert (CALL_ID, "p" * 500) == (data["call_id"], data["payload"])
    assert 64 == len(data["body"].encode())
    assert data["title"].endswith("…")
    dropped = sent(event("call_invited", kind="data", payload="p" * 9000))["data"]
    assert ("Alice", "hello") == (dropped["title"], dropped["body"])
    assert "payload" not in dropped
    assert json.loads(dropped["zpns"])["payload_dropped"] is True


# Manners.


def test_manners() -> None:
    """Google asks for 10 seconds before another try, and sends travel one by one."""
    assert Backoff(floor=10.0, first=10.0, most=600.0) == TRANSPORT.backoff
    assert TRANSPORT.http2
    assert DAY * 1000 == notification().deadline - MS
