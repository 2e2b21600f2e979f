"""Write a world to a folder, day by day; the parts of a large day side by side."""

import math
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
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
from simulation.texts.pools import check_pools
from simulation.traffic.columns import detach
from simulation.world import Scenario, World, make_world

SCENARIOS: tuple[str, ...] = tuple(PRESETS)
# Expected requests of a day above which each day is made in several parts. It bounds the memory, whatever the scale;
# doubling it about doubles the memory that a large world needs.
PART = 250_000.0
FIRST_YEAR, LAST_YEAR = 1970, 2200  # a world lies between them, since its accounts are up to years older than it
_WORKERS = 2  # parts made at the same time; each further one adds the memory of a part
_TABLES = {
    "accounts": tables.accounts_table,
    "labels": tables.labels_table,
    "enforcement": tables.enforcement_table,
    "releases": tables.releases_table,
    "truth": tables.truth_table,
}


@dataclass(frozen=True, slots=True)
class Summary:
    """The size of the world that was written."""

    scenario: str
    start: datetime
    end: datetime
    accounts: int
    campaign_accounts: int
    campaigns: int
    requests: int
    labelled_true: int
    labelled_false: int


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """A world to be written: which scenario, how large, where to.

    Attributes:
        scenario: the name of a preset, or a scenario of one's own.
        out: the folder to write into; it must be empty or absent.
        scale: multiplies the number of accounts, not what each of them sends.
        seed: of every draw.
        pools: folder with real prompts and rhythms, used in place of the grammar's; see `texts/pools.py`.
        days: length of the world; None for the scenario's.
        start: first day of the world, cut to midnight, UTC if it has no zone; None for the scenario's.
        dirty: write the tables as a careless exporter would, see `exports/dirt.py`; `planted.parquet` then lists
            what was planted.
    """

    scenario: str | Scenario
    out: Path
    scale: float = 1.0
    seed: int = 0
    pools: Path | None = None
    days: int | None = None
    start: datetime | None = None
    dirty: bool = False


def simulate(request: SimulationRequest, *, progress: Callable[[str, float], None] | None = None) -> Summary:
    """Write the tables of a simulated world into a folder; the same request writes the same bytes.

    Args:
        request: what to write, and where to.
        progress: called with the current step and the finished share.

    Raises:
        InputError: the scenario is unknown; the scale is not above 0 or gives too many accounts; the days are below 1
            or outside the years that tables can hold; the folder is not empty or cannot be made; the pools lack a
            file, or the scenario needs pools and none are given.
    """
    preset = _check(request)
    days = preset.days if request.days is None else request.days
    start = _first_midnight(preset.start if request.start is None else request.start, days)
    _check_empty(request.out)
    report = progress or (lambda _step, _done: None)
    report("accounts", 0.0)
    world = make_world(preset, request.scale, request.seed, request.pools, days, start)
    written = {name: make_table(world) for name, make_table in _TABLES.items()}
    _make_folder(request.out / "requests")
    with _emptied_on_failure(request.out):
        dirt = Dirt(world, request.out) if request.dirty else None
        count = _write_days(world, request.out / "requests", dirt, report)
        for name, table in written.items():
            (dirt.soil(name, table) if dirt else table).write_parquet(request.out / f"{name}.parquet")
        if dirt:
            dirt.planted().write_parquet(request.out / "planted.parquet")
    report("done", 1.0)
    return _summary(world, written["labels"], count)


@contextmanager
def _emptied_on_failure(out: Path) -> Iterator[None]:
    """Empty the folder again if its world can't be written to the end, so that the same call can be repeated."""
    try:
        yield
    except Exception:  # Polars has errors of its own for a full disk
        shutil.rmtree(out, ignore_errors=True)
        raise


