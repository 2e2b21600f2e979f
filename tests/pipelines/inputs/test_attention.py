"""What deserves a look is said, and nothing of an ordinary export."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from features.lake import Lake
from pipelines.inputs.attention import list_attention
from pipelines.inputs.checks import Contents, TableCount

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def accounts(ids: int, organization: list[str | None] | None = None) -> TableCount:
    good = pl.DataFrame({
        "account_id": [f"a{i}" for i in range(ids)],
        "created_at": [datetime(2026, 5, 1, tzinfo=UTC)] * ids,
        "updated_at": [NOW, *[None] * (ids - 1)],
        "organization_id": organization or [None] * ids,
        "payment_fingerprint": [f"card{i}" for i in range(ids)],
        "signup_address": [None] * ids,
    }, schema_overrides={"organization_id": pl.String, "signup_address": pl.String})  # fmt: skip
    contents = Contents()
    contents.add("accounts", good)
    return TableCount(files=1, rows=ids, stored=ids, contents=[contents])


def requests(ids: int, **changed: object) -> TableCount:
    contents = Contents(good=ids, addresses=ids, latest=datetime(2026, 5, 30, tzinfo=UTC))
    contents.account_ids.append(pl.Series("account_id", [f"a{i}" for i in range(ids)], dtype=pl.String))
    count = TableCount(files=1, rows=ids, stored=ids, contents=[contents])
    for name, value in changed.items():
        setattr(contents if hasattr(contents, name) else count, name, value)
    return count


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def test_a_version_of_an_account_to_come_is_said(lake: Lake) -> None:
    (line,) = list_attention({"accounts": accounts(9)}, lake, NOW.replace(day=1, month=5))
    assert line.startswith("the last time of accounts is 2026-06-01T00:00:00Z, in the future")


def test_an_ordinary_export_deserves_no_look(lake: Lake) -> None:
    assert list_attention({"requests": requests(40), "accounts": accounts(60)}, lake, NOW) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"repeats": 9}, "22% of the requests repeat an id"),
        ({"malformed_addresses": 9}, "22% of the addresses of requests can't be used: is it the column"),
        (
            {"latest": datetime(2031, 1, 1, tzinfo=UTC)},
            "the last time of requests is 2031-01-01T00:00:00Z, in",
        ),
    ],
)
def test_a_share_above_a_fifth_or_a_time_to_come_is_said(lake: Lake, changed: dict[str, object], words: str) -> None:
    (line,) = list_attention({"requests": requests(40, **changed)}, lake, NOW)
    assert line.startswith(words)


def test_lists_of_hops_that_nobody_explained_are_unusable_addresses(lake: Lake) -> None:
    count = requests(40)
    count.changes["client_address", "hops"] = 60
    (line,) = list_attention({"requests": count}, lake, NOW)
    assert line.startswith("60% of the addresses of requests can't be used: give --trusted-proxies N for lists of hops")


def test_a_value_that_too_many_accounts_share_is_said_and_not_named(lake: Lake) -> None:
    shared = ["default"] * 10 + [f"org{i}" for i in range(30)]
    (line,) = list_attention({"requests": requests(40), "accounts": accounts(40, shared)}, lake, NOW)
    assert line == "25% of the accounts have one organization_id: is it a word for none?"


def test_accounts_without_requests_are_said_if_they_are_half(lake: Lake) -> None:
    (line,) = list_attention({"requests": requests(20), "accounts": accounts(40)}, lake, NOW)
    assert line == "50% of the accounts have no request, such as 'a20': are the ids of both tables the same?"


def test_requests_under_the_older_ids_of_accounts_are_theirs(lake: Lake) -> None:
    rows = pl.DataFrame({"account_id": [f"a{i}" for i in range(20)], "same_as": [f"a{i + 20}" for i in range(20)]})
    lake.append("aliases", [rows.with_columns(since=pl.lit(NOW))], 1)
    assert list_attention({"requests": requests(20), "accounts": accounts(40)}, lake, NOW) == []


def test_of_few_accounts_nothing_is_said(lake: Lake) -> None:
    assert list_attention({"accounts": accounts(5, ["one"] * 5)}, lake, NOW) == []
