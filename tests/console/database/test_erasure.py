"""After an erasure no file and no row names the account."""

from pathlib import Path

from console.database.erasure import erase_from_console
from console.web.call import ConsoleParts
from pipelines.upkeep.proof import find_traces
from tests.console.conftest import CAMPAIGN, Open, account_id


def test_no_byte_of_the_database_names_an_account_that_was_erased(
    browse: Open, parts: ConsoleParts, tmp_path: Path
) -> None:
    gone, stays, lea = account_id(1), account_id(2), browse("lea")
    lea.post("/cases", campaign=CAMPAIGN, title=f"about {gone}")
    lea.post("/note", account=stays, text=f"like {gone} and {gone}0")
    lea.post("/take", kind="account", item=gone)
    decision = {"back": "/case", "case": "1", "campaign": CAMPAIGN, "verdict": "confirm", "reason": gone, "action": ""}
    assert lea.post("/decide", account=[f"0:{gone}", f"0:{stays}"], **decision).status_code == 303
    lea.post("/cases/1/appeal", account=gone, text="why?")
    assert find_traces(tmp_path / "console", [gone]) != []
    assert erase_from_console(parts.store, [gone]) > 8
    assert find_traces(tmp_path / "console", [gone]) == []
    assert lea.get("/account", id=gone).status_code == 404
    assert lea.get("/campaign", id=CAMPAIGN).status_code == lea.get("/cases/1").status_code == 200
    assert f"like [erased] and {gone}0" in lea.get("/account", id=stays).text
