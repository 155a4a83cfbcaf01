"""What holds for every model, and for the front door of the room."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from zpns import models
from zpns.errors import ParameterError

MODELS: list[type[Any]] = [
    getattr(models, name)
    for name, home in sorted(models._HOME.items())
    if home not in ("delivery", "notification", "sessions", "events", "enums", "codes")
]
every_model = pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.__name__)


@every_model
def test_model_is_frozen_and_keyword_only(cls: type[Any]) -> None:
    """No model can be changed after it was found valid, or filled in by position."""
    model = cls(**_required(cls, but=""))
    kinds = {parameter.kind for parameter in inspect.signature(cls).parameters.values()}

    assert kinds <= {inspect.Parameter.KEYWORD_ONLY}
    assert not hasattr(model, "__dict__")
    for field in attrs.fields(cls):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(model, field.name, None)


@every_model
def test_docstring_tells_of_every_field(cls: type[Any]) -> None:
    """Each field a class adds stands under Attributes, and nothing that is not there."""
    own = [f.name for f in attrs.fields(cls) if not f.inherited and f.name != "type"]
    told = re.findall(r"^    (\w+):", inspect.cleandoc(cls.__doc__ or ""), re.MULTILINE)

    assert own == [name for name in told if name != "type"]


@every_model
def test_no_field_takes_a_foreign_object(cls: type[Any]) -> None:
    """Every field checks its type, whether or not somebody thought of it."""
    for field in attrs.fields(cls):
        if field.init:
            with pytest.raises(ParameterError) as caught:
                cls(**_required(cls, field.name), **{field.name: object()})
            assert field.name == caught.value.field


def _required(cls: type[Any], but: str) -> dict[str, Any]:
    """Values for the required fields of *cls*, as good as their types allow."""
    user = models.ZIMUserInfo(user_id="a")
    group = models.ZIMGroupFullInfo(base_info=models.ZIMGroupInfo(group_id="g"))
    made: dict[Any, Any] = {
        str: "1",
        int: 1,
        bool: True,
        bytes: b"1",
        models.ZIMUserFullInfo: models.ZIMUserFullInfo(base_info=user),
        models.ZIMUserRule: models.ZIMUserRule(),
        models.ZIMSelfUserInfo: models.ZIMSelfUserInfo(
            user_full_info=models.ZIMUserFullInfo(base_info=user)
        ),
        models.ZIMUserInfo: user,
        models.ZIMMessage: models.ZIMTextMessage(message="m"),
        models.ZIMConversation: models.ZIMConversation(conversation_id="b"),
        models.ZIMGroupInfo: group.base_info,
        models.ZIMGroupFullInfo: group,
        models.ZIMGroupMemberInfo: models.ZIMGroupMemberInfo(user_id="a"),
        models.ZIMGroupMuteInfo: group.muted_info,
        models.ZIMGroupVerifyInfo: group.verify_info,
    }
    return {
        field.name: (
            [models.ZIMTextMessageLiteInfo(message="m")]
            if field.name == "message_info_list"
            else 77
            if field.name == "type"
            else made.get(field.type, 1)
        )
        for field in attrs.fields(cls)
        if field.init and field.default is attrs.NOTHING and field.name != but
    }


@every_model
def test_model_survives_copy_and_pickle(cls: type[Any]) -> None:
    """A model can cross to another process."""
    model = cls(**_required(cls, but=""))

    assert model == pickle.loads(pickle.dumps(model)) == copy.deepcopy(model)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(["a", "b"], id="list"),
        pytest.param(("a", "b"), id="tuple"),
        pytest.param({"a": 1, "b": 2}.keys(), id="keys"),
        pytest.param(iter(["a", "b"]), id="iterator"),
    ],
)
def test_sequence_is_kept_as_a_tuple(given: Any) -> None:
    """Any iterable of items is taken and cannot be changed from outside later."""
    result = models.ZIMCallCancelSentResult(call_id="1", error_invitees=given)

    assert ("a", "b") == result.error_invitees


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("ab", id="text"),
        pytest.param(b"ab", id="bytes"),
        pytest.param({"a": 1}, id="mapping"),
        pytest.param(5, id="number"),
        pytest.param(None, id="none"),
        pytest.param([1], id="items-of-another-type"),
    ],
)
def test_sequence_that_is_none_is_refused(given: Any) -> None:
    """Text is no sequence of user IDs, however convenient that would look."""
    with pytest.raises(ParameterError, match="error_invitees"):
        models.ZIMCallCancelSentResult(call_id="1", error_invitees=given)


def test_mapping_is_copied() -> None:
    """What the caller does to a mapping afterwards does not reach the model."""
    attributes = {"a": "b"}
    config = models.ZIMGroupAdvancedConfig(group_attributes=attributes)
    attributes["c"] = "d"

    assert {"a": "b"} == config.group_attributes


def test_bytes_are_copied() -> None:
    """A buffer may be used again after it was given."""
    buffer = bytearray(b"ab")
    message = models.ZIMCommandMessage(message=buffer)
    buffer[0] = 0

    assert b"ab" == message.message


@pytest.mark.parametrize(
    ("cls", "field"),
    [
        pytest.param(models.ZIMAppConfig, "app_sign", id="app-sign"),
        pytest.param(models.ZIMLoginConfig, "token", id="token"),
        pytest.param(models.ZIMTokenRenewedResult, "token", id="renewed-token"),
        pytest.param(models.ZPNsConfig, "oppo_app_secret", id="oppo-secret"),
        pytest.param(models.ZPNsConfig, "oppo_app_key", id="oppo-key"),
        pytest.param(models.ZPNsConfig, "mi_app_key", id="mi-key"),
        pytest.param(models.ZPNsConfig, "vivo_app_key", id="vivo-key"),
        pytest.param(models.ZPNsWebConfig, "api_key", id="api-key"),
        pytest.param(models.ZPNsRegisterMessage, "device_token", id="device-token"),
    ],
)
def test_secret_is_shortened(cls: type[Any], field: str) -> None:
    """A secret shows its beginning only, in repr and in errors."""
    secret = "sesame-open-the-door-1234"
    required = {"app_id": 1} if cls is models.ZIMAppConfig else {}

    shown = repr(cls(**required, **{field: secret}))
    assert secret not in shown
    assert "sesame…(25 characters)" in shown
    with pytest.raises(ParameterError) as caught:
        cls(**required, **{field: secret + "\ud800"})
    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    "cls", [models.ZIMCallInvitationSentResult, models.ZIMCallingInvitationSentResult]
)
def test_error_invitees_is_the_older_name(cls: type[Any]) -> None:
    """Code written for ZIM before 2.9 finds the users under the name it knows."""
    error = models.ZIMErrorUserInfo(user_id="b", reason=6000011)
    result = cls(call_id="1", error_user_list=[error])

    assert (error,) == result.error_invitees
    assert models.ZIMErrorCode.COMMON_MODULE_USER_IS_NOT_EXIST is error.reason


def test_type_of_a_message_cannot_be_chosen() -> None:
    """A text message is a text message."""
    with pytest.raises(TypeError):
        models.ZIMTextMessage(message="m", type=200)  # type: ignore[call-arg]


def test_every_event_is_found_by_its_name() -> None:
    """EVENTS knows each event class, in snake_case, and the class knows ZIM's name."""
    classes = {cls for cls in MODELS if hasattr(cls, "EVENT")}

    assert classes == set(models.EVENTS.values())
    assert list(models.EVENTS) == sorted(models.EVENTS)
    assert "callInvitationReceived" == models.EVENTS["call_invitation_received"].EVENT
    assert all(
        name == re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", cls.EVENT)
        for name, cls in models.EVENTS.items()
    )


