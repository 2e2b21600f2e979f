"""The STIX bundle of an evidence file, judged by the standard's own validator."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import stix2validator

from training.reports.campaign.stix_bundle import pattern_of, render_bundle
from training.reports.campaign.value import CampaignReport

UNHASHED_PAGE = {"302"}  # a link to a web page without the page's hash, which changes


def objects(text: str) -> dict[str, list[dict[str, Any]]]:
    by_type: dict[str, list[dict[str, Any]]] = {}
    for item in json.loads(text)["objects"]:
        by_type.setdefault(item["type"], []).append(item)
    return by_type


@pytest.mark.parametrize("names", [None, {"subnet-bbbbbbbbbbbb": "192.0.2.0/24", "payment-cccccccccccc": "pm_'1\\"}])
def test_the_validator_finds_nothing_wrong(report: CampaignReport, names: dict[str, str] | None) -> None:
    options = stix2validator.ValidationOptions(version="2.1", disabled=",".join(UNHASHED_PAGE))
    result = stix2validator.validate_string(render_bundle(report, names), options)
    assert result.is_valid
    assert list(result.errors) == [] and list(result.warnings) == []


def test_the_validator_would_have_found_a_broken_bundle(report: CampaignReport) -> None:
    broken = render_bundle(report).replace('"pattern_type": "stix"', '"pattern_type": 7', 1)
    assert not stix2validator.validate_string(broken, stix2validator.ValidationOptions(version="2.1")).is_valid


def test_campaign_techniques_keys_and_sightings_are_told_and_linked(report: CampaignReport) -> None:
    by_type, figures = objects(render_bundle(report)), report.figures
    (campaign,) = by_type["campaign"]
    assert (campaign["first_seen"], campaign["last_seen"]) == ("2026-05-01T03:00:00Z", "2026-05-20T21:00:00Z")
    assert campaign["aliases"] == [figures.campaign_id] and campaign["description"] == report.summary
    ids = {each["external_references"][0]["external_id"] for each in by_type["attack-pattern"]}
    assert ids == {"AML.T0024.002", "AML.T0040", "AML.T0065", "AML.T0008.005"}
    assert len(by_type["indicator"]) == report.shared.table.height
    assert {each["name"] for each in by_type["infrastructure"]} == {"subnet-bbbbbbbbbbbb", "payment-cccccccccccc"}
    counts = {each["sighting_of_ref"]: each["count"] for each in by_type["sighting"]}
    prefix = next(each for each in by_type["indicator"] if "prefix" in each["pattern"])
    assert counts[campaign["id"]] == figures.requests and counts[prefix["id"]] == 250
    verbs = Counter((each["relationship_type"], each["source_ref"].split("--")[0]) for each in by_type["relationship"])
    assert verbs == {("uses", "campaign"): 4 + 2, ("indicates", "indicator"): 3}


def test_what_is_shared_is_amber_and_what_names_values_is_red(report: CampaignReport) -> None:
    for names, colour in ((None, "amber"), ({}, "red")):
        by_type = objects(render_bundle(report, names))
        (marking,) = by_type.pop("marking-definition")
        assert marking["definition"]["tlp"] == colour
        by_type.pop("identity")
        assert all(each["object_marking_refs"] == [marking["id"]] for kind in by_type.values() for each in kind)


def test_what_is_revealed_are_other_objects_than_what_is_shared(report: CampaignReport) -> None:
    def ids(names: dict[str, str] | None) -> set[str]:
        by_type = objects(render_bundle(report, names))
        return {each["id"] for kind in by_type.keys() - {"identity", "marking-definition"} for each in by_type[kind]}

    shared, revealed = ids(None), ids({})
    assert len(shared) == len(revealed) > 10 and shared.isdisjoint(revealed)


def test_the_same_report_gives_the_same_bundle(report: CampaignReport, changed: Callable[..., CampaignReport]) -> None:
    assert render_bundle(report) == render_bundle(changed())


@pytest.mark.parametrize(
    ("kind", "name", "pattern"),
    [
        ("address", "192.0.2.7", "[ipv4-addr:value = '192.0.2.7']"),
        ("signup_address", "2001:db8::1", "[ipv6-addr:value = '2001:db8::1']"),
        ("subnet", "2001:db8::/48", "[ipv6-addr:value ISSUBSET '2001:db8::/48']"),
        ("mail_domain", "mail.example", "[email-addr:value LIKE '%@mail.example']"),
        ("payment", "it's", "[x-stillwatch-key:value = 'it\\'s']"),
        ("prefix", None, "[x-stillwatch-key:value = 'prefix-aa']"),
    ],
)
def test_a_pattern_names_a_value_in_the_standard_s_words_where_it_has_some(
    kind: str, name: str | None, pattern: str
) -> None:
    assert pattern_of(kind, "prefix-aa", name) == pattern
