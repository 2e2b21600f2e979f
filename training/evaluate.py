"""One frozen `Report` of a model on a frozen test set: a plain value; printing, plotting and logging happen
elsewhere.
"""

from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from training.dataset import targets
from training.metrics import ECE_BINS, FALSE_POSITIVE_RATES, Figure, figures, threshold_at, wilson
from training.splits import Frozen

FORMAT = 1


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Found(_Value):
    """How much of one group of true accounts is found at false-positive rate 1 % of this test set."""

    name: str
    accounts: int
    recall: Figure


class Group(_Value):
    """The figures of a part of the test set: a family, cohort, plan, country, request count or mode."""

    kind: str
    name: str
    accounts: int
    positives: int
    figures: tuple[Figure, ...]


class Bin(_Value):
    """One bin of the reliability table: accounts, their mean risk and the share of them that is true."""

    accounts: int
    risk: float
    true: float


class Review(_Value):
    """What the review threshold of the model gives on this test set."""

    threshold: float
    flagged: int
    recall: float | None
    false_positive_rate: float | None
    precision: float | None


class Report(_Value):
    """The judgement of one model on one frozen test set; equal reports are equal values, and JSON gives
    them back.
    """

    format: int = FORMAT
    model: str
    as_of: datetime
    seed: int
    test_name: str
    test_digest: str
    accounts: int
    positives: int
    base_rate: float
    figures: tuple[Figure, ...]
    review: Review
    campaigns: tuple[Found, ...] = ()
    reliability: tuple[Bin, ...] = ()
    groups: tuple[Group, ...] = ()
    notes: tuple[str, ...] = ()

    def figure(self, name: str) -> Figure:
        """The figure of that name; `KeyError` if there is none."""
        for figure in self.figures:
            if figure.name == name:
                return figure
        raise KeyError(name)


def evaluate(
    test: Frozen,
    risk: NDArray[np.float64],
    *,
    model: str,
    as_of: datetime,
    seed: int,
    review_threshold: float,
    replicates: int = 300,
) -> Report:
    """Judge risks (n,), in row order of the test set."""
    label = targets(test.frame)
    names, codes = _campaigns(test.frame)
    return Report(
        model=model,
        as_of=as_of,
        seed=seed,
        test_name=test.name,
        test_digest=test.digest,
        accounts=label.size,
        positives=int(label.sum()),
        base_rate=float(label.mean()),
        figures=figures(label, risk, codes, seed=seed, replicates=replicates),
        review=_review(label, risk, review_threshold),
        campaigns=_found(label, risk, names, codes),
        reliability=_reliability(label, risk),
        notes=test.notes,
    )


def _campaigns(frame: pl.DataFrame) -> tuple[list[str], NDArray[np.int64]]:
    """Names of the true campaigns, sorted, and each row's number among them (-1 = none)."""
    member = frame.select(pl.when(pl.col("label")).then("campaign")).to_series()
    names = member.drop_nulls().unique().sort()
    numbers = pl.DataFrame({"campaign": names, "number": np.arange(names.len(), dtype=np.int64)})
    joined = member.to_frame().join(numbers, on="campaign", how="left", maintain_order="left")
    return names.to_list(), joined["number"].fill_null(-1).to_numpy()


def _found(
    label: NDArray[np.bool_], risk: NDArray[np.float64], names: list[str], codes: NDArray[np.int64]
) -> tuple[Found, ...]:
    if not names or label.all():
        return ()
    taken = risk >= threshold_at(label, risk, FALSE_POSITIVE_RATES[0])
    size = np.bincount(codes[codes >= 0], minlength=len(names))
    hits = np.bincount(codes[(codes >= 0) & taken], minlength=len(names))
    return tuple(_one(name, int(n), int(hit)) for name, n, hit in zip(names, size, hits, strict=True))


def _one(name: str, accounts: int, hits: int) -> Found:
    low, high = wilson(hits / accounts, accounts)
    return Found(name=name, accounts=accounts, recall=Figure(name="recall", value=hits / accounts, low=low, high=high))


def _review(label: NDArray[np.bool_], risk: NDArray[np.float64], threshold: float) -> Review:
    flagged = risk >= threshold
    hits, false = int((flagged & label).sum()), int((flagged & ~label).sum())
    return Review(
        threshold=threshold,
        flagged=hits + false,
        recall=_share(hits, int(label.sum())),
        false_positive_rate=_share(false, int((~label).sum())),
        precision=_share(hits, hits + false),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _reliability(label: NDArray[np.bool_], risk: NDArray[np.float64]) -> tuple[Bin, ...]:
    """The bins that the calibration error is made of; empty bins are left out."""
    place = np.minimum((risk * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    count = np.bincount(place, minlength=ECE_BINS)
    total = np.bincount(place, weights=risk, minlength=ECE_BINS)
    true = np.bincount(place, weights=label, minlength=ECE_BINS)
    return tuple(
        Bin(accounts=int(n), risk=float(total[i] / n), true=float(true[i] / n)) for i, n in enumerate(count) if n
    )
