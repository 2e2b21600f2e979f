"""Runs and registry, through a real MLflow on SQLite."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.errors import InputError, IntegrityError
from training import tracking
from training.evaluation.drift import expect, make_reference
from training.examples.dataset import matrix
from training.fitting.train import Trained
from training.gate.promotion import Decision, gate
from training.models.candidate import OURS
from training.models.model import Model, load
from training.tracking.client import connect
from training.tracking.registry import registered_version
from training.tracking.runs import _experiment, _log
from training.tracking.sweep import UNREGISTERED, sweep

ELSEWHERE = """
import sys, json
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("training", "features", "serving", "pipelines"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import pandas as pd, mlflow
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/stillwatch@champion")
table = pd.read_parquet(sys.argv[2])
risks = [model.predict(part)["risk"].tolist() for part in (table, table.drop(columns="lift"))]
print(json.dumps(risks))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def uri(store: Path) -> str:
    return f"sqlite:///{store / 'mlflow.db'}"


@pytest.fixture(scope="module")
def version(uri: str, store: Path, trained: Trained) -> int:
    assert tracking.champion(uri) is None
    assert tracking.latest_version(uri) is None
    return tracking.record(
        uri, store / "artifacts", trained, tracking.RunContext(params={"weak": 0.5}, code_version="abc")
    )


def runs(uri: str) -> list:
    client = connect(uri)
    experiment = client.get_experiment_by_name(tracking.EXPERIMENT)
    return client.search_runs([experiment.experiment_id])


def test_a_recorded_training_is_the_challenger(uri: str, version: int) -> None:
    assert version == tracking.challenger(uri) == tracking.latest_version(uri)


def test_recording_the_same_training_again_gives_the_same_version(
    uri: str, store: Path, trained: Trained, version: int
) -> None:
    assert tracking.record(uri, store / "artifacts", trained) == version
    assert len(runs(uri)) == 3


def test_one_parent_run_holds_figures_parameters_and_digests_and_each_rival_is_a_child(
    uri: str, trained: Trained, version: int
) -> None:
    parent = next(run for run in runs(uri) if run.data.tags.get("role") == "candidate")
    children = [run for run in runs(uri) if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert {run.info.run_name for run in children} == {"volume_rule", "logistic_regression"}
    assert parent.data.metrics["all/pr_auc"] == trained.report.estimate("pr_auc").value
    assert {"totals/pr_auc_low", "totals/brier", "all/ece"} <= set(parent.data.metrics)
    assert parent.data.params["weak"] == "0.5"
    assert parent.data.tags["digest_test"] == trained.split.test.digest
    assert parent.data.tags["code_version"] == "abc"
    assert all("all/pr_auc" in run.data.metrics for run in children)


def test_the_run_holds_plots_and_a_comparison(uri: str, version: int) -> None:
    client = connect(uri)
    run = client.get_model_version(tracking.NAME, str(version)).run_id
    assert {f.path for f in client.list_artifacts(run, "plots")} == {
        f"plots/{name}.png"
        for name in (
            "precision_recall",
            "roc",
            "reliability",
            "importance",
            "time_to_detection",
            "cost",
            "recall_by_family",
            "false_positives_by_cohort",
        )
    }
    assert {"comparison.html", "report.json", "model_label"} <= {f.path for f in client.list_artifacts(run)}


def test_the_fetched_model_is_the_trained_one_and_knows_its_version(
    uri: str, trained: Trained, version: int, tmp_path: Path
) -> None:
    model = load(tracking.fetch(uri, version, tmp_path / "model"), features=trained.final.features)
    test = matrix(trained.split.test.frame, trained.final.features)
    assert np.array_equal(model.predict(test), trained.final.predict(test))
    assert model.version == str(version)


def test_nothing_in_the_registry_is_a_pickle(store: Path, version: int) -> None:
    files = [path for path in (store / "artifacts").rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in (".pkl", ".pickle", ".joblib", ".skops", ".cloudpickle")]
    assert not [path for path in files if path.read_bytes().startswith(b"\x80")]


def test_a_decision_against_is_recorded_and_moves_no_alias(uri: str, version: int) -> None:
    assert not tracking.record_promotion(uri, version, Decision(False, ("Worse.",)))
    assert tracking.champion(uri) is None
    assert tracking.challenger(uri) == version
    assert connect(uri).get_model_version(tracking.NAME, str(version)).tags["gate"] == "kept out"


def test_a_promoted_version_is_the_champion_with_its_report(uri: str, trained: Trained, version: int) -> None:
    decision = gate(trained.report, None)
    assert tracking.record_promotion(uri, version, decision)
    assert tracking.champion(uri) == (version, trained.report)
    assert tracking.challenger(uri) is None
    registered = connect(uri).get_model_version(tracking.NAME, str(version))
    assert registered.tags["gate_reasons"] == decision.reasons[0]


def test_the_champion_loads_by_its_alias_without_stillwatch_and_gives_the_calibrated_risks(
    uri: str, trained: Trained, version: int, tmp_path: Path
) -> None:
    tracking.record_promotion(uri, version, Decision(True, ("First.",)))
    features, frame = list(trained.final.features), trained.split.test.frame
    rows = matrix(frame, features)
    lift = np.where(np.arange(len(rows)) % 3 == 0, 1.5, 0.0)
    table = frame.select(features).cast(pl.Float64).with_columns(lift=lift)
    table.to_pandas().to_parquet(tmp_path / "table.parquet")
    environment = {**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    run = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, uri, str(tmp_path / "table.parquet")],
        env=environment, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    with_lift, without = json.loads(run.stdout.splitlines()[-1])
    assert with_lift == trained.final.predict(rows, lift).tolist()
    assert without == trained.final.predict(rows).tolist() != with_lift


def test_a_next_training_is_the_next_version_beside_the_champion(
    uri: str, store: Path, trained: Trained, version: int
) -> None:
    tracking.record_promotion(uri, version, Decision(True, ("First.",)))
    model: Model = replace(trained.final, origin={**trained.final.origin, "seed": "8"})
    other = tracking.record(uri, store / "artifacts", replace(trained, final=model))
    assert other == version + 1 == tracking.challenger(uri)
    champion = tracking.champion(uri)
    assert champion is not None and champion[0] == version


def test_a_run_that_a_kill_left_without_a_version_is_swept(
    uri: str, store: Path, trained: Trained, version: int
) -> None:
    model: Model = replace(trained.final, origin={**trained.final.origin, "seed": "9"})
    half = replace(trained, final=model)
    client = connect(uri)
    before = len(runs(uri))
    experiment = _experiment(client, uri, store / "artifacts")
    marks = [tracking.RunContext(tags={UNREGISTERED: owner}) for owner in ("mine", "another workspace")]
    (left, logged), (others, _) = (_log(experiment, half, mark, None) for mark in marks)
    tracking.record(uri, store / "artifacts", half, tracking.RunContext(owner="mine"))
    assert len(runs(uri)) == before + 6
    assert {left, others} & {run.info.run_id for run in runs(uri)} == {others}
    assert logged not in {model.model_id for model in client.search_logged_models([experiment])}
    assert [run.info.run_id for run in runs(uri) if UNREGISTERED in run.data.tags] == [others]


def test_a_training_that_was_killed_before_its_run_was_closed_stays(uri: str, store: Path, trained: Trained) -> None:
    version = tracking.record(uri, store / "artifacts", trained)
    client = connect(uri)
    run = client.get_model_version(tracking.NAME, str(version)).run_id
    client.set_tag(run, UNREGISTERED, "mine")
    sweep(client, _experiment(client, uri, store / "artifacts"), "mine")
    assert UNREGISTERED not in client.get_run(run).data.tags
    assert run in {child.info.run_id for child in runs(uri)}


def test_what_belongs_to_a_version_is_found_again(uri: str, store: Path, trained: Trained) -> None:
    model: Model = replace(trained.final, origin={**trained.final.origin, "seed": "10"})
    stored = make_reference(
        trained.split.test.frame, trained.final.features, schema_version="s1", expected=expect(np.array([0.5]), 0.4)
    )
    marks = {"inputs": "abcd", "why": "because"}
    version = tracking.record(
        uri, store / "artifacts", replace(trained, final=model), tracking.RunContext(tags=marks, reference=stored)
    )
    assert tracking.made_from(uri, "abcd") == version
    assert tracking.made_from(uri, "dcba") is None
    assert tracking.drift_reference(uri, version) == stored
    assert tracking.counts(uri, version) == trained.counts
    assert tracking.rival_reports(uri, version) == {k: v for k, v in trained.reports.items() if k != OURS}
    risks = tracking.risks(uri, version)
    assert risks.columns == ["account_id", *trained.candidates]
    assert np.array_equal(risks[OURS].to_numpy(), trained.candidates[OURS].risk)
    assert tracking.drift_reference(uri, version - 1) is None


@pytest.mark.parametrize("damage", [b"no Parquet", None])
def test_a_version_that_lost_its_risks_says_so(uri: str, store: Path, trained: Trained, damage: bytes | None) -> None:
    model: Model = replace(trained.final, origin={**trained.final.origin, "seed": f"of {damage!r}"})
    version = tracking.record(uri, store / "artifacts", replace(trained, final=model))
    run = registered_version(connect(uri), version).run_id
    [file] = [path for path in (store / "artifacts").rglob("risks.parquet") if run in path.parts]
    file.unlink() if damage is None else file.write_bytes(damage)
    with pytest.raises(IntegrityError, match="has lost the risks that it was judged by"):
        tracking.risks(uri, version)


def test_a_version_that_is_found_by_its_inputs_waits_at_the_gate_unless_it_is_the_champion(
    uri: str, store: Path, trained: Trained
) -> None:
    model: Model = replace(trained.final, origin={**trained.final.origin, "seed": "11"})
    version = tracking.record(
        uri, store / "artifacts", replace(trained, final=model), tracking.RunContext(tags={"inputs": "ef"})
    )
    connect(uri).delete_registered_model_alias(tracking.NAME, tracking.CHALLENGER)
    assert tracking.made_from(uri, "ef") == version == tracking.challenger(uri)
    tracking.record_promotion(uri, version, Decision(True, ("Good.",)))
    assert tracking.made_from(uri, "ef") == version
    assert tracking.challenger(uri) is None


def test_an_unknown_version_is_refused(uri: str, version: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no version 99 of stillwatch"):
        tracking.fetch(uri, 99, tmp_path / "model")
    with pytest.raises(InputError, match="no version 99 of stillwatch"):
        tracking.record_promotion(uri, 99, Decision(True, ("Why not.",)))


@pytest.mark.parametrize("name,match", [("booster.txt", "was changed"), ("label.json", "was changed|is not as")])
def test_a_stored_model_that_was_changed_is_refused(
    uri: str, store: Path, version: int, tmp_path: Path, name: str, match: str
) -> None:
    run = connect(uri).get_model_version(tracking.NAME, str(version)).run_id
    stored = next(path for path in (store / "artifacts").rglob(f"{run}/artifacts/model_label/{name}"))
    original = stored.read_bytes()
    stored.write_bytes(original.replace(b"1", b"2", 1))
    try:
        with pytest.raises(IntegrityError, match=match):
            tracking.fetch(uri, version, tmp_path / "model")
    finally:
        stored.write_bytes(original)
    assert not (tmp_path / "model").exists()


def test_another_model_put_in_its_place_is_refused(
    uri: str, store: Path, trained: Trained, version: int, tmp_path: Path
) -> None:
    from training.models.model import save

    run = connect(uri).get_model_version(tracking.NAME, str(version)).run_id
    stored = next((store / "artifacts").rglob(f"{run}/artifacts/model_label"))
    shutil.move(stored, tmp_path / "kept")
    save(replace(trained.final, thresholds={"review": 0.99, "act": 0.99}), stored)
    try:
        with pytest.raises(IntegrityError, match="is not what was registered"):
            tracking.fetch(uri, version, tmp_path / "model")
    finally:
        shutil.rmtree(stored)
        shutil.move(tmp_path / "kept", stored)


def test_importing_the_module_does_not_import_mlflow() -> None:
    code = "import sys, training.tracking; print('mlflow' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_the_test_set_of_a_version_is_what_it_was_judged_on(uri: str, trained: Trained, version: int) -> None:
    test, stored = trained.split.test, tracking.judged_on(uri, version)
    assert (stored.name, stored.digest) == (test.name, test.digest)
    assert stored.frame.equals(test.frame)
    assert stored.course.equals(test.course)
    assert stored.slices.equals(test.slices)
    assert stored.notes == test.notes
