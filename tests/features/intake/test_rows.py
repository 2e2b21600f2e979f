"""Input files on disk, and which of their rows keep the contract."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import InputError
from features.intake.files import find_input_files
from features.intake.records.containers import BATCH_ROWS
from features.intake.rows import check_rows, read_batches
from features.schemas import Accounts
from tests.conftest import cases


def test_batches_number_the_rows_of_the_file(tmp_path: Path) -> None:
    rows = BATCH_ROWS + 10
    path = tmp_path / "long.parquet"
    pl.select(
        model=pl.format("m{}", pl.int_range(rows)), released_at=pl.lit(datetime(2026, 1, 1, tzinfo=UTC))
    ).write_parquet(path)
    (file,) = find_input_files(path, "releases")
    first, second = read_batches(file)
    assert file.records.rows == rows
    assert first["row"].to_list() == list(range(BATCH_ROWS))
    assert second["row"].to_list() == list(range(BATCH_ROWS, rows))
    assert second["model"][0] == f"m{BATCH_ROWS}"


def test_batches_of_some_columns_leave_the_rest_out(tmp_path: Path, log: pl.DataFrame) -> None:
    log.write_parquet(tmp_path / "log.parquet")
    (batch,) = read_batches(find_input_files(tmp_path, "requests")[0], ["request_id", "timestamp"])
    assert batch.columns == ["row", "request_id", "timestamp"]
    assert batch["request_id"].equals(log["request_id"])


@pytest.mark.parametrize("name", ["note.txt", "other.parquet"])
def test_a_file_without_rows_is_empty_only_if_it_has_a_column_of_the_table(tmp_path: Path, name: str) -> None:
    other = pl.DataFrame(schema={"something": pl.String})
    if name == "note.txt":
        (tmp_path / name).write_text("something\n")
    else:
        other.write_parquet(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name} has no row and no column of releases: give the export of releases"):
        list(read_batches(find_input_files(tmp_path / name, "releases")[0]))
    other.with_columns(model=pl.lit("m")).write_parquet(tmp_path / "empty.parquet")
    assert list(read_batches(find_input_files(tmp_path / "empty.parquet", "releases")[0])) == []


def rules_of(log: pl.DataFrame, table: str = "requests", **columns: Any) -> list[tuple[int, str]]:
    changed = log[:3].with_columns(**{name: pl.Series([value] * 3) for name, value in columns.items()})
    checked = check_rows(changed.with_row_index("row"), table)
    assert len(checked.good) == 0
    return checked.rejects.rows()


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("input_tokens", -1, "input_tokens|range"),
        ("input_tokens", 2**32, "input_tokens|range"),
        ("cached_tokens", -5, "cached_tokens|range"),
        ("status_code", 70_000, "status_code|range"),
        ("status_code", 99, "status_code_is_http"),
        ("status_code", 600, "status_code_is_http"),
        ("temperature", -0.1, "temperature_is_a_number"),
        ("channel", "phone", "channel|regex"),
        ("channel", "cloud:", "channel|regex"),
        ("account_id", "", "account_id|min_length"),
        ("account_id", None, "account_id|nullability"),
        ("timestamp", None, "timestamp|nullability"),
        ("request_id", None, "request_id|nullability"),
    ],
)
def test_each_broken_rule_is_named_in_every_row(log: pl.DataFrame, column: str, value: Any, rule: str) -> None:
    assert rules_of(log, **{column: value}) == [(row, rule) for row in range(3)]


def test_a_temperature_without_end_breaks_the_rule_of_its_type_too(log: pl.DataFrame) -> None:
    broken = rules_of(log, temperature=float("inf"))
    assert Counter(rule for _, rule in broken) == {"temperature_is_a_number": 3, "temperature|inf": 3}


def test_a_row_that_breaks_two_rules_is_named_for_both(log: pl.DataFrame) -> None:
    broken = rules_of(log, status_code=600, channel="fax")
    assert Counter(rule for _, rule in broken) == {"status_code_is_http": 3, "channel|regex": 3}


def test_the_other_tables_have_their_rules() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    accounts = Accounts.create_empty().clear(3).with_columns(
        account_id=pl.lit("a"), created_at=pl.lit(moment).cast(pl.Datetime("us", "UTC")), plan=pl.lit("free")
    )  # fmt: skip
    assert check_rows(accounts.with_row_index("row"), "accounts").rejects.is_empty()
    assert {rule for _, rule in rules_of(accounts, "accounts", plan="gold")} == {"plan_is_known"}
    assert {rule for _, rule in rules_of(accounts, "accounts", programme="arts")} == {"programme_is_known"}
    acted = pl.DataFrame({"account_id": ["a"] * 3, "action": ["praise"] * 3, "acted_at": [moment] * 3})
    assert {rule for _, rule in rules_of(acted, "enforcement")} == {"action_is_known"}


def test_text_of_any_kind_keeps_the_contract(log: pl.DataFrame) -> None:
    texts = ["\0", "no blank", "😀" * 3, "\x1b[0m\r\n"]
    frame = log[:4].with_columns(prompt=pl.Series(texts), system_prompt=pl.Series(texts), request_id=pl.lit(""))
    checked = check_rows(frame.with_row_index("row"), "requests")
    assert checked.good["prompt"].to_list() == texts
    assert checked.rejects.is_empty()


VALUES = {
    "input_tokens": st.integers(-2, 3) | st.just(2**40),
    "status_code": st.sampled_from([-1, 0, 200, 404, 999, 10**6]),
    "tool_count": st.none() | st.integers(-1, 70_000),
    "temperature": st.none() | st.floats(width=32),
    "country": st.none() | st.sampled_from(["US", "us", ""]),
    "channel": st.sampled_from(["api", "web", "", "fax"]),
    "account_id": st.none() | st.sampled_from(["", "a"]),
    "finish_reason": st.none() | st.sampled_from(["stop", "?"]),
}


@given(rows=st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=30), begin=st.integers(0, 10**6))
@settings(max_examples=cases(60))
def test_no_row_vanishes_and_none_is_both_good_and_broken(
    rows: list[dict[str, Any]], begin: int, log: pl.DataFrame
) -> None:
    types = {"temperature": pl.Float64, "country": pl.String, "account_id": pl.String, "finish_reason": pl.String}
    drawn = pl.DataFrame(rows, schema={name: types.get(name, pl.Int64) for name in VALUES} | {"channel": pl.String})
    batch = log[:30][: len(rows)].with_columns(drawn).with_row_index("row", begin)
    checked = check_rows(batch, "requests")
    good, broken = checked.good["row"].to_list(), set(checked.rejects["row"])
    assert len(good) == len(set(good))
    assert sorted(set(good) | broken) == list(range(begin, begin + len(rows)))
    assert not set(good) & broken
    assert checked.rejects["row"].is_sorted()
    assert checked.rejects.is_unique().all()
    for row, values in zip(range(begin, begin + len(rows)), rows, strict=True):
        fits = 0 <= values["input_tokens"] < 2**32 and values["status_code"] in (0, 200, 404) and values["account_id"]
        fits = fits and values["channel"] in ("api", "web") and 0 <= (values["tool_count"] or 0) < 2**16
        temperature = values["temperature"]
        fits = fits and (temperature is None or temperature != temperature or 0 <= temperature < float("inf"))
        assert (row in good) == bool(fits)
    unchanged = batch.filter(pl.col("row").is_in(good)).select("row", "input_tokens", "prompt")
    assert checked.good.select("row", "input_tokens", "prompt").cast(dict(unchanged.schema)).equals(unchanged)
