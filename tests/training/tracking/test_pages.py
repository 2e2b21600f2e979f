"""What MLflow shows of a training and of a decision, through a real MLflow on SQLite."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from training import tracking
from training.evaluation.metrics import Estimate
from training.fitting.train import Trained
from training.gate.promotion import Decision
from training.models.candidate import OURS
from training.reports.text import flat, headline_metrics
from training.tracking.client import connect
from training.tracking.pages import BATCH, COMPARISON, describe_report, log_report, runs_page

GOOD = Decision(True, ("Not worse anywhere.",))
BAD = Decision(False, ("Worse somewhere.",))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def uri(store: Path) -> str:
    return f"sqlite:///{store / 'mlflow.db'}"


@pytest.fixture(scope="module")
def version(uri: str, store: Path, trained: Trained) -> int:
    assert runs_page(uri) is None
    assert not (store / "mlflow.db").exists()
    return tracking.record(uri, store / "artifacts", trained)


def run_of(uri: str, version: int) -> str:
    return str(connect(uri).get_model_version(tracking.NAME, str(version)).run_id)


def children(uri: str, version: int) -> dict:
    client = connect(uri)
    run = client.get_run(run_of(uri, version))
    children = client.search_runs([run.info.experiment_id], f"tags.mlflow.parentRunId = '{run.info.run_id}'")
    return {child.info.run_name: child for child in children}


def shown_page(uri: str, version: int) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        path = connect(uri).download_artifacts(run_of(uri, version), COMPARISON, scratch)
        return Path(path).read_text(encoding="utf-8")


def test_the_page_of_the_runs_opens_for_model_training(uri: str, version: int) -> None:
    experiment = connect(uri).get_experiment_by_name(tracking.EXPERIMENT)
    page = f"#/experiments/{experiment.experiment_id}/runs?workflowType=machine_learning"
    assert runs_page(uri) == f"{page}&viewStateShareKey=figures"
    view = json.loads(json.loads(experiment.tags["mlflow.sharedViewState.figures"])["state"])
    assert view["selectedColumns"][2:] == [f"metrics.`{name}`" for name in headline_metrics()]
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    about = experiment.tags["mlflow.note.content"]
    assert all(words in about for words in ("To compare", "*Compare*", "same digest", "models:/stillwatch@champion"))


def test_every_headline_figure_of_a_report_has_a_column(trained: Trained) -> None:
    figures = {name for name in flat(trained.report) if name.startswith("all/")}
    assert len(figures) >= 4 and figures <= set(headline_metrics())


def test_a_run_is_named_after_its_version_and_says_what_it_is(uri: str, version: int, trained: Trained) -> None:
    run = connect(uri).get_run(run_of(uri, version))
    assert run.info.run_name == f"version {version}, as of {trained.as_of:%Y-%m-%d %H:%M}"
    assert run.data.tags["mlflow.note.content"] == describe_report(trained.report)
    registered = connect(uri).get_model_version(tracking.NAME, str(version))
    assert registered.description == describe_report(trained.report)
    assert "| PR-AUC |" in registered.description


def test_parent_and_rivals_have_the_same_metrics_and_name_the_same_test_set(
    uri: str, version: int, trained: Trained
) -> None:
    runs = {OURS: connect(uri).get_run(run_of(uri, version)), **children(uri, version)}
    for name, run in runs.items():
        assert run.data.metrics == pytest.approx(flat(trained.reports[name]))
        used = {item.tags[0].value: item.dataset for item in run.inputs.dataset_inputs}
        assert used["test"].digest == trained.report.test_digest[:36]
        assert used["test"].name == trained.report.test_name
        assert json.loads(used["test"].profile) == {"num_accounts": trained.report.accounts}
        assert used.keys() == ({"test", "training"} if name == OURS else {"test"})
    training = next(i.dataset for i in runs[OURS].inputs.dataset_inputs if i.tags[0].value == "training")
    assert training.digest == trained.digests["train"][:36]
    prefixes = {metric.partition("/")[0] for metric in runs[OURS].data.metrics}
    assert {"all", "family", "cohort", "queue", "totals", "what errors cost"} <= prefixes


def test_a_report_with_more_metrics_than_mlflow_takes_at_once_is_logged_whole(
    uri: str, version: int, trained: Trained
) -> None:
    plan = trained.report.of_kind("plan")[0]
    many = tuple(plan.model_copy(update={"name": f"plan {i}"}) for i in range(BATCH))
    report = trained.report.model_copy(update={"slices": many})
    assert len(flat(report)) > BATCH
    client = connect(uri)
    run = client.create_run("0").info.run_id
    log_report(client, run, report)
    assert client.get_run(run).data.metrics == pytest.approx(flat(report))


def test_parameters_explain_a_run_and_each_rival_says_what_it_is(uri: str, version: int, trained: Trained) -> None:
    params = connect(uri).get_run(run_of(uri, version)).data.params
    assert params["split"] == trained.split.test.name
    assert params["campaigns_held_out"] == str(len(trained.split.held_out)) != "0"
    assert params["planting"] == "none" and params["train_accounts"] == str(trained.counts["train_accounts"])
    for name, child in children(uri, version).items():
        assert child.data.tags["mlflow.note.content"].startswith("A rival that learned from the same"), name


def test_before_the_gate_the_comparison_holds_the_rivals_only(uri: str, version: int) -> None:
    html = shown_page(uri, version)
    assert "The gate has not decided yet." in html
    assert all(name in html for name in (OURS, "volume_rule", "logistic_regression"))


def test_after_the_gate_the_comparison_holds_the_champion_and_the_decision(
    uri: str, version: int, store: Path, trained: Trained
) -> None:
    tracking.write_comparison(uri, version, GOOD)
    assert "The gate promoted it." in shown_page(uri, version)
    other = replace(trained, final=replace(trained.final, origin={**trained.final.origin, "seed": "8"}))
    challenger = tracking.record(uri, store / "artifacts", other)
    champion = trained.reports["logistic_regression"]
    differences = {"champion": (Estimate(name="pr_auc", value=0.02, low=0.01, high=0.03),)}
    for _ in range(2):  # as after a kill
        tracking.write_comparison(uri, challenger, BAD, (version, champion), differences)
    html = shown_page(uri, challenger)
    assert all(words in html for words in (f"challenger, version {challenger}", f"champion, version {version}"))
    assert all(words in html for words in ("Worse somewhere.", "volume_rule", "+0.020 [+0.010, +0.030]"))
    below = children(uri, challenger)
    assert below.keys() == {"volume_rule", "logistic_regression", f"champion, version {version}"}
    beside = below[f"champion, version {version}"]
    assert beside.data.metrics == pytest.approx(flat(champion))
    assert beside.info.status == "FINISHED"
    assert tracking.rival_reports(uri, challenger).keys() == {"volume_rule", "logistic_regression"}


def test_a_champion_that_is_judged_again_is_not_compared_with_itself(uri: str, version: int, trained: Trained) -> None:
    tracking.write_comparison(uri, version, GOOD, (version, trained.report))
    assert children(uri, version).keys() == {"volume_rule", "logistic_regression"}
    assert "champion, version" not in shown_page(uri, version)
