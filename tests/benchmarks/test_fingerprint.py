"""Tables and a picture of cells on a small made-up table; real worlds are made by the measurement itself."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.documents import DOCS
from benchmarks.fingerprint import EVERY, MIXED, PURE, STRICT, STRICTER, everything, sent
from benchmarks.gathered import World
from benchmarks.pictures import few_requests
from features.catalogue import FEATURES, MODES
from training.dataset import DETECTED
from training.frozen import no_groups
from training.train import OURS

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
FAMILIES, SIZE, HONEST = 3, 12, 1_100
TIME = pl.Datetime("us", "UTC")


def accounts(first: str, tell: float) -> pl.DataFrame:
    """All features are noise but those of the text, which tell by so much; account, family, cohort and truth."""
    rng = np.random.default_rng([int(100 * tell), 5])
    true = FAMILIES * SIZE
    label = np.arange(true + HONEST) < true
    values = {f.name: rng.normal(tell * (label & (f.family == "content")), 1.0) for f in FEATURES}
    values |= {name: rng.normal(0.5 * tell * label, 1.0) for name in DETECTED}
    keys = {
        "account_id": [f"{first}{i:04d}" for i in range(label.size)],
        "family": [f"family {i // SIZE}" for i in range(true)] + [None] * HONEST,
        "cohort": [f"cohort {i % 4}" for i in range(label.size)],
        "true": label,
    }
    return pl.DataFrame(keys).with_columns(pl.Series(k, v, dtype=pl.Float32) for k, v in values.items())


def made() -> World:
    rows = accounts("t", 1.0)
    known = pl.when("true").then(True)
    examples = rows.drop("family", "cohort", "true").with_columns(
        rows.select(known.alias("label"), pl.when("true").then("family").alias("campaign")),
        as_of=pl.lit(AS_OF).cast(TIME),
        labelled_at=rows.select(pl.when("true").then(pl.lit(AS_OF - timedelta(days=1)).cast(TIME))).to_series(),
    )
    truth = rows.select("account_id", "family", "cohort", label="true")
    return World("a small table", examples, truth, no_groups(), examples.clear(), AS_OF)


@pytest.fixture(scope="module")
def measured() -> tuple[dict[str, list[str]], list]:
    rows = {PURE: accounts("j", 1.0), MIXED: accounts("j", 0.3)}
    return everything(made(), rows, ["family 0"], 1)


def cells_of(lines: list[str]) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines if line.startswith("| ")]


def test_every_model_has_a_figure_in_every_cell(measured) -> None:
    head, _, *rows = cells_of(measured[0]["cells"])
    assert head[:3] == ["requests", "share", OURS]
    assert {"mmd_window", "prada", "isolation_forest", "lightgbm_25"} <= set(head)
    assert [row[:2] for row in rows] == [["100", "100%"], ["100", "25%"]]
    pure, mixed = (float(row[2].split()[0]) for row in rows)
    assert pure > 0.5 > mixed


def test_what_so_few_accounts_cannot_tell_is_said_instead_of_a_number(measured) -> None:
    assert measured[0]["stricter"] == ["Not to be measured here: it needs 10,000 honest accounts, there are 1,100."]


def test_without_the_features_that_tell_ours_finds_little_by_family_or_mode(measured) -> None:
    _, _, *rows = cells_of(measured[0]["parts"])
    recall = {row[0]: float(row[1].split()[0]) for row in rows}
    modes = {f"{mode}: {who}" for mode in MODES for who in ("ours", "taught without gaps", "a model of its own")}
    assert {f"without {f.family}" for f in FEATURES} | modes | {OURS} <= recall.keys()
    assert max(recall["without content"], recall["no text: ours"]) < 0.2 < recall["without account"]


def test_a_model_is_not_told_of_the_family_that_it_is_judged_on(measured) -> None:
    for one in measured[1]:
        for judged in one.cells.values():
            assert judged.label.sum() == SIZE
            assert judged.label.size == SIZE + HONEST


def test_false_alarms_are_counted_by_cohort(measured) -> None:
    _, _, *rows = cells_of(measured[0]["cohorts"])
    assert {row[0] for row in rows} == {f"cohort {i}" for i in range(4)}
    assert sum(int(row[3]) for row in rows) <= 0.001 * HONEST + 1


def test_requests_that_were_really_sent_are_shown() -> None:
    rows = accounts("j", 0.0).with_columns(requests_28d=pl.when("true").then(20.0).otherwise(7.0))
    assert cells_of(sent({PURE: rows}))[2] == ["100 requests, 100%", "20", "7"]


def test_the_picture_is_drawn(measured, tmp_path: Path) -> None:
    few_requests(tmp_path / "few.png", [one.cells for one in measured[1]], 1)
    assert (tmp_path / "few.png").stat().st_size > 5_000


def test_the_page_has_a_place_for_every_part(measured) -> None:
    page = (DOCS / "fingerprint.md").read_text(encoding="utf-8")
    assert all(f"<!-- {name} -->" in page and f"<!-- /{name} -->" in page for name in measured[0])
    assert len(EVERY) == 20
    assert STRICT != STRICTER
