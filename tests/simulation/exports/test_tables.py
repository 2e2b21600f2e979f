"""The tables of a world besides its requests."""

from dataclasses import replace

import polars as pl

from simulation.exports.tables import accounts_table, labels_table
from simulation.presets import PRESETS
from simulation.world import make_world


def test_a_payment_instrument_has_one_country_whoever_pays_with_it() -> None:
    preset = PRESETS["mixed"]
    table = accounts_table(make_world(preset, 0.5, 0, None, preset.days, preset.start))
    instruments = table.drop_nulls("payment_fingerprint").group_by("payment_fingerprint")
    counts = instruments.agg(pl.len(), pl.col("billing_country").n_unique())
    assert (counts["len"] > 1).sum() > 50
    assert counts["billing_country"].max() == 1


def test_labels_of_a_shorter_world_come_as_much_sooner() -> None:
    preset = replace(PRESETS["mixed"], honest=100)
    first = []
    for days in (preset.days, preset.days // 2):
        table = labels_table(make_world(preset, 1.0, 0, None, days, preset.start)).filter("label")
        first.append((table["labelled_at"].min() - preset.start).total_seconds() / 86_400)  # type: ignore[operator, union-attr]
        assert table.height > 200
    assert first[1] < 0.7 * first[0]


def test_an_export_that_names_no_customers_is_otherwise_the_same() -> None:
    preset = replace(PRESETS["small"], honest=100)
    named, nameless = (
        accounts_table(make_world(replace(preset, names_customers=names), 1.0, 0, None, preset.days, preset.start))
        for names in (True, False)
    )
    blank = ["organization_id", "programme"]
    assert named.select(pl.col(blank).count()).row(0) > (0, 0)
    assert nameless.select(pl.col(blank).count()).row(0) == (0, 0)
    assert nameless.drop(blank).equals(named.drop(blank))
