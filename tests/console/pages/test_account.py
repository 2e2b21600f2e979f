"""The page of an account: what it is used for, and what is typical of such accounts."""

import json

from sqlalchemy import update

from console.database.tables import account_rows
from console.web.call import ConsoleParts
from tests.console.conftest import Open, account_id

OLDER = {"code": "campaign.shared_keys", "text": "shares", "value": 3.0, "typical": 2.5, "impact": 1.5}


def test_an_indicator_is_shown_beside_what_is_typical_of_the_plan_and_use(browse: Open, parts: ConsoleParts) -> None:
    page = browse("rita").get("/account", id=account_id(1)).text
    assert "pro, use: tools, registered" in page
    assert '<td class="num">3</td><td class="num">–</td><td class="num">1.25</td>' in page
    with parts.store.writing() as connection:  # as a picture of an older release is
        connection.execute(update(account_rows).values(indicators=json.dumps({"indicators": [OLDER]}), used_for=None))
    page = browse("rita").get("/account", id=account_id(1)).text
    assert "use: unknown" in page and '<td class="num">2.5</td><td class="num">–</td>' in page
