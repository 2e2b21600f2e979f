"""The evidence file of a campaign: gathered from lake and registry, and written into a folder."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version as installed_version
from pathlib import Path

import polars as pl

from features.campaign_report.figures import LEAST_GROUP, count_campaign
from features.campaign_report.shared_keys import SharedKeys, list_shared_keys
from features.campaign_report.source_names import find_names, read_values
from features.catalogue import FEATURES
from features.errors import InputError
from features.formats.native import NATIVE
from features.identity import Keyring
from features.intake.files import InputFile, find_input_files
from features.lake import WHOLE_LIFE, Lake
from features.progress import Progress
from features.schemas import KEY_KINDS
from pipelines.campaigns.lifts import lasting_members, lift_accounts
from pipelines.campaigns.tables import count_succession, gather_campaigns
from pipelines.ingest import AS_NATIVE, LogSettings
from pipelines.outputs import PRIVATE_PART, check_output_folder, write_folder
from pipelines.score import score_batch
from pipelines.workspace import Workspace
from serving.answer.indicators import CAMPAIGN_CODE
from training import tracking
from training.models.model import Model
from training.reports.campaign.ocsf import render_finding
from training.reports.campaign.page import campaign_page
from training.reports.campaign.stix_bundle import render_bundle
from training.reports.campaign.tables import tables, write_tables
from training.reports.campaign.value import CampaignReport, Method

_SHARES_KEYS = "shares keys with other members"
_NO_INDICATORS = pl.List(pl.Struct({"code": pl.String}))


@dataclass(frozen=True, kw_only=True)
class ReportRequest:
    """What is to be reported.

    Attributes:
        campaign_id: as `stillwatch campaigns` names it.
        as_of: the time asked about.
        out: a new or empty folder.
        author: who reports, for readers outside.
        reveal: write what only a holder of the workspace's key can tell, into a folder of its own: ids of accounts, and
            values of keys as far as the source tables tell them.
        sources: paths of `requests`, `accounts` and `releases`, as far as they are given. Names of models are told from
            them to everybody.
        log: how the requests' log is read; the other tables are native.
    """

    campaign_id: str
    as_of: datetime
    out: Path
    author: str
    reveal: bool
    sources: Mapping[str, Path]
    log: LogSettings = AS_NATIVE


def write_report(workspace: Workspace, request: ReportRequest, progress: Progress, *, now: datetime) -> CampaignReport:
    """Write the evidence file of a campaign: `report.html`, `stix.json`, `ocsf.json` and `tables/`; return its value.

    Raises:
        InputError: there is no such campaign then, it is too small to report on, the folder can't be written or holds
            something, or a source table can't be read.
        IntegrityError: the champion is not what was registered and signed.
    """
    check_output_folder(request.out)
    source_files = list(_find_sources(request))
    workspace = workspace.named_at(request.as_of)
    keyring = workspace.keyring  # first, so that a wrong key is told before the work
    campaigns = gather_campaigns(workspace, request.as_of, progress)
    everybody = lasting_members(workspace, campaigns.model, request.as_of, progress)
    members = everybody.filter(pl.col("campaign_id") == request.campaign_id).sort("account_id")
    present = campaigns.members.filter(pl.col("campaign_id") == request.campaign_id)
    _check_members(workspace.lake, request, members, present, everybody["campaign_id"].n_unique())
    progress("report", 0.0)
    lake, ids = workspace.lake, members["account_id"]
    values = read_values(source_files, request.log.options)
    names = find_names(values, keyring, _model_keys(lake, ids, request.as_of))
    model_names = dict(names.select("key", "value").iter_rows())
    figures = count_campaign(lake, request.campaign_id, ids, request.as_of, model_names)
    group = campaigns.weighed.groups.restrict(present["group"].unique())
    shared = list_shared_keys(lake, campaigns.weighed.links, group, ids, request.as_of)
    progress("report", 0.5)
    scores = _score_members(workspace, campaigns.model, members, request.as_of, progress)
    together = members.select("account_id", group="campaign_id")
    bans = next(count_succession(workspace, request.as_of, together).iter_rows(named=True), {})
    report = CampaignReport(
        author=request.author,
        created_at=now,
        release=installed_version("stillwatch"),
        figures=figures,
        shared=shared,
        accounts=_list_accounts(workspace, figures.members.join(members, on="account_id"), scores, request.as_of),
        indicators=_count_indicators(scores),
        mean_risk=None if scores.is_empty() else float(scores["risk"].to_numpy().mean()),
        log_odds=present["odds"][0],
        surprise=present["surprise"][0],
        banned=bans.get("banned") or 0,
        successors=bans.get("successors") or 0,
        volume_kept=bans.get("volume_kept"),
        method=_method(workspace, campaigns.model),
        limits=tuple(_limits(lake, everybody, members, request.as_of)),
    )
    revealed = find_names(values, keyring, _stored_keys(shared)) if request.reveal else None
    write_folder(request.out, lambda folder: _write(folder, report, ids, keyring, revealed))
    progress("report", 1.0)
    return report


def _find_sources(request: ReportRequest) -> Iterator[InputFile]:
    """The files of each source table.

    Raises:
        InputError: there is none, or it can't be read.
    """
    for table, path in request.sources.items():
        yield from find_input_files(path, table, request.log.request_format if table == "requests" else NATIVE)


def _check_members(
    lake: Lake, request: ReportRequest, members: pl.DataFrame, present: pl.DataFrame, campaigns: int
) -> None:
    """Check that there is a campaign to report on.

    Raises:
        InputError: it is none then, all of it has fallen silent, or it is too small to report on.
    """
    time = f"{request.as_of:%Y-%m-%dT%H:%M:%SZ}"
    if members.is_empty():
        raise InputError(
            f"There is no campaign {request.campaign_id!r} as of {time}, where {campaigns:,} are reported: `stillwatch "
            f"campaigns --as-of {time} --out members.parquet` lists their ids."
        )
    if present.is_empty():
        last = lake.seen(request.as_of).join(members, on="account_id", how="semi").select(pl.col("last_seen").max())
        end = last.item() + timedelta(hours=1)
        raise InputError(
            f"The campaign {request.campaign_id} has been silent since {end:%Y-%m-%dT%H:%M:%SZ}, so that nothing of "
            f"what ties it lies within 28 days before {time}: report it as of {end:%Y-%m-%dT%H:%M:%SZ}."
        )
    if members.height < LEAST_GROUP:
        raise InputError(
            f"The campaign {request.campaign_id} has {members.height} accounts as of {time}: a report of fewer than "
            f"{LEAST_GROUP} would point at single persons, so look at them one by one instead."
        )


def _model_keys(lake: Lake, accounts: pl.Series, as_of: datetime) -> pl.DataFrame:
    """`kind`, `key` of the models that accounts have used, or that were released by then."""
    used = (
        lake.key_rollups(as_of, WHOLE_LIFE)
        .filter(pl.col("kind") == KEY_KINDS.index("model"))
        .join(pl.LazyFrame({"account_id": accounts}), on="account_id", how="semi")
        .select("key")
        .unique()
        .collect(engine="streaming")
    )
    released = lake.releases(as_of).select(key="model")
    return pl.concat([used, released]).unique().select(pl.lit("model").alias("kind"), "key")


def _stored_keys(shared: SharedKeys) -> pl.DataFrame:
    return shared.table.select("kind", key=shared.keys)


def _score_members(
    workspace: Workspace, model: Model | None, members: pl.DataFrame, as_of: datetime, progress: Progress
) -> pl.DataFrame:
    """`account_id`, `risk`, `indicators` of the members, as `score` gives them; no rows without a model."""
    if model is None:
        return pl.DataFrame(schema={"account_id": pl.String, "risk": pl.Float64, "indicators": _NO_INDICATORS})
    lifts = lift_accounts(workspace, model, as_of, progress).join(members, on="account_id", how="semi")
    rows = lifts.with_columns(as_of=pl.lit(as_of).cast(pl.Datetime("us", "UTC")))
    return score_batch(workspace, model, rows).select("account_id", "risk", "indicators")


def _list_accounts(workspace: Workspace, members: pl.DataFrame, scores: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The members by pseudonym, as in `CampaignReport.accounts`."""
    bans = workspace.lake.banned(as_of).rename({"acted_at": "banned_at"})
    named = members.join(scores, on="account_id", how="left").join(bans, on="account_id", how="left")
    return named.select(
        workspace.keyring.account_pseudonym(pl.col("account_id")).alias("account"),
        "plan", "registered", "first_seen", "last_seen", "requests", "tokens", "membership", "risk", "banned_at",
    ).sort("requests", "account", descending=[True, False])  # fmt: skip


