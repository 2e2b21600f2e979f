"""Addresses, instruments and other identifiers become keyed hashes.

HMAC-SHA256 (RFC 2104) under a key of the workspace, cut to 60 bits: two workspaces can't be joined, and a stored key
can't be tested against a list of all IPv4 addresses without the secret.
"""

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from functools import cached_property

import polars as pl
import polars_hash  # noqa: F401  (registers the .chash namespace)

from features.text import TextHasher

SECRET_BYTES = 32
KEY_FORM = 2  # rises when the same text or address gets another key: old and new ones would not match
_PSEUDONYM_DIGITS = 12  # hexadecimal: of a million names no two are alike, but for once in 500 times
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"  # \d would take the digits of every script
# leading zeros are refused, as by the standard library: some systems read them as octal
_IPV4 = rf"^(?:{_OCTET}\.){{3}}{_OCTET}$"
_LEADING_ZERO = r"(?:^|\.)0[0-9]"
_PUBLIC_MAIL = tuple(
    """
    126.com 163.com aol.com daum.net fastmail.com foxmail.com gmail.com gmx.com gmx.de gmx.net googlemail.com hey.com
    hotmail.com icloud.com live.com mail.com mail.ru me.com msn.com naver.com outlook.com proton.me protonmail.com
    qq.com sina.com tutanota.com web.de yahoo.com yandex.com yandex.ru ymail.com zoho.com
    """.split()
)


@dataclass(frozen=True)
class Keyring:
    """The workspace's secret and what is derived from it."""

    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) < SECRET_BYTES:
            raise ValueError(f"a workspace key has {SECRET_BYTES} bytes or more, got {len(self.secret)}")

    def __repr__(self) -> str:
        return f"Keyring({self.fingerprint})"

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose, so that the same text under two purposes has two hashes."""
        return hmac.digest(self.secret, purpose.encode(), "sha256")

    @cached_property
    def fingerprint(self) -> str:
        """Tells keyrings, and forms of their keys, apart without giving the secret away."""
        return hashlib.sha256(self.derive(f"fingerprint of keys of form {KEY_FORM}")).hexdigest()[:16]

    @cached_property
    def text(self) -> TextHasher:
        """Parameters of the text hashes."""
        return TextHasher.from_secret(self.derive("text"))

    def key(self, value: pl.Expr, purpose: str) -> pl.Expr:
        """Keyed hash of a String expression: Int64 of 60 bits, null for null."""
        digest: pl.Expr = value.chash.hmac_sha256(key=self.derive(purpose).hex())  # type: ignore[attr-defined]
        return digest.str.slice(0, 15).str.to_integer(base=16, dtype=pl.Int64)

    def account_pseudonym(self, account_id: pl.Expr) -> pl.Expr:
        """What an account is called outside: `account-` and 12 hexadecimal digits that only this key gives."""
        digest: pl.Expr = account_id.chash.hmac_sha256(  # type: ignore[attr-defined]
            key=self.derive("pseudonym of accounts").hex()
        )
        return pl.lit("account-") + digest.str.slice(0, _PSEUDONYM_DIGITS)


def key_pseudonym(kind: pl.Expr, key: pl.Expr) -> pl.Expr:
    """What a stored key is called outside: its kind and 12 hexadecimal digits; a stored key is a keyed hash already."""
    digest: pl.Expr = pl.format("{} {}", kind, key).chash.sha2_256()  # type: ignore[attr-defined]
    return pl.format("{}-{}", kind, digest.str.slice(0, _PSEUDONYM_DIGITS))


def parse_addresses(values: pl.Series) -> pl.DataFrame:
    """Canonical addresses and their subnets.

    Args:
        values: String, n rows: IPv4, IPv6, IPv4-mapped IPv6, anything else.

    Returns:
        n rows: `address` and `subnet` (/24 or /48), String, both null for what is no address.
    """
    value = pl.col("value")
    distinct = values.rename("value").unique().to_frame()
    is_v4 = value.str.contains(_IPV4) & ~value.str.contains(_LEADING_ZERO)
    v4 = distinct.filter(is_v4).select(value, address=value, subnet=value.str.replace(r"\.\d+$", ".0/24"))
    rest = distinct.filter(~is_v4)
    parsed = [(text, *_parse(text)) for text in rest["value"]]
    other = pl.DataFrame(parsed, schema=dict.fromkeys(v4.columns, pl.String), orient="row")
    return values.rename("value").to_frame().join(
        pl.concat([v4, other]), on="value", how="left", maintain_order="left"
    ).select("address", "subnet")  # fmt: skip


def _parse(text: str) -> tuple[str | None, str | None]:
    """Canonical form and subnet of an address that is not plain IPv4."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None, None
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or ipaddress.IPv6Address(int(address))  # the number leaves the zone out
    length = 24 if address.version == 4 else 48
    return str(address), str(ipaddress.ip_network(f"{address}/{length}", strict=False))


def is_public_mail(domain: pl.Expr) -> pl.Expr:
    """True for a mail provider open to everyone; null for null."""
    return domain.str.to_lowercase().is_in(_PUBLIC_MAIL)
