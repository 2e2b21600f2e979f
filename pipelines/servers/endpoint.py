"""The scoring endpoint's options, from the workspace and the settings."""

from datetime import UTC, datetime

from features.errors import InputError
from pipelines.settings import settings
from pipelines.workspace import Workspace
from serving.access.tls import TlsFiles
from serving.inline import DEFAULT_RULES, InlineRules
from serving.server import HOST, Options


def check_keys(workspace: Workspace, scope: str) -> None:
    """Check that somebody will be let in by a server that is not open.

    Raises:
        InputError: no valid key opens the scope.
    """
    now = datetime.now(UTC)
    if not any(key.is_valid(now) and key.opens(scope) for key in workspace.access_keys.stored()):
        raise InputError(
            f"no valid access key of {workspace.root} opens the scope {scope}: run `stillwatch keys create --name NAME "
            f"--scope {scope}` first, or give --open to let everybody in."
        )


def endpoint_options(
    workspace: Workspace,
    host: str = HOST,
    *,
    is_open: bool,
    inline: InlineRules = DEFAULT_RULES,
    tls: TlsFiles | None = None,
    thresholds: tuple[float | None, float | None] = (None, None),
) -> Options:
    """Collect the endpoint's options: its feature store, its limits, and whether callers need access keys.

    Args:
        workspace: the workspace.
        host: address to listen on.
        is_open: whether everybody may ask.
        inline: how gateways are answered.
        tls: certificate and key.
        thresholds: for review and act; those that are None are those of the settings.
    """
    current = settings()
    review, act = current.thresholds(*thresholds)
    return Options(
        store=workspace.lookup.root.resolve(),
        online=current.online,
        freshness_hours=current.freshness_hours,
        base_rate=current.base_rate,
        review_threshold=review,
        act_threshold=act,
        host=host,
        verifying_key=current.verifying_key,
        inline=inline,
        tls=tls,
        log_format=current.log_format,
        log_level=current.log_level,
        store_seconds=current.store_seconds,
        most_calls=current.most_calls,
        rate_per_key=current.rate_per_key,
        access=None if is_open else workspace.access_keys.path.parent,
    )
