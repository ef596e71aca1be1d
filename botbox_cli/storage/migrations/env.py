"""Alembic's entry: migrates on the connection that `migrate` passes in, inside its transaction."""

from alembic import context

from botbox_cli.storage.tables import full_metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=full_metadata(),
    # SQLite takes back a half-made schema as well as PostgreSQL does, once the driver begins no transaction by itself.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
