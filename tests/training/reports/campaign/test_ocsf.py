"""The OCSF event of an evidence file, against what the schema asks for."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from training.reports.campaign.ocsf import finding, render_finding
from training.reports.campaign.value import CampaignReport

REQUIRED = {  # of OCSF 1.8: base_event.json, findings/finding.json and the objects that are used
    "": ("activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid", "finding_info"),
    "metadata": ("product", "version"),
    "finding_info": ("uid",),
    "finding_info.analytic": ("type_id",),
}
EITHER = {  # constraints `at_least_one`
    "metadata.product": ("name", "uid"),
    "finding_info.analytic": ("name", "uid"),
}
EVIDENCE = "actor api connection_info data device query resources src_endpoint url user".split()


def part(event: dict[str, Any], path: str) -> dict[str, Any]:
    for name in filter(None, path.split(".")):
        event = event[name]
    return event


def test_the_event_has_what_the_schema_requires(report: CampaignReport) -> None:
    event = json.loads(render_finding(report))
    for path, names in REQUIRED.items():
        assert set(names) <= part(event, path).keys()
    for path, names in EITHER.items():
        assert not part(event, path).keys().isdisjoint(names)
    assert all(not evidence.keys().isdisjoint(EVIDENCE) for evidence in event["evidences"])
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"] == 200401
    assert event["class_uid"] // 1000 == event["category_uid"] == 2
    assert all(isinstance(event[name], int) for name in ("time", "start_time", "end_time", "count"))


def test_times_are_milliseconds_and_counts_are_the_report_s(report: CampaignReport) -> None:
    event, figures = finding(report), report.figures
    assert event["start_time"] == event["finding_info"]["first_seen_time"] == figures.first_seen.timestamp() * 1000
    assert event["count"] == figures.requests
    (evidence,) = event["evidences"]
    assert evidence["data"]["shared_keys"][0] == {"kind": "prefix", "keys": 1, "accounts": 6}
    assert "acct_" not in json.dumps(event)


def test_a_part_of_a_technique_names_its_whole(report: CampaignReport) -> None:
    first, second, *_ = finding(report)["finding_info"]["attacks"]
    assert (first["technique"]["uid"], first["sub_technique"]["uid"]) == ("AML.T0024", "AML.T0024.002")
    assert first["tactic"] == {"uid": "AML.TA0010", "name": "Exfiltration"}
    assert second["technique"]["uid"] == "AML.T0040" and "sub_technique" not in second


@pytest.mark.parametrize(("risk", "severity"), [(0.9, "High"), (0.5, "Medium"), (None, "Medium")])
def test_severity_follows_the_threshold_to_act(
    changed: Callable[..., CampaignReport], risk: float | None, severity: str
) -> None:
    event = finding(changed(mean_risk=risk))
    assert event["severity"] == event["confidence"] == severity
    assert ("confidence_score" in event) == (risk is not None)
