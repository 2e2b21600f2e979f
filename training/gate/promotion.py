"""The gate: may a challenger take the champion's place? A pure function of reports and what was measured beside them.

Guarded are the ranking (recall at false-positive rates of 0.1 % and 1 %, PR-AUC), calibration (Brier, ECE), the family
with the lowest recall, the cohort (and plan, country, request count) with the highest false-positive rate, size and
speed. A challenger is refused if it is worse than the champion beyond the champion's interval on one of them, or
certainly worse on the same accounts, or certainly beaten by a plain rival that learned from the same examples.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from training.evaluation.metrics import FALSE_POSITIVE_RATES, Estimate, recall_name
from training.evaluation.report import Report
from training.evaluation.slices import Slice, false_positive_name
from training.examples.splits import NOTHING_CONFIRMED
from training.gate.evidence import CHAMPION, Evidence, Footprint, GateLimits

STRICT, WIDE = map(recall_name, (FALSE_POSITIVE_RATES[1], FALSE_POSITIVE_RATES[0]))
RANKING = (STRICT, WIDE, "pr_auc")
GUARDED = (*RANKING, "brier", "ece")
FALLING = frozenset({"brier", "ece", *map(false_positive_name, FALSE_POSITIVE_RATES)})
RECALLED = {"family": (STRICT, WIDE)}
ALARMED = dict.fromkeys(
    ("cohort", "plan", "country", "requests"), tuple(map(false_positive_name, reversed(FALSE_POSITIVE_RATES[:2])))
)

UNJUDGED = (
    "Nothing is confirmed yet, so nothing could be judged: this first model learnt from planted campaigns only. Give "
    "labels as soon as there are some."
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
    not compared: judge the champion on the challenger's test set first.
    """
    limits, evidence = limits or GateLimits(), evidence or Evidence()
    is_first = champion is None and evidence.remembered is None
    objections = [*_sanity(challenger, limits, is_first), *_beaten(evidence.differences, limits)]
    if evidence.remembered is not None and not objections:
        objections = [*_forgotten(evidence.remembered, limits)]
    if champion is not None and not objections:
        objections = [*_losses(challenger, champion, evidence, limits)]
    if objections:
        return Decision(False, tuple(objections))
    if evidence.remembered is not None:
        return Decision(True, (REMEMBERED,))
    if champion is None and NOTHING_CONFIRMED in challenger.notes:
        return Decision(True, (UNJUDGED,))
    if champion is None:
        return Decision(True, ("There is no champion yet, and the challenger beats chance and is calibrated.",))
    passed = f"Not worse than the champion on {', '.join(_compared(challenger, champion))}."
    return Decision(True, (passed, *_fallback(challenger, champion)))


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
    if area.value < min(limits.lift * report.base_rate, (1 + report.base_rate) / 2):
        yield f"PR-AUC {area.value:.3f} is below {limits.lift:g} times the base rate {report.base_rate:.3f}."
    if area.low is not None and area.low <= report.base_rate:
        yield f"The interval of PR-AUC starts at {area.low:.3f}, the base rate is {report.base_rate:.3f}."
    surely = ece.value if ece.low is None else ece.low
    if surely is None or surely > limits.ece:
        yield f"The calibration error {_plain(ece)} is above the limit {limits.ece:g}."


def _beaten(differences: Mapping[str, Sequence[Estimate]], limits: GateLimits) -> Iterator[str]:
    """Objections where a rival ranks certainly better: then the larger model has no use."""
    for rival, estimates in differences.items():
        lost = [estimate for estimate in estimates if estimate.name in RANKING and _is_certain_loss(estimate, limits)]
        if lost and rival != CHAMPION:
            yield f"The plain rival {rival} does better on the same accounts: {', '.join(map(_loss, lost))}."


def _losses(challenger: Report, champion: Report, evidence: Evidence, limits: GateLimits) -> Iterator[str]:
    if challenger.test_digest != champion.test_digest:
        both = f"{challenger.test_digest[:12]} and {champion.test_digest[:12]}"
        yield f"The test sets differ ({both}): judge the champion on the challenger's test set."
        return
    if not set(_compared(challenger, champion)) & set(RANKING):
        yield "No ranking figure has a value in both reports: the test set is too small to compare on."
        return
    yield from _beyond(challenger, champion)
    yield from _nowhere_better(challenger, champion)
    for kind, names in (RECALLED | ALARMED).items():
        for name in names:
            yield from _worst(challenger, champion, kind, name)
    on_same_accounts = _guarded(evidence.differences.get(CHAMPION, ()))
    lost = [difference for difference in on_same_accounts if _is_certain_loss(difference, limits)]
    yield from (f"On the same accounts as the champion it loses {_loss(difference)}." for difference in lost)
    # without a true account the lowest risks would win, and a first model that nobody could judge would stay for good
    if evidence.earlier is not None and evidence.earlier[1].positives:
        yield from (f"On the champion's own test set, {reason}" for reason in _beyond(*evidence.earlier))
        faded = [difference for difference in _guarded(evidence.lasting) if _is_faded(difference, limits)]
        yield from (f"On the champion's own test set it loses {_loss(difference)}." for difference in faded)
    if evidence.footprints is not None:
        yield from _heavier(*evidence.footprints, limits)


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
    for difference in _guarded(remembered):
        if _is_faded(difference, limits):
            yield f"Against the risks that the champion gave when it was trained, it loses {_loss(difference)}."


