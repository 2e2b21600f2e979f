"""Account features: read out of added rollups as of a time.

Pure: the same rollups give the same features, bit for bit, however the events were split and ordered.
"""

from datetime import datetime

import polars as pl

from features.catalogue import FEATURE_NAMES, FEATURES_SCHEMA
from features.families import account, content, infrastructure, rhythm, sharing, volume
from features.history import History, histories
from features.lake import Lake

_FAMILIES = (volume, rhythm, content, account, infrastructure, sharing)


def read_out(lake: Lake, as_of: datetime) -> pl.DataFrame:
    """Features as known at as_of.

    Args:
        lake: rollups and accounts; what lies after as_of is not looked at.
        as_of: aware of its time zone.

    Returns:
        `FEATURES_SCHEMA`: one row for every account with a request at or before as_of, sorted; null where nothing is
        known.
    """
    parts = [read_families(history) for history in histories(lake, as_of)]
    known = pl.concat([pl.DataFrame(schema={"account_id": pl.String}), *parts], how="diagonal_relaxed")
    if not parts:
        return pl.DataFrame(schema=FEATURES_SCHEMA)
    compared = volume.against_plan(known, lake.accounts(as_of))
    stamp = pl.lit(as_of).cast(FEATURES_SCHEMA["as_of"]).alias("as_of")
    numbers = pl.col(FEATURE_NAMES).cast(pl.Float32).fill_nan(None)
    return compared.select("account_id", stamp, numbers).sort("account_id")


def read_families(history: History) -> pl.DataFrame:
    """Every family's features of the accounts of one history, without those that compare all accounts."""
    features = history.seen.select("account_id")
    for family in _FAMILIES:
        features = features.join(family.read_out(history), on="account_id", how="left", maintain_order="left")
    return features