def _count_indicators(scores: pl.DataFrame) -> pl.DataFrame:
    """How many members each signal raised the risk of, as far as they are enough not to point at persons."""
    names = {feature.signal.code: feature.signal.name for feature in FEATURES}
    names[CAMPAIGN_CODE.partition(".")[0]] = _SHARES_KEYS
    code = pl.col("indicators").struct.field("code")
    counted = (
        scores.explode("indicators")
        .select("account_id", code=code.str.split(".").list.first())
        .drop_nulls()
        .group_by("code")
        .agg(accounts=pl.col("account_id").n_unique().cast(pl.Int64))
        .filter(pl.col("accounts") >= LEAST_GROUP)
        .sort("accounts", "code", descending=[True, False])
    )
    return counted.select(signal=pl.col("code").replace_strict(names, return_dtype=pl.String), accounts="accounts")


def _method(workspace: Workspace, model: Model | None) -> Method | None:
    """The champion as the registry has it."""
    if model is None:
        return None
    version = int(model.version)
    return Method(
        version=model.version,
        trained_as_of=model.origin["as_of"],
        counts=tracking.counts(workspace.tracking_uri, version),
        report=tracking.report(workspace.tracking_uri, version),
        thresholds=model.thresholds,
    )


def _limits(lake: Lake, everybody: pl.DataFrame, members: pl.DataFrame, as_of: datetime) -> Iterator[str]:
    """What a reader must know, one sentence each; `everybody` are the members of all campaigns."""
    yield "Membership is judged by shared keys and behaviour. It proves nothing, and does not say who the operator is."
    silent = members.filter(pl.col("group") != pl.col("campaign_id")).height
    if silent:
        yield f"{_some(silent)} of the members have fallen silent. They belonged to it when they were last active."
    yield "Accounts that belonged to the campaign for a while, and no more when last active, are absent."
    yield "All requests of the members are counted, also those of an ordinary past and those that show no shared key."
    others = everybody.join(members, on="account_id", how="semi")
    shared = others.group_by("account_id").len().filter(pl.col("len") > 1).height
    if shared:
        yield f"{_some(shared)} of the members belong to another reported campaign too, and are counted there as well."
    later = lake.later(as_of)["events"]
    if later:
        yield f"{later:,} requests in the log are later than the time asked about, and are not counted."
    yield (
        f"Counts of fewer than {LEAST_GROUP} accounts are left out, but for bans, and for single accounts under their "
        "pseudonym."
    )
    yield "Texts are not stored, so no prompt is shown. What it asks for is told by its words, which can be wrong."


