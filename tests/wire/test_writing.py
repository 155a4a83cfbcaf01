"""What goes out: defaults left out, older receivers, converters of one's own."""

# Without postponed annotations: the classes below are read by a converter.

from collections.abc import Mapping
from enum import Enum, IntEnum
from typing import Any

import attrs
import pytest
from cattrs import Converter
from cattrs.errors import ClassValidationError

from zpns import models, wire
from zpns.errors import ParameterError


def test_defaults_are_left_out_for_zim_and_written_for_a_store() -> None:
    """ZIM is sent what was said; a row has everything."""
    config = models.ZIMCallInviteConfig(timeout=30)

    assert {"timeout": 30} == wire.to_wire(config)
    assert {
        "timeout": 30,
        "mode": 0,
        "extendedData": "",
        "enableNotReceivedCheck": False,
        "pushConfig": None,
    } == wire.storage_converter().unstructure(config)


def test_type_of_a_message_is_always_written() -> None:
    """Without its number nobody could tell what a message holds."""
    assert {"type": 1, "message": "hi"} == wire.to_wire(models.ZIMTextMessage(message="hi"))


def test_messages_in_a_list_are_written_by_their_own_class() -> None:
    """A list of messages keeps the content of each."""
    combined = models.ZIMCombineMessage(
        title="t",
        message_list=[models.ZIMTextMessage(message="a"), models.ZIMCommandMessage(message=b"\0")],
    )

    assert {
        "type": 100,
        "title": "t",
        "messageList": [{"type": 1, "message": "a"}, {"type": 2, "message": "AA=="}],
    } == wire.to_wire(combined)


@pytest.mark.parametrize(
    ("version", "key"),
    [
        pytest.param(None, "payload", id="newest"),
        pytest.param("2.4.0", "extendedData", id="2.4.0"),
        pytest.param("2.4", "extendedData", id="two-numbers"),
        pytest.param("2.5.0", "payload", id="2.5.0"),
        pytest.param("2.29.0", "payload", id="not-compared-as-text"),
        pytest.param((2, 4, 9), "extendedData", id="tuple"),
    ],
)
def test_push_payload_has_the_name_the_receiver_knows(version: Any, key: str) -> None:
    """Receivers before ZIM 2.5.0 find the payload as extendedData, wherever it is nested."""
    config = models.ZIMCallInviteConfig(
        extended_data="room", push_config=models.ZIMPushConfig(payload="x")
    )

    assert {"extendedData": "room", "pushConfig": {key: "x"}} == wire.to_wire(
        config, version=version
    )


def test_conversation_change_has_the_name_the_receiver_knows() -> None:
    """ZIM 3.0 renamed the event of a conversation's change to action."""
    change = models.ZIMConversationChangeInfo(
        action=1, conversation=models.ZIMConversation(conversation_id="b")
    )

    assert 1 == wire.to_wire(change)["action"]
    assert 1 == wire.to_wire(change, version="2.29.0")["event"]


@pytest.mark.parametrize("version", ["", "two", "2.x", "2.5.0-beta", "1" * 50, 2])
def test_version_that_is_none_is_refused(version: Any) -> None:
    """A version is numbers with dots."""
    with pytest.raises(ParameterError) as caught:
        wire.to_wire(models.ZIMPushConfig(), version=version)
    assert "version" == caught.value.field


def test_json_is_compact() -> None:
    """Short JSON is what a push has room for."""
    assert b'{"title":"\xc3\xa9"}' == wire.to_json(models.ZIMPushConfig(title="é"))


@attrs.frozen
class Mine:
    """A class of somebody else."""

    user_id: str
    push: models.ZIMPushConfig | None = None


def test_converter_of_ones_own_gets_the_hooks() -> None:
    """Hooks are added to a converter, and rename the fields of zpns' classes only."""
    base = Converter()
    own = wire.converter(base)
    mine = Mine(user_id="a", push=models.ZIMPushConfig(resources_id="r"))

    assert base is own
    assert {"user_id": "a", "push": {"resourcesID": "r"}} == own.unstructure(mine)
    assert mine == own.structure({"user_id": "a", "push": {"resourcesID": "r"}}, Mine)


def test_problems_of_a_converter_of_ones_own_can_be_listed() -> None:
    """Who calls a converter directly gets the same lines."""
    with pytest.raises(ClassValidationError) as caught:
        wire.converter().structure({"resourcesID": 5}, models.ZIMPushConfig)

    assert ["expected text, got a value of type int @ $.resourcesID"] == wire.problems(
        caught.value, models.ZIMPushConfig
    )


class Colour(Enum):
    """An enum of text, not derived from str."""

    RED = "red"


class Size(IntEnum):
    """A closed enum of numbers."""

    SMALL = 1


class Word(str, Enum):
    """An enum of text."""

    YES = "yes"


@attrs.frozen(kw_only=True)
class At:
    """One way to say when."""

    __module__ = "zpns.sample"

    time: float


@attrs.frozen(kw_only=True)
class After:
    """Another way to say when, without any field."""

    __module__ = "zpns.sample"


@attrs.frozen(kw_only=True)
class Row:
    """What a store may hold: everything that attrs classes of zpns are made of."""

    __module__ = "zpns.sample"

    job_id: str
    seq: int = 0
    body: bytes = b""
    colour: Colour = Colour.RED
    size: Size | None = None
    word: Word = Word.YES
    when: At | After | None = None
    tags: tuple[str, ...] = ()
    pair: tuple[int, str] = (0, "")
    headers: Mapping[str, str] = attrs.field(factory=dict)
    extra: Mapping[str, Any] = attrs.field(factory=dict)
    rows: tuple["Row", ...] = ()
    later: float | None = None
    ok: bool = True


ROWS = [
    pytest.param(Row(job_id="1"), id="defaults"),
    pytest.param(Row(job_id="1", when=At(time=1.5)), id="one-of-several-classes"),
    pytest.param(Row(job_id="1", when=After()), id="one-without-fields"),
    pytest.param(
        Row(
            job_id="1",
            body=b"\xff\0",
            size=Size.SMALL,
            tags=("a", "b"),
            pair=(1, "x"),
            headers={"a": "b"},
            extra={"n": [1, None, {"x": 2.5}]},
            later=3.0,
            ok=False,
        ),
        id="everything",
    ),
]


@pytest.fixture(autouse=True)
def _sample_module(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "zpns.sample", sys.modules[__name__])


@pytest.mark.parametrize("row", ROWS)
def test_row_of_any_kind_survives_storage(row: Row) -> None:
    """Nested classes, unions, enums, bytes, tuples and mappings come back as they were."""
    storage = wire.storage_converter()

    assert row == storage.loads(storage.dumps(row), Row)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"size": 2}, id="closed-enum"),
        pytest.param({"word": "no"}, id="text-enum"),
        pytest.param({"colour": "blue"}, id="plain-enum"),
        pytest.param({"when": {"kind": "Never"}}, id="class-not-in-the-union"),
        pytest.param({"when": 5}, id="number-for-a-union"),
        pytest.param({"body": 5}, id="number-for-bytes"),
        pytest.param({"later": "3"}, id="text-for-a-float"),
        pytest.param({"tags": "ab"}, id="text-for-a-tuple"),
        pytest.param({"headers": "ab"}, id="text-for-a-mapping"),
        pytest.param({"ok": 1}, id="number-for-a-bool"),
    ],
)
def test_row_that_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    """A store's converter is as strict as ZIM's."""
    storage = wire.storage_converter()
    data = {**storage.unstructure(Row(job_id="1")), **change}

    with pytest.raises((ValueError, TypeError)):
        storage.structure(data, Row)
