"""What the commands print: progress on standard error, results on standard output."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:  # an ingest need not wait for the libraries of a training
    from pipelines.build import Built
    from pipelines.build import Progress as Report
    from pipelines.ingest import TableCount
    from pipelines.retrain import Fitted
    from training.promotion import Decision

_TERMINAL = Console(stderr=True)


@contextmanager
def progress() -> "Iterator[Report]":
    """A bar for each step that reports; a line for each finished step where standard error is no terminal."""
    columns = (TextColumn("{task.description:<24}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=_TERMINAL, disable=not _TERMINAL.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def report(step: str, done: float) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=1.0)
                if not _TERMINAL.is_terminal:
                    _TERMINAL.print(f"{step} …", highlight=False)
            bars.update(tasks[step], completed=done)

        yield report


def ingested(counts: "dict[str, TableCount]") -> None:
    """What happened to each input table, and which rows need a look."""
    for table, count in counts.items():
        known = f", {count.stored_before} stored before" if count.stored_before else ""
        print(f"{table}: {count.files} files{known}; {count.rows:,} rows read, {count.stored:,} stored")
        notes = {
            "repeats dropped": count.repeats,
            "malformed addresses set to null": count.malformed_addresses,
        }
        for note, number in notes.items():
            if number:
                print(f"  {number:,} {note}")
        if count.repeats > count.stored:
            print("  most rows repeat an id: does the exporter give every request an id of its own?")
        for rule, number in sorted(count.rejects.items()):
            print(f"  {number:,} rows rejected: {rule}")


def built(result: "Built", as_of: str) -> None:
    """How many accounts have features, and what was left out as not yet known."""
    print(f"features of {result.accounts:,} accounts as of {as_of}")
    left_out(result.later)
    if not result.online:
        print("  the online store keeps the features of a later time")


def left_out(later: dict[str, int]) -> None:
    """What the lake holds of later times."""
    told = ", ".join(f"{number:,} {table}" for table, number in later.items() if number)
    if told:
        print(f"  left out as later: {told}")


def fitted(result: "Fitted") -> None:
    """The candidates side by side."""
    from training.render import render

    counts = result.trained.counts
    print(
        f"version {result.version}: learned from {counts['train_accounts']:,} accounts "
        f"({counts['train_positives']:,} in campaigns), judged on {counts['test_accounts']:,} others "
        f"({counts['test_positives']:,} in campaigns never seen)"
    )
    left_out(result.later | {"labels": result.entities.labels_too_late})
    print(render(result.trained.reports))


def decided(version: int, decision: "Decision") -> None:
    """What the gate said."""
    print(f"version {version} {'is the champion' if decision.promote else 'was not promoted'}:")
    for reason in decision.reasons:
        print(f"  {reason}")
