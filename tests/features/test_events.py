"""Requests and registrations without what must not be stored."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from features.events import request_key, to_account_rows, to_events, to_release_rows
from features.identity import Keyring
from features.schemas import AccountRows, Accounts, Events, ReleaseRows
from features.text import reduce_texts


def plain(requests_of: Any, keyring: Keyring, **columns: Any) -> pl.DataFrame:
    """Two valid requests with some columns changed, and their keys."""
    log = requests_of(3, 2)
    changed = log.with_columns(**{name: pl.Series(values, dtype=log[name].dtype) for name, values in columns.items()})
    return changed.with_columns(request_key=request_key(keyring))


def reduced(requests_of: Any, keyring: Keyring, **columns: Any) -> tuple[pl.DataFrame, int]:
    return to_events(plain(requests_of, keyring, **columns), keyring, source=5)


def test_events_keep_the_contract_and_rows_and_their_order(requests_of: Any, keyring: Keyring) -> None:
    log = requests_of(20, 300).with_columns(request_key=request_key(keyring))
    events, malformed = to_events(log, keyring, source=5)
    Events.validate(events)
    assert events["account_id"].equals(log["account_id"])
    assert events["request_key"].equals(log["request_key"])
    assert events["source"].unique().to_list() == [5]
    assert malformed == 0


def test_no_text_address_or_name_is_left_in_an_event(requests_of: Any, keyring: Keyring) -> None:
    canary = "canary-9f31"
    named = ("prompt", "system_prompt", "api_key_id", "conversation_id", "user_agent", "tls_ja4", "request_id", "model")
    events, _ = reduced(requests_of, keyring, **{name: [canary] * 2 for name in named}, client_address=["9.8.7.6"] * 2)
    account_and_reason = {"account_id", "finish_reason"}
    assert {name for name, dtype in events.schema.items() if dtype == pl.String} == account_and_reason
    assert "canary" not in events.write_json()
    assert "9.8.7" not in events.write_json()


def test_prompts_are_reduced_as_texts(requests_of: Any, keyring: Keyring) -> None:
    texts = ["Explain the reasoning \0 step by step", None]
    events, _ = reduced(requests_of, keyring, prompt=texts)
    want = reduce_texts(pl.Series(texts), keyring.text)
    for name in ("words", "prefix", "suffix", "exact", "simhash"):
        assert events[name].to_list() == want[name].to_list()
    assert events["topic"].to_list() == want["topic"].to_list()
    assert events["flags"].to_list() == [3, None]


def test_a_malformed_address_is_null_and_counted_and_a_missing_one_not(requests_of: Any, keyring: Keyring) -> None:
    events, malformed = reduced(requests_of, keyring, client_address=["300.1.1.1", None])
    assert malformed == 1
    assert events["address"].to_list() == events["subnet"].to_list() == [None, None]


def test_a_mapped_address_has_the_key_of_the_ipv4_one(requests_of: Any, keyring: Keyring) -> None:
    events, _ = reduced(requests_of, keyring, client_address=["::ffff:9.8.7.6", "9.8.7.6"])
    assert events["address"].n_unique() == events["subnet"].n_unique() == 1
    assert events["address"].null_count() == 0
    neighbours, _ = reduced(requests_of, keyring, client_address=["9.8.7.5", "9.8.7.6"])
    assert neighbours["address"].n_unique() == 2
    assert neighbours["subnet"].n_unique() == 1


def test_a_request_id_tells_requests_apart_whatever_they_hold(requests_of: Any, keyring: Keyring) -> None:
    different = plain(requests_of, keyring, request_id=["a", "b"], prompt=["x", "x"])
    same = plain(requests_of, keyring, request_id=["a", "a"], prompt=["x", "y"])
    assert different["request_key"].n_unique() == 2
    assert same["request_key"].n_unique() == 1


@pytest.mark.parametrize("blank", ["", "  ", "\t\n"])
def test_without_an_id_the_content_tells_requests_apart(requests_of: Any, keyring: Keyring, blank: str) -> None:
    request = plain(requests_of, keyring, request_id=[blank, blank])[0]
    for column, value in (("prompt", "other"), ("account_id", "z"), ("input_tokens", 9), ("system_prompt", None)):
        changed = request.with_columns(pl.lit(value).cast(request[column].dtype).alias(column))
        both = pl.concat([request, changed, request]).with_columns(request_key=request_key(keyring))
        first, other, replay = both["request_key"]
        assert first == replay
        assert first != other, column


def test_a_missing_prompt_is_not_an_empty_one_for_the_content_key(requests_of: Any, keyring: Keyring) -> None:
    base = plain(requests_of, keyring)[0].with_columns(request_id=pl.lit(""))
    two = pl.concat([base.with_columns(prompt=pl.lit(text, pl.String)) for text in (None, "")])
    assert two.with_columns(request_key=request_key(keyring))["request_key"].n_unique() == 2


def test_a_client_is_known_by_agent_and_tls_together(requests_of: Any, keyring: Keyring) -> None:
    events, _ = reduced(requests_of, keyring, user_agent=["curl", "curl"], tls_ja4=["t1", "t2"])
    assert events["agent"].n_unique() == 1
    assert events["client"].n_unique() == 2
    half, _ = reduced(requests_of, keyring, user_agent=["curl", None], tls_ja4=[None, "t2"])
    assert half["client"].to_list() == [None, None]


def registered(keyring: Keyring, **columns: list[Any]) -> tuple[pl.DataFrame, int]:
    """Reduced registrations with some columns given, the rest null where it may be."""
    rows = len(next(iter(columns.values())))
    created = pl.lit(datetime(2026, 1, 1, tzinfo=UTC)).cast(Accounts.columns()["created_at"].dtype)
    frame = Accounts.create_empty().clear(rows).with_columns(
        account_id=pl.int_range(rows, eager=True).cast(pl.String), created_at=created, plan=pl.lit("free")
    )  # fmt: skip
    return to_account_rows(
        frame.with_columns(**{n: pl.Series(v, dtype=frame[n].dtype) for n, v in columns.items()}), keyring
    )


def test_mail_domains_are_the_same_in_any_case(keyring: Keyring) -> None:
    rows, _ = registered(keyring, email_domain=["Uni.example", "uni.EXAMPLE", "GMAIL.com", None])
    assert rows["mail_domain"].n_unique() == 3
    assert rows["mail_domain"][0] == rows["mail_domain"][1]
    assert rows["public_mail"].to_list() == [False, False, True, None]


def test_a_malformed_signup_address_is_null_and_counted(keyring: Keyring) -> None:
    rows, malformed = registered(keyring, signup_address=["nowhere", None, "::1"])
    assert malformed == 1
    assert rows["signup_subnet"].is_null().to_list() == [True, True, False]


def test_registrations_share_keys_with_requests(requests_of: Any, accounts_of: Any, keyring: Keyring) -> None:
    rows, malformed = to_account_rows(accounts_of(9), keyring)
    AccountRows.validate(rows)
    assert malformed == 0
    events, _ = reduced(requests_of, keyring, client_address=["10.1.0.9", "10.1.0.8"], country=["DE", "US"])
    assert rows["signup_address"][1] == events["address"][0] != events["address"][1]
    assert rows["signup_subnet"][1] == events["subnet"][0] == events["subnet"][1]
    assert rows["billing_country"].to_list()[:3] == [events["country"][1], events["country"][0], None]
    assert not {name for name, dtype in rows.schema.items() if dtype == pl.String} - {"account_id", "plan", "programme"}


def test_releases_share_keys_with_requests_and_keep_no_name(requests_of: Any, keyring: Keyring) -> None:
    released = pl.DataFrame(
        {"model": ["a", "b"], "released_at": [datetime(2026, 6, day, tzinfo=UTC) for day in (1, 2)]}
    )
    rows = to_release_rows(released, keyring)
    ReleaseRows.validate(rows)
    events, _ = reduced(requests_of, keyring, model=["b", "c"])
    assert rows["model"].is_in(events["model"].implode()).to_list() == [False, True]
    assert rows["released_at"].equals(released["released_at"])
