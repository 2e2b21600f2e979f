"""The champion: the model that scores, how another takes its place, and how the one before is put back."""

import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import polars as pl

from features.catalogue import FEATURE_NAMES, SCHEMA_VERSION
from features.errors import InputError, IntegrityError
from pipelines.settings import settings
from pipelines.workspace import Workspace
from serving.package import current, package
from training import tracking
from training.evaluation.metrics import Estimate, Numbers
from training.evaluation.paired import differences
from training.evaluation.report import Report
from training.evaluation.slices import campaigns_of
from training.examples.dataset import is_in_campaign, matrix, targets
from training.examples.test_set import TestSet
from training.fitting.train import OURS, judge
from training.gate.promotion import CHAMPION, Decision, Evidence, Footprint, force, gate
from training.models import model as models

PLAIN = ("volume_rule", "logistic_regression")
_TIMED = 1_000  # accounts that are scored to take the time, and so many times
_TIMES = 5


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
    folder, prove = workspace.root / "champion", settings().verifier()
    if folder.exists():
        with suppress(IntegrityError):  # it is a copy: a damaged one is fetched again
            if tracking.is_registered(workspace.tracking_uri, version, models.load(folder, prove=prove)):
                return folder
        shutil.rmtree(folder)
    return tracking.fetch(workspace.tracking_uri, version, folder, prove)


def champion_model(workspace: Workspace, *, is_current: bool) -> models.Model:
    """The champion; if `is_current`, it must read the features that this release computes, else IntegrityError.

    Raises what `champion_folder` raises.
    """
    features, schema = (FEATURE_NAMES, SCHEMA_VERSION) if is_current else (None, None)
    folder = champion_folder(workspace)
    return models.load(folder, features=features, schema_version=schema, prove=settings().verifier())


def package_champion(workspace: Workspace) -> Path:
    """The Bento of the champion."""
    return package(champion_folder(workspace), workspace.bento, prove=settings().verifier())


def packaged(workspace: Workspace) -> Path:
    """The Bento that was packaged last; raises InputError if there is none."""
    return current(workspace.bento)


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
        folder = tracking.fetch(uri, chosen, Path(scratch) / "model", settings().verifier())
        model = models.load(folder, features=FEATURE_NAMES, schema_version=SCHEMA_VERSION)
        report = tracking.report(uri, chosen)
        try:
            champion, evidence = _weigh(workspace, chosen, before, model, folder, report)
        except IntegrityError:
            if not reason:
                raise
            champion, evidence = None, Evidence(remembered=())
    decision = gate(report, champion, evidence=evidence)
    decision = force(decision, reason) if reason else decision
    against = None if before is None or champion is None else (before, champion)
    tracking.compare(uri, chosen, decision, against, evidence.differences)
    tracking.promote(uri, chosen, decision, _recorded(before, evidence, now))
    return GateResult(chosen, decision, report, champion, before, evidence)


def rollback(workspace: Workspace, *, now: datetime, reason: str = "") -> Restored:
    """Put the previous champion back and package it; once more, and it goes on further back.

    Raises:
        InputError: there is no previous champion.
        IntegrityError: it is not what was registered, or made for other features than this release reads.
    """
    uri = workspace.tracking_uri
    for version in tracking.champions(uri)[-2:-1]:  # before anything moves
        with TemporaryDirectory(prefix="stillwatch-") as scratch:
            folder = tracking.fetch(uri, version, Path(scratch) / "model", settings().verifier())
            models.load(folder, features=FEATURE_NAMES, schema_version=SCHEMA_VERSION)
    removed, champion = tracking.rollback(uri, reason or "no reason was given", {"at": now.isoformat()})
    bento = package_champion(workspace)
    tracking.settle(uri)
    return Restored(removed, champion, bento)


