"""The days of a replay: each is ingested and scored by the commands a provider would call, and kept when it is over."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import polars as pl

from benchmarks.measure import STILLWATCH, Usage, log_step
from features.code_version import code_version

TRAIN_EVERY = 7  # days
TABLES = ("accounts", "enforcement", "releases")


@dataclass(frozen=True)
class Day:
    """What a day cost, by command; a command that was not called that day is absent.

    Attributes:
        number: from 1.
        requests: of the day.
        usage: by command.
        gate: what `retrain` said, in its first line; empty on other days.
    """

    number: int
    requests: int
    usage: dict[str, Usage]
    gate: str = ""


@dataclass(frozen=True)
class Replay:
    """A world that comes day by day.

    Attributes:
        world: folder of its tables.
        folder: where the workspace and the answers of each day lie.
        unlabelled: campaigns of which no label is ever known; None for all, so that nothing is labelled at all.
    """

    world: Path
    folder: Path
    unlabelled: tuple[str, ...] | None

    @cached_property
    def files(self) -> list[list[Path]]:
        """The requests' files of each day."""
        by_day: dict[str, list[Path]] = {}
        for file in sorted((self.world / "requests").glob("*.parquet")):
            by_day.setdefault(file.name[:10], []).append(file)
        return list(by_day.values())

    def midnight(self, number: int) -> datetime:
        """The end of a day."""
        first = datetime.fromisoformat(f"{self.files[0][0].name[:10]}T00:00:00+00:00")
        return first + timedelta(days=number)

    def answer(self, command: str, number: int) -> Path:
        """The file that `score` or `campaigns` wrote at the end of a day."""
        return self.folder / command / f"{self.midnight(number):%Y-%m-%d}.parquet"

    def scored_days(self) -> list[int]:
        """The days at whose ends there was a champion."""
        return [number for number in range(1, len(self.files) + 1) if self.answer("campaigns", number).exists()]

    def play(self) -> list[Day]:
        """Play the days that have not been played; return all.

        Raises:
            SystemExit: other code played the days that are there, or a command failed.
        """
        for name in ("score", "campaigns", "day", "logs"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._check_code()
        self._write_labels()
        return [self._play_day(number) for number in range(1, len(self.files) + 1)]

    def _play_day(self, number: int) -> Day:
        record = self.folder / "day" / f"{number:02d}.json"
        if record.exists():
            fields = json.loads(record.read_text())
            return Day(**fields | {"usage": {name: Usage(**usage) for name, usage in fields["usage"].items()}})
        log_step(f"day {number} of {len(self.files)}")
        requests = pl.scan_parquet(self.files[number - 1]).select(pl.len()).collect().item()
        usage, gate = dict(self._commands(number)), ""
        if "retrain" in usage:
            gate = (self.folder / "logs" / f"retrain-{number:02d}.txt").read_text().partition("\n")[0]
        day = Day(number=number, requests=requests, usage=usage, gate=gate)
        draft = record.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(day)))
        draft.rename(record)
        return day

    def _commands(self, number: int) -> Iterator[tuple[str, Usage]]:
        """Call the commands of a day. Each gives the same when a killed day is played again."""
        tables = [f"--{name}={self.world / name}.parquet" for name in TABLES] if number == 1 else []
        today = self.world / "requests" / f"{self.files[number - 1][0].name[:10]}*.parquet"
        yield "ingest", self._call("ingest", number, "--requests", str(today), *tables)
        as_of = ("--as-of", self.midnight(number).isoformat())
        if number % TRAIN_EVERY == 0:
            labels = [] if self.unlabelled is None else ["--labels", str(self._labels)]
            yield "retrain", self._call("retrain", number, *as_of, *labels, expected=(0, 3, 4))
        if number >= TRAIN_EVERY:
            for command in ("score", "campaigns"):
                yield command, self._call(command, number, *as_of, "--out", str(self.answer(command, number)))

    def _check_code(self) -> None:
        """Let all days of a replay be of one state of the code."""
        mark = self.folder / "made_from"
        code = " ".join(code_version(f"pipelines.{name}") for name in ("retrain", "score", "campaigns.tables"))
        if not mark.exists():
            mark.write_text(code)
        if mark.read_text() != code:
            raise SystemExit(f"{self.folder} was played by other code: remove it, or give another --work.")

    @property
    def _labels(self) -> Path:
        return self.folder / "labels.parquet"

    def _write_labels(self) -> None:
        """Keep the labels of other campaigns and of honest accounts."""
        labels = pl.read_parquet(self.world / "labels.parquet")
        is_other = ~pl.col("campaign").is_in(self.unlabelled or ()) | ~pl.col("label")
        labels.filter(is_other).write_parquet(self._labels)

    def _call(self, command: str, number: int, *arguments: str, expected: tuple[int, ...] = (0,)) -> Usage:
        """Call a command on the workspace; its processor time and peak memory are those of its own process."""
        log = self.folder / "logs" / f"{command}-{number:02d}.txt"
        call = [str(STILLWATCH), command, *arguments, "--workspace", str(self.folder / "workspace")]
        begin = time.perf_counter()
        with log.open("w") as out:
            process = subprocess.Popen(call, stdout=out, stderr=subprocess.STDOUT)
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in expected:
            raise SystemExit(f"`{' '.join(call)}` ended with {process.returncode}:\n{log.read_text()}")
        return Usage(
            seconds=time.perf_counter() - begin, peak=used.ru_maxrss / 1e6, processor=used.ru_utime + used.ru_stime
        )
