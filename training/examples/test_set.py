"""A test set: accounts to judge by, the slices they belong to, and all snapshots of the true ones.

Every candidate is judged on the same test set. One digest covers all of it, and a stored test set is only used again
if its digest is still the same.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from features.errors import IntegrityError
from training.examples.dataset import SUSPECT_LIFT, digest, lifts

KINDS = ("family", "cohort", "plan", "country", "requests")  # of slices
BUCKETS = ("<= 50", "<= 100", "<= 250", "<= 1,000", "more")  # the slices of the kind `requests`
SLICES_SCHEMA = pl.Schema({"account_id": pl.String(), "kind": pl.String(), "name": pl.String()})
FRAME, COURSE, SLICES = "test_set.parquet", "test_course.parquet", "test_groups.parquet"


def no_slices() -> pl.DataFrame:
    """An empty table of slices."""
    return pl.DataFrame(schema=SLICES_SCHEMA)


@dataclass(frozen=True, slots=True, eq=False)
class TestSet:
    """A named test set that every candidate is judged on.

    Attributes:
        name: which split it comes from.
        frame: one row per account, its latest snapshot.
        digest: over frame, course and slices.
        notes: what a reader of its figures must know.
        slices: `account_id`, `kind` (one of `KINDS`), `name`; only reports read them. Only true accounts have a family.
        course: all snapshots of the true accounts, with the columns of `frame`; may be empty.
    """

    __test__ = False  # keeps pytest from taking it for a class of tests

    name: str
    frame: pl.DataFrame
    digest: str
    notes: tuple[str, ...] = ()
    slices: pl.DataFrame = field(default_factory=no_slices)
    course: pl.DataFrame = field(default_factory=pl.DataFrame)


def make_test_set(
    examples: pl.DataFrame, name: str, notes: tuple[str, ...] = (), slices: pl.DataFrame | None = None
) -> TestSet:
    """Make a test set of the accounts of these examples.

    Args:
        examples: all snapshots of the accounts.
        name: which split it comes from.
        notes: what a reader of its figures must know.
        slices: with the columns of `SLICES_SCHEMA`; rows about other accounts are left out.

    Whoever nobody has judged counts as honest, but for members of groups like campaigns: a model that finds an
    unconfirmed campaign must not be punished for it, nor one that misses it be praised.
    """
    everyone = latest(examples)
    is_open = is_open_question(everyone)
    frame = everyone.filter(~is_open)
    if is_open.any():
        open_question = f"{is_open.sum():,} accounts without a label, of groups like campaigns, are not judged"
        notes = (*notes, open_question)
    true = frame.filter("label").select("account_id")
    course = examples.join(true, on="account_id", how="semi").sort("account_id", "as_of")
    own_slices = _slices_of(frame, true, no_slices() if slices is None else slices)
    unlabelled = int(frame["label"].is_null().sum())
    if unlabelled:
        caution = f"{unlabelled:,} accounts without a label count as honest; finding one that is not counts as wrong"
        notes = (*notes, caution)
    sealed = _digest_of(frame, course, own_slices)
    return TestSet(name=name, frame=frame, digest=sealed, notes=notes, slices=own_slices, course=course)


def without_accounts(test: TestSet, accounts: pl.Series, note: str) -> TestSet:
    """A test set without some of its accounts, and with a note on why."""
    parts = [table.filter(~pl.col("account_id").is_in(accounts.implode())) if table.width else table
             for table in (test.frame, test.course, test.slices)]  # fmt: skip
    frame, course, slices = parts
    notes = (*test.notes, note)
    return TestSet(test.name, frame, _digest_of(frame, course, slices), notes, slices, course)


def latest(examples: pl.DataFrame) -> pl.DataFrame:
    """The latest snapshot of each account, sorted by account."""
    return examples.filter(pl.col("as_of") == pl.col("as_of").max().over("account_id")).sort("account_id")


def is_open_question(examples: pl.DataFrame) -> pl.Series:
    """Which rows nobody can judge: those without a label, of groups like campaigns."""
    return examples["label"].is_null() & pl.Series(lifts(examples) >= SUSPECT_LIFT)


def _slices_of(frame: pl.DataFrame, true: pl.DataFrame, slices: pl.DataFrame) -> pl.DataFrame:
    """The rows about these accounts without repeats; an account that is not true has no family."""
    own = slices.select(SLICES_SCHEMA.names()).join(frame, on="account_id", how="semi")
    is_family = pl.col("kind") == "family"
    families = own.filter(is_family).join(true, on="account_id", how="semi")
    return pl.concat([own.filter(~is_family), families]).unique().sort(SLICES_SCHEMA.names())


def _digest_of(frame: pl.DataFrame, course: pl.DataFrame, slices: pl.DataFrame) -> str:
    """One digest of the three tables, or that of the frame if the others are empty (as in format 1)."""
    if course.is_empty() and slices.is_empty():
        return digest(frame)
    return hashlib.sha256("".join(map(digest, (frame, course, slices))).encode()).hexdigest()


def write_test_set(test: TestSet, folder: Path) -> None:
    """Write the three tables into a folder."""
    test.frame.write_parquet(folder / FRAME)
    test.course.write_parquet(folder / COURSE)
    test.slices.write_parquet(folder / SLICES)


@dataclass(frozen=True, slots=True, eq=False)
class ErasedTestSet:
    """What a stored test set is without some accounts.

    Attributes:
        before, after: its digests.
        tables: by the name of the file.
    """

    before: str
    after: str
    tables: Mapping[str, pl.DataFrame]


def erase_from_test_set(folder: Path, accounts: Sequence[str]) -> ErasedTestSet | None:
    """A stored test set without some accounts; None if it holds none of them. The files stay as they are."""
    names = [name for name in (FRAME, COURSE, SLICES) if (folder / name).exists()]
    tables = {name: pl.read_parquet(folder / name) for name in names}
    is_other = ~pl.col("account_id").is_in(list(accounts))
    others = {name: table.filter(is_other) if table.width else table for name, table in tables.items()}
    if all(len(others[name]) == len(tables[name]) for name in names):
        return None
    frame = tables[FRAME]
    before, after = (
        _digest_of(part[FRAME], part.get(COURSE, frame.clear()), part.get(SLICES, no_slices()))
        for part in (tables, others)
    )
    return ErasedTestSet(before, after, others)


def write_erased(test_set: ErasedTestSet, folder: Path) -> Iterator[Path]:
    """Write the tables in the place of those that are there; yield the path of each once it is written."""
    for name, table in test_set.tables.items():
        draft = folder / f"{name}.draft"
        table.write_parquet(draft)
        draft.replace(folder / name)
        yield folder / name


def read_test_set(folder: Path, name: str, digest: str) -> TestSet:
    """Read a test set back; one of format 1 has no course and no slices.

    Raises:
        IntegrityError: a table is missing, unreadable or not what was judged on.
    """
    try:
        frame = pl.read_parquet(folder / FRAME)
        has_course = (folder / COURSE).exists()
        course = pl.read_parquet(folder / COURSE) if has_course else frame.clear()
        slices = pl.read_parquet(folder / SLICES) if has_course else no_slices()
        is_unchanged = _digest_of(frame, course, slices) == digest
    except (OSError, pl.exceptions.PolarsError) as error:
        raise IntegrityError(f"The test set in {folder} can't be read: train again.") from error
    if not is_unchanged:
        raise IntegrityError(f"The test set {name!r} is not the one that was judged on: train again.")
    return TestSet(name=name, frame=frame, digest=digest, slices=slices, course=course)
