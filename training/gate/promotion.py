"""The gate: may a challenger take the champion's place? A pure function of reports and what was measured beside them.

Guarded are the ranking (recall at false-positive rates of 0.1 % and 1 %, PR-AUC), calibration (Brier, ECE), the family
with the lowest recall, the cohort (and plan, country, request count) with the highest false-positive rate, size and
speed. A challenger is refused if it is worse than the champion beyond the champion's interval on one of them, or
certainly worse on the same accounts, or certainly beaten by a plain rival that learned from the same examples.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from training.evaluation.metrics import Estimate
from training.evaluation.report import Report
from training.examples.splits import NOTHING_CONFIRMED
from training.gate.comparison import (
    RANKING,
    STRICT,
    WIDE,
    comparable_figures,
    comparison_objections,
    describe_flattered,
    describe_loss,
    fair_reports,
    guarded,
    is_certain_loss,
    is_faded,
    plain,
)
from training.gate.evidence import CHAMPION, Evidence, GateLimits

UNJUDGED = (
    "Nothing is confirmed yet, so nothing could be judged: this first model learnt from planted campaigns only. Give "
    "labels as soon as there are some."
)
FIRST = (
    "There is no champion to fall back on, so this first model scores from now on, although the gate objects to it. "
    "Look at its riskiest accounts before you act on a risk, and train again when more is confirmed."
)
REMEMBERED = (
    "The champion was made for other features; against the risks that it gave when it was trained, the challenger is "
    "not worse on the accounts that both were judged on."
)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to promote, and why (or why not), in sentences; `forced` is the reason of a person who overruled."""

    promote: bool
    reasons: tuple[str, ...]
    forced: str = ""


def gate(
    challenger: Report, champion: Report | None, limits: GateLimits | None = None, evidence: Evidence | None = None
) -> Decision:
    """Decide whether the challenger takes the champion's place.

    It must beat chance, must not be certainly miscalibrated, and must not lose to the champion or to a rival. It loses
    to the champion if it is worse beyond the champion's interval on one guarded figure, or certainly worse on the same
    accounts, or worse on one figure and better on none, or much larger or slower. Reports on different test sets are
    not compared: judge the champion on the challenger's test set first. The very first model is promoted whatever is
    objected to it, with a warning: a provider who has none is worse off.
    """
    limits, evidence = limits or GateLimits(), evidence or Evidence()
    is_first = champion is None and evidence.remembered is None and not evidence.has_fallback
    objections = [*_sanity(challenger, limits, is_first), *_beaten(evidence.differences, limits)]
    if evidence.remembered is not None and not objections:
        objections = [*_forgotten(evidence.remembered, limits)]
    remarks: tuple[str, ...] = ()
    if champion is not None and not objections:
        objections = [*comparison_objections(challenger, champion, evidence, limits)]
        remarks = () if evidence.flattered is None else (describe_flattered(evidence.flattered),)
    if objections:
        return Decision(is_first, (FIRST, *objections) if is_first else (*objections, *remarks))
    if evidence.remembered is not None:
        return Decision(True, (REMEMBERED,))
    if champion is None and NOTHING_CONFIRMED in challenger.notes:
        return Decision(True, (UNJUDGED,))
    if champion is None:
        return Decision(True, ("There is no champion yet, and the challenger beats chance and is calibrated.",))
    reports = fair_reports(challenger, champion, evidence)
    if reports is None:
        return Decision(True, ("Not worse than the champion on the champion's own test set.", *remarks))
    passed = f"Not worse than the champion on {', '.join(comparable_figures(*reports))}."
    return Decision(True, (passed, *_fallback(*reports), *remarks))


def force(decision: Decision, reason: str) -> Decision:
    """The decision to promote against the gate; its reasons stay on record."""
    return replace(decision, promote=True, forced=reason)


def _sanity(report: Report, limits: GateLimits, is_first: bool) -> Iterator[str]:
    if is_first and NOTHING_CONFIRMED in report.notes:
        return
    area, ece = (report.estimate(name) for name in ("pr_auc", "ece"))
    if report.positives == 0 or report.positives == report.accounts or area.value is None:
        yield "The test set lacks true or other accounts, so there is nothing to judge by: give more labels."
        return
    if area.value < min(limits.smallest_lift * report.base_rate, (1 + report.base_rate) / 2):
        yield f"PR-AUC {area.value:.3f} is below {limits.smallest_lift:g} times the base rate {report.base_rate:.3f}."
    if area.low is not None and area.low <= report.base_rate:
        yield f"The interval of PR-AUC starts at {area.low:.3f}, the base rate is {report.base_rate:.3f}."
    surely = ece.value if ece.low is None else ece.low
    if surely is None or surely > limits.largest_ece:
        yield f"The calibration error {plain(ece)} is above the limit {limits.largest_ece:g}."


def _beaten(differences: Mapping[str, Sequence[Estimate]], limits: GateLimits) -> Iterator[str]:
    """Objections where a rival ranks certainly better: then the larger model has no use."""
    for rival, estimates in differences.items():
        lost = [estimate for estimate in estimates if estimate.name in RANKING and is_certain_loss(estimate, limits)]
        if lost and rival != CHAMPION:
            yield f"The plain rival {rival} does better on the same accounts: {', '.join(map(describe_loss, lost))}."


def _forgotten(remembered: Sequence[Estimate], limits: GateLimits) -> Iterator[str]:
    """Objections against the risks that a champion of other features gave: it cannot be judged again."""
    area = next((difference for difference in remembered if difference.name == "pr_auc"), None)
    if area is None or area.value is None:
        yield (
            "The champion was made for other features, and too few of the accounts that it was judged on are "
            "judged again to compare: look at both reports, and `promote --force` with a reason if the challenger is "
            "not worse."
        )
        return
    for difference in guarded(remembered):
        if is_faded(difference, limits):
            yield f"Against the risks that the champion gave when it was trained, it loses {describe_loss(difference)}."


def _fallback(challenger: Report, champion: Report) -> Iterator[str]:
    """A remark where the strict recall could not be guarded."""
    if STRICT not in comparable_figures(challenger, champion):
        why = challenger.estimate(STRICT).note or "no value"
        yield f"The test set is too small for {STRICT} ({why}): {WIDE} is guarded instead."
