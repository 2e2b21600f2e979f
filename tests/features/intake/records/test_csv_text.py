"""CSV files: every value as text, broken rows where they stand, and no row lost."""

import gzip
from pathlib import Path

import pytest

from features.intake.records.csv_text import read_csv, read_header
from features.intake.records.json_text import BROKEN

TEXT = 'a,b,c\n1,"x\ny",\n"2","he said ""hi""",z\n'


def read(path: Path, text: str | bytes, names: tuple[str, ...] = ("a", "b"), size: int = 1 << 20) -> list[object]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [row for frame in read_csv(path, None, names, size) for row in frame.to_dicts()]


@pytest.mark.parametrize("text", [TEXT, "\ufeff" + TEXT, TEXT.replace("\n", "\r\n"), TEXT.replace(",", ";")])
def test_quotes_line_breaks_and_delimiters_are_read(tmp_path: Path, text: str) -> None:
    rows = read(tmp_path / "a.csv", text)
    assert [row["a"] for row in rows] == ["1", "2"]
    assert [row["b"].replace("\r", "") for row in rows] == ["x\ny", 'he said "hi"']


def test_a_file_is_read_in_batches_and_from_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"".join(b"%d,text\n" % i for i in range(5_000))))
    frames = list(read_csv(path, "gzip", ("a",), 4_096))
    assert len(frames) > 3
    assert [value for frame in frames for value in frame["a"]] == [str(i) for i in range(5_000)]


def test_a_row_with_too_many_or_too_few_values_is_marked_where_it_stands(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", "a,b,c\n1,2,3\n4,5\n6,7,8\n9,9,9,9\n1,1,1\n", size=64)
    assert [(row["a"], row.get(BROKEN)) for row in rows] == [
        ("1", None), (None, "record|csv"), ("6", None), (None, "record|csv"), ("1", None),
    ]  # fmt: skip


def test_a_value_that_is_no_text_is_marked(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", b"a,b\n1,\xff\n2,ok\n")
    assert rows == [{"a": "1", "b": None, BROKEN: "b|utf8"}, {"a": "2", "b": "ok", BROKEN: None}]


@pytest.mark.parametrize("text", ['a,b\n1,2\n"3,4\n5,6\n', 'a,b\n"x'])
def test_a_quotation_mark_that_is_never_closed_is_refused_since_rows_would_be_lost(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="a quotation mark is never closed"):
        read(tmp_path / "a.csv", text)


@pytest.mark.parametrize(("text", "reason"), [(b"", "no header"), (b"\n1,2\n", "no header"), (b"a,a\n", "one name")])
def test_a_file_without_a_header_is_refused(tmp_path: Path, text: bytes, reason: str) -> None:
    (tmp_path / "a.csv").write_bytes(text)
    with pytest.raises(ValueError, match=reason):
        read_header(tmp_path / "a.csv", None)
