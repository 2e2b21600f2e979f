"""`stillwatch build` for many accounts: read-out, offline store, online store.

python -m benchmarks build [--accounts 100000] [--requests 1500000]
"""

import argparse
import tempfile
from datetime import timedelta
from pathlib import Path

from benchmarks import measure
from benchmarks.options import new_parser
from benchmarks.speed import ingest, material
from benchmarks.worlds.simulated import ignore_progress
from features.accounts import read_out
from pipelines.build import build
from pipelines.workspace import Workspace

AS_OF = material.START + timedelta(days=material.DAYS)


def main() -> None:
    """Measure the read-out alone and the whole build, each in a process of its own, after one ingest."""
    parser = new_parser("build", __doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=1_500_000)
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        workspace = Workspace(options.folder / "workspace")
        measure.print_usage(lambda: STEPS[options.step](workspace))
        return
    with tempfile.TemporaryDirectory() as scratch:
        material.write(Path(scratch), options.requests, options.accounts)
        ingest.ingest_all(Path(scratch))
        steps = {
            name: measure.usage_of("benchmarks.speed.build", "--step", name, "--folder", scratch) for name in STEPS
        }
    rows = [(name, measured, options.accounts) for name, measured in steps.items()]
    title = f"features of {options.accounts:,} accounts from {options.requests:,} requests of 28 days"
    measure.print_usage_table(title, rows, steps["decode the rollups"].seconds)


def decode_rollups(workspace: Workspace) -> None:
    """The floor: decode the rollups, keep nothing."""
    for table in ("account_rollups", "key_rollups"):
        workspace.lake.scan(table).collect(engine="streaming")


def read_features(workspace: Workspace) -> None:
    """The features, in memory."""
    read_out(workspace.lake, AS_OF)


def build_all(workspace: Workspace) -> None:
    """The whole of `stillwatch build`."""
    build(workspace, AS_OF, ignore_progress, now=AS_OF)


STEPS = {"decode the rollups": decode_rollups, "read out": read_features, "build (offline and online)": build_all}

if __name__ == "__main__":
    main()
