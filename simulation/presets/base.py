"""Disguises, rates and cohorts that several scenarios have in common."""

from datetime import UTC, datetime

from simulation.cohorts import COHORTS

START = datetime(2026, 4, 6, tzinfo=UTC)  # a Monday

# disguises: cohorts that a campaign's accounts pass for
MACHINES = {"developers": 0.35, "batch_nlp": 0.35, "judges": 0.1, "rag_backends": 0.2}
PERSONS = {"chat": 0.4, "developers": 0.35, "hobbyists": 0.25}
TEAMS = {"team_keys": 0.4, "developers": 0.4, "agentic_coders": 0.2}
LOW = (8.0, 18.0)  # requests of a campaign's account a day, as few as many honest ones send; assumed

# fewer light users than a provider has, so that many honest accounts send as much as the campaigns' do
MIXED = {c.name: c.share * (0.45 if c.name == "chat" else 1.0) for c in COHORTS.values()}
