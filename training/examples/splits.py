"""Splits by campaign, family, cohort, account and time; the same for every candidate, known by their digest.

Rules. (1) The accounts of one campaign are on one side only (but for `by_account`, which says so). (2) Which side a
campaign or an account is on depends on its name and the seed alone (xxHash64), so it stays there from one training to
the next, and a champion is not judged on what it learnt (but for the least and the most of `by_campaign`, and for
accounts whose label came later; `train.judge` says when a champion did learn from a campaign of the test set). (3) The
test set holds one row per account, its latest snapshot: what a scoring run at the training time would see. (4) Nothing
about the test set is used for fitting, rounds, calibration or thresholds; these use out-of-fold predictions, grouped by
campaign, within the training side.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
import polars_hash as plh
from numpy.typing import NDArray

from features.errors import InputError
from training.examples.dataset import BESIDE
from training.examples.test_set import TestSet as TestSet
from training.examples.test_set import make_test_set

BOTH_SIDES = "accounts of one campaign are on both sides, so the figures flatter"
NOTHING_CONFIRMED = "no account is confirmed, so nothing can be judged"
FEW_CAMPAIGNS = "one campaign only: its accounts are on both sides, so the figures flatter"
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Split:
    """The training side (all snapshots) and the frozen test set; no account and no campaign is in both."""

    train: pl.DataFrame
    test: TestSet
    held_out: tuple[str, ...]


def unit(names: pl.Expr, seed: int) -> pl.Expr:
    """A name's place in [0, 1), the same in every process: xxHash64 with `seed`, over 2 ** 64."""
    hashed: pl.Expr = names.nchash.xxhash64(seed=seed)  # type: ignore[attr-defined]
    return hashed.cast(pl.Float64) / 2.0**64


def place(names: pl.Series, seed: int) -> NDArray[np.float64]:
    """The place in [0, 1) of each name, (n,)."""
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


def member(examples: pl.DataFrame) -> pl.Series:
    """The campaign of each true example; null for all others, whatever their label row says about a
    campaign.
    """
    return examples.select(pl.when(pl.col("label")).then("campaign")).to_series()


def by_campaign(
    examples: pl.DataFrame,
    seed: int,
    campaign_share: float = 0.25,
    account_share: float = 0.25,
    slices: pl.DataFrame | None = None,
) -> Split:
    """Hold out about `campaign_share` of the campaigns and `account_share` of all other accounts.

    Of two or more campaigns at least one is held out and at most half of them. A true account without a
    named campaign is a group of its own and goes with the other accounts. If there is one campaign and too
    few single true accounts to judge by, that campaign is split by account, and the test set says so.
    `groups` (`training.examples.test_set`) goes into the test set, here and below. Raises `InputError` without two true
    accounts.
    """
    true = _two_true(examples)
    named = campaigns(examples)["campaign"]
    if named.len() >= 2:
        held_out = _held_out(named, seed, campaign_share)
        return leave_out(examples, held_out, seed, account_share, "by campaign", slices)
    if true.filter(pl.col("campaign").is_null())["account_id"].n_unique() < 2:
        return by_account(examples, seed, account_share, slices)
    free = member(examples).is_null().to_numpy()
    return _cut(examples, _true_sides(examples, seed, account_share, free), (), "by account", (), slices)


def by_account(examples: pl.DataFrame, seed: int, share: float = 0.25, slices: pl.DataFrame | None = None) -> Split:
    """Hold out `share` of all accounts, whatever their campaign: what later members of known campaigns look like.

    The test set says that it flatters. Raises `InputError` without two true accounts.
    """
    _two_true(examples)
    everyone = np.ones(examples.height, dtype=np.bool_)
    named = campaigns(examples).height
    notes = (FEW_CAMPAIGNS,) if named == 1 else (BOTH_SIDES,) if named else ()
    return _cut(examples, _true_sides(examples, seed, share, everyone), (), "by account", notes, slices)


