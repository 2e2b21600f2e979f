"""Does one raw column alone betray a campaign? A world in which it does teaches a model nothing of use.

For every campaign family and every column of requests and accounts: a decision tree of depth 3 on simple aggregates of
that column per account, judged on accounts that it was not fitted on, against honest accounts of like volume.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from simulation.draws import Flags, Floats
from simulation.tactics import Campaign
from simulation.world import Scenario

LIMIT = 0.9  # AUC that no single column may reach
FEWEST = 24  # accounts of a family below which an AUC says nothing
WANTED = 30  # accounts that a family has where it is judged: some send nothing
# (scale, days) at which a scenario is quick to make; see `judged`
JUDGED: dict[str, tuple[float, int | None]] = {
    "small": (3.0, None),
    "composed": (1.0, None),
    "mixed": (0.6, None),
    "unseen-families": (1.0, None),
    "unseen-tactics": (1.0, None),
    "reasoning-2026-02": (1.0, None),
    "agentic-2026-02": (0.15, 10),
    "pivot-2026-02": (0.015, 14),
    "hydra-2026-06": (0.008, 20),
    "pools-2026-07": (0.0045, 20),
    "cleaner-2026": (0.13, None),
}
_TEXTS = ("prompt", "system_prompt")
_KINDS = (
    "channel", "model", "country", "finish_reason", "status_code", "asn", "user_agent", "tls_ja4", "temperature",
    "stream", "tool_count", "max_tokens",
)  # fmt: skip
_NUMBERS = (
    "message_count", "input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "max_tokens", "temperature",
    "tool_count", "status_code",
)  # fmt: skip
_NAMES = ("api_key_id", "conversation_id", "client_address", *_TEXTS, *_KINDS)
_ACCOUNT_KINDS = ("plan", "programme", "email_domain", "billing_country")
_ACCOUNT_NAMES = ("organization_id", "payment_fingerprint", "signup_address", *_ACCOUNT_KINDS)
VOLUME = "requests (against all honest accounts)"  # reported beside the columns, not limited: it is a signal
# sharing of values between accounts; families whose template is fixed share prefixes and suffixes by their nature
TEMPLATES = ("sharing of prefixes", "sharing of suffixes")
SHARED = {
    "sharing of prompts": pl.col("prompt").hash(),
    TEMPLATES[0]: pl.col("prompt").str.extract(r"^(\S+\s+\S+\s+\S+\s+\S+\s+\S+)").hash(),
    TEMPLATES[1]: pl.col("prompt").str.extract(r"(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s*$").hash(),
    "sharing of systems": pl.col("system_prompt").hash(),
    "sharing of addresses": pl.col("client_address"),
    "sharing of subnets": pl.col("client_address").str.extract(r"^(\d+\.\d+\.\d+)\."),
    "sharing of clients": pl.concat_str("user_agent", "tls_ja4"),
}
_COMMON = 12  # values of a column that count by themselves


def judged(scenario: Scenario) -> Scenario:
    """The scenario as it is judged: families that have too few accounts at that scale are given more."""
    scale = JUDGED[scenario.name][0]
    have: Counter[str] = Counter()
    for campaign in scenario.campaigns:
        host = next((c for c in scenario.campaigns if c.name == campaign.tactics.guest_of), campaign)
        have[campaign.family] += round((host.tactics.accounts + host.tactics.second_pool) * scale)

    def enough(campaign: Campaign) -> Campaign:
        few = have[campaign.family]
        if few >= WANTED:
            return campaign
        accounts = ceil(campaign.tactics.accounts * WANTED / max(few, 1))
        return replace(campaign, tactics=replace(campaign.tactics, accounts=accounts))

    return replace(scenario, campaigns=tuple(map(enough, scenario.campaigns)))


def aggregates(folder: Path) -> pl.DataFrame:
    """One row an account with requests: `account_id`, `requests`, and columns `<raw column>:<aggregate>`."""
    requests = pl.scan_parquet(folder / "requests" / "*.parquet")
    lengths = [pl.col(name).str.len_chars().alias(f"{name}_length") for name in _TEXTS]
    table = requests.with_columns(lengths).group_by("account_id").agg(*_of_requests(requests)).collect()
    accounts = pl.read_parquet(folder / "accounts.parquet")
    end = requests.select(pl.col("timestamp").max()).collect().item()
    table = table.join(accounts.select("account_id", *_of_accounts(accounts, end)), on="account_id")
    for name, value in SHARED.items():
        table = table.join(_sharing(requests, name, value), on="account_id", how="left")
    return table.sort("account_id")


def _sharing(requests: pl.LazyFrame, name: str, value: pl.Expr) -> pl.DataFrame:
    """Per account: how much of what it sends has a value that other accounts show too, and how many show it."""
    keyed = requests.select("account_id", value=value).filter(pl.col("value").is_not_null())
    counts = keyed.group_by("account_id", "value").len().with_columns(others=pl.len().over("value") - 1)
    return (
        counts.group_by("account_id")
        .agg(
            ((pl.col("others") > 0) * pl.col("len")).sum().truediv(pl.col("len").sum()).alias(f"{name}:share shared"),
            (pl.col("others") + 1).log().mean().alias(f"{name}:mean log of others"),
            (pl.col("others") + 1).log().max().alias(f"{name}:most others"),
        )
        .collect()
    )


def _of_requests(requests: pl.LazyFrame) -> Iterable[pl.Expr]:
    when = pl.col("timestamp").sort()
    gap = (when.diff().dt.total_microseconds() / 1e6 + 0.1).log()
    hour = pl.col("timestamp").dt.hour() + pl.col("timestamp").dt.minute() / 60
    yield pl.len().alias("requests")
    yield gap.mean().alias("timestamp:mean log gap")
    yield gap.std().alias("timestamp:sd of log gap")
    yield gap.median().alias("timestamp:median log gap")
    yield hour.mean().alias("timestamp:mean hour")
    yield hour.std().alias("timestamp:sd of hour")
    yield (pl.col("timestamp").dt.weekday() > 5).mean().alias("timestamp:weekend share")
    yield (pl.col("timestamp").dt.date().n_unique() / pl.len()).alias("timestamp:days a request")
    for name in (*_NUMBERS, *(f"{text}_length" for text in _TEXTS)):
        raw = name.removesuffix("_length")
        for word in ("mean", "std", "min", "max"):
            yield getattr(pl.col(name).cast(pl.Float64), word)().alias(f"{raw}:{word} of {name}")
    for name in dict.fromkeys((*_NUMBERS, *_NAMES)):
        yield pl.col(name).is_null().mean().alias(f"{name}:share of nulls")
    for name in _NAMES:
        yield (pl.col(name).n_unique() / pl.len()).alias(f"{name}:distinct share")
        yield (pl.col(name).unique_counts().max() / pl.len()).alias(f"{name}:top share")
    for name in _KINDS:
        for value in _common(requests, name):
            yield (pl.col(name) == value).mean().alias(f"{name}:share of {value}")


def _of_accounts(accounts: pl.DataFrame, end: object) -> Iterable[pl.Expr]:
    yield ((pl.lit(end) - pl.col("created_at")).dt.total_seconds() / 86_400).alias("created_at:age")
    for name in _ACCOUNT_NAMES:
        yield pl.col(name).is_null().cast(pl.Float64).alias(f"{name}:null")
    for name in _ACCOUNT_KINDS:
        for value in _common(accounts.lazy(), name):
            yield (pl.col(name) == value).cast(pl.Float64).alias(f"{name}:is {value}")


def _common(table: pl.LazyFrame, name: str) -> pl.Series:
    counts = table.filter(pl.col(name).is_not_null()).group_by(name).len()
    return counts.sort("len", name, descending=[True, False]).head(_COMMON).collect()[name]


def giveaways(folder: Path) -> pl.DataFrame:
    """Of a world's folder: `family` (`all` for any), `column`, `auc`, accounts of the family and honest ones like them.

    Families of fewer than `FEWEST` accounts are judged within `all` only. Worst first.
    """
    truth = pl.read_parquet(folder / "truth.parquet")
    table = aggregates(folder)
    ids = table["account_id"]
    honest = _among(ids, truth.filter(~pl.col("label")))
    columns: dict[str, list[str]] = {}
    for name in table.columns[2:]:
        columns.setdefault(name.split(":")[0], []).append(name)
    matrix = {name: table.select(parts).cast(pl.Float64).to_numpy() for name, parts in columns.items()}
    volume = np.log2(table["requests"].to_numpy())
    rows = []
    for family in ("all", *sorted(truth["family"].drop_nulls().unique())):
        bad = _among(ids, truth.filter(pl.col("label") & (pl.lit(family == "all") | (pl.col("family") == family))))
        if bad.sum() < FEWEST:
            continue
        either = bad | honest
        plain = _auc(volume[either, None], bad[either], np.ones(int(either.sum())))
        rows.append((family, VOLUME, plain, int(bad.sum()), int(honest.sum())))
        weight = like_volume(volume, bad, honest)
        used = weight > 0.0
        for name, values in matrix.items():
            auc = _auc(values[used], bad[used], weight[used])
            rows.append((family, name, auc, int(bad.sum()), int((used & honest).sum())))
    schema = {"family": pl.String, "column": pl.String, "auc": pl.Float64, "accounts": pl.Int64, "honest": pl.Int64}
    found = pl.DataFrame(rows, schema=schema, orient="row")
    return found.sort("auc", "family", "column", descending=[True, False, False])


def limited(found: pl.DataFrame) -> pl.DataFrame:
    """The rows of `giveaways` that must stay below `LIMIT`: all but volume itself and the sharing of templates."""
    return found.filter(~pl.col("column").is_in([VOLUME, *TEMPLATES]))


def _among(ids: pl.Series, truth: pl.DataFrame) -> Flags:
    return np.asarray(ids.is_in(truth["account_id"].implode()).to_numpy(), dtype=bool)


def like_volume(volume: Floats, bad: Flags, honest: Flags) -> Floats:
    """Weights by which the honest accounts send as much as the others: log2 of requests in halves, both sides alike.

    Accounts in bins that one side lacks weigh nothing.
    """
    place = np.floor(volume * 2.0).astype(np.int64)
    size = int(place.max()) + 1
    ours, theirs = (np.bincount(place[side], minlength=size).astype(np.float64) for side in (bad, honest))
    both = (ours > 0) & (theirs > 0)
    ratio = np.divide(ours, theirs, out=np.zeros(size), where=both)
    return np.asarray(np.where(bad & both[place], 1.0, np.where(honest, ratio[place], 0.0)), dtype=np.float64)


def _auc(values: Floats, bad: Flags, weight: Floats) -> float:
    tree = DecisionTreeClassifier(max_depth=3, min_samples_leaf=8, random_state=0)
    folds = StratifiedKFold(4, shuffle=True, random_state=0)
    risk = cross_val_predict(tree, values, bad, cv=folds, params={"sample_weight": weight}, method="predict_proba")
    return float(roc_auc_score(bad, risk[:, 1], sample_weight=weight))
