"""Paths of fields, and the values at them."""

from typing import Any

import polars as pl
import pytest

from features.errors import InputError
from features.formats.paths import Records, fields_of, parse_path


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ('a."b.c".d', ("a", "b.c", "d")),
        ('"gen_ai.x"', ("gen_ai.x",)),
        ("a[0].b", ("a", 0, "b")),
        ("a[-1]", ("a", -1)),
        ("x-forwarded-for", ("x-forwarded-for",)),
    ],
)
def test_a_path_is_split_into_names_and_positions(text: str, steps: tuple[Any, ...]) -> None:
    assert parse_path(text) == steps


@pytest.mark.parametrize("text", ["", ".", "a..b", "a.", "[0]", 'a."b', "a[x]", "a b]"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"is no path of a field: write a\.b"):
        parse_path(text)


def test_the_fields_of_paths_have_leaves_of_text_and_a_whole_that_is_wanted_stays_text() -> None:
    paths = [parse_path(path) for path in ("a.b", "a.c[0].d", "e", "e.f", "g[0]")]
    inner = pl.Struct({"b": pl.String, "c": pl.List(pl.Struct({"d": pl.String}))})
    assert fields_of(paths) == {"a": inner, "e": pl.String(), "g": pl.List(pl.String())}


VALUE = {"b": "1", "c": [{"d": "2"}, {"d": "3"}]}
PATHS = tuple(parse_path(path) for path in ("a.b", "a.c[-1].d", "a.x", "z"))


@pytest.mark.parametrize(
    "values",
    [
        pl.Series("a", [VALUE, None]),
        pl.Series("a", ['{"b": 1, "c": [{"d": 2}, {"d": 3}]}', None]),
        pl.Series("a", ['{"b": 1, "c": [{"d": 2}, {"d": 3}]}', "no JSON"], dtype=pl.Categorical),
    ],
)
def test_values_are_taken_out_of_objects_and_out_of_json_texts(values: pl.Series) -> None:
    records = Records(values.to_frame(), PATHS)
    taken = [records.take(path) for path in PATHS]
    assert [None if series is None else series.to_list() for series in taken[:2]] == [["1", None], ["3", None]]
    assert taken[2] is None or taken[2].null_count() == 2
    assert taken[3] is None


def test_values_are_taken_out_of_a_map() -> None:
    pairs = [[{"key": "b", "value": 1}, {"key": "x", "value": 2}], [], None]
    records = Records(pl.DataFrame({"a": pairs}), PATHS)
    values = records.take(("a", "x"))
    assert values is not None
    assert values.to_list() == [2, None, None]
