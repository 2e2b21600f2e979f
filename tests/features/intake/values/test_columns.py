"""Values become those of the contract where their meaning is certain; each change is counted, each loss has a rule."""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from features.intake.values.columns import fill_failed, read_column
from features.intake.values.reading import AS_IT_IS
from features.schemas import INPUT_TABLES

NAN = float("nan")
CONTRACT = {
    name: (column.dtype, column.nullable) for table in INPUT_TABLES.values() for name, column in table.columns().items()
}


def read(name: str, values: list[Any], dtype: Any = None) -> tuple[list[Any], dict[str, int], list[str]]:
    """The values, the changes, and the rules that are broken."""
    series = pl.Series(name, values, dtype=dtype, strict=False)
    reading = read_column(series, *CONTRACT[name], AS_IT_IS)
    frame = series.to_frame()
    changes = {kind: frame.select(mask.sum()).item() for kind, mask in reading.changes.items()}
    rules = [rule for rule, mask in reading.lost.items() if frame.select(mask.fill_null(False).any()).item()]
    value = frame.select(reading.value)[name]
    assert value.dtype == CONTRACT[name][0] or value.dtype == pl.Null
    return value.to_list(), {kind: count for kind, count in changes.items() if count}, rules or [reading.problem]


@pytest.mark.parametrize("word", ["", " ", "\t\n", "-", "None", "NONE", "null", "NULL", "N/A", "n/a", " - "])
@pytest.mark.parametrize("name", ["organization_id", "user_agent", "prompt", "campaign", "programme", "client_address"])
def test_a_word_for_nothing_is_null_in_a_column_that_may_be_null(name: str, word: str) -> None:
    assert read(name, [word, None]) == ([None, None], {"nothing": 1}, [""])


@pytest.mark.parametrize("word", ["nonentity", "--", "null and void", "a-b", "0", "NA", "unknown"])
def test_other_words_stay(word: str) -> None:
    assert read("user_agent", [word]) == ([word], {}, [""])


def test_a_word_for_nothing_is_blank_where_a_value_must_be_so_that_the_row_is_rejected() -> None:
    assert read("account_id", ["-", "null", "a"])[0] == ["", "", "a"]
    assert read("request_id", ["None", "", "r"]) == (["", "", "r"], {"no_id": 2}, [""])


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([7, None], pl.Int64), ([7, None], pl.UInt8), ([7.0, None], pl.Float64), ([7.0, NAN], pl.Float32),
        ([Decimal("7.00"), None], pl.Decimal(10, 2)), (["7", None], pl.String), (["7.0", "null"], pl.String),
        (["7e0", "nan"], pl.String), ([" 7 ", ""], pl.String), (["7", None], pl.Categorical),
    ],
)  # fmt: skip
def test_a_whole_number_of_any_type_is_one(values: list[Any], dtype: Any) -> None:
    numbers, _, rules = read("tool_count", values, dtype)
    assert (numbers, rules) == ([7, None], [""])


@pytest.mark.parametrize(
    ("values", "dtype", "rule"),
    [
        ([-1], pl.Int64, "range"), ([2**32], pl.Int64, "range"), ([2**64 - 1], pl.UInt64, "range"),
        ([1e30], pl.Float64, "range"), ([float("inf")], pl.Float64, "range"), ([1.5], pl.Float64, "whole"),
        ([Decimal("0.5")], pl.Decimal(10, 2), "whole"), (["1.5"], pl.String, "whole"), (["many"], pl.String, "number"),
        (["-3"], pl.String, "range"), (["99999999999999999999"], pl.String, "range"), ([True], pl.Boolean, "type"),
        ([[1]], pl.List(pl.Int64), "type"), ([b"1"], pl.Binary, "type"),
    ],
)  # fmt: skip
def test_a_number_that_does_not_fit_is_lost_with_the_reason(values: list[Any], dtype: Any, rule: str) -> None:
    numbers, _, rules = read("input_tokens", values, dtype)
    assert (numbers, rules) == ([None], [f"input_tokens|{rule}"])


