"""The gate: may a challenger take the champion's place? A pure function of two reports."""

from collections.abc import Iterator
from dataclasses import dataclass

from training.evaluate import Report
from training.metrics import Figure

RANKING = ("recall_at_fpr_0.001", "recall_at_fpr_0.01", "pr_auc")
GUARDED = (*RANKING, "brier", "ece")
FALLING = frozenset({"brier", "ece"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What any champion must reach. `lift`: PR-AUC over base rate; `ece`: calibration error at most.

    The latter is wide, since it is measured against labels: a model that finds what nobody has confirmed yet seems too
    sure of itself.
    """

    lift: float = 2.0
    ece: float = 0.15


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to promote, and why (or why not), in sentences."""

    promote: bool
    reasons: tuple[str, ...]


def gate(challenger: Report, champion: Report | None, limits: Limits | None = None) -> Decision:
    """Decide. A challenger must beat chance and not be surely miscalibrated, nor lose to the champion.

    To lose is to be worse than the champion beyond the champion's interval on one guarded figure, or to be
    worse on at least one without being better on any. Reports on different test sets are not compared:
    judge the champion on the challenger's.
    """
    against = tuple(_sanity(challenger, limits or Limits()))
    if champion is not None and not against:
        against = tuple(_losses(challenger, champion))
    if against:
        return Decision(False, against)
    if champion is None:
        return Decision(True, ("There is no champion yet, and the challenger beats chance and is calibrated.",))
    return Decision(True, (f"Not worse than the champion on {', '.join(_compared(challenger, champion))}.",))


def _sanity(report: Report, limits: Limits) -> Iterator[str]:
    area, ece = (report.figure(name) for name in ("pr_auc", "ece"))
    if report.positives == 0 or report.positives == report.accounts or area.value is None:
        yield "The test set lacks true or other accounts, so there is nothing to judge by: give more labels."
        return
    if area.value < min(limits.lift * report.base_rate, (1 + report.base_rate) / 2):
        yield f"PR-AUC {area.value:.3f} is below {limits.lift:g} times the base rate {report.base_rate:.3f}."
    if area.low is not None and area.low <= report.base_rate:
        yield f"The interval of PR-AUC starts at {area.low:.3f}, the base rate is {report.base_rate:.3f}."
    surely = ece.value if ece.low is None else ece.low
    if surely is None or surely > limits.ece:
        yield f"The calibration error {_plain(ece)} is above the limit {limits.ece:g}."


def _losses(challenger: Report, champion: Report) -> Iterator[str]:
    if challenger.test_digest != champion.test_digest:
        both = f"{challenger.test_digest[:12]} and {champion.test_digest[:12]}"
        yield f"The test sets differ ({both}): judge the champion on the challenger's test set."
        return
    names = _compared(challenger, champion)
    if not set(names) & set(RANKING):
        yield "No ranking figure has a value in both reports: the test set is too small to compare on."
        return
    gains = [_gain(challenger.figure(name), champion.figure(name), name) for name in names]
    for name, gain in zip(names, gains, strict=True):
        if gain < -_room(champion.figure(name), name):
            yield _sentence(name, challenger, champion, "beyond the interval")
    if min(gains) < 0 and max(gains) <= 0:
        worst = names[gains.index(min(gains))]
        yield _sentence(worst, challenger, champion, "and it is better on no guarded figure")


def _compared(challenger: Report, champion: Report) -> list[str]:
    return [
        name
        for name in GUARDED
        if challenger.figure(name).value is not None and champion.figure(name).value is not None
    ]


def _gain(challenger: Figure, champion: Figure, name: str) -> float:
    """How much better the challenger is; negative = worse."""
    assert challenger.value is not None and champion.value is not None
    better = challenger.value - champion.value
    return -better if name in FALLING else better


def _room(champion: Figure, name: str) -> float:
    """How far below the champion its own interval reaches, on the side that is worse."""
    assert champion.value is not None
    edge = champion.high if name in FALLING else champion.low
    return 0.0 if edge is None else abs(edge - champion.value)


def _sentence(name: str, challenger: Report, champion: Report, why: str) -> str:
    ours, theirs = challenger.figure(name), champion.figure(name)
    return f"{name} is {_plain(ours)} against the champion's {_plain(theirs)}, worse {why}."


def _plain(figure: Figure) -> str:
    return "unknown" if figure.value is None else f"{figure.value:.4f}"
