import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from features.errors import InputError, IntegrityError
from serving.package import CODE_ROOT, last_packaged, package_model, verify_bento
from training.models.artifact import Prove, assemble_files
from training.models.model import Model

LOAD_AS_A_WORKER_DOES = """
import sys
from bentoml._internal.service.loader import load
service = load(sys.argv[1], standalone_load=True)
service.to_asgi()
own = {name.partition(".")[0] for name in sys.modules} & {"mlflow", "pipelines"}
files = [part.__file__ for name, part in sys.modules.items() if name.startswith(("features.", "serving."))]
print(sorted(own), all(file.startswith(sys.argv[1]) for file in files), "training.tracking" in sys.modules)
"""


@pytest.fixture
def copied(bento: Path, tmp_path: Path) -> Path:
    return shutil.copytree(bento, tmp_path / "copied")


def change_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def test_a_bento_holds_the_model_its_label_and_a_checksum_of_each_file(bento: Path, model: Model) -> None:
    names = {path.relative_to(bento / "src").as_posix() for path in (bento / "src").rglob("*") if path.is_file()}
    assert {"model/booster.txt", "model/label.json", "model/manifest.json", "model.version"} <= names
    listed = set(json.loads((bento / "src" / "contents.json").read_text())["sha256"])
    assert {name for name in names if not name.endswith(".pyc")} == listed | {
        "contents.json",
        "bentofile.yaml",
    }
    assert verify_bento(bento).version == model.version


def test_a_bento_asks_for_no_mlflow_and_holds_no_training_code(bento: Path) -> None:
    needs = (bento / "env" / "python" / "requirements.txt").read_text()
    assert "lightgbm==" in needs
    assert "bentoml==" in needs
    assert "mlflow" not in needs
    assert not list(bento.rglob("tracking*"))
    assert not any("mlflow" in path.read_text() for path in (bento / "src" / "training").rglob("*.py"))


def test_the_service_loads_from_the_bento_alone_and_without_mlflow(bento: Path, tmp_path: Path) -> None:
    call = [sys.executable, "-c", LOAD_AS_A_WORKER_DOES, str(bento.resolve())]
    env = {"BENTOML_HOME": str(tmp_path), "BENTOML_DO_NOT_TRACK": "true", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=env, cwd=tmp_path)
    assert done.stdout.strip().splitlines()[-1:] == ["[] True False"], done.stderr


def test_no_path_of_this_machine_is_in_the_bento(bento: Path, model_folder: Path) -> None:
    local = [str(CODE_ROOT), str(model_folder.parent), str(bento.parent), str(Path.home())]
    for path in bento.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            content = path.read_bytes()
            assert not [text for text in local if text.encode() in content], path


def test_packaging_twice_builds_once(bento: Path, model_folder: Path) -> None:
    before = (bento / "bento.yaml").stat().st_mtime_ns
    assert package_model(model_folder, bento.parent.parent) == bento
    assert (bento / "bento.yaml").stat().st_mtime_ns == before
    assert last_packaged(bento.parent.parent) == bento


def test_nothing_packaged_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no Bento has been packaged"):
        last_packaged(tmp_path)
    with pytest.raises(InputError, match="is not a packaged Bento"):
        verify_bento(tmp_path)


@pytest.mark.parametrize(
    "changed",
    [
        "model/booster.txt",
        "model/label.json",
        "model/manifest.json",
        "model.version",
        "serving/answer/scorer.py",
        "training/models/model.py",
    ],
)
def test_a_changed_byte_is_refused(copied: Path, changed: str) -> None:
    change_a_byte(copied / "src" / changed)
    with pytest.raises(IntegrityError, match="is missing or was changed after packaging"):
        verify_bento(copied)


def test_a_missing_file_is_refused(copied: Path) -> None:
    (copied / "src" / "model" / "label.json").unlink()
    with pytest.raises(IntegrityError, match=r"label\.json is missing or was changed"):
        verify_bento(copied)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"sha256": 3}', "\x00"])
def test_a_list_of_checksums_that_says_nothing_is_refused(copied: Path, text: str) -> None:
    (copied / "src" / "contents.json").write_text(text)
    with pytest.raises(IntegrityError, match="can't be read as a list of checksums"):
        verify_bento(copied)


def test_a_checksum_list_that_forgets_the_model_is_still_refused(copied: Path) -> None:
    (copied / "src" / "contents.json").write_text('{"sha256": {}}')
    change_a_byte(copied / "src" / "model" / "booster.txt")
    with pytest.raises(IntegrityError, match="was added after packaging"):
        verify_bento(copied)


