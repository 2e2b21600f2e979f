"""An evidence file as one OCSF event of the class Detection Finding (2004), for a SIEM.

Names are those of OCSF 1.8 (`events/findings/detection_finding.json`, `objects/*.json` of ocsf/ocsf-schema).
"""

import json
from datetime import datetime
from typing import Any

import polars as pl

from features.groups.link_kinds import LINK_KINDS
from training.reports.campaign import atlas
from training.reports.campaign.value import CampaignReport

VERSION = "1.8.0"
CLASS, CATEGORY, CREATE = 2004, 2, 1
HIGH, MEDIUM = 4, 3  # severity_id
NEW = 1  # status_id
LEARNING = 4  # analytic.type_id: Learning (ML/DL)


def render_finding(report: CampaignReport) -> str:
    """The event as JSON."""
    return json.dumps(finding(report), indent=2, ensure_ascii=False) + "\n"


def finding(report: CampaignReport) -> dict[str, Any]:
    """The event: what was found, when, by what, and what it rests on; no account is named."""
    figures = report.figures
    is_sure = report.method is not None and (report.mean_risk or 0.0) >= report.method.thresholds["act"]
    event: dict[str, Any] = {
        "activity_id": CREATE,
        "activity_name": "Create",
        "category_name": "Findings",
        "category_uid": CATEGORY,
        "class_name": "Detection Finding",
        "class_uid": CLASS,
        "type_uid": CLASS * 100 + CREATE,
        "type_name": "Detection Finding: Create",
        "severity_id": HIGH if is_sure else MEDIUM,
        "severity": "High" if is_sure else "Medium",
        "status_id": NEW,
        "status": "New",
        "confidence_id": 3 if is_sure else 2,
        "confidence": "High" if is_sure else "Medium",
        "time": _milliseconds(report.created_at),
        "start_time": _milliseconds(figures.first_seen),
        "end_time": _milliseconds(figures.last_seen),
        "count": figures.requests,
        "message": report.summary,
        "is_alert": True,
        "finding_info": _finding_info(report),
        "evidences": [_evidence(report)],
        "resources": [
            {"name": row["name"], "uid": row["name"], "type": "AI model"}
            for row in figures.models.drop_nulls("accounts").iter_rows(named=True)
        ],
        "metadata": {
            "version": VERSION,
            "product": {"name": "stillwatch", "vendor_name": "stillwatch", "version": report.release},
            "uid": report.uuid("finding"),
        },
    }
    if report.mean_risk is not None:
        event |= {"confidence_score": round(100 * report.mean_risk)}
    return event


def _finding_info(report: CampaignReport) -> dict[str, Any]:
    figures = report.figures
    version = "unmodelled" if report.method is None else report.method.version
    return {
        "uid": figures.campaign_id,
        "title": report.title,
        "desc": report.summary,
        "types": ["Model distillation"],
        "created_time": _milliseconds(report.created_at),
        "first_seen_time": _milliseconds(figures.first_seen),
        "last_seen_time": _milliseconds(figures.last_seen),
        "analytic": {"name": "stillwatch", "type_id": LEARNING, "type": "Learning (ML/DL)", "version": version},
        "attacks": [_attack(technique) for technique in report.techniques],
        "src_url": f"{atlas.SITE}/studies/{atlas.CASE}",
    }


def _attack(technique: atlas.Technique) -> dict[str, Any]:
    own = {"uid": technique.code, "name": technique.name, "src_url": technique.url}
    tactic = {"uid": technique.tactic, "name": technique.tactic_name}
    if technique.parent is None:
        return {"tactic": tactic, "technique": own, "version": atlas.VERSION}
    parent = {"uid": technique.parent, "name": atlas.PARENT_NAMES[technique.parent]}
    return {"tactic": tactic, "technique": parent, "sub_technique": own, "version": atlas.VERSION}


def _evidence(report: CampaignReport) -> dict[str, Any]:
    """Counts by kind of shared key; the keys themselves are in the STIX bundle and the tables."""
    shared = report.shared.table.group_by("kind").agg(keys=pl.len(), accounts=pl.col("accounts").max())
    order = {kind.name: i for i, kind in enumerate(LINK_KINDS)}
    kinds = sorted(shared.iter_rows(named=True), key=lambda row: order[row["kind"]])
    data = {
        "accounts": report.size,
        "requests": report.figures.requests,
        "input_tokens": report.figures.input_tokens,
        "output_tokens": report.figures.output_tokens,
        "shared_keys": kinds,
    }
    return {"name": "activity of the members", "uid": report.uuid("evidence"), "data": data}


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
