"""The foundation: users, devices, messages, events, calls, and push jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _id() -> sa.types.TypeEngine[int]:
    """SQLite gives a row number by itself only to a column of type INTEGER."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "users",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("user_name", sa.Text(), server_default="", nullable=False),
        sa.Column("user_avatar_url", sa.Text(), server_default="", nullable=False),
        sa.Column("user_extended_data", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_users"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "devices",
        sa.Column("id", _id(), autoincrement=True, nullable=False),
        sa.Column("push_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text()),
        sa.Column("allow_callkit", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.UniqueConstraint("push_id", name="uq_devices_push_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_devices_user_id_id", "devices", ["user_id", "id"])
    op.create_index(
        "uq_devices_user_id_device_id",
        "devices",
        ["user_id", "device_id"],
        unique=True,
        sqlite_where=sa.text("device_id IS NOT NULL"),
        postgresql_where=sa.text("device_id IS NOT NULL"),
    )
    op.create_table(
        "tokens",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("device", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("region", sa.Text()),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "app", "token", name="pk_tokens"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tokens_device", "tokens", ["device"])
    op.create_table(
        "sequences",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_sequences"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "messages",
        sa.Column("message_id", _id(), autoincrement=False, nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("conversation_type", sa.SmallInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.Column("idempotency", sa.Text()),
        sa.PrimaryKeyConstraint("message_id", name="pk_messages"),
        sa.UniqueConstraint("idempotency", name="uq_messages_idempotency"),
    )
    op.create_index(
        "uq_messages_conversation_seq", "messages", ["conversation", "seq"], unique=True
    )
    op.create_table(
        "events",
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("message_id", sa.BigInteger()),
        sa.Column("body", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("log", "seq", name="pk_events"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cursors",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "reader", "log", name="pk_cursors"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text()),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("platform", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name="pk_sessions"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sessions_user_id_expires_at", "sessions", ["user_id", "expires_at"])
    op.create_table(
        "calls",
        sa.Column("call_id", _id(), autoincrement=False, nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("mode", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("timeout", sa.Integer(), nullable=False),
        sa.Column("extended_data", sa.Text(), nullable=False),
        sa.Column("push_config", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("idempotency", sa.Text()),
        sa.PrimaryKeyConstraint("call_id", name="pk_calls"),
        sa.UniqueConstraint("idempotency", name="uq_calls_idempotency"),
    )
    op.create_index("ix_calls_caller_created_at", "calls", ["caller", "created_at"])
    op.create_table(
        "call_users",
        sa.Column("call_id", _id(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("inviter", sa.Text(), nullable=False),
        sa.Column("extended_data", sa.Text(), server_default="", nullable=False),
        sa.Column("invited_at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rings_until", sa.BigInteger()),
        sa.Column("event_seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", "user_id", name="pk_call_users"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_call_users_rings_until",
        "call_users",
        ["rings_until"],
        sqlite_where=sa.text("rings_until IS NOT NULL"),
        postgresql_where=sa.text("rings_until IS NOT NULL"),
    )
    op.create_index("ix_call_users_user_id_call_id", "call_users", ["user_id", "call_id"])
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("deadline_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.Text()),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("page_cursor", sa.Text()),
        sa.Column("paged", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("push", sa.Text(), nullable=False),
        sa.Column("stored", sa.Text()),
        sa.Column("ack_log", sa.Text()),
        sa.Column("ack_seq", sa.BigInteger()),
        sa.PrimaryKeyConstraint("job_id", name="pk_jobs"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_jobs_ack_log_ack_seq",
        "jobs",
        ["ack_log", "ack_seq"],
        sqlite_where=sa.text("ack_log IS NOT NULL AND state = 0"),
        postgresql_where=sa.text("ack_log IS NOT NULL AND state = 0"),
    )
    op.create_index("ix_jobs_ref", "jobs", ["ref"])
    op.create_index(
        "ix_jobs_state_priority_due_at",
        "jobs",
        ["state", "priority", "due_at"],
        sqlite_where=sa.text("state = 0"),
        postgresql_where=sa.text("state = 0"),
    )
    op.create_table(
        "attempts",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("push_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("token_kind", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), server_default="", nullable=False),
        sa.Column("endpoint", sa.Text(), server_default="", nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("status", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("code", sa.Text(), server_default="", nullable=False),
        sa.Column("vendor_id", sa.Text(), server_default="", nullable=False),
        sa.Column("advice", sa.Text(), server_default="", nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("retry_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("job_id", "seq", "attempt", name="pk_attempts"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_attempts_job_id_retry_at",
        "attempts",
        ["job_id", "retry_at"],
        sqlite_where=sa.text("retry_at IS NOT NULL"),
        postgresql_where=sa.text("retry_at IS NOT NULL"),
    )
