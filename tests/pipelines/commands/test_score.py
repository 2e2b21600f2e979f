"""The command `score`: which options go together."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
TIME = "2026-04-14T00:00:00Z"
URL = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "score needs --as-of TIME or --url URL"),
        (("--as-of", TIME, "--url", URL, "--accounts", "ids.txt"), "and not both"),
        (("--url", URL), "--url and --accounts go together"),
        (("--as-of", TIME, "--accounts", "ids.txt"), "--url and --accounts go together"),
        (("--url", URL, "--accounts", "ids.txt", "--act-threshold", "0.5"), "give them to `stillwatch serve`"),
        (("--url", URL, "--accounts", "absent.txt"), "--accounts absent.txt can't be read (No such file"),
        (("--url", "localhost:3000", "--accounts", "ids.txt"), "'localhost:3000' names no server"),
        (("--as-of", TIME, "--review-threshold", "1.5"), "should be less than or equal to 1"),
        (("--as-of", TIME, "--workspace", "nowhere"), "nowhere is not a workspace"),
    ],
)
def test_options_that_do_not_go_together_are_refused_in_one_sentence(
    options: tuple[str, ...], words: str, stillwatch: Run, tmp_path: Path
) -> None:
    (tmp_path / "ids.txt").write_text("a1\n")
    result = stillwatch("score", "--out", "scores.parquet", *options)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert words in line
    assert not (tmp_path / "scores.parquet").exists()
