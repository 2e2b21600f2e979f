"""What may be set for a training."""

from dataclasses import dataclass, field

from training.examples.splits import ACCOUNT_SHARE, CAMPAIGN_SHARE
from training.models.fit import BoostingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What may be set for a training.

    `settings` and `planted_weight` were chosen on the scenario `composed` with seed 11, on families left out
    (CHANGELOG.md). The shares and rates are customs: nothing was measured to choose them.

    Attributes:
        settings: of the trees.
        unlabelled_weight: weight of an unlabelled account; a confirmed one weighs 1.
        planted_weight: weight of a planted account; a confirmed one weighs 1. At 0.1 planting cost PR-AUC on families
            never labelled (0.826 with it, 0.865 without); at 0.01 it changes nothing beyond chance.
        assumed_base_rate: share of true accounts that risks are calibrated at while nothing is confirmed. Assumed, not
            measured; doubled, all odds double.
        campaign_power: a campaign of n accounts weighs n to this power; see `training.examples.dataset.weights`.
        campaign_share: share of the campaigns that is held out.
        account_share: share of all other accounts that is held out.
        review_rate: share of the honest accounts that the review threshold may flag, measured out of fold.
        act_rate: the same of the act threshold.
        max_folds: folds for tuning and calibration.
        replicates: bootstrap draws behind the intervals of the report.
        search_trials: trials of a search for other settings of the trees; 0 for no search.
        blank_share: share of the rows that our model learns from a second time as a provider would see them who lacks
            texts, infrastructure or both.
    """

    settings: BoostingSettings = field(default_factory=BoostingSettings)
    unlabelled_weight: float = 0.1
    planted_weight: float = 0.01
    assumed_base_rate: float = 0.01
    campaign_power: float = 0.5
    campaign_share: float = CAMPAIGN_SHARE
    account_share: float = ACCOUNT_SHARE
    review_rate: float = 0.01
    act_rate: float = 0.001
    max_folds: int = 4
    replicates: int = 300
    search_trials: int = 0
    blank_share: float = 0.5
