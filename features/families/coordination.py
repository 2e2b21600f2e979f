"""Coordination: do the accounts that show the same keys act as one? Read from sums over the accounts of each key."""

import polars as pl

from features.catalogue import FEATURE_NAMES
from features.catalogue.coordination import ACTING
from features.families.fixed_point import log_sum, mean_and_spread, share
from features.families.history import History
from features.families.key_counts import born_hour, codes_of
from features.schemas import KEY_KINDS

_PARTS = 1 << 20  # shares are added in 2**-20 parts: integers add exactly
_CROWD = 3  # two accounts are even too easily
_PRIOR = 2  # as many accounts of the usual spread are added to those of a key: two that agree prove little
_DAY = 24.0  # hours; spreads below are not told apart


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account that shares a key."""
    usual = _usual_spread(history)
    acting = history.shared.filter(pl.col("kind").is_in(codes_of(ACTING)))
    shared = acting.with_columns(even=_evenness(), closer=_closeness(usual))
    requests, even = pl.col("requests"), pl.col("even")
    crowd = requests.filter(even.is_not_null())
    dated = requests.filter(pl.col("closer").is_not_null())
    parts = (requests * even * _PARTS).round().cast(pl.Int64).sum() / _PARTS
    per_kind = shared.group_by("account_id", "kind").agg(
        even=share(parts, crowd.sum()),
        born=share(log_sum(pl.col("closer"), requests), dated.sum()),
    )
    by_kind = [
        pl.col(name).filter(pl.col("kind") == KEY_KINDS.index(kind)).first().alias(f"{name}_{kind}_28d")
        for kind in ACTING
        for name in ("even", "born")
    ]
    features = per_kind.group_by("account_id").agg(by_kind)
    return features.select("account_id", *[name for name in FEATURE_NAMES if name in features.columns])


def _evenness() -> pl.Expr:
    """Effective number of accounts (Kish: squared sum over sum of squares) over their number; null for few."""
    effective = pl.col("requests_of_all") ** 2 / pl.col("requests_squared")
    return pl.when(pl.col("accounts") >= _CROWD).then(effective / pl.col("accounts"))


def _closeness(usual: float | None) -> pl.Expr:
    """Spread of all registrations over that of a key's accounts, both in hours; null where fewer than two are dated."""
    _, spread = mean_and_spread(pl.col("born"), pl.col("born_squared"), pl.col("dated"))
    whole = usual or 0.0
    shrunk = (pl.col("dated") * spread**2 + _PRIOR * whole**2) / (pl.col("dated") + _PRIOR)
    closer = (whole + _DAY) / (shrunk.sqrt() + _DAY)
    return pl.when(pl.col("dated") > 1, pl.lit(usual is not None)).then(closer)


def _usual_spread(history: History) -> float | None:
    """Standard deviation of the registrations of all accounts, in hours; None without accounts."""
    born = born_hour()
    sums = history.accounts.select(total=born.sum(), squares=(born**2).sum(), count=pl.len().cast(pl.Int64))
    _, spread = mean_and_spread(pl.col("total"), pl.col("squares"), pl.col("count"))
    usual: float | None = sums.select(spread).item()
    return usual