def without_labels(examples: pl.DataFrame, seed: int, share: float = 0.25, slices: pl.DataFrame | None = None) -> Split:
    """Hold out `share` of the accounts where none is confirmed: nothing can be judged on them."""
    out = place(examples["account_id"], seed) < share
    test = make_test_set(examples.filter(pl.Series(out)), "without labels", (NOTHING_CONFIRMED,), slices)
    return Split(examples.filter(pl.Series(~out)).drop(BESIDE, strict=False).sort("account_id", "as_of"), test, ())


def by_time(
    examples: pl.DataFrame,
    at: datetime,
    seed: int,
    account_share: float = 0.25,
    slices: pl.DataFrame | None = None,
) -> Split:
    """Learn what was known at the time `at`, and be judged on what was confirmed later.

    The training side sees snapshots up to `at` under the labels of that time: an account that was judged later is
    unlabelled, as it was. The test set holds the campaigns and the single true accounts first confirmed after `at`, and
    `account_share` of the accounts that are not true, each by its latest snapshot; they are not learnt from. Later
    members of campaigns that were known at `at` stay in training, unlabelled.

    Raises:
        InputError: nothing was known at that time, or nothing was confirmed after it.
    """
    true = pl.col("label").fill_null(False)
    of_campaign = pl.col("labelled_at").min().over("campaign", "label")
    first = pl.when(pl.col("campaign").is_null()).then("labelled_at").otherwise(of_campaign)
    later = examples.select(true & (first > at).fill_null(False)).to_series()
    if not later.any():
        raise InputError(f"No campaign and no account was first confirmed after {_told(at)}: choose another time.")
    honest = ~examples["label"].fill_null(False)
    placed = pl.Series(place(examples["account_id"], seed) < account_share)
    side = (later | (honest & placed)).to_numpy()
    held_out = campaigns(examples.filter(later))["campaign"].to_list()
    return _parts(known_at(examples.filter(~pl.Series(side)), at), examples.filter(side), tuple(held_out),
                  f"confirmed after {_told(at)}", (), slices)  # fmt: skip


