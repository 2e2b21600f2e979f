"""Migrate: a workspace of an older release is carried over to the present contracts."""

from features.errors import InputError
from features.tables.schema_change import Change, apply_changes, plan_changes
from pipelines.workspace import Workspace


def migrate_lake(workspace: Workspace) -> list[Change]:
    """Carry the tables of a workspace over; features, groups and the online store follow when they are asked for.

    Returns:
        What was changed; empty if all is of the present version.

    Raises:
        InputError: a table lacks what only the logs have, or lies on an object store, where a table can't take
            another's place at once; nothing was changed.
    """
    changes = plan_changes(workspace.lake)
    if changes and workspace.mirror is not None:
        raise InputError(
            f"the table {changes[0].table} of {workspace.address} is of an older version, and no table can be replaced "
            "on an object store: copy all below it into a folder, run `stillwatch migrate` there, and copy its lake, "
            "mlruns and key.fingerprint to a new address."
        )
    apply_changes(workspace.lake, changes)
    return changes
