"""What people look at in MLflow: where the runs are, what a run and a version say, and the comparison of models."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.evaluation.metrics import Estimate
from training.evaluation.report import Report
from training.gate.promotion import Decision
from training.reports.page import comparison_page
from training.reports.text import WORDS, carried_first, flat, headline_metrics, show_estimate
from training.tracking.artifact_seals import log_sealed_text
from training.tracking.client import EXPERIMENT, connect, library
from training.tracking.registry import REPORT, registered_version, report, rival_reports

COMPARISON = "comparison.html"
PARENT, ROLE, NOTE, KIND = "mlflow.parentRunId", "role", "mlflow.note.content", "mlflow.experimentKind"
SQLITE = "sqlite:///"
BATCH = 1000  # metrics at once, MLflow's limit
DIGEST = 36  # characters of a data set's digest, MLflow's limit
SAVED_VIEW, FIGURES = "mlflow.sharedViewState.", "figures"  # MLflow's tag of a view of the list of runs, by its id
_COLUMNS = ["attributes.`Created`", "attributes.`Dataset`", *(f"metrics.`{name}`" for name in headline_metrics())]
ABOUT = {
    # without a view MLflow's list of runs has no column of any figure
    f"{SAVED_VIEW}{FIGURES}": json.dumps(
        {"name": "Figures", "createdAt": 0, "updatedAt": 0, "state": json.dumps({"selectedColumns": _COLUMNS})}
    ),
    KIND: "custom_model_development",  # else MLflow takes it for an experiment with language models
    NOTE: "One run for each training, named after the version that it gave. Below it, behind the `+`, are its rivals, "
    "and after the gate the champion it was judged against: all on one test set.\n\n"
    "**To compare**: tick runs and press *Compare*, or open `comparison.html` among a run's artifacts (with 95 % "
    "intervals and the gate's decision). Compare only runs whose *Dataset* has the same digest: figures of different "
    "test sets differ by chance.\n\n"
    "**Metrics** sort as they are to be read: `all/` (the five to look at first), `cohort/`, `country/`, `family/`, "
    "`mode/` (with data missing), `plan/`, `requests/`, `detection/`, `queue/`, `totals/` (all others of the whole "
    "test set, and the bounds of the intervals), `what errors cost/`.\n\n"
    "**To load** the model: `mlflow.pyfunc.load_model('models:/stillwatch@champion')`; it takes a column for each "
    "feature, and `lift`, and gives calibrated risks.",
}


def runs_page(uri: str) -> str | None:
    """The page with our runs and their headline figures, from the root of MLflow's server; None while there is none."""
    if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).exists():
        return None  # a look should not create the file
    client = connect(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None or not client.search_runs([experiment.experiment_id], max_results=1):
        return None
    view = f"&viewStateShareKey={FIGURES}" if f"{SAVED_VIEW}{FIGURES}" in experiment.tags else ""
    return f"#/experiments/{experiment.experiment_id}/runs?workflowType=machine_learning{view}"


def log_report(client: Any, run: str, judged: Report) -> None:
    """A run's metrics, its report, and the test set by name and digest."""
    metrics = list(flat(judged).items())
    for start in range(0, len(metrics), BATCH):
        library().log_metrics(dict(metrics[start : start + BATCH]), run_id=run)
    log_sealed_text(client, run, judged.model_dump_json(indent=2), REPORT)
    client.log_inputs(run, datasets=[describe_dataset(judged.test_name, judged.test_digest, "test", judged.accounts)])


def describe_report(judged: Report) -> str:
    """What a run and a version say of themselves (Markdown)."""
    rows = [
        f"| {WORDS.get(estimate.name, estimate.name)} | {show_estimate(estimate)} |"
        for estimate in carried_first(judged.estimates)
    ]
    head = (
        f"Judged as of {judged.as_of:%Y-%m-%d %H:%M} UTC on {judged.accounts:,} accounts, {judged.positives:,} of them "
        f"true, of the test set *{judged.test_name}* ({judged.test_digest[:12]}). Beside champion and rivals: "
        f"`{COMPARISON}` of the run."
    )
    return "\n".join([head, "", "| figure | value with 95 % interval |", "|---|---|", *rows])


def write_comparison(
    uri: str,
    version: int,
    decision: Decision,
    champion: tuple[int, Report] | None = None,
    differences: Mapping[str, Sequence[Estimate]] | None = None,
) -> None:
    """Write the comparison of a version again, with the gate's decision and the champion that it was judged against.

    The champion's report on the version's test set becomes a run beside the rivals'. Doing it again changes nothing.
    """
    client = connect(uri)
    run = registered_version(client, version).run_id
    reports = {f"challenger, version {version}": report(uri, version)}
    if champion is not None and champion[0] != version:
        name = f"champion, version {champion[0]}"
        reports[name] = champion[1]
        _log_champion(client, run, name, champion[1])
    client.log_text(run, comparison_page(reports | rival_reports(uri, version), decision, differences), COMPARISON)


def _log_champion(client: Any, parent: str, name: str, judged: Report) -> None:
    experiment = client.get_run(parent).info.experiment_id
    for earlier in client.search_runs([experiment], f"tags.{PARENT} = '{parent}' and tags.{ROLE} = 'champion'"):
        client.delete_run(earlier.info.run_id)
    run = client.create_run(experiment, run_name=name, tags={PARENT: parent, ROLE: "champion"}).info.run_id
    log_report(client, run, judged)
    client.set_terminated(run)


def describe_dataset(name: str, digest: str, use: str, accounts: int) -> Any:
    """A data set as an input of a run, by name, digest and size: the table itself is an artifact, or in the lake."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    profile = json.dumps({"num_accounts": accounts})
    dataset = Dataset(name, digest[:DIGEST], source_type="code", source="{}", profile=profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", use)])
