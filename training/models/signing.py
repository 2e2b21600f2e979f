"""Signatures of model folders: OpenSSF model signing, with a key pair on the curve P-256.

The bytes that were read are signed and verified, in a private folder, so that nobody can exchange the files meanwhile.
The library is imported late (it takes 0.4 seconds). Nothing of this goes into the Bento: the process that starts the
server verifies.
"""

import base64
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from features.errors import InputError, IntegrityError, missing_extra
from training.models.artifact import REFUSAL, SIGNATURE, Prove, Sign

SIGNING, VERIFYING = "STILLWATCH_SIGNING_KEY", "STILLWATCH_VERIFYING_KEY"
"""The environment variables that name the keys, for error messages."""


def signer(key: Path) -> Sign:
    """Make a function that signs with the private key in a PEM file; the key is read now, once.

    Raises:
        InputError: the key can't be read, or is no private key on P-256 without a passphrase.
    """
    _private(key)
    try:
        from model_signing import signing
    except ImportError as error:
        raise missing_extra(SIGNING, "signing") from error
    config = signing.Config().use_elliptic_key_signer(private_key=key).set_hashing_config(_all_files())

    def sign(files: Mapping[str, bytes]) -> bytes:
        with _temporary_folder(files) as folder:
            path = folder.with_name(SIGNATURE)
            config.sign(folder, path)
            return path.read_bytes()

    return sign


def verifier(key: Path) -> Prove:
    """Make a function that checks that the owner of a key signed exactly these files.

    Args:
        key: the public key in a PEM file; it is read now, once.

    Raises:
        InputError: the key can't be read, or is no public key on P-256.
    """
    public_key = _pem(_public(key))
    owner = _hint(public_key)
    try:
        import model_signing.verifying  # noqa: F401  a missing library must not look like a wrong signature
    except ImportError as error:
        raise missing_extra(VERIFYING, "signing") from error

    def prove(files: Mapping[str, bytes], signature: bytes | None, folder: Path) -> None:
        if signature is None:
            raise IntegrityError(
                f"{folder} is not signed ({SIGNATURE} is missing), and only models signed with the key of {key} are "
                f"used: train again with {SIGNING} set."
            )
        if _signed_by(signature) not in (owner, None):
            raise IntegrityError(
                f"{folder / SIGNATURE} was made with another key than that of {key}: set {VERIFYING} to the key that "
                "you trust, or train again."
            )
        try:
            _verify(files, signature, public_key)
        except Exception as error:
            raise IntegrityError(f"{folder / SIGNATURE} does not hold for the files beside it: {REFUSAL}.") from error

    return prove


def are_a_pair(private: Path, public: Path) -> bool:
    """Whether what the one key signs passes with the other.

    Raises:
        InputError: a key that can't be used.
    """
    return _pem(_private(private).public_key()) == _pem(_public(public))


def _verify(files: Mapping[str, bytes], signature: bytes, key: bytes) -> None:
    """Check a signature.

    Raises:
        ValueError: the signature names no key, or leaves files out. The library raises errors of its own.
    """
    from model_signing import verifying

    # Without the signer's name the library prints a warning, and takes any.
    if _signed_by(signature) is None:
        raise ValueError("the signature does not name its key")
    with _temporary_folder(files) as folder:
        signature_path, key_path = folder.with_name(SIGNATURE), folder.with_name("key.pem")
        signature_path.write_bytes(signature)
        key_path.write_bytes(key)
        config = verifying.Config().use_elliptic_key_verifier(public_key=key_path).set_hashing_config(_all_files())
        config.verify(folder, signature_path)
    # A signature may name paths to ignore, and the library obeys.
    statement = json.loads(base64.b64decode(json.loads(signature)["dsseEnvelope"]["payload"]))
    if {resource["name"] for resource in statement["predicate"]["resources"]} != set(files):
        raise ValueError("the signature is over other files")


def _all_files() -> Any:
    from model_signing import hashing

    return hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)


@contextmanager
def _temporary_folder(files: Mapping[str, bytes]) -> Iterator[Path]:
    """Write the files to a private folder that is deleted afterwards; other files may be put beside it."""
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
        folder = Path(scratch) / "stillwatch"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        yield folder


def _signed_by(signature: bytes) -> str | None:
    """The name of the key that the signature claims to be made with; None if it names none."""
    try:
        return str(json.loads(signature)["verificationMaterial"]["publicKey"]["hint"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _hint(pem: bytes) -> str:
    """The name of a public key in signatures: the SHA-256 of its PEM."""
    return hashlib.sha256(pem).hexdigest()


def _pem(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _private(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(_content(path, SIGNING), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(
            f"{path} ({SIGNING}) holds no private key in PEM without a passphrase: make one with "
            "`openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`."
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InputError(f"{path} ({SIGNING}) holds another kind of key, expected one on the curve P-256 (prime256v1).")
    return key


def _public(path: Path) -> ec.EllipticCurvePublicKey:
    try:
        key = load_pem_public_key(_content(path, VERIFYING))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(
            f"{path} ({VERIFYING}) holds no public key in PEM: get it from the private one with `openssl pkey -pubout`."
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InputError(
            f"{path} ({VERIFYING}) holds another kind of key, expected one on the curve P-256 (prime256v1)."
        )
    return key


def _content(path: Path, variable: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"the key {path} can't be read ({error.strerror}): set {variable} to the path of a PEM file, or unset it."
        ) from error
