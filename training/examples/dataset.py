"""Training examples: which accounts at which times, under which label, with which weight.

An *example* is one account at one snapshot time. Its columns:

- `account_id`;
- `as_of`: the snapshot time, UTC;
- `label`: true, false, or null for an unlabelled account;
- `campaign`: the name of the campaign that the label names, or null;
- `labelled_at`: null for an unlabelled account;
- the feature columns, Float32; null or NaN is unknown.
"""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.errors import InputError
from features.groups.evidence import GROUP_SCHEMA, add_standing, lift
from features.store.last_active import active_times

# Days before the training time at which accounts are looked at. Early snapshots teach the model to decide early; with
# twice as many of them, gathering takes twice as long.
DAYS_BEFORE = (0, 1, 3, 7, 14)
TIME = pl.Datetime("us", "UTC")
KEYS = ("account_id", "as_of", "label", "campaign", "labelled_at")
# Optional columns that only reports read: the time of the first request, and the requests before the snapshot.
REPORT_COLUMNS = ("began", "served")
# Optional column: what the account's group adds to its normal score (`features.groups.evidence`). It is no feature: the
# trees would memorise that the members of an unlabelled campaign are honest.
LIFT = "lift"
# What a group adds from which nobody knows of its unlabelled members: it is as probably a campaign as not.
SUSPECT_LIFT = 1.3
# Optional column: whether the champion of before flags the account. While nobody has judged it, it is not taught as
# honest: else a campaign that was found and is not confirmed yet would be unlearned by the next training.
FLAGGED = "flagged"
# Optional columns that only rivals learn from: scores of published detectors on the account's last requests.
DETECTOR_COLUMNS = ("mmd", "prada")


@dataclass(frozen=True, slots=True)
class Entities:
    """Accounts at snapshot times, and how much was left out of them.

    Attributes:
        frame: columns `KEYS`, sorted by account and time.
        labels_too_late: labels that became known after the training time.
        labels_unseen: labels of accounts without a request.
        snapshots_idle: snapshots of accounts that had fallen silent, which would repeat one that is there.
    """

    frame: pl.DataFrame
    labels_too_late: int
    labels_unseen: int
    snapshots_idle: int


def snapshot_times(as_of: datetime, days_before: Iterable[float] = DAYS_BEFORE) -> tuple[datetime, ...]:
    """The times at which every account is looked at: `as_of` minus each of `days_before`, earliest first, no repeats.

    Raises:
        InputError: a time without a zone, or a negative distance (it would look ahead).
    """
    days = sorted(set(days_before), reverse=True)
    if as_of.tzinfo is None:
        raise InputError(f"The time {as_of.isoformat()} has no zone: give it in UTC, such as 2026-06-01T00:00:00Z.")
    if not days or days[-1] < 0:
        raise InputError(
            f"Snapshot distances {days} must be days before the training time, at least one, none below 0."
        )
    return tuple(as_of - timedelta(days=day) for day in days)


def entities(
    seen: pl.DataFrame,
    labels: pl.DataFrame,
    as_of: datetime,
    times: Sequence[datetime],
) -> Entities:
    """Pair accounts with the snapshot times at which they had been seen, under the labels known at `as_of`.

    Labels that became known after `as_of` are left out and counted. So are the snapshots of a silent account between
    the end of its last active week and `as_of`: it is read out as of that end in all of them
    (`features.store.last_active`).

    Args:
        seen: one row per account: `account_id`, `first_seen`, `last_seen` (full hours), over the requests known at
            `as_of`.
        labels: `features.schemas.Labels`.
        as_of: the training time.
        times: snapshot times, see `snapshot_times`.

    Raises:
        InputError: a snapshot time after `as_of`, or an account labelled twice.
    """
    if any(time > as_of for time in times):
        raise InputError(f"A snapshot time lies after {as_of.isoformat()}: none may be later than the training time.")
    labels_by_then = _labels_at(labels, as_of)
    moments = pl.DataFrame({"as_of": list(times)}, schema={"as_of": TIME})
    # first_seen is a full hour: an account of the snapshot's own hour may have begun after it
    began = seen.join(moments, how="cross").filter(pl.col("first_seen") < pl.col("as_of").dt.truncate("1h"))
    last = active_times(seen, as_of)
    is_new = (pl.col("as_of") <= pl.col("active_at")) | (pl.col("as_of") == pl.col("as_of").max().over("account_id"))
    awake = began.join(last, on="account_id").filter(is_new)
    frame = awake.join(labels_by_then, on="account_id", how="left").select(KEYS).sort("account_id", "as_of")
    return Entities(
        frame=frame,
        labels_too_late=labels.filter(pl.col("labelled_at") > as_of).height,
        labels_unseen=labels_by_then.join(seen, on="account_id", how="anti").height,
        snapshots_idle=began.height - awake.height,
    )


