"""A console that is ready to be worked: one user, and a case about the likeliest campaign."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from console.people.users import UserBook
from console.picture.accounts import likeliest_campaign, read_members
from console.picture.queue import shown_build
from console.work.cases import CaseBook
from features.progress import Progress
from pipelines.console.serving import refresh_picture
from pipelines.console.store import console_store
from pipelines.workspace import Workspace

_NAME = "demo"


@dataclass(frozen=True)
class FirstCase:
    """What somebody needs to begin.

    Attributes:
        user: the name to sign in with.
        password: drawn for this workspace; it is stored as a hash only.
        path: of the case's page; of the queue's where no campaign is reported.
        accounts: that the case is about.
    """

    user: str
    password: str
    path: str
    accounts: int


def open_first_case(workspace: Workspace, now: datetime, progress: Progress) -> FirstCase:
    """Show the last build in the console of a new workspace, and open a case about its likeliest campaign.

    Args:
        workspace: with a build and a champion; its console has no user yet.
        now: when the case is opened.
        progress: called with the step and the share done.

    Raises:
        InputError: there is such a user, or no build yet.
    """
    store = console_store(workspace)
    try:
        refresh_picture(workspace, store, progress)
        password = secrets.token_urlsafe(12)
        user = UserBook(store).add(_NAME, "lead", password, now)
        workspace.audit_log.append("user added", "command", now, name=user.name, role=user.role)
        with store.writing() as connection:
            build = shown_build(connection)
            campaign_id = likeliest_campaign(connection, build)
            if campaign_id is None:
                return FirstCase(user.name, password, "/", 0)
            accounts = [member.account_id for member in read_members(connection, build, campaign_id)]
            title = f"A campaign of {len(accounts)} accounts"
            case_id = CaseBook(connection, user, now).open(title, campaign_id, accounts)
    finally:
        store.close()
    return FirstCase(user.name, password, f"/cases/{case_id}", len(accounts))
