"""Make the table of requests: ids, tokens, channel, client, address and status beside times and texts."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulation.accounts import CHANNELS, DrawnAccounts, draw_networks
from simulation.constants import assumed
from simulation.constants.assumed import MODEL_NAMES, WEAKEST
from simulation.draws import U64, Flags, Floats, Ints, below, ids, keyed, take, unit
from simulation.traffic.arrivals import Moments, in_class
from simulation.traffic.infrastructure import COUNTRIES, client_table, draw_countries, draw_origins, write_addresses
from simulation.traffic.lengths import CACHED, CHARS_PER_TOKEN
from simulation.world import World

WINDOW = 200_000.0  # most tokens of context that the models take; assumed

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
    """Prompts, system prompts, and tokens of context and answer, per request."""

    prompt: pl.Series
    system: pl.Series
    context: Floats
    answer: Floats
    whole: Flags  # whether context includes the tokens of the texts


def account_ids(number: Ints, seed: int) -> pl.Series:
    """Turn account numbers into account ids."""
    return ids(keyed(number, 420, seed), "acct_")


def make_requests(
    world: World, day_part: tuple[int, int], moments: Moments, texts: Texts, rng: np.random.Generator
) -> pl.DataFrame:
    """Make the contract's table of requests from the moments and texts of a day's part, in the same order."""
    day, part = day_part
    accounts, account = world.accounts, moments.account
    zero = int(world.start.timestamp() * 1e6)
    session = keyed(accounts.number[account], day, moments.session, 421, world.seed)
    channel = accounts.channel[account]
    bare = np.asarray(moments.when >= accounts.blanks[account], dtype=bool)
    web = np.array([name == "web" for name in CHANNELS])[channel]
    talks = web | (unit(keyed(session, 2)) < accounts.conversation_share[account])
    key = keyed(accounts.number[account], below(session, accounts.api_keys[account]), 423, world.seed)
    columns: dict[str, pl.Series] = {
        "request_id": ids(keyed(day, part, np.arange(len(account)), 422, world.seed), "req_"),
        "timestamp": pl.Series(zero + (moments.when * 86_400e6).astype(np.int64)).cast(pl.Datetime("us", "UTC")),
        "account_id": take(account_ids(accounts.number, world.seed), account),
        "channel": take(pl.Series(CHANNELS), channel),
        "conversation_id": null_unless(ids(session, "conv_"), talks & ~bare),
        "message_count": pl.Series(np.where(talks, 2 * moments.position + 1, 1)),
        "prompt": texts.prompt,
        "system_prompt": texts.system,
        "stream": pl.Series(accounts.is_streaming[account] | web),
        "temperature": pl.Series(np.where(web, np.nan, accounts.temperature[account])).fill_nan(None),
        "api_key_id": null_unless(ids(key, "key_"), ~web & ~bare),
        **_client_columns(accounts, account, bare),
        **_address_columns(world, day, account, session),
        **_draw_usage(world, moments, texts, web, rng),
    }
    return pl.DataFrame(columns).select(pl.col(name).cast(dtype) for name, dtype in REQUESTS.items())


def null_unless(values: pl.Series, is_valid: Flags) -> pl.Series:
    """Set values to null where they are not valid."""
    return pl.select(pl.when(pl.lit(pl.Series(is_valid))).then(pl.lit(values))).to_series()


def detach(rows: pl.DataFrame) -> pl.DataFrame:
    """Copy rows so that they hold no memory of the table that they come from.

    Otherwise the strings of a few rows would keep those of the whole table alive.
    """
    return pl.DataFrame(pl.from_arrow(rows.to_arrow(compat_level=pl.CompatLevel.oldest())))


def _client_columns(accounts: DrawnAccounts, account: Ints, bare: Flags) -> dict[str, pl.Series]:
    agents, prints, _ = client_table()
    rows = accounts.client[account]
    return {
        "user_agent": null_unless(take(agents, np.maximum(rows, 0)), (rows >= 0) & ~bare),
        "tls_ja4": null_unless(take(prints, np.maximum(rows, 0)), (rows >= 0) & ~bare),
    }


def _address_columns(world: World, day: int, account: Ints, session: U64) -> dict[str, pl.Series]:
    """Choose an address for each session: one of the account's, the classroom's, or one of the campaign's own."""
    accounts = world.accounts
    in_pool = accounts.pool_owner[account] > 0
    slot = below(keyed(session, 1), np.where(in_pool, accounts.pool_addresses[account], accounts.slots[account]))
    slot = np.where(in_class(world, day)[account], 0, slot)
    holder = np.where(in_pool, accounts.pool_owner[account], accounts.address_holder[account])
    key = keyed(holder, slot, np.where(accounts.rotates[account], day, 0), 424, world.seed)
    kinds = np.where(slot == 0, accounts.networks[account], accounts.elsewhere[account])
    country = accounts.country[account]
    if in_pool.any():
        kinds = _pooled_kinds(world, account, slot, kinds)
        country = np.where(in_pool, draw_countries(keyed(holder, 406, world.seed)), country)
    drawn = draw_origins(kinds, country, key)
    return {
        "client_address": write_addresses(drawn.number, drawn.v6),
        "asn": pl.Series(drawn.asn),
        "country": take(pl.Series(list(COUNTRIES)), drawn.country),
    }


