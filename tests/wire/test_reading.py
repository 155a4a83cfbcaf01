"""What comes from outside: older names, unknown numbers, and what is refused."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from zpns import models, wire
from zpns.errors import ParameterError, WireError


@pytest.mark.parametrize(
    ("cls", "data", "expected"),
    [
        pytest.param(
            models.ZIMPushConfig,
            {"title": "t", "extendedData": "x"},
            models.ZIMPushConfig(title="t", payload="x"),
            id="extendedData-of-a-push",
        ),
        pytest.param(
            models.ZIMPushConfig,
            {"payload": "new", "extendedData": "old"},
            models.ZIMPushConfig(payload="new"),
            id="the-newer-name-wins",
        ),
        pytest.param(
            models.ZIMPushConfig,
            {"resourceID": "voip"},
            models.ZIMPushConfig(resources_id="voip"),
            id="resourceID",
        ),
        pytest.param(
            models.ZIMCallInvitationSentResult,
            {"callID": "1", "errorInvitees": [{"userID": "b", "state": 4, "extendedData": ""}]},
            models.ZIMCallInvitationSentResult(
                call_id="1", error_user_list=[models.ZIMErrorUserInfo(user_id="b")]
            ),
            id="errorInvitees-of-a-call",
        ),
        pytest.param(
            models.ZIMCallCancelSentResult,
            {"callID": "1", "errorInvitees": ["b"]},
            models.ZIMCallCancelSentResult(call_id="1", error_invitees=["b"]),
            id="errorInvitees-of-a-cancel-are-ids",
        ),
        pytest.param(
            models.ZPNsRegisterMessage,
            {"pushID": "p", "errorCode": 0, "msg": "m"},
            models.ZPNsRegisterMessage(push_id="p", error_message="m"),
            id="msg",
        ),
        pytest.param(
            models.ZPNsConfig,
            {"enableHwBadge": True},
            models.ZPNsConfig(enable_hw_badge=True),
            id="enableHwBadge",
        ),
        pytest.param(
            models.ZPNsMessage,
            {"extra": {"payload": "x"}},
            models.ZPNsMessage(extras={"payload": "x"}),
            id="extra-of-the-web",
        ),
    ],
)
def test_older_name_is_read(cls: type[Any], data: dict[str, Any], expected: Any) -> None:
    """A name of an older ZIM or of another platform gives the same model."""
    assert expected == wire.from_wire(cls, data)


def test_unknown_enum_number_is_kept_when_read_and_written() -> None:
    """A state that ZIM adds tomorrow passes through zpns unharmed."""
    user = wire.from_wire(models.ZIMCallUserInfo, {"userID": "a", "state": 77})

    assert (77, "UNKNOWN_77") == (user.state, user.state.name)
    assert {"userID": "a", "state": 77} == wire.to_wire(user)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param({"type": 1, "message": "hi"}, models.ZIMTextMessage(message="hi"), id="text"),
        pytest.param(
            {"type": 2, "message": "AAE="}, models.ZIMCommandMessage(message=b"\0\1"), id="command"
        ),
        pytest.param(
            {"type": 200, "message": "m", "subType": 3},
            models.ZIMCustomMessage(message="m", sub_type=3),
            id="custom",
        ),
        pytest.param(
            {"type": 13, "audioDuration": 9}, models.ZIMAudioMessage(audio_duration=9), id="audio"
        ),
        pytest.param(
            {"type": 10, "messageInfoList": [{"type": 1, "message": "a"}]},
            models.ZIMMultipleMessage(
                message_info_list=[models.ZIMTextMessageLiteInfo(message="a")]
            ),
            id="multiple",
        ),
        pytest.param(
            {"type": 77, "messageID": "5", "hologram": {}},
            models.ZIMMessage(type=77, message_id="5"),
            id="unknown-number",
        ),
        pytest.param({"type": 30}, models.ZIMMessage(type=30), id="number-without-a-class"),
    ],
)
def test_message_gets_the_class_of_its_number(data: dict[str, Any], expected: Any) -> None:
    """ZIMMessage stands for any message; the number decides, and an unknown one fails nothing."""
    assert expected == wire.from_wire(models.ZIMMessage, data)


REFUSED = [
    pytest.param(
        models.ZIMCallInviteConfig,
        {"timeout": "5"},
        ["expected an integer, got a value of type str @ $.timeout"],
        id="text-for-an-integer",
    ),
    pytest.param(
        models.ZIMCallInviteConfig,
        {"timeout": 1.5},
        ["expected an integer, got a value of type float @ $.timeout"],
        id="float-for-an-integer",
    ),
    pytest.param(
        models.ZIMCallInviteConfig,
        {"timeout": True},
        ["expected an integer, got a value of type bool @ $.timeout"],
        id="bool-for-an-integer",
    ),
    pytest.param(
        models.ZIMCallInviteConfig,
        {"enableNotReceivedCheck": 1},
        ["expected true or false, got a value of type int @ $.enableNotReceivedCheck"],
        id="integer-for-a-bool",
    ),
    pytest.param(
        models.ZIMCallInviteConfig,
        {"mode": "1"},
        ["expected the value of a ZIMCallInvitationMode, got a value of type str @ $.mode"],
        id="text-for-an-enum",
    ),
    pytest.param(
        models.ZIMPushConfig,
        {"title": 3},
        ["expected text, got a value of type int @ $.title"],
        id="integer-for-text",
    ),
    pytest.param(
        models.ZIMCallInvitationSentResult,
        {"callID": "1", "errorUserList": "ab"},
        ["expected a list, got a value of type str @ $.errorUserList"],
        id="text-for-a-list",
    ),
    pytest.param(
        models.ZIMCallInvitationSentResult,
        {"callID": "1", "errorUserList": None},
        ["expected a list, got nothing @ $.errorUserList"],
        id="null-for-a-list",
    ),
    pytest.param(
        models.ZIMCallCancelSentResult,
        {"callID": "1", "errorInvitees": ["a", 2]},
        ["expected text, got a value of type int @ $.errorInvitees[1]"],
        id="wrong-item",
    ),
    pytest.param(
        models.ZIMGroupAttributesUpdateInfo,
        {"action": 0, "groupAttributes": [["a", "b"]]},
        ["expected an object, got a value of type list @ $.groupAttributes"],
        id="list-for-an-object",
    ),
    pytest.param(
        models.ZIMCommandMessage,
        {"message": "&&"},
        ["expected base64 text, got a value of type str @ $.message"],
        id="no-base64",
    ),
    pytest.param(
        models.ZIMCommandMessage,
        {"message": [1, 2]},
        ["expected base64 text, got a value of type list @ $.message"],
        id="list-for-bytes",
    ),
    pytest.param(
        models.ZIMCallInvitationSentResult,
        {},
        ["required field missing @ $.callID"],
        id="missing",
    ),
    pytest.param(
        models.ZIMMessage,
        {"message": "hi"},
        ["required field missing @ $.type"],
        id="message-without-a-type",
    ),
    pytest.param(
        models.ZIMTextMessage,
        {"type": 200, "message": "hi"},
        ["expected 1, got 200 @ $.type"],
        id="another-type-than-asked-for",
    ),
    pytest.param(
        models.ZIMPushConfig,
        [],
        ["expected an object, got a value of type list @ $"],
        id="list-for-a-model",
    ),
    pytest.param(
        models.ZIMCallInviteConfig,
        {"timeout": 601},
        ["expected an integer from 1 to 600 seconds, got 601 @ $.timeout"],
        id="refused-by-the-model",
    ),
    pytest.param(
        models.ZIMCallInviteConfig,
        {"pushConfig": {"voIPConfig": {"iOSVoIPHandleType": 9}}},
        [
            (
                "expected a ZIMCXHandleType: 1 GENERIC, 2 PHONE_NUMBER, 3 EMAIL_ADDRESS, "
                "got 9 @ $.pushConfig.voIPConfig.iOSVoIPHandleType"
            )
        ],
        id="unknown-number-where-a-caller-chooses",
    ),
    pytest.param(
        models.ZIMCallInviteConfig,
        {"timeout": None, "extendedData": 1, "pushConfig": {"title": 2, "threadID": 3}},
        [
            "expected an integer, got nothing @ $.timeout",
            "expected text, got a value of type int @ $.extendedData",
            "expected text, got a value of type int @ $.pushConfig.title",
            "expected text, got a value of type int @ $.pushConfig.threadID",
        ],
        id="all-problems-at-once",
    ),
]


@pytest.mark.parametrize(("cls", "data", "expected"), REFUSED)
def test_refused_with_a_line_per_problem(cls: type[Any], data: Any, expected: list[str]) -> None:
    """What does not fit says what was expected, what came and where, in ZIM's names."""
    with pytest.raises(WireError) as caught:
        wire.from_wire(cls, data)

    assert tuple(expected) == caught.value.problems


def test_secret_is_not_repeated_when_refused() -> None:
    """A token of the wrong type or alphabet shows up neither in a problem nor in a traceback."""
    secret = str(10**40 + 7)  # not a literal: the line itself is in the traceback
    with pytest.raises(WireError) as caught:
        wire.from_wire(models.ZIMLoginConfig, {"token": [secret]})
    assert secret not in "".join(traceback.format_exception(caught.value))

    with pytest.raises(ParameterError) as refused:
        models.ZIMLoginConfig(token=f"{secret}\udc80")
    assert secret not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"{", id="cut-short"),
        pytest.param(b"", id="empty"),
        pytest.param(b'{"title": "\xff"}', id="no-utf-8"),
        pytest.param('{"title": NaN}', id="nan"),
    ],
)
def test_text_that_is_not_json_is_refused(text: bytes | str) -> None:
    """What is not JSON is a WireError too."""
    with pytest.raises(WireError, match="not JSON"):
        wire.from_json(models.ZIMPushConfig, text)
