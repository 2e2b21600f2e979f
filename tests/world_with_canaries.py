"""A small world with canaries in all that must never be kept, for the workspace that the tests share."""

from datetime import datetime
from pathlib import Path

import polars as pl

from simulation import SimulationRequest, simulate

MARK = "zqxcanary"
V4, V6, SIGNUP = "198.51.100.213", "2001:db8:dead:beef::77", "203.0.113.219"
NEEDLES = (MARK, V4, V6, SIGNUP, V4.rpartition(".")[0], "2001:db8:dead", SIGNUP.rpartition(".")[0])


def make_world(folder: Path, as_of: datetime) -> None:
    """Simulate a world into `folder/world`; canaries lie in its tables, and labels say more than a provider knows."""
    out = folder / "world"
    simulate(SimulationRequest(scenario="small", out=out, scale=0.95, days=14))
    day = out / "requests" / f"{as_of:%Y-%m-%d}.parquet"
    _with_canaries(pl.read_parquet(day)).write_parquet(day)
    accounts = out / "accounts.parquet"
    _with_account_canaries(pl.read_parquet(accounts)).write_parquet(accounts)
    _labels(pl.read_parquet(out / "truth.parquet"), as_of).write_parquet(out / "labels.parquet")


def _with_canaries(requests: pl.DataFrame) -> pl.DataFrame:
    """Every tenth row gets canaries in all that is free text; a few further rows break the contract as well."""
    free = ["system_prompt", "conversation_id", "api_key_id", "user_agent", "tls_ja4"]
    marked = requests.with_row_index("i").with_columns(planted=pl.col("i") % 10 == 0)
    address = pl.concat([pl.Series([V4, V6, f"{MARK}-malformed"])] * (len(requests) // 3 + 1))[: len(requests)]
    planted = marked.with_columns(address.alias("address")).with_columns(
        *[pl.when("planted").then(pl.lit(f"{MARK}{name}")).otherwise(name).alias(name) for name in free],
        prompt=pl.when("planted")
        .then(pl.format(f"{{}} {MARK}prompt {MARK.upper()} said {{}}", pl.col("prompt").fill_null(""), "i"))
        .otherwise("prompt"),
        client_address=pl.when("planted").then("address").otherwise("client_address"),
    )
    broken = planted.filter("planted").head(4).with_columns(request_id=pl.format(f"{MARK}-{{}}", "i"))
    rows = [
        broken[0].with_columns(channel=pl.lit(f"{MARK}channel")),
        broken[1].with_columns(country=pl.lit(f"{MARK}country")),
        broken[2].with_columns(finish_reason=pl.lit(f"{MARK}finish")),
        broken[3].with_columns(account_id=pl.lit("")),
    ]
    return pl.concat([planted, *rows]).select(requests.columns)


def _with_account_canaries(accounts: pl.DataFrame) -> pl.DataFrame:
    texts = ["organization_id", "email_domain", "payment_fingerprint"]
    planted = accounts.with_row_index("i").with_columns(
        *[pl.when(pl.col("i") % 50 == 0).then(pl.lit(f"{MARK}.{name}")).otherwise(name).alias(name) for name in texts],
        signup_address=pl.when(pl.col("i") % 50 == 0).then(pl.lit(SIGNUP)).otherwise("signup_address"),
    )
    broken = planted.filter(pl.col("i") % 50 == 0).head(1).with_columns(plan=pl.lit(f"{MARK}plan"))
    return pl.concat([planted, broken.with_columns(account_id=pl.lit("acct_broken"))]).select(accounts.columns)


def _labels(truth: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """All accounts of campaigns and two in five others, some judged after the time asked about."""
    judged = truth.unique("account_id", keep="first", maintain_order=True).with_row_index("i")
    chosen = judged.filter(pl.col("label") | (pl.col("i") % 5 < 2))
    days = pl.duration(days=pl.col("i").cast(pl.Int64) % 10 - 9)
    return chosen.select("account_id", "label", "campaign", labelled_at=as_of.replace(day=19) + days).select(
        "account_id", "label", pl.col("labelled_at").dt.cast_time_unit("us"), "campaign"
    )
