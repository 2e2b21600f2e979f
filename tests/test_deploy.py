"""The files of a deployment: they parse, name what exists, and give no more rights than they must.

That the servers show every metric that is asked for is tested where they run: `tests/serving/telemetry` and
`tests/pipelines/follow`.
"""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from pipelines.cli import app
from pipelines.settings import Settings
from tests.deployed_metrics import DEPLOY, METRIC, expressions, metrics_of, panels, rules

COMMANDS = vars(typer.main.get_command(app))["commands"]
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
CONTAINERFILE = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "stillwatch"}


def unknown_words(command: list[str]) -> list[str]:
    """The subcommand and the options of a call that the command line does not have."""
    if command[0] not in COMMANDS:
        return command[:1]
    valid = {option for parameter in COMMANDS[command[0]].params for option in parameter.opts}
    return [word for word in command[1:] if word.startswith("--") and word not in valid]


def unbalanced(expression: str) -> bool:
    """Whether brackets of an expression do not match."""
    stack = []
    for character in re.sub(r'"[^"]*"', "", expression):
        if character in "([{":
            stack.append(character)
        elif character in ")]}" and (not stack or "([{".index(stack.pop()) != ")]}".index(character)):
            return True
    return bool(stack)


def test_every_alert_says_when_how_bad_what_and_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) > 10
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[mh]", rule.get("for", "1m")), rule["alert"]
        assert rule["labels"]["severity"] in ("page", "warn")
        assert set(rule["annotations"]) == {"summary", "action"}


def test_every_panel_asks_something_and_lies_within_the_board() -> None:
    shown = panels()
    assert len({panel["id"] for panel in shown}) == len(shown) > 15
    cells = [
        (x, y)
        for panel in shown
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) == 23
    assert all(panel["targets"] and panel["datasource"]["uid"] == "${datasource}" for panel in shown)


def test_every_expression_is_about_our_metrics_or_whether_a_server_answers() -> None:
    for expression in expressions():
        assert METRIC.search(expression) or expression.startswith("up{job="), expression
        assert not unbalanced(expression), expression
        for name in re.findall(r"rate\((\w+)|increase\((\w+)", expression):
            assert "".join(name).endswith(("_total", "_bucket")), expression
    assert len(metrics_of("serve")) > 8 and len(metrics_of("follow")) > 12
    jobs = {job for expression in expressions() for job in re.findall(r'job="(\w+)"', expression)}
    scraped = yaml.safe_load((DEPLOY / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    assert jobs <= {each["job_name"] for each in scraped}
    targets = [target for each in scraped for static in each["static_configs"] for target in static["targets"]]
    ports = {name: service["ports"][0].rsplit(":", 1)[1] for name, service in OURS.items() if "ports" in service}
    assert all(ports[target.split(":")[0]] == target.split(":")[1] for target in targets)


@pytest.mark.parametrize("name", [name for name in OURS if "command" in OURS[name]])
def test_every_command_and_option_exists(name: str) -> None:
    assert unknown_words(OURS[name]["command"]) == []
    assert "--open" not in OURS[name]["command"]


def test_an_option_that_does_not_exist_is_noticed() -> None:
    assert unknown_words(["serve", "--port", "1", "--loud"]) == ["--loud"]
    assert unknown_words(["frobnicate"]) == ["frobnicate"]
    assert unbalanced("sum(rate(a[5m])") and not unbalanced('sum(a{b=~"(("})')


def test_services_run_without_rights_and_what_is_named_is_there() -> None:
    secrets = {name.removeprefix("stillwatch_") for name in COMPOSE["secrets"] if name.startswith("stillwatch_")}
    assert secrets <= set(Settings.model_fields)
    for name, service in COMPOSE["services"].items():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "healthcheck" in service or name in ("command", "stream"), name  # these end
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert {volume.split(":")[0] for volume in service.get("volumes", [])} <= set(COMPOSE["volumes"]), name
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        assert set(service.get("depends_on", {})) <= set(COMPOSE["services"]), name
        assert {config["source"] for config in service.get("configs", [])} <= set(COMPOSE["configs"]), name
    assert all((DEPLOY / config["file"]).is_file() for config in COMPOSE["configs"].values())
    assert all(OURS[name]["user"] == "10001:10001" for name in OURS)


def test_the_image_runs_as_nobody_in_particular_and_copies_what_is_there() -> None:
    lines = re.sub(r"\\\n", " ", CONTAINERFILE).splitlines()
    words = [shlex.split(line) for line in lines if line and not line.startswith("#")]
    assert [line for line in words if line[0] == "USER"] == [["USER", "10001:10001"]]
    assert any(line[0] == "ENTRYPOINT" for line in words)
    root, ignored = DEPLOY.parent, (DEPLOY.parent / ".dockerignore").read_text(encoding="utf-8").split()
    for source in (part for line in words if line[0] == "COPY" and "--from=built" not in line for part in line[1:-1]):
        assert (root / source).exists() and f"!{Path(source).name}" in ignored, source
    variables = {name for line in words if line[0] == "ENV" for name in (part.split("=")[0] for part in line[1:])}
    settings = {f"STILLWATCH_{field.upper()}" for field in Settings.model_fields}
    assert {name for name in variables if name.startswith("STILLWATCH_")} <= settings


def test_no_secret_lies_in_the_repository() -> None:
    assert [path.name for path in (DEPLOY / "secrets").iterdir() if path.name == ".gitignore"] == [".gitignore"]
    assert (DEPLOY / "secrets" / ".gitignore").read_text(encoding="utf-8") == "*\n!.gitignore\n"


def test_the_brokers_pins_are_those_of_the_lock() -> None:
    """By the image's own awk, from the larger lock."""
    program = re.search(r"awk '(.+?)'", CONTAINERFILE)
    assert program is not None
    lock = DEPLOY.parent / "requirements-dev.lock"
    cut = subprocess.run(["awk", program[1], lock], capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^([a-z-]+)==", cut, re.MULTILINE) == [
        "confluent-kafka",
        "fast-depends",
        "faststream",
        "nats-py",
    ]
    entries = [lock.read_text(encoding="utf-8").find(entry) for entry in re.split(r"\n(?=[a-z])", cut.strip())]
    assert min(entries) >= 0
