"""Decisions of analysts, into the lake: labels and enforcement of the time of the decision."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import polars as pl

from console.ports import JudgedAccount
from features.schemas import Enforcement, Labels
from pipelines.console.picture import held
from pipelines.ingest import append_new_rows
from pipelines.workspace import Workspace


class LakeSink:
    """Stores decisions as `ingest` stores tables: once each, as a whole.

    Args:
        workspace: whose lake it is.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def store(self, event_id: str, judged: Sequence[JudgedAccount], decided_at: datetime) -> bool:
        """Store labels and enforcement; False while another command holds the workspace. Safe to repeat."""
        source = int(hashlib.sha256(event_id.encode()).hexdigest()[:15], 16)
        labels = [
            {"account_id": each.account_id, "label": each.label, "labelled_at": decided_at, "campaign": each.campaign}
            for each in judged
            if each.label is not None
        ]
        acts = [
            {"account_id": each.account_id, "action": each.action, "acted_at": decided_at}
            for each in judged
            if each.action is not None
        ]
        with held(self._workspace, "console") as scratch:
            if scratch is None:
                return False
            for table, contract, rows in (("labels", Labels, labels), ("enforcement", Enforcement, acts)):
                if rows:
                    schema = {name: column.dtype for name, column in contract.columns().items()}
                    frame = contract.validate(pl.DataFrame(rows, schema=schema))
                    append_new_rows(self._workspace.lake, table, frame, source)
        return True
