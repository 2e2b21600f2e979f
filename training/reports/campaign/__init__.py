"""The evidence file of a campaign: one plain value, written as HTML, CSV, STIX 2.1 and OCSF."""
