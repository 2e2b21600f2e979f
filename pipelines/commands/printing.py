"""What the commands print: progress on standard error, results on standard output."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:  # an ingest need not wait for the libraries of a training
    from collections.abc import Mapping, Sequence

    from features.progress import Progress as Report
    from pipelines.build import Built
    from pipelines.models.champion import GateResult, Restored
    from pipelines.models.train import TrainedVersion
    from pipelines.retrain import Retrained
    from training.evaluation.metrics import Estimate

_TERMINAL = Console(stderr=True)


@contextmanager
def show_progress() -> "Iterator[Report]":
    """Show a bar for each step; where standard error is no terminal, a line for each step that begins."""
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


def print_attention(lines: "Sequence[str]") -> None:
    """Print what deserves a look, if anything."""
    if lines:
        print("\n  ".join(["deserves a look:", *lines]))


def print_build(result: "Built", as_of: str, *, is_shared: bool = True) -> None:
    """Print how many accounts have features and which rows were left out.

    Args:
        result: what the build did.
        as_of: the time asked about.
        is_shared: whether all who use the workspace see the same online store.
    """
    print(f"features of {result.accounts:,} accounts as of {as_of}")
    print_left_out(result.later)
    if not result.online:
        print("  the online store keeps the features of a later time")
    if not is_shared:
        print("  online on this machine only: run the same `build` where another one is to serve")


def print_left_out(later: "Mapping[str, int]") -> None:
    """Print how many rows were left out because they became known later."""
    rows = _left_out(later)
    if rows:
        print(f"  left out as later: {rows}")


def print_training(result: "TrainedVersion") -> None:
    """Print the candidates side by side."""
    from training.reports.text import render

    again = "" if result.is_new else ", as recorded before"
    print(f"version {result.version}{again}: {_trained_on(result.counts)}")
    print_left_out(result.later)
    print(render(result.reports))


def print_gate(result: "GateResult") -> None:
    """Print what the gate decided, and why."""
    decision = result.decision
    print(f"version {result.version} {'is the champion' if decision.promote else 'was not promoted'}:")
    if decision.forced:
        print(f"  forced: {decision.forced}")
    for reason in decision.reasons:
        print(f"  {reason}")


def print_rollback(result: "Restored") -> None:
    """Print which version is the champion again."""
    print(f"version {result.champion} is the champion again, version {result.removed} was rolled back")
    print(f"packaged: {result.bento}")
    print("a running `stillwatch serve` takes it up by itself")


def print_loop(result: "Retrained") -> None:
    """Print what a whole loop did."""
    print("\n".join(loop_message(result)))


def loop_message(result: "Retrained") -> list[str]:
    """Say what was done, how the model compares, what was left out, and what to do next."""
    parts = (
        _outcome(result),
        *_quality(result),
        *_drift(result),
        *_left_out_lines(result),
        *_package(result),
        *_next_step(result),
    )
    return [part for part in parts if part]


def _outcome(result: "Retrained") -> str:
    time, champion = f"{result.as_of:%Y-%m-%dT%H:%M:%SZ}", "there is no champion yet"
    if result.champion is not None:
        champion = f"version {result.champion} stays the champion"
    if result.fitted is None:
        return f"Nothing was trained as of {time}, and {champion}. {' '.join(result.objections)}"
    version = f"Version {result.fitted.version} {'was' if result.fitted.is_new else 'had been'} trained as of {time}"
    details = f"It was {_trained_on(result.fitted.counts)}."
    if result.objections:
        details += f" Forced in spite of objections to the data ({result.forced}): {' '.join(result.objections)}"
    if result.champion != result.fitted.version:
        return f"{version} but was not promoted; {champion}. {details} Why not: {' '.join(result.reasons)}"
    return f"{version} and is the champion {'already' if result.before == result.champion else 'now'}. {details}"


def _quality(result: "Retrained") -> Iterator[str]:
    """Compare the version with the champion before it."""
    if result.gate is None:
        return
    report, champion = result.gate.report, result.gate.champion
    if not report.positives:  # nothing was measured
        yield from result.reasons if result.champion == result.gate.version else ()
        return

    def both(name: str) -> str:
        theirs = f" (version {result.before}: {_show(champion.estimate(name))})" if champion else ""
        return f"{_show(report.estimate(name))}{theirs}"

    is_small = report.estimate("recall_at_fpr_0.001").value is None
    name, rate = ("recall_at_fpr_0.01", "1 %") if is_small else ("recall_at_fpr_0.001", "0.1 %")
    yield (
        f"Recall on campaigns held out of training, at a false-positive rate of {rate}: {both(name)}. PR-AUC: "
        f"{both('pr_auc')}. Calibration error: {both('ece')}. Brackets hold 95 % intervals."
        f"{' The test set is too small for a false-positive rate of 0.1 %.' if is_small else ''}"
    )
    if result.gate.evidence.flattered is not None and result.gate.decision.promote:  # else among the reasons
        from training.gate.comparison import describe_flattered

        yield describe_flattered(result.gate.evidence.flattered)
    if champion is None and result.before not in (None, result.gate.version):
        yield f"Version {result.before} reads other features, so the two can't be compared."


def _drift(result: "Retrained") -> Iterator[str]:
    if result.drift is None or result.fitted is None:
        return
    furthest = result.drift.shifts[0]
    then, now = result.drift.then.pr_auc, result.drift.now.pr_auc
    has_both = then is not None and now is not None
    expected = f" By its own risks, its PR-AUC was {then:.2f} then and would be {now:.2f} today." if has_both else ""
    filling, filled = result.drift.filling, ""
    if filling:
        filled = f" The windows of {filling} hold more days than then: of these, unknown values alone are compared."
    yield (
        f"Since version {result.before} was trained, {result.moved} of {len(result.drift.shifts)} features have moved "
        f"(the furthest: {furthest.name}, PSI {furthest.psi:.2f}).{filled}{expected}"
    )


def _left_out_lines(result: "Retrained") -> Iterator[str]:
    later = result.fitted.later if result.fitted else result.built.later if result.built else {}
    if _left_out(later):
        yield f"Left out, since it became known later: {_left_out(later)}."
    if result.built and not result.built.online:
        yield "The online store keeps the features of a later time."


def _package(result: "Retrained") -> Iterator[str]:
    if result.bento:
        yield f"packaged: {result.bento}"
    elif result.fitted:
        yield "nothing is packaged: there is no champion yet"


def _next_step(result: "Retrained") -> Iterator[str]:
    if result.fitted is None:
        yield (
            "Next: check whether the logs are complete (`stillwatch ingest` prints what it read). If the change is "
            "real, run the same command with --force --reason TEXT."
        )
    elif result.champion != result.fitted.version:
        yield (
            "Next: compare the two in `stillwatch ui`. To overrule the gate: `stillwatch promote --version "
            f"{result.fitted.version} --force --reason TEXT`, then `stillwatch package`."
        )
    elif result.before != result.champion:
        back = f" To undo this, `stillwatch rollback` restores version {result.before}." if result.before else ""
        yield f"Next: nothing; a running `stillwatch serve` takes the new champion up by itself.{back}"


def _trained_on(counts: "Mapping[str, int]") -> str:
    planted = counts.get("train_planted", 0)
    and_planted = f" and {planted:,} planted ones" if planted else ""
    return (
        f"trained on {counts['train_accounts']:,} accounts ({counts['train_positives']:,} in campaigns){and_planted}, "
        f"judged on {counts['test_accounts']:,} others ({counts['test_positives']:,} in campaigns held out of training)"
    )


def _left_out(later: "Mapping[str, int]") -> str:
    names = {"events": "requests"}  # an event is a request without its text
    return ", ".join(f"{number:,} {names.get(table, table)}" for table, number in later.items() if number)


def _show(estimate: "Estimate") -> str:
    from training.reports.text import show_estimate

    return show_estimate(estimate)
