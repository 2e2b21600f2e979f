"""Training examples."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import InputError
from training.examples.dataset import digest, entities, matrix, snapshot_times, targets, weights

T = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TIME = pl.Datetime("us", "UTC")


def seen(*rows: tuple[str, int, int]) -> pl.DataFrame:
    schema = {"account_id": pl.String, "first_seen": TIME, "last_seen": TIME}
    return pl.DataFrame([(a, T - DAY * f, T - DAY * last) for a, f, last in rows], schema=schema, orient="row")


def labels(*rows: tuple[str, bool, int, str | None]) -> pl.DataFrame:
    schema = {"account_id": pl.String, "label": pl.Boolean, "labelled_at": TIME, "campaign": pl.String}
    return pl.DataFrame([(a, y, T - DAY * d, c) for a, y, d, c in rows], schema=schema, orient="row")


def test_snapshot_times_go_back_from_the_training_time_and_come_once() -> None:
    assert snapshot_times(T, (0, 3, 3, 1)) == (T - 3 * DAY, T - DAY, T)


@pytest.mark.parametrize("days", [(-1,), ()])
def test_a_snapshot_may_not_look_ahead(days: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="none below 0"):
        snapshot_times(T, days)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InputError, match="has no zone"):
        snapshot_times(T.replace(tzinfo=None))


def test_an_account_has_a_row_for_each_time_before_whose_hour_it_had_been_seen() -> None:
    listed = entities(seen(("a", 5, 0), ("b", 1, 0)), labels(), T, snapshot_times(T, (0, 1, 3))).frame
    assert listed.select("account_id", "as_of").rows() == [
        ("a", T - 3 * DAY), ("a", T - DAY), ("a", T), ("b", T),
    ]  # fmt: skip


def test_a_label_known_later_is_left_out_and_counted() -> None:
    listed = entities(seen(("a", 5, 0), ("b", 5, 0)), labels(("a", True, -1, "x"), ("b", True, 0, "x")), T, (T,))
    assert listed.frame["label"].to_list() == [None, True]
    assert listed.frame["campaign"].to_list() == [None, "x"]
    assert listed.frame["labelled_at"].to_list() == [None, T]
    assert (listed.labels_too_late, listed.labels_unseen) == (1, 0)


def test_a_label_of_an_account_never_seen_is_counted() -> None:
    assert entities(seen(("a", 5, 0)), labels(("z", True, 1, None)), T, (T,)).labels_unseen == 1


def test_of_a_silent_account_the_snapshots_that_would_repeat_another_are_left_out_and_counted() -> None:
    listed = entities(seen(("a", 60, 40)), labels(), T, snapshot_times(T, (0, 14, 50)))
    assert listed.frame["as_of"].to_list() == [T - 50 * DAY, T]
    assert listed.snapshots_idle == 1


def test_an_account_labelled_twice_is_refused() -> None:
    with pytest.raises(InputError, match="'a' more than once"):
        entities(seen(("a", 5, 0)), labels(("a", True, 1, "x"), ("a", False, 1, None)), T, (T,))


def test_a_snapshot_after_the_training_time_is_refused() -> None:
    with pytest.raises(InputError, match="none may be later"):
        entities(seen(("a", 5, 0)), labels(), T, (T + DAY,))


def examples(rows: list[tuple[str, bool | None, str | None, int]]) -> pl.DataFrame:
    """Rows (account, label, campaign, snapshots)."""
    flat = [(a, T - DAY * d, y, c) for a, y, c, n in rows for d in range(n)]
    schema = {"account_id": pl.String, "as_of": TIME, "label": pl.Boolean, "campaign": pl.String}
    return pl.DataFrame(flat, schema=schema, orient="row")


def test_the_snapshots_of_an_account_share_one_weight() -> None:
    assert weights(examples([("a", False, None, 4), ("b", False, None, 1)])) == pytest.approx([0.25] * 4 + [1])


def test_an_unlabelled_account_weighs_half_of_a_judged_one() -> None:
    assert weights(examples([("a", None, None, 1), ("b", False, None, 1)])) == pytest.approx([0.5, 1.0])


def test_a_large_campaign_outweighs_a_small_one_by_the_root_of_the_ratio() -> None:
    rows = [(f"l{i}", True, "large", 2) for i in range(16)] + [(f"s{i}", True, "small", 1) for i in range(4)]
    frame = examples([*rows, ("single", True, None, 3)])
    weight = frame.with_columns(w=weights(frame)).group_by("campaign").agg(pl.col("w").sum())
    total = dict(weight.iter_rows())
    assert total["large"] / total["small"] == pytest.approx(2.0)
    assert total["small"] / total[None] == pytest.approx(2.0)
    assert sum(total.values()) == pytest.approx(21)


def test_a_named_campaign_of_accounts_that_are_not_true_is_none() -> None:
    frame = examples([("a", False, "x", 1), ("b", True, "y", 1)])
    assert weights(frame) == pytest.approx([1, 1])


def test_unknown_values_of_the_matrix_are_nan_in_the_order_asked() -> None:
    frame = pl.DataFrame({"a": [1.0, None], "b": [float("nan"), 2.0]})
    values = matrix(frame, ("b", "a"))
    assert values.dtype == np.float32
    assert np.array_equal(values, np.array([[np.nan, 1], [2, np.nan]], dtype=np.float32), equal_nan=True)


def test_a_missing_feature_column_is_refused() -> None:
    with pytest.raises(InputError, match=r"lack the feature columns \['b'\]"):
        matrix(pl.DataFrame({"a": [1.0]}), ("a", "b"))


def test_an_unlabelled_account_counts_as_not_true() -> None:
    assert targets(examples([("a", None, None, 1), ("b", True, None, 1)])).tolist() == [False, True]


cells = st.tuples(
    st.none() | st.text(max_size=3),
    st.none() | st.floats(width=32) | st.just(-0.0),
    st.none() | st.booleans(),
    st.none() | st.integers(-5, 5),
)


def table(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"s": pl.String, "f": pl.Float32, "b": pl.Boolean, "i": pl.Int64}, orient="row")


@given(st.lists(cells, max_size=8), st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_the_order_of_rows_or_columns(rows: list, random) -> None:
    shuffled = rows[:]
    random.shuffle(shuffled)
    assert digest(table(rows)) == digest(table(shuffled).select("i", "s", "b", "f"))


@given(st.lists(cells, min_size=1, max_size=6), cells)
def test_the_digest_changes_with_a_row(rows: list, other: tuple) -> None:
    def plain(row: tuple) -> tuple:
        is_number = row[1] is not None and not np.isnan(row[1])
        return (row[0], row[1] + 0.0 if is_number else None, *row[2:])

    changed = [*rows[:-1], other]
    assert (digest(table(rows)) == digest(table(changed))) == (plain(rows[-1]) == plain(other))


def test_the_digest_is_the_same_in_another_process() -> None:
    code = (
        "import polars as pl; from training.examples.dataset import digest;"
        "print(digest(pl.DataFrame({'a': ['x', None], 'b': [1.5, None], 'c': [True, False]})))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = digest(pl.DataFrame({"a": ["x", None], "b": [1.5, None], "c": [True, False]}))
    assert run.stdout.strip() == here
    assert digest(pl.DataFrame({"a": ["xy", ""]})) != digest(pl.DataFrame({"a": ["x", "y"]}))
