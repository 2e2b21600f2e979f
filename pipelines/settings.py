"""Settings from environment variables; no other file reads them."""

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from features.errors import InputError
from pipelines.remote.object_store import StoreAccess
from serving.telemetry.logs import LogFormat, LogLevel
from training.models import signing
from training.models.artifact import Prove, Sign

if TYPE_CHECKING:
    from pipelines.follow.broker.access import BrokerAccess
    from training.evaluation.drift import DriftLimits


class Settings(BaseSettings):
    """Environment variables with the prefix `STILLWATCH_`, all of them optional.

    `STILLWATCH_SECRETS` names a folder of files for what is in no variable, one for each, such as `stillwatch_key`.

    Attributes:
        key: secret of the keyed hashes, 64 hexadecimal digits or more; generated into the workspace if absent.
        tracking_uri: MLflow's backend; by default a SQLite file in the workspace.
        online: "sqlite" or the URL of a Redis server ("redis://127.0.0.1:6379/0").
        freshness_hours: an account is `stale` if its features are older.
        base_rate: share of accounts that take part in campaigns, where it differs from the share in training; all risks
            are shifted to it, and their order stays.
        review_threshold: risk from which on an account is reviewed, instead of the model's own threshold.
        act_threshold: risk from which on an account is acted on, instead of the model's own threshold.
        reject_limit: share of broken rows above which a file is refused.
        data_age_hours: `retrain` refuses data whose newest request is older than this at the time asked about.
        drift_psi, drift_distance: a feature has moved if its PSI and its Jensen-Shannon distance are above both.
        drift_share: share of moved features above which `retrain` refuses the data.
        drift_loss: loss of expected PR-AUC above which `retrain` refuses the data.
        signing_key: path of a private key (PEM, P-256) that signs registered models.
        verifying_key: path of a public key; models that are not signed with its private key are refused.
        traceback: show the traceback of an error that should not happen, for a report.
        log_format: how `serve` and `follow` log: "text", or "json" for one object a line.
        log_level: from which level on they log: "debug", "info", "warning" or "error".
        store_seconds: how long the endpoint waits for a silent online store.
        most_calls: calls that the endpoint scores at a time; others get 429.
        rate_per_key: calls a second of one access key; by default any number.
        access_key: the access key that `score --url` shows to an endpoint.
        broker_user, broker_password, broker_token, broker_sasl: what `follow --from` shows to a broker; a token is for
            NATS, a mechanism of SASL for Kafka.
        broker_tls: whether the connection to a broker is encrypted.
        broker_authority, broker_certificate, broker_certificate_key: paths (PEM) of the authority that signed the
            broker's certificate, and of our own certificate and its key.
        console_database: address of the console's database; by default a SQLite file in the workspace.
        oidc_issuer, oidc_client_id, oidc_client_secret: the OpenID Connect provider of the console's single sign-on.
        oidc_back: the console's address of `/sign-on/back`, as it is registered with the provider.
        oidc_claim: the claim of the provider's token that is the user's name in the console.
        webhook_url: where the console tells the platform of decisions; by default nowhere.
        webhook_secret: what signs them (HMAC-SHA256).
        cache: the folder for copies of workspaces on object stores (`--workspace s3://...`).
        store_endpoint, store_region, store_key_id, store_secret, store_token: where such a store is and what it is
            shown, from the variables that other programs read too: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_REGION
            or AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN.
    """

    model_config = SettingsConfigDict(env_prefix="STILLWATCH_", extra="ignore")

    key: SecretStr | None = Field(default=None, min_length=64)
    tracking_uri: str | None = None
    online: str = Field(default="sqlite", pattern=r"^(sqlite|rediss?://.+)$")
    freshness_hours: float = Field(default=36, gt=0)
    base_rate: float | None = Field(default=None, gt=0, lt=1)
    review_threshold: float | None = Field(default=None, ge=0, le=1)
    act_threshold: float | None = Field(default=None, ge=0, le=1)
    reject_limit: float = Field(default=0.01, ge=0, le=1)
    data_age_hours: float = Field(default=72, gt=0)
    drift_psi: float = Field(default=0.25, gt=0)
    drift_distance: float = Field(default=0.2, gt=0, le=1)
    drift_share: float = Field(default=0.15, ge=0, le=1)
    drift_loss: float = Field(default=0.1, gt=0, le=1)
    signing_key: Path | None = None
    verifying_key: Path | None = None
    traceback: bool = False
    log_format: LogFormat = "text"
    log_level: LogLevel = "warning"
    store_seconds: float = Field(default=0.5, gt=0)
    most_calls: int = Field(default=64, gt=0)
    rate_per_key: float | None = Field(default=None, gt=0)
    access_key: SecretStr | None = None
    broker_user: str | None = None
    broker_password: SecretStr | None = None
    broker_token: SecretStr | None = None
    broker_sasl: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    broker_tls: bool = False
    broker_authority: Path | None = None
    broker_certificate: Path | None = None
    broker_certificate_key: Path | None = None
    console_database: SecretStr | None = None
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_back: str | None = None
    oidc_claim: str = "preferred_username"
    webhook_url: str | None = None
    webhook_secret: SecretStr | None = Field(default=None, min_length=16)
    cache: Path = Path("~/.cache/stillwatch")
    store_endpoint: str | None = Field(
        default=None, pattern=r"^https?://.+$", validation_alias=AliasChoices("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    )
    store_region: str = Field(default="us-east-1", validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))
    store_key_id: str | None = Field(default=None, validation_alias="AWS_ACCESS_KEY_ID")
    store_secret: SecretStr | None = Field(default=None, validation_alias="AWS_SECRET_ACCESS_KEY")
    store_token: SecretStr | None = Field(default=None, validation_alias="AWS_SESSION_TOKEN")

    def secret(self) -> bytes | None:
        """The key's bytes, if a key is set."""
        return None if self.key is None else bytes.fromhex(self.key.get_secret_value())

    def thresholds(self, review: float | None, act: float | None) -> tuple[float | None, float | None]:
        """The review and the act threshold: the options of a command where they are given, else those that are set."""
        return self.review_threshold if review is None else review, self.act_threshold if act is None else act

    def broker_access(self) -> "BrokerAccess":
        """What a broker is shown."""
        from pipelines.follow.broker.access import BrokerAccess

        return BrokerAccess(
            user=self.broker_user,
            password=self.broker_password,
            token=self.broker_token,
            sasl=self.broker_sasl,
            is_encrypted=self.broker_tls,
            authority=self.broker_authority,
            certificate=self.broker_certificate,
            certificate_key=self.broker_certificate_key,
        )

    def store_access(self) -> StoreAccess:
        """What an object store is shown, and where it is."""
        secret, token = (
            None if value is None else value.get_secret_value() for value in (self.store_secret, self.store_token)
        )
        return StoreAccess(self.store_endpoint, self.store_region, self.store_key_id, secret, token)

    def drift_limits(self) -> "DriftLimits":
        """The limits above which data count as drifted."""
        from training.evaluation.drift import DriftLimits  # with scipy, which an ingest need not wait for

        return DriftLimits(
            psi=self.drift_psi, distance=self.drift_distance, share=self.drift_share, loss=self.drift_loss
        )

    def signer(self) -> Sign | None:
        """The function that signs models, if a signing key is set.

        Raises:
            InputError: the key can't be used, or the verifying key would refuse what it signs.
        """
        if self.signing_key is None:
            return None
        if self.verifying_key is not None and not signing.are_a_pair(self.signing_key, self.verifying_key):
            raise InputError(
                f"the keys {self.signing_key} (STILLWATCH_SIGNING_KEY) and {self.verifying_key} "
                "(STILLWATCH_VERIFYING_KEY) are not a pair, so signed models would be refused: set both of one pair."
            )
        return signing.signer(self.signing_key)

    def verifier(self) -> Prove | None:
        """The function that refuses unsigned models, if a verifying key is set.

        Raises:
            InputError: the key can't be used.
        """
        return None if self.verifying_key is None else signing.verifier(self.verifying_key)


@cache
def settings() -> Settings:
    """The settings of this process.

    Raises:
        InputError: a variable has an unusable value. The message does not repeat it, since it may be a secret.
    """
    folder = os.environ.get("STILLWATCH_SECRETS")
    if folder and not Path(folder).is_dir():
        raise InputError(f"STILLWATCH_SECRETS names {folder}, which is no folder: give one that holds secrets.")
    try:
        current = Settings(_secrets_dir=folder or None)  # type: ignore[call-arg]
        current.secret()
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        name = field if field.startswith("AWS_") else "STILLWATCH_" + field.upper()
        where = "environment variable" if name in os.environ else "secret file"
        raise InputError(f"the {where} {name} is not usable: {error.errors()[0]['msg']}.") from None
    except ValueError:
        raise InputError("the environment variable STILLWATCH_KEY must hold hexadecimal digits.") from None
    return current
