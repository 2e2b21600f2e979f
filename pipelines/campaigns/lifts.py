"""What the champion makes of the groups: which are reported, and what each account gains or loses by its own."""

from datetime import datetime

import numpy as np
import polars as pl

from features.groups.evidence import add_standing, bounded_odds, is_reported, is_reported_unmodelled, lift
from features.progress import Progress
from pipelines.campaigns.memberships import lasting_groups
from pipelines.workspace import Workspace
from training.examples.dataset import matrix
from training.models.model import Model

LIFTS_SCHEMA = pl.Schema(
    {"account_id": pl.String(), "campaign_id": pl.String(), "ties": pl.String(), "lift": pl.Float64()}
)


def lift_accounts(workspace: Workspace, model: Model | None, as_of: datetime, progress: Progress) -> pl.DataFrame:
    """Tell each account of a group what it gains by it, and the campaign if the group is reported.

    The features of that time must be there. Without a model nobody gains, and a group is reported only if it acts like
    a campaign whatever its members' standing, and chance does not explain it.

    Returns:
        `LIFTS_SCHEMA`, one row for each account in a group: the one with the highest odds.
    """
    workspace = workspace.named_at(as_of)
    groups = lasting_groups(workspace, as_of, progress)
    judged = judge_groups(workspace, model, groups, as_of).filter("is_lifted")
    best_first = judged.sort(bounded_odds(), "membership", "group", descending=[True, True, False])
    main = best_first.unique("account_id", keep="first", maintain_order=True)
    named = [pl.when("is_reported").then(name).alias(name) for name in ("campaign_id", "ties")]
    return main.select("account_id", *named, lift=pl.lit(0.0) if model is None else lift()).sort("account_id")


def judge_groups(workspace: Workspace, model: Model | None, members: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Add the members' standing to their group's `odds`, and `is_reported`.

    Args:
        workspace: with the features of that time.
        model: whose scores are asked; None for none.
        members: `group`, `account_id`, `surprise`, `odds`, `is_crowd` and more.
        as_of: the time.
    """
    if model is None:
        return members.with_columns(is_reported=is_reported_unmodelled())
    standing = tell_standing(workspace, model, members["account_id"].unique().sort(), as_of)
    judged = add_standing(members.join(standing, on="account_id", how="left", maintain_order="left")).drop("standing")
    return judged.with_columns(is_reported=is_reported())


def tell_standing(workspace: Workspace, model: Model, account_ids: pl.Series, as_of: datetime) -> pl.DataFrame:
    """Tell `account_id` and `standing` (the share of accounts that the model scores lower) of accounts as of a time."""
    rows = pl.DataFrame({"account_id": account_ids}).with_columns(as_of=pl.lit(as_of).cast(pl.Datetime("us", "UTC")))
    features = matrix(workspace.lookup.historical(rows), model.features)
    shares = model.standing.shares(model.raw(features)) if len(rows) else np.zeros(0)
    return rows.select("account_id", standing=pl.Series(shares, dtype=pl.Float64))
