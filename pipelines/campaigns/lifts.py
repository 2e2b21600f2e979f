"""What the champion makes of the groups: which are reported, and what each account gains or loses by its own."""

from datetime import datetime

import numpy as np
import polars as pl

from features.groups.evidence import add_standing, bounded_odds, is_reported, is_reported_unmodelled, lift
from features.groups.joining import GROUP_KEYS, list_group_keys
from features.groups.links import read_links
from features.progress import Progress
from pipelines.campaigns.memberships import lasting_groups
from pipelines.workspace import Workspace
from training.examples.dataset import matrix
from training.models.model import Model

LIFTS_SCHEMA = pl.Schema(
    {"account_id": pl.String(), "campaign_id": pl.String(), "ties": pl.String(), "lift": pl.Float64()}
)


JOINABLE_SCHEMA = pl.Schema({**GROUP_KEYS, "odds": pl.Float64(), "is_crowd": pl.Boolean(), "is_reported": pl.Boolean()})
"""A key of a group, and what is judged of the group."""


def lift_accounts(workspace: Workspace, model: Model | None, as_of: datetime, progress: Progress) -> pl.DataFrame:
    """Tell each account of a group what it gains by it, and the campaign if the group is reported.

    The features of that time must be there. Without a model nobody gains, and a group is reported only if it acts like
    a campaign whatever its members' standing, and chance does not explain it.

    Returns:
        `LIFTS_SCHEMA`, one row for each account in a group: the one with the highest odds.
    """
    return tell_lifts(main_groups(workspace, model, as_of, progress), is_lifted=model is not None)


def main_groups(workspace: Workspace, model: Model | None, as_of: datetime, progress: Progress) -> pl.DataFrame:
    """Judge the groups, and tell of each account that gains or loses by one that with the highest odds.

    Returns:
        See `judge_groups`; one row an account.
    """
    judged = _judge_lasting(workspace, model, as_of, progress)
    best_first = judged.sort(bounded_odds(), "membership", "group", descending=[True, True, False])
    return best_first.unique("account_id", keep="first", maintain_order=True)


def lasting_members(workspace: Workspace, model: Model | None, as_of: datetime, progress: Progress) -> pl.DataFrame:
    """List the members of reported campaigns; who has fallen silent belongs to those of the last active week.

    So each account with a campaign in `lift_accounts` is here. The features of that time must be there.

    Returns:
        See `judge_groups`; one row for each campaign and account.
    """
    return _judge_lasting(workspace, model, as_of, progress).filter("is_reported")


def _judge_lasting(workspace: Workspace, model: Model | None, as_of: datetime, progress: Progress) -> pl.DataFrame:
    """Judge the groups of each account's last active week, as they were then: those that it was in itself."""
    workspace = workspace.named_at(as_of)
    groups = lasting_groups(workspace, as_of, progress)
    return judge_groups(workspace, model, groups, as_of).filter("is_lifted")


def tell_lifts(members: pl.DataFrame, *, is_lifted: bool) -> pl.DataFrame:
    """Tell what the members of judged groups gain by them, nothing without a model: `LIFTS_SCHEMA`, sorted."""
    named = [pl.when("is_reported").then(name).alias(name) for name in ("campaign_id", "ties")]
    return members.select("account_id", *named, lift=lift() if is_lifted else pl.lit(0.0)).sort("account_id")


def list_joinable(workspace: Workspace, members: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """List the keys by which an account can join the groups of a time until all are grouped again.

    Args:
        workspace: whose accounts are grouped.
        members: of `main_groups`.
        as_of: the time.

    Returns:
        `JOINABLE_SCHEMA`.
    """
    present = members.filter(pl.col("group") == pl.col("campaign_id"))  # not those of weeks before
    keys = list_group_keys(read_links(workspace.named_at(as_of).lake, as_of), present.select("group", "account_id"))
    judged = present.unique("group").select("group", "odds", "is_crowd", "is_reported")
    return keys.join(judged, on="group").select(JOINABLE_SCHEMA.names())


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
    rows = workspace.lookup.read_some(as_of, account_ids)
    shares = model.standing.shares(model.raw(matrix(rows, model.features))) if len(rows) else np.zeros(0)
    return rows.select("account_id", standing=pl.Series(shares, dtype=pl.Float64))
