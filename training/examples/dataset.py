"""Training examples: which accounts at which times, under which label, with which weight.

An *example* is one account at one snapshot time: `account_id`, `as_of` (snapshot time, UTC), `label` (null
= unlabelled), `campaign` (null = none named), `labelled_at` (null = unlabelled) and the feature columns (Float32; null
or NaN = unknown).
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

DAYS_BEFORE = (0, 1, 3, 7, 14)
IDLE = timedelta(days=28)
TIME = pl.Datetime("us", "UTC")
KEYS = ("account_id", "as_of", "label", "campaign", "labelled_at")
BESIDE = ("began", "served")  # optional columns for reporting only: first request, requests before the snapshot
# Optional column: was the account in a campaign as of the snapshot? No feature; see `training.models.calibrate`.
IN_CAMPAIGN = "in_campaign"
DETECTED = ("mmd", "prada")  # optional columns for rivals only: scores of windows of single requests' texts


@dataclass(frozen=True, slots=True)
class Entities:
    """Accounts at snapshot times (columns `KEYS`, sorted by account and time), and what was left out of
    them.
    """

    frame: pl.DataFrame
    labels_too_late: int
    labels_unseen: int
    snapshots_idle: int


def snapshot_times(as_of: datetime, days_before: Iterable[float] = DAYS_BEFORE) -> tuple[datetime, ...]:
    """Times to look at every account: `as_of` less each of `days_before` (days), earliest first, each once.

    Raises `InputError` for a time without a zone or for a negative distance (it would look ahead).
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
    idle: timedelta = IDLE,
) -> Entities:
    """Accounts at the snapshot times at which they had been seen, with their labels as known at `as_of`.

    `seen`: one row per account (`account_id`, `first_seen`, `last_seen`, full hours) over the requests known at
    `as_of`; `labels`: the table of the contract. Labels that became known after `as_of` are left out and
    counted. A snapshot more than `idle` after the account's last request is left out and counted too: no
    window would see anything, and a banned campaign would teach the model that silence is a sign. Raises
    `InputError` if a snapshot time lies after `as_of` or an account is labelled twice.
    """
    if any(time > as_of for time in times):
        raise InputError(f"A snapshot time lies after {as_of.isoformat()}: none may be later than the training time.")
    known = _known_labels(labels, as_of)
    moments = pl.DataFrame({"as_of": list(times)}, schema={"as_of": TIME})
    # first_seen is a full hour: an account of the snapshot's own hour may have begun after it
    began = seen.join(moments, how="cross").filter(pl.col("first_seen") < pl.col("as_of").dt.truncate("1h"))
    awake = began.filter(pl.col("as_of") - pl.col("last_seen") <= idle)
    frame = awake.join(known, on="account_id", how="left").select(KEYS).sort("account_id", "as_of")
    return Entities(
        frame=frame,
        labels_too_late=labels.filter(pl.col("labelled_at") > as_of).height,
        labels_unseen=known.join(seen, on="account_id", how="anti").height,
        snapshots_idle=began.height - awake.height,
    )


def _known_labels(labels: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    known = labels.filter(pl.col("labelled_at") <= as_of).select("account_id", "label", "campaign", "labelled_at")
    twice = known.filter(pl.col("account_id").is_duplicated())
    if twice.height:
        raise InputError(
            f"The labels hold account {twice['account_id'][0]!r} more than once: keep one row per account_id."
        )
    return known


def weights(examples: pl.DataFrame, weak: float = 0.5, campaign_power: float = 0.5) -> NDArray[np.float64]:
    """Weight of each example, in row order.

    - An account has one weight, shared evenly by its snapshots: a long life does not count more than a
      short one.
    - An unlabelled account is a weak negative: it weighs `weak` of an account that somebody judged.
    - The true accounts of a campaign of n members weigh n ** `campaign_power` together (the square root by
      default), so that a campaign of thousands does not drown one of ten; a true account without a campaign
      is a campaign of one. All true accounts are then scaled to weigh as much as there are of them, so that
      the balance of the classes stays.
    """
    true = pl.col("label").fill_null(False)
    members = pl.col("account_id").n_unique().over("campaign")
    size = pl.when(pl.col("campaign").is_null()).then(1).otherwise(members)
    account = (
        pl.when(true)
        .then(size.cast(pl.Float64) ** (campaign_power - 1.0))
        .when(pl.col("label").is_null())
        .then(weak)
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
    """The feature columns as a (n, F) float32 array in the order of `features`; unknown values are NaN.

    Raises `InputError` if a feature has no column.
    """
    missing = [name for name in features if name not in examples.columns]
    if missing:
        raise InputError(f"The examples lack the feature columns {missing}: build features with the model's schema.")
    columns = examples.select(pl.col(name).cast(pl.Float32).fill_null(float("nan")) for name in features)
    return np.ascontiguousarray(columns.to_numpy(), dtype=np.float32).reshape(examples.height, len(features))


def is_in_campaign(examples: pl.DataFrame) -> NDArray[np.bool_]:
    """Which rows were in a campaign, (n,); none where that is not known."""
    if IN_CAMPAIGN not in examples.columns:
        return np.zeros(examples.height, dtype=np.bool_)
    return examples[IN_CAMPAIGN].fill_null(False).to_numpy().astype(np.bool_)


def targets(examples: pl.DataFrame) -> NDArray[np.bool_]:
    """The label of each example as (n,) bool; unlabelled counts as false (weak negative)."""
    return examples["label"].fill_null(False).to_numpy().astype(np.bool_)


def digest(frame: pl.DataFrame) -> str:
    """SHA-256 over the values of a frame, whatever the order of its rows and columns.

    Stable over processes and library versions: it hashes names, types and plain bytes. Null and NaN of a
    float column are one.
    """
    names = sorted(frame.columns)
    ordered = frame.select(_canonical(frame, name) for name in names).sort(names, nulls_last=False)
    total = hashlib.sha256(struct.pack("<Q", frame.height))
    for name in names:
        _feed(total, ordered[name])
    return total.hexdigest()


def _canonical(frame: pl.DataFrame, name: str) -> pl.Expr:
    column, kind = pl.col(name), frame.schema[name]
    if kind.is_float():
        unknown = column.is_null() | column.is_nan()
        # one NaN stands for everything unknown, one zero for both signs
        known = pl.when(column == 0).then(0.0).otherwise(column.cast(pl.Float64))
        return pl.when(unknown).then(float("nan")).otherwise(known).alias(name)
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
