"""Accounts of a campaign: what the tactics do to them."""

from typing import Any

import numpy as np
import pytest

from simulation.accounts import CHANNELS, DrawnAccounts
from simulation.campaign_accounts import OWNERS, Operation, Wrapper, enlist, plan_pools, replace_banned
from simulation.cohorts.base import PLANS
from simulation.enforcement import enforce_on_campaign
from simulation.families import read_families
from simulation.tactics import Campaign, Tactics
from simulation.traffic.rhythm import Clockwork

DAYS, FIRST = 40, 500


def enlisted(**changes: Any) -> DrawnAccounts:
    family = read_families(None)["bare_seeds"]
    tactics = Tactics(**{"accounts": 300, "days": (0.1, 0.9)} | changes)
    wrapper = Wrapper.of(family, tactics.versions, np.random.default_rng(0))
    operation = Operation(Campaign("one", "bare_seeds", tactics), family, wrapper, 3)
    (pool,) = plan_pools(tactics, 1.0, DAYS)
    return enlist(operation, pool, FIRST, DAYS, Clockwork.make(), 1)[0]


def clusters(times: np.ndarray, width: float) -> int:
    """Groups of times with gaps below `width` inside them."""
    return int((np.diff(np.sort(times)) > width).sum()) + 1


def test_fresh_accounts_sign_up_in_a_few_common_bursts_before_they_serve() -> None:
    accounts = enlisted(aged=0.0, burst=3.0, signups=4)
    assert (accounts.created < accounts.begin).all()
    assert 1 < clusters(accounts.created, 3.0 / 24.0) <= 4
    spans = np.split(np.sort(accounts.created), np.flatnonzero(np.diff(np.sort(accounts.created)) > 0.25) + 1)
    assert max(np.ptp(span) for span in spans) < 4 * 3.0 / 24.0


def test_accounts_with_a_past_do_not_belong_to_the_bursts() -> None:
    accounts = enlisted(aged=1.0)
    assert (accounts.created < accounts.begin).all()
    assert np.median(accounts.created) < -60.0


@pytest.mark.parametrize("instrument", [2, 5, 9])
def test_an_instrument_serves_as_many_accounts_as_the_tactics_say(instrument: int) -> None:
    payer = enlisted(payment=0.6, instrument=instrument).payer
    _, sizes = np.unique(payer[payer >= OWNERS], return_counts=True)
    assert sizes.sum() == pytest.approx(180, abs=30)
    assert sizes.max() - sizes.min() <= 1
    assert abs(sizes.mean() - instrument) < 0.5


def test_even_loads_differ_less() -> None:
    spreads = [float(np.std(np.log(enlisted(even=even).service_rate))) for even in (0.0, 0.5, 1.0)]
    assert spreads[0] > 1.5 * spreads[1] > 0.1
    assert spreads[2] < 1e-9


def test_plans_and_ways_in_can_differ_from_the_disguise() -> None:
    accounts = enlisted(
        disguises={"chat": 1.0}, plans={"enterprise": 0.5, "pro": 0.5}, access={"cloud:meridian python": 1.0}
    )
    assert {PLANS[plan] for plan in accounts.plan} == {"enterprise", "pro"}
    assert {CHANNELS[channel] for channel in accounts.channel} == {"cloud:meridian"}


def test_a_banned_account_is_replaced_at_once_by_a_new_one_with_its_load() -> None:
    tactics = Tactics(labelled=1.0, banned=0.4, replaced=1.0, days=(0.1, 0.9), found_after=2.0)
    accounts = enlisted(aged=0.5)
    rng = np.random.default_rng(2)
    enforcement = enforce_on_campaign(tactics, accounts, DAYS, rng)
    changed, heirs = replace_banned(tactics, accounts, enforcement.banned, rng)
    assert len(heirs) > 30
    assert np.isinf(enforcement.banned[heirs]).all()
    for heir in heirs.tolist():
        (lost,) = np.flatnonzero(accounts.service_rate == changed.service_rate[heir]).tolist()
        assert 0.0 < changed.begin[heir] - enforcement.banned[lost] < 0.2
        assert enforcement.banned[lost] - 0.02 < changed.created[heir] < changed.begin[heir]
        assert (changed.end[heir], changed.wording[heir]) == (accounts.end[lost], accounts.wording[lost])
