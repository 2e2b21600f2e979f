"""Write a world as a careless exporter would, with everything that ingest must cope with, and count what was planted.

Rows that break the contract and repeats are copies put beside the good rows, so ingest keeps exactly the requests of
the clean world (some with nulls and absurd but valid values), and `planted.parquet` says what it must count.
"""

from pathlib import Path

import numpy as np
import polars as pl

from simulation.draws import Ints
from simulation.traffic.columns import REQUESTS, detach
from simulation.world import World

# rule of the contract as ingest names it: (column, expression of a value that breaks it)
BREAKS: dict[str, tuple[str, pl.Expr]] = {
    "account_id|nullability": ("account_id", pl.lit(None, pl.String)),
    "account_id|min_length": ("account_id", pl.lit("")),
    "timestamp|nullability": ("timestamp", pl.lit(None, pl.Datetime("us", "UTC"))),
    "request_id|nullability": ("request_id", pl.lit(None, pl.String)),
    "model|nullability": ("model", pl.lit(None, pl.String)),
    "channel|regex": ("channel", pl.lit("carrier pigeon")),
    "input_tokens|range": ("input_tokens", pl.lit(-1)),
    "output_tokens|range": ("output_tokens", pl.lit(1 << 33)),
    "status_code_is_http": ("status_code", pl.lit(99)),
    "temperature_is_a_number": ("temperature", pl.lit(-1.0)),
}
_ACCOUNT_BREAKS: dict[str, tuple[str, pl.Expr]] = {
    "plan_is_known": ("plan", pl.lit("platinum")),
    "programme_is_known": ("programme", pl.lit("military")),
}

# share of the rows of a file; a run refuses files with more than a hundredth of broken rows
_BROKEN, _REPEATED, _LATE, _ABSURD, _NULLED = 0.006, 0.02, 0.02, 0.02, 0.05
_LARGEST = (1 << 32) - 1
# absurd, but the contract allows them: column and value
_ABSURDITIES: tuple[tuple[str, pl.Expr], ...] = (
    ("prompt", pl.lit("\x00\ud7ff\u202e" + "?" * 20_000)),
    ("prompt", pl.lit("")),
    ("system_prompt", pl.lit(" ")),
    ("input_tokens", pl.lit(_LARGEST)),
    ("output_tokens", pl.lit(_LARGEST)),
    ("cached_tokens", pl.lit(_LARGEST)),
    ("max_tokens", pl.lit(0)),
    ("message_count", pl.lit(_LARGEST)),
    ("temperature", pl.lit(1e30)),
    ("tool_count", pl.lit(65_535)),
    ("status_code", pl.lit(599)),
    ("status_code", pl.lit(0)),
    ("finish_reason", pl.lit("gave up")),
    ("country", pl.lit("usa")),
    ("client_address", pl.lit("::ffff:203.0.113.7")),
    ("client_address", pl.lit("2001:db8::1")),
    ("country", pl.lit("ZZ")),
    ("asn", pl.lit(_LARGEST)),
    ("user_agent", pl.lit("'; DROP TABLE events; --")),
    ("channel", pl.lit("cloud:\u96f2")),
)
_NULLABLE = (
    "api_key_id", "conversation_id", "message_count", "system_prompt", "prompt", "reasoning_tokens", "cached_tokens",
    "max_tokens", "temperature", "stream", "tool_count", "finish_reason", "client_address", "asn", "country",
    "user_agent", "tls_ja4",
)  # fmt: skip
_MALFORMED = "300.1.2.3:443"
_WIDE = {name: pl.Int64() for name, dtype in REQUESTS.items() if dtype.is_integer()}


