"""A mapping file serves a log that no format knows."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from features.errors import InputError
from features.formats import format_named
from features.formats.mapping import read_mapping
from features.intake.files import find_input_files
from features.intake.rows import check_rows, read_batches

MAPPING = """
[columns]
request_id = "id"
timestamp = "at.ms"
account_id = ["who.customer", "who.team"]
channel = { constant = "cloud:ours" }
model = "call.model"
prompt = { path = "call.chat", as = "last_user_message" }
system_prompt = { path = "call.chat", as = "system_message" }
message_count = { path = "call.chat", as = "message_count" }
tool_count = { path = "call.tools", as = "count" }
stream = { path = "call.first_token", as = "present" }
input_tokens = "tokens[0]"
output_tokens = "tokens[-1]"
client_address = 'headers."X-Client.IP"'

[columns.status_code]
path = ["code", "result"]
values = { ok = 200, refused = 403 }
pattern = '^\\d{3}$'
constant = 500

[requests_are]
kind = ["chat"]

[advice]
account_id = "log the header X-Customer"
"""
RECORD = {
    "id": 7,
    "at": {"ms": 1777777777000},
    "who": {"customer": "", "team": "red"},
    "call": {"model": "m", "chat": [{"role": "user", "content": "Hi"}], "tools": [1, 2], "first_token": 0.5},
    "tokens": [3, 4],
    "headers": {"X-Client.IP": "192.0.2.1"},
    "result": "OK",
    "kind": "chat",
}


def read(tmp_path: Path, *records: Any) -> Any:
    (tmp_path / "ours.toml").write_text(MAPPING)
    (tmp_path / "log.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records))
    (file,) = find_input_files(tmp_path / "log.jsonl", "requests", format_named(str(tmp_path / "ours.toml")))
    (batch,) = read_batches(file)
    return check_rows(batch, "requests", container=file.records.container)


def test_columns_come_from_paths_constants_and_conversations(tmp_path: Path) -> None:
    odd = RECORD | {"id": "8", "who": {"customer": "blue"}, "code": 429, "tokens": [5], "kind": None}
    checked = read(tmp_path, RECORD, odd, RECORD | {"kind": "embedding"})
    assert checked.skipped == 1
    first, second = checked.good.to_dicts()
    wanted = {
        "request_id": "7", "account_id": "red", "channel": "cloud:ours", "model": "m", "prompt": "Hi",
        "message_count": 1, "system_prompt": None, "tool_count": 2, "stream": True, "input_tokens": 3,
        "output_tokens": 4, "client_address": "192.0.2.1", "status_code": 200,
    }  # fmt: skip
    assert {name: first[name] for name in wanted} == wanted
    assert (second["account_id"], second["status_code"], second["output_tokens"]) == ("blue", 429, 5)


def test_a_call_that_failed_before_anybody_was_recognised_is_nobodys_request(tmp_path: Path) -> None:
    checked = read(tmp_path, RECORD, RECORD | {"who": {}, "result": "refused"}, RECORD | {"who": {}})
    assert (len(checked.good), checked.skipped) == (1, 1)
    assert checked.rejects.rows() == [(2, "account_id|nullability")]


def test_a_table_of_parquet_is_mapped_too(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(MAPPING)
    pl.DataFrame([RECORD]).write_parquet(tmp_path / "log.parquet")
    (file,) = find_input_files(tmp_path / "log.parquet", "requests", format_named(str(tmp_path / "ours.toml")))
    (batch,) = read_batches(file)
    good = check_rows(batch, "requests").good
    assert good.select("request_id", "account_id", "prompt", "output_tokens", "tool_count").rows() == [
        ("7", "red", "Hi", 4, 2)
    ]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("no [ toml", r"can't be read as a mapping \(.+\): correct it"),
        ("", r"has no table \[columns\]"),
        ('[columns]\nwho = "a"', "maps 'who', which is no column of requests"),
        ('[columns]\nmodel = "a..b"', r"'a\.\.b' is no path of a field"),
        ("[columns]\nmodel = 5", "the column model needs a path, a list of paths, or a table of path, constant"),
        ('[columns]\nmodel = { field = "a" }', "the column model needs a path"),
        (
            '[columns]\nmodel = { path = "a", as = "magic" }',
            "the column model is read as 'magic', expected value or count",
        ),
        ('[columns]\nmodel = { path = "a", pattern = "(" }', "the pattern of the column model is none"),
        ('[column]\nmodel = "a"', "holds 'column', which means nothing: expected columns, requests_are"),
        ('needs = "modell"\n[columns]\nmodel = "a"', "maps 'modell', which is no column"),
        ('is_utc = "no"\n[columns]\nmodel = "a"', "is_utc must be true or false"),
        ('requests_are = 5\n[columns]\nmodel = "a"', "requests_are must be a table"),
        ('advice = "log it"\n[columns]\nmodel = "a"', "advice must be a table"),
        ('[columns]\nmodel = { path = "a", values = 5 }', "values must be a table"),
        ("[columns]\nmodel = { path = { a = 1 } }", "the path of the column model must be a text or a list of texts"),
    ],
)
def test_what_is_no_mapping_is_refused_with_its_place(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=match):
        read_mapping(path)


def test_one_text_is_as_good_as_a_list_of_one(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text('needs = "model"\n[columns]\nmodel = "a"\n[requests_are]\nkind = "Chat"')
    mapping = read_mapping(path)
    assert (mapping.needs, dict(mapping.requests_are)) == (("model",), {"kind": ("chat",)})


def test_a_mapping_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.toml can't be read as a mapping"):
        read_mapping(tmp_path / "absent.toml")
