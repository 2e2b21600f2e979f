from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import FEATURES
from serving.answer import scorer
from serving.answer.messages import AccountScore
from training.models.model import Model

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def features(rows: int, seed: int = 5) -> scorer.Matrix:
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(rows, len(FEATURES))).astype(np.float32)
    matrix[random.random(matrix.shape) < 0.1] = np.nan
    return matrix


def rows_of(matrix: scorer.Matrix) -> scorer.RowsToScore:
    """Accounts in no campaign."""
    return scorer.RowsToScore(account_ids=[f"a{row}" for row in range(len(matrix))], matrix=matrix, as_of=[NOW])


def scored(model: Model, matrix: scorer.Matrix, as_of: list[datetime | None], ids: list[str]) -> list[AccountScore]:
    rows = scorer.RowsToScore(account_ids=ids, matrix=matrix, as_of=as_of)
    return scorer.score_rows(model, rows, features=FEATURES, fresh_since=NOW - DAY)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.integers(0, 29), min_size=1, max_size=40),
    ages=st.lists(st.none() | st.integers(0, 72), min_size=30, max_size=30),
)
def test_scores_come_in_the_order_asked_with_the_models_own_risks(
    model: Model, rows: list[int], ages: list[int | None]
) -> None:
    matrix = features(30)
    risks = model.predict(matrix)
    times = [None if age is None else NOW - timedelta(hours=age) for age in ages]
    answer = scored(model, matrix[rows], [times[row] for row in rows], [f"a{row}" for row in rows])
    assert [score.account_id for score in answer] == [f"a{row}" for row in rows]
    for row, score in zip(rows, answer, strict=True):
        assert score.features_as_of == times[row]
        if times[row] is None:
            assert (score.status, score.risk, score.reasons) == ("unknown_account", None, [])
            assert (score.level, score.percentile, score.indicators) == (None, None, [])
        else:
            assert score.status == ("stale" if (ages[row] or 0) > 24 else "scored")
            assert score.risk == risks[row]
            assert score.percentile == model.reference.percentiles(risks)[row]
            assert bool(score.reasons) == (risks[row] >= model.review_threshold)


def test_features_exactly_as_old_as_the_limit_are_fresh(model: Model) -> None:
    assert scored(model, features(1), [NOW - DAY], ["a"])[0].status == "scored"
    assert scored(model, features(1), [NOW - DAY - timedelta(microseconds=1)], ["a"])[0].status == "stale"


def test_a_risk_that_was_assessed_before_is_not_predicted_again(model: Model) -> None:
    rows, risks = scorer.RowsToScore(account_ids=["a"], matrix=features(1), as_of=[NOW]), np.array([0.123])
    answer = scorer.score_rows(model, rows, features=FEATURES, fresh_since=NOW - DAY, risks=risks)
    assert answer[0].risk == 0.123


def test_unknown_rows_are_never_given_to_the_model(model: Model) -> None:
    matrix = features(4)
    risks = scorer.assess(model, matrix, np.array([True, False, True, False]), np.zeros(4, dtype=np.bool_))
    assert np.isnan(risks[[1, 3]]).all()
    assert np.array_equal(risks[[0, 2]], model.predict(matrix)[[0, 2]])


def test_an_account_whose_stored_row_is_damaged_is_unavailable(model: Model) -> None:
    rows = scorer.RowsToScore(
        account_ids=list("abc"), matrix=features(3), as_of=[NOW, None, None], damaged=np.array([False, True, False])
    )
    answer = scorer.score_rows(model, rows, features=FEATURES, fresh_since=NOW - DAY)
    assert [score.status for score in answer] == ["scored", "unavailable", "unknown_account"]
    assert (answer[1].risk, answer[1].reasons, answer[1].features_as_of) == (None, [], None)


def test_no_accounts_give_no_scores(model: Model) -> None:
    assert scored(model, features(0), [], []) == []


def test_the_threshold_itself_is_worth_a_look(model: Model) -> None:
    matrix = features(200)
    risks = model.predict(matrix)
    row = int(np.argmax(risks))
    edge = replace(model, thresholds={"review": float(risks[row]), "act": 1.0})
    assert scorer.explain(edge, rows_of(matrix), risks, FEATURES)[row]
    above = replace(model, thresholds={"review": float(np.nextafter(risks[row], 1.0)), "act": 1.0})
    assert not any(scorer.explain(above, rows_of(matrix), risks, FEATURES))


def test_a_member_of_a_campaign_has_reasons_below_the_review_threshold_too(model: Model) -> None:
    matrix = features(40)
    calm = replace(model, thresholds={"review": 1.0, "act": 1.0})
    rows = scorer.RowsToScore(
        account_ids=[f"a{i}" for i in range(40)], matrix=matrix, as_of=[NOW] * 40, campaigns=["c-1"] + [None] * 39
    )
    answer = scorer.score_rows(calm, rows, features=FEATURES, fresh_since=NOW - DAY)
    assert [bool(score.reasons) for score in answer] == [True] + [False] * 39
    assert [score.level for score in answer] == ["low"] * 40
    assert answer[0].reasons == [indicator.text for indicator in answer[0].indicators]


def test_a_group_moves_the_risk_of_its_accounts_alone(model: Model) -> None:
    matrix = features(3)
    rows = scorer.RowsToScore(
        account_ids=list("abc"), matrix=matrix, as_of=[NOW, NOW, None], lift=np.array([2.0, 0.0, 2.0])
    )
    answer = scorer.score_rows(model, rows, features=None, fresh_since=NOW - DAY)
    plain = model.predict(matrix)
    assert answer[0].risk == model.predict(matrix, np.array([2.0, 0.0, 0.0]))[0] > plain[0]
    assert answer[1].risk == plain[1]
    assert answer[2].risk is None


def test_a_level_begins_at_its_threshold(model: Model) -> None:
    review, act = 0.25, 0.75
    risks = [0.0, np.nextafter(review, 0.0), review, np.nextafter(act, 0.0), act, 1.0]
    edges = replace(model, thresholds={"review": review, "act": act})
    rows = scorer.RowsToScore(account_ids=list("abcdef"), matrix=features(6), as_of=[NOW] * 6)
    answer = scorer.score_rows(edges, rows, features=None, fresh_since=NOW - DAY, risks=np.array(risks))
    assert [score.level for score in answer] == ["low", "low", "review", "review", "act", "act"]


def test_a_higher_risk_has_a_higher_percentile_and_the_base_rate_changes_none(model: Model) -> None:
    matrix = features(400)
    risks = np.sort(model.predict(matrix))
    percentiles = model.reference.percentiles(risks)
    assert (np.diff(percentiles)[np.diff(risks) > 0] > 0).all()
    assert 0 < percentiles[0] < percentiles[-1] < 100
    moved = model.at(0.002)
    assert moved.reference.percentiles(np.sort(moved.predict(matrix))) == pytest.approx(percentiles, abs=1e-9)


def test_an_account_that_the_store_can_not_tell_of_is_neither_scored_nor_unknown() -> None:
    answer = scorer.unavailable("a")
    assert (answer.status, answer.risk, answer.level, answer.reasons) == ("unavailable", None, None, [])
