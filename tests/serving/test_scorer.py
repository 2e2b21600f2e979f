from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import FEATURE_NAMES, FEATURES, Feature, Signal
from features.catalogue.feature import rows as contract_rows
from serving import scorer
from serving.messages import AccountScore
from training.models.model import Model

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def features(rows: int, seed: int = 5) -> scorer.Matrix:
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(rows, len(FEATURES))).astype(np.float32)
    matrix[random.random(matrix.shape) < 0.1] = np.nan
    return matrix


def alone(matrix: scorer.Matrix) -> list[str | None]:
    """Nobody is in a campaign."""
    return [None] * len(matrix)


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
        else:
            assert score.status == ("stale" if (ages[row] or 0) > 24 else "scored")
            assert score.risk == risks[row]
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
    assert scorer.reasons(model, features(0), FEATURES, alone(features(0))) == []


def test_reasons_of_many_rows_are_those_of_each_row_alone(model: Model) -> None:
    matrix = features(scorer.CHUNK + 40, seed=9)
    together = scorer.reasons(model, matrix, FEATURES, alone(matrix))
    assert len(together) == len(matrix)
    for row in (0, scorer.CHUNK - 1, scorer.CHUNK, len(matrix) - 1):
        assert together[row] == scorer.reasons(model, matrix[row : row + 1], FEATURES, alone(matrix[:1]))[0]


def test_flagged_accounts_get_one_to_five_different_sentences(model: Model) -> None:
    matrix = features(300)
    texts = scorer.explain(model, matrix, model.predict(matrix), FEATURES, alone(matrix))
    flagged = model.predict(matrix) >= model.review_threshold
    assert 10 < flagged.sum() < 290
    assert all(1 <= len(text) <= 5 and len(set(text)) == len(text) for text in np.array(texts, object)[flagged])
    assert not any(np.array(texts, object)[~flagged])


def test_the_first_reason_is_the_signal_that_adds_most(model: Model) -> None:
    matrix = features(50)
    contributions = model.contributions(matrix)
    names = [feature.signal.name for feature in FEATURES]
    texts = scorer.reasons(model, matrix, FEATURES, alone(matrix))
    for values, adds, text in zip(matrix, contributions, texts, strict=True):
        adds = np.where(np.isfinite(values), adds, 0.0)
        totals = {name: sum(add for add, other in zip(adds, names, strict=True) if other == name) for name in names}
        best = max(totals, key=lambda name: totals[name])
        words = [f.describe(float(v)) for f, v, name in zip(FEATURES, values, names, strict=True) if name == best]
        assert text[0] in [f"{best}: {word}" for word in words]


def test_features_of_one_signal_are_named_once() -> None:
    volume, rhythm = (Signal(name=name, disclosure="", cost="", evasion="") for name in ("volume", "rhythm"))
    requests, gaps = ("requests", "requests", "Requests", "{:.0f}"), ("gaps", "minutes", "Gaps", "{:.0f} minutes")
    rows = (*contract_rows(volume, "1d", [requests]), *contract_rows(rhythm, "7d", [gaps]))
    rows += contract_rows(volume, "7d", [requests])
    assert [group.tolist() for group in scorer._signals(rows)] == [[0, 2], [1]]


def test_a_feature_without_a_value_speaks_only_if_nothing_else_does(model: Model) -> None:
    matrix = np.full((1, len(FEATURES)), np.nan, dtype=np.float32)
    words = scorer.reasons(model, matrix, FEATURES, alone(matrix))[0]
    raising = model.contributions(matrix)[0].max() > 0
    assert bool(words) == raising
    assert all(word.startswith("no value is known for this: ") for word in words)
    some = scorer.reasons(model, features(60), FEATURES, alone(features(60)))
    assert not any(word.startswith("no value is known") for text in some for word in text)


@pytest.mark.parametrize("feature", FEATURES, ids=FEATURE_NAMES)
def test_every_phrase_can_be_said_of_any_value(feature: Feature) -> None:
    for value in (0.0, 1.0, -3.5, 1e30):
        assert scorer._word(feature, value)
    assert scorer._word(feature, float("inf")).startswith("no value is known")


def test_the_threshold_itself_is_worth_a_look(model: Model) -> None:
    matrix = features(200)
    risks = model.predict(matrix)
    row = int(np.argmax(risks))
    edge = replace(model, thresholds={"review": float(risks[row])})
    assert scorer.explain(edge, matrix, risks, FEATURES, alone(matrix))[row]
    above = replace(model, thresholds={"review": float(np.nextafter(risks[row], 1.0))})
    assert not any(scorer.explain(above, matrix, risks, FEATURES, alone(matrix)))


def test_an_account_in_a_campaign_has_that_as_its_first_reason(model: Model) -> None:
    matrix = features(200)
    everyone = [f"subnets ({row} keys, up to 4 accounts)" for row in range(len(matrix))]
    before = scorer.reasons(model, matrix, FEATURES, alone(matrix))
    after = scorer.reasons(model, matrix, FEATURES, everyone)
    for ties, texts, others in zip(everyone, after, before, strict=True):
        first = f"campaign: shares {ties} with other accounts of its campaign_id, more than chance explains"
        assert texts == [first, *others][: scorer.MOST_REASONS]


def test_a_member_of_a_campaign_has_reasons_below_the_review_threshold_too(model: Model) -> None:
    matrix = features(40)
    calm = replace(model, thresholds={"review": 1.0})
    rows = scorer.RowsToScore(
        account_ids=[f"a{i}" for i in range(40)], matrix=matrix, as_of=[NOW] * 40, campaigns=["c-1"] + [None] * 39
    )
    answer = scorer.score_rows(calm, rows, features=FEATURES, fresh_since=NOW - DAY)
    assert [bool(score.reasons) for score in answer] == [True] + [False] * 39


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
