"""`python -m benchmarks NAME [options]`: take one measurement; without a name, list them all."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measure import ROOT

ALL = "all"


@dataclass(frozen=True)
class Benchmark:
    """One entry of the manifest.

    Attributes:
        module: what runs; its `main` reads the options.
        about: what is measured, in one line.
        needs_pools: whether it needs the real prompts and rhythms (an option names their folder).
        one_thread: whether each fit gets one thread, since two models are fitted at a time.
        in_all: whether `all` runs it.
    """

    module: str
    about: str
    needs_pools: bool = False
    one_thread: bool = False
    in_all: bool = False


def _on_pools(module: str, about: str) -> Benchmark:
    """A measurement of models on worlds of real prompts and rhythms, two fits at a time."""
    return Benchmark(module, about, needs_pools=True, one_thread=True)


BENCHMARKS: dict[str, Benchmark] = {
    "ingest": Benchmark("benchmarks.speed.ingest", "requests ingested per second", in_all=True),
    "formats": Benchmark("benchmarks.speed.formats", "each log format: requests per second, and a fuzz"),
    "rollups": Benchmark("benchmarks.speed.rollups", "hourly rollups against the same SQL in DuckDB", in_all=True),
    "build": Benchmark("benchmarks.speed.build", "features of many accounts, offline and online", in_all=True),
    "engine": Benchmark("benchmarks.workers.engine", "ingest and read-out by one worker, by two, and by Ray"),
    "follow": Benchmark("benchmarks.speed.follow", "how soon an event is online, and what kills lose"),
    "endpoint": Benchmark("benchmarks.endpoint.grid", "POST /score against FastAPI and MLflow", in_all=True),
    "console": Benchmark("benchmarks.endpoint.console", "the analysts' pages with 100,000 accounts"),
    "overload": Benchmark("benchmarks.endpoint.overload", "POST /score at five times its capacity"),
    "soak": Benchmark("benchmarks.endpoint.soak", "POST /score at a steady pace: errors and memory (half an hour)"),
    "swap": Benchmark("benchmarks.endpoint.swap", "champions that change under load"),
    "worlds": Benchmark("benchmarks.worlds.worlds", "simulated worlds: speed, single columns, realism", in_all=True),
    "grouping": Benchmark("benchmarks.campaigns.grouping", "campaigns against other ways to group", in_all=True),
    "evidence": Benchmark("benchmarks.campaigns.evidence", "fit what tells campaigns from crowds", needs_pools=True),
    "report": Benchmark("benchmarks.campaigns.report", "reports of a disclosed campaign against the truth"),
    "day": Benchmark("benchmarks.campaigns.day", "the cost of adding one day to a history", in_all=True),
    "foreign": Benchmark("benchmarks.foreign.foreign", "a world that other people made, by commands and its judge"),
    "text_only": Benchmark(
        "benchmarks.foreign.text_only", "honest accounts with a campaign's prompts", needs_pools=True
    ),
    "real_input": Benchmark("benchmarks.detection.real_input", "families left out, by commands", needs_pools=True),
    "judging": _on_pools("benchmarks.detection.judging", "families left out, calibration, the model card"),
    "poisoning": _on_pools("benchmarks.robustness.poisoning", "poisoned labels and the gate"),
    "fingerprint": _on_pools("benchmarks.detection.fingerprint", "recall by number of requests and campaign share"),
    "columns": _on_pools("benchmarks.detection.columns", "the PR-AUC that each feature column adds"),
    "structure": _on_pools("benchmarks.detection.structure", "the recall that campaigns and sharing add"),
    "early": _on_pools("benchmarks.detection.early", "time to detection in each scenario"),
    "replay": Benchmark("benchmarks.replay.replay", "a disclosed campaign, day by day, by commands (hours)"),
    "kills": Benchmark("benchmarks.robustness.kills", "retrainings killed and run again (half an hour)"),
    "faults": Benchmark("benchmarks.robustness.faults", "answers while Redis, SQLite or a worker breaks (5 minutes)"),
    "fuzz": Benchmark("benchmarks.robustness.fuzz", "spoiled requests at the ports of serve and follow"),
    "encoders": Benchmark("benchmarks.text.encoders", "encoders of topics compared", needs_pools=True),
    "topics": Benchmark("benchmarks.text.topics", "fit the shipped word table of topics", needs_pools=True),
}


def main(arguments: Sequence[str]) -> int:
    """Run each measurement in a process of its own, so that its memory peak is its own."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(list_benchmarks())
        return 0
    name, *options = arguments
    if name != ALL and name not in BENCHMARKS:
        print(f"benchmarks: there is no measurement {name!r}\n\n{list_benchmarks()}", file=sys.stderr)
        return 2
    chosen = [benchmark for benchmark in BENCHMARKS.values() if benchmark.in_all] if name == ALL else [BENCHMARKS[name]]
    for benchmark in chosen:
        status = run(benchmark, options)
        if status:
            return status
    return 0


def run(benchmark: Benchmark, options: Sequence[str]) -> int:
    """Run one measurement to its end; returns its exit status."""
    threads = {"OMP_THREAD_LIMIT": "1"} if benchmark.one_thread else {}
    call = [sys.executable, "-m", benchmark.module, *options]
    return subprocess.run(call, cwd=ROOT, check=False, env=os.environ | threads).returncode


def list_benchmarks() -> str:
    """Usage, and every name with its line."""
    rows = [
        f"  {name:<12} {benchmark.about}{' [needs real data]' if benchmark.needs_pools else ''}"
        for name, benchmark in BENCHMARKS.items()
    ]
    in_all = ", ".join(name for name, benchmark in BENCHMARKS.items() if benchmark.in_all)
    usage = "usage: python -m benchmarks NAME [options]      NAME --help shows its options"
    return "\n".join([usage, "", *rows, f"  {ALL:<12} one after the other: {in_all}"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
