"""Accounts with fixed answers, for whoever builds on the endpoint: `test_low`, `test_review`, `test_act`.

No store is asked for them. Their risks lie within the levels that the server has at the time, so that a caller meets
each level whatever the model and the settings.
"""

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from features.catalogue import FEATURES
from serving.answer.indicators import CAMPAIGN_CODE, IN_CAMPAIGN
from serving.answer.messages import AccountScore, Indicator, Level
from training.models.model import Model

EXAMPLE_LEVELS: Mapping[str, Level] = {"test_low": "low", "test_review": "review", "test_act": "act"}
EXAMPLE_CAMPAIGN = "test_campaign"
_FEATURE = next(feature for feature in FEATURES if feature.name == "top_prefix_share_28d")
_TEMPLATE = Indicator(
    code=_FEATURE.code,
    text=f"{_FEATURE.signal.name}: {_FEATURE.describe(0.75)}",
    value=0.75,
    typical=0.125,
    impact=1.5,
)
_CAMPAIGN = Indicator(
    code=CAMPAIGN_CODE,
    text=IN_CAMPAIGN.format("openings of prompts (3 keys, up to 12 accounts)"),
    value=None,
    typical=None,
    impact=2.5,
)
_INDICATORS: Mapping[Level, list[Indicator]] = {"low": [], "review": [_TEMPLATE], "act": [_CAMPAIGN, _TEMPLATE]}


def answer_example(account_id: str, model: Model, now: datetime, *, has_reasons: bool) -> AccountScore:
    """Answer for one of `EXAMPLE_LEVELS`: a risk half-way through its level.

    Args:
        account_id: the account.
        model: gives the thresholds, and the percentile of the risk.
        now: the time that its features are said to be of.
        has_reasons: whether the caller may read reasons.
    """
    level = EXAMPLE_LEVELS[account_id]
    review, act = model.thresholds["review"], model.thresholds["act"]
    risk = {"low": review / 2, "review": (review + act) / 2, "act": (act + 1) / 2}[level]
    indicators = _INDICATORS[level] if has_reasons else []
    return AccountScore(
        account_id=account_id,
        status="scored",
        risk=risk,
        level=level,
        percentile=float(model.reference.percentiles(np.array([risk]))[0]),
        campaign_id=EXAMPLE_CAMPAIGN if level == "act" and has_reasons else None,
        reasons=[indicator.text for indicator in indicators],
        indicators=indicators,
        features_as_of=now,
    )
