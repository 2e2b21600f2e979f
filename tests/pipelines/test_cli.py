"""The command line: an exit status and one clear line for each bad call, and a start without large libraries."""

import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import polars as pl
import pytest

from features.lake import Lake

Result = subprocess.CompletedProcess[str]
Run = Callable[..., Result]
COMMANDS = (
    *("simulate", "ingest", "build", "train", "promote", "rollback", "retrain", "score", "package", "serve", "ui"),
    "demo",
)
TIME = "2026-04-14T00:00:00Z"
AS_OF = datetime(2026, 4, 20, tzinfo=UTC)


def assert_refused(result: Result, *words: str) -> None:
    """Status 2, nothing on standard output, and one line that says it all, beside the names of steps that had begun."""
    assert result.returncode == 2, (result.stdout, result.stderr)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
    lines = [line for line in result.stderr.splitlines() if not line.endswith("…")]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("stillwatch: ")


@pytest.fixture
def day(made_world: Path) -> Path:
    """One file of requests."""
    return min((made_world / "requests").iterdir())


@pytest.fixture
def small(made_world: Path, tmp_path: Path, stillwatch: Run) -> Path:
    """A workspace with a few requests and nothing else."""
    few = tmp_path / "few.parquet"
    pl.read_parquet(min((made_world / "requests").iterdir())).head(50).write_parquet(few)
    root = tmp_path / "small"
    assert stillwatch("ingest", "--requests", few, "--workspace", root).returncode == 0
    return root


@pytest.mark.parametrize(("argument", "words"), [("--help", COMMANDS), ("--version", ("stillwatch",))])
def test_help_and_release_are_printed_without_large_libraries(argument: str, words: tuple[str, ...]) -> None:
    code = (
        "import sys\n"
        "from pipelines.cli import main\n"
        "sys.argv = ['stillwatch', *sys.argv[1:]]\n"
        "try:\n    main()\n"
        "except SystemExit as ended:\n    assert not ended.code\n"
        "large = {'feast', 'mlflow', 'bentoml', 'polars', 'lightgbm', 'sklearn', 'pandas', 'pyarrow', 'deltalake'}\n"
        "print('IMPORTED', sorted(large & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", code, argument], capture_output=True, text=True, check=True)
    assert "IMPORTED []" in result.stdout
    assert all(f"{word} " in result.stdout for word in words)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_help(name: str, stillwatch: Run) -> None:
    result = stillwatch(name, "--help")
    assert result.returncode == 0
    assert f"stillwatch {name}" in result.stdout
    assert "--workspace" in result.stdout or name == "simulate"


def test_the_release_is_printed_without_a_command(stillwatch: Run) -> None:
    result = stillwatch("--version")
    assert (result.returncode, result.stdout) == (0, f"stillwatch {version('stillwatch')}\n")


def test_the_workspace_may_be_named_before_the_command_after_it_or_twice_the_same(
    stillwatch: Run, tmp_path: Path
) -> None:
    named = tmp_path / "named"
    for call in (
        ("--workspace", named, "build", "--as-of", TIME),
        ("build", "--as-of", TIME, "--workspace", named),
        ("--workspace", named, "build", "--as-of", TIME, "--workspace", tmp_path / "x" / ".." / "named"),
    ):
        assert_refused(stillwatch(*call), "named is not a workspace")
    assert_refused(stillwatch("build", "--as-of", TIME), "workspace is not a workspace")
    assert list(tmp_path.iterdir()) == []


def test_two_different_workspaces_in_one_call_are_refused_and_neither_is_touched(
    stillwatch: Run, tmp_path: Path
) -> None:
    call = ("--workspace", tmp_path / "a", "build", "--as-of", TIME, "--workspace", tmp_path / "b")
    assert_refused(stillwatch(*call), "--workspace is given twice, as", "give it once")
    simulate = ("simulate", "--scenario", "small", "--out", tmp_path / "c")
    assert_refused(stillwatch("--workspace", tmp_path / "a", *simulate), "simulate takes no --workspace")
    assert list(tmp_path.iterdir()) == []


