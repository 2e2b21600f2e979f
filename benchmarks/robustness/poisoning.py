"""Poisoned labels: what they do to a model that learns from them, and whether the gate stops it.

python -m benchmarks poisoning --pools DIR [--scale F] [--seed N] [--cache DIR] [--docs]

Flipped: a share of all labels is turned round, true and false alike, in what is learned from and in what the challenger
is judged on. Sleepers: an attacker owns 50 accounts that a reviewer cleared (label false) while they behaved as some
honest accounts do; from one retraining to the next a tenth more of what is measured of each turns into what an account
of his next campaigns shows, those of the champion's own test set. So the models learn these campaigns as honest.
Each challenger is trained and judged as `retrain` does it; "clean" are the accounts of the champion's test set under
the truth, which neither a model nor the gate ever sees.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from benchmarks.detection.mean_estimates import ESTIMATE_NAMES, format_estimate
from benchmarks.measure import log_step
from benchmarks.options import add_docs_option, add_world_options, new_parser
from benchmarks.worlds.training_worlds import TrainingWorld, prepare_world
from docs_tools.documents import RESULTS, table, write_part
from docs_tools.pictures import DosePanel, draw_doses
from features.catalogue import FEATURE_NAMES, SCHEMA_VERSION
from features.groups.evidence import GROUP_SCHEMA
from training.baselines.single_column_rule import VOLUME_FEATURE
from training.evaluation.headline import estimates
from training.evaluation.metrics import Estimate, Flags, Numbers
from training.evaluation.report import Report
from training.examples.dataset import KEYS, LIFT, REPORT_COLUMNS, lifts, matrix
from training.fitting.plan import Plan
from training.fitting.train import Trained, TrainingRequest, train
from training.gate.assembly import Contender, assemble_evidence
from training.gate.evidence import Evidence
from training.gate.promotion import Decision, gate

SHARES = (0.01, 0.05, 0.1)  # of flipped labels; assumed, from a few mistakes to an attack
SEEDS = (1, 2, 3)  # one challenger each; doubled, these trainings take twice as long and the counts are surer
ASLEEP = 50  # accounts of an attacker that a reviewer once cleared; assumed
RETRAINS = 10  # in which the sleepers change, an equal step each; doubled, each step is half as large
WORSE = 0.02  # of PR-AUC on clean data: several times what training again on clean labels changes
DRAWN = ESTIMATE_NAMES[:2]  # PR-AUC and recall at 1 %


@dataclass(frozen=True)
class Setting:
    """What all trainings of one drill have in common."""

    features: tuple[str, ...]
    as_of: datetime
    seed: int = 0
    plan: Plan = field(default_factory=Plan)
    volume_feature: str = VOLUME_FEATURE
    planted: pl.DataFrame | None = None
    slices: pl.DataFrame | None = None

    def trained(self, examples: pl.DataFrame) -> Trained:
        """A training on these examples."""
        request = TrainingRequest(
            examples=examples,
            features=self.features,
            as_of=self.as_of,
            **dict.fromkeys(("seed", "split_seed"), self.seed),
            schema_version=SCHEMA_VERSION,
            volume_feature=self.volume_feature,
            plan=self.plan,
            planted=self.planted,
            slices=self.slices,
        )
        return train(request)


@dataclass(frozen=True)
class Sleepers:
    """Accounts of an attacker, and beside each the campaign's account that it comes to resemble."""

    accounts: tuple[str, ...]
    models: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class Attempt:
    """A challenger that learned from poisoned labels (or from clean ones, as a control).

    Attributes:
        name: of the poison.
        dose: share of flipped labels, or number of the retraining.
        clean: its figures on clean data.
        lost: the PR-AUC that it loses there to the first champion.
        decision: of the gate.
    """

    name: str
    dose: float
    clean: Mapping[str, Estimate]
    lost: float
    decision: Decision

    @property
    def is_worse(self) -> bool:
        """Is it worse on clean data?"""
        return self.lost > WORSE


def flipped(examples: pl.DataFrame, share: float, seed: int) -> pl.DataFrame:
    """The same with so many labels turned round; an account that becomes true belongs to no named campaign."""
    judged = examples.filter(pl.col("label").is_not_null())["account_id"].unique().sort().to_list()
    rng = np.random.default_rng([seed, 41])
    chosen = pl.Series(rng.choice(judged, max(1, round(share * len(judged))), replace=False))
    hit = pl.col("account_id").is_in(chosen.implode())
    return examples.with_columns(
        label=pl.when(hit).then(~pl.col("label")).otherwise("label"), campaign=pl.when(~hit).then("campaign")
    )


def sleepers(honest: Sequence[str], campaign: Sequence[str], seed: int, count: int = ASLEEP) -> Sleepers:
    """Choose accounts to own, and accounts to resemble."""
    rng = np.random.default_rng([seed, 43])
    owned = rng.choice(sorted(honest), count, replace=False)
    return Sleepers(tuple(owned), tuple(rng.choice(sorted(campaign), count)), seed)


