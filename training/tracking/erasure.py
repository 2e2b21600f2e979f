"""Erasing accounts from what trainings left: test sets, and the risks that models gave."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from training.examples.test_set import FRAME, erase_from_test_set
from training.tracking.artifact_seals import replace_sealed_file
from training.tracking.client import NAME, connect
from training.tracking.registry import DECISION, FOLDER, JUDGED, REPORT, RISKS

_TEXTS = (REPORT, DECISION)  # files that name the digest of a test set


def erase_from_runs(uri: str, artifact_root: Path, accounts: Sequence[str]) -> int:
    """Remove accounts from the files of all runs, those of deleted runs too.

    A test set that lost an account has another digest. It takes the place of the old one in reports and tags, so that
    a later version can still be judged on it; a model's label stays as it was signed.

    Args:
        uri: of MLflow's store.
        artifact_root: the folder of its files.
        accounts: to be erased.

    Returns:
        How many files were changed.
    """

    def replace(draft: Path, path: Path) -> None:
        run = path.relative_to(artifact_root).parts[0]
        replace_sealed_file(connect(uri), run, draft, path)

    changed = 0
    digests: dict[str, str] = {}
    for frame in sorted(artifact_root.rglob(FRAME)):
        pair = erase_from_test_set(frame.parent, accounts)
        if pair is not None:
            digests[pair[0]] = pair[1]
            changed += 1
    for risks in sorted(artifact_root.rglob(RISKS)):
        table = pl.read_parquet(risks)
        others = table.filter(~pl.col("account_id").is_in(list(accounts)))
        if len(others) < len(table):
            draft = risks.with_name(f"{RISKS}.draft")
            others.write_parquet(draft)
            replace(draft, risks)
            changed += 1
    if digests:
        for path in sorted(artifact_root.rglob("*.json")):
            if path.name in _TEXTS and not {FOLDER, JUDGED} & set(path.parts):
                _replace_words(path, digests, replace)
        _retag(connect(uri), digests)
    return changed


def _replace_words(path: Path, words: dict[str, str], replace: Callable[[Path, Path], None]) -> None:
    text = changed = path.read_text(encoding="utf-8")
    for old, new in words.items():
        changed = changed.replace(old, new)
    if changed != text:
        draft = path.with_name(f"{path.name}.draft")
        draft.write_text(changed, encoding="utf-8")
        replace(draft, path)


def _retag(client: Any, digests: dict[str, str]) -> None:
    for version in client.search_model_versions(f"name='{NAME}'"):
        for name, value in client.get_run(version.run_id).data.tags.items():
            if value in digests:
                client.set_tag(version.run_id, name, digests[value])
        for name, value in version.tags.items():
            if value in digests:
                client.set_model_version_tag(NAME, version.version, name, digests[value])
