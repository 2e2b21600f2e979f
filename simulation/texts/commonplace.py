"""Texts that unrelated honest accounts have in common: stock phrases, public test sets, and prompts of public tools.

In the conversations of chatbot_arena 28 % of the turns occur in more than one conversation ("hi", "hello", "continue",
"ty", popular riddles), in hh_harmless-base 2.5 %. By construction no account shares any other text.
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
_TOPICS = (
    "the moon;love;cats;dogs;black holes;the roman empire;photosynthesis;inflation;quantum computing;football;coffee;"
    "climate change;machine learning;the french revolution;blockchain;vaccines;gravity;dinosaurs;pizza;the internet;"
    "world war 2;evolution;chess;electric cars;the ocean;spring;time travel;sleep;recursion;docker"
).split(";")
_SETS = 4  # public test sets in use; assumed
_ITEMS = 500  # items of each that customers run; assumed
_FIRST_OWNER = 1 << 38  # owner of the first set; no account has such a number
_IN_SET = 0.6  # share of an account's requests, if it runs a public set; assumed
_TOOLS = 5  # public tools of a cohort, where such circulate: the n-th has 1/n times the users of the first; assumed
_FIRST_TOOL = 1 << 39  # owner of the first tool's prompt
_BY_TOOL = (0.5, 1.0)  # share of an account's requests that its tool sends, from and to; assumed


@cache
def stock_phrases() -> pl.Series:
    """List the phrases that everybody sends, the commonest first."""
    requests = [ask.format(topic) for ask in _ASKS for topic in _TOPICS]
    return pl.Series([*_WORDS, *requests], dtype=pl.String)


def is_stock(author: Ints, item: U64, share: Floats) -> Flags:
    """Whether each request is a stock phrase; `share` of them are, (n,)."""
    return np.asarray(unit(keyed(author, item, 432)) < share, dtype=bool)


def write_stock_phrases(author: Ints, item: U64) -> pl.Series:
    """Write a stock phrase for each request; the n-th is sent 1/n times as often as the first."""
    ranks = np.exp(unit(keyed(author, item, 431)) * np.log(len(stock_phrases()) + 1)) - 1
    return take(stock_phrases(), ranks.astype(np.int64).clip(0, len(stock_phrases()) - 1))


def with_public_items(owner: U64, item: U64, share: Floats) -> tuple[U64, U64]:
    """Replace owner and item by those of a public set, for `share` of the accounts, (n,)."""
    runs = (unit(keyed(owner, 433)) < share) & (unit(keyed(owner, item, 434)) < _IN_SET)
    chosen = _FIRST_OWNER + below(keyed(owner, 435), _SETS)
    public = below(keyed(owner, item, 436), _ITEMS)
    return np.where(runs, chosen, owner).astype(np.uint64), np.where(runs, public, item).astype(np.uint64)


def choose_tools(author: Ints, item: U64, cohort: Ints, share: Floats) -> Ints:
    """Choose the owner of the public tool's prompt that each request stands in; -1 for none.

    Args:
        author: who writes, (n,).
        item: the number of the text, (n,).
        cohort: of the author, (n,); each has tools of its own.
        share: of the accounts of the cohort that run one of its tools, (n,).
    """
    low, high = _BY_TOOL
    by_tool = low + (high - low) * unit(keyed(author, 441))
    runs = (unit(keyed(author, 437)) < share) & (unit(keyed(author, item, 438)) < by_tool)
    popularity = np.cumsum(1.0 / np.arange(1, _TOOLS + 1))
    rank = np.searchsorted(popularity, unit(keyed(author, 439)) * popularity[-1])
    return np.where(runs, _FIRST_TOOL + cohort * _TOOLS + rank, -1)
