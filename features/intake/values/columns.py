"""Values of an export become values of the contract, where their meaning is certain; the rest is counted as lost.

Every function gives a `Reading`: expressions over the column as the export has it. Nothing is read row by row.
"""

from collections.abc import Mapping

import polars as pl

from features.intake.values.addresses import read_address
from features.intake.values.reading import LogOptions, Reading, refuse_column
from features.intake.values.times import read_time
from features.intake.values.words import is_nothing, to_country, to_finish_reason

_COUNTRIES, _ADDRESSES = ("country", "billing_country"), ("client_address", "signup_address")
_LOWER = ("plan", "programme", "action")  # words of a fixed list: their case carries no meaning
_TRUE, _FALSE = ("true", "t", "yes", "y", "1", "1.0"), ("false", "f", "no", "n", "0", "0.0")
_EXACT = float(1 << 53)  # above it a float can't tell whole numbers apart


def read_column(values: pl.Series, contract: pl.DataType, is_nullable: bool, options: LogOptions) -> Reading:
    """Say how a column of the export is read as the column of that name of the contract.

    Args:
        values: the column, named as in the contract, of the export's type; its texts are valid UTF-8.
        contract: the contract's type.
        is_nullable: whether the contract allows nulls.
        options: what a person says of the log.
    """
    name, dtype = values.name, values.dtype
    if dtype == pl.Null:
        return Reading(pl.lit(None, contract).alias(name))
    if isinstance(contract, pl.Datetime):
        return read_time(_as_plain(values), options)
    if dtype.is_nested() or dtype.is_temporal() or dtype in (pl.Binary, pl.Object):
        return refuse_column(name, "type", contract, dtype)
    if contract == pl.String:
        return _read_text(name, dtype, is_nullable, options)
    if contract == pl.Boolean:
        return _read_flag(name, dtype)
    if dtype == pl.Boolean:
        return refuse_column(name, "type", contract, dtype)
    return _read_number(values, contract)


def _as_plain(values: pl.Series) -> pl.Series:
    return values.cast(pl.String) if values.dtype in (pl.Categorical, pl.Enum) else values


def _read_text(name: str, dtype: pl.DataType, is_nullable: bool, options: LogOptions) -> Reading:
    if dtype == pl.Boolean or dtype.is_float() or dtype.is_decimal():
        return refuse_column(name, "type", pl.String(), dtype)
    text = pl.col(name) if dtype == pl.String else pl.col(name).cast(pl.String)
    if name in _ADDRESSES:
        return read_address(name, text, options)
    nothing = is_nothing(text)
    if not is_nullable:
        value = pl.when(nothing).then(pl.lit("")).otherwise(_lower(text) if name in _LOWER else text)
        return Reading(value.alias(name), {"no_id": nothing} if name == "request_id" else {})
    word: pl.Expr | None = None
    if name in _COUNTRIES:
        word = to_country(text)
    elif name == "finish_reason":
        word = to_finish_reason(text)
    elif name in _LOWER:
        word = _lower(text)
    if word is None:
        return Reading(pl.when(~nothing).then(text).alias(name), {"nothing": nothing})
    changes = {"nothing": nothing, "word": ~nothing & (word != text), "unknown": ~nothing & word.is_null()}
    return Reading(pl.when(~nothing).then(word).alias(name), changes)


def _lower(text: pl.Expr) -> pl.Expr:
    return text.str.strip_chars().str.to_lowercase()


def _read_flag(name: str, dtype: pl.DataType) -> Reading:
    if dtype == pl.Boolean:
        return Reading(pl.col(name))
    text = pl.col(name).cast(pl.String).str.strip_chars().str.to_lowercase()
    nothing = is_nothing(text) | (text == "nan")
    value = pl.when(text.is_in(_TRUE)).then(True).when(text.is_in(_FALSE)).then(False)
    lost = {f"{name}|flag": ~nothing & value.is_null()}
    return Reading(value.alias(name), {"nothing": nothing, "flag": value.is_not_null()}, lost)


def _read_number(values: pl.Series, contract: pl.DataType) -> Reading:
    """Read a number of any type, or a text of one, as the contract's type: whole, and within its range."""
    name, dtype = values.name, values.dtype
    column = pl.col(name)
    if dtype == contract and not dtype.is_float():
        return Reading(column)
    is_text = not dtype.is_numeric()
    if is_text and name != "max_tokens":
        typed = values.cast(pl.String).cast(contract, strict=False)
        if typed.null_count() == values.null_count() and not contract.is_float():  # as nearly every log writes it
            return Reading(pl.lit(typed).alias(name), {"number": column.is_not_null()})
    text = column.cast(pl.String).str.strip_chars()
    nothing = is_nothing(text) if is_text else pl.lit(False)
    size = (text if is_text else column).cast(pl.Float64, strict=False)
    blank = nothing | (size.is_nan().fill_null(False) & (text.str.len_chars() > 0 if is_text else True))
    given = column.is_not_null() & ~blank
    if contract.is_float():
        value = pl.when(given).then(size).cast(contract)
        lost = {f"{name}|number": given & size.is_null()}
        return Reading(value.alias(name), {"nothing": blank, "number": given & pl.lit(is_text)}, lost)
    if dtype.is_integer():
        whole = column
    else:
        exact = pl.when(size.is_finite() & (size == size.floor()) & (size.abs() < _EXACT)).then(size)
        whole = exact.cast(pl.Int64, strict=False)
        whole = pl.coalesce(text.cast(pl.Int64, strict=False), whole) if is_text else whole
    no_limit = given & (whole == -1) if name == "max_tokens" else pl.lit(False)
    value = pl.when(given & ~no_limit).then(whole).cast(contract, strict=False)
    given = given & ~no_limit.fill_null(False)
    lost = {
        f"{name}|number": given & size.is_null(),
        f"{name}|whole": given & size.is_finite() & (size != size.floor()),
        f"{name}|range": given & size.is_not_null() & (size == size.floor()) & value.is_null(),
    }
    changes = {"nothing": blank, "no_limit": no_limit, "number": given & pl.lit(not dtype.is_integer())}
    return Reading(value.alias(name), changes, lost)


def fill_failed(frame: pl.DataFrame) -> tuple[pl.DataFrame, Mapping[str, int]]:
    """Set the null token counts of failed calls to 0; also how many by column. Takes and gives typed requests."""
    names = [name for name in ("input_tokens", "output_tokens") if frame[name].null_count()]
    if not names:
        return frame, {}
    failed = (pl.col("status_code") == 0) | (pl.col("status_code") >= 400)
    counts = frame.select((pl.col(name).is_null() & failed).sum() for name in names).row(0, named=True)
    filled = [pl.when(failed).then(pl.col(name).fill_null(0)).otherwise(pl.col(name)).alias(name) for name in names]
    return frame.with_columns(filled), counts
