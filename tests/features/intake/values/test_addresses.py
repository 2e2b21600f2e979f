"""Addresses with ports, brackets, zones and hops."""

import polars as pl
import pytest

from features.identity import parse_addresses
from features.intake.values.addresses import read_address
from features.intake.values.reading import LogOptions

HOPS = "203.0.113.7, 198.51.100.2,192.0.2.1:8080"


def read(text: str | None, proxies: int | None = None) -> tuple[str | None, dict[str, int]]:
    """The canonical address, and the changes."""
    frame = pl.DataFrame({"a": [text]}, schema={"a": pl.String})
    reading = read_address("a", pl.col("a"), LogOptions(trusted_proxies=proxies))
    changes = {kind: frame.select(mask.fill_null(False).sum()).item() for kind, mask in reading.changes.items()}
    address = parse_addresses(frame.select(reading.value)["a"])["address"][0]
    return address, {kind: count for kind, count in changes.items() if count}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1:443", "192.0.2.1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[fe80::1%eth0]:443", "fe80::1"),
        ("fe80::1%eth0", "fe80::1"),
        ('"192.0.2.1"', "192.0.2.1"),
    ],
)
def test_an_address_is_freed_of_what_stands_around_it(text: str, address: str) -> None:
    assert read(text) == (address, {"address": 1})


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1"])
def test_an_address_alone_stays(text: str) -> None:
    assert read(text) == (text, {})


@pytest.mark.parametrize(
    ("proxies", "address"),
    [(1, "192.0.2.1"), (2, "198.51.100.2"), (3, "203.0.113.7"), (9, "203.0.113.7")],
)
def test_the_client_is_as_far_from_the_right_as_proxies_are_trusted(proxies: int, address: str) -> None:
    assert read(HOPS, proxies) == (address, {"address": 1})


def test_a_list_of_hops_says_nothing_until_somebody_says_how_many_are_trusted() -> None:
    assert read(HOPS) == (None, {"hops": 1})
    assert read("192.0.2.1", 2) == ("192.0.2.1", {})


@pytest.mark.parametrize("text", [None, "", "-", "unknown", "300.1.1.1:80", ",,,", "[", "1.2.3.4:port"])
@pytest.mark.parametrize("proxies", [None, 1, 5])
def test_what_is_no_address_is_none(text: str | None, proxies: int | None) -> None:
    assert read(text, proxies)[0] is None
