"""Each limit a client can check: at its edge, and one past it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from zpns import models
from zpns.errors import ParameterError

POINT = "B" + "A" * 86  # 87 characters of base64url: 0x04 and 64 zero bytes
TEXT = models.ZIMTextMessageLiteInfo(message="a")
IMAGE = models.ZIMImageMessageLiteInfo()
VIDEO = models.ZIMVideoMessageLiteInfo(video_duration=1)
FILE = models.ZIMFileMessageLiteInfo()
AUDIO = models.ZIMAudioMessageLiteInfo(audio_duration=1)
CUSTOM = models.ZIMCustomMessageLiteInfo(message="a", sub_type=0)
ALPHABET = "!#$%&()+-:;<=.>?@[]^_{}~|"
MB = 1024 * 1024

user = models.ZIMUserInfo
text_message = models.ZIMTextMessage
custom = partial(models.ZIMCustomMessage, message="m", sub_type=0)
custom_type = partial(models.ZIMCustomMessage, message="m")
audio = partial(models.ZIMAudioMessage, audio_duration=1)
video = partial(models.ZIMVideoMessage, video_duration=1)
channel = models.ZPNsNotificationChannel
invite = models.ZIMCallInviteConfig
push = models.ZIMPushConfig
voip = models.ZIMVoIPConfig
rule = models.ZIMUserOfflinePushRule
group = models.ZIMGroupInfo
group_config = models.ZIMGroupAdvancedConfig
name_in_group = partial(models.ZIMGroupMemberInfo, user_id="a")


def _each(make: Any, field: str, good: dict[str, Any], bad: dict[str, Any]) -> tuple[Any, Any]:
    name = getattr(make, "__name__", None) or make.func.__name__
    return (
        [
            pytest.param(make, field, value, id=f"{name}-{field}-{id_}")
            for id_, value in good.items()
        ],
        [
            pytest.param(make, field, value, id=f"{name}-{field}-{id_}")
            for id_, value in bad.items()
        ],
    )


def _bytes(make: Any, field: str, most: int, *, least: int = 0) -> tuple[Any, Any]:
    """Cases for text limited in bytes of UTF-8, with a character across the edge."""
    good = {f"{most}-bytes": "a" * most, "two-byte-characters": "é" * (most // 2)}
    bad: dict[str, Any] = {
        f"{most + 1}-bytes": "a" * (most + 1),
        "character-across-the-edge": "a" * (most - 1) + "é",
        "lone-surrogate": "a\ud800",
        "bytes": b"a",
    }
    if least:
        bad["empty"] = ""
    else:
        good["empty"] = ""
    return _each(make, field, good, bad)


CASES = [
    _each(
        user,
        "user_id",
        {"1": "a", "32": "a" * 32, "alphabet": ALPHABET, "digits": "007"},
        {
            "empty": "",
            "33": "a" * 33,
            "space": "al ice",
            "star": "a*",
            "slash": "a/b",
            "quote": "a'b",
            "line-end": "alice\n",
            "not-ascii": "ålice",
            "number": 7,
            "none": None,
        },
    ),
    _each(
        partial(text_message, message="m"),
        "sender_user_id",
        {"empty": "", "32": "a" * 32},
        {"33": "a" * 33, "space": "a b"},
    ),
    _each(
        partial(text_message, message="m"),
        "mentioned_user_ids",
        {"none": [], "several": ["alice", "bob"]},
        {"space": ["alice", "b ob"], "one-text": "alice", "numbers": [1]},
    ),
    _bytes(partial(user, user_id="a"), "user_name", 256),
    _bytes(partial(user, user_id="a"), "user_avatar_url", 500),
    _bytes(models.ZIMLoginConfig, "user_name", 256),
    _bytes(text_message, "message", 49_152, least=1),
    _bytes(models.ZIMBarrageMessage, "message", 5_120, least=1),
    _bytes(partial(models.ZIMCustomMessage, sub_type=0), "message", 49_152, least=1),
    _bytes(partial(text_message, message="m"), "extended_data", 1_024),
    _bytes(partial(text_message, message="m"), "local_extended_data", 131_072),
    _bytes(invite, "extended_data", 2_048),
    _bytes(models.ZIMCallCancelConfig, "extended_data", 2_048),
    _bytes(models.ZIMCallAcceptConfig, "extended_data", 2_048),
    _bytes(models.ZIMCallRejectConfig, "extended_data", 2_048),
    _bytes(models.ZIMCallJoinConfig, "extended_data", 2_048),
    _bytes(models.ZIMCallQuitConfig, "extended_data", 2_048),
    _bytes(models.ZIMCallEndConfig, "extended_data", 2_048),
    _each(
        models.ZIMCommandMessage,
        "message",
        {"1": b"a", "5120": b"a" * 5_120},
        {"empty": b"", "5121": b"a" * 5_121, "text": "a", "number": 5},
    ),
    _each(
        models.ZIMCombineMessage,
        "title",
        {"100-characters": "é" * 100},
        {"101-characters": "é" * 101},
    ),
    _each(
        models.ZIMCombineMessage,
        "summary",
        {"500-characters": "é" * 500},
        {"501-characters": "é" * 501},
    ),
    _each(custom_type, "sub_type", {"0": 0, "200": 200}, {"-1": -1, "201": 201, "true": True}),
    _each(models.ZIMImageMessage, "file_size", {"10-mb": 10 * MB}, {"over": 10 * MB + 1, "-1": -1}),
    _each(models.ZIMFileMessage, "file_size", {"100-mb": 100 * MB}, {"over": 100 * MB + 1}),
    _each(audio, "file_size", {"6-mb": 6 * MB}, {"over": 6 * MB + 1}),
    _each(video, "file_size", {"100-mb": 100 * MB}, {"over": 100 * MB + 1}),
    _each(models.ZIMAudioMessage, "audio_duration", {"300": 300, "1": 1}, {"301": 301, "0": 0}),
    _each(models.ZIMVideoMessage, "video_duration", {"1": 1, "301": 301}, {"0": 0, "1.5": 1.5}),
    _each(
        models.ZIMMultipleMessage,
        "message_info_list",
        {
            "20-parts": [TEXT] * 20,
            "one-of-each": [CUSTOM, FILE, AUDIO],
            "10-pictures": [IMAGE] * 5 + [VIDEO] * 5,
        },
        {
            "none": [],
            "21-parts": [TEXT] * 21,
            "2-custom": [CUSTOM] * 2,
            "2-files": [FILE] * 2,
            "2-recordings": [AUDIO] * 2,
            "11-pictures": [IMAGE] * 6 + [VIDEO] * 5,
            "whole-message": [models.ZIMTextMessage(message="a")],
        },
    ),
    _each(
        push,
        "resources_id",
        {"empty": "", "32-characters": "é" * 32},
        {"33-characters": "r" * 33, "none": None},
    ),
    _each(push, "badge_increment", {"0": 0, "99": 99}, {"-1": -1, "true": True, "text": "1"}),
    *(
        _each(push, field, {"any-length": "é" * 9_000}, {"surrogate": "\udfff", "none": None})
        for field in ("title", "content", "payload", "thread_id")
    ),
    _each(push, "enable_badge", {"true": True}, {"1": 1, "none": None}),
    _each(push, "voip_config", {"none": None, "one": voip()}, {"object": {}, "false": False}),
    _each(
        voip,
        "ios_voip_handle_type",
        {"1": 1, "3": 3, "member": models.ZIMCXHandleType.PHONE_NUMBER},
        {
            "0": 0,
            "4": 4,
            "text": "1",
            "true": True,
            "float": 1.0,
            "unknown-member": models.ZIMCXHandleType(9),
            "member-of-another-enum": models.ZIMMessageType.TEXT,
        },
    ),
    _each(
        invite,
        "timeout",
        {"1": 1, "600": 600},
        {"0": 0, "601": 601, "1.5": 1.5, "true": True, "text": "90", "none": None},
    ),
    _each(invite, "mode", {"0": 0, "1": 1}, {"-1": -1, "2": 2, "false": False}),
    _each(
        models.ZIMMessageSendConfig, "priority", {"1": 1, "3": 3}, {"0": 0, "4": 4, "none": None}
    ),
    _each(
        rule,
        "online_platforms",
        {"none": [], "several": {1, 3, 10, 32}},
        {"8": [8], "0": [0], "text": "12", "one-number": 1, "true": [True]},
    ),
    _each(models.ZIMCallInvitationQueryConfig, "count", {"1": 1}, {"0": 0, "1.5": 1.5}),
    _each(models.ZIMMessageQueryConfig, "count", {"1": 1}, {"0": 0, "true": True}),
    _each(models.ZIMGroupMemberQueryConfig, "count", {"100": 100}, {"0": 0, "text": "1"}),
    _each(partial(models.ZIMGroupMemberQueryConfig, count=1), "next_flag", {"0": 0}, {"-1": -1}),
    _each(group, "group_id", {"32": "g" * 32, "empty": "", "server's": "#1"}, {"33": "g" * 33}),
    _bytes(group, "group_name", 100),
    _bytes(group, "group_avatar_url", 500),
    _bytes(group_config, "group_notice", 300),
    _bytes(partial(name_in_group, member_role=3), "member_avatar_url", 500),
    _each(
        group_config,
        "group_attributes",
        {
            "10": {str(key): "" for key in range(10)},
            "key-16": {"k" * 16: "v"},
            "value-1024": {"k": "v" * 1_024},
        },
        {
            "11": {str(key): "" for key in range(11)},
            "key-17": {"k" * 17: "v"},
            "key-empty": {"": "v"},
            "value-1025": {"k": "v" * 1_025},
            "number": {"k": 1},
            "list": [("k", "v")],
        },
    ),
    _each(
        models.ZIMGroupMemberMuteConfig,
        "duration",
        {"1": 1, "most": 2_592_000, "for-good": -1},
        {"0": 0, "-2": -2, "over": 2_592_001, "true": True},
    ),
    _each(models.ZIMGroupDismissedResult, "group_id", {"1": "g"}, {"empty": "", "33": "g" * 33}),
    _each(models.ZPNsConfig, "app_type", {"1": 1, "2": 2}, {"3": 3, "text": "1"}),
    _each(models.ZIMAppConfig, "app_id", {"1": 1}, {"0": 0, "text": "1", "65-bits": 2**64}),
    _each(channel, "channel_id", {"1": "c"}, {"empty": ""}),
    _each(
        models.ZPNsRegisterConfig,
        "ios_environment",
        {"none": None, "0": 0, "2": 2},
        {"3": 3, "-1": -1},
    ),
    _each(
        models.ZPNsWebConfig,
        "vapid_key",
        {"point": POINT, "none": ""},
        {
            "86-characters": POINT[:-1],
            "88-characters": POINT + "A",
            "padded": POINT + "=",
            "compressed-point": "A" * 87,
            "other-alphabet": "B" + "+" * 86,
            "line-end": POINT + "\n",
            "number": 5,
        },
    ),
    _each(models.ZIMMessage, "type", {"77": 77, "system": 30, "unknown": 0}, {"1": 1, "text": "9"}),
    _each(models.ZIMMessageLiteInfo, "type", {"77": 77}, {"1": 1}),
    _each(partial(text_message, message="m"), "timestamp", {"64-bits": 2**63 - 1}, {"more": 2**63}),
]
GOOD = [case for good, _ in CASES for case in good]
BAD = [case for _, bad in CASES for case in bad]


@pytest.mark.parametrize(("make", "field", "value"), GOOD)
def test_value_at_the_edge_is_taken(make: Any, field: str, value: Any) -> None:
    """The last value that ZIM allows is allowed here."""
    kept = getattr(make(**{field: value}), field)

    assert (tuple(value) if isinstance(value, list | set) else value) == kept


@pytest.mark.parametrize(("make", "field", "value"), BAD)
def test_value_past_the_edge_is_refused(make: Any, field: str, value: Any) -> None:
    """The first value that ZIM refuses is refused here, with the field's name."""
    with pytest.raises(ParameterError) as caught:
        make(**{field: value})

    assert 6000001 == caught.value.code
    assert field in caught.value.field


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        pytest.param(
            lambda: voip(ios_voip_handle_type=4),
            "ios_voip_handle_type: expected a ZIMCXHandleType: 1 GENERIC, 2 PHONE_NUMBER, "
            "3 EMAIL_ADDRESS, got 4 (code 6000001)",
            id="handle-type",
        ),
        pytest.param(
            lambda: invite(timeout=0),
            "timeout: expected an integer from 1 to 600 seconds, got 0 (code 6000001)",
            id="timeout-0",
        ),
        pytest.param(
            lambda: invite(timeout=601),
            "timeout: expected an integer from 1 to 600 seconds, got 601 (code 6000001)",
            id="timeout-601",
        ),
        pytest.param(
            lambda: invite(timeout=1.5),
            "timeout: expected an integer from 1 to 600 seconds, got 1.5 (code 6000001)",
            id="timeout-1.5",
        ),
        pytest.param(
            lambda: push(resources_id="r" * 33),
            f"resources_id: expected text of 0 to 32 characters, got {'r' * 33!r} (code 6000001)",
            id="resources-id",
        ),
        pytest.param(
            lambda: user(user_id="al ice"),
            "user_id: expected 1 to 32 of letters, digits and !#$%&()+-:;<=.>?@[]^_{}~|, "
            "got 'al ice' (code 6000001)",
            id="user-id-with-a-space",
        ),
        pytest.param(
            lambda: rule(online_platforms=[1, 8.5]),
            "online_platforms[1]: expected a ZIMPlatformType: 1 WIN, 2 IPHONE_OS, 3 ANDROID, "
            "4 MAC_OS, 5 LINUX, 6 WEB, 7 MINI_PROGRAM, 9 IPAD_OS, 10 OHOS, 32 UNKNOWN, "
            "got 8.5 (code 6000001)",
            id="item-of-a-sequence",
        ),
    ],
)
def test_error_says_field_expectation_and_value(build: Any, expected: str) -> None:
    """Who reads the error knows what to change."""
    with pytest.raises(ParameterError) as caught:
        build()

    assert expected == str(caught.value)


