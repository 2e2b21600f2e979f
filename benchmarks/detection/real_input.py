"""Recall on campaign families held out of training, on accounts composed of real prompts and rhythms.

python -m benchmarks real_input --pools DIR [--families 3] [--case "held out"] [--seed 0]

For each family: a workspace is filled with all but the requests of the family, `retrain` learns from the labels known
by then, the family's requests are ingested too, and `score` judges all accounts. Everything goes through the commands;
the last workspace is served and asked over HTTP. The rivals learn from the same examples and are judged on the
same accounts: all honest ones of the world (labelled or not) against the family's. "never labelled" is the harder case:
the family is in the lake while the model is trained, so training treats its accounts as weak negatives.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from benchmarks.detection.mean_estimates import (
    ESTIMATE_NAMES,
    FamilyRisks,
    describe_families,
    format_estimate,
    mean_estimates,
)
from benchmarks.measure import STILLWATCH
from benchmarks.options import new_parser
from benchmarks.worlds.simulated import end_of_world, ignore_progress
from features.catalogue import FEATURE_NAMES, SCHEMA_VERSION
from pipelines.models.champion import packaged
from pipelines.models.train import gather
from pipelines.servers.endpoint import endpoint_options
from pipelines.workspace import Workspace
from serving.server import running_server
from training.examples.dataset import matrix
from training.fitting.candidates import FittedCandidate
from training.fitting.train import TrainingRequest, train
from training.models.candidate import OURS

CASES = ("held out", "never labelled")
SHOWN = ESTIMATE_NAMES[:3]


@dataclass(frozen=True)
class ComposedWorld:
    """A composed world on disk.

    Attributes:
        folder: the tables.
        truth: one row per account.
        as_of: its end.
    """

    folder: Path
    truth: pl.DataFrame
    as_of: datetime


def main() -> None:
    """Leave families out one by one, in both cases, and print a table for each."""
    parser = new_parser("real_input", __doc__)
    parser.add_argument("--pools", type=Path, required=True)
    parser.add_argument("--families", type=int, default=0, help="so many of them only (0: all)")
    parser.add_argument("--case", choices=CASES, action="append", help="by default both")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        world = composed(Path(scratch) / "world", arguments.pools, arguments.seed)
        families = world.truth["family"].drop_nulls().unique().sort().to_list()
        step = max(1, len(families) // arguments.families) if arguments.families else 1
        chosen = families[::step]
        for case in arguments.case or CASES:
            judged = []
            for family in chosen:
                judged.append(leave_out(world, family, case, Path(scratch) / f"{case} {family}", arguments.seed))
                print(f"  {case}: {family} done", file=sys.stderr, flush=True)
                if family == chosen[-1]:
                    ask_over_http(world, Workspace(Path(scratch) / f"{case} {family}" / "workspace"))
            print_case(case, judged, arguments.seed)


def composed(folder: Path, pools: Path, seed: int) -> ComposedWorld:
    """Simulate the world of real prompts and rhythms."""
    command("simulate", "--scenario", "composed", "--pools", pools, "--out", folder, "--seed", seed)
    truth = pl.read_parquet(folder / "truth.parquet").unique("account_id", keep="first", maintain_order=True)
    return ComposedWorld(folder, truth, end_of_world(folder))


def leave_out(world: ComposedWorld, family: str, case: str, scratch: Path, seed: int) -> FamilyRisks:
    """Train without one family, then score everybody; returns the honest accounts and the family's."""
    scratch.mkdir()
    out = world.truth.filter(pl.col("family") == family).select("account_id")
    parts = split(world, out, scratch)
    labels = scratch / "labels.parquet"
    pl.read_parquet(world.folder / "labels.parquet").join(out, on="account_id", how="anti").write_parquet(labels)
    root = scratch / "workspace"
    first, later = (["rest"], ["family"]) if case == "held out" else (["rest", "family"], [])
    for part in first:
        ingest_requests(world, parts[part], root)
    command(
        "retrain", "--labels", labels, "--as-of", f"{world.as_of:%Y-%m-%dT%H:%M:%SZ}", "--seed", seed, workspace=root
    )
    trained = fit_rivals(Workspace(root), labels, world.as_of, seed)
    for part in later:
        ingest_requests(world, parts[part], root)
    scores = root / "scores.parquet"
    command("score", "--as-of", f"{world.as_of:%Y-%m-%dT%H:%M:%SZ}", "--out", scores, workspace=root)
    table = pl.read_parquet(scores).join(world.truth.select("account_id", "label", "family"), on="account_id")
    table = table.filter(~pl.col("label") | (pl.col("family") == family)).sort("account_id")
    matrix_now = matrix(Workspace(root).lookup.historical(table.select("account_id", "as_of")), FEATURE_NAMES)
    risks = {name: judged.calibrator.apply(judged.scorer.raw(matrix_now)) for name, judged in trained.items()}
    return FamilyRisks(family, table["label"].to_numpy(), {"stillwatch": table["risk"].to_numpy(), **risks})


