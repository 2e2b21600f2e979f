"""Account: registration, and with how many accounts it is shared. Null for accounts that no export has named."""

import polars as pl

from features.families.history import History
from features.schemas import PLANS

_GROUPS = {
    "organization_accounts": "organization",
    "payment_accounts": "payment",
    "mail_domain_accounts": "mail_domain",
    "signup_subnet_accounts": "signup_subnet",
}


def read_out(history: History) -> pl.DataFrame:
    """The family's features of the registered accounts of the history."""
    hour = pl.col("created_at").dt.truncate("1h")
    hours = (pl.col("created_at").max() - pl.col("created_at").min()).dt.total_hours() + 1
    usual = pl.len() / hours
    grouped = history.accounts.with_columns(
        *[
            pl.when(pl.col(key).is_not_null()).then(pl.len().over(key).log(2)).alias(name)
            for name, key in _GROUPS.items()
        ],
        # one more than usual: else an account alone in its hour would stand out the more, the fewer the provider has
        signup_burst=(pl.len().over(hour) / (usual + 1)).log(2),
    )
    day = 86_400_000_000
    return grouped.join(history.seen, on="account_id").select(
        "account_id",
        *_GROUPS,
        "signup_burst",
        age_days=(pl.lit(history.as_of) - pl.col("created_at")).dt.total_microseconds() / day,
        # first_seen is a full hour, so it may lie up to an hour before the registration
        days_to_first_request=(pl.col("first_seen") - hour).dt.total_microseconds() / day,
        plan_rank=pl.col("plan").replace_strict(PLANS, range(len(PLANS)), return_dtype=pl.Int64),
        in_programme=pl.col("programme").is_not_null(),
        public_mail=pl.col("public_mail"),
    )
