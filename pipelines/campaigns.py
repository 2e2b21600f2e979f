"""Campaigns: who acts together as of a time, into files: members, and a table of campaigns."""

from contextlib import suppress
from datetime import datetime
from pathlib import Path

import polars as pl

from features.campaigns import Groups
from features.catalogue import FEATURE_NAMES
from features.coordination import LINK_KINDS, Links
from features.errors import InputError, IntegrityError
from pipelines.build import Progress, check_known, ensure_features
from pipelines.champion import champion_model
from pipelines.memberships import MEMBERS_SCHEMA, grouped, told_of
from pipelines.outputs import check_out, write
from pipelines.workspace import Workspace
from training.dataset import matrix

_TEMPLATES = 5  # keys that are told of a campaign


def campaigns(
    workspace: Workspace, as_of: datetime, out: Path, progress: Progress, table: Path | None = None
) -> pl.DataFrame:
    """Group accounts as of a time and write the contract's table of members, and one of campaigns if asked.

    Returns:
        `MEMBERS_SCHEMA`, sorted.

    Raises:
        InputError: nothing is known at that time, or a file can't be written.
    """
    for path in [out, table] if table else [out]:
        check_out(path)
    check_known(workspace, as_of)
    progress("campaigns", 0.0)
    tied, found = grouped(workspace.lake, as_of)
    members = told_of(workspace.lake, as_of, tied, found)
    progress("campaigns", 1.0)
    write(members.select(MEMBERS_SCHEMA.names()), out)
    if table:
        write(_table(workspace, as_of, tied, found, members, progress), table)
    return members.select(MEMBERS_SCHEMA.names())


def _table(
    workspace: Workspace, as_of: datetime, tied: Links, found: Groups, members: pl.DataFrame, progress: Progress
) -> pl.DataFrame:
    """One row per campaign: what an analyst looks at first."""
    lake = workspace.lake
    used = (
        lake.account_rollups(as_of)
        .group_by("account_id")
        .agg(pl.col("requests").sum(), tokens=(pl.col("input_tokens") + pl.col("output_tokens")).sum())
        .collect()
    )
    known = (
        members.join(lake.seen(as_of), on="account_id", how="left")
        .join(used, on="account_id", how="left")
        .join(tied.accounts.select("account_id", "young"), on="account_id")
        .join(_risks(workspace, as_of, members, progress), on="account_id", how="left")
    )
    return (
        known.group_by("group", "campaign_id")
        .agg(
            accounts=pl.len().cast(pl.Int64),
            first_seen=pl.col("first_seen").min(),
            last_seen=pl.col("last_seen").max(),
            requests=pl.col("requests").sum(),
            tokens=pl.col("tokens").sum(),
            young_share=pl.col("young").mean(),
            mean_risk=pl.col("risk").mean(),
        )
        .join(found.groups.select("group", "surprise"), on="group")
        .join(_evidence(tied, found), on="group", how="left")
        .drop("group")
        .sort("accounts", "campaign_id", descending=[True, False])
    )


def _evidence(tied: Links, found: Groups) -> pl.DataFrame:
    """`group`, `kinds` of keys that its members share, and its heaviest `templates`."""
    kinds = pl.Series([kind.name for kind in LINK_KINDS])
    is_template = pl.Series([kind.evidence == "template" for kind in LINK_KINDS])
    keys = tied.keys.with_row_index("row").select(
        pl.col("row").alias("key"),
        template="key",
        kind=kinds.gather(tied.keys["kind"]),
        is_template=is_template.gather(tied.keys["kind"]),
    )
    shown = found.keys.join(keys, on="key", maintain_order="left")
    return shown.group_by("group", maintain_order=True).agg(
        kinds=pl.col("kind").unique().sort(),
        templates=pl.col("template").filter("is_template").head(_TEMPLATES),
    )


def _risks(workspace: Workspace, as_of: datetime, members: pl.DataFrame, progress: Progress) -> pl.DataFrame:
    """`account_id`, `risk` by the champion; no rows where there is none for these features."""
    entities = members.select("account_id").unique().sort("account_id")
    with suppress(InputError, IntegrityError):
        model = champion_model(workspace, is_current=True)
        ensure_features(workspace, [as_of], progress)
        asked = entities.with_columns(as_of=pl.lit(as_of).cast(pl.Datetime("us", "UTC")))
        features = workspace.lookup.historical(asked)
        return entities.with_columns(risk=pl.Series(model.predict(matrix(features, FEATURE_NAMES)), dtype=pl.Float64))
    return pl.DataFrame(schema={"account_id": pl.String, "risk": pl.Float64})
