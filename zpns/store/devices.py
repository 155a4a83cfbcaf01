"""Devices and their tokens."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, select, update

from zpns.store._sql import CHUNK, any_of, chunks, insert
from zpns.store.tables import devices, tokens

__all__ = [
    "Device",
    "Token",
    "by_device_id",
    "by_token",
    "drop_empty",
    "drop_tokens",
    "drop_tokens_of",
    "ids_of",
    "make",
    "of_ids",
    "of_users",
    "put_tokens",
    "set_callkit",
]


_USERS_LEAST: Final = 100  # users in one statement, however small the page


class Token(NamedTuple):
    """A token of a device, as rows have it."""

    channel: str
    app: str
    token: str
    kind: str
    environment: str
    region: str | None
    registered_at: int


class Device(NamedTuple):
    """A device and its tokens."""

    id: int
    push_id: str
    user_id: str
    device_id: str | None
    allow_callkit: bool
    tokens: list[Token]


_TOKEN_COLUMNS = (
    tokens.c.channel,
    tokens.c.app,
    tokens.c.token,
    tokens.c.kind,
    tokens.c.environment,
    tokens.c.region,
    tokens.c.registered_at,
)
_KEY = (tokens.c.channel, tokens.c.app, tokens.c.token)
_BY_TOKEN = select(devices, *_KEY).join(tokens, tokens.c.device == devices.c.id)
_CALLKIT = (
    update(devices)
    .where(devices.c.id == bindparam("device"))
    .values(allow_callkit=bindparam("allowed"))
)


def by_device_id(
    connection: Connection, pairs: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Row[Any]]:
    """Return the device of each (user ID, device ID) that has one."""
    columns = (devices.c.user_id, devices.c.device_id)
    return {
        (row.user_id, row.device_id): row
        for matches in any_of(columns, set(pairs))
        for row in connection.execute(select(devices).where(matches))
    }


def by_token(
    connection: Connection, keys: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str, str], Row[Any]]:
    """Return the device of each (channel, app, token) that has one."""
    return {
        (row.channel, row.app, row.token): row
        for matches in any_of(_KEY, set(keys))
        for row in connection.execute(_BY_TOKEN.where(matches))
    }


def make(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Make devices and return their IDs by push ID."""
    if not rows:
        return {}
    statement = insert(connection, devices).returning(devices.c.push_id, devices.c.id)
    return {row.push_id: row.id for row in connection.execute(statement, rows)}


def set_callkit(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Set whether devices may use CallKit: ``device`` and ``allowed``."""
    if rows:
        connection.execute(_CALLKIT, rows)


def put_tokens(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make tokens; one that exists becomes the given device's, registered anew."""
    if not rows:
        return
    statement = insert(connection, tokens)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["channel", "app", "token"],
            set_={
                name: statement.excluded[name]
                for name in ("device", "kind", "environment", "region", "registered_at")
            },
        ),
        rows,
    )


def drop_tokens(connection: Connection, keys: Iterable[tuple[str, str, str]]) -> None:
    """Forget tokens by (channel, app, token)."""
    for matches in any_of(_KEY, set(keys)):
        connection.execute(delete(tokens).where(matches))


def drop_tokens_of(connection: Connection, user_id: str, device_id: str | None = None) -> None:
    """Forget the tokens of a user's device, or of all of the user's devices."""
    ids = select(devices.c.id).where(devices.c.user_id == user_id)
    if device_id is not None:
        ids = ids.where(devices.c.device_id == device_id)
    connection.execute(delete(tokens).where(tokens.c.device.in_(ids)))


def drop_empty(connection: Connection, ids: Iterable[int]) -> None:
    """Forget those of the devices *ids* that have no token left."""
    for chunk in chunks(set(ids)):
        held = select(tokens.c.device).where(tokens.c.device.in_(chunk))
        connection.execute(
            delete(devices).where(devices.c.id.in_(chunk)).where(devices.c.id.not_in(held))
        )


def ids_of(connection: Connection, user_id: str) -> list[int]:
    """Return the IDs of a user's devices."""
    query = select(devices.c.id).where(devices.c.user_id == user_id)
    return list(connection.execute(query).scalars())


def of_users(
    connection: Connection,
    user_ids: Sequence[str],
    *,
    after: tuple[str, int] | None = None,
    limit: int | None = None,
) -> list[Device]:
    """
    Return devices with their tokens, ordered by user and device.

    Args:
        connection: Any.

        user_ids: Whose devices, each user once or more.

        after: (user ID, device ID) where the page before ended.

        limit: How many devices at most.
    """
    users = sorted(set(user_ids))  # by code point, which is how databases compare UTF-8
    found: list[Row[Any]] = []
    # Most users have a device: about as many of them as there are devices on the page.
    most = CHUNK if limit is None else min(CHUNK, max(limit, _USERS_LEAST))
    for condition in _parts(users, after, most):
        page = select(devices).where(condition).order_by(devices.c.user_id, devices.c.id)
        if limit is not None:
            page = page.limit(limit - len(found))
        found += connection.execute(page)
        if limit is not None and len(found) >= limit:
            break
    return _with_tokens(connection, found)


def _parts(
    users: Sequence[str], after: tuple[str, int] | None, most: int
) -> Iterator[ColumnElement[bool]]:
    """Return conditions for statements that one after the other give a page in order."""
    if after is not None:
        user_id, device = after
        place = bisect_left(users, user_id)
        if users[place : place + 1] == [user_id]:
            yield and_(devices.c.user_id == user_id, devices.c.id > device)
            place += 1
        users = users[place:]
    for chunk in chunks(users, most):
        yield devices.c.user_id.in_(chunk)


def of_ids(connection: Connection, ids: Iterable[int]) -> dict[int, Device]:
    """Return devices with their tokens by ID; those that are gone are left out."""
    found: list[Device] = []
    for chunk in chunks(ids):
        rows = connection.execute(select(devices).where(devices.c.id.in_(chunk)))
        found += _with_tokens(connection, rows)
    return {device.id: device for device in found}


def _with_tokens(connection: Connection, rows: Iterable[Row[Any]]) -> list[Device]:
    found = {
        row.id: Device(row.id, row.push_id, row.user_id, row.device_id, bool(row.allow_callkit), [])
        for row in rows
    }
    for chunk in chunks(found):
        query = (
            select(tokens.c.device, *_TOKEN_COLUMNS)
            .where(tokens.c.device.in_(chunk))
            .order_by(tokens.c.device, *_KEY)
        )
        for device, *rest in connection.execute(query):
            found[device].tokens.append(Token(*rest))
    return list(found.values())
