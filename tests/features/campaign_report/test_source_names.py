"""Values behind stored keys, found again in the source tables by whoever has the workspace's key."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from features.campaign_report.source_names import find_names, read_values
from features.errors import InputError
from features.events import to_account_rows, to_release_rows
from features.formats.kong import KONG
from features.identity import Keyring
from features.intake.files import find_input_files
from features.intake.values.reading import AS_IT_IS, LogOptions
from features.schemas import Accounts

RING = Keyring(bytes(range(32)))
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_what_an_account_registered_with_is_found_again_under_the_same_key_only(tmp_path: Path) -> None:
    source = pl.DataFrame({
        "account_id": ["a", "b"], "created_at": [NOW, NOW], "plan": ["free", "pro"], "organization_id": [None, None],
        "programme": [None, None], "email_domain": ["Mail.Example", None], "payment_fingerprint": ["pm_1", "pm_2"],
        "signup_address": ["192.0.2.7", "not an address"], "billing_country": ["DE", None], "updated_at": [None, None],
    })  # fmt: skip
    rows, _ = to_account_rows(Accounts.validate(source, cast=True), RING)
    first = rows.row(0, named=True)
    kinds = ("payment", "signup_address", "signup_subnet", "mail_domain")
    wanted = pl.DataFrame([(kind, first[kind]) for kind in kinds], {"kind": pl.String, "key": pl.Int64}, orient="row")
    source.write_csv(tmp_path / "accounts.csv")
    source.write_parquet(tmp_path / "accounts.parquet")
    for file in ("accounts.csv", "accounts.parquet"):
        values = read_values(find_input_files(tmp_path / file, "accounts"), AS_IT_IS)
        names = find_names(values, RING, wanted)
        assert dict(names.select("kind", "value").iter_rows()) == {
            "payment": "pm_1", "signup_address": "192.0.2.7", "signup_subnet": "192.0.2.0/24",
            "mail_domain": "mail.example",
        }  # fmt: skip
        assert find_names(values, Keyring(b"another key".ljust(32)), wanted).is_empty()


def test_names_of_models_are_found_in_requests_and_in_releases_and_absent_columns_tell_nothing(tmp_path: Path) -> None:
    releases = pl.DataFrame({"model": ["m1", "m2"], "released_at": [NOW, NOW]})
    releases.write_parquet(tmp_path / "releases.parquet")
    keys = to_release_rows(releases.cast({"released_at": pl.Datetime("us", "UTC")}), RING)
    wanted = keys.select(pl.lit("model").alias("kind"), key="model")
    pl.DataFrame({"model": ["m1", "m1"], "client_address": ["192.0.2.7", None]}).write_parquet(tmp_path / "r.parquet")
    requests = find_input_files(tmp_path / "r.parquet", "requests")
    assert find_names(read_values(requests, AS_IT_IS), RING, wanted)["value"].to_list() == ["m1"]
    both = [*requests, *find_input_files(tmp_path / "releases.parquet", "releases")]
    assert sorted(find_names(read_values(both, AS_IT_IS), RING, wanted)["value"]) == ["m1", "m2"]
    pl.DataFrame({"account_id": ["a"]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(InputError, match="has none of the columns signup_address, payment_fingerprint, email_domain"):
        read_values(find_input_files(tmp_path / "other.parquet", "accounts"), AS_IT_IS)


def test_a_gateway_s_log_is_read_as_it_is_ingested(tmp_path: Path) -> None:
    headers = {"x-forwarded-for": "198.51.100.1, 203.0.113.7", "user-agent": "curl"}
    record = {
        "request": {"id": "r", "headers": headers}, "response": {"status": 200}, "started_at": 1_777_636_800_000,
        "consumer": {"id": "c"}, "ai": {"proxy": {"meta": {"request_model": "m"}}},
    }  # fmt: skip
    (tmp_path / "log.json").write_text(json.dumps(record))
    files = find_input_files(tmp_path / "log.json", "requests", KONG)
    (row,) = read_values(files, LogOptions(trusted_proxies=1))["requests"].to_dicts()
    assert (row["model"], row["user_agent"], row["subnet"]) == ("m", "curl", "203.0.113.0/24")
    assert read_values(files, AS_IT_IS)["requests"]["client_address"].to_list() == [None]