def _labels_at(labels: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    by_then = labels.filter(pl.col("labelled_at") <= as_of).select("account_id", "label", "campaign", "labelled_at")
    twice = by_then.filter(pl.col("account_id").is_duplicated())
    if twice.height:
        raise InputError(
            f"The labels hold account {twice['account_id'][0]!r} more than once: keep one row per account_id."
        )
    return by_then


def weights(examples: pl.DataFrame, unlabelled_weight: float = 0.5, campaign_power: float = 0.5) -> NDArray[np.float64]:
    """The weight of each example, (n,) in row order.

    - An account has one weight, shared evenly by its snapshots: a long life does not count more than a short one.
    - An unlabelled account is a weak negative: it weighs `unlabelled_weight` times as much as an account that somebody
      judged.
    - The true accounts of a campaign of n members weigh n ** `campaign_power` together (the square root by default), so
      that a campaign of thousands does not drown one of ten. A true account without a campaign is a campaign of one.
      All true accounts are then scaled to weigh as much as there are of them, which keeps the balance of the classes.
    """
    true = pl.col("label").fill_null(False)
    members = pl.col("account_id").n_unique().over("campaign")
    size = pl.when(pl.col("campaign").is_null()).then(1).otherwise(members)
    account = (
        pl.when(true)
        .then(size.cast(pl.Float64) ** (campaign_power - 1.0))
        .when(pl.col("label").is_null())
        .then(unlabelled_weight)
        .otherwise(1.0)
    )
    share = examples.select(weight=account / pl.len().over("account_id"), true=true, account_id="account_id")
    positive = share["true"].to_numpy()
    weight = share["weight"].to_numpy().copy()
    if positive.any():
        accounts = share.filter("true")["account_id"].n_unique()
        weight[positive] *= accounts / weight[positive].sum()
    return weight


def matrix(examples: pl.DataFrame, features: Sequence[str]) -> NDArray[np.float32]:
    """The feature columns as an (n, F) float32 array in the order of `features`; unknown values are NaN.

    Raises:
        InputError: a feature without a column.
    """
    missing = [name for name in features if name not in examples.columns]
    if missing:
        raise InputError(f"The examples lack the feature columns {missing}: build features with the model's schema.")
    columns = examples.select(pl.col(name).cast(pl.Float32).fill_null(float("nan")) for name in features)
    return np.ascontiguousarray(columns.to_numpy(), dtype=np.float32).reshape(examples.height, len(features))


def lifts(examples: pl.DataFrame) -> NDArray[np.float64]:
    """What each row's group adds to its normal score, (n,); 0 where the column is missing or null."""
    if LIFT not in examples.columns:
        return np.zeros(examples.height)
    return examples[LIFT].fill_null(0.0).to_numpy().astype(np.float64)


def are_flagged(examples: pl.DataFrame) -> NDArray[np.bool_]:
    """Which rows are of accounts that the champion of before flags and nobody has judged, (n,)."""
    if FLAGGED not in examples.columns:
        return np.zeros(examples.height, dtype=np.bool_)
    return examples.select(pl.col(FLAGGED).fill_null(False) & pl.col("label").is_null()).to_series().to_numpy()


def lift_by_standing(examples: pl.DataFrame, standing: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each row's group adds to its normal score, (n,), if its members have this `standing` (n,).

    The examples hold `features.groups.evidence.GROUP_SCHEMA`; null for an account in no group.
    """
    members = examples.select("as_of", *GROUP_SCHEMA.names(), standing=pl.Series(standing))
    return add_standing(members, within=("as_of",)).select(lift()).to_series().to_numpy()


def targets(examples: pl.DataFrame) -> NDArray[np.bool_]:
    """The label of each example, (n,); an unlabelled one counts as false (weak negative)."""
    return examples["label"].fill_null(False).to_numpy().astype(np.bool_)


def digest(frame: pl.DataFrame) -> str:
    """The SHA-256 of the values of a frame, whatever the order of its rows and columns.

    It hashes names, types and plain bytes, so it is the same in every process and with every version of Polars. Null
    and NaN of a float column count as equal.
    """
    names, schema = sorted(frame.columns), frame.schema
    ordered = frame.select(_canonical(name, schema[name]) for name in names).sort(names, nulls_last=False)
    total = hashlib.sha256(struct.pack("<Q", frame.height))
    for name in names:
        _feed(total, ordered[name])
    return total.hexdigest()


def _canonical(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if kind.is_float():
        unknown = column.is_null() | column.is_nan()
        # one NaN stands for everything unknown, one zero for both signs
        number = pl.when(column == 0).then(0.0).otherwise(column.cast(pl.Float64))
        return pl.when(unknown).then(float("nan")).otherwise(number).alias(name)
    if kind == pl.String or kind == pl.Boolean or kind.is_integer():
        return column
    if isinstance(kind, pl.Datetime):
        return column.dt.epoch("us").alias(name)
    raise InputError(f"Column {name} has type {kind}, which has no digest: use numbers, text, booleans or times.")


def _feed(total: "hashlib._Hash", column: pl.Series) -> None:
    total.update(f"\x00{column.name}\x00{column.dtype}\x00".encode())
    total.update(np.packbits(column.is_null().to_numpy()).tobytes())
    if column.dtype == pl.String:
        text = column.fill_null("")
        total.update(text.str.len_bytes().to_numpy().astype("<u8").tobytes())
        total.update("".join(text.to_list()).encode())
        return
    filled = column.fill_null(False) if column.dtype == pl.Boolean else column.fill_null(0)
    values = filled.to_numpy()
    total.update(values.astype("<f8" if column.dtype.is_float() else "<i8").tobytes())
