"""What an account belongs to: plan, country, number of requests, family, cohort. For reporting only, never learnt from.

Countries are stored as keyed hashes; as there are few codes, the workspace's own key names them again.
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
from training.examples.test_set import BUCKETS, SLICES_SCHEMA, latest

UNKNOWN = "unknown"
_UP_TO = (50, 100, 250, 1_000)
_TOLD = ("family", "cohort")


def read_slices(path: Path) -> pl.DataFrame:
    """The groups that a user tells: a Parquet table with `account_id`, and `family` or `cohort` or both.

    Raises:
        InputError: not such a table.
    """
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path} can't be read as Parquet ({reason}): give a table of groups.") from error
    kinds = [kind for kind in _TOLD if kind in table.columns]
    if "account_id" not in table.columns or not kinds:
        raise InputError(f"{path} is no table of groups: expected the column account_id, and family, cohort or both.")
    for name in ("account_id", *kinds):
        if not isinstance(table.schema[name], pl.String | pl.Categorical | pl.Enum | pl.Null):
            raise InputError(
                f"{path}: the column {name} has the type {table.schema[name]}, expected String: convert it."
            )
    text = table.select(pl.col("account_id", *kinds).cast(pl.String))
    long = text.unpivot(kinds, index="account_id", variable_name="kind", value_name="name")
    return _known(long.filter(pl.col("account_id").is_not_null() & (pl.col("name") != "")))


def slices_of(
    lake: Lake, keyring: Keyring, examples: pl.DataFrame, as_of: datetime, told: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The table of groups (`training.examples.test_set`) of the accounts of the examples, as known at a time; `told` of
    `read_slices`.
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
    extra = [] if told is None else [told.join(accounts, on="account_id", how="semi")]
    return _known(pl.concat([*named, *extra]))


def with_course(lake: Lake, examples: pl.DataFrame) -> pl.DataFrame:
    """Adds, for true accounts, the hour of their first request (`began`) and the requests of all full hours before each
    snapshot (`served`): how early they are found is told by these.
    """
    true = examples.filter("label").select("account_id").unique()
    hours = lake.scan("account_rollups").select("account_id", "hour", "requests")
    theirs = hours.join(true.lazy(), on="account_id", how="semi").collect(engine="streaming")
    sums = theirs.group_by("account_id", "hour").agg(pl.col("requests").sum()).sort("account_id", "hour")
    course = sums.with_columns(
        began=pl.col("hour").min().over("account_id"),
        served=pl.col("requests").cum_sum().over("account_id"),
    )
    placed = examples.with_row_index("row").sort("as_of")
    known = course.select("account_id", "served", as_of=pl.col("hour") + timedelta(hours=1)).sort("as_of")
    found = placed.join_asof(known, on="as_of", by="account_id", check_sortedness=False).sort("row")
    began = course.group_by("account_id").agg(pl.col("began").first())
    whole = found.join(began, on="account_id", how="left", maintain_order="left")
    served = pl.when(pl.col("began").is_not_null()).then(pl.col("served").fill_null(0))
    return whole.with_columns(served=served).drop("row")


def _known(long: pl.DataFrame) -> pl.DataFrame:
    """Each row once, in one order, with the columns of the contract."""
    return long.select(pl.col(name).cast(kind) for name, kind in SLICES_SCHEMA.items()).unique().sort(pl.all())


def _countries(lake: Lake, keyring: Keyring, rows: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The country of most requests of the last 28 days; where no request had one, the billing country."""
    codes = pl.DataFrame({"name": ["".join(pair) for pair in product(ascii_uppercase, repeat=2)]})
    names = codes.select("name", key=keyring.key(pl.col("name"), "country"))
    shown = lake.key_rollups(as_of).filter(pl.col("kind") == KEY_KINDS.index("country"))
    counted = shown.group_by("account_id", "key").agg(pl.col("requests").sum()).collect(engine="streaming")
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
    """How many requests each account sent in the 28 days before its latest snapshot."""
    requests = pl.col("requests_28d")
    bucket: pl.Expr = pl.lit(BUCKETS[-1])
    for limit, name in reversed(list(zip(_UP_TO, BUCKETS, strict=False))):
        bucket = pl.when(requests <= limit).then(pl.lit(name)).otherwise(bucket)
    return latest(examples).select("account_id", name=pl.when(requests.is_not_null()).then(bucket))
