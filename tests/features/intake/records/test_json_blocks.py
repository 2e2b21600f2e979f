"""JSON files of any layout become blocks of lines."""

import io
import json

import pytest

from features.intake.records.json_blocks import read_blocks

RECORDS = [{"a": i, "b": {"text": "é\n]},{[" * (i % 3)}} for i in range(20)]


def read(text: str | bytes, size: int) -> list[object]:
    blocks = list(read_blocks(io.BytesIO(text if isinstance(text, bytes) else text.encode()), size))
    return [json.loads(line) for block in blocks for line in block.split(b"\n") if line.strip()]


@pytest.mark.parametrize("size", [16, 50, 1 << 20])
@pytest.mark.parametrize(
    "text",
    [
        "\n".join(map(json.dumps, RECORDS)),
        "\n".join(map(json.dumps, RECORDS)) + "\r\n\n",
        "\ufeff" + "\n".join(map(json.dumps, RECORDS)),
        json.dumps(RECORDS),
        json.dumps(RECORDS, indent=2, ensure_ascii=False),
        "\n".join(json.dumps(record, indent=1) for record in RECORDS),
        "[\n" + ",\n".join(map(json.dumps, RECORDS)) + "\n]\n",
    ],
)
def test_lines_lists_and_objects_over_many_lines_give_the_same_records(text: str, size: int) -> None:
    assert read(text, size) == RECORDS


@pytest.mark.parametrize("text", ["", "\n", "[]", " [ ] "])
def test_a_file_without_records_gives_none(text: str) -> None:
    assert read(text, 16) == []


@pytest.mark.parametrize("text", ['[{"a": 1}, {"b"', '[{"a": 1}, nonsense', '{\n"a": 1\n', "[" * 9_000, '[{"a": 1},'])
def test_a_list_that_breaks_off_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"(an object|the list) is broken off"):
        read(text, 16)
