"""Pictures of a judgement: precision-recall, ROC with a log axis, reliability, importance, recall by family, false
positives by cohort, time to detection, costs (matplotlib, no display).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import TABLEAU_COLORS
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.evaluation.metrics import FALSE_POSITIVE_RATES, Estimate, rank, recall_name
from training.evaluation.report import Report
from training.evaluation.slices import false_positive_name
from training.reports.text import show_estimate

WIDE = FALSE_POSITIVE_RATES[0]
_LOOKS = cycler(color=list(TABLEAU_COLORS)) + cycler(linestyle=["-", "--", "-.", ":", "-"] * 2)
"""Of up to ten models: each line has a colour and a stroke of its own, for readers who tell colours apart badly."""

Numbers = NDArray[np.float64]
Risks = Mapping[str, Numbers]


def _canvas(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.set_prop_cycle(_LOOKS)
    axes.grid(alpha=0.3)
    return figure, axes


def _add_legend(figure: Figure, axes: Axes) -> None:
    """A legend beside the axes, where it hides nothing however many models there are; each once."""
    by_label = {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(by_label.values(), by_label.keys(), loc="outside right upper", fontsize=8)


def plots(
    label: NDArray[np.bool_],
    risks: Risks,
    reports: Mapping[str, Report],
    features: Sequence[str],
    gain: Numbers,
) -> dict[str, Figure]:
    """All pictures of a training, by name; those of families and cohorts only where the test set tells them apart."""
    drawn = {
        "precision_recall": precision_recall(label, risks, reports),
        "roc": roc(label, risks, reports),
        "reliability": reliability(reports),
        "importance": importance(features, gain),
        "time_to_detection": time_to_detection(reports),
        "cost": cost(reports),
    }
    by_kind = {
        "recall_by_family": by_slice(reports, "family", recall_name(WIDE), "recall at 1 % false positives"),
        "false_positives_by_cohort": by_slice(
            reports, "cohort", false_positive_name(WIDE), "false-positive rate where all accounts have 1 %"
        ),
    }
    return drawn | {name: figure for name, figure in by_kind.items() if figure is not None}


def precision_recall(label: NDArray[np.bool_], risks: Risks, reports: Mapping[str, Report]) -> Figure:
    """Precision over recall of each candidate's risks (n,), with the area and its interval in words."""
    figure, axes = _canvas(f"Precision and recall (base rate {label.mean():.2%})", "recall", "precision")
    for name, risk in risks.items():
        true, false = rank(label, risk).cumulate(np.ones(label.size))
        area = show_estimate(reports[name].estimate("pr_auc"))
        axes.step(true / max(label.sum(), 1), true / np.maximum(true + false, 1), where="post", label=f"{name}\n{area}")
    axes.set(xlim=(0, 1.01), ylim=(0, 1.02))
    _add_legend(figure, axes)
    return figure


def roc(label: NDArray[np.bool_], risks: Risks, reports: Mapping[str, Report]) -> Figure:
    """Recall over the false-positive rate on a log axis, where the work is done; it starts at one false positive.

    At the rates that are reported stand the 95 % intervals, side by side.
    """
    figure, axes = _canvas("Recall at low false-positive rates", "false-positive rate (log)", "recall")
    negatives = max(int((~label).sum()), 1)
    for i, (name, risk) in enumerate(risks.items()):
        true, false = rank(label, risk).cumulate(np.ones(label.size))
        (line,) = axes.step(np.maximum(false, 0.5) / negatives, true / max(label.sum(), 1), where="post", label=name)
        recalls = {rate: reports[name].estimate(recall_name(rate)) for rate in FALSE_POSITIVE_RATES}
        spread = 1.06 ** (i - (len(risks) - 1) / 2)  # a factor on the log axis
        points = [(rate * spread, recall) for rate, recall in recalls.items()]
        _intervals(axes, points, str(line.get_color()))
    for rate in (0.01, 0.001, 0.0001):
        axes.axvline(rate, color="grey", linewidth=0.6, linestyle=":")
    axes.set(xscale="log", xlim=(min(0.5 / negatives, 0.00009), 1), ylim=(0, 1.02))
    _add_legend(figure, axes)
    return figure


def reliability(reports: Mapping[str, Report]) -> Figure:
    """Share of true accounts over the mean risk of each bin, with its 95 % interval (Wilson 1927)."""
    figure, axes = _canvas("Reliability", "mean risk", "share of true accounts")
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    for name, report in reports.items():
        share = np.array([b.true for b in report.reliability])
        low, high = _wilson(share, np.array([float(b.accounts) for b in report.reliability]))
        reach = np.maximum(np.stack([share - low, high - share]), 0)
        axes.errorbar([b.risk for b in report.reliability], share, yerr=reach, fmt="o", markersize=4,
                      elinewidth=1, alpha=0.7, label=name)  # fmt: skip
    _add_legend(figure, axes)
    return figure


def _wilson(share: Numbers, count: Numbers) -> tuple[Numbers, Numbers]:
    """The 95 % interval of shares of so many accounts, (n,) each."""
    z = 1.96
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    room = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return middle - room, middle + room


