"""Networks, addresses, clients and mail domains that requests come from.

Autonomous system numbers are public ones; the addresses are made up and do not belong to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

from simulation.draws import U64, Floats, Ints, below, choose, glue, keyed, take, unit

# country: (share of accounts, hours ahead of UTC); assumed
COUNTRIES: Mapping[str, tuple[float, float]] = {
    "US": (0.34, -6.0),
    "IN": (0.14, 5.5),
    "DE": (0.08, 1.0),
    "GB": (0.08, 0.0),
    "BR": (0.07, -3.0),
    "FR": (0.06, 1.0),
    "JP": (0.06, 9.0),
    "SG": (0.05, 8.0),
    "CA": (0.05, -5.0),
    "ES": (0.04, 1.0),
    "PL": (0.03, 1.0),
}

# kind of network: (asn, country or None for any, first two bytes of its first block, blocks of 65,536)
NETWORKS: Mapping[str, tuple[tuple[int, str | None, int, int], ...]] = {
    "residential": (
        (7922, "US", 0x1800, 40),
        (7018, "US", 0x4B00, 40),
        (55836, "IN", 0x3100, 30),
        (9829, "IN", 0x3B00, 30),
        (3320, "DE", 0x4F00, 30),
        (2856, "GB", 0x5100, 30),
        (28573, "BR", 0xB100, 30),
        (3215, "FR", 0x5C00, 30),
        (4713, "JP", 0x7A00, 30),
        (9506, "SG", 0xDA00, 20),
        (812, "CA", 0x6300, 20),
        (3352, "ES", 0x5300, 20),
        (5617, "PL", 0x5300 + 64, 20),
    ),
    "office": (
        (701, "US", 0x4100, 8),
        (4755, "IN", 0x7300, 8),
        (8881, "DE", 0x5D00, 8),
        (5089, "GB", 0x5600, 8),
        (10429, "BR", 0xC800, 8),
        (12322, "FR", 0x5200, 8),
        (2914, "JP", 0x9D00, 8),
        (3758, "SG", 0xCB00, 8),
        (577, "CA", 0x4000, 8),
        (12479, "ES", 0x5A00, 8),
        (12741, "PL", 0x5900, 8),
    ),
    "campus": (
        (237, "US", 0x8D00, 1),
        (55824, "IN", 0xA400, 1),
        (680, "DE", 0x8300, 1),
        (786, "GB", 0x8100, 1),
    ),
    "cloud": ((16509, None, 0x3400, 24), (15169, None, 0x2200, 24), (8075, None, 0x1400, 24)),
    "hosting": (
        (24940, None, 0x5F00, 6),
        (16276, None, 0x3300, 6),
        (14061, None, 0xA500, 6),
        (20473, None, 0x2D00, 6),
    ),
    "vpn": ((9009, None, 0xB900, 1), (212238, None, 0x9200, 1)),
}

_CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
_SAFARI = "Mozilla/5.0 ({}) AppleWebKit/605.1.15 (KHTML, like Gecko) {}"
_DESKTOPS = ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64")

# client: user agents and the TLS fingerprints they come with
CLIENTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "browser": (
        *((_CHROME.format(d, v), "t13d1516h2_8daaf6152771_02713d6af862") for d in _DESKTOPS for v in (140, 141, 142)),
        (
            "Mozilla/5.0 (Windows NT 10.0; rv:144.0) Gecko/20100101 Firefox/144.0",
            "t13d1715h2_5b57614c22b0_3d5424432f57",
        ),
        (
            _SAFARI.format("Macintosh; Intel Mac OS X 10_15_7", "Version/18.5 Safari/605.1.15"),
            "t13d2014h2_a09f3c656075_14788d8d241b",
        ),
        (
            _SAFARI.format("iPhone; CPU iPhone OS 18_5 like Mac OS X", "Mobile/15E148"),
            "t13d2014h2_a09f3c656075_e42f34c56612",
        ),
    ),
    "python": tuple(
        (f"openai/python {v}", "t13d1812h1_85036bcba153_b26ce05bbdd6") for v in ("1.99.9", "1.107.0", "2.1.0")
    ),
    "javascript": tuple(
        (f"openai/js {v}", "t13d1715h1_5b57614c22b0_7121afd63204") for v in ("5.20.0", "5.23.1", "6.1.0")
    ),
    "script": (
        ("python-requests/2.32.5", "t13d1813h1_85036bcba153_d41ae481755e"),
        ("python-httpx/0.28.1", "t13d1812h2_85036bcba153_375ca2c5e164"),
        ("curl/8.14.1", "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6"),
        ("Go-http-client/2.0", "t13d1312h2_f57a46bbacb6_e5728521abd4"),
    ),
    "framework": (
        ("langchain-openai/0.3.33 python/3.12", "t13d1812h1_85036bcba153_b26ce05bbdd6"),
        ("LlamaIndex/0.14 python/3.11", "t13d1812h1_85036bcba153_b26ce05bbdd6"),
    ),
    "harness": (
        ("coding-harness/2.0.14 (cli)", "t13d1715h1_5b57614c22b0_7121afd63204"),
        ("coding-harness/2.0.15 (vscode)", "t13d1715h1_5b57614c22b0_7121afd63204"),
        ("opencoder/0.9.3", "t13d1312h2_f57a46bbacb6_e5728521abd4"),
    ),
    "gateway": (
        ("litellm/1.77.3", "t13d1812h1_85036bcba153_b26ce05bbdd6"),
        ("portkey-gateway/1.12", "t13d1715h1_5b57614c22b0_7121afd63204"),
    ),
}

MAIL = ("gmail.com", "outlook.com", "yahoo.com", "proton.me", "icloud.com", "gmx.net")
MAIL_SHARES: Floats = np.array([0.62, 0.16, 0.07, 0.06, 0.06, 0.03])


@dataclass(frozen=True, slots=True)
class Origin:
    """Addresses and the networks that they were drawn from, row by row; `v6` marks IPv6."""

    asn: Ints
    number: Ints
    country: Ints  # position in COUNTRIES
    v6: np.ndarray[tuple[int], np.dtype[np.bool_]]


_SHARES = {country: share for country, (share, _) in COUNTRIES.items()}
# networks without a home lie in all countries: of 64 neighbouring subnets each country has so many, in its order
_SUBNETS = 64
_ENDS: Ints = np.round(np.cumsum(list(_SHARES.values())) * _SUBNETS).astype(np.int64)
_STARTS: Ints = np.r_[0, _ENDS[:-1]]


def draw_countries(pick: U64) -> Ints:
    """Draw a country (position in COUNTRIES) for each number."""
    return choose(_SHARES, pick)


@cache
def _networks(kind: str) -> tuple[Ints, Ints, Ints, Ints]:
    order = list(COUNTRIES)
    rows = [(a, -1 if c is None else order.index(c), low, size) for a, c, low, size in NETWORKS[kind]]
    asn, country, low, size = np.array(rows, dtype=np.int64).T
    return asn, country, low, size


def draw_origin(kind: str, country: Ints, pick: U64) -> Origin:
    """Draw an address for each row in a network of the kind, in the home country if it has such a network.

    An address lies in one country, whoever sends from it.
    """
    asn, homes, low, size = _networks(kind)
    fits = (homes[None, :] == country[:, None]) | (homes[None, :] < 0)
    fits |= ~fits.any(axis=1, keepdims=True)  # no network of the kind at home: any of them
    order = np.cumsum(fits, axis=1)
    wanted = below(keyed(pick, 1), order[:, -1]) + 1
    net = (order < wanted[:, None]).sum(axis=1)
    number = (low[net] << 16) + below(keyed(pick, 2), size[net] << 16)
    abroad = homes[net] < 0
    subnet = _STARTS[country] + below(keyed(pick, 4), (_ENDS - _STARTS)[country])
    number = np.where(abroad, number & ~((_SUBNETS - 1) << 8) | subnet << 8, number)
    lies_in = np.where(abroad, country, homes[net])
    return Origin(asn[net], number, lies_in, (unit(keyed(pick, 3)) < 0.2) & (kind == "residential"))


def draw_origins(kinds: Ints, country: Ints, pick: U64) -> Origin:
    """`origin` row by row, for kinds given by their position in NETWORKS."""
    asn, number, lies_in = (np.zeros(len(kinds), dtype=np.int64) for _ in range(3))
    v6 = np.zeros(len(kinds), dtype=bool)
    for position, kind in enumerate(NETWORKS):
        rows = np.flatnonzero(kinds == position)
        if len(rows):
            drawn = draw_origin(kind, country[rows], pick[rows])
            asn[rows], number[rows], lies_in[rows], v6[rows] = drawn.asn, drawn.number, drawn.country, drawn.v6
    return Origin(asn, number, lies_in, v6)


@cache
def _address_parts() -> tuple[pl.Series, pl.Series]:
    return (
        pl.Series([f"{n >> 8}.{n & 255}" for n in range(65_536)]),
        pl.Series([f"{n:x}" for n in range(65_536)]),
    )


def write_addresses(number: Ints, v6: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> pl.Series:
    """Write addresses as dotted IPv4, or as IPv6 whose /48 stands for one line."""
    pair, group = _address_parts()
    high, low = number >> 16, number & 0xFFFF
    host = below(keyed(number, 7), 65_535)
    four = glue(take(pair, high), ".", take(pair, low))
    six = glue("2a02:", take(group, high), ":", take(group, low), "::", take(group, host + 1))
    return pl.select(pl.when(pl.lit(pl.Series(v6))).then(pl.lit(six)).otherwise(pl.lit(four))).to_series()


@cache
def client_table() -> tuple[pl.Series, pl.Series, Mapping[str, tuple[int, int]]]:
    """List user agents and TLS fingerprints, and for each client its (first row, number of rows)."""
    spans: dict[str, tuple[int, int]] = {}
    rows: list[tuple[str, str]] = []
    for name, pairs in CLIENTS.items():
        spans[name] = (len(rows), len(pairs))
        rows.extend(pairs)
    return pl.Series([r[0] for r in rows]), pl.Series([r[1] for r in rows]), spans
