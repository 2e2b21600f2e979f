"""Tables and panels of what `fingerprint` measures, from the risks of every model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from benchmarks.detection.mean_estimates import (
    STRICTEST,
    FamilyRisks,
    format_estimate,
    mean_differences,
    mean_estimates,
)
from benchmarks.worlds.diluted import Dilution
from benchmarks.worlds.diluted_worlds import DilutedFeatures
from docs_tools.documents import table
from docs_tools.pictures import VolumePanel
from features.catalogue import FEATURES, MODES
from training.baselines.single_column_rule import VOLUME_FEATURE
from training.evaluation.headline import NEEDED
from training.evaluation.metrics import Estimate, recall_name
from training.models.candidate import OURS

STRICT, STRICTER = recall_name(0.001), recall_name(STRICTEST)
WORST = 12  # cohorts that are shown
_TRUE = pl.col("true")
RisksByDilution = Mapping[Dilution, FamilyRisks]
# by dilution, model and name of the estimate
EstimatesByDilution = Mapping[Dilution, Mapping[str, Mapping[str, Estimate]]]


@dataclass(frozen=True)
class FamilyResult:
    """Risks from the models trained without one family.

    Attributes:
        by_dilution: every model at every dilution.
        ablations: ours without one family of features, and in each mode, at the dilutions `PURE` and `MIXED`.
        pooled: every model at these two dilutions, in several worlds together.
        flags: honest accounts of `PURE` with their cohort, and whether ours flags them at 0.1 %.
    """

    by_dilution: RisksByDilution
    ablations: RisksByDilution
    pooled: RisksByDilution
    flags: pl.DataFrame


def estimates_by_dilution(by_family: Sequence[RisksByDilution], seed: int) -> EstimatesByDilution:
    """All mean estimates over families, of every model at every dilution."""
    judged = {dilution: [risks[dilution] for risks in by_family] for dilution in by_family[0]}
    return {
        dilution: {name: mean_estimates(families, name, seed) for name in families[0].risks}
        for dilution, families in judged.items()
    }


def dilution_table(by_family: Sequence[RisksByDilution], estimates: EstimatesByDilution, estimate: str) -> list[str]:
    """A row for each dilution: an estimate of every model, mean over families; or why there is none."""
    honest = min(int((~judged.label).sum()) for risks in by_family for judged in risks.values())
    if honest < NEEDED[estimate]:
        return [f"Not to be measured here: it needs {NEEDED[estimate]:,} honest accounts, there are {honest:,}."]
    names = list(next(iter(estimates.values())))
    rows = [
        [
            f"{dilution.requests:,}",
            f"{dilution.share:.0%}",
            *(format_estimate(by_model[name][estimate]) for name in names),
        ]
        for dilution, by_model in estimates.items()
    ]
    return table(["requests", "share", *names], rows)


def _dissected(results: Sequence[FamilyResult]) -> list[RisksByDilution]:
    """The ablations of those families of which they were measured."""
    return [result.ablations for result in results if all(len(risks.risks) > 1 for risks in result.ablations.values())]


def part_table(results: Sequence[FamilyResult], seed: int) -> list[str]:
    """A row for each family of features left out and each mode: recall at 0.1 % and PR-AUC at the two dilutions."""
    by_family, rows = _dissected(results), []
    dilutions = list(by_family[0])
    for name in by_family[0][dilutions[0]].risks:
        if ", " in name:  # a part in a mode: `gain_table` has it
            continue
        by_dilution = [mean_estimates([risks[dilution] for risks in by_family], name, seed) for dilution in dilutions]
        shown = [estimates[estimate] for estimates in by_dilution for estimate in (STRICT, "pr_auc")]
        rows.append([name, *map(format_estimate, shown)])
    head = ["ours", *(f"{what}, {dilution.name}" for dilution in dilutions for what in ("recall at 0.1 %", "PR-AUC"))]
    families = ", ".join(risks[dilutions[0]].family for risks in by_family)
    return [f"Means over {len(by_family)} families, drawn by the seed: {families}.", "", *table(head, rows)]


def gain_table(results: Sequence[FamilyResult], seed: int) -> list[str]:
    """The PR-AUC that ours loses without each family of features, in each mode and at each dilution.

    Differences over the same draws of families and accounts. Bold where the interval lies above zero; of so many
    entries some do so by chance.
    """
    by_family, rows = _dissected(results), []
    dilutions = list(by_family[0])
    for family in dict.fromkeys(feature.family for feature in FEATURES):
        part, row = f"without {family}", [family]
        for mode in ("", *MODES):
            with_it, without_it = (OURS, part) if not mode else (f"{mode}: ours", f"{part}, {mode}")
            for dilution in dilutions:
                judged = [risks[dilution] for risks in by_family]
                gain = mean_differences(judged, with_it, without_it, seed)["pr_auc"]
                text = format_estimate(gain)
                row.append(f"**{text}**" if (gain.low or 0.0) > 0 else text)
        rows.append(row)
    modes = ("everything known", *MODES)
    return table(["family", *(f"{mode}, {dilution.share:.0%}" for mode in modes for dilution in dilutions)], rows)


def cohort_table(results: Sequence[FamilyResult]) -> list[str]:
    """The cohorts with the highest false-positive rates, means over the models without a family."""
    flags = pl.concat(result.flags for result in results)
    counted = flags.group_by("cohort").agg(
        accounts=pl.col("account_id").n_unique(), rate=pl.col("flagged").mean(), flagged=pl.col("flagged").sum()
    )
    worst = counted.sort("rate", "cohort", descending=[True, False]).head(WORST)
    rows = [
        [row["cohort"], f"{row['accounts']:,}", f"{row['rate']:.2%}", str(row["flagged"])] for row in worst.to_dicts()
    ]
    return table(["cohort", "accounts", "flagged", f"false positives of {len(results)} models together"], rows)


def volume_table(rows: DilutedFeatures) -> list[str]:
    """How many requests accounts really have: not every account sends the most, and lenders lend once."""
    medians = [
        [dilution.name, *(f"{frame.filter(side)[VOLUME_FEATURE].median() or 0:,.0f}" for side in (_TRUE, ~_TRUE))]
        for dilution, frame in rows.items()
    ]
    return table(["at most", "median of campaign accounts", "of honest accounts"], medians)


def volume_panels(estimates: EstimatesByDilution) -> list[VolumePanel]:
    """Mean recall at 0.1 % of every model by the number of requests, a panel for each campaign share."""
    panels = []
    for share in sorted({dilution.share for dilution in estimates}, reverse=True):
        dilutions = sorted(dilution for dilution in estimates if dilution.share == share)
        recalls = {
            name: [estimates[dilution][name][STRICT] for dilution in dilutions] for name in estimates[dilutions[0]]
        }
        title = f"{share:.0%} of requests the campaign's"
        panels.append(VolumePanel(title, [dilution.requests for dilution in dilutions], recalls))
    return panels
