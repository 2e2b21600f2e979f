"""Ingest: the rules for repeats, blank ids, broken rows and files, and that doing it again changes nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from features.errors import InputError
from features.lake import TABLES
from features.rollups import merge
from features.schemas import INPUT_TABLES
from pipelines.ingest import Inputs, TableCount, ingest
from pipelines.workspace import Workspace
from tests.conftest import cases

pytestmark = pytest.mark.usefixtures("key_is_set")
START = datetime(2026, 4, 6, 9, 30, tzinfo=UTC)
BAN = {"account_id": "a", "action": "ban", "acted_at": START}


def table(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows of an input table in the contract's types; what is not given is null."""
    schema = {column: kind.dtype for column, kind in INPUT_TABLES[name].columns().items()}
    return pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema)


def request(i: int, **changed: Any) -> dict[str, Any]:
    """A request that keeps the contract, the i-th of seven accounts."""
    plain = {
        "request_id": f"r{i}",
        "timestamp": START + timedelta(minutes=7 * i),
        "account_id": f"a{i % 7}",
        "channel": "api",
        "model": "m",
        "prompt": f"explain step by step how thing {i} works in detail",
        "input_tokens": 10 + i,
        "output_tokens": 5,
        "status_code": 200,
        "client_address": f"192.0.2.{i % 5}",
    }
    return plain | changed


def account(i: int, **changed: Any) -> dict[str, Any]:
    return {"account_id": f"a{i}", "created_at": START, "plan": "pro", "signup_address": "192.0.2.9"} | changed


def store(workspace: Workspace, limit: float = 0.01, **paths: Path) -> dict[str, TableCount]:
    return ingest(workspace, Inputs(**paths), reject_limit=limit, progress=lambda _step, _done: None)


def put(path: Path, rows: list[dict[str, Any]], name: str = "requests") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table(name, rows).write_parquet(path)
    return path


def stored(workspace: Workspace, name: str = "events") -> pl.DataFrame:
    return workspace.lake.scan(name).collect()


def content(workspace: Workspace) -> dict[str, pl.DataFrame]:
    """What the tables say, without from which file it came; rollups as they add up."""
    frames = {name: workspace.lake.scan(name) for name in TABLES if name != "rejects"}
    frames["account_rollups"] = merge(frames["account_rollups"])
    frames["key_rollups"] = frames["key_rollups"].group_by("kind", "key", "account_id", "hour").agg(pl.all().sum())
    plain = {name: frame.drop("source", strict=False).collect() for name, frame in frames.items()}
    lists = (pl.List,)
    return {
        name: frame.sort([c for c, kind in frame.schema.items() if not isinstance(kind, lists)])
        for name, frame in plain.items()
    }


def assert_same(left_workspace: Workspace, right_workspace: Workspace) -> None:
    left, right = content(left_workspace), content(right_workspace)
    for name in left:
        assert_frame_equal(left[name], right[name], check_exact=True)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


def test_the_same_input_twice_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    paths = {
        "requests": put(tmp_path / "r.parquet", [request(i) for i in range(40)]),
        "accounts": put(tmp_path / "a.parquet", [account(i) for i in range(7)], "accounts"),
        "enforcement": put(tmp_path / "e.parquet", [BAN], "enforcement"),
        "releases": put(tmp_path / "m.parquet", [{"model": "m", "released_at": START}], "releases"),
    }
    first = store(workspace, **paths)
    assert [count.stored for count in first.values()] == [40, 7, 1, 1]
    versions = workspace.lake.stamp(START + timedelta(days=99)), {name: stored(workspace, name) for name in TABLES}
    second = store(workspace, **paths)
    assert {count.stored for count in second.values()} == {0}
    assert {count.stored_before for count in second.values()} == {1}
    assert workspace.lake.stamp(START + timedelta(days=99)) == versions[0]
    for name, frame in versions[1].items():
        assert_frame_equal(stored(workspace, name), frame)


@given(st.lists(st.integers(0, 4), min_size=30, max_size=30), st.permutations(range(30)))
@given_settings(
    phases=(Phase.explicit, Phase.generate),
    max_examples=cases(6),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_order_and_split_of_the_files_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, parts: list[int], order: list[int]
) -> None:
    """With repeats of other times among the rows, so that which one stays is the same each time."""
    rows = [request(i) for i in range(24)]
    rows += [request(i, timestamp=START - timedelta(minutes=i + 1), input_tokens=999) for i in range(6)]
    folder = tmp_path_factory.mktemp("split")
    whole, split = Workspace(folder / "whole"), Workspace(folder / "split")
    store(whole, requests=put(folder / "one.parquet", rows))
    for part in set(parts):
        put(folder / "parts" / f"{part}.parquet", [rows[i] for i in order if parts[i] == part])
    count = store(split, requests=folder / "parts")["requests"]
    assert (count.stored, count.repeats) == (24, 6)
    assert_same(whole, split)