def moved(examples: pl.DataFrame, asleep: Sleepers, share: float) -> pl.DataFrame:
    """The same where the sleepers, labelled false, show a share of what is measured of their models."""
    rows = examples.filter(pl.col("account_id").is_in(list(asleep.accounts))).sort("account_id", "as_of")
    shown = examples.sort("as_of").unique("account_id", keep="last")
    pairs = pl.DataFrame({"account_id": asleep.accounts, "model": asleep.models})
    aims = rows.select("account_id").join(pairs, on="account_id", how="left", maintain_order="left")
    aims = aims.join(shown, left_on="model", right_on="account_id", how="left", maintain_order="left")
    names = [name for name in examples.columns if name not in (*KEYS, *REPORT_COLUMNS, LIFT, *GROUP_SCHEMA)]
    places = rows.select(pl.col("account_id").rank("dense") - 1).to_series().to_numpy()
    draws = np.random.default_rng([asleep.seed, 47]).random((len(asleep.accounts), len(names)))[places]
    columns = [
        pl.select(
            pl.when(pl.Series(draws[:, i] < share)).then(aims[name]).otherwise(rows[name]).alias(name)
        ).to_series()
        for i, name in enumerate(names)
    ]
    cleared = rows.with_columns(
        *columns,
        label=pl.lit(False),
        campaign=pl.lit(None, pl.String),
        labelled_at=pl.lit(examples["as_of"].max()).cast(examples.schema["labelled_at"]),
    )
    others = examples.filter(~pl.col("account_id").is_in(list(asleep.accounts)))
    return pl.concat([others, cleared.select(examples.columns)]).sort("account_id", "as_of")


def weigh(challenger: Trained, champion: Trained) -> tuple[Report | None, Evidence]:
    """What `promote` puts before the gate, without footprints: they differ from run to run."""
    new, old = (Contender(side.model, side.report, side.split.test) for side in (challenger, champion))
    return assemble_evidence(new, old, challenger.risks)


def decide(challenger: Trained, champion: Trained) -> Decision:
    """The gate's decision on a challenger."""
    report, evidence = weigh(challenger, champion)
    return gate(challenger.report, report, evidence=evidence)


@dataclass(frozen=True)
class Clean:
    """Accounts under the truth."""

    rows: pl.DataFrame
    label: Flags
    campaign: np.ndarray

    def estimates(self, trained: Trained) -> dict[str, Estimate]:
        """A model's figures."""
        risk: Numbers = trained.model.predict(matrix(self.rows, trained.model.features), lifts(self.rows))
        measured = estimates(self.label, risk, self.campaign, seed=0)
        return {estimate.name: estimate for estimate in measured if estimate.name in ESTIMATE_NAMES}


def clean(champion: Trained, truth: pl.DataFrame) -> Clean:
    """The accounts of a champion's test set under the truth (`account_id`, `label`, `family`)."""
    truth_of = truth.select("account_id", true="label", of=pl.when("label").then("family"))
    rows = champion.split.test.frame.join(truth_of, on="account_id", maintain_order="left")
    codes = rows.select(pl.col("of").rank("dense").fill_null(0).cast(pl.Int64) - 1).to_series().to_numpy()
    return Clean(rows, rows["true"].to_numpy(), codes)


def attempt(name: str, dose: float, trained: Trained, champion: Trained, first: Trained, data: Clean) -> Attempt:
    """Judge a challenger on clean data, against the first champion, and at the gate, against today's."""
    now, then = data.estimates(trained), data.estimates(first)
    lost = (then["pr_auc"].value or 0.0) - (now["pr_auc"].value or 0.0)
    return Attempt(name=name, dose=dose, clean=now, lost=lost, decision=decide(trained, champion))


def drill(
    examples: pl.DataFrame, truth: pl.DataFrame, setting: Setting
) -> tuple[Mapping[str, Estimate], list[Attempt]]:
    """The first champion's figures on clean data, and all attempts to replace it."""
    shown = examples.drop(REPORT_COLUMNS, strict=False) if setting.slices is None else examples
    first = setting.trained(shown)
    data = clean(first, truth)
    honest = first.split.train.filter(pl.col("label").is_null())["account_id"].unique()
    honest = honest.filter(honest.is_in(truth.filter(~pl.col("label"))["account_id"].implode()))
    asleep = sleepers(honest.to_list(), data.rows.filter(data.label)["account_id"].to_list(), setting.seed)
    poisons = {("flipped", share, seed): flipped(shown, share, seed) for share in SHARES for seed in SEEDS}
    poisons |= {("sleepers", float(step), 0): moved(shown, asleep, step / RETRAINS) for step in range(1, RETRAINS + 1)}
    poisons |= {("clean", 0.0, seed): _thinned(shown, seed) for seed in SEEDS}
    with ThreadPoolExecutor(2) as hands:
        challengers = dict(zip(poisons, hands.map(partial(_trained, setting), poisons.items()), strict=True))
    champion, attempts = first, []
    for (name, dose, _), challenger in challengers.items():
        against = champion if name == "sleepers" else first
        attempts.append(attempt(name, dose, challenger, against, first, data))
        champion = challenger if name == "sleepers" and attempts[-1].decision.promote else champion
    return data.estimates(first), attempts


