"""structure(unstructure(x)) == x, for every model and both converters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, get_args, get_origin

import attrs
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zpns import models, wire
from zpns.models._open import OpenEnum
from zpns.models.messages import LITE_CLASSES, MESSAGE_CLASSES

MODELS: list[type[Any]] = [
    getattr(models, name)
    for name, home in models._HOME.items()
    if home not in ("delivery", "notification", "sessions", "events", "enums", "codes")
]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WORD = st.text("abcXYZ019-_.", min_size=1, max_size=20)
INTEGER = st.integers(-(2**63) + 1, 2**63 - 1)
NATURAL = st.integers(0, 2**63 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
POINT = "BNdP3p0Vn9l7VY-" + "Ab_9" * 18  # 87 characters whose first byte is 0x04

#: What has a narrower range than its type, by (class or any, field).
NARROW: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("", "user_id"): WORD,
    ("", "sender_user_id"): WORD | st.just(""),
    ("", "mentioned_user_ids"): st.lists(WORD, max_size=3),
    ("", "group_id"): WORD,
    ("", "resources_id"): WORD | st.just(""),
    ("", "badge_increment"): st.integers(0, 99),
    ("", "file_size"): st.integers(0, 6 * 1024 * 1024),
    ("", "audio_duration"): st.integers(1, 300),
    ("", "video_duration"): st.integers(1, 2**63 - 1),
    ("", "sub_type"): st.integers(0, 200),
    ("", "count"): st.integers(1, 100),
    ("", "next_flag"): NATURAL,
    ("", "group_attributes"): st.dictionaries(WORD.map(lambda key: key[:16]), TEXT, max_size=10),
    ("", "max_member_count"): NATURAL,
    ("", "custom_status_duration"): NATURAL,
    ("", "duration"): st.just(-1) | st.integers(1, 2_592_000),
    ("", "vapid_key"): st.sampled_from(["", POINT]),
    ("ZIMAppConfig", "app_id"): st.integers(1, 2**63 - 1),
    ("ZIMBarrageMessage", "message"): WORD,
    ("ZIMCallInviteConfig", "timeout"): st.integers(1, 600),
    ("ZIMCommandMessage", "message"): st.binary(min_size=1, max_size=50),
    ("ZIMCustomMessage", "message"): WORD,
    ("ZIMCustomMessageLiteInfo", "message"): WORD,
    ("ZIMTextMessage", "message"): WORD,
    ("ZIMTextMessageLiteInfo", "message"): WORD,
    ("ZPNsConfig", "app_type"): st.sampled_from([0, 1, 2]),
    ("ZPNsNotificationChannel", "channel_id"): WORD,
}

#: Enums that a caller chooses: only numbers zpns knows.
CHOSEN = {
    "ZIMCallInviteConfig",
    "ZIMGroupAdvancedConfig",
    "ZIMGroupMuteConfig",
    "ZIMMessageQueryConfig",
    "ZIMMessageSendConfig",
    "ZIMUserOfflinePushRule",
    "ZIMVoIPConfig",
    "ZPNsRegisterConfig",
}


def _of_type(kind: Any, owner: type[Any], depth: int) -> st.SearchStrategy[Any]:
    if kind is Any:
        return JSON
    args = get_args(kind)
    if NoneType in args:
        inner = next(arg for arg in args if arg is not NoneType)
        return st.none() | _of_type(inner, owner, depth) if depth else st.none()
    if get_origin(kind) is Sequence:
        if owner is models.ZIMMultipleMessage and args[0] is models.ZIMMessageLiteInfo:
            return st.lists(_model(models.ZIMTextMessageLiteInfo, 1), min_size=1, max_size=3)
        return st.lists(_of_type(args[0], owner, depth), max_size=2) if depth else st.just([])
    if get_origin(kind) is Mapping:
        return st.dictionaries(TEXT, _of_type(args[1], owner, depth), max_size=3)
    if issubclass(kind, OpenEnum):
        known = [member for member in kind if member >= 0]
        if owner.__name__ in CHOSEN:
            return st.sampled_from(known)
        return st.sampled_from(list(kind)) | st.integers(-(2**31), 2**31)
    if attrs.has(kind):
        return _any_message(kind, depth - 1)
    return {str: TEXT, int: INTEGER, bool: st.booleans(), bytes: st.binary()}[kind]


def _any_message(kind: type[Any], depth: int) -> st.SearchStrategy[Any]:
    """Instances of *kind*; for a list of messages, of the classes it may hold."""
    if kind is models.ZIMMessage:
        others = [models.ZIMTextMessage, models.ZIMCommandMessage]
        return st.one_of(_model(kind, depth), *(_model(other, depth) for other in others))
    return _model(kind, depth)


def _model(cls: type[Any], depth: int = 2) -> st.SearchStrategy[Any]:
    fields = {}
    for field in attrs.fields(cls):
        if not field.init:
            continue
        if field.name == "type" and issubclass(cls, models.ZIMMessage | models.ZIMMessageLiteInfo):
            taken = {*MESSAGE_CLASSES, *LITE_CLASSES}
            fields["type"] = st.integers(-5, 300).filter(lambda n, taken=taken: n not in taken)
            continue
        narrow = NARROW.get((cls.__name__, field.name), NARROW.get(("", field.name)))
        wide = _of_type(field.type, cls, max(depth, 0)) if narrow is None else narrow
        fields[field.name] = wide
    return st.builds(cls, **fields)


STORAGE = wire.storage_converter()

every_model = pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.__name__)
few = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@every_model
@few
@given(data=st.data())
def test_wire_round_trip_gives_the_same_model(cls: type[Any], data: st.DataObject) -> None:
    """What is written for ZIM, through JSON or with a key added, reads as the same model."""
    model = data.draw(_model(cls))

    assert model == wire.from_json(cls, wire.to_json(model))
    assert model == wire.from_wire(cls, {**wire.to_wire(model), "newInZIM9": {"a": [1]}})


@every_model
@few
@given(data=st.data())
def test_storage_round_trip_gives_the_same_model(cls: type[Any], data: st.DataObject) -> None:
    """What is written for a store, through JSON, has every field and reads as the same model."""
    model = data.draw(_model(cls))
    row = orjson.loads(orjson.dumps(STORAGE.unstructure(model)))

    assert set(wire.wire_names(cls).values()) == set(row)
    assert model == STORAGE.structure(row, cls)
