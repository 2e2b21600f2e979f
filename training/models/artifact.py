"""The folder of a model: its files, and how they are checked before any of them is used.

- `booster.txt`: the trees, in LightGBM's own text form;
- `label.json`: features, schema version, linear model, standing, calibrator, reference accounts, thresholds, origin;
- `manifest.json`: the format number and the SHA-256 of the other two;
- `model.sig`, where models are signed: a signature over these three.

The folder stays the same to the byte from the registry to the Bento, so that one signature holds all the way. The
version that the registry gives lies beside the folder, in `<folder>.version`.
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

FORMAT = 5
BOOSTER, LABEL, MANIFEST, SIGNATURE = "booster.txt", "label.json", "manifest.json", "model.sig"
UNREGISTERED = "unregistered"
REFUSAL = "restore the folder from the registry or train again"
Kind = TypeVar("Kind", bound=BaseModel)

Sign = Callable[[Mapping[str, bytes]], bytes]
"""Makes a signature over the contents of files, by name."""

Prove = Callable[[Mapping[str, bytes], bytes | None, Path], None]
"""Raises `IntegrityError` unless the signature (None: there is none) of the folder's files is the right key's."""


class Strict(BaseModel):
    """The content of a JSON file: exactly these fields, of exactly these types."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class _Manifest(Strict):
    format: int
    files: dict[str, str]


def assemble_files(booster: bytes, label: bytes) -> dict[str, bytes]:
    """The files of a model by name: the two given, and their manifest."""
    contents = {BOOSTER: booster, LABEL: label}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return contents | {MANIFEST: to_json(_Manifest(format=FORMAT, files=sums))}


def write_files(contents: Mapping[str, bytes], folder: Path) -> None:
    """Write files into a new folder, which appears whole or not at all.

    Raises:
        InputError: the folder exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not empty: give a new folder for the model.")
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name, content in contents.items():
        (part / name).write_bytes(content)
    os.replace(part, folder)


def read_files(folder: Path, prove: Prove | None = None) -> dict[str, bytes]:
    """Read the files that the manifest lists, once, and check them: by their SHA-256, and by `prove` if it is given.

    Raises:
        IntegrityError: another format number, a file that is missing, changed or not listed, or a signature that
            `prove` refuses.
    """
    if not (folder / MANIFEST).is_file():
        raise IntegrityError(f"{folder / MANIFEST} is missing: {REFUSAL}.")
    raw_manifest = (folder / MANIFEST).read_bytes()
    _expect_format(raw_manifest, folder / MANIFEST)
    manifest = parse_json(raw_manifest, _Manifest, folder / MANIFEST)
    _expect_files(folder, manifest)
    contents = {name: (folder / name).read_bytes() for name in manifest.files}
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != manifest.files[name]:
            raise IntegrityError(f"{folder / name} was changed (SHA-256 differs from the manifest): {REFUSAL}.")
    if prove is not None:
        prove(contents | {MANIFEST: raw_manifest}, read_signature(folder), folder)
    return contents


def read_signature(folder: Path) -> bytes | None:
    """Read the signature in a folder without checking it; None if there is none."""
    path = folder / SIGNATURE
    return path.read_bytes() if path.is_file() else None


def copy_model(source: Path, folder: Path, version: str) -> None:
    """Copy a folder to the byte, and write its version in the registry beside the copy."""
    write_files({path.name: path.read_bytes() for path in sorted(source.iterdir())}, folder)
    version_file(folder).write_text(version + "\n", encoding="utf-8")


def version_file(folder: Path) -> Path:
    """The path of the file that holds the version of a folder."""
    return folder.with_name(folder.name + ".version")


def read_version(folder: Path) -> str:
    """Read the version beside a folder, or "unregistered" without one. It is only a name: no signature covers it."""
    path = version_file(folder)
    if not path.is_file():
        return UNREGISTERED
    version = path.read_bytes().strip()
    if not re.fullmatch(rb"[\w.-]{1,64}", version):
        raise IntegrityError(f"{path} holds no version: fetch the model from the registry again.")
    return version.decode()


def to_json(value: BaseModel) -> bytes:
    """The one JSON text of a value, to the byte, so that any other text is recognised as a change."""
    return (json.dumps(value.model_dump(), indent=2, sort_keys=True) + "\n").encode()


def parse_json(content: bytes, kind: type[Kind], path: Path) -> Kind:
    """Read what `to_json` wrote.

    Raises:
        IntegrityError: other fields or types, or another text than `to_json` writes.
    """
    try:
        value = kind.model_validate(json.loads(content))
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{path} is not as stillwatch writes it: {REFUSAL}.") from error
    if to_json(value) != content:
        raise IntegrityError(f"{path} was changed (stillwatch formats it otherwise): {REFUSAL}.")
    return value


def _expect_format(raw_manifest: bytes, path: Path) -> None:
    """Refuse another format before anything else is checked, since it may have other fields and files."""
    with suppress(ValueError, TypeError, KeyError, RecursionError):  # the full check reports these
        number = json.loads(raw_manifest)["format"]
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
