"""Hour-of-week profiles, sessions, and the gaps between the requests of a session."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from simulation.constants.measured_constants import GAPS, values_at
from simulation.draws import Floats, Ints

DAY = 86_400.0


def _week(weekday: str, weekend: float) -> Floats:
    """(7, 24) weights from a line of 24 digits for weekdays and a factor for the weekend."""
    hours = np.array([float(c) + 0.05 for c in weekday])
    return np.stack([hours * (weekend if day >= 5 else 1.0) for day in range(7)])


# One digit an hour, local time. office and evening: shapes of the ServeGen daily cycles; the rest assumed.
PROFILES: Mapping[str, Floats] = {
    "office": _week("000000124789978998763210", 0.12),
    "evening": _week("210000123334433445678985", 1.25),
    "maker": _week("421000012345545566678987", 0.95),
    "flat": _week("555555555555555555555555", 1.0),
    "product": _week("211112356788888888887643", 0.75),
    "school": _week("000000002886478300012100", 0.03),
}


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How the requests of an account spread over a day; gaps are in seconds."""

    profiles: Mapping[str, float]  # hour-of-week profiles and their shares among accounts
    session: float  # requests a session, mean of a geometric distribution
    gap: float = 0.0  # median seconds between requests of a session, where they are not measured
    spread: float = 0.0  # sigma of the logarithm of the gaps
    anchored: float | None = None  # hours of jitter around the account's own hour; None: sessions anywhere
    measured: str | None = None  # key of GAPS and, where pools are given, of the pool of real gaps or profiles


# Measured gaps are those of `measured_constants.py`; servegen stands for hour-of-week profiles, where pools are given.
# All else is assumed.
RHYTHMS: Mapping[str, Rhythm] = {
    "chat": Rhythm(profiles={"evening": 0.6, "office": 0.4}, session=4.0, gap=75.0, spread=1.0),
    "developer": Rhythm(profiles={"office": 0.6, "maker": 0.4}, session=5.0, gap=60.0, spread=1.3),
    "agent": Rhythm(profiles={"office": 0.6, "maker": 0.4}, session=18.0, measured="agentic"),
    "service": Rhythm(profiles={"product": 0.8, "flat": 0.2}, session=1.6, gap=25.0, spread=1.1, measured="servegen"),
    "dialogue": Rhythm(profiles={"product": 0.7, "office": 0.3}, session=2.5, measured="rag"),
    "batch": Rhythm(profiles={"office": 0.5, "flat": 0.5}, session=25.0, measured="azure"),
    "nightly": Rhythm(profiles={"flat": 1.0}, session=400.0, gap=3.0, spread=0.5, anchored=0.15),
    "commit": Rhythm(profiles={"office": 0.7, "maker": 0.3}, session=6.0, gap=4.0, spread=0.6),
    "class": Rhythm(profiles={"school": 1.0}, session=9.0, gap=80.0, spread=0.9),
    "paced": Rhythm(profiles={"flat": 1.0}, session=12.0, gap=110.0, spread=0.25),
}


SESSIONS: Floats = np.array([r.session for r in RHYTHMS.values()])
ANCHORS: Floats = np.array([np.nan if r.anchored is None else r.anchored for r in RHYTHMS.values()])


@dataclass(frozen=True, slots=True)
class Clockwork:
    """The profiles in use, and measured gaps by pool (seconds).

    Weights have the shape (K, 7, 24); over the days of a profile they average 1.
    """

    names: tuple[str, ...]
    weights: Floats
    gaps: Mapping[str, Floats] = field(default_factory=dict)

    @classmethod
    def make(cls, measured: Floats | None = None, gaps: Mapping[str, Floats] | None = None) -> "Clockwork":
        """Combine the built-in profiles with measured ones (K, 7, 24), named `servegen0`, `servegen1`, …"""
        own = np.stack(list(PROFILES.values()))
        table = own if measured is None else np.concatenate([own, measured])
        extra = tuple(f"servegen{i}" for i in range(len(table) - len(own)))
        return cls((*PROFILES, *extra), table / table.sum(axis=(1, 2), keepdims=True) * 7.0, gaps or {})

    def day_factor(self, profile: Ints, weekday: int) -> Floats:
        """The factor of this weekday on an average day's requests, by account."""
        out: Floats = self.weights[:, weekday, :].sum(axis=1)[profile]
        return out

    def hours(self, profile: Ints, weekday: int, draws: Floats) -> Floats:
        """Draw local hours (0 to 24) from each row's profile by inverting its cumulative weights."""
        edges = np.cumsum(self.weights[:, weekday, :], axis=1)
        edges = edges / edges[:, -1:]
        flat = (edges + np.arange(len(edges))[:, None]).reshape(-1)  # one sorted line for all profiles
        hour_index = np.searchsorted(flat, draws * 0.999999 + profile, side="right")
        low = np.where(hour_index % 24 == 0, profile.astype(np.float64), flat[hour_index - 1])
        part = (draws * 0.999999 + profile - low) / np.maximum(flat[hour_index] - low, 1e-12)
        return np.asarray(hour_index % 24 + np.clip(part, 0.0, 0.999999), dtype=np.float64)


def split_sessions(counts: Ints, length: Floats, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Split the requests of a day into sessions.

    Returns:
        For each request its account, its session (numbered over all accounts) and its position in the session.
    """
    account = np.repeat(np.arange(len(counts)), counts)
    rank = np.arange(len(account)) - np.repeat(np.cumsum(counts) - counts, counts)
    fresh = (rng.random(len(account)) < 1.0 / np.maximum(length[account], 1.0)) | (rank == 0)
    session = np.cumsum(fresh) - 1
    first = np.flatnonzero(fresh)
    return account, session, np.arange(len(account)) - first[session] if len(first) else rank


def seconds_into_session(position: Ints, gaps: Floats) -> Floats:
    """The seconds since the start of the session: a running sum of gaps for each session."""
    steps = np.where(position == 0, 0.0, gaps)
    total = np.cumsum(steps)
    start = np.maximum.accumulate(np.where(position == 0, np.arange(len(position)), 0))
    out: Floats = total - total[start]
    return out


def draw_gaps(rhythm: Ints, clockwork: Clockwork, rng: np.random.Generator) -> Floats:
    """Draw the seconds between requests of a session, by position in RHYTHMS.

    They come from measured gaps if there are any, else from measured quantiles, else from log-normals.
    """
    normal = rng.normal(0.0, 1.0, len(rhythm))
    gaps = np.empty(len(rhythm))
    for number, kind in enumerate(RHYTHMS.values()):
        rows = np.flatnonzero(rhythm == number)
        pool = clockwork.gaps.get(kind.measured or "")
        if pool is not None:
            gaps[rows] = pool[rng.integers(0, len(pool), len(rows))] * rng.uniform(0.8, 1.25, len(rows))
        elif kind.measured and kind.measured in GAPS:
            gaps[rows] = values_at(GAPS[kind.measured], normal[rows])
        else:
            gaps[rows] = kind.gap * np.exp(kind.spread * normal[rows])
    return gaps
