"""The commands, in the order in which a provider would call them, and the judge; finished steps are not repeated."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.measure import STILLWATCH, log_step
from features.code_version import code_version
from features.schemas import Requests
from pipelines.workspace import Workspace

EVERY = timedelta(days=5)  # between two times of scoring, counted back from the end
TABLES = ("accounts", "enforcement", "releases")
TEXT = ("prompt", "system_prompt")
INFRASTRUCTURE = ("client_address", "asn", "country", "user_agent", "tls_ja4")
VARIANTS = ("text", "infrastructure", "organizations")


@dataclass(frozen=True)
class ForeignWorld:
    """A world on disk."""

    folder: Path

    @cached_property
    def trained_at(self) -> datetime:
        """The end of the day of the last label."""
        last: datetime = pl.read_parquet(self.folder / "labels.parquet")["labelled_at"].max()  # type: ignore[assignment]
        return _next_midnight(last)

    @cached_property
    def times(self) -> list[datetime]:
        """When scores are asked for: at the training, then every few days until the end of the log."""
        log = pl.scan_parquet(self.folder / "requests" / "*.parquet")
        end = _next_midnight(log.select(pl.col("timestamp").max()).collect().item())
        steps = (end - self.trained_at) // EVERY
        return sorted({self.trained_at, *(end - i * EVERY for i in range(steps + 1))})


@dataclass(frozen=True)
class Run:
    """One workspace over a world, or over what is left of it.

    Attributes:
        world: the world.
        folder: where the workspace, scores and campaigns lie.
        without: what the logs lack; None for nothing.
    """

    world: ForeignWorld
    folder: Path
    without: str | None = None

    @property
    def workspace(self) -> Workspace:
        """The workspace; `retrain` must have been called."""
        return Workspace(self.folder / "workspace")

    @property
    def labels(self) -> Path:
        """The labels known at the training."""
        return self.world.folder / "labels.parquet"

    @property
    def gate(self) -> str:
        """What the loop said of the first version."""
        return (self.folder / "retrain.txt").read_text().strip()

    def fill(self) -> None:
        """Ingest the world's tables, with columns blanked where the variant wants it.

        What another state of the code or another world left is removed first.
        """
        code = [code_version(f"pipelines.{name}") for name in ("retrain", "score", "campaigns.tables")]
        stamp, mark = " ".join([*code, str(self.world.folder)]), self.folder / "made_from"
        if mark.exists() and mark.read_text() == stamp:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        source = self.world.folder if self.without is None else self.blank_tables()
        tables = [f"--{name}={source / name}.parquet" for name in TABLES]
        self._call("ingest", "--requests", str(source / "requests"), *tables)
        mark.write_text(stamp)

    def retrain(self) -> str:
        """Train a first version, and make it the champion whatever the gate says; return what the loop said."""
        said = self.folder / "retrain.txt"
        if not said.exists():
            call = ("--labels", str(self.labels), "--as-of", self.world.trained_at.isoformat())
            result = self._call("retrain", *call, expected=(0, 3))
            if "is the champion now" not in result:
                self._call("promote", "--version", "1", "--force", "--reason", "to be measured")
            said.write_text(result)
        return said.read_text()

    def score(self) -> list[Path]:
        """Score all accounts at all times; return the files."""
        return [self._written("score", time) for time in self.world.times]

    def latest_score(self) -> Path:
        """Score all accounts at the end; return the file."""
        return self._written("score", self.world.times[-1])

    def campaigns(self) -> Path:
        """Report campaigns at the end; return the file."""
        return self._written("campaigns", self.world.times[-1])

    def judge(self, scores: Sequence[Path], campaigns: Path | None = None) -> dict[str, Any]:
        """Return the judgement of the world's own judge."""
        out = self.folder / "judged.json"
        call = [sys.executable, str(self.world.folder / "judge.py"), "--json", str(out), "--scores", *map(str, scores)]
        more = [] if campaigns is None else ["--campaigns", str(campaigns)]
        _run([*call, *more], os.environ)
        judgement: dict[str, Any] = json.loads(out.read_text())
        return judgement

    def _written(self, command: str, time: datetime) -> Path:
        out = self.folder / f"{command}-{time:%Y-%m-%d}.parquet"
        if not out.exists():
            self._call(command, "--as-of", time.isoformat(), "--out", str(out))
        return out

    def _call(self, command: str, *arguments: str, expected: tuple[int, ...] = (0,)) -> str:
        log_step(f"{command} {' '.join(arguments)}")
        call = [str(STILLWATCH), command, *arguments, "--workspace", str(self.folder / "workspace")]
        return _run(call, os.environ, expected)

    def blank_tables(self) -> Path:
        """Write a copy of the tables that lacks what the variant says; return its folder."""
        folder = self.folder / "tables"
        (folder / "requests").mkdir(parents=True)
        lost = {"text": TEXT, "infrastructure": INFRASTRUCTURE}.get(self.without or "", ())
        kinds = {name: column.dtype for name, column in Requests.columns().items()}
        for day in sorted((self.world.folder / "requests").glob("*.parquet")):
            blank = [pl.lit(None, kinds[name]).alias(name) for name in lost]
            pl.read_parquet(day).with_columns(blank).write_parquet(folder / "requests" / day.name)
        for name in TABLES:
            frame = pl.read_parquet(self.world.folder / f"{name}.parquet")
            if name == "accounts" and self.without == "organizations":
                frame = frame.with_columns(organization_id=pl.lit(None, pl.String))
            frame.write_parquet(folder / f"{name}.parquet")
        return folder


def _run(call: Sequence[str], environment: Mapping[str, str], expected: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in expected:
        raise SystemExit(f"{' '.join(call[:2])} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _next_midnight(time: datetime) -> datetime:
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == time else midnight + timedelta(days=1)