def test_a_changed_model_is_not_packaged(model_folder: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(model_folder, tmp_path / "changed")
    change_a_byte(changed / "booster.txt")
    with pytest.raises(IntegrityError, match=r"booster\.txt"):
        package_model(changed, tmp_path / "bentos")
    assert not (tmp_path / "bentos").exists()


def test_a_run_killed_while_building_leaves_nothing_and_the_next_one_succeeds(
    model_folder: Path, tmp_path: Path
) -> None:
    root = tmp_path / "bentos"
    left = root / "stillwatch" / ".half-999999999"  # no process has this number
    left.mkdir(parents=True)
    code = (
        "import sys; from pathlib import Path; from serving.package import package_model;"
        "package_model(*map(Path, sys.argv[1:]))"
    )
    call = [sys.executable, "-c", code, str(model_folder), str(root)]
    killed = subprocess.Popen(call, cwd=CODE_ROOT, start_new_session=True)
    time.sleep(2.5)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    with pytest.raises(InputError, match="no Bento has been packaged"):
        last_packaged(root)
    built = package_model(model_folder, root)
    assert verify_bento(built).features
    assert not left.exists()
    change_a_byte(built / "src" / "model" / "booster.txt")
    assert verify_bento(package_model(model_folder, root)).features


def remade(bento: Path, review: float) -> None:
    """Change the model's threshold and make every checksum again, as somebody would who knows the format."""
    source = bento / "src"
    label = json.loads((source / "model" / "label.json").read_text())
    label["thresholds"]["review"] = review
    text = (json.dumps(label, indent=2, sort_keys=True) + "\n").encode()
    for name, content in assemble_files((source / "model" / "booster.txt").read_bytes(), text).items():
        (source / "model" / name).write_bytes(content)
    contents = json.loads((source / "contents.json").read_text())
    for name in contents["sha256"]:
        contents["sha256"][name] = hashlib.sha256((source / name).read_bytes()).hexdigest()
    (source / "contents.json").write_text(json.dumps(contents))


def test_the_model_in_the_bento_is_the_folder_to_the_byte(signed_folder: Path, signed_bento: Path) -> None:
    packed = signed_bento / "src" / "model"
    assert {path.name: path.read_bytes() for path in packed.iterdir()} == {
        path.name: path.read_bytes() for path in signed_folder.iterdir()
    }
    assert (packed / "model.sig").is_file()


def test_the_bento_carries_its_version_and_the_signature_holds(signed_bento: Path, prove: Prove) -> None:
    assert verify_bento(signed_bento, prove).version == "3"
    assert signed_bento.name.startswith("3-")


def test_a_bento_remade_with_all_its_checksums_is_caught_by_the_signature_alone(
    signed_bento: Path, prove: Prove, tmp_path: Path
) -> None:
    changed = shutil.copytree(signed_bento, tmp_path / "changed")
    remade(changed, review=2.0)
    assert verify_bento(changed).review_threshold == 2.0
    with pytest.raises(IntegrityError, match=r"src/model/model\.sig does not hold for the files beside it"):
        verify_bento(changed, prove)


def test_an_unsigned_model_is_not_packaged_where_signatures_are_wanted(
    model_folder: Path, prove: Prove, tmp_path: Path
) -> None:
    with pytest.raises(IntegrityError, match="v3 is not signed"):
        package_model(model_folder, tmp_path / "bentos", prove=prove)
    assert not (tmp_path / "bentos").exists()


def test_a_bento_needs_neither_the_library_nor_the_code_of_signatures(signed_bento: Path) -> None:
    needs = (signed_bento / "env" / "python" / "requirements.txt").read_text()
    assert not [word for word in ("model-signing", "model_signing", "sigstore", "cryptography") if word in needs]
    assert not (signed_bento / "src" / "training" / "signing.py").exists()


def test_a_model_of_a_newer_format_or_with_features_in_another_order_is_not_packaged(
    model_folder: Path, tmp_path: Path
) -> None:
    newer, turned = (Path(shutil.copytree(model_folder, tmp_path / name)) for name in ("newer", "turned"))
    manifest = json.loads((newer / "manifest.json").read_text()) | {"format": 6}
    (newer / "manifest.json").write_text(json.dumps(manifest))
    label = json.loads((turned / "label.json").read_text())
    label["features"].reverse()
    text = (json.dumps(label, indent=2, sort_keys=True) + "\n").encode()
    for name, content in assemble_files((turned / "booster.txt").read_bytes(), text).items():
        (turned / name).write_bytes(content)
    with pytest.raises(IntegrityError, match="has format 6, expected 5: a newer release wrote it"):
        package_model(newer, tmp_path / "bentos")
    with pytest.raises(IntegrityError, match="the same features in another order"):
        package_model(turned, tmp_path / "bentos")
    assert not (tmp_path / "bentos").exists()


def test_a_file_that_was_added_to_a_bento_is_refused(bento: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(bento, tmp_path / bento.name)
    verify_bento(copied)
    (copied / "src" / "polars").mkdir()
    (copied / "src" / "polars" / "__init__.py").write_text("raise SystemExit")
    with pytest.raises(IntegrityError, match=r"polars/__init__\.py was added after packaging"):
        verify_bento(copied)
