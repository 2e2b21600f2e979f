"""Times as exports write them, read as UTC: with any zone, as text, or as a number since 1970."""

from datetime import UTC, datetime

import polars as pl

from features.intake.values.reading import LogOptions, Reading, refuse_column
from features.intake.values.words import is_nothing

TIME = pl.Datetime("us", "UTC")
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_PER_SECOND = {"ms": 10**3, "us": 10**6, "ns": 10**9}
_END = int(LAST.timestamp())  # in seconds
# Up to which number an epoch time is in which unit. The same digits in the next finer unit would lie before 1973.
_SECONDS, _MILLISECONDS, _MICROSECONDS = 1e11, 1e14, 1e17
_LOCAL = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
_UTC = r"[zZ]|(?i:(?:etc/)?(?:utc|uct|gmt|zulu|universal))"
_ZONE = rf"\s*(?:{_UTC}|[+-]\d{{2}}(?::?\d{{2}})?)(?:\[[^\]]*\])?$"  # Java writes +02:00[Europe/Berlin]
# ISO 8601 knows two forms of one time
_BASIC, _EXTENDED = r"^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})", "${1}-${2}-${3}T${4}:${5}:${6}"
_OFFSET = r"([+-])(\d{2}):?(\d{2})?(?:\[[^\]]*\])?$"


def read_time(values: pl.Series, options: LogOptions) -> Reading:
    """Read a column as times: stored ones of any zone, ISO 8601 texts, or numbers since 1970."""
    name, dtype = values.name, values.dtype
    if isinstance(dtype, pl.Datetime | pl.Date):
        has_zone = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
        if not has_zone and not options.assume_utc:
            return refuse_column(name, "zone", TIME, dtype)
        return _read_stored(pl.col(name), dtype, name)
    if dtype.is_numeric():
        value = _from_epoch(pl.col(name))
        return _reading(name, pl.col(name).is_not_null(), value, {"time": value.is_not_null()})
    if dtype == pl.String:
        return _read_text(values, options)
    return refuse_column(name, "type", TIME, dtype)


def _reading(name: str, is_given: pl.Expr, value: pl.Expr, changes: dict[str, pl.Expr]) -> Reading:
    return Reading(value.alias(name), changes, {f"{name}|range": is_given & value.is_null()})


def _read_stored(column: pl.Expr, dtype: pl.Datetime | pl.Date, name: str) -> Reading:
    """Shift a stored time to UTC. Its bounds are compared in its own unit, since a finer one may not hold it."""
    if isinstance(dtype, pl.Datetime):
        ticks, per_second = column.to_physical(), _PER_SECOND[dtype.time_unit]
        fits = ticks.is_between(0, _END * per_second, closed="left")
        micros: pl.Expr = pl.when(fits).then(ticks)
        micros = micros // 1_000 if per_second == 10**9 else micros * (10**6 // per_second)
    else:
        days = column.to_physical().cast(pl.Int64)
        fits = days.is_between(0, _END // 86_400, closed="left")
        micros = pl.when(fits).then(days) * (86_400 * 10**6)
    is_utc = isinstance(dtype, pl.Datetime) and dtype.time_zone == "UTC"
    return _reading(name, column.is_not_null(), micros.cast(TIME), {} if is_utc else {"time": fits})


def _from_epoch(number: pl.Expr) -> pl.Expr:
    """Turn seconds, milliseconds, microseconds or nanoseconds since 1970 into a time, by their magnitude.

    Null outside the years that a log may have.
    """
    size, whole = number.cast(pl.Float64, strict=False), number.cast(pl.Int64, strict=False)
    micros = (
        pl.when(size < _SECONDS)
        .then((size * 1e6).round().cast(pl.Int64, strict=False))
        .when(size < _MILLISECONDS)
        .then((size * 1e3).round().cast(pl.Int64, strict=False))
        .when(size < _MICROSECONDS)
        .then(whole)
        .otherwise(whole // 1_000)
    )
    return pl.when(micros.is_between(0, _END * 10**6, closed="left")).then(micros).cast(TIME)


def _read_text(values: pl.Series, options: LogOptions) -> Reading:
    """Read ISO 8601 texts, and numbers written as text. A time without a zone is UTC only if a person says so."""
    name, text = values.name, pl.col(values.name)
    nothing = is_nothing(text)
    values = values.to_frame().select(pl.when(~nothing).then(text)).to_series()
    moment = values.str.strip_suffix("Z").str.to_datetime(_LOCAL[0], time_unit="us", strict=False)
    if moment.null_count() == values.null_count() and values.str.ends_with("Z").all():  # as most exporters write it
        fits = moment.is_between(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), closed="left")
        utc = pl.lit(moment).dt.replace_time_zone("UTC")
        changes = {"nothing": nothing, "time": pl.lit(fits)}
        return _reading(name, pl.lit(values.is_not_null()), pl.when(pl.lit(fits)).then(utc), changes)
    parts = values.to_frame("text").select(_split()).select(**_combine())
    is_number, has_zone = pl.lit(parts["is_number"]), pl.lit(parts["has_zone"]) | options.assume_utc
    local, epoch = pl.lit(parts["moment"]), pl.lit(parts["epoch"])
    in_time = local.is_between(FIRST, LAST, closed="left")
    is_text = pl.lit(values.is_not_null()) & ~is_number
    value = pl.when(is_number).then(epoch).when(in_time & has_zone).then(local)
    lost = {
        f"{name}|time": is_text & local.is_null(),
        f"{name}|range": (is_number & epoch.is_null()) | (is_text & ~in_time),
        f"{name}|zone": is_text & in_time & ~has_zone,
    }
    return Reading(value.alias(name), {"nothing": nothing, "time": value.is_not_null()}, lost)


def _split() -> list[pl.Expr]:
    """Split a text into its local time, in one spelling, and its zone."""
    text = pl.col("text").str.strip_chars().str.replace(",", ".", literal=True).str.replace(_BASIC, _EXTENDED)
    zone = text.str.extract(rf"\d({_ZONE})", 1)
    has_clock = text.str.contains(r"^\d{4}-\d{2}-\d{2}[Tt\s]+\d{2}:")
    spelled = text.str.replace(r"^(\d{4}-\d{2}-\d{2})[Tt\s]+(\d)", "${1}T${2}")
    return [
        pl.when(has_clock).then(spelled.str.replace(rf"(\d){_ZONE}", "${1}")).otherwise(text).alias("local"),
        pl.when(has_clock).then(zone.str.strip_chars()).alias("zone"),
        text.alias("text"),
    ]


def _combine() -> dict[str, pl.Expr]:
    """Put a local time and its zone together, and read what is a number instead."""
    local, zone, text = pl.col("local"), pl.col("zone"), pl.col("text")
    clock = pl.coalesce(local.str.to_datetime(form, time_unit="us", strict=False) for form in _LOCAL)
    sign = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    hours, minutes = (zone.str.extract(_OFFSET, group).cast(pl.Int64, strict=False).fill_null(0) for group in (2, 3))
    utc = clock - pl.duration(minutes=sign * (hours * 60 + minutes))
    is_number = text.str.contains(r"^\d+(?:\.\d*)?(?:[eE]\+?\d+)?$").fill_null(False)
    whole = _from_epoch(text.cast(pl.Int64, strict=False))
    return {
        "moment": utc.dt.replace_time_zone("UTC"),
        "has_zone": zone.is_not_null(),
        "is_number": is_number,
        "epoch": pl.when(is_number).then(pl.coalesce(whole, _from_epoch(text.cast(pl.Float64, strict=False)))),
    }
