"""Origins: a compacted file stands for those that it was made of."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from features.errors import IntegrityError
from features.tables.origins import note_origins, with_origins

NINE, TEN = (datetime(2026, 6, 1, hour, tzinfo=UTC) for hour in (9, 10))


def files(*rows: tuple[str, datetime | None]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), {"path": pl.String, "earliest": pl.Datetime("us", "UTC")}, orient="row")


def test_a_file_made_of_others_counts_as_these_also_when_it_is_compacted_again(tmp_path: Path) -> None:
    first = files(("a", NINE), ("b", None))
    assert with_origins(tmp_path, first).equals(first)
    note_origins(tmp_path, {"ab": first}, ["a", "b", "c", "ab"])
    second = files(("ab", NINE), ("c", TEN))
    everything = files(("a", NINE), ("b", None), ("c", TEN))
    assert with_origins(tmp_path, second).sort("path").equals(everything)
    note_origins(tmp_path, {"abc": with_origins(tmp_path, second)}, ["ab", "c", "abc"])
    assert with_origins(tmp_path, files(("abc", NINE))).sort("path").equals(everything)


def test_a_file_that_is_no_more_is_forgotten(tmp_path: Path) -> None:
    note_origins(tmp_path, {"ab": files(("a", NINE))}, ["ab"])
    note_origins(tmp_path, {}, ["c"])
    assert with_origins(tmp_path, files(("ab", TEN))).equals(files(("ab", TEN)))


@pytest.mark.parametrize("content", ["[", "{}", '{"path": [1], "origin": ["a"], "origin_earliest": ["x"]}'])
def test_a_damaged_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "_origins.json").write_text(content)
    with pytest.raises(IntegrityError, match=r"_origins.json is damaged"):
        with_origins(tmp_path, files(("a", NINE)))
