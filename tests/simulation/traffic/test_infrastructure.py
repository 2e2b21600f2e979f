"""Addresses lie where they lie, whoever sends from them."""

import numpy as np
import polars as pl

from simulation.draws import keyed
from simulation.traffic.infrastructure import COUNTRIES, NETWORKS, draw_countries, draw_origins


def test_an_address_has_one_country_and_one_network() -> None:
    count = 300_000
    pick = keyed(np.arange(count), 7)
    country = draw_countries(keyed(pick, 9))
    drawn = draw_origins(np.arange(count) % len(NETWORKS), country, pick)
    table = pl.DataFrame({"subnet": drawn.number >> 8, "asn": drawn.asn, "country": drawn.country})
    subnets = table.group_by("subnet").agg(pl.col("country").n_unique(), pl.col("asn").n_unique(), pl.len())
    assert subnets["len"].max() > 3  # some subnets are used often
    assert (subnets["country"].max(), subnets["asn"].max()) == (1, 1)


def test_accounts_are_at_home_where_a_network_has_one_there() -> None:
    count = 50_000
    country = draw_countries(keyed(np.arange(count), 3))
    for number, kind in enumerate(NETWORKS):
        drawn = draw_origins(np.full(count, number), country, keyed(np.arange(count), 4))
        assert (drawn.country == country).mean() > (0.5 if kind == "campus" else 0.99)
    shares = np.bincount(country, minlength=len(COUNTRIES)) / count
    np.testing.assert_allclose(shares, [share for share, _ in COUNTRIES.values()], atol=0.01)
