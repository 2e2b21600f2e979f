"""What candidates learn from: not that those are honest whom the champion of before flags and nobody has judged."""

from typing import Any

import numpy as np
import polars as pl

from training.examples.dataset import FLAGGED
from training.fitting.plan import Plan
from training.fitting.suspects import SUSPECT_WEIGHT
from training.fitting.training_sets import training_sets


def test_an_unlabelled_account_that_the_champion_flags_keeps_little_of_its_weight_and_a_labelled_one_all(
    world: Any, features: tuple[str, ...], plan: Plan
) -> None:
    examples = world(honest=300, campaigns=4, size=20).sort("account_id", "as_of")
    is_honest, is_third = pl.col("campaign").is_null(), pl.int_range(pl.len()).over("as_of") % 3 == 0
    flagged = examples.with_columns((~is_honest | is_third).alias(FLAGGED))
    (_, before), (_, after) = (training_sets(frame, None, features, plan, 7) for frame in (examples, flagged))
    rows = slice(0, examples.height)  # copies with blanks come after them
    ratio = after.rows.weight[rows] / before.rows.weight[rows]
    is_distrusted = flagged.select(is_honest & pl.col(FLAGGED)).to_series().to_numpy()
    assert is_distrusted.sum() > 100
    assert np.isclose(np.minimum(ratio[is_distrusted], SUSPECT_WEIGHT), SUSPECT_WEIGHT).all()
    assert ratio[is_distrusted].max() <= 1 and (ratio[is_distrusted] < 1).mean() > 0.9
    assert np.array_equal(ratio[~is_distrusted], np.ones((~is_distrusted).sum()))
    assert not after.calibrates[rows][is_distrusted].any()


def test_rivals_learn_as_ever(world: Any, features: tuple[str, ...], plan: Plan) -> None:
    examples = world(honest=100, campaigns=3, size=10)
    flagged = examples.with_columns(pl.lit(value=True).alias(FLAGGED))
    (before, _), (after, _) = (training_sets(frame, None, features, plan, 7) for frame in (examples, flagged))
    assert np.array_equal(before.rows.weight, after.rows.weight)
