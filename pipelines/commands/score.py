"""The command `score`: of all accounts, by the champion of a workspace; or of some, by an endpoint."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from features.errors import InputError
from pipelines.commands.options import (
    WORKSPACE,
    ActThreshold,
    NewRoot,
    Out,
    ReviewThreshold,
    parse_as_of,
    require_workspace,
)


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
        _score_by_endpoint(url, accounts, out)
    elif as_of is not None:
        _score_workspace(require_workspace(path), as_of, out, (review_threshold, act_threshold))


def _score_workspace(root: Path, as_of: datetime, out: Path, thresholds: tuple[float | None, float | None]) -> None:
    from pipelines.commands import printing
    from pipelines.score import score as run
    from pipelines.workspace import Workspace

    workspace = Workspace(root)
    with workspace.locked("score"), printing.show_progress() as report:
        scores = run(workspace, as_of, out, report, thresholds=thresholds)
    counts = {level: scores.filter(level=level).height for level in ("review", "act")}
    print(f"{out}: {len(scores):,} accounts, {counts['review']:,} to review and {counts['act']:,} to act on")
    printing.print_left_out(workspace.lake.later(as_of))


def _score_by_endpoint(url: str, accounts: str, out: Path) -> None:
    from pipelines.commands import printing
    from pipelines.servers.remote_scores import read_account_ids, score_remotely

    ids = read_account_ids(accounts)
    with printing.show_progress() as report:
        scores = score_remotely(url, ids, out, report)
    counts = ", ".join(f"{count:,} {status}" for status, count in sorted(scores["status"].value_counts().iter_rows()))
    print(f"{out}: {len(scores):,} accounts: {counts}")
