"""The scoring endpoint's options, from the workspace and the settings."""

from datetime import UTC, datetime

from features.errors import InputError
from pipelines.settings import settings
from pipelines.workspace import Workspace
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
    review_threshold: float | None = None,
    act_threshold: float | None = None,
) -> Options:
    """Collect the endpoint's options: its feature store, its limits, and whether callers need access keys.

    Thresholds that are not given are those of the settings.
    """
    current = settings()
    thresholds = current.thresholds(review_threshold, act_threshold)
    return Options(
        store=workspace.lookup.root.resolve(),
        online=current.online,
        freshness_hours=current.freshness_hours,
        base_rate=current.base_rate,
        review_threshold=thresholds[0],
        act_threshold=thresholds[1],
        host=host,
        verifying_key=current.verifying_key,
        inline=inline,
        access=None if is_open else workspace.access_keys.path.parent,
    )
