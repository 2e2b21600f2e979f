"""Cases: states, and that every change stays; an appeal that is upheld clears."""

from console.picture.filling import fill_picture
from console.web.call import ConsoleParts
from console.work.cases import STATES, STEPS
from tests.console.conftest import NOW, Open, account_id, make_picture

SUBJECT = account_id(4)


def test_every_state_has_a_way_on_and_a_closed_case_is_reopened_only() -> None:
    assert set(STEPS) == set(STATES)
    assert STEPS["confirmed"] == STEPS["dismissed"] == ("investigating",)


def test_a_case_goes_through_its_states_and_keeps_every_change(browse: Open) -> None:
    ann, lea = browse("ann"), browse("lea")
    assert ann.post("/cases", account=SUBJECT, title="odd rhythm").headers["location"] == "/cases/1"
    steps = [
        ("assign", {"name": "bob"}), ("escalate", {"escalated": "yes"}), ("state", {"state": "investigating"}),
        ("snooze", {"until": f"{NOW.year + 1}-01-01"}), ("state", {"state": "dismissed"}),
    ]  # fmt: skip
    for version, (change, fields) in enumerate(steps, 1):
        assert ann.post(f"/cases/1/{change}", version=str(version), **fields).status_code == 303, change
    assert ann.post("/cases/1/state", version="6", state="investigating").status_code == 400
    assert lea.post("/cases/1/state", version="5", state="investigating").status_code == 409
    assert lea.post("/cases/1/state", version="6", state="investigating").status_code == 303
    assert ann.post("/cases/1/comment", text="looked at it").status_code == 303
    page = ann.get("/cases/1").text
    for word in ("opened", "attached", "assigned", "escalated", "state", "snoozed", "reopened", "comment"):
        assert f'<span class="tag">{word}</span>' in page
    assert SUBJECT not in ann.get("/", level="all").text  # snoozed
    assert SUBJECT in ann.get("/", level="all", status="all").text


def test_a_case_tells_the_risk_of_its_accounts_and_takes_none_that_nobody_knows(browse: Open) -> None:
    ann = browse("ann")
    ann.post("/cases", account=SUBJECT, title="one")
    assert '<span class="tag level-act">act</span>' in ann.get("/cases/1").text
    answer = ann.post("/cases/1/attach", account="acct_9999")
    assert answer.status_code == 404
    assert "The account acct_9999 is not in the build that is shown." in answer.text
    assert ann.post("/cases", account="acct_9999", title="two").status_code == 404


def test_a_case_is_open_until_all_of_its_accounts_are_decided(browse: Open) -> None:
    ann = browse("ann")
    ann.post("/cases", account=[SUBJECT, account_id(5)], title="two")
    decision = {"back": "/case", "case": "1", "campaign": "", "reason": "r", "action": ""}
    ann.post("/decide", account=f"0:{SUBJECT}", verdict="confirm", **decision)
    assert "state-investigating" in ann.get("/cases/1").text
    ann.post("/decide", account=f"0:{account_id(5)}", verdict="clear", **decision)
    assert "state-confirmed" in ann.get("/cases/1").text


def test_a_ban_shows_at_once_and_after_the_next_build_of_an_earlier_time(browse: Open, parts: ConsoleParts) -> None:
    lea = browse("lea")
    fields = {"back": "/account", "campaign": "", "verdict": "confirm", "reason": "r", "action": "ban"}
    assert lea.post("/decide", account=f"0:{SUBJECT}", **fields).status_code == 303
    assert f"banned {NOW:%Y-%m-%d}" in lea.get("/account", id=SUBJECT).text
    fill_picture(parts.store, make_picture(stamp="second"))
    assert f"banned {NOW:%Y-%m-%d}" in lea.get("/account", id=SUBJECT).text


def test_a_merged_case_gives_its_accounts_and_is_changed_no_more(browse: Open) -> None:
    lea = browse("lea")
    lea.post("/cases", account=SUBJECT, title="one")
    lea.post("/cases", account=account_id(5), title="two")
    assert lea.post("/cases/1/merge", version="1", into="1").status_code == 400
    assert lea.post("/cases/1/merge", version="1", into="2").headers["location"] == "/cases/2"
    assert SUBJECT in lea.get("/cases/2").text
    assert lea.post("/cases/1/assign", version="2", name="lea").status_code == 400


def test_an_appeal_that_is_upheld_clears_and_restores_the_account(browse: Open, workspace) -> None:
    ann, lea = browse("ann"), browse("lea")
    ann.post("/cases", account=SUBJECT, title="one")
    assert ann.post("/cases/1/appeal", account=SUBJECT, text="we are a school").status_code == 400
    decision = {"back": "/case", "case": "1", "campaign": "", "verdict": "confirm", "reason": "r", "action": "ban"}
    assert lea.post("/decide", account=f"0:{SUBJECT}", **decision).status_code == 303
    assert ann.post("/cases/1/appeal", account=SUBJECT, text="we are a school").status_code == 303
    closing = {"appeal": "1", "outcome": "upheld", "reason": "it is", "standing": "1"}
    assert ann.post("/cases/1/close-appeal", **closing).status_code == 403
    assert lea.post("/cases/1/close-appeal", **closing).status_code == 303
    assert lea.post("/cases/1/close-appeal", **closing).status_code == 409
    page = ann.get("/cases/1").text
    assert f"{SUBJECT}: upheld, it is" in page
    assert '<span class="tag action">banned</span>' not in page
    labels = workspace.lake.scan("labels").collect()
    assert set(labels["label"]) == {True, False}
    assert set(workspace.lake.scan("enforcement").collect()["action"]) == {"ban", "restore"}
