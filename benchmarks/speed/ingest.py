"""Ingest (with text) in requests per second, against only reading the Parquet.

python -m benchmarks ingest [--rows 1000000]
"""

import argparse
import sys
import tempfile
from pathlib import Path

import polars as pl

from benchmarks import measure
from benchmarks.options import new_parser
from benchmarks.speed import material
from pipelines.ingest import Inputs, ingest
from pipelines.workspace import Workspace


def main() -> None:
    """Measure reading and ingesting, each in a process of its own."""
    parser = new_parser("ingest", __doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--step", choices=["read", "ingest"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        measure.report({"read": lambda: read(given.folder), "ingest": lambda: store(given.folder)}[given.step])
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        material.write(folder, given.rows, given.rows // 15)
        steps = {
            step: measure.in_process("benchmarks.speed.ingest", "--step", step, "--folder", scratch)
            for step in ("read", "ingest")
        }
    rows = [(name, measured, given.rows) for name, measured in steps.items()]
    measure.table(f"ingest of {given.rows:,} requests of 400 characters", rows, steps["read"].seconds)


def read(folder: Path) -> None:
    """The floor: decode every column, keep nothing."""
    for path in sorted((folder / "requests").glob("*.parquet")):
        pl.read_parquet(path)


def store(folder: Path) -> None:
    """The whole of `stillwatch ingest`."""
    inputs = Inputs(requests=folder / "requests", accounts=folder / "accounts.parquet")
    ingest(Workspace(folder / "workspace"), inputs, reject_limit=0.01, progress=lambda _step, _done: None)


if __name__ == "__main__":
    sys.exit(main())
