"""Failures over all commands: exit status 2, one sentence, and nothing written beside."""

import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from features.errors import InputError, IntegrityError
from pipelines.commands.failures import describe_failure, is_unforeseen

Result = subprocess.CompletedProcess[str]
Run = Callable[..., Result]
TIME = "2026-04-14T00:00:00Z"
LONG = "n" * 300
READING = {  # each command on an existing workspace, with what it needs
    "build": ("--as-of", TIME),
    "train": ("--as-of", TIME),
    "promote": (),
    "rollback": (),
    "retrain": ("--as-of", TIME),
    "score": ("--as-of", TIME, "--out", "o.parquet"),
    "campaigns": ("--as-of", TIME, "--out", "o.parquet"),
    "similar": ("someone", "--as-of", TIME, "--out", "o.parquet"),
    "report": ("campaign_1", "--as-of", TIME, "--out", "o"),
    "package": (),
    "serve": ("--port", "3999"),
    "ui": ("--port", "3999"),
    "forget": ("someone",),
    "prune": ("--before", TIME),
    "compact": (),
    "vacuum": (),
    "migrate": (),
}
WRITING = {"ingest": ("--requests", "few.parquet"), "demo": ()}
TIMED = [name for name, options in READING.items() if "--as-of" in options]
OUTPUTS = [(name, "--out") for name in ("score", "campaigns", "similar")]
OUTPUTS += [("campaigns", "--table"), ("campaigns", "--evidence")]


