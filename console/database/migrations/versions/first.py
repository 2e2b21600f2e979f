"""The first schema: all tables as they are."""

from alembic import op

from console.database.tables import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables. A later step that adds a table names it itself, and leaves this list as it was."""
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    """Remove the tables."""
    metadata.drop_all(op.get_bind())