def known_at(examples: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """The snapshots up to a time, under the labels that were known then."""
    known = pl.col("labelled_at") <= at
    blank = [pl.when(known).then(name).alias(name) for name in ("label", "campaign", "labelled_at")]
    return examples.filter(pl.col("as_of") <= at).with_columns(blank)


def leave_out(
    examples: pl.DataFrame,
    held_out: Collection[str],
    seed: int,
    account_share: float = 0.25,
    name: str = "left out",
    slices: pl.DataFrame | None = None,
) -> Split:
    """Hold out exactly the campaigns `held_out` and `account_share` of the accounts of no campaign.

    Raises `InputError` for a campaign without true accounts, or if no true account is left to learn from.
    """
    unknown = sorted(set(held_out) - set(campaigns(examples)["campaign"]))
    if unknown:
        raise InputError(f"The campaigns {unknown} have no true account among the examples: check their names.")
    sides = _free_sides(examples, seed, account_share)
    sides |= member(examples).is_in(sorted(held_out)).fill_null(False).to_numpy()
    return _cut(examples, sides, tuple(sorted(held_out)), name, (), slices)


def leave_out_family(
    examples: pl.DataFrame, family: str, seed: int, slices: pl.DataFrame, account_share: float = 0.25
) -> Split:
    """Hold out the campaigns of one family: those with at least half of their true accounts in it.

    Accounts of the family that nobody has confirmed are on no side: they are neither honest nor known. Raises
    `InputError` if the family has no campaign among the examples.
    """
    inside = examples["account_id"].is_in(_named(slices, "family", family).implode())
    true = examples["label"].fill_null(False)
    found = examples.with_columns(inside=inside).filter(true & examples["campaign"].is_not_null())
    share = found.group_by("campaign").agg(pl.col("inside").mean())
    held_out = share.filter(pl.col("inside") >= 0.5)["campaign"].to_list()
    if not held_out:
        raise InputError(f"The family {family!r} has no confirmed campaign among the examples: check the groups.")
    kept = examples.filter(~inside | true)
    return leave_out(kept, held_out, seed, account_share, f"family {family} left out", slices)


def leave_out_cohort(
    examples: pl.DataFrame,
    cohort: str,
    seed: int,
    slices: pl.DataFrame,
    campaign_share: float = 0.25,
    account_share: float = 0.25,
) -> Split:
    """As `by_campaign`, but all accounts of one cohort that are not true are in the test set: a kind of honest workload
    that was never seen.

    Raises `InputError` if no account of the cohort is among the examples.
    """
    inside = examples["account_id"].is_in(_named(slices, "cohort", cohort).implode())
    away = inside & ~examples["label"].fill_null(False)
    if not away.any():
        raise InputError(f"The cohort {cohort!r} has no honest account among the examples: check the groups.")
    usual = by_campaign(examples, seed, campaign_share, account_share)
    side = examples["account_id"].is_in(usual.test.frame["account_id"].implode()) | away
    notes = tuple(note for note in usual.test.notes if note in (BOTH_SIDES, FEW_CAMPAIGNS))
    return _cut(examples, side.to_numpy(), usual.held_out, f"cohort {cohort} left out", notes, slices)


def _two_true(examples: pl.DataFrame) -> pl.DataFrame:
    true = examples.filter("label")
    if true["account_id"].n_unique() < 2:
        raise InputError(
            "Fewer than two true accounts are known at the training time: give more labels or a later time."
        )
    return true


def _named(slices: pl.DataFrame, kind: str, name: str) -> pl.Series:
    return slices.filter((pl.col("kind") == kind) & (pl.col("name") == name))["account_id"]


def _told(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _held_out(named: pl.Series, seed: int, share: float) -> list[str]:
    places = place(named, seed)
    below = int((places < share).sum())
    count = min(max(below, 1), named.len() // 2)
    return [str(named[int(i)]) for i in np.argsort(places, kind="stable")[:count]]


def _free_sides(examples: pl.DataFrame, seed: int, share: float) -> Flags:
    """True = test side, for accounts of no campaign, by their place; campaign members stay in training."""
    return member(examples).is_null().to_numpy() & (place(examples["account_id"], seed) < share)


def _true_sides(examples: pl.DataFrame, seed: int, share: float, free: Flags) -> Flags:
    """As above for `free` rows, with at least one true free account in the test set and one true account in
    training.
    """
    places = place(examples["account_id"], seed)
    true = examples["label"].fill_null(False).to_numpy().astype(np.bool_)
    taken = np.unique(places[free & true])
    test: Flags = free & ((places < share) | (true & (places == taken[0])))
    if not (true & ~free).any():
        test &= ~(true & (places == taken[-1]))
    return test


def _cut(
    examples: pl.DataFrame,
    test: Flags,
    held_out: tuple[str, ...],
    name: str,
    notes: tuple[str, ...],
    slices: pl.DataFrame | None,
) -> Split:
    side = pl.Series(test)
    return _parts(examples.filter(~side), examples.filter(side), held_out, name, notes, slices)


def _parts(
    learnt: pl.DataFrame,
    judged: pl.DataFrame,
    held_out: tuple[str, ...],
    name: str,
    notes: tuple[str, ...],
    slices: pl.DataFrame | None,
) -> Split:
    """Both sides, if each can serve; what is there for reporting only is not learnt from."""
    train = learnt.drop(BESIDE, strict=False).sort("account_id", "as_of")
    if not train["label"].fill_null(False).any():
        raise InputError("No true account is left to learn from: hold out fewer campaigns.")
    frozen = make_test_set(judged, name, notes, slices)
    if frozen.frame["label"].fill_null(False).all():
        raise InputError(
            "The test set has no account that is not true: ingest more accounts, or hold out a larger share."
        )
    return Split(train, frozen, held_out)
