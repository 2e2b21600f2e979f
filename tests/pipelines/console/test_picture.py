"""The picture of a real build agrees with what the commands tell, and a decision is a label of the next training."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import text

from console.database.store import ConsoleStore
from console.picture.accounts import read_account, read_campaign
from console.picture.filling import shown_stamp
from console.picture.queue import shown_build
from console.ports import JudgedAccount
from features.schemas import Labels
from pipelines.console.lake_decisions import LakeSink
from pipelines.console.picture import picture_source
from pipelines.console.serving import refresh_picture
from pipelines.console.store import console_store
from pipelines.inputs.labels import with_decided_labels
from pipelines.settings import settings
from pipelines.workspace import Workspace

pytestmark = pytest.mark.slow  # a whole build is scored, grouped and described again


@pytest.fixture(scope="module")
def workspace(filled_workspace: Path, move_copy, tmp_path_factory: pytest.TempPathFactory, key: str):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STILLWATCH_KEY", key)
        settings.cache_clear()
        yield Workspace(move_copy(filled_workspace, tmp_path_factory.mktemp("console") / "workspace"))
    settings.cache_clear()


@pytest.fixture(scope="module")
def store(workspace: Workspace):
    opened = console_store(workspace)
    assert refresh_picture(workspace, opened, lambda _step, _done: None)
    yield opened
    opened.close()


def rows(store: ConsoleStore, query: str) -> pl.DataFrame:
    with store.reading() as connection:
        answer = connection.execute(text(query))
        return pl.DataFrame(answer.all(), schema=list(answer.keys()), orient="row", infer_schema_length=None)


def test_risks_levels_and_campaigns_are_those_of_score(
    store: ConsoleStore, scores: pl.DataFrame, workspace: Workspace, as_of: datetime
) -> None:
    shown = rows(store, "SELECT account_id, risk, level, campaign_id, requests FROM account_rows ORDER BY account_id")
    assert shown.select("account_id", "risk", "level").equals(scores.select("account_id", "risk", "level"))
    assert shown["campaign_id"].to_list() == scores["campaign_id"].to_list()
    members = rows(store, "SELECT DISTINCT campaign_id FROM member_rows")["campaign_id"]
    assert set(scores["campaign_id"].drop_nulls()) <= set(members)
    hours = workspace.lake.scan("account_rollups").filter(
        pl.col("hour") < as_of.replace(minute=0, second=0, microsecond=0)
    )
    assert shown["requests"].sum() == hours.select(pl.col("requests").sum()).collect().item()


def test_every_page_of_a_flagged_account_and_campaign_is_told_and_names_no_prompt(
    store: ConsoleStore, canaries: tuple[str, ...], scores: pl.DataFrame
) -> None:
    flagged = scores.filter(pl.col("campaign_id").is_not_null()).sort("risk").row(-1, named=True)
    with store.reading() as connection:
        build = shown_build(connection)
        view = read_account(connection, build, flagged["account_id"])
        campaign = read_campaign(connection, build, flagged["campaign_id"], 1)
    assert view.indicators and view.risks[0] and view.traffic["sent"] == sum(view.traffic["requests"])
    assert sum(view.traffic["week"]) == view.traffic["sent"] == view.row.requests
    assert sum(day["requests"] for day in campaign.detail["course"]) == campaign.row.requests
    assert campaign.member_count == len(campaign.members) > 1
    database = b"".join(path.read_bytes() for path in Path(str(store.engine.url.database)).parent.iterdir())
    assert not [needle for needle in canaries if needle.encode() in database.lower()]


def test_the_same_build_is_not_read_again_and_a_held_workspace_waits(store: ConsoleStore, workspace: Workspace) -> None:
    assert shown_stamp(store) == picture_source(workspace).stamp
    assert not refresh_picture(workspace, store, lambda _step, _done: None)


def test_a_decision_is_a_label_of_the_next_training(workspace: Workspace, scores: pl.DataFrame) -> None:
    account, now = scores["account_id"][0], datetime(2026, 4, 18, tzinfo=UTC)
    assert LakeSink(workspace).store("a decision", [JudgedAccount(account, True, "confirmed")], now)
    labels = with_decided_labels(Labels.create_empty(), workspace.lake, now)
    assert labels.rows() == [(account, True, now, "confirmed")]
