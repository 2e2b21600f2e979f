"""The digest of all that a training depends on: the same inputs are known again, and no others."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from pipelines.models import train
from training.fitting.plan import Plan
from training.fitting.train import TrainingRequest

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
EXAMPLES = pl.DataFrame({"account_id": ["a", "b"], "as_of": [AS_OF] * 2, "label": [True, None], "x": [1.0, 2.0]})
SLICES = pl.DataFrame({"account_id": ["a"], "kind": ["plan"], "name": ["free"]})
SAME = TrainingRequest(
    examples=EXAMPLES, features=("x",), as_of=AS_OF, seed=0, schema_version="s1", slices=SLICES, plan=Plan()
)
CHANGED = {
    "examples": EXAMPLES.with_columns(label=pl.lit(True)),
    "slices": SLICES.with_columns(name=pl.lit("pro")),
    "planted": EXAMPLES,
    "plan": Plan(unlabelled_weight=0.5),
    "as_of": AS_OF + timedelta(hours=1),
    "seed": 1,
    "schema_version": "s2",
}


def test_the_same_inputs_have_the_same_digest_whatever_the_order_of_rows() -> None:
    reordered = replace(SAME, examples=EXAMPLES.reverse().select("x", "label", "account_id", "as_of"))
    assert train._inputs(reordered) == train._inputs(SAME)


@pytest.mark.parametrize("name", CHANGED)
def test_another_input_has_another_digest(name: str) -> None:
    assert train._inputs(replace(SAME, **{name: CHANGED[name]})) != train._inputs(SAME)


def test_other_code_gives_another_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = train._inputs(SAME)
    monkeypatch.setattr(train, "_code_version", lambda: "another")
    assert train._inputs(SAME) != before


def test_the_code_version_holds_the_release_and_a_digest_of_code_and_libraries() -> None:
    release, _, digest = train._code_version().partition("+")
    assert release == train.installed_version("stillwatch")
    assert len(digest) == 12
