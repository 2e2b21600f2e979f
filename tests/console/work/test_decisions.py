"""Deciding: once each, whoever is at it, and into the lake."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from console.errors import ConflictError
from console.picture.queue import shown_build
from console.web.call import ConsoleParts
from console.work.claims import claim_item
from console.work.decisions import DecisionRequest, record_decision
from features.errors import InputError
from tests.console.conftest import CAMPAIGN, NOW, Open, account_id

SUBJECT = account_id(4)


def request(verdict: str = "confirm", **changes: object) -> DecisionRequest:
    return DecisionRequest(**{"versions": {SUBJECT: 0}, "verdict": verdict, "reason": "seen"} | changes)


def decide_as(parts: ConsoleParts, name: str, asked: DecisionRequest) -> str:
    user = parts.users.by_name(name)
    assert user is not None
    with parts.store.writing() as connection:
        return record_decision(connection, shown_build(connection), asked, user, NOW)


def test_two_analysts_at_once_never_decide_the_same_account_twice(parts: ConsoleParts) -> None:
    begin = Barrier(2)
    for number in range(10, 20):
        asked = request(versions={account_id(number): 0})

        def decide(name: str, asked: DecisionRequest = asked) -> bool:
            begin.wait()
            try:
                decide_as(parts, name, asked)
            except ConflictError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(decide, ("ann", "bob"))) == [False, True]


def test_a_later_decision_needs_to_have_seen_the_one_before(parts: ConsoleParts) -> None:
    decide_as(parts, "ann", request())
    with pytest.raises(ConflictError, match="was decided since the page was loaded"):
        decide_as(parts, "bob", request("clear"))
    decide_as(parts, "bob", request("clear", versions={SUBJECT: 1}))


def test_of_many_accounts_all_are_decided_or_none(parts: ConsoleParts) -> None:
    decide_as(parts, "ann", request())
    with pytest.raises(ConflictError, match="nothing was decided"):
        decide_as(parts, "bob", request(versions={account_id(5): 0, SUBJECT: 0}))
    decide_as(parts, "bob", request(versions={account_id(5): 0}))


def test_what_somebody_else_works_on_is_not_decided(parts: ConsoleParts) -> None:
    bob = parts.users.by_name("bob")
    assert bob is not None
    claim_item(parts.store, "account", SUBJECT, bob, NOW)
    with pytest.raises(ConflictError, match="bob works on the account"):
        decide_as(parts, "ann", request())
    decide_as(parts, "bob", request())


@pytest.mark.parametrize(
    "asked",
    [request("guess"), request(versions={}), request("clear", action="ban"), request("confirm", action="restore")],
)
def test_a_decision_that_makes_no_sense_is_refused(asked: DecisionRequest) -> None:
    with pytest.raises(InputError, match=r"verdict|No account|cleared account|confirmed account"):
        asked.check()


def test_labels_and_enforcement_arrive_in_the_lake_with_the_campaign(browse: Open, workspace) -> None:
    lead = browse("lea")
    members = [f"0:{account_id(number)}" for number in range(3)]
    fields = {"back": "/campaign", "campaign": CAMPAIGN, "verdict": "confirm", "reason": "one operator"}
    assert lead.post("/decide", account=members, action="ban", **fields).status_code == 303
    labels = workspace.lake.scan("labels").collect().sort("account_id")
    assert labels["account_id"].to_list() == sorted(account_id(number) for number in range(3))
    assert labels["label"].all() and set(labels["campaign"]) == {CAMPAIGN} and set(labels["labelled_at"]) == {NOW}
    assert set(workspace.lake.scan("enforcement").collect()["action"]) == {"ban"}
    assert lead.post("/decide", account=members, action="", **fields).status_code == 409
    assert "3 of 3" in browse("ann").get("/").text


def test_an_analyst_decides_and_does_not_enforce(browse: Open, workspace) -> None:
    fields = {"back": "/account", "campaign": "", "verdict": "confirm", "reason": "seen", "account": f"0:{SUBJECT}"}
    assert browse("ann").post("/decide", action="ban", **fields).status_code == 400
    assert browse("ann").post("/decide", action="", **fields).status_code == 303
    assert workspace.lake.scan("enforcement").collect().is_empty()


def test_what_is_monitored_gets_no_label(browse: Open, workspace) -> None:
    fields = {"back": "/account", "campaign": "", "verdict": "monitor", "reason": "seen", "account": f"0:{SUBJECT}"}
    assert browse("ann").post("/decide", action="", **fields).status_code == 303
    assert workspace.lake.scan("labels").collect().is_empty()
