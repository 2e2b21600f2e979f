"""Every container of the same records gives the same records."""

import gzip
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import InputError
from features.intake.records.containers import Container, open_records, read_records
from features.intake.records.json_text import BROKEN

ROWS = pl.DataFrame({"a": ["1", "é", "x\ny"], "b": ["4", None, "6"]})
FIELDS = {"a": pl.String(), "b": pl.String(), "absent": pl.String()}


def zstd(data: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(data, asbytes=True))


def lines() -> bytes:
    return ROWS.write_ndjson().encode()


def csv() -> bytes:
    return ROWS.write_csv().encode()


MANY = b"".join(b'{"a": %d}\n' % (i * 7_919 % 10_007) for i in range(9_999))
MAKE: dict[str, tuple[Container, Callable[[], bytes]]] = {
    "a.jsonl": (Container.JSON, lines),
    "no suffix": (Container.JSON, lines),
    "a.json": (Container.JSON, lambda: json.dumps(ROWS.to_dicts(), indent=2).encode()),
    "a.ndjson.gz": (Container.JSON, lambda: gzip.compress(lines())),
    "twice.gz": (Container.JSON, lambda: gzip.compress(lines()[:40]) + gzip.compress(lines()[40:])),
    "a.jsonl.zst": (Container.JSON, lambda: zstd(lines())),
    "twice.zst": (Container.JSON, lambda: zstd(lines()[:40]) + zstd(lines()[40:])),
    "a.csv": (Container.CSV, csv),
    "a.csv.gz": (Container.CSV, lambda: gzip.compress(csv())),
    "named.parquet.gz": (Container.JSON, lambda: gzip.compress(lines())),
}


@pytest.mark.parametrize("name", MAKE)
def test_a_file_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    container, make = MAKE[name]
    (tmp_path / name).write_bytes(make())
    file = open_records(tmp_path / name)
    assert file.container is container
    rows = pl.concat(read_records(file, FIELDS)).select("a", pl.col("b").replace("", None))
    assert rows.equals(ROWS)


def test_parquet_is_known_by_its_name_or_its_first_bytes(tmp_path: Path) -> None:
    for name in ("a.parquet", "a.pq", "part-00000"):
        ROWS.write_parquet(tmp_path / name)
        file = open_records(tmp_path / name)
        assert (file.container, file.rows) == (Container.PARQUET, 3)
        assert pl.concat(read_records(file, FIELDS)).equals(ROWS)


def test_texts_of_parquet_that_are_no_unicode_are_marked_in_their_rows(tmp_path: Path) -> None:
    bad = pa.array([b"ok", b"\xff\xfe", None, b"\xed\xa0\x80", b""]).cast(pa.string(), safe=False)
    nested = pa.StructArray.from_arrays([bad], ["x"])
    table = pa.table(
        {"a": bad, "b": bad.dictionary_encode(), "c": nested, "d": pa.array([b"ok", None, b"", b"x", b"y"])}
    )
    pq.write_table(table, tmp_path / "bad.parquet")
    fields = {name: pl.String() for name in "abcd"}
    (frame,) = read_records(open_records(tmp_path / "bad.parquet"), fields)
    assert frame["a"].to_list() == frame["b"].to_list() == ["ok", None, None, None, ""]
    assert frame["c"].to_list()[0] == {"x": "ok"}
    assert frame["d"].to_list() == ["ok", None, "", "x", "y"]
    assert frame[BROKEN].to_list() == [None, "a|utf8", None, "a|utf8", None]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("torn.gz", gzip.compress(MANY, mtime=0)[:-400]),
        ("torn.zst", zstd(MANY)[:-9]),
        ("trailer.gz", gzip.compress(MANY, mtime=0)[:-6]),
    ],
)
def test_an_archive_that_breaks_off_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r" (can't be read|breaks off after row \d+)"):
        list(read_records(open_records(tmp_path / name), FIELDS))


def test_a_file_that_is_nothing_of_all_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"\n\x00\x01")
    with pytest.raises(InputError, match=r"x\.bin can't be read as JSON lines or CSV") as error:
        list(read_records(open_records(tmp_path / "x.bin"), FIELDS))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (csv().decode().encode("utf-16"), "is UTF-16: export it as UTF-8."),
        (b"PK\x03\x04 and so on", "is a zip archive or a workbook: unpack it, or export CSV."),
    ],
)
def test_a_file_of_another_kind_is_named_with_what_to_do(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.csv {re.escape(sentence)}"):
        open_records(tmp_path / "a.csv")


def test_what_can_be_read_only_once_or_has_no_end_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InputError, match=r"is a pipe or a device, which can't be read twice: save its content"):
            open_records(path)
