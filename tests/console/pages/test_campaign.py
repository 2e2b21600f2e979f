"""The page of a campaign: who joined since the visitor last looked."""

from datetime import timedelta

from console.picture.filling import fill_picture
from console.web.call import ConsoleParts
from tests.console.conftest import AS_OF, CAMPAIGN, Open, make_picture

NEW = '<span class="tag taken">new</span>'


def test_members_that_joined_since_the_last_look_are_counted_and_marked(browse: Open, parts: ConsoleParts) -> None:
    ann = browse("ann")
    first = ann.get("/campaign", id=CAMPAIGN).text
    assert "since your last look" not in first and NEW not in first
    assert "<b>0 members added</b> since your last look" in ann.get("/campaign", id=CAMPAIGN).text
    fill_picture(parts.store, make_picture(stamp="second", as_of=AS_OF + timedelta(days=1)))
    later = ann.get("/campaign", id=CAMPAIGN).text
    assert "<b>3 members added</b> since your last look (build of 2026-06-01)" in later
    assert later.count(NEW) == 3
    assert NEW not in browse("bob").get("/campaign", id=CAMPAIGN).text
