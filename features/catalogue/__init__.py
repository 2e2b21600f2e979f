"""The contract rows of the account features: name, family, meaning, unit, window, the signal, and the analyst's words.

These rows are the one source: the features' frame, the Feast fields, the model's column order, the reasons and
docs/features.md are derived from them. Windows end at T and begin at a full hour, so that "1d" covers 24 to 25 hours;
"life" is all that is known about the account at T. A feature is null where nothing is known, never zero by default.

A family has two files of one name, which is the family's name: its contract rows here, its read-out in
`features.families`. They stay apart because serving reads the rows and must not load the lake, which read-outs need.
A new family needs

1. `features/catalogue/NAME.py` with its rows, and NAME in the list below;
2. `features/families/NAME.py` with its `read_out`, and NAME in the list of `features.accounts`, whose order is free;
3. `tests/features/families/test_NAME.py`.

`tests/features/families/test_families.py` fails while one of these is missing.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

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
from features.catalogue.feature import Feature, Signal, family_of
from features.catalogue.modes import SIGNS, modes

__all__ = [
    "FAMILIES",
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

# The one list of families. Its order is the order of the features' columns: a model depends on it, so append.
_FILES = (
    volume,
    rhythm,
    content,
    account,
    infrastructure,
    sharing,
    coordination,
    worst,
    sessions,
    change,
    segment,
    coverage,
    periods,
    releases,
    mixture,
)
FAMILIES: Mapping[str, tuple[Feature, ...]] = {
    family_of(file): tuple(replace(row, family=family_of(file)) for row in file.FEATURES) for file in _FILES
}
FEATURES: tuple[Feature, ...] = tuple(feature for family in FAMILIES.values() for feature in family)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
SHARED_KINDS: tuple[str, ...] = tuple(sharing.SHARED)
USUAL_KINDS: tuple[str, ...] = tuple(segment.USUAL)
_READING = 2  # rises when a feature gets other values under the same name
# What a model depends on: other words for the same feature are no other schema.
_SCHEMA = [_READING, *((f.name, f.family, f.unit, f.window) for f in FEATURES)]
SCHEMA_VERSION: str = hashlib.sha256(repr(_SCHEMA).encode()).hexdigest()[:12]
MODES: Mapping[str, frozenset[str]] = modes(FEATURES)

_COLUMNS: dict[str, pl.DataType] = {"account_id": pl.String(), "as_of": pl.Datetime("us", "UTC")}
FEATURES_SCHEMA = pl.Schema(_COLUMNS | dict.fromkeys(FEATURE_NAMES, pl.Float32()))
