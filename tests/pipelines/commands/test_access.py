"""The commands for access keys and the audit log, as a person types them."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from features.tables.journal import JournalReader
from pipelines.workspace import Workspace

Stillwatch = Callable[..., Any]
REQUEST = {
    "request_id": "r",
    "timestamp": "2026-06-01T10:00:00Z",
    "account_id": "a",
    "channel": "api",
    "model": "m",
    "input_tokens": 1,
    "output_tokens": 1,
    "status_code": 200,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that looks like a workspace."""
    (tmp_path / "workspace" / "lake").mkdir(parents=True)
    return tmp_path / "workspace"


def test_a_key_is_made_listed_rotated_and_revoked(stillwatch: Stillwatch, root: Path) -> None:
    made = stillwatch(
        "keys", "create", "--name", "gateway", "--scope", "score", "--scope", "events", "--workspace", root
    )
    assert made.returncode == 0
    (key,) = re.findall(r"^sw_\S+$", made.stdout, re.MULTILINE)
    key_id = key.split("_")[1]
    assert f"key {key_id} (gateway) opens score, events" in made.stdout
    listed = stillwatch("keys", "list", "--workspace", root)
    assert key_id in listed.stdout and key.split("_", 2)[2] not in listed.stdout
    rotated = stillwatch("keys", "rotate", key_id, "--overlap-hours", 2, "--workspace", root)
    assert f"replaces {key_id}, which stays valid for 2 hours" in rotated.stdout
    (newer,) = re.findall(r"^sw_\S+$", rotated.stdout, re.MULTILINE)
    assert stillwatch("keys", "revoke", newer.split("_")[1], "--workspace", root).returncode == 0
    states = [line.split()[1] for line in stillwatch("keys", "list", "--workspace", root).stdout.splitlines()]
    assert states == ["valid", "ended"]
    events = [entry["event"] for entry in Workspace(root).audit_log.entries()]
    assert events == ["key created", "key rotated", "key revoked"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("create", "--name", "a", "--scope", "everything"),
            "scopes everything: expected one or more of score, reasons",
        ),
        (("rotate", "0123"), "there is no valid key '0123': `stillwatch keys list` names them"),
        (("revoke", "0123"), "there is no valid key '0123'"),
    ],
)
def test_what_is_no_key_gets_one_sentence(
    stillwatch: Stillwatch, root: Path, arguments: tuple[str, ...], said: str
) -> None:
    refused = stillwatch("keys", *arguments, "--workspace", root)
    assert refused.returncode == 2
    assert said in refused.stderr and refused.stderr.count("\n") == 1


def test_the_chain_of_the_audit_log_is_verified(stillwatch: Stillwatch, root: Path) -> None:
    assert "0 entries, whole" in stillwatch("audit", "verify", "--workspace", root).stdout
    for name in ("a", "b"):
        stillwatch("keys", "create", "--name", name, "--scope", "score", "--workspace", root)
    assert "2 entries, whole; the last has the digest" in stillwatch("audit", "verify", "--workspace", root).stdout
    log = Workspace(root).audit_log.path
    log.write_bytes(log.read_bytes().replace(b'"name": "a"', b'"name": "c"'))
    broken = stillwatch("audit", "verify", "--workspace", root)
    assert (broken.returncode, "is broken at line 1" in broken.stderr) == (1, True)


@pytest.mark.parametrize("scopes", [(), ("metrics",)])
def test_a_server_that_nobody_could_ask_does_not_start(
    stillwatch: Stillwatch, root: Path, scopes: tuple[str, ...]
) -> None:
    for scope in scopes:
        stillwatch("keys", "create", "--name", scope, "--scope", scope, "--workspace", root)
    refused = stillwatch("follow", "--workspace", root)
    assert refused.returncode == 2
    assert "opens the scope events: run `stillwatch keys create --name NAME --scope events` first" in refused.stderr
    assert JournalReader(root / "journal").size() == 0


def test_a_workspace_is_its_owners_alone_and_an_output_is_as_usual(command: list[str], tmp_path: Path) -> None:
    requests = tmp_path / "requests.jsonl"
    requests.write_text(json.dumps(REQUEST) + "\n")
    root, out = tmp_path / "workspace", tmp_path / "campaigns.parquet"
    calls = (
        ["ingest", "--requests", requests],
        ["campaigns", "--as-of", "2026-06-02T00:00:00Z", "--out", out],
    )
    for call in calls:
        whole = [*command, *map(str, call), "--workspace", str(root)]
        variables = os.environ | {"HOME": str(tmp_path), "STILLWATCH_KEY": "5a" * 32}
        done = subprocess.run(whole, env=variables, umask=0o022, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    paths = [root, *root.rglob("*")]
    assert len(paths) > 10
    assert [path for path in paths if path.stat().st_mode & 0o077] == []
    assert out.stat().st_mode & 0o777 == 0o644