def test_an_ingest_does_not_wait_for_the_libraries_of_a_training() -> None:
    code = (
        "import sys, pipelines.commands.printing, pipelines.ingest, pipelines.workspace\n"
        "print(sorted({'feast', 'mlflow', 'bentoml', 'lightgbm', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_a_bad_call_of_the_installed_program_ends_with_2_and_one_line(command: list[str], tmp_path: Path) -> None:
    call = [*command, "ingest", "--requests", "absent.parquet"]
    done = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path)
    assert_refused(done, "no Parquet file at absent.parquet")


@pytest.mark.parametrize("command_name", ["score", "build", "campaign", ""])
def test_a_call_without_what_it_needs_ends_with_2(command_name: str, stillwatch: Run) -> None:
    result = stillwatch(*([command_name] if command_name else []))
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_an_unknown_scenario_is_refused_with_the_known_ones(stillwatch: Run, tmp_path: Path) -> None:
    result = stillwatch("simulate", "--scenario", "huge", "--out", tmp_path / "out")
    assert_refused(result, "huge", "small")


@pytest.mark.parametrize("time", ["yesterday", "2026-13-01", ""])
def test_a_bad_time_is_refused(time: str, stillwatch: Run, tmp_path: Path) -> None:
    result = stillwatch("build", "--as-of", time, "--workspace", tmp_path / "w")
    assert_refused(result, "ISO 8601")
    assert not (tmp_path / "w").exists()


def test_a_changed_account_is_a_new_version_from_its_own_time_or_else_from_its_ingest(
    made_world: Path, stillwatch: Run, tmp_path: Path
) -> None:
    accounts = pl.read_parquet(made_world / "accounts.parquet").filter(plan="free").head(4)
    since = pl.lit(datetime(2026, 4, 15, tzinfo=UTC)).cast(accounts.schema["created_at"])
    changed = accounts.with_columns(plan=pl.lit("team"))
    for number, table in enumerate((accounts, changed.head(2).with_columns(updated_at=since), changed[2:3], accounts)):
        table.write_parquet(tmp_path / f"{number}.parquet")
        done = stillwatch("ingest", "--accounts", tmp_path / f"{number}.parquet", "--workspace", "w")
        assert done.returncode == 0, done.stderr
    lake = Lake(tmp_path / "w" / "lake")
    then, later = (
        dict(lake.accounts(time).select("account_id", "plan").iter_rows()) for time in (AS_OF, datetime.now(UTC))
    )
    ids = accounts["account_id"]
    assert then == dict.fromkeys(ids[:2], "team") | dict.fromkeys(ids[2:], "free")
    assert later.keys() == then.keys() and lake.scan("accounts").collect().height >= 7


def test_an_unknown_format_is_refused(stillwatch: Run, day: Path) -> None:
    assert_refused(stillwatch("ingest", "--requests", day, "--format", "csv"), "csv", "native")


def test_a_folder_without_parquet_and_an_absent_file_are_refused(stillwatch: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "absent.parquet"):
        assert_refused(stillwatch("ingest", "--requests", path, "--workspace", tmp_path / "w"), path.name)


def test_a_column_of_the_wrong_type_is_refused_with_its_name(stillwatch: Run, day: Path, tmp_path: Path) -> None:
    pl.read_parquet(day).with_columns(timestamp=pl.lit(True)).write_parquet(tmp_path / "wrong.parquet")
    result = stillwatch("ingest", "--requests", tmp_path / "wrong.parquet", "--workspace", tmp_path / "w")
    assert_refused(result, "wrong.parquet", "timestamp", "Boolean", "convert it")


