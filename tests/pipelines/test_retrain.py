"""The whole loop: repeatable, blind for what became known later, and never without a champion once there was one."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from features.catalogue import FEATURE_NAMES
from features.groups.evidence import GROUP_SCHEMA
from pipelines.inputs.labels import read_labels
from pipelines.models.champion import promote
from pipelines.models.train import GatheredExamples, gather
from pipelines.retrain import drift_since
from pipelines.settings import settings
from pipelines.workspace import Workspace
from tests.second_versions import PLANTED, forget_files
from training import tracking
from training.evaluation.drift import Drift, objections
from training.tracking.client import NAME, connect
from training.tracking.decisions import LINE

Run = Callable[..., subprocess.CompletedProcess[str]]
MODEL = ("booster.txt", "label.json", "manifest.json")


def model(workspace: Path) -> dict[str, bytes]:
    return {name: (workspace / "champion" / name).read_bytes() for name in MODEL}


def versions(workspace: Path) -> tuple[int | None, int | None]:
    """The highest version and the champion."""
    uri = Workspace(workspace).tracking_uri
    return tracking.latest_version(uri), tracking.champion_version(uri)


def packaged(workspace: Path) -> set[str]:
    return {path.name for path in (workspace / "bento" / "stillwatch").iterdir() if (path / "bento.yaml").exists()}


@pytest.fixture
def copied(filled_workspace: Path, tmp_path: Path) -> Path:
    """A copy of the shared workspace to change."""
    return shutil.copytree(filled_workspace, tmp_path / "copied")


def test_the_loop_leaves_a_champion_a_bento_and_a_tracked_run(filled_workspace: Path) -> None:
    assert set(model(filled_workspace)) == set(MODEL)
    assert len(packaged(filled_workspace)) == 1
    assert (filled_workspace / "mlruns" / "mlflow.db").exists()


def test_what_became_known_later_changes_no_bit_of_what_the_model_learns_from(
    filled_workspace: Path, blind_workspace: Path
) -> None:
    assert versions(blind_workspace) == (1, 1)  # other inputs would have given a second version
    assert model(filled_workspace) == model(blind_workspace)


def test_the_same_again_keeps_the_version_whatever_labels_come_later(
    copied: Path, made_world: Path, as_of: datetime, stillwatch: Run, tmp_path: Path
) -> None:
    labels = pl.read_parquet(made_world / "labels.parquet")
    later = pl.col("labelled_at") > as_of
    assert labels.filter(later).height > 10
    turned = labels.with_columns(
        label=pl.when(later).then(~pl.col("label")).otherwise("label"),
        campaign=pl.when(later).then(pl.lit("another")).otherwise("campaign"),
    )
    turned.write_parquet(tmp_path / "labels.parquet")
    before = model(copied), packaged(copied)
    labels = ("--labels", tmp_path / "labels.parquet", "--plant-share", PLANTED)
    call = ("retrain", *labels, "--as-of", as_of.isoformat(), "--workspace", copied)
    result = stillwatch(*call)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(
        f"Version 1 had been trained as of {as_of:%Y-%m-%dT%H:%M:%SZ} and is the champion already"
    )
    assert "training" not in result.stderr
    assert "version 2" not in result.stdout
    assert (model(copied), packaged(copied)) == before


@pytest.mark.slow  # the gate's comparison is tested with the gate
def test_a_challenger_of_another_time_is_compared_with_the_champion_on_its_own_test_set(
    late_version: Path, as_of: datetime, tmp_path: Path
) -> None:
    root = shutil.copytree(late_version / "workspace", tmp_path / "copied")
    uri = Workspace(root).tracking_uri
    comparison = promote(Workspace(root), now=as_of)
    assert (comparison.version, comparison.before) == (2, 1)
    assert comparison.champion is not None
    assert comparison.champion.test_digest == comparison.report.test_digest == tracking.report(uri, 2).test_digest
    assert comparison.champion.test_digest != tracking.report(uri, 1).test_digest
    assert comparison.champion.estimates != comparison.report.estimates


def test_a_worse_training_leaves_the_champion_and_its_package_and_scoring_goes_on(
    two_versions: Path,
    worse_labels: Path,
    as_of: datetime,
    stillwatch: Run,
    tmp_path: Path,
) -> None:
    copied = shutil.copytree(two_versions, tmp_path / "copied")
    call = ("--as-of", as_of.isoformat(), "--workspace", copied)
    retrain = ("retrain", "--labels", worse_labels, "--no-plant", *call)
    result = stillwatch(*retrain)
    assert result.returncode == 3, result.stderr
    assert result.stdout.startswith("Version 2 had been trained as of ")
    assert "training" not in result.stderr
    assert "was not promoted; version 1 stays the champion" in result.stdout
    bento = result.stdout.split("packaged: ")[1].splitlines()[0]
    assert Path(bento).name.startswith("1-")
    again = stillwatch("score", *call, "--out", tmp_path / "scores.parquet")
    assert again.returncode == 0, again.stderr
    champion_again = stillwatch("promote", "--version", 1, "--workspace", copied)
    assert champion_again.returncode == 0, champion_again.stderr
    assert "version 1 is the champion" in champion_again.stdout


@pytest.fixture
def never_had_a_champion(two_versions: Path, move_copy: Callable[[Path, Path], Path], tmp_path: Path) -> Iterator[Path]:
    """A workspace with only the version that the gate refused beside a champion."""
    forget_files()
    root = move_copy(two_versions, tmp_path / "copied")
    client = connect(Workspace(root).tracking_uri)
    client.delete_registered_model_alias(NAME, tracking.CHAMPION)
    client.delete_registered_model_tag(NAME, LINE)
    client.delete_model_version(NAME, "1")
    for made in ("champion", "bento"):
        shutil.rmtree(root / made)
    yield root
    forget_files()


@pytest.mark.slow  # the gate's rule is tested with the gate
def test_the_very_first_model_is_used_also_if_campaigns_were_labelled_honest(
    never_had_a_champion: Path, worse_labels: Path, as_of: datetime, stillwatch: Run, tmp_path: Path
) -> None:
    call = ("--as-of", as_of.isoformat(), "--workspace", never_had_a_champion)
    result = stillwatch("retrain", "--labels", worse_labels, "--no-plant", *call)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Version 2 had been trained as of")
    assert "is the champion now" in result.stdout
    assert "packaged: " in result.stdout
    scored = stillwatch("score", *call, "--out", tmp_path / "scores.parquet")
    assert scored.returncode == 0, scored.stderr


def test_stale_data_are_refused_and_nothing_is_trained(
    copied: Path, made_world: Path, as_of: datetime, stillwatch: Run
) -> None:
    late = (as_of + timedelta(days=7)).isoformat()
    call = ("retrain", "--labels", made_world / "labels.parquet", "--as-of", late, "--workspace", copied)
    result = stillwatch(*call)
    assert result.returncode == 4, (result.stdout, result.stderr)
    assert result.stdout.startswith(
        "Nothing was trained as of 2026-04-24T13:37:21Z, and version 1 stays the champion. The"
    )
    assert "The newest request is 111 hours older than 2026-04-24T13:37:21Z, and 72 hours are allowed" in result.stdout
    assert "--force --reason TEXT" in result.stdout
    assert versions(copied) == (1, 1)


@pytest.mark.slow  # trains again; that stale data are refused is tested in every run
def test_a_training_on_stale_data_that_somebody_forced_says_over_what(late_version: Path) -> None:
    said = (late_version / "said").read_text()
    assert said.startswith("Version 2 was trained as of 2026-04-24T13:37:21Z")
    assert re.search(r"Since version 1 was trained, \d+ of \d+ features have moved", said)
    assert "objections to the data (a holiday): The newest request is 111 hours older" in said
    tags = tracking.tags(Workspace(late_version / "workspace").tracking_uri, 2)
    assert tags["forced_training"] == "a holiday"
    assert "111 hours older" in tags["forced_over"]


Gather = Callable[[Path, datetime], GatheredExamples]


@pytest.fixture
def gathered(made_world: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gather]:
    """Gathers the examples of a workspace's accounts."""
    monkeypatch.setenv("STILLWATCH_KEY", key)
    settings.cache_clear()
    labels = read_labels(made_world / "labels.parquet", 0.01)
    yield lambda root, as_of: gather(Workspace(root), labels, as_of, lambda step, done: None)
    settings.cache_clear()


