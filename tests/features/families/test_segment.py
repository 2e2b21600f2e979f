"""Distances from the accounts of the same plan, worked out in plain Python."""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from features.catalogue import USUAL_KINDS
from features.families import segment
from features.text import CELLS, centres

Read = Callable[..., dict[str, dict[str, Any]]]
Names = Callable[[str], list[str]]
Shares = dict[int, float]
LEAST, UNSEEN, TAIL = 50, 0.01, 0.05


def rare_up_to(weights: Shares) -> float:
    """The largest weight of the keys that together have the tail's share."""
    so_far, largest = 0.0, 0.0
    for key in sorted(weights, key=lambda key: (weights[key], key)):
        so_far += weights[key]
        largest = weights[key] if so_far <= TAIL * sum(weights.values()) else largest
    return largest


def plain(counts: dict[str, Counter[int]], plans: dict[str, str], account: str, kind: str) -> dict[str, float | None]:
    """The measures of one account and kind; `counts` are of all accounts."""
    own, names = counts[account], ("surprise", "rare", "distance", "focus")
    peers = [name for name in counts if counts[name] and plans.get(name) == plans.get(account)]
    among = peers if len(peers) >= LEAST else [name for name in counts if counts[name]]
    if not own or len(among) < 2:
        return dict.fromkeys(f"{kind}_{name}_28d" for name in names)
    usual: Shares = defaultdict(float)
    for name in among:
        for key, n in counts[name].items():
            usual[key] += n / counts[name].total()
    total, n = sum(usual.values()), own.total()
    others = {key: usual[key] - own[key] / n for key in own}
    odds = {key: (others[key] + UNSEEN) / (total - 1 + UNSEEN * len(usual)) for key in own}
    focus = sum(m * (m - 1) for m in own.values()) / (n * (n - 1)) if n > 1 else None
    mean = sum(own[key] * odds[key] for key in own) / n
    squares = sum((weight / total) ** 2 for weight in usual.values())
    return {
        f"{kind}_surprise_28d": -sum(own[key] * math.log2(odds[key]) for key in own) / n,
        f"{kind}_rare_28d": sum(own[key] for key in own if others[key] <= rare_up_to(usual) + 1e-9) / n,
        f"{kind}_distance_28d": None if focus is None else focus - 2 * mean + squares,
        f"{kind}_focus_28d": focus,
    }


def discrepancy(counts: dict[str, Counter[int]], plans: dict[str, str], account: str) -> float | None:
    """The discrepancy of one account's topics, by the kernel that the waves make."""
    waves = segment._waves() / segment._WAVE_UNIT
    kernel = waves @ waves.T / (waves.shape[1] / 2)
    own = counts[account]
    peers = [name for name in counts if counts[name] and plans.get(name) == plans.get(account)]
    among = peers if len(peers) >= LEAST else [name for name in counts if counts[name]]
    n = own.total()
    if n < 2 or len(among) < 2:
        return None
    here, there = np.zeros(CELLS), np.zeros(CELLS)
    here[list(own)] = list(own.values())
    for name in set(among) - {account}:
        there[list(counts[name])] += np.array(list(counts[name].values())) / counts[name].total() / (len(among) - 1)
    within = (here @ kernel @ here - n) / (n * (n - 1))  # a request is as like itself as can be
    return float(within - 2 * (here @ kernel @ there) / n + there @ kernel @ there)


def test_the_world_is_read_as_by_plain_python(names_of: Names, past: Any, agree: Any) -> None:
    plans = {name: row["plan"] for name, row in past.accounts.items()}
    want: dict[str, dict[str, float | None]] = defaultdict(dict)
    for kind in USUAL_KINDS:
        counts = {name: Counter(e[kind] for e in some if e[kind] is not None) for name, some in past.events.items()}
        for account in past.events:
            want[account] |= plain(counts, plans, account, kind)
        if kind == "cell":
            cells = counts
    for account in past.events:
        want[account]["topic_mmd_28d"] = discrepancy(cells, plans, account)
        agree(past.features[account], {name: want[account][name] for name in names_of("segment")}, tolerance=2e-4)


