"""The remaining columns of requests: ids, tokens, channel, client, address, status."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulation.accounts import CHANNELS, DrawnAccounts, networks_of
from simulation.constants import assumed
from simulation.constants.assumed import MODEL_NAMES, WEAKEST
from simulation.draws import U64, Flags, Floats, Ints, below, ids, keyed, take, unit
from simulation.traffic.arrivals import Moments, in_class
from simulation.traffic.infrastructure import COUNTRIES, client_table, countries, origins, write_addresses
from simulation.traffic.lengths import CACHED, CHARS_PER_TOKEN
from simulation.world import World

WINDOW = 200_000.0  # tokens of context that the models take

REQUESTS: dict[str, pl.DataType] = {
    "request_id": pl.String(),
    "timestamp": pl.Datetime("us", "UTC"),
    "account_id": pl.String(),
    "api_key_id": pl.String(),
    "channel": pl.String(),
    "model": pl.String(),
    "conversation_id": pl.String(),
    "message_count": pl.UInt32(),
    "system_prompt": pl.String(),
    "prompt": pl.String(),
    "input_tokens": pl.UInt32(),
    "output_tokens": pl.UInt32(),
    "reasoning_tokens": pl.UInt32(),
    "cached_tokens": pl.UInt32(),
    "max_tokens": pl.UInt32(),
    "temperature": pl.Float32(),
    "stream": pl.Boolean(),
    "tool_count": pl.UInt16(),
    "finish_reason": pl.String(),
    "status_code": pl.UInt16(),
    "client_address": pl.String(),
    "asn": pl.UInt32(),
    "country": pl.String(),
    "user_agent": pl.String(),
    "tls_ja4": pl.String(),
}


@dataclass(frozen=True, slots=True)
class Texts:
    """Prompts, system prompts, and tokens of context and answer, row by row."""

    prompt: pl.Series
    system: pl.Series
    context: Floats
    answer: Floats
    whole: Flags  # context holds the tokens of the texts


def account_ids(no: Ints, seed: int) -> pl.Series:
    """Account ids of account numbers."""
    return ids(keyed(no, 420, seed), "acct_")


def requests(
    world: World, day_part: tuple[int, int], moments: Moments, texts: Texts, rng: np.random.Generator
) -> pl.DataFrame:
    """The contract's table of requests for the moments and texts of a day's part, in the same order."""
    day, part = day_part
    accounts, account = world.accounts, moments.account
    zero = int(world.start.timestamp() * 1e6)
    session = keyed(accounts.no[account], day, moments.session, 421, world.seed)
    channel = accounts.channel[account]
    bare = np.asarray(moments.when >= accounts.blanks[account], dtype=bool)
    web = np.array([name == "web" for name in CHANNELS])[channel]
    talks = web | (unit(keyed(session, 2)) < accounts.talks[account])
    key = keyed(accounts.no[account], below(session, accounts.keys[account]), 423, world.seed)
    columns: dict[str, pl.Series] = {
        "request_id": ids(keyed(day, part, np.arange(len(account)), 422, world.seed), "req_"),
        "timestamp": pl.Series(zero + (moments.when * 86_400e6).astype(np.int64)).cast(pl.Datetime("us", "UTC")),
        "account_id": take(account_ids(accounts.no, world.seed), account),
        "channel": take(pl.Series(CHANNELS), channel),
        "conversation_id": kept(ids(session, "conv_"), talks & ~bare),
        "message_count": pl.Series(np.where(talks, 2 * moments.place + 1, 1)),
        "prompt": texts.prompt,
        "system_prompt": texts.system,
        "stream": pl.Series(accounts.streams[account] | web),
        "temperature": pl.Series(np.where(web, np.nan, accounts.temperature[account])).fill_nan(None),
        "api_key_id": kept(ids(key, "key_"), ~web & ~bare),
        **_client(accounts, account, bare),
        **_address(world, day, account, session),
        **_usage(world, moments, texts, web, rng),
    }
    return pl.DataFrame(columns).select(pl.col(name).cast(dtype) for name, dtype in REQUESTS.items())


def kept(values: pl.Series, keep: Flags) -> pl.Series:
    """The values, null where they are not kept."""
    return pl.select(pl.when(pl.lit(pl.Series(keep))).then(pl.lit(values))).to_series()


def detach(rows: pl.DataFrame) -> pl.DataFrame:
    """A copy that holds none of the memory of the table that the rows were taken from.

    The strings of a few rows would otherwise keep those of all of it.
    """
    return pl.DataFrame(pl.from_arrow(rows.to_arrow(compat_level=pl.CompatLevel.oldest())))


def _client(accounts: DrawnAccounts, account: Ints, bare: Flags) -> dict[str, pl.Series]:
    agents, prints, _ = client_table()
    rows = accounts.client[account]
    return {
        "user_agent": kept(take(agents, np.maximum(rows, 0)), (rows >= 0) & ~bare),
        "tls_ja4": kept(take(prints, np.maximum(rows, 0)), (rows >= 0) & ~bare),
    }


def _address(world: World, day: int, account: Ints, session: U64) -> dict[str, pl.Series]:
    """One of the account's addresses for each session: a class's room, or the campaign's own for its residents."""
    accounts = world.accounts
    at_home = accounts.resident[account] > 0
    slot = below(keyed(session, 1), np.where(at_home, accounts.pool[account], accounts.slots[account]))
    slot = np.where(in_class(world, day)[account], 0, slot)
    holder = np.where(at_home, accounts.resident[account], accounts.place[account])
    key = keyed(holder, slot, np.where(accounts.rotates[account], day, 0), 424, world.seed)
    kinds = np.where(slot == 0, accounts.networks[account], accounts.elsewhere[account])
    country = accounts.country[account]
    if at_home.any():
        kinds = _pooled_kinds(world, account, slot, kinds)
        country = np.where(at_home, countries(keyed(holder, 406, world.seed)), country)
    drawn = origins(kinds, country, key)
    return {
        "client_address": write_addresses(drawn.number, drawn.v6),
        "asn": pl.Series(drawn.asn),
        "country": take(pl.Series(list(COUNTRIES)), drawn.country),
    }


