"""Values behind stored keys, found again in the source tables by whoever has the workspace's key."""

from datetime import UTC, datetime

import polars as pl

from features.campaign_report.source_names import find_names
from features.events import to_account_rows, to_release_rows
from features.identity import Keyring
from features.schemas import Accounts

RING = Keyring(bytes(range(32)))
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_what_an_account_registered_with_is_found_again_under_the_same_key_only() -> None:
    source = pl.DataFrame({
        "account_id": ["a", "b"], "created_at": [NOW, NOW], "plan": ["free", "pro"], "organization_id": [None, None],
        "programme": [None, None], "email_domain": ["Mail.Example", None], "payment_fingerprint": ["pm_1", "pm_2"],
        "signup_address": ["192.0.2.7", "not an address"], "billing_country": ["DE", None], "updated_at": [None, None],
    })  # fmt: skip
    rows, _ = to_account_rows(Accounts.validate(source, cast=True), RING)
    first = rows.row(0, named=True)
    kinds = ("payment", "signup_address", "signup_subnet", "mail_domain")
    wanted = pl.DataFrame([(kind, first[kind]) for kind in kinds], {"kind": pl.String, "key": pl.Int64}, orient="row")
    names = find_names([("accounts", source.lazy())], RING, wanted)
    assert dict(names.select("kind", "value").iter_rows()) == {
        "payment": "pm_1", "signup_address": "192.0.2.7", "signup_subnet": "192.0.2.0/24",
        "mail_domain": "mail.example",
    }  # fmt: skip
    assert find_names([("accounts", source.lazy())], Keyring(b"another key".ljust(32)), wanted).is_empty()


def test_names_of_models_are_found_in_requests_and_in_releases_and_absent_columns_tell_nothing() -> None:
    releases = pl.DataFrame({"model": ["m1", "m2"], "released_at": [NOW, NOW]})
    keys = to_release_rows(releases.cast({"released_at": pl.Datetime("us", "UTC")}), RING)
    wanted = keys.select(pl.lit("model").alias("kind"), key="model")
    requests = pl.DataFrame({"model": ["m1", "m1"], "client_address": ["192.0.2.7", None]})
    assert find_names([("requests", requests.lazy())], RING, wanted)["value"].to_list() == ["m1"]
    both = find_names([("requests", requests.lazy()), ("releases", releases.lazy())], RING, wanted)
    assert sorted(both["value"]) == ["m1", "m2"]
    assert find_names([("accounts", pl.LazyFrame({"account_id": ["a"]}))], RING, wanted).is_empty()
