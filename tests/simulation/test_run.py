"""Writing a world: what is refused before anything is made, and memory that does not grow with the parts."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from features.errors import InputError
from simulation import SCENARIOS, SimulationRequest, simulate
from simulation.exports.dirt import Dirt
from simulation.presets import PRESETS
from simulation.run import _write_days
from simulation.traffic.columns import detach
from simulation.world import make_world

_PEAK = """
import resource, sys
from pathlib import Path
from simulation import run
run.PART = 25_000.0
made = run.simulate(run.SimulationRequest("hydra-2026-06", Path(sys.argv[1]), scale=float(sys.argv[2]), days=1))
print(made.requests, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_an_unknown_scenario_is_refused_with_the_list(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no scenario 'tiny': choose one of " + ", ".join(sorted(SCENARIOS))):
        simulate(SimulationRequest(scenario="tiny", out=tmp_path / "w"))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_no_positive_number_is_refused(tmp_path: Path, scale: float) -> None:
    with pytest.raises(InputError, match="expected a number above 0"):
        simulate(SimulationRequest(scenario="small", out=tmp_path / "w", scale=scale))


def test_a_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="is not an empty folder"):
        simulate(SimulationRequest(scenario="small", out=tmp_path))
    assert [f.name for f in tmp_path.iterdir()] == ["mine.txt"]


def test_days_below_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected at least 1"):
        simulate(SimulationRequest(scenario="small", out=tmp_path / "w", days=0))


def test_composed_asks_for_pools(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--pools"):
        simulate(SimulationRequest(scenario="composed", out=tmp_path / "w"))


def test_pools_that_lack_a_file_are_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "pools").mkdir()
    with pytest.raises(InputError, match=re.escape("prompts_benign.parquet")):
        simulate(SimulationRequest(scenario="small", out=tmp_path / "w", pools=tmp_path / "pools"))


@pytest.mark.parametrize("scale", [1e6, 1e308])
def test_a_scale_with_too_many_accounts_is_refused_before_they_are_drawn(tmp_path: Path, scale: float) -> None:
    with pytest.raises(InputError, match="accounts: expected at most"):
        simulate(SimulationRequest(scenario="small", out=tmp_path / "w", scale=scale))
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("start", "days"),
    [
        (datetime(9999, 12, 31, tzinfo=UTC), 21),
        (datetime(1, 1, 1), 21),
        (datetime(2199, 12, 31), 21),
        (datetime(2026, 1, 1), 10**10),
    ],
)
def test_a_time_that_tables_cannot_hold_is_refused_and_nothing_is_left(
    tmp_path: Path, start: datetime, days: int
) -> None:
    with pytest.raises(InputError, match="choose another --start or fewer --days"):
        simulate(SimulationRequest(scenario="small", out=tmp_path / "w", scale=0.05, days=days, start=start))
    assert not (tmp_path / "w").exists()
    assert (
        simulate(
            SimulationRequest(scenario="small", out=tmp_path / "w", scale=0.02, days=1, start=datetime(2199, 12, 31))
        ).requests
        > 0
    )


@pytest.mark.parametrize("name", ["file/world", "x" * 300])
def test_a_folder_that_cannot_be_made_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match="give another folder to --out") as refused:
        simulate(SimulationRequest(scenario="small", out=tmp_path / name, scale=0.02, days=1))
    assert "\n" not in str(refused.value)


def held(frame: pl.DataFrame) -> int:
    """Bytes of all buffers that the frame keeps alive."""
    columns = frame.to_arrow(compat_level=pl.CompatLevel.newest()).columns
    buffers = (buffer for column in columns for chunk in column.chunks for buffer in chunk.buffers())
    return sum(buffer.size for buffer in buffers if buffer is not None)


def test_rows_that_are_kept_hold_nothing_of_the_table_they_come_from() -> None:
    table = pl.DataFrame({"text": [f"{n} is a text too long to be inlined" for n in range(50_000)]})
    few = table.filter(pl.int_range(pl.len()) % 5_000 == 0)
    assert held(few) > 500_000  # without care they do
    assert held(detach(few)) < 5_000
    assert detach(few).equals(few)


def test_dirt_that_is_held_back_is_a_copy(tmp_path: Path) -> None:
    preset = PRESETS["small"]
    world = make_world(preset, 0.3, 0, None, 3, preset.start)
    (tmp_path / "requests").mkdir()
    dirt = Dirt(world, tmp_path)
    written = _write_days(world, tmp_path / "requests", dirt, lambda _step, _done: None)
    clean = pl.read_parquet(tmp_path / "requests" / "2026-04-06.parquet")
    dirt.soil_requests("a day", 0, 0, clean)
    assert written > clean.height / 2
    assert held(dirt._held[0]) < 0.2 * held(clean)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_parts(tmp_path: Path) -> None:
    def made(scale: float) -> tuple[int, int]:
        command = [sys.executable, "-c", _PEAK, str(tmp_path / f"w{scale}"), str(scale)]
        finished = subprocess.run(command, capture_output=True, text=True, check=True)
        requests, peak = finished.stdout.split()
        return int(requests), int(peak)

    few, many = made(0.02), made(0.2)
    files = (
        len(list((tmp_path / "w0.2" / "requests").iterdir())),
        len(list((tmp_path / "w0.02" / "requests").iterdir())),
    )
    assert files[0] >= 6 * files[1]
    assert many[0] > 6 * few[0]
    # what is in the making is the same; only accounts and what runs on into the next day are more (without copies: 3)
    assert many[1] < 2.2 * few[1]
