"""Account features: read out of added rollups as of a time.

Pure: the same rollups give the same features, bit for bit, however the events were split and ordered.
"""

from datetime import datetime

import polars as pl

from features.catalogue import FEATURE_NAMES, FEATURES, FEATURES_SCHEMA
from features.families import (
    account,
    change,
    content,
    coordination,
    coverage,
    infrastructure,
    mixture,
    periods,
    releases,
    rhythm,
    segment,
    sessions,
    sharing,
    volume,
    worst,
)
from features.families.history import History, read_histories, read_histories_beside
from features.lake import Lake
from features.schemas import KEY_KINDS

_FAMILIES = (
    volume,
    rhythm,
    content,
    account,
    infrastructure,
    sharing,
    coordination,
    worst,
    sessions,
    change,
    segment,
    coverage,
    periods,
    releases,
    mixture,
)

_SHOWN_BY = {
    "text": "prefix suffix exact simhash skeleton band language capability cell system system_skeleton".split(),
    "infrastructure": "address subnet asn country client agent tls".split(),
}
"""Kinds of keys of which requests show some where a provider has texts, or infrastructure columns."""


def read_out(lake: Lake, as_of: datetime) -> pl.DataFrame:
    """Features as known at as_of.

    Args:
        lake: rollups and accounts; what lies after as_of is not looked at.
        as_of: aware of its time zone.

    Returns:
        `FEATURES_SCHEMA`: one row for every account with a request at or before as_of, sorted; null where nothing is
        known.
    """
    parts = [read_families(history) for history in read_histories(lake, as_of)]
    known = pl.concat([pl.DataFrame(schema={"account_id": pl.String}), *parts], how="diagonal_relaxed")
    if not parts:
        return pl.DataFrame(schema=FEATURES_SCHEMA)
    return _to_schema(_compare_with_plan(known, known, known, lake.accounts(as_of)), lake, as_of)


def read_out_beside(lake: Lake, added: Lake, as_of: datetime, groups: pl.DataFrame) -> pl.DataFrame:
    """Features of accounts of another lake, as if one group of them at a time were in this one.

    Args:
        lake: rollups and accounts that the groups are compared with.
        added: rollups and accounts of the groups.
        as_of: aware of its time zone; what lies after it is not looked at.
        groups: `account_id`, `group`.

    Returns:
        `FEATURES_SCHEMA`, sorted; accounts without a request at or before as_of are left out.
    """
    parts = [read_families(history) for history in read_histories_beside(lake, added, as_of, groups)]
    known = pl.concat([pl.DataFrame(schema={"account_id": pl.String}), *parts], how="diagonal_relaxed")
    if not len(known):
        return pl.DataFrame(schema=FEATURES_SCHEMA)
    plans = pl.concat([lake.accounts(as_of), added.accounts(as_of)])
    used = volume.read_usage(lake.account_rollups(as_of))
    return _to_schema(_compare_with_plan(known, used, releases.read_moves(lake, as_of), plans), lake, as_of)


def _compare_with_plan(
    features: pl.DataFrame, used: pl.DataFrame, moved: pl.DataFrame, accounts: pl.DataFrame
) -> pl.DataFrame:
    """Add what compares accounts of the same plan: all of them, which no part of a history holds."""
    return releases.compare_with_plan(volume.compare_with_plan(features, used, accounts), moved, accounts)


def _to_schema(features: pl.DataFrame, lake: Lake, as_of: datetime) -> pl.DataFrame:
    stamp = pl.lit(as_of).cast(FEATURES_SCHEMA["as_of"]).alias("as_of")
    numbers = pl.col(FEATURE_NAMES).cast(pl.Float32).fill_nan(None)
    finished = features.select("account_id", stamp, numbers).sort("account_id")
    return finished.with_columns(pl.lit(None, pl.Float32).alias(name) for name in _unknowable(lake, as_of))


def _unknowable(lake: Lake, as_of: datetime) -> list[str]:
    """Features of signals that need what no account's requests show: a share of 0 would tell of what is not known.

    A model was taught such rows with the very same features unknown (`features.catalogue.MODES`).
    """
    codes = lake.key_rollups(as_of).select(pl.col("kind").unique()).collect(engine="streaming")["kind"]
    kinds = {KEY_KINDS[code] for code in codes}
    shown = {need for need, some in _SHOWN_BY.items() if kinds.intersection(some)}
    return [f.name for f in FEATURES if not shown.issuperset(f.signal.needs)]


def read_families(history: History) -> pl.DataFrame:
    """Every family's features of the accounts of one history, without those that compare all accounts."""
    features = history.seen.select("account_id")
    for family in _FAMILIES:
        features = features.join(family.read_out(history), on="account_id", how="left", maintain_order="left")
    return features
