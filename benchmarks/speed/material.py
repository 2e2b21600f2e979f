"""Requests of a stated size for throughput measurements: honest volumes, prompts of 400 characters on average."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from features.schemas import Accounts, Requests

START = datetime(2026, 5, 1, tzinfo=UTC)
DAYS = 28
END = START + timedelta(days=DAYS)
_WORDS = 4_000
_CHARACTERS = 400


def requests(rows: int, accounts: int, seed: int = 0, spread: float = 0.0) -> pl.DataFrame:
    """`Requests` over 28 days; each account has a handful of beginnings, two addresses and one client.

    `spread` is the standard deviation of the logarithm of the accounts' rates, which no seed changes; 0: all alike.
    """
    rng = np.random.default_rng(seed)
    if spread:
        rates = np.random.default_rng(accounts).lognormal(0.0, spread, accounts)
        account = rng.choice(accounts, rows, p=rates / rates.sum())
    else:
        account = rng.integers(0, accounts, rows)
    seconds = np.sort(rng.integers(0, DAYS * 86_400 * 1_000_000, rows))
    number = pl.Series(account)
    frame = pl.DataFrame({
        "request_id": pl.Series(np.arange(rows)).cast(pl.String),
        "timestamp": pl.Series(seconds + int(START.timestamp()) * 1_000_000).cast(pl.Datetime("us", "UTC")),
        "account_id": "account-" + number.cast(pl.String).str.zfill(9),
        "api_key_id": "key-" + number.cast(pl.String),
        "channel": pl.Series(np.array(["api", "web", "cloud:x"])[account % 3]),
        "model": pl.Series(np.array(["large", "small"])[rng.integers(0, 2, rows)]),
        "conversation_id": pl.Series(rng.integers(0, rows, rows)).cast(pl.String),
        "message_count": rng.integers(1, 9, rows),
        "system_prompt": pl.Series(np.array(["", "You are a helpful assistant."])[account % 2]).replace("", None),
        "prompt": _prompts(rng, account),
        "input_tokens": rng.integers(5, 4_000, rows),
        "output_tokens": rng.integers(1, 2_000, rows),
        "reasoning_tokens": rng.integers(0, 500, rows),
        "cached_tokens": rng.integers(0, 500, rows),
        "max_tokens": rng.integers(100, 4_000, rows),
        "temperature": rng.random(rows),
        "stream": rng.random(rows) < 0.5,
        "tool_count": rng.integers(0, 3, rows),
        "finish_reason": "stop",
        "status_code": 200,
        "client_address": _addresses(account, rng.integers(0, 2, rows)),
        "asn": account % 500,
        "country": pl.Series(np.array(["US", "DE", "IN", "BR"])[account % 4]),
        "user_agent": "client/" + pl.Series(account % 50).cast(pl.String),
        "tls_ja4": "t13d" + pl.Series(account % 70).cast(pl.String),
    }, strict=False)  # fmt: skip
    return frame.select(pl.col(name).cast(column.dtype) for name, column in Requests.columns().items())


def _addresses(account: np.ndarray, host: np.ndarray) -> pl.Series:
    parts = [account // 65_536 % 200 + 1, account // 256 % 256, account % 256, host + 1]
    return pl.DataFrame({str(i): part for i, part in enumerate(parts)}).select(
        pl.concat_str(pl.all().cast(pl.String), separator=".")
    ).to_series()  # fmt: skip


def _prompts(rng: np.random.Generator, account: np.ndarray) -> pl.Series:
    """Sentences of made-up words, cut from one long text at random places, after one of the account's beginnings."""
    letters = np.array(list("aeiounrstlmdkpbg"))
    words = ["".join(rng.choice(letters, rng.integers(2, 11))) for _ in range(_WORDS)]
    text = " ".join(rng.choice(words, 200_000))
    places = pl.Series(rng.integers(0, len(text) - 2 * _CHARACTERS, len(account)))
    lengths = pl.Series(rng.integers(_CHARACTERS // 4, _CHARACTERS * 7 // 4, len(account)))
    whole = pl.DataFrame(
        {"at": places, "length": lengths, "who": account % 5_000 * 4 + rng.integers(0, 4, len(account))}
    )
    return whole.select(
        "Task " + pl.col("who").cast(pl.String) + ": " + pl.lit(text).str.slice(pl.col("at"), pl.col("length"))
    ).to_series()  # fmt: skip


def registered_accounts(count: int, seed: int = 0) -> pl.DataFrame:
    """`Accounts` that go with `requests`."""
    rng = np.random.default_rng(seed)
    number = pl.Series(np.arange(count))
    created = int(START.timestamp()) * 1_000_000 - rng.integers(0, 300 * 86_400 * 1_000_000, count)
    frame = pl.DataFrame({
        "account_id": "account-" + number.cast(pl.String).str.zfill(9),
        "created_at": pl.Series(created).cast(pl.Datetime("us", "UTC")),
        "plan": pl.Series(np.array(["free", "pro", "team"])[rng.integers(0, 3, count)]),
        "organization_id": "org-" + (number // 20).cast(pl.String),
        "programme": pl.Series([None] * count, dtype=pl.String),
        "email_domain": pl.Series(np.array(["gmail.com", "example.org"])[rng.integers(0, 2, count)]),
        "payment_fingerprint": "card-" + number.cast(pl.String),
        "signup_address": _addresses(np.arange(count), np.zeros(count, dtype=np.int64)),
        "billing_country": "US",
    }, strict=False)  # fmt: skip
    types = {name: column.dtype for name, column in Accounts.columns().items()}
    return frame.select(pl.col(name).cast(types[name]) for name in frame.columns)


def write(folder: Path, rows: int, count: int, spread: float = 0.0, files: int = 7) -> None:
    """Some requests files of as many days each, and the accounts; `spread` as of `requests`."""
    (folder / "requests").mkdir(parents=True)
    everything = requests(rows, count, spread=spread)
    size = -(-rows // files)
    for i in range(files):
        everything[i * size : (i + 1) * size].write_parquet(folder / "requests" / f"{i}.parquet")
    registered_accounts(count).write_parquet(folder / "accounts.parquet")
