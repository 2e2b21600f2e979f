"""A request becomes an event: the text is reduced, addresses and names become keys, and both are dropped."""

import polars as pl

from features.identity import Keyring, is_public_mail, parse_addresses
from features.schemas import AccountRows, Events, ReleaseRows
from features.text import CODES, KEYS, claims_vendor, clip_text, flag_bits, reduce_texts

_COUNTS = (
    "message_count",
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cached_tokens",
    "max_tokens",
    "tool_count",
    "status_code",
    "asn",
)
_TEXT_KEYS = ("words", *KEYS, *CODES, "topic")
_CONTENT = ("account_id", "timestamp", "model", "prompt", "system_prompt", "input_tokens", "output_tokens")


def is_blank(column: str) -> pl.Expr:
    """Empty, or white space only: a gateway's way to say that it has no id."""
    return pl.col(column).cast(pl.String).str.strip_chars() == ""


def request_key(keyring: Keyring) -> pl.Expr:
    """What tells requests apart: the request_id, or, where a gateway left it blank, account, time, model, texts and
    token counts.

    So a replay of a row without an id is a repeat, while two different requests without ids both stay.
    """
    content = pl.concat_str([pl.col(name).cast(pl.String).fill_null("\0") for name in _CONTENT], separator="\x1f")
    by_content = keyring.key(pl.when(is_blank("request_id")).then(content), "content")
    return by_content.fill_null(keyring.key(pl.col("request_id"), "request"))


