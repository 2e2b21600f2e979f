"""Splits by campaign, account and time; the same for every candidate, known by their digest.

Rules. (1) The accounts of one campaign are on one side only. (2) Which side a campaign or an account is on
depends on its name and the seed alone (xxHash64), so it stays there from one training to the next, and a
champion is not judged on what it learnt (but for the least and the most of `by_campaign`, and for accounts
whose label came later; `train.judge` says when a champion did learn from a campaign of the test set). (3)
The test set holds one row per account, its latest snapshot: what a scoring run at the training time would
see. (4) Nothing about the test set is used for fitting, rounds, calibration or thresholds; these use
out-of-fold predictions, grouped by campaign, within the training side.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl
import polars_hash as plh
from numpy.typing import NDArray

from features.errors import InputError
from training.dataset import digest

FEW_CAMPAIGNS = "one campaign only: its accounts are on both sides, so the figures flatter"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A named test set that every candidate is judged on: one row per account, and its digest."""

    name: str
    frame: pl.DataFrame
    digest: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Split:
    """The training side (all snapshots) and the frozen test set; no account and no campaign is in both."""

    train: pl.DataFrame
    test: Frozen
    held_out: tuple[str, ...]


def unit(names: pl.Expr, seed: int) -> pl.Expr:
    """A name's place in [0, 1), the same in every process: xxHash64 with `seed`, over 2 ** 64."""
    hashed: pl.Expr = names.nchash.xxhash64(seed=seed)  # type: ignore[attr-defined]
    return hashed.cast(pl.Float64) / 2.0**64


def _place(names: pl.Series, seed: int) -> NDArray[np.float64]:
    frame = pl.DataFrame({"name": names.cast(pl.String)})
    return frame.select(unit(plh.col("name"), seed)).to_series().to_numpy()


def campaigns(examples: pl.DataFrame) -> pl.DataFrame:
    """The named campaigns of true accounts with their number of `accounts`, sorted by name."""
    named = examples.filter(pl.col("label") & pl.col("campaign").is_not_null())
    return named.group_by("campaign").agg(accounts=pl.col("account_id").n_unique()).sort("campaign")


def marks(examples: pl.DataFrame) -> tuple[str, ...]:
    """A mark (the first 12 digits of SHA-256) for each true campaign, sorted: known again, but not named."""
    names = campaigns(examples)["campaign"]
    return tuple(sorted(hashlib.sha256(name.encode()).hexdigest()[:12] for name in names))


def by_campaign(examples: pl.DataFrame, seed: int, campaign_share: float = 0.25, account_share: float = 0.25) -> Split:
    """Hold out about `campaign_share` of the campaigns and `account_share` of all other accounts.

    Of two or more campaigns at least one is held out and at most half of them. A true account without a
    named campaign is a group of its own and goes with the other accounts. If there is one campaign and too
    few single true accounts to judge by, that campaign is split by account, and the test set says so.
    Raises `InputError` without two true accounts.
    """
    true = examples.filter("label")
    if true["account_id"].n_unique() < 2:
        raise InputError(
            "Fewer than two true accounts are known at the training time: give more labels or a later time."
        )
    named = campaigns(examples)["campaign"]
    if named.len() >= 2:
        return leave_out(examples, _held_out(named, seed, campaign_share), seed, account_share, name="by campaign")
    singles = true.filter(pl.col("campaign").is_null())["account_id"].n_unique()
    if singles >= 2:
        free = _member(examples).is_null().to_numpy()
        return _cut(examples, _true_sides(examples, seed, account_share, free), (), "by account")
    everyone = np.ones(examples.height, dtype=np.bool_)
    sides = _true_sides(examples, seed, account_share, everyone)
    return _cut(examples, sides, (), "by account", (FEW_CAMPAIGNS,))


def leave_out(
    examples: pl.DataFrame,
    held_out: Collection[str],
    seed: int,
    account_share: float = 0.25,
    name: str = "left out",
) -> Split:
    """Hold out exactly the campaigns `held_out` (say, all of one family) and `account_share` of the
    accounts of no campaign.

    Raises `InputError` for a campaign without true accounts, or if no true account is left to learn from.
    """
    unknown = sorted(set(held_out) - set(campaigns(examples)["campaign"]))
    if unknown:
        raise InputError(f"The campaigns {unknown} have no true account among the examples: check their names.")
    sides = _free_sides(examples, seed, account_share)
    sides |= _member(examples).is_in(sorted(held_out)).fill_null(False).to_numpy()
    return _cut(examples, sides, tuple(sorted(held_out)), name)