def _guarded(differences: Sequence[Estimate]) -> list[Estimate]:
    return [difference for difference in differences if difference.name in GUARDED]


def _beyond(challenger: Report, champion: Report) -> Iterator[str]:
    for name in _compared(challenger, champion):
        ours, theirs = challenger.estimate(name), champion.estimate(name)
        if _is_beyond(ours, theirs):
            yield _sentence(name, ours, theirs, "beyond the interval")


def _nowhere_better(challenger: Report, champion: Report) -> Iterator[str]:
    names = _compared(challenger, champion)
    differences = [_difference(challenger.estimate(name), champion.estimate(name)) for name in names]
    if min(differences) < 0 and max(differences) <= 0 and not any(_beyond(challenger, champion)):
        worst = names[differences.index(min(differences))]
        yield _sentence(
            worst, challenger.estimate(worst), champion.estimate(worst), "and it is better on no guarded figure"
        )


def _worst(challenger: Report, champion: Report, kind: str, figure: str) -> Iterator[str]:
    """Objections to the worst slice of each, whatever its name, and to any one slice whose intervals lie apart."""
    ours, theirs = (_values(report.of_kind(kind), figure) for report in (challenger, champion))
    shared = [name for name in ours if name in theirs]
    if not shared:
        return
    mine, other = (min(shared, key=lambda name: _goodness(estimates[name])) for estimates in (ours, theirs))
    is_beyond = _is_beyond(ours[mine], theirs[other])
    if is_beyond:
        subject = f"the worst {kind}'s {figure} ({mine}; the champion's worst: {other})"
        yield _sentence(subject, ours[mine], theirs[other], "beyond the interval")
    for name in shared:
        if not (is_beyond and name == mine) and _is_apart(ours[name], theirs[name]):
            yield _sentence(f"{figure} of the {kind} {name}", ours[name], theirs[name], "and the intervals lie apart")


def _values(slices: Sequence[Slice], figure: str) -> dict[str, Estimate]:
    """One figure of each slice that has a value for it, by the slice's name."""
    return {
        cohort.name: estimate
        for cohort in slices
        for estimate in cohort.estimates
        if estimate.name == figure and estimate.value is not None
    }


def _heavier(challenger: Footprint, champion: Footprint, limits: GateLimits) -> Iterator[str]:
    size, other = challenger.size_bytes, champion.size_bytes
    if size > limits.bytes and size > limits.times * other:
        yield f"It takes {size / 1e6:.1f} MB, the champion {other / 1e6:.1f} MB: more than {limits.times:g} times."
    slow, usual = challenger.seconds_per_account, champion.seconds_per_account
    if slow > limits.seconds and slow > limits.times * usual:
        yield (
            f"Scoring an account takes {slow * 1e3:.2f} ms, with the champion {usual * 1e3:.2f} ms: more than "
            f"{limits.times:g} times."
        )


def _fallback(challenger: Report, champion: Report) -> Iterator[str]:
    """A remark where the strict recall could not be guarded."""
    if STRICT not in _compared(challenger, champion):
        why = challenger.estimate(STRICT).note or "no value"
        yield f"The test set is too small for {STRICT} ({why}): {WIDE} is guarded instead."


def _compared(challenger: Report, champion: Report) -> list[str]:
    return [
        name
        for name in GUARDED
        if challenger.estimate(name).value is not None and champion.estimate(name).value is not None
    ]


def _goodness(estimate: Estimate) -> float:
    assert estimate.value is not None
    return -estimate.value if estimate.name in FALLING else estimate.value


def _difference(challenger: Estimate, champion: Estimate) -> float:
    """How much better the challenger is; negative if it is worse."""
    return _goodness(challenger) - _goodness(champion)


def _is_beyond(challenger: Estimate, champion: Estimate) -> bool:
    """Is the challenger below all that the champion's own interval allows?"""
    assert champion.value is not None
    edge = champion.high if champion.name in FALLING else champion.low
    room = 0.0 if edge is None else abs(edge - champion.value)
    return _difference(challenger, champion) < -room


def _is_apart(challenger: Estimate, champion: Estimate) -> bool:
    """Is the challenger worse, and do the two intervals not even touch?"""
    below, above = (champion, challenger) if challenger.name in FALLING else (challenger, champion)
    return below.high is not None and above.low is not None and below.high < above.low


def _is_certain_loss(difference: Estimate, limits: GateLimits) -> bool:
    value, high = difference.value, difference.high
    return value is not None and high is not None and high < 0 and value <= -limits.margin


def _is_faded(difference: Estimate, limits: GateLimits) -> bool:
    is_large = difference.name == "pr_auc" and difference.value is not None and difference.value <= -limits.lasting
    return is_large or _is_certain_loss(difference, limits)


def _loss(difference: Estimate) -> str:
    """`0.120 [0.050, 0.190] of pr_auc`: what is lost, as positive numbers."""
    assert difference.value is not None and difference.low is not None and difference.high is not None
    return f"{-difference.value:.3f} [{-difference.high:.3f}, {-difference.low:.3f}] of {difference.name}"


def _sentence(name: str, ours: Estimate, theirs: Estimate, why: str) -> str:
    return f"{name} is {_plain(ours)} against the champion's {_plain(theirs)}, worse {why}."


def _plain(estimate: Estimate) -> str:
    return "unknown" if estimate.value is None else f"{estimate.value:.4f}"
