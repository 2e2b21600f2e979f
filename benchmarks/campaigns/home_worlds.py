"""Simulated worlds as a provider has them: two campaigns labelled halfway, everything asked about at the end."""

import shutil
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.measure import log_step
from benchmarks.worlds.simulated import ingest_world
from pipelines.workspace import Workspace
from simulation import SimulationRequest, simulate
from simulation.presets import PRESETS
from simulation.tactics import Campaign
from simulation.world import Scenario

CONFIRMED = 2  # campaigns of which most members are labelled
LEAST_MEMBERS = 15  # of a confirmed campaign, active before the labels
LABELLED = 0.8  # share of their members
HONEST = 250  # honest accounts that are labelled
DEALT = 0.5  # share of the campaigns whose accounts are fed from one queue, where tactics vary


@dataclass(frozen=True)
class HomeWorld:
    """A simulated world in which public tools circulate.

    Attributes:
        preset: the scenario that it is made of.
        seed: of the world and its labels.
        scale: of its accounts.
        names_customers: whether accounts say which of them are one customer's, and their programmes.
        varies: whether half of the campaigns deal their tasks out of one queue.
    """

    preset: str
    seed: int
    scale: float
    names_customers: bool
    varies: bool = True

    @property
    def name(self) -> str:
        """For files and tables."""
        return f"{self.preset}-{self.seed}"

    @cached_property
    def scenario(self) -> Scenario:
        """What is simulated."""
        preset = PRESETS[self.preset]
        rng = np.random.default_rng([self.seed, 71])
        campaigns = tuple(_vary(campaign, rng) for campaign in preset.campaigns) if self.varies else preset.campaigns
        return replace(preset, campaigns=campaigns, has_tools=True, names_customers=self.names_customers)

    @property
    def halfway(self) -> datetime:
        """When the labels are known."""
        return self.scenario.start + timedelta(days=self.scenario.days // 2)

    @property
    def end(self) -> datetime:
        """The midnight after the last request."""
        return self.scenario.start + timedelta(days=self.scenario.days)


WORLDS = (
    HomeWorld("composed", 31, 0.5, names_customers=True, varies=False),
    HomeWorld("mixed", 41, 0.3, names_customers=False, varies=False),
    HomeWorld("composed", 61, 0.5, names_customers=True),
    HomeWorld("mixed", 61, 0.35, names_customers=False),
    HomeWorld("unseen-families", 62, 0.6, names_customers=False),
    HomeWorld("unseen-tactics", 62, 0.6, names_customers=True),
    HomeWorld("composed", 71, 0.6, names_customers=False),
    HomeWorld("composed", 131, 0.5, names_customers=False),
    HomeWorld("hydra-2026-06", 181, 0.008, names_customers=False, varies=False),  # its campaigns work all day, and on
)


@dataclass(frozen=True)
class MadeWorld:
    """A world on disk, and a workspace that holds its logs.

    Attributes:
        world: which it is.
        workspace: the workspace.
        truth: one row per account: `account_id`, `label`, `campaign`, `cohort`.
        labels: `features.schemas.Labels`, as known halfway.
    """

    world: HomeWorld
    workspace: Workspace
    truth: pl.DataFrame
    labels: pl.DataFrame


def make_home_world(world: HomeWorld, pools: Path, folder: Path) -> MadeWorld:
    """Simulate a world and ingest it; what an earlier call finished is not repeated."""
    own = folder / world.name
    made, workspace, mark = own / "world", Workspace(own / "workspace"), own / "ingested"
    if not mark.exists():
        shutil.rmtree(own, ignore_errors=True)
        log_step(f"{world.name}: simulating")
        simulate(SimulationRequest(scenario=world.scenario, out=made, scale=world.scale, seed=world.seed, pools=pools))
        log_step(f"{world.name}: ingesting")
        ingest_world(workspace, made)
        mark.touch()
    truth = pl.read_parquet(made / "truth.parquet").sort("account_id", "campaign")
    truth = truth.unique("account_id", keep="first", maintain_order=True)
    log = pl.scan_parquet(made / "requests" / "*.parquet").filter(pl.col("timestamp") < world.halfway)
    seen = log.select(pl.col("account_id").unique()).collect()
    return MadeWorld(world, workspace, truth, _label(truth.join(seen, on="account_id", how="semi"), world))


def _vary(campaign: Campaign, rng: np.random.Generator) -> Campaign:
    """Let some campaigns deal out one queue, at all hours or with less cover; a guest has no accounts of its own."""
    is_dealt, at_all_hours, less_cover = rng.random(3) < [DEALT, 0.5, 0.5]
    tactics = campaign.tactics
    if not is_dealt or tactics.guest_of:
        return campaign
    human = 0.1 if at_all_hours else tactics.human
    cover = tactics.cover / 2 if less_cover else tactics.cover
    return replace(campaign, tactics=replace(tactics, dealt=True, rotation="request", human=human, cover=cover))


def _label(seen: pl.DataFrame, world: HomeWorld) -> pl.DataFrame:
    """The labels that are known halfway, of accounts seen until then."""
    members = seen.filter("label")
    sizes = members.group_by("campaign").len().filter(pl.col("len") >= LEAST_MEMBERS).sort("campaign")
    confirmed = np.random.default_rng(world.seed).choice(sizes["campaign"].to_numpy(), CONFIRMED, replace=False)
    true = members.filter(pl.col("campaign").is_in(confirmed.tolist())).sample(fraction=LABELLED, seed=world.seed)
    honest = seen.filter(~pl.col("label")).sample(HONEST, seed=world.seed)
    labels = pl.concat([true, honest]).select(
        "account_id",
        "label",
        labelled_at=pl.lit(world.halfway - timedelta(hours=1)).cast(pl.Datetime("us", "UTC")),
        campaign=pl.when("label").then("campaign"),
    )
    return labels.sort("account_id")
