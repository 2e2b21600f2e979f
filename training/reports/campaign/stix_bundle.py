"""An evidence file as a STIX 2.1 bundle, for partners: campaign, techniques, indicators, infrastructure, sightings.

The same report gives the same ids. Indicators name keys by pseudonym: whoever has the workspace's key can match them.
With the keys' values (`names`) the patterns name these instead, and the bundle is for their holders' eyes only.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import stix2

from training.reports.campaign import atlas
from training.reports.campaign.value import CampaignReport, uuid_of

_MOST_KEYS = 200  # indicators in a bundle, those of most members first; all keys are in the tables
_MOST_COUNT = 999_999_999  # of a sighting, by the standard


def render_bundle(report: CampaignReport, names: Mapping[str, str] | None = None) -> str:
    """The bundle as JSON.

    Args:
        report: the campaign.
        names: values of keys by pseudonym, for a bundle that is not to be passed on.
    """
    return str(bundle(report, names).serialize(pretty=True)) + "\n"


def bundle(report: CampaignReport, names: Mapping[str, str] | None = None) -> Any:
    """The bundle as an object of `stix2`; arguments as in `render_bundle`."""
    writer = _Writer(report, is_revealed=names is not None)
    return stix2.Bundle(*writer.objects(names or {}), id=f"bundle--{writer.uuid('bundle')}", allow_custom=False)


class _Writer:
    """Makes objects with ids of their own, one author and one marking."""

    def __init__(self, report: CampaignReport, *, is_revealed: bool) -> None:
        self.report, self.is_revealed = report, is_revealed
        self.marking = stix2.TLP_RED if is_revealed else stix2.TLP_AMBER
        self.author = stix2.Identity(
            id=f"identity--{uuid_of(report.author)}",
            name=report.author,
            identity_class="organization",
            created=report.created_at,
            modified=report.created_at,
        )

    def uuid(self, what: str) -> str:
        """A UUID of something in the bundle; what is revealed is another object than what is shared."""
        return self.report.uuid(f"revealed {what}" if self.is_revealed else what)

    def objects(self, names: Mapping[str, str]) -> Iterator[Any]:
        """All objects of the bundle."""
        yield from (self.marking, self.author)
        campaign = self._campaign()
        yield campaign
        yield self._sighting(campaign, "campaign", self.report.figures.requests)
        for technique in self.report.techniques:
            pattern = self._attack_pattern(technique)
            yield from (pattern, self._relationship(campaign, "uses", pattern))
        keys = self.report.shared.table.sort("accounts", "pseudonym", descending=[True, False]).head(_MOST_KEYS)
        for row in keys.iter_rows(named=True):
            yield from self._key(campaign, row, names.get(row["pseudonym"]))

    def _key(self, campaign: Any, row: Mapping[str, Any], name: str | None) -> Iterator[Any]:
        """An indicator of a shared key with its sighting, and what the operator had to acquire for it."""
        indicator = self._indicator(row, name)
        yield from (indicator, self._relationship(indicator, "indicates", campaign))
        if row["requests"] is not None:
            yield self._sighting(indicator, row["pseudonym"], row["requests"], row["first_seen"], row["last_seen"])
        if row["is_infrastructure"]:
            infrastructure = self._make(
                stix2.Infrastructure,
                row["pseudonym"],
                name=name or row["pseudonym"],
                description=f"One of the {row['words']} that {row['accounts']:,} accounts of the campaign share.",
                infrastructure_types=["unknown"],
                first_seen=row["first_seen"],
                last_seen=row["last_seen"],
            )
            yield from (infrastructure, self._relationship(campaign, "uses", infrastructure))

    def _campaign(self) -> Any:
        figures, url = self.report.figures, f"{atlas.SITE}/studies/{atlas.CASE}"
        case = stix2.ExternalReference(source_name="mitre-atlas", external_id=atlas.CASE, url=url)
        return self._make(
            stix2.Campaign,
            "campaign",
            name=self.report.title,
            description=self.report.summary,
            aliases=[figures.campaign_id],
            first_seen=figures.first_seen,
            last_seen=figures.last_seen,
            objective="Collect answers of a language model to train another model on them.",
            external_references=[case],
        )

    def _attack_pattern(self, technique: atlas.Technique) -> Any:
        reference = stix2.ExternalReference(source_name="mitre-atlas", external_id=technique.code, url=technique.url)
        phase = technique.tactic_name.lower().replace(" ", "-")
        return self._make(
            stix2.AttackPattern,
            technique.code,
            name=technique.name,
            external_references=[reference],
            kill_chain_phases=[stix2.KillChainPhase(kill_chain_name="mitre-atlas", phase_name=phase)],
        )

    def _indicator(self, row: Mapping[str, Any], name: str | None) -> Any:
        return self._make(
            stix2.Indicator,
            f"indicator {row['pseudonym']}",
            name=f"{row['words']}: {name or row['pseudonym']}",
            description=f"{row['accounts']:,} accounts of the campaign share it, more than chance explains.",
            indicator_types=["anomalous-activity"],
            pattern=pattern_of(row["kind"], row["pseudonym"], name),
            pattern_type="stix",
            valid_from=row["first_seen"] or self.report.figures.first_seen,
        )

    def _relationship(self, source: Any, verb: str, target: Any) -> Any:
        return self._make(
            stix2.Relationship,
            f"{source.id} {verb} {target.id}",
            source_ref=source.id,
            relationship_type=verb,
            target_ref=target.id,
        )

    def _sighting(
        self, of: Any, name: str, count: int, first: datetime | None = None, last: datetime | None = None
    ) -> Any:
        figures = self.report.figures
        return self._make(
            stix2.Sighting,
            f"sighting {name}",
            sighting_of_ref=of.id,
            where_sighted_refs=[self.author.id],
            first_seen=first or figures.first_seen,
            last_seen=max(last or figures.last_seen, (first or figures.first_seen) + timedelta(milliseconds=1)),
            count=min(count, _MOST_COUNT),
            summary=True,
        )

    def _make(self, kind: Any, what: str, /, **values: Any) -> Any:
        """An object whose id follows from its kind and what it is of."""
        return kind(
            id=f"{kind._type}--{self.uuid(f'{kind._type} {what}')}",
            created=self.report.created_at,
            modified=self.report.created_at,
            created_by_ref=self.author.id,
            object_marking_refs=[self.marking.id],
            **{key: value for key, value in values.items() if value is not None},
        )


def pattern_of(kind: str, pseudonym: str, name: str | None) -> str:
    """The STIX pattern of a shared key: its pseudonym, or its value where that is known and STIX has a word for it."""
    value = (name or "").replace("\\", "\\\\").replace("'", "\\'")
    family = "ipv6-addr" if ":" in value else "ipv4-addr"
    if name is not None and kind in ("address", "signup_address"):
        return f"[{family}:value = '{value}']"
    if name is not None and kind in ("subnet", "signup_subnet"):
        return f"[{family}:value ISSUBSET '{value}']"
    if name is not None and kind == "mail_domain":
        return f"[email-addr:value LIKE '%@{value}']"
    if name is not None and kind == "client":
        agent = value.rpartition(" | JA4 ")[0]
        return f"[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' = '{agent}']"
    return f"[x-stillwatch-key:value = '{value or pseudonym}']"
