"""Every preset in small: sizes as disclosed, tables that ingest takes, tactics that show."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.ingest import Inputs, TableCount, ingest
from pipelines.workspace import Workspace
from simulation import SCENARIOS, SimulationRequest, simulate
from simulation.audit.single_column import AUDIT_SIZES, MAX_AUC, column_aucs, enlarge_families, limited_rows
from simulation.campaign_accounts import expected_requests
from simulation.families.written import UNSEEN
from simulation.presets import PRESETS
from simulation.traffic.arrivals import draw_arrivals
from simulation.world import World, make_world

# scale at which a preset has some 2,500 requests a day
SCALES = {
    "small": 0.15, "composed": 0.05, "mixed": 0.05, "unseen-families": 0.1, "unseen-tactics": 0.1,
    "reasoning-2026-02": 0.05, "agentic-2026-02": 0.005, "pivot-2026-02": 0.001, "hydra-2026-06": 0.001,
    "pools-2026-07": 0.0005, "cleaner-2026": 0.01,
}  # fmt: skip
# (scale, days) at which a preset is audited here; `python -m benchmarks worlds` does it at `AUDIT_SIZES`
QUICK_AUDITS: dict[str, tuple[float, int | None]] = {
    "small": (1.2, 10), "composed": (0.4, None), "mixed": (0.4, 18), "unseen-families": (0.4, 15),
    "unseen-tactics": (0.6, None), "reasoning-2026-02": (0.4, 15), "agentic-2026-02": (0.06, 10),
    "pivot-2026-02": (0.007, 14), "hydra-2026-06": (0.004, 20), "pools-2026-07": (0.003, 20),
    "cleaner-2026": (0.06, 15),
}  # fmt: skip
ALWAYS = {"small", "unseen-tactics", "pools-2026-07", "cleaner-2026"}  # are spoiled and ingested without --full too
DISCLOSED = {
    "reasoning-2026-02": (180, 150_000),
    "agentic-2026-02": (620, 3_400_000),
    "pivot-2026-02": (4_000, 13_000_000),
    "hydra-2026-06": (25_000, 28_800_000),
    "cleaner-2026": (273, 770_609),
}
JULY_POOLS = "pools-2026-07"  # of which accounts and a day's requests are disclosed, not the sum


def ingest_world(out: Path, workspace: Path) -> dict[str, TableCount]:
    tables = {n: out / f"{n}.parquet" for n in ("accounts", "enforcement", "releases")}
    filled = {n: path for n, path in tables.items() if pl.read_parquet(path).height}
    inputs = Inputs(out / "requests", **filled)
    return ingest(Workspace(workspace), inputs, reject_limit=0.01, progress=lambda _step, _done: None)


@pytest.mark.parametrize("dirty", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in ALWAYS else pytest.mark.slow) for n in SCENARIOS])
def test_ingest_counts_exactly_what_was_planted(
    name: str, dirty: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    pools = request.getfixturevalue("pools") if PRESETS[name].pools else None
    summary = simulate(
        SimulationRequest(scenario=name, out=tmp_path / "w", scale=SCALES[name], days=2, dirty=dirty, pools=pools)
    )
    counts = ingest_world(tmp_path / "w", tmp_path / "workspace")
    counted: Counter[tuple[str, str]] = Counter()
    for table, count in counts.items():
        counted += Counter({(table, rule): n for rule, n in count.rejects.items()})
        counted += Counter({(table, "repeat"): count.repeats, (table, "malformed_address"): count.malformed_addresses})
    planted: Counter[tuple[str, str]] = Counter()
    if dirty:
        for file, rule, rows in pl.read_parquet(tmp_path / "w" / "planted.parquet").iter_rows():
            planted[file.split("/")[0].removesuffix(".parquet"), rule] += rows
        assert len(planted) > 8
    assert counted == planted
    assert counts["requests"].stored == summary.requests


@pytest.mark.slow  # that of the small world is tested with the measurement itself
@pytest.mark.parametrize("name", SCENARIOS)
def test_no_single_column_betrays_a_campaign(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    pools = request.getfixturevalue("pools") if PRESETS[name].pools else None
    scale, days = QUICK_AUDITS[name]
    preset = enlarge_families(PRESETS[name], scale)
    simulate(SimulationRequest(scenario=preset, out=tmp_path, scale=scale, days=days, pools=pools))
    aucs = column_aucs(tmp_path)
    assert set(aucs["family"]) == {"all", *(c.family for c in preset.campaigns)}  # none has too few accounts
    assert limited_rows(aucs).filter(pl.col("auc") >= MAX_AUC).rows() == []


def test_there_is_a_scale_for_every_preset() -> None:
    assert set(SCALES) == set(AUDIT_SIZES) == set(QUICK_AUDITS) == set(SCENARIOS)


@pytest.mark.parametrize("name", DISCLOSED)
def test_campaigns_are_as_large_as_disclosed(name: str) -> None:
    tactics = [c.tactics for c in PRESETS[name].campaigns]
    assert (sum(t.accounts for t in tactics), sum(t.requests or 0 for t in tactics)) == DISCLOSED[name]


def test_the_pools_of_july_are_as_large_as_disclosed() -> None:
    (tactics,) = (c.tactics for c in PRESETS[JULY_POOLS].campaigns)
    assert (tactics.accounts, tactics.second_pool) == (5_000, 3_500)
    preset = replace(PRESETS[JULY_POOLS], honest=1)
    world = make_world(preset, 0.1, 0, None, preset.days, preset.start)
    days = [draw_arrivals(world, day, np.random.default_rng([0, day])) for day in range(60, preset.days)]
    sent = [int((world.accounts.campaign[moments.account] >= 0).sum()) for moments in days]
    assert max(sent) == pytest.approx(300_000, rel=0.2)  # "up to 3 million a day" at a tenth of the accounts


def test_hydra_sends_28_8_million_requests_from_april_22_to_june_5() -> None:
    preset = replace(PRESETS["hydra-2026-06"], honest=1)
    assert (preset.start.isoformat()[:10], preset.days) == ("2026-04-22", 45)
    scale = 0.05
    world = make_world(preset, scale, 0, None, preset.days, preset.start)
    days = (draw_arrivals(world, day, np.random.default_rng([0, day])) for day in range(preset.days))
    sent = sum(int((world.accounts.campaign[moments.account] >= 0).sum()) for moments in days)
    assert sent == pytest.approx(28_800_000 * scale, rel=0.025)  # a twentieth of the accounts: more noise than 1 %


@pytest.mark.parametrize("name", [*DISCLOSED, JULY_POOLS])
def test_honest_accounts_send_twice_as_much_as_the_campaign(name: str) -> None:
    preset = PRESETS[name]
    scale = 2_500 / preset.honest
    world = make_world(preset, scale, 1, None, preset.days, preset.start)
    wanted = sum(c.tactics.requests or _july_requests(world) for c in preset.campaigns) * scale / preset.days
    accounts = [draw_arrivals(world, day, np.random.default_rng([1, day])).account for day in range(7)]
    honest = np.concatenate(accounts)
    assert (world.accounts.campaign[honest] < 0).sum() / 7 > 2.0 * wanted


def _july_requests(world: World) -> float:
    """Requests of the pools of July at scale 1: what their accounts send in service, in the mean."""
    parts = [(s.accounts, s.enforcement) for s in world.segments if s.operation is not None]
    weekday = world.start.weekday()
    sent = sum(expected_requests(a, v, world.days, weekday, world.clockwork) for a, v in parts)
    return sent / (sum(len(a) for a, _ in parts) / 8_500)


def test_a_second_pool_takes_over_when_the_first_is_banned(tmp_path: Path) -> None:
    simulate(SimulationRequest(scenario="pools-2026-07", out=tmp_path, scale=0.002, days=10))
    bans = pl.read_parquet(tmp_path / "enforcement.parquet").filter(pl.col("action") == "ban")
    truth = pl.read_parquet(tmp_path / "truth.parquet").filter("label")
    purge = PRESETS["pools-2026-07"].start + timedelta(days=7)
    first, second = truth.filter(pl.col("start") < purge), truth.filter(pl.col("start") >= purge)
    assert (first.height, second.height) == (10, 7)
    assert first.join(bans, on="account_id").height >= 8
    assert second["start"].max() < purge + timedelta(days=1)


@pytest.fixture(scope="module")
def tactics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world") / "tactics"
    simulate(SimulationRequest(scenario="unseen-tactics", out=out, scale=0.2))
    return out


@pytest.mark.slow  # a world of its own, 15 s; what is ingested of it is counted in every run
def test_two_operators_share_a_pool_and_metadata_vanishes(tactics: Path) -> None:
    truth = pl.read_parquet(tactics / "truth.parquet")
    requests = pl.read_parquet(tactics / "requests" / "*.parquet")
    twice = truth.filter(pl.col("account_id").is_duplicated())
    assert set(twice["campaign"]) == {"tarn", "upland"}
    assert set(twice["family"]) == {"instruction_generation", "safe_rewrites"}
    both = requests.join(twice.unique("account_id"), on="account_id")["prompt"]
    assert both.str.contains("diverse|varied|different").any()
    assert both.str.contains("acceptable to every reader|neutral, approved language").any()
    vale = requests.join(truth.filter(pl.col("campaign") == "vale"), on="account_id").with_columns(
        late=pl.col("timestamp") > PRESETS["unseen-tactics"].start + timedelta(days=15)
    )
    missing = dict(vale.group_by("late").agg(pl.col("user_agent").is_null().mean()).iter_rows())
    assert missing[True] > 0.5 > 0.2 > missing[False]


@pytest.mark.slow  # a world of its own, 15 s; what is ingested of it is counted in every run
def test_probes_come_by_the_clock(tactics: Path) -> None:
    truth = pl.read_parquet(tactics / "truth.parquet").filter(pl.col("campaign") == "wold")
    requests = pl.scan_parquet(tactics / "requests" / "*.parquet").join(truth.lazy(), on="account_id").collect()
    phase = requests.select("account_id", phase=pl.col("timestamp").dt.epoch("s") % 21_600 // 20)
    most = phase.group_by("account_id").agg(pl.col("phase").unique_counts().max())["phase"]
    assert (most > 25).mean() > 0.5


def test_unseen_families_are_in_no_other_world() -> None:
    unseen = {family.name for family in UNSEEN}
    for name, preset in PRESETS.items():
        used = {campaign.family for campaign in preset.campaigns}
        assert used == unseen if name == "unseen-families" else not used & unseen


def test_unseen_tactics_are_in_no_other_world() -> None:
    for name, preset in PRESETS.items():
        unusual = [c for c in preset.campaigns if c.tactics.guest_of or c.tactics.probes[1] or c.tactics.blank[1]]
        assert (len(unusual) >= 3) == (name == "unseen-tactics")


def test_a_large_world_is_made_in_parts_that_hold_the_same_accounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulation.run.PART", 800.0)
    summary = simulate(SimulationRequest(scenario="small", out=tmp_path, scale=0.3, days=2))
    files = sorted(f.name for f in (tmp_path / "requests").iterdir())
    assert len(files) >= 4
    assert files[0] == "2026-04-06-000.parquet"
    requests = pl.read_parquet(tmp_path / "requests" / "*.parquet")
    assert requests.height == summary.requests == requests["request_id"].n_unique()
