"""Make the requests of one day for all accounts at once: when, what, how long, from where."""

import numpy as np
import polars as pl

from simulation.draws import Flags, Floats
from simulation.texts.writing import write_prompts, write_system_prompts
from simulation.traffic.arrivals import Moments, draw_arrivals
from simulation.traffic.columns import Texts, make_requests
from simulation.traffic.lengths import draw_lengths
from simulation.world import World


def make_day(world: World, day: int, part: int = 0) -> pl.DataFrame:
    """Make the table of requests of all sessions that begin on the day, sorted by time.

    Args:
        world: the world, or a part of it (`World.part`).
        day: counted from 0.
        part: number of the part; parts draw different numbers.
    """
    rng = np.random.default_rng([world.seed, 6, day, part])
    moments = draw_arrivals(world, day, rng)
    prompts = write_prompts(world, moments, day)
    context, answer, whole = _draw_tokens(world, moments, rng)
    system = write_system_prompts(world, moments)
    texts = Texts(prompt=prompts, system=system, context=context, answer=answer, whole=whole)
    return make_requests(world, (day, part), moments, texts, rng).sort("timestamp", "request_id")


def _draw_tokens(world: World, moments: Moments, rng: np.random.Generator) -> tuple[Floats, Floats, Flags]:
    """Draw the tokens of context and answer, and whether the context includes the visible text.

    The answer's length depends on what is asked for, the context's on the account's habit.
    """
    accounts, account = world.accounts, moments.account
    duty = world.duty_lengths[moments.campaign]
    context, answer, whole = draw_lengths(accounts.lengths[account], world.pairs, rng)
    duty_context, duty_answer, duty_whole = draw_lengths(np.where(moments.serving, duty, 0), world.pairs, rng)
    foreign = moments.serving & ~accounts.keeps_disguise[account]
    depth, brevity = (
        np.where(moments.serving & accounts.is_dealt[account], 1.0, habit[account])
        for habit in (accounts.depth, accounts.brevity)
    )
    context = np.where(foreign, duty_context, context) * depth
    answer = np.where(moments.serving, duty_answer, answer) * brevity
    return context, answer, np.where(foreign, duty_whole, whole)
