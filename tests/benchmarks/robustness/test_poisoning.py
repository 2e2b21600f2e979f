"""Poisoned labels on a small made-up table: what is poisoned is what is said, and the gate stops what it ruins."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.robustness.poisoning import Setting, Sleepers, clean, decide, flipped, moved, weigh
from pipelines.models import champion as command
from pipelines.workspace import Workspace
from training import tracking
from training.fitting.plan import Plan
from training.fitting.train import Trained
from training.gate.evidence import CHAMPION
from training.gate.promotion import Decision
from training.models.fit import BoostingSettings

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
FEATURES = ("requests_28d", "template_share", "sharing", "noise")
CAMPAIGNS, SIZE, CLEARED, OPEN = 6, 20, 80, 500
QUICK = Plan(settings=BoostingSettings(rounds=(20, 40, 60)), replicates=60)


def examples() -> pl.DataFrame:
    """Two snapshots of campaigns, of honest accounts that a reviewer cleared, and of unlabelled ones."""
    rng = np.random.default_rng(3)
    true = CAMPAIGNS * SIZE
    tells = np.array([1.0] * true + [0.0] * (CLEARED + OPEN))
    accounts = pl.DataFrame({
        "account_id": [f"a{i:04d}" for i in range(tells.size)],
        "label": [True] * true + [False] * CLEARED + [None] * OPEN,
        "campaign": [f"c{i // SIZE}" for i in range(true)] + [None] * (CLEARED + OPEN),
    })  # fmt: skip
    labelled_at = pl.when(pl.col("label").is_not_null()).then(pl.lit(AS_OF - timedelta(days=1)))
    frames = []
    for day in (1, 0):
        values = {
            "requests_28d": rng.lognormal(4.0, 1.0, tells.size),
            "template_share": rng.normal(0.2 + 0.3 * tells, 0.15),
            "sharing": rng.poisson(0.5 + 2.0 * tells).astype(float),
            "noise": rng.normal(size=tells.size),
        }
        time = pl.lit(AS_OF - timedelta(days=day)).cast(pl.Datetime("us", "UTC"))
        columns = [pl.Series(name, value, dtype=pl.Float32) for name, value in values.items()]
        frames.append(accounts.with_columns(time.alias("as_of"), labelled_at.alias("labelled_at"), *columns))
    return pl.concat(frames).sort("account_id", "as_of")


@pytest.fixture(scope="module")
def setting() -> Setting:
    return Setting(features=FEATURES, as_of=AS_OF, seed=7, plan=QUICK)


@pytest.fixture(scope="module")
def champion(setting: Setting) -> Trained:
    return setting.trained(examples())


def labels(frame: pl.DataFrame) -> pl.Series:
    return frame.unique("account_id", keep="first", maintain_order=True)["label"]


def truth() -> pl.DataFrame:
    rows = examples().unique("account_id", keep="first", maintain_order=True)
    return rows.select("account_id", pl.col("label").fill_null(False), family="campaign")


def test_so_many_labels_are_turned_round_the_same_in_all_snapshots() -> None:
    before, after = labels(examples()), labels(flipped(examples(), 0.1, seed=1))
    assert (before != after).sum() == round(0.1 * (CAMPAIGNS * SIZE + CLEARED))
    assert after.null_count() == before.null_count()
    assert flipped(examples(), 0.1, seed=1).group_by("account_id").agg(pl.col("label").n_unique())["label"].max() == 1


def test_a_sleeper_is_cleared_and_moves_all_the_way_to_its_model() -> None:
    asleep = Sleepers(("a0300", "a0301"), ("a0000", "a0021"), seed=0)
    awake = moved(examples(), asleep, 1.0).sort("as_of").unique("account_id", keep="last")
    rows = {row["account_id"]: row for row in awake.iter_rows(named=True)}
    assert all(rows["a0300"][name] == rows["a0000"][name] for name in FEATURES)
    assert rows["a0301"]["label"] is False
    assert rows["a0302"]["label"] is None


def test_a_sleeper_that_has_not_moved_yet_shows_what_it_did() -> None:
    asleep = Sleepers(("a0300",), ("a0000",), seed=0)
    still = moved(examples(), asleep, 0.0)
    assert still.select(FEATURES).equals(examples().select(FEATURES))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_gate_blocks_a_challenger_whose_labels_were_mostly_turned_round(
    setting: Setting, champion: Trained, seed: int
) -> None:
    poisoned, data = setting.trained(flipped(examples(), 0.6, seed)), clean(champion, truth())
    assert data.estimates(poisoned)["pr_auc"].value < data.estimates(champion)["pr_auc"].value - 0.05
    assert not decide(poisoned, champion).promote


def test_the_gate_blocks_a_challenger_that_sleepers_taught_to_overlook_campaigns(
    setting: Setting, champion: Trained
) -> None:
    hidden = champion.split.test.frame.filter("label")["account_id"].to_list()
    owned = champion.split.train.filter(pl.col("label").is_null())["account_id"].unique().sort().head(120).to_list()
    asleep = Sleepers(tuple(owned), tuple(hidden[i % len(hidden)] for i in range(len(owned))), seed=0)
    poisoned, data = setting.trained(moved(examples(), asleep, 1.0)), clean(champion, truth())
    assert data.estimates(poisoned)["pr_auc"].value < data.estimates(champion)["pr_auc"].value - 0.02
    assert not decide(poisoned, champion).promote


def test_the_gate_lets_the_very_same_training_pass(setting: Setting, champion: Trained) -> None:
    assert decide(setting.trained(examples()), champion).promote


@pytest.mark.slow
def test_the_benchmark_puts_the_same_before_the_gate_as_promote_does(
    setting: Setting, champion: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two test sets, so that both models are judged on both; one test set is the simpler case."""
    challenger = setting.trained(flipped(examples(), 0.1, seed=1))
    assert challenger.split.test.digest != champion.split.test.digest
    monkeypatch.setattr(command, "FEATURE_NAMES", FEATURES)
    workspace = Workspace(tmp_path)
    uri = workspace.tracking_uri
    crowned, waiting = (tracking.record(uri, tmp_path / "artifacts", trained) for trained in (champion, challenger))
    tracking.record_promotion(uri, crowned, Decision(True, ("the first",)))
    at_gate = command.promote(workspace, waiting, now=AS_OF)
    assert at_gate.evidence.footprints is not None
    assert at_gate.evidence.differences.keys() == {CHAMPION, "volume_rule", "logistic_regression"}
    assert at_gate.evidence.older_reports is not None
    assert at_gate.evidence.older_differences
    assert (at_gate.champion, replace(at_gate.evidence, footprints=None)) == weigh(challenger, champion)
    assert at_gate.decision == decide(challenger, champion)
