"""Whole worlds: the tables against the contract, against each other and against the same call made again."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from simulation import SimulationRequest, Summary, simulate
from simulation.cohorts import COHORTS
from simulation.texts.commonplace import stock_phrases

Columns = dict[str, tuple[pl.DataType | type[pl.DataType], bool]]
_TIME = pl.Datetime("us", "UTC")
# name: (type, may be null), as the contract has them
REQUESTS: Columns = {
    "request_id": (pl.String, False),
    "timestamp": (_TIME, False),
    "account_id": (pl.String, False),
    "api_key_id": (pl.String, True),
    "channel": (pl.String, False),
    "model": (pl.String, False),
    "conversation_id": (pl.String, True),
    "message_count": (pl.UInt32, True),
    "system_prompt": (pl.String, True),
    "prompt": (pl.String, True),
    "input_tokens": (pl.UInt32, False),
    "output_tokens": (pl.UInt32, False),
    "reasoning_tokens": (pl.UInt32, True),
    "cached_tokens": (pl.UInt32, True),
    "max_tokens": (pl.UInt32, True),
    "temperature": (pl.Float32, True),
    "stream": (pl.Boolean, True),
    "tool_count": (pl.UInt16, True),
    "finish_reason": (pl.String, True),
    "status_code": (pl.UInt16, False),
    "client_address": (pl.String, True),
    "asn": (pl.UInt32, True),
    "country": (pl.String, True),
    "user_agent": (pl.String, True),
    "tls_ja4": (pl.String, True),
}
OTHERS: dict[str, Columns] = {
    "accounts": {
        "account_id": (pl.String, False),
        "created_at": (_TIME, False),
        "plan": (pl.String, False),
        "organization_id": (pl.String, True),
        "programme": (pl.String, True),
        "email_domain": (pl.String, True),
        "payment_fingerprint": (pl.String, True),
        "signup_address": (pl.String, True),
        "billing_country": (pl.String, True),
    },
    "labels": {
        "account_id": (pl.String, False),
        "label": (pl.Boolean, False),
        "labelled_at": (_TIME, False),
        "campaign": (pl.String, True),
    },
    "enforcement": {
        "account_id": (pl.String, False),
        "action": (pl.String, False),
        "acted_at": (_TIME, False),
    },
    "releases": {"model": (pl.String, False), "released_at": (_TIME, False)},
    "truth": {
        "account_id": (pl.String, False),
        "label": (pl.Boolean, False),
        "campaign": (pl.String, True),
        "family": (pl.String, True),
        "cohort": (pl.String, False),
        "start": (_TIME, True),
        "end": (_TIME, True),
    },
}


def requests_of(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "requests" / "*.parquet")


def table(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(folder / f"{name}.parquet")


def digest(folder: Path) -> dict[str, str]:
    files = sorted(folder.rglob("*.parquet"))
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    out = tmp_path_factory.mktemp("world") / "small"
    # a day costs about the same at any small scale, so few days with more accounts make the same world sooner
    return out, simulate(SimulationRequest(scenario="small", out=out, scale=1.0, days=10))


@pytest.fixture(scope="module")
def composed(pools: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    out = tmp_path_factory.mktemp("world") / "composed"
    return out, simulate(SimulationRequest(scenario="composed", out=out, scale=0.1, pools=pools, days=12))


def assert_contract(frame: pl.DataFrame, columns: Columns) -> None:
    assert frame.columns == list(columns)
    assert {n: frame[n].dtype for n in columns} == {n: dtype for n, (dtype, _) in columns.items()}
    assert [n for n, (_, null) in columns.items() if not null and frame[n].null_count()] == []


def test_all_tables_keep_the_contract(small: tuple[Path, Summary]) -> None:
    assert_contract(requests_of(small[0]), REQUESTS)
    for name, columns in OTHERS.items():
        assert_contract(table(small[0], name), columns)


def test_values_are_those_that_the_contract_names(small: tuple[Path, Summary]) -> None:
    requests = requests_of(small[0])
    accounts = table(small[0], "accounts")
    assert requests["request_id"].is_unique().all()
    assert accounts["account_id"].is_unique().all()
    assert set(accounts["plan"]) <= {"free", "pro", "team", "enterprise"}
    assert set(accounts["programme"].drop_nulls()) <= {"education", "research", "startup"}
    assert set(requests["finish_reason"].drop_nulls()) <= {"stop", "length", "tool_calls", "content_filter"}
    assert set(requests["status_code"]) <= {200, 403, 429, 500}
    assert requests["channel"].str.contains(r"^(api|web|cloud:\w+|aggregator:\w+)$").all()
    assert set(table(small[0], "enforcement")["action"]) <= {"ban", "throttle", "restore"}
    assert requests.filter(pl.col("prompt").str.len_chars() == 0).height == 0


def test_each_day_has_its_own_file_and_only_its_requests(small: tuple[Path, Summary]) -> None:
    files = sorted((small[0] / "requests").iterdir())
    assert len(files) == 10
    for file in files:
        days = pl.read_parquet(file)["timestamp"].dt.strftime("%Y-%m-%d").unique().to_list()
        assert days == [file.stem]


def test_sessions_run_on_past_midnight(small: tuple[Path, Summary]) -> None:
    requests = requests_of(small[0]).filter(pl.col("conversation_id").is_not_null())
    days = requests.group_by("conversation_id").agg(pl.col("timestamp").dt.date().n_unique())["timestamp"]
    assert (days == 2).sum() > 0


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        simulate(SimulationRequest(scenario="small", out=tmp_path / name, scale=0.1, seed=seed, days=3))
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    same = digest(tmp_path / "a").items() & digest(tmp_path / "c").items()
    assert {name for name, _ in same} <= {"releases.parquet", "enforcement.parquet"}


def shared_by_honest(folder: Path) -> pl.DataFrame:
    """Prompts of more than one account, an honest one among them, that are neither stock nor of a public set."""
    public = [name for name, cohort in COHORTS.items() if cohort.public > 0]
    joined = requests_of(folder).join(table(folder, "truth"), on="account_id")
    rest = joined.filter(~pl.col("prompt").is_in(stock_phrases().implode()))
    holders = rest.group_by("prompt").agg(
        pl.col("account_id").n_unique(), pl.col("cohort").unique(), honest=~pl.col("label").all()
    )
    all_public = pl.col("cohort").list.eval(pl.element().is_in(public)).list.all()
    return holders.filter((pl.col("account_id") > 1) & pl.col("honest") & ~all_public)


def test_unrelated_accounts_share_only_stock_prompts_and_public_sets(small: tuple[Path, Summary]) -> None:
    assert shared_by_honest(small[0]).height == 0


def test_honest_accounts_share_prompts_too(small: tuple[Path, Summary]) -> None:
    truth = table(small[0], "truth").filter(~pl.col("label"))
    joined = requests_of(small[0]).join(truth, on="account_id")
    holders = joined.select(pl.col("account_id").n_unique().over("prompt"))["account_id"]
    assert 0.03 < (holders > 1).mean() < 0.3


def test_truth_agrees_with_the_requests(small: tuple[Path, Summary]) -> None:
    out, summary = small
    requests, truth, accounts = requests_of(out), table(out, "truth"), table(out, "accounts")
    assert set(truth["account_id"]) == set(accounts["account_id"])
    assert set(requests["account_id"]) <= set(truth["account_id"])
    in_campaign = truth.filter("label")
    assert (
        in_campaign["campaign"].null_count() + in_campaign["family"].null_count() + in_campaign["start"].null_count()
        == 0
    )
    assert truth.filter(~pl.col("label")).select("campaign", "family", "start", "end").null_count().row(0) == (
        (truth.height - in_campaign.height,) * 4
    )
    active = requests.join(in_campaign, on="account_id").filter(pl.col("timestamp").is_between("start", "end"))
    assert active["account_id"].n_unique() >= 0.97 * in_campaign.height
    assert in_campaign.height == summary.campaign_accounts
    assert requests.height == summary.requests


def test_accounts_exist_before_they_send_and_stop_after_a_ban(small: tuple[Path, Summary]) -> None:
    out, _ = small
    joined = requests_of(out).join(table(out, "accounts"), on="account_id")
    assert joined.filter(pl.col("timestamp") < pl.col("created_at")).height == 0
    acts = table(out, "enforcement")
    bans = acts.filter(pl.col("action") == "ban").join(
        acts.filter(pl.col("action") == "restore"), on="account_id", how="anti"
    )
    after = joined.join(bans, on="account_id").filter(pl.col("timestamp") > pl.col("acted_at"))
    assert set(after["status_code"]) <= {403}
    assert after.filter(pl.col("timestamp") > pl.col("acted_at") + timedelta(hours=3)).height == 0


def test_labels_come_late_and_not_for_all_and_reviews_find_honest_accounts(
    small: tuple[Path, Summary],
) -> None:
    out, summary = small
    labels, truth = table(out, "labels"), table(out, "truth")
    both = labels.join(truth, on="account_id", suffix="_true")
    assert (both["label"] == both["label_true"]).all()
    confirmed = both.filter("label")
    assert (confirmed["labelled_at"] > confirmed["start"]).all()
    assert 0.4 < confirmed.height / summary.campaign_accounts < 1.0
    assert both.filter(~pl.col("label")).height > 20
    assert (labels["labelled_at"] < summary.end).all()


def test_the_small_world_has_many_cohorts_and_families_and_few_campaign_accounts(
    small: tuple[Path, Summary],
) -> None:
    truth = table(small[0], "truth")
    assert truth["cohort"].n_unique() >= 12
    assert truth["family"].n_unique() >= 5
    assert 0.04 < int(truth["label"].sum()) / truth.height < 0.11


def test_days_and_start_override_the_scenario(tmp_path: Path) -> None:
    summary = simulate(
        SimulationRequest(
            scenario="small", out=tmp_path / "w", scale=0.05, days=2, start=datetime(2025, 1, 1, 13, tzinfo=UTC)
        )
    )
    assert [f.stem for f in sorted((tmp_path / "w" / "requests").iterdir())] == ["2025-01-01", "2025-01-02"]
    assert (summary.start, summary.end) == (
        datetime(2025, 1, 1, tzinfo=UTC),
        datetime(2025, 1, 3, tzinfo=UTC),
    )


def test_a_world_of_one_day_is_made_for_every_kind_of_campaign(tmp_path: Path) -> None:
    for name in ("small", "unseen-tactics", "pools-2026-07", "hydra-2026-06"):
        assert simulate(SimulationRequest(scenario=name, out=tmp_path / name, scale=0.001, days=1)).requests > 0


def test_progress_is_reported_from_nothing_to_all(tmp_path: Path) -> None:
    shares: list[float] = []
    simulate(
        SimulationRequest(scenario="small", out=tmp_path / "w", scale=0.05, days=3),
        progress=lambda _step, done: shares.append(done),
    )
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_a_composed_world_keeps_the_contract(composed: tuple[Path, Summary]) -> None:
    assert_contract(requests_of(composed[0]), REQUESTS)
    for name, columns in OTHERS.items():
        assert_contract(table(composed[0], name), columns)
    assert table(composed[0], "truth")["family"].n_unique() >= 8


def test_real_prompts_do_not_leak_between_accounts(composed: tuple[Path, Summary]) -> None:
    assert shared_by_honest(composed[0]).height == 0


def test_campaigns_send_the_published_wrapper(composed: tuple[Path, Summary]) -> None:
    joined = requests_of(composed[0]).join(table(composed[0], "truth"), on="account_id")
    rows = joined.filter(pl.col("family") == "kit_questions")["prompt"]
    assert int(rows.str.contains("question-answer pairs from this text", literal=True).sum()) > 0.3 * len(rows)
