"""The contract rows of the features."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from features.catalogue import (
    FEATURE_NAMES,
    FEATURES,
    FEATURES_SCHEMA,
    MODES,
    SCHEMA_VERSION,
    SHARED_KINDS,
    SIGNS,
    USUAL_KINDS,
)
from features.catalogue.coordination import ACTING

each_feature = pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)


@each_feature
def test_a_feature_is_fully_described(feature: Any) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", feature.name)
    assert feature.window in ("1h", "1d", "7d", "28d", "life")
    assert feature.window == "life" or feature.name.endswith(f"_{feature.window}")
    assert feature.meaning
    assert not feature.meaning.endswith(".")
    assert feature.unit


@each_feature
def test_a_phrase_can_say_any_value_in_one_line(feature: Any) -> None:
    for value in (0.0, 0.25, 1.0, -3.5, 123_456.0):
        said = feature.describe(value)
        assert "{" not in said
        assert "\n" not in said
        assert len(said) < 100


def test_names_and_phrases_are_unique_and_in_the_order_of_the_schema() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES) >= 60
    assert len({feature.phrase for feature in FEATURES}) == len(FEATURES)
    assert FEATURES_SCHEMA.names() == ["account_id", "as_of", *FEATURE_NAMES]
    assert set(FEATURES_SCHEMA.dtypes()[2:]) == {pl.Float32}


def test_codes_are_unique_and_none_is_renamed() -> None:
    """Other programs depend on codes: the list is added to, and what has gone stays in it, so that it is not reused."""
    ever_given = (Path(__file__).parent / "codes.txt").read_text(encoding="utf-8").splitlines()
    assert len(set(ever_given)) == len(ever_given)
    assert {feature.code for feature in FEATURES} <= set(ever_given), "add new codes to tests/features/codes.txt"
    signals = {feature.signal.code: feature.signal.name for feature in FEATURES}
    assert len(signals) == len(set(signals.values())) == len({feature.signal for feature in FEATURES})
    assert all(re.fullmatch(r"[a-z][a-z_]*\.[a-z][a-z0-9_]*", code) for code in ever_given)


ABOUT_ORIGIN = re.compile(r"countr|nation|language|locale|region|citizen|ethnic|origin|accent|zone")
# Which country or language an account has is no feature. These count how many it shows, whether two of them differ, or
# whether a prompt asks for one: none of them tells which.
COUNTS_AND_MISMATCHES = {
    "forced_language_share_28d",
    "languages_in_ten_28d",
    "countries_28d",
    "countries_at_once_28d",
    "country_mismatch_28d",
}


def test_features_about_country_or_language_are_the_allowed_ones() -> None:
    assert {name for name in FEATURE_NAMES if ABOUT_ORIGIN.search(name)} == COUNTS_AND_MISMATCHES


def test_no_feature_compares_the_country_or_language_of_an_account_with_those_of_others() -> None:
    assert not {"country", "language"} & {*SHARED_KINDS, *USUAL_KINDS, *ACTING}


def test_the_schema_version_is_the_same_in_every_process() -> None:
    code = "from features.catalogue import SCHEMA_VERSION; print(SCHEMA_VERSION)"
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert again.stdout.strip() == SCHEMA_VERSION
    assert re.fullmatch("[0-9a-f]{12}", SCHEMA_VERSION)


def test_modes_name_features_and_leave_some() -> None:
    assert list(MODES) == ["no text", "no infrastructure", "neither"]
    for blank in MODES.values():
        assert blank < set(FEATURE_NAMES)
    assert MODES["neither"] == MODES["no text"] | MODES["no infrastructure"]


@each_feature
def test_a_mode_blanks_what_cannot_be_known_in_it(feature: Any) -> None:
    blank = {mode for mode, names in MODES.items() if feature.name in names}
    expected = {f"no {need}" for need in feature.signal.needs}
    assert blank == expected | ({"neither"} if expected else set())


def test_families_of_text_and_of_infrastructure_are_blank_without_them() -> None:
    for family, mode in (("content", "no text"), ("infrastructure", "no infrastructure")):
        assert {feature.name for feature in FEATURES if feature.family == family} <= MODES[mode]


@each_feature
def test_a_signal_names_its_disclosure_its_cost_and_its_evasion(feature: Any) -> None:
    signal = feature.signal
    assert all(re.search(r"[a-z]", words) for words in (signal.name, signal.disclosure, signal.cost, signal.evasion))
    assert signal.disclosure.endswith(".")
    assert "Costs" in signal.evasion
    assert set(signal.needs) <= {"text", "infrastructure"}
    assert len({other.signal for other in FEATURES if other.signal.name == signal.name}) == 1


def test_known_signs_are_of_features_and_rise() -> None:
    assert set(SIGNS) < set(FEATURE_NAMES)
    assert set(SIGNS.values()) == {1}
