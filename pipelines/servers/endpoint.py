"""The scoring endpoint's options, from the workspace and the settings."""

from pipelines.settings import settings
from pipelines.workspace import Workspace
from serving.server import HOST, Options


def endpoint_options(
    workspace: Workspace, host: str = HOST, review_threshold: float | None = None, act_threshold: float | None = None
) -> Options:
    """Collect the endpoint's options: its feature store, its limits, and who may read reasons.

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
        prove=current.verifier(),
        analysts=None if current.analyst_token is None else current.analyst_token.get_secret_value(),
    )
