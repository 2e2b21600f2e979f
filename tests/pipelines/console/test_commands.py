"""`stillwatch console`: users by command, and when it is refused."""

import io
import os
from pathlib import Path

import pytest

from tests.conftest import Run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "workspace" / "lake").mkdir(parents=True)
    return tmp_path / "workspace"


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_users_are_added_listed_and_disabled_and_no_password_is_an_argument(
    stillwatch: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "correct horse battery\n")
    added = stillwatch("console", "users", "add", "ann", "--role", "lead", "--workspace", root)
    assert (added.returncode, added.stdout) == (0, "ann may sign in as lead\n")
    assert os.stat(root / "console" / "console.db").st_mode & 0o777 == 0o600
    assert "ann" in stillwatch("--workspace", root, "console", "users", "list").stdout
    assert "disabled" not in stillwatch("console", "users", "list", "--workspace", root).stdout
    assert stillwatch("console", "users", "disable", "ann", "--workspace", root).returncode == 0
    assert "disabled" in stillwatch("console", "users", "list", "--workspace", root).stdout
    log = (root / "access" / "audit.jsonl").read_text()
    assert "user added" in log and "user disabled" in log and "horse" not in log


@pytest.mark.parametrize(
    "typed, role, words",
    [("short\n", "lead", "12 to"), ("", "lead", "no password"), ("correct horse battery\n", "boss", "role 'boss'")],
)
def test_a_user_that_can_not_be_is_refused(
    typed: str, role: str, words: str, stillwatch: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, typed)
    refused = stillwatch("console", "users", "add", "ann", "--role", role, "--workspace", root)
    assert refused.returncode == 2 and words in refused.stderr


def test_the_page_is_not_served_to_nobody_or_with_a_webhook_that_leaks(stillwatch: Run, root: Path) -> None:
    refused = stillwatch("console", "--workspace", root, "--port", 8699)
    assert refused.returncode == 2 and "users add" in refused.stderr
    leaking = stillwatch(
        "console", "--workspace", root, "--port", 8699, STILLWATCH_WEBHOOK_URL="http://platform.example/hook"
    )
    assert leaking.returncode == 2 and "no https address" in leaking.stderr
    bare = stillwatch("console", "--workspace", root, STILLWATCH_WEBHOOK_URL="https://platform.example/hook")
    assert bare.returncode == 2 and "STILLWATCH_WEBHOOK_SECRET" in bare.stderr
    assert stillwatch("console", "--workspace", root / "none").returncode == 2
