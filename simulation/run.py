"""Write a world to a folder, day by day; the parts of a large day side by side."""

import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from features.errors import InputError
from simulation.day import make_day
from simulation.exports import tables
from simulation.exports.dirt import Dirt
from simulation.presets import PRESETS
from simulation.texts import pools as pool_files
from simulation.traffic.columns import detached
from simulation.world import Scenario, World, make_world

SCENARIOS: tuple[str, ...] = tuple(PRESETS)
PART = 250_000.0  # requests a day above which a world is made in parts, which bounds the memory, whatever the scale
FIRST_YEAR, LAST_YEAR = 1970, 2200  # a world lies between them: it has accounts from years before it
_HANDS = 2  # parts in the making at the same time
_REGISTERS = {
    "accounts": tables.accounts,
    "labels": tables.labels,
    "enforcement": tables.enforcement,
    "releases": tables.releases,
    "truth": tables.truth,
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
    scenario: str | Scenario,
    out: Path,
    *,
    scale: float = 1.0,
    seed: int = 0,
    pools: Path | None = None,
    days: int | None = None,
    start: datetime | None = None,
    dirty: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> Summary:
    """Write the tables of a made-up world into the folder `out`, which must be empty or absent.

    `scale` multiplies the accounts, not what each of them sends. `days` and `start` (taken as UTC where it has no
    zone, cut to midnight) override the scenario's. `pools`: folder of real prompts and rhythms, used in place of the
    grammar's. `dirty`: as a careless exporter would write it, see `dirt.py`; what was planted is in `planted.parquet`.
    `progress` gets what is being done and the share that is finished. The same arguments give the same bytes.

    Raises InputError for an unknown scenario, a scale that is not above 0 or gives too many accounts, days below 1 or
    outside the years that are known, a folder that is not empty or cannot be made, and pools that lack a file (or are
    missing where the scenario needs them).
    """
    preset = _checked(scenario, scale, seed, pools, days)
    length = preset.days if days is None else days
    begin = _begin(preset.start if start is None else start, length)
    _check_empty(out)
    tell = progress or (lambda _step, _done: None)
    tell("accounts", 0.0)
    world = make_world(preset, scale, seed, pools, length, begin)
    tables = {name: make(world) for name, make in _REGISTERS.items()}
    _make_folder(out / "requests")
    dirt = Dirt(world, out) if dirty else None
    count = _write_days(world, out / "requests", dirt, tell)
    for name, table in tables.items():
        (dirt.soil(name, table) if dirt else table).write_parquet(out / f"{name}.parquet")
    if dirt:
        dirt.planted().write_parquet(out / "planted.parquet")
    tell("done", 1.0)
    return _summary(world, tables["labels"], count)


def _write_days(world: World, folder: Path, dirt: Dirt | None, tell: Callable[[str, float], None]) -> int:
    """Write all requests; returns how many (without what dirt adds)."""
    steps = max(1, math.ceil(_volume(world) / PART))
    parts = [world.part(steps, offset) for offset in range(steps)] if steps > 1 else [world]
    over: list[pl.DataFrame | None] = [None] * steps  # of each part: what runs on into the next day
    count = 0
    for day, part, made in _made(world.days, parts):
        if part == 0:
            tell(f"day {day + 1} of {world.days}", day / world.days)
        midnight = world.start + timedelta(days=day + 1)
        late, over[part] = over[part], detached(made.filter(pl.col("timestamp") >= midnight))
        frame = made.filter(pl.col("timestamp") < midnight)
        if late is not None and late.height:
            frame = pl.concat([late, frame]).sort("timestamp", "request_id")
        name = f"{world.start + timedelta(days=day):%Y-%m-%d}" + (f"-{part:03d}" if steps > 1 else "")
        soiled = dirt.soil_requests(name, day, part, frame) if dirt else frame
        soiled.write_parquet(folder / f"{name}.parquet", compression="zstd", compression_level=1)
        count += frame.height
    return count


def _made(days: int, parts: list[World]) -> Iterator[tuple[int, int, pl.DataFrame]]:
    """Day, part and its requests, in that order; a few are in the making while one is written."""
    waiting: deque[tuple[int, int, Future[pl.DataFrame]]] = deque()
    with ThreadPoolExecutor(_HANDS) as hands:
        for day in range(days):
            for number, part in enumerate(parts):
                waiting.append((day, number, hands.submit(make_day, part, day, number)))
                if len(waiting) > _HANDS:
                    first, offset, made = waiting.popleft()
                    yield first, offset, made.result()
        for first, offset, made in waiting:
            yield first, offset, made.result()


def _volume(world: World) -> float:
    """Requests to be expected on a busy day."""
    accounts = world.accounts
    ordinary = np.where(accounts.campaign < 0, accounts.rate * accounts.active, accounts.duty)
    clock = np.where(accounts.every > 0.0, 1.0 / np.maximum(accounts.every, 1e-9), 0.0)
    return float((ordinary + clock).sum())


def _begin(when: datetime, days: int) -> datetime:
    """Midnight of the day in UTC, where the world then lies in the years that all tables can hold."""
    if FIRST_YEAR < when.year < LAST_YEAR:  # else the change of zone may fail
        known = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
        begin = known.replace(hour=0, minute=0, second=0, microsecond=0)
        if days <= (datetime(LAST_YEAR, 1, 1, tzinfo=UTC) - begin).days:
            return begin
    raise InputError(
        f"{days} days from {when:%Y-%m-%d} are not within {FIRST_YEAR + 1} to {LAST_YEAR - 1}: "
        "choose another --start or fewer --days."
    )


def _check_empty(out: Path) -> None:
    try:
        used = out.exists() and (not out.is_dir() or any(out.iterdir()))
    except OSError as error:
        raise InputError(f"{out} cannot be read ({error.strerror}): give another folder to --out.") from error
    if used:
        raise InputError(f"{out} is not an empty folder: give a new one to --out, or empty it first.")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}): give another folder to --out.") from error


def _checked(scenario: str | Scenario, scale: float, seed: int, pools: Path | None, days: int | None) -> Scenario:
    preset = scenario if isinstance(scenario, Scenario) else PRESETS.get(scenario)
    if preset is None:
        raise InputError(f"There is no scenario {scenario!r}: choose one of {', '.join(sorted(PRESETS))}.")
    if not (math.isfinite(scale) and scale > 0):
        raise InputError(f"The scale is {scale}: expected a number above 0, such as 1.")
    if days is not None and days < 1:
        raise InputError(f"The number of days is {days}: expected at least 1.")
    if seed < 0:
        raise InputError(f"The seed is {seed}: expected 0 or more.")
    if pools is not None:
        pool_files.check(pools)
    elif preset.pools:
        raise InputError(
            f"The scenario {scenario} is made of real prompts: give the folder that holds them with --pools."
        )
    return preset


def _summary(world: World, labels: pl.DataFrame, requests: int) -> Summary:
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
