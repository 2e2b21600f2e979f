"""Serving: the options of the endpoint, from the workspace and the settings."""

from pipelines.settings import settings
from pipelines.workspace import Workspace
from serving.server import HOST, Options


def options(workspace: Workspace, host: str = HOST) -> Options:
    """Where the endpoint finds its features, how old they may be, what the model must prove, who reads reasons."""
    known = settings()
    return Options(
        store=workspace.lookup.root.resolve(),
        online=known.online,
        freshness_hours=known.freshness_hours,
        base_rate=known.base_rate,
        host=host,
        prove=known.verifier(),
        analysts=None if known.analyst_token is None else known.analyst_token.get_secret_value(),
    )
