"""Pictures of a judgement: precision-recall, ROC with a log axis, reliability, importance (matplotlib, no
display).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.evaluate import Report
from training.metrics import rank

Numbers = NDArray[np.float64]
Risks = Mapping[str, Numbers]


def _canvas(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    return figure, axes


def plots(
    label: NDArray[np.bool_],
    risks: Risks,
    reports: Mapping[str, Report],
    features: Sequence[str],
    gain: Numbers,
) -> dict[str, Figure]:
    """All pictures of a training, by name."""
    return {
        "precision_recall": precision_recall(label, risks),
        "roc": roc(label, risks),
        "reliability": reliability(reports),
        "importance": importance(features, gain),
    }


def precision_recall(label: NDArray[np.bool_], risks: Risks) -> Figure:
    """Precision over recall of each candidate's risks (n,)."""
    figure, axes = _canvas(f"Precision and recall (base rate {label.mean():.2%})", "recall", "precision")
    for name, risk in risks.items():
        true, false = rank(label, risk).cumulate(np.ones(label.size))
        axes.step(true / max(label.sum(), 1), true / np.maximum(true + false, 1), where="post", label=name)
    axes.set(xlim=(0, 1.01), ylim=(0, 1.02))
    axes.legend()
    return figure


def roc(label: NDArray[np.bool_], risks: Risks) -> Figure:
    """Recall over the false-positive rate on a log axis, where the work is done; it starts at one false
    positive.
    """
    figure, axes = _canvas("Recall at low false-positive rates", "false-positive rate (log)", "recall")
    negatives = max(int((~label).sum()), 1)
    for name, risk in risks.items():
        true, false = rank(label, risk).cumulate(np.ones(label.size))
        axes.step(np.maximum(false, 0.5) / negatives, true / max(label.sum(), 1), where="post", label=name)
    for rate in (0.01, 0.001, 0.0001):
        axes.axvline(rate, color="grey", linewidth=0.6, linestyle=":")
    axes.set(xscale="log", xlim=(min(0.5 / negatives, 0.00009), 1), ylim=(0, 1.02))
    axes.legend()
    return figure


def reliability(reports: Mapping[str, Report]) -> Figure:
    """Share of true accounts over the mean risk of each bin; the area of a dot grows with its accounts."""
    figure, axes = _canvas("Reliability", "mean risk", "share of true accounts")
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    for name, report in reports.items():
        size = 10 + 20 * np.log1p([float(b.accounts) for b in report.reliability])
        axes.scatter(
            [b.risk for b in report.reliability],
            [b.true for b in report.reliability],
            size,
            label=name,
            alpha=0.7,
        )
    axes.legend()
    return figure


def importance(features: Sequence[str], gain: Numbers, most: int = 25) -> Figure:
    """The features with the largest share of the gain (F,), largest on top."""
    figure, axes = _canvas("Importance", "share of gain", "")
    top = np.argsort(gain, kind="stable")[-most:]
    axes.barh([features[int(i)] for i in top], gain[top] / max(gain.sum(), 1e-12))
    axes.tick_params(axis="y", labelsize=7)
    return figure
