"""The comparison with the champion, whatever the reports: drawn around a good one, so that most reach it."""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from training.evaluation.metrics import Estimate
from training.evaluation.report import Report
from training.evaluation.slices import Slice
from training.gate.comparison import FALLING, GUARDED
from training.gate.evidence import Evidence, Footprint
from training.gate.promotion import Decision, gate

ALARMS = "false_positive_rate_at_fpr_0.01"
# Of a usable model, in thousandths; rooms are odd half thousandths, so that no value lies on an interval's end.
RANGES = {
    "pr_auc": (350, 950),
    "recall_at_fpr_0.01": (300, 950),
    "recall_at_fpr_0.001": (100, 900),
    "brier": (5, 80),
    "ece": (0, 100),
}
MakeReport = Callable[..., Report]
MakeSlices = Callable[..., tuple[Slice, ...]]
Figures = dict[str, float]


def thousandths(low: int, high: int) -> st.SearchStrategy[float]:
    return st.integers(low, high).map(lambda number: number / 1000)


rooms = st.just(0.0) | st.integers(0, 60).map(lambda number: (2 * number + 1) / 2000)
figures = st.fixed_dictionaries({name: thousandths(*bounds) for name, bounds in RANGES.items()})
steps = st.fixed_dictionaries({name: st.just(0) | st.integers(-10, 10) | st.integers(-80, 80) for name in RANGES})
drops = st.fixed_dictionaries({name: st.just(0) | st.integers(0, 10) | st.integers(0, 200) for name in RANGES})
blanks = st.sets(st.sampled_from(("recall_at_fpr_0.01", "recall_at_fpr_0.001", "brier")))


def stepped(start: Figures, steps: Mapping[str, int]) -> Figures:
    """The figures, so many thousandths higher."""
    return {name: round(min(max(value + steps[name] / 1000, 0.0), 1.0), 3) for name, value in start.items()}


def dropped(start: Figures, drops: Mapping[str, int]) -> Figures:
    """The figures, so many thousandths worse."""
    return stepped(start, {name: drop if name in FALLING else -drop for name, drop in drops.items()})


pairs = st.builds(lambda champion, steps: (stepped(champion, steps), champion), figures, steps)


def is_better(ours: float, theirs: float, name: str) -> bool:
    return ours < theirs if name in FALLING else ours > theirs


def is_beyond(ours: Estimate, theirs: Estimate) -> bool:
    """Worse than all that the other interval allows."""
    return ours.value > theirs.high if ours.name in FALLING else ours.value < theirs.low


def is_apart(ours: Estimate, theirs: Estimate) -> bool:
    return ours.low > theirs.high if ours.name in FALLING else ours.high < theirs.low


def estimates_of(slices: tuple[Slice, ...]) -> dict[str, Estimate]:
    """The one figure of each slice, where it has a value."""
    return {
        test_slice.name: estimate
        for test_slice in slices
        for estimate in test_slice.estimates
        if estimate.value is not None
    }


def subjects(decision: Decision) -> list[str]:
    """What each reason is about."""
    return [reason.partition(" is ")[0] for reason in decision.reasons]


def reaches_the_champion(challenger: Report) -> bool:
    """Is nothing wrong with the challenger by itself?"""
    return gate(challenger, None, evidence=Evidence(has_fallback=True)).promote


def assert_refused_for_what_it_lost(challenger: Report, champion: Report, decision: Decision) -> None:
    """Each figure beyond the interval is named; where there is none, one that is worse, since none is better."""
    names = [name for name in GUARDED if challenger.estimate(name).value is not None]
    lost = [name for name in names if is_beyond(challenger.estimate(name), champion.estimate(name))]
    if lost:
        assert subjects(decision) == lost
        assert all(reason.endswith("worse beyond the interval.") for reason in decision.reasons)
        return
    (reason,), (name,) = decision.reasons, subjects(decision)
    assert reason.endswith("worse and it is better on no guarded figure.")
    assert is_better(champion.estimate(name).value, challenger.estimate(name).value, name)
    assert not any(is_better(challenger.estimate(n).value, champion.estimate(n).value, n) for n in names)


def test_at_least_half_of_the_drawn_pairs_reach_the_champion_and_both_decisions_occur(report: MakeReport) -> None:
    reached, promoted = [], []

    @settings(max_examples=200, database=None, derandomize=True)
    @given(pairs, rooms)
    def draw(pair: tuple[Figures, Figures], room: float) -> None:
        challenger, champion = (report(side, room) for side in pair)
        reached.append(reaches_the_champion(challenger))
        promoted.append(gate(challenger, champion).promote)

    draw()
    assert sum(reached) >= len(reached) / 2
    assert 0.1 <= sum(promoted) / sum(reached) <= 0.9


@given(figures, drops, rooms, blanks)
def test_a_strictly_worse_report_is_never_promoted(
    report: MakeReport, start: Figures, drop: dict[str, int], room: float, blank: set[str]
) -> None:
    pair = [figures | dict.fromkeys(blank) for figures in (dropped(start, drop), start)]
    assume(pair[0] != pair[1])
    challenger, champion = (report(side, room) for side in pair)
    decision = gate(challenger, champion)
    assert not decision.promote
    event(f"reaches the champion: {reaches_the_champion(challenger)}")
    if reaches_the_champion(challenger):
        assert_refused_for_what_it_lost(challenger, champion, decision)


