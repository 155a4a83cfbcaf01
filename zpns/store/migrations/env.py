"""Run by Alembic: migrate over the connection that the configuration carries."""

from __future__ import annotations

from alembic import context

from zpns.store._schema import VERSION_TABLE
from zpns.store.tables import metadata

__all__ = ["migrate"]


def migrate() -> None:
    """Run what Alembic was asked for."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        # SQLite cannot alter most of a table; the tool copies it instead.
        render_as_batch=connection.dialect.name == "sqlite",
        # The caller's transaction is the only one.
        transactional_ddl=False,
    )
    context.run_migrations()


if __name__ == "env_py":  # so Alembic calls it; whoever just imports it migrates nothing
    migrate()
