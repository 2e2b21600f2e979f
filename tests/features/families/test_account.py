import math
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

Read = Callable[..., dict[str, dict[str, Any]]]
Row = dict[str, Any]
Names = Callable[[str], list[str]]
RANK = {"free": 0, "pro": 1, "team": 2, "enterprise": 3}


def plain(account: Row, all_accounts: list[Row], first: Any, as_of: Any) -> dict[str, float | None]:
    """The family's features of one registered account."""
    hours = [other["created_at"].replace(minute=0, second=0, microsecond=0) for other in all_accounts]
    span = max(o["created_at"] for o in all_accounts) - min(o["created_at"] for o in all_accounts)
    usual = len(all_accounts) / (span // timedelta(hours=1) + 1)
    created = account["created_at"].replace(minute=0, second=0, microsecond=0)

    def group(key: str) -> float | None:
        same = Counter(other[key] for other in all_accounts)
        return None if account[key] is None else math.log2(same[account[key]])

    return {
        "age_days": (as_of - account["created_at"]) / timedelta(days=1),
        "days_to_first_request": (first.replace(minute=0, second=0, microsecond=0) - created) / timedelta(days=1),
        "plan_rank": RANK[account["plan"]],
        "in_programme": float(account["programme"] is not None),
        "public_mail": None if account["public_mail"] is None else float(account["public_mail"]),
        "organization_accounts": group("organization"),
        "payment_accounts": group("payment"),
        "mail_domain_accounts": group("mail_domain"),
        "signup_subnet_accounts": group("signup_subnet"),
        "signup_burst": math.log2(Counter(hours)[created] / (usual + 1)),
    }


def test_the_world_is_read_as_by_plain_python(names_of: Names, past: Any, agree: Any) -> None:
    registered = list(past.accounts.values())
    for account, first in past.first.items():
        want = plain(past.accounts[account], registered, first, past.as_of)
        assert set(want) == set(names_of("account"))
        agree(past.features[account], want)


def test_an_account_that_no_export_names_is_unknown(names_of: Names, features_of: Read) -> None:
    read = features_of([{"account_id": "a"}], [{"account_id": "b", "organization": 1}])
    assert all(read["a"][name] is None for name in names_of("account"))
    assert list(read) == ["a"]


def test_accounts_registered_later_are_not_known_yet(features_of: Read, as_of: Any) -> None:
    later = as_of + timedelta(microseconds=1)
    shared = {"organization": 1, "payment": 2, "mail_domain": 3, "signup_subnet": 4}
    rows = [{"account_id": "a"}, {"account_id": "b"}]
    registered = [{"account_id": "a", **shared}, {"account_id": "b", "created_at": later, **shared}]
    read = features_of(rows, registered)
    assert read["a"]["organization_accounts"] == 0
    assert read["a"]["signup_burst"] == -1  # one account in the one hour that there is
    assert read["b"]["age_days"] is None
    assert features_of(rows, registered, later)["a"]["payment_accounts"] == 1


def test_a_burst_of_registrations_shows_in_octaves(features_of: Read, as_of: Any) -> None:
    begin = as_of.replace(minute=0, second=0) - timedelta(hours=15)
    burst = [{"account_id": f"b{i}", "created_at": begin + timedelta(minutes=i)} for i in range(16)]
    last = {"account_id": "z", "created_at": begin + timedelta(hours=15)}
    read = features_of([{"account_id": "b3"}, {"account_id": "z"}], [*burst, last])
    assert math.isclose(read["b3"]["signup_burst"], math.log2(16 / (1 + 17 / 16)), rel_tol=1e-6)
    assert math.isclose(read["z"]["signup_burst"], math.log2(1 / (1 + 17 / 16)), rel_tol=1e-5)


def test_an_account_alone_in_its_hour_looks_the_same_at_providers_of_any_size(features_of: Read, as_of: Any) -> None:
    bursts = []
    for every in (10, 40):  # hours from one registration to the next
        registered = [{"account_id": f"a{i}", "created_at": as_of - timedelta(hours=every * i)} for i in range(20)]
        bursts.append(features_of([{"account_id": "a3"}], registered)["a3"]["signup_burst"])
    assert abs(bursts[0] - bursts[1]) < 0.15


def test_the_first_request_counts_however_long_ago_it_was(features_of: Read, as_of: Any) -> None:
    created = as_of - timedelta(days=90)
    rows = [{"timestamp": created + timedelta(days=2)}, {"timestamp": as_of}]
    read = features_of(rows, [{"account_id": "a", "created_at": created}])["a"]
    assert read["days_to_first_request"] == 2
    assert read["age_days"] == 90
    assert read["requests_28d"] == 1