def _pooled_kinds(world: World, account: Ints, slot: Ints, kinds: Ints) -> Ints:
    """The kinds of network; those of a campaign's own addresses depend on the address, not on the account."""
    kinds = kinds.copy()
    for operation in world.operations:
        rows = np.flatnonzero(world.accounts.pool_owner[account] == operation.owner)
        weights = operation.campaign.tactics.networks or assumed.POOLED
        kinds[rows] = draw_networks(dict(weights), np.full(len(rows), operation.owner), slot[rows], world.seed)
    return kinds


def _draw_usage(
    world: World, moments: Moments, texts: Texts, web: Flags, rng: np.random.Generator
) -> dict[str, pl.Series]:
    """Draw model, tokens, tools, finish reason and status."""
    accounts, account, size = world.accounts, moments.account, len(moments.account)
    model = np.where(moments.when >= accounts.adopts[account], len(MODEL_NAMES) - 1, accounts.model[account])
    model = np.where(moments.when >= accounts.retreats[account], WEAKEST, model)
    status = _draw_status(world, moments, rng)
    good = status == 200
    chars = (texts.prompt.str.len_chars().fill_null(0) + texts.system.str.len_chars().fill_null(0)).to_numpy()
    text_tokens = np.maximum(1.0, chars / CHARS_PER_TOKEN * rng.normal(1.0, 0.06, size).clip(0.7, 1.4))
    grown = texts.context * (1.0 + 0.35 * np.minimum(moments.position, 12))
    context = np.where(texts.whole, np.maximum(texts.context - text_tokens, 0.0), grown).clip(0.0, WINDOW)
    answer = np.maximum(1.0, texts.answer)
    reasons = np.array(assumed.REASONING)[model]
    thought = answer * reasons * rng.uniform(0.5, 2.5, size)
    limit = np.where(web, 0, accounts.answer_limit[account])
    cut = (limit > 0) & (answer + thought > limit)
    total = np.where(cut, limit, answer + thought)
    tools = np.where(
        moments.serving & ~accounts.keeps_disguise[account], accounts.duty_tools[account], accounts.tools[account]
    )
    called = (tools > 0) & (rng.random(size) < assumed.CALLING)
    finish = np.select([~good, cut, called, rng.random(size) < assumed.FILTERED], [4, 1, 2, 3], 0)
    cached = np.where(good, context * CACHED[accounts.lengths[account]] * rng.beta(20.0, 1.0, size), 0.0)
    cached = np.where(moments.serving & ~accounts.keeps_disguise[account], 0.0, cached)
    reasoned = pl.Series(np.where(good, np.minimum(thought, total), 0).astype(np.int64))
    return {
        "model": take(pl.Series(MODEL_NAMES), model),
        "status_code": pl.Series(status),
        "tool_count": pl.Series(tools),
        "input_tokens": pl.Series((text_tokens + context).astype(np.int64)),
        "output_tokens": pl.Series(np.where(good, total, 0).astype(np.int64)),
        "reasoning_tokens": null_unless(reasoned, reasons > 0.0),
        "cached_tokens": pl.Series(cached.astype(np.int64)),
        "max_tokens": null_unless(pl.Series(limit), limit > 0),
        "finish_reason": take(pl.Series(["stop", "length", "tool_calls", "content_filter", None]), finish),
    }


def _draw_status(world: World, moments: Moments, rng: np.random.Generator) -> Ints:
    """Draw the status: 403 while banned, 429 as often as the account hits its limits, rarely 500, else 200."""
    account, size = moments.account, len(moments.account)
    banned, restored = world.enforcement.banned[account], world.enforcement.restored[account]
    out = (moments.when > banned) & ~(moments.when > restored)
    hurried = rng.random(size) < world.accounts.throttled[account]
    return np.select([out, hurried, rng.random(size) < assumed.FAILED], [403, 429, 500], 200)
