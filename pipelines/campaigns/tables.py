"""Campaigns as of a time, written to files: members, one row per campaign, and what ties each member to it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from features.groups.grouping import Groups
from features.groups.link_kinds import LINK_KINDS
from features.groups.links import Links
from features.groups.members import WeighedGroups, count_members, evidence_of, group_lake
from features.identity import key_pseudonym
from features.lake import WHOLE_LIFE
from features.progress import Progress
from features.store.last_active import earlier_week_ends
from pipelines.build import check_requests, ensure_features
from pipelines.campaigns.lifts import judge_groups, lift_accounts
from pipelines.campaigns.memberships import MEMBERS_SCHEMA, ensure_groups, store_members
from pipelines.models.champion import current_champion
from pipelines.outputs import check_outputs, write_table
from pipelines.workspace import Workspace
from training.examples.dataset import matrix
from training.models.model import Model

_TEMPLATES = 5  # template keys listed for a campaign, the heaviest first
_AROUND = timedelta(days=3)  # before and after the first ban; doubled, a ban waits twice as long for its figure


def write_campaigns(
    workspace: Workspace,
    as_of: datetime,
    out: Path,
    progress: Progress,
    table: Path | None = None,
    evidence: Path | None = None,
) -> pl.DataFrame:
    """Group accounts as of a time and write the contract's table of members.

    Args:
        workspace: the workspace to read; new campaign ids are stored in its lake.
        as_of: the time asked about.
        out: path of the table of members.
        progress: called with the step and the share done.
        table: path of a table with one row per campaign, if wanted.
        evidence: path of a table of what ties each member to its campaign, if wanted.

    Returns:
        The members (`MEMBERS_SCHEMA`), sorted by campaign and account.

    Raises:
        InputError: there is no request at that time, or a file can't be written.
        IntegrityError: the champion is not what was registered and signed.
    """
    check_outputs({"--out": out, "--table": table, "--evidence": evidence})
    workspace = workspace.named_at(as_of)
    campaigns = gather_campaigns(workspace, as_of, progress)
    reported, members = campaigns.weighed, campaigns.members
    write_table(members.select(MEMBERS_SCHEMA.names()), out)
    if table:
        risks = _risks(workspace, campaigns.model, as_of, progress)
        write_table(_table(workspace, as_of, reported, members, risks), table, "--table")
    if evidence:
        write_table(_ties(reported.links, reported.groups, members), evidence, "--evidence")
    return members.select(MEMBERS_SCHEMA.names())


@dataclass(frozen=True)
class GatheredCampaigns:
    """The campaigns that are reported as of a time.

    Attributes:
        weighed: their groups.
        members: of these, as `features.groups.members.name_members` gives them.
        model: that judged them; None without a champion that reads today's features.
    """

    weighed: WeighedGroups
    members: pl.DataFrame
    model: Model | None


def gather_campaigns(workspace: Workspace, as_of: datetime, progress: Progress) -> GatheredCampaigns:
    """Group accounts as of a time, under lasting ids, and let the champion judge which groups are reported.

    Raises:
        InputError: there is no request at that time.
        IntegrityError: the champion is not what was registered and signed.
    """
    check_requests(workspace, as_of)
    for time in earlier_week_ends(workspace.lake.seen(as_of), as_of):  # so that ids are those of `score`
        ensure_groups(workspace, time, progress)
    progress("campaigns", 0.0)
    weighed = group_lake(workspace.lake, as_of)
    everybody = store_members(workspace.lake, as_of, weighed)
    progress("campaigns", 1.0)
    model = current_champion(workspace)
    if model is not None:
        ensure_features(workspace, [as_of], progress)
    members = judge_groups(workspace, model, everybody, as_of).filter("is_reported").drop("is_reported")
    reported = replace(weighed, groups=weighed.groups.restrict(members["group"].unique()))
    return GatheredCampaigns(reported, members, model)


def _table(
    workspace: Workspace,
    as_of: datetime,
    reported: WeighedGroups,
    members: pl.DataFrame,
    risks: pl.DataFrame,
) -> pl.DataFrame:
    """Build the table of campaigns, one row each; what members did is told of their whole life up to as_of."""
    lake = workspace.lake
    used = (
        lake.account_rollups(as_of, WHOLE_LIFE)
        .group_by("account_id")
        .agg(pl.col("requests").sum(), tokens=(pl.col("input_tokens") + pl.col("output_tokens")).sum())
        .collect(engine="streaming")
    )
    described = (
        members.join(lake.seen(as_of), on="account_id", how="left")
        .join(used, on="account_id", how="left")
        .join(reported.links.accounts.select("account_id", "young"), on="account_id")
        .join(risks, on="account_id", how="left")
    )
    return (
        described.group_by("group", "campaign_id")
        .agg(
            accounts=pl.len().cast(pl.Int64),
            first_seen=pl.col("first_seen").min(),
            last_seen=pl.col("last_seen").max(),
            requests=pl.col("requests").sum(),
            tokens=pl.col("tokens").sum(),
            young_share=pl.col("young").mean(),
            mean_risk=pl.col("risk").mean(),
            log_odds=pl.col("odds").first(),
            surprise=pl.col("surprise").first(),
        )
        .join(_evidence(reported.links, reported.groups), on="group", how="left")
        .join(count_succession(workspace, as_of, members), on="group", how="left")
        .with_columns(pl.col("banned", "successors").fill_null(0))
        .drop("group")
        .sort("accounts", "campaign_id", descending=[True, False])
    )


def _evidence(account_links: Links, groups: Groups) -> pl.DataFrame:
    """List, for each `group`, the `kinds` of keys that its members share and its heaviest `templates`.

    Returns:
        `kinds`: names of `LINK_KINDS`; `templates`: what sort of template, by which pseudonym, of how many members.
    """
    kinds = account_links.keys["kind"]
    names, words = (pl.Series([getattr(kind, part) for kind in LINK_KINDS]).gather(kinds) for part in ("name", "words"))
    is_template = pl.Series([kind.evidence == "template" for kind in LINK_KINDS]).gather(kinds)
    keys = account_links.keys.with_row_index("row").select(
        pl.col("row").alias("key"), hashed="key", name=names, words=words, is_template=is_template
    )
    shown = groups.keys.join(keys, on="key", maintain_order="left").join(
        count_members(account_links, groups), on=["group", "key"], how="left", maintain_order="left"
    )
    template = pl.struct(kind="words", name=key_pseudonym(pl.col("name"), pl.col("hashed")), accounts="accounts")
    return shown.group_by("group", maintain_order=True).agg(
        kinds=pl.col("name").unique().sort(),
        templates=template.filter("is_template").head(_TEMPLATES),
    )


def _ties(account_links: Links, groups: Groups, members: pl.DataFrame) -> pl.DataFrame:
    """Build the table of ties: one row per campaign, member and kind of shared key, the heaviest first.

    It names no key and no other account. `keys`, `others` and `weight` are as `evidence_of` counts them.
    """
    named = members.select("group", "account", "campaign_id", "account_id")
    kinds = pl.Series([kind.name for kind in LINK_KINDS])
    counted = evidence_of(account_links, groups)
    worded = counted.with_columns(kind=kinds.gather(counted["kind"]))
    return (
        worded.join(named, on=["group", "account"], maintain_order="left")
        .select("campaign_id", "account_id", "kind", "keys", "others", "weight")
        .sort("campaign_id", "account_id", maintain_order=True)
    )


def count_succession(workspace: Workspace, as_of: datetime, members: pl.DataFrame) -> pl.DataFrame:
    """Count what followed the first ban in each `group` with a banned member.

    Returns:
        `banned`: how many members were banned; `successors`: how many members sent their first request after the first
        ban; `volume_kept`: the campaign's requests in the three days after the first ban over those in the three days
        before; null if the log does not hold all of these six days, or if there was no request before.
    """
    lake, own = workspace.lake, members.select("group", "account_id")
    seen = lake.seen(as_of)
    banned = own.join(lake.banned(as_of), on="account_id")
    firsts = banned.group_by("group").agg(banned=pl.len().cast(pl.Int64), ban=pl.col("acted_at").min())
    hit = own.join(firsts, on="group")
    came = pl.col("first_seen") > pl.col("ban")
    successors = hit.join(seen, on="account_id").group_by("group").agg(came.sum().cast(pl.Int64))
    hours = lake.account_rollups(as_of, WHOLE_LIFE).select("account_id", "hour", "requests")
    since, requests = pl.col("hour") - pl.col("ban").dt.truncate("1h"), pl.col("requests")
    after = requests.filter(since.is_between(timedelta(), _AROUND, closed="left")).sum()
    before = requests.filter(since.is_between(-_AROUND, timedelta(), closed="left")).sum()
    ban = pl.col("ban").first()
    is_known = (ban + _AROUND <= pl.lit(as_of)) & (ban - _AROUND >= pl.lit(seen["first_seen"].min()))
    volumes = (
        hours.join(hit.lazy(), on="account_id")
        .group_by("group")
        .agg(volume_kept=pl.when(is_known & (before > 0)).then(after / before))
        .collect(engine="streaming")
    )
    banned_groups = firsts.drop("ban").join(successors.rename({"first_seen": "successors"}), on="group", how="left")
    return banned_groups.join(volumes, on="group", how="left")


def _risks(workspace: Workspace, model: Model | None, as_of: datetime, progress: Progress) -> pl.DataFrame:
    """`account_id`, `risk` of everybody in a group, as `score` gives it; nobody's without a champion."""
    if model is None:
        return pl.DataFrame(schema={"account_id": pl.String, "risk": pl.Float64})
    lifts = lift_accounts(workspace, model, as_of, progress)
    features = workspace.lookup.read_some(as_of, lifts["account_id"])
    risks = model.predict(matrix(features, model.features), lifts["lift"].to_numpy())
    return lifts.select("account_id", risk=pl.Series(risks, dtype=pl.Float64))
