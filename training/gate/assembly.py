"""What is put before the gate: the champion's report on the challenger's test set, and the evidence beside it.

`promote`, `retrain` and the poisoning benchmark all call `assemble_evidence`. It is pure: no files, no registry, no
clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from training.evaluation.judging import judge
from training.evaluation.metrics import Estimate, Numbers
from training.evaluation.paired import differences
from training.evaluation.report import Report
from training.evaluation.slices import campaigns_of
from training.examples.dataset import lifts, matrix, targets
from training.examples.splits import confirmed_campaigns, digest_campaign
from training.examples.test_set import TestSet, without_accounts
from training.gate.evidence import CHAMPION, Evidence, Footprint, LearnedCampaigns
from training.models.candidate import OURS
from training.models.model import Model

# Rivals that a challenger must not lose to. Detectors of the literature are reported beside them, no more: with each
# further rival, one would win by chance on some small test set.
PLAIN_RIVALS = ("volume_rule", "logistic_regression")


@dataclass(frozen=True, slots=True, eq=False)
class Contender:
    """A model with its report on its own test set."""

    model: Model
    report: Report
    test: TestSet


@dataclass(frozen=True, slots=True, eq=False)
class RetiredChampion:
    """A champion that was made for other features and cannot score today's accounts.

    Attributes:
        risks: `account_id` and, in the column `OURS`, the risk that the champion gave that account of its own test set.
    """

    risks: pl.DataFrame


def assemble_evidence(
    challenger: Contender,
    champion: Contender | RetiredChampion | None,
    rival_risks: pl.DataFrame,
    footprints: tuple[Footprint, Footprint] | None = None,
) -> tuple[Report | None, Evidence]:
    """The champion's report on the challenger's test set, and the evidence.

    Args:
        challenger: the version at the gate.
        champion: today's champion; the challenger itself where it is judged again.
        rival_risks: `account_id` and one column per candidate that was trained with the challenger: the risk that it
            gave that account of the challenger's test set. Only `PLAIN_RIVALS` are used.
        footprints: of challenger and champion, if they were measured.

    Returns:
        No report where there is no champion, or none that can still score, or one that nobody could judge, as nothing
        was confirmed when it was trained: it gives way to what can be judged.
    """
    test, seed = challenger.test, challenger.report.seed
    ours = risk_of(challenger.model, test.frame)
    rivals = _in_row_order(rival_risks, test.frame)
    if isinstance(champion, Contender) and champion is not challenger and not champion.report.positives:
        return None, Evidence(differences=_differences(test, ours, rivals, seed), has_fallback=True)
    if champion is None or champion is challenger:
        report = None if champion is None else challenger.report
        return report, Evidence(differences=_differences(test, ours, rivals, seed))
    if isinstance(champion, RetiredChampion):
        remembered = _remembered_differences(test, ours, champion.risks, seed)
        return None, Evidence(differences=_differences(test, ours, rivals, seed), remembered=remembered)
    report, older_reports, older_differences = _judge_both(challenger, champion)
    fair, flattered = _unlearned(challenger, champion)
    from_champion = {} if fair is None else _differences_of_models(fair, challenger.model, champion.model, seed)
    evidence = Evidence(
        footprints=footprints,
        differences=_differences(test, ours, rivals, seed) | from_champion,
        older_reports=older_reports,
        older_differences=older_differences,
        flattered=flattered,
    )
    return report, evidence


def risk_of(model: Model, frame: pl.DataFrame) -> Numbers:
    """Calibrated risks (n,) of the rows of a test set."""
    return model.predict(matrix(frame, model.features), lifts(frame))


def _judge_both(
    challenger: Contender, champion: Contender
) -> tuple[Report, tuple[Report, Report] | None, tuple[Estimate, ...]]:
    """The champion on the challenger's test set; both reports, and the differences, on the champion's own."""
    new, old = challenger.report, champion.report
    if old.test_digest == new.test_digest:
        return old, None, ()
    report = judge(champion.model, challenger.test, as_of=new.as_of, seed=new.seed)
    older_reports = judge(challenger.model, champion.test, as_of=old.as_of, seed=old.seed, name=OURS)
    older_differences = _differences_of_models(champion.test, challenger.model, champion.model, old.seed)[CHAMPION]
    return report, (older_reports, old), older_differences


def _unlearned(challenger: Contender, champion: Contender) -> tuple[TestSet | None, LearnedCampaigns | None]:
    """The challenger's test set without campaigns that the champion has learned from, and both reports on the rest.

    Returns:
        No test set if no true account would be left; no second part if the champion has learned from none.
    """
    test, judged = challenger.test, challenger.report
    names = confirmed_campaigns(test.frame)["campaign"]
    learned_digests = set(champion.model.origin.get("campaigns", "").split())
    learned = names.filter([digest_campaign(name) in learned_digests for name in names])
    if learned.is_empty() or champion.report.test_digest == judged.test_digest:
        return test, None
    members = test.frame.filter(pl.col("label") & pl.col("campaign").is_in(learned.implode()))["account_id"]
    fair = without_accounts(test, members, f"{len(learned)} campaigns that the champion learned from are left out")
    if not targets(fair.frame).any():
        return None, LearnedCampaigns(len(learned), len(names), None)
    reports = (
        judge(challenger.model, fair, as_of=judged.as_of, seed=judged.seed, name=OURS),
        judge(champion.model, fair, as_of=judged.as_of, seed=judged.seed),
    )
    return fair, LearnedCampaigns(len(learned), len(names), reports)


def _differences_of_models(
    test: TestSet, challenger: Model, champion: Model, seed: int
) -> dict[str, tuple[Estimate, ...]]:
    """How much better the challenger is than the champion on a test set."""
    return _differences(test, risk_of(challenger, test.frame), {CHAMPION: risk_of(champion, test.frame)}, seed)


def _in_row_order(risks: pl.DataFrame, frame: pl.DataFrame) -> dict[str, Numbers]:
    """The plain rivals' risks (n,) in the row order of a test set."""
    ordered = frame.select("account_id").join(risks, on="account_id", how="left", maintain_order="left")
    return {name: ordered[name].to_numpy() for name in risks.columns if name in PLAIN_RIVALS}


def _differences(
    test: TestSet, ours: Numbers, others: Mapping[str, Numbers], seed: int
) -> dict[str, tuple[Estimate, ...]]:
    """How much better the risks `ours` are than each of the others."""
    label, (_, codes) = targets(test.frame), campaigns_of(test.frame)
    return {name: differences(label, ours, risk, codes, seed=seed) for name, risk in others.items()}


def _remembered_differences(
    test: TestSet, ours: Numbers, champion_risks: pl.DataFrame, seed: int
) -> tuple[Estimate, ...]:
    """How much better our risks are than those the champion gave when it was trained, on accounts of both test sets."""
    theirs = champion_risks.select("account_id", pl.col(OURS).alias(CHAMPION))
    both = test.frame.with_columns(pl.Series(OURS, ours)).join(theirs, on="account_id", maintain_order="left")
    label = targets(both)
    if not label.any() or label.all():
        return ()
    now, then = (both[name].to_numpy() for name in (OURS, CHAMPION))
    return differences(label, now, then, campaigns_of(both)[1], seed=seed)
