"""What the gate weighs beside two reports, and its limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from training.evaluation.metrics import Estimate
from training.evaluation.report import Report


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What any champion must reach, and what a challenger may cost.

    Attributes:
        lift: PR-AUC over base rate, at least.
        ece: calibration error, at most. It is wide, since it is measured against labels: a model that finds what nobody
            has confirmed yet seems too sure of itself.
        margin: a sure loss on the same accounts counts from here on; less does not matter to anybody.
        lasting: PR-AUC that may be lost on the champion's own test set, sure or not. Training again on much the same
            data moves it by a few thousandths, labels that were tampered with by more (docs/results/judging.md).
        times: size and seconds over the champion's, at most.
        bytes: of a model that is small enough, whatever the champion's.
        seconds: an account, of a model that is quick enough.
    """

    lift: float = 2.0
    ece: float = 0.15
    margin: float = 0.005
    lasting: float = 0.03
    times: float = 2.0
    bytes: int = 20_000_000
    seconds: float = 0.001


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a model costs: bytes of its folder and seconds to score an account; both models in one run."""

    size_bytes: int
    seconds_per_account: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the gate weighs beside the two reports; whatever is not known is left out.

    Attributes:
        footprints: of challenger and champion.
        gains: the challenger's over the champion (key `champion`) and over each rival, on the same accounts
            (`training.evaluation.paired`).
        earlier: challenger and champion on the champion's own test set, frozen before the challenger's data came in.
        lasting: the challenger's gains over the champion there.
        remembered: the challenger's gains over the risks that the champion gave when it was trained, on the accounts of
            both test sets: all there is where the champion was made for other features. None if it was not.
    """

    footprints: tuple[Footprint, Footprint] | None = None
    differences: Mapping[str, Sequence[Estimate]] = field(default_factory=dict)
    earlier: tuple[Report, Report] | None = None
    lasting: Sequence[Estimate] = ()
    remembered: Sequence[Estimate] | None = None
