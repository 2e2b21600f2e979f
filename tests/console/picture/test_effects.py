"""What would change: now and on history, by plan and use, told apart by how the accounts were judged."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from sqlalchemy import Connection, select

from console.database.tables import risk_points
from console.picture.effects import ALL, Effect, past_effects, threshold_effects
from console.picture.filling import LAST_BUILDS, fill_picture, last_builds
from console.picture.frames import LEAST_RISK
from console.picture.queue import shown_build
from console.web.call import ConsoleParts
from features.errors import InputError
from tests.console.conftest import AS_OF, CAMPAIGN, Open, account_id, accounts, make_picture

WEEKS = [AS_OF - timedelta(days=7 * week) for week in (1, 2)]
FRAME = accounts(60)
JUDGED = {account_id(7): "confirmed", account_id(8): "cleared", account_id(9): "confirmed"}


def past_risks() -> pl.DataFrame:
    """Half the risks a week ago; two weeks ago only accounts that are low now, at 0.9."""
    half = FRAME.select("account_id", as_of=pl.lit(WEEKS[0]), risk=pl.col("risk") / 2)
    low = FRAME.tail(5).select("account_id", as_of=pl.lit(WEEKS[1]), risk=pl.lit(0.9))
    return pl.concat([half, low]).filter(pl.col("risk") >= LEAST_RISK)


@pytest.fixture
def parts_with_past(parts: ConsoleParts, browse: Open) -> ConsoleParts:
    """Two builds before the one that is shown, and one decision."""
    fill_picture(parts.store, make_picture(stamp="second", earlier=past_risks()))
    decision = {"back": "/account", "verdict": "clear", "reason": "r", "action": "", "campaign": ""}
    assert browse("lea").post("/decide", account=f"0:{account_id(7)}", **decision).status_code == 303
    return parts


def expected(risks: pl.DataFrame, threshold: float) -> Effect:
    """By hand: who is flagged, with the decision of the fixture."""
    effect, judged = Effect(), JUDGED | {account_id(7): "cleared"}
    flagged = FRAME.drop("risk").join(risks, on="account_id").filter(pl.col("risk") >= threshold)
    for row in flagged.iter_rows(named=True):
        effect.add(row["plan"], row["used_for"], judged.get(row["account_id"], "unlabelled"), 1)
    return effect


@pytest.mark.parametrize("past", [None, ALL, *WEEKS])
def test_who_is_flagged_now_then_and_at_any_time_is_told_by_plan_and_use(past, parts_with_past: ConsoleParts) -> None:
    with parts_with_past.store.reading() as connection:
        effects = threshold_effects(connection, shown_build(connection), [0.3, 0.05, 0.8], past)
    points = pl.concat([FRAME.select("account_id", as_of=pl.lit(AS_OF), risk="risk"), past_risks()])
    of_time = points.filter(pl.col("as_of") == (AS_OF if past is None else past)) if past != ALL else points
    risks = of_time.group_by("account_id").agg(pl.col("risk").max())
    assert effects == [expected(risks, threshold) for threshold in (0.3, 0.05, 0.8)]
    assert effects[1].total.total >= effects[0].total.total > 0


def test_each_past_build_is_counted_with_its_judged_accounts(parts_with_past: ConsoleParts) -> None:
    with parts_with_past.store.reading() as connection:
        rows = past_effects(connection, shown_build(connection), [AS_OF, *WEEKS], [0.02, 0.5])
    points = pl.concat([FRAME.select("account_id", as_of=pl.lit(AS_OF), risk="risk"), past_risks()])
    for threshold, by_time in zip((0.02, 0.5), rows, strict=True):
        for time in (AS_OF, *WEEKS):
            own = expected(points.filter(pl.col("as_of") == time).drop("as_of"), threshold).total
            assert by_time[time.isoformat()].counts == own.counts


def test_only_the_last_builds_stay_and_of_older_ones_the_flagged_accounts(parts: ConsoleParts) -> None:
    def counts(connection: Connection, number: int) -> int:
        own = select(risk_points).where(risk_points.c.account_id == account_id(number))
        return len(connection.execute(own).all())

    for day in range(1, LAST_BUILDS + 3):
        fill_picture(parts.store, make_picture(stamp=str(day), as_of=AS_OF + timedelta(days=day)))
    with parts.store.reading() as connection:
        times = [build.as_of for build in last_builds(connection, AS_OF + timedelta(days=90))]
        assert times == [AS_OF + timedelta(days=day) for day in range(LAST_BUILDS + 2, 2, -1)]
        assert FRAME["level"][1] == "act" and counts(connection, 1) == LAST_BUILDS + 3
        assert FRAME["level"][40] == "low" and counts(connection, 40) == LAST_BUILDS


def test_what_a_model_gave_to_a_past_build_stays_until_another_model_judges_it(parts_with_past: ConsoleParts) -> None:
    sure = past_risks().with_columns(risk=pl.lit(0.99))
    counts = []
    for version in ("1", "2"):
        picture = replace(make_picture(stamp=version, earlier=sure), model_version=version)
        fill_picture(parts_with_past.store, picture)
        with parts_with_past.store.reading() as connection:
            build = shown_build(connection)
            (rows,) = past_effects(connection, build, WEEKS, [0.95])
            counts.append([rows[time.isoformat()].total for time in WEEKS])
    assert counts == [[0, 0], [past_risks().filter(pl.col("as_of") == time).height for time in WEEKS]]


def test_the_pages_tell_it_and_refuse_what_is_no_threshold_or_no_build(
    parts_with_past: ConsoleParts, browse: Open
) -> None:
    reader = browse("rita")
    page = reader.get("/effect/thresholds", review="0.1", past=ALL).text
    assert "any of the last 3 builds" in page and "2026-05-18 00:00, model 1" in page and "tools" in page
    now = reader.get("/effect/thresholds", review="0.001").text
    assert f"risks from {LEAST_RISK} on are kept" in now
    for query in ({"review": "0.001", "past": ALL}, {"past": "yesterday"}, {"review": "2"}, {"act": "x"}):
        assert reader.get("/effect/thresholds", **query).status_code == 400
    ban = reader.get("/effect/ban", campaign=CAMPAIGN).text
    assert "3 accounts would be banned" in ban and "2026-05-25 00:00" in ban and "coding" in ban


def test_a_threshold_that_is_none_is_refused(parts: ConsoleParts) -> None:
    with parts.store.reading() as connection:
        build = shown_build(connection)
        with pytest.raises(InputError, match="probability from 0 to 1"):
            threshold_effects(connection, build, [1.5])
        with pytest.raises(InputError, match=r"risks from 0\.01 on are kept"):
            past_effects(connection, build, [AS_OF], [0.001])
