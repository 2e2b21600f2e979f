"""Measure how far simulated honest cohorts are from real traces: two-sample distances, cohort by cohort."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import ks_2samp

from simulation.cohorts import COHORTS
from simulation.constants import pool_rhythms
from simulation.draws import Floats
from simulation.traffic.lengths import LENGTHS
from simulation.traffic.rhythm import RHYTHMS

_MAX_SAMPLE = 20_000  # values of a sample; bounds the time of a comparison
_FIRST_FIVE_WORDS = r"^(\S+\s+\S+\s+\S+\s+\S+\s+\S+)"
# cohort: pool of its texts, and which sources of it (None: all but the customers' questions)
_CUSTOMERS = pl.col("source") == "banking77"
_PROMPTS: Mapping[str, tuple[str, pl.Expr]] = {
    "chat": ("prompts_benign", ~_CUSTOMERS),
    "support_bots": ("prompts_benign", _CUSTOMERS),
    "batch_nlp": ("prompts_batch_templates", pl.lit(True)),
    "judges": ("prompts_judge", pl.lit(True)),
}


@dataclass(frozen=True, slots=True)
class CohortComparison:
    """One measure of a simulated cohort beside the same measure of its real source."""

    cohort: str
    measure: str  # log gaps | input tokens | output tokens | daily counts | characters | distinct first five words
    source: str
    simulated: Floats
    observed: Floats

    @property
    def distance(self) -> float:
        """Kolmogorov-Smirnov distance of the two samples; of single values their difference."""
        if len(self.observed) == 1:
            return float(abs(self.simulated[0] - self.observed[0]))
        return float(ks_2samp(self.simulated, self.observed).statistic)


def compare_cohorts(world: Path, pools: Path) -> list[CohortComparison]:
    """Compare the honest accounts of a world with pools that it was not made of (see `split_pools.py`)."""
    truth = pl.read_parquet(world / "truth.parquet").filter(~pl.col("label"))
    columns = ("account_id", "timestamp", "input_tokens", "output_tokens", "prompt", "status_code", "conversation_id")
    requests = pl.scan_parquet(world / "requests" / "*.parquet").select(columns)
    honest = requests.join(truth.lazy().select("account_id", "cohort"), on="account_id").collect()
    comparisons: list[CohortComparison] = []
    for name, part in sorted(honest.partition_by("cohort", as_dict=True).items()):
        if part.height >= 200:
            cohort = str(name[0])
            comparisons += [
                *_compare_gaps(cohort, part, pools),
                *_compare_lengths(cohort, part, pools),
                *_compare_days(cohort, part, pools),
            ]
            comparisons += _compare_texts(cohort, part, pools)
    return comparisons


def _thin(values: pl.Series | Floats) -> Floats:
    """At most `_MAX_SAMPLE` of the values, spread evenly."""
    array = np.asarray(values, dtype=np.float64)
    return array[:: max(1, len(array) // _MAX_SAMPLE)]


def _compare_gaps(cohort: str, part: pl.DataFrame, pools: Path) -> list[CohortComparison]:
    source = RHYTHMS[COHORTS[cohort].rhythm].measured
    measured = pool_rhythms.read_clockwork(pools).gaps
    if source is None or source not in measured:
        return []
    if source in ("agentic", "rag"):  # measured within sessions
        part = part.filter(pl.col("conversation_id").is_not_null())
    key = "conversation_id" if source in ("agentic", "rag") else "account_id"
    gap = pl.col("timestamp").diff().over(key).dt.total_microseconds() / 1e6
    gaps = part.sort("timestamp").select(gap=gap).filter(pl.col("gap").is_between(0.05, 7200.0))["gap"]
    return [
        CohortComparison(
            cohort=cohort,
            measure="log gaps",
            source=source,
            simulated=_thin(np.log(gaps.to_numpy())),
            observed=_thin(np.log(measured[source])),
        )
    ]


def _compare_lengths(cohort: str, part: pl.DataFrame, pools: Path) -> list[CohortComparison]:
    source = LENGTHS[COHORTS[cohort].lengths].measured
    if source is None:
        return []
    good = part.filter(pl.col("status_code") == 200)
    pair = zip(("input", "output"), pool_rhythms.read_lengths(pools)[source], strict=True)
    return [
        CohortComparison(
            cohort=cohort,
            measure=f"{s} tokens",
            source=source,
            simulated=_thin(good[f"{s}_tokens"]),
            observed=_thin(values),
        )
        for s, values in pair
    ]


def _compare_days(cohort: str, part: pl.DataFrame, pools: Path) -> list[CohortComparison]:
    """Compare the requests of each active day, over the account's mean; busy accounts only."""
    if RHYTHMS[COHORTS[cohort].rhythm].measured != "servegen":
        return []
    days = part.group_by("account_id", pl.col("timestamp").dt.date()).len()
    busy = pl.col("len").sum().over("account_id") >= 50
    ratio = days.filter(busy).select(pl.col("len") / pl.col("len").mean().over("account_id"))["len"]
    windows = pl.read_parquet(pools / "rhythm_servegen_clients.parquet")
    key = ["category", "model", "client"]
    rates = windows.group_by(*key, day=pl.col("window_s") // 86_400).agg(pl.col("rate").mean())
    sending = rates.filter(pl.col("rate") > 0.0)  # days without requests are not in the simulated sample either
    real = sending.select(pl.col("rate") / pl.col("rate").mean().over(key))["rate"]
    return (
        [
            CohortComparison(
                cohort=cohort, measure="daily counts", source="servegen", simulated=_thin(ratio), observed=_thin(real)
            )
        ]
        if len(ratio) > 20
        else []
    )


def _compare_texts(cohort: str, part: pl.DataFrame, pools: Path) -> list[CohortComparison]:
    """Compare the lengths of prompts, and the share of distinct first five words."""
    if cohort not in _PROMPTS:
        return []
    pool, wanted = _PROMPTS[cohort]
    both = (part["prompt"], pl.read_parquet(pools / f"{pool}.parquet").filter(wanted)["prompt"])
    count = min(*(len(texts) for texts in both), 3_000)
    drawn = [texts.sample(count, seed=1) for texts in both]
    sizes = [_thin(texts.str.len_chars()) for texts in drawn]
    shares = [np.array([texts.str.extract(_FIRST_FIVE_WORDS).drop_nulls().n_unique() / count]) for texts in drawn]
    return [
        CohortComparison(cohort=cohort, measure="characters", source=pool, simulated=sizes[0], observed=sizes[1]),
        CohortComparison(
            cohort=cohort, measure="distinct first five words", source=pool, simulated=shares[0], observed=shares[1]
        ),
    ]