def _member(examples: pl.DataFrame) -> pl.Series:
    """The campaign of each true example; null for all others, whatever their label row says about a
    campaign.
    """
    return examples.select(pl.when(pl.col("label")).then("campaign")).to_series()


def _held_out(named: pl.Series, seed: int, share: float) -> list[str]:
    place = _place(named, seed)
    below = int((place < share).sum())
    count = min(max(below, 1), named.len() // 2)
    return [str(named[int(i)]) for i in np.argsort(place, kind="stable")[:count]]


def _free_sides(examples: pl.DataFrame, seed: int, share: float) -> NDArray[np.bool_]:
    """True = test side, for accounts of no campaign, by their place; campaign members stay in training."""
    return _member(examples).is_null().to_numpy() & (_place(examples["account_id"], seed) < share)


def _true_sides(examples: pl.DataFrame, seed: int, share: float, free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """As above for `free` rows, with at least one true free account in the test set and one true account in
    training.
    """
    place = _place(examples["account_id"], seed)
    true = examples["label"].fill_null(False).to_numpy().astype(np.bool_)
    places = np.unique(place[free & true])
    test: NDArray[np.bool_] = free & ((place < share) | (true & (place == places[0])))
    if not (true & ~free).any():
        test &= ~(true & (place == places[-1]))
    return test


def _cut(
    examples: pl.DataFrame,
    test: NDArray[np.bool_],
    held_out: tuple[str, ...],
    name: str,
    notes: tuple[str, ...] = (),
) -> Split:
    side = pl.Series(test)
    train = examples.filter(~side).sort("account_id", "as_of")
    if not train["label"].fill_null(False).any():
        raise InputError("No true account is left to learn from: hold out fewer campaigns.")
    frozen = freeze(examples.filter(side), name, notes)
    if frozen.frame["label"].fill_null(False).all():
        raise InputError(
            "The test set has no account that is not true: ingest more accounts, or hold out a larger share."
        )
    return Split(train, frozen, held_out)


def freeze(examples: pl.DataFrame, name: str, notes: tuple[str, ...] = ()) -> Frozen:
    """A test set of the latest snapshot of each account, sorted by account, with the digest of all its
    columns.
    """
    frame = latest(examples)
    unknown = int(frame["label"].is_null().sum())
    lower = (f"{unknown:,} accounts without a label count as honest; where one is not, a hit looks like a false alarm",)
    return Frozen(name, frame, digest(frame), notes + (lower if unknown else ()))


def latest(examples: pl.DataFrame) -> pl.DataFrame:
    """The latest snapshot of each account, sorted by account."""
    return examples.filter(pl.col("as_of") == pl.col("as_of").max().over("account_id")).sort("account_id")


def folds(examples: pl.DataFrame, seed: int, most: int = 4) -> NDArray[np.int64]:
    """The fold of each example, (n,) from 0: a campaign is in one fold, a fold holds campaigns of large and
    small size.

    With fewer than two named campaigns the true accounts are dealt out singly. The number of folds is at
    most `most` and at most the number of groups.
    """
    named = campaigns(examples)["campaign"].len()
    member = _member(examples) if named >= 2 else pl.Series([None] * examples.height, dtype=pl.String)
    group = examples.select(
        group=pl.when(member.is_not_null()).then("c:" + member).otherwise("a:" + pl.col("account_id")),
        true=pl.col("label").fill_null(False),
        account_id="account_id",
    )
    sizes = group.group_by("group", "true").agg(accounts=pl.col("account_id").n_unique())
    place = pl.Series("place", _place(sizes["group"], seed))
    dealt = sizes.with_columns(place).sort(["true", "accounts", "place"], descending=[True, True, False])
    count = max(2, min(most, int(sizes["true"].sum())))
    return group.join(_deal(dealt, count), on="group", how="left", maintain_order="left")["fold"].to_numpy()


def _deal(groups: pl.DataFrame, count: int) -> pl.DataFrame:
    """Deal sorted groups to folds back and forth (0 1 2 2 1 0 ...), so that the sizes even out."""
    turn = pl.int_range(pl.len(), dtype=pl.Int64)
    step = turn % (2 * count)
    return groups.select("group", fold=pl.when(step < count).then(step).otherwise(2 * count - 1 - step))
