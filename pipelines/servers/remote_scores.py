"""Scores of a list of accounts from an endpoint, into a file like the one that `score` writes."""

import sys
from dataclasses import asdict
from pathlib import Path

import polars as pl

from features.errors import InputError, StillwatchError
from features.progress import Progress
from pipelines.outputs import check_outputs, write_table
from pipelines.score import SCORES_SCHEMA
from pipelines.settings import settings
from stillwatch.client import BATCH, Answer, Client, EndpointError

REMOTE_SCHEMA = pl.Schema({**SCORES_SCHEMA, "status": pl.String(), "evaluated_at": pl.Datetime("us", "UTC")})
"""The columns of a score file, where `as_of` is the time of the account's features, and two more."""


def read_account_ids(source: str) -> list[str]:
    """Read account ids, one a line without the space around it, from a file or, for `-`, from standard input.

    Raises:
        InputError: it can't be read, is no UTF-8, or holds no id.
    """
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is no UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise InputError(f"--accounts {source} can't be read ({reason}): give a file of ids, one a line.") from error
    ids = [line.strip() for line in text.splitlines() if line.strip()]
    if not ids:
        raise InputError(f"--accounts {source} holds no account: give a file of ids, one a line.")
    return ids


def score_remotely(url: str, account_ids: list[str], out: Path, progress: Progress) -> pl.DataFrame:
    """Ask an endpoint about accounts, and write and return the table `REMOTE_SCHEMA`, in the order asked.

    The access key of the settings is shown, if there is one.

    Raises:
        InputError: the URL, an id or the access key is refused, or nobody answers; or out can't be written.
        StillwatchError: the endpoint was overloaded or failed all the time.
    """
    check_outputs({"--out": out})
    secret = settings().access_key
    parts = []
    try:
        with Client(url, token=None if secret is None else secret.get_secret_value()) as client:
            for number, answer in enumerate(client.score_batches(account_ids)):
                progress("scoring", number * BATCH / len(account_ids))
                parts.append(_table(answer))
    except ValueError as error:
        raise InputError(f"--url {error}") from error
    except EndpointError as error:
        is_callers = error.status is None or (error.status < 500 and error.status != 429)
        raise (InputError if is_callers else StillwatchError)(f"{error}") from error
    progress("scoring", 1.0)
    scores = pl.concat(parts)
    write_table(scores, out)
    return scores


def _table(answer: Answer) -> pl.DataFrame:
    rows = [asdict(score) | {"evaluated_at": answer.evaluated_at} for score in answer.scores]
    table = pl.DataFrame([row | {"as_of": row["features_as_of"]} for row in rows], schema_overrides=REMOTE_SCHEMA)
    return table.select(REMOTE_SCHEMA.names())
