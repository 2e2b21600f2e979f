"""What accounts are used for, and their risks at the last builds; the shown build is read anew, to fill both."""

from alembic import op
from sqlalchemy import Column, Float, String, inspect, update

from console.database.tables import account_rows, past_builds, risk_points, snapshots

revision = "0002"
down_revision = "0001"

_ADDED = ("used_for", "highest_risk")


def upgrade() -> None:
    """Add the columns, and lay the indexes again that hold them."""
    connection = op.get_bind()
    stored = inspect(connection)
    if not {column["name"] for column in stored.get_columns(account_rows.name)}.issuperset(_ADDED):
        for older_index in stored.get_indexes(account_rows.name):
            op.drop_index(str(older_index["name"]), account_rows.name)
        op.add_column(account_rows.name, Column(_ADDED[0], String(32)))
        op.add_column(account_rows.name, Column(_ADDED[1], Float))
        connection.execute(update(snapshots).values(stamp=""))
    past_builds.create(connection, checkfirst=True)
    for index in (*account_rows.indexes, *risk_points.indexes):
        index.create(connection, checkfirst=True)


def downgrade() -> None:
    """Remove what was added; the indexes of the older schema are not laid again."""
    connection = op.get_bind()
    for index in (*account_rows.indexes, *risk_points.indexes):
        index.drop(connection)
    past_builds.drop(connection)
    for name in _ADDED:
        op.drop_column(account_rows.name, name)
