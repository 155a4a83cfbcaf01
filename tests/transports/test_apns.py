"""APNs: the golden vectors, Apple's examples, and which form is chosen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from zpns.errors import ParameterError
from zpns.models import DeviceToken, Notification, PushEvent, Target, ZIMVoIPConfig
from zpns.transports import Prepared, Route

from .apns_pushes import (
    CALL_ID,
    CREDENTIAL,
    MS,
    NO_TEXT,
    TEXT,
    TOKEN,
    TRANSPORT,
    event,
    prepare,
    resource,
    skipped,
)
from .golden import lines_of, notification_of
from .makers import VECTORS, apns, notification

KINDS = {"apns": "alert", "apns_voip": "voip"}
REQUESTS = json.loads((VECTORS / "apns" / "requests.json").read_text())
ENDS = [member.value for member in PushEvent if member.is_call_end]


# Golden vectors.


@pytest.mark.parametrize("line", [pytest.param(v, id=v["id"]) for v in lines_of(*KINDS)])
def test_golden(line: dict[str, Any]) -> None:
    """The form is the one the contract chooses, and headers and body are as written there."""
    given, want = line["given"], line["want"]
    token = given["tokens"][line["token"]]
    transport = apns(bundle_id=given["bundle"])
    route = transport.route(DeviceToken("apns", token, kind=KINDS[line["token"]]))
    assert isinstance(route, Route)
    prepared = transport.prepare(notification_of(given), route, given["now"] / 1000)
    assert isinstance(prepared, Prepared)
    assert line["form"] == prepared.form
    request = prepared.request([Target(token, given["seq"])], CREDENTIAL)
    assert want["method"] == request.method
    assert f"https://api.push.apple.com{want['path']}" == request.url
    assert {
        "authorization": "bearer jwt-1",
        "content-type": "application/json",
        **want["headers"],
    } == request.headers
    assert want["json"] == json.loads(request.body)
    assert "POST /3/device" == prepared.endpoint


def test_golden_lines_are_all_there() -> None:
    """Five of the twenty golden lines are Apple's."""
    assert ["v10", "v11", "v12", "v13", "v14"] == [v["id"] for v in lines_of(*KINDS)]


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["id"]) for v in REQUESTS])
def test_request_of_apples(vector: dict[str, Any]) -> None:
    """Each push type has the topic, priority, expiration and body of Apple's pages."""
    assert vector["source"]
    given, expected = vector["given"], vector["expected"]
    fields = {"title": "", "content": "", "payload": "", **given.get("notification", {})}
    kind = fields.get("kind", "alert")
    push = notification(resource=resource(kind, **given.get("apns", {})), **fields)
    assert push.resource is not None
    TRANSPORT.check_resource(push.resource)
    prepared = prepare(push, kind=given["token_kind"])
    assert isinstance(prepared, Prepared), prepared
    assert expected["form"] == prepared.form
    request = prepared.request([Target(TOKEN, 0)], CREDENTIAL)
    headers = {name: value for name, value in request.headers.items() if name[:5] == "apns-"}
    headers.pop("apns-id")
    assert expected["headers"] == headers
    assert expected["json"] == json.loads(request.body)


def test_every_push_type_has_a_vector() -> None:
    """Apple has eleven push types, and each can be reached."""
    assert {
        "alert", "background", "complication", "controls", "fileprovider", "liveactivity",
        "location", "mdm", "pushtotalk", "voip", "widgets",
    } == {vector["expected"]["headers"]["apns-push-type"] for vector in REQUESTS}  # fmt: skip


# Which form.


@pytest.mark.parametrize("name", ["message", "push", "call_invited"])
@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("alert", "apns_alert"),
        ("data", "apns_alert"),
        ("silent", "apns_background"),
        ("voip", "apns_alert"),
    ],
)
def test_form_by_kind(name: str, kind: str, form: str) -> None:
    """The kind alone decides how a message, a push or an invitation reaches an alert token."""
    extra = {} if name == "call_invited" or kind != "voip" else {"call_id": CALL_ID}
    assert form == prepare(event(name, resource=resource(kind), **extra)).form


def test_form_of_a_ring() -> None:
    """A call of kind voip rings where there is a VoIP token, with a hub and without."""
    assert (
        "apns_voip" == prepare(event("call_invited", resource=resource("voip")), kind="voip").form
    )
    bare = notification(kind="voip", call_id=CALL_ID, voip=ZIMVoIPConfig())
    assert "apns_voip" == prepare(bare, kind="voip").form