def _trained(setting: Setting, poison: tuple[tuple[str, float, int], pl.DataFrame]) -> Trained:
    trained = setting.trained(poison[1])
    log_step(f"{poison[0]} trained")
    return trained


def _thinned(examples: pl.DataFrame, seed: int, share: float = 0.05) -> pl.DataFrame:
    """The control: nothing is poisoned, but some unlabelled accounts are gone, as from one week to the next."""
    open_ = examples.filter(pl.col("label").is_null())["account_id"].unique().sort().to_list()
    gone = np.random.default_rng([seed, 53]).choice(open_, round(share * len(open_)), replace=False)
    return examples.filter(~pl.col("account_id").is_in(gone.tolist()))


def drill_lines(champion: Mapping[str, Estimate], attempts: Sequence[Attempt]) -> list[str]:
    """The results, in Markdown."""
    head = ("learned from", "PR-AUC", "recall at 1 %", "recall at 0.1 %", "worse on clean data", "gate",
            "its first reason")  # fmt: skip
    rows = [["clean labels (the champion)", *_cells(champion), "", "", ""]]
    for attempt in attempts:
        flips, step = f"{attempt.dose:.0%} of labels flipped", f"sleepers, retraining {attempt.dose:.0f}"
        learned_from = {"clean": "clean labels, 5 % of accounts gone", "flipped": flips, "sleepers": step}
        verdict = "promoted" if attempt.decision.promote else "blocked"
        reason = "" if attempt.decision.promote else attempt.decision.reasons[0]
        rows.append(
            [learned_from[attempt.name], *_cells(attempt.clean), "yes" if attempt.is_worse else "no", verdict, reason]
        )
    poisoned = [attempt for attempt in attempts if attempt.name != "clean"]
    worse = [attempt for attempt in poisoned if attempt.is_worse]
    stopped = sum(not attempt.decision.promote for attempt in worse)
    others = [attempt for attempt in attempts if not attempt.is_worse]
    passed = sum(attempt.decision.promote for attempt in others)
    summary = (
        f"Of {len(poisoned)} poisoned challengers {len(worse)} are worse on clean data, and the gate blocks {stopped} "
        f"of these. Of the {len(others)} that are not worse, controls included, it promotes {passed}."
    )
    return [*table(head, rows), "", summary]


def _cells(estimates: Mapping[str, Estimate]) -> list[str]:
    shown = [estimates[name] for name in ESTIMATE_NAMES[:3]]
    return ["too few" if estimate.value is None else format_estimate(estimate) for estimate in shown]


def dose_panels(champion: Mapping[str, Estimate], attempts: Sequence[Attempt]) -> list[DosePanel]:
    """PR-AUC and recall at 1 % on clean data over the dose, a panel for each poison."""
    return [
        DosePanel(
            title=f"{poison}: on clean data",
            dose_label=label,
            doses=[challenger.dose * scale for challenger in attempts if challenger.name == poison],
            is_promoted=[challenger.decision.promote for challenger in attempts if challenger.name == poison],
            estimates={name: [a.clean[name].value or 0.0 for a in attempts if a.name == poison] for name in DRAWN},
            clean={name: champion[name].value or 0.0 for name in DRAWN},
        )
        for poison, label, scale in (("flipped", "share of flipped labels (%)", 100), ("sleepers", "retraining", 1))
    ]


def setting_of(made: TrainingWorld, seed: int) -> Setting:
    """The drill's setting on a gathered world."""
    return Setting(features=FEATURE_NAMES, as_of=made.as_of, seed=seed, planted=made.planted, slices=made.slices)


def main() -> None:
    """Poison the labels of one world in every way."""
    parser = new_parser("poisoning", __doc__)
    add_world_options(parser, scale=0.7, seed=2)
    add_docs_option(parser, "docs/results/judging.md and its picture")
    options = parser.parse_args()
    made = prepare_world("mixed", options.pools, scale=options.scale, seed=options.seed, cache=options.cache)
    with threadpool_limits(1, user_api="blas"):
        champion, attempts = drill(made.examples, made.truth, setting_of(made, options.seed))
    page = [f"{made.name}:", "", *drill_lines(champion, attempts)]
    print("\n".join(page))
    if options.docs:
        draw_doses(RESULTS / "poisoning.png", dose_panels(champion, attempts))
        write_part("judging.md", "poisoning", [*page, "", "![Poisoned labels](poisoning.png)"])


if __name__ == "__main__":
    main()
