"""The commands `build` and `score`: features and risks of all accounts; risks of some also by an endpoint."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.errors import InputError
from pipelines.commands.options import (
    WORKSPACE,
    ActThreshold,
    AllowFuture,
    AsOf,
    Cluster,
    NewRoot,
    Out,
    ReviewThreshold,
    Root,
    Workers,
    check_not_ahead,
    parse_as_of,
    require_workspace,
)

if TYPE_CHECKING:
    from pipelines.workspace import Workspace


def build(
    as_of: AsOf,
    allow_future: AllowFuture = False,
    workers: Workers = None,
    cluster: Cluster = None,
    path: Root = WORKSPACE,
) -> None:
    """Compute the features known at a time into the feature store."""
    from pipelines.build import build as run
    from pipelines.commands import printing
    from pipelines.execute.opening import open_engine
    from pipelines.workspace import Workspace

    now = datetime.now(UTC)
    check_not_ahead(Workspace(path), as_of, now, is_allowed=allow_future)
    with open_engine(workers, cluster) as engine, printing.show_progress() as progress:
        workspace = Workspace(path, engine=engine)
        with workspace.locked("build"):
            result = run(workspace, as_of, progress, now=now)
    printing.print_build(result, as_of.isoformat(), is_shared=workspace.mirror is None)


def score(
    out: Out,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", parser=parse_as_of, metavar="TIME", help="ISO 8601, UTC; needed without --url."),
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="Ask this endpoint about --accounts instead.")] = None,
    accounts: Annotated[
        str | None,
        typer.Option("--accounts", metavar="FILE", help="With --url: ids, one a line; - reads standard input."),
    ] = None,
    review_threshold: ReviewThreshold = None,
    act_threshold: ActThreshold = None,
    workers: Workers = None,
    cluster: Cluster = None,
    path: NewRoot = WORKSPACE,
) -> None:
    """Score every account seen up to a time with the champion, or some accounts by an endpoint."""
    if (url is None) != (accounts is None):
        raise InputError("--url and --accounts go together: give both, or neither and --as-of.")
    if (url is None) == (as_of is None):
        raise InputError("score needs --as-of TIME or --url URL, and not both: an endpoint gives the newest risks.")
    if url is not None and accounts is not None:
        if review_threshold is not None or act_threshold is not None:
            raise InputError("an endpoint has thresholds of its own: give them to `stillwatch serve`.")
        if workers is not None or cluster is not None:
            raise InputError("an endpoint scores by itself: leave out --workers and --cluster with --url.")
        _score_by_endpoint(url, accounts, out)
    elif as_of is not None:
        from pipelines.execute.opening import open_engine
        from pipelines.workspace import Workspace

        root, thresholds = require_workspace(path), (review_threshold, act_threshold)
        with open_engine(workers, cluster) as engine:
            _score_workspace(Workspace(root, engine=engine), as_of, out, thresholds)


def _score_workspace(
    workspace: "Workspace", as_of: datetime, out: Path, thresholds: tuple[float | None, float | None]
) -> None:
    from pipelines.commands import printing
    from pipelines.models.champion import outgrown
    from pipelines.score import score as run

    with workspace.locked("score"), printing.show_progress() as report:
        scores = run(workspace, as_of, out, report, thresholds=thresholds)
    counts = {level: scores.filter(level=level).height for level in ("review", "act")}
    print(f"{out}: {len(scores):,} accounts, {counts['review']:,} to review and {counts['act']:,} to act on")
    printing.print_left_out(workspace.lake.later(as_of))
    printing.print_attention(tuple(outgrown(workspace, as_of)))


def _score_by_endpoint(url: str, accounts: str, out: Path) -> None:
    from pipelines.commands import printing
    from pipelines.servers.remote_scores import read_account_ids, score_remotely

    ids = read_account_ids(accounts)
    with printing.show_progress() as report:
        scores = score_remotely(url, ids, out, report)
    counts = ", ".join(f"{count:,} {status}" for status, count in sorted(scores["status"].value_counts().iter_rows()))
    print(f"{out}: {len(scores):,} accounts: {counts}")
