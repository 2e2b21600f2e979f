"""Pictures for the docs, small enough to be committed; each draws plain values that a measurement computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.evaluation.metrics import Estimate


@dataclass(frozen=True)
class FamilyPanel:
    """Recall of every model on each family.

    Attributes:
        title: of the panel.
        families: names, from top to bottom.
        recalls: by model, one for each family.
        means: by model, over the families.
    """

    title: str
    families: Sequence[str]
    recalls: Mapping[str, Sequence[float]]
    means: Mapping[str, Estimate]


@dataclass(frozen=True)
class VolumePanel:
    """Recall of every model by the number of requests an account sent.

    Attributes:
        title: of the panel.
        requests: numbers of requests, ascending.
        recalls: by model, one for each number.
    """

    title: str
    requests: Sequence[int]
    recalls: Mapping[str, Sequence[Estimate]]


@dataclass(frozen=True)
class DosePanel:
    """Estimates of models by the dose of poison in their labels.

    Attributes:
        title: of the panel.
        dose_label: what the dose counts.
        doses: one for each model.
        is_promoted: whether the gate promoted it, one for each model.
        estimates: by name of the estimate, one value for each model.
        clean: by name of the estimate, the value of the model with clean labels.
    """

    title: str
    dose_label: str
    doses: Sequence[float]
    is_promoted: Sequence[bool]
    estimates: Mapping[str, Sequence[float]]
    clean: Mapping[str, float]


@dataclass(frozen=True)
class Curve:
    """One line: its points, its name and its Matplotlib style (`--`, `C1:`)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    label: str
    style: str = "-"


@dataclass(frozen=True)
class CurvePicture:
    """Lines over one axis.

    Attributes:
        x_label: what the axis measures.
        curves: the lines.
        is_log: whether the axis is logarithmic.
        span: a shaded range of the axis (from, to, name), if any.
    """

    x_label: str
    curves: Sequence[Curve] = field(default_factory=tuple)
    is_log: bool = False
    span: tuple[float, float, str] | None = None


def draw_families(file: Path, panels: Sequence[FamilyPanel]) -> None:
    """Draw recall by family, the means with their intervals on top, one panel beside the other."""
    figure = _figure(5.2 * len(panels), 5.4)
    for i, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), i + 1)
        for k, (model, recalls) in enumerate(panel.recalls.items()):
            mean = panel.means[model]
            values = [mean.value, *recalls]
            heights = np.arange(len(values)) + 0.7 * ((k + 0.5) / len(panel.recalls) - 0.5)
            axes.plot(values, heights, "o", color=f"C{k}", markersize=4, label=model)
            axes.plot([mean.low, mean.high], [heights[0]] * 2, "-", color=f"C{k}", linewidth=1.5)
        axes.set_yticks(range(len(panel.families) + 1), ["mean, 95 %", *panel.families], fontsize=7)
        axes.set(title=panel.title, xlabel="recall at 1 % false positives", xlim=(-0.02, 1.02))
        axes.set_ylim(len(panel.families) + 0.6, -0.6)
        _finish(axes)
    figure.savefig(file)


def draw_doses(file: Path, panels: Sequence[DosePanel]) -> None:
    """Draw estimates over the dose; hollow where the gate blocked."""
    figure = _figure(4.5 * len(panels), 3.6)
    for i, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), i + 1)
        for k, (name, values) in enumerate(panel.estimates.items()):
            for dose, value, is_promoted in zip(panel.doses, values, panel.is_promoted, strict=True):
                face = f"C{k}" if is_promoted else "none"
                axes.plot(dose, value, "o", color=f"C{k}", markerfacecolor=face)
            label = f"{name}, clean labels"
            axes.axhline(panel.clean[name], color=f"C{k}", linewidth=0.8, linestyle=":", label=label)
        axes.set(title=panel.title, xlabel=panel.dose_label, ylim=(0, 1.02))
        _finish(axes)
    figure.savefig(file)


def draw_volumes(file: Path, panels: Sequence[VolumePanel]) -> None:
    """Draw recall over the number of requests, one line for each model, one panel beside the other."""
    figure = _figure(3.4 * len(panels), 3.8)
    for i, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), i + 1)
        for k, (model, means) in enumerate(panel.recalls.items()):
            x = np.array(panel.requests) * 1.03 ** (k - 3)  # side by side, so that intervals do not overlap
            middle = np.array([mean.value for mean in means])
            below, above = middle - [mean.low for mean in means], [mean.high for mean in means] - middle
            errors = np.clip([below, above], 0, 1)
            axes.errorbar(x, middle, errors, fmt="o-", markersize=3, linewidth=1, label=model)
        axes.set(title=panel.title, xlabel="requests an account", ylim=(-0.02, 1.02))
        axes.set_xscale("log")
        axes.set_xticks(panel.requests, [f"{count:,}" for count in panel.requests], minor=False)
        axes.set_ylabel("recall at 0.1 % false positives" if not i else "")
        axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
    figure.savefig(file)


def draw_curves(file: Path, picture: CurvePicture) -> None:
    """Draw lines over one axis."""
    figure = Figure(figsize=(5.2, 2.8), dpi=80)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for curve in picture.curves:
        axes.plot(curve.x, curve.y, curve.style, label=curve.label, linewidth=1)
    if picture.span:
        begin, end, label = picture.span
        axes.axvspan(begin, end, alpha=0.15, label=label)
    axes.set_xlabel(picture.x_label)
    if picture.is_log:
        axes.set_xscale("log")
    axes.legend(fontsize=6, frameon=False)
    figure.tight_layout()
    figure.savefig(file)


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _finish(axes: Axes) -> None:
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
