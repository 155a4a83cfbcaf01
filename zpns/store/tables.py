"""
Every table, in one place.

Times are UTC milliseconds. Bodies are JSON text as ``zpns.wire`` writes it for storage.
A change here needs a migration in ``migrations/versions``; a test compares the two.

The *log* of an event is where it is appended and read from a cursor: ``u:bob`` is what
bob's listeners read. Numbers in a log, and of a conversation, come from ``sequences``,
in the transaction that uses them, so that two processes cannot give one out twice.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)

__all__ = [
    "attempts",
    "call_users",
    "calls",
    "cursors",
    "devices",
    "events",
    "jobs",
    "messages",
    "metadata",
    "sequences",
    "sessions",
    "tokens",
    "users",
]

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives a row number by itself only to a column of type INTEGER.
_ID: Final = BigInteger().with_variant(Integer, "sqlite")
#: SQLite: the primary key is the table itself, one b-tree instead of two.
_CLUSTERED: Final[dict[str, Any]] = {"sqlite_with_rowid": False}

users: Final = Table(
    "users",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("user_name", Text, nullable=False, server_default=""),
    Column("user_avatar_url", Text, nullable=False, server_default=""),
    Column("user_extended_data", Text, nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    **_CLUSTERED,
)

devices: Final = Table(
    "devices",
    metadata,
    # Also the device's ``seq`` in every push job: stable, so that a page repeated after a
    # crash goes out under the same vendor IDs. Never given out twice.
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("push_id", Text, nullable=False, unique=True),
    Column("user_id", Text, nullable=False),
    Column("device_id", Text),
    Column("allow_callkit", SmallInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_devices_user_id_id", "user_id", "id"),
    Index(
        "uq_devices_user_id_device_id",
        "user_id",
        "device_id",
        unique=True,
        sqlite_where=text("device_id IS NOT NULL"),
        postgresql_where=text("device_id IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

tokens: Final = Table(
    "tokens",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("app", Text, primary_key=True),
    Column("token", Text, primary_key=True),
    Column("device", BigInteger, nullable=False),  # devices.id
    Column("kind", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("region", Text),
    Column("registered_at", BigInteger, nullable=False),
    Index("ix_tokens_device", "device"),
    **_CLUSTERED,
)

sequences: Final = Table(
    "sequences",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    **_CLUSTERED,
)

messages: Final = Table(
    "messages",
    metadata,
    Column("message_id", _ID, primary_key=True, autoincrement=False),
    Column("conversation", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("sender", Text, nullable=False),
    Column("receiver", Text, nullable=False),
    Column("conversation_type", SmallInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    # The sender, a slash, and the key: one column, because databases look up many values
    # of one column by index and many pairs by reading the whole table.
    Column("idempotency", Text, unique=True),
    Index("uq_messages_conversation_seq", "conversation", "seq", unique=True),
)

events: Final = Table(
    "events",
    metadata,
    Column("log", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("name", Text, nullable=False),
    # Of a message event: the row to read; everything else has a body of its own.
    Column("message_id", BigInteger),
    Column("body", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    **_CLUSTERED,
)

cursors: Final = Table(
    "cursors",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("reader", Text, primary_key=True),
    Column("log", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    **_CLUSTERED,
)

sessions: Final = Table(
    "sessions",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("device_id", Text),
    Column("node", Text, nullable=False),
    Column("platform", SmallInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("ix_sessions_user_id_expires_at", "user_id", "expires_at"),
    **_CLUSTERED,
)

calls: Final = Table(
    "calls",
    metadata,
    Column("call_id", _ID, primary_key=True, autoincrement=False),
    Column("caller", Text, nullable=False),
    Column("mode", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("timeout", Integer, nullable=False),
    Column("extended_data", Text, nullable=False),
    Column("push_config", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False, server_default="0"),
    Column("idempotency", Text, unique=True),  # the caller, a slash, and the key
    Index("ix_calls_caller_created_at", "caller", "created_at"),
)

call_users: Final = Table(
    "call_users",
    metadata,
    Column("call_id", _ID, primary_key=True, autoincrement=False),
    Column("user_id", Text, primary_key=True),
    Column("position", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("inviter", Text, nullable=False),
    Column("extended_data", Text, nullable=False, server_default=""),
    Column("invited_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger, nullable=False, server_default="0"),
    # When the ringing ends; NULL once it has. The timeout is this row, not a timer.
    Column("rings_until", BigInteger),
    Column("event_seq", Integer, nullable=False),
    Index(
        "ix_call_users_rings_until",
        "rings_until",
        sqlite_where=text("rings_until IS NOT NULL"),
        postgresql_where=text("rings_until IS NOT NULL"),
    ),
    Index("ix_call_users_user_id_call_id", "user_id", "call_id"),
    **_CLUSTERED,
)

jobs: Final = Table(
    "jobs",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("event", Text, nullable=False),
    Column("ref", Text, nullable=False),  # message, call or push ID, as users know it
    Column("priority", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    # When it may be claimed. While somebody leases it, that is when the lease ends, so
    # that one index finds what is due and passes over what is held.
    Column("due_at", BigInteger, nullable=False),
    Column("deadline_at", BigInteger, nullable=False),
    Column("lease_owner", Text),
    # Which users, and how far the pages have come: a JSON list, NULL at the end.
    Column("audience", Text, nullable=False),
    Column("page_cursor", Text),
    Column("paged", SmallInteger, nullable=False, server_default="0"),
    # What is shown, and the facts of the event: what a notification is built from.
    Column("push", Text, nullable=False),
    # Names that vendors gave to bodies saved for this job, by route.
    Column("stored", Text),
    # The event whose acknowledgement makes the push needless.
    Column("ack_log", Text),
    Column("ack_seq", BigInteger),
    Index(
        "ix_jobs_state_priority_due_at",
        "state",
        "priority",
        "due_at",
        sqlite_where=text("state = 0"),
        postgresql_where=text("state = 0"),
    ),
    Index("ix_jobs_ref", "ref"),
    Index(
        "ix_jobs_ack_log_ack_seq",
        "ack_log",
        "ack_seq",
        sqlite_where=text("ack_log IS NOT NULL AND state = 0"),
        postgresql_where=text("ack_log IS NOT NULL AND state = 0"),
    ),
    **_CLUSTERED,
)

attempts: Final = Table(
    "attempts",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),  # devices.id
    Column("attempt", SmallInteger, primary_key=True),  # from 1; 0 is a skip
    Column("user_id", Text, nullable=False),
    Column("push_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("app", Text, nullable=False),
    Column("token_kind", Text, nullable=False),
    Column("form", Text, nullable=False, server_default=""),
    Column("endpoint", Text, nullable=False, server_default=""),
    Column("outcome", Text),  # NULL: its bytes may be under way
    Column("status", SmallInteger, nullable=False, server_default="0"),
    Column("code", Text, nullable=False, server_default=""),
    Column("vendor_id", Text, nullable=False, server_default=""),
    Column("advice", Text, nullable=False, server_default=""),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("retry_at", BigInteger),  # set while a retry of this attempt is waiting
    Index(
        "ix_attempts_job_id_retry_at",
        "job_id",
        "retry_at",
        sqlite_where=text("retry_at IS NOT NULL"),
        postgresql_where=text("retry_at IS NOT NULL"),
    ),
    **_CLUSTERED,
)
