"""What Alembic runs: the steps over the connection that `console.database.store` gives."""

from alembic import context

from console.database.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
