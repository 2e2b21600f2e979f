"""Plant campaigns, read out their features like any account's, and return them as training examples."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from features.accounts import read_out_beside
from features.errors import InputError
from features.identity import Keyring
from features.lake import HISTORY, Lake
from features.progress import Progress
from features.schemas import Events
from planting import borrow
from planting.settings import Planting, draw_campaigns
from planting.write import write_service
from simulation.texts.material import Grammar

_SOURCE = 1
_GRAMMAR = 7_919  # added to the seed, so that planted texts differ from those of a simulated world of the same seed
# Time from an account's first service to its first example. Earlier it has hardly acted, so it would teach that an
# ordinary account is guilty.
_SETTLED = timedelta(days=1)
_EVENTS = {name: column.dtype for name, column in Events.columns().items()}
_FIRST = {"account_id": pl.String(), "served": pl.Datetime("us", "UTC")}
FEW = 10  # accounts to borrow from below which nothing is planted; chosen by hand


@dataclass(frozen=True)
class ProviderHistory:
    """A provider's own history, into which campaigns are planted.

    Attributes:
        lake: its events and rollups; read, never written to.
        keyring: the workspace's, for the planted texts.
        labels: nothing is borrowed from accounts confirmed by the last of the times.
        times: of the snapshots that give examples; nothing after the last is borrowed.
    """

    lake: Lake
    keyring: Keyring
    labels: pl.DataFrame
    times: Sequence[datetime]

    @property
    def as_of(self) -> datetime:
        """The last of the times."""
        return max(self.times)

    @property
    def days(self) -> float:
        """Days from the begin of the first snapshot's longest window to the last snapshot."""
        return HISTORY / timedelta(days=1) + (self.as_of - min(self.times)) / timedelta(days=1)

    @property
    def since(self) -> datetime:
        """The begin of the first snapshot's longest window."""
        return borrow.history_begin(self.as_of, self.days)

    @property
    def has_confirmed(self) -> bool:
        """Whether any account was confirmed by the last of the times."""
        return not self.labels.filter(pl.col("label") & (pl.col("labelled_at") <= self.as_of)).is_empty()


def plant(history: ProviderHistory, planting: Planting, scratch: Path, progress: Progress) -> pl.DataFrame | None:
    """Plant campaigns into a history and return their accounts as training examples.

    Args:
        history: the provider's own.
        planting: what to plant.
        scratch: an empty folder for planted events and rollups.
        progress: called with the current step and the finished share.

    Returns:
        Examples (`training.examples.dataset`): `account_id`, `as_of`, `label` (true), `labelled_at`, `campaign`
        ("planted:<family>:<number>") and the features, sorted. None if there are too few accounts to borrow from,
        but some are confirmed.

    Raises:
        InputError: the history holds too few accounts to borrow from, and none is confirmed to learn from instead.
    """
    donors = borrow.read_donors(history.lake, history.labels, history.since, history.as_of)
    if len(donors) < FEW:
        least = f"{borrow.LEAST} requests or more to borrow from ({FEW} are needed)"
        _expect_confirmed(history, f"only {len(donors)} have {least}")
        return None
    added = Lake(scratch)
    members = _store(history, added, donors, planting, progress)
    frames = []
    for i, time in enumerate(history.times):
        progress("reading out planted", i / len(history.times))
        shown = members.filter(pl.col("served") + _SETTLED <= time)
        if len(shown):
            read = read_out_beside(history.lake, added, time, shown.select("account_id", group="campaign"))
            # one that has fallen silent would be read out as of its last active week, which another snapshot shows
            frames.append(read.filter(pl.col("requests_7d") > 0))
    progress("reading out planted", 1.0)
    if not any(map(len, frames)):
        _expect_confirmed(history, "the others asked for nothing over more than a day")
        return None
    examples = pl.concat(frames).join(members.select("account_id", "campaign"), on="account_id")
    label = {"label": pl.lit(True), "labelled_at": pl.lit(history.as_of).cast(pl.Datetime("us", "UTC"))}
    return examples.with_columns(**label).sort("account_id", "as_of")


def _store(
    history: ProviderHistory, added: Lake, donors: pl.DataFrame, planting: Planting, progress: Progress
) -> pl.DataFrame:
    """Append the events, rollups and registrations of all campaigns to the lake `added`.

    Returns:
        The members (see `borrow.choose_members`) and the time of their first service: `served`, null without any.
    """
    lake, since, as_of = history.lake, history.since, history.as_of
    campaigns = list(draw_campaigns(planting, len(donors), history.days))
    material = Grammar(planting.seed + _GRAMMAR)
    shared = borrow.read_shared_keys(lake, since, as_of)
    everyone = pl.concat(borrow.choose_members(settings, donors, planting.seed, as_of) for settings in campaigns)
    borrowed = borrow.borrow_events(lake, everyone, shared, since, as_of).partition_by("campaign", as_dict=True)
    rows, first = [pl.DataFrame(schema=_EVENTS)], [pl.DataFrame(schema=_FIRST)]
    for i, settings in enumerate(campaigns):
        progress("planting", i / len(campaigns))
        if (frame := borrowed.get((settings.name,))) is not None:
            is_service = borrow.serves_campaign(frame, settings.cover, planting.seed)
            first.append(frame.filter(is_service).group_by("account_id").agg(served=pl.col("timestamp").min()))
            written = write_service(frame, is_service, settings, material, history.keyring, planting.seed)
            rows.append(written.select(list(_EVENTS)))
    members = everyone.join(pl.concat(first), on="account_id", maintain_order="left")
    added.append("events", [pl.concat(rows).with_columns(source=pl.lit(_SOURCE, pl.Int64))], _SOURCE)
    added.append("accounts", [borrow.borrow_registrations(lake, members, as_of)], _SOURCE)
    added.roll_up(_SOURCE)
    progress("planting", 1.0)
    return members


def _expect_confirmed(history: ProviderHistory, why: str) -> None:
    """Raise InputError if no account is confirmed: nothing can be planted, so there would be nothing to learn from."""
    if not history.has_confirmed:
        raise InputError(f"No account is confirmed, and {why}: give labels, or ingest more.")