@pytest.mark.parametrize(
    ("make", "field", "value", "expected"),
    [
        pytest.param(push, "badge_increment", 100, 99, id="badge-over-99"),
        pytest.param(models.ZIMCallInvitationQueryConfig, "count", 101, 100, id="calls"),
        pytest.param(models.ZIMMessageQueryConfig, "count", 10**9, 100, id="messages"),
        pytest.param(models.ZIMConversationQueryConfig, "count", 101, 100, id="conversations"),
        pytest.param(models.ZIMGroupMemberQueryConfig, "count", 101, 100, id="members"),
        pytest.param(rule, "online_platforms", [6, 2, 6, 2, 2], (6, 2), id="platforms-twice"),
    ],
)
def test_value_is_brought_into_range(make: Any, field: str, value: Any, expected: Any) -> None:
    """Where ZIM does not refuse but adjusts, so does the model."""
    assert expected == getattr(make(**{field: value}), field)


@pytest.mark.parametrize(
    ("value", "chosen", "fine"),
    [
        pytest.param("g", True, True, id="chosen"),
        pytest.param("", True, True, id="left-to-the-server"),
        pytest.param("#g", True, False, id="chosen-like-the-server's"),
        pytest.param("#g", False, True, id="the-server's"),
        pytest.param("", False, False, id="empty"),
        pytest.param("é" * 16, False, True, id="32-bytes"),
        pytest.param("é" * 17, True, False, id="34-bytes"),
    ],
)
def test_group_id_by_who_chose_it(value: str, chosen: bool, fine: bool) -> None:
    """A group ID of one's own must not look like one of the server's."""
    from zpns.models._checks import check_group_id

    if fine:
        assert value == check_group_id("group_id", value, chosen=chosen)
    else:
        with pytest.raises(ParameterError):
            check_group_id("group_id", value, chosen=chosen)
