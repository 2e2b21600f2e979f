"""Tables of a judgement."""

from collections.abc import Mapping
from typing import Any

from docs_tools.documents import table

Judgement = Mapping[str, Any]
STRICT, LOOSE = "0.001", "0.01"
OURS = "stillwatch"


def headline_lines(ours: Judgement, rivals: Mapping[str, Judgement], gate: str) -> list[str]:
    """The headline figures of ours and the rivals, with their intervals."""
    accounts = ours["accounts"]
    names = list(accounts["metrics"])
    rows = [
        [name, *(_interval(judged["accounts"]["metrics"][metric]) for metric in names), _ece(judged)]
        for name, judged in {OURS: ours, **rivals}.items()
    ]
    scope = (
        f"As of {ours['as_of'][:10]}, {accounts['judged']:,} accounts without a label are judged, {accounts['bad']:,} "
        f"of them campaign members ({accounts['base_rate']:.1%}). The first training: {gate.split('. ')[0]}."
    )
    return [scope, "", *table(["model", *names, "calibration error"], rows)]


def family_lines(ours: Judgement) -> list[str]:
    """Recall by family, and when half of it was above the threshold for 0.1 % false positives."""
    times = ours.get("time_to_detection", {})
    rows = [
        [name, str(family["accounts"]), _interval(family[LOOSE]), _interval(family[STRICT]), _when(times.get(name))]
        for name, family in ours["accounts"]["families"].items()
    ]
    return table(
        ["family", "accounts", "recall at 1 %", "recall at 0.1 %", "requests served before half is found"], rows
    )


def cohort_lines(ours: Judgement) -> list[str]:
    """Honest accounts flagged at the overall thresholds, by cohort."""
    rows = [
        [
            name,
            f"{cohort['accounts']:,}",
            *(f"{cohort[at]} ({cohort[at] / cohort['accounts']:.1%})" for at in (LOOSE, STRICT)),
        ]
        for name, cohort in ours["accounts"]["cohorts"].items()
    ]
    return table(["honest cohort", "accounts", "flagged at 1 %", "flagged at 0.1 %"], rows)


def campaign_lines(ours: Judgement) -> list[str]:
    """How well the reported groups are the true campaigns."""
    judged = ours["campaigns"]
    honest = judged["honest_groups"]
    mostly = ", ".join(f"{group['accounts']} {group['mostly']}" for group in honest.values()) or "none"
    summary = (
        f"Reported: {judged['groups']} groups, {len(honest)} of them of honest accounts only ({mostly}). Over pairs of "
        f"accounts: precision {judged['precision']:.3f}, recall {judged['recall']:.3f}, F1 {judged['f1']:.3f}."
    )
    rows = [
        [name, str(campaign["members"]), *(f"{campaign[part]:.2f}" for part in ("jaccard", "purity", "in_no_group"))]
        for name, campaign in judged["campaigns"].items()
    ]
    return [summary, "", *table(["campaign", "members", "best Jaccard", "purity", "in no group"], rows)]


def _interval(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _flagged(cohort: Mapping[str, int], at: str) -> str:
    return f"{cohort[at]} ({cohort[at] / cohort['accounts']:.1%})"


def _ece(judged: Judgement) -> str:
    return f"{judged['accounts']['ece_15']:.3f}"


def _when(times: Mapping[str, Any] | None) -> str:
    if times is None or times["detected"] is None:
        return "never"
    return f"{times['share_before']:.0%} ({times['days_after_start']:.0f} days)"
