"""JSON of any shape becomes columns; what is broken is marked, and nothing else is lost for it."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.intake.records.json_text import BROKEN, decode, read_lines
from tests.conftest import cases

INNER = pl.Struct({"x": pl.String, "y": pl.String})
FIELDS = {"a": pl.String(), "s": INNER, "l": pl.List(INNER)}
GOOD = {"a": "1", "s": {"x": "2", "y": None}, "l": [{"x": "3", "y": None}]}


def read(*lines: str | bytes) -> list[dict[str, Any]]:
    block = b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    return read_lines(block, FIELDS).to_dicts()


def broken(*lines: str | bytes) -> list[str | None]:
    return [row.get(BROKEN) for row in read(*lines)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('"x"', "x"), ("5", "5"), ("-1.5", "-1.5"), ("true", "true"), ("false", "false"), ("null", None),
        ('"\\u00e9\\ud83d\\ude00"', "é😀"), ('"\\u0000"', "\0"), ('"\\\\ud800"', "\\ud800"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("odd", [[], ['{"s": "odd"}']])
def test_a_text_takes_any_value_whether_the_block_is_odd_or_not(value: str, text: str | None, odd: list[str]) -> None:
    assert read(f'{{"a": {value}}}', *odd)[0]["a"] == text


@pytest.mark.parametrize("odd", [[], ['{"s": "odd"}']])
def test_nested_values_stay_json(odd: list[str]) -> None:
    value = {"b": ["é", None, True, 1.5, {}]}
    text = read(json.dumps({"a": value}), *odd)[0]["a"]
    assert json.loads(text) == value


def test_blank_lines_are_no_records_and_other_fields_are_ignored() -> None:
    assert read("", '{"a": 1, "zz": [{}]}', "  ", '{"zz": 1}\r') == [
        GOOD | {"s": None, "l": None},
        dict.fromkeys(FIELDS),
    ]


@pytest.mark.parametrize("value", ['"text"', "[1]", "5", "true"])
def test_a_field_of_another_shape_is_null_and_the_record_stays(value: str) -> None:
    rows = read(f'{{"a": 1, "s": {value}, "l": {{"x": 1}}}}', json.dumps(GOOD))
    assert rows == [GOOD | {"s": None, "l": None}, GOOD]


def test_json_that_was_written_as_a_text_is_read() -> None:
    assert read(json.dumps({**GOOD, "s": json.dumps(GOOD["s"]), "l": json.dumps(GOOD["l"])})) == [GOOD]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ('{"a": 1', "record|json"),
        ("no JSON", "record|json"),
        ("[1, 2]", "record|json"),
        ("null", "record|json"),
        ('{"a": 1}{"a": 2}', "record|json"),
        ("[" * 100_000, "record|json"),
        ('{"a":' * 100_000, "record|json"),
        ('{"a": ' + "9" * 5_000 + "}", None),
        (b'{"a": "\xff"}', "record|utf8"),
        (b'{"zz": "\xed\xa0\x80"}', "record|utf8"),
        ('{"a": "\\ud800"}', "record|utf8"),
        ('{"a": "\\udc00\\ud800"}', "record|utf8"),
        ('{"a": "\\uD83D\\uD83D\\uDE00"}', "record|utf8"),
        ('{"\\uDFFF": 1}', "record|utf8"),
    ],
)
def test_a_broken_record_is_marked_where_it_stands(line: str | bytes, rule: str | None) -> None:
    good = json.dumps(GOOD)
    if rule is None:
        assert broken(good, line) in ([None, None], [None, "record|json"])
        return
    assert broken(good, line, good) == [None, rule, None]
    many = [good] * 300
    assert broken(*many, line, *many) == [None] * 300 + [rule] + [None] * 300


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("asl xy"), inner, max_size=4),
    max_leaves=8,
)


@given(st.lists(VALUES | st.binary(max_size=30), max_size=6))
@settings(max_examples=cases(200), deadline=None)
def test_any_lines_give_as_many_rows_and_no_error(values: list[Any]) -> None:
    """Also half surrogate pairs, infinite numbers and bytes that are no text."""
    lines = [value.replace(b"\n", b"") if isinstance(value, bytes) else json.dumps(value).encode() for value in values]
    frame = read_lines(b"\n".join(lines), FIELDS)
    assert len(frame) == sum(bool(line.strip()) for line in lines)
    assert frame.select(list(FIELDS)).schema == pl.Schema(FIELDS)
    frame.write_ndjson()


def test_a_column_of_json_texts_is_read_where_it_can_be() -> None:
    texts = pl.Series("m", ['{"x": 1}', None, "no JSON", '{"y": "\\ud800"}', '{"x": {"deep": []}}', "[]", '{"y":\n2}'])
    assert decode(texts, INNER).to_list() == [
        {"x": "1", "y": None}, None, None, None, {"x": '{"deep":[]}', "y": None}, None, {"x": None, "y": "2"},
    ]  # fmt: skip
    assert decode(texts[:2], INNER).to_list() == [{"x": "1", "y": None}, None]
