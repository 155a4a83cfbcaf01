"""Binding tokens to users, as commands."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from zpns.errors import RegistrationNotFound, shorten
from zpns.models.notification import DeviceToken
from zpns.store import devices, users

__all__ = ["Registration", "Removal", "register", "unregister"]


class Registration(NamedTuple):
    """Tokens to bind to a user, at *now*, UTC milliseconds."""

    user_id: str
    tokens: tuple[DeviceToken, ...]
    allow_callkit: bool
    now: int


class Removal(NamedTuple):
    """
    Tokens to unbind from a user.

    Attributes:
        user_id: The user.

        tokens: Which; none means all of them.

        device_id: Only those of this device, if no tokens are named; None means any.
    """

    user_id: str
    tokens: tuple[DeviceToken, ...] = ()
    device_id: str | None = None


def _key(token: DeviceToken) -> tuple[str, str, str]:
    return token.channel, token.app, token.token


def register(
    connection: Connection, items: Sequence[Registration]
) -> list[tuple[str, ...] | Exception]:
    """Bind tokens; gives the PushID of each."""
    users.add(connection, [{"user_id": item.user_id, "created_at": item.now} for item in items])
    # One after the other: a later item may move a token of an earlier one.
    return [_register(connection, item) for item in items]


def _register(connection: Connection, item: Registration) -> tuple[str, ...]:
    user_id = item.user_id
    bound = devices.by_token(connection, [_key(token) for token in item.tokens])
    named = {token.device_id for token in item.tokens if token.device_id is not None}
    known = devices.by_device_id(connection, [(user_id, device_id) for device_id in named])
    # What a token belongs to from now on: a named device, the device it is on already if
    # that is this user's, or one of its own.
    homes: dict[str, tuple[int | None, str]] = {}
    chosen: list[str] = []
    for token in item.tokens:
        row = known.get((user_id, token.device_id)) if token.device_id is not None else None
        if row is None and token.device_id is None:
            held = bound.get(_key(token))
            row = held if held is not None and held.user_id == user_id else None
        if row is not None:
            home = f"row:{row.id}"
            homes.setdefault(home, (row.id, row.push_id))
        else:
            home = f"id:{token.device_id}" if token.device_id is not None else f"new:{_key(token)}"
            homes.setdefault(home, (None, secrets.token_hex(16)))
        chosen.append(home)
    made = devices.make(
        connection,
        [
            {
                "push_id": homes[home][1],
                "user_id": user_id,
                "device_id": token.device_id,
                "allow_callkit": int(item.allow_callkit),
                "created_at": item.now,
            }
            for home, token in dict(zip(chosen, item.tokens, strict=True)).items()
            if homes[home][0] is None
        ],
    )
    ids = {
        home: id_ if id_ is not None else made[push_id] for home, (id_, push_id) in homes.items()
    }
    allowed = int(item.allow_callkit)
    devices.set_callkit(connection, [{"device": id_, "allowed": allowed} for id_ in ids.values()])
    rows: dict[tuple[str, str, str], dict[str, Any]] = {
        _key(token): {
            "channel": token.channel,
            "app": token.app,
            "token": token.token,
            "device": ids[home],
            "kind": token.kind,
            "environment": token.environment,
            "region": token.region,
            "registered_at": item.now,
        }
        for home, token in zip(chosen, item.tokens, strict=True)
    }
    devices.put_tokens(connection, list(rows.values()))
    devices.drop_empty(connection, [row.id for row in bound.values()])
    return tuple(homes[home][1] for home in chosen)


def unregister(connection: Connection, items: Sequence[Removal]) -> list[Exception | None]:
    """Unbind tokens."""
    return [_unregister(connection, item) for item in items]


def _unregister(connection: Connection, item: Removal) -> Exception | None:
    if not item.tokens:
        ids = devices.ids_of(connection, item.user_id)
        devices.drop_tokens_of(connection, item.user_id, item.device_id)
        devices.drop_empty(connection, ids)
        return None
    keys = [_key(token) for token in item.tokens]
    bound = devices.by_token(connection, keys)
    for channel, app, token in keys:
        row = bound.get((channel, app, token))
        if row is None or row.user_id != item.user_id:
            return RegistrationNotFound(
                f"token {shorten(token)} of {channel}/{app} is not bound to user "
                f"{item.user_id!r}; nothing was unbound"
            )
    devices.drop_tokens(connection, keys)
    devices.drop_empty(connection, [row.id for row in bound.values()])
    return None
