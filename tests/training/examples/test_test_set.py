"""Frozen test sets."""

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
    latest,
    make_test_set,
    read_test_set,
    write_test_set,
)


@pytest.fixture
def frozen(world, slices_of) -> TestSet:
    examples = world(honest=30, campaigns=2, size=3)
    return make_test_set(examples, "some", ("mind this",), slices_of(examples))


def test_the_latest_snapshot_is_one_row_per_account(world, as_of) -> None:
    assert latest(world(honest=5, campaigns=1, size=2))["as_of"].unique().to_list() == [as_of]


def test_the_course_holds_all_snapshots_of_the_true_accounts(frozen: TestSet) -> None:
    true = frozen.frame.filter("label")["account_id"].to_list()
    assert frozen.course["account_id"].unique().sort().to_list() == true
    assert frozen.course.height == 3 * len(true)
    assert frozen.course.columns == frozen.frame.columns


def test_only_true_accounts_of_the_set_have_a_family(world, slices_of) -> None:
    examples = world(honest=30, campaigns=2, size=3)
    slices = slices_of(examples)
    stray = pl.DataFrame({"account_id": ["acct-00020", "elsewhere"], "kind": ["family"] * 2, "name": ["x"] * 2})
    told = make_test_set(examples, "some", (), pl.concat([slices, stray])).slices
    assert "x" not in told["name"].to_list()
    assert told.equals(make_test_set(examples, "some", (), slices).slices)


def test_a_repeated_group_row_counts_once(world, slices_of) -> None:
    examples = world(honest=30, campaigns=2, size=3)
    slices = slices_of(examples)
    assert (
        make_test_set(examples, "s", (), pl.concat([slices, slices])).digest
        == make_test_set(examples, "s", (), slices).digest
    )


@given(true=st.integers(0, 5), honest=st.integers(6, 35), row=st.integers(0, 100), where=st.sampled_from(range(3)))
def test_the_digest_changes_when_anything_changes(
    world, slices_of, as_of, true: int, honest: int, row: int, where: int
) -> None:
    examples = world(honest=30, campaigns=2, size=3)
    slices = slices_of(examples)
    account, time = pl.col("account_id").str.slice(-5).cast(pl.Int64), pl.col("as_of")
    places = [(account == honest) & (time == as_of), (account == true) & (time < as_of), pl.lit(False)]
    other = examples.with_columns(
        pl.when(places[where]).then(9.5).otherwise("noise_a").cast(pl.Float32).alias("noise_a")
    )
    renamed = (pl.int_range(pl.len()) == row) & (where == 2)
    told = slices.with_columns(name=pl.when(renamed).then(pl.lit("other")).otherwise("name"))
    assert make_test_set(other, "s", (), told).digest != make_test_set(examples, "s", (), slices).digest


def test_what_was_written_is_read_again(frozen: TestSet, tmp_path: Path) -> None:
    write_test_set(frozen, tmp_path)
    again = read_test_set(tmp_path, frozen.name, frozen.digest)
    assert again.frame.equals(frozen.frame)
    assert again.course.equals(frozen.course)
    assert again.slices.equals(frozen.slices)


@pytest.mark.parametrize("name", [FRAME, COURSE, SLICES])
def test_a_changed_table_is_refused(frozen: TestSet, tmp_path: Path, name: str) -> None:
    write_test_set(frozen, tmp_path)
    table = pl.read_parquet(tmp_path / name)
    table.head(-1).write_parquet(tmp_path / name)
    with pytest.raises(IntegrityError, match="'some' is not the one that was judged on"):
        read_test_set(tmp_path, frozen.name, frozen.digest)


@pytest.mark.parametrize("name", [FRAME, SLICES])
def test_a_table_that_is_missing_or_broken_is_refused(frozen: TestSet, tmp_path: Path, name: str) -> None:
    write_test_set(frozen, tmp_path)
    (tmp_path / name).write_bytes(b"PAR1 no more")
    with pytest.raises(IntegrityError, match="can't be read"):
        read_test_set(tmp_path, frozen.name, frozen.digest)
    (tmp_path / name).unlink()
    with pytest.raises(IntegrityError, match="can't be read"):
        read_test_set(tmp_path, frozen.name, frozen.digest)


def test_a_test_set_of_the_first_format_is_its_frame(frozen: TestSet, tmp_path: Path) -> None:
    frozen.frame.write_parquet(tmp_path / FRAME)
    old = read_test_set(tmp_path, "old", digest(frozen.frame))
    assert old.frame.equals(frozen.frame)
    assert old.course.is_empty()
    assert old.slices.is_empty()


def test_the_course_of_an_account_does_not_reach_beyond_its_latest_snapshot(frozen: TestSet, as_of) -> None:
    assert frozen.course["as_of"].max() == as_of
    assert frozen.course["as_of"].min() == as_of - timedelta(days=2)
