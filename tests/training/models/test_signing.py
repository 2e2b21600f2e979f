"""Signed models: what the owner of the key signed is taken, and nothing else, whoever knows the format."""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from features.errors import InputError, IntegrityError
from training.fitting.train import Trained
from training.models.artifact import Prove, Sign, assemble_files, read_files, write_files
from training.models.model import load, save
from training.models.signing import are_a_pair, signer, verifier

PROGRAM = str(Path(sys.executable).with_name("model_signing"))
Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def private_pem(key: Private, passphrase: bytes | None = None) -> bytes:
    sealing = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealing)


def public_pem(key: Private) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two pairs (`ours`, `theirs`) and keys of other kinds."""
    folder = tmp_path_factory.mktemp("keys")
    kinds: dict[str, Private] = {
        "ours": ec.generate_private_key(ec.SECP256R1()),
        "theirs": ec.generate_private_key(ec.SECP256R1()),
        "wide": ec.generate_private_key(ec.SECP384R1()),
        "rsa": rsa.generate_private_key(65537, 2048),
    }
    for name, key in kinds.items():
        (folder / name).write_bytes(private_pem(key))
        (folder / f"{name}.pub").write_bytes(public_pem(key))
    (folder / "locked").write_bytes(private_pem(kinds["ours"], b"passphrase"))
    (folder / "text").write_text("-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n")
    (folder / "empty").touch()
    return folder


@pytest.fixture(scope="module")
def sign(keys: Path) -> Sign:
    return signer(keys / "ours")


@pytest.fixture(scope="module")
def prove(keys: Path) -> Prove:
    return verifier(keys / "ours.pub")


@pytest.fixture
def folder(trained: Trained, sign: Sign, tmp_path: Path) -> Path:
    """A signed model."""
    save(trained.model, tmp_path / "model", sign)
    return tmp_path / "model"


def reseal(folder: Path, **changed: bytes) -> None:
    """Change files and make the manifest again, so that every checksum holds."""
    stored = {path.name: path.read_bytes() for path in folder.iterdir()}
    files = assemble_files(changed.get("booster", stored["booster.txt"]), changed.get("label", stored["label.json"]))
    for name, content in files.items():
        (folder / name).write_bytes(content)


def blinded(folder: Path) -> bytes:
    """The label of a model that reports nobody."""
    label = json.loads((folder / "label.json").read_text())
    label["thresholds"]["review"] = 2.0
    return (json.dumps(label, indent=2, sort_keys=True) + "\n").encode()


def test_a_signed_model_comes_back(folder: Path, prove: Prove, trained: Trained) -> None:
    assert load(folder, prove=prove).features == trained.model.features
    assert (folder / "model.sig").is_file()


def test_a_signature_is_a_sigstore_bundle_over_each_file(folder: Path) -> None:
    bundle = json.loads((folder / "model.sig").read_text())
    assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    assert statement["predicateType"] == "https://model_signing/signature/v1.0"
    assert {resource["name"]: resource["digest"] for resource in statement["predicate"]["resources"]} == {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("booster.txt", "label.json", "manifest.json")
    }


def test_a_model_that_was_remade_with_all_its_checksums_is_caught_by_the_signature_alone(
    folder: Path, prove: Prove
) -> None:
    reseal(folder, label=blinded(folder))
    assert load(folder).review_threshold == 2.0
    with pytest.raises(IntegrityError, match=r"model\.sig does not hold for the files beside it: restore .*\."):
        load(folder, prove=prove)


def test_a_removed_signature_is_missed(folder: Path, prove: Prove) -> None:
    (folder / "model.sig").unlink()
    assert load(folder).features
    with pytest.raises(IntegrityError, match=r"model is not signed \(model\.sig is missing\).*ours\.pub.*train again"):
        load(folder, prove=prove)


def test_the_signature_of_another_key_is_refused(folder: Path, keys: Path) -> None:
    with pytest.raises(IntegrityError, match=r"was made with another key than that of .*theirs\.pub"):
        load(folder, prove=verifier(keys / "theirs.pub"))


def test_a_stranger_who_signs_in_our_name_is_refused(
    trained: Trained, folder: Path, keys: Path, prove: Prove, tmp_path: Path
) -> None:
    save(trained.model, tmp_path / "strange", signer(keys / "theirs"))
    ours = json.loads((folder / "model.sig").read_text())
    forged = json.loads((tmp_path / "strange" / "model.sig").read_text())
    forged["verificationMaterial"] = ours["verificationMaterial"]
    (folder / "model.sig").write_text(json.dumps(forged))
    with pytest.raises(IntegrityError, match="does not hold for the files beside it"):
        load(folder, prove=prove)


def test_the_signature_of_another_model_is_refused(folder: Path, sign: Sign, prove: Prove) -> None:
    (folder / "model.sig").write_bytes(sign({"booster.txt": b"", "label.json": b"", "manifest.json": b""}))
    with pytest.raises(IntegrityError, match="does not hold for the files beside it"):
        load(folder, prove=prove)


@pytest.mark.parametrize("name", ["extra.pkl", ".gitignore", ".git", "model.sig.bak"])
def test_a_file_that_came_after_the_signature_is_refused(folder: Path, prove: Prove, name: str) -> None:
    (folder / name).write_bytes(b"\x80\x04.")
    with pytest.raises(IntegrityError, match="does not belong to the model"):
        load(folder, prove=prove)


def edited(change: Callable[[dict], None]) -> Callable[[bytes], bytes]:
    def edit(signature: bytes) -> bytes:
        bundle = json.loads(signature)
        change(bundle)
        return json.dumps(bundle).encode()

    return edit


@pytest.mark.parametrize(
    "change",
    [
        lambda signature: b"",
        lambda signature: b"\x80\x04.",
        lambda signature: b"[" * 100_000,
        lambda signature: signature[: len(signature) // 2],
        edited(lambda bundle: bundle.clear()),
        edited(lambda bundle: bundle["verificationMaterial"]["publicKey"].clear()),
        edited(lambda bundle: bundle["dsseEnvelope"].update(signatures=[])),
        edited(lambda bundle: bundle["dsseEnvelope"].update(payload="e30=")),
        edited(lambda bundle: bundle["dsseEnvelope"]["signatures"][0].update(sig="AAAA")),
        edited(lambda bundle: bundle.update(mediaType="text/plain")),
    ],
)
def test_a_broken_signature_is_refused_without_a_word_of_the_library(
    folder: Path, prove: Prove, change: Callable[[bytes], bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "model.sig").write_bytes(change((folder / "model.sig").read_bytes()))
    with pytest.raises(IntegrityError, match="does not hold for the files beside it"):
        load(folder, prove=prove)
    assert capfd.readouterr() == ("", "")


def test_our_signatures_hold_for_the_program_of_model_signing(folder: Path, keys: Path) -> None:
    call = [PROGRAM, "verify", "key", folder, "--signature", folder / "model.sig", "--public_key", keys / "ours.pub"]
    assert subprocess.run(call, capture_output=True, check=False).returncode == 0
    reseal(folder, label=blinded(folder))
    assert subprocess.run(call, capture_output=True, check=False).returncode == 1


def signed_by_program(folder: Path, key: Path, *further: str) -> None:
    (folder / "model.sig").unlink()
    call = [PROGRAM, "sign", "key", folder, "--signature", folder / "model.sig", "--private_key", key, *further]
    subprocess.run(call, capture_output=True, check=True)


def test_a_signature_by_the_program_holds_if_it_is_over_all_files(folder: Path, keys: Path, prove: Prove) -> None:
    signed_by_program(folder, keys / "ours")
    assert load(folder, prove=prove).features
    signed_by_program(folder, keys / "ours", "--ignore-paths", str(folder / "booster.txt"))
    with pytest.raises(IntegrityError, match="does not hold for the files beside it"):
        load(folder, prove=prove)


def test_files_exchanged_while_they_are_proven_are_not_what_is_used(sign: Sign, prove: Prove, tmp_path: Path) -> None:
    files = assemble_files(b"tree\n", b"{}\n")
    write_files(files | {"model.sig": sign(files)}, tmp_path / "model")

    def exchange_then_prove(files: dict[str, bytes], signature: bytes | None, folder: Path) -> None:
        reseal(folder, booster=b"other\n")
        prove(files, signature, folder)

    assert read_files(tmp_path / "model", exchange_then_prove)["booster.txt"] == b"tree\n"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name,match",
    [
        ("nowhere", r"the key .*nowhere can't be read .*: set STILLWATCH_SIGNING_KEY"),
        ("empty", "holds no private key in PEM without a passphrase"),
        ("text", "holds no private key in PEM without a passphrase"),
        ("locked", "holds no private key in PEM without a passphrase"),
        ("ours.pub", "holds no private key in PEM without a passphrase"),
        ("wide", "holds another kind of key, expected one on the curve P-256"),
        ("rsa", "holds another kind of key, expected one on the curve P-256"),
    ],
)
def test_a_key_that_cannot_sign_is_reported_at_once(keys: Path, name: str, match: str) -> None:
    with pytest.raises(InputError, match=match) as refused:
        signer(keys / name)
    assert "BEGIN" not in str(refused.value)


@pytest.mark.parametrize(
    "name,match",
    [
        ("nowhere", r"the key .*nowhere can't be read .*: set STILLWATCH_VERIFYING_KEY"),
        ("empty", "holds no public key in PEM"),
        ("ours", "holds no public key in PEM"),
        ("wide.pub", "holds another kind of key, expected one on the curve P-256"),
        ("rsa.pub", "holds another kind of key, expected one on the curve P-256"),
    ],
)
def test_a_key_that_cannot_verify_is_reported_at_once(keys: Path, name: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        verifier(keys / name)


def test_a_key_is_read_once_and_may_be_taken_away_or_exchanged_then(
    trained: Trained, keys: Path, tmp_path: Path
) -> None:
    private, public = (Path(shutil.copy(keys / name, tmp_path / name)) for name in ("ours", "ours.pub"))
    sign, prove = signer(private), verifier(public)
    shutil.copy(keys / "theirs.pub", public)
    private.unlink()
    save(trained.model, tmp_path / "model", sign)
    assert load(tmp_path / "model", prove=prove).features


def test_a_pair_is_told_from_two_strangers(keys: Path) -> None:
    assert are_a_pair(keys / "ours", keys / "ours.pub")
    assert not are_a_pair(keys / "ours", keys / "theirs.pub")


def test_the_library_is_imported_only_to_sign_or_verify() -> None:
    code = "import sys, training.models.signing, training.models.model; print('model_signing' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
