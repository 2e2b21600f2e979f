"""What deserves a look in an ingest that is otherwise fine: nothing is refused for it."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import polars as pl

from features.lake import Lake
from features.tables.aliases import rename_accounts
from pipelines.inputs.checks import TableCount

# Shares above which something is said. Chosen by what exports show: a fifth of all requests is never retried, a fifth
# of all accounts is hardly one customer. Twice as much would miss a gateway that reuses ids for every third request.
REPEATS, UNUSABLE, SHARED, SILENT = 0.2, 0.2, 0.2, 0.5
FEWEST_ACCOUNTS = 20  # of fewer accounts any share says little


def list_attention(counts: Mapping[str, TableCount], lake: Lake, now: datetime) -> list[str]:
    """Say in plain words what deserves a look.

    Args:
        counts: what was read, per table.
        lake: with what was stored before, or also with this run's rows.
        now: the clock.
    """
    lines = []
    for table, count in counts.items():
        lines += [*_repeats(table, count), *_addresses(table, count), *_future(table, count, now)]
    if "accounts" in counts:
        lines += [*_shared(counts["accounts"]), *_silent(counts, lake, now)]
    return lines


def _repeats(table: str, count: TableCount) -> Iterator[str]:
    good = sum(contents.good for contents in count.contents)
    if table == "requests" and count.repeats > REPEATS * good:
        share = count.repeats / good
        yield (
            f"{share:.0%} of the requests repeat an id and were dropped: does the exporter give every request an id of "
            "its own?"
        )


def _addresses(table: str, count: TableCount) -> Iterator[str]:
    hops = sum(number for (_, kind), number in count.changes.items() if kind == "hops")
    given = sum(contents.addresses for contents in count.contents) + hops
    unusable = count.malformed_addresses + hops
    if unusable > UNUSABLE * given:
        how = "give --trusted-proxies N for lists of hops, in a new workspace if they are stored"
        yield (
            f"{unusable / given:.0%} of the addresses of {table} can't be used: "
            f"{how if hops else 'is it the column of client addresses?'}"
        )


def _future(table: str, count: TableCount, now: datetime) -> Iterator[str]:
    times = [contents.latest for contents in count.contents if contents.latest is not None]
    if times and max(times) > now:
        yield describe_future(table, max(times))


def describe_future(table: str, latest: datetime) -> str:
    """Say that a table holds a time to come."""
    return f"the last time of {table} is {latest:%Y-%m-%dT%H:%M:%SZ}, in the future: are the unit and the zone right?"


def _shared(count: TableCount) -> Iterator[str]:
    frames = [frame for contents in count.contents for frame in contents.shared]
    accounts = sum(len(ids) for contents in count.contents for ids in contents.account_ids)
    if not frames or accounts < FEWEST_ACCOUNTS:
        return
    totals = pl.concat(frames).group_by("column", "value").agg(pl.col("count").sum())
    for column, _, number in totals.filter(pl.col("count") > SHARED * accounts).sort("column", "value").iter_rows():
        yield f"{number / accounts:.0%} of the accounts have one {column}: is it a word for none?"


def _silent(counts: Mapping[str, TableCount], lake: Lake, now: datetime) -> Iterator[str]:
    """Compare the accounts of this run with those of all requests, stored or of this run, by the ids of now."""
    active = [lake.scan("account_rollups").select("account_id").unique().collect()["account_id"]]
    if "requests" in counts:
        active.append(_ids(counts["requests"]))
    names = lake.names(now)
    accounts, seen = (
        rename_accounts(ids.to_frame(), names)["account_id"].unique()
        for ids in (_ids(counts["accounts"]), pl.concat(active))
    )
    silent = accounts.filter(~accounts.is_in(seen.implode()))
    if len(accounts) >= FEWEST_ACCOUNTS and len(silent) >= SILENT * len(accounts):
        yield (
            f"{len(silent) / len(accounts):.0%} of the accounts have no request, such as {silent.sort()[0]!r}: are the "
            "ids of both tables the same?"
        )


def _ids(count: TableCount) -> pl.Series:
    parts = [ids for contents in count.contents for ids in contents.account_ids]
    return pl.concat([pl.Series("account_id", [], pl.String), *parts]).unique()
