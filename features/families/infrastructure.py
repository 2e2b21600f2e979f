"""Infrastructure: from where and with which clients an account asks. Null where the exporter gives no metadata."""

import polars as pl

from features.families.fixed_point import share
from features.families.history import History
from features.schemas import KEY_KINDS

_COUNTED = ("address", "subnet", "asn", "country", "client", "agent", "tls", "api_key", "model", "channel")


def read_out(history: History) -> pl.DataFrame:
    """The family's features of each account that was active in the history."""
    kinds = _distinct(history).join(_totals(history), on="account_id", how="left")
    kinds = kinds.join(_mismatch(history), on="account_id", how="left")
    kinds = kinds.join(_at_once(history), on="account_id", how="left")
    requests = pl.col("requests")
    return kinds.select(
        "account_id",
        "country_mismatch_28d",
        "subnets_at_once_28d",
        "most_subnets_at_once_28d",
        "countries_at_once_28d",
        addresses_28d=(pl.col("address") + 1).log(2),
        addresses_per_day_28d=share(pl.col("address"), pl.col("days")),
        subnets_28d=(pl.col("subnet") + 1).log(2),
        networks_28d="asn",
        countries_28d="country",
        top_address_share_28d=share(pl.col("top_address"), pl.col("with_address")),
        clients_28d="client",
        tls_per_agent_28d=share(pl.col("tls"), pl.col("agent")),
        api_keys_28d="api_key",
        models_28d="model",
        channels_28d="channel",
        without_address_share_28d=share(requests - pl.col("with_address"), requests),
        without_agent_share_28d=share(requests - pl.col("with_agent"), requests),
    )


def _distinct(history: History) -> pl.DataFrame:
    """Distinct keys of each kind (null for none), and the requests of the commonest address."""
    kind = pl.col("kind")
    counts = (
        history.of_kind(*_COUNTED)
        .group_by("account_id")
        .agg(
            *[(kind == KEY_KINDS.index(name)).sum().alias(name) for name in _COUNTED],
            top_address=pl.col("requests").filter(kind == KEY_KINDS.index("address")).max(),
        )
    )
    return counts.with_columns(pl.when(pl.col(name) > 0).then(pl.col(name)).alias(name) for name in _COUNTED)


def _totals(history: History) -> pl.DataFrame:
    return history.hours.group_by("account_id").agg(
        pl.col("requests", "with_address", "with_agent").sum(), days=pl.col("hour").dt.date().n_unique()
    )


def _mismatch(history: History) -> pl.DataFrame:
    """Share of requests from another country than the billing country, where both are known."""
    billed = history.accounts.select("account_id", "billing_country").drop_nulls()
    from_country = history.of_kind("country").join(billed, on="account_id")
    requests = pl.col("requests")
    elsewhere = requests.filter(pl.col("key") != pl.col("billing_country")).sum()
    return from_country.group_by("account_id").agg(country_mismatch_28d=share(elsewhere, requests.sum()))


def _at_once(history: History) -> pl.DataFrame:
    """Different subnets in an hour, mean and most, and the share of hours with several countries."""
    subnets = pl.col("subnets")
    return history.at_once.group_by("account_id").agg(
        subnets_at_once_28d=share(subnets.sum(), pl.len()),
        most_subnets_at_once_28d=subnets.max(),
        countries_at_once_28d=share((pl.col("countries") > 1).sum(), pl.len()),
    )
