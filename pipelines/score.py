"""Score: the champion's risk of every account seen up to a time, written to a file."""

from datetime import datetime
from pathlib import Path

import polars as pl

from features.catalogue import FEATURE_NAMES, FEATURES
from features.progress import Progress
from pipelines.build import ensure_features
from pipelines.campaigns.lifts import lift_accounts
from pipelines.models.champion import champion_model
from pipelines.outputs import check_outputs, write_table
from pipelines.settings import settings
from pipelines.workspace import Workspace
from serving.answer.scorer import RowsToScore, explain
from training.models import model as models

SCORES_SCHEMA = pl.Schema(
    {
        "account_id": pl.String(),
        "as_of": pl.Datetime("us", "UTC"),
        "risk": pl.Float64(),
        "campaign_id": pl.String(),
        "reasons": pl.List(pl.String()),
        "level": pl.String(),
        "percentile": pl.Float64(),
        "indicators": pl.List(
            pl.Struct(
                {
                    "code": pl.String(),
                    "text": pl.String(),
                    "value": pl.Float64(),
                    "typical": pl.Float64(),
                    "impact": pl.Float64(),
                }
            )
        ),
    }
)
_BATCH = 50_000  # accounts whose features are in memory at once; a convenience, no result depends on it


def score(
    workspace: Workspace,
    as_of: datetime,
    out: Path,
    progress: Progress,
    *,
    thresholds: tuple[float | None, float | None] = (None, None),
) -> pl.DataFrame:
    """Score all accounts as of a time, and write and return the contract's score table (`SCORES_SCHEMA`).

    Args:
        workspace: with a champion.
        as_of: the time.
        out: the file to write.
        progress: called with the step and the share done.
        thresholds: for review and to act; None for those of the settings, or else the champion's.

    Raises:
        InputError: there is no champion or no request at that time, out can't be written, or the act threshold lies
            below the review threshold.
        IntegrityError: the champion reads other features, or is not what was registered and signed.
    """
    check_outputs({"--out": out})
    workspace = workspace.named_at(as_of)
    model, base_rate = champion_model(workspace, is_current=True), settings().base_rate
    model = model if base_rate is None else model.at(base_rate)
    model = model.with_thresholds(*settings().thresholds(*thresholds))
    ensure_features(workspace, [as_of], progress)
    lifts = lift_accounts(workspace, model, as_of, progress)
    stamp = pl.lit(as_of).cast(pl.Datetime("us", "UTC")).alias("as_of")
    accounts = workspace.lake.seen(as_of).select("account_id", stamp).join(lifts, on="account_id", how="left")
    parts = []
    for begin in range(0, len(accounts), _BATCH):
        progress("scoring", begin / len(accounts))
        parts.append(score_batch(workspace, model, accounts[begin : begin + _BATCH]))
    progress("scoring", 1.0)
    scores = pl.concat(parts).select(SCORES_SCHEMA.names()).sort("account_id")
    write_table(scores, out)
    return scores


def score_batch(workspace: Workspace, model: models.Model, accounts: pl.DataFrame) -> pl.DataFrame:
    """Add the columns of `SCORES_SCHEMA` to a batch of accounts."""
    features = workspace.lookup.read_some(accounts["as_of"][0], accounts["account_id"]).select(FEATURE_NAMES)
    rows = RowsToScore(
        account_ids=accounts["account_id"].to_list(),
        matrix=features.fill_null(float("nan")).to_numpy(order="c"),
        as_of=accounts["as_of"].to_list(),
        campaigns=accounts["campaign_id"].to_list(),
        ties=accounts["ties"].to_list(),
        lift=accounts["lift"].fill_null(0.0).to_numpy(),
    )
    risks = model.predict(rows.matrix, rows.lift)
    indicators = [[each.model_dump() for each in row] for row in explain(model, rows, risks, FEATURES)]
    risk, thresholds = pl.col("risk"), model.thresholds
    return accounts.with_columns(
        risk=pl.Series(risks, dtype=pl.Float64),
        percentile=pl.Series(model.reference.percentiles(risks), dtype=pl.Float64),
        indicators=pl.Series(indicators, dtype=SCORES_SCHEMA["indicators"]),
    ).with_columns(
        level=pl.when(risk >= thresholds["act"])
        .then(pl.lit("act"))
        .when(risk >= thresholds["review"])
        .then(pl.lit("review"))
        .otherwise(pl.lit("low")),
        reasons=pl.col("indicators").list.eval(pl.element().struct.field("text")),
    )
