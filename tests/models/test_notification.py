"""Our own models: what is pushed, to what, and what became of it."""

from __future__ import annotations

from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zpns import models, wire
from zpns.errors import ParameterError

TOKEN = "fcm-token-0123456789:APA91bTheRestOfTheToken"
VOIP = models.BUILT_IN_RESOURCES["voip"]


def _refused(make: Any, field: str) -> ParameterError:
    with pytest.raises(ParameterError) as caught:
        make()
    assert field == caught.value.field
    return caught.value


@pytest.mark.parametrize(
    ("field", "values"),
    [
        pytest.param("channel", {"channel": ""}, id="empty-channel"),
        pytest.param("channel", {"channel": "c" * 33}, id="channel-of-33"),
        pytest.param("channel", {"channel": 5}, id="channel-no-text"),
        pytest.param("token", {"token": ""}, id="empty-token"),
        pytest.param("token", {"token": "t" * 4097}, id="token-of-4097-bytes"),
        pytest.param("token", {"token": b"token"}, id="token-bytes"),
        pytest.param("app", {"app": ""}, id="empty-app"),
        pytest.param("kind", {"kind": "banner"}, id="unknown-kind"),
        pytest.param("environment", {"environment": "staging"}, id="unknown-environment"),
        pytest.param("device_id", {"device_id": ""}, id="empty-device-id"),
        pytest.param("device_id", {"device_id": "d" * 65}, id="device-id-of-65"),
        pytest.param("region", {"region": 5}, id="region-no-text"),
    ],
)
def test_device_token_is_refused(field: str, values: dict[str, Any]) -> None:
    """Each field has its limit and names itself."""
    _refused(
        lambda: models.DeviceToken(
            values.pop("channel", "fcm"), values.pop("token", TOKEN), **values
        ),
        field,
    )


def test_device_token_takes_what_is_at_the_limit() -> None:
    """The longest of everything is taken."""
    token = models.DeviceToken("c" * 32, "t" * 4096, app="a" * 64, device_id="d" * 64)

    assert ("production", "alert", None) == (token.environment, token.kind, token.region)


def test_token_never_appears_in_full() -> None:
    """Neither repr nor an error repeats a token."""
    shown = [
        repr(models.DeviceToken("fcm", TOKEN)),
        repr(models.Target(TOKEN, 0, 3)),
        repr(models.Delivery(models.Target(TOKEN, 0), models.Verdict(outcome="sent"))),
        str(_refused(lambda: models.DeviceToken("fcm", TOKEN * 100), "token")),
    ]

    assert [] == [text for text in shown if TOKEN in text]
    assert all("fcm-to" in text for text in shown)  # enough to tell two apart


@pytest.mark.parametrize(
    ("field", "values"),
    [
        pytest.param("kind", {"kind": "loud"}, id="unknown-kind"),
        pytest.param("message_class", {"message_class": "spam"}, id="unknown-class"),
        pytest.param("ttl", {"ttl": -1}, id="negative-ttl"),
        pytest.param("ttl", {"ttl": 1.5}, id="fraction-of-a-second"),
        pytest.param("ttl", {"ttl": 1, "deadline": 1}, id="ttl-and-deadline"),
        pytest.param("deadline", {"deadline": -1}, id="negative-deadline"),
        pytest.param("collapse_key", {"collapse_key": ""}, id="empty-collapse-key"),
        pytest.param("collapse_key", {"collapse_key": "k" * 65}, id="collapse-key-of-65"),
        pytest.param("collapse_key", {"collapse_key": "ü" * 33}, id="collapse-key-of-66-bytes"),
        pytest.param("badge", {"badge": -1}, id="negative-badge"),
        pytest.param("title", {"title": "a\ud800"}, id="lone-surrogate"),
        pytest.param("payload", {"payload": {"a": 1}}, id="payload-no-text"),
        pytest.param("too_long", {"too_long": "cut"}, id="unknown-policy"),
        pytest.param("job_id", {"job_id": "j" * 65}, id="job-id-of-65"),
        pytest.param("job_id", {"job_id": "jöb"}, id="job-id-not-ascii"),
        pytest.param("call_id", {"kind": "voip", "ttl": 5}, id="voip-without-call"),
        pytest.param("deadline", {"kind": "voip", "call_id": "1"}, id="voip-without-deadline"),
        pytest.param("call_id", {"resource": VOIP, "ttl": 5}, id="voip-by-resource"),
        pytest.param("voip", {"voip": models.ZIMVoIPConfig()}, id="voip-fields-of-an-alert"),
        pytest.param("resource", {"resource": "voip"}, id="resource-by-name"),
    ],
)
def test_notification_is_refused(field: str, values: dict[str, Any]) -> None:
    """Each rule of a notification names the field to change."""
    _refused(lambda: models.Notification(**values), field)


