"""The case that the demo leaves."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from console.people.users import UserBook
from console.picture.accounts import likeliest_campaign, read_members
from console.picture.queue import shown_build
from console.work.cases import CaseBook
from pipelines.console.first_case import open_first_case
from pipelines.console.store import console_store
from pipelines.settings import settings
from pipelines.workspace import Workspace

pytestmark = pytest.mark.slow  # a whole build is scored, grouped and described again


@pytest.fixture
def workspace(
    filled_workspace: Path, move_copy, tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    monkeypatch.setenv("STILLWATCH_KEY", key)
    settings.cache_clear()
    yield Workspace(move_copy(filled_workspace, tmp_path / "workspace"))
    settings.cache_clear()


def test_a_user_can_sign_in_and_a_case_about_all_members_of_the_likeliest_campaign_waits(
    workspace: Workspace, as_of: datetime
) -> None:
    now = as_of + timedelta(minutes=1)
    first = open_first_case(workspace, now, lambda _step, _done: None)
    store = console_store(workspace)
    user = UserBook(store).signed_in(first.user, first.password, now)
    assert user is not None and user.role == "lead"
    with store.reading() as connection:
        campaign_id = likeliest_campaign(connection, shown_build(connection))
        assert campaign_id is not None
        members = {row.account_id for row in read_members(connection, shown_build(connection), campaign_id)}
        view = CaseBook(connection, user, now).view(int(first.path.removeprefix("/cases/")))
    store.close()
    assert {row.account_id for row in view.accounts} == members
    assert first.accounts == len(members) > 1
    assert first.password not in (workspace.root / "access" / "audit.jsonl").read_text()
