"""`stillwatch retrain`, killed at random moments and called again: does it end as if nothing had happened?

python -m benchmarks kills [--kills 30] [--seed 0] [--scale 0.4] [--no-plant]

Half of the kills meet a workspace without a model, half one whose champion is a day old. After each, the same command
is called again, and everything is compared with an undisturbed run: exit status, champion, its files, the line of
champions, aliases, the reports and metrics of every run, the Bento. Ends with 1 if anything differs or was left behind.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, STILLWATCH
from benchmarks.options import new_parser
from features.errors import StillwatchError
from pipelines.workspace import Workspace
from serving.package import verify_bento
from simulation import SimulationRequest, simulate
from training import tracking
from training.tracking.client import EXPERIMENT, NAME, connect
from training.tracking.sweep import UNREGISTERED

START, DAYS = datetime(2026, 4, 6, tzinfo=UTC), 14
AS_OF = START + timedelta(days=DAYS)
KEY = "5a" * 32
PATIENCE = 900.0
LEFT_BEHIND = ("scratch", "*.part", "*.draft*", ".half-*", ".current-*")


State = dict[str, Any]


def main() -> int:
    """Kill, call again, compare."""
    parser = new_parser("kills", __doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=0.4)
    parser.add_argument("--no-plant", action="store_true", help="retrain without planted campaigns, which is quicker")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        print(json.dumps(state(options.read)))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        # Killed commands leave drafts in their temporary folder, which goes with ours.
        os.environ |= {"STILLWATCH_KEY": KEY, "TMPDIR": scratch}
        case = Case(Path(scratch), options.scale, ("--no-plant",) if options.no_plant else ())
        failed, stages = 0, Counter[str]()
        chance = random.Random(options.seed)
        first = options.kills // 2
        for about, as_of, wanted in (
            ("without a model", AS_OF - timedelta(days=1), first),
            ("with a champion", AS_OF, options.kills - first),
        ):
            case.prepare(about, as_of)
            for i in range(wanted):
                stage, wrong = case.kill((i + chance.random()) / wanted)
                stages[stage] += 1
                failed += bool(wrong)
                print(f"  kill {i + 1} of {wanted}, {stage}: {wrong or 'the same'}", file=sys.stderr, flush=True)
    reached = ", ".join(f"{stage} {count}" for stage, count in stages.items())
    print(f"{options.kills} kills ({reached}): {failed} ended otherwise than the undisturbed run")
    return 1 if failed else 0


@dataclass
class Case:
    """A workspace that is restored before every kill, in one place, since MLflow keeps absolute paths."""

    scratch: Path
    scale: float
    more: tuple[str, ...] = ()
    as_of: datetime = AS_OF
    whole: State | None = None
    seconds: float = 0.0

    @property
    def root(self) -> Path:
        """The workspace."""
        return self.scratch / "workspace"

    def prepare(self, about: str, as_of: datetime) -> None:
        """Keep a copy of the workspace as it is, and run undisturbed once: the next part goes on from there."""
        world = self.scratch / "world"
        if not world.exists():
            simulate(SimulationRequest(scenario="small", out=world, scale=self.scale, days=DAYS, start=START))
            tables = [f"--{name}={world / name}.parquet" for name in ("accounts", "enforcement", "releases")]
            self.finish("ingest", "--requests", str(world / "requests"), *tables)
        else:
            self.restore("after")
        self.as_of = as_of
        shutil.rmtree(self.scratch / "before", ignore_errors=True)
        shutil.copytree(self.root, self.scratch / "before")
        process, began = self.begin()
        status = process.wait(PATIENCE)
        self.seconds = time.monotonic() - began
        self.whole = self.read(status)
        assert status in (0, 3) and self.whole["whole"] and not self.whole["left behind"], self.whole
        summary = f"{about}: {self.seconds:.1f} s undisturbed, status {status}, versions {self.whole['gates']}"
        print(summary, file=sys.stderr, flush=True)
        shutil.rmtree(self.scratch / "after", ignore_errors=True)
        shutil.copytree(self.root, self.scratch / "after")

    def kill(self, share: float) -> tuple[str, list[str]]:
        """Kill at that share of the undisturbed time, call again; what was being done, and what differs then."""
        assert self.whole is not None
        self.restore("before")
        process, began = self.begin()
        time.sleep(max(0.0, began + share * self.seconds - time.monotonic()))
        os.killpg(process.pid, signal.SIGKILL)
        killed = process.wait(PATIENCE) == -signal.SIGKILL
        said = (self.scratch / "said").read_text().splitlines()
        stage = (said[-1].removesuffix(" …") if said else "before the first step") if killed else "after the end"
        again = subprocess.run([STILLWATCH, *self.command()], capture_output=True, text=True, timeout=PATIENCE)
        if again.returncode not in (0, 3):
            return stage, [again.stderr.strip() or again.stdout.strip()]
        now = self.read(again.returncode)
        wrong = [name for name in now if now[name] != self.whole[name]]
        return stage, [f"{name}: {now[name]!s:.300} instead of {self.whole[name]!s:.300}" for name in wrong]

    def read(self, status: int) -> State:
        """What is there, read by a process of its own: MLflow keeps files open that are replaced here."""
        call = [sys.executable, "-m", "benchmarks.robustness.kills", "--read", str(self.root)]
        done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=True)
        state: State = json.loads(done.stdout.splitlines()[-1])
        return state | {"status": status}

    def restore(self, copy: str) -> None:
        """Put a copy of the workspace in its place."""
        shutil.rmtree(self.root)
        shutil.copytree(self.scratch / copy, self.root)

    def command(self) -> tuple[str, ...]:
        """The retraining."""
        labels = self.scratch / "world" / "labels.parquet"
        call = ("retrain", "--labels", str(labels), "--as-of", self.as_of.isoformat(), "--workspace", str(self.root))
        return (*call, *self.more)

    def begin(self) -> tuple[subprocess.Popen[bytes], float]:
        """Start it, and wait until it has the workspace."""
        (self.root / "lock").unlink(missing_ok=True)
        with (self.scratch / "said").open("wb") as said:
            call = [STILLWATCH, *self.command()]
            process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True)
        while not (self.root / "lock").exists() and process.poll() is None:
            time.sleep(0.005)
        return process, time.monotonic()

    def finish(self, *arguments: str) -> None:
        """Run a command to its end."""
        workspace = () if "--workspace" in arguments else ("--workspace", str(self.root))
        done = subprocess.run([STILLWATCH, *arguments, *workspace], capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode:
            raise SystemExit(f"{arguments[0]} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")


def state(root: Path) -> State:
    """All that a retraining leaves."""
    workspace = Workspace(root)
    uri = workspace.tracking_uri
    client = connect(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    versions = sorted(int(version.version) for version in client.search_model_versions(f"name='{NAME}'"))
    bentos = workspace.bento / "stillwatch"
    return {
        "aliases": {name: str(version) for name, version in client.get_registered_model(NAME).aliases.items()},
        "champions": tracking.champions(uri),
        "gates": {version: tracking.tags(uri, version).get("gate") for version in versions},
        "champion": {path.name: _sum(path) for path in sorted((root / "champion").iterdir())},
        "reports": {version: tracking.report(uri, version).model_dump_json() for version in versions},
        "runs": sorted(_run_summary(run) for run in client.search_runs([experiment])),
        "logged models": len(client.search_logged_models([experiment])),
        "bento": (bentos / "current").read_text(encoding="utf-8"),
        "whole": all(_is_whole(path) for path in bentos.iterdir() if path.is_dir() and path.name[0] != "."),
        "left behind": sorted(path.name for pattern in LEFT_BEHIND for path in root.rglob(pattern)),
    }


def _run_summary(run: Any) -> str:
    """One run: its name and part, whether it is finished, and its metrics."""
    whole = "open" if UNREGISTERED in run.data.tags else "closed"
    metrics = json.dumps(run.data.metrics, sort_keys=True)
    return f"{run.info.run_name} {run.data.tags['role']} {run.info.status} {whole} {metrics}"


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_whole(bento: Path) -> bool:
    try:
        verify_bento(bento)
    except StillwatchError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