def _weigh(
    workspace: Workspace, version: int, before: int | None, model: models.Model, folder: Path, report: Report
) -> tuple[Report | None, Evidence]:
    """The champion's report on the test set of a version, and what else the gate weighs."""
    uri = workspace.tracking_uri
    test, told = tracking.judged_on(uri, version), tracking.risks(uri, version)
    rivals = _columns(told, test.frame)
    if before is None or before == version:
        return (None if before is None else report), Evidence(differences=_differences(test, rivals, report.seed))
    champion = champion_model(workspace, is_current=False)
    if champion.schema_version != model.schema_version:
        remembered = _remembered(test, {OURS: _risk(model, test.frame)}, tracking.risks(uri, before), report.seed)
        return None, Evidence(differences=_differences(test, rivals, report.seed), remembered=remembered)
    known = tracking.report(uri, before)
    if known.test_digest != test.digest:
        judged = judge(champion, test, as_of=report.as_of, seed=report.seed)
        own = tracking.judged_on(uri, before)
        earlier = judge(model, own, as_of=known.as_of, seed=known.seed, name=OURS), known
        then = {OURS: _risk(model, own.frame), CHAMPION: _risk(champion, own.frame)}
        lasting = _differences(own, then, known.seed)[CHAMPION]
    else:
        judged, earlier, lasting = known, None, ()
    risks = rivals | {OURS: _risk(model, test.frame), CHAMPION: _risk(champion, test.frame)}
    footprints = _footprints({OURS: (model, folder), CHAMPION: (champion, champion_folder(workspace))}, test.frame)
    return judged, Evidence(footprints, _differences(test, risks, report.seed), earlier, lasting)


def _columns(told: pl.DataFrame, frame: pl.DataFrame) -> dict[str, Numbers]:
    """Risks of ours and of the rivals that stand in the way, in the row order of the test set.

    Detectors of the literature are reported beside ours, no more: with each further rival one of them would surely win
    by chance on some small test set.
    """
    placed = frame.select("account_id").join(told, on="account_id", how="left", maintain_order="left")
    return {name: placed[name].to_numpy() for name in told.columns if name in (OURS, *PLAIN)}


def _differences(test: TestSet, risks: dict[str, Numbers], seed: int) -> dict[str, tuple[Estimate, ...]]:
    """What our risks gain over each of the others."""
    label, (_, codes) = targets(test.frame), campaigns_of(test.frame)
    others = {name: risk for name, risk in risks.items() if name != OURS}
    return {name: differences(label, risks[OURS], risk, codes, seed=seed) for name, risk in others.items()}


def _remembered(test: TestSet, ours: dict[str, Numbers], told: pl.DataFrame, seed: int) -> tuple[Estimate, ...]:
    """What our risks gain over those that the champion gave on its own test set, where an account is in both."""
    theirs = told.select("account_id", pl.col(OURS).alias(CHAMPION))
    both = test.frame.with_columns(pl.Series(OURS, ours[OURS])).join(theirs, on="account_id", maintain_order="left")
    label = targets(both)
    if not label.any() or label.all():
        return ()
    now, then = (both[name].to_numpy() for name in (OURS, CHAMPION))
    return differences(label, now, then, campaigns_of(both)[1], seed=seed)


def _risk(model: models.Model, frame: pl.DataFrame) -> Numbers:
    return model.predict(matrix(frame, model.features), is_in_campaign(frame))


def _footprints(compared: dict[str, tuple[models.Model, Path]], frame: pl.DataFrame) -> tuple[Footprint, Footprint]:
    """Size and speed of challenger and champion, taking turns, the best of a few times each."""
    rows = {name: matrix(frame.head(_TIMED), model.features) for name, (model, _) in compared.items()}
    times: dict[str, list[float]] = {name: [] for name in compared}
    for _ in range(_TIMES):
        for name, (model, _) in compared.items():
            begin = perf_counter()
            model.predict(rows[name])
            times[name].append((perf_counter() - begin) / len(rows[name]))
    size = {name: sum(file.stat().st_size for file in folder.iterdir()) for name, (_, folder) in compared.items()}
    ours, theirs = (Footprint(size[name], float(np.min(times[name]))) for name in (OURS, CHAMPION))
    return ours, theirs


def _recorded(before: int | None, evidence: Evidence, now: datetime) -> dict[str, object]:
    """What is kept beside a decision."""
    footprints = dict(zip(("challenger", "champion"), map(asdict, evidence.footprints or ()), strict=False))
    told = {name: [estimate.model_dump() for estimate in estimates] for name, estimates in evidence.differences.items()}
    return {"at": now.isoformat(), "champion": before, "footprints": footprints, "differences": told}