class Dirt:
    """Soils tables, and counts what it planted.

    Some rows of a part are held back and written with its next day, so that files are late and disordered.
    """

    def __init__(self, world: World, out: Path) -> None:
        self._seed, self._days, self._out = world.seed, world.days, out
        self._held: dict[int, pl.DataFrame] = {}
        self._counts: list[dict[str, str | int]] = []

    def soil_requests(self, name: str, day: int, part: int, clean: pl.DataFrame) -> pl.DataFrame:
        """Soil the requests of a part's day."""
        rng = np.random.default_rng([self._seed, 8, day, part])
        frame = clean.cast(_WIDE)  # type: ignore[arg-type]
        frame = _with_values(frame, _ABSURDITIES, _ABSURD, rng)
        frame = _with_values(frame, tuple((c, pl.lit(None)) for c in _NULLABLE), _NULLED, rng)
        file = f"requests/{name}.parquet"
        frame = _with_malformed(frame, "client_address", rng)
        broken, rules = _broken(frame, BREAKS, rng)
        repeated = frame[rng.choice(frame.height, int(frame.height * _REPEATED), replace=False)]
        repeated = repeated.with_columns(pl.col("timestamp") + pl.duration(seconds=1))
        held = rng.random(frame.height) < (_LATE if day + 1 < self._days else 0.0)
        before, self._held[part] = self._held.get(part), detach(frame.filter(pl.Series(held)))
        parts = [frame.filter(pl.Series(~held)), broken, repeated, *([] if before is None else [before])]
        malformed = sum(_count_malformed(rows, "client_address") for rows in (frame, repeated))
        self._count(file, {**rules, "repeat": repeated.height, "malformed_address": malformed})
        mixed = pl.concat(parts)
        return mixed[rng.permutation(mixed.height)]

    def soil(self, table: str, clean: pl.DataFrame) -> pl.DataFrame:
        """Soil a table: broken rows for accounts, repeats for enforcement and releases; the others stay clean."""
        if table not in ("accounts", "enforcement", "releases"):
            return clean
        rng = np.random.default_rng([self._seed, 9, clean.height])
        repeated = clean[rng.choice(clean.height, int(clean.height * _REPEATED), replace=False)]
        parts, counts = [clean, repeated], {"repeat": repeated.height}
        if table == "accounts":
            clean = _with_malformed(clean, "signup_address", rng)
            repeated = repeated.clear()
            broken, rules = _broken(clean, _ACCOUNT_BREAKS, rng)
            parts, counts = [clean, broken], {**rules, "malformed_address": _count_malformed(clean, "signup_address")}
        self._count(f"{table}.parquet", counts)
        mixed = pl.concat(parts)
        return mixed[rng.permutation(mixed.height)]

    def planted(self) -> pl.DataFrame:
        """What ingest must count: `file`, `rule` (of the contract, or `repeat`, `malformed_address`) and `rows`."""
        schema = {"file": pl.String(), "rule": pl.String(), "rows": pl.Int64()}
        return pl.DataFrame(self._counts, schema=schema).filter(pl.col("rows") > 0).sort("file", "rule")

    def _count(self, file: str, rules: dict[str, int]) -> None:
        self._counts.extend({"file": file, "rule": rule, "rows": rows} for rule, rows in rules.items())


def _with_values(
    frame: pl.DataFrame, values: tuple[tuple[str, pl.Expr], ...], share: float, rng: np.random.Generator
) -> pl.DataFrame:
    """Put one of the values into about a share of the rows."""
    pick = np.where(rng.random(frame.height) < share, rng.integers(0, len(values), frame.height), -1)
    rows = pl.lit(pl.Series(pick))
    for number, (column, value) in enumerate(values):
        put = value.cast(frame.schema[column])
        frame = frame.with_columns(pl.when(rows == number).then(put).otherwise(pl.col(column)).alias(column))
    return frame


def _with_malformed(frame: pl.DataFrame, column: str, rng: np.random.Generator) -> pl.DataFrame:
    """Replace a few addresses by malformed ones."""
    rows = pl.Series(rng.random(frame.height) < 0.004) & frame[column].is_not_null()
    return frame.with_columns(pl.when(pl.lit(rows)).then(pl.lit(_MALFORMED)).otherwise(pl.col(column)).alias(column))


def _count_malformed(frame: pl.DataFrame, column: str) -> int:
    """Ingest counts addresses as it reads them, repeats among them."""
    return int((frame[column] == _MALFORMED).sum())


def _broken(
    frame: pl.DataFrame, breaks: dict[str, tuple[str, pl.Expr]], rng: np.random.Generator
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Copy some rows, each with one value that breaks a rule; returns the number of rows per rule too."""
    chosen: Ints = rng.choice(frame.height, int(frame.height * _BROKEN), replace=False)
    rules: Ints = rng.integers(0, len(breaks), len(chosen))
    copies = frame[chosen]
    if "request_id" in frame.columns:
        copies = copies.with_columns(pl.col("request_id") + "_copy")
    for number, (column, value) in enumerate(breaks.values()):
        put = value.cast(frame.schema[column])
        hit = pl.lit(pl.Series(rules == number))
        copies = copies.with_columns(pl.when(hit).then(put).otherwise(pl.col(column)).alias(column))
    counts = np.bincount(rules, minlength=len(breaks))
    return copies, {rule: int(n) for rule, n in zip(breaks, counts, strict=True)}