def shape() -> pl.Expr:
    """What a request looks like from outside, coarsely: octaves of its tokens, turns and whether it offers tools."""
    counts = (pl.col(f"{side}_tokens").cast(pl.Int64) for side in ("input", "output"))
    asked, answered = ((count + 1).log(2).floor().cast(pl.Int64) for count in counts)
    turns = pl.col("message_count").cast(pl.Int64)
    of_turns = pl.when(turns <= 2).then(1).when(turns <= 8).then(2).when(turns > 8).then(3).otherwise(0)
    tools = (pl.col("tool_count") > 0).fill_null(False).cast(pl.Int64)
    return ((asked // 2 * 64 + answered) * 4 + of_turns) * 2 + tools


def to_events(requests: pl.DataFrame, keyring: Keyring, source: int) -> tuple[pl.DataFrame, int]:
    """Reduce valid requests to events.

    Args:
        requests: columns of `Requests` and `request_key`.
        keyring: the workspace's.
        source: short digest of the input file.

    Returns:
        The events (`Events`, same rows) and the number of malformed addresses, which became null.
    """
    network = parse_addresses(requests["client_address"])
    malformed = requests["client_address"].is_not_null() & network["address"].is_null()
    key = keyring.key
    frame = requests.hstack(network).hstack(reduce_prompts(requests["prompt"], keyring))
    frame = frame.hstack(reduce_system_prompts(requests["system_prompt"], keyring))
    events = frame.select(
        "request_key",
        pl.lit(source, pl.Int64).alias("source"),
        "timestamp",
        "account_id",
        "temperature",
        "stream",
        "finish_reason",
        *_TEXT_KEYS,
        "system_skeleton",
        pl.col("flags") | pl.col("system_flags").fill_null(0),
        *[pl.col(name).cast(pl.Int64) for name in _COUNTS],
        day=pl.col("timestamp").dt.date(),
        shape=shape(),
        api_key=key(pl.col("api_key_id"), "api_key"),
        channel=key(pl.col("channel"), "channel"),
        conversation=key(pl.col("conversation_id"), "conversation"),
        country=key(pl.col("country"), "country"),
        agent=key(pl.col("user_agent"), "agent"),
        tls=key(pl.col("tls_ja4"), "tls"),
        **network_keys(keyring),
        system=key(pl.col("system_prompt"), "system"),
    )
    return Events.validate(events.select(Events.column_names()), cast=True), int(malformed.sum())


def network_keys(keyring: Keyring) -> dict[str, pl.Expr]:
    """The keys of what a request was sent from and to: from its parsed address, its client and its model."""
    client = pl.concat_str(pl.col("user_agent"), pl.col("tls_ja4"), separator="\x1f")
    return {
        "model": keyring.key(pl.col("model"), "model"),
        "address": keyring.key(pl.col("address"), "address"),
        "subnet": keyring.key(pl.col("subnet"), "subnet"),
        "client": keyring.key(client, "client"),
    }


def instrument_keys(keyring: Keyring) -> dict[str, pl.Expr]:
    """The keys of what an account registered with: its mail's domain, its instrument and its parsed address."""
    return {
        "mail_domain": keyring.key(pl.col("email_domain").str.to_lowercase(), "mail_domain"),
        "payment": keyring.key(pl.col("payment_fingerprint"), "payment"),
        "signup_address": keyring.key(pl.col("address"), "address"),
        "signup_subnet": keyring.key(pl.col("subnet"), "subnet"),
    }


def reduce_prompts(prompts: pl.Series, keyring: Keyring) -> pl.DataFrame:
    """Reduce prompts to `words`, `KEYS`, `CODES`, `topic` and `flags`; nothing else of them is stored."""
    clipped = prompts.rename("prompt").to_frame().select(clip_text(pl.col("prompt")))
    numbers = reduce_texts(clipped["prompt"], keyring.text)
    return numbers.hstack(clipped.select(flags=flag_bits(pl.col("prompt")).cast(pl.Int64))).with_columns(
        pl.col("words").cast(pl.Int64), pl.col("topic").arr.to_list()
    )


def reduce_system_prompts(systems: pl.Series, keyring: Keyring) -> pl.DataFrame:
    """Reduce system prompts to `system_skeleton` and `system_flags`, stored beside their keys.

    Many requests carry the same one, so each is read once.
    """
    distinct = systems.rename("text").unique().to_frame().with_columns(clipped=clip_text(pl.col("text")))
    numbers = reduce_texts(distinct["clipped"], keyring.text)
    reduced = distinct.select(
        "text",
        pl.lit(numbers["skeleton"]).alias("system_skeleton"),
        system_flags=claims_vendor(pl.col("clipped")).cast(pl.Int64),
    )
    return systems.rename("text").to_frame().join(reduced, on="text", how="left", maintain_order="left").drop("text")


def to_account_rows(accounts: pl.DataFrame, keyring: Keyring) -> tuple[pl.DataFrame, int]:
    """Reduce valid account rows (`Accounts`) to `AccountRows`; also the number of malformed addresses.

    Beside its columns stands `is_dated`: whether a row says since when it holds. One that does not has the time of the
    account's creation.
    """
    network = parse_addresses(accounts["signup_address"])
    malformed = accounts["signup_address"].is_not_null() & network["address"].is_null()
    domain = pl.col("email_domain").str.to_lowercase()
    rows = accounts.hstack(network).select(
        "account_id",
        "created_at",
        "plan",
        "programme",
        valid_from=pl.max_horizontal("created_at", "updated_at"),
        organization=keyring.key(pl.col("organization_id"), "organization"),
        public_mail=is_public_mail(domain),
        **instrument_keys(keyring),
        billing_country=keyring.key(pl.col("billing_country"), "country"),
    )
    checked = AccountRows.validate(rows.select(AccountRows.column_names()))
    return checked.with_columns(is_dated=accounts["updated_at"].is_not_null()), int(malformed.sum())


def to_release_rows(releases: pl.DataFrame, keyring: Keyring) -> pl.DataFrame:
    """Reduce valid rows of `Releases` to `ReleaseRows`: models have the keys that events have for them."""
    rows = releases.select("released_at", model=keyring.key(pl.col("model"), "model"))
    return ReleaseRows.validate(rows.select(ReleaseRows.column_names()))
