"""Check that no single raw column gives a campaign away: such a world would teach a model nothing of use.

For every campaign family and every column of requests and accounts, a decision tree of depth 3 is fitted to simple
aggregates of that column per account. Its AUC is measured on held-out accounts, against honest accounts of like volume.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from simulation.draws import Flags, Floats
from simulation.tactics import Campaign
from simulation.world import Scenario

MAX_AUC = 0.9  # no single column may reach it; chosen by hand
MIN_ACCOUNTS = 24  # accounts of a family below which an AUC says nothing; chosen by hand
ENOUGH_ACCOUNTS = 30  # accounts that each family gets in an audit, more than MIN_ACCOUNTS since some send nothing
# (scale, days) at which a scenario is quick to audit; see `enlarge_families`
AUDIT_SIZES: dict[str, tuple[float, int | None]] = {
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
VOLUME = "requests (against all honest accounts)"  # reported beside the columns without a limit: it is a signal
# how much accounts share values; families with a fixed template share prefixes and suffixes by their nature
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
_COMMON = 12  # commonest values of a column that get an aggregate of their own


def enlarge_families(scenario: Scenario, scale: float) -> Scenario:
    """Return the scenario with more accounts for families that would have too few at this scale."""
    sizes: Counter[str] = Counter()
    for campaign in scenario.campaigns:
        host = next((c for c in scenario.campaigns if c.name == campaign.tactics.guest_of), campaign)
        sizes[campaign.family] += round((host.tactics.accounts + host.tactics.second_pool) * scale)

    def enlarge(campaign: Campaign) -> Campaign:
        size = sizes[campaign.family]
        if size >= ENOUGH_ACCOUNTS:
            return campaign
        accounts = ceil(campaign.tactics.accounts * ENOUGH_ACCOUNTS / max(size, 1))
        return replace(campaign, tactics=replace(campaign.tactics, accounts=accounts))

    return replace(scenario, campaigns=tuple(map(enlarge, scenario.campaigns)))


def aggregate_accounts(folder: Path) -> pl.DataFrame:
    """Aggregate a world's tables per account: `account_id`, `requests` and columns `<raw column>:<aggregate>`."""
    requests = pl.scan_parquet(folder / "requests" / "*.parquet")
    lengths = [pl.col(name).str.len_chars().alias(f"{name}_length") for name in _TEXTS]
    table = requests.with_columns(lengths).group_by("account_id").agg(*_request_aggregates(requests)).collect()
    accounts = pl.read_parquet(folder / "accounts.parquet")
    end = requests.select(pl.col("timestamp").max()).collect().item()
    table = table.join(accounts.select("account_id", *_account_aggregates(accounts, end)), on="account_id")
    for name, value in SHARED.items():
        table = table.join(_aggregate_sharing(requests, name, value), on="account_id", how="left")
    return table.sort("account_id")


def _aggregate_sharing(requests: pl.LazyFrame, name: str, value: pl.Expr) -> pl.DataFrame:
    """Per account: the share of its requests with a value that others show too, and how many others show it."""
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


def _request_aggregates(requests: pl.LazyFrame) -> Iterable[pl.Expr]:
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
        for value in _common_values(requests, name):
            yield (pl.col(name) == value).mean().alias(f"{name}:share of {value}")


def _account_aggregates(accounts: pl.DataFrame, end: object) -> Iterable[pl.Expr]:
    yield ((pl.lit(end) - pl.col("created_at")).dt.total_seconds() / 86_400).alias("created_at:age")
    for name in _ACCOUNT_NAMES:
        yield pl.col(name).is_null().cast(pl.Float64).alias(f"{name}:null")
    for name in _ACCOUNT_KINDS:
        for value in _common_values(accounts.lazy(), name):
            yield (pl.col(name) == value).cast(pl.Float64).alias(f"{name}:is {value}")


def _common_values(table: pl.LazyFrame, name: str) -> pl.Series:
    counts = table.filter(pl.col(name).is_not_null()).group_by(name).len()
    return counts.sort("len", name, descending=[True, False]).head(_COMMON).collect()[name]


