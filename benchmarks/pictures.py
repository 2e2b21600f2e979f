"""Pictures of the measurements of models, small enough for the docs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from benchmarks.detection.mean_estimates import FamilyRisks, mean_estimates
from training.evaluation.metrics import Estimate, recall_name
from training.gate.promotion import Decision

if TYPE_CHECKING:
    from benchmarks.worlds.diluted import Cell

WIDE, STRICT = recall_name(0.01), recall_name(0.001)


class Attempt(Protocol):
    """A challenger that learned from poisoned labels, as `benchmarks.robustness.poisoning` has it."""

    @property
    def name(self) -> str:
        """Of the poison."""
        ...

    @property
    def dose(self) -> float:
        """Share of flipped labels, or number of the retraining."""
        ...

    @property
    def clean(self) -> Mapping[str, Estimate]:
        """Figures on clean data."""
        ...

    @property
    def decision(self) -> Decision:
        """Of the gate."""
        ...


def left_out(file: Path, cases: Mapping[str, Sequence[FamilyRisks]], seed: int) -> None:
    """Recall at 1 % of every family and model, and the means with their intervals on top; one panel a case."""
    canvas = _canvas(5.2 * len(cases), 5.4)
    for i, (case, judged) in enumerate(cases.items()):
        axes = canvas.add_subplot(1, len(cases), i + 1)
        names = list(judged[0].risks)
        ordered = sorted(judged, key=lambda one: -one.values(names[0])[WIDE])
        for k, name in enumerate(names):
            mean = mean_estimates(judged, name, seed)[WIDE]
            values = [mean.value, *(one.values(name)[WIDE] for one in ordered)]
            places = np.arange(len(values)) + 0.7 * ((k + 0.5) / len(names) - 0.5)
            axes.plot(values, places, "o", color=f"C{k}", markersize=4, label=name)
            axes.plot([mean.low, mean.high], [places[0]] * 2, "-", color=f"C{k}", linewidth=1.5)
        told = [f"{one.family} ({int(one.label.sum())})" for one in ordered]
        axes.set_yticks(range(len(told) + 1), ["mean, 95 %", *told], fontsize=7)
        axes.set(title=f"family {case}", xlabel="recall at 1 % false positives", xlim=(-0.02, 1.02))
        axes.set_ylim(len(told) + 0.6, -0.6)
        _finish(axes)
    canvas.savefig(file)


def poisoned(file: Path, champion: Mapping[str, Estimate], attempts: Sequence[Attempt]) -> None:
    """PR-AUC and recall on clean data over the dose; hollow where the gate blocked."""
    canvas = _canvas(9, 3.6)
    told = (("flipped", "share of flipped labels", 100), ("sleepers", "retraining", 1))
    for i, (name, words, times) in enumerate(told):
        axes = canvas.add_subplot(1, 2, i + 1)
        of = [one for one in attempts if one.name == name]
        for k, estimate in enumerate(("pr_auc", WIDE)):
            for one in of:
                face = f"C{k}" if one.decision.promote else "none"
                axes.plot(one.dose * times, one.clean[estimate].value or 0.0, "o", color=f"C{k}", markerfacecolor=face)
            start = champion[estimate].value or 0.0
            axes.axhline(start, color=f"C{k}", linewidth=0.8, linestyle=":", label=f"{estimate}, clean labels")
        axes.set(title=f"{name}: on clean data", xlabel=words + (" (%)" if times == 100 else ""), ylim=(0, 1.02))
        _finish(axes)
    canvas.savefig(file)


def few_requests(file: Path, found: Sequence[Mapping["Cell", FamilyRisks]], seed: int) -> None:
    """Recall at 0.1 % over the number of requests, one line a model, one panel a campaign share."""
    shares = sorted({cell.share for cell in found[0]}, reverse=True)
    canvas = _canvas(3.4 * len(shares), 3.8)
    for i, share in enumerate(shares):
        axes = canvas.add_subplot(1, len(shares), i + 1)
        shown = sorted(cell for cell in found[0] if cell.share == share)
        for k, name in enumerate(found[0][shown[0]].risks):
            means = [mean_estimates([one[cell] for one in found], name, seed)[STRICT] for cell in shown]
            x = np.array([cell.requests for cell in shown]) * 1.03 ** (k - 3)
            middle = np.array([mean.value for mean in means])
            below, above = middle - [mean.low for mean in means], [mean.high for mean in means] - middle
            axes.errorbar(x, middle, np.clip([below, above], 0, 1), fmt="o-", markersize=3, linewidth=1, label=name)
        axes.set(title=f"{share:.0%} of requests the campaign's", xlabel="requests an account", ylim=(-0.02, 1.02))
        axes.set_xscale("log")
        axes.set_xticks([cell.requests for cell in shown], [f"{cell.requests:,}" for cell in shown], minor=False)
        axes.set_ylabel("recall at 0.1 % false positives" if not i else "")
        axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
    canvas.savefig(file)


def _canvas(width: float, height: float) -> Canvas:
    canvas = Canvas(figsize=(width, height), dpi=80, layout="constrained")
    FigureCanvasAgg(canvas)
    return canvas


def _finish(axes: Axes) -> None:
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
