"""The picture of the README shows members of one campaign beside accounts in none, and what their prompts share."""

from datetime import UTC, datetime

import polars as pl

from docs_tools.overview import log_rows, pick_accounts, render_overview

MORNING = datetime(2026, 6, 1, 9, tzinfo=UTC)


def scores() -> pl.DataFrame:
    risk = {"a": 0.9, "b": 0.95, "c": 0.8, "d": 0.7, "e": 0.99, "x": 0.0, "y": 0.1, "z": 0.2}
    campaign = dict.fromkeys("abcd", "large") | {"e": "small"}
    return pl.DataFrame({
        "account_id": list(risk),
        "risk": list(risk.values()),
        "campaign_id": [campaign.get(name) for name in risk],
    })  # fmt: skip


def test_the_riskiest_members_of_the_largest_campaign_stand_before_accounts_in_none() -> None:
    assert pick_accounts(scores())["account_id"].to_list() == ["b", "a", "c", "y", "z"]


def test_of_a_member_the_request_is_shown_whose_opening_most_members_share() -> None:
    requests = pl.DataFrame({
        "account_id": ["a", "a", "b", "y"],
        "prompt": ["one of my own", "write ten new tasks please now", "write ten new tasks please then", "hello"],
        "timestamp": [MORNING.replace(hour=hour) for hour in (12, 9, 10, 11)],
    })  # fmt: skip
    rows = log_rows(requests.lazy(), pick_accounts(scores()))
    assert rows["account_id"].to_list() == ["a", "b", "y"]
    assert rows["opening"].to_list() == ["write ten new tasks please"] * 2 + ["hello"]


def test_the_page_marks_the_opening_that_members_share_and_escapes_all_text() -> None:
    shown = scores().filter(pl.col("account_id").is_in(["b", "y"])).sort("risk", descending=True)
    shown = shown.with_columns(reasons=pl.lit(["shares <openings> & more"]))
    rows = pl.DataFrame({
        "account_id": ["b", "y"],
        "prompt": ["<b>write ten new tasks</b> please now", "<script>hello"],
        "opening": ["<b>write ten new tasks</b> please", "<script>hello"],
        "timestamp": [MORNING, MORNING.replace(hour=10)],
        "client_address": ["10.0.0.1", "10.0.0.2"],
        "member": [True, False],
    })  # fmt: skip
    html = render_overview(shown, rows)
    assert "<mark>&lt;b&gt;write ten new tasks&lt;/b&gt; please</mark> now</div>" in html
    assert '<div class="request"><span>Jun 01 10:00 y… 10.0.0.2</span><br>&lt;script&gt;hello</div>' in html
    assert "<li>shares &lt;openings&gt; &amp; more</li>" in html
    assert '<i class="bar" style="width:100px"></i>0.950</td><td class=mono>large…</td>' in html
    assert '<i class="bar low" style="width:10px"></i>0.100</td><td class=mono></td>' in html
