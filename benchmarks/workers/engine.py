"""Ingest and read-out by this process, by processes of this machine, and by a Ray cluster on it.

python -m benchmarks engine [--requests 400000] [--accounts 40000] [--rounds 1]

A worker has one thread of Polars. The chain is the processor time of this process and of the busiest worker: what the
work takes where each has a core to itself. Two programs at a time, each doing all of the work, show what the machine
allows. Of several rounds each figure is the least, that of the least disturbed.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.options import new_parser
from benchmarks.speed import material
from benchmarks.workers.ray_nodes import running_cluster
from benchmarks.worlds.simulated import ignore_progress
from pipelines.execute.engine import IN_PROCESS, Engine
from pipelines.execute.local_processes import LocalProcesses
from pipelines.execute.ray_cluster import RayCluster
from pipelines.ingest import Inputs, ingest
from pipelines.shards.read_outs import read_out_shards
from pipelines.workspace import Workspace

FILES = 8
HERE, LOCAL, RAY, TWICE = "this process", "processes", "Ray", "two programs"


@dataclass(frozen=True)
class Step:
    """What a step took, in seconds.

    Attributes:
        wall: from its begin to its end, with the workers started before.
        processor: of this process and all workers.
        chain: of this process and the busiest worker.
    """

    wall: float
    processor: float
    chain: float


@dataclass(frozen=True)
class Program:
    """What a program took: seconds until its workers had started, and its steps."""

    start: float
    steps: dict[str, Step]


@dataclass
class Metered:
    """An engine that notes the processor time of each worker."""

    engine: Engine
    seconds: Counter[int] = field(default_factory=Counter)

    @property
    def workers(self) -> int:
        """Of the engine."""
        return self.engine.workers

    def run(self, work: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        """Run units and note what they take; `Engine.run`."""
        for number, (result, process, seconds) in self.engine.run(run_metered, [(work, call) for call in calls]):
            self.seconds[process] += seconds
            yield number, result

    def close(self) -> None:
        """End all workers."""
        self.engine.close()

    def measure(self, step: Callable[[], object]) -> Step:
        """Take a step."""
        self.seconds.clear()
        begin, worked = time.perf_counter(), time.process_time()
        step()
        wall, own = time.perf_counter() - begin, time.process_time() - worked
        elsewhere = [seconds for process, seconds in self.seconds.items() if process != os.getpid()]
        return Step(wall, own + sum(elsewhere), own + max(elsewhere, default=0.0))


def run_metered(work: Callable[..., Any], call: tuple[Any, ...]) -> tuple[Any, int, float]:
    """Run a unit; its result, its process and its processor time."""
    worked = time.process_time()
    result = work(*call)
    return result, os.getpid(), time.process_time() - worked


def awaken(seconds: float) -> None:
    """Start a worker and let it load what it needs."""
    time.sleep(seconds)


def main() -> None:
    """Measure each engine in a program of its own, then two programs at a time."""
    parser = new_parser("engine", __doc__)
    parser.add_argument("--requests", type=int, default=400_000)
    parser.add_argument("--accounts", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--engine", choices=[HERE, LOCAL, RAY], help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--workspace", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        run_steps(options.engine, options.workers, options.folder, options.workspace)
        return
    with tempfile.TemporaryDirectory() as scratch:
        material.write(Path(scratch), options.requests, options.accounts, files=FILES)
        rounds = [take_round(Path(scratch)) for _ in range(options.rounds)]
    print(f"\n{options.requests:,} requests of 400 characters, {FILES} files; {options.accounts:,} accounts")
    print_engines({name: least([each[name] for each in rounds]) for name in rounds[0]})


def take_round(folder: Path) -> dict[str, Program]:
    """Measure each engine once, then two programs."""
    results = {}
    for engine, workers, threads in ((HERE, 1, 1), (HERE, 1, 2), (LOCAL, 2, 1), (RAY, 1, 1), (RAY, 2, 1)):
        name = f"{engine}, {workers} x {threads}"
        measure.log_step(name)
        (results[name],) = _finish(_begin(folder, engine, workers, threads))
    measure.log_step(TWICE)
    both = _finish(*[_begin(folder, HERE, 1, 1) for _ in range(2)])
    walls = {step: max(each.steps[step].wall for each in both) for step in both[0].steps}
    results[TWICE] = Program(0.0, {step: Step(wall, math.nan, math.nan) for step, wall in walls.items()})
    return results


def least(programs: list[Program]) -> Program:
    """The least of each figure."""
    steps = {}
    for name in programs[0].steps:
        took = [each.steps[name] for each in programs]
        figures = (min(getattr(each, figure.name) for each in took) for figure in fields(Step))
        steps[name] = Step(*figures)
    return Program(min(each.start for each in programs), steps)


def run_steps(kind: str, workers: int, folder: Path, name: str) -> None:
    """Ingest and read out with an engine; print how long its start and both steps took, as JSON."""
    with ExitStack() as stack:
        address = stack.enter_context(running_cluster([workers])).address if kind == RAY else ""
        begin = time.perf_counter()
        engine = Metered({HERE: lambda: IN_PROCESS, LOCAL: lambda: LocalProcesses(workers, 1),
                          RAY: lambda: RayCluster(address, workers)}[kind]())  # fmt: skip
        stack.callback(engine.close)
        if kind != HERE:
            list(engine.run(awaken, [(1.0,)] * workers))
        start = time.perf_counter() - begin
        workspace = Workspace(folder / name, engine=engine)
        inputs = Inputs(requests=folder / "requests", accounts=folder / "accounts.parquet")
        steps = {
            "ingest": lambda: ingest(workspace, inputs, reject_limit=0.01, progress=ignore_progress),
            "read out": lambda: read_out_shards(
                workspace.engine, workspace.lake, material.END, workspace.scratch, lambda _done: None
            ),
        }
        measured = {step: asdict(engine.measure(call)) for step, call in steps.items()}
    print(json.dumps({"start": start, "steps": measured}))


def _begin(folder: Path, engine: str, workers: int, threads: int) -> "subprocess.Popen[str]":
    options = ["--engine", engine, "--workers", str(workers), "--folder", str(folder)]
    call = [
        sys.executable,
        "-m",
        "benchmarks.workers.engine",
        *options,
        "--workspace",
        f"workspace-{time.monotonic_ns()}",
    ]
    variables = os.environ | {"POLARS_MAX_THREADS": str(threads)}
    return subprocess.Popen(call, stdout=subprocess.PIPE, text=True, env=variables)


def _finish(*programs: "subprocess.Popen[str]") -> list[Program]:
    """What programs that run will have taken."""
    results = []
    for program in programs:
        output, _ = program.communicate()
        if program.returncode:
            raise SystemExit(f"{program.args} failed.")
        answer = json.loads(output.splitlines()[-1])
        results.append(Program(answer["start"], {name: Step(**step) for name, step in answer["steps"].items()}))
    return results


def print_engines(results: dict[str, Program]) -> None:
    """Print what each engine took, in seconds and against this process with one thread."""
    print("| workers x threads | start | step | wall | times as fast | processor | chain | times as fast |")
    print("|---|---|---|---|---|---|---|---|")
    alone = results[f"{HERE}, 1 x 1"].steps
    for name, program in results.items():
        for step, took in program.steps.items():
            work = 2 if name == TWICE else 1
            wall = f"{took.wall:.1f} | {work * alone[step].wall / took.wall:.2f}"
            chain = f"{took.processor:.1f} | {took.chain:.1f} | {alone[step].chain / took.chain:.2f}"
            print(f"| {name} | {program.start:.1f} | {step} | {wall} | {chain} |".replace("nan", "-"))


if __name__ == "__main__":
    main()
