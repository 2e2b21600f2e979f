"""How far the simulated honest cohorts are from what was measured: two-sample distances, cohort by cohort."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import ks_2samp

from pipelines.simulate import measured
from pipelines.simulate.codes import Floats
from pipelines.simulate.cohorts import COHORTS
from pipelines.simulate.lengths import LENGTHS
from pipelines.simulate.rhythm import RHYTHMS

_MOST = 20_000  # values of a sample
_FIVE = r"^(\S+\s+\S+\s+\S+\s+\S+\s+\S+)"
_PROMPTS = {"chat": "prompts_benign", "batch_nlp": "prompts_batch_templates", "judges": "prompts_judge"}


@dataclass(frozen=True, slots=True)
class Sample:
    """What a cohort does against what was measured of its source."""

    cohort: str
    what: str  # log gaps | input tokens | output tokens | daily counts | distinct first five words
    source: str
    simulated: Floats
    observed: Floats

    @property
    def distance(self) -> float:
        """Kolmogorov-Smirnov distance of the two samples; of single figures their difference."""
        if len(self.observed) == 1:
            return float(abs(self.simulated[0] - self.observed[0]))
        return float(ks_2samp(self.simulated, self.observed).statistic)


def samples(world: Path, pools: Path) -> list[Sample]:
    """All comparisons for the honest accounts of a world made with the pools."""
    truth = pl.read_parquet(world / "truth.parquet").filter(~pl.col("label"))
    columns = ("account_id", "timestamp", "input_tokens", "output_tokens", "prompt", "status_code", "conversation_id")
    requests = pl.scan_parquet(world / "requests" / "*.parquet").select(columns)
    honest = requests.join(truth.lazy().select("account_id", "cohort"), on="account_id").collect()
    found: list[Sample] = []
    for name, part in sorted(honest.partition_by("cohort", as_dict=True).items()):
        if part.height >= 200:
            cohort = str(name[0])
            found += [*_gaps(cohort, part, pools), *_lengths(cohort, part, pools), *_days(cohort, part, pools)]
            found += _openings(cohort, part, pools)
    return found


def _few(values: pl.Series | Floats) -> Floats:
    """At most so many of the values, evenly from all."""
    array = np.asarray(values, dtype=np.float64)
    return array[:: max(1, len(array) // _MOST)]


def _gaps(cohort: str, part: pl.DataFrame, pools: Path) -> list[Sample]:
    source = RHYTHMS[COHORTS[cohort].rhythm].measured
    known = measured.clockwork(pools).gaps
    if source is None or source not in known:
        return []
    if source in ("agentic", "rag"):  # measured within sessions
        part = part.filter(pl.col("conversation_id").is_not_null())
    key = "conversation_id" if source in ("agentic", "rag") else "account_id"
    gap = pl.col("timestamp").diff().over(key).dt.total_microseconds() / 1e6
    gaps = part.sort("timestamp").select(gap=gap).filter(pl.col("gap").is_between(0.05, 7200.0))["gap"]
    return [Sample(cohort, "log gaps", source, _few(np.log(gaps.to_numpy())), _few(np.log(known[source])))]


def _lengths(cohort: str, part: pl.DataFrame, pools: Path) -> list[Sample]:
    source = LENGTHS[COHORTS[cohort].lengths].measured
    if source is None:
        return []
    good = part.filter(pl.col("status_code") == 200)
    pair = zip(("input", "output"), measured.lengths(pools)[source], strict=True)
    return [Sample(cohort, f"{s} tokens", source, _few(good[f"{s}_tokens"]), _few(values)) for s, values in pair]


def _days(cohort: str, part: pl.DataFrame, pools: Path) -> list[Sample]:
    """Requests of a day over the account's mean, busy accounts only."""
    if RHYTHMS[COHORTS[cohort].rhythm].measured != "servegen":
        return []
    days = part.group_by("account_id", pl.col("timestamp").dt.date()).len()
    busy = pl.col("len").sum().over("account_id") >= 50
    ratio = days.filter(busy).select(pl.col("len") / pl.col("len").mean().over("account_id"))["len"]
    windows = pl.read_parquet(pools / "rhythm_servegen_clients.parquet")
    key = ["category", "model", "client"]
    rates = windows.group_by(*key, day=pl.col("window_s") // 86_400).agg(pl.col("rate").mean())
    real = rates.select(pl.col("rate") / pl.col("rate").mean().over(key))["rate"].drop_nulls().drop_nans()
    return [Sample(cohort, "daily counts", "servegen", _few(ratio), _few(real))] if len(ratio) > 20 else []


def _openings(cohort: str, part: pl.DataFrame, pools: Path) -> list[Sample]:
    if cohort not in _PROMPTS:
        return []
    real = pl.read_parquet(pools / f"{_PROMPTS[cohort]}.parquet")["prompt"]
    count = min(len(real), part.height, 3_000)
    both = (part["prompt"], real)
    shares = [texts.sample(count, seed=1).str.extract(_FIVE).drop_nulls().n_unique() / count for texts in both]
    return [Sample(cohort, "distinct first five words", _PROMPTS[cohort], np.array(shares[:1]), np.array(shares[1:]))]