def _write_days(world: World, folder: Path, dirt: Dirt | None, report: Callable[[str, float], None]) -> int:
    """Write the requests of all days; returns their number, not counting what dirt adds."""
    part_count = max(1, math.ceil(_busy_day_requests(world) / PART))
    parts = [world.part(part_count, offset) for offset in range(part_count)] if part_count > 1 else [world]
    overnight: list[pl.DataFrame | None] = [None] * part_count  # of each part: requests that fall on the next day
    count = 0
    for day, part, made in _make_parts(world.days, parts):
        if part == 0:
            report(f"day {day + 1} of {world.days}", day / world.days)
        midnight = world.start + timedelta(days=day + 1)
        late, overnight[part] = overnight[part], detach(made.filter(pl.col("timestamp") >= midnight))
        frame = made.filter(pl.col("timestamp") < midnight)
        if late is not None and late.height:
            frame = pl.concat([late, frame]).sort("timestamp", "request_id")
        name = f"{world.start + timedelta(days=day):%Y-%m-%d}" + (f"-{part:03d}" if part_count > 1 else "")
        soiled = dirt.soil_requests(name, day, part, frame) if dirt else frame
        soiled.write_parquet(folder / f"{name}.parquet", compression="zstd", compression_level=1)
        count += frame.height
    return count


def _make_parts(days: int, parts: list[World]) -> Iterator[tuple[int, int, pl.DataFrame]]:
    """Day, number of the part and its requests, in order; the next few are made while one is written."""
    waiting: deque[tuple[int, int, Future[pl.DataFrame]]] = deque()
    with ThreadPoolExecutor(_WORKERS) as workers:
        for day in range(days):
            for number, part in enumerate(parts):
                waiting.append((day, number, workers.submit(make_day, part, day, number)))
                if len(waiting) > _WORKERS:
                    first_day, first_number, requests = waiting.popleft()
                    yield first_day, first_number, requests.result()
        for first_day, first_number, requests in waiting:
            yield first_day, first_number, requests.result()


def _busy_day_requests(world: World) -> float:
    """Requests to expect on a busy day."""
    accounts = world.accounts
    ordinary = np.where(accounts.campaign < 0, accounts.rate * accounts.active, accounts.service_rate)
    clock = np.where(accounts.clock_interval > 0.0, 1.0 / np.maximum(accounts.clock_interval, 1e-9), 0.0)
    return float((ordinary + clock).sum())


def _first_midnight(start: datetime, days: int) -> datetime:
    """Midnight (UTC) of the first day; InputError if the world would leave the years that all tables can hold."""
    if FIRST_YEAR < start.year < LAST_YEAR:  # outside them the change of zone may fail
        utc = start.replace(tzinfo=UTC) if start.tzinfo is None else start.astimezone(UTC)
        midnight = utc.replace(hour=0, minute=0, second=0, microsecond=0)
        if days <= (datetime(LAST_YEAR, 1, 1, tzinfo=UTC) - midnight).days:
            return midnight
    raise InputError(
        f"{days} days from {start:%Y-%m-%d} are not within {FIRST_YEAR + 1} to {LAST_YEAR - 1}: "
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


def _check(request: SimulationRequest) -> Scenario:
    """The scenario of a request that can be carried out; InputError for any other."""
    scenario, scale, days = request.scenario, request.scale, request.days
    preset = scenario if isinstance(scenario, Scenario) else PRESETS.get(scenario)
    if preset is None:
        raise InputError(f"There is no scenario {scenario!r}: choose one of {', '.join(sorted(PRESETS))}.")
    if not (math.isfinite(scale) and scale > 0):
        raise InputError(f"The scale is {scale}: expected a number above 0, such as 1.")
    if days is not None and days < 1:
        raise InputError(f"The number of days is {days}: expected at least 1.")
    if not 0 <= request.seed < 2**63:
        raise InputError(f"The seed is {request.seed}: expected 0 to {2**63 - 1}.")
    if request.pools is not None:
        check_pools(request.pools)
    elif preset.pools:
        raise InputError(
            f"The scenario {preset.name} is made of real prompts: give the folder that holds them with --pools."
        )
    return preset


def _summary(world: World, labels: pl.DataFrame, requests: int) -> Summary:
    in_campaigns = [s for s in world.segments if s.operation is not None]
    return Summary(
        scenario=world.scenario.name,
        start=world.start,
        end=world.start + timedelta(days=world.days),
        accounts=world.size,
        campaign_accounts=sum(len(s.accounts) for s in in_campaigns),
        campaigns=len(world.scenario.campaigns),
        requests=requests,
        labelled_true=int(labels["label"].sum()),
        labelled_false=labels.height - int(labels["label"].sum()),
    )
