"""How probably two accounts are of one operator, from what they share and how alike they act.

Two accounts are alike in a feature as far as few accounts lie between them (Lin 1998): near values where most accounts
are say little, near values where few are say much. Keys that both show count by their rarity. A logistic regression
weighs both; it asks only whether two accounts are alike in ways that strangers are not, so it carries over to families
that nobody has confirmed (registration graphs: Yuan et al., Ianus, CCS 2019). Its weights were fitted on pairs of six
simulated worlds, none below 0; families of features with a weight of 0 are left out (CHANGELOG.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit

from features.catalogue import FEATURES
from features.groups.link_kinds import LINK_KINDS
from features.lake import Lake
from features.schemas import KEY_KINDS

Numbers = NDArray[np.float64]
Matrix = NDArray[np.float32]

_FAMILY_WEIGHTS = {"account": 0.245, "content": 2.18, "coordination": 1.69, "sharing": 1.11}
_KEY_WEIGHTS = {"template": 0.875, "network": 1.25, "payment": 4.36, "registration": 1.60}
_INTERCEPT = -12.45  # at 8 in 1,000 pairs of one operator, as among all pairs with a member of a campaign there
_FEW = 10  # known values below which a feature tells nothing
_COMMON, _AT_LEAST = 0.02, 3  # a key of more than this share of the accounts and three more ties nobody

FAMILY_WORDS = {
    "account": "how they registered",
    "content": "what they ask for",
    "coordination": "how those act who share keys with them",
    "sharing": "how much they share with others",
}
EVIDENCE_WORDS = {
    "template": "templates",
    "network": "networks",
    "payment": "payment instruments",
    "registration": "mail domains",
}


@dataclass(frozen=True)
class Likeness:
    """How alike all accounts are to some.

    Attributes:
        account_ids: all accounts, sorted; the n rows of the others.
        log_odds: (n,) that the account and those asked about are of one operator, in the mean over these.
        by_family: (n, families): what each family of `families` adds to them.
        families: names of families of features, then of sorts of keys.
        shared: (n, sorts of keys) how many rare keys of each sort the account has in common with any of them.
    """

    account_ids: pl.Series
    log_odds: Numbers
    by_family: Numbers
    families: tuple[str, ...]
    shared: NDArray[np.int64]

    @property
    def probability(self) -> Numbers:
        """(n,) calibrated probabilities of one operator."""
        return np.asarray(expit(self.log_odds))


def measure_likeness(features: pl.DataFrame, shared_keys: pl.DataFrame, asked: Sequence[str]) -> Likeness:
    """Compare all accounts with some.

    Args:
        features: `account_id` and the features of all accounts as of a time, sorted.
        shared_keys: the result of `read_common_keys` for the same accounts.
        asked: the accounts to compare with; all are among those of the features.
    """
    ids = features["account_id"]
    rows = [int(row) for row in ids.search_sorted(pl.Series(asked))]
    values = [_near(_columns(features, family), rows) * weight for family, weight in _FAMILY_WEIGHTS.items()]
    weight, count = _common(shared_keys, ids, asked)
    keys = np.log1p(weight) * np.array(list(_KEY_WEIGHTS.values()))
    by_family = np.column_stack([*values, keys.mean(axis=1)])
    return Likeness(
        account_ids=ids,
        log_odds=by_family.sum(axis=1) + _INTERCEPT,
        by_family=by_family,
        families=(*_FAMILY_WEIGHTS, *_KEY_WEIGHTS),
        shared=count,
    )


def read_common_keys(lake: Lake, as_of: datetime, asked: Sequence[str]) -> pl.DataFrame:
    """Read who shows keys that some accounts show, and how rare these are.

    Returns:
        `account_id`, `sort` (of `EVIDENCE_WORDS`), `kind`, `key`, `rarity` (log of all accounts over those that show
        it); keys of too many are left out.
    """
    seen = lake.seen(as_of)
    is_asked = pl.col("account_id").is_in(list(asked))
    traffic = {KEY_KINDS.index(kind.name): kind.evidence for kind in LINK_KINDS if kind.of_traffic}
    chosen = {code: sort for code, sort in traffic.items() if sort in _KEY_WEIGHTS}
    keys = lake.key_rollups(as_of).filter(pl.col("kind").is_in(list(chosen))).select("account_id", "kind", "key")
    theirs = keys.filter(is_asked).select("kind", "key").unique()
    shown = keys.join(theirs, on=["kind", "key"], how="semi").unique().collect(engine="streaming")
    sorts = pl.col("kind").replace_strict(chosen, return_dtype=pl.String)
    parts = [shown.select("account_id", pl.col("kind").cast(pl.String), "key", sort=sorts)]
    parts += _registered_alike(lake.accounts(as_of).join(seen, on="account_id", how="semi"), is_asked)
    sharers, most = pl.len().over("kind", "key"), _COMMON * len(seen) + _AT_LEAST
    rare = pl.concat(parts).unique().filter((sharers > 1) & (sharers <= most))
    rarity = (len(seen) / pl.len().over("kind", "key")).log()
    return rare.with_columns(rarity=rarity).sort("account_id", "kind", "key")


def _registered_alike(accounts: pl.DataFrame, is_asked: pl.Expr) -> list[pl.DataFrame]:
    """Pairs of accounts and what they registered with, where an account that is asked about did too."""
    kinds = [kind for kind in LINK_KINDS if not kind.of_traffic and kind.name in accounts.columns]
    private = accounts.with_columns(mail_domain=pl.when(~pl.col("public_mail").fill_null(True)).then("mail_domain"))
    parts = []
    for kind in kinds:
        pairs = private.select("account_id", kind=pl.lit(kind.name), key=kind.name, sort=pl.lit(kind.evidence))
        own = pairs.filter(is_asked).drop_nulls("key").select("key").unique()
        parts.append(pairs.join(own, on="key", how="semi"))
    return parts


def _columns(features: pl.DataFrame, family: str) -> Matrix:
    names = [feature.name for feature in FEATURES if feature.family == family]
    return features.select(pl.col(names).cast(pl.Float32).fill_null(float("nan"))).to_numpy()


def _near(matrix: Matrix, rows: Sequence[int]) -> Numbers:
    """How near each row (n, F) is to some rows: mean over features and these of -log of the share of rows between."""
    total: Numbers = np.zeros(len(matrix))
    for column in matrix.T:
        is_finite = np.isfinite(column)
        values = np.sort(column[is_finite])
        if values.size < _FEW:
            continue
        below = np.searchsorted(values, column, "left") / values.size
        up_to = np.searchsorted(values, column, "right") / values.size
        for row in rows:
            if is_finite[row]:
                between = np.maximum(up_to, up_to[row]) - np.minimum(below, below[row])
                total += np.where(is_finite, -np.log(np.maximum(between, 1 / len(matrix))), 0.0)
    mean: Numbers = total / (matrix.shape[1] * len(rows))
    return mean


def _common(shared_keys: pl.DataFrame, ids: pl.Series, asked: Sequence[str]) -> tuple[Numbers, NDArray[np.int64]]:
    """Rarity of the keys that each account has in common with each asked one, (n, asked, sorts); how many with any."""
    sorts = pl.DataFrame({"sort": list(_KEY_WEIGHTS)}).with_row_index("sort_number")
    rows = pl.DataFrame({"account_id": ids}).with_row_index("row")
    queries = pl.DataFrame({"query_id": list(asked)}).with_row_index("query")
    shown = shared_keys.join(sorts, on="sort").join(rows, on="account_id")
    theirs = shown.join(queries, left_on="account_id", right_on="query_id").select("query", "kind", "key")
    both = shown.join(theirs, on=["kind", "key"])
    weight = np.zeros((len(ids), len(queries), len(sorts)))
    sums = both.group_by("row", "query", "sort_number").agg(pl.col("rarity").sum())
    weight[sums["row"], sums["query"], sums["sort_number"]] = sums["rarity"]
    count = np.zeros((len(ids), len(sorts)), dtype=np.int64)
    counts = both.select("row", "sort_number", "kind", "key").unique().group_by("row", "sort_number").len()
    count[counts["row"], counts["sort_number"]] = counts["len"]
    return weight, count
