"""What the commands print: progress on standard error, results on standard output."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:  # an ingest need not wait for the libraries of a training
    from collections.abc import Mapping

    from features.progress import Progress as Report
    from pipelines.build import Built
    from pipelines.ingest import TableCount
    from pipelines.models.champion import GateResult, Restored
    from pipelines.models.train import Fitted
    from pipelines.retrain import Retrained
    from training.evaluation.metrics import Estimate

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


def left_out(later: "Mapping[str, int]") -> None:
    """What the lake holds of later times."""
    told = _left_out(later)
    if told:
        print(f"  left out as later: {told}")


def fitted(result: "Fitted") -> None:
    """The candidates side by side."""
    from training.reports.text import render

    again = "" if result.is_new else ", as recorded before"
    print(f"version {result.version}{again}: {_learned(result.counts)}")
    left_out(result.later)
    print(render(result.reports))


def decided(judged: "GateResult") -> None:
    """What the gate said."""
    decision = judged.decision
    print(f"version {judged.version} {'is the champion' if decision.promote else 'was not promoted'}:")
    if decision.forced:
        print(f"  forced: {decision.forced}")
    for reason in decision.reasons:
        print(f"  {reason}")


def restored(result: "Restored") -> None:
    """Who is champion again."""
    print(f"version {result.champion} is the champion again, version {result.removed} was taken back")
    print(f"packaged: {result.bento}")
    print("next: restart `stillwatch serve`")


def retrained(result: "Retrained") -> None:
    """What a whole loop did, as a colleague would write it."""
    print("\n".join(message(result)))


def message(result: "Retrained") -> list[str]:
    """What was done, which model it is, how it compares, what was left out, what to do next."""
    parts = (_done(result), *_compared(result), *_drifted(result), *_beside(result), *_packaged(result), *_next(result))
    return [part for part in parts if part]


def _done(result: "Retrained") -> str:
    time, kept = f"{result.as_of:%Y-%m-%dT%H:%M:%SZ}", "there is no champion yet"
    if result.champion is not None:
        kept = f"version {result.champion} stays the champion"
    if result.fitted is None:
        return f"Nothing was trained as of {time}, and {kept}. {' '.join(result.objections)}"
    trained = f"Version {result.fitted.version} {'was' if result.fitted.is_new else 'had been'} trained as of {time}"
    learned = f"It {_learned(result.fitted.counts)}."
    if result.objections:
        learned += f" The data were learned from all the same ({result.forced}): {' '.join(result.objections)}"
    if result.champion != result.fitted.version:
        return f"{trained} but was not promoted; {kept}. {learned} Why not: {' '.join(result.reasons)}"
    return f"{trained} and is the champion {'already' if result.before == result.champion else 'now'}. {learned}"


def _compared(result: "Retrained") -> Iterator[str]:
    if result.judged is None:
        return
    report, champion = result.judged.report, result.judged.champion
    if not report.positives:  # nothing was measured
        yield from result.reasons if result.champion == result.judged.version else ()
        return

    def both(name: str) -> str:
        theirs = f" (version {result.before}: {_show(champion.estimate(name))})" if champion else ""
        return f"{_show(report.estimate(name))}{theirs}"

    small = report.estimate("recall_at_fpr_0.001").value is None
    name, rate = ("recall_at_fpr_0.01", "1 %") if small else ("recall_at_fpr_0.001", "0.1 %")
    yield (
        f"Of the accounts of campaigns that it had never seen it finds {both(name)} at {rate} false alarms"
        f"{', since the test set is too small for 0.1 %' if small else ''}; its PR-AUC is {both('pr_auc')}, its "
        f"calibration error {both('ece')}; 95 % intervals in brackets."
    )
    if champion is None and result.before not in (None, result.judged.version):
        yield f"Version {result.before} reads other features, so the two can't be compared."


def _drifted(result: "Retrained") -> Iterator[str]:
    if result.drift is None or result.fitted is None:
        return
    furthest = result.drift.shifts[0]
    then, now = result.drift.then.pr_auc, result.drift.now.pr_auc
    known = then is not None and now is not None
    expects = f"; going by its own risks, its PR-AUC should be {now:.2f} today, {then:.2f} then" if known else ""
    yield (
        f"Since version {result.before} learned, {result.moved} of {len(result.drift.shifts)} features have moved (the "
        f"furthest: {furthest.name}, PSI {furthest.psi:.2f}){expects}."
    )


def _beside(result: "Retrained") -> Iterator[str]:
    later = result.fitted.later if result.fitted else result.built.later if result.built else {}
    if _left_out(later):
        yield f"Left out, since it became known later: {_left_out(later)}."
    if result.built and not result.built.online:
        yield "The online store keeps the features of a later time."


def _packaged(result: "Retrained") -> Iterator[str]:
    if result.bento:
        yield f"packaged: {result.bento}"
    elif result.fitted:
        yield "nothing is packaged: there is no champion yet"


def _next(result: "Retrained") -> Iterator[str]:
    if result.fitted is None:
        yield (
            "Next: see whether the logs came in whole (`stillwatch ingest` says what it read). If the change is real, "
            "call the same again with --force --reason TEXT."
        )
    elif result.champion != result.fitted.version:
        yield (
            "Next: compare the two in `stillwatch ui`. If you know better than the gate: `stillwatch promote --version "
            f"{result.fitted.version} --force --reason TEXT`, then `stillwatch package`."
        )
    elif result.before != result.champion:
        back = f" If it disappoints, `stillwatch rollback` puts version {result.before} back." if result.before else ""
        yield f"Next: restart `stillwatch serve`, which goes on with the model it was started with.{back}"


def _learned(counts: "Mapping[str, int]") -> str:
    planted = counts.get("train_planted", 0)
    beside = f" and {planted:,} planted ones" if planted else ""
    return (
        f"learned from {counts['train_accounts']:,} accounts ({counts['train_positives']:,} in campaigns){beside}, "
        f"judged on {counts['test_accounts']:,} others ({counts['test_positives']:,} in campaigns never seen)"
    )


def _left_out(later: "Mapping[str, int]") -> str:
    names = {"events": "requests"}  # an event is a request without its text
    return ", ".join(f"{number:,} {names.get(table, table)}" for table, number in later.items() if number)


def _show(estimate: "Estimate") -> str:
    from training.reports.text import show

    return show(estimate)
