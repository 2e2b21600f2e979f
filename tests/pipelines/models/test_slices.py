"""What accounts belong to, from a lake and from a user's table."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from features.errors import InputError
from features.identity import Keyring
from features.lake import TABLES, Lake
from features.schemas import KEY_KINDS
from pipelines.models.slices import assign_slices, read_slices, with_course
from pipelines.workspace import Workspace
from training import tracking
from training.examples.test_set import SLICES_SCHEMA

T = datetime(2026, 6, 1, 10, 20, tzinfo=UTC)
HOUR = T.replace(minute=0)
KEYRING = Keyring(bytes(range(32)))
TIME = pl.Datetime("us", "UTC")


def rows(table: str, values: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows of a table of the lake; what they leave out is null."""
    schema = {name: column.dtype for name, column in TABLES[table].columns().items()}
    return pl.DataFrame(values, schema=schema, orient="row")


def country(code: str) -> int:
    return pl.DataFrame({"code": [code]}).select(KEYRING.key(pl.col("code"), "country")).item()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Account a shows IN more often than DE, of late; b is billed in BR and shows nothing; c is not registered."""
    made = Lake(tmp_path / "lake")
    kind = KEY_KINDS.index("country")
    shown = [
        ("a", "DE", HOUR - timedelta(hours=3), 3),
        ("a", "IN", HOUR - timedelta(hours=3), 2),
        ("a", "IN", HOUR - timedelta(hours=2), 2),
        ("a", "DE", HOUR - timedelta(days=40), 90),
        ("a", "DE", HOUR + timedelta(hours=1), 90),
    ]
    keys = [
        {"kind": kind, "key": country(code), "account_id": account, "hour": hour, "requests": count}
        for account, code, hour, count in shown
    ]
    other = {"kind": KEY_KINDS.index("asn"), "key": country("FR"), "account_id": "a", "hour": HOUR, "requests": 999}
    made.append("key_rollups", [rows("key_rollups", [*keys, other])], 1)
    begun = T - timedelta(days=90)
    accounts = [
        {"account_id": "a", "created_at": begun, "plan": "pro", "billing_country": country("US"), "valid_from": begun},
        {"account_id": "b", "created_at": begun, "plan": "free", "billing_country": country("BR"), "valid_from": begun},
    ]
    made.append("accounts", [rows("accounts", accounts)], 1)
    hours = [("a", 50, 2), ("a", 2, 3), ("a", 1, 4), ("a", 0, 5), ("b", 1, 7)]
    rolled = [{"account_id": a, "hour": HOUR - timedelta(hours=h), "requests": n} for a, h, n in hours]
    made.append("account_rollups", [rows("account_rollups", rolled)], 1)
    return made


def examples(*snapshots: tuple[str, datetime, bool | None, float | None]) -> pl.DataFrame:
    schema = {"account_id": pl.String, "as_of": TIME, "label": pl.Boolean, "requests_28d": pl.Float32}
    return pl.DataFrame(snapshots, schema=schema, orient="row")


def named(slices: pl.DataFrame, kind: str) -> dict[str, str]:
    return dict(slices.filter(pl.col("kind") == kind).select("account_id", "name").iter_rows())


def test_every_account_has_a_plan_a_country_and_a_number_of_requests(lake: Lake) -> None:
    judged = examples(
        ("a", T, True, 50), ("b", T - timedelta(days=1), None, 9e6), ("b", T, None, 101), ("c", T, None, None)
    )
    slices = assign_slices(lake, KEYRING, judged, T)
    assert slices.schema == SLICES_SCHEMA
    assert named(slices, "plan") == {"a": "pro", "b": "free", "c": "unknown"}
    assert named(slices, "country") == {"a": "IN", "b": "BR", "c": "unknown"}
    assert named(slices, "requests") == {"a": "<= 50", "b": "<= 250", "c": "unknown"}
    assert len(slices) == 9


@pytest.mark.parametrize(
    "requests,bucket",
    [(1, "<= 50"), (50, "<= 50"), (51, "<= 100"), (250, "<= 250"), (1000, "<= 1,000"), (1001, "more")],
)
def test_a_bucket_holds_its_upper_end(lake: Lake, requests: float, bucket: str) -> None:
    assert named(assign_slices(lake, KEYRING, examples(("a", T, None, requests)), T), "requests") == {"a": bucket}


def test_another_key_names_no_country(lake: Lake) -> None:
    other = Keyring(bytes(32))
    assert named(assign_slices(lake, other, examples(("a", T, None, 1)), T), "country") == {"a": "unknown"}


def test_a_users_slices_are_used_for_the_accounts_that_are_judged(lake: Lake) -> None:
    user_slices = pl.DataFrame(
        {"account_id": ["a", "a", "z"], "kind": ["family", "cohort", "cohort"], "name": ["f", "c", "c"]}
    )
    slices = assign_slices(lake, KEYRING, examples(("a", T, True, 1)), T, user_slices)
    assert (named(slices, "family"), named(slices, "cohort")) == ({"a": "f"}, {"a": "c"})


def test_the_course_tells_the_first_hour_and_the_requests_of_full_hours_before(lake: Lake) -> None:
    times = [T, HOUR, HOUR - timedelta(hours=1), T - timedelta(days=9)]
    course = with_course(lake, examples(*[("a", time, True, 1.0) for time in times], ("b", T, None, 1.0)), T)
    assert course["served"].to_list() == [9, 9, 5, 0, None]
    assert course["began"].to_list() == [HOUR - timedelta(hours=50)] * 4 + [None]
    assert course.columns == ["account_id", "as_of", "label", "requests_28d", "served", "began"]


def test_the_course_of_nobody_is_empty(lake: Lake) -> None:
    course = with_course(lake, examples(("b", T, None, 1.0)), T)
    assert course.select("served", "began").row(0) == (None, None)


def write(folder: Path, **columns: list[Any]) -> Path:
    pl.DataFrame(columns).write_parquet(folder / "groups.parquet")
    return folder / "groups.parquet"


def test_families_and_cohorts_come_from_a_table_each_row_once(tmp_path: Path) -> None:
    path = write(
        tmp_path, account_id=["a", "a", "b", None], family=["f", "g", None, "f"], cohort=["c", "c", "", "c"], x=[1] * 4
    )
    assert read_slices(path).rows() == [("a", "cohort", "c"), ("a", "family", "f"), ("a", "family", "g")]


def test_one_of_family_and_cohort_is_enough(tmp_path: Path) -> None:
    assert read_slices(write(tmp_path, account_id=["a"], cohort=["c"])).rows() == [("a", "cohort", "c")]


@pytest.mark.parametrize(
    "columns,match",
    [
        ({"account_id": ["a"]}, "expected the column account_id, and family, cohort or both"),
        ({"family": ["a"]}, "expected the column account_id, and family, cohort or both"),
        ({"account_id": [1], "family": ["a"]}, "column account_id has the type Int64, expected String"),
        ({"account_id": ["a"], "cohort": [1.0]}, "column cohort has the type Float64, expected String"),
    ],
)
def test_another_table_is_refused(tmp_path: Path, columns: dict[str, list], match: str) -> None:
    with pytest.raises(InputError, match=match):
        read_slices(write(tmp_path, **columns))


def test_a_file_that_is_missing_or_broken_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read as Parquet"):
        read_slices(tmp_path / "nowhere.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"no parquet")
    with pytest.raises(InputError, match="can't be read as Parquet"):
        read_slices(tmp_path / "broken.parquet")


@pytest.mark.slow  # what is assigned to slices, and a report on them, are tested by themselves
def test_a_training_with_a_users_slices_reports_on_them(late_version: Path, made_world: Path) -> None:
    report = tracking.report(Workspace(late_version / "workspace").tracking_uri, 2)
    named = {(part.kind, part.name) for part in report.slices}
    truth = pl.read_parquet(made_world / "truth.parquet")
    for kind in ("cohort", "family"):
        names = {name for part, name in named if part == kind}
        assert len(names) > 1
        assert names <= set(truth[kind])


def test_slices_that_can_not_be_read_are_refused_before_the_training(
    filled_workspace: Path,
    made_world: Path,
    as_of: datetime,
    stillwatch: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    call = ("--labels", made_world / "labels.parquet", "--as-of", as_of.isoformat(), "--workspace", filled_workspace)
    refused = stillwatch("train", *call, "--slices", made_world / "nowhere.parquet")
    assert refused.returncode == 2
    assert "nowhere.parquet can't be read as Parquet" in refused.stderr
    assert "training" not in refused.stderr