def drift_of(root: Path, examples: GatheredExamples) -> Drift:
    """How these accounts differ from those that version 1 learned from."""
    drift = drift_since(Workspace(root), 1, examples)
    assert drift is not None
    return drift


@pytest.mark.parametrize("days", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_the_next_day_has_not_drifted(copied: Path, as_of: datetime, gathered: Gather, days: int) -> None:
    examples = gathered(copied, as_of + timedelta(days=days))
    drift, limits = drift_of(copied, examples), settings().drift_limits()
    assert len(drift.shifts) == len(FEATURE_NAMES)
    assert len(drift.moved(limits)) <= 0.1 * len(FEATURE_NAMES)
    assert not list(objections(drift, limits))
    ungrouped = examples.frame.with_columns(pl.lit(None, kind).alias(name) for name, kind in GROUP_SCHEMA.items())
    alone = drift_of(copied, replace(examples, frame=ungrouped))
    assert drift.now.pr_auc is not None and alone.now.pr_auc is not None
    assert drift.now.pr_auc > alone.now.pr_auc, "a champion's risks are those that groups lift"


@pytest.fixture(scope="module")
def changed(
    made_world: Path, filled_workspace: Path, command: list[str], key: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The champion of the shared workspace over logs of the same world whose exporter has lost all texts."""
    folder = tmp_path_factory.mktemp("changed")
    (folder / "requests").mkdir()
    for day in sorted((made_world / "requests").iterdir()):
        lost = [pl.lit(None, pl.String).alias(name) for name in ("prompt", "system_prompt")]
        pl.read_parquet(day).with_columns(lost).write_parquet(folder / "requests" / day.name)
    root = folder / "workspace"
    call = ["ingest", "--requests", folder / "requests", "--accounts", made_world / "accounts.parquet"]
    call_line = [*command, *map(str, call), "--workspace", str(root)]
    done = subprocess.run(call_line, env=os.environ | {"STILLWATCH_KEY": key}, capture_output=True)
    assert done.returncode == 0, done.stderr
    shutil.copytree(filled_workspace / "mlruns", root / "mlruns")
    return root


def test_a_changed_world_is_refused_with_what_has_moved(
    changed: Path, made_world: Path, as_of: datetime, stillwatch: Run
) -> None:
    call = ("--labels", made_world / "labels.parquet", "--as-of", as_of.isoformat(), "--workspace", changed)
    result = stillwatch("retrain", *call)
    assert result.returncode == 4, (result.stdout, result.stderr)
    assert "features have moved since the champion learned, more than 15%; the furthest: " in result.stdout
    assert "By its own risks the champion expects a PR-AUC of" in result.stdout
    assert versions(changed) == (1, 1)


def test_a_provider_sets_how_much_may_have_moved(
    changed: Path, as_of: datetime, gathered: Gather, monkeypatch: pytest.MonkeyPatch
) -> None:
    drift = drift_of(changed, gathered(changed, as_of))
    assert len(list(objections(drift, settings().drift_limits()))) == 2
    for name in ("STILLWATCH_DRIFT_SHARE", "STILLWATCH_DRIFT_LOSS"):
        monkeypatch.setenv(name, "1")
    settings.cache_clear()
    assert not list(objections(drift, settings().drift_limits()))


def test_a_second_loop_at_the_same_time_is_told_who_holds_the_workspace(
    copied: Path, made_world: Path, as_of: datetime, stillwatch: Run
) -> None:
    call = ("--labels", made_world / "labels.parquet", "--as-of", as_of.isoformat(), "--workspace", copied)
    with Workspace(copied).locked("retrain"):
        result = stillwatch("retrain", *call)
    assert result.returncode == 2
    assert f"`stillwatch retrain` (process {os.getpid()} on {socket.gethostname()}, since 20" in result.stderr
    assert "minutes ago) writes to" in result.stderr
