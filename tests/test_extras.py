"""Packages that only some commands need: without them those commands end at once and say what to install."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

SIGNING, VERIFYING = "STILLWATCH_SIGNING_KEY", "STILLWATCH_VERIFYING_KEY"
WITHOUT = (
    "import sys; sys.modules.update(dict.fromkeys(sys.argv.pop(1).split())); from pipelines.cli import main; main()"
)


def train_without(packages: str, folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`stillwatch train` in a process in which some packages can't be imported."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STILLWATCH_")}
    (folder / "workspace" / "lake").mkdir(parents=True)
    call = [sys.executable, "-c", WITHOUT, packages, "train", "--as-of", "2026-04-17", *options]
    return subprocess.run(call, cwd=folder, env=inherited | variables, capture_output=True, text=True)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The paths of a pair of keys, by the setting that names them."""
    folder = tmp_path_factory.mktemp("keys")
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / "private.pem", folder / "public.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return {SIGNING: str(private), VERIFYING: str(public)}


def test_a_search_without_optuna_names_the_extra(tmp_path: Path) -> None:
    ended = train_without("optuna", tmp_path, "--search", "3")
    assert ended.returncode == 2
    assert ended.stderr == (
        "stillwatch: --search needs the extra 'search', which is not installed: "
        "run `pip install 'stillwatch[search]'`.\n"
    )
    assert [path.name for path in (tmp_path / "workspace").iterdir()] == ["lake"]


@pytest.mark.parametrize(("setting", "package"), [(SIGNING, "model_signing"), (VERIFYING, "OpenSSL")])
def test_a_key_without_what_signs_names_the_extra(
    setting: str, package: str, keys: dict[str, str], tmp_path: Path
) -> None:
    ended = train_without(package, tmp_path, **{setting: keys[setting]})
    assert ended.returncode == 2
    assert ended.stderr == (
        f"stillwatch: {setting} needs the extra 'signing', which is not installed: "
        "run `pip install 'stillwatch[signing]'`.\n"
    )


def test_a_training_that_uses_neither_does_not_miss_them(tmp_path: Path) -> None:
    ended = train_without("optuna model_signing OpenSSL", tmp_path)
    assert "holds no request at or before" in ended.stderr
