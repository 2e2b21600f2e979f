"""The whole loop: look at the data, train, gate, promote, package; it can be killed anywhere and called again."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

import polars as pl

from features.catalogue import SCHEMA_VERSION
from features.progress import Progress
from pipelines.build import Built, build
from pipelines.models.champion import GateResult, champion_model, package_champion, promote
from pipelines.models.train import Fitted, fit, gather
from pipelines.settings import settings
from pipelines.workspace import Workspace
from planting import Planting
from training import tracking
from training.evaluation.drift import Drift, expect, measure, objections
from training.examples.dataset import is_in_campaign, matrix
from training.examples.test_set import latest


class Outcome(Enum):
    """How a whole loop ended: also promoted if this very training is the champion already."""

    PROMOTED = "promoted"
    KEPT = "kept"
    REFUSED = "refused"


@dataclass(frozen=True)
class Retrained:
    """What a whole loop did.

    Attributes:
        as_of: the time.
        outcome: how it ended.
        reasons: why the version is the champion, or is not; none if the data were refused.
        objections: to the data; they were refused for these, unless `forced` says why not.
        forced: the reason given for learning from the data whatever there is to object.
        before: the champion's version before; None if there was none.
        champion: the champion's version after.
        built: the features; None if the data were refused before.
        drift: since the champion's training; None if there was nothing to measure it against.
        moved: how many features have, beyond the limits.
        fitted: the training; None if the data were refused.
        judged: what was seen at the gate; None if there was no need to go there.
        bento: the champion's, whether or not it is new; None as long as there is no champion.
    """

    as_of: datetime
    outcome: Outcome = Outcome.REFUSED
    reasons: tuple[str, ...] = ()
    objections: tuple[str, ...] = ()
    forced: str = ""
    before: int | None = None
    champion: int | None = None
    built: Built | None = None
    drift: Drift | None = None
    moved: int = 0
    fitted: Fitted | None = None
    judged: GateResult | None = None
    bento: Path | None = None


def retrain(
    workspace: Workspace,
    labels: pl.DataFrame,
    as_of: datetime,
    *,
    seed: int,
    progress: Progress,
    now: datetime,
    slices: pl.DataFrame | None = None,
    reason: str = "",
    planting: Planting | None = None,
    search: int = 0,
) -> Retrained:
    """Build, train, gate, promote, package.

    Every step finds what an earlier call has done already, so a loop that was killed goes on where it was, and one that
    was finished does nothing. Data that are stale or have drifted are refused; with a `reason` they are not, and the
    reason is recorded with the version. The gate is not to be overruled here: that is for `promote`.
    """
    uri = workspace.tracking_uri
    tracking.settle(uri)
    before = tracking.champion_version(uri)
    done = Retrained(as_of, forced=reason, before=before, champion=before)
    done = replace(done, objections=tuple(_stale(workspace, as_of)))
    if done.objections and not reason:
        return done
    done = replace(done, built=build(workspace, as_of, progress, now=now))
    gathered = gather(workspace, labels, as_of, progress)
    measured = _drift(workspace, before, gathered[1])
    if measured is not None:
        limits = settings().drift_limits()
        done = replace(done, drift=measured, moved=len(measured.moved(limits)))
        done = replace(done, objections=(*done.objections, *objections(measured, limits)))
    if done.objections and not reason:
        return done
    tags = {"forced_training": reason, "forced_over": " ".join(done.objections)} if reason else {}
    fitted = fit(
        workspace,
        labels,
        as_of,
        seed=seed,
        progress=progress,
        slices=slices,
        gathered=gathered,
        tags=tags,
        planting=planting,
        search=search,
    )
    done = _at_the_gate(workspace, replace(done, fitted=fitted), fitted.version, now)
    champion = tracking.champion_version(uri)
    progress("packaging", 0.0)
    bento = None if champion is None else package_champion(workspace)
    progress("packaging", 1.0)
    return replace(done, champion=champion, bento=bento)


def _stale(workspace: Workspace, as_of: datetime) -> Iterator[str]:
    """An objection if the newest request is too old; an empty lake is told by the build."""
    newest: datetime | None = workspace.lake.seen(as_of)["last_seen"].max()  # type: ignore[assignment]
    limit = settings().data_age_hours
    if newest is not None and as_of - newest > timedelta(hours=limit):
        age = (as_of - newest) / timedelta(hours=1)
        yield (
            f"The newest request is {age:,.0f} hours older than {as_of:%Y-%m-%dT%H:%M:%SZ}, and {limit:g} hours are "
            "allowed: the logs seem to have stopped."
        )


def _drift(workspace: Workspace, champion: int | None, examples: pl.DataFrame) -> Drift | None:
    """How today's accounts differ from those that the champion learned from, and what it expects of itself on them."""
    then = None if champion is None else tracking.reference(workspace.tracking_uri, champion)
    if then is None or then.schema_version != SCHEMA_VERSION:
        return None
    model, accounts = champion_model(workspace, is_current=True), latest(examples)
    now = expect(model.predict(matrix(accounts, model.features), is_in_campaign(accounts)), model.review_threshold)
    return measure(then, accounts, now)


def _at_the_gate(workspace: Workspace, done: Retrained, version: int, now: datetime) -> Retrained:
    if version == done.before:
        return replace(done, outcome=Outcome.PROMOTED, reasons=("This very training is the champion already.",))
    taken_back = tracking.rolled_back(workspace.tracking_uri, version)
    if taken_back is not None:
        return replace(done, outcome=Outcome.KEPT, reasons=(f"It was taken back before ({taken_back}).",))
    judged = promote(workspace, version, now=now)
    outcome = Outcome.PROMOTED if judged.decision.promote else Outcome.KEPT
    return replace(done, outcome=outcome, reasons=judged.decision.reasons, judged=judged)
