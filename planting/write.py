"""Write the prompts of planted accounts: a family's wordings, filled by the grammar, reduced as every prompt is."""

import numpy as np
import polars as pl

from features.events import reduce_prompts
from features.identity import Keyring
from planting import random_templates
from planting.borrow import draw_seeds
from planting.settings import CampaignSettings
from simulation.campaign_accounts import OWNERS, Operation, Wrapper
from simulation.draws import FIRST_OWN_ITEM, Ints, below, keyed
from simulation.families import Family, read_families
from simulation.tactics import Campaign, Tactics
from simulation.texts.material import Material
from simulation.texts.writing import fill_template

TOKENS_PER_WORD = 1.33  # of common tokenisers on English words; assumed


def write_service(
    frame: pl.DataFrame,
    is_service: pl.Series,
    settings: CampaignSettings,
    material: Material,
    keyring: Keyring,
    seed: int,
) -> pl.DataFrame:
    """Replace the donors' prompts by the campaign's in the events that serve it.

    `input_tokens` change by the difference of the prompts' lengths; other lengths, times and addresses stay. Where
    the donor's text was not logged, none is planted.

    Args:
        frame: events of the campaign's accounts (`borrow_events`).
        is_service: which of them serve the campaign, a mask.
        settings: the campaign's.
        material: fills the slots of the template.
        keyring: reduces the prompts to keys.
        seed: of every draw.
    """
    served = frame.filter(is_service)
    if not len(served):
        return frame
    family = (
        random_templates.make_family(settings.number, material, seed)
        if settings.family == random_templates.NAME
        else read_families(None)[settings.family]
    )
    has_text, logs_systems = served["words"].is_not_null(), bool(frame["system"].is_not_null().any())
    systems = _choose_systems(served, settings, family)
    numbers = reduce_prompts(_write_prompts(served, settings, family, material, seed), keyring)
    longer = ((numbers["words"] - served["words"]).fill_null(0) * TOKENS_PER_WORD).round().cast(pl.Int64)
    is_alone = pl.col("is_single") & pl.col("message_count").is_not_null()
    changed = served.with_columns(
        *[pl.when(has_text).then(column).alias(column.name) for column in numbers],
        input_tokens=(served["input_tokens"] + longer).clip(1),
        system=pl.when(has_text & logs_systems).then(keyring.key(pl.lit(systems), "system")),
        conversation=pl.when(~pl.col("is_single")).then("conversation"),
        message_count=pl.when(is_alone).then(pl.lit(1, pl.Int64)).otherwise("message_count"),
    )
    return pl.concat([frame.filter(~is_service), changed.select(frame.columns)])


def _write_prompts(
    served: pl.DataFrame, settings: CampaignSettings, family: Family, material: Material, seed: int
) -> pl.Series:
    """The template in the account's, the day's or the request's wording, filled with seeds."""
    wrapper = Wrapper.of(family, settings.versions, np.random.default_rng([seed, 3, settings.number]))
    tactics = Tactics(versions=settings.versions, seeds=settings.seeds)
    operation = Operation(Campaign(settings.name, settings.family, tactics), family, wrapper, settings.number)
    number = served["number"].to_numpy().astype(np.uint64)
    return fill_template(
        operation,
        _choose_wordings(served, number, settings),
        draw_seeds(served, settings, FIRST_OWN_ITEM, seed),
        material,
    )


def _choose_wordings(served: pl.DataFrame, number: np.ndarray, settings: CampaignSettings) -> Ints:
    if settings.rotation == "request":
        return below(keyed(number, np.arange(len(served), dtype=np.uint64), 8), settings.versions)
    own = below(keyed(number, 7), settings.versions)
    days = served["day"].cast(pl.Int32).cast(pl.Int64).to_numpy() if settings.rotation == "day" else 0
    return np.asarray((own + days) % settings.versions, dtype=np.int64)


def _choose_systems(served: pl.DataFrame, settings: CampaignSettings, family: Family) -> pl.Series:
    """The family's system prompt, or none."""
    offered = pl.Series(family.system)
    chosen = offered.gather(below(keyed(np.full(len(served), OWNERS + settings.number), 9), len(offered)))
    return pl.select(pl.when(served["sends_system"] & (chosen != "")).then(chosen)).to_series()
