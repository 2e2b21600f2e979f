"""Bodies of requests become events: read, checked and reduced many at a time, each answered for itself.

A reduction costs as much for one record as for a thousand, so all bodies that wait are reduced together. Their text is
in memory only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO

import numpy as np
import polars as pl

from features.events import request_key, to_events
from features.formats.log_format import LogFormat
from features.identity import Keyring
from features.intake.records.containers import BLOCK_BYTES, Container
from features.intake.records.json_blocks import read_blocks
from features.intake.records.json_text import read_lines
from features.intake.report import advise, split_rule
from features.intake.rows import CheckedRows, check_rows
from features.intake.values.reading import LogOptions
from features.schemas import Requests
from pipelines.follow.freshness.fresh_lake import no_events
from serving.load.body_reader import JSON, BodyRules

EVENTS_BODY = BodyRules(
    most_bytes=16 * 1024 * 1024,
    unpacked_bytes=64 * 1024 * 1024,
    kinds=(JSON, *(f"application/{name}" for name in ("x-ndjson", "ndjson", "jsonl", "x-jsonlines"))),
    note="OTLP: encoding json",
    advice="send fewer events at once",
)
"""Of requests, and of messages of a broker."""

_COLUMNS = Requests.column_names()
_PROBLEMS = 20  # of one body that its answer names


@dataclass(frozen=True)
class BrokenRule:
    """A rule that records of a body break.

    Attributes:
        column: of the contract; `record` where a record as a whole can't be read.
        rule: that is broken.
        count: how many records break it.
        first_row: the first of them, from 0.
        advice: what to do.
    """

    column: str
    rule: str
    count: int
    first_row: int
    advice: str


@dataclass(frozen=True)
class Taken:
    """What became of the records of one body.

    Attributes:
        taken: how many became events.
        rejected: how many break the contract.
        skipped: how many are no requests, such as spans of tools.
        problems: rules that the rejected ones break.
        refusal: why the body can't be read at all; empty if it can.
    """

    taken: int = 0
    rejected: int = 0
    skipped: int = 0
    problems: tuple[BrokenRule, ...] = ()
    refusal: str = ""


@dataclass(frozen=True)
class Reducer:
    """Reduces bodies under a workspace's key.

    Attributes:
        keyring: of the workspace.
        options: what a person says of the log.
    """

    keyring: Keyring
    options: LogOptions = field(default_factory=LogOptions)

    def reduce(self, bodies: Sequence[bytes], log_format: LogFormat) -> tuple[pl.DataFrame, list[Taken]]:
        """Reduce bodies of one format: JSON lines, a list of objects, or an object.

        Returns:
            `Events` of all bodies, and what became of each body.
        """
        answers: list[Taken | None] = [None] * len(bodies)
        blocks, lines = [], []
        for i, body in enumerate(bodies):
            try:
                block = b"\n".join(read_blocks(BytesIO(body), BLOCK_BYTES))
            except ValueError as error:
                answers[i], block = Taken(refusal=f"the body can't be read as JSON ({error})"), b""
            blocks.append(block)
            lines.append(sum(1 for line in block.split(b"\n") if line.strip()))
            if answers[i] is None and not lines[i]:
                answers[i] = Taken(refusal="the body holds no record")
        checked = self._check(b"\n".join(blocks), log_format)
        if len(bodies) > 1 and (checked.problems or checked.rows + checked.skipped != sum(lines)):
            return self._one_by_one(bodies, log_format)  # whose row is whose can't be told
        ends = np.cumsum(lines) if len(bodies) > 1 else np.array([checked.rows + checked.skipped])
        for i, (begin, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            answers[i] = answers[i] or _answer(checked, int(begin), int(end), log_format)
        keyed = checked.good.with_columns(request_key=request_key(self.keyring))
        events, _ = to_events(keyed, self.keyring, 0)
        return events, [answer for answer in answers if answer is not None]

    def _check(self, block: bytes, log_format: LogFormat) -> CheckedRows:
        records = read_lines(block, log_format.fields(_COLUMNS))
        rows = log_format.to_rows(records, _COLUMNS).with_row_index("row")
        options = replace(self.options, assume_utc=self.options.assume_utc or log_format.is_utc)
        return check_rows(rows, "requests", options, Container.JSON)

    def _one_by_one(self, bodies: Sequence[bytes], log_format: LogFormat) -> tuple[pl.DataFrame, list[Taken]]:
        parts = [self.reduce([body], log_format) for body in bodies]
        return pl.concat([no_events(), *(events for events, _ in parts)]), [answers[0] for _, answers in parts]


def _answer(checked: CheckedRows, begin: int, end: int, log_format: LogFormat) -> Taken:
    """What became of the rows from `begin` to before `end`."""
    within = pl.col("row").is_between(begin, end, closed="left")
    rejects = checked.rejects.filter(within)
    good, rejected = checked.good.select(within.sum()).item(), rejects["row"].n_unique()
    columns = [BrokenRule(*split_rule(name), end - begin, 0, "") for name in sorted(checked.problems)]
    by_rule = (
        rejects.group_by("rule").agg(pl.len(), first=pl.col("row").min()).sort("len", "rule", descending=[True, False])
    )
    rules = [BrokenRule(*split_rule(name), count, first - begin, "") for name, count, first in by_rule.iter_rows()]
    return Taken(
        taken=good,
        rejected=end - begin if columns else rejected,
        skipped=0 if columns else end - begin - good - rejected,
        problems=tuple(
            replace(problem, advice=advise(problem.column, problem.rule, log_format.advice))
            for problem in [*columns, *rules][:_PROBLEMS]
        ),
    )