def column_aucs(folder: Path) -> pl.DataFrame:
    """Measure how well each column alone tells each family from honest accounts.

    Args:
        folder: a simulated world.

    Returns:
        `family` (`all` for any), `column`, `auc`, `accounts` of the family and `honest` ones like them; highest AUC
        first. Families of fewer than `MIN_ACCOUNTS` accounts count within `all` only.
    """
    truth = pl.read_parquet(folder / "truth.parquet")
    table = aggregate_accounts(folder)
    ids = table["account_id"]
    is_honest = _in_truth(ids, truth.filter(~pl.col("label")))
    columns: dict[str, list[str]] = {}
    for name in table.columns[2:]:
        columns.setdefault(name.split(":")[0], []).append(name)
    values_of = {name: table.select(parts).cast(pl.Float64).to_numpy() for name, parts in columns.items()}
    volume = np.log2(table["requests"].to_numpy())
    rows = []
    for family in ("all", *sorted(truth["family"].drop_nulls().unique())):
        in_family = _in_truth(
            ids, truth.filter(pl.col("label") & (pl.lit(family == "all") | (pl.col("family") == family)))
        )
        if in_family.sum() < MIN_ACCOUNTS:
            continue
        either = in_family | is_honest
        volume_auc = _auc(volume[either, None], in_family[either], np.ones(int(either.sum())))
        rows.append((family, VOLUME, volume_auc, int(in_family.sum()), int(is_honest.sum())))
        weight = volume_weights(volume, in_family, is_honest)
        has_weight = weight > 0.0
        for name, values in values_of.items():
            auc = _auc(values[has_weight], in_family[has_weight], weight[has_weight])
            rows.append((family, name, auc, int(in_family.sum()), int((has_weight & is_honest).sum())))
    schema = {"family": pl.String, "column": pl.String, "auc": pl.Float64, "accounts": pl.Int64, "honest": pl.Int64}
    aucs = pl.DataFrame(rows, schema=schema, orient="row")
    return aucs.sort("auc", "family", "column", descending=[True, False, False])


def limited_rows(aucs: pl.DataFrame) -> pl.DataFrame:
    """The rows of `column_aucs` that must stay below `MAX_AUC`: all but volume itself and shared templates."""
    return aucs.filter(~pl.col("column").is_in([VOLUME, *TEMPLATES]))


def _in_truth(ids: pl.Series, truth: pl.DataFrame) -> Flags:
    return np.asarray(ids.is_in(truth["account_id"].implode()).to_numpy(), dtype=bool)


def volume_weights(volume: Floats, in_family: Flags, is_honest: Flags) -> Floats:
    """Weights that give honest accounts the same distribution of volume as the others.

    Volume is the log2 of requests, in bins of one half. Accounts in bins that one side lacks weigh nothing.
    """
    volume_bin = np.floor(volume * 2.0).astype(np.int64)
    size = int(volume_bin.max()) + 1
    ours, theirs = (np.bincount(volume_bin[side], minlength=size).astype(np.float64) for side in (in_family, is_honest))
    both = (ours > 0) & (theirs > 0)
    ratio = np.divide(ours, theirs, out=np.zeros(size), where=both)
    return np.asarray(
        np.where(in_family & both[volume_bin], 1.0, np.where(is_honest, ratio[volume_bin], 0.0)), dtype=np.float64
    )


def _auc(values: Floats, in_family: Flags, weight: Floats) -> float:
    tree = DecisionTreeClassifier(max_depth=3, min_samples_leaf=8, random_state=0)
    risk = np.zeros(in_family.size)
    # by hand: what `cross_val_predict` checks and copies for each call takes longer than so small a tree
    for others, held_out in StratifiedKFold(4, shuffle=True, random_state=0).split(values, in_family):
        tree.fit(values[others], in_family[others], weight[others])
        risk[held_out] = tree.predict_proba(values[held_out])[:, 1]
    return float(roc_auc_score(in_family, risk, sample_weight=weight))
