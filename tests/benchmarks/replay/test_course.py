"""A campaign's course out of the answers of four days: two members of four are found late, one honest account too."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from benchmarks.replay.course import DailyAnswers
from benchmarks.replay.days import Replay

FIRST = datetime(2026, 4, 22)
MEMBERS, HONEST = ["m1", "m2", "m3", "m4", "m5", "m6"], ["h1", "h2", "h3", "h4"]
SENT = {1: MEMBERS[:3] + HONEST, 2: MEMBERS * 2, 3: MEMBERS * 3 + HONEST, 4: MEMBERS[:1]}
FLAGGED = {2: ["m1"], 3: ["m1", "m2", "m3", "h1"], 4: ["m4", "m5", "m6", "other"]}
REPORTED = {2: [("c", MEMBERS[:4])], 3: [("c", [*MEMBERS[:4], "h1"])], 4: [("c", MEMBERS), ("d", [*HONEST, "m1"])]}


@pytest.fixture
def answers(tmp_path: Path) -> DailyAnswers:
    """The tables of the world, and what the commands said at the end of each day from the second on."""
    world, replay = tmp_path / "world", Replay(tmp_path / "world", tmp_path / "replay", ("june",))
    (world / "requests").mkdir(parents=True)
    for day, accounts in SENT.items():
        file = world / "requests" / f"{FIRST + timedelta(days=day - 1):%Y-%m-%d}-000.parquet"
        pl.DataFrame({"account_id": accounts}).write_parquet(file)
    truth = pl.DataFrame({"account_id": [*MEMBERS, "other", *HONEST]}).with_columns(
        label=pl.col("account_id").is_in(HONEST).not_(),
        campaign=pl.when(pl.col("account_id") == "other").then(pl.lit("another")).otherwise(pl.lit("june")),
    )
    truth.write_parquet(world / "truth.parquet")
    for command in ("score", "campaigns"):
        (replay.folder / command).mkdir(parents=True)
    for day in (2, 3, 4):
        everybody = pl.DataFrame({"account_id": [*MEMBERS, "other", *HONEST]})
        is_flagged = pl.col("account_id").is_in(FLAGGED[day])
        level = pl.when(is_flagged).then(pl.lit("act")).otherwise(pl.lit("review"))
        everybody.with_columns(level=level).write_parquet(replay.answer("score", day))
        rows = [(group, account) for group, accounts in REPORTED[day] for account in accounts]
        pl.DataFrame(rows, schema=["campaign_id", "account_id"], orient="row").write_parquet(
            replay.answer("campaigns", day)
        )
    return DailyAnswers(replay)


def test_a_campaign_is_reported_from_the_first_group_of_five_accounts_that_is_mostly_its_own(
    answers: DailyAnswers,
) -> None:
    course = answers.course(["june"])
    assert course.days["reported"].to_list() == [0, 0, 4, 6]
    assert course.first_reported == 4  # the group of the day before has four of its members


def test_who_was_above_the_threshold_once_counts_from_then_on(answers: DailyAnswers) -> None:
    course = answers.course(["june"])
    assert course.days["members"].to_list() == [3, 6, 6, 6]
    assert course.days["flagged"].to_list() == [0, 1, 3, 6]
    assert (course.day_of(0.5), course.day_of(0.9)) == (3, 4)


def test_what_was_served_counts_the_requests_of_the_campaign_alone(answers: DailyAnswers) -> None:
    course = answers.course(["june"])
    assert course.days["served"].to_list() == [3, 15, 33, 34]
    assert course.days["others"].to_list() == [4, 0, 4, 0]
    assert course.served_by(3) == 33 / 34
    assert course.served_by(None) is None


def test_a_campaign_without_accounts_is_never_found(answers: DailyAnswers) -> None:
    course = answers.course(["another"])  # its only account sent nothing
    assert (course.accounts, course.first_reported) == (0, None)


def test_honest_accounts_and_groups_are_counted_apart(answers: DailyAnswers) -> None:
    assert answers.honest_flagged() == (0, 1, 4)
    assert answers.honest_groups() == (1, 2)
