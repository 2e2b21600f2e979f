"""The command `console`: serves the analysts' page, and says who may sign in to it."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.errors import InputError
from pipelines.commands.options import (
    CONSOLE_PORT,
    HOLDS_ALL,
    WORKSPACE,
    Root,
    TlsCert,
    TlsClientCa,
    TlsKey,
    parse_workspace,
    require_workspace,
    resolve_workspace,
)

if TYPE_CHECKING:
    from console.people.users import User, UserBook
    from pipelines.workspace import Workspace

console = typer.Typer(
    name="console",
    help="The analysts' web page: queue, account, campaign, case, decision.",
    invoke_without_command=True,
)
users = typer.Typer(name="users", help="Who may sign in to the console.", no_args_is_help=True)
console.add_typer(users)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the user.")]
Role = Annotated[str, typer.Option("--role", help="reader, analyst, lead or admin.")]


@console.callback()
def serve_pages(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = CONSOLE_PORT,
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    behind_proxy: Annotated[
        bool, typer.Option("--behind-tls-proxy", help="A proxy with TLS stands before it: cookies are for HTTPS only.")
    ] = False,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    tls_client_ca: TlsClientCa = None,
    path: Annotated[
        Path | None,
        typer.Option(
            "--workspace", parser=parse_workspace, metavar="DIR", help=f"{HOLDS_ALL} Also before the command."
        ),
    ] = None,
) -> None:
    """Serve the analysts' page until it is stopped."""
    if context.invoked_subcommand is not None:
        return  # it reads --workspace itself
    from pipelines.commands import printing
    from pipelines.console.serving import ConsoleRequest, serve_console
    from pipelines.workspace import Workspace
    from serving.access.tls import check_tls, plaintext_warning

    root = require_workspace(resolve_workspace(context, path or WORKSPACE))
    workspace, tls = Workspace(root), check_tls(tls_cert, tls_key, tls_client_ca)
    if (warning := plaintext_warning(host, tls)) and not behind_proxy:
        print(warning, file=sys.stderr)
    with printing.show_progress() as report:
        serve_console(workspace, ConsoleRequest(host, port, tls, behind_proxy), report)


@users.command("list")
def list_users(path: Root = WORKSPACE) -> None:
    """List the users."""
    from pipelines.workspace import Workspace

    rows = _book(Workspace(path)).all()
    for user in rows:
        print(f"{user.name:<24}  {user.role:<8}  {'active' if user.is_active else 'disabled'}")
    if not rows:
        print("no users: `stillwatch console users add NAME --role ROLE` adds one")


@users.command("add")
def add_user(
    name: Name,
    role: Role,
    sso: Annotated[bool, typer.Option("--sso", help="No password: signs in by single sign-on only.")] = False,
    path: Root = WORKSPACE,
) -> None:
    """Add a user; the password is asked for, or read from the first line of standard input."""
    from pipelines.workspace import Workspace

    workspace = Workspace(path)
    user = _book(workspace).add(name, role, None if sso else _password(), datetime.now(UTC))
    _note_user(workspace, "user added", user)
    print(f"{user.name} may sign in as {user.role}")


@users.command("role")
def change_role(name: Name, role: Role, path: Root = WORKSPACE) -> None:
    """Give a user another role, from the next page on."""
    from pipelines.workspace import Workspace

    workspace = Workspace(path)
    user = _book(workspace).change_role(name, role)
    _note_user(workspace, "user's role changed", user)
    print(f"{user.name} is {user.role} now")


@users.command("password")
def change_password(name: Name, path: Root = WORKSPACE) -> None:
    """Give a user another password, and end the user's sessions."""
    from pipelines.workspace import Workspace

    workspace = Workspace(path)
    user = _book(workspace).change_password(name, _password())
    _note_user(workspace, "user's password changed", user)
    print(f"{user.name} has another password now; all sessions have ended")


@users.command("disable")
def disable_user(name: Name, path: Root = WORKSPACE) -> None:
    """Let a user sign in no more; sessions end at once."""
    _switch(path, name, is_active=False)


@users.command("enable")
def enable_user(name: Name, path: Root = WORKSPACE) -> None:
    """Let a disabled user sign in again."""
    _switch(path, name, is_active=True)


def _switch(path: Root, name: str, *, is_active: bool) -> None:
    from pipelines.workspace import Workspace

    workspace = Workspace(path)
    user = _book(workspace).set_active(name, is_active=is_active)
    _note_user(workspace, "user enabled" if is_active else "user disabled", user)
    print(f"{user.name} {'may sign in again' if is_active else 'may sign in no more'}")


def _book(workspace: "Workspace") -> "UserBook":
    from console.people.users import UserBook
    from pipelines.console.store import console_store

    return UserBook(console_store(workspace))


def _note_user(workspace: "Workspace", event: str, user: "User") -> None:
    workspace.audit_log.append(event, "command", datetime.now(UTC), name=user.name, role=user.role)


def _password() -> str:
    """Ask for a password, twice on a terminal; never an argument, which all users of the machine can read."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise InputError("no password: give it as the first line of standard input, or run this on a terminal.")
    return line
