"""Runs that a kill left behind: each says until the end whose it is, so that only its owner removes it."""

from typing import Any

from training.tracking.client import NAME

UNREGISTERED = "unregistered"  # a tag of the parent run until its version is registered; its value is the owner


def sweep(client: Any, experiment: str, owner: str) -> None:
    """Remove the owner's trainings without a version; one that has a version was only not finished."""
    versions = {version.run_id for version in client.search_model_versions(f"name='{NAME}'")}
    for run in client.search_runs([experiment], filter_string=f"tags.{UNREGISTERED} = '{owner}'"):
        if run.info.run_id in versions:
            registered(client, run.info.run_id)
        else:
            discard(client, experiment, run.info.run_id)


def registered(client: Any, run: str) -> None:
    """From now on the run stays."""
    client.delete_tag(run, UNREGISTERED)


def discard(client: Any, experiment: str, run: str) -> None:
    """Delete a run with its rivals and its logged model; the run itself last, so that it is found after a kill."""
    for rival in client.search_runs([experiment], filter_string=f"tags.mlflow.parentRunId = '{run}'"):
        client.delete_run(rival.info.run_id)
    for model in client.search_logged_models([experiment]):
        if model.source_run_id == run:
            client.delete_logged_model(model.model_id)
    client.delete_run(run)
