"""Splits into a training side and a test set, by campaign or by account; the same for every candidate.

Rules:

1. The accounts of one campaign are on one side only. `split_by_account` breaks this rule, and its test set says so.
2. The side of a campaign or an account depends on its name and the seed alone (xxHash64). All trainings have the same
   seed for it (`TrainingRequest.split_seed`), so a side stays the same from one training to the next, and a champion
   is not judged on what it learned. Exceptions: the minimum and maximum number of campaigns that `split_by_campaign`
   holds out, and accounts whose label came later. Where a champion learned from a campaign of the test set, `judge` in
   `training.fitting.train` reports it, and the gate compares on the others.
3. The test set holds one row per account, its latest snapshot: what a scoring run at the training time would see.
4. Nothing about the test set is used to fit, to choose rounds, to calibrate or to set thresholds. These use
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
from training.examples.dataset import REPORT_COLUMNS
from training.examples.test_set import TestSet as TestSet
from training.examples.test_set import make_test_set

# Share of the campaigns, and of all other accounts, that is held out. A custom, not a measured optimum. Doubled, the
# figures of the test set have narrower intervals, and half of the confirmed campaigns are missing from training.
CAMPAIGN_SHARE, ACCOUNT_SHARE = 0.25, 0.25

BOTH_SIDES = "accounts of one campaign are on both sides, so the figures flatter"
NOTHING_CONFIRMED = "no account is confirmed, so nothing can be judged"
FEW_CAMPAIGNS = "one campaign only: its accounts are on both sides, so the figures flatter"
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Split:
    """The training side (all snapshots) and the test set; no account is in both.

    Attributes:
        train: examples to learn from, without the columns that are only for reports.
        test: the test set.
        held_out: names of the campaigns that are in the test set as a whole.
    """

    train: pl.DataFrame
    test: TestSet
    held_out: tuple[str, ...]


def hash_fraction_expr(names: pl.Expr, seed: int) -> pl.Expr:
    """Map each name to a number in [0, 1), the same in every process: xxHash64 with `seed`, over 2 ** 64."""
    hashed: pl.Expr = names.nchash.xxhash64(seed=seed)  # type: ignore[attr-defined]
    return hashed.cast(pl.Float64) / 2.0**64


def hash_fraction(names: pl.Series, seed: int) -> NDArray[np.float64]:
    """Map each name to a number in [0, 1), (n,); see `hash_fraction_expr`."""
    frame = pl.DataFrame({"name": names.cast(pl.String)})
    return frame.select(hash_fraction_expr(plh.col("name"), seed)).to_series().to_numpy()


def confirmed_campaigns(examples: pl.DataFrame) -> pl.DataFrame:
    """The named campaigns of true accounts with their number of `accounts`, sorted by name."""
    named = examples.filter(pl.col("label") & pl.col("campaign").is_not_null())
    return named.group_by("campaign").agg(accounts=pl.col("account_id").n_unique()).sort("campaign")


def campaign_digests(examples: pl.DataFrame) -> tuple[str, ...]:
    """The first 12 digits of the SHA-256 of each true campaign's name, sorted.

    With them a model's label says which campaigns it learned from without naming them.
    """
    return tuple(sorted(map(digest_campaign, confirmed_campaigns(examples)["campaign"])))


def digest_campaign(name: str) -> str:
    """The first 12 digits of the SHA-256 of a campaign's name."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def confirmed_campaign(examples: pl.DataFrame) -> pl.Series:
    """The campaign of each true example; null for all others, even if their label names a campaign."""
    return examples.select(pl.when(pl.col("label")).then("campaign")).to_series()


def split_by_campaign(
    examples: pl.DataFrame,
    seed: int,
    campaign_share: float = CAMPAIGN_SHARE,
    account_share: float = ACCOUNT_SHARE,
    slices: pl.DataFrame | None = None,
) -> Split:
    """Hold out about `campaign_share` of the campaigns and `account_share` of all other accounts.

    Of two or more campaigns at least one is held out and at most half of them. A true account without a named campaign
    counts as a campaign of its own and is split with the other accounts. If there is one campaign and too few single
    true accounts to judge by, that campaign is split by account, and the test set says so.

    Args:
        examples: see `training.examples.dataset`.
        seed: of the hash that decides the side.
        campaign_share: share of the campaigns.
        account_share: share of the accounts of no campaign.
        slices: what accounts belong to (`training.examples.test_set`), stored with the test set.

    Raises:
        InputError: fewer than two true accounts.
    """
    true = _require_two_true(examples)
    names = confirmed_campaigns(examples)["campaign"]
    if names.len() >= 2:
        held_out = _draw_campaigns(names, seed, campaign_share)
        return hold_out(examples, held_out, seed, account_share, "by campaign", slices)
    if true.filter(pl.col("campaign").is_null())["account_id"].n_unique() < 2:
        return split_by_account(examples, seed, account_share, slices)
    is_single = confirmed_campaign(examples).is_null().to_numpy()
    in_test = _draw_accounts(examples, seed, account_share, is_single)
    return _make_split(examples, in_test, (), "by account", (), slices)