def test_events_of_zpns_are_found_by_their_names() -> None:
    """The four events of ZPNs name the class of what a listener gets."""
    assert {
        "notification_arrived": models.ZPNsMessage,
        "notification_clicked": models.ZPNsMessage,
        "registered": models.ZPNsRegisterMessage,
        "through_message_received": models.ZPNsMessage,
    } == models.ZPNS_EVENTS


def test_front_door_lists_what_the_rooms_list() -> None:
    """The table of names is that of the modules, so no name is forgotten."""
    from importlib import import_module

    homes = set(models._HOME.values())
    listed = {name: home for home in homes for name in import_module(f"zpns.models.{home}").__all__}

    assert listed == dict(models._HOME)
    assert sorted(models._HOME) == sorted(models.__all__)
    assert set(models.__all__) <= set(dir(models))


def test_front_door_refuses_other_names() -> None:
    """A name that is not there raises as usual."""
    with pytest.raises(AttributeError, match="ZIMNothing"):
        models.ZIMNothing  # noqa: B018


def test_front_door_loads_what_is_used() -> None:
    """A program pays for the models it uses, and never for conversion."""
    code = (
        "import sys, zpns.models as m; before = 'attrs' in sys.modules; m.ZIMPushConfig;"
        "print(before, *sorted(n for n in sys.modules if n.startswith('zpns.models.')),"
        "'cattrs' in sys.modules, 'orjson' in sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="."
    ).stdout.split()

    assert [
        "False",
        "zpns.models._checks",
        "zpns.models._fields",
        "zpns.models._open",
        "zpns.models.enums",
        "zpns.models.push",
        "False",
        "False",
    ] == shown


def test_extras_may_hold_any_json() -> None:
    """What came with a push is kept as it came; only the names have to be text."""
    message = models.ZPNsMessage(extras={"zego": {"version": 1}})

    assert isinstance(message.extras, Mapping)
    assert {"version": 1} == message.extras["zego"]
    with pytest.raises(ParameterError, match="extras"):
        models.ZPNsMessage(extras={1: "a"})  # type: ignore[dict-item]
