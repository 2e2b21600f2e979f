"""Files behind a path: folders, globs, parts without a suffix, partitions, Delta tables; each content once."""

import os
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from features.errors import InputError
from features.intake.files import find_input_files
from features.intake.rows import check_rows, read_batches


def test_a_file_a_folder_and_a_glob_find_the_same_files_in_order(tmp_path: Path, log: pl.DataFrame) -> None:
    (tmp_path / "deep").mkdir()
    paths = [tmp_path / "b.parquet", tmp_path / "deep" / "c.parquet", tmp_path / "a.parquet"]
    for i, path in enumerate(paths):
        log[i : i + 10].write_parquet(path)
    (tmp_path / "notes.txt").write_text("no Parquet")
    in_folder = find_input_files(tmp_path, "requests")
    assert [file.path for file in in_folder] == sorted(paths)
    assert [file.records.rows for file in in_folder] == [10, 10, 10]
    assert find_input_files(tmp_path / "**" / "*.parquet", "requests") == in_folder
    assert [file.path.name for file in find_input_files(tmp_path / "[ab].parquet", "requests")] == [
        "a.parquet",
        "b.parquet",
    ]
    assert find_input_files(paths[0], "requests")[0].path == paths[0]


def test_the_same_content_is_one_file_and_the_source_tells_contents_apart(tmp_path: Path, log: pl.DataFrame) -> None:
    for name, rows in (("a", 5), ("b", 6), ("c", 5)):
        log[:rows].write_parquet(tmp_path / f"{name}.parquet")
    files = find_input_files(tmp_path, "requests")
    assert [file.path.name for file in files] == ["a.parquet", "b.parquet"]
    assert all(0 <= file.source < 1 << 63 for file in files)
    assert files[0].source != files[1].source


@pytest.mark.parametrize("name", ["", "nothing.parquet", "*.parquet", "deep/**"])
def test_an_empty_folder_or_a_glob_without_files_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"no Parquet file at .*: expected a file, a folder or a glob with requests"):
        find_input_files(tmp_path / name, "requests")


def test_a_path_into_a_delta_table_gives_what_its_newest_version_holds(tmp_path: Path, log: pl.DataFrame) -> None:
    table = tmp_path / "t"
    write_deltalake(str(table), log.to_arrow(), partition_by=["channel"])
    write_deltalake(str(table), log.head(7).to_arrow(), partition_by=["channel"], mode="overwrite")
    assert rows_at(table / "channel=*") == rows_at(table / "*" / "*.parquet") == rows_at(table) == 7
    removed = {*table.rglob("*.parquet")} - {file.path for file in find_input_files(table, "requests")}
    with pytest.raises(InputError, match="lies in a Delta table that has removed it: give the folder of the table"):
        find_input_files(min(removed), "requests")


def test_a_link_around_itself_and_a_pipe_in_a_folder_are_passed_over(tmp_path: Path, log: pl.DataFrame) -> None:
    log.write_parquet(tmp_path / "a.parquet")
    (tmp_path / "around").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert [file.path.name for file in find_input_files(tmp_path, "requests")] == ["a.parquet"]


def rows_at(path: Path) -> int:
    return sum(len(batch) for file in find_input_files(path, "requests") for batch in read_batches(file))


def test_a_folder_named_like_a_file_parts_without_a_suffix_and_other_suffixes_are_searched(
    tmp_path: Path, log: pl.DataFrame
) -> None:
    for i, name in enumerate(("2026-04-06.parquet/part-0.parquet", "a.pq", "b/part-00000", "b/c/000000_0")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        log[i : i + 1].write_parquet(tmp_path / name)
    assert rows_at(tmp_path) == 4
    assert rows_at(tmp_path / "*") == 4


def test_a_glob_may_match_folders(tmp_path: Path, log: pl.DataFrame) -> None:
    for i, day in enumerate(("2026-04-06", "2026-04-07", "other")):
        (tmp_path / day).mkdir()
        log[i : i + 1].write_parquet(tmp_path / day / "p.parquet")
    assert rows_at(tmp_path / "2026-*") == 2


@pytest.mark.parametrize(
    "name", [".hidden.parquet", "_SUCCESS", "_temporary/a.parquet", ".part-0.parquet.crc", "README"]
)
def test_what_engines_leave_beside_their_parts_is_no_data(tmp_path: Path, log: pl.DataFrame, name: str) -> None:
    log[:2].write_parquet(tmp_path / "part-0.parquet")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"")
    assert rows_at(tmp_path) == rows_at(tmp_path / "**") == 2


def test_partitions_of_contract_columns_are_columns_and_the_same_bytes_in_two_of_them_are_other_rows(
    tmp_path: Path, log: pl.DataFrame
) -> None:
    for folder in ("channel=api/day=1", "channel=cloud%3Aaws/day=1", "channel=web"):
        (tmp_path / folder).mkdir(parents=True)
        log[:2].drop("channel").write_parquet(tmp_path / folder / "part.parquet")
    files = find_input_files(tmp_path, "requests")
    good = [check_rows(batch, "requests").good for file in files for batch in read_batches(file)]
    assert sorted(pl.concat(good)["channel"]) == ["api", "api", "cloud:aws", "cloud:aws", "web", "web"]


def test_a_column_of_the_file_is_believed_before_its_folder_and_no_value_is_null(
    tmp_path: Path, log: pl.DataFrame
) -> None:
    folder = tmp_path / "channel=web" / "country=__HIVE_DEFAULT_PARTITION__"
    folder.mkdir(parents=True)
    log[:3].drop("country").write_parquet(folder / "part.parquet")
    (batch,) = read_batches(find_input_files(tmp_path, "requests")[0])
    assert batch["channel"].equals(log[:3]["channel"])
    assert batch["country"].null_count() == 3


@pytest.mark.parametrize("partition", [None, ["channel"]])
def test_a_delta_table_is_read_as_a_table(tmp_path: Path, log: pl.DataFrame, partition: list[str] | None) -> None:
    table = tmp_path / "table"
    for rows in (log[:4], log[4:6]):
        write_deltalake(table, rows.to_arrow(), partition_by=partition, mode="overwrite")
    for path in (table, tmp_path, tmp_path / "t*"):
        files = find_input_files(path, "requests")
        ids = [request for file in files for batch in read_batches(file) for request in batch["request_id"]]
        assert sorted(ids) == sorted(log[4:6]["request_id"])


def test_a_delta_table_whose_files_do_not_say_what_it_holds_is_refused(tmp_path: Path, log: pl.DataFrame) -> None:
    write_deltalake(tmp_path, log[:4].to_arrow(), configuration={"delta.enableDeletionVectors": "true"})
    with pytest.raises(InputError, match=r"deletion vectors or renamed columns, .*: export its rows as Parquet"):
        find_input_files(tmp_path, "requests")


def test_a_torn_delta_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "_delta_log").mkdir()
    with pytest.raises(InputError, match=r"can't be read as a Delta table \(.+\): export the rows again"):
        find_input_files(tmp_path, "requests")
