import math
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

Read = Callable[..., dict[str, dict[str, Any]]]
Names = Callable[[str], list[str]]


def share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def plain(events: list[dict[str, Any]], billing_country: int | None) -> dict[str, float | None]:
    """The family's features of one account."""
    kinds = ("address", "subnet", "asn", "country", "client", "agent", "tls", "api_key", "model", "channel")
    seen = {kind: Counter(e[kind] for e in events if e[kind] is not None) for kind in kinds}
    count = {kind: len(values) or None for kind, values in seen.items()}
    days = len({e["timestamp"].date() for e in events})
    elsewhere = sum(n for country, n in seen["country"].items() if country != billing_country)

    at = defaultdict(list)
    for event in events:
        at[event["timestamp"].replace(minute=0, second=0, microsecond=0)].append(event)
    shown = {kind: [len({e[kind] for e in some} - {None}) for some in at.values()] for kind in ("subnet", "country")}
    both = [(subnets, countries) for subnets, countries in zip(*shown.values(), strict=True) if subnets]

    def ratio(part: int | None, whole: int | None) -> float | None:
        return part / whole if part and whole else None

    def octaves(values: int | None) -> float | None:
        return math.log2(1 + values) if values else None

    return {
        "addresses_28d": octaves(count["address"]),
        "addresses_per_day_28d": ratio(count["address"], days),
        "subnets_28d": octaves(count["subnet"]),
        "subnets_at_once_28d": share(sum(subnets for subnets, _ in both), len(both)),
        "most_subnets_at_once_28d": max((subnets for subnets, _ in both), default=None),
        "countries_at_once_28d": share(sum(countries > 1 for _, countries in both), len(both)),
        "networks_28d": count["asn"],
        "countries_28d": count["country"],
        "country_mismatch_28d": share(elsewhere, seen["country"].total()) if billing_country else None,
        "top_address_share_28d": share(max(seen["address"].values(), default=0), seen["address"].total()),
        "clients_28d": count["client"],
        "tls_per_agent_28d": ratio(count["tls"], count["agent"]),
        "api_keys_28d": count["api_key"],
        "models_28d": count["model"],
        "channels_28d": count["channel"],
        "without_address_share_28d": sum(e["address"] is None for e in events) / len(events),
        "without_agent_share_28d": sum(e["agent"] is None for e in events) / len(events),
    }


def test_the_world_is_read_as_by_plain_python(names_of: Names, past: Any, agree: Any) -> None:
    for account, events in past.events.items():
        want = plain(events, past.accounts[account]["billing_country"])
        assert set(want) == set(names_of("infrastructure"))
        agree(past.features[account], want)


def test_places_at_once_are_those_of_one_hour(features_of: Read, as_of: Any) -> None:
    at = [as_of - timedelta(hours=hours) for hours in (1, 1, 1, 5, 9)]
    places = zip(at, (1, 2, 3, 1, None), (7, 7, 8, 7, 8), strict=True)
    read = features_of([{"timestamp": time, "subnet": subnet, "country": country} for time, subnet, country in places])
    assert (read["a"]["subnets_at_once_28d"], read["a"]["most_subnets_at_once_28d"]) == (2, 3)
    assert read["a"]["countries_at_once_28d"] == 0.5


def test_a_mismatch_needs_both_countries(features_of: Read) -> None:
    rows = [{"account_id": name, "country": code} for name in "abc" for code in (7, 7, 7, 8)]
    rows += [{"account_id": "c", "country": None}] * 4 + [{"account_id": "d"}]
    billed = [{"account_id": name, "billing_country": code} for name, code in zip("acd", (7, 9, 7), strict=True)]
    read = features_of(rows, [*billed, {"account_id": "b"}])
    assert [read[name]["country_mismatch_28d"] for name in "abcd"] == [0.25, None, 1, None]


def test_metadata_that_no_exporter_gave_is_unknown_and_not_zero(names_of: Names, features_of: Read) -> None:
    assert not [name for name in names_of("infrastructure") if features_of([{}, {}])["a"][name] is not None]


def test_an_account_without_metadata_that_others_have_is_told_by_that(names_of: Names, features_of: Read) -> None:
    read = features_of([{}, {}, {"account_id": "b", "address": 1}])["a"]
    with_value = {name for name in names_of("infrastructure") if read[name] is not None}
    assert with_value == {"models_28d", "channels_28d", "without_address_share_28d", "without_agent_share_28d"}
    assert read["without_address_share_28d"] == read["without_agent_share_28d"] == 1
