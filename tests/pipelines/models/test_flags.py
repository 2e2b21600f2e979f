"""Whom the champion of before flags, for the next training."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from pipelines.inputs.labels import read_labels
from pipelines.models.flags import with_flags
from pipelines.models.train import gather
from pipelines.workspace import Workspace
from training.examples.dataset import FLAGGED


def test_a_training_leaves_those_to_be_judged_whom_an_earlier_champion_flags_and_knows_no_later_one(
    filled_workspace: Path, made_world: Path, scores: pl.DataFrame, as_of: datetime, key_is_set: None
) -> None:
    workspace, labels = Workspace(filled_workspace), read_labels(made_world / "labels.parquet", 0.01)
    examples = gather(workspace, labels, as_of, lambda step, done: None).frame
    assert FLAGGED not in examples.columns, "the champion itself learned as of that time"
    later = with_flags(workspace, examples, as_of + timedelta(seconds=1))
    flagged = set(later.filter(FLAGGED)["account_id"])
    acted_on = set(scores.filter(level="act")["account_id"])
    assert len(flagged & acted_on) > 5 and len(flagged ^ acted_on) <= 0.1 * len(acted_on)
