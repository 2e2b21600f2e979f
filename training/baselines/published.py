"""Published detectors as rivals, and LightGBM on the plain aggregates that a first detector would use."""

from collections.abc import Sequence

from training.baselines.forest import IsolationForest
from training.baselines.single_column_rule import SingleColumnRule
from training.examples.dataset import DETECTOR_COLUMNS
from training.models.candidate import Candidate
from training.models.fit import LIGHTGBM_DEFAULTS, Boosting
from training.models.narrow import Narrow

# What one would count first: volumes, lengths, rhythm, and distinct addresses, clients and the like.
AGGREGATES = (
    "requests_1h",
    "requests_1d",
    "requests_7d",
    "requests_28d",
    "output_tokens_1d",
    "output_tokens_7d",
    "output_tokens_28d",
    "input_mean_28d",
    "input_spread_28d",
    "output_mean_28d",
    "output_spread_28d",
    "words_mean_28d",
    "throttled_share_28d",
    "active_days_28d",
    "hour_entropy_28d",
    "night_share_28d",
    "weekend_share_28d",
    "gap_median_28d",
    "gap_variation_28d",
    "addresses_28d",
    "subnets_28d",
    "clients_28d",
    "api_keys_28d",
    "models_28d",
    "age_days",
)


def published_rivals(features: Sequence[str]) -> tuple[Candidate, ...]:
    """Make the rivals: MMD window detector, PRADA, isolation forest on `features`, LightGBM on the 25 aggregates.

    The first two read the columns `training.examples.dataset.DETECTOR_COLUMNS` of the examples.
    """
    mmd, prada = DETECTOR_COLUMNS
    return (
        SingleColumnRule(mmd, name="mmd_window"),
        SingleColumnRule(prada, name="prada"),
        Narrow(IsolationForest(), tuple(features)),
        Narrow(Boosting(LIGHTGBM_DEFAULTS, name="lightgbm_25"), AGGREGATES),
    )
