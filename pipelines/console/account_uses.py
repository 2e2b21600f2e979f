"""What accounts are used for, and what is typical of accounts of the same plan that are used for the same."""

from datetime import datetime

import polars as pl

from console.picture.frames import USES
from features.catalogue import FEATURES
from features.lake import Lake, full_hour
from features.schemas import KEY_KINDS
from features.text import CAPABILITIES
from pipelines.console.account_details import whole_life

_LEAST = 0.5  # share of requests that say what an account is used for; doubled, nearly every account would be "mixed"
_LEAST_ACCOUNTS = 20  # of a plan and use that have medians of their own, as of a plan in the model
_TOOLS, (_MIXED, _NONE, _NO_TEXT) = USES[0], USES[-3:]
_FEATURES = {feature.code: feature for feature in FEATURES}


def describe_use(lake: Lake, as_of: datetime) -> pl.DataFrame:
    """Tell of each account `used_for` (of `USES`), by the requests of all full hours up to a time.

    Tools come first: an agent's prompts are often results of tools, and ask for nothing.
    """
    key, requests = pl.col("key"), pl.col("requests")
    of_texts = lake.scan_named("key_rollups", as_of).filter(
        pl.col("hour") < full_hour(as_of), pl.col("kind") == KEY_KINDS.index("capability")
    )
    asked = of_texts.group_by("account_id", "key").agg(requests.sum())
    is_most = requests >= _LEAST * requests.sum()
    said = asked.group_by("account_id").agg(asked_most=key.filter(is_most).max())  # of two halves the later in the list
    offered = whole_life(lake, as_of).group_by("account_id").agg(tools=pl.col("with_tools").sum() / requests.sum())
    names = {code + 1: name for code, name in enumerate(CAPABILITIES)} | {0: _NONE}
    words = pl.col("asked_most").replace_strict(names, default=_MIXED, return_dtype=pl.String)
    return (
        offered.join(said.with_columns(used_for=words.fill_null(_MIXED)), on="account_id", how="left")
        .select(
            "account_id",
            used_for=pl.when(pl.col("tools") >= _LEAST).then(pl.lit(_TOOLS)).otherwise("used_for").fill_null(_NO_TEXT),
        )
        .collect(engine="streaming")
    )


def add_typical_of_use(accounts: pl.DataFrame, features: pl.DataFrame) -> pl.DataFrame:
    """Add to each indicator `typical_of_use`: the median of accounts of the same plan and use, null where few are.

    Args:
        accounts: `account_id`, `plan`, `used_for`, `indicators` (structs with a `code`).
        features: of all accounts.
    """
    kind = accounts.schema["indicators"]
    assert isinstance(kind, pl.List) and isinstance(kind.inner, pl.Struct)
    fields = [field.name for field in kind.inner.fields]
    rows = accounts.select("account_id", "plan", "used_for", "indicators").explode("indicators").unnest("indicators")
    said = [code for code in rows["code"].drop_nulls().unique().sort() if code in _FEATURES]
    medians = _medians(accounts, features, said)
    worded = rows.drop_nulls("code").join(
        medians, on=["plan", "used_for", "code"], how="left", nulls_equal=True, maintain_order="left"
    )
    lists = worded.group_by("account_id", maintain_order=True).agg(indicators=pl.struct(*fields, "typical_of_use"))
    joined = accounts.drop("indicators").join(lists, on="account_id", how="left", maintain_order="left")
    return joined.with_columns(pl.col("indicators").fill_null([]))


def _medians(accounts: pl.DataFrame, features: pl.DataFrame, codes: list[str]) -> pl.DataFrame:
    """`plan`, `used_for`, `code`, `typical_of_use`: medians as an indicator gives its value."""
    by = ["plan", "used_for"]
    columns = [pl.col(_FEATURES[code].name).median().alias(code) for code in codes]
    grouped = accounts.select("account_id", *by).join(features, on="account_id").group_by(by).agg(pl.len(), *columns)
    long = (
        grouped.filter(pl.col("len") >= _LEAST_ACCOUNTS)
        .unpivot(codes, index=by, variable_name="code", value_name="median")
        .drop_nulls("median")
    )
    plain = [
        float(f"{_FEATURES[code].plain(median):.6g}") for code, median in long.select("code", "median").iter_rows()
    ]
    return long.select(*by, "code", typical_of_use=pl.Series(plain, dtype=pl.Float64))
