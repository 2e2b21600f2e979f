"""The whole loop: check the data, train, gate, promote, package. It can be killed anywhere and called again."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from features.catalogue import FEATURES, SCHEMA_VERSION
from features.progress import Progress
from pipelines.build import Built, bring_online, build
from pipelines.models.champion import GateResult, champion_model, package_champion, promote
from pipelines.models.flags import lift_latest
from pipelines.models.train import GatheredExamples, TrainedVersion, VersionRequest, gather, train_version
from pipelines.settings import settings
from pipelines.workspace import Workspace
from training import tracking
from training.evaluation.drift import Drift, expect, filling_features, measure_drift, objections
from training.examples.dataset import lifts, matrix
from training.examples.test_set import is_open_question


class Outcome(Enum):
    """How a whole loop ended; "promoted" also if the same training is the champion already."""

    PROMOTED = "promoted"
    NOT_PROMOTED = "not promoted"
    REFUSED = "refused"


@dataclass(frozen=True)
class Retrained:
    """What a whole loop did.

    Attributes:
        as_of: the time asked about.
        outcome: how the loop ended.
        reasons: why the version is the champion, or is not; empty if the data were refused.
        objections: to the data, which were refused for these unless `forced` gives a reason.
        forced: the reason given for training in spite of objections.
        before: the champion's version before; None if there was none.
        champion: the champion's version after.
        built: what the build did; None if the data were refused before it.
        drift: drift since the champion's training; None if there was nothing to compare with.
        moved: how many features have moved beyond the limits.
        fitted: the training; None if the data were refused.
        gate: the gate's result; None if the version did not go there.
        bento: the champion's Bento, new or not; None if there is no champion.
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
    fitted: TrainedVersion | None = None
    gate: GateResult | None = None
    bento: Path | None = None


def retrain(
    workspace: Workspace, request: VersionRequest, *, progress: Progress, now: datetime, reason: str = ""
) -> Retrained:
    """Build, train, gate, promote, package.

    Each step keeps what an earlier call has done, so a killed loop goes on where it stopped, and a finished one does
    nothing. The gate's decision can't be overruled here; `promote` can.

    Args:
        workspace: the workspace to train in.
        request: what to train on, and how.
        progress: called with the step and the share done.
        now: the clock.
        reason: for training on stale or drifted data; recorded with the version. Without it such data are refused.
    """
    request.check()
    uri, as_of = workspace.tracking_uri, request.as_of
    workspace = workspace.named_at(as_of)
    tracking.settle(uri)
    before = tracking.champion_version(uri)
    done = Retrained(as_of=as_of, forced=reason, before=before, champion=before)
    done = replace(done, objections=tuple(_stale(workspace, as_of)))
    if done.objections and not reason:
        return done
    done = replace(done, built=build(workspace, as_of, progress, now=now))
    examples = gather(workspace, request.labels, as_of, progress)
    drift = drift_since(workspace, before, examples)
    if drift is not None:
        limits = settings().drift_limits()
        done = replace(done, drift=drift, moved=len(drift.moved(limits)))
        done = replace(done, objections=(*done.objections, *objections(drift, limits)))
    if done.objections and not reason:
        return done
    tags = {"forced_training": reason, "forced_over": " ".join(done.objections)} if reason else {}
    fitted = train_version(workspace, request, progress, examples=examples, tags=tags)
    done = _at_the_gate(workspace, replace(done, fitted=fitted), fitted.version, now)
    champion = tracking.champion_version(uri)
    if champion != before:
        bring_online(workspace, as_of, progress, now=now)
    progress("packaging", 0.0)
    bento = None if champion is None else package_champion(workspace)
    progress("packaging", 1.0)
    return replace(done, champion=champion, bento=bento)


def _stale(workspace: Workspace, as_of: datetime) -> Iterator[str]:
    """Object if the newest request is too old. (An empty lake is refused by the build.)"""
    newest: datetime | None = workspace.lake.seen(as_of)["last_seen"].max()  # type: ignore[assignment]
    limit = settings().data_age_hours
    if newest is not None and as_of - newest > timedelta(hours=limit):
        age = (as_of - newest) / timedelta(hours=1)
        yield (
            f"The newest request is {age:,.0f} hours older than {as_of:%Y-%m-%dT%H:%M:%SZ}, and {limit:g} hours are "
            "allowed: the logs seem to have stopped."
        )


def drift_since(workspace: Workspace, champion: int | None, examples: GatheredExamples) -> Drift | None:
    """Measure how today's accounts differ from those of the champion's training, and its expected quality on them.

    What it expected then is of a test set. So what it expects now counts the same kind of accounts, each lifted by its
    group: without the lifts a champion would seem to have become worse on the very data that it learned from.

    Args:
        workspace: with the champion's reference.
        champion: its version; None for none.
        examples: of `gather`.

    Returns:
        None without a champion, or with one that was trained on other features.
    """
    then = None if champion is None else tracking.drift_reference(workspace.tracking_uri, champion)
    if then is None or then.schema_version != SCHEMA_VERSION:
        return None
    model = champion_model(workspace, is_current=True)
    accounts = lift_latest(examples.frame, model)
    judged = accounts.filter(~is_open_question(accounts))
    now = expect(model.predict(matrix(judged, model.features), lifts(judged)), model.review_threshold)
    return measure_drift(then, accounts, now, filling=filling_features(then, examples.history, FEATURES))


def _at_the_gate(workspace: Workspace, done: Retrained, version: int, now: datetime) -> Retrained:
    """Take the version through the gate, unless it is the champion already or was rolled back before."""
    if version == done.before:
        return replace(done, outcome=Outcome.PROMOTED, reasons=("The same training is the champion already.",))
    rollback_reason = tracking.rolled_back(workspace.tracking_uri, version)
    if rollback_reason is not None:
        reasons = (f"It was rolled back before ({rollback_reason}).",)
        return replace(done, outcome=Outcome.NOT_PROMOTED, reasons=reasons)
    result = promote(workspace, version, now=now)
    outcome = Outcome.PROMOTED if result.decision.promote else Outcome.NOT_PROMOTED
    return replace(done, outcome=outcome, reasons=result.decision.reasons, gate=result)
