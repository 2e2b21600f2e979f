"""Models in the registry, signed and not: what is stored is given back, and nothing that somebody put there."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from features.errors import IntegrityError
from training import tracking
from training.fitting.train import Trained
from training.models.artifact import Prove, Sign
from training.models.model import fingerprint, load, save
from training.models.signing import signer, verifier
from training.tracking.client import connect
from training.tracking.registry import MARK


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sign, Prove]:
    """What signs, and what wants to see that signature."""
    folder, key = tmp_path_factory.mktemp("keys"), ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "private.pem").write_bytes(private)
    (folder / "public.pem").write_bytes(public)
    return signer(folder / "private.pem"), verifier(folder / "public.pem")


def test_a_signature_holds_from_the_registry_to_the_copy_and_a_version_is_signed_later_too(
    trained: Trained, pair: tuple[Sign, Prove], new_store: Callable[[Path], str], tmp_path: Path
) -> None:
    sign, prove = pair
    store = new_store(tmp_path), tmp_path / "artifacts"
    version = tracking.record(*store, trained)
    with pytest.raises(IntegrityError, match=f"version {version} of stillwatch in the registry .* is not signed"):
        tracking.fetch(store[0], version, tmp_path / "refused", prove)
    assert not (tmp_path / "refused").exists()
    assert tracking.record(*store, trained, sign=sign) == version
    model = load(tracking.fetch(store[0], version, tmp_path / "copy", prove), prove=prove)
    assert model.version == str(version)
    assert tracking.is_registered(store[0], version, model)
    stored = next((tmp_path / "artifacts").rglob("model_label"))
    assert {path.name: path.read_bytes() for path in stored.iterdir()} == {
        path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir()
    }
    first = tracking.record(*store, replace(trained, model=replace(trained.model, origin={"seed": "8"})), sign=sign)
    assert load(tracking.fetch(store[0], first, tmp_path / "first", prove), prove=prove).version == str(first)


def test_a_model_that_somebody_put_into_the_registry_is_never_signed(
    trained: Trained, pair: tuple[Sign, Prove], new_store: Callable[[Path], str], tmp_path: Path
) -> None:
    sign, prove = pair
    store = new_store(tmp_path), tmp_path / "artifacts"
    planted = replace(trained.model, thresholds={"review": 2.0, "act": 2.0})
    version = tracking.record(*store, trained)
    stored = next((tmp_path / "artifacts").rglob("model_label"))
    shutil.rmtree(stored)
    save(planted, stored)
    connect(store[0]).set_model_version_tag(tracking.NAME, str(version), MARK, fingerprint(planted))
    assert tracking.holds(store[0], version)
    assert not tracking.holds(store[0], version, signed=True)
    again = tracking.record(*store, trained, sign=sign)
    assert again == version + 1
    assert tracking.holds(store[0], again, prove, signed=True)
    assert not tracking.holds(store[0], version, prove)


def test_a_stored_model_that_was_damaged_is_whole_after_the_same_training(
    trained: Trained, pair: tuple[Sign, Prove], new_store: Callable[[Path], str], tmp_path: Path
) -> None:
    sign, prove = pair
    store = new_store(tmp_path), tmp_path / "artifacts"
    version = tracking.record(*store, trained, sign=sign)
    stored = next((tmp_path / "artifacts").rglob("model_label"))
    (stored / "booster.txt").write_text("half")
    (stored / "label.json").unlink()
    assert not tracking.holds(store[0], version)
    assert tracking.record(*store, trained, sign=sign) == version
    assert tracking.holds(store[0], version, prove, signed=True)
