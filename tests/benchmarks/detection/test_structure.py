"""The table of what structure adds, on a small made-up table; real worlds are made by the measurement itself."""

import numpy as np
import polars as pl
import pytest

from benchmarks.detection.structure import NO_CAMPAIGNS, NO_COORDINATION, NOR_SHARING, PAGE, PART, measure_structure
from benchmarks.worlds.diluted import Dilution
from docs_tools.documents import RESULTS
from training.examples.dataset import LIFT
from training.models.candidate import OURS

FEW, MANY = Dilution(50, 1.0), Dilution(250, 1.0)


def grouped(rows: pl.DataFrame) -> pl.DataFrame:
    """Of three true accounts two are lifted by their group, and no other."""
    is_lifted = pl.col("true") & (pl.Series(np.arange(rows.height)) % 3 > 0)
    return rows.with_columns(pl.when(is_lifted).then(3.0).alias(LIFT))


@pytest.fixture(scope="module")
def lines(accounts, world_of) -> list[str]:
    made = world_of(grouped(accounts("t", 1.0, "coordination")))
    rows = {cell: grouped(accounts("j", tell, "coordination")) for cell, tell in ((FEW, 0.4), (MANY, 1.0))}
    return measure_structure(made, rows, ["family 0"], 1, "2 worlds of the next seeds")


def test_every_model_has_a_row_in_every_cell(lines, cells_of) -> None:
    _, _, *rows = cells_of(lines)
    models = [OURS, NO_CAMPAIGNS, NO_COORDINATION, NOR_SHARING]
    assert [row[:2] for row in rows] == [[cell.name, model] for cell in (FEW, MANY) for model in models]
    assert all(row[5] in ("1.00", "-") for row in rows if row[1] == OURS)


def test_a_model_without_sight_of_others_finds_less_where_only_these_tell(lines, cells_of) -> None:
    _, _, *rows = cells_of(lines)
    area = {(row[0], row[1]): float(row[4].split()[0]) for row in rows}
    assert area[FEW.name, OURS] > area[FEW.name, NO_CAMPAIGNS] > area[FEW.name, NO_COORDINATION]
    assert area[MANY.name, NO_CAMPAIGNS] > 0.5 > 0.2 > area[MANY.name, NOR_SHARING]


def test_the_scope_and_what_can_not_be_measured_are_stated(lines) -> None:
    assert lines[0].startswith(
        "Trained on a small table; judged in 2 worlds of the next seeds together: 1 families, 12 accounts"
    )
    assert lines[-1] == "0.01 % is not to be measured here: it needs 10,000 honest accounts."


def test_the_page_has_a_place_for_it() -> None:
    page = (RESULTS / PAGE).read_text(encoding="utf-8")
    assert f"<!-- {PART} -->" in page
    assert f"<!-- /{PART} -->" in page
