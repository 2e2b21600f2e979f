"""What the gate weighs beside two reports, and its limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from training.evaluation.metrics import Estimate
from training.evaluation.report import Report

CHAMPION = "champion"


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What any champion must reach, and what a challenger may cost.

    Attributes:
        smallest_lift: of PR-AUC, in multiples of the base rate. 2 is a low bar: doubled, it would keep out models for
            providers with few confirmed accounts.
        largest_ece: largest calibration error. It is wide because it is measured against labels: a model that ranks
            accounts high that nobody has confirmed yet looks overconfident.
        smallest_certain_loss: a loss on the same accounts whose whole interval is a loss blocks from this size on; a
            smaller one has no practical effect. It holds for PR-AUC, recall, Brier score and calibration error alike,
            against the champion, the plain rivals, the champion's own test set and its remembered risks. Doubled, it
            would let a Brier score double where it is 0.01.
        older_test_pr_auc_loss: PR-AUC that a challenger may lose on the champion's own test set, certain or not.
            Training again on nearly the same data moves it by a few thousandths, labels that were tampered with by
            more (docs/results/judging.md).
        largest_ratio: largest size and scoring time, in multiples of the champion's.
        always_allowed_bytes: a model up to this size passes, whatever the champion's size.
        always_allowed_seconds: a model that scores an account in this time passes, whatever the champion's time.
    """

    smallest_lift: float = 2.0
    largest_ece: float = 0.15
    smallest_certain_loss: float = 0.005
    older_test_pr_auc_loss: float = 0.03
    largest_ratio: float = 2.0
    always_allowed_bytes: int = 20_000_000
    always_allowed_seconds: float = 0.001


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a model costs: bytes of its folder and seconds to score an account; both models in one run."""

    size_bytes: int
    seconds_per_account: float


@dataclass(frozen=True, slots=True)
class LearnedCampaigns:
    """Campaigns of the challenger's test set that the champion has learned from, where its figures flatter.

    Attributes:
        learned: how many.
        campaigns: of the test set, in all.
        reports: challenger's and champion's on the test set without them; None if no true account is left.
    """

    learned: int
    campaigns: int
    reports: tuple[Report, Report] | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the gate weighs beside the two reports; what was not measured is left out.

    All differences are the challenger's figures minus another model's on the same accounts, positive where the
    challenger is better, also for errors (`training.evaluation.paired`).

    Attributes:
        footprints: of challenger and champion.
        differences: from the champion (key `CHAMPION`) and from each plain rival.
        older_reports: challenger's and champion's reports on the champion's own test set, which is older than the
            challenger's data.
        older_differences: differences from the champion on that test set.
        remembered: differences from the risks that the champion gave when it was trained, on the accounts of both test
            sets. Set only where the champion was made for other features, so that it cannot score again.
        flattered: set where the champion has learned from campaigns of the challenger's test set. Then the two are
            compared on the others, and differences from the champion are of these accounts.
        has_fallback: there is a champion which nobody could judge: it gives way to a model that passes, and to none
            else.
    """

    footprints: tuple[Footprint, Footprint] | None = None
    differences: Mapping[str, Sequence[Estimate]] = field(default_factory=dict)
    older_reports: tuple[Report, Report] | None = None
    older_differences: Sequence[Estimate] = ()
    remembered: Sequence[Estimate] | None = None
    flattered: LearnedCampaigns | None = None
    has_fallback: bool = False