def _some(accounts: int) -> str:
    """How many accounts, unless they are so few that it may point at persons."""
    return f"{accounts:,}" if accounts >= LEAST_GROUP else f"Fewer than {LEAST_GROUP}"


def _write(folder: Path, report: CampaignReport, ids: pl.Series, keyring: Keyring, values: pl.DataFrame | None) -> None:
    """Write the files; with values of keys also those that are for their holder only."""
    (folder / "report.html").write_text(campaign_page(report), encoding="utf-8")
    (folder / "stix.json").write_text(render_bundle(report), encoding="utf-8")
    (folder / "ocsf.json").write_text(render_finding(report), encoding="utf-8")
    write_tables(tables(report), folder / "tables")
    if values is None:
        return
    revealed = folder / PRIVATE_PART
    named = ids.to_frame().select(keyring.account_pseudonym(pl.col("account_id")).alias("account"), "account_id")
    keys = report.shared.table.with_columns(key=report.shared.keys).join(values, on=["kind", "key"], how="left")
    pairs = keys.select("kind", "pseudonym", "accounts", "value").drop_nulls("value")
    write_tables({"accounts": named.sort("account"), "shared_keys": pairs}, revealed)
    by_pseudonym = dict(pairs.select("pseudonym", "value").iter_rows())
    (revealed / "stix.json").write_text(render_bundle(report, by_pseudonym), encoding="utf-8")
