"""Aliases: accounts that were renamed or merged are one account, from a time on.

Tables keep the ids of the logs. Whoever asks as of a time gets the ids that hold then, since rollups add: the rows of
an old id are those of the account that it has become, whatever the order in which logs and aliases were ingested.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

import numpy as np
import polars as pl
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from features.errors import InputError

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


def canonical_ids(aliases: pl.LazyFrame, as_of: datetime) -> pl.DataFrame:
    """Resolve the aliases that hold at a time.

    Args:
        aliases: `Aliases`, of which `check_aliases` has nothing to say.
        as_of: the time.

    Returns:
        `account_id`, `canonical_id`: the accounts that are the same as another one then, sorted, and the end of each
        one's chain.
    """
    begun = aliases.filter(pl.col("since") <= as_of).select("account_id", "same_as", "since").collect()
    newest = begun.sort("since", "same_as").unique("account_id", keep="last")
    step = newest.select("account_id", canonical_id="same_as").sort("account_id")
    following = step.rename({"account_id": "canonical_id", "canonical_id": "next_id"})
    for _ in range(len(step).bit_length()):  # each turn doubles how far a chain is followed
        further = step.join(following, on="canonical_id", how="left", maintain_order="left")
        step = further.select("account_id", canonical_id=pl.coalesce("next_id", "canonical_id"))
        following = step.rename({"account_id": "canonical_id", "canonical_id": "next_id"})
    return step


def rename_accounts(rows: Frame, names: pl.DataFrame) -> Frame:
    """Give rows with an `account_id` the canonical ids (`canonical_ids`)."""
    if names.is_empty():
        return rows
    return rows.with_columns(pl.col("account_id").replace(names["account_id"], names["canonical_id"]))


def merge_registrations(rows: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Keep one registration of each canonical account: its own if it has one, else the newest of its older ids."""
    if names.is_empty():
        return rows
    renamed = rename_accounts(rows.with_columns(stored_id="account_id"), names)
    is_other = pl.col("stored_id") != pl.col("account_id")
    order = ["account_id", is_other, "valid_from", "stored_id"]
    best_first = renamed.sort(order, descending=[False, False, True, False])
    return best_first.unique("account_id", keep="first", maintain_order=True).drop("stored_id")


def all_ids(aliases: pl.LazyFrame, accounts: Sequence[str], as_of: datetime) -> list[str]:
    """List every id that some accounts have had by a time, whichever of them is given; sorted."""
    names = canonical_ids(aliases, as_of)
    asked = rename_accounts(pl.DataFrame({"account_id": pl.Series(accounts, dtype=pl.String)}), names)["account_id"]
    others = names.filter(pl.col("canonical_id").is_in(asked.implode()))["account_id"]
    return pl.concat([asked, others]).unique().sort().to_list()


def digest_names(names: pl.DataFrame) -> str:
    """Digest which ids are the same (`canonical_ids`)."""
    pairs = "\x1e".join(map("\x1f".join, names.iter_rows()))
    return hashlib.sha256(pairs.encode()).hexdigest()[:16]


def check_aliases(aliases: pl.DataFrame) -> None:
    """Check that at every time each account is the same as one other at most.

    Args:
        aliases: `Aliases`, all of a workspace.

    Raises:
        InputError: accounts are each other's aliases in a circle, or one is the same as two at one time.
    """
    rows = aliases.select("account_id", "same_as", "since").unique()
    circle = _find_circle(rows)
    if circle:
        named = " and ".join(map(repr, circle[:3]))
        raise InputError(f"aliases: {named} are aliases of each other in a circle: leave out one of their rows.")
    several = rows.filter(pl.col("same_as").n_unique().over("account_id") > 1)
    for since in several["since"].unique().sort():
        begun = several.filter(pl.col("since") <= since)
        ends = begun.with_columns(
            pl.col("same_as").replace(*canonical_ids(rows.lazy(), since).get_columns()).alias("end")
        )
        torn = ends.filter(pl.col("end").n_unique().over("account_id") > 1).sort("account_id", "end")
        if len(torn):
            account, first, second = torn["account_id"][0], torn["end"][0], torn["end"].unique().sort()[1]
            raise InputError(
                f"aliases: from {since:%Y-%m-%dT%H:%M:%SZ} on {account!r} is the same as {first!r} and as {second!r}: "
                "leave out one of the rows, or say that these two are the same."
            )


def _find_circle(rows: pl.DataFrame) -> list[str]:
    """The accounts of one circle of aliases, sorted; empty without any."""
    ids = pl.concat([rows["account_id"], rows["same_as"].alias("account_id")]).unique().sort()
    begin, end = (ids.search_sorted(rows[name]).to_numpy() for name in ("account_id", "same_as"))
    graph = csr_array((np.ones(len(rows), dtype=np.int8), (begin, end)), shape=(len(ids), len(ids)))
    _, part = connected_components(graph, directed=True, connection="strong")
    circles = np.flatnonzero(np.bincount(part) > 1)
    return ids.filter(pl.Series(part == circles[0])).to_list() if circles.size else []
