"""Keys in the environment: what each command does with a signed model and with one that is not."""

import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from features.errors import InputError
from pipelines.settings import settings
from tests.second_versions import PLANTED, forget_files

Run = Callable[..., subprocess.CompletedProcess[str]]
SIGNING, VERIFYING = "STILLWATCH_SIGNING_KEY", "STILLWATCH_VERIFYING_KEY"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pairs `ours`, `theirs`."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ours", "theirs"):
        key = ec.generate_private_key(ec.SECP256R1())
        (folder / name).write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (folder / f"{name}.pub").write_bytes(public)
    return folder


@pytest.fixture
def train_again(
    command: list[str], key: str, made_world: Path, workspace: Path, as_of: datetime
) -> Callable[..., None]:
    """Trains as the workspace's first training did: in a process of its own, on the same inputs."""

    def run(**variables: str) -> None:
        labels = ["--labels", str(made_world / "labels.parquet"), "--plant-share", str(PLANTED)]
        call = [*command, "train", *labels, "--as-of", as_of.isoformat(), "--workspace", str(workspace)]
        others = {name: value for name, value in os.environ.items() if not name.startswith(("STILLWATCH_", "MLFLOW_"))}
        environment = others | {"STILLWATCH_KEY": key, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"} | variables
        done = subprocess.run(call, capture_output=True, text=True, env=environment, cwd=workspace.parent)
        assert done.returncode == 0, done.stderr

    return run


@pytest.fixture
def set_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets variables for the settings of this process."""

    def put(**variables: object) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        settings.cache_clear()

    for name in (SIGNING, VERIFYING):
        monkeypatch.delenv(name, raising=False)
    settings.cache_clear()
    yield put
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def workspace(filled_workspace: Path, move_copy: Callable[[Path, Path], Path], tmp_path: Path) -> Iterator[Path]:
    """A copy of the shared workspace."""
    forget_files()
    yield move_copy(filled_workspace, tmp_path / "copied")
    forget_files()


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def bentos(workspace: Path) -> set[str]:
    return {path.name for path in (workspace / "bento" / "stillwatch").iterdir() if (path / "bento.yaml").exists()}


def test_without_keys_nothing_is_signed_and_nothing_must_be(set_environment: Callable[..., None]) -> None:
    assert settings().signer() is None
    assert settings().verifier() is None


def test_what_one_key_of_a_pair_signs_the_other_lets_through(set_environment: Callable[..., None], keys: Path) -> None:
    set_environment(STILLWATCH_SIGNING_KEY=keys / "ours", STILLWATCH_VERIFYING_KEY=keys / "ours.pub")
    sign, prove = settings().signer(), settings().verifier()
    assert sign is not None and prove is not None
    prove({"file": b"content"}, sign({"file": b"content"}), keys)


def test_two_keys_that_are_no_pair_are_refused_before_anything_is_signed(
    set_environment: Callable[..., None], keys: Path
) -> None:
    set_environment(STILLWATCH_SIGNING_KEY=keys / "ours", STILLWATCH_VERIFYING_KEY=keys / "theirs.pub")
    with pytest.raises(InputError, match=r"are not a pair, so signed models would be refused: set both of one pair"):
        settings().signer()


@pytest.mark.parametrize("path", ["", "nowhere.pem"])
def test_a_path_that_leads_to_no_key_does_not_mean_that_none_is_wanted(
    set_environment: Callable[..., None], path: str
) -> None:
    set_environment(STILLWATCH_SIGNING_KEY=path, STILLWATCH_VERIFYING_KEY=path)
    with pytest.raises(InputError, match=r"can't be read .*: set STILLWATCH_VERIFYING_KEY to the path of a PEM file"):
        settings().verifier()
    with pytest.raises(InputError, match=r"can't be read .*: set STILLWATCH_SIGNING_KEY to the path of a PEM file"):
        settings().signer()


def test_no_setting_shows_a_secret(set_environment: Callable[..., None], keys: Path) -> None:
    set_environment(STILLWATCH_KEY="5a" * 32, STILLWATCH_SIGNING_KEY=keys / "ours")
    assert "5a5a" not in repr(settings())
    assert "BEGIN" not in repr(settings())


def test_an_unsigned_champion_is_refused_by_every_command_that_would_use_it(
    workspace: Path, keys: Path, as_of: datetime, stillwatch: Run, command: list[str], tmp_path: Path
) -> None:
    before = bentos(workspace)
    out = tmp_path / "scores.parquet"
    for call in (("score", "--as-of", as_of.isoformat(), "--out", out), ("package",), ("promote", "--version", 1)):
        result = stillwatch(*call, "--workspace", workspace, STILLWATCH_VERIFYING_KEY=str(keys / "ours.pub"))
        assert result.returncode == 1, call
        assert "version 1 of stillwatch in the registry" in result.stderr
        assert "is not signed (model.sig is missing)" in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    serve = [*command, "serve", "--open", "--port", "65000", "--workspace", str(workspace)]
    variables = {VERIFYING: str(keys / "ours.pub"), "STILLWATCH_KEY": "5a" * 32, "HOME": str(tmp_path)}
    served = subprocess.run(serve, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert served.returncode == 1
    assert "src/model is not signed (model.sig is missing)" in served.stderr
    assert len(served.stderr.strip().splitlines()) == 1
    assert not out.exists()
    assert bentos(workspace) == before


@pytest.mark.slow
def test_the_same_training_with_a_key_signs_the_champion_and_every_command_takes_it(
    workspace: Path, keys: Path, as_of: datetime, stillwatch: Run, train_again: Callable[..., None], tmp_path: Path
) -> None:
    pair = {SIGNING: str(keys / "ours"), VERIFYING: str(keys / "ours.pub")}
    train_again(**pair)
    public = {VERIFYING: pair[VERIFYING]}
    out = tmp_path / "scores.parquet"
    for call in (("promote", "--version", 1), ("package",), ("score", "--as-of", as_of.isoformat(), "--out", out)):
        result = stillwatch(*call, "--workspace", workspace, **public)
        assert result.returncode == 0, result.stderr
    assert out.read_bytes() == (workspace / "scores.parquet").read_bytes()
    pointer = (workspace / "bento" / "stillwatch" / "current").read_text()
    packed = content(workspace / "bento" / "stillwatch" / pointer / "src" / "model")
    assert packed == content(workspace / "champion")
    assert "model.sig" in packed
    refused = stillwatch("package", "--workspace", workspace, STILLWATCH_VERIFYING_KEY=str(keys / "theirs.pub"))
    assert refused.returncode == 1
    assert "was made with another key than that of" in refused.stderr


def test_a_key_that_cannot_sign_is_refused_before_the_training(
    workspace: Path, made_world: Path, keys: Path, as_of: datetime, stillwatch: Run
) -> None:
    labels = ("--labels", made_world / "labels.parquet")
    call = ("train", *labels, "--as-of", as_of.isoformat(), "--workspace", workspace)
    result = stillwatch(*call, STILLWATCH_SIGNING_KEY=str(keys / "ours.pub"))
    assert result.returncode == 2
    assert "holds no private key in PEM" in result.stderr
    assert "training" not in result.stdout + result.stderr


def test_a_secret_comes_from_a_file_and_a_variable_goes_first(
    set_environment: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STILLWATCH_KEY", raising=False)
    (tmp_path / "stillwatch_key").write_text("6b" * 32 + "\n")
    (tmp_path / "stillwatch_online").write_text("redis://:word@redis:6379/0\n")
    set_environment(STILLWATCH_SECRETS=tmp_path)
    assert settings().secret() == b"k" * 32
    assert settings().online == "redis://:word@redis:6379/0"
    set_environment(STILLWATCH_ONLINE="sqlite")
    assert settings().online == "sqlite"


def test_secrets_that_can_not_be_used_are_refused_without_repeating_them(
    set_environment: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(STILLWATCH_SECRETS=tmp_path / "none")
    with pytest.raises(InputError, match=r"STILLWATCH_SECRETS names .*none, which is no folder"):
        settings()
    monkeypatch.delenv("STILLWATCH_KEY", raising=False)
    (tmp_path / "stillwatch_key").write_text("canary")
    set_environment(STILLWATCH_SECRETS=tmp_path)
    with pytest.raises(InputError, match="the secret file STILLWATCH_KEY is not usable") as refused:
        settings()
    assert "canary" not in str(refused.value)