def split(world: ComposedWorld, out: pl.DataFrame, scratch: Path) -> dict[str, Path]:
    """The requests of one family and those of the rest, each in a file a day."""
    folders = {"family": scratch / "family", "rest": scratch / "rest"}
    for folder, how in zip(folders.values(), ("semi", "anti"), strict=True):
        folder.mkdir()
        for day in sorted((world.folder / "requests").glob("*.parquet")):
            part = pl.read_parquet(day).join(out, on="account_id", how=how)
            if len(part):
                part.write_parquet(folder / day.name)
    return folders


def ingest_requests(world: ComposedWorld, requests: Path, root: Path) -> None:
    """Ingest one part of the requests; the accounts' registrations are known to the provider all along."""
    tables: list[object] = []
    for name in ("accounts", "enforcement", "releases"):
        tables += [f"--{name}", world.folder / f"{name}.parquet"]
    command("ingest", "--requests", requests, *tables, workspace=root)


def fit_rivals(workspace: Workspace, labels: Path, as_of: datetime, seed: int) -> dict[str, FittedCandidate]:
    """The rivals of `retrain`, fitted again from the same examples, since only our model is registered."""
    examples = gather(workspace, pl.read_parquet(labels), as_of, ignore_progress).frame
    request = TrainingRequest(
        examples=examples, features=FEATURE_NAMES, as_of=as_of, seed=seed, schema_version=SCHEMA_VERSION
    )
    trained = train(request)
    return {name: judged.fitted for name, judged in trained.candidates.items() if name != OURS}


def ask_over_http(world: ComposedWorld, workspace: Workspace) -> None:
    """The endpoint must give the very risks of the file."""
    command("build", "--as-of", f"{world.as_of:%Y-%m-%dT%H:%M:%SZ}", workspace=workspace.root)
    some = pl.read_parquet(workspace.root / "scores.parquet").sample(1_000, seed=0)
    body = json.dumps({"account_ids": some["account_id"].to_list()}).encode()
    with running_server(
        packaged(workspace), endpoint_options(workspace, is_open=True), log=workspace.root / "serve.log"
    ) as url:
        request = urllib.request.Request(f"{url}/score", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)["scores"]
    if [score["risk"] for score in answer] != some["risk"].to_list():
        raise SystemExit("the endpoint and the score file differ")
    print("  1,000 accounts over HTTP: the very risks of the score file", file=sys.stderr)


def print_case(case: str, judged: list[FamilyRisks], seed: int) -> None:
    """Print, by model, means over families with intervals by bootstrap over families and accounts."""
    print(f"\nfamily {case}: {describe_families(judged)}")
    for name in judged[0].risks:
        family_means = mean_estimates(judged, name, seed)
        values = "   ".join(f"{estimate} {format_estimate(family_means[estimate])}" for estimate in SHOWN)
        print(f"  {name:<22}{values}")
    for risks in judged:
        by_model = "; ".join(f"{name} {in_short(risks, name)}" for name in risks.risks)
        accounts, base_rate = int(risks.label.sum()), risks.label.mean()
        print(f"    {risks.family:<18} {accounts:>3} accounts, base rate {base_rate:.2%}: {by_model}")


def in_short(risks: FamilyRisks, name: str) -> str:
    """PR-AUC and recall at 0.1 % of a model."""
    values = risks.values(name)
    return "/".join(f"{values[estimate]:.2f}" for estimate in (SHOWN[0], SHOWN[2]))


def command(*arguments: object, workspace: Path | None = None) -> None:
    """Run one command of stillwatch; its output is shown if it fails."""
    workspace_option = ["--workspace", str(workspace)] if workspace else []
    call = [str(STILLWATCH), *map(str, arguments), *workspace_option]
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=os.environ)
    if done.returncode:
        raise SystemExit(f"{' '.join(call)} failed:\n{done.stdout}\n{done.stderr}")


if __name__ == "__main__":
    main()
