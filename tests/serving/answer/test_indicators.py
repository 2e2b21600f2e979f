"""Indicators: the heaviest signals in order, worded and coded, with numbers that a reader can compare."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from features.catalogue import FEATURE_NAMES, FEATURES, Feature, Signal
from features.catalogue.feature import rows as contract_rows
from serving.answer import indicators
from serving.answer.indicators import CAMPAIGN_CODE, indicate
from serving.answer.messages import Indicator
from training.models.model import Model
from training.models.standing import SEGMENT

BY_CODE = {feature.code: feature for feature in FEATURES}


def features(rows: int, seed: int = 5) -> indicators.Matrix:
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(rows, len(FEATURES))).astype(np.float32)
    matrix[:, FEATURE_NAMES.index(SEGMENT)] = random.integers(4, size=rows)
    matrix[random.random(matrix.shape) < 0.1] = np.nan
    return matrix


def indicated(
    model: Model, matrix: indicators.Matrix, ties: Sequence[str | None] | None = None, lift: float = 0.0
) -> list[list[Indicator]]:
    return indicate(model, matrix, np.full(len(matrix), lift), FEATURES, ties or [None] * len(matrix))


def texts(rows: list[list[Indicator]]) -> list[list[str]]:
    return [[indicator.text for indicator in row] for row in rows]


def test_no_accounts_give_no_indicators(model: Model) -> None:
    assert indicated(model, features(0)) == []


def test_indicators_of_many_rows_are_those_of_each_row_alone(model: Model) -> None:
    matrix = features(indicators.CHUNK + 40, seed=9)
    together = indicated(model, matrix)
    assert len(together) == len(matrix)
    for row in (0, indicators.CHUNK - 1, indicators.CHUNK, len(matrix) - 1):
        assert together[row] == indicated(model, matrix[row : row + 1])[0]


def test_an_account_gets_one_to_five_different_sentences_and_codes_the_heaviest_first(model: Model) -> None:
    for row in indicated(model, features(300)):
        assert 1 <= len(row) <= 5
        assert len({indicator.text for indicator in row}) == len({indicator.code for indicator in row}) == len(row)
        impacts = [indicator.impact for indicator in row]
        assert impacts == sorted(impacts, reverse=True) and impacts[-1] > 0


def test_the_first_indicator_is_the_signal_that_adds_most_and_its_impact_is_what_it_adds(model: Model) -> None:
    matrix = features(50)
    contributions = model.contributions(matrix)
    names = [feature.signal.name for feature in FEATURES]
    for values, adds, row in zip(matrix, contributions, indicated(model, matrix), strict=True):
        adds = np.where(np.isfinite(values), adds, 0.0)
        totals = {name: sum(add for add, other in zip(adds, names, strict=True) if other == name) for name in names}
        best = max(totals, key=lambda name: totals[name])
        words = [f.describe(float(v)) for f, v, name in zip(FEATURES, values, names, strict=True) if name == best]
        assert row[0].text in [f"{best}: {word}" for word in words]
        assert row[0].impact == pytest.approx(totals[best], rel=1e-9)


def test_the_value_is_the_number_of_the_sentence_and_the_typical_one_the_median_of_the_plan(model: Model) -> None:
    matrix, usual = features(60), model.reference
    for values, row in zip(matrix, indicated(model, matrix), strict=True):
        plan = values[FEATURE_NAMES.index(SEGMENT)]
        medians = usual.medians[usual.segments.index(plan) if plan in usual.segments else -1]
        for indicator in row:
            column = FEATURES.index(BY_CODE[indicator.code])
            feature, value = FEATURES[column], float(values[column])
            assert indicator.text == f"{feature.signal.name}: {feature.describe(value)}"
            assert indicator.value == pytest.approx(feature.plain(value), rel=1e-5)
            assert indicator.typical == pytest.approx(feature.plain(float(medians[column])), rel=1e-5)


def test_a_count_is_a_whole_number_although_the_feature_is_its_logarithm() -> None:
    (feature,) = (feature for feature in FEATURES if feature.name == "payment_accounts")
    indicator = indicators._indicator(feature, float(np.float32(np.log2(5))), float(np.float32(np.log2(3))), 1.0)
    assert (indicator.value, indicator.typical) == (5.0, 3.0)


def test_features_of_one_signal_are_named_once() -> None:
    volume, rhythm = (Signal(code=n, name=n, disclosure="", cost="", evasion="") for n in ("volume", "rhythm"))
    requests, gaps = ("requests", "requests", "Requests", "{:.0f}"), ("gaps", "minutes", "Gaps", "{:.0f} minutes")
    rows = (*contract_rows(volume, "1d", [requests]), *contract_rows(rhythm, "7d", [gaps]))
    rows += contract_rows(volume, "7d", [requests])
    assert [group.tolist() for group in indicators._signals(rows)] == [[0, 2], [1]]


def test_a_feature_without_a_value_speaks_only_if_nothing_else_does(model: Model) -> None:
    matrix = np.full((1, len(FEATURES)), np.nan, dtype=np.float32)
    silent = indicated(model, matrix)[0]
    assert bool(silent) == (model.contributions(matrix)[0].max() > 0)
    assert all(indicator.text.startswith("no value is known for this: ") for indicator in silent)
    assert all(indicator.value is None and indicator.typical is not None for indicator in silent)
    some = indicated(model, features(60))
    assert not any(text.startswith("no value is known") for row in texts(some) for text in row)


@pytest.mark.parametrize("feature", FEATURES, ids=FEATURE_NAMES)
def test_every_phrase_and_every_number_can_be_given_of_any_value(feature: Feature) -> None:
    for value in (0.0, 1.0, -3.5, 1e30):
        indicator = indicators._indicator(feature, value, value, 1.0)
        assert json.loads(indicator.model_dump_json())["value"] == indicator.value
    unknown = indicators._indicator(feature, float("inf"), float("nan"), 1.0)
    assert unknown.text.startswith("no value is known")
    assert (unknown.value, unknown.typical) == (None, None)


def test_an_account_in_a_campaign_has_that_as_its_first_indicator_with_what_it_adds(model: Model) -> None:
    matrix = features(200)
    everyone = [f"subnets ({row} keys, up to 4 accounts)" for row in range(len(matrix))]
    before, after = indicated(model, matrix), indicated(model, matrix, everyone, lift=2.0)
    lifted = np.log(1 / (1 / model.predict(matrix, np.full(200, 2.0)) - 1))
    alone = np.log(1 / (1 / model.predict(matrix) - 1))
    for ties, row, others, impact in zip(everyone, after, before, lifted - alone, strict=True):
        first = f"campaign: shares {ties} with other accounts of its campaign, more than chance explains"
        assert texts([row]) == [[first, *texts([others])[0]][: indicators.MOST_REASONS]]
        assert (row[0].code, row[0].value, row[0].typical) == (CAMPAIGN_CODE, None, None)
        assert row[0].impact == pytest.approx(impact, abs=1e-6)
