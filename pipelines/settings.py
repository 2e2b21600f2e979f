"""Settings from the environment: the only place that reads it."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from features.errors import InputError
from training.models import signing
from training.models.artifact import Prove, Sign

if TYPE_CHECKING:
    from training.evaluation.drift import DriftLimits


class Settings(BaseSettings):
    """Every setting is an environment variable with the prefix `STILLWATCH_`; none is needed to begin with.

    Attributes:
        key: secret of the keyed hashes, 64 hexadecimal digits or more; generated into the workspace if absent.
        tracking_uri: MLflow's backend; by default a SQLite file in the workspace.
        online: "sqlite" or the URL of a Redis server ("redis://127.0.0.1:6379/0").
        freshness_hours: an account is `stale` if its features are older.
        base_rate: share of accounts that take part in campaigns, if it is known to differ from what training saw: all
            risks are moved to it (not their order).
        reject_limit: share of broken rows above which a file is refused.
        data_age_hours: `retrain` refuses data whose newest request is older, seen from its time.
        drift_psi, drift_distance: PSI and Jensen-Shannon distance above both of which a feature has moved.
        drift_share: share of moved features above which `retrain` refuses the data.
        drift_loss: loss of expected PR-AUC above which it does.
        signing_key: path of a private key (PEM, P-256); what is registered is signed with it.
        verifying_key: path of a public key; with it, models that its owner did not sign are refused.
        analyst_token: what callers of the endpoint show to read reasons, 16 characters or more.
    """

    model_config = SettingsConfigDict(env_prefix="STILLWATCH_", extra="ignore")

    key: SecretStr | None = Field(default=None, min_length=64)
    tracking_uri: str | None = None
    online: str = Field(default="sqlite", pattern=r"^(sqlite|rediss?://.+)$")
    freshness_hours: float = Field(default=36, gt=0)
    base_rate: float | None = Field(default=None, gt=0, lt=1)
    reject_limit: float = Field(default=0.01, ge=0, le=1)
    data_age_hours: float = Field(default=72, gt=0)
    drift_psi: float = Field(default=0.25, gt=0)
    drift_distance: float = Field(default=0.2, gt=0, le=1)
    drift_share: float = Field(default=0.15, ge=0, le=1)
    drift_loss: float = Field(default=0.1, gt=0, le=1)
    signing_key: Path | None = None
    verifying_key: Path | None = None
    analyst_token: SecretStr | None = Field(default=None, min_length=16)

    def secret(self) -> bytes | None:
        """The key's bytes, if one was given."""
        return None if self.key is None else bytes.fromhex(self.key.get_secret_value())

    def drift_limits(self) -> "DriftLimits":
        """Above which data count as drifted."""
        from training.evaluation.drift import DriftLimits  # with scipy, which an ingest need not wait for

        return DriftLimits(self.drift_psi, self.drift_distance, self.drift_share, self.drift_loss)

    def signer(self) -> Sign | None:
        """What signs models, if a key was given.

        Raises:
            InputError: the key can't be used, or this same environment would refuse what it signs.
        """
        if self.signing_key is None:
            return None
        if self.verifying_key is not None and not signing.are_a_pair(self.signing_key, self.verifying_key):
            raise InputError(
                f"the keys {self.signing_key} (STILLWATCH_SIGNING_KEY) and {self.verifying_key} "
                "(STILLWATCH_VERIFYING_KEY) are no pair, so what is signed would be refused: set both of one pair."
            )
        return signing.signer(self.signing_key)

    def verifier(self) -> Prove | None:
        """What refuses models that were not signed, if a key was given; raises InputError if it can't be used."""
        return None if self.verifying_key is None else signing.verifier(self.verifying_key)


@cache
def settings() -> Settings:
    """The settings of this process.

    Raises:
        InputError: a variable has a value that can't be used; its value is not repeated, since it may be a secret.
    """
    try:
        found = Settings()
        found.secret()
    except ValidationError as error:
        name = "STILLWATCH_" + str(error.errors()[0]["loc"][0]).upper()
        raise InputError(f"the environment variable {name} is not usable: {error.errors()[0]['msg']}.") from None
    except ValueError:
        raise InputError("the environment variable STILLWATCH_KEY must hold hexadecimal digits.") from None
    return found
