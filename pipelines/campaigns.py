"""Campaigns: who acts together as of a time, under ids that last from one asking to the next."""

import hashlib
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import polars as pl

from features.campaigns import GROUPING, Groups, group
from features.catalogue import FEATURE_NAMES
from features.continuity import named
from features.coordination import LINK_KINDS, Links, links
from features.errors import InputError, IntegrityError
from features.lake import Lake
from pipelines.build import Progress, check_known, ensure_features
from pipelines.champion import champion_model
from pipelines.outputs import check_out, write
from pipelines.workspace import Workspace
from training.dataset import matrix

MEMBERS_SCHEMA = pl.Schema({"campaign_id": pl.String(), "account_id": pl.String(), "membership": pl.Float64()})
_SEED = 0  # of the grouping: another one gives another answer to the same question
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
    progress("links", 0.0)
    tied = links(workspace.lake, as_of)
    progress("links", 1.0)
    found = group(tied, _SEED).campaigns()
    members = _told(workspace.lake, as_of, tied, found)
    progress("campaigns", 1.0)
    write(members.select(MEMBERS_SCHEMA.names()), out)
    if table:
        write(_table(workspace, as_of, tied, found, members, progress), table)
    return members.select(MEMBERS_SCHEMA.names())


def ensure_campaigns(workspace: Workspace, as_of: datetime, progress: Progress) -> pl.DataFrame:
    """The members of campaigns as of a time, `MEMBERS_SCHEMA`; grouped anew only if the lake holds more since."""
    told = _stored(workspace.lake, as_of)
    if not len(told) or told["stamp"][0] != _stamp(workspace.lake):
        progress("campaigns", 0.0)
        tied = links(workspace.lake, as_of)
        told = _told(workspace.lake, as_of, tied, group(tied, _SEED).campaigns())
        progress("campaigns", 1.0)
    return told.select(MEMBERS_SCHEMA.names()).sort("campaign_id", "account_id")


def strongest(members: pl.DataFrame) -> pl.DataFrame:
    """`account_id`, `campaign_id`: of each account in campaigns the one it belongs to most."""
    first = members.sort("membership", "campaign_id", descending=[True, False])
    return first.unique("account_id", keep="first", maintain_order=True).select("account_id", "campaign_id")


def _told(lake: Lake, as_of: datetime, tied: Links, found: Groups) -> pl.DataFrame:
    """The members under lasting ids (with `group`), which are stored unless this very answer is there."""
    accounts = tied.accounts.select("account_id", "created_at").with_row_index("account")
    members = found.members.join(accounts, on="account", maintain_order="left")
    stored, stamp = _stored(lake, as_of), _stamp(lake)
    names = named(members, _past(lake, as_of))
    told = members.join(names.ids, on="group").sort("campaign_id", "account_id")
    if len(stored) and stored["stamp"][0] == stamp:
        return told
    version = stored["version"][0] + 1 if len(stored) else 0
    stamped = [pl.lit(as_of).cast(pl.Datetime("us", "UTC")).alias("as_of"), pl.lit(version, pl.Int64).alias("version")]
    source = int(hashlib.sha256(f"{as_of.isoformat()} {version}".encode()).hexdigest()[:15], 16)
    lake.append("campaign_lineage", [names.lineage.with_columns(stamped)], source)
    lake.append("campaigns", [told.with_columns(*stamped, pl.lit(stamp).alias("stamp"))], source)
    return told


def _stamp(lake: Lake) -> str:
    return f"{lake.stamp()}/{GROUPING}"


def _answers(lake: Lake, as_of: datetime) -> pl.DataFrame:
    """What was told up to as_of, of each time the newest version; nothing that a later time gave is in it."""
    rows = lake.scan("campaigns").filter(pl.col("as_of") <= as_of).collect()
    return rows.filter(pl.col("version") == pl.col("version").max().over("as_of"))


def _stored(lake: Lake, as_of: datetime) -> pl.DataFrame:
    return _answers(lake, as_of).filter(pl.col("as_of") == as_of)


def _past(lake: Lake, as_of: datetime) -> pl.DataFrame:
    """The members of each campaign when it was last told: one that was below the threshold for a day comes back."""
    answers = _answers(lake, as_of)
    return answers.filter(pl.col("as_of") == pl.col("as_of").max().over("campaign_id"))


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
