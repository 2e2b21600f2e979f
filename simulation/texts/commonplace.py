"""What unrelated honest accounts do send alike: stock phrases, and the items of public test sets.

In the conversations of chatbot_arena 28 % of the turns stand in more than one conversation ("hi", "hello", "continue",
"ty", popular riddles), in hh_harmless-base 2.5 %. Everything else is an account's own by construction.
"""

from functools import cache

import numpy as np
import polars as pl

from simulation.draws import U64, Flags, Floats, Ints, below, keyed, take, unit

_WORDS = (
    "hi;hello;Hello;Hi;continue;Continue;ty;thanks;Thank you;yes;no;ok;Go on.;go on;test;Yes, please.;why?;how?;more;"
    "Hi, how are you?;hello, who are you?;What can you do?;are you there?;try again;fix it;run the tests;"
    "explain this;summarize;make it shorter;make it longer;in english please;give me an example;that is wrong;"
    "now in python;add comments;yes, do that;commit this;still failing;same error;"
    "undo that;now add tests;go ahead;why does this not work?;what is the meaning of life?;tell me a joke;"
    "how many r are in strawberry?;which is bigger, 9.11 or 9.9?;what is 2+2?;who won the world cup?;"
    "你好;继续;谢谢;请用中文回答;hola;bonjour;danke;hallo;ciao;नमस्ते"
).split(";")
_ASKS = (
    "write a poem about {};tell me about {};what is {}?;explain {} to a five year old;write a short story about {};"
    "give me ten facts about {};who invented {}?;write an essay about {}"
).split(";")
_THINGS = (
    "the moon;love;cats;dogs;black holes;the roman empire;photosynthesis;inflation;quantum computing;football;coffee;"
    "climate change;machine learning;the french revolution;blockchain;vaccines;gravity;dinosaurs;pizza;the internet;"
    "world war 2;evolution;chess;electric cars;the ocean;spring;time travel;sleep;recursion;docker"
).split(";")
_SETS = 4  # public test sets in use
_ITEMS = 500  # items of each that customers run
_FIRST_OWNER = 1 << 38  # of the sets: no account has such a number
_IN_SET = 0.6  # of the requests of an account that runs a public set


@cache
def stock() -> pl.Series:
    """Phrases that everybody sends, the commonest first."""
    asked = [ask.format(thing) for ask in _ASKS for thing in _THINGS]
    return pl.Series([*_WORDS, *asked], dtype=pl.String)


def is_stock(author: Ints, item: U64, share: Floats) -> Flags:
    """Whether each request is a stock phrase: `share` of them, (n,)."""
    return np.asarray(unit(keyed(author, item, 432)) < share, dtype=bool)


def phrases(author: Ints, item: U64) -> pl.Series:
    """A stock phrase for each request. Ranks are log-uniform: the n-th is sent 1/n times as often as the first."""
    ranks = np.exp(unit(keyed(author, item, 431)) * np.log(len(stock()) + 1)) - 1
    return take(stock(), ranks.astype(np.int64).clip(0, len(stock()) - 1))


def in_public_set(owner: U64, item: U64, share: Floats) -> tuple[U64, U64]:
    """Owner and item of each text: those of a public set for `share` of the accounts, (n,), else as they were."""
    runs = (unit(keyed(owner, 433)) < share) & (unit(keyed(owner, item, 434)) < _IN_SET)
    chosen = _FIRST_OWNER + below(keyed(owner, 435), _SETS)
    public = below(keyed(owner, item, 436), _ITEMS)
    return np.where(runs, chosen, owner).astype(np.uint64), np.where(runs, public, item).astype(np.uint64)
