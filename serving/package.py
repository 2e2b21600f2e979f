"""The Bento: the package of a model and the code that serves it, built whole or not at all, and verified.

A Bento is a folder `<root>/<name>/<model version>-<digest>` with the model, the modules that the service imports (and
so without MLflow and the training code), and `src/contents.json` with the SHA-256 of each file.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version as installed_version
from pathlib import Path

from features.catalogue import FEATURE_NAMES, SCHEMA_VERSION
from features.code_version import CODE_ROOT
from features.code_version.import_closure import ImportClosure, import_closure
from features.errors import InputError, IntegrityError, StillwatchError
from serving.champion.succession import CONTENTS, CURRENT, MODEL
from training.models import model as models
from training.models.artifact import Prove, version_file

NAME = "stillwatch"
SERVICE = "serving.service:Stillwatch"
RECIPE = "bentofile.yaml"
HALF_DONE = ".half-"
SECRETS = ("STILLWATCH_KEY", "STILLWATCH_SIGNING_KEY", "STILLWATCH_ACCESS_KEY", "STILLWATCH_ONLINE")
"""Environment variables that a server must not see."""

EXTRAS = {"feast": "[duckdb,redis]"}
"""Extras of distributions. Feast loads its stores by name, so no import shows them."""


def package_model(model_folder: Path, root: Path, *, name: str = NAME, prove: Prove | None = None) -> Path:
    """Build the Bento of a saved model, unless an equal one exists, and return its folder.

    The Bento appears by one rename when it is complete, so a killed run leaves nothing that could be served.

    Args:
        model_folder: the saved model.
        root: the folder of Bentos.
        name: the Bento's name.
        prove: checks the model's signature; None if it need not be signed.

    Raises:
        IntegrityError: the model is not what its label says, is not signed as it must be, or the build failed.
    """
    model = _load(model_folder, prove)
    parts = import_closure(CODE_ROOT, SERVICE.partition(":")[0])
    files = _contents(parts, model_folder)
    digests = {path: _sha256(source) for path, source in sorted(files.items())}
    tag = f"{re.sub(r'[^a-z0-9_.]', '-', model.version.lower())}-{_digest(digests)[:12]}"
    target = root / name / tag
    if not _is_whole(target, prove):
        # Not under `root`: BentoML refuses to build where a folder's name begins with a dot.
        with tempfile.TemporaryDirectory(prefix="stillwatch-build-") as scratch:
            _stage(Path(scratch) / "src", files, digests, parts.distributions, name)
            _put(_build(Path(scratch), name, tag), target, prove)
    _point(root / name, target)
    return target


def last_packaged(root: Path, *, name: str = NAME) -> Path:
    """Return the Bento that was packaged last under `root`.

    Raises:
        InputError: there is none.
    """
    pointer = root / name / CURRENT
    if not pointer.is_file():
        raise InputError(f"no Bento has been packaged under {root}: run `stillwatch package` first.")
    return pointer.parent / pointer.read_text(encoding="utf-8").strip()


def verify_bento(bento: Path, prove: Prove | None = None) -> models.Model:
    """Check every file of a Bento against its checksum, then load and return the model.

    Raises:
        InputError: the folder is no Bento of ours.
        IntegrityError: a file is missing, new or changed, or the model is not signed as `prove` demands.
    """
    label = bento / "src" / CONTENTS
    if not label.is_file() or not (bento / "bento.yaml").is_file():
        raise InputError(f"{bento} is not a packaged Bento: run `stillwatch package` first.")
    try:
        digests: dict[str, str] = dict(json.loads(label.read_text(encoding="utf-8"))["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{label} can't be read as a list of checksums: package the model again") from error
    further = sorted(
        {str(file.relative_to(bento / "src")) for file in _packed(bento / "src")} - {*digests, CONTENTS, RECIPE}
    )
    if further:
        raise IntegrityError(f"{bento / 'src' / further[0]} was added after packaging: package the model again")
    for path, digest in digests.items():
        source = bento / "src" / path
        if not source.is_file() or _sha256(source) != digest:
            raise IntegrityError(f"{source} is missing or was changed after packaging: package the model again")
    return _load(bento / "src" / MODEL, prove)


def _packed(source: Path) -> Iterator[Path]:
    """List the files of a Bento, without what Python caches beside the modules."""
    return (file for file in source.rglob("*") if file.is_file() and file.parent.name != "__pycache__")


def drop_compiled(bento: Path) -> None:
    """Remove compiled modules beside a Bento's: Python would run them instead of the sources that were checked.

    Raises:
        IntegrityError: one can't be removed.
    """
    for folder in [*(bento / "src").rglob("__pycache__")]:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise IntegrityError(
                f"{folder} holds compiled code that nobody checked, and can't be removed ({error.strerror}): "
                "remove it, or package the model again"
            ) from error


def bentoml_call(home: Path) -> list[str]:
    """Build the beginning of a command line that runs BentoML with a home of its own instead of the user's.

    `env` passes the variables, so that this process need not read its environment.

    Raises:
        InputError: the system has no `env`.
    """
    env = shutil.which("env")
    if env is None:
        raise InputError("the program `env` was not found: stillwatch packages and serves on POSIX systems only.")
    # `no_image`: without it a build downloads `uv`, even where nothing is to be locked.
    # Nothing is compiled beside a Bento's modules, where nobody would check it (`drop_compiled`).
    variables = (
        f"BENTOML_HOME={home}",
        "BENTOML_DO_NOT_TRACK=true",
        "BENTOML_ENABLE_FEATURES=no_image",
        "PYTHONDONTWRITEBYTECODE=1",
    )
    unset = [argument for name in SECRETS for argument in ("-u", name)]
    return [env, *unset, *variables, sys.executable, "-m", "bentoml"]


def _contents(parts: ImportClosure, model_folder: Path) -> dict[str, Path]:
    """Map each path inside the Bento to the file to copy: the modules, the model, and its version."""
    code = {path.relative_to(CODE_ROOT).as_posix(): path for path in parts.files}
    model = {f"{MODEL}/{path.name}": path for path in model_folder.iterdir() if path.is_file()}
    version = version_file(model_folder)
    return {**code, **model, **({version_file(Path(MODEL)).name: version} if version.is_file() else {})}


def _stage(
    folder: Path, files: Mapping[str, Path], digests: Mapping[str, str], needs: tuple[str, ...], name: str
) -> None:
    """Copy the files into a folder and write the checksums and BentoML's recipe."""
    for path, source in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / path)
    (folder / CONTENTS).write_text(json.dumps({"sha256": digests}, indent=1), encoding="utf-8")
    recipe = {
        "service": SERVICE,
        "name": name,
        "description": "Scores accounts by how likely they take part in a distillation campaign.",
        "include": ["**/*.py", "**/*.yaml", f"{MODEL}/*", version_file(Path(MODEL)).name, CONTENTS],
        # Locking would ask a package index; what is installed here is what was tested.
        "python": {
            "packages": [f"{need}{EXTRAS.get(need, '')}=={installed_version(need)}" for need in needs],
            "lock_packages": False,
        },
    }
    (folder / RECIPE).write_text(json.dumps(recipe, indent=1), encoding="utf-8")


