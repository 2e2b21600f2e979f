"""The lake: Delta tables that are appended to once per input file and read as of a time.

Every append is one Delta commit that carries the input's digest as its transaction id, so it happens entirely or not
at all, and a second append of the same input is recognised, whoever was killed in between.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import dataframely as dy
import polars as pl
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import DeltaError
from deltalake.transaction import create_table_with_add_actions

from features.errors import IntegrityError
from features.rollups import ROLL_UPS, merge, roll_up, roll_up_keys
from features.schemas import (
    AccountRollups,
    AccountRows,
    Aliases,
    Enforcement,
    Events,
    KeyRollups,
    Labels,
    ReleaseRows,
)
from features.tables.account_versions import valid_versions
from features.tables.aliases import canonical_ids, digest_names, merge_registrations, rename_accounts
from features.tables.answers import CampaignAnswers, CampaignLineage, CampaignRows, Rejects
from features.tables.banned import banned_accounts
from features.tables.data_files import NO_REMOTE, DataFile, Layout, RemoteFiles, add_action, write_data_files
from features.tables.log_seal import open_log, seal_log
from features.tables.origins import with_origins
from features.tables.retention_mark import check_held

HISTORY = timedelta(days=28)  # the longest window
WHOLE_LIFE = timedelta(days=300 * 365)  # longer than the years that are allowed: all that is in the lake

TABLES: dict[str, type[dy.Schema]] = {
    "events": Events,
    "account_rollups": AccountRollups,
    "key_rollups": KeyRollups,
    "accounts": AccountRows,
    "enforcement": Enforcement,
    "labels": Labels,
    "releases": ReleaseRows,
    "aliases": Aliases,
    "rejects": Rejects,
    "campaigns": CampaignRows,
    "campaign_answers": CampaignAnswers,
    "campaign_lineage": CampaignLineage,
}
_PARTITIONS = {"events": "day"}
_ORDERS = {  # measured: a third smaller than in order of time; the account lies beside its other rows
    "events": ("account_id", "timestamp"),
    "account_rollups": ("account_id", "hour"),
    "key_rollups": ("kind", "account_id", "hour", "key"),
}
_TIMES = {
    "events": "timestamp",
    "account_rollups": "hour",
    "key_rollups": "hour",
    "accounts": "valid_from",
    "enforcement": "acted_at",
    "labels": "labelled_at",
    "releases": "released_at",
    "aliases": "since",
}


@dataclass(frozen=True)
class Lake:
    """The Delta tables of a workspace.

    Attributes:
        root: folder that holds one folder per table.
        names_at: the time whose ids accounts have in answers (`features.tables.aliases`); None: the time asked about.
        remote: where the tables lie of which the folder holds copies; by default it holds the tables themselves.
    """

    root: Path
    names_at: datetime | None = field(default=None, kw_only=True)
    remote: RemoteFiles = field(default=NO_REMOTE, kw_only=True)

    def has(self, table: str, source: int) -> bool:
        """Tell whether an input was appended to a table."""
        return not self.missing_sources(table, [source])

    def missing_sources(self, table: str, sources: Iterable[int]) -> set[int]:
        """Return the inputs that were not appended to a table; opens the table once."""
        delta_table = self.open_table(table)
        if delta_table is None:
            return set(sources)
        return {source for source in sources if delta_table.transaction_version(str(source)) is None}

    def append(self, table: str, frames: Iterable[pl.DataFrame], source: int) -> None:
        """Append frames of the table's contract in one commit; nothing happens if that input is there already."""
        if self.has(table, source):
            return
        written = write_data_files(self.folder(table), layout(table), source, frames)
        self.commit(table, written, [source])

    def commit(self, table: str, written: Iterable[DataFile], sources: Iterable[int]) -> None:
        """Add files that lie in the table's folder, and remember the inputs they came from, in one commit."""
        adds, partition = [add_action(file) for file in written], [name for name in (layout(table).partition,) if name]
        own = CommitProperties(app_transactions=[Transaction(str(source), 1) for source in sources])
        schema, delta_table = Schema.from_arrow(_arrow_schema(table)), self.open_table(table)
        if delta_table is None:
            path = str(self.folder(table))
            create_table_with_add_actions(path, schema, adds, partition_by=partition, commit_properties=own)
        else:
            delta_table.create_write_transaction(adds, "append", schema, partition, commit_properties=own)
        seal_log(self.folder(table))
        self.remote.publish(self.folder(table))

    def roll_up(self, source: int) -> None:
        """Append the rollups of one input's events, read back from the table: safe to repeat after a crash."""
        events = self.scan("events").filter(pl.col("source") == source)
        for table, roll in ROLL_UPS.items():
            if not self.has(table, source):
                self.append(table, [roll(events).collect(engine="streaming")], source)

    def catch_up(self) -> None:
        """Roll up inputs whose events were appended by a run that was killed before their rollups were."""
        sources = self.scan("events").select(pl.col("source").unique()).collect(engine="streaming")["source"].sort()
        for source in self.missing_sources("account_rollups", sources) | self.missing_sources("key_rollups", sources):
            self.roll_up(source)

    def scan(self, table: str) -> pl.LazyFrame:
        """Scan a whole table; a frame of its contract without rows where nothing was appended yet."""
        delta_table, schema = self.open_table(table), _schema(table)
        if delta_table is None:
            return pl.LazyFrame(schema=schema)
        # not by `scan_delta`, which can't read a folder whose name has a space or an umlaut
        paths = pl.DataFrame(delta_table.get_add_actions(flatten=True))["path"].to_list()
        return self.scan_files(table, paths).select(pl.col(name).cast(dtype) for name, dtype in schema.items())

    def names(self, as_of: datetime) -> pl.DataFrame:
        """`account_id`, `canonical_id` of the accounts that are the same as another one (`names_at`)."""
        return canonical_ids(self.scan("aliases"), self.names_at or as_of)

    def scan_named(self, table: str, as_of: datetime) -> pl.LazyFrame:
        """Scan a whole table, of which each account has the id that it has as of a time (`names`)."""
        return rename_accounts(self.scan(table), self.names(as_of))

    def account_rollups(
        self, as_of: datetime, history: timedelta = HISTORY, which: pl.Expr | None = None
    ) -> pl.LazyFrame:
        """`AccountRollups` of the history before as_of, of all accounts or of `which`: nothing later is in them."""
        wanted = pl.lit(True) if which is None else which  # filtered afterwards, all would be added up
        stored = self._stored_history("account_rollups", as_of, history).filter(wanted)
        return merge(stored, roll_up(self._running_hour(as_of).filter(wanted)))

    def key_rollups(self, as_of: datetime, history: timedelta = HISTORY) -> pl.LazyFrame:
        """`KeyRollups` of the history before as_of, one or more rows per key: they add."""
        running = roll_up_keys(self._running_hour(as_of))
        return pl.concat([self._stored_history("key_rollups", as_of, history), running])

    def seen(self, as_of: datetime) -> pl.DataFrame:
        """Accounts with a request at or before as_of: `account_id`, `first_seen`, `last_seen` (full hours)."""
        hours = self.scan_named("account_rollups", as_of).select("account_id", "hour")
        running = self._running_hour(as_of).select("account_id", hour=pl.col("timestamp").dt.truncate("1h"))
        return (
            pl.concat([hours.filter(self._is_over(as_of)), running])
            .group_by("account_id")
            .agg(first_seen=pl.col("hour").min(), last_seen=pl.col("hour").max())
            .sort("account_id")
            .collect(engine="streaming")
        )

    def accounts(self, as_of: datetime) -> pl.DataFrame:
        """`AccountRows` registered at or before as_of, of each account the version that holds then."""
        return merge_registrations(valid_versions(self.scan("accounts"), as_of).collect(), self.names(as_of))

    def releases(self, as_of: datetime) -> pl.DataFrame:
        """`ReleaseRows` released at or before as_of."""
        return self.scan("releases").filter(pl.col("released_at") <= as_of).collect()

    def later(self, as_of: datetime) -> dict[str, int]:
        """Rows of each table that became known after as_of."""
        times = {table: _TIMES[table] for table in ("events", "accounts", "enforcement", "releases", "aliases")}
        counts = [self.scan(table).select((pl.col(time) > as_of).sum().alias(table)) for table, time in times.items()]
        return {frame.columns[0]: frame.item() or 0 for frame in pl.collect_all(counts)}

    def banned(self, as_of: datetime) -> pl.DataFrame:
        """Accounts that are banned then: `account_id`, `acted_at` (of the first ban that was not taken back since)."""
        return banned_accounts(self.scan_named("enforcement", as_of), as_of)

    def stamp(self, as_of: datetime, *more: str) -> str:
        """Digest the ids of accounts, and the files that features as of a time and `more` tables are read from.

        What is appended later changes nothing as long as all of it lies after as_of.
        """
        tables = ("account_rollups", "key_rollups", "accounts", "releases", *more)
        paths = [f"{table}/{path}" for table in tables for path in self._paths_before(table, as_of)]
        names = self.names(as_of)
        named = [] if names.is_empty() else [digest_names(names)]
        return hashlib.sha256("\n".join([*sorted(paths), *named]).encode()).hexdigest()[:16]

    def file_names(self, table: str) -> set[str]:
        """The files of a table, named as its log names them; those that a compacted one was made of in its place."""
        return set(self._paths_before(table, datetime.max.replace(tzinfo=UTC)))

    def _paths_before(self, table: str, as_of: datetime) -> list[str]:
        """The files of a table that hold, or may hold, a row at or before as_of."""
        delta_table = self.open_table(table)
        files = pl.DataFrame() if delta_table is None else pl.DataFrame(delta_table.get_add_actions(flatten=True))
        if files.is_empty():
            return []
        earliest = files.get_column(f"min.{_TIMES[table]}", default=pl.Series([None] * files.height)).cast(
            pl.Datetime("us", "UTC")
        )
        filled = files.select("path", "num_records", earliest=earliest).filter(pl.col("num_records").fill_null(1) > 0)
        origins = with_origins(self.folder(table), filled)
        return origins.filter(pl.col("earliest").is_null() | (pl.col("earliest") <= as_of))["path"].to_list()

    def _stored_history(self, table: str, as_of: datetime, history: timedelta) -> pl.LazyFrame:
        """Return the stored rollups of the history before the running hour."""
        is_within = pl.col("hour") >= full_hour(as_of) - history
        return self.scan_named(table, as_of).filter(is_within & self._is_over(as_of))

    def _is_over(self, as_of: datetime) -> pl.Expr:
        """True for hours whose stored rollups hold nothing after as_of."""
        return pl.col("hour") < full_hour(as_of)

    def _running_hour(self, as_of: datetime) -> pl.LazyFrame:
        """Events of the hour that as_of falls in: its stored rollup may hold later requests."""
        hour = full_hour(as_of)
        check_held(self.folder("events"), hour, as_of)
        is_running = (pl.col("day") == hour.date()) & pl.col("timestamp").is_between(hour, as_of)
        return self.scan_named("events", as_of).filter(is_running)

    def scan_files(self, table: str, paths: list[str]) -> pl.LazyFrame:
        """Scan some of a table's files, named as its log names them.

        Raises:
            IntegrityError: one is damaged.
        """
        if not paths:
            return pl.LazyFrame(schema=_schema(table))
        partition = _PARTITIONS.get(table)
        hive = {partition: _schema(table)[partition]} if partition else None
        files = [self.folder(table) / unquote(path) for path in paths]
        self.remote.fetch(files)
        return pl.scan_parquet(files, glob=False, hive_partitioning=partition is not None, hive_schema=hive)

    def folder(self, table: str) -> Path:
        """The folder of a table."""
        return self.root / table

    def open_table(self, table: str) -> DeltaTable | None:
        """Open a table; None where nothing was appended yet.

        Raises:
            IntegrityError: it is damaged, or of another version of its contract.
        """
        path = self.folder(table)
        if not path.exists() or not DeltaTable.is_deltatable(str(path)):
            return None
        try:
            delta_table = open_log(path)
        except DeltaError as error:
            raise IntegrityError(f"the table {table} in {self.root} can't be read: {error}") from error
        contract, stored = _schema(table).keys(), {column.name for column in delta_table.schema().fields}
        differences = {"lacks": contract - stored, "still has": stored - contract}
        if any(differences.values()):
            difference = " and ".join(
                f"{verb} {', '.join(sorted(names))}" for verb, names in differences.items() if names
            )
            raise IntegrityError(
                f"the table {table} in {self.root} is of an older version and {difference}: run `stillwatch migrate`."
            )
        return delta_table


def full_hour(moment: datetime) -> datetime:
    """The begin of the hour, in UTC, that a moment falls in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _schema(table: str) -> pl.Schema:
    return pl.Schema({name: column.dtype for name, column in TABLES[table].columns().items()})


def _arrow_schema(table: str) -> Any:
    return pl.DataFrame(schema=_schema(table)).to_arrow(compat_level=pl.CompatLevel.oldest()).schema


def layout(table: str) -> Layout:
    """How the rows of a table lie in its files."""
    return Layout(_schema(table), _ORDERS.get(table, ()), _PARTITIONS.get(table), _TIMES.get(table))
