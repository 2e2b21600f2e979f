"""What a broker is shown."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from features.errors import InputError
from pipelines.follow.broker.access import BrokerAccess
from pipelines.settings import Settings

SECRET = SecretStr("opensesame")


@pytest.mark.parametrize(
    ("access", "kind", "said"),
    [
        (BrokerAccess(user="me"), "nats", "set both STILLWATCH_BROKER_USER and STILLWATCH_BROKER_PASSWORD"),
        (BrokerAccess(token=SECRET), "kafka", "STILLWATCH_BROKER_TOKEN is for NATS"),
        (BrokerAccess(token=SECRET, user="me", password=SECRET), "nats", "STILLWATCH_BROKER_TOKEN is for NATS"),
        (BrokerAccess(is_encrypted=True, certificate=Path("a")), "nats", "set STILLWATCH_BROKER_CERTIFICATE and"),
        (BrokerAccess(authority=Path("a")), "nats", "a certificate needs STILLWATCH_BROKER_TLS=true"),
        (BrokerAccess(is_encrypted=True, authority=Path("no such file")), "nats", "can't be used"),
    ],
)
def test_settings_that_do_not_fit_get_one_sentence(access: BrokerAccess, kind: str, said: str) -> None:
    with pytest.raises(InputError, match="STILLWATCH_BROKER") as refused:
        access.check(kind)
    assert said in str(refused.value)
    assert "sesame" not in str(refused.value)


def test_the_environment_says_what_a_broker_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variables = {"USER": "me", "PASSWORD": "opensesame", "SASL": "PLAIN", "TLS": "true", "AUTHORITY": str(tmp_path)}
    for name, value in variables.items():
        monkeypatch.setenv(f"STILLWATCH_BROKER_{name}", value)
    assert Settings().broker_access() == BrokerAccess("me", SECRET, None, "PLAIN", True, tmp_path)


def test_kafka_gets_the_options_of_its_own_client(tmp_path: Path) -> None:
    assert BrokerAccess().of_kafka() == {"security.protocol": "plaintext"}
    access = BrokerAccess("me", SECRET, sasl="PLAIN", is_encrypted=True, authority=tmp_path / "ca.pem")
    assert access.of_kafka() == {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "me",
        "sasl.password": "opensesame",
        "ssl.ca.location": str(tmp_path / "ca.pem"),
    }
    assert "sesame" not in repr(access)