def test_no_limit_of_tokens_is_null_and_any_other_negative_number_is_lost() -> None:
    assert read("max_tokens", [-1, 5, None]) == ([None, 5, None], {"no_limit": 1}, [""])
    assert read("max_tokens", ["-1", "5"])[:2] == ([None, 5], {"no_limit": 1, "number": 1})
    assert read("max_tokens", [-2])[2] == ["max_tokens|range"]


def test_temperatures_of_any_type_are_read() -> None:
    assert read("temperature", [1, 0])[0] == [1.0, 0.0]
    assert read("temperature", ["0.5", "null", "nan"])[0] == [0.5, None, None]
    assert read("temperature", [NAN, 0.5]) == ([None, 0.5], {"nothing": 1}, [""])
    assert read("temperature", ["hot"])[2] == ["temperature|number"]


@pytest.mark.parametrize(
    ("values", "want"),
    [
        ([True, False, None], [True, False, None]), ([1, 0, None], [True, False, None]),
        ([1.0, 0.0, NAN], [True, False, None]), (["true", "False", "-"], [True, False, None]),
        (["yes", "n", ""], [True, False, None]),
    ],
)  # fmt: skip
def test_flags_of_any_type_are_read(values: list[Any], want: list[Any]) -> None:
    assert read("stream", values)[::2] == (want, [""])


@pytest.mark.parametrize("value", ["maybe", 2, 0.5, "10"])
def test_what_is_neither_true_nor_false_is_lost(value: Any) -> None:
    assert read("label", [value])[::2] == ([None], ["label|flag"])


def test_countries_are_in_upper_case_and_unknown_ones_null() -> None:
    values, changes, rules = read("country", ["us", " de ", "FR", "T1", "XX", "USA", "Germany", ""])
    assert values == ["US", "DE", "FR", None, None, None, None, None]
    assert (changes, rules) == ({"nothing": 1, "word": 2, "unknown": 4}, [""])


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("stop", ["stop", "end_turn", "STOP", "stop_sequence", "COMPLETE", "FinishReason.STOP", "FINISH_REASON_STOP"]),
        ("length", ["length", "max_tokens", "MAX_TOKENS", "model_length", "max_output_tokens", "incomplete"]),
        ("tool_calls", ["tool_calls", "tool_use", "function_call", "TOOL_CALL"]),
        ("content_filter", ["content_filter", "SAFETY", "refusal", "guardrail_intervened", "RECITATION"]),
        (None, ["OTHER", "error", "bored", ""]),
    ],
)
def test_the_reasons_of_all_vendors_are_read(reason: str | None, words: list[str]) -> None:
    values, _, rules = read("finish_reason", words)
    assert (values, rules) == ([reason] * len(words), [""])


def test_words_of_a_fixed_list_may_be_of_any_case() -> None:
    assert read("plan", ["Pro ", "TEAM"])[0] == ["pro", "team"]
    assert read("programme", ["Research", "none"])[0] == ["research", None]
    assert read("action", ["BAN"])[0] == ["ban"]


def test_an_id_may_be_a_number_but_no_fraction() -> None:
    assert read("account_id", [17, 4])[0] == ["17", "4"]
    assert read("account_id", [1.0])[2] == ["account_id|type"]


def test_only_the_null_counts_of_failed_calls_are_filled() -> None:
    calls = pl.DataFrame({
        "status_code": [200, 429, 0, 500],
        "input_tokens": [None, None, None, 4],
        "output_tokens": [1, None, 2, None],
    })  # fmt: skip
    filled, counts = fill_failed(calls)
    assert filled["input_tokens"].to_list() == [None, 0, 0, 4]
    assert filled["output_tokens"].to_list() == [1, 0, 2, 0]
    assert counts == {"input_tokens": 2, "output_tokens": 2}
