"""The commands `keys` and `audit`: access keys of a workspace's servers, and the log of their use."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.options import WORKSPACE, NewRoot, Root

if TYPE_CHECKING:
    from pipelines.workspace import Workspace
    from serving.access.keys import AccessKey

keys = typer.Typer(name="keys", help="Access keys of the servers: create, list, rotate, revoke.", no_args_is_help=True)
audit = typer.Typer(name="audit", help="The log of who asked for what.", no_args_is_help=True)

KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="As `stillwatch keys list` names it.")]


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option("--name", help="Whose the key is, or what it is for.")],
    scope: Annotated[
        list[str], typer.Option("--scope", help="score, reasons, events, metrics or admin; may be given again.")
    ],
    path: NewRoot = WORKSPACE,
) -> None:
    """Make a key and print it: it is shown only once."""
    from pipelines.workspace import Workspace

    workspace, now = Workspace(path), datetime.now(UTC)
    text, made = workspace.access_keys.create(name, scope, now)
    _note(workspace, "key created", made, now)
    print(f"key {made.key_id} ({made.name}) opens {', '.join(made.scopes)}; it is shown only now:")
    print(text)


@keys.command("list")
def list_keys(path: Root = WORKSPACE) -> None:
    """List the keys, without their secrets."""
    from pipelines.workspace import Workspace

    now, rows = datetime.now(UTC), Workspace(path).access_keys.stored()
    for key in rows:
        end = f"until {key.valid_until}" if key.valid_until else "no end"
        state = "valid" if key.is_valid(now) else "ended"
        print(f"{key.key_id}  {state}  {', '.join(key.scopes):<30}  {key.created_at}  {end}  {key.name}")
    if not rows:
        print("no keys: `stillwatch keys create --name NAME --scope SCOPE` makes one")


@keys.command("rotate")
def rotate_key(
    key_id: KeyId,
    overlap_hours: Annotated[
        float, typer.Option("--overlap-hours", min=0, help="How long the old key stays valid.")
    ] = 24.0,
    path: Root = WORKSPACE,
) -> None:
    """Make a key that replaces another; both are valid for a while."""
    from pipelines.workspace import Workspace

    workspace, now = Workspace(path), datetime.now(UTC)
    text, made = workspace.access_keys.rotate(key_id, now, timedelta(hours=overlap_hours))
    _note(workspace, "key rotated", made, now, replaces=key_id)
    print(f"key {made.key_id} replaces {key_id}, which stays valid for {overlap_hours:g} hours; it is shown only now:")
    print(text)


@keys.command("revoke")
def revoke_key(key_id: KeyId, path: Root = WORKSPACE) -> None:
    """Let a key open nothing from now on."""
    from pipelines.workspace import Workspace

    workspace, now = Workspace(path), datetime.now(UTC)
    ended = workspace.access_keys.revoke(key_id, now)
    _note(workspace, "key revoked", ended, now)
    print(f"key {ended.key_id} ({ended.name}) opens nothing any more")


@audit.command("verify")
def verify_audit(path: Root = WORKSPACE) -> None:
    """Check that no line of the audit log was changed, removed or put in."""
    from pipelines.workspace import Workspace

    checked = Workspace(path).audit_log.verify()
    print(f"{checked.entries:,} entries, whole; the last has the digest {checked.last}")


def _note(workspace: "Workspace", event: str, key: "AccessKey", now: datetime, **details: str) -> None:
    workspace.audit_log.append(event, "command", now, key_id=key.key_id, name=key.name, scopes=key.scopes, **details)
