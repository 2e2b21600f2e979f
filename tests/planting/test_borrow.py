"""What planted accounts take from their donors, and what becomes another."""

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from features.catalogue import SHARED_KINDS
from planting.borrow import LEAST, MOST, OWN, choose_members, read_shared_keys
from planting.settings import CampaignSettings

COVER = pl.col("simhash") == pl.col("simhash_donor")


@pytest.fixture(scope="module")
def shown(history: Any, as_of: Any) -> pl.DataFrame:
    """`kind`, `key`, `accounts` of all that was shown within the borrowed history."""
    events = history.lake.scan("events").filter(pl.col("timestamp").is_between(history.since, as_of))
    kinds = [
        events.select("account_id", kind=pl.lit(kind), key=pl.col(kind)).drop_nulls().unique() for kind in SHARED_KINDS
    ]
    return pl.concat(kinds).group_by("kind", "key").agg(accounts=pl.len()).collect()


def test_donors_are_registered_unconfirmed_and_neither_idle_nor_a_robots(history: Any, planted: Any) -> None:
    donors = set(history.donors["account_id"])
    assert donors == {f"acct-{i:02d}" for i in range(60)} - {f"acct-{i:02d}" for i in (0, 1, 2, 3, 10, 11)}
    assert history.donors["requests"].is_between(LEAST, MOST).all()
    assert set(planted.pairs["account_id_donor"]) <= donors


def test_confirmed_accounts_lend_nothing_but_those_that_are_cleared_or_confirmed_later_do(history: Any) -> None:
    donors = set(history.donors["account_id"])
    assert not {"acct-10", "acct-11"} & donors
    assert {"acct-12", "acct-13"} <= donors


def test_each_account_of_a_campaign_has_a_donor_of_its_own(planted: Any) -> None:
    assert planted.chosen.select(pl.struct("campaign", "donor").is_unique().all()).item()
    assert planted.chosen["account_id"].is_unique().all()
    borrowed = planted.pairs.select("account_id", donor="account_id_donor").unique()
    assert borrowed.join(planted.chosen, on=["account_id", "donor"], how="anti").is_empty()


@pytest.mark.parametrize("kind", SHARED_KINDS)
def test_keys_that_only_the_donor_shows_never_appear_at_the_planted_account(
    planted: Any, shown: pl.DataFrame, kind: str
) -> None:
    alone = shown.filter((pl.col("kind") == kind) & (pl.col("accounts") == 1))
    assert len(alone) > 0
    assert not set(planted.pairs[kind].drop_nulls()) & set(alone["key"])


@pytest.mark.parametrize("kind", ["prefix", "suffix", "system", "address", "subnet", "asn", "client"])
def test_keys_that_several_accounts_show_stay(planted: Any, shown: pl.DataFrame, kind: str) -> None:
    common = shown.filter((pl.col("kind") == kind) & (pl.col("accounts") > 1))["key"]
    pooled = planted.chosen.filter(pl.col("pool_key").is_not_null())["account_id"]
    rows = planted.pairs.filter(
        COVER & pl.col(f"{kind}_donor").is_in(common.implode()) & ~pl.col("account_id").is_in(pooled.implode())
    )
    assert len(rows) > 0
    assert rows[kind].equals(rows[f"{kind}_donor"].alias(kind))


@pytest.mark.parametrize("kind", OWN)
def test_a_new_key_is_one_account_s_and_always_the_same(planted: Any, kind: str) -> None:
    rows = planted.pairs.filter(COVER & (pl.col(kind) != pl.col(f"{kind}_donor")))
    pooled = planted.chosen.filter(pl.col("pool_key").is_not_null())["account_id"]
    own = rows.filter(~pl.col("account_id").is_in(pooled.implode())).select("account_id", kind, f"{kind}_donor")
    assert len(own) > 0
    pairs = own.unique()
    assert pairs.select(pl.struct("account_id", f"{kind}_donor").is_unique().all()).item()
    assert pairs[kind].is_unique().all()


def test_cover_stays_as_the_donor_wrote_it_except_keys(planted: Any) -> None:
    cover = planted.pairs.filter(COVER)
    assert len(cover) > 100
    changed = {"account_id", "source", "request_key", *OWN}
    for name in planted.lake.scan("events").collect_schema().names():
        if name not in changed:
            assert cover[name].equals(cover[f"{name}_donor"].alias(name)), name


def test_service_stays_when_and_where_the_donor_asked(planted: Any, shown: pl.DataFrame) -> None:
    served = planted.pairs.filter(~COVER)
    assert len(served) > 100
    for name in ("timestamp", "day", "model", "channel", "country", "output_tokens", "status_code", "agent"):
        assert served[name].equals(served[f"{name}_donor"].alias(name)), name
    common = shown.filter((pl.col("kind") == "asn") & (pl.col("accounts") > 1))["key"]
    common_networks = served.filter(pl.col("asn_donor").is_in(common.implode()))
    assert len(common_networks) > 100
    assert common_networks["asn"].equals(common_networks["asn_donor"].alias("asn"))


