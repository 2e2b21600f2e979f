"""How one column of an export is read as a column of the contract."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True)
class LogOptions:
    """What a person says of a log that the log itself does not.

    Attributes:
        assume_utc: times without a zone are UTC.
        trusted_proxies: how many proxies before the gateway add to a forwarded-for list, and can be believed.
    """

    assume_utc: bool = False
    trusted_proxies: int | None = None


AS_IT_IS = LogOptions()  # a log of which nothing is said


@dataclass(frozen=True)
class Reading:
    """How a column is read.

    Attributes:
        value: expression of the contract's type; null where the export's value can't be read.
        changes: by kind (of `features.intake.report.CHANGES`), the rows whose value was not the contract's and is now.
        lost: by rule, the rows that must be rejected.
        problem: rule that the whole column breaks, whatever its values; empty for none.
        detail: what there is instead, for the message.
    """

    value: pl.Expr
    changes: Mapping[str, pl.Expr] = field(default_factory=dict)
    lost: Mapping[str, pl.Expr] = field(default_factory=dict)
    problem: str = ""
    detail: str = ""


def refuse_column(name: str, rule: str, contract: pl.DataType, stored: pl.DataType | None = None) -> Reading:
    """Read a column that can't be read at all: null, with the rule that it breaks, and its type in the file."""
    detail = "" if stored is None else str(stored)
    return Reading(pl.lit(None, contract).alias(name), problem=f"{name}|{rule}", detail=detail)
