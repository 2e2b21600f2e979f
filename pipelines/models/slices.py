"""The slices of accounts: plan, country, number of requests, family, cohort. Only reports use them, no model does.

Countries are stored as keyed hashes. As there are few country codes, the workspace's own key gives the names back.
"""

from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from string import ascii_uppercase

import polars as pl

from features.errors import InputError
from features.identity import Keyring
from features.lake import Lake
from features.schemas import KEY_KINDS
from features.tables.aliases import rename_accounts
from training.examples.test_set import BUCKETS, SLICES_SCHEMA, latest

UNKNOWN = "unknown"
_BUCKET_LIMITS = (50, 100, 250, 1_000)  # of `BUCKETS`, inclusive
_USER_KINDS = ("family", "cohort")


def read_slices(path: Path) -> pl.DataFrame:
    """Read a user's own slices: a Parquet table with `account_id`, and `family` or `cohort` or both.

    Raises:
        InputError: the file is no such table.
    """
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path} can't be read as Parquet ({reason}): give a table of slices.") from error
    kinds = [kind for kind in _USER_KINDS if kind in table.columns]
    if "account_id" not in table.columns or not kinds:
        raise InputError(f"{path} is no table of slices: expected the column account_id, and family, cohort or both.")
    for name in ("account_id", *kinds):
        if not isinstance(table.schema[name], pl.String | pl.Categorical | pl.Enum | pl.Null):
            raise InputError(
                f"{path}: the column {name} has the type {table.schema[name]}, expected String: convert it."
            )
    text = table.select(pl.col("account_id", *kinds).cast(pl.String))
    long = text.unpivot(kinds, index="account_id", variable_name="kind", value_name="name")
    return _unique(long.filter(pl.col("account_id").is_not_null() & (pl.col("name") != "")))


def assign_slices(
    lake: Lake, keyring: Keyring, examples: pl.DataFrame, as_of: datetime, user_slices: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Assign the accounts of the examples to slices, as known at a time.

    Args:
        lake: the workspace's tables.
        keyring: gives the countries their names back.
        examples: see `training.examples.dataset`.
        as_of: the time.
        user_slices: the result of `read_slices`, or None.

    Returns:
        A table with the columns of `training.examples.test_set.SLICES_SCHEMA`.
    """
    accounts = examples.select("account_id").unique()
    rows = lake.accounts(as_of).select("account_id", "plan", "billing_country")
    plans = accounts.join(rows, on="account_id", how="left").select("account_id", name=pl.col("plan"))
    parts = {
        "plan": plans,
        "country": accounts.join(_countries(lake, keyring, rows, as_of), on="account_id", how="left"),
        "requests": _buckets(examples),
    }
    named = [
        part.select("account_id", pl.lit(kind).alias("kind"), pl.col("name").fill_null(UNKNOWN))
        for kind, part in parts.items()
    ]
    extra = [] if user_slices is None else [rename_accounts(user_slices, lake.names(as_of))]
    return _unique(pl.concat([*named, *extra]).join(accounts, on="account_id", how="semi"))


def with_course(lake: Lake, examples: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Add how far true accounts, as known at `as_of`, had got at each snapshot, for reports on early detection.

    `began` is the hour of the first request, `served` the requests of all full hours before the snapshot; both are null
    for other accounts.
    """
    true = examples.filter("label").select("account_id").unique()
    hours = lake.scan_named("account_rollups", as_of).select("account_id", "hour", "requests")
    theirs = hours.join(true.lazy(), on="account_id", how="semi").collect(engine="streaming")
    sums = theirs.group_by("account_id", "hour").agg(pl.col("requests").sum()).sort("account_id", "hour")
    course = sums.with_columns(
        began=pl.col("hour").min().over("account_id"),
        served=pl.col("requests").cum_sum().over("account_id"),
    )
    numbered = examples.with_row_index("row").sort("as_of")
    served_by_hour = course.select("account_id", "served", as_of=pl.col("hour") + timedelta(hours=1)).sort("as_of")
    joined = numbered.join_asof(served_by_hour, on="as_of", by="account_id", check_sortedness=False).sort("row")
    began = course.group_by("account_id").agg(pl.col("began").first())
    complete = joined.join(began, on="account_id", how="left", maintain_order="left")
    served = pl.when(pl.col("began").is_not_null()).then(pl.col("served").fill_null(0))
    return complete.with_columns(served=served).drop("row")


def _unique(long: pl.DataFrame) -> pl.DataFrame:
    """The rows without repeats, sorted, with the columns of the contract."""
    return long.select(pl.col(name).cast(kind) for name, kind in SLICES_SCHEMA.items()).unique().sort(pl.all())


def _countries(lake: Lake, keyring: Keyring, rows: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The country of most requests in the last 28 days, or the billing country if no request has one."""
    codes = pl.DataFrame({"name": ["".join(pair) for pair in product(ascii_uppercase, repeat=2)]})
    names = codes.select("name", key=keyring.key(pl.col("name"), "country"))
    countries = lake.key_rollups(as_of).filter(pl.col("kind") == KEY_KINDS.index("country"))
    counted = countries.group_by("account_id", "key").agg(pl.col("requests").sum()).collect(engine="streaming")
    commonest = (
        counted.join(names, on="key")
        .sort("account_id", pl.col("requests").neg(), "name")
        .group_by("account_id", maintain_order=True)
        .first()
    )
    billed = rows.join(names, left_on="billing_country", right_on="key").select("account_id", "name")
    others = billed.join(commonest, on="account_id", how="anti")
    return pl.concat([commonest.select("account_id", "name"), others])


def _buckets(examples: pl.DataFrame) -> pl.DataFrame:
    """The bucket of each account's requests in the 28 days before its latest snapshot."""
    requests = pl.col("requests_28d")
    bucket: pl.Expr = pl.lit(BUCKETS[-1])
    for limit, name in reversed(list(zip(_BUCKET_LIMITS, BUCKETS, strict=False))):
        bucket = pl.when(requests <= limit).then(pl.lit(name)).otherwise(bucket)
    return latest(examples).select("account_id", name=pl.when(requests.is_not_null()).then(bucket))
