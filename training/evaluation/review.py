"""What reviewers meet: the accounts above the review threshold, and the head of the queue."""

import numpy as np

from training.evaluation.intervals import Draws, measured, unknown, with_interval
from training.evaluation.metrics import Estimate, Flags, Numbers, Value, rank

DEPTHS = (10, 50, 100, 500)
HEAD = 10  # the head of a queue is at most a tenth of the accounts


class Review(Value):
    """What the review threshold of the model gives on this test set."""

    threshold: float
    flagged: int
    recall: float | None
    false_positive_rate: float | None
    precision: float | None


def review(label: Flags, risk: Numbers, threshold: float) -> Review:
    """Counts at and above the threshold; rows (n,)."""
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


def queue(label: Flags, risk: Numbers, draws: Draws) -> tuple[Estimate, ...]:
    """Precision among the first 10, 50, 100 and 500 of the queue: `top_10`, …; of a tie, what chance would take first.

    The share of true accounts in a test set is not that of a provider: `pr_auc_at_base_rate_…` are for that.
    """
    ranking = rank(label, risk)
    depths = [depth for depth in DEPTHS if depth * HEAD <= label.size]

    def precision(weight: Numbers) -> Numbers:
        true, false = (np.pad(part, ((0, 0), (1, 0))) for part in ranking.cumulate(weight))
        heads: list[Numbers] = [np.interp(depths, seen, hits) for seen, hits in zip(true + false, true, strict=True)]
        shares: Numbers = np.reshape(heads, (len(weight), len(depths))) / np.array(depths)
        return shares

    point, drawn = precision(np.ones((1, label.size)))[0], measured(draws, precision).reshape(len(draws), len(depths))
    carried = [with_interval(f"top_{d}", float(point[i]), drawn[:, i], d) for i, d in enumerate(depths)]
    few = "needs {:,} accounts, there are {:,}"
    lacking = [unknown(f"top_{d}", few.format(d * HEAD, label.size)) for d in DEPTHS if d not in depths]
    return (*carried, *lacking)
