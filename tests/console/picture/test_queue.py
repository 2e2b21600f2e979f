"""The queue: filters, ranks, pages and counts."""

from dataclasses import replace

import pytest

from console.picture.queue import QueueFilters, parse_filters, read_queue, shown_build
from console.web.call import ConsoleParts
from features.errors import InputError
from tests.console.conftest import CAMPAIGN, NOW, Open, account_id


def items(parts: ConsoleParts, **filters: object) -> list[str]:
    with parts.store.reading() as connection:
        build = shown_build(connection)
        page = read_queue(connection, build, replace(QueueFilters(level="all"), **filters), 1, NOW)
    return [row.item_id for row in page.rows]


def test_pages_follow_one_another_without_gap_or_repeat(parts: ConsoleParts) -> None:
    both = items(parts) + items(parts, page=2)
    assert both == [account_id(number) for number in range(60)]


def test_ranks_and_filters(parts: ConsoleParts) -> None:
    assert items(parts, sort="volume")[0] == account_id(59)
    assert items(parts, campaign=CAMPAIGN) == [account_id(number) for number in range(3)]
    assert len(items(parts, plan="free")) == 20
    assert items(parts, use="tools") == [account_id(number) for number in range(1, 60, 2)]
    assert set(items(parts, level="low")).isdisjoint(items(parts, level="flagged"))
    assert items(parts, kind="campaigns") == [CAMPAIGN]
    assert len(items(parts, since="2026-05-31")) == 2


@pytest.mark.parametrize(
    "values", [{"kind": "x"}, {"since": "soon"}, {"page": "0"}, {"page": "-1"}, {"use": "x"}, {"sort": "'; --"}]
)
def test_a_filter_that_is_none_is_refused_in_one_sentence(values: dict[str, str], browse: Open) -> None:
    with pytest.raises(InputError, match="expected"):
        parse_filters(values)
    assert browse("ann").get("/", **values).status_code == 400


def test_a_view_is_saved_and_leads_back_to_its_filters(browse: Open) -> None:
    ann = browse("ann")
    assert (
        ann.post("/views", name="big ones", query="sort=volume&plan=pro").headers["location"]
        == "/?sort=volume&plan=pro"
    )
    assert 'href="/?sort=volume&amp;plan=pro"' in ann.get("/").text
    assert "big ones" not in browse("bob").get("/").text


def test_a_saved_view_keeps_what_an_address_writes_otherwise(browse: Open) -> None:
    ann = browse("ann")
    ann.post("/views", name="odd", query="campaign=a%26plan%3Dpro")
    assert 'href="/?campaign=a%26plan%3Dpro"' in ann.get("/").text