@pytest.mark.parametrize(
    ("values", "kind", "class_"),
    [
        pytest.param({}, "alert", "im", id="nothing-said"),
        pytest.param({"resource": models.BUILT_IN_RESOURCES["data"]}, "data", "im", id="resource"),
        pytest.param(
            {"resource": models.BUILT_IN_RESOURCES["data"], "kind": "alert"},
            "alert",
            "im",
            id="own-kind-wins",
        ),
        pytest.param({"call_id": "1"}, "alert", "call", id="call"),
        pytest.param(
            {"message_class": "marketing", "call_id": "1"}, "alert", "marketing", id="own"
        ),
        pytest.param(
            {"resource": models.Resource(resources_id="r", message_class="marketing")},
            "alert",
            "marketing",
            id="class-of-the-resource",
        ),
        pytest.param(
            {"envelope": models.Envelope(event="call_missed", sent_at=1)},
            "alert",
            "call",
            id="class-by-event",
        ),
    ],
)
def test_kind_and_class_in_force(values: dict[str, Any], kind: str, class_: str) -> None:
    """What the notification says wins over its resource, and that over the event."""
    notification = models.Notification(**values)

    assert (kind, class_) == (notification.push_kind, notification.push_class)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        pytest.param("resources_id", {"resources_id": ""}, id="no-name"),
        pytest.param("resources_id", {"resources_id": "r" * 33}, id="name-of-33"),
        pytest.param("kind", {"kind": "loud"}, id="kind"),
        pytest.param("click", {"click": "nowhere"}, id="click"),
        pytest.param("url", {"click": "url"}, id="click-without-url"),
        pytest.param("call_profile", {"call_profile": "maybe"}, id="profile"),
        pytest.param("channels['fcm']", {"channels": {"fcm": "x"}}, id="settings-no-mapping"),
        pytest.param("channels", {"channels": [1]}, id="channels-no-mapping"),
    ],
)
def test_resource_is_refused(field: str, values: dict[str, Any]) -> None:
    """A resource names what is wrong with it."""
    _refused(lambda: models.Resource(**{"resources_id": "r", **values}), field)


def test_every_kind_has_a_resource() -> None:
    """A sender may name each kind without configuring anything."""
    assert {kind.value: kind for kind in models.PushKind} == {
        name: resource.kind for name, resource in models.BUILT_IN_RESOURCES.items()
    }


@pytest.mark.parametrize("event", list(models.PushEvent))
def test_events_of_calls(event: models.PushEvent) -> None:
    """A call begins with one event and ends with four."""
    ends = {"call_cancelled", "call_answered_elsewhere", "call_rejected_elsewhere", "call_missed"}

    assert (event.value in {*ends, "call_invited"}) == event.is_call
    assert (event.value in ends) == event.is_call_end


@pytest.mark.parametrize("outcome", list(models.Outcome))
def test_only_retry_is_not_final(outcome: models.Outcome) -> None:
    """Whatever is no RETRY stays as it is."""
    assert (outcome is not models.Outcome.RETRY) == outcome.is_final


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_KEY = _TEXT.filter(lambda key: 1 <= len(key.encode()) <= 64)
_RESOURCES = st.builds(
    models.Resource,
    resources_id=st.text("abc", min_size=1, max_size=32),
    kind=st.sampled_from(models.PushKind),
    message_class=st.none() | st.sampled_from(models.MessageClass),
    missed_content=_TEXT,
    channels=st.dictionaries(st.sampled_from(["fcm", "web"]), st.just({"a": [1, None, "x"]})),
)
_ENVELOPES = st.builds(
    models.Envelope,
    event=st.sampled_from(models.PushEvent),
    sent_at=st.integers(0, 2**53),
    user_id=st.sampled_from(["", "bob"]),
    event_seq=st.integers(0, 9),
    conversation_id=_TEXT,
    has_video=st.booleans(),
)
_NOTIFICATIONS = st.builds(
    models.Notification,
    title=_TEXT,
    content=_TEXT,
    payload=_TEXT,
    ttl=st.none() | st.integers(0, 10**6),
    collapse_key=st.none() | _KEY,
    badge=st.none() | st.integers(0, 10**6),
    call_id=st.sampled_from(["1", "20"]),
    resource=st.none() | _RESOURCES.filter(lambda resource: resource.kind != "voip"),
    job_id=st.text("abc0", max_size=64),
    envelope=st.none() | _ENVELOPES,
)
_VERDICTS = st.builds(
    models.Verdict,
    outcome=st.sampled_from(models.Outcome),
    status=st.integers(0, 599),
    code=_TEXT,
    retry=st.none()
    | st.builds(models.At, st.floats(0, 2**40))
    | st.just(models.AfterRefresh())
    | st.just(models.AfterOpen()),
    scope=st.sampled_from(models.Scope),
)
_RECORDS = st.builds(
    models.PushRecord, user_id=_TEXT, outcome=st.sampled_from(models.Outcome), advice=_TEXT
)


@given(st.one_of(_NOTIFICATIONS, _VERDICTS, _RESOURCES, _ENVELOPES, _RECORDS))
def test_model_survives_being_stored(model: Any) -> None:
    """Through JSON and back nothing is lost."""
    converter = wire.storage_converter()
    text = orjson.dumps(converter.unstructure(model))

    assert model == converter.structure(orjson.loads(text), type(model))


@pytest.mark.parametrize(
    "cls", [models.Session, models.LoggedEvent, models.PushRecord, models.Envelope]
)
def test_our_models_are_frozen(cls: type[Any]) -> None:
    """What was found valid stays so."""
    values = {"event": "message", "outcome": "sent", "data": {}, "seq": 1, "sent_at": 1}
    required = {
        field.name: values.get(field.name, "x")
        for field in attrs.fields(cls)
        if field.default is attrs.NOTHING
    }
    model = cls(**required)

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(model, attrs.fields(cls)[0].name, None)
