"""The fixed test accounts: one of each level, whatever the model."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from features.catalogue import FEATURES
from serving.answer.example_accounts import EXAMPLE_LEVELS, answer_example
from serving.answer.indicators import CAMPAIGN_CODE
from serving.answer.messages import AccountScore, Thresholds
from training.models.model import Model

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(("review", "act"), [(0.5, 0.8), (1e-6, 2e-6), (0.998, 0.9999), (0.0, 1.0)])
@pytest.mark.parametrize("account", EXAMPLE_LEVELS)
def test_a_test_account_has_its_level_whatever_the_thresholds(
    account: str, review: float, act: float, model: Model
) -> None:
    other = replace(model, thresholds={"review": review, "act": act})
    score = answer_example(account, other, NOW, has_reasons=True)
    assert (score.account_id, score.status, score.level) == (account, "scored", EXAMPLE_LEVELS[account])
    assert score.risk is not None
    if review > 0:
        assert Thresholds(review=review, act=act).level(score.risk) == score.level


def test_its_answer_has_all_fields_of_a_real_one_and_codes_that_exist(model: Model) -> None:
    scores = {name: answer_example(name, model, NOW, has_reasons=True) for name in EXAMPLE_LEVELS}
    act = scores["test_act"]
    assert all(getattr(act, field) for field in AccountScore.model_fields.keys() - {"trouble"})
    assert {indicator.code for indicator in act.indicators} <= {CAMPAIGN_CODE, *(f.code for f in FEATURES)}
    assert [bool(score.reasons) for score in scores.values()] == [False, True, True]
    assert [score.percentile for score in scores.values()] == sorted(score.percentile or 0 for score in scores.values())


def test_its_reasons_are_for_those_who_may_read_any(model: Model) -> None:
    score = answer_example("test_act", model, NOW, has_reasons=False)
    assert (score.reasons, score.indicators) == ([], [])
