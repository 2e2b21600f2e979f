"""When accounts send: classes on their day, campaigns in step."""

from dataclasses import replace

import numpy as np
import polars as pl

from simulation.presets import PRESETS
from simulation.tactics import Tactics
from simulation.traffic.arrivals import Moments, draw_arrivals, in_class
from simulation.traffic.columns import Texts, make_requests
from simulation.world import Scenario, World, make_world


def world_of(scenario: Scenario, scale: float = 1.0) -> World:
    return make_world(scenario, scale, 0, None, scenario.days, scenario.start)


def all_moments(world: World) -> list[Moments]:
    return [draw_arrivals(world, day, np.random.default_rng([0, day])) for day in range(world.days)]


def test_a_class_sends_most_on_one_day_within_a_few_hours() -> None:
    world = world_of(replace(PRESETS["small"], cohorts={"students": 1.0}, campaigns=()), 0.6)
    days = all_moments(world)
    account = np.concatenate([m.account for m in days])
    when = np.concatenate([m.when for m in days])
    table = pl.DataFrame({"team": world.accounts.team[account], "day": np.floor(when), "hour": when % 1 * 24})
    classes = table.group_by("team", "day").agg(pl.len(), pl.col("hour").quantile(0.9) - pl.col("hour").quantile(0.1))
    best = classes.sort("len").group_by("team").agg(pl.col("len").sum().alias("all"), pl.col("len", "hour").last())
    share = best["len"] / best["all"]
    assert best.height >= 20
    assert share.median() > 0.6
    assert (share > 0.45).mean() > 0.85
    assert best["hour"].median() < 6.0


def test_a_class_has_one_day_a_term_a_weekday() -> None:
    world = world_of(replace(PRESETS["pools-2026-07"], cohorts={"students": 1.0}, campaigns=()), 0.005)
    meets = np.stack([in_class(world, day) for day in range(world.days)])
    old = world.accounts.created < 0.0
    assert meets[:28, old].sum(axis=0).tolist() == [1] * int(old.sum())
    assert meets[28:56, old].sum(axis=0).tolist() == [1] * int(old.sum())
    weekdays = [(world.start.weekday() + day) % 7 for day in np.flatnonzero(meets.any(axis=1))]
    assert max(weekdays) < 5


def in_step(synchrony: float) -> float:
    """Share of a campaign's requests in the ten fullest five minutes of their day."""
    campaign = replace(
        PRESETS["small"].campaigns[0], tactics=Tactics(accounts=80, per_day=(20, 40), synchrony=synchrony, cover=0.0)
    )
    world = world_of(replace(PRESETS["small"], honest=50, campaigns=(campaign,)))
    shares = []
    for moments in all_moments(world)[8:14]:
        slots = np.unique(np.floor(moments.when[moments.serving] * 288.0), return_counts=True)[1]
        shares.append(np.sort(slots)[-10:].sum() / slots.sum())
    return float(np.mean(shares))


def test_accounts_that_work_in_step_send_in_the_same_five_minutes() -> None:
    assert in_step(0.0) < 0.2
    assert in_step(0.8) > 2.0 * in_step(0.0)


def test_pooled_addresses_are_shared_and_lie_in_one_country() -> None:
    campaign = replace(PRESETS["small"].campaigns[2], tactics=Tactics(accounts=80, pooled=0.5))
    world = world_of(replace(PRESETS["small"], honest=50, campaigns=(campaign,)))
    rng = np.random.default_rng(0)
    moments = draw_arrivals(world, 10, rng)
    plain = pl.Series("text", ["a text"] * len(moments.account))
    ones = np.ones(len(moments.account))
    made = make_requests(
        world, (10, 0), moments, Texts(prompt=plain, system=plain, context=ones, answer=ones, whole=ones < 0), rng
    )
    addresses = made.group_by("client_address").agg(pl.col("account_id", "country", "asn").n_unique())
    assert (addresses["account_id"] > 4).sum() > 5
    assert addresses.filter(pl.col("account_id") > 1).select(pl.col("country", "asn").max()).row(0) == (1, 1)
