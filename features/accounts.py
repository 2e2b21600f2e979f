"""Account features: read out of added rollups as of a time.

Pure: the same rollups give the same features, bit for bit, however the events were split and ordered.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import polars as pl

from features.catalogue import FAMILIES, FEATURE_NAMES, FEATURES, FEATURES_SCHEMA
from features.catalogue.feature import family_of
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
from features.families.lake_sums import LakeSums
from features.lake import Lake
from features.schemas import KEY_KINDS

# Imported by name, so that `features.code_version` follows them. `FAMILIES` has their order.
_FILES = (
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
READ_OUTS: Mapping[str, Callable[[History], pl.DataFrame]] = {family_of(file): file.read_out for file in _FILES}

_KINDS_THAT_NEED = {
    "text": "prefix suffix exact simhash skeleton band language capability cell system system_skeleton".split(),
    "infrastructure": "address subnet asn country client agent tls".split(),
}
"""Kinds of keys that a provider's requests show only where it exports texts, or infrastructure columns."""


def read_out(lake: Lake, as_of: datetime, some: pl.Series | None = None, sums: LakeSums | None = None) -> pl.DataFrame:
    """Read the features of all accounts, or of some, as known at a time.

    Args:
        lake: rollups and accounts; what lies after as_of is not looked at.
        as_of: aware of its time zone.
        some: ids of the accounts to read out. They are compared with all others too: their rows are those of a read-out
            of all, bit for bit.
        sums: those of the lake, where somebody keeps them from one call to the next.

    Returns:
        `FEATURES_SCHEMA`: one row for every account with a request at or before as_of, sorted; null where nothing is
        known.
    """
    sums = sums or LakeSums(lake)
    parts = [read_out_families(history) for history in read_histories(sums, as_of, some)]
    return compare_parts(sums, as_of, parts, are_all=some is None)


def read_out_beside(lake: Lake, added: Lake, as_of: datetime, groups: pl.DataFrame) -> pl.DataFrame:
    """Read the features of another lake's accounts, as if one group of them at a time were in this lake.

    Args:
        lake: rollups and accounts that the groups are compared with.
        added: rollups and accounts of the groups.
        as_of: aware of its time zone; what lies after it is not looked at.
        groups: `account_id`, `group`.

    Returns:
        `FEATURES_SCHEMA`, sorted; accounts without a request at or before as_of are left out.
    """
    features = _stack([read_out_families(history) for history in read_histories_beside(lake, added, as_of, groups)])
    if not len(features):
        return pl.DataFrame(schema=FEATURES_SCHEMA)
    accounts = pl.concat([lake.accounts(as_of), added.accounts(as_of)])
    sums = LakeSums(lake)
    usage, moves = _read_compared(sums, as_of)
    return _to_schema(_compare_with_plan(features, usage, moves, accounts), sums, as_of)


def read_out_families(history: History) -> pl.DataFrame:
    """Read every family's features of the accounts of one history, without those that compare all accounts."""
    features = history.seen.select("account_id")
    for family in FAMILIES:
        features = features.join(READ_OUTS[family](history), on="account_id", how="left", maintain_order="left")
    return features


def compare_parts(sums: LakeSums, as_of: datetime, parts: list[pl.DataFrame], *, are_all: bool) -> pl.DataFrame:
    """Put together what `read_out_families` read of parts of the accounts, and add what compares all accounts.

    Args:
        sums: of the lake that they were read from.
        as_of: likewise.
        parts: in any order.
        are_all: whether they are all accounts of the lake.
    """
    if not parts:
        return pl.DataFrame(schema=FEATURES_SCHEMA)
    features = _stack(parts)
    usage, moves = (features, features) if are_all else _read_compared(sums, as_of)
    return _to_schema(_compare_with_plan(features, usage, moves, sums.lake.accounts(as_of)), sums, as_of)


def _stack(parts: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema={"account_id": pl.String}), *parts], how="diagonal_relaxed")


def _read_compared(sums: LakeSums, as_of: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read what `_compare_with_plan` compares, of every account of a lake, without its other features."""
    return volume.read_usage(sums.usage(as_of)), releases.read_moves(sums.lake, as_of)


def _compare_with_plan(
    features: pl.DataFrame, usage: pl.DataFrame, moves: pl.DataFrame, accounts: pl.DataFrame
) -> pl.DataFrame:
    """Add the features that compare an account with all others of its plan, which no part of a history holds."""
    return releases.compare_with_plan(volume.compare_with_plan(features, usage, accounts), moves, accounts)


def _to_schema(features: pl.DataFrame, sums: LakeSums, as_of: datetime) -> pl.DataFrame:
    stamp = pl.lit(as_of).cast(FEATURES_SCHEMA["as_of"]).alias("as_of")
    numbers = pl.col(FEATURE_NAMES).cast(pl.Float32).fill_nan(None)
    numbers = numbers.replace(-0.0, 0.0)  # Polars takes 0 - x for -x where the first column is constant
    ordered = features.select("account_id", stamp, numbers).sort("account_id")
    return ordered.with_columns(pl.lit(None, pl.Float32).alias(name) for name in _unknowable(sums, as_of))


def _unknowable(sums: LakeSums, as_of: datetime) -> list[str]:
    """List the features whose signals need columns that no request has: a share of 0 would be a statement.

    Models are trained on such rows with the very same features unknown (`features.catalogue.MODES`).
    """
    shown_kinds = {KEY_KINDS[code] for code in sums.kinds(as_of)}
    met_needs = {need for need, kinds in _KINDS_THAT_NEED.items() if shown_kinds.intersection(kinds)}
    return [feature.name for feature in FEATURES if not met_needs.issuperset(feature.signal.needs)]
