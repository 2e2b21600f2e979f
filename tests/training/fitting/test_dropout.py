"""Copies of rows that lack what a mode lacks."""

from dataclasses import replace

import numpy as np
import pytest

from training.examples.rows import TrainingRows
from training.fitting.dropout import with_blanks
from training.fitting.train import train
from training.fitting.training_sets import Plan, training_rows, training_sets

MODES = {"no text": frozenset({"template_share"}), "no infrastructure": frozenset({"sharing", "noise_a"})}


@pytest.fixture(scope="module")
def data(world, features) -> TrainingRows:
    return training_rows(world(honest=200, size=10), features, Plan(), 3)


def test_the_rows_stay_and_every_copy_lacks_the_columns_of_one_mode_and_no_others(data: TrainingRows) -> None:
    found, row = with_blanks(data, 1.0, 0, MODES)
    own = data.label.size
    assert np.array_equal(found.matrix[:own], data.matrix, equal_nan=True)
    lost = np.isnan(found.matrix[own:]) & ~np.isnan(data.matrix[row[own:]])
    kinds = {tuple(np.flatnonzero(one)) for one in lost[~np.isnan(data.matrix[row[own:]]).any(axis=1)]}
    assert kinds == {
        tuple(data.features.index(name) for name in names) for names in (["template_share"], ["sharing", "noise_a"])
    }


def test_a_row_and_its_copy_share_weight_label_and_fold(data: TrainingRows) -> None:
    found, row = with_blanks(data, 0.5, 0, MODES)
    assert np.allclose(np.bincount(row, weights=found.weight), data.weight)
    assert np.array_equal(found.label, data.label[row])
    assert np.array_equal(found.fold, data.fold[row])
    assert abs(row.size / data.label.size - 1.5) < 0.1


def test_nothing_is_calibrated_on_a_copy(world, features) -> None:
    examples = world(honest=200, size=10)
    plain, blanks = (training_sets(examples, None, features, Plan(blanks=share), 3)[1] for share in (0.0, 1.0))
    own = plain.real.size
    assert np.array_equal(blanks.certain[:own], plain.certain)
    assert not blanks.real[own:].any()
    assert blanks.data.label.size == 2 * own


def test_a_model_that_learnt_from_copies_stands_it_better_to_be_shown_less(
    world, features, as_of, plan, trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"as_of": as_of, "seed": 7, "schema_version": "s1", "volume_feature": "requests_28d"}
    monkeypatch.setattr(with_blanks, "__defaults__", (MODES,))
    ours = train(world(), features, plan=replace(plan, blanks=1.0), **given)
    test, blank = ours.split.test.frame, features.index("sharing")
    matrix = test.select(features).to_numpy().astype(np.float32)
    matrix[:, blank] = np.nan
    label = test["label"].fill_null(False).to_numpy()
    off = [np.mean((one.model.predict(matrix) - label) ** 2) for one in (ours, trained)]
    assert off[0] < off[1]
