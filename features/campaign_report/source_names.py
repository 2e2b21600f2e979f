"""The values behind stored keys, for a holder of the workspace's key who has the source tables too.

Nothing is turned back: each value of a source table is hashed again, and compared.
"""

from collections.abc import Iterable

import polars as pl

from features.events import instrument_keys, network_keys
from features.identity import Keyring, parse_addresses

_VALUES = {  # what a key of each kind was made from
    "address": pl.col("address"),
    "subnet": pl.col("subnet"),
    "client": pl.concat_str("user_agent", "tls_ja4", separator=" | JA4 "),
    "model": pl.col("model"),
    "payment": pl.col("payment_fingerprint"),
    "signup_address": pl.col("address"),
    "signup_subnet": pl.col("subnet"),
    "mail_domain": pl.col("email_domain").str.to_lowercase(),
}
_READ = {  # columns of the contract's tables that are read, and the one that holds addresses
    "requests": ("client_address", "user_agent", "tls_ja4", "model"),
    "accounts": ("signup_address", "payment_fingerprint", "email_domain"),
    "releases": ("model",),
}


def find_names(tables: Iterable[tuple[str, pl.LazyFrame]], keyring: Keyring, wanted: pl.DataFrame) -> pl.DataFrame:
    """Find the values of keys in source tables.

    Args:
        tables: the contract's table that each is, and its rows; a column that is absent tells nothing.
        keyring: of the workspace.
        wanted: `kind`, `key`.

    Returns:
        `kind`, `key`, `value` of those that were there, each key once; sorted.
    """
    parts = [_match(table, rows, keyring, wanted) for table, rows in tables]
    empty = pl.DataFrame(schema={"kind": pl.String, "key": pl.Int64, "value": pl.String})
    return pl.concat([empty, *parts]).unique(["kind", "key"], keep="any").sort("kind", "key")


def _match(table: str, rows: pl.LazyFrame, keyring: Keyring, wanted: pl.DataFrame) -> pl.DataFrame:
    present, names = rows.collect_schema().names(), _READ[table]
    columns = [
        pl.col(name).cast(pl.String) if name in present else pl.lit(None, pl.String).alias(name) for name in names
    ]
    distinct = rows.select(columns).unique().collect(engine="streaming")
    addressed = names[0] if names[0].endswith("address") else None
    if addressed is not None:
        distinct = distinct.hstack(parse_addresses(distinct[addressed]))
    keys = {
        "requests": network_keys(keyring),
        "accounts": instrument_keys(keyring),
        "releases": {"model": network_keys(keyring)["model"]},
    }[table]
    named_keys = [
        distinct.select(pl.lit(kind).alias("kind"), key=key, value=_VALUES[kind]).drop_nulls().unique()
        for kind, key in keys.items()
        if kind in _VALUES
    ]
    return pl.concat(named_keys).join(wanted, on=["kind", "key"], how="semi")
