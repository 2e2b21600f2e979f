"""Erasing accounts from what trainings left: test sets, and the risks that models gave."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from training.examples.test_set import FRAME, erase_from_test_set, write_erased
from training.tracking.artifact_seals import replace_sealed_file
from training.tracking.client import NAME, connect
from training.tracking.registry import DECISION, FOLDER, JUDGED, REPORT, RISKS

_TEXTS = (REPORT, DECISION)  # files that name the digest of a test set

Put = Callable[[Path], None]
"""Told of each file that was changed."""


def erase_from_runs(uri: str, artifact_root: Path, accounts: Sequence[str], put: Put = lambda _path: None) -> int:
    """Remove accounts from the files of all runs, those of deleted runs too.

    A test set that lost an account has another digest. It takes the place of the old one in reports and tags, so that
    a later version can still be judged on it; a model's label stays as it was signed. Test sets are written last: an
    erasure that was killed is completed by running it again.

    Args:
        uri: of MLflow's store.
        artifact_root: the folder of its files.
        accounts: to be erased.
        put: called with the path of each file once it has changed.

    Returns:
        How many test sets and tables of risks were changed.
    """

    def replace(draft: Path, path: Path) -> None:
        run = path.relative_to(artifact_root).parts[0]
        replace_sealed_file(connect(uri), run, draft, path, put)

    test_sets = {frame.parent: erase_from_test_set(frame.parent, accounts) for frame in artifact_root.rglob(FRAME)}
    erased = {folder: test_set for folder, test_set in sorted(test_sets.items()) if test_set is not None}
    digests = {test_set.before: test_set.after for test_set in erased.values()}
    if digests:
        for path in sorted(artifact_root.rglob("*.json")):
            if path.name in _TEXTS and not {FOLDER, JUDGED} & set(path.parts):
                _replace_words(path, digests, replace)
        _retag(connect(uri), digests)
    for folder, test_set in erased.items():
        for path in write_erased(test_set, folder):
            put(path)
    return len(erased) + sum(_erase_risks(path, accounts, replace) for path in sorted(artifact_root.rglob(RISKS)))


def _erase_risks(path: Path, accounts: Sequence[str], replace: Callable[[Path, Path], None]) -> bool:
    table = pl.read_parquet(path)
    others = table.filter(~pl.col("account_id").is_in(list(accounts)))
    if len(others) == len(table):
        return False
    draft = path.with_name(f"{path.name}.draft")
    others.write_parquet(draft)
    replace(draft, path)
    return True


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
