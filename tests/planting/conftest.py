"""A small history to plant into, in real Delta tables; and what lies later, in the running hour and after."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from features.identity import Keyring
from features.lake import TABLES, Lake
from features.schemas import Labels
from planting import Planting
from planting.borrow import choose_members, history_begin, read_donors
from planting.plant import ProviderHistory, plant
from planting.settings import draw_campaigns
from training.examples.dataset import snapshot_times

AS_OF = datetime(2026, 6, 1, 10, 20, 30, tzinfo=UTC)
DAYS = 42.0  # 28 of the longest window, 14 from the first snapshot to the last
HARNESS, OFFICE, SYSTEM = 11, 12, 13  # keys that several accounts show
ACCOUNTS = 60
SMALL = {
    "families": ("code_tasks", "bare_seeds"),
    "campaigns": 1,
    "random_templates": 4,
    "accounts": (4, 8),
    "share": 1.0,
}


def make_events(later: bool = True, seed: int = 0) -> pl.DataFrame:
    """Requests of the accounts up to `AS_OF`; if `later`, more of them in the same hour and over five days.

    Most keys are an account's own; a third of the prompts come from the harness, some accounts sit in one office.
    """
    rng = np.random.default_rng(seed)
    count = np.full(ACCOUNTS, 60)
    count[:3] = [5, 19, 4_600]  # two idle ones and a robot
    who = np.repeat(np.arange(ACCOUNTS), count)
    ago = rng.integers(1, 44 * 86_400, len(who))
    ago[::37] = rng.integers(1, 1_200, len(ago[::37]))  # the running hour
    if later:
        number = len(who) // 4
        after = np.r_[rng.integers(1, 2_000, number), rng.integers(2_000, 5 * 86_400, number)]
        who, ago = np.r_[who, rng.integers(0, ACCOUNTS + 5, 2 * number)], np.r_[ago, -after]
    moments = pl.select(pl.lit(AS_OF) - pl.duration(seconds=pl.Series(ago))).to_series()
    return _rows(who, moments, rng)


def _rows(who: np.ndarray, moments: pl.Series, rng: np.random.Generator) -> pl.DataFrame:
    size = len(who)
    item = np.arange(size)
    own = 1_000 + who
    text = np.where(item % 3 == 0, HARNESS, 1_000_000 + item)
    single = pl.Series(item % 4 == 0)
    system_keys = np.where(who % 3 == 0, SYSTEM, own + 40_000)
    columns: dict[str, Any] = {
        "request_key": pl.Series(10**9 + item),
        "source": pl.lit(1),
        "timestamp": moments,
        "day": moments.dt.date(),
        "account_id": pl.Series([f"acct-{i:02d}" for i in who]),
        "api_key": pl.Series(own + 300_000),
        "channel": pl.lit(1),
        "model": pl.Series(1 + who % 2),
        "conversation": pl.select(pl.when(~single).then(pl.Series(item // 3))).to_series(),
        "message_count": pl.Series(1 + item % 5),
        "input_tokens": pl.Series(rng.integers(50, 4_000, size)),
        "output_tokens": pl.Series(rng.integers(1, 2_000, size)),
        "max_tokens": pl.lit(512),
        "temperature": pl.lit(0.7),
        "stream": pl.lit(True),
        "tool_count": pl.lit(0),
        "finish_reason": pl.lit("stop"),
        "status_code": pl.lit(200),
        "address": pl.Series(np.where(who % 5 == 4, OFFICE, own + 10_000)),
        "subnet": pl.Series(np.where(who % 5 == 4, OFFICE, own + 20_000)),
        "asn": pl.Series(np.where(who % 4 == 3, own + 40_000, who % 7)),
        "country": pl.Series(who % 3),
        "agent": pl.Series(who % 4),
        "tls": pl.Series(who % 4),
        "client": pl.Series(np.where(who % 2 == 0, 1 + who % 4, own + 30_000)),
        "system": pl.select(pl.when(pl.Series(item % 2 == 0)).then(pl.Series(system_keys))).to_series(),
        "words": pl.Series(rng.integers(5, 200, size)),
        "prefix": pl.Series(text),
        "suffix": pl.Series(text + 1),
        "skeleton": pl.Series(text + 4),
        "band": pl.Series(text + 5),
        "system_skeleton": pl.Series(text + 6),
        "exact": pl.Series(2_000_000 + item),
        "simhash": pl.Series(rng.integers(0, 1 << 60, size)),
        "flags": pl.lit(0),
        "topic": pl.lit(pl.Series([[1] * 16])).first(),
    }
    schema = {name: column.dtype for name, column in TABLES["events"].columns().items()}
    frame = pl.select(**columns)
    return frame.select(
        (pl.col(name) if name in columns else pl.lit(None)).cast(dtype).alias(name) for name, dtype in schema.items()
    )


def make_accounts() -> pl.DataFrame:
    """Their registrations (one is never named), and some that come later."""
    who = np.r_[np.delete(np.arange(ACCOUNTS), 3), 100, 101]
    created = [AS_OF + timedelta(days=1) if i >= ACCOUNTS else AS_OF - timedelta(days=60 + int(i)) for i in who]
    columns = {
        "account_id": pl.Series([f"acct-{i:02d}" for i in who]),
        "created_at": pl.Series(created),
        "valid_from": pl.Series(created),
        "plan": pl.Series([("free", "pro", "team")[i % 3] for i in who]),
        "organization": pl.Series([1 if i % 6 == 0 else None for i in who]),
        "programme": pl.lit(None),
        "mail_domain": pl.Series(50 + who % 4),
        "public_mail": pl.lit(False),
        "payment": pl.Series([None if i % 3 == 0 else int(500 + i) for i in who]),
        "signup_address": pl.Series(700 + who),
        "signup_subnet": pl.Series(800 + who // 2),
        "billing_country": pl.Series(who % 3),
    }
    schema = {name: column.dtype for name, column in TABLES["accounts"].columns().items()}
    return pl.select(**columns).select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def make_lake(root: Path, events: pl.DataFrame, accounts: pl.DataFrame) -> Lake:
    """Real tables of these rows."""
    lake = Lake(root)
    lake.append("events", [events], 1)
    lake.roll_up(1)
    lake.append("accounts", [accounts], 2)
    return lake


@dataclass(frozen=True)
class History:
    """A history to plant into, and the arguments of planting.

    Attributes:
        lake: real tables, with rows that came later than the last time.
        keyring: of the texts.
        labels: two accounts were confirmed, one was cleared, one will be confirmed later.
        times: of the snapshots.
    """

    lake: Lake
    keyring: Keyring = field(default_factory=lambda: Keyring(bytes(range(32))))
    times: tuple[datetime, ...] = (min(snapshot_times(AS_OF)), AS_OF)  # all of them take twice as long

    @property
    def since(self) -> datetime:
        return history_begin(AS_OF, DAYS)

    @cached_property
    def labels(self) -> pl.DataFrame:
        rows = [("acct-10", True, -9), ("acct-11", True, 0), ("acct-12", False, -9), ("acct-13", True, 1)]
        frame = pl.DataFrame(
            {
                "account_id": [row[0] for row in rows],
                "label": [row[1] for row in rows],
                "labelled_at": [AS_OF + timedelta(days=row[2]) for row in rows],
                "campaign": ["known"] * len(rows),
            }
        )
        return frame.with_columns(pl.col("labelled_at").dt.cast_time_unit("us")).select(Labels.column_names())

    @cached_property
    def donors(self) -> pl.DataFrame:
        """The accounts to borrow from."""
        return read_donors(self.lake, self.labels, self.since, AS_OF)

    def plant(self, scratch: Path, planting: Planting | None = None, **changes: Any) -> pl.DataFrame | None:
        """Plant into it, or into something else."""
        arguments = {"lake": self.lake, "keyring": self.keyring, "labels": self.labels, "times": self.times} | changes
        planting = planting or Planting(**SMALL)
        return plant(ProviderHistory(**arguments), planting, scratch, lambda step, done: None)


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return History(make_lake(tmp_path_factory.mktemp("history"), make_events(), make_accounts()))


@pytest.fixture(scope="session")
def earlier_history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """The same history without the rows that came later."""
    events = make_events().filter(pl.col("timestamp") <= AS_OF)
    accounts = make_accounts().filter(pl.col("created_at") <= AS_OF)
    return History(make_lake(tmp_path_factory.mktemp("without_later"), events, accounts))


@pytest.fixture(scope="session")
def lake_of() -> Callable[[Path, pl.DataFrame, pl.DataFrame], Lake]:
    return make_lake


@pytest.fixture(scope="session")
def events_of() -> Callable[..., pl.DataFrame]:
    return make_events


@pytest.fixture(scope="session")
def accounts_of() -> Callable[[], pl.DataFrame]:
    return make_accounts


@pytest.fixture(scope="session")
def as_of() -> datetime:
    return AS_OF


@dataclass(frozen=True)
class Planted:
    """What planting left in its scratch folder, and the examples.

    `pairs` holds the planted events, each beside the one that it was borrowed from (columns `<name>_donor`); `chosen`
    the accounts that were to be planted.
    """

    lake: Lake
    scratch: Path
    examples: pl.DataFrame
    pairs: pl.DataFrame
    chosen: pl.DataFrame


@pytest.fixture(scope="session")
def planted(history: History, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    scratch = tmp_path_factory.mktemp("scratch")
    examples = history.plant(scratch)
    assert examples is not None
    stored = history.lake.scan("events").with_columns(donor=pl.col("account_id"))
    pairs = Lake(scratch).scan("events").join(stored, on="request_key", suffix="_donor").collect()
    campaigns = draw_campaigns(Planting(**SMALL), len(history.donors), DAYS)
    chosen = pl.concat(choose_members(campaign, history.donors, 0, AS_OF) for campaign in campaigns)
    return Planted(lake=Lake(scratch), scratch=scratch, examples=examples, pairs=pairs, chosen=chosen)


@pytest.fixture(scope="session")
def small() -> dict[str, Any]:
    """Arguments of a quick planting."""
    return SMALL
