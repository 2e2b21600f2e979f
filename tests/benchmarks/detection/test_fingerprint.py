"""Tables of diluted worlds on a small made-up table; real worlds are made by the measurement itself."""

import polars as pl
import pytest

from benchmarks.detection.fingerprint import DILUTIONS, MIXED, PURE, measure_fingerprint
from benchmarks.detection.fingerprint_tables import (
    STRICT,
    STRICTER,
    dilution_table,
    estimates_by_dilution,
    volume_panels,
    volume_table,
)
from benchmarks.detection.left_out import sample_families
from docs_tools.documents import RESULTS
from features.catalogue import FEATURES, MODES
from training.models.candidate import OURS

SIZE, HONEST = 12, 1_100  # of each family, and of the honest ones, in `accounts`
pytestmark = pytest.mark.slow  # trains a model without each of its parts
FEW = [feature for feature in FEATURES if feature.family in ("content", "account", "volume")]


@pytest.fixture(scope="module")
def measured(accounts, world_of) -> tuple[dict[str, list[str]], list]:
    rows = {PURE: accounts("j", 1.0), MIXED: accounts("j", 0.3)}
    pooled = {dilution: pl.concat([frame] * 10) for dilution, frame in rows.items()}
    with pytest.MonkeyPatch.context() as patch:  # training a model without each of all families takes minutes
        for module in ("fingerprint", "fingerprint_tables"):
            patch.setattr(f"benchmarks.detection.{module}.FEATURES", FEW)
        return measure_fingerprint(world_of(accounts("t", 1.0)), rows, pooled, ["family 0"], 1)


def test_every_model_has_an_estimate_at_every_dilution(measured, cells_of) -> None:
    head, _, *rows = cells_of(measured[0]["cells"])
    assert head[:3] == ["requests", "share", OURS]
    assert {"mmd_window", "prada", "isolation_forest", "lightgbm_25"} <= set(head)
    assert [row[:2] for row in rows] == [["100", "100%"], ["100", "25%"]]
    pure, mixed = (float(row[2].split()[0]) for row in rows)
    assert pure > 0.5 > mixed


def test_what_so_few_accounts_cannot_tell_is_said_instead_of_a_number(measured) -> None:
    by_family = [result.by_dilution for result in measured[1]]
    few = dilution_table(by_family, {}, STRICTER)
    assert few == ["Not to be measured here: it needs 10,000 honest accounts, there are 1,100."]


def test_several_worlds_together_give_recall_at_one_false_positive_in_ten_thousand(measured, cells_of) -> None:
    lines = measured[0]["stricter"]
    assert "among 11,000 honest accounts" in lines[0]
    rows = [row for row in cells_of(lines) if row[0] == "100"]
    strictest, strict = ([float(row[2].split()[0]) for row in rows[i : i + 2]] for i in (0, 2))
    assert len(rows) == 4
    assert all(few <= many for few, many in zip(strictest, strict, strict=True))


def test_without_the_features_that_tell_ours_finds_little_by_family_or_mode(measured, cells_of) -> None:
    _, _, *rows = cells_of(measured[0]["parts"])
    recall = {row[0]: float(row[1].split()[0]) for row in rows}
    modes = {f"{mode}: {who}" for mode in MODES for who in ("ours", "taught without gaps", "a model of its own")}
    assert {f"without {f.family}" for f in FEW} | modes | {OURS} <= recall.keys()
    assert max(recall["without content"], recall["no text: ours"]) < 0.2 < recall["without account"]


def test_the_family_of_features_that_tells_is_the_one_that_earns_something(measured, cells_of) -> None:
    head, _, *rows = cells_of(measured[0]["gains"])
    assert len(head) == 1 + 2 * (1 + len(MODES))
    lost = {row[0]: float(row[1].strip("*").split()[0]) for row in rows}
    assert set(lost) == {feature.family for feature in FEW}
    assert max(lost, key=lost.__getitem__) == "content"
    assert next(row for row in rows if row[0] == "content")[1].startswith("**")


def test_a_model_is_not_told_of_the_family_that_it_is_judged_on(measured) -> None:
    for result in measured[1]:
        for judged in result.by_dilution.values():
            assert judged.label.sum() == SIZE
            assert judged.label.size == SIZE + HONEST


def test_false_positives_are_counted_by_cohort(measured, cells_of) -> None:
    _, _, *rows = cells_of(measured[0]["cohorts"])
    assert {row[0] for row in rows} == {f"cohort {i}" for i in range(4)}
    assert sum(int(row[3]) for row in rows) <= 0.001 * 10 * HONEST + 1


def test_families_that_both_worlds_hold_are_drawn_by_the_seed_and_no_others(accounts, world_of) -> None:
    made, judged = world_of(accounts("t", 1.0)), accounts("j", 1.0)
    some = judged.filter(~pl.col("true") | (pl.col("family") != "family 1"))
    assert sample_families(made, judged, 1) == ["family 0", "family 1", "family 2"]
    assert sample_families(made, some, 1) == ["family 0", "family 2"]
    assert sample_families(made, some, 1, 1) == sample_families(made, some, 1, 1)
    assert {sample_families(made, some, seed, 1)[0] for seed in range(20)} == {"family 0", "family 2"}


def test_requests_that_were_really_sent_are_shown(accounts, cells_of) -> None:
    rows = accounts("j", 0.0).with_columns(requests_28d=pl.when("true").then(20.0).otherwise(7.0))
    assert cells_of(volume_table({PURE: rows}))[2] == ["100 requests, 100%", "20", "7"]


def test_the_picture_shows_the_means_of_the_table(measured, cells_of) -> None:
    panels = volume_panels(estimates_by_dilution([result.by_dilution for result in measured[1]], 1))
    assert [(panel.title, panel.requests) for panel in panels] == [
        ("100% of requests the campaign's", [100]),
        ("25% of requests the campaign's", [100]),
    ]
    head, _, *rows = cells_of(measured[0]["cells"])
    for panel, row in zip(panels, rows, strict=True):
        drawn = {name: f"{means[0].value:.3f}" for name, means in panel.recalls.items()}
        assert drawn == {name: cell.split()[0] for name, cell in zip(head[2:], row[2:], strict=True)}


def test_the_page_has_a_place_for_every_part(measured) -> None:
    page = (RESULTS / "fingerprint.md").read_text(encoding="utf-8")
    assert all(f"<!-- {name} -->" in page and f"<!-- /{name} -->" in page for name in measured[0])
    assert len(DILUTIONS) == 20
    assert STRICT != STRICTER
