"""Serving the console until it is stopped; a new build is shown as soon as the workspace is free."""

import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import uvicorn

from console.database.store import ConsoleStore
from console.people.logins import LoginSessions
from console.people.sign_on import SingleSignOn
from console.people.users import UserBook
from console.picture.filling import fill_picture, shown_stamp
from console.ports import SignOn, WebhookTarget
from console.web.app import create_console
from console.web.call import ConsoleParts
from features.errors import InputError, StillwatchError
from features.progress import Progress
from pipelines.console.alike import AlikeSearch
from pipelines.console.lake_decisions import LakeSink
from pipelines.console.picture import gather_picture, held, picture_source
from pipelines.console.store import console_store
from pipelines.servers.announced import AnnouncedServer
from pipelines.settings import settings
from pipelines.workspace import Workspace
from serving.access.tls import TlsFiles, is_loopback
from serving.process import check_port

log = logging.getLogger("stillwatch.console")


@dataclass(frozen=True)
class ConsoleRequest:
    """How to serve the console.

    Attributes:
        host: address to listen on.
        port: to listen on.
        tls: certificate and key; None serves without transport security.
        behind_proxy: whether a proxy with TLS stands before it, so that cookies are for HTTPS only.
    """

    host: str
    port: int
    tls: TlsFiles | None = None
    behind_proxy: bool = False


def webhook_target() -> WebhookTarget | None:
    """Where decisions are told, if the settings name it.

    Raises:
        InputError: the address is not HTTPS, or there is no secret.
    """
    url, secret = settings().webhook_url, settings().webhook_secret
    if url is None:
        return None
    if not _is_safe(url):
        raise InputError("STILLWATCH_WEBHOOK_URL is no https address: give one, or one of this machine.")
    if secret is None:
        raise InputError("STILLWATCH_WEBHOOK_URL needs STILLWATCH_WEBHOOK_SECRET: it signs what is sent.")
    return WebhookTarget(url, secret.get_secret_value().encode())


def single_sign_on(store: ConsoleStore) -> SingleSignOn | None:
    """The provider of single sign-on, if the settings name it.

    Raises:
        InputError: a setting is missing, or the provider is not reached by HTTPS.
    """
    current = settings()
    issuer, client_id, secret, back = (
        current.oidc_issuer,
        current.oidc_client_id,
        current.oidc_client_secret,
        current.oidc_back,
    )
    if issuer is None:
        return None
    if client_id is None or secret is None or back is None:
        raise InputError("STILLWATCH_OIDC_ISSUER needs STILLWATCH_OIDC_CLIENT_ID, _CLIENT_SECRET and _BACK: set all.")
    if not _is_safe(issuer):
        raise InputError("STILLWATCH_OIDC_ISSUER is no https address: give one, or one of this machine.")
    provider = SignOn(issuer, client_id, secret.get_secret_value(), back, current.oidc_claim)
    return SingleSignOn(provider, store)


def _is_safe(url: str) -> bool:
    """Is it reached by HTTPS, or on this machine?"""
    parts = urlsplit(url)
    is_loopback_address = parts.scheme == "http" and is_loopback(parts.hostname or "")
    return bool(parts.hostname) and (parts.scheme == "https" or is_loopback_address)


def refresh_picture(workspace: Workspace, store: ConsoleStore, progress: Progress) -> bool:
    """Show the last build, unless it is shown already or another command holds the workspace; tell whether it is new.

    Raises:
        InputError: there is no build or no champion yet.
    """
    if picture_source(workspace).stamp == shown_stamp(store):
        return False
    with held(workspace, "console") as scratch:
        if scratch is None:
            return False
        picture = gather_picture(workspace, scratch, progress)
    fill_picture(store, picture)
    return True


def console_parts(workspace: Workspace, store: ConsoleStore, *, is_secure: bool) -> ConsoleParts:
    """Put the console together over a workspace."""
    return ConsoleParts(
        store=store,
        users=UserBook(store),
        logins=LoginSessions(store),
        audit=workspace.audit_log,
        sink=LakeSink(workspace),
        alike=AlikeSearch(workspace),
        clock=lambda: datetime.now(UTC),
        is_secure=is_secure,
        webhook=webhook_target(),
        sign_on=single_sign_on(store),
    )


def serve_console(workspace: Workspace, request: ConsoleRequest, progress: Progress) -> None:
    """Serve until Ctrl-C or SIGTERM, and print the address.

    Raises:
        InputError: the port is taken, there is no user, build or champion yet, or a setting is not usable.
        StillwatchError: another command holds the workspace, and no build is shown yet.
    """
    check_port(request.host, request.port)
    store = console_store(workspace)
    is_secure = request.tls is not None or request.behind_proxy
    parts = console_parts(workspace, store, is_secure=is_secure)
    if not any(user.is_active for user in parts.users.all()):
        raise InputError("nobody may sign in yet: run `stillwatch console users add NAME --role admin` first.")
    refresh_picture(workspace, store, progress)
    if shown_stamp(store) is None:
        raise StillwatchError("another command holds the workspace, and no build is shown yet: start again after it.")
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
    app = create_console(parts, _watch(workspace, store))
    scheme = "http" if request.tls is None else "https"
    shown_host = f"[{request.host}]" if ":" in request.host else request.host
    config = uvicorn.Config(
        app,
        host=request.host,
        port=request.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        **({} if request.tls is None else request.tls.for_uvicorn()),
    )
    with suppress(KeyboardInterrupt):
        AnnouncedServer(config, f"console: {scheme}://{shown_host}:{request.port}/").run()
    store.close()


def _watch(workspace: Workspace, store: ConsoleStore) -> Callable[[], None]:
    """What looks for a new build, and shows it."""

    def look() -> None:
        try:
            if refresh_picture(workspace, store, lambda _step, _done: None):
                log.info("a new build is shown")
        except StillwatchError as error:
            log.warning("the last build can't be shown: %s", error)

    return look
