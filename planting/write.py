"""What planted accounts ask for: the families' wordings, filled by the grammar, and reduced as every prompt is."""

import numpy as np
import polars as pl

from features.events import reduce_prompts
from features.identity import Keyring
from planting import random_templates
from planting.borrow import seeds_of
from planting.settings import Dials
from simulation.campaign_accounts import OWNERS, Operation, Wrapper
from simulation.draws import WHOLE, Ints, below, keyed
from simulation.families import Family, families
from simulation.tactics import Campaign, Tactics
from simulation.texts.material import Material
from simulation.texts.writing import fill

TOKENS_PER_WORD = 1.33  # what a common tokeniser makes of English words


def served(
    frame: pl.DataFrame, duty: pl.Series, dials: Dials, material: Material, keyring: Keyring, seed: int
) -> pl.DataFrame:
    """The events of one campaign, those on duty with its prompts in place of the donors'.

    The prompt's length is exchanged in `input_tokens`; all other lengths, times and places stay. Where no text was
    logged, none is planted.
    """
    asked = frame.filter(duty)
    if not len(asked):
        return frame
    family = (
        random_templates.family(dials.number, material, seed)
        if dials.family == random_templates.NAME
        else families(None)[dials.family]
    )
    is_told, logs_systems = asked["words"].is_not_null(), bool(frame["system"].is_not_null().any())
    systems = _systems(asked, dials, family)
    numbers = reduce_prompts(_prompts(asked, dials, family, material, seed), keyring)
    longer = ((numbers["words"] - asked["words"]).fill_null(0) * TOKENS_PER_WORD).round().cast(pl.Int64)
    alone = pl.col("single") & pl.col("message_count").is_not_null()
    changed = asked.with_columns(
        *[pl.when(is_told).then(column).alias(column.name) for column in numbers],
        input_tokens=(asked["input_tokens"] + longer).clip(1),
        system=pl.when(is_told & logs_systems).then(keyring.key(pl.lit(systems), "system")),
        conversation=pl.when(~pl.col("single")).then("conversation"),
        message_count=pl.when(alone).then(pl.lit(1, pl.Int64)).otherwise("message_count"),
    )
    return pl.concat([frame.filter(~duty), changed.select(frame.columns)])


def _prompts(asked: pl.DataFrame, dials: Dials, family: Family, material: Material, seed: int) -> pl.Series:
    """The template in the account's, the day's or the request's wording, filled with seeds."""
    wrapper = Wrapper.of(family, dials.versions, np.random.default_rng([seed, 3, dials.number]))
    tactics = Tactics(versions=dials.versions, seeds=dials.seeds)
    operation = Operation(Campaign(dials.campaign, dials.family, tactics), family, wrapper, dials.number)
    no = asked["no"].to_numpy().astype(np.uint64)
    return fill(operation, _wordings(asked, no, dials), seeds_of(asked, dials, WHOLE, seed), material)


def _wordings(asked: pl.DataFrame, no: np.ndarray, dials: Dials) -> Ints:
    if dials.rotation == "request":
        return below(keyed(no, np.arange(len(asked), dtype=np.uint64), 8), dials.versions)
    own = below(keyed(no, 7), dials.versions)
    days = asked["day"].cast(pl.Int32).cast(pl.Int64).to_numpy() if dials.rotation == "day" else 0
    return np.asarray((own + days) % dials.versions, dtype=np.int64)


def _systems(asked: pl.DataFrame, dials: Dials, family: Family) -> pl.Series:
    """The family's system prompt, or none."""
    offered = pl.Series(family.system)
    chosen = offered.gather(below(keyed(np.full(len(asked), OWNERS + dials.number), 9), len(offered)))
    return pl.select(pl.when(asked["speaks"] & (chosen != "")).then(chosen)).to_series()
