"""Time to detection: how early in their course true accounts cross the threshold, and what was served until then.

The threshold is the one that flags 0.1 % of the honest accounts at their last snapshot (1 % where these are too few).
Accounts are looked at on their snapshots only, so days and requests are upper bounds. An account that is never detected
counts as such, not as absent: quantiles are over all true accounts.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from training.evaluation.headline import NEEDED, needs
from training.evaluation.intervals import FEWEST, Draws, measured, unknown, with_interval
from training.evaluation.metrics import (
    FALSE_POSITIVE_RATES,
    Estimate,
    Flags,
    Numbers,
    Value,
    named,
    recall_name,
    threshold_at,
)
from training.examples.test_set import TestSet

DAYS = (1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 56, 91)
NAMES = ("detected", "days", "days_90", "requests", "requests_90", "served_share")
MOST = 0.9  # of the accounts: the second quantile that is reported, beside the median
Predict = Callable[[pl.DataFrame], Numbers]


class Point(Value):
    """The share of all true accounts that is detected within so many days of their first request."""

    days: int
    share: float


class Detection(Value):
    """How early true accounts are detected.

    Attributes:
        false_positive_rate: of the last snapshots, that gives the threshold; None if there are too few to say.
        threshold: risk at and above which an account is detected.
        accounts: true accounts with a course.
        estimates: share `detected`; `days` since the first request and `requests` served until half of them are
            detected, and `days_90`, `requests_90` until `MOST` are; `served_share`: of all their requests, those served
            before they were detected.
        curve: share detected over days.
        note: what the figures lack.
    """

    false_positive_rate: float | None = None
    threshold: float | None = None
    accounts: int = 0
    estimates: tuple[Estimate, ...] = ()
    curve: tuple[Point, ...] = ()
    note: str = ""

    def estimate(self, name: str) -> Estimate:
        """The figure of that name; `KeyError` if there is none."""
        return named(self.estimates, name)


@dataclass(frozen=True, slots=True)
class _Course:
    """Of each true account, (n,): days and requests until it was detected (infinite: never), requests in all."""

    days: Numbers
    requests: Numbers
    served: Numbers

    @property
    def until(self) -> Numbers:
        """Requests served before it was detected, or all."""
        return np.where(np.isfinite(self.requests), self.requests, self.served)


def detect(test: TestSet, label: Flags, risk: Numbers, predict: Predict, draws: Draws) -> Detection:
    """Follow the course of the true accounts; label and risk (n,) of the test set, `draws` (R, n) of it."""
    rate, note = _rate(int((~label).sum()))
    if rate is None or test.course.is_empty():
        return Detection(note=note if rate is None else "the test set holds no course of its true accounts")
    threshold = threshold_at(label, risk, rate)
    course = _course(test, predict(test.course) >= threshold)
    return Detection(
        false_positive_rate=rate,
        threshold=threshold,
        accounts=course.days.size,
        estimates=tuple(_estimates(course, draws[:, label])),
        curve=tuple(Point(days=day, share=float((course.days <= day).mean())) for day in DAYS),
        note=note,
    )


def _rate(honest: int) -> tuple[float | None, str]:
    """The lowest false-positive rate that so many honest accounts can carry, of 0.1 % and 1 %."""
    wide, strict = FALSE_POSITIVE_RATES[:2]
    lacks = needs(recall_name(strict), honest)
    if honest >= NEEDED[recall_name(strict)]:
        return strict, ""
    if honest >= NEEDED[recall_name(wide)]:
        return wide, f"{lacks}: judged at {wide:.0%} false positives instead of {strict:.1%}"
    return None, lacks


def _course(test: TestSet, hit: Flags) -> _Course:
    """When each true account of the test set, in its order, was detected first."""
    course = test.course
    began = pl.col("began") if "began" in course.columns else pl.col("as_of").min().over("account_id")
    served = pl.col("served") if "served" in course.columns else pl.lit(None)
    steps = course.select("account_id", "as_of", began=began, served=served.cast(pl.Float64), hit=pl.Series(hit))
    ordered = steps.sort("account_id", "as_of")
    first = ordered.filter("hit").group_by("account_id").first()
    last = ordered.group_by("account_id").last().select("account_id", total="served")
    true = test.frame.filter("label").select("account_id")
    whole = true.join(first, on="account_id", how="left", maintain_order="left").join(
        last, on="account_id", how="left", maintain_order="left"
    )
    days = (pl.col("as_of") - pl.col("began")).dt.total_seconds() / 86_400
    never = pl.lit(float("inf"))
    numbers = whole.select(
        days=days.fill_null(never),
        requests=pl.when(pl.col("as_of").is_null()).then(never).otherwise(pl.col("served").fill_null(float("nan"))),
        served=pl.col("total").fill_null(float("nan")),
    )
    return _Course(*(numbers[name].to_numpy() for name in numbers.columns))


def _estimates(course: _Course, draws: Draws) -> Iterator[Estimate]:
    accounts = course.days.size
    if accounts < FEWEST:
        yield from (unknown(name, f"needs {FEWEST} true accounts, there are {accounts}") for name in NAMES)
        return
    is_detected = np.isfinite(course.days).astype(np.float64)
    yield _mean("detected", is_detected, np.ones(accounts), draws, accounts)
    yield _until("days", course.days, 0.5, draws)
    yield _until("days_90", course.days, MOST, draws)
    if np.isnan(course.served).any():
        yield from (unknown(name, "the course does not say what was served") for name in NAMES[3:])
        return
    yield _until("requests", course.requests, 0.5, draws)
    yield _until("requests_90", course.requests, MOST, draws)
    yield _mean("served_share", course.until, course.served, draws)


def _mean(name: str, part: Numbers, whole: Numbers, draws: Draws, count: int | None = None) -> Estimate:
    """Sum of parts over sum of wholes."""

    def share(weight: Numbers) -> Numbers:
        below = (weight * whole).sum(axis=-1)
        return np.asarray(
            np.divide((weight * part).sum(axis=-1), below, out=np.full(below.shape, np.nan), where=below > 0)
        )

    if not whole.sum():
        return unknown(name, "nothing was served")
    return with_interval(name, float(part.sum() / whole.sum()), measured(draws, share), count)


def _until(name: str, value: Numbers, share: float, draws: Draws) -> Estimate:
    """The least value that so many of the accounts do not exceed; some may be infinite."""
    order = np.argsort(value, kind="stable")

    def quantile(weight: Numbers) -> Numbers:
        below = np.cumsum(weight[:, order], axis=-1)
        index = (below < below[:, -1:] * share).sum(axis=-1)
        return np.where(below[:, -1] > 0, value[order][np.minimum(index, value.size - 1)], np.nan)

    quota = "half" if share == 0.5 else f"{share:.0%}"
    point = float(quantile(np.ones((1, value.size)))[0])
    if not np.isfinite(point):
        return unknown(name, f"fewer than {quota} of the true accounts are detected")
    drawn = measured(draws, quantile)
    estimate = with_interval(name, point, drawn)
    if np.isinf(drawn).mean() <= 0.025:
        return estimate
    return Estimate(
        name=name, value=point, low=estimate.low, note=f"no upper bound: {quota} of them may never be detected"
    )
