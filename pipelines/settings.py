"""Settings from the environment: the only place that reads it."""

from functools import cache

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from features.errors import InputError


class Settings(BaseSettings):
    """Every setting is an environment variable with the prefix `STILLWATCH_`; none is needed to begin with.

    Attributes:
        key: secret of the keyed hashes, 64 hexadecimal digits or more; generated into the workspace if absent.
        tracking_uri: MLflow's backend; by default a SQLite file in the workspace.
        online: "sqlite" or the URL of a Redis server ("redis://127.0.0.1:6379/0").
        freshness_hours: an account is `stale` if its features are older.
        reject_limit: share of broken rows above which a file is refused.
    """

    model_config = SettingsConfigDict(env_prefix="STILLWATCH_", extra="ignore")

    key: SecretStr | None = Field(default=None, min_length=64)
    tracking_uri: str | None = None
    online: str = Field(default="sqlite", pattern=r"^(sqlite|rediss?://.+)$")
    freshness_hours: float = Field(default=36, gt=0)
    reject_limit: float = Field(default=0.01, ge=0, le=1)

    def secret(self) -> bytes | None:
        """The key's bytes, if one was given."""
        return None if self.key is None else bytes.fromhex(self.key.get_secret_value())


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
