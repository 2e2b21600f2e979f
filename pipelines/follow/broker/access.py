"""What a broker is shown: a user, a token or a certificate, from the settings and never from the command line."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from features.errors import InputError


@dataclass(frozen=True)
class BrokerAccess:
    """What the settings say of a broker.

    Attributes:
        user: its name.
        password: of the user.
        token: of NATS, instead of a user.
        sasl: the mechanism by which Kafka checks the password.
        is_encrypted: whether the connection is, by TLS.
        authority: file (PEM) of the authority that signed the broker's certificate; None for those of the system.
        certificate: file (PEM) of our certificate, where the broker asks for one.
        certificate_key: file of its key.
    """

    user: str | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None
    sasl: str = "SCRAM-SHA-512"
    is_encrypted: bool = False
    authority: Path | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None

    def check(self, kind: str) -> None:
        """Check that a broker can use it.

        Raises:
            InputError: it can't.
        """
        if (self.user is None) != (self.password is None):
            raise InputError("set both STILLWATCH_BROKER_USER and STILLWATCH_BROKER_PASSWORD, or neither.")
        if self.token is not None and (kind == "kafka" or self.user is not None):
            raise InputError("STILLWATCH_BROKER_TOKEN is for NATS without a user: unset it, or the user.")
        if (self.certificate is None) != (self.certificate_key is None):
            raise InputError("set STILLWATCH_BROKER_CERTIFICATE and STILLWATCH_BROKER_CERTIFICATE_KEY, or neither.")
        if not self.is_encrypted and (self.authority or self.certificate):
            raise InputError("a certificate needs STILLWATCH_BROKER_TLS=true.")
        self.context()

    def context(self) -> ssl.SSLContext | None:
        """Return how to encrypt, if the connection is to be.

        Raises:
            InputError: a file can't be used.
        """
        if not self.is_encrypted:
            return None
        try:
            context = ssl.create_default_context(cafile=self.authority)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.certificate_key)
        except OSError as error:  # of ssl too
            raise InputError(
                f"a file of STILLWATCH_BROKER_AUTHORITY, _CERTIFICATE or _CERTIFICATE_KEY can't be used "
                f"({error.strerror or type(error).__name__}): name files in PEM form."
            ) from None
        return context

    def of_kafka(self) -> dict[str, Any]:
        """Return the options of Kafka's client."""
        protocol = ("sasl_" if self.password else "") + ("ssl" if self.is_encrypted else "plaintext")
        options: dict[str, Any] = {"security.protocol": protocol}
        if self.user is not None and self.password is not None:
            password = self.password.get_secret_value()
            options |= {"sasl.mechanism": self.sasl, "sasl.username": self.user, "sasl.password": password}
        files = {
            "ssl.ca.location": self.authority,
            "ssl.certificate.location": self.certificate,
            "ssl.key.location": self.certificate_key,
        }
        return options | {name: str(path) for name, path in files.items() if path is not None}
