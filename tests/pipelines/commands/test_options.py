"""Options that several commands take: what is to be planted, and files for TLS."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from features.errors import InputError
from pipelines.commands.options import SHARE, check_not_ahead, make_planting, parse_workspace
from pipelines.workspace import Workspace
from planting import Planting
from tests.features.conftest import make_events


def test_by_default_all_is_planted_with_the_seed_of_the_training() -> None:
    assert make_planting(True, None, SHARE, 0) == Planting()
    assert make_planting(True, None, 0.1, 7) == Planting(share=0.1, seed=7)


def test_nothing_is_planted_where_that_is_asked_for() -> None:
    assert make_planting(False, None, SHARE, 0) is None


def test_families_are_named_with_commas() -> None:
    plan = make_planting(True, "bare_seeds, code_tasks,", SHARE, 0)
    assert plan is not None
    assert plan.families == ("bare_seeds", "code_tasks")


def test_an_unknown_family_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"\['nonsense'\] can't be planted: choose from .*bare_seeds"):
        make_planting(True, "bare_seeds,nonsense", SHARE, 0)


@pytest.mark.parametrize("command_name", ["serve", "follow", "ui"])
def test_a_certificate_without_its_key_is_refused_before_anything_starts(
    command_name: str, stillwatch: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "w" / "lake").mkdir(parents=True)
    result = stillwatch(command_name, "--tls-cert", "cert.pem", "--workspace", tmp_path / "w")
    assert result.returncode == 2
    assert "--tls-cert and --tls-key go together" in result.stderr and result.stderr.count("\n") == 1
    assert [path.name for path in (tmp_path / "w").iterdir()] == ["lake"]


def test_a_time_ahead_is_refused_unless_the_log_itself_runs_up_to_it(tmp_path: Path) -> None:
    now, newest = datetime(2026, 6, 1, 12, tzinfo=UTC), datetime(2026, 6, 9, 8, 30, tzinfo=UTC)
    workspace = Workspace(tmp_path)
    check_not_ahead(workspace, now, now, is_allowed=False)
    with pytest.raises(InputError, match="lies in the future"):
        check_not_ahead(workspace, now + timedelta(seconds=1), now, is_allowed=False)
    workspace.lake.append("events", [make_events([{"timestamp": newest}])], 1)
    workspace.lake.roll_up(1)
    check_not_ahead(workspace, newest + timedelta(hours=5), now, is_allowed=False)
    for ahead in (newest - timedelta(days=3), newest + timedelta(days=1)):
        with pytest.raises(InputError, match="lies in the future, where every account has fallen silent"):
            check_not_ahead(workspace, ahead, now, is_allowed=False)
        check_not_ahead(workspace, ahead, now, is_allowed=True)


@pytest.mark.parametrize("address", ["gs://bucket/prefix", "abfss://x@y/z", "file:///srv/w", "S3A://bucket"])
@pytest.mark.parametrize("is_before", [True, False])
def test_a_workspace_with_an_unknown_scheme_is_refused_and_makes_no_folder(
    address: str, is_before: bool, stillwatch: Callable[..., Any], tmp_path: Path
) -> None:
    call, workspace = ["ingest", "--requests", "r.parquet"], ["--workspace", address]
    result = stillwatch(*(workspace + call if is_before else call + workspace))
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert f"--workspace {address} begins with {address.partition('//')[0]}//" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_whose_name_has_a_colon_is_no_scheme() -> None:
    for text in ("s3:bucket", "./a:b", "/srv/x://y"):
        assert parse_workspace(text) == Path(text)


def test_an_unknown_scheme_is_refused_by_the_console_too(stillwatch: Callable[..., Any], tmp_path: Path) -> None:
    result = stillwatch("console", "--workspace", "gs://bucket")
    assert (result.returncode, "begins with gs://" in result.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []
