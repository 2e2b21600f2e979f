"""Plant campaigns, read their features out as those of any account, and give them as examples to learn from."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from features.accounts import read_out_beside
from features.errors import InputError
from features.identity import Keyring
from features.lake import HISTORY, Lake
from features.schemas import Events
from pipelines.planting import borrow
from pipelines.planting.dials import Dials, Planting, draw
from pipelines.planting.write import served
from pipelines.simulate.material import Grammar

Progress = Callable[[str, float], None]
_SOURCE = 1
_GRAMMAR = 7_919  # planted texts are none that a simulated world of the same seed has
_SETTLED = timedelta(days=1)  # since its first service, before an account is shown as one of a campaign
_EVENTS = {name: column.dtype for name, column in Events.columns().items()}
_FIRST = {"account_id": pl.String(), "served": pl.Datetime("us", "UTC")}
FEW = 10  # accounts to borrow from


def plant(
    lake: Lake,
    keyring: Keyring,
    labels: pl.DataFrame,
    times: Sequence[datetime],
    planting: Planting,
    scratch: Path,
    progress: Progress,
) -> pl.DataFrame | None:
    """Plant campaigns into a history.

    Args:
        lake: the history; it is read, never written to.
        keyring: the workspace's, for the planted texts.
        labels: accounts confirmed by the last of the times lend nothing.
        times: snapshots at which planted accounts are shown; nothing after the last is borrowed.
        planting: what to plant.
        scratch: an empty folder for planted events and rollups.
        progress: called with what is being done and the share done.

    Returns:
        Examples (`training.dataset`): `account_id`, `as_of`, `label` (true), `labelled_at`, `campaign`
        ("planted:<family>:<number>") and the features, sorted. None where too few accounts lend, but some are
        confirmed.

    Raises:
        InputError: the history holds too few accounts to borrow from, and none is confirmed to learn from instead.
    """
    as_of = max(times)
    days = HISTORY / timedelta(days=1) + (as_of - min(times)) / timedelta(days=1)
    since = borrow.window(as_of, days)
    among = borrow.donors(lake, labels, since, as_of)
    if len(among) < FEW:
        least = f"{borrow.LEAST} requests or more to borrow from ({FEW} are needed)"
        _expect_confirmed(labels, as_of, f"only {len(among)} have {least}")
        return None
    added = Lake(scratch)
    chosen = _store(
        lake, added, keyring, list(draw(planting, len(among), days)), among, planting, since, as_of, progress
    )
    frames = []
    for i, time in enumerate(times):
        progress("reading out planted", i / len(times))
        shown = chosen.filter(pl.col("served") + _SETTLED <= time)
        if len(shown):
            read = read_out_beside(lake, added, time, shown.select("account_id", group="campaign"))
            # those silent in all windows teach nothing, or that silence is a sign
            frames.append(read.filter(pl.col("requests_28d").is_not_null()))
    progress("reading out planted", 1.0)
    if not any(map(len, frames)):
        _expect_confirmed(labels, as_of, "the others asked for nothing over more than a day")
        return None
    examples = pl.concat(frames).join(chosen.select("account_id", "campaign"), on="account_id")
    told = {"label": pl.lit(True), "labelled_at": pl.lit(as_of).cast(pl.Datetime("us", "UTC"))}
    return examples.with_columns(**told).sort("account_id", "as_of")


def _store(
    lake: Lake,
    added: Lake,
    keyring: Keyring,
    campaigns: list[Dials],
    among: pl.DataFrame,
    planting: Planting,
    since: datetime,
    as_of: datetime,
    progress: Progress,
) -> pl.DataFrame:
    """Append the events, rollups and registrations of all campaigns.

    Returns:
        The members (see `borrow.members`) that served at least once, and when first: `served`.
    """
    material = Grammar(planting.seed + _GRAMMAR)
    shared = borrow.shared_keys(lake, since, as_of)
    everyone = pl.concat(borrow.members(dials, among, planting.seed, as_of) for dials in campaigns)
    borrowed = borrow.events(lake, everyone, shared, since, as_of).partition_by("campaign", as_dict=True)
    rows, first = [pl.DataFrame(schema=_EVENTS)], [pl.DataFrame(schema=_FIRST)]
    for i, dials in enumerate(campaigns):
        progress("planting", i / len(campaigns))
        if (frame := borrowed.get((dials.campaign,))) is not None:
            duty = borrow.in_service(frame, dials.cover, planting.seed)
            first.append(frame.filter(duty).group_by("account_id").agg(served=pl.col("timestamp").min()))
            rows.append(served(frame, duty, dials, material, keyring, planting.seed).select(list(_EVENTS)))
    chosen = everyone.join(pl.concat(first), on="account_id", maintain_order="left")
    added.append("events", [pl.concat(rows).with_columns(source=pl.lit(_SOURCE, pl.Int64))], _SOURCE)
    added.append("accounts", [borrow.registrations(lake, chosen, as_of)], _SOURCE)
    added.roll_up(_SOURCE)
    progress("planting", 1.0)
    return chosen


def _expect_confirmed(labels: pl.DataFrame, as_of: datetime, why: str) -> None:
    """Where nothing can be planted, what is confirmed has to do; InputError if nothing is."""
    if labels.filter(pl.col("label") & (pl.col("labelled_at") <= as_of)).is_empty():
        raise InputError(f"No account is confirmed, and {why}: give labels, or ingest more.")
