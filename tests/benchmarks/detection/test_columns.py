"""What each column earns, on a small made-up table in which the contents tell."""

import pytest

from benchmarks.detection.columns import of_family, summarize
from benchmarks.detection.fingerprint import PURE
from features.catalogue import FEATURE_NAMES, FEATURES, MODES


@pytest.fixture(scope="module")
def by_part(accounts, world_of) -> list:
    rows = {PURE: accounts("j", 1.0)}
    return of_family(world_of(accounts("t", 1.0)), rows, "family 0", 1)


@pytest.mark.slow
def test_a_column_that_tells_earns_most_and_in_every_mode_some_known_column_tells(by_part) -> None:
    most = {row["feature"]: row["most"] for row in summarize([by_part]).to_dicts()}
    assert set(most) == set(FEATURE_NAMES)
    best = max(most, key=most.__getitem__)
    assert next(feature.family for feature in FEATURES if feature.name == best) == "content"
    assert most[best] > 0.01
    assert len(by_part) == 1 + len(MODES)
    for lost, blank in zip(by_part, [frozenset(), *MODES.values()], strict=True):
        assert any(lost[name] for name in FEATURE_NAMES if name not in blank)


def test_a_column_is_as_good_as_in_its_best_cell_and_mode_and_as_in_the_mean() -> None:
    nothing = dict.fromkeys(FEATURE_NAMES, 0.0)
    by_family = [[nothing | {"age_days": 0.2}, nothing], [nothing, nothing | {"age_days": -0.1}]]
    first = summarize(by_family).to_dicts()[0]
    assert first == {"feature": "age_days", "most": pytest.approx(0.1), "mean": pytest.approx(0.025)}
