"""The contract rows of the account features: name, family, meaning, unit, window, the signal, and the analyst's words.

These rows are the one source: the features' frame, the Feast fields, the model's column order, the reasons and
docs/features.md are derived from them. Windows end at T and begin at a full hour, so that "1d" covers 24 to 25 hours;
"life" is all that is known about the account at T. A feature is null where nothing is known, never zero by default.
"""

import hashlib
from collections.abc import Mapping

import polars as pl

from features.catalogue import (
    account,
    change,
    content,
    coordination,
    coverage,
    infrastructure,
    mixture,
    periods,
    releases,
    rhythm,
    segment,
    sessions,
    sharing,
    volume,
    worst,
)
from features.catalogue.feature import Feature, Signal
from features.catalogue.modes import SIGNS, modes

__all__ = [
    "FEATURES",
    "FEATURES_SCHEMA",
    "FEATURE_NAMES",
    "MODES",
    "SCHEMA_VERSION",
    "SHARED_KINDS",
    "SIGNS",
    "USUAL_KINDS",
    "Feature",
    "Signal",
]

FEATURES: tuple[Feature, ...] = (
    *volume.FEATURES,
    *rhythm.FEATURES,
    *content.FEATURES,
    *account.FEATURES,
    *infrastructure.FEATURES,
    *sharing.FEATURES,
    *coordination.FEATURES,
    *worst.FEATURES,
    *sessions.FEATURES,
    *change.FEATURES,
    *segment.FEATURES,
    *coverage.FEATURES,
    *periods.FEATURES,
    *releases.FEATURES,
    *mixture.FEATURES,
)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
SHARED_KINDS: tuple[str, ...] = tuple(sharing.SHARED)
USUAL_KINDS: tuple[str, ...] = tuple(segment.USUAL)
# What a model depends on: other words for the same feature are no other schema.
_READ = [(f.name, f.family, f.unit, f.window) for f in FEATURES]
SCHEMA_VERSION: str = hashlib.sha256(repr(_READ).encode()).hexdigest()[:12]
MODES: Mapping[str, frozenset[str]] = modes(FEATURES)

_COLUMNS: dict[str, pl.DataType] = {"account_id": pl.String(), "as_of": pl.Datetime("us", "UTC")}
FEATURES_SCHEMA = pl.Schema(_COLUMNS | dict.fromkeys(FEATURE_NAMES, pl.Float32()))
