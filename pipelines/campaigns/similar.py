"""Similar: the accounts most like one or a few, with the probability of one operator and why, written to a file."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from features.errors import InputError
from features.groups.likeness import EVIDENCE_WORDS, FAMILY_WORDS, Likeness, measure_likeness, read_common_keys
from features.progress import Progress
from features.tables.aliases import rename_accounts
from pipelines.build import ensure_features
from pipelines.outputs import check_outputs, write_table
from pipelines.workspace import Workspace

SIMILAR_SCHEMA = pl.Schema({"account_id": pl.String(), "probability": pl.Float64(), "reasons": pl.List(pl.String())})
_EXPLAINED = 1_000  # accounts with reasons, the likeliest first; nobody reads more
_REASONS = 3


def find_similar(
    workspace: Workspace, asked: Sequence[str], as_of: datetime, out: Path, progress: Progress
) -> pl.DataFrame:
    """Rank all other accounts by how probably they are of the same operator, and write the contract's table.

    Args:
        workspace: the workspace to read.
        asked: accounts of one operator, as far as anybody knows, by any of their ids; with several, what all have in
            common counts.
        as_of: the time asked about.
        out: path of the table.
        progress: called with the step and the share done.

    Returns:
        `SIMILAR_SCHEMA`, the likeliest first; reasons for the first thousand.

    Raises:
        InputError: an account that had sent nothing by then, none at all, or a path that can't be written.
    """
    check_outputs({"--out": out})
    if not asked:
        raise InputError("No account is named: give the ids of one or a few.")
    workspace = workspace.named_at(as_of)
    accounts = sorted(
        set(rename_accounts(pl.DataFrame({"account_id": asked}), workspace.lake.names(as_of))["account_id"])
    )
    ensure_features(workspace, [as_of], progress)
    features = workspace.lookup.read(as_of)
    named = pl.Series(accounts)
    unknown = named.filter(~named.is_in(features["account_id"].implode()))
    if len(unknown):
        raise InputError(
            f"The account {unknown[0]!r} had sent no request by {as_of:%Y-%m-%dT%H:%M:%SZ}: check its id, or ask about "
            "a later time."
        )
    progress("comparing", 0.0)
    shared_keys = read_common_keys(workspace.lake, as_of, accounts)
    likeness = measure_likeness(features, shared_keys, accounts)
    progress("comparing", 1.0)
    ranked = _rank(likeness).filter(~pl.col("account_id").is_in(accounts))
    write_table(ranked, out)
    return ranked


def _rank(likeness: Likeness) -> pl.DataFrame:
    order = np.lexsort((np.arange(len(likeness.log_odds)), -likeness.log_odds))
    reasons: list[list[str]] = [[] for _ in order]
    for position, row in enumerate(order[:_EXPLAINED].tolist()):
        reasons[position] = _explain(likeness, row)
    columns = {
        "account_id": likeness.account_ids.gather(order),
        "probability": likeness.probability[order],
        "reasons": pl.Series(reasons, dtype=SIMILAR_SCHEMA["reasons"]),
    }
    return pl.DataFrame(columns, schema=SIMILAR_SCHEMA)


def _explain(likeness: Likeness, row: int) -> list[str]:
    """Word what adds most to an account's odds, the heaviest first."""
    added = likeness.by_family[row]
    texts = []
    for column in np.argsort(-added, kind="stable")[:_REASONS].tolist():
        name = likeness.families[column]
        if added[column] <= 0:
            continue
        if name in EVIDENCE_WORDS:
            keys = likeness.shared[row, column - len(FAMILY_WORDS)]
            texts.append(f"shares rare {EVIDENCE_WORDS[name]} ({keys:,} {'key' if keys == 1 else 'keys'})")
        else:
            texts.append(f"alike in {FAMILY_WORDS[name]}, as few accounts are")
    return texts
