"""From a token as it was given to a target on its route, or to the reason why it has none."""

from __future__ import annotations

from typing import Final

from zpns.errors import ParameterError
from zpns.models.delivery import Delivery, Target
from zpns.models.notification import DeviceToken, Notification
from zpns.sender._load import Load
from zpns.sender._verdicts import BROKEN, no_token, skipped
from zpns.sender.lane import Lane
from zpns.transports.base import Route, Skip

__all__ = ["Addresses"]

USUAL: Final = 512  # characters; a longer token is looked at with care


class Addresses:
    """
    Finds where tokens go.

    Args:
        lane: The vendor app.

        notification: What they get; prepared once for each route.
    """

    def __init__(self, lane: Lane, notification: Notification) -> None:
        self._lane = lane
        self._notification = notification
        self._loads: dict[Route, Load] = {}
        self._looks: dict[str, Load] = {}  # of bare tokens that look alike

    def find(self, token: object, seq: int) -> tuple[Load, Target] | Delivery:
        """
        Return the load and the target of *token*, or its delivery if nothing is sent.

        Args:
            token: Whatever the source gave.

            seq: Its number, from 0.
        """
        look = None
        text = token if isinstance(token, str) else ""
        if 0 < len(text) <= USUAL:
            # The way of nearly all: nothing is made for a token but its target.
            look = self._lane.transport.token_look(text)
            known = self._looks.get(look) if look is not None else None
            if known is not None:
                return known, Target(text, seq)
        try:
            device = self._device(token)
            text = device.token
            route = self._route(device)
        except ParameterError:
            return Delivery(Target(text, seq), no_token(token), 0)
        except Exception as error:
            self._lane.failed("route", error)
            return Delivery(Target(text, seq), BROKEN, 0)
        if isinstance(route, Skip):
            return Delivery(Target(text, seq), skipped(route), 0)
        load = self._loads.get(route)
        if load is None:
            load = self._loads[route] = Load(self._lane.transport, self._notification, route)
        if look is not None:
            self._looks[look] = load
        return load, Target(text, seq)

    def _device(self, token: object) -> DeviceToken:
        if isinstance(token, DeviceToken):
            return token
        if not isinstance(token, str):
            raise ParameterError("token", "text or a DeviceToken", type(token).__name__)
        transport = self._lane.transport
        kind = transport.token_kind(self._notification)
        return DeviceToken(transport.channel, token, app=transport.app, kind=kind)

    def _route(self, device: DeviceToken) -> Route | Skip:
        transport = self._lane.transport
        if device.channel != transport.channel or device.app != transport.app:
            return Skip(
                "other_channel",
                f"the token is of {device.channel}/{device.app}, "
                f"the sender of {transport.channel}/{transport.app}",
            )
        return transport.route(device)