def test_of_several_rows_with_one_id_the_earliest_stays(workspace: Workspace, tmp_path: Path) -> None:
    late = request(0, timestamp=START + timedelta(hours=2), input_tokens=1)
    early = request(0, timestamp=START - timedelta(hours=2), input_tokens=2)
    put(tmp_path / "in" / "0.parquet", [late, request(0, input_tokens=3)])
    put(tmp_path / "in" / "1.parquet", [early])
    count = store(workspace, requests=tmp_path / "in")["requests"]
    assert stored(workspace)["input_tokens"].to_list() == [2]
    assert (count.rows, count.stored, count.repeats) == (3, 1, 2)


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_requests_without_an_id_are_known_by_their_content(blank: str, workspace: Workspace, tmp_path: Path) -> None:
    rows = [request(i, request_id=blank) for i in range(5)]
    other_text = request(0, request_id=blank, prompt="another question")
    count = store(workspace, requests=put(tmp_path / "a.parquet", [*rows, rows[0], other_text]))["requests"]
    assert (count.stored, count.repeats) == (6, 1)
    replay = store(workspace, requests=put(tmp_path / "b.parquet", [*rows, request(7)]))["requests"]
    assert (replay.stored, replay.repeats) == (1, 5)


def test_an_id_reused_by_another_request_is_dropped_and_counted(workspace: Workspace, tmp_path: Path) -> None:
    other = request(3, request_id="r0", account_id="b", prompt="something else")
    count = store(workspace, requests=put(tmp_path / "a.parquet", [request(0), other]))["requests"]
    assert (count.stored, count.repeats) == (1, 1)
    assert stored(workspace)["account_id"].to_list() == ["a0"]


def test_broken_rows_are_counted_per_rule_and_kept_without_their_text(workspace: Workspace, tmp_path: Path) -> None:
    rows = [request(i) for i in range(100)]
    rows[3] |= {"status_code": 99}
    rows[8] |= {"channel": "fax", "prompt": "a secret"}
    rows[9] |= {"channel": "fax", "temperature": -1.0}
    count = store(workspace, limit=0.05, requests=put(tmp_path / "a.parquet", rows))["requests"]
    assert dict(count.rejects) == {"status_code_is_http": 1, "channel|regex": 2, "temperature_is_a_number": 1}
    assert count.stored == 97
    rejects = stored(workspace, "rejects").sort("row", "rule")
    assert rejects.columns == ["source", "table", "row", "rule"]
    assert rejects.select("table", "row", "rule").rows() == [
        ("requests", 3, "status_code_is_http"),
        ("requests", 8, "channel|regex"),
        ("requests", 9, "channel|regex"),
        ("requests", 9, "temperature_is_a_number"),
    ]


def test_a_number_outside_its_range_breaks_a_row_and_not_the_run(workspace: Workspace, tmp_path: Path) -> None:
    frame = table("requests", [request(i) for i in range(200)])
    wide = frame.with_columns(
        pl.col("input_tokens").cast(pl.Int64) - pl.when(pl.col("request_id") == "r5").then(500).otherwise(0)
    )
    wide.write_parquet(tmp_path / "a.parquet")
    count = store(workspace, requests=tmp_path / "a.parquet")["requests"]
    assert dict(count.rejects) == {"input_tokens|range": 1}
    assert count.stored == 199


def test_one_file_above_the_limit_refuses_the_run_and_nothing_is_stored(workspace: Workspace, tmp_path: Path) -> None:
    put(tmp_path / "in" / "a.parquet", [request(i) for i in range(100)])
    put(tmp_path / "in" / "b.parquet", [request(i, status_code=99 if i < 103 else 200) for i in range(100, 200)])
    accounts = put(tmp_path / "acc.parquet", [account(1)], "accounts")
    with pytest.raises(
        InputError, match=r"b\.parquet: 3 of 100 rows break .* 2\.0%: status_code_is_http in 3 .*first in row 0: give"
    ):
        store(workspace, limit=0.02, accounts=accounts, requests=tmp_path / "in")
    assert [name for name in TABLES if len(stored(workspace, name))] == []
    count = store(workspace, limit=0.03, accounts=accounts, requests=tmp_path / "in")["requests"]
    assert (count.stored, count.rejects.total()) == (197, 3)


