"""The values behind stored keys, for a holder of the workspace's key who has the source tables too.

Nothing is turned back: each value of a source table is hashed again, and compared.
"""

from collections.abc import Iterable, Mapping

import polars as pl

from features.events import instrument_keys, network_keys
from features.identity import Keyring, parse_addresses
from features.intake.files import InputFile
from features.intake.rows import read_columns
from features.intake.values.reading import LogOptions

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
_READ = {  # columns of the contract's tables that are read
    "requests": ("client_address", "user_agent", "tls_ja4", "model"),
    "accounts": ("signup_address", "payment_fingerprint", "email_domain"),
    "releases": ("model",),
}


def read_values(files: Iterable[InputFile], options: LogOptions) -> dict[str, pl.DataFrame]:
    """Read what keys may have been made from, out of source tables in any format that is ingested.

    Args:
        files: of the tables in `_READ`.
        options: what a person says of the requests' log.

    Returns:
        By table: its distinct rows of the columns in `_READ`, with parsed addresses.

    Raises:
        InputError: a file can't be read, or has none of these columns.
    """
    batches: dict[str, list[pl.DataFrame]] = {}
    for file in files:
        for batch in read_columns(file, _READ[file.table], options):
            batches.setdefault(file.table, []).append(batch.unique())
    return {table: _parse_addresses(pl.concat(parts).unique()) for table, parts in batches.items()}


def _parse_addresses(rows: pl.DataFrame) -> pl.DataFrame:
    addressed = [name for name in rows.columns if name.endswith("_address")]
    return rows.hstack(parse_addresses(rows[addressed[0]])) if addressed else rows


def find_names(values: Mapping[str, pl.DataFrame], keyring: Keyring, wanted: pl.DataFrame) -> pl.DataFrame:
    """Find the values of keys.

    Args:
        values: of `read_values`.
        keyring: of the workspace.
        wanted: `kind`, `key`.

    Returns:
        `kind`, `key`, `value` of those that were there, each key once; sorted.
    """
    network, instruments = network_keys(keyring), instrument_keys(keyring)
    keys_of = {"requests": network, "accounts": instruments, "releases": {"model": network["model"]}}
    parts = [pl.DataFrame(schema={"kind": pl.String, "key": pl.Int64, "value": pl.String})]
    for table, rows in values.items():
        for kind, key in keys_of[table].items():
            named = rows.select(pl.lit(kind).alias("kind"), key=key, value=_VALUES[kind]).drop_nulls()
            parts.append(named.unique().join(wanted, on=["kind", "key"], how="semi"))
    return pl.concat(parts).unique(["kind", "key"], keep="any").sort("kind", "key")
