"""Write a world to a folder, day by day."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from features.errors import InputError
from pipelines.simulate import pools as pool_files
from pipelines.simulate import registers
from pipelines.simulate.day import make_day
from pipelines.simulate.presets import PRESETS
from pipelines.simulate.world import Scenario, World, make_world

SCENARIOS: tuple[str, ...] = tuple(PRESETS)
_REGISTERS = {
    "accounts": registers.accounts,
    "labels": registers.labels,
    "enforcement": registers.enforcement,
    "releases": registers.releases,
    "truth": registers.truth,
}


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written."""

    scenario: str
    start: datetime
    end: datetime
    accounts: int
    campaign_accounts: int
    campaigns: int
    requests: int
    labelled_true: int
    labelled_false: int


def simulate(
    scenario: str,
    out: Path,
    *,
    scale: float = 1.0,
    seed: int = 0,
    pools: Path | None = None,
    days: int | None = None,
    start: datetime | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Summary:
    """Write the tables of a made-up world into the folder `out`, which must be empty or absent.

    `scale` multiplies the accounts, not what each of them sends. `days` and `start` (taken as UTC where
    it has no zone,
    cut to midnight) override the scenario's. `pools`: folder of real prompts and rhythms, used in place
    of the grammar's.
    `progress` gets what is being done and the share that is finished. The same arguments give the same bytes.

    Raises InputError for an unknown scenario, a scale that is not above 0, days below 1, a folder that is
    not empty,
    and pools that lack a file (or are missing where the scenario needs them).
    """
    preset = _checked(scenario, out, scale, seed, pools, days)
    length = preset.days if days is None else days
    begin = _midnight(preset.start if start is None else start)
    tell = progress or (lambda _step, _done: None)
    tell("accounts", 0.0)
    world = make_world(preset, scale, seed, pools, length, begin)
    folder = out / "requests"
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for day in range(length):
        tell(f"day {day + 1} of {length}", day / length)
        frame = make_day(world, day)
        frame.write_parquet(
            folder / f"{begin + timedelta(days=day):%Y-%m-%d}.parquet",
            compression="zstd",
            compression_level=1,
        )
        count += frame.height
    for name, make in _REGISTERS.items():
        make(world).write_parquet(out / f"{name}.parquet")
    tell("done", 1.0)
    return _summary(world, out, count)


def _midnight(when: datetime) -> datetime:
    known = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    return known.replace(hour=0, minute=0, second=0, microsecond=0)


def _checked(scenario: str, out: Path, scale: float, seed: int, pools: Path | None, days: int | None) -> Scenario:
    preset = PRESETS.get(scenario)
    if preset is None:
        raise InputError(f"There is no scenario {scenario!r}: choose one of {', '.join(sorted(PRESETS))}.")
    if not (math.isfinite(scale) and scale > 0):
        raise InputError(f"The scale is {scale}: expected a number above 0, such as 1.")
    if days is not None and days < 1:
        raise InputError(f"The number of days is {days}: expected at least 1.")
    if seed < 0:
        raise InputError(f"The seed is {seed}: expected 0 or more.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not an empty folder: give a new one to --out, or empty it first.")
    if pools is not None:
        pool_files.check(pools)
    elif preset.pools:
        raise InputError(
            f"The scenario {scenario} is made of real prompts: give the folder that holds them with --pools."
        )
    return preset


def _summary(world: World, out: Path, requests: int) -> Summary:
    labels = pl.read_parquet(out / "labels.parquet")
    guilty = [s for s in world.segments if s.operation is not None]
    return Summary(
        scenario=world.scenario.name,
        start=world.start,
        end=world.start + timedelta(days=world.days),
        accounts=world.size,
        campaign_accounts=sum(len(s.accounts) for s in guilty),
        campaigns=len(world.scenario.campaigns),
        requests=requests,
        labelled_true=int(labels["label"].sum()),
        labelled_false=labels.height - int(labels["label"].sum()),
    )
