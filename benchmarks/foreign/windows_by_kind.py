"""The detector of arXiv 2606.05725, calibrated as its authors do: by random windows of one kind of ordinary traffic."""

from datetime import datetime

import numpy as np
import polars as pl

from features.lake import Lake
from pipelines.models.detectors import WINDOW, recent_requests
from training.baselines.discrepancy import fit_ordinary
from training.baselines.windows import Windows, make_windows, stack_vectors

DRAWS = 1_000  # random windows of a kind: ten lie above the limit for 1 %; doubled, limits vary less by luck
SEED = 0


def score_by_kind(lake: Lake, as_of: datetime, kinds: pl.DataFrame, apart: pl.Series) -> pl.DataFrame:
    """Score the newest requests of accounts against ordinary traffic of their own kind.

    Args:
        lake: the requests.
        as_of: the time asked about.
        kinds: `account_id`, `cohort` of the accounts to score.
        apart: accounts that are no part of ordinary traffic.

    Returns:
        `account_id`, `score`: the share of random windows of ordinary traffic that differ less, so that above 0.99 one
        window in a hundred is flagged by chance. Accounts of a kind that is too small are left out.
    """
    requests = recent_requests(lake, as_of).join(kinds.lazy(), on="account_id").collect(engine="streaming")
    parts = [pl.DataFrame(schema={"account_id": pl.String, "score": pl.Float64})]
    for _, kind in requests.sort("cohort", "account_id", "timestamp", "request_key").group_by("cohort"):
        is_apart = kind["account_id"].is_in(apart.implode())
        parts.append(_score(kind, kind.filter(~is_apart)))
    return pl.concat(parts).sort("account_id")


def _score(requests: pl.DataFrame, ordinary: pl.DataFrame) -> pl.DataFrame:
    rng = np.random.default_rng(SEED)
    traffic = stack_vectors(ordinary["topic"])
    shuffled = traffic[rng.permutation(len(traffic))]
    half = len(shuffled) // 2
    fitted = fit_ordinary(shuffled[:half], SEED)
    accounts, windows = make_windows(requests)
    if fitted is None:
        return pl.DataFrame(schema={"account_id": pl.String, "score": pl.Float64})
    drawn = shuffled[half:][rng.integers(0, len(shuffled) - half, (DRAWS, WINDOW))]
    by_chance = np.sort(fitted.score(Windows(drawn, np.ones(drawn.shape[:2], np.bool_))))
    scores = np.nan_to_num(fitted.score(windows), nan=-np.inf)
    return pl.DataFrame({"account_id": accounts, "score": np.searchsorted(by_chance, scores) / DRAWS})
