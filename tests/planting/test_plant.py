"""Planting as a whole: what its examples depend on, and what it leaves alone."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from features.catalogue import FEATURE_NAMES
from features.errors import InputError
from features.lake import Lake
from planting import Planting
from training.examples.dataset import KEYS
from training.examples.planted import add_planted, is_planted


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_planted_examples_are_true_of_marked_campaigns_and_known_when_the_last_snapshot_was(
    planted: Any, as_of: datetime
) -> None:
    examples = planted.examples
    assert set(examples.columns) == {*KEYS, *FEATURE_NAMES}
    assert is_planted(examples).all()
    assert examples["label"].all()
    assert examples["labelled_at"].unique().to_list() == [as_of]
    assert examples.select(pl.struct("account_id", "as_of").is_unique().all()).item()
    assert examples.equals(examples.sort("account_id", "as_of"))
    assert examples["campaign"].n_unique() >= 5
    assert add_planted(examples.clear(), examples).height == examples.height


def test_another_seed_gives_other_rows(history: Any, planted: Any, small: dict[str, Any], tmp_path: Path) -> None:
    reseeded = history.plant(tmp_path, Planting(**small, seed=1))
    assert not set(reseeded["account_id"]) & set(planted.examples["account_id"])
    assert not reseeded["requests_28d"].sort().equals(planted.examples["requests_28d"].sort())


def test_nothing_later_than_the_last_time_matters(earlier_history: Any, planted: Any, tmp_path: Path) -> None:
    assert earlier_history.plant(tmp_path).equals(planted.examples)


def test_the_same_history_gives_the_same_rows_to_the_bit_and_is_not_written_to(
    history: Any, planted: Any, as_of: datetime, tmp_path: Path
) -> None:
    """Whatever the order of the times, and without the labels that came later."""
    earlier, before = history.labels.filter(pl.col("labelled_at") <= as_of), files(history.lake.root)
    assert len(earlier) < len(history.labels)
    assert history.plant(tmp_path, labels=earlier, times=history.times[::-1]).equals(planted.examples)
    assert files(history.lake.root) == before


def test_accounts_are_shown_from_a_day_after_they_first_served(planted: Any) -> None:
    """A planted account without a request of its campaign would teach that an ordinary one is guilty."""
    served = planted.pairs.filter(pl.col("simhash") != pl.col("simhash_donor"))
    first = served.group_by("account_id").agg(pl.col("timestamp").min())
    shown = planted.examples.group_by("account_id").agg(pl.col("as_of").min())
    both = shown.join(first, on="account_id", how="left")
    assert both["timestamp"].null_count() == 0
    assert (both["as_of"] - both["timestamp"] >= timedelta(days=1)).all()
    assert both.filter(pl.col("as_of") - pl.col("timestamp") < timedelta(days=8)).height > 0


def test_accounts_that_fell_silent_in_all_windows_are_not_shown(planted: Any) -> None:
    assert planted.examples["requests_28d"].null_count() == 0


@pytest.mark.parametrize(
    "missing",
    ["words", "payment", *(pytest.param(n, marks=pytest.mark.slow) for n in ("address", "message_count", "system"))],
)
def test_what_a_provider_does_not_log_no_planted_account_is_told_by(
    history: Any,
    missing: str,
    lake_of: Callable[..., Lake],
    events_of: Callable[..., pl.DataFrame],
    accounts_of: Callable[[], pl.DataFrame],
    tmp_path: Path,
) -> None:
    text = ["words", "prefix", "suffix", "exact", "simhash", "flags", "topic", "system"]
    also = {"words": text, "address": ["address", "subnet", "asn", "country"]}.get(missing, [missing])
    blank = [pl.lit(None).alias(name) for name in also]
    events, accounts = events_of(), accounts_of()
    events = events.with_columns(blank).cast(dict(events.schema)) if missing != "payment" else events
    accounts = accounts.with_columns(blank).cast(dict(accounts.schema)) if missing == "payment" else accounts
    examples = history.plant(tmp_path / "scratch", lake=lake_of(tmp_path / "lake", events, accounts))
    depends = {
        "words": ["shared_prefix_28d", "top_exact_share_28d", "system_share_28d", "words_mean_28d"],
        "address": ["addresses_28d", "shared_address_28d", "shared_subnet_28d"],
        "message_count": [],
        "system": ["shared_system_28d", "top_system_share_28d"],
        "payment": ["payment_accounts"],
    }[missing]
    for name in depends:
        assert examples[name].fill_null(0).unique().to_list() == [0]
    if missing == "message_count":
        assert examples["first_turn_share_28d"].fill_null(0).max() == 0


def few(history: Any, count: int) -> pl.DataFrame:
    """Labels under which only so many accounts may lend."""
    names = history.donors["account_id"][count:]
    time = pl.lit(min(history.times)).cast(pl.Datetime("us", "UTC"))
    rows = pl.DataFrame({"account_id": names}).select(
        "account_id", label=pl.lit(True), labelled_at=time, campaign=pl.lit("known")
    )
    return pl.concat([history.labels, rows])


def test_with_too_few_accounts_to_borrow_from_the_confirmed_ones_have_to_do(history: Any, tmp_path: Path) -> None:
    assert history.plant(tmp_path, labels=few(history, 9)) is None
    assert not list(tmp_path.iterdir())


def test_with_just_enough_accounts_campaigns_are_planted(history: Any, tmp_path: Path) -> None:
    examples = history.plant(tmp_path, labels=few(history, 10))
    assert examples["campaign"].n_unique() >= 2


def test_without_labels_too_few_accounts_are_refused_with_their_number(
    history: Any,
    lake_of: Callable[..., Lake],
    events_of: Callable[..., pl.DataFrame],
    accounts_of: Callable[[], pl.DataFrame],
    tmp_path: Path,
) -> None:
    seven = history.donors["account_id"][:7].implode()
    lake = lake_of(tmp_path / "lake", events_of().filter(pl.col("account_id").is_in(seven)), accounts_of())
    with pytest.raises(InputError, match=r"No account is confirmed, and only 7 have 20 .* \(10 are needed\)"):
        history.plant(tmp_path / "scratch", lake=lake, labels=history.labels.clear())


def test_without_labels_a_history_of_hours_is_refused(
    history: Any,
    as_of: datetime,
    lake_of: Callable[..., Lake],
    events_of: Callable[..., pl.DataFrame],
    accounts_of: Callable[[], pl.DataFrame],
    tmp_path: Path,
) -> None:
    ago = pl.lit(as_of) - pl.duration(seconds=3_600 + (pl.col("request_key") * 7_919) % 80_000)
    short = events_of(later=False).with_columns(timestamp=ago).with_columns(day=pl.col("timestamp").dt.date())
    lake = lake_of(tmp_path / "lake", short, accounts_of())
    with pytest.raises(InputError, match="asked for nothing over more than a day: give labels, or ingest more"):
        history.plant(tmp_path / "scratch", lake=lake, labels=history.labels.clear())


WORDS = ("autonomous software engineer", "repository task", "complete patch", "expert programmer", "Return the")


def test_no_planted_text_is_on_disk(planted: Any) -> None:
    """What is stored of a planted prompt is what is stored of any: numbers."""
    texts = [pl.String, pl.List(pl.String)]
    seen = 0
    for path in planted.scratch.rglob("*"):
        if not path.is_file():
            continue
        raw = path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            seen += 1
            raw += pl.read_parquet(path, hive_partitioning=False).select(pl.col(texts)).write_ndjson()
        assert [word for word in WORDS if word.lower() in raw.lower()] == []
    assert seen >= 4


def test_the_canaries_are_words_that_planted_prompts_hold() -> None:
    from simulation.families import read_families

    family = read_families(None)["code_tasks"]
    written = f"{family.wrapper} {family.system}".lower()
    assert [word for word in WORDS if word.lower() not in written] == []
