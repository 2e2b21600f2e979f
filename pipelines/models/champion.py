"""The champion: the model that scores, how another takes its place, and how the one before is put back."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import polars as pl

from features.catalogue import FEATURE_NAMES, FEATURES, SCHEMA_VERSION
from features.errors import InputError, IntegrityError
from pipelines.settings import settings
from pipelines.workspace import Workspace
from serving.package import last_packaged, package_model
from training import tracking
from training.evaluation.report import Report
from training.examples.dataset import matrix
from training.gate.assembly import Contender, RetiredChampion, assemble_evidence
from training.gate.evidence import Evidence, Footprint
from training.gate.promotion import Decision, force, gate
from training.models import model as models

_TIMED_ACCOUNTS = 1_000  # scored to take the time
_TIMES = 5  # that they are scored


@dataclass(frozen=True)
class GateResult:
    """A version at the gate.

    Attributes:
        version: that was judged.
        decision: what came of it.
        report: of the version on its own test set.
        champion: of the champion of before on the same test set; None if there was none, or none to compare with.
        before: the champion's version before.
        evidence: what else was weighed.
    """

    version: int
    decision: Decision
    report: Report
    champion: Report | None
    before: int | None
    evidence: Evidence


@dataclass(frozen=True)
class Restored:
    """A rollback: the version that was taken back, the champion now, and its Bento."""

    removed: int
    champion: int
    bento: Path


def champion_folder(workspace: Workspace) -> Path:
    """The champion's model folder, downloaded from the registry and proven.

    Raises:
        InputError: there is no champion yet.
        IntegrityError: it is not what was registered, or not signed although a key is set to verify with.
    """
    version = tracking.champion_version(workspace.tracking_uri)
    if version is None:
        raise InputError(f"{workspace.root} has no champion: run `stillwatch retrain`, or `train` and `promote`.")
    model_folder, prove = workspace.root / "champion", settings().verifier()
    if model_folder.exists():
        with suppress(IntegrityError):  # it is a copy: a damaged one is fetched again
            if tracking.is_registered(workspace.tracking_uri, version, models.load(model_folder, prove=prove)):
                return model_folder
        shutil.rmtree(model_folder)
    return tracking.fetch(workspace.tracking_uri, version, model_folder, prove)


def outgrown(workspace: Workspace, as_of: datetime) -> Iterator[str]:
    """Say that the champion learned when the logs reached back so little that its windows hold more now, if so."""
    first: datetime = workspace.lake.seen(as_of)["first_seen"].min()  # type: ignore[assignment]
    learned_at = datetime.fromisoformat(champion_model(workspace, is_current=True).origin["as_of"])
    before, now = learned_at - first, as_of - first
    if any(feature.is_filling(before, now) for feature in FEATURES):
        day = timedelta(days=1)
        yield (
            f"the champion learned from {before / day:.0f} days of logs, and there are {now / day:.0f} now: it flags "
            "more honest accounts than it is meant to; run `stillwatch retrain`"
        )


def champion_model(workspace: Workspace, *, is_current: bool) -> models.Model:
    """The champion; if `is_current`, it must read the features that this release computes, else IntegrityError.

    Raises what `champion_folder` raises.
    """
    features, schema = (FEATURE_NAMES, SCHEMA_VERSION) if is_current else (None, None)
    model_folder = champion_folder(workspace)
    return models.load(model_folder, features=features, schema_version=schema, prove=settings().verifier())


def current_champion(workspace: Workspace) -> models.Model | None:
    """The champion at the base rate that is set, if there is one that reads the features of this release; else None.

    Raises:
        IntegrityError: it is not what was registered, or not signed although a key is set to verify with.
    """
    if tracking.champion_version(workspace.tracking_uri) is None:
        return None
    model, base_rate = champion_model(workspace, is_current=False), settings().base_rate
    if model.schema_version != SCHEMA_VERSION:
        return None
    return model if base_rate is None else model.at(base_rate)


def package_champion(workspace: Workspace) -> Path:
    """The Bento of the champion."""
    return package_model(champion_folder(workspace), workspace.bento, prove=settings().verifier())


def packaged(workspace: Workspace) -> Path:
    """The Bento that was packaged last; raises InputError if there is none."""
    return last_packaged(workspace.bento)


def promote(workspace: Workspace, version: int | None = None, *, now: datetime, reason: str = "") -> GateResult:
    """Let a version (by default the challenger) through the gate, or not; with a reason, whatever the gate says.

    Both models are judged on the challenger's test set and on the champion's own, older one. A champion that was made
    for other features can't be asked again: the risks that it gave on its own test set stand for it, where an account
    is in both.

    Raises:
        InputError: there is no such version.
        IntegrityError: it, or the champion, is not what was registered, or not signed although a key is set to verify
            with. A champion of which this is so gives way to a forced version only. Or the version was made for other
            features than this release reads.
    """
    uri = workspace.tracking_uri
    chosen = version if version is not None else tracking.challenger(uri)
    if chosen is None:
        raise InputError(f"{workspace.root} has no challenger: run `stillwatch train` first, or give --version.")
    before = tracking.champion_version(uri)
    with TemporaryDirectory(prefix="stillwatch-") as scratch:
        model_folder = tracking.fetch(uri, chosen, Path(scratch) / "model", settings().verifier())
        models.load(model_folder, features=FEATURE_NAMES, schema_version=SCHEMA_VERSION)
        model = _judged_model(workspace, chosen)
        report = tracking.report(uri, chosen)
        try:
            challenger = Contender(model, report, tracking.judged_on(uri, chosen))
            champion, evidence = _weigh(workspace, challenger, chosen, before, model_folder)
        except IntegrityError:
            if not reason:
                raise
            champion, evidence = None, Evidence(remembered=())
    decision = gate(report, champion, evidence=evidence)
    decision = force(decision, reason) if reason else decision
    against = None if before is None or champion is None else (before, champion)
    tracking.write_comparison(uri, chosen, decision, against, evidence.differences)
    tracking.record_promotion(uri, chosen, decision, _recorded(before, evidence, now))
    return GateResult(
        version=chosen, decision=decision, report=report, champion=champion, before=before, evidence=evidence
    )


def rollback(workspace: Workspace, *, now: datetime, reason: str = "") -> Restored:
    """Put the previous champion back and package it; once more, and it goes on further back.

    Raises:
        InputError: there is no previous champion.
        IntegrityError: it is not what was registered, or made for other features than this release reads.
    """
    uri = workspace.tracking_uri
    for version in tracking.champions(uri)[-2:-1]:  # before anything moves
        with TemporaryDirectory(prefix="stillwatch-") as scratch:
            model_folder = tracking.fetch(uri, version, Path(scratch) / "model", settings().verifier())
            models.load(model_folder, features=FEATURE_NAMES, schema_version=SCHEMA_VERSION)
    removed, champion = tracking.record_rollback(uri, reason or "no reason was given", {"at": now.isoformat()})
    bento = package_champion(workspace)
    tracking.settle(uri)
    return Restored(removed, champion, bento)


def _weigh(
    workspace: Workspace, challenger: Contender, version: int, before: int | None, model_folder: Path
) -> tuple[Report | None, Evidence]:
    """What `assemble_evidence` says of a version, whose model lies in `model_folder`, and the champion of before.

    Both are compared as they were judged: what is served has learned from the test sets too.
    """
    rival_risks = tracking.risks(workspace.tracking_uri, version)
    champion = _champion_at_gate(workspace, challenger, version, before)
    footprints = None
    if isinstance(champion, Contender) and champion is not challenger:
        stored = (champion.model, champion_folder(workspace))
        footprints = _footprints(challenger.test.frame, (challenger.model, model_folder), stored)
    return assemble_evidence(challenger, champion, rival_risks, footprints)


def _champion_at_gate(
    workspace: Workspace, challenger: Contender, version: int, before: int | None
) -> Contender | RetiredChampion | None:
    """The champion of before as the gate sees it: with its report and test set, or with its risks alone."""
    uri = workspace.tracking_uri
    if before is None or before == version:
        return None if before is None else challenger
    if champion_model(workspace, is_current=False).schema_version != challenger.model.schema_version:
        return RetiredChampion(tracking.risks(uri, before))
    model = _judged_model(workspace, before)
    report = tracking.report(uri, before)
    is_same_test_set = report.test_digest == challenger.report.test_digest
    return Contender(model, report, challenger.test if is_same_test_set else tracking.judged_on(uri, before))


def _judged_model(workspace: Workspace, version: int) -> models.Model:
    """A version's model as it was judged."""
    with TemporaryDirectory(prefix="stillwatch-") as scratch:
        prove = settings().verifier()
        folder = tracking.fetch(workspace.tracking_uri, version, Path(scratch) / "judged", prove, judged=True)
        return models.load(folder, prove=prove)


