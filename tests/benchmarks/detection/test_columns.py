"""What each column earns, on a small made-up table in which the contents tell."""

import pytest

from benchmarks.detection.columns import earned, of_family
from benchmarks.detection.fingerprint import PURE
from features.catalogue import FEATURE_NAMES, FEATURES, MODES


@pytest.fixture(scope="module")
def found(accounts, world_of) -> list:
    rows = {PURE: accounts("j", 1.0)}
    return of_family(world_of(accounts("t", 1.0)), rows, "family 0", 1)


def test_a_column_that_tells_earns_most_and_in_every_mode_some_known_column_tells(found) -> None:
    told = {row["feature"]: row["most"] for row in earned([found]).to_dicts()}
    assert set(told) == set(FEATURE_NAMES)
    best = max(told, key=told.__getitem__)
    assert next(feature.family for feature in FEATURES if feature.name == best) == "content"
    assert told[best] > 0.01
    assert len(found) == 1 + len(MODES)
    for lost, blank in zip(found, [frozenset(), *MODES.values()], strict=True):
        assert any(lost[name] for name in FEATURE_NAMES if name not in blank)


def test_a_column_is_as_good_as_in_its_best_cell_and_mode_and_as_in_the_mean() -> None:
    nothing = dict.fromkeys(FEATURE_NAMES, 0.0)
    every = [[nothing | {"age_days": 0.2}, nothing], [nothing, nothing | {"age_days": -0.1}]]
    first = earned(every).to_dicts()[0]
    assert first == {"feature": "age_days", "most": pytest.approx(0.1), "mean": pytest.approx(0.025)}