def test_ten_strange_requests_among_ninety_show_in_the_tail(features_of: Read) -> None:
    crowd = [{"account_id": f"b{i}", "cell": j} for i in range(60) for j in range(20)]
    strange = [{"account_id": "a", "cell": j if i < 9 else 99} for i in range(10) for j in range(10)]
    read = features_of(crowd + strange)
    assert read["a"]["cell_rare_28d"] == pytest.approx(0.1)
    assert read["b0"]["cell_rare_28d"] == 0
    assert read["a"]["cell_surprise_28d"] > read["b0"]["cell_surprise_28d"] + 0.3


def test_an_account_is_compared_with_others_of_its_plan_where_these_are_many(features_of: Read) -> None:
    rows = [{"account_id": f"{plan}{i}", "cell": cell} for plan, cell in (("free", 1), ("pro", 2)) for i in range(60)]
    rows += [{"account_id": "free0", "cell": 1}, {"account_id": "pro0", "cell": 1}]
    accounts = [{"account_id": row["account_id"], "plan": row["account_id"].rstrip("0123456789")} for row in rows[:120]]
    read = features_of(rows, accounts)
    assert read["free0"]["cell_distance_28d"] == pytest.approx(0, abs=0.02)
    assert read["pro0"]["cell_surprise_28d"] > 5
    few = features_of(rows, accounts[:1])  # a plan of one account is no segment
    assert few["free0"]["cell_distance_28d"] == pytest.approx(0.5, abs=0.02)


def test_the_distance_of_few_requests_is_that_of_many_on_average(features_of: Read) -> None:
    rng = np.random.default_rng(2)
    rows = [
        {"account_id": f"{n}-{i}", "cell": int(c)}
        for n in (10, 90)
        for i in range(150)
        for c in rng.integers(9, size=n)
    ]
    read = features_of(rows)
    for n in (10, 90):
        values = [row["cell_distance_28d"] for name, row in read.items() if name.startswith(f"{n}-")]
        assert np.mean(values) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("cells", [1, 3, 6])
def test_an_account_alone_is_compared_with_nobody(features_of: Read, cells: int) -> None:
    read = features_of([{"cell": cell} for cell in range(cells)] * 2)["a"]  # shares of a sixth add to more than a whole
    assert {read[f"{name}_28d"] for name in ("cell_distance", "cell_surprise", "cell_rare", "topic_mmd")} == {None}


def test_accounts_beyond_those_that_are_held_at_once_are_read_alike(
    features_of: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"account_id": f"b{i}", "cell": (i * j) % 9} for i in range(12) for j in range(1 + i)]
    together = features_of(rows)
    monkeypatch.setattr(segment, "_AT_A_TIME", 5)
    assert features_of(rows) == together
    assert together["b0"]["topic_mmd_28d"] is None
    assert together["b1"]["topic_mmd_28d"] is not None


def kernel(cell: int, other_cell: int, widths: Sequence[float], cells: Any) -> float:
    """Mean of the Gaussian kernels of two cells."""
    squared = float(((cells[cell] - cells[other_cell]) ** 2).sum())
    return sum(math.exp(-squared / (2 * width**2)) for width in widths) / len(widths)


def test_the_discrepancy_of_topics_is_near_that_of_the_kernels_themselves(features_of: Read) -> None:
    cells = centres().T.astype(float)
    median = float(np.median(np.sqrt(((cells[:, None] - cells[None]) ** 2).sum(axis=2))[np.triu_indices(CELLS, 1)]))
    widths = [factor * median for factor in (0.5, 1, 2, 4)]
    rng = np.random.default_rng(3)
    usual = [[int(c) for c in rng.integers(0, CELLS, 12)] for _ in range(60)]
    narrow = [7, 7, 7, 30, 30, 7]
    rows = [{"account_id": f"b{i}", "cell": c} for i, some in enumerate(usual) for c in some]
    read = features_of(rows + [{"account_id": "a", "cell": c} for c in narrow])
    others = [c for some in usual for c in some]
    own = [kernel(x, y, widths, cells) for x, y in itertools.permutations(narrow, 2)]
    across = [kernel(x, y, widths, cells) for x in narrow for y in others]
    there = [kernel(x, y, widths, cells) for x in others for y in others]
    want = np.mean(own) - 2 * np.mean(across) + np.mean(there)
    assert read["a"]["topic_mmd_28d"] == pytest.approx(want, rel=0.15)
    assert max(abs(read[f"b{i}"]["topic_mmd_28d"]) for i in range(60)) < want / 3
