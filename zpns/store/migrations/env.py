"""Run by Alembic: migrate over the connection that the configuration carries."""

from alembic import context

from zpns.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    # SQLite cannot alter most of a table; the tool copies it instead.
    render_as_batch=connection.dialect.name == "sqlite",
    # The caller's transaction is the only one.
    transactional_ddl=False,
)
context.run_migrations()
