"""Ingest (with text) in requests per second, against only reading the Parquet.

python -m benchmarks ingest [--rows 1000000]
"""

import argparse
import tempfile
from pathlib import Path

import polars as pl

from benchmarks import measure
from benchmarks.options import new_parser
from benchmarks.speed import material
from benchmarks.worlds.simulated import ingest_quietly
from pipelines.ingest import Inputs
from pipelines.workspace import Workspace


def main() -> None:
    """Measure reading and ingesting, each in a process of its own."""
    parser = new_parser("ingest", __doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--step", choices=["read", "ingest"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        measure.print_usage(
            {"read": lambda: read_requests(options.folder), "ingest": lambda: ingest_all(options.folder)}[options.step]
        )
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        material.write(folder, options.rows, options.rows // 15)
        steps = {
            step: measure.usage_of("benchmarks.speed.ingest", "--step", step, "--folder", scratch)
            for step in ("read", "ingest")
        }
    rows = [(name, measured, options.rows) for name, measured in steps.items()]
    measure.print_usage_table(f"ingest of {options.rows:,} requests of 400 characters", rows, steps["read"].seconds)


def read_requests(folder: Path) -> None:
    """The floor: decode every column, keep nothing."""
    for path in sorted((folder / "requests").glob("*.parquet")):
        pl.read_parquet(path)


def ingest_all(folder: Path) -> None:
    """The whole of `stillwatch ingest`."""
    inputs = Inputs(requests=folder / "requests", accounts=folder / "accounts.parquet")
    ingest_quietly(Workspace(folder / "workspace"), inputs)


if __name__ == "__main__":
    main()