def _build(scratch: Path, name: str, tag: str) -> Path:
    """Run `bentoml build` in a process of its own on the staged copy, so that a missing file is noticed."""
    call = [*bentoml_call(scratch / "home"), "build", ".", "--version", tag, "--do-not-track"]
    done = subprocess.run(call, cwd=scratch / "src", capture_output=True, text=True, check=False)
    built = scratch / "home" / "bentos" / name / tag
    if done.returncode != 0 or not built.is_dir():
        last_line = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise IntegrityError(f"the Bento {name}:{tag} could not be built: {last_line}")
    # A Bento's own arguments, even an empty list, would replace those of `bentoml serve --arg`.
    label = built / "bento.yaml"
    label.write_text(re.sub(r"(?m)^args: \{\}\n", "", label.read_text(encoding="utf-8")), encoding="utf-8")
    return built


def _put(built: Path, target: Path, prove: Prove | None) -> None:
    """Copy the Bento near its target, verify the copy, and rename it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent)
    draft = target.parent / f"{HALF_DONE}{os.getpid()}"
    shutil.copytree(built, draft)
    verify_bento(draft, prove)
    if target.exists() and not _is_whole(target, prove):
        shutil.rmtree(target)
    try:
        draft.rename(target)
    except OSError:  # another run was quicker
        shutil.rmtree(draft)
        verify_bento(target, prove)


def _point(folder: Path, target: Path) -> None:
    """Record which Bento was packaged last, by one rename."""
    fresh = folder / f".{CURRENT}-{os.getpid()}"
    fresh.write_text(target.name, encoding="utf-8")
    fresh.rename(folder / CURRENT)


def _sweep(parent: Path) -> None:
    """Remove what killed runs have left."""
    for folder in parent.glob(f"{HALF_DONE}*"):
        owner = int(folder.name.removeprefix(HALF_DONE))
        if owner == os.getpid() or not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _is_whole(bento: Path, prove: Prove | None) -> bool:
    try:
        verify_bento(bento, prove)
    except StillwatchError:
        return False
    return True


def _load(folder: Path, prove: Prove | None) -> models.Model:
    """Load a model and check that it was made for the features that this code reads."""
    return models.load(folder, features=FEATURE_NAMES, schema_version=SCHEMA_VERSION, prove=prove)


def _digest(digests: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
