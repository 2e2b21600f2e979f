"""The metrics that the dashboard and the alert rules ask for, by the server that must show them."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
METRIC = re.compile(r"\bstillwatch_[a-z0-9_]+")
OF_FOLLOW = ("stillwatch_follow_", "stillwatch_events_", "stillwatch_bodies_")
OF_BROKER = ("stillwatch_broker_",)  # of a follower that reads one
OF_BOTH = ("stillwatch_http_", "stillwatch_audit_")


def rules() -> list[dict[str, Any]]:
    """All alert rules."""
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """All panels of the dashboard."""
    board: dict[str, Any] = json.loads((DEPLOY / "dashboard.json").read_text(encoding="utf-8"))
    return list(board["panels"])


def expressions() -> list[str]:
    """What Prometheus is asked for by both."""
    return [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels() for target in panel["targets"]]


def metrics_of(job: str) -> set[str]:
    """The names of samples that the server `serve` or `follow`, or a follower of a `broker`, must show."""
    named = {name for expression in expressions() for name in METRIC.findall(expression)}
    of_follow = {name for name in named if name.startswith(OF_FOLLOW)}
    of_both = {name for name in named if name.startswith(OF_BOTH)}
    of_broker = {name for name in named if name.startswith(OF_BROKER)}
    return {"follow": of_follow | of_both, "broker": of_broker, "serve": named - of_follow - of_broker}[job]
