"""What a push of the hub is built from: text, and the facts of the event behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from zpns.errors import ParameterError
from zpns.models.notification import BUILT_IN_RESOURCES, PushKind, Resource
from zpns.models.push import ZIMPushConfig
from zpns.wire import storage_converter

__all__ = ["Resources", "has_video", "push_text"]

_converter = storage_converter()


class Resources:
    """
    The named resources of a hub.

    Args:
        own: Those of the app; one named like a built-in takes its place.
    """

    def __init__(self, own: Mapping[str, Resource] | None = None) -> None:
        self._known = {**BUILT_IN_RESOURCES, **(own or {})}

    def get(self, resources_id: str) -> Resource | None:
        """Return the resource of that name; None for an empty name."""
        return self._known[resources_id] if resources_id else None

    def check_message(self, config: ZIMPushConfig) -> None:
        """Refuse what a push for a message cannot be."""
        resource = self._named(config)
        if resource is not None and resource.kind is PushKind.VOIP:
            raise ParameterError(
                "resources_id",
                "a resource that is not of kind voip: such a push starts calls alone",
                config.resources_id,
            )
        if config.voip_config is not None:
            raise ParameterError(
                "voip_config", "None: a VoIP push starts calls alone", config.voip_config
            )

    def check_call(self, config: ZIMPushConfig) -> None:
        """Refuse what a push for an invitation cannot be."""
        resource = self._named(config)
        kind = resource.kind if resource is not None else PushKind.ALERT
        if kind is PushKind.SILENT:
            raise ParameterError(
                "resources_id",
                "a resource that is not of kind silent: such a push cannot ring",
                config.resources_id,
            )
        if config.voip_config is not None and kind is not PushKind.VOIP:
            raise ParameterError(
                "voip_config",
                "None, or a resources_id whose resource is of kind voip",
                config.resources_id,
            )

    def _named(self, config: ZIMPushConfig) -> Resource | None:
        if config.resources_id and config.resources_id not in self._known:
            raise ParameterError(
                "resources_id",
                f"one of {', '.join(sorted(self._known))} "
                "(resources are given to Client(resources=[...]))",
                config.resources_id,
            )
        return self.get(config.resources_id)


def push_text(config: ZIMPushConfig, facts: Mapping[str, Any]) -> str:
    """
    Return the text that a push job keeps.

    Args:
        config: What the sender said.

        facts: Fields of an :class:`~zpns.models.Envelope`, all but *event*, *user_id* and
            *event_seq*.
    """
    return orjson.dumps({"config": _converter.unstructure(config), "event": facts}).decode()


def has_video(config: ZIMPushConfig) -> bool:
    """
    Whether an invitation is to a video call.

    The VoIP settings say so; without any, the payload of ZEGO's call kits does, whose
    ``type`` is 1 for video.
    """
    if config.voip_config is not None:
        return config.voip_config.ios_voip_has_video
    try:
        payload = orjson.loads(config.payload)
    except orjson.JSONDecodeError:
        return False
    return isinstance(payload, dict) and payload.get("type") == 1
