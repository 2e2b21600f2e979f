"""What accounts are used for, and medians of those of the same plan and use."""

from datetime import timedelta

import polars as pl
import pytest

from console.picture.frames import USES
from features.catalogue import FEATURES
from features.text import CAPABILITIES
from pipelines.console.account_uses import add_typical_of_use, describe_use
from tests.features.conftest import AS_OF, make_events, make_lake

CODING, MATH = CAPABILITIES.index("coding") + 1, CAPABILITIES.index("math") + 1


@pytest.mark.parametrize(
    ("asked", "tools", "use"),
    [
        ([CODING, CODING, MATH], 0, "coding"),
        ([CODING, MATH, 0], 0, "mixed"),
        ([0, 0, MATH], 0, "none of these"),
        ([None, None, MATH], 0, "math"),
        ([None, None], 0, "no text"),
        ([CODING, CODING], 3, "tools"),
    ],
)
def test_an_account_is_used_for_what_half_of_its_requests_say(asked: list[int | None], tools: int, use: str) -> None:
    begin = AS_OF - timedelta(days=50)
    sent = [
        {"account_id": "a", "timestamp": begin + timedelta(hours=i), "capability": key, "tool_count": tools}
        for i, key in enumerate(asked)
    ]
    later = {"account_id": "a", "timestamp": AS_OF, "capability": MATH}  # the running hour is not told of
    assert describe_use(make_lake([make_events([*sent, later])]), AS_OF).rows() == [("a", use)]
    assert use in USES


def test_what_is_typical_is_the_median_of_the_same_plan_and_use_as_the_indicator_gives_it() -> None:
    octaves = next(feature for feature in FEATURES if feature.unit == "octaves")
    indicator = {"code": octaves.code, "text": "t", "value": 8.0, "typical": 4.0, "impact": 1.0}
    lifted = {"code": "campaign.shared_keys", "text": "t", "value": None, "typical": None, "impact": 2.0}
    number = 60  # 20 of each pair but for the last
    accounts = pl.DataFrame({
        "account_id": [f"a{i:02}" for i in range(number)],
        "plan": ["free"] * 40 + [None] * 20,
        "used_for": ["coding"] * 20 + ["tools"] * 19 + ["math"] + ["coding"] * 20,
        "indicators": [[lifted, indicator] if i in (0, 39, 59) else [] for i in range(number)],
    })  # fmt: skip
    features = pl.DataFrame({"account_id": accounts["account_id"], octaves.name: [float(i) for i in range(number)]})
    compared = add_typical_of_use(accounts, features.with_columns(pl.col(octaves.name).cast(pl.Float32)))
    assert compared["account_id"].equals(accounts["account_id"])
    rows = {row["account_id"]: row["indicators"] for row in compared.to_dicts()}
    assert [each["code"] for each in rows["a00"]] == [lifted["code"], octaves.code]
    assert rows["a00"][1] == indicator | {"typical_of_use": pytest.approx(2**9.5, rel=1e-5)}
    assert rows["a00"][0]["typical_of_use"] is None, "a campaign has no value"
    assert rows["a39"][1]["typical_of_use"] is None, "few accounts"
    assert rows["a59"][1]["typical_of_use"] == pytest.approx(2**49.5 if 49.5 < 45 else 2**45.0, rel=1e-5)
    assert rows["a01"] == []
