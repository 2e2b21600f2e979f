"""Scores of published detectors, for the rivals: from the last requests of each account before each snapshot."""

from datetime import datetime

import polars as pl

from features.lake import HISTORY, Lake
from training.baselines import prada
from training.baselines.discrepancy import fit_ordinary
from training.baselines.windows import make_windows, stack_vectors
from training.examples.dataset import DETECTOR_COLUMNS

WINDOW = 100  # newest requests of an account that are scored; doubled, PRADA takes four times as long
ORDINARY_ACCOUNTS = 2_000  # accounts whose newest request stands for ordinary traffic
SEED = 0  # of draws from ordinary traffic, so that the same requests give the same scores


def with_detectors(lake: Lake, examples: pl.DataFrame) -> pl.DataFrame:
    """Add the columns `training.examples.dataset.DETECTOR_COLUMNS`.

    They are null where an account's last requests hold too little text. The detectors use no labels: they learn what is
    ordinary from one request each of many accounts, of which nearly all are honest.
    """
    times = examples["as_of"].unique().sort()
    scores = [_scores(lake, examples.filter(pl.col("as_of") == time)["account_id"], time) for time in times]
    empty = pl.DataFrame(schema={"account_id": pl.String(), "as_of": examples.schema["as_of"]})
    detected = pl.concat(
        [empty.with_columns(pl.lit(None, pl.Float32).alias(name) for name in DETECTOR_COLUMNS), *scores]
    )
    return examples.join(detected, on=["account_id", "as_of"], how="left", maintain_order="left")


def _scores(lake: Lake, accounts: pl.Series, as_of: datetime) -> pl.DataFrame:
    """Score the accounts that sent text; columns `account_id`, `as_of` and `DETECTOR_COLUMNS`."""
    requests = recent_requests(lake, as_of).join(accounts.to_frame().lazy(), on="account_id", how="semi")
    table = requests.collect(engine="streaming").sort("account_id", "timestamp", "request_key")
    names, windows = make_windows(table)
    newest = table.group_by("account_id", maintain_order=True).last().sort("request_key").head(ORDINARY_ACCOUNTS)
    ordinary = fit_ordinary(stack_vectors(newest["topic"]), SEED)
    mmd, normality = DETECTOR_COLUMNS
    return pl.DataFrame({
        "account_id": names,
        "as_of": pl.repeat(as_of, names.len(), dtype=pl.Datetime("us", "UTC"), eager=True),
        mmd: pl.Series([None] * names.len() if ordinary is None else ordinary.score(windows), dtype=pl.Float32),
        normality: pl.Series(prada.deviation(windows), dtype=pl.Float32),
    }).with_columns(pl.col(DETECTOR_COLUMNS).fill_nan(None))  # fmt: skip


def recent_requests(lake: Lake, as_of: datetime, limit: int = WINDOW) -> pl.LazyFrame:
    """Read the newest requests with text of each account before `as_of`: keys, time and `topic`."""
    timestamp = pl.col("timestamp")
    since = as_of - HISTORY
    within = (timestamp > since) & (timestamp <= as_of) & (pl.col("day") >= since.date())
    events = lake.scan_named("events", as_of).filter(within & pl.col("topic").is_not_null())
    columns = events.select("account_id", "timestamp", "request_key", "topic")
    newest_first = pl.struct(timestamp, "request_key").rank("ordinal", descending=True).over("account_id")
    return columns.filter(newest_first <= limit)
