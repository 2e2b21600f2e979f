"""The figures of slices of a test set: families, cohorts, plans, countries, request counts, campaigns.

Slices are judged at thresholds of the whole set, as reviewers would act: the recall of a family, and how many
honest accounts of a cohort are flagged, where 1 % or 0.1 % of all honest accounts are.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.evaluation.headline import NEEDED, ONE_CAMPAIGN, needs
from training.evaluation.intervals import FEWEST, Draws, measured, unknown, wilson, with_interval
from training.evaluation.metrics import (
    FALSE_POSITIVE_RATES,
    Estimate,
    Flags,
    Numbers,
    Ranking,
    Value,
    average_precision,
    cut_at,
    named,
    rank,
    recall_name,
    threshold_at,
)
from training.examples.test_set import BUCKETS, KINDS, TestSet

RATES = FALSE_POSITIVE_RATES[:2]
Codes = NDArray[np.int64]


class Slice(Value):
    """The figures of a slice of the test set: a family, cohort, plan, country, request count or mode."""

    kind: str
    name: str
    accounts: int
    positives: int
    estimates: tuple[Estimate, ...]

    def estimate(self, name: str) -> Estimate:
        """The figure of that name; `KeyError` if there is none."""
        return named(self.estimates, name)


class CampaignRecall(Value):
    """The recall of one campaign at a false-positive rate of 1 % of this test set."""

    name: str
    accounts: int
    recall: Estimate


def false_positive_name(rate: float) -> str:
    """The name of a slice's false-positive rate where the whole test set has `rate`:
    `false_positive_rate_at_fpr_0.01`.
    """
    return f"false_positive_rate_at_fpr_{rate:g}"


@dataclass(frozen=True, slots=True)
class _SliceRows:
    """The rows (m,) of all slices, one slice after the other; an account may be in many.

    Attributes:
        kinds: of each slice.
        names: of each slice.
        rows: of the test set.
        codes: the number of each row's slice, rising.
    """

    kinds: list[str]
    names: list[str]
    rows: Codes
    codes: Codes

    def of(self, i: int) -> Codes:
        """The rows of one slice."""
        begin, end = np.searchsorted(self.codes, [i, i + 1])
        return self.rows[begin:end]

    def of_side(self, side: Flags) -> tuple[Codes, Codes]:
        """Rows and slices of one side (n,) only."""
        is_on_side = side[self.rows]
        return self.rows[is_on_side], self.codes[is_on_side]


@dataclass(frozen=True, slots=True)
class _Judged:
    """Labels, risks and campaigns of the whole test set, (n,), and its resamples, (R, n)."""

    label: Flags
    risk: Numbers
    campaign: Codes
    draws: Draws


def _slice_rows(test: TestSet) -> _SliceRows:
    row_of = test.frame.select("account_id").with_row_index("row")
    order = {name: i for i, name in enumerate((*KINDS, *BUCKETS))}
    keyed = test.slices.join(row_of, on="account_id").with_columns(
        first=pl.col("kind").replace_strict(order, default=len(order)),
        second=pl.when(pl.col("kind") == "requests").then(pl.col("name").replace_strict(order, default=len(order))),
    )
    ordered = keyed.sort("first", "kind", "second", "name", "row")
    codes = ordered.select(pl.struct("kind", "name").rle_id()).to_series()
    named = ordered.filter(codes.is_first_distinct())
    return _SliceRows(
        kinds=named["kind"].to_list(),
        names=named["name"].to_list(),
        rows=ordered["row"].to_numpy().astype(np.int64),
        codes=codes.to_numpy().astype(np.int64),
    )


def estimate_slices(test: TestSet, label: Flags, risk: Numbers, campaign: Codes, draws: Draws) -> tuple[Slice, ...]:
    """Every slice of the test set; label, risk and campaign (n,) as in `training.evaluation.headline`."""
    slices, ranking = _slice_rows(test), rank(label, risk)
    judged = _Judged(label=label, risk=risk, campaign=campaign, draws=draws)
    shares = _shares(slices, label, ranking, np.ones((1, label.size)))[0]
    drawn = measured(draws, lambda weight: _shares(slices, label, ranking, weight))
    return tuple(
        Slice(
            kind=slices.kinds[i],
            name=slices.names[i],
            accounts=slices.of(i).size,
            positives=int(label[slices.of(i)].sum()),
            estimates=tuple(_estimates(judged, slices.of(i), slices.kinds[i] == "family", shares[i], drawn[:, i])),
        )
        for i in range(len(slices.names))
    )


def _shares(slices: _SliceRows, label: Flags, ranking: Ranking, weight: Numbers) -> Numbers:
    """Recall and false-positive rate of each slice at each of `RATES`, (r, slices, rates, 2); NaN of nothing."""
    false = ranking.cumulate(weight)[1]
    shares = np.full((weight.shape[0], len(slices.names), len(RATES), 2), np.nan)
    for j, side in enumerate((label, ~label)):
        rows, codes = slices.of_side(side)
        total = _sums(weight[:, rows], codes, len(slices.names))
        for i, rate in enumerate(RATES):
            cut = cut_at(false, rate)[:, None]
            near = ranking.tie[rows] < cut.max()  # most are far below any threshold
            taken = weight[:, rows[near]] * (ranking.tie[rows[near]] < cut)
            hits = _sums(taken, codes[near], len(slices.names))
            np.divide(hits, total, out=shares[:, :, i, j], where=total > 0)
    return shares


def _sums(values: Numbers, codes: Codes, count: int) -> Numbers:
    """Sums of values (r, m) over the rows of each slice, (r, count); slices are in order, some may have no row."""
    sums = np.zeros((values.shape[0], count))
    if codes.size:
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
        sums[:, codes[starts]] = np.add.reduceat(values, starts, axis=1)
    return sums


def _estimates(judged: _Judged, rows: Codes, is_family: bool, shares: Numbers, drawn: Numbers) -> Iterator[Estimate]:
    label, risk, campaign, draws = judged.label, judged.risk, judged.campaign, judged.draws
    true, honest = int(label[rows].sum()), int((~label[rows]).sum())
    members = campaign[rows][label[rows]]
    note = ONE_CAMPAIGN if true and members.min() == members.max() >= 0 else ""
    for j, rate in enumerate(RATES):
        lacks = _lacks(recall_name(rate), label)
        name, few = recall_name(rate), _few(true, "true accounts")
        yield (
            unknown(name, lacks or few)
            if lacks or few
            else with_interval(name, float(shares[j, 0]), drawn[:, j, 0], true, note)
        )
        if not is_family:
            name, few = false_positive_name(rate), _few(honest, "accounts that are not true")
            yield (
                unknown(name, lacks or few)
                if lacks or few
                else with_interval(name, float(shares[j, 1]), drawn[:, j, 1], honest)
            )
    among = np.union1d(rows, np.flatnonzero(~label)) if is_family else rows
    yield _area(label[among], risk[among], draws[:, among], note)


def _area(label: Flags, risk: Numbers, draws: Draws, note: str) -> Estimate:
    """PR-AUC within a slice; of a family among all accounts that are not true."""
    few = _few(int(label.sum()), "true accounts") or _few(int((~label).sum()), "accounts that are not true")
    if few:
        return unknown("pr_auc", few)
    ranking = rank(label, risk)
    value = float(average_precision(*ranking.trace(np.ones(label.size))))
    drawn = measured(draws, lambda weight: average_precision(*ranking.trace(weight)))
    return with_interval("pr_auc", value, drawn, note=note)


def _lacks(name: str, label: Flags) -> str:
    """What the whole set lacks for a threshold."""
    negatives = int((~label).sum())
    return "" if negatives >= NEEDED[name] else needs(name, negatives)


def _few(count: int, what: str) -> str:
    return "" if count >= FEWEST else f"needs {FEWEST} {what}, there are {count}"


def campaigns_of(frame: pl.DataFrame) -> tuple[list[str], Codes]:
    """Names of the true campaigns, sorted, and each row's number among them (-1 = none)."""
    member = frame.select(pl.when(pl.col("label")).then("campaign")).to_series()
    names = member.drop_nulls().unique().sort()
    numbers = pl.DataFrame({"campaign": names, "number": np.arange(names.len(), dtype=np.int64)})
    joined = member.to_frame().join(numbers, on="campaign", how="left", maintain_order="left")
    return names.to_list(), joined["number"].fill_null(-1).to_numpy()


def recall_campaigns(label: Flags, risk: Numbers, names: list[str], codes: Codes) -> tuple[CampaignRecall, ...]:
    """The recall of each campaign; names and codes of `campaigns_of`."""
    if not names or label.all():
        return ()
    taken = risk >= threshold_at(label, risk, FALSE_POSITIVE_RATES[0])
    size = np.bincount(codes[codes >= 0], minlength=len(names))
    hits = np.bincount(codes[(codes >= 0) & taken], minlength=len(names))
    return tuple(_campaign_recall(name, int(n), int(hit)) for name, n, hit in zip(names, size, hits, strict=True))


def _campaign_recall(name: str, accounts: int, hits: int) -> CampaignRecall:
    low, high = wilson(hits / accounts, accounts)
    return CampaignRecall(
        name=name, accounts=accounts, recall=Estimate(name="recall", value=hits / accounts, low=low, high=high)
    )