def _intervals(axes: Axes, points: Sequence[tuple[float, Estimate]], colour: str) -> None:
    """A dot with its interval, upright, for each estimate that has one."""
    for x, estimate in points:
        if estimate.value is not None and estimate.low is not None and estimate.high is not None:
            reach = [[max(estimate.value - estimate.low, 0)], [max(estimate.high - estimate.value, 0)]]
            axes.errorbar([x], [estimate.value], yerr=reach, fmt="o", markersize=3, elinewidth=1, color=colour)


def importance(features: Sequence[str], gain: Numbers, most: int = 25) -> Figure:
    """The features with the largest share of the gain (F,), largest on top."""
    figure, axes = _canvas("Importance", "share of gain", "")
    top = np.argsort(gain, kind="stable")[-most:]
    axes.barh([features[int(i)] for i in top], gain[top] / max(gain.sum(), 1e-12))
    axes.tick_params(axis="y", labelsize=7)
    return figure


def by_slice(reports: Mapping[str, Report], kind: str, name: str, words: str, most: int = 30) -> Figure | None:
    """One figure of each slice of a kind with its interval, the first report's worst on top; None if there is none."""
    first = next(iter(reports.values()))
    values = {
        test_slice.name: (test_slice.estimate(name).value, test_slice.accounts)
        for test_slice in first.of_kind(kind)
        if test_slice.estimate(name).value is not None
    }
    if not values:
        return None
    sign = -1 if name.startswith("false_positive") else 1
    worst = sorted(values, key=lambda label: (sign * (values[label][0] or 0.0), label))[:most]
    figure, axes = _canvas(f"{words}, by {kind}", words, "")
    for i, (model, report) in enumerate(reports.items()):
        shift = 0.6 * ((i + 0.5) / len(reports) - 0.5)
        _bars(axes, model, [_of_kind(report, kind, name).get(label) for label in worst], shift)
    axes.set_yticks(range(len(worst)), [f"{label} ({values[label][1]:,})" for label in worst], fontsize=7)
    axes.set(ylim=(len(worst) - 0.5, -0.5), xlim=(0, None))
    _add_legend(figure, axes)
    return figure


def _of_kind(report: Report, kind: str, name: str) -> dict[str, Estimate]:
    return {test_slice.name: test_slice.estimate(name) for test_slice in report.of_kind(kind)}


def _bars(axes: Axes, model: str, estimates: Sequence[Estimate | None], shift: float) -> None:
    """A dot and its interval on the line of each estimate that has a value."""
    lines = [(i, e) for i, e in enumerate(estimates) if e is not None and e.value is not None]
    values = np.array([(e.value, e.low, e.high) for _, e in lines], dtype=np.float64).reshape(-1, 3)
    reach = np.abs(values[:, 1:] - values[:, :1]).T
    heights = [i + shift for i, _ in lines]
    axes.errorbar(values[:, 0], heights, xerr=reach, fmt="o", markersize=4, elinewidth=1, label=model)


def time_to_detection(reports: Mapping[str, Report]) -> Figure:
    """The share of true accounts detected over the days since their first request."""
    figure, axes = _canvas("Time to detection", "days since the first request (log)", "share of true accounts detected")
    for name, report in reports.items():
        detection = report.detection
        rate = (
            "too few accounts"
            if detection.false_positive_rate is None
            else f"FPR {detection.false_positive_rate * 100:g} %"
        )
        days, share = [point.days for point in detection.curve], [point.share for point in detection.curve]
        detected = [estimate for estimate in detection.estimates if estimate.name == "detected"]
        shown = f"\n{show_estimate(detected[0])} in all" if detected else ""
        axes.step(days, share, where="post", label=f"{name} ({rate}){shown}", marker="o", markersize=3)
    axes.set(xscale="log", ylim=(0, 1.02))
    _add_legend(figure, axes)
    return figure


def cost(reports: Mapping[str, Report]) -> Figure:
    """What 1,000 accounts cost over the price of a miss; without a model, the better of flagging all and nobody."""
    figure, axes = _canvas(
        "Cost of acting on the risk",
        "cost of a miss, in false positives (log)",
        "cost of 1,000 accounts, in false positives",
    )
    for i, (name, report) in enumerate(reports.items()):
        at = [cost.misses_over_alarms for cost in report.costs]
        (line,) = axes.plot(at, [max(cost.cost.value or 0.0, 0.1) for cost in report.costs], marker="o", label=name)
        spread = 1.06 ** (i - (len(reports) - 1) / 2)
        points = [(cost.misses_over_alarms * spread, cost.cost) for cost in report.costs if cost.cost.value]
        _intervals(axes, points, str(line.get_color()))
    plain = [(cost.misses_over_alarms, cost.plain) for cost in next(iter(reports.values())).costs]
    axes.plot([at for at, _ in plain], [value for _, value in plain], color="grey", linestyle=":", label="no model")
    axes.set(xscale="log", yscale="log")
    _add_legend(figure, axes)
    return figure
