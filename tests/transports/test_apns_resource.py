"""APNs: what a resource may say, and what Apple would refuse of it."""

from __future__ import annotations

from typing import Any

import pytest

from zpns.errors import ConfigError, ParameterError
from zpns.models import PushKind, Resource

from .apns_pushes import TRANSPORT, prepare, resource
from .makers import apns, notification


@pytest.mark.parametrize(
    ("kind", "chosen", "names"),
    [
        ("alert", {"push_type": "alrt"}, "push_type: expected one of alert, background"),
        ("alert", {"push_type": ["alert"]}, "push_type: expected one of"),
        ("alert", {"push_type": "voip"}, "push_type: expected the kind voip to go with it"),
        ("voip", {"push_type": "background"}, "push_type: expected voip or alert"),
        ("voip", {"push_type": "widgets"}, "push_type: expected voip or alert"),
        ("silent", {"priority": 10}, "priority: expected 5, because the push type is background"),
        ("silent", {"priority": 1}, "priority: expected 5"),
        ("alert", {"push_type": "background", "priority": 10}, "priority: expected 5"),
        ("voip", {"priority": 5}, "priority: expected 10, because the push type is voip"),
        ("alert", {"push_type": "liveactivity", "priority": 1}, "priority: expected 10 or 5"),
        ("alert", {"push_type": "pushtotalk", "priority": 5}, "priority: expected 10"),
        ("alert", {"priority": "10"}, "priority: expected 10, 5 or 1, got '10'"),
        ("alert", {"priority": 7}, "priority: expected 10, 5 or 1, got 7"),
        ("alert", {"priority": True}, "priority: expected 10, 5 or 1"),
        ("alert", {"topic": "com.example.app.voip"}, "topic: expected one without a suffix"),
        ("alert", {"topic": ".voip"}, "topic: expected a bundle ID"),
        ("alert", {"topic": "a\nb"}, "topic: expected a bundle ID"),
        ("voip", {"topic": "com.example.app"}, r"topic: expected one that ends with \.voip"),
        (
            "alert",
            {"push_type": "widgets", "topic": "com.example.app.voip"},
            r"topic: expected one that ends with \.push-type\.widgets",
        ),
        ("alert", {"interruption_level": "urgent"}, "interruption_level: .*time-sensitive"),
        ("alert", {"interruption_level": ["active"]}, "interruption_level"),
        ("alert", {"relevance_score": 1.5}, "relevance_score: expected a number from 0 to 1"),
        ("alert", {"relevance_score": True}, "relevance_score"),
        ("alert", {"mutable_content": 1}, "mutable_content: expected True or False"),
        ("alert", {"content_available": "yes"}, "content_available"),
        ("alert", {"category": 3}, "category"),
        ("alert", {"filter_criteria": ""}, "filter_criteria"),
        ("alert", {"target_content_id": ""}, "target_content_id"),
        ("alert", {"sound": 3}, "sound"),
        ("alert", {"sound": {"critical": 1}}, "sound"),
        ("alert", {"sound": {"name": "a", "volume": 2}}, "sound"),
        ("alert", {"sound": {"name": "a", "loud": True}}, "sound"),
        ("alert", {"badge": 1}, r"apns\.badge is no setting"),
    ],
)
def test_resource_when_a_value_is_wrong(kind: str, chosen: dict[str, Any], names: str) -> None:
    """What Apple would refuse, or drop in silence, is refused by name."""
    with pytest.raises(ConfigError, match=f"'r'.*{names}"):
        TRANSPORT.check_resource(resource(kind, **chosen))


@pytest.mark.parametrize(
    ("kind", "chosen", "field"),
    [
        ("silent", {"priority": 10}, "priority"),
        ("alert", {"push_type": "alrt"}, "push_type"),
        ("alert", {"push_type": ["alert"]}, "push_type"),
        ("alert", {"topic": "com.example.app.voip"}, "topic"),
        ("alert", {"topic": 5}, "topic"),
    ],
)
def test_prepare_when_a_resource_was_not_checked(
    kind: str, chosen: dict[str, Any], field: str
) -> None:
    """What would contradict itself on the wire is not sent either."""
    with pytest.raises(ParameterError) as caught:
        prepare(notification(resource=resource(kind, **chosen)))
    assert f"resource.apns.{field}" == caught.value.field


def test_prepare_when_the_kind_is_another_than_the_resources() -> None:
    """A push of its own kind is held to the rules of that kind."""
    with pytest.raises(ParameterError, match="priority"):
        prepare(notification(kind="silent", resource=resource(priority=10)))


def test_resource_when_values_are_right() -> None:
    """Every setting has a value that is taken, and every kind works without any."""
    TRANSPORT.check_resource(
        resource(
            category="",
            content_available=False,
            filter_criteria="work",
            interruption_level="critical",
            mutable_content=True,
            priority=1,
            push_type="alert",
            relevance_score=1,
            sound={"name": "a.caf", "critical": 1},
            target_content_id="w",
            topic="com.example.app.clip",
        )
    )
    for kind in PushKind:
        TRANSPORT.check_resource(Resource(resources_id="r", kind=kind))
    assert TRANSPORT.resource_settings == {
        "apns": {
            "category", "content_available", "filter_criteria", "interruption_level",
            "mutable_content", "priority", "push_type", "relevance_score", "sound",
            "target_content_id", "topic",
        }
    }  # fmt: skip


def test_topic_of_an_app_that_is_called_like_a_suffix() -> None:
    """An app may be com.example.voip; its own bundle ID contradicts nothing."""
    transport = apns(bundle_id="com.example.voip")
    transport.check_resource(resource(topic="com.example.voip"))
