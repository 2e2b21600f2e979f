"""Copies of rows that lack what a mode lacks."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from features.catalogue import MODES as CATALOGUE_MODES
from training.examples.dataset import matrix, targets
from training.examples.rows import TrainingRows
from training.fitting.dropout import with_blanks
from training.fitting.plan import Plan
from training.fitting.train import train
from training.fitting.training_sets import training_rows, training_sets

MODES = {"no text": frozenset({"template_share"}), "no infrastructure": frozenset({"sharing", "noise_a"})}


@pytest.fixture(scope="module")
def rows(world, features) -> TrainingRows:
    return training_rows(world(honest=200, size=10), features, Plan(), 3)


def test_the_rows_stay_and_every_copy_lacks_the_columns_of_one_mode_and_no_others(rows: TrainingRows) -> None:
    blanked, source = with_blanks(rows, 1.0, 0, MODES)
    count = rows.label.size
    assert np.array_equal(blanked.matrix[:count], rows.matrix, equal_nan=True)
    original = np.isnan(rows.matrix[source[count:]])
    is_lost = np.isnan(blanked.matrix[count:]) & ~original
    lost = {tuple(np.flatnonzero(columns)) for columns in is_lost[~original.any(axis=1)]}
    assert lost == {
        tuple(rows.features.index(name) for name in names) for names in (["template_share"], ["sharing", "noise_a"])
    }


def test_a_row_and_its_copy_share_weight_label_and_fold(rows: TrainingRows) -> None:
    blanked, source = with_blanks(rows, 0.5, 0, MODES)
    assert np.allclose(np.bincount(source, weights=blanked.weight), rows.weight)
    assert np.array_equal(blanked.label, rows.label[source])
    assert np.array_equal(blanked.fold, rows.fold[source])
    assert abs(source.size / rows.label.size - 1.5) < 0.1


def test_nothing_is_calibrated_on_a_copy(world, features) -> None:
    examples = world(honest=200, size=10)
    plain, blanked = (training_sets(examples, None, features, Plan(blank_share=share), 3)[1] for share in (0.0, 1.0))
    count = plain.is_current.size
    assert np.array_equal(blanked.calibrates[:count], plain.calibrates)
    assert not blanked.calibrates[count:].any()
    assert not blanked.is_current[count:].any()
    assert blanked.rows.label.size == 2 * count


def test_a_model_that_learned_from_copies_is_better_where_columns_are_missing(
    world, features, request_of, plan
) -> None:
    missing = "subnets_28d"  # of the catalogue's own modes, which a training takes
    assert missing in CATALOGUE_MODES["no infrastructure"]
    names = tuple(missing if name == "sharing" else name for name in features)
    examples = world().rename({"sharing": missing})
    brier = []
    for share in (1.0, 0.0):
        ours = train(request_of(examples=examples, features=names, plan=replace(plan, blank_share=share, replicates=5)))
        test = ours.split.test.frame.with_columns(pl.lit(None, pl.Float32).alias(missing))
        brier.append(np.mean((ours.model.predict(matrix(test, names)) - targets(test)) ** 2))
    assert brier[0] < brier[1]
