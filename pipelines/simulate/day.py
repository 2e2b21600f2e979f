"""The requests of one day: when, what, how long, from where; all accounts at once."""

import numpy as np
import polars as pl

from pipelines.simulate.arrivals import Moments, arrivals
from pipelines.simulate.codes import Floats
from pipelines.simulate.lengths import draw
from pipelines.simulate.traffic import Texts, requests
from pipelines.simulate.world import World
from pipelines.simulate.writing import prompts, systems


def make_day(world: World, day: int) -> pl.DataFrame:
    """The contract's table of requests of the day (counted from 0), by time."""
    rng = np.random.default_rng([world.seed, 6, day])
    moments = arrivals(world, day, rng)
    context, answer = _tokens(world, moments, rng)
    texts = Texts(prompts(world, moments, day), systems(world, moments), context, answer)
    return requests(world, day, moments, texts, rng).sort("timestamp", "request_id")


def _tokens(world: World, moments: Moments, rng: np.random.Generator) -> tuple[Floats, Floats]:
    accounts, account = world.accounts, moments.account
    kind = np.where(moments.serving, accounts.duty_lengths[account], accounts.lengths[account])
    return draw(kind, world.pairs, rng)
