"""What a challenger loses to the champion: judged on the same test set, on the same accounts, and by size and speed."""

from collections.abc import Iterator, Sequence

from training.evaluation.metrics import FALSE_POSITIVE_RATES, Estimate, recall_name
from training.evaluation.report import Report
from training.evaluation.slices import Slice, false_positive_name
from training.gate.evidence import CHAMPION, Evidence, Footprint, GateLimits, LearnedCampaigns

STRICT, WIDE = map(recall_name, (FALSE_POSITIVE_RATES[1], FALSE_POSITIVE_RATES[0]))
RANKING = (STRICT, WIDE, "pr_auc")
GUARDED = (*RANKING, "brier", "ece")
FALLING = frozenset({"brier", "ece", *map(false_positive_name, FALSE_POSITIVE_RATES)})
RECALLED = {"family": (STRICT, WIDE)}
ALARMED = dict.fromkeys(
    ("cohort", "plan", "country", "requests"), tuple(map(false_positive_name, reversed(FALSE_POSITIVE_RATES[:2])))
)


def comparison_objections(
    challenger: Report, champion: Report, evidence: Evidence, limits: GateLimits
) -> Iterator[str]:
    """Objections from the comparison with the champion, one sentence each; none if it is not worse.

    Where the champion has learned from campaigns of the challenger's test set, both are compared on the others. If
    there are no others, only the champion's own test set, size and speed are compared.
    """
    if challenger.test_digest != champion.test_digest:
        both = f"{challenger.test_digest[:12]} and {champion.test_digest[:12]}"
        yield f"The test sets differ ({both}): judge the champion on the challenger's test set."
        return
    reports = fair_reports(challenger, champion, evidence)
    if reports is not None:
        if not set(comparable_figures(*reports)) & set(RANKING):
            yield "No ranking figure has a value in both reports: the test set is too small to compare on."
            return
        yield from _on_same_test_set(*reports, evidence, limits)
    # without a true account the lowest risks would win, and a first model that nobody could judge would stay for good
    if evidence.older_reports is not None and evidence.older_reports[1].positives:
        yield from (f"On the champion's own test set, {reason}" for reason in _beyond(*evidence.older_reports))
        faded = [difference for difference in guarded(evidence.older_differences) if is_faded(difference, limits)]
        yield from (f"On the champion's own test set it loses {describe_loss(difference)}." for difference in faded)
    if evidence.footprints is not None:
        yield from _heavier(*evidence.footprints, limits)


def fair_reports(challenger: Report, champion: Report, evidence: Evidence) -> tuple[Report, Report] | None:
    """Both reports on campaigns that the champion has not learned from; None if there are none."""
    return (challenger, champion) if evidence.flattered is None else evidence.flattered.reports


def describe_flattered(flattered: LearnedCampaigns) -> str:
    """Say what the champion had learned, and what is compared therefore."""
    learned = (
        f"The champion has learned from {flattered.learned} of the {flattered.campaigns} campaigns of this test set"
    )
    if flattered.reports is None:
        return f"{learned}, so the two are compared on the champion's own test set only."
    return f"{learned}, so the two are compared on the other {flattered.campaigns - flattered.learned} only."


def _on_same_test_set(challenger: Report, champion: Report, evidence: Evidence, limits: GateLimits) -> Iterator[str]:
    yield from _beyond(challenger, champion)
    yield from _nowhere_better(challenger, champion)
    for kind, names in (RECALLED | ALARMED).items():
        for name in names:
            yield from _worst(challenger, champion, kind, name)
    on_same_accounts = guarded(evidence.differences.get(CHAMPION, ()))
    lost = [difference for difference in on_same_accounts if is_certain_loss(difference, limits)]
    yield from (f"On the same accounts as the champion it loses {describe_loss(difference)}." for difference in lost)


def guarded(differences: Sequence[Estimate]) -> list[Estimate]:
    """The differences in guarded figures."""
    return [difference for difference in differences if difference.name in GUARDED]


def _beyond(challenger: Report, champion: Report) -> Iterator[str]:
    for name in comparable_figures(challenger, champion):
        ours, theirs = challenger.estimate(name), champion.estimate(name)
        if _is_beyond(ours, theirs):
            yield _sentence(name, ours, theirs, "beyond the interval")


def _nowhere_better(challenger: Report, champion: Report) -> Iterator[str]:
    names = comparable_figures(challenger, champion)
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
        test_slice.name: estimate
        for test_slice in slices
        for estimate in test_slice.estimates
        if estimate.name == figure and estimate.value is not None
    }


def _heavier(challenger: Footprint, champion: Footprint, limits: GateLimits) -> Iterator[str]:
    size, other = challenger.size_bytes, champion.size_bytes
    if size > limits.always_allowed_bytes and size > limits.largest_ratio * other:
        ratio = f"more than {limits.largest_ratio:g} times"
        yield f"It takes {size / 1e6:.1f} MB, the champion {other / 1e6:.1f} MB: {ratio}."
    slow, usual = challenger.seconds_per_account, champion.seconds_per_account
    if slow > limits.always_allowed_seconds and slow > limits.largest_ratio * usual:
        yield (
            f"Scoring an account takes {slow * 1e3:.2f} ms, with the champion {usual * 1e3:.2f} ms: more than "
            f"{limits.largest_ratio:g} times."
        )


def comparable_figures(challenger: Report, champion: Report) -> list[str]:
    """The guarded figures that have a value in both reports."""
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
    worst_likely = champion.high if champion.name in FALLING else champion.low
    room = 0.0 if worst_likely is None else abs(worst_likely - champion.value)
    return _difference(challenger, champion) < -room


def _is_apart(challenger: Estimate, champion: Estimate) -> bool:
    """Is the challenger worse, and do the two intervals not even touch?"""
    below, above = (champion, challenger) if challenger.name in FALLING else (challenger, champion)
    return below.high is not None and above.low is not None and below.high < above.low


def is_certain_loss(difference: Estimate, limits: GateLimits) -> bool:
    """Whether the whole interval is a loss, of at least the smallest that counts."""
    value, high = difference.value, difference.high
    return value is not None and high is not None and high < 0 and value <= -limits.smallest_certain_loss


def is_faded(difference: Estimate, limits: GateLimits) -> bool:
    """Whether a certain loss, or so much PR-AUC that certainty does not matter."""
    is_large = (
        difference.name == "pr_auc"
        and difference.value is not None
        and difference.value <= -limits.older_test_pr_auc_loss
    )
    return is_large or is_certain_loss(difference, limits)


def describe_loss(difference: Estimate) -> str:
    """`0.120 [0.050, 0.190] of pr_auc`: what is lost, as positive numbers."""
    assert difference.value is not None and difference.low is not None and difference.high is not None
    return f"{-difference.value:.3f} [{-difference.high:.3f}, {-difference.low:.3f}] of {difference.name}"


def _sentence(name: str, ours: Estimate, theirs: Estimate, why: str) -> str:
    return f"{name} is {plain(ours)} against the champion's {plain(theirs)}, worse {why}."


def plain(estimate: Estimate) -> str:
    """The value with four digits, or `unknown`."""
    return "unknown" if estimate.value is None else f"{estimate.value:.4f}"
