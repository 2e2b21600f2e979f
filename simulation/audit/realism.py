"""How far the simulated honest cohorts are from what was measured: two-sample distances, cohort by cohort."""

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

_MOST = 20_000  # values of a sample
_FIVE = r"^(\S+\s+\S+\s+\S+\s+\S+\s+\S+)"
# cohort: pool of its texts, and which sources of it (None: all but the customers' questions)
_CUSTOMERS = pl.col("source") == "banking77"
_PROMPTS: Mapping[str, tuple[str, pl.Expr]] = {
    "chat": ("prompts_benign", ~_CUSTOMERS),
    "support_bots": ("prompts_benign", _CUSTOMERS),
    "batch_nlp": ("prompts_batch_templates", pl.lit(True)),
    "judges": ("prompts_judge", pl.lit(True)),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """What a cohort does against what was measured of its source."""

    cohort: str
    what: str  # log gaps | input tokens | output tokens | daily counts | characters | distinct first five words
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
    """All comparisons for the honest accounts of a world with pools that it was not made of (see halves.py)."""
    truth = pl.read_parquet(world / "truth.parquet").filter(~pl.col("label"))
    columns = ("account_id", "timestamp", "input_tokens", "output_tokens", "prompt", "status_code", "conversation_id")
    requests = pl.scan_parquet(world / "requests" / "*.parquet").select(columns)
    honest = requests.join(truth.lazy().select("account_id", "cohort"), on="account_id").collect()
    found: list[Sample] = []
    for name, part in sorted(honest.partition_by("cohort", as_dict=True).items()):
        if part.height >= 200:
            cohort = str(name[0])
            found += [*_gaps(cohort, part, pools), *_lengths(cohort, part, pools), *_days(cohort, part, pools)]
            found += _texts(cohort, part, pools)
    return found


def _few(values: pl.Series | Floats) -> Floats:
    """At most so many of the values, evenly from all."""
    array = np.asarray(values, dtype=np.float64)
    return array[:: max(1, len(array) // _MOST)]


def _gaps(cohort: str, part: pl.DataFrame, pools: Path) -> list[Sample]:
    source = RHYTHMS[COHORTS[cohort].rhythm].measured
    known = pool_rhythms.clockwork(pools).gaps
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
    pair = zip(("input", "output"), pool_rhythms.lengths(pools)[source], strict=True)
    return [Sample(cohort, f"{s} tokens", source, _few(good[f"{s}_tokens"]), _few(values)) for s, values in pair]


def _days(cohort: str, part: pl.DataFrame, pools: Path) -> list[Sample]:
    """Requests of a day with any, over the account's mean; busy accounts only."""
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
    return [Sample(cohort, "daily counts", "servegen", _few(ratio), _few(real))] if len(ratio) > 20 else []


def _texts(cohort: str, part: pl.DataFrame, pools: Path) -> list[Sample]:
    """Characters of a prompt, and the share of prompts whose first five words no other of the sample has."""
    if cohort not in _PROMPTS:
        return []
    pool, wanted = _PROMPTS[cohort]
    both = (part["prompt"], pl.read_parquet(pools / f"{pool}.parquet").filter(wanted)["prompt"])
    count = min(*(len(texts) for texts in both), 3_000)
    drawn = [texts.sample(count, seed=1) for texts in both]
    sizes = [_few(texts.str.len_chars()) for texts in drawn]
    shares = [np.array([texts.str.extract(_FIVE).drop_nulls().n_unique() / count]) for texts in drawn]
    return [
        Sample(cohort, "characters", pool, sizes[0], sizes[1]),
        Sample(cohort, "distinct first five words", pool, shares[0], shares[1]),
    ]
