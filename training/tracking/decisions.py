"""Who is champion, who was, and why: the alias `champion`, the line of champions, and every decision with its reasons.

Each step is one write, and a kill between two of them leaves the champion that the alias names. The line (a tag of the
registered model, versions from the first champion on) is longer than that for a moment only: what stands behind the
champion in it is a promotion that did not happen, or a rollback whose package is not built yet.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from features.errors import InputError
from training.gate.promotion import Decision
from training.tracking.client import NAME, connect
from training.tracking.registry import CHALLENGER, CHAMPION, DECISION, aliased, note, registered_version, tags

LINE = "champions"
ROLLED_BACK = "rolled_back"


def record_promotion(uri: str, version: int, decision: Decision, beside: Mapping[str, object] | None = None) -> bool:
    """Record the gate's decision with the version and, if it says so, make it the champion; returns whether it is.

    `beside` is recorded with the decision, as JSON. Raises `InputError` for an unknown version.
    """
    client = connect(uri)
    verdict = ("forced" if decision.forced else "promoted") if decision.promote else "kept out"
    marks = {"gate": verdict, "gate_reasons": " ".join(decision.reasons)}
    if decision.forced:
        marks["forced"] = decision.forced
    elif "forced" in tags(uri, version):
        client.delete_model_version_tag(NAME, str(version), "forced")
    _record(uri, version, marks, asdict(decision) | dict(beside or {}))
    if decision.promote:
        _crown(client, version)
    return decision.promote


def champions(uri: str) -> tuple[int, ...]:
    """The champion and those before it, the first one first; a version may have been champion more than once."""
    return _line(connect(uri))[0]


def record_rollback(uri: str, reason: str, beside: Mapping[str, object] | None = None) -> tuple[int, int]:
    """Put the previous champion back; returns the version that was removed and the champion.

    Call `settle` when all that depends on it is done: until then, a second call finishes the first one instead of going
    further back. Raises `InputError` if there is nothing to go back to.
    """
    client = connect(uri)
    line, beyond = _line(client)
    if beyond and rolled_back(uri, beyond[-1]) is not None:
        return beyond[-1], line[-1]
    if len(line) < 2:
        why = "no other was champion before" if line else "there is none now"
        raise InputError(f"There is no champion to go back to, {why}: choose a version with `stillwatch promote`.")
    removed, champion = line[-1], line[-2]
    marks = {"gate": "rolled back", ROLLED_BACK: reason}
    _record(uri, removed, marks, {"rolled_back": reason, "champion": champion} | dict(beside or {}))
    client.set_registered_model_alias(NAME, CHAMPION, str(champion))
    return removed, champion


def rolled_back(uri: str, version: int) -> str | None:
    """Why a version was taken back, if it was."""
    return tags(uri, version).get(ROLLED_BACK)


def settle(uri: str) -> None:
    """Clear what a kill between two writes left: a challenger that is the champion, a line that is too long."""
    client = connect(uri)
    champion = aliased(client, CHAMPION)
    if champion is None:
        return
    if aliased(client, CHALLENGER) == champion:
        client.delete_registered_model_alias(NAME, CHALLENGER)
    line, beyond = _line(client)
    if beyond:
        _write(client, line)


def decided(uri: str, version: int) -> list[dict[str, Any]]:
    """All that was ever decided about a version, the newest last."""
    client = connect(uri)
    return _journal(client, registered_version(client, version).run_id)


def _crown(client: Any, version: int) -> None:
    line, _ = _line(client)
    if line[-1:] != (version,):
        _write(client, (*line, version))
    if ROLLED_BACK in registered_version(client, version).tags:
        client.delete_model_version_tag(NAME, str(version), ROLLED_BACK)
    client.set_registered_model_alias(NAME, CHAMPION, str(version))
    if aliased(client, CHALLENGER) == version:
        client.delete_registered_model_alias(NAME, CHALLENGER)


def _line(client: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The line up to the champion, and what stands behind it."""
    champion = aliased(client, CHAMPION)
    if champion is None:
        return (), ()
    line = tuple(map(int, client.get_registered_model(NAME).tags.get(LINE, "").split()))
    if champion not in line:
        return (*line, champion), ()
    end = len(line) - line[::-1].index(champion)
    return line[:end], line[end:]


def _write(client: Any, line: tuple[int, ...]) -> None:
    client.set_registered_model_tag(NAME, LINE, " ".join(map(str, line)))


def _record(uri: str, version: int, marks: Mapping[str, str], decision: Mapping[str, object]) -> None:
    client = connect(uri)
    run = registered_version(client, version).run_id
    client.log_text(run, json.dumps([*_journal(client, run), decision], indent=2), DECISION)
    note(uri, version, marks)


def _journal(client: Any, run: str) -> list[dict[str, Any]]:
    """What `decision.json` of a run holds; nothing if it is not there or a kill left half of it."""
    if DECISION not in {file.path for file in client.list_artifacts(run)}:
        return []
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
        try:
            journal = json.loads(Path(client.download_artifacts(run, DECISION, scratch)).read_text(encoding="utf-8"))
        except ValueError:
            return []
    return journal if isinstance(journal, list) else [journal]
