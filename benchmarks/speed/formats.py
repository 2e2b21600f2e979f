"""Ingest of each log format in requests per second, against the native one, and a fuzz of each reader.

python -m benchmarks formats [--rows 100000] [--fuzz 100000]
"""

import argparse
import json
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks import measure
from benchmarks.options import new_parser
from benchmarks.speed import material
from benchmarks.speed.records import WRITERS
from benchmarks.worlds.simulated import REJECT_LIMIT, ignore_progress
from features.errors import InputError
from features.formats import FORMATS
from pipelines.ingest import Inputs, LogSettings, ingest, rehearse_ingest
from pipelines.workspace import Workspace

_MODULE = "benchmarks.speed.formats"
_BLOCK = 20_000  # requests that are made at a time
_FUZZED = 500  # records of one fuzzed file
_ODD = (None, True, -1, 1e308, "", "-", "NaN", "\ud800", "\0", [], {}, [[{}]], {"content": 5}, "9" * 400, 2**70)


def main() -> None:
    """Measure each format in a process of its own."""
    parser = new_parser("formats", __doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="requests of each format (default: %(default)s)")
    parser.add_argument("--fuzz", type=int, default=0, help="odd records of each format to read instead")
    parser.add_argument("--format", choices=FORMATS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        measure.print_usage(lambda: ingest_log(options.folder, options.format))
        return
    if options.fuzz:
        for name in FORMATS:
            print(f"{name}: {fuzz_reader(name, options.fuzz):,} odd records read, no error but of input")
        return
    with tempfile.TemporaryDirectory() as scratch:
        usages = {}
        for name in FORMATS:
            folder = Path(scratch) / name
            write_log(folder, name, options.rows)
            usages[name] = measure.usage_of(_MODULE, "--folder", str(folder), "--format", name)
    rows = [(name, usage, options.rows) for name, usage in usages.items()]
    title = f"ingest of {options.rows:,} requests of 400 characters"
    measure.print_usage_table(title, rows, usages["native"].seconds)


def write_log(folder: Path, name: str, rows: int) -> None:
    """Write requests as a source writes them: Parquet for the native format, else JSON lines."""
    folder.mkdir(parents=True)
    for i, begin in enumerate(range(0, rows, _BLOCK)):
        frame = material.requests(min(_BLOCK, rows - begin), max(1, rows // 15), seed=i)
        frame = frame.with_columns(pl.format("{}-{}", pl.lit(i), "request_id").alias("request_id"))
        if name == "native":
            frame.write_parquet(folder / f"{i}.parquet")
            continue
        with (folder / f"{i}.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(WRITERS[name].write(row))}\n" for row in frame.iter_rows(named=True))


def ingest_log(folder: Path, name: str) -> None:
    """The whole of `stillwatch ingest`."""
    log = LogSettings(FORMATS[name])
    workspace = Workspace(folder.parent / f"{name}-workspace")
    counts = ingest(workspace, Inputs(folder), log=log, reject_limit=REJECT_LIMIT, progress=ignore_progress)
    if counts["requests"].stored != counts["requests"].rows:
        raise SystemExit(f"{name}: only {counts['requests'].stored:,} of {counts['requests'].rows:,} were stored")


def fuzz_reader(name: str, records: int, seed: int = 0) -> int:
    """Read files of records in which values and bytes are odd; returns how many there were.

    Any error but one of input ends the run.
    """
    rng = random.Random(seed)
    row = material.requests(_FUZZED, 40, seed).to_dicts()
    make = WRITERS[name].write if name in WRITERS else _write_native
    done = 0
    with tempfile.TemporaryDirectory() as scratch:
        while done < records:
            lines = [spoil_line(json.dumps(spoil(make(rng.choice(row)), rng)), rng) for _ in range(_FUZZED)]
            path = Path(scratch) / rng.choice(("log.jsonl", "log.csv", "log.json"))
            path.write_bytes(b"\n".join(lines))
            read_quietly(path, Path(scratch) / "workspace", name)
            done += len(lines)
    return done


def _write_native(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: str(value) for key, value in row.items()}


def read_quietly(path: Path, root: Path, name: str) -> None:
    """Check a file, and accept that it may be refused."""
    try:
        log = LogSettings(FORMATS[name])
        rehearse_ingest(Workspace(root), Inputs(path), log=log, reject_limit=1.0, progress=ignore_progress)
    except InputError as error:
        if "\n" in str(error):
            raise


def spoil(value: Any, rng: random.Random) -> Any:
    """Put something odd in the place of a few of the values, however deep."""
    if rng.random() < 0.02:
        return rng.choice(_ODD)
    if isinstance(value, dict):
        return {key: spoil(inner, rng) for key, inner in value.items() if rng.random() > 0.01}
    if isinstance(value, list):
        return [spoil(inner, rng) for inner in value] * rng.choice((1, 1, 1, 0, 2))
    return value


def spoil_line(line: str, rng: random.Random) -> bytes:
    """Damage a few bytes of a few lines."""
    content = bytearray(line.encode("utf-8", "surrogatepass"))
    if content and rng.random() < 0.05:
        for _ in range(rng.randrange(1, 4)):
            content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content)


if __name__ == "__main__":
    main()