def test_malformed_addresses_become_null_and_are_counted(workspace: Workspace, tmp_path: Path) -> None:
    addresses = ["192.0.2.1", "::ffff:192.0.2.1", "300.1.1.1", "no address", "", None, "2001:db8::1"]
    rows = [request(i, client_address=address) for i, address in enumerate(addresses)]
    people = [account(1, signup_address="?"), account(2)]
    counts = store(
        workspace,
        requests=put(tmp_path / "r.parquet", rows),
        accounts=put(tmp_path / "a.parquet", people, "accounts"),
    )
    assert counts["requests"].malformed_addresses == 2
    assert counts["accounts"].malformed_addresses == 1
    hashes = stored(workspace).sort("timestamp")["address"].to_list()
    assert [address is None for address in hashes] == [False, False, True, True, True, True, False]
    assert hashes[0] == hashes[1] != hashes[6]


@pytest.mark.parametrize(
    ("name", "first", "second", "stays"),
    [
        ("accounts", account(1), account(1, plan="team"), ("plan", ["pro", "free"])),
        ("enforcement", BAN, BAN, ("action", ["ban", "restore"])),
        ("releases", {"model": "m", "released_at": START}, {"model": "m", "released_at": START + timedelta(1)}, None),
    ],
)
def test_what_is_stored_of_a_small_table_stays(
    name: str, first: Any, second: Any, stays: Any, workspace: Workspace, tmp_path: Path
) -> None:
    third = {"accounts": account(2, plan="free"), "releases": {"model": "n", "released_at": START}}.get(
        name, BAN | {"action": "restore"}
    )
    store(workspace, **{name: put(tmp_path / "1.parquet", [first], name)})
    before = stored(workspace, name)
    count = store(workspace, **{name: put(tmp_path / "2.parquet", [second, third, third], name)})[name]
    assert (count.stored, count.repeats) == (1, 2)
    after = stored(workspace, name)
    assert len(after) == 2
    assert_frame_equal(after.join(before, on=before.columns, how="semi", nulls_equal=True), before)
    if stays is not None:
        assert sorted(after[stays[0]].to_list()) == sorted(stays[1])


def good() -> pl.DataFrame:
    return table("requests", [request(i) for i in range(3)])


@pytest.mark.parametrize(
    ("frame", "match"),
    [
        (good().drop("status_code"), r"the column status_code is missing, requests needs it: add it to the export"),
        (
            good().with_columns(input_tokens=pl.lit(True), stream=pl.lit([1])),
            r"column input_tokens has the type Boolean, expected UInt32: .*; the column stream has the type List",
        ),
        (
            good().with_columns(pl.col("timestamp").dt.replace_time_zone(None)),
            "timestamp has the type Datetime.*has no zone: write the zone, or give --assume-utc",
        ),
    ],
)
def test_a_file_of_the_wrong_shape_is_refused(
    frame: pl.DataFrame, match: str, workspace: Workspace, tmp_path: Path
) -> None:
    frame.write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=match):
        store(workspace, requests=tmp_path / "a.parquet")
    assert not (workspace.root / "lake").exists()


def test_a_file_that_is_no_parquet_or_torn_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("request_id,timestamp\n")
    with pytest.raises(InputError, match=r"text\.parquet can't be read as Parquet .*: export the file again"):
        store(workspace, requests=tmp_path / "text.parquet")
    torn = put(tmp_path / "torn.parquet", [request(i) for i in range(500)])
    torn.write_bytes(torn.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"torn\.parquet can't be read as Parquet"):
        store(workspace, requests=torn)


def test_a_path_with_nothing_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in ("empty", "absent", "no*.parquet"):
        with pytest.raises(InputError, match=r"no Parquet file at .*: expected a file, a folder or a glob with"):
            store(workspace, requests=tmp_path / path)
    with pytest.raises(InputError, match="nothing to ingest: give --requests"):
        store(workspace)


def test_an_empty_table_is_no_error(workspace: Workspace, tmp_path: Path) -> None:
    count = store(workspace, requests=put(tmp_path / "a.parquet", []))["requests"]
    assert (count.files, count.rows, count.stored) == (1, 0, 0)
