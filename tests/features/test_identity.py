import hashlib
import hmac
import ipaddress

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.identity import Keyring, is_public_mail, key_pseudonym, parse_addresses

RING = Keyring(bytes(range(32)))
NEAR_MISS = st.from_regex(r"\A[0-9]{1,3}(\.[0-9]{1,3}){2,4}\Z") | st.from_regex(r"\A[0-9a-f:.%/]{2,30}\Z")


def stdlib(text: str | None) -> tuple[str | None, str | None]:
    """Canonical form and subnet by the standard library alone."""
    try:
        address = ipaddress.ip_address((text or "").strip())
    except ValueError:
        return None, None
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or ipaddress.IPv6Address(address.packed)
    network = ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False)
    return str(address), str(network)


def read(*texts: str | None) -> list[tuple[str | None, str | None]]:
    return parse_addresses(pl.Series(texts, dtype=pl.String)).rows()


@given(st.lists(st.none() | st.ip_addresses().map(str) | NEAR_MISS | st.text(max_size=12), max_size=8))
def test_addresses_are_read_as_by_the_standard_library(texts: list[str | None]) -> None:
    assert read(*texts) == [stdlib(text) for text in texts]


@given(st.ip_addresses(v=6))
def test_every_spelling_of_an_ipv6_address_is_the_same_address(address: ipaddress.IPv6Address) -> None:
    spelled = read(str(address), address.exploded, address.exploded.upper(), f"  {address}\n", f"{address}%eth0")
    assert len(set(spelled)) == 1
    assert spelled[0][0] is not None


@given(st.ip_addresses(v=4))
def test_an_ipv4_mapped_address_is_the_ipv4_one(address: ipaddress.IPv4Address) -> None:
    plain, mapped = read(str(address), f"::ffff:{address}")
    assert plain == mapped == (str(address), f"{str(address).rpartition('.')[0]}.0/24")


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.-4", "1.2.3.4/24", "1.2.3.4%eth0", "1.2.3.4\0"),
        *("1.2.3.04", "01.2.3.4", "00.0.0.0", "0x7f.1.1.1", "١.٢.٣.٤", "::g", "1:2"),
    ],
)
def test_what_is_no_address_is_null(text: str) -> None:
    assert read(text) == [(None, None)]


def test_addresses_keep_rows_and_order_with_repeats_and_nulls() -> None:
    texts = ["9.9.9.9", None, "::1", "9.9.9.9", "bad", None, "::ffff:9.9.9.9"]
    nine = ("9.9.9.9", "9.9.9.0/24")
    assert read(*texts) == [nine, (None, None), ("::1", "::/48"), nine, (None, None), (None, None), nine]
    assert read() == []


def test_a_zero_octet_is_no_leading_zero() -> None:
    assert read("10.0.0.1", "0.0.0.0") == [("10.0.0.1", "10.0.0.0/24"), ("0.0.0.0", "0.0.0.0/24")]


def keys(ring: Keyring, purpose: str, *values: str | None) -> list[int | None]:
    frame = pl.DataFrame({"value": values}, schema={"value": pl.String})
    return frame.select(ring.key(pl.col("value"), purpose))["value"].to_list()


@given(st.text(max_size=40), st.sampled_from(["address", "payment", "ünlike"]), st.binary(min_size=32, max_size=40))
def test_a_key_is_the_hmac_of_the_standard_library_cut_to_60_bits(value: str, purpose: str, secret: bytes) -> None:
    derived = hmac.new(secret, purpose.encode(), "sha256").hexdigest()
    digest = hmac.new(derived.encode(), value.encode(), "sha256").digest()
    assert keys(Keyring(secret), purpose, value, None) == [int.from_bytes(digest[:8]) >> 4, None]


def test_purposes_and_workspaces_cannot_be_joined() -> None:
    values = ["10.0.0.1", "", "x"]
    other = Keyring(bytes(32))
    keys_by_purpose = [keys(RING, "address", *values), keys(RING, "payment", *values), keys(other, "address", *values)]
    assert len({key for some in keys_by_purpose for key in some}) == 9


def test_a_keyring_shows_a_fingerprint_and_no_secret() -> None:
    secret = b"a very secret secret of 32 bytes"
    shown = f"{Keyring(secret)!r} {Keyring(secret)}"
    assert Keyring(secret).fingerprint in shown
    assert "secret" not in shown
    assert secret.hex() not in shown
    assert Keyring(secret).fingerprint == Keyring(secret).fingerprint != RING.fingerprint


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes or more, got 31"):
        Keyring(bytes(31))


def test_public_mail_is_known_in_any_case() -> None:
    frame = pl.DataFrame({"domain": ["Gmail.com", "qq.com", "uni.example", "mygmail.com", None]})
    assert frame.select(is_public_mail(pl.col("domain")))["domain"].to_list() == [True, True, False, False, None]


def test_a_pseudonym_of_an_account_is_made_with_the_key_and_names_nobody() -> None:
    ids = pl.DataFrame({"account_id": ["acct_1", "acct_2"]})
    names, others = (
        ids.select(Keyring(secret).account_pseudonym(pl.col("account_id"))).to_series()
        for secret in (RING.secret, b"another key".ljust(32))
    )
    expected = hmac.digest(RING.derive("pseudonym of accounts").hex().encode(), b"acct_1", "sha256").hex()[:12]
    assert names[0] == f"account-{expected}"
    assert len({*names, *others}) == 4


def test_a_pseudonym_of_a_key_says_its_kind_and_hides_its_number() -> None:
    keys = pl.DataFrame({"kind": ["prefix", "suffix"], "key": [-5, -5]})
    first, second = keys.select(key_pseudonym(pl.col("kind"), pl.col("key"))).to_series()
    assert first == f"prefix-{hashlib.sha256(b'prefix -5').hexdigest()[:12]}"
    assert first[7:] != second[7:]