def assert_one_sentence(result: Result, *words: str) -> None:
    """Status 2 and one line on standard error, beside the names of steps that had begun."""
    assert result.returncode == 2, (result.stdout, result.stderr)
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if not line.endswith("…")]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("stillwatch: ") and lines[0].endswith(".")
    for word in words:
        assert word in lines[0]


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def few(made_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few requests in a file."""
    path = tmp_path_factory.mktemp("few") / "few.parquet"
    pl.read_parquet(min((made_world / "requests").iterdir())).head(50).write_parquet(path)
    return path


@pytest.fixture
def small(few: Path, tmp_path: Path, stillwatch: Run) -> Path:
    """A workspace with few requests and nothing else, beside the file that they came from."""
    (tmp_path / "few.parquet").symlink_to(few)
    assert stillwatch("ingest", "--requests", few, "--workspace", "small").returncode == 0
    return tmp_path / "small"


@pytest.mark.parametrize("name", READING)
def test_a_mistyped_workspace_makes_no_folder(name: str, stillwatch: Run, tmp_path: Path) -> None:
    assert_one_sentence(stillwatch(name, *READING[name], "--workspace", "smal"), "smal is not a workspace")
    (tmp_path / "other").mkdir()
    assert_one_sentence(stillwatch("--workspace", "other", name, *READING[name]), "other is not a workspace")
    assert files_below(tmp_path) == {"other"}


@pytest.mark.parametrize("character", ["%", "?", "[", "=", "\n"])
@pytest.mark.parametrize("name", WRITING)
def test_a_path_that_the_libraries_would_misread_is_refused(
    name: str, character: str, few: Path, stillwatch: Run, tmp_path: Path
) -> None:
    (tmp_path / "few.parquet").symlink_to(few)
    call = (name, *WRITING[name], "--workspace", f"a{character}41b/w")
    assert_one_sentence(stillwatch(*call), repr(character), "choose a --workspace without it")
    assert files_below(tmp_path) == {"few.parquet"}


def test_other_odd_characters_are_only_part_of_a_name_and_a_late_time_is_answered_at_once(
    few: Path, stillwatch: Run, tmp_path: Path
) -> None:
    root = tmp_path / "ü b*(x){y}'\"&;"
    assert stillwatch("ingest", "--requests", few, "--workspace", root).returncode == 0
    call = ("build", "--as-of", "2200-12-31", "--workspace", root)
    assert_one_sentence(stillwatch(*call), "2200-12-31T00:00:00Z lies in the future", "--allow-future")
    assert not (root / "features").exists()
    built = stillwatch(*call, "--allow-future")
    assert built.returncode == 0, built.stderr
    assert {path.name for path in tmp_path.iterdir()} == {root.name}


@pytest.mark.parametrize("seed", ["99999999999999999999", str(2**31), "-1", "1e9"])
@pytest.mark.parametrize("name", ["simulate", "train", "retrain", "demo"])
def test_a_seed_that_is_too_large_or_no_number_is_refused(
    name: str, seed: str, stillwatch: Run, tmp_path: Path
) -> None:
    needed = {"simulate": ("--scenario", "small", "--out", "world"), "demo": ()}.get(name, ("--as-of", TIME))
    assert_one_sentence(stillwatch(name, *needed, "--seed", seed), "--seed")
    assert files_below(tmp_path) == set()


@pytest.mark.parametrize("scale", ["-1", "0", "nan", "inf", "1e300", "large"])
def test_a_scale_that_makes_no_world_is_refused(scale: str, stillwatch: Run, tmp_path: Path) -> None:
    assert_one_sentence(stillwatch("simulate", "--scenario", "small", "--out", "world", "--scale", scale), "cale")
    assert files_below(tmp_path) == set()


@pytest.mark.parametrize(
    "time",
    ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "0001-01-01", "0001-01-01T00:00:00+14:00", "2262-04-12"],
)
@pytest.mark.parametrize("name", TIMED)
def test_a_time_at_the_end_of_time_is_refused(
    name: str, time: str, small: Path, stillwatch: Run, tmp_path: Path
) -> None:
    before = files_below(tmp_path)
    options = [time if option == TIME else option for option in READING[name]]
    assert_one_sentence(stillwatch(name, *options, "--workspace", small), "--as-of", time)
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("name", ["build", "train", "campaigns", "similar"])
def test_a_time_before_all_requests_is_refused(name: str, small: Path, stillwatch: Run) -> None:
    options = ["1970-01-01" if option == TIME else option for option in READING[name]]
    assert_one_sentence(stillwatch(name, *options, "--workspace", small))


@pytest.mark.parametrize("kind", ["folder", "device", "below a file", "too long", "empty", "full device", "no file"])
@pytest.mark.parametrize(("name", "option"), OUTPUTS)
def test_an_output_that_can_not_be_a_file_is_refused_before_any_work(
    name: str, option: str, kind: str, small: Path, stillwatch: Run, tmp_path: Path
) -> None:
    paths = {
        "folder": small,
        "device": "/dev/null",
        "full device": "/dev/full",
        "below a file": tmp_path / "few.parquet" / "o.parquet",
        "too long": LONG,
        "empty": "",
        "no file": "/",
    }
    before = files_below(tmp_path)
    result = stillwatch(name, *READING[name], option, paths[kind], "--workspace", small)
    assert_one_sentence(result, option)
    assert files_below(tmp_path) == before
    assert not Path("/dev/null").is_file() and not Path("/dev/full").is_file()


@pytest.mark.parametrize("second", ["o.parquet", "./x/../o.parquet", "link.parquet"])
def test_one_path_for_two_outputs_is_refused(second: str, small: Path, stillwatch: Run, tmp_path: Path) -> None:
    (tmp_path / "link.parquet").symlink_to(tmp_path / "o.parquet")
    (tmp_path / "x").mkdir()
    result = stillwatch("campaigns", *READING["campaigns"], "--table", second, "--workspace", small)
    assert_one_sentence(result, "--out and --table are both", "give each a file of its own")
    assert not (tmp_path / "o.parquet").exists()


ADDRESSES = ["foo://bar", "./mlruns", "sqlite://", "http://127.0.0.1:1", "postgresql://u:geheim@127.0.0.1:1/x"]


@pytest.mark.parametrize(
    ("name", "address"),
    [
        *((name, "nonsense") for name in ("rollback", "retrain", "score", "package", "ui")),
        *(("promote", a) for a in ADDRESSES),
    ],
)
def test_a_tracking_address_that_does_not_answer_is_named_without_its_password(
    name: str, address: str, small: Path, stillwatch: Run
) -> None:
    result = stillwatch(name, *READING[name], "--workspace", small, STILLWATCH_TRACKING_URI=address)
    assert_one_sentence(result, "STILLWATCH_TRACKING_URI")
    assert "geheim" not in result.stderr


def test_an_online_store_that_does_not_answer_is_named(small: Path, stillwatch: Run) -> None:
    online = "redis://127.0.0.1:1/0"
    result = stillwatch("build", "--as-of", TIME, "--workspace", small, STILLWATCH_ONLINE=online)
    assert_one_sentence(result, "STILLWATCH_ONLINE", "127.0.0.1:1")


@pytest.fixture
def protected(few: Path, stillwatch: Run) -> Iterator[Path]:
    """A workspace that nobody may write to; root becomes nobody, to whom permissions apply."""
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        root = Path(parent) / "w"
        assert stillwatch("ingest", "--requests", few, "--workspace", root).returncode == 0
        for path in [*root.rglob("*"), root]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        yield root
        os.seteuid(user)
        for path in [root, *root.rglob("*")]:
            path.chmod(0o755)


@pytest.mark.parametrize("name", [*READING, *WRITING])
def test_a_workspace_that_can_not_be_written_is_refused_by_each_command(
    name: str, protected: Path, stillwatch: Run
) -> None:
    before = files_below(protected)
    result = stillwatch(name, *(READING | WRITING)[name], "--workspace", protected)
    assert_one_sentence(result)
    assert files_below(protected) == before


@pytest.mark.parametrize("limit", [1_000, 10_000])
def test_a_full_disk_is_one_sentence_and_the_same_command_works_once_there_is_room(
    limit: int, made_world: Path, stillwatch: Run, tmp_path: Path
) -> None:
    day = min((made_world / "requests").iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))  # stands in for a full disk, which needs a mount
    try:
        refused = stillwatch("ingest", "--requests", day, "--workspace", "w")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_one_sentence(refused, "would be larger than the system allows")
    assert limit > 1_000 or not (tmp_path / "w").exists()
    repeated = stillwatch("ingest", "--requests", day, "--workspace", "w")
    assert repeated.returncode == 0, repeated.stderr


@pytest.mark.parametrize(
    ("error", "sentence", "status"),
    [
        (InputError("a\n  b."), "stillwatch: a b.", 2),
        (IntegrityError("c."), "stillwatch: c.", 1),
        (OSError(28, "No space left on device", "x"), "stillwatch: x: the disk is full", 2),
        (RuntimeError("IO error: No space left on device (os error 28)"), "stillwatch: the disk is full", 2),
        (NotADirectoryError(20, "Not a directory", "y"), "stillwatch: y can't be used (Not a directory)", 2),
        (ZeroDivisionError("1 / 0"), "stillwatch: an error that should not happen, ZeroDivisionError: 1 / 0", 1),
    ],
)
def test_whatever_ends_a_command_is_said_in_one_line(error: Exception, sentence: str, status: int) -> None:
    line, exit_status = describe_failure(error)
    assert line.startswith(sentence) and "\n" not in line
    assert exit_status == status
    assert is_unforeseen(error) == isinstance(error, ZeroDivisionError)


def test_what_an_error_was_raised_from_is_looked_at() -> None:
    error = ValueError("the table can't be written")
    error.__cause__ = OSError(30, "Read-only file system", "/mnt/z")
    assert describe_failure(error)[0].startswith("stillwatch: /mnt/z: a file can't be written")
