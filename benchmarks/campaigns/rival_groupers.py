"""Other ways to group accounts, on the same pairs of accounts and keys: what ours is compared with.

Each takes a `GroupingInput` and returns sets of account numbers. None of them sees a label, and all see the same keys.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from graspologic_native import leiden
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from features.groups.link_kinds import LINK_KINDS

MOST_SHARERS = 200  # accounts of a key above which a naive rule leaves it out, as everybody's
FEWEST = 5  # accounts of a group that is reported
ALIKE = 0.05  # Jaccard of actions; the threshold of the paper, 0.5, finds nobody where most traffic is cover


@dataclass(frozen=True)
class GroupingInput:
    """What groupers may look at.

    Attributes:
        count: accounts.
        pairs: `account`, `kind`, `key`, `share`: every key that two or more customers show.
        actions: `account`, `key`, `slot`: which template an account sent in which five minutes.
    """

    count: int
    pairs: pl.DataFrame
    actions: pl.DataFrame


Groups = list[set[int]]


def components(data: GroupingInput) -> Groups:
    """Connected components on any shared key that is not everybody's."""
    graph, _ = _matrix(_uncommon(data.pairs), data.count)
    labels = connected_components(graph @ graph.T, directed=False)[1]
    return _sets(pl.DataFrame({"account": np.arange(data.count), "group": labels}))


def co_occurrence(data: GroupingInput) -> Groups:
    """Leiden on raw counts of keys that two accounts share."""
    graph, _ = _matrix(_uncommon(data.pairs), data.count)
    return _leiden(sparse.triu(graph @ graph.T, k=1).tocoo())


def dense_blocks(data: GroupingInput, blocks: int = 20) -> Groups:
    """FRAUDAR (Hooi et al. 2016): peel the accounts and keys of least suspicion, keep the densest block, take it out.

    A key's column weight is 1 / log(5 + its accounts), against camouflage. Peeled a hundredth at a time.
    """
    graph, sizes = _matrix(data.pairs, data.count)
    weights = sparse.csr_matrix(graph @ sparse.diags(1 / np.log(5 + sizes)))
    groups: Groups = []
    for _ in range(blocks):
        rows = _densest(weights)
        if len(rows) < FEWEST:
            break
        groups.append(set(rows.tolist()))
        keep = np.ones(data.count)
        keep[rows] = 0
        weights = sparse.csr_matrix(sparse.diags(keep) @ weights)
    return groups


def synchrony(data: GroupingInput) -> Groups:
    """SynchroTrap (Cao et al. 2014): accounts whose actions (same template, same five minutes) are alike by Jaccard."""
    actions = data.actions.with_columns(action=pl.struct("key", "slot").rank("dense"))
    shared = actions.filter(pl.col("account").n_unique().over("action").is_between(2, MOST_SHARERS))
    own = actions.group_by("account").agg(own=pl.col("action").n_unique())
    both = shared.join(shared, on="action").filter(pl.col("account") < pl.col("account_right"))
    alike = (
        both.group_by("account", "account_right")
        .agg(both=pl.len())
        .join(own, on="account")
        .join(own.rename({"account": "account_right", "own": "other"}), on="account_right")
        .filter(pl.col("both") / (pl.col("own") + pl.col("other") - pl.col("both")) >= ALIKE)
    )
    ends = (alike["account"].to_numpy(), alike["account_right"].to_numpy())
    graph = sparse.coo_matrix((np.ones(len(alike)), ends), shape=(data.count, data.count))
    labels = connected_components(graph, directed=False)[1]
    return _sets(pl.DataFrame({"account": np.arange(data.count), "group": labels}))


GROUPERS: Mapping[str, Callable[[GroupingInput], Groups]] = {
    "connected components": components,
    "Leiden, raw co-occurrence": co_occurrence,
    "dense blocks (FRAUDAR)": dense_blocks,
    "same template, same minutes (SynchroTrap)": synchrony,
}


def _uncommon(pairs: pl.DataFrame) -> pl.DataFrame:
    return pairs.filter(pl.len().over("kind", "key") <= MOST_SHARERS)


def _matrix(pairs: pl.DataFrame, count: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Accounts by keys, 1 where shown; and each key's accounts."""
    numbered = pairs.with_columns(column=pl.struct("kind", "key").rank("dense") - 1)
    ends = (numbered["account"].to_numpy().astype(np.int64), numbered["column"].to_numpy().astype(np.int64))
    width = int(ends[1].max()) + 1 if len(numbered) else 0
    graph = sparse.csr_matrix((np.ones(len(numbered)), ends), shape=(count, width))
    return graph, np.asarray(graph.sum(axis=0)).ravel()


def _densest(weights: sparse.csr_matrix) -> np.ndarray:
    """The accounts of the block with the highest mean weight per node."""
    rows, columns = np.flatnonzero(weights.getnnz(axis=1)), np.flatnonzero(weights.getnnz(axis=0))
    best, chosen = 0.0, rows[:0]
    while len(rows) > 1 and len(columns):
        block = weights[rows][:, columns]
        by_row, by_column = np.asarray(block.sum(axis=1)).ravel(), np.asarray(block.sum(axis=0)).ravel()
        density = by_row.sum() / (len(rows) + len(columns))
        if density > best:
            best, chosen = density, rows
        limit = np.quantile(np.r_[by_row, by_column], 0.01)
        rows, columns = rows[by_row > limit], columns[by_column > limit]
    return chosen


def _leiden(graph: sparse.coo_matrix) -> Groups:
    edges = [(str(a), str(b), float(w)) for a, b, w in zip(graph.row, graph.col, graph.data, strict=True)]
    _, parts = leiden(edges, None, 1.0, 0.001, 1, True, 0, 1)
    return _sets(pl.DataFrame({"account": [int(name) for name in parts], "group": list(parts.values())}))


def _sets(labels: pl.DataFrame) -> Groups:
    large = labels.filter(pl.len().over("group") >= FEWEST)
    return [set(members["account"].to_list()) for _, members in large.group_by("group", maintain_order=True)]


def grouping_input(accounts: pl.DataFrame, pairs: pl.DataFrame, events: pl.LazyFrame) -> GroupingInput:
    """What groupers may look at, from the pairs before they are weighted and the events up to the same time."""
    template = [code for code, kind in enumerate(LINK_KINDS) if kind.name == "prefix"]
    shared = pairs.filter(pl.col("kind").is_in(template)).select("key").unique()
    actions = (
        events.select("account_id", key="prefix", slot=pl.col("timestamp").dt.truncate("5m"))
        .join(shared.lazy(), on="key", how="semi")
        .join(accounts.lazy().select("account_id").with_row_index("account"), on="account_id")
        .select("account", "key", "slot")
        .unique()
        .collect()
    )
    return GroupingInput(len(accounts), pairs, actions)
