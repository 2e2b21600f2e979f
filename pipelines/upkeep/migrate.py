"""Migrate: a workspace of an older release is carried over to the present contracts."""

from features.tables.schema_change import Change, apply_changes, plan_changes
from pipelines.workspace import Workspace


def migrate_lake(workspace: Workspace) -> list[Change]:
    """Carry the tables of a workspace over; features, groups and the online store follow when they are asked for.

    Returns:
        What was changed; empty if all is of the present version.

    Raises:
        InputError: a table lacks what only the logs have; nothing was changed.
    """
    changes = plan_changes(workspace.lake)
    apply_changes(workspace.lake, changes)
    return changes
