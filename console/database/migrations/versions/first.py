"""The first schema: all tables as they are today."""

from alembic import op

from console.database.tables import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables as they are today, so that each later step only adds what an older database lacks."""
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    """Remove the tables."""
    metadata.drop_all(op.get_bind())
