"""A frozen test set: accounts to judge by, what they belong to, and how the true ones came along; one digest over all.

Every candidate is judged on the same one, and a stored one is only used again if its digest is still the same.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from features.errors import IntegrityError
from training.examples.dataset import digest

KINDS = ("family", "cohort", "plan", "country", "requests")
BUCKETS = ("<= 50", "<= 100", "<= 250", "<= 1,000", "more")  # the groups of the kind `requests`
SLICES_SCHEMA = pl.Schema({"account_id": pl.String(), "kind": pl.String(), "name": pl.String()})
FRAME, COURSE, SLICES = "test_set.parquet", "test_course.parquet", "test_groups.parquet"


def no_slices() -> pl.DataFrame:
    """The table of groups, empty."""
    return pl.DataFrame(schema=SLICES_SCHEMA)


@dataclass(frozen=True, slots=True, eq=False)
class TestSet:
    """A named test set that every candidate is judged on.

    Attributes:
        name: which split it comes from.
        frame: one row per account, its latest snapshot.
        digest: over frame, course and groups.
        notes: what a reader of its figures must know.
        groups: `account_id`, `kind` (one of `KINDS`), `name`: for reporting only. Only true accounts have a family.
        course: all snapshots of the true accounts, as in `frame`; may be empty.
    """

    __test__ = False  # no test class, whatever pytest makes of its name

    name: str
    frame: pl.DataFrame
    digest: str
    notes: tuple[str, ...] = ()
    slices: pl.DataFrame = field(default_factory=no_slices)
    course: pl.DataFrame = field(default_factory=pl.DataFrame)


def make_test_set(
    examples: pl.DataFrame, name: str, notes: tuple[str, ...] = (), slices: pl.DataFrame | None = None
) -> TestSet:
    """A test set of the accounts of these examples, all of their snapshots given; `groups` may hold others too."""
    frame = latest(examples)
    true = frame.filter("label").select("account_id")
    course = examples.join(true, on="account_id", how="semi").sort("account_id", "as_of")
    told = _slices_of(frame, true, no_slices() if slices is None else slices)
    unknown = int(frame["label"].is_null().sum())
    lower = (f"{unknown:,} accounts without a label count as honest; where one is not, a hit looks like a false alarm",)
    return TestSet(name, frame, _seal(frame, course, told), notes + (lower if unknown else ()), told, course)


def latest(examples: pl.DataFrame) -> pl.DataFrame:
    """The latest snapshot of each account, sorted by account."""
    return examples.filter(pl.col("as_of") == pl.col("as_of").max().over("account_id")).sort("account_id")


def _slices_of(frame: pl.DataFrame, true: pl.DataFrame, slices: pl.DataFrame) -> pl.DataFrame:
    """The rows about these accounts, each once; an account that is not true has no family."""
    here = slices.select(SLICES_SCHEMA.names()).join(frame, on="account_id", how="semi")
    is_family = pl.col("kind") == "family"
    known = pl.concat([here.filter(~is_family), here.filter(is_family).join(true, on="account_id", how="semi")])
    return known.unique().sort(SLICES_SCHEMA.names())


def _seal(frame: pl.DataFrame, course: pl.DataFrame, slices: pl.DataFrame) -> str:
    """One digest of the three; that of the frame where there is nothing else (as sets of format 1 were sealed)."""
    if course.is_empty() and slices.is_empty():
        return digest(frame)
    return hashlib.sha256("".join(map(digest, (frame, course, slices))).encode()).hexdigest()


def write(frozen: TestSet, folder: Path) -> None:
    """Write the three tables into a folder."""
    frozen.frame.write_parquet(folder / FRAME)
    frozen.course.write_parquet(folder / COURSE)
    frozen.slices.write_parquet(folder / SLICES)


def read(folder: Path, name: str, digest: str) -> TestSet:
    """A test set as it was written; one of format 1 has no course and no groups.

    Raises:
        IntegrityError: a table is missing, unreadable or not what was judged on.
    """
    try:
        frame = pl.read_parquet(folder / FRAME)
        whole = (folder / COURSE).exists()
        course = pl.read_parquet(folder / COURSE) if whole else frame.clear()
        slices = pl.read_parquet(folder / SLICES) if whole else no_slices()
        same = _seal(frame, course, slices) == digest
    except (OSError, pl.exceptions.PolarsError) as error:
        raise IntegrityError(f"The test set in {folder} can't be read: train again.") from error
    if not same:
        raise IntegrityError(f"The test set {name!r} is not the one that was judged on: train again.")
    return TestSet(name, frame, digest, slices=slices, course=course)
