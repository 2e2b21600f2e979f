"""Transport security: certificate, key and the authority of clients, checked before a server starts."""

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.errors import InputError


@dataclass(frozen=True)
class TlsFiles:
    """What a server proves itself with, as PEM files.

    Attributes:
        certificate: of the server, followed by those between it and its authority.
        key: the certificate's private key, without a password.
        client_authority: whose certificates callers must show (mTLS); None asks callers for none.
    """

    certificate: Path
    key: Path
    client_authority: Path | None = None

    def for_uvicorn(self) -> dict[str, Any]:
        """Uvicorn's options."""
        files = {"ssl_certfile": str(self.certificate), "ssl_keyfile": str(self.key)}
        if self.client_authority is None:
            return files
        return files | {"ssl_ca_certs": str(self.client_authority), "ssl_cert_reqs": int(ssl.CERT_REQUIRED)}

    def for_bentoml(self) -> list[str]:
        """Options of `bentoml serve`, which passes them on to Uvicorn."""
        return [
            part for name, value in self.for_uvicorn().items() for part in (f"--{name.replace('_', '-')}", str(value))
        ]


def check_tls(certificate: Path | None, key: Path | None, client_authority: Path | None) -> TlsFiles | None:
    """Check the files of a server's options `--tls-cert`, `--tls-key` and `--tls-client-ca`.

    Returns:
        The files, with absolute paths; None if no option is given.

    Raises:
        InputError: an option lacks another, a file can't be used, or certificate and key are no pair.
    """
    if certificate is None and key is None and client_authority is None:
        return None
    if certificate is None or key is None:
        raise InputError("--tls-cert and --tls-key go together, and --tls-client-ca needs both: give the files.")
    for option, path in (("--tls-cert", certificate), ("--tls-key", key), ("--tls-client-ca", client_authority)):
        try:
            if path is not None:
                path.read_bytes()
        except OSError as error:
            raise InputError(f"{option} {path} can't be read ({error.strerror}): give a PEM file.") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # A password is never asked for: a server that starts by itself would wait for ever.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (ssl.SSLError, OSError) as error:
        raise InputError(
            f"--tls-cert {certificate} and --tls-key {key} can't be used ({_reason(error)}): give a PEM certificate "
            "and its own private key, without a password."
        ) from error
    if client_authority is not None:
        try:
            context.load_verify_locations(client_authority)
        except (ssl.SSLError, OSError) as error:
            raise InputError(
                f"--tls-client-ca {client_authority} can't be used ({_reason(error)}): give PEM certificates."
            ) from error
    return TlsFiles(certificate.resolve(), key.resolve(), client_authority and client_authority.resolve())


def plaintext_warning(host: str, tls: TlsFiles | None) -> str | None:
    """Warn of an address that others can reach without transport security; None if there is nothing to warn of."""
    if tls is not None or is_loopback(host):
        return None
    return (
        f"stillwatch: warning: {host} is served without TLS, so access keys and answers can be read on their way: give "
        "--tls-cert and --tls-key, or let nothing but a proxy with TLS reach this port."
    )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reason(error: OSError) -> str:
    """The words of an error of OpenSSL, without the place in its source."""
    return (error.reason if isinstance(error, ssl.SSLError) else error.strerror) or type(error).__name__