def split_by_account(
    examples: pl.DataFrame, seed: int, share: float = ACCOUNT_SHARE, slices: pl.DataFrame | None = None
) -> Split:
    """Hold out `share` of all accounts, whatever their campaign: later members of campaigns that are known already.

    The test set says that its figures flatter.

    Raises:
        InputError: fewer than two true accounts.
    """
    _require_two_true(examples)
    campaigns = confirmed_campaigns(examples).height
    notes = (FEW_CAMPAIGNS,) if campaigns == 1 else (BOTH_SIDES,) if campaigns else ()
    in_test = _draw_accounts(examples, seed, share, np.ones(examples.height, dtype=np.bool_))
    return _make_split(examples, in_test, (), "by account", notes, slices)


def split_without_labels(
    examples: pl.DataFrame, seed: int, share: float = ACCOUNT_SHARE, slices: pl.DataFrame | None = None
) -> Split:
    """Hold out `share` of the accounts where none is confirmed; the test set says that nothing can be judged."""
    in_test = pl.Series(hash_fraction(examples["account_id"], seed) < share)
    test = make_test_set(examples.filter(in_test), "without labels", (NOTHING_CONFIRMED,), slices)
    return Split(_training_side(examples.filter(~in_test)), test, ())


def hold_out(
    examples: pl.DataFrame,
    held_out: Collection[str],
    seed: int,
    account_share: float = ACCOUNT_SHARE,
    name: str = "left out",
    slices: pl.DataFrame | None = None,
) -> Split:
    """Hold out exactly the campaigns `held_out`, and `account_share` of the accounts of no campaign.

    Raises:
        InputError: a campaign without true accounts, or no true account left to learn from.
    """
    missing = sorted(set(held_out) - set(confirmed_campaigns(examples)["campaign"]))
    if missing:
        raise InputError(f"The campaigns {missing} have no true account among the examples: check their names.")
    campaign = confirmed_campaign(examples)
    in_test = campaign.is_null().to_numpy() & (hash_fraction(examples["account_id"], seed) < account_share)
    in_test |= campaign.is_in(sorted(held_out)).fill_null(False).to_numpy()
    return _make_split(examples, in_test, tuple(sorted(held_out)), name, (), slices)


def _require_two_true(examples: pl.DataFrame) -> pl.DataFrame:
    true = examples.filter("label")
    require_two(true["account_id"])
    return true


def require_two(true_accounts: pl.Series) -> None:
    """Check that enough accounts are confirmed to learn from and to judge by.

    Raises:
        InputError: fewer than two.
    """
    if true_accounts.n_unique() < 2:
        raise InputError(
            "Fewer than two true accounts are known at the training time: give more labels or a later time."
        )


def _draw_campaigns(names: pl.Series, seed: int, share: float) -> list[str]:
    """The campaigns with the lowest hashes: about `share` of them, at least one and at most half."""
    fraction = hash_fraction(names, seed)
    count = min(max(int((fraction < share).sum()), 1), names.len() // 2)
    return [str(names[int(i)]) for i in np.argsort(fraction, kind="stable")[:count]]


def _draw_accounts(examples: pl.DataFrame, seed: int, share: float, is_free: Flags) -> Flags:
    """Which rows are tested, (n,): about `share` of the accounts with `is_free` rows; all others stay in training.

    At least one true free account is tested, and at least one true account stays in training.
    """
    fraction = hash_fraction(examples["account_id"], seed)
    true = examples["label"].fill_null(False).to_numpy().astype(np.bool_)
    of_true = np.unique(fraction[is_free & true])
    in_test: Flags = is_free & ((fraction < share) | (true & (fraction == of_true[0])))
    if not (true & ~is_free).any():
        in_test &= ~(true & (fraction == of_true[-1]))
    return in_test


def _training_side(examples: pl.DataFrame) -> pl.DataFrame:
    return examples.drop(REPORT_COLUMNS, strict=False).sort("account_id", "as_of")


def _make_split(
    examples: pl.DataFrame,
    in_test: Flags,
    held_out: tuple[str, ...],
    name: str,
    notes: tuple[str, ...],
    slices: pl.DataFrame | None,
) -> Split:
    """Both sides, if one can be learned from and the other can be judged on."""
    is_tested = pl.Series(in_test)
    train = _training_side(examples.filter(~is_tested))
    if not train["label"].fill_null(False).any():
        raise InputError("No true account is left to learn from: hold out fewer campaigns.")
    test = make_test_set(examples.filter(is_tested), name, notes, slices)
    if test.frame["label"].fill_null(False).all():
        raise InputError(
            "The test set has no account that is not true: ingest more accounts, or hold out a larger share."
        )
    return Split(train, test, held_out)
