"""The requests of one day: when, what, how long, from where; all accounts at once."""

import numpy as np
import polars as pl

from simulation.draws import Flags, Floats
from simulation.texts.writing import prompts, systems
from simulation.traffic.arrivals import Moments, arrivals
from simulation.traffic.columns import Texts, requests
from simulation.traffic.lengths import draw
from simulation.world import World


def make_day(world: World, day: int, part: int = 0) -> pl.DataFrame:
    """The contract's table of requests of sessions that begin on the day (counted from 0), by time.

    `part` numbers the part of a larger world that `world` is: parts draw different numbers.
    """
    rng = np.random.default_rng([world.seed, 6, day, part])
    moments = arrivals(world, day, rng)
    texts = Texts(prompts(world, moments, day), systems(world, moments), *_tokens(world, moments, rng))
    return requests(world, (day, part), moments, texts, rng).sort("timestamp", "request_id")


def _tokens(world: World, moments: Moments, rng: np.random.Generator) -> tuple[Floats, Floats, Flags]:
    """Tokens of context and answer, and whether the first hold the visible text.

    Answers are as long as what is asked for wants them, context as the account's habit is.
    """
    accounts, account = world.accounts, moments.account
    duty = world.duty_lengths[moments.campaign]
    context, answer, whole = draw(accounts.lengths[account], world.pairs, rng)
    duty_context, duty_answer, duty_whole = draw(np.where(moments.serving, duty, 0), world.pairs, rng)
    foreign = moments.serving & ~accounts.plain[account]
    context = np.where(foreign, duty_context, context) * accounts.depth[account]
    answer = np.where(moments.serving, duty_answer, answer) * accounts.brevity[account]
    return context, answer, np.where(foreign, duty_whole, whole)
