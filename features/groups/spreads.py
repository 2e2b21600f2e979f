"""How far the members of a group are interchangeable: what they send under shared keys, within members and between.

An operator deals one queue out to many accounts, so it is chance which of them asks what, and when. Customers of one
public tool send the same template too, but each has texts and hours of its own. The share of variance that lies between
members tells the two apart, whatever the template says: the intraclass correlation of a one-way layout with random
effects, by its analysis-of-variance estimator (Donner 1986, International Statistical Review 54). It is 0 where members
differ by chance only, and 1 where each always does the same and no two alike.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.schemas import TOPIC_SIZE

Numbers = NDArray[np.float64]
SPREADS = ("topic_spread", "hour_spread")
CELL_COLUMNS = ("topic", "with_topic")
_DAY = 2 * np.pi / 24


def measure_spreads(cells: pl.DataFrame) -> pl.DataFrame:
    """Measure how much of the variance in what a group's members do lies between them.

    Args:
        cells: `group`, `account_id`, `hour` and `CELL_COLUMNS` of `AccountRollups`: the hours in which each member
            showed keys of its group.

    Returns:
        `group` and, in [0, 1], `SPREADS`: of topics, and of the hour of the day. Null where members have an hour each,
        or nothing varies. Sorted.
    """
    ordered = cells.sort("group", "account_id", "hour")  # floating sums must not depend on the order of the rows
    if ordered.is_empty():
        return pl.DataFrame(schema={"group": ordered.schema["group"], **dict.fromkeys(SPREADS, pl.Float64)})
    groups = ordered["group"].rle_id().to_numpy()
    accounts = ordered.select(pl.struct("group", "account_id").rle_id()).to_series().to_numpy()
    names = ordered["group"].unique(maintain_order=True)
    spreads = {
        name: _between_share(values, weights, accounts, groups, len(names))
        for name, (values, weights) in _traits(ordered).items()
    }
    return pl.DataFrame({"group": names, **spreads}).with_columns(pl.col(SPREADS).fill_nan(None).round(9))


def _traits(cells: pl.DataFrame) -> Mapping[str, tuple[Numbers, Numbers]]:
    """Mean values (cells, d) of each trait in each cell, and how many requests they are means of (cells,)."""
    with_topic = cells["with_topic"].to_numpy().astype(np.float64)
    topics = cells["topic"].list.to_array(TOPIC_SIZE).to_numpy().astype(np.float64)
    hour = cells["hour"].dt.hour().to_numpy() * _DAY
    return {
        "topic_spread": (topics / np.maximum(with_topic, 1.0)[:, None], with_topic),
        "hour_spread": (np.column_stack([np.sin(hour), np.cos(hour)]), np.ones(len(cells))),
    }


def _between_share(
    values: Numbers, weights: Numbers, accounts: NDArray[np.int64], groups: NDArray[np.int64], count: int
) -> Numbers:
    """The share of variance between accounts, (count,); nan where it can't be told.

    Args:
        values: (cells, d) means of cells.
        weights: (cells,) how many they are means of; a cell of 0 is passed over.
        accounts: (cells,) numbers of the accounts, not falling.
        groups: (cells,) numbers of the groups, not falling.
        count: how many groups there are.
    """
    rows = np.flatnonzero(weights > 0)
    n, v, group = weights[rows], values[rows], groups[rows]
    first = np.flatnonzero(np.diff(accounts[rows], prepend=-1))
    if not first.size:
        return np.full(count, np.nan)
    group_of = group[first]
    n_account, sums = np.add.reduceat(n, first), np.add.reduceat(v * n[:, None], first)

    def over_groups(addends: Numbers, of: NDArray[np.int64]) -> Numbers:
        return np.asarray(np.bincount(of, weights=addends, minlength=count), dtype=np.float64)

    total = over_groups(n_account, group_of)
    group_sums = np.column_stack([over_groups(column, group_of) for column in sums.T])
    cells, members = over_groups(np.ones(len(n)), group), over_groups(np.ones(len(first)), group_of)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_cell = over_groups(n * (v**2).sum(axis=1), group)
        by_account = over_groups((sums**2).sum(axis=1) / n_account, group_of)
        overall = (group_sums**2).sum(axis=1) / total
        within = np.maximum(by_cell - by_account, 0.0) / (cells - members)
        size = (total - over_groups(n_account**2, group_of) / total) / (members - 1)
        between = np.maximum(((by_account - overall) / (members - 1) - within) / size, 0.0)
        share: Numbers = between / (between + within)
    share[(cells <= members) | (members < 2)] = np.nan
    return share
