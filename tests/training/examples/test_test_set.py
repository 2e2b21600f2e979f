"""Test sets."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import IntegrityError
from training.examples.dataset import digest
from training.examples.test_set import (
    COURSE,
    FRAME,
    SLICES,
    TestSet,
    erase_from_test_set,
    latest,
    make_test_set,
    read_test_set,
    write_erased,
    write_test_set,
)


@pytest.fixture
def test_set(world, slices_of) -> TestSet:
    examples = world(honest=30, campaigns=2, size=3)
    return make_test_set(examples, "some", ("mind this",), slices_of(examples))


def test_the_latest_snapshot_is_one_row_per_account(world, as_of) -> None:
    assert latest(world(honest=5, campaigns=1, size=2))["as_of"].unique().to_list() == [as_of]


def test_the_course_holds_all_snapshots_of_the_true_accounts(test_set: TestSet) -> None:
    true = test_set.frame.filter("label")["account_id"].to_list()
    assert test_set.course["account_id"].unique().sort().to_list() == true
    assert test_set.course.height == 3 * len(true)
    assert test_set.course.columns == test_set.frame.columns


def test_only_true_accounts_of_the_set_have_a_family(world, slices_of) -> None:
    examples = world(honest=30, campaigns=2, size=3)
    slices = slices_of(examples)
    stray = pl.DataFrame({"account_id": ["acct-00020", "elsewhere"], "kind": ["family"] * 2, "name": ["x"] * 2})
    with_stray = make_test_set(examples, "some", (), pl.concat([slices, stray])).slices
    assert "x" not in with_stray["name"].to_list()
    assert with_stray.equals(make_test_set(examples, "some", (), slices).slices)


def test_a_repeated_row_of_slices_counts_once(world, slices_of) -> None:
    examples = world(honest=30, campaigns=2, size=3)
    slices = slices_of(examples)
    assert (
        make_test_set(examples, "s", (), pl.concat([slices, slices])).digest
        == make_test_set(examples, "s", (), slices).digest
    )


@given(accounts=st.tuples(st.integers(0, 5), st.integers(6, 35)), row=st.integers(0, 100), table=st.integers(0, 2))
def test_the_digest_changes_when_anything_changes(
    world, slices_of, as_of, accounts: tuple[int, int], row: int, table: int
) -> None:
    true, honest = accounts
    examples = world(honest=30, campaigns=2, size=3)
    slices = slices_of(examples)
    account, time = pl.col("account_id").str.slice(-5).cast(pl.Int64), pl.col("as_of")
    is_changed = [(account == honest) & (time == as_of), (account == true) & (time < as_of), pl.lit(False)]
    other = examples.with_columns(
        pl.when(is_changed[table]).then(9.5).otherwise("noise_a").cast(pl.Float32).alias("noise_a")
    )
    renamed = (pl.int_range(pl.len()) == row) & (table == 2)
    other_slices = slices.with_columns(name=pl.when(renamed).then(pl.lit("other")).otherwise("name"))
    assert make_test_set(other, "s", (), other_slices).digest != make_test_set(examples, "s", (), slices).digest


def test_what_was_written_is_read_again(test_set: TestSet, tmp_path: Path) -> None:
    write_test_set(test_set, tmp_path)
    again = read_test_set(tmp_path, test_set.name, test_set.digest)
    assert again.frame.equals(test_set.frame)
    assert again.course.equals(test_set.course)
    assert again.slices.equals(test_set.slices)


@pytest.mark.parametrize("name", [FRAME, COURSE, SLICES])
def test_a_changed_table_is_refused(test_set: TestSet, tmp_path: Path, name: str) -> None:
    write_test_set(test_set, tmp_path)
    table = pl.read_parquet(tmp_path / name)
    table.head(-1).write_parquet(tmp_path / name)
    with pytest.raises(IntegrityError, match="'some' is not the one that was judged on"):
        read_test_set(tmp_path, test_set.name, test_set.digest)


@pytest.mark.parametrize("name", [FRAME, SLICES])
def test_a_table_that_is_missing_or_broken_is_refused(test_set: TestSet, tmp_path: Path, name: str) -> None:
    write_test_set(test_set, tmp_path)
    (tmp_path / name).write_bytes(b"PAR1 no more")
    with pytest.raises(IntegrityError, match="can't be read"):
        read_test_set(tmp_path, test_set.name, test_set.digest)
    (tmp_path / name).unlink()
    with pytest.raises(IntegrityError, match="can't be read"):
        read_test_set(tmp_path, test_set.name, test_set.digest)


def test_a_test_set_of_the_first_format_is_its_frame(test_set: TestSet, tmp_path: Path) -> None:
    test_set.frame.write_parquet(tmp_path / FRAME)
    old = read_test_set(tmp_path, "old", digest(test_set.frame))
    assert old.frame.equals(test_set.frame)
    assert old.course.is_empty()
    assert old.slices.is_empty()


def test_the_course_of_an_account_does_not_reach_beyond_its_latest_snapshot(test_set: TestSet, as_of) -> None:
    assert test_set.course["as_of"].max() == as_of
    assert test_set.course["as_of"].min() == as_of - timedelta(days=2)


def test_an_erased_account_is_gone_from_all_three_tables_and_the_digest_is_that_of_the_rest(
    test_set: TestSet, tmp_path: Path
) -> None:
    write_test_set(test_set, tmp_path)
    gone = test_set.frame.filter("label")["account_id"][0]
    erased = erase_from_test_set(tmp_path, [gone, "nobody"])
    assert erased is not None and erased.before == test_set.digest
    assert read_test_set(tmp_path, "some", erased.before).frame.equals(test_set.frame), "it is not written yet"
    assert [path.name for path in write_erased(erased, tmp_path)] == list(erased.tables)
    rest = read_test_set(tmp_path, "some", erased.after)
    for table in (rest.frame, rest.course, rest.slices):
        assert len(table) and gone not in table["account_id"].to_list()
    assert erase_from_test_set(tmp_path, [gone]) is None
