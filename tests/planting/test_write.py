"""What stands in the requests of a planted campaign, and what is exchanged for it."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from planting.borrow import borrow_events, choose_members, read_shared_keys, serves_campaign
from planting.settings import CampaignSettings
from planting.write import TOKENS_PER_WORD, write_service
from simulation.families import read_families
from simulation.texts.material import Grammar

MATERIAL = Grammar(7)
USUAL = {
    "number": 4, "family": "code_tasks", "accounts": 6, "begin": 40.0, "cover": 0.4, "versions": 3,
    "rotation": "account", "seeds": 300, "shared": 0.3, "aged": 1.0, "burst": 5.0, "pooled": 0.0, "payment": 0.0,
    "instrument": 3, "single": 0.5, "systems": 1.0,
}  # fmt: skip
SERVED = pl.col("is_service")


@pytest.fixture
def campaign(history: Any, as_of: Any) -> Any:
    """Writes a campaign of these settings: the events before and after, side by side, and which are on `is_service`."""
    shared = read_shared_keys(history.lake, history.since, as_of)

    def write(**changes: Any) -> pl.DataFrame:
        settings = CampaignSettings(**{**USUAL, **changes})
        chosen = choose_members(settings, history.donors, 0, as_of)
        frame = borrow_events(history.lake, chosen, shared, history.since, as_of)
        is_service = serves_campaign(frame, settings.cover, 0)
        after = write_service(frame, is_service, settings, MATERIAL, history.keyring, 0)
        before = frame.with_columns(is_service=is_service)
        return after.join(before, on=["account_id", "request_key"], suffix="_before", validate="1:1")

    return write


def test_input_tokens_change_by_the_length_of_the_text_only(campaign: Any) -> None:
    rows = campaign()
    longer = ((pl.col("words") - pl.col("words_before")) * TOKENS_PER_WORD).round().cast(pl.Int64)
    expected = (pl.col("input_tokens_before") + longer).clip(1)
    assert rows.filter(SERVED).select((pl.col("input_tokens") == expected).all()).item()
    assert rows.filter(SERVED).select((pl.col("words") != pl.col("words_before")).any()).item()


def test_cover_is_not_touched(campaign: Any) -> None:
    cover = campaign().filter(~SERVED)
    names = [name for name in cover.columns if f"{name}_before" in cover.columns]
    assert len(cover) > 50
    assert all(cover[name].equals(cover[f"{name}_before"].alias(name)) for name in names)


@pytest.mark.parametrize(("cover", "least", "most"), [(0.0, 1.0, 1.0), (0.4, 0.5, 0.7), (0.9, 0.05, 0.17)])
def test_the_share_of_cover_is_kept_after_the_begin(campaign: Any, cover: float, least: float, most: float) -> None:
    rows = campaign(cover=cover, accounts=20)
    assert not rows.filter(SERVED & (pl.col("timestamp") < pl.col("begin"))).height
    assert least <= rows.filter(pl.col("timestamp") >= pl.col("begin"))["is_service"].mean() <= most


def test_a_rotation_by_account_gives_each_account_one_wording(campaign: Any) -> None:
    rows = campaign(rotation="account", versions=20, accounts=12, family="fixed_prompt").filter(SERVED)
    per_account = rows.group_by("account_id").agg(pl.col("prefix").n_unique())
    assert per_account["prefix"].max() == 1
    assert rows["prefix"].n_unique() > 3


def test_a_rotation_by_day_changes_the_wording_at_midnight(campaign: Any) -> None:
    rows = campaign(rotation="day", versions=20, family="fixed_prompt").filter(SERVED)
    assert rows.group_by("account_id", "day").agg(pl.col("prefix").n_unique())["prefix"].max() == 1
    assert rows.group_by("account_id").agg(pl.col("prefix").n_unique())["prefix"].min() > 3


def test_a_rotation_by_request_changes_it_at_any_time(campaign: Any) -> None:
    rows = campaign(rotation="request", versions=20, family="fixed_prompt").filter(SERVED)
    assert rows.group_by("account_id", "day").agg(pl.col("prefix").n_unique())["prefix"].max() > 1


def test_accounts_share_seeds_as_far_as_the_setting_says(campaign: Any) -> None:
    alone, common = (campaign(family="bare_seeds", shared=share, seeds=20).filter(SERVED) for share in (0.0, 0.9))
    shown = [rows.group_by("exact").agg(pl.col("account_id").n_unique()) for rows in (alone, common)]
    assert shown[0]["account_id"].max() == 1
    assert shown[1]["account_id"].max() > 2


def test_accounts_that_speak_send_one_system_prompt_of_the_family_and_others_none(history: Any, campaign: Any) -> None:
    speaking, silent = (campaign(systems=share).filter(SERVED) for share in (1.0, 0.0))
    offered = pl.Series(read_families(None)["code_tasks"].system)
    keys = pl.select(history.keyring.key(pl.lit(offered), "system")).to_series()
    assert speaking["system"].n_unique() == 1
    assert speaking["system"][0] in keys.to_list()
    assert silent["system"].null_count() == len(silent)


def test_requests_that_stand_alone_have_one_message_and_no_conversation(campaign: Any) -> None:
    alone, within = (campaign(single=share).filter(SERVED) for share in (1.0, 0.0))
    assert alone["message_count"].unique().to_list() == [1]
    assert alone["conversation"].null_count() == len(alone)
    for name in ("message_count", "conversation"):
        assert within[name].equals(within[f"{name}_before"].alias(name))


@pytest.mark.parametrize("family", ["made_up", "tool_use", "data_analysis", "dialogue_simulation"])
def test_all_families_are_reduced_as_prompts_are(campaign: Any, family: str) -> None:
    rows = campaign(family=family).filter(SERVED)
    assert (
        rows.select(pl.col("words", "prefix", "suffix", "exact", "simhash", "flags", "topic").null_count()).row(0)
        == (0,) * 7
    )
    assert (rows["words"] > 3).all()


def test_a_campaign_without_service_leaves_all_as_it_was(history: Any, as_of: Any) -> None:
    settings = CampaignSettings(**USUAL)
    shared = read_shared_keys(history.lake, history.since, as_of)
    frame = borrow_events(
        history.lake, choose_members(settings, history.donors, 0, as_of), shared, history.since, as_of
    )
    none = pl.Series(np.zeros(len(frame), dtype=bool))
    assert write_service(frame, none, settings, MATERIAL, history.keyring, 0).equals(frame)
