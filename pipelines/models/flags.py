"""Whom the champion of before flags: until somebody has judged them, they are not taught as honest."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from features.catalogue import SCHEMA_VERSION
from pipelines.settings import settings
from pipelines.workspace import Workspace
from training import tracking
from training.examples.dataset import FLAGGED, LIFT, lift_by_standing, lifts, matrix
from training.examples.test_set import latest
from training.models import model as models


def with_flags(workspace: Workspace, examples: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Add the column `training.examples.dataset.FLAGGED`; not without a champion that learned before.

    Args:
        workspace: with the line of champions.
        examples: see `training.examples.dataset`, with the columns of groups.
        as_of: the training time.

    Raises:
        IntegrityError: that champion is not what was registered, or not signed although a key is set to verify with.
    """
    model = _earlier_champion(workspace, as_of)
    if model is None:
        return examples
    accounts = lift_latest(examples, model)
    risk = pl.Series(model.predict(matrix(accounts, model.features), lifts(accounts)))
    flagged = accounts.filter(risk >= model.thresholds["act"])["account_id"]
    return examples.with_columns(pl.col("account_id").is_in(flagged.implode()).alias(FLAGGED))


def lift_latest(examples: pl.DataFrame, model: models.Model) -> pl.DataFrame:
    """The latest example of each account with what its group adds, if its members stand as this model ranks them."""
    standing = model.standing.shares(model.raw(matrix(examples, model.features)))
    return latest(examples.with_columns(pl.Series(LIFT, lift_by_standing(examples, standing))))


def _earlier_champion(workspace: Workspace, as_of: datetime) -> models.Model | None:
    """The last champion that learned as of an earlier time and reads today's features.

    Not the newest one whatever it knows: the same training once more must give the same model, and nothing that became
    known later may have a part in it.
    """
    prove = settings().verifier()
    for version in reversed(tracking.champions(workspace.tracking_uri)):
        with TemporaryDirectory(prefix="stillwatch-") as scratch:
            folder = tracking.fetch(workspace.tracking_uri, version, Path(scratch) / "model", prove)
            model = models.load(folder, prove=prove)
        if model.schema_version == SCHEMA_VERSION and datetime.fromisoformat(model.origin["as_of"]) < as_of:
            return model
    return None