def _pooled_kinds(world: World, account: Ints, slot: Ints, kinds: Ints) -> Ints:
    """The kinds of network, of campaigns' own addresses as the address has it, whoever uses it."""
    kinds = kinds.copy()
    for operation in world.operations:
        rows = np.flatnonzero(world.accounts.resident[account] == operation.owner)
        weights = operation.campaign.tactics.networks or assumed.POOLED
        kinds[rows] = networks_of(dict(weights), np.full(len(rows), operation.owner), slot[rows], world.seed)
    return kinds


def _usage(world: World, moments: Moments, texts: Texts, web: Flags, rng: np.random.Generator) -> dict[str, pl.Series]:
    """Model, tokens, tools, finish reason and status."""
    accounts, account, size = world.accounts, moments.account, len(moments.account)
    model = np.where(moments.when >= accounts.adopts[account], len(MODEL_NAMES) - 1, accounts.model[account])
    model = np.where(moments.when >= accounts.retreats[account], WEAKEST, model)
    status = _status(world, moments, rng)
    good = status == 200
    chars = (texts.prompt.str.len_chars().fill_null(0) + texts.system.str.len_chars().fill_null(0)).to_numpy()
    told = np.maximum(1.0, chars / CHARS_PER_TOKEN * rng.normal(1.0, 0.06, size).clip(0.7, 1.4))
    grown = texts.context * (1.0 + 0.35 * np.minimum(moments.place, 12))
    context = np.where(texts.whole, np.maximum(texts.context - told, 0.0), grown).clip(0.0, WINDOW)
    answer = np.maximum(1.0, texts.answer)
    reasons = np.array(assumed.REASONING)[model]
    thought = answer * reasons * rng.uniform(0.5, 2.5, size)
    limit = np.where(web, 0, accounts.limit[account])
    cut = (limit > 0) & (answer + thought > limit)
    total = np.where(cut, limit, answer + thought)
    tools = np.where(moments.serving & ~accounts.plain[account], accounts.duty_tools[account], accounts.tools[account])
    called = (tools > 0) & (rng.random(size) < assumed.CALLING)
    finish = np.select([~good, cut, called, rng.random(size) < assumed.FILTERED], [4, 1, 2, 3], 0)
    cached = np.where(good, context * CACHED[accounts.lengths[account]] * rng.beta(20.0, 1.0, size), 0.0)
    cached = np.where(moments.serving & ~accounts.plain[account], 0.0, cached)
    reasoned = pl.Series(np.where(good, np.minimum(thought, total), 0).astype(np.int64))
    return {
        "model": take(pl.Series(MODEL_NAMES), model),
        "status_code": pl.Series(status),
        "tool_count": pl.Series(tools),
        "input_tokens": pl.Series((told + context).astype(np.int64)),
        "output_tokens": pl.Series(np.where(good, total, 0).astype(np.int64)),
        "reasoning_tokens": kept(reasoned, reasons > 0.0),
        "cached_tokens": pl.Series(cached.astype(np.int64)),
        "max_tokens": kept(pl.Series(limit), limit > 0),
        "finish_reason": take(pl.Series(["stop", "length", "tool_calls", "content_filter", None]), finish),
    }


def _status(world: World, moments: Moments, rng: np.random.Generator) -> Ints:
    """403 while banned, 429 as often as the account runs into its limits, rarely 500, else 200."""
    account, size = moments.account, len(moments.account)
    banned, restored = world.verdicts.banned[account], world.verdicts.restored[account]
    out = (moments.when > banned) & ~(moments.when > restored)
    hurried = rng.random(size) < world.accounts.throttled[account]
    return np.select([out, hurried, rng.random(size) < assumed.FAILED], [403, 429, 500], 200)
