"""Features of diluted worlds, made once and cached: simulated, diluted, ingested, read out."""

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from threadpoolctl import threadpool_limits

from benchmarks.measure import log_step
from benchmarks.worlds.diluted import Dilution, dilute
from benchmarks.worlds.simulated import end_of_world, ignore_progress, ingest_world
from features.accounts import read_out
from features.code_version import code_version
from pipelines.campaigns.memberships import with_groups
from pipelines.models.detectors import with_detectors
from pipelines.workspace import Workspace
from simulation import SimulationRequest, simulate
from training.baselines.single_column_rule import VOLUME_FEATURE

DilutedFeatures = Mapping[Dilution, pl.DataFrame]


@dataclass(frozen=True)
class DilutedWorlds:
    """Where diluted worlds come from: a scenario at a scale, real pools, and a folder that caches what was made."""

    scenario: str
    pools: Path | None
    scale: float
    cache: Path | None = None

    def read_out(self, dilutions: Sequence[Dilution], seed: int) -> DilutedFeatures:
        """Features of every account as of the world's end, for each dilution of the world of a seed.

        Beside the features: whether the account was in a campaign then, and its truth: `true`, `family`, `cohort`.
        """
        name = f"{self.scenario} {self.scale:g} {seed} {self.pools is not None} {code_version(__name__)}"
        with tempfile.TemporaryDirectory() as scratch:
            folder = (self.cache or Path(scratch)) / f"diluted-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
            files = {dilution: folder / f"{dilution.requests}-{dilution.share:g}.parquet" for dilution in dilutions}
            missing = [dilution for dilution in dilutions if not files[dilution].exists()]
            if missing:
                folder.mkdir(parents=True, exist_ok=True)
                world = Path(scratch) / "world"
                request = SimulationRequest(
                    scenario=self.scenario, out=world, scale=self.scale, seed=seed, pools=self.pools
                )
                simulate(request)
                for dilution in missing:
                    log_step(f"at most {dilution.name}")
                    _read_out(world, dilution, seed, Path(scratch) / dilution.name).write_parquet(files[dilution])
            return {dilution: pl.read_parquet(file) for dilution, file in files.items()}

    def read_out_together(self, dilutions: Sequence[Dilution], seeds: Sequence[int]) -> DilutedFeatures:
        """The same of the worlds of several seeds together; each has its own campaigns as of its own end."""
        frames: dict[Dilution, list[pl.DataFrame]] = {dilution: [] for dilution in dilutions}
        for seed in seeds:
            account_id = pl.format("{}-{}", pl.lit(seed), "account_id").alias("account_id")
            for dilution, frame in self.read_out(dilutions, seed).items():
                frames[dilution].append(frame.with_columns(account_id))
        return {dilution: pl.concat(parts) for dilution, parts in frames.items()}


def _read_out(world: Path, dilution: Dilution, seed: int, scratch: Path) -> pl.DataFrame:
    workspace, log = Workspace(scratch / "workspace"), scratch / "requests.parquet"
    truth, as_of = pl.read_parquet(world / "truth.parquet"), end_of_world(world)
    workspace.root.mkdir(parents=True, exist_ok=True)
    dilute(pl.read_parquet(world / "requests" / "*.parquet"), truth, dilution, seed).write_parquet(log)
    ingest_world(workspace, world, requests=log)
    features = read_out(workspace.lake, as_of).filter(pl.col(VOLUME_FEATURE).is_not_null())
    with threadpool_limits(1, user_api="blas"):
        rows = with_detectors(workspace.lake, features)
    timed = rows.with_columns(as_of=pl.lit(as_of).cast(pl.Datetime("us", "UTC")))
    rows = with_groups(workspace, timed, ignore_progress)
    by_account = truth.unique("account_id", keep="first", maintain_order=True)
    return rows.join(by_account.select("account_id", "family", "cohort", true="label"), on="account_id")
