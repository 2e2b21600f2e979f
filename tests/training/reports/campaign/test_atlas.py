"""The techniques of ATLAS that a campaign shows."""

from training.reports.campaign.atlas import EXTRACT, PARENT_NAMES, SERVICE_PROXIES, techniques


def test_a_campaign_extracts_a_model_and_uses_what_its_members_share() -> None:
    codes = [[each.code for each in techniques(has_templates=a, has_networks=b)] for a in (0, 1) for b in (0, 1)]
    assert codes[0] == ["AML.T0024.002", "AML.T0040"]
    assert codes[1] == [*codes[0], "AML.T0008.005"]
    assert codes[2] == [*codes[0], "AML.T0065"]
    assert codes[3] == [*codes[2], "AML.T0008.005"]


def test_a_part_knows_its_whole() -> None:
    assert {each.parent for each in (EXTRACT, SERVICE_PROXIES)} == set(PARENT_NAMES)
    assert EXTRACT.url == "https://atlas.mitre.org/techniques/AML.T0024.002"
