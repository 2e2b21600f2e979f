"""DuckDB reads JSON as columns, and says of which texts it is certain."""

import json
from typing import Any

import polars as pl
import pytest

from features.intake.records import json_shapes
from features.intake.records.json_shapes import read_lists, read_objects

INNER = pl.Struct({"x": pl.String, "y": pl.List(pl.Struct({"z": pl.String}))})
FIELDS = {"a": pl.String(), "s": INNER, "l": pl.List(INNER)}
NOTHING = dict.fromkeys(FIELDS)


def read(*texts: str | None, fields: Any = FIELDS) -> tuple[list[dict[str, Any]], list[bool]]:
    outcome = read_objects(pl.Series(texts, dtype=pl.String), fields)
    assert outcome is not None
    frame, is_certain = outcome
    assert frame.schema == pl.Schema(fields)
    return frame.to_dicts(), is_certain.to_list()


def test_a_text_takes_any_value() -> None:
    values = ["é\0😀", 5, -1.5, True, None, [1, {"b": "c"}], {}]
    rows, is_certain = read(*(json.dumps({"a": value}) for value in values))
    texts = ["é\0😀", "5", "-1.5", "true", None, '[1,{"b":"c"}]', "{}"]
    assert [row["a"] for row in rows] == texts
    assert is_certain == [True] * len(values)


@pytest.mark.parametrize(
    "text",
    [
        None, "", "no JSON", "5", "null", "[]", '{"a": 1', '{"a": 1} 5', '{"a": 1}{"a": 2}', '{"a": "\\ud800"}',
        '{"a": [1,]}', '{"a": 1, }', '{"a": NaN}', '{"a": [-Infinity ]}', '{"s": "{}"}', '{"s": 5}', '{"s": [1]}',
        '{"l": "[]"}', '{"l": {}}', '{"l": ["text"]}', '{"l": [{"y": "[]"}]}', '{"s": {"x": 1, "y": "[]"}}',
    ],
)  # fmt: skip
def test_what_is_no_strict_json_of_the_shape_is_uncertain_and_harms_no_other(text: str | None) -> None:
    rows, is_certain = read('{"a": 1}', text, '{"a": 2}')
    assert is_certain == [True, False, True]
    assert (rows[0], rows[2]) == (NOTHING | {"a": "1"}, NOTHING | {"a": "2"})


@pytest.mark.parametrize(
    "text", ['{"s": {}, "l": []}', '{"s": {"zz": 1}}', '{"s": null}', '{"l": [{}, null]}', '{"a": "x ,] : nan"}']
)
def test_what_is_empty_is_certain(text: str) -> None:
    assert read(text)[1] == [True]


def test_names_that_differ_by_case_are_two_fields() -> None:
    fields = {"traceId": pl.String(), "TraceId": pl.String(), "a/b~c'd\"": pl.String(), "n": INNER}
    (row,), _ = read(json.dumps({"TraceId": 1, "traceId": 2, "a/b~c'd\"": 3, "n": {"x": 4}}), fields=fields)
    assert row == {"traceId": "2", "TraceId": "1", "a/b~c'd\"": "3", "n": {"x": "4", "y": None}}
    inner = {"s": pl.Struct({"x": pl.String, "X": pl.String})}
    assert read_objects(pl.Series(['{"s": {"x": 1}}']), inner) is None


def test_of_many_fields_those_that_do_not_occur_are_null(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_shapes, "_MANY", 2)
    assert read('{"s": {"x": 1}}', "{}")[0] == [NOTHING | {"s": {"x": "1", "y": None}}, NOTHING]
    assert read('{"zz": 1}', "no JSON") == ([NOTHING, NOTHING], [True, False])


def test_lists_are_read_with_what_they_hold() -> None:
    texts = pl.Series("m", ['[{"x": 1, "y": [{"z": null}, {"z": 2}]}, null]', "[]", None, "[1]", '["{}"]'])
    outcome = read_lists(texts, pl.List(INNER))
    assert outcome is not None
    lists, is_certain = outcome
    assert lists[:3].to_list() == [[{"x": "1", "y": [{"z": None}, {"z": "2"}]}, None], [], None]
    assert is_certain.to_list() == [True, True, False, False, False]


def test_the_database_reaches_no_file() -> None:
    with pytest.raises(json_shapes.duckdb.Error, match="disabled by configuration"):
        json_shapes._database().cursor().sql("SELECT * FROM read_csv('/etc/hosts')").fetchall()
