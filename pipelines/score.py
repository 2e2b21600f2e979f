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
from serving.scorer import explain
from training.models import model as models

_BATCH = 50_000  # accounts whose features are in memory at once; a convenience, no result depends on it


def score(workspace: Workspace, as_of: datetime, out: Path, progress: Progress) -> pl.DataFrame:
    """Score all accounts as of a time, and write and return the contract's score table.

    Raises:
        InputError: there is no champion or no request at that time, or out can't be written.
        IntegrityError: the champion reads other features, or is not what was registered and signed.
    """
    check_outputs({"--out": out})
    workspace = workspace.named_at(as_of)
    model, base_rate = champion_model(workspace, is_current=True), settings().base_rate
    model = model if base_rate is None else model.at(base_rate)
    ensure_features(workspace, [as_of], progress)
    lifts = lift_accounts(workspace, model, as_of, progress)
    stamp = pl.lit(as_of).cast(pl.Datetime("us", "UTC")).alias("as_of")
    accounts = workspace.lake.seen(as_of).select("account_id", stamp).join(lifts, on="account_id", how="left")
    parts = []
    for begin in range(0, len(accounts), _BATCH):
        progress("scoring", begin / len(accounts))
        parts.append(_score_batch(workspace, model, accounts[begin : begin + _BATCH]))
    progress("scoring", 1.0)
    scores = pl.concat(parts).select("account_id", "as_of", "risk", "campaign_id", "reasons").sort("account_id")
    write_table(scores, out)
    return scores


def _score_batch(workspace: Workspace, model: models.Model, accounts: pl.DataFrame) -> pl.DataFrame:
    """Add `risk` and `reasons` to a batch of accounts."""
    features = workspace.lookup.historical(accounts.select("account_id", "as_of")).select(FEATURE_NAMES)
    matrix = features.fill_null(float("nan")).to_numpy(order="c")
    risks = model.predict(matrix, accounts["lift"].fill_null(0.0).to_numpy())
    return accounts.with_columns(
        risk=pl.Series(risks, dtype=pl.Float64),
        reasons=pl.Series(
            explain(model, matrix, risks, FEATURES, accounts["ties"].to_list()), dtype=pl.List(pl.String)
        ),
    )