@pytest.mark.parametrize("name", ["score", "package", "promote", "rollback", "serve"])
def test_a_command_that_needs_a_model_says_that_there_is_none(
    name: str, small: Path, stillwatch: Run, tmp_path: Path
) -> None:
    more = {"score": ("--as-of", TIME, "--out", tmp_path / "s.parquet"), "serve": ("--port", "3999")}.get(name, ())
    lacks = {
        "serve": "no Bento has been packaged",
        "promote": "has no challenger",
        "rollback": "no champion to go back to",
    }
    words = lacks.get(name, "has no champion")
    assert_refused(stillwatch(name, *more, "--workspace", small), words, "stillwatch ")


def test_building_in_an_empty_workspace_says_to_ingest_first(stillwatch: Run, tmp_path: Path) -> None:
    assert_refused(stillwatch("build", "--as-of", TIME, "--workspace", tmp_path / "new"), "stillwatch ingest")


def test_promoting_an_unknown_version_is_refused(filled_workspace: Path, stillwatch: Run) -> None:
    assert_refused(stillwatch("promote", "--version", "99", "--workspace", filled_workspace), "no version 99")


def test_serving_on_a_taken_port_is_refused(filled_workspace: Path, stillwatch: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_refused(
            stillwatch("serve", "--open", "--port", port, "--workspace", filled_workspace), f"port {port}", "--port"
        )


def test_a_workspace_under_another_key_is_refused(small: Path, stillwatch: Run, day: Path) -> None:
    result = stillwatch("ingest", "--requests", day, "--workspace", small, STILLWATCH_KEY="7c" * 32)
    assert_refused(result, "under another key", "STILLWATCH_KEY")
    assert "7c7c" not in result.stderr


def test_without_a_key_one_is_made_that_only_the_owner_may_read(command: list[str], day: Path, tmp_path: Path) -> None:
    root = tmp_path / "own"
    call = [*command, "ingest", "--requests", str(day), "--workspace", str(root)]
    assert subprocess.run(call, env={}, capture_output=True).returncode == 0
    assert (root / "key").stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex((root / "key").read_text())) >= 32


@pytest.mark.parametrize("name", ["train", "retrain"])
@pytest.mark.parametrize("broken", ["doubled", "untimed", "empty", "absent"])
def test_labels_that_can_not_be_used_are_refused(
    name: str, broken: str, made_world: Path, small: Path, stillwatch: Run, tmp_path: Path
) -> None:
    labels = pl.read_parquet(made_world / "labels.parquet")
    frame = {
        "doubled": pl.concat([labels, labels.head(3).with_columns(~pl.col("label"))]),
        "untimed": labels.with_columns(labelled_at=pl.lit(None, labels.schema["labelled_at"])),
        "empty": labels.clear(),
    }.get(broken)
    path = tmp_path / "labels.parquet"
    if frame is not None:
        frame.write_parquet(path)
    result = stillwatch(name, "--labels", path, "--as-of", TIME, "--workspace", small)
    assert_refused(result)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STILLWATCH_KEY", "secret"),
        ("STILLWATCH_KEY", "zz" * 40),
        ("STILLWATCH_REJECT_LIMIT", "2"),
        ("STILLWATCH_REJECT_LIMIT", "a little"),
        ("STILLWATCH_ACT_THRESHOLD", "1.01"),
        ("STILLWATCH_ONLINE", "postgres://localhost"),
        ("STILLWATCH_FRESHNESS_HOURS", "-1"),
        ("STILLWATCH_DATA_AGE_HOURS", "-71.5"),
        ("STILLWATCH_DRIFT_PSI", "none"),
        ("STILLWATCH_DRIFT_SHARE", "15"),
    ],
)
def test_a_bad_setting_is_refused_by_its_name_and_its_value_is_not_repeated(
    variable: str, value: str, stillwatch: Run, day: Path, tmp_path: Path
) -> None:
    result = stillwatch("ingest", "--requests", day, "--workspace", tmp_path / "w", **{variable: value})
    assert_refused(result, variable)
    assert value not in result.stderr.replace(variable, "") or value == "2"