@given(pairs, rooms)
def test_a_report_is_promoted_or_the_reasons_are_the_figures_that_it_lost(
    report: MakeReport, pair: tuple[Figures, Figures], room: float
) -> None:
    challenger, champion = (report(side, room) for side in pair)
    assume(reaches_the_champion(challenger))
    decision = gate(challenger, champion)
    event(f"promoted: {decision.promote}")
    if not decision.promote:
        assert_refused_for_what_it_lost(challenger, champion, decision)
        return
    assert decision.reasons == (f"Not worse than the champion on {', '.join(GUARDED)}.",)
    assert not any(is_beyond(challenger.estimate(name), champion.estimate(name)) for name in GUARDED)


@given(pairs)
def test_of_two_reports_at_most_one_may_replace_the_other_when_intervals_are_points(
    report: MakeReport, pair: tuple[Figures, Figures]
) -> None:
    assume(pair[0] != pair[1])
    first, second = (report(side, 0.0) for side in pair)
    assert not (gate(first, second).promote and gate(second, first).promote)


shares = st.dictionaries(st.sampled_from("abcd"), thousandths(20, 400) | st.none(), min_size=3)
nearby = st.integers(-20, 20) | st.integers(-200, 200)


@pytest.mark.parametrize(
    ("kind", "figure"), [("family", "recall_at_fpr_0.001"), ("cohort", ALARMS), ("country", ALARMS)]
)
@given(start=shares, moves=st.fixed_dictionaries(dict.fromkeys("abcd", nearby)), room=rooms)
def test_a_slice_blocks_where_the_worst_is_beyond_the_champions_worst_or_any_is_apart(
    report: MakeReport,
    slices: MakeSlices,
    start: dict[str, float | None],
    moves: dict[str, int],
    room: float,
    kind: str,
    figure: str,
) -> None:
    moved = {name: None if value is None else stepped({name: value}, moves)[name] for name, value in start.items()}
    challenger, champion = (slices(kind, figure, values, room) for values in (moved, start))
    ours, theirs = (
        {s.name: s.estimates[0] for s in side if s.estimates[0].value is not None} for side in (challenger, champion)
    )
    expected = [f"{figure} of the {kind} {name}" for name in ours if is_apart(ours[name], theirs[name])]
    if ours:
        sign = -1 if figure in FALLING else 1
        mine, other = (min(side, key=lambda name: sign * side[name].value) for side in (ours, theirs))
        if is_beyond(ours[mine], theirs[other]):
            expected = [subject for subject in expected if subject != f"{figure} of the {kind} {mine}"]
            expected.insert(0, f"the worst {kind}'s {figure} ({mine}; the champion's worst: {other})")
    decision = gate(report(slices=challenger), report(slices=champion))
    event(f"promoted: {decision.promote}")
    assert decision.promote is not bool(expected)
    assert decision.promote or subjects(decision) == expected


@given(shares, shares, rooms)
def test_a_report_with_the_same_slices_is_not_blocked(
    report: MakeReport, slices: MakeSlices, families: dict[str, float], cohorts: dict[str, float], room: float
) -> None:
    same = slices("family", "recall_at_fpr_0.001", families, room) + slices("cohort", ALARMS, cohorts, room)
    assert gate(report(room=room, slices=same), report(room=room, slices=same)).promote


sizes = st.integers(1, 200_000_000)
times = st.floats(1e-7, 1.0)


@given(sizes, sizes, times, times)
def test_nothing_promoted_is_over_twice_as_large_or_slow_unless_it_is_small_and_quick(
    report: MakeReport, size: int, other: int, slow: float, usual: float
) -> None:
    evidence = Evidence(footprints=(Footprint(size, slow), Footprint(other, usual)))
    decision = gate(report(), report(), evidence=evidence)
    is_large = size > 2 * other and size > 20_000_000
    is_slow = slow > 2 * usual and slow > 0.001
    assert decision.promote is not (is_large or is_slow)
    assert any(reason.startswith("It takes ") for reason in decision.reasons) is is_large
    assert any(reason.startswith("Scoring an account takes ") for reason in decision.reasons) is is_slow


@given(st.sampled_from(GUARDED), st.tuples(*[thousandths(-100, 100)] * 3).map(sorted))
def test_nothing_promoted_loses_surely_on_the_same_accounts_more_than_the_margin(
    report: MakeReport, name: str, bounds: list[float]
) -> None:
    low, value, high = bounds
    difference = Estimate(name=name, value=value, low=low, high=high)
    decision = gate(report(), report(), evidence=Evidence(differences={"champion": [difference]}))
    is_lost = high < 0 and value <= -0.005
    assert decision.promote is not is_lost
    if is_lost:
        lost = f"{-value:.3f} [{-high:.3f}, {-low:.3f}] of {name}"
        assert decision.reasons == (f"On the same accounts as the champion it loses {lost}.",)