def test_accounts_without_a_past_register_before_they_begin_and_ask_for_nothing_before(planted: Any) -> None:
    fresh = planted.chosen.filter(~pl.col("aged"))
    registered = planted.lake.scan("accounts").collect().join(fresh, on="account_id")
    assert len(registered) > 3
    assert (registered["created_at"] < registered["begin"]).all()
    borrowed = planted.pairs.join(fresh.select("account_id", "begin"), on="account_id")
    assert (borrowed["timestamp"] >= borrowed["begin"]).all()


def test_accounts_with_a_past_keep_the_donors_registration_and_serve_from_their_begin(
    history: Any, planted: Any
) -> None:
    aged = planted.chosen.filter("aged")
    theirs = history.lake.scan("accounts").collect().select(donor="account_id", then="created_at")
    registered = planted.lake.scan("accounts").collect().join(aged, on="account_id").join(theirs, on="donor")
    assert len(registered) > 3
    assert registered["created_at"].equals(registered["then"].alias("created_at"))
    before = planted.pairs.join(aged, on="account_id").filter(pl.col("timestamp") < pl.col("begin"))
    assert len(before) > 10
    assert before.select(COVER.all()).item()


def test_registrations_keep_what_several_accounts_have_and_nothing_that_is_the_donors_alone(
    history: Any, planted: Any, as_of: Any
) -> None:
    registered = history.lake.accounts(as_of)
    rows = planted.lake.scan("accounts").collect().join(planted.chosen, on="account_id")
    both = rows.join(registered.rename({"account_id": "donor"}), on="donor", suffix="_donor")
    assert not set(both["signup_address"]) & set(registered["signup_address"])
    subnets = dict(registered.group_by("signup_subnet").len().iter_rows())
    stays = both["signup_subnet"] == both["signup_subnet_donor"]
    assert stays.to_list() == [subnets[subnet] > 1 for subnet in both["signup_subnet_donor"]]
    for name in ("plan", "billing_country", "organization", "mail_domain"):
        assert both[name].equals(both[f"{name}_donor"].alias(name))
    assert both["payment"].is_null().equals(both["payment_donor"].is_null())


def test_a_campaigns_instruments_and_addresses_are_shared_within_it_alone(history: Any, as_of: Any) -> None:
    settings = _settings(pooled=1.0, payment=1.0, accounts=12, instrument=3)
    campaign = choose_members(settings, history.donors, 0, as_of)
    assert campaign["instrument_key"].n_unique() == 4
    assert campaign["pool_key"].n_unique() == 3
    second = choose_members(_settings(pooled=1.0, payment=1.0, accounts=12, number=1), history.donors, 0, as_of)
    assert not set(campaign["instrument_key"]) & set(second["instrument_key"])
    assert not set(campaign["pool_key"]) & set(second["pool_key"])


def test_a_campaign_takes_no_more_accounts_than_there_are(history: Any, as_of: Any) -> None:
    members = choose_members(_settings(accounts=500), history.donors, 0, as_of)
    assert set(members["donor"]) == set(history.donors["account_id"])


def test_a_campaign_takes_its_accounts_into_service_over_the_first_third_of_its_time(history: Any, as_of: Any) -> None:
    ago = as_of - choose_members(_settings(accounts=40, begin=30.0), history.donors, 0, as_of)["begin"]
    assert ago.is_between(timedelta(days=20), timedelta(days=30)).all()


def test_shared_keys_are_those_of_two_accounts_or_more(history: Any, shown: pl.DataFrame, as_of: Any) -> None:
    shared = read_shared_keys(history.lake, history.since, as_of)
    common = shown.filter(pl.col("accounts") > 1).select("kind", "key")
    assert len(common.join(shared, on=["kind", "key"], how="anti")) <= 2  # in the running hour alone
    assert (
        shared.filter(pl.col("kind").is_in(list(SHARED_KINDS))).join(common, on=["kind", "key"], how="anti").is_empty()
    )


def _settings(**changes: Any) -> CampaignSettings:
    usual = {
        "number": 0, "family": "bare_seeds", "accounts": 5, "begin": 20.0, "cover": 0.3, "versions": 2,
        "rotation": "account", "seeds": 300, "shared": 0.2, "aged": 0.5, "burst": 5.0, "pooled": 0.0, "payment": 0.0,
        "instrument": 3, "single": 0.5, "systems": 0.5,
    }  # fmt: skip
    return CampaignSettings(**{**usual, **changes})
