"""The folder of a model: its files, and how they are proven before any of them is used.

`booster.txt` (LightGBM's own text form), `label.json` (features, schema version, linear model, calibrator,
thresholds, origin), `manifest.json` (format number, SHA-256 of the other two) and, where models are signed,
`model.sig` over these three. The folder stays the same to the byte from the registry to the Bento, so one signature
holds all the way; the number that the registry gives travels beside it, in `<folder>.version`.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from features.errors import InputError, IntegrityError

FORMAT = 3
BOOSTER, LABEL, MANIFEST, SIGNATURE = "booster.txt", "label.json", "manifest.json", "model.sig"
UNREGISTERED = "unregistered"
REFUSAL = "restore the folder from the registry or train again"
Kind = TypeVar("Kind", bound=BaseModel)

Sign = Callable[[Mapping[str, bytes]], bytes]
"""Makes a signature over files, given by name."""

Prove = Callable[[Mapping[str, bytes], bytes | None, Path], None]
"""Raises IntegrityError unless the files of a folder have this signature (None: there is none) of the right key."""


class Strict(BaseModel):
    """What is in a file: these fields, of these types."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class _Manifest(Strict):
    format: int
    files: dict[str, str]


def sealed(booster: bytes, label: bytes) -> dict[str, bytes]:
    """The files of a model by name, the manifest with them."""
    contents = {BOOSTER: booster, LABEL: label}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return contents | {MANIFEST: spelt(_Manifest(format=FORMAT, files=sums))}


def write(contents: Mapping[str, bytes], folder: Path) -> None:
    """Write the files; the folder appears whole or not at all. Raises `InputError` if it is there and not empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not empty: give a new folder for the model.")
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name, content in contents.items():
        (part / name).write_bytes(content)
    os.replace(part, folder)


def read(folder: Path, prove: Prove | None = None) -> dict[str, bytes]:
    """The files that the manifest lists, read once and proven: by its sums, and by `prove` if one is given.

    Raises `IntegrityError` for another format number, for a missing, changed or further file, and what `prove` raises.
    """
    if not (folder / MANIFEST).is_file():
        raise IntegrityError(f"{folder / MANIFEST} is missing: {REFUSAL}.")
    sealing = (folder / MANIFEST).read_bytes()
    _expect_format(sealing, folder / MANIFEST)
    manifest = parse(sealing, _Manifest, folder / MANIFEST)
    _expect_files(folder, manifest)
    contents = {name: (folder / name).read_bytes() for name in manifest.files}
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != manifest.files[name]:
            raise IntegrityError(f"{folder / name} was changed (SHA-256 differs from the manifest): {REFUSAL}.")
    if prove is not None:
        prove(contents | {MANIFEST: sealing}, signature(folder), folder)
    return contents


def signature(folder: Path) -> bytes | None:
    """The signature that lies in a folder, unproven; None without one."""
    path = folder / SIGNATURE
    return path.read_bytes() if path.is_file() else None


def copy(source: Path, folder: Path, version: str) -> None:
    """Copy a folder as it is, and put the version that it has in the registry beside the copy."""
    write({path.name: path.read_bytes() for path in sorted(source.iterdir())}, folder)
    beside(folder).write_text(version + "\n", encoding="utf-8")


def beside(folder: Path) -> Path:
    """The file with the version of a folder."""
    return folder.with_name(folder.name + ".version")


def version(folder: Path) -> str:
    """The version that lies beside a folder; "unregistered" without one. Nothing but a name: no signature covers it."""
    path = beside(folder)
    if not path.is_file():
        return UNREGISTERED
    said = path.read_bytes().strip()
    if not re.fullmatch(rb"[\w.-]{1,64}", said):
        raise IntegrityError(f"{path} holds no version: fetch the model from the registry again.")
    return said.decode()


def spelt(value: BaseModel) -> bytes:
    """The one way a value is written, so that any other spelling of it is a change."""
    return (json.dumps(value.model_dump(), indent=2, sort_keys=True) + "\n").encode()


def parse(content: bytes, kind: type[Kind], path: Path) -> Kind:
    """Read JSON in its one spelling."""
    try:
        value = kind.model_validate(json.loads(content))
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{path} is not as stillwatch writes it: {REFUSAL}.") from error
    if spelt(value) != content:
        raise IntegrityError(f"{path} was changed (it is not spelt as stillwatch writes it): {REFUSAL}.")
    return value


def _expect_format(sealing: bytes, path: Path) -> None:
    """Judged before all else: another format may have other fields and files."""
    with suppress(ValueError, TypeError, KeyError, RecursionError):  # told by what reads it in full
        number = json.loads(sealing)["format"]
        if number != FORMAT:
            is_newer = isinstance(number, int) and number > FORMAT
            advice = "a newer release wrote it, use that one" if is_newer else "train again with this release"
            raise IntegrityError(f"{path} has format {number!r}, expected {FORMAT}: {advice}.")


def _expect_files(folder: Path, manifest: _Manifest) -> None:
    wanted = {BOOSTER, LABEL}
    if set(manifest.files) != wanted:
        raise IntegrityError(f"{folder / MANIFEST} does not list exactly {BOOSTER} and {LABEL}: {REFUSAL}.")
    for name in sorted(wanted):
        if not (folder / name).is_file():
            raise IntegrityError(f"{folder / name} is missing: {REFUSAL}.")
    for name in sorted({path.name for path in folder.iterdir()} - wanted - {MANIFEST, SIGNATURE}):
        raise IntegrityError(f"{folder / name} does not belong to the model: {REFUSAL}.")