@pytest.mark.parametrize(
    "push",
    [
        pytest.param(event("call_invited"), id="invitation-of-kind-alert"),
        pytest.param(event("call_invited", kind="silent"), id="invitation-of-kind-silent"),
        pytest.param(
            event("call_invited", resource=resource("voip", push_type="alert")), id="shown-on-apple"
        ),
        pytest.param(event("message"), id="message"),
        pytest.param(event("message", kind="voip", call_id=CALL_ID), id="message-of-kind-voip"),
        pytest.param(event("push", kind="voip", call_id=CALL_ID), id="push-of-kind-voip"),
        pytest.param(event("badge_updated", badge=3), id="badge"),
        pytest.param(event("message_revoked", kind="voip", call_id=CALL_ID), id="revoke"),
        pytest.param(notification(kind="silent"), id="silent"),
        *(
            pytest.param(event(name, resource=resource("voip"), follows="apns_voip"), id=name)
            for name in ENDS
        ),
    ],
)
def test_voip_token_gets_nothing_else(push: Notification) -> None:
    """Apple bans apps whose VoIP pushes start no call, so nothing but that is sent there."""
    assert "kind_not_on_channel" == skipped(push, kind="voip")


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("before", ["apns_voip", "apns_alert", "", "fcm_data"])
@pytest.mark.parametrize("kind", ["alert", "voip", "data"])
def test_form_of_a_call_end(name: str, before: str, kind: str) -> None:
    """The end of a call is shown if it has a text, and tells the app silently if not."""
    push = {"follows": before, "resource": resource(kind)}
    assert "apns_alert" == prepare(event(name, **TEXT, **push)).form
    assert "apns_background" == prepare(event(name, **NO_TEXT, **push)).form


def test_form_of_a_revoke() -> None:
    """A revoke replaces what was shown, by text or silently; what was not shown stays alone."""

    def form(texts: dict[str, str], **how: Any) -> str:
        found: str = prepare(event("message_revoked", **texts, **how)).form
        return found

    assert "apns_alert" == form(TEXT, follows="apns_alert") == form(TEXT)
    assert "apns_background" == form(NO_TEXT, follows="apns_alert") == form(NO_TEXT)
    assert "apns_background" == form(TEXT, follows="apns_background") == form(TEXT, kind="silent")
    for how in ({"follows": "apns_background"}, {"kind": "silent"}):
        assert "nothing_to_show" == skipped(event("message_revoked", **NO_TEXT, **how))


def test_form_of_a_badge() -> None:
    """A badge is told by an alert that shows nothing else."""
    assert "apns_alert" == prepare(event("badge_updated", **NO_TEXT, badge=3)).form
    assert "apns_alert" == prepare(notification(**NO_TEXT, badge=0)).form
    assert "empty_text" == skipped(notification(title="a", content="", badge=0))


@pytest.mark.parametrize(
    "texts", [NO_TEXT, {"title": "a", "content": ""}, {"title": "", "content": "a"}]
)
def test_form_when_there_is_no_text(texts: dict[str, str]) -> None:
    """What the system is to show needs both texts; what the app gets needs none."""
    for kind in ("alert", "data"):
        assert "empty_text" == skipped(event("message", **texts, kind=kind))
        assert "empty_text" == skipped(event("message", **texts, kind=kind, badge=1))
    assert "apns_background" == prepare(event("message", **texts, kind="silent")).form
    assert "apns_background" == prepare(notification(**texts, payload="", kind="silent")).form


def test_ring_needs_a_title() -> None:
    """The phone shows the title of a VoIP push as the caller; a body it does not need."""
    ring = {"resource": resource("voip")}
    assert "empty_text" == skipped(event("call_invited", title="", **ring), kind="voip")
    assert "apns_voip" == prepare(event("call_invited", content="", **ring), kind="voip").form


def test_form_of_a_resource() -> None:
    """A push type of the resource goes before the kind, which other vendors follow."""
    quiet = resource("alert", push_type="background")
    assert "apns_background" == prepare(event("message", resource=quiet)).form
    shown = resource("silent", push_type="alert")
    assert "apns_alert" == prepare(event("message", resource=shown)).form
    widgets = resource("alert", push_type="widgets")
    assert "apns_widgets" == prepare(event("message", payload="", resource=widgets)).form
    assert "apns_alert" == prepare(event("call_missed", resource=widgets)).form
    with pytest.raises(ParameterError, match=r"resource\.apns\.push_type: .*nothing else rings"):
        prepare(event("call_invited", resource=widgets))


def test_live_activity_has_its_own_tokens() -> None:
    """Its updates go to them and nowhere else, and nothing else goes there."""
    update = notification(payload='{"aps":{"event":"update"}}', **NO_TEXT)
    chosen = notification(
        payload='{"aps":{"event":"update"}}', resource=resource(push_type="liveactivity")
    )
    for push in (update, chosen):
        assert "apns_liveactivity" == prepare(push, kind="liveactivity").form
    assert "kind_not_on_channel" == skipped(chosen)
    for other in (
        event("message"),
        event("call_missed"),
        notification(kind="silent"),
        notification(kind="voip", call_id=CALL_ID),
        notification(resource=resource(push_type="widgets")),
    ):
        assert "kind_not_on_channel" == skipped(other, kind="liveactivity")


@pytest.mark.parametrize("left", [999, 0, -1, -86_400_000])
def test_prepare_when_expired(left: int) -> None:
    """With less than a second left nothing is sent."""
    assert "expired" == skipped(notification(deadline=MS + left))