def _footprints(
    frame: pl.DataFrame, challenger: tuple[models.Model, Path], champion: tuple[models.Model, Path]
) -> tuple[Footprint, Footprint]:
    """Size and speed of challenger and champion, each a model with its folder.

    They take turns on the same rows, so that a busy moment slows both; the best of `_TIMES` counts.
    """
    rows = [matrix(frame.head(_TIMED_ACCOUNTS), model.features) for model, _ in (challenger, champion)]
    times: list[list[float]] = [[], []]
    for _ in range(_TIMES):
        for i, (model, _) in enumerate((challenger, champion)):
            begin = perf_counter()
            model.predict(rows[i])
            times[i].append((perf_counter() - begin) / len(rows[i]))
    sizes = [sum(file.stat().st_size for file in model_folder.iterdir()) for _, model_folder in (challenger, champion)]
    ours, theirs = (Footprint(size, min(seconds)) for size, seconds in zip(sizes, times, strict=True))
    return ours, theirs


def _recorded(before: int | None, evidence: Evidence, now: datetime) -> dict[str, object]:
    """What is stored beside a decision."""
    footprints = dict(zip(("challenger", "champion"), map(asdict, evidence.footprints or ()), strict=False))
    differences = {
        name: [estimate.model_dump() for estimate in estimates] for name, estimates in evidence.differences.items()
    }
    return {"at": now.isoformat(), "champion": before, "footprints": footprints, "differences": differences}
