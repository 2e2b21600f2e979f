"""Segment: how far an account's distribution of keys is from that of the accounts of the same plan.

The account itself is taken out of its segment. All measures are means over requests or over pairs of requests, so they
mean the same for 50 requests as for 5,000 (the squared distance is the unbiased estimate of Gretton et al. 2012, with
the kernel that is 1 for the same key and else 0).

The discrepancy of topics has Gaussian kernels instead, so that neighbouring cells count as near. Its random Fourier
features (Rahimi and Recht 2007) are a table over the cells: what adds is the count of each cell, and nothing else has
to be kept.
"""

from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_array
from scipy.spatial.distance import pdist

from features.catalogue import USUAL_KINDS
from features.families.fixed_point import agreement, fixed_sum, share
from features.families.history import History
from features.families.key_counts import WHOLE, weigh_keys
from features.schemas import KEY_KINDS
from features.text import CELLS, centres

_LEAST = 50 * WHOLE  # fewer accounts are no segment: then all accounts are
_UNSEEN = WHOLE // 100  # given to every key, seen in the segment or not
_TAIL = 0.05  # share of the segment's requests that count as rare
_BY = ("segment", "kind")
_CELL = KEY_KINDS.index("cell")
_WIDTHS = (0.5, 1.0, 2.0, 4.0)  # of the kernels, in median distances of cells
_WAVES = 32  # random frequencies of each kernel, a cosine and a sine each
_WAVE_UNIT = 1 << 10  # waves in whole numbers, so that their sums are exact
_AT_A_TIME = 10_000  # accounts whose waves are held at once: 100 MB
Waves = npt.NDArray[np.int64]
Sums = npt.NDArray[np.float64]


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account whose segment has others."""
    segments = _add_all_accounts(history.segments)
    own = _place_in_segments(history, segments)
    measures = _compare(own, segments)
    wide = history.seen.select("account_id")
    for kind in USUAL_KINDS:
        of_kind = measures.filter(pl.col("kind") == KEY_KINDS.index(kind)).drop("kind")
        named = of_kind.rename({name: f"{kind}_{name}_28d" for name in of_kind.columns if name != "account_id"})
        wide = wide.join(named, on="account_id", how="left")
    in_cells = own.filter(pl.col("kind") == _CELL)
    return wide.join(_measure_discrepancy(in_cells, segments), on="account_id", how="left")


def _measure_discrepancy(own: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """`account_id`, `topic_mmd_28d` of the accounts with two topics or more, whose segment has others."""
    of_plan = segments.filter(pl.col("kind") == _CELL)
    plans = of_plan.group_by("segment").agg(whole=pl.col("weight").sum()).sort("segment").with_row_index("plan")
    usual = of_plan.join(plans, on="segment", nulls_equal=True)
    everyone = _sum_waves(usual["plan"], usual["key"], usual["weight"], len(plans))
    accounts = own.group_by("account_id").agg(pl.col("segment").first(), total=pl.col("requests").sum())
    placed = accounts.join(plans, on="segment", nulls_equal=True)
    comparable = placed.filter((pl.col("total") > 1) & _has_others(pl.col("whole"))).sort("account_id")
    parts = [pl.DataFrame(schema={"account_id": pl.String, "topic_mmd_28d": pl.Float64})]
    for begin in range(0, len(comparable), _AT_A_TIME):
        block = comparable[begin : begin + _AT_A_TIME].with_row_index("row")
        keys = own.join(block.select("account_id", "row"), on="account_id")
        asked, weighted = (_sum_waves(keys["row"], keys["key"], keys[of], len(block)) for of in ("requests", "weight"))
        squared = _squared_discrepancies(block, asked / _WAVE_UNIT, (everyone[block["plan"]] - weighted) / _WAVE_UNIT)
        parts.append(block.select("account_id", topic_mmd_28d=pl.Series(squared)))
    return pl.concat(parts)


def _squared_discrepancies(accounts: pl.DataFrame, asked: Sums, others: Sums) -> Sums:
    """Unbiased squared discrepancies (n,) from the waves of the accounts' requests and of all others', (n, waves)."""
    n = accounts["total"].to_numpy().astype(np.float64)
    there = others / (accounts["whole"].to_numpy() - WHOLE)[:, None]
    frequencies = asked.shape[1] / 2  # cos² + sin² is 1, so a request is as like itself as there are frequencies
    within = ((asked**2).sum(axis=1) - n * frequencies) / (n * (n - 1))
    between = (asked * there).sum(axis=1) / n
    squared: Sums = (within - 2 * between + (there**2).sum(axis=1)) / frequencies
    return squared


def _has_others(total: pl.Expr) -> pl.Expr:
    """True where a segment's weight is that of two accounts or more: one's own adds to `WHOLE` but for rounding."""
    return total > WHOLE + WHOLE // 2


def _sum_waves(row: pl.Series, cell: pl.Series, times: pl.Series, rows: int) -> Waves:
    """The waves of cells, each so many times, summed by row: shape (rows, waves)."""
    counts = csr_array((times.to_numpy(), (row.to_numpy(), cell.to_numpy())), shape=(rows, CELLS), dtype=np.int64)
    return np.asarray(counts @ _waves())


@cache
def _waves() -> Waves:
    """Random Fourier features of the kernels for each cell, shape (cells, waves)."""
    at = centres().T.astype(np.float64)
    median = np.median(pdist(at))
    rng = np.random.default_rng(0)
    drawn = [rng.standard_normal((at.shape[1], _WAVES)) / (width * median) for width in _WIDTHS]
    angles = at @ np.concatenate(drawn, axis=1)
    waves: Waves = np.rint(np.concatenate([np.cos(angles), np.sin(angles)], axis=1) * _WAVE_UNIT).astype(np.int64)
    return waves


def _add_all_accounts(segments: pl.DataFrame) -> pl.DataFrame:
    """The plans that are large enough, and all accounts together as the segment `None`; with what was added up."""
    of_all = segments.group_by("kind", "key").agg(pl.col("weight").sum())
    both = pl.concat([segments, of_all.with_columns(segment=pl.lit(None, pl.String)).select(segments.columns)])
    total = pl.col("weight").sum().over(_BY)
    squares = (pl.col("weight") / total) ** 2
    large_enough = both.with_columns(total=total, keys=pl.len().over(_BY)).filter(
        pl.col("segment").is_null() | (pl.col("total") >= _LEAST)
    )
    return (
        large_enough.with_columns(squares=(squares * WHOLE**2).round().cast(pl.Int64).sum().over(_BY) / WHOLE**2)
        .sort(*_BY, "weight", "key")
        .with_columns(rarer=pl.col("weight").cum_sum().over(_BY))
    )


def _place_in_segments(history: History, segments: pl.DataFrame) -> pl.DataFrame:
    """The accounts' keys, each account in its plan's segment or, where that is none, in that of all."""
    plans = history.accounts.select("account_id", segment="plan")
    own = weigh_keys(history.of_kind(*USUAL_KINDS).lazy()).collect().join(plans, on="account_id", how="left")
    large = segments.select(*_BY, large=pl.lit(True)).unique()
    placed = own.with_columns(pl.col("segment").fill_null("")).join(large, on=_BY, how="left")
    return placed.with_columns(segment=pl.when("large").then("segment")).drop("large")


def _compare(own: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """`account_id`, `kind` and the measures."""
    whole = segments.group_by(_BY).agg(pl.col("total", "keys", "squares").first(), rare=_rare())
    with_usual = own.join(segments.select(*_BY, "key", usual="weight"), on=[*_BY, "key"], how="left", nulls_equal=True)
    with_usual = with_usual.join(whole, on=_BY, how="left", nulls_equal=True)
    others = pl.col("usual") - pl.col("weight")
    all_others = pl.col("total") - WHOLE
    odds = (others + _UNSEEN) / (all_others + _UNSEEN * pl.col("keys"))
    requests, total = pl.col("requests"), pl.col("requests").sum()
    return (
        with_usual.filter(_has_others(pl.col("total")))
        .with_columns(odds=odds, is_rare=others <= pl.col("rare"))
        .group_by("account_id", "kind")
        .agg(
            surprise=fixed_sum(requests * -pl.col("odds").log(2)) / total,
            rare=share(requests.filter("is_rare").sum(), total),
            distance=agreement(requests) - 2 * fixed_sum(requests * pl.col("odds")) / total + pl.col("squares").first(),
            focus=agreement(requests),
        )
    )


def _rare() -> pl.Expr:
    """The weight up to which keys are rare: together they have the tail's share of the segment."""
    return pl.col("weight").filter(pl.col("rarer") <= _TAIL * pl.col("total")).max().fill_null(0)
